"""Sessions in memory: exact under threads, whole whoever is interrupted, and gone when they are
over."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType
from typing import Any

import pytest

import storage
from storage.dialog_store import DialogStore
from storage.dialogs import Asked, Change, Wanted
from storage.memory import dialogs as memory_dialogs
from storage.testing import Clock
from tests.continuity.rooms import ALL, FOR_EVER, ids, said, seconds, session
from tests.fault.ground import together

ADDED = 50
UNDER_THE_LOCK = ("empty", "forget", "go_on", "hold", "last", "settle")


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads take turns after every few steps."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


class InterruptedHereError(Exception):
    """What a signal handler raises."""


def interrupted(call: Callable[[], object], place: int) -> bool:
    """Do *call*, of which so many steps go by; says whether there are no more than these."""
    steps = iter(range(place))

    def step(frame: FrameType, event: str, _: Any) -> Any:
        code = frame.f_code
        if code.co_filename != memory_dialogs.__file__ or code.co_name not in UNDER_THE_LOCK:
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


@pytest.mark.usefixtures("hasty")
def test_what_two_handles_add_at_once_is_all_there_in_the_order_of_each() -> None:
    store = storage.MemoryStorage()
    rooms = {name: store.room(DialogStore) for name in "xy"}
    sessions = [f"session {number}" for number in range(20)]
    for session_id in sessions:
        rooms["x"].create(session(session_id), FOR_EVER)

    def write(name: str) -> None:
        for session_id in sessions:
            for number in range(ADDED):
                message = said(f"{name} {session_id} {number}", 2)
                assert rooms[name].add(session_id, message, FOR_EVER).outcome == "done"

    together(partial(write, "x"), partial(write, "y"))

    for session_id in sessions:
        there = rooms["x"].messages(session_id, ALL)
        assert [int(one["sequence"]) for one in there] == list(range(1, 2 * ADDED + 1))
        for name in "xy":
            theirs = [one for one in ids(list(there)) if one[0] == name]
            assert theirs == [f"{name} {session_id} {number}" for number in range(ADDED)]
        held = rooms["y"].find(session_id)
        assert held is not None
        assert (held.messages, held.tokens) == (2 * ADDED, 4 * ADDED)


@pytest.mark.usefixtures("hasty")
def test_of_many_who_change_one_version_one_does() -> None:
    room = storage.MemoryStorage().room(DialogStore)
    room.create(session(), FOR_EVER)
    outcomes: list[str] = []

    def change() -> None:
        outcomes.extend(
            room.change("s", Change(expected=version), FOR_EVER).outcome for version in range(1, 30)
        )

    together(*[change] * 4)

    held = room.find("s")
    assert held is not None
    assert outcomes.count("done") == int(held.fields["version"]) - 1


@pytest.mark.parametrize("step", ["add", "amend", "discard", "discard_all"])
def test_a_step_that_is_interrupted_was_done_or_not(step: str) -> None:
    place, is_done, seen = 0, False, set()
    while not is_done:
        room = storage.MemoryStorage().room(DialogStore)
        room.create(session(), FOR_EVER)
        for name in ("m", "n"):
            room.add("s", said(name, 2), FOR_EVER)
        given: dict[str, tuple[Any, ...]] = {
            "add": (said("o", 3),),
            "amend": ("n", {"tokenCount": "9"}, ()),
            "discard": ("m",),
            "discard_all": (),
        }

        is_done = interrupted(partial(getattr(room, step), "s", *given[step], FOR_EVER), place)

        held, there = room.find("s"), room.messages("s", ALL)
        assert held is not None
        assert held.messages == len(there)
        assert held.tokens == sum(int(one["tokenCount"]) for one in there)
        seen.add((held.messages, held.tokens))
        before = len(there)
        assert room.add("s", said("p", 1), FOR_EVER).outcome == "done"
        assert len(room.messages("s", ALL)) == before + 1
        place += 1

    assert len(seen) == 2


def test_a_store_that_only_begins_sessions_keeps_no_more_than_live() -> None:
    clock = Clock()
    room = storage.MemoryStorage(clock=clock).room(DialogStore)
    shared: Any = room._dialogs  # type: ignore[attr-defined]

    for number in range(6000):
        room.create(session(str(number)), seconds(1))
        room.add(str(number), said(str(number)), seconds(1))
        clock.tick(0.01)

    assert len(shared._sessions) < 1400
    assert len(shared._holders) < 1400


def test_nothing_is_left_of_ten_thousand_sessions_that_are_over() -> None:
    clock = Clock()
    room = storage.MemoryStorage(clock=clock).room(DialogStore)
    shared: Any = room._dialogs  # type: ignore[attr-defined]
    for number in range(10_000):
        room.create(session(str(number)), seconds(60, 30))
        room.add(str(number), said(str(number)), seconds(60, 30))
    clock.tick(30)
    assert len(room.expired(clock.ms)) == 10_000
    clock.tick(30)

    assert room.expired(clock.ms) == []

    assert (shared._sessions, shared._holders) == ({}, {})


def test_what_is_taken_away_is_free() -> None:
    room = storage.MemoryStorage().room(DialogStore)
    room.create(session(), FOR_EVER)
    shared: Any = room._dialogs  # type: ignore[attr-defined]
    for name in ("m", "n", "o"):
        room.add("s", said(name), FOR_EVER)

    room.discard("s", "m", FOR_EVER)
    assert {name for _, name in shared._holders} == {"n", "o"}
    room.discard_all("s", FOR_EVER)
    assert shared._holders == {}
    room.add("s", said("m"), FOR_EVER)
    room.remove("s")

    assert (shared._sessions, shared._holders) == ({}, {})


def test_the_newest_of_many_messages_are_found_without_a_look_at_the_others() -> None:
    room = storage.MemoryStorage().room(DialogStore)
    room.create(session(), FOR_EVER)
    for number in range(300):
        room.add("s", said(str(number)), FOR_EVER)
    looked = 0

    def look(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal looked
        looked += 1
        return look

    sys.settrace(look)
    try:
        found = room.messages("s", Asked(newest=True, limit=3))
    finally:
        sys.settrace(None)

    assert ids(list(found)) == ["299", "298", "297"]
    assert looked < 100


@pytest.mark.usefixtures("hasty")
def test_a_listing_is_of_one_moment_though_others_write() -> None:
    room = storage.MemoryStorage().room(DialogStore)
    for number in range(200):
        room.create(session(f"{number:03}"), FOR_EVER)

    def write() -> None:
        for number in range(200, 600):
            room.create(session(f"{number:03}"), FOR_EVER)
            room.remove(f"{number:03}")

    def read() -> None:
        for _ in range(50):
            assert len({one.id for one in room.select(Wanted())} & known) == 200

    known = {f"{number:03}" for number in range(200)}
    together(write, read)
