"""Conversations in memory: whole whoever is interrupted, and listed bit by bit."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import storage
from storage.core import talk as talks
from storage.core.messages import marks
from storage.histories import Bounds, Query, Terms
from storage.protocols import HistoryStore
from tests.conversation.talking import check_whole, said

ALL = Query(newest=False, with_state=True)
LAST_FOUR = Terms(Bounds(4))


class InterruptedHereError(Exception):
    """What a signal handler raises."""


def interrupted(call: Callable[[], object], place: int) -> bool:
    """Do *call*, of which so many steps go by; says whether there are no more than these."""
    steps = iter(range(place))

    def step(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename != talks.__file__:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode" and next(steps, None) is None:
            raise InterruptedHereError
        return step

    before = sys.gettrace()
    sys.settrace(step)
    try:
        call()
    except InterruptedHereError:
        return False
    finally:
        sys.settrace(before)
    return True


def test_an_append_that_is_interrupted_was_done_or_not() -> None:
    place, ends = 0, set()
    is_done = False
    while not is_done:
        room = storage.MemoryStorage().room(HistoryStore)
        room.append("k", [said("system"), said(), said(), said()], LAST_FOUR)
        pinned = [said(flags=1), *[said()] * 3]
        room.append("k", pinned, Terms())
        before = [one.seq for one in marks(room.read("k", ALL).records)]

        is_done = interrupted(partial(room.append, "k", [said()] * 2, LAST_FOUR), place)

        found = room.read("k", ALL)
        check_whole(found.state or b"", found.records)
        after = [one.seq for one in marks(found.records)]
        assert after in (before, [1, 5, 9, 10])
        ends.add(len(after))
        done = room.append("k", [said()], LAST_FOUR)
        assert done.first == after[-1] + 1
        found = room.read("k", ALL)
        check_whole(found.state or b"", found.records)
        assert [one.seq for one in marks(found.records)] == [1, 5, done.first - 1, done.first]
        place += 1

    assert ends == {8, 4}


def test_a_conversation_that_is_interrupted_at_its_beginning_ends() -> None:
    place, is_done = 0, False
    while not is_done:
        room = storage.MemoryStorage().room(HistoryStore)
        is_done = interrupted(partial(room.append, "k", [said()], Terms(ttl_ms=9)), place)
        (standing,) = room.look(["k"])
        assert standing is None or standing.ends is not None
        place += 1


def test_keys_come_in_order_and_many_at_once() -> None:
    room = storage.MemoryStorage().room(HistoryStore)
    for number in range(2500, 0, -1):
        room.append(f"k{number:04}", [said()], Terms())
    room.append("other", [said()], Terms())

    pages: list[list[str]] = []
    cursor = None
    while not pages or cursor is not None:
        page = room.keys("k", cursor)
        pages.append(page.keys)
        cursor = page.cursor
        room.clear([page.keys[-1]])

    assert [len(keys) for keys in pages] == [1000, 1000, 500]
    assert [key for keys in pages for key in keys] == [f"k{number:04}" for number in range(1, 2501)]
