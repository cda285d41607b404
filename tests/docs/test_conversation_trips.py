"""What `docs/guide/conversation.md` says of the cost of conversations and of their bytes is so."""

from __future__ import annotations

import io
import re
import struct
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

import storage
from storage import Conversation
from storage.core import history, messages
from storage.keys import Names
from storage.memory.kv import MemoryBackend
from storage.protocols import HistoryStore
from storage.redis.places import beside_name
from tests.docs.test_trips import Counted
from tests.house.tree import ROOT

PAGE = (ROOT / "docs" / "guide" / "conversation.md").read_text(encoding="utf-8")

HELLO = {"role": "user", "content": "hello"}
ANSWER = {"role": "assistant", "content": "hello to you"}


class CountedHistories(MemoryBackend):
    """A backend whose room of conversations counts what it is asked."""

    def __init__(self) -> None:
        super().__init__(time.time)
        self.counted = Counted(super().room(HistoryStore, Names()))

    def room(self, kind: object, names: Names) -> Any:
        return self.counted if kind is HistoryStore else None


class Ground:
    """Three conversations of one store, and what it is asked."""

    def __init__(self) -> None:
        backend = CountedHistories()
        store: storage.Storage[Any] = storage.Storage(backend)
        self.room: Counted = backend.counted
        self.talk = Conversation(store)
        for chat in (1, 2, 3):
            key = storage.SessionKey(chat=chat, user=7)
            self.talk.append_many(key, [HELLO, ANSWER, HELLO])
        self.room.calls = 0


BY_HAND = b"".join(
    b'{"key":"%d:9","message":{"role":"user","content":"hello"}}\n' % chat for chat in (1, 2, 3)
)

Work = Callable[[Conversation], object]

OPERATIONS: dict[str, list[Work]] = {
    "`append`, `append_many`": [
        lambda talk: talk.append("1:7", HELLO, pin=True, once="a", if_seq=3),
        lambda talk: talk.append_many("1:7", [HELLO] * 30),
    ],
    "`list`, `window`": [
        lambda talk: talk.list("1:7", roles="user", last=2),
        lambda talk: talk.window("1:7", turns=1),
    ],
    "`usage`": [lambda talk: talk.usage("1:7")],
    "`clear`": [lambda talk: talk.clear("1:7")],
    "`pop`, `undo`, `truncate_after`, `delete`": [
        lambda talk: talk.pop("1:7"),
        lambda talk: talk.undo("1:7"),
        lambda talk: talk.truncate_after("1:7", 1),
        lambda talk: talk.delete("1:7", 2),
    ],
    "`pin`, `unpin`": [
        lambda talk: talk.pin("1:7", 2),
        lambda talk: talk.unpin("1:7", 2),
    ],
    "`edit`": [lambda talk: talk.edit("1:7", 1, HELLO)],
    "`fork`": [lambda talk: talk.fork("1:7", "other", at=2)],
    "`keys`, 3 conversations": [lambda talk: list(talk.keys(user=7))],
    "`clear_all`, 3 conversations": [lambda talk: talk.clear_all(user=7)],
    "`keep_newest`, 3 conversations": [lambda talk: talk.keep_newest(1, user=7)],
    "`dump`, 3 conversations": [lambda talk: talk.dump(io.BytesIO())],
    "`load`, 3 conversations": [lambda talk: talk.load(io.BytesIO(BY_HAND))],
}


def costs() -> dict[str, int]:
    """The rows of the table."""
    table = PAGE.partition("| conversations | trips |\n")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (.*?) \| (\d+) \|$", table, re.MULTILINE)
    return {operation: int(trips) for operation, trips in rows}


def test_the_table_has_every_operation() -> None:
    assert costs().keys() == OPERATIONS.keys()


@pytest.mark.parametrize("row", OPERATIONS)
def test_an_operation_takes_as_many_trips_as_the_table_says(row: str) -> None:
    told = []
    for work in OPERATIONS[row]:
        ground = Ground()
        if row == "`pin`, `unpin`":  # what is pinned already needs no second trip
            ground.talk.pin("1:7", 2 if work is OPERATIONS[row][1] else 1)
            ground.room.calls = 0
        work(ground.talk)
        told.append(ground.room.calls)

    assert told == [costs()[row]] * len(told)


def test_the_table_has_every_method() -> None:
    """And none that is not there."""
    named = set(re.findall(r"`(\w+)`", " ".join(costs())))

    assert named == {name for name in vars(Conversation) if not name.startswith("_")}


def test_names_are_those_that_the_page_shows() -> None:
    """A conversation is called as the table says, whatever else changes."""
    space = Names().namespace("carts")
    server = Names(prefix="storage:").namespace("carts")
    names = [
        Names().reserved("history", "ann"),
        space.reserved("history", "ann"),
        beside_name(server.segment("history"), server.name("ann")).decode(),
    ]

    assert [name for name in names if f" | `{name}` |\n" not in PAGE] == []


def rows(heading: str) -> list[list[str]]:
    """The rows of the table that begins with *heading*, or of the one after it."""
    table = PAGE.partition(heading)[2].partition("\n\n")[0]
    return [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("|")]


def test_flags_are_those_that_the_page_shows() -> None:
    told = {int(number) for number, *_ in rows("| flag | a message that |\n|---|---|\n")}
    names = ("GUARDED", "NOSTART", "TURN", "ESTIMATED", "ORPHAN", "CALLS", "ANSWERS", "LEADS")

    assert told == {getattr(messages, name) for name in names}


def test_roles_are_those_that_the_page_shows() -> None:
    (listed,) = re.findall(r"^\| 1 \| the role: (.*) \|$", PAGE, re.MULTILINE)
    told = re.findall(r"(\d+) `(\w+)`", listed)

    assert told == [(str(number), role) for number, role in enumerate(messages.ROLES) if role]


def test_a_state_is_as_long_as_the_page_says() -> None:
    """Its fixed part, and each of what follows."""
    table = rows("which begins with 0 and the version:\n\n| bytes | |\n|---|---|\n")
    fixed = [int(size) for sizes, _ in table if "each" not in sizes for size in sizes.split(", ")]
    each = [int(sizes.removesuffix(" each")) for sizes, _ in table if "each" in sizes]
    state = history.State(0)
    lengths = [len(history.packed(state))]
    for name, one in (
        ("guards", 1),
        ("opens", (b"12345678", 1)),
        ("spans", (1, 2)),
        ("notes", (b"12345678", 1, 2)),
    ):
        getattr(state, name).append(one)
        lengths.append(len(history.packed(state)))

    assert lengths[0] == sum(fixed)
    assert [after - before for before, after in pairwise(lengths)] == each
    assert struct.unpack_from("<BB", history.packed(state)) == (0, history.VERSION)
