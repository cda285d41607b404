"""Random conversations, held in two rooms at once: one of them is what the other has to be."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from storage.core.edits import edited
from storage.core.history import State, append, packed, unpacked
from storage.core.messages import (
    ESTIMATED,
    GUARDED,
    LEADS,
    TURN,
    entry,
    mark,
    marks,
)
from storage.core.plans import Delete, Edit, Pin, Pop, Truncate, Undo, seen
from storage.core.trim import held
from storage.histories import Alteration, Bounds, Entry, Query, Stretch, Terms

ROLES = ("system", "developer", "user", "assistant", "tool", "function", "narrator", "étranger")
EVERYTHING = Query(with_state=True)
HEAD = 15
"""So long is what every record begins with."""

NOTES = [bytes((number,)) * 8 for number in range(1, 41)]

Room = Any


def said(
    role: str = "user",
    text: str = "hello",
    *,
    flags: int | None = None,
    tokens: int = 3,
    calls: Sequence[str] = (),
    answers: Sequence[str] = (),
) -> Entry:
    """A message as a face hands it over."""
    means = (TURN if role == "user" else 0) if flags is None else flags
    return entry(role, means, tokens, calls, answers, b'{"role":"%b"}' % text.encode())


def seqs(stretch: Stretch) -> list[int]:
    """The numbers of what was read."""
    return [one.seq for one in marks(stretch.records)]


def check_whole(state: bytes, records: Sequence[bytes]) -> None:
    """What is known of a conversation is true of its messages."""
    known, there = unpacked(state), marks(records)
    assert known.held == held(there)
    assert known.guards == [one.seq for one in there if one.flags & GUARDED]
    assert all(one.seq >= known.first for one in there if not one.flags & GUARDED)
    assert all(one.seq <= known.seq for one in there)


class Chance:
    """What may be said and asked, by chance."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self._calls: list[str] = []

    def one_of(self, *choices: Any) -> Any:
        return self.random.choice(choices)

    def rarely(self, of: int = 8) -> bool:
        return self.random.randrange(of) == 0

    def bound(self, most: int) -> int | None:
        return None if self.rarely(4) else self.random.randint(1, most)

    def bounds(self, most: int = 12) -> Bounds:
        return Bounds(self.bound(most), self.bound(20 * most), self.bound(most // 2 + 1))

    def entry(self) -> Entry:
        role = self.one_of(*ROLES, "user", "user", "assistant", "assistant")
        flags = (TURN if role == "user" else 0) | (ESTIMATED if self.rarely(3) else 0)
        flags |= (LEADS if self.rarely(10) else 0) | (GUARDED if self.rarely(12) else 0)
        calls: list[str] = []
        answers: list[str] = []
        if role == "assistant" and self.rarely(2):
            calls = [self._call() for _ in range(self.random.randint(1, 3))]
            self._calls = [*self._calls, *calls][-12:]
        if role in ("tool", "function") or (role == "user" and self.rarely(5)):
            flags &= ~TURN
            known = [*self._calls, "nobody's"]
            answers = [self.one_of(*known) for _ in range(self.random.choice((1, 1, 1, 2)))]
        text = "x" * self.random.choice((0, 1, 10, 100, 3000))
        tokens = self.random.choice((0, 1, 5, 40, 300))
        return said(role, text, flags=flags, tokens=tokens, calls=calls, answers=answers)

    def _call(self) -> str:
        number = self.random.randrange(40)
        return f"function:{number % 5}" if number % 4 == 0 else f"call {number}"

    def entries(self) -> list[Entry]:
        most = 1 if self.rarely(2) else self.one_of(0, 2, 3, 5, 9)
        return [self.entry() for _ in range(most)]

    def terms(self, seq: int) -> Terms:
        return Terms(
            self.bounds(),
            ttl_ms=self.one_of(None, 60_000, 5_000),
            max_age_ms=self.one_of(None, None, 200_000),
            if_seq=self.one_of(0, seq, seq + 1) if self.rarely() else None,
            note=self.one_of(*NOTES) if self.rarely(3) else b"",
            keeps_orphans=self.rarely(2),
        )

    def query(self, seq: int, at: int) -> Query:
        def near(number: int) -> int:
            return max(0, number + self.random.randint(-20, 3))

        def then() -> int | None:
            return at + self.random.randint(-20_000, 2000) if self.rarely(3) else None

        return Query(
            self.one_of(None, 0, 1, 2, 5, 20),
            self.rarely(2),
            before=near(seq) if self.rarely(3) else None,
            after=near(seq) if self.rarely(3) else 0,
            since=then(),
            until=then(),
            roles=tuple({self.one_of(*ROLES) for _ in range(self.random.randint(0, 2))}),
            with_state=self.rarely(4),
        )

    def edit(self, seq: int) -> Edit:
        near = max(1, seq - self.random.randrange(15))
        edits = (Pop(), Undo(self.one_of(1, 2)), Truncate(near), Delete(near))
        return self.one_of(*edits, Pin(near, True), Pin(near, True), Pin(near, False))  # type: ignore[no-any-return]


def planned(room: Room, key: str, edit: Edit) -> tuple[bytes, Alteration] | None:
    """What an edit makes of a conversation, where something is to be done."""
    width = 4
    while True:
        asked = edit.query(width)._replace(with_state=True)
        stretch = room.read(key, asked)
        if stretch.state is None:
            return None
        plan = edit.plan(seen(stretch, asked))
        if plan is not None:
            return plan.alteration and (stretch.state, plan.alteration)
        width *= 8


def rewritten(room: Room, key: str, chance: Chance) -> tuple[bytes, Alteration] | None:
    """What becomes of a conversation when its last message is edited."""
    stretch = room.read(key, Query(1, with_state=True))
    if not stretch.records:
        return None
    (raw,) = stretch.records
    old, text = mark(raw), b"y" * chance.one_of(0, 10, 3000)
    rest = raw[HEAD : old.body] + b'{"role":"%b"}' % text
    flags = old.flags & ~ESTIMATED | chance.one_of(0, ESTIMATED)
    new = Entry(raw[0], flags, chance.one_of(1, old.tokens, 90), old.calls, old.answers, rest)
    return stretch.state, edited(unpacked(stretch.state), raw, old, new)


def invented(chance: Chance, now: int) -> tuple[bytes, list[bytes]]:
    """A conversation that comes from elsewhere."""
    state = State(now - chance.random.randrange(100_000))
    entries = [chance.entry() for _ in range(chance.random.randrange(12))]
    _, records = append(state, entries, Terms(keeps_orphans=True), now)
    return packed(state), records
