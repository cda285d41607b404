"""Random steps of a room of conversations, which two rooms have to answer alike."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from storage.core.edits import edited, pinned, unpinned, without
from storage.core.history import State, packed, unpacked
from storage.core.messages import ESTIMATED, GUARDED, LEADS, NOSTART, TURN, Mark, entry, marks
from storage.core.pairs import group, pairs
from storage.histories import Alteration, Bounds, Entry, Query, Terms
from storage.testing import Clock

KEYS = ("user:7", "user:8", "nul\0 ~ß", "")
ALL = Query()
ROLES = ("system", "user", "assistant", "tool", "moderator", "developer")


def said(
    text: str = "hi",
    role: str = "user",
    *,
    tokens: int = 5,
    calls: tuple[str, ...] = (),
    answers: tuple[str, ...] = (),
    pin: bool = False,
    leads: bool = False,
) -> Entry:
    """A message."""
    flags = ESTIMATED if tokens % 2 else 0
    flags |= (GUARDED if pin else 0) | (LEADS if leads else 0) | (NOSTART if answers else 0)
    flags |= TURN if role == "user" and not answers else 0
    body = b'{"role":"%b","content":"%b"}' % (role.encode(), text.encode())
    return entry(role, flags, tokens, calls, answers, body)


class Steps:
    """What happens to a few conversations, as *seed* has it."""

    def __init__(self, seed: int, clock: Clock, known: Any) -> None:
        self.fired: dict[str, int] = {}
        self._random = Random(seed)
        self._clock = clock
        self._known = known
        self._calls = 0
        self._terms = self._some_terms()

    def next(self) -> tuple[str, tuple[Any, ...]]:
        """The name of a method, and what it is asked."""
        random = self._random
        if random.random() < 0.02:
            self._terms = self._some_terms()
        if random.random() < 0.3:
            self._clock.tick(random.choice([0.001, 0.5, 3, 3, 40, -1]))
        kinds: list[tuple[int, Callable[[str], tuple[Any, ...]]]] = [
            (60, self._append),
            (12, self._read),
            (10, self._recent),
            (12, self._alter),
            (3, self._look),
            (1, self._restore),
            (1, self._clear),
            (2, self._keys),
        ]
        (make,) = random.choices([kind for _, kind in kinds], [often for often, _ in kinds])
        step = make(random.choice(KEYS[:2] if random.random() < 0.9 else KEYS))
        self.fired[step[0]] = self.fired.get(step[0], 0) + 1
        return step[0], step[1:]

    def _some_terms(self) -> Terms:
        random = self._random
        bounds = Bounds(
            random.choice([None, 1, 4, 12, 12, 40]),
            random.choice([None, None, 30, 200]),
            random.choice([None, None, 1, 4]),
        )
        ttl, age = random.choice([None, 30_000, 600_000]), random.choice([None, 2_000_000])
        return Terms(bounds, ttl, age, keeps_orphans=random.random() < 0.3)

    def _append(self, key: str) -> tuple[Any, ...]:
        random, terms = self._random, self._terms
        entries = [self._entry(key) for _ in range(random.choice([1, 1, 1, 1, 0, 2, 5, 30]))]
        if random.random() < 0.1:
            terms = terms._replace(note=bytes([random.randrange(40)]) * 8)
        if random.random() < 0.1:
            last = self._state(key).seq
            terms = terms._replace(if_seq=last - (random.random() < 0.2))
        return "append", key, entries, terms

    def _entry(self, key: str) -> Entry:
        random = self._random
        kind = random.choice(("said", "said", "said", "system", "call", "result", "result", "pin"))
        tokens, text = random.randrange(12), f"text {random.random()}"
        if kind == "call":
            self._calls += random.choice([1, 1, 2])
            calls = (f"c{self._calls}", f"c{self._calls - 1}")[: random.choice([1, 1, 2])]
            return said(text, "assistant", tokens=tokens, calls=calls, pin=random.random() < 0.1)
        if kind == "result":
            answers = (f"c{self._calls - random.choice([0, 0, 0, 1, 2, 9])}",)
            return said(text, "tool", tokens=tokens, answers=answers)
        if kind == "system":
            return said(text, random.choice(["system", "developer"]), tokens=tokens)
        role = random.choice(["user", "user", "assistant", "moderator"])
        leads = role == "assistant" and random.random() < 0.2
        return said(text, role, tokens=tokens, pin=kind == "pin", leads=leads)

    def _read(self, key: str) -> tuple[Any, ...]:
        random, last = self._random, self._state(key).seq
        moment = self._clock.ms - random.randrange(200_000)
        query = Query(
            random.choice([None, 0, 1, 5, 20]),
            random.random() < 0.6,
            random.choice([None, None, random.randrange(last + 3)]),
            random.choice([0, 0, random.randrange(last + 3)]),
            random.choice([None, None, moment]),
            random.choice([None, None, moment + random.randrange(100_000)]),
            tuple(random.sample(ROLES, random.choice([0, 0, 0, 1, 3]))),
        )
        return "read", key, query

    def _recent(self, key: str) -> tuple[Any, ...]:
        random = self._random
        bounds = Bounds(
            random.choice([None, 0, 1, 7]),
            random.choice([None, 0, 40]),
            random.choice([None, None, 0, 2]),
        )
        return "recent", key, bounds

    def _look(self, key: str) -> tuple[Any, ...]:
        return "look", [*KEYS, key]

    def _clear(self, key: str) -> tuple[Any, ...]:
        states = self._known.read(key, ALL).state or packed(State(0))
        return "clear", *self._random.choice([([key], None), ([key, "other"], [states, states])])

    def _keys(self, key: str) -> tuple[Any, ...]:
        return "keys", key[:-1], self._random.choice([None, None, f"~history~{key}"])

    def _restore(self, key: str) -> tuple[Any, ...]:
        found = self._known.read(self._random.choice(KEYS), ALL)
        state = found.state or packed(State(self._clock.ms))
        replaces = self._random.random() < 0.3
        return "restore", key, state, found.records, self._terms, replaces

    def _alter(self, key: str) -> tuple[Any, ...]:
        random, found = self._random, self._known.read(key, ALL)
        if found.state is None or not found.records:
            return "alter", key, b"", Alteration(packed(State(0))), self._terms
        alteration = self._alteration(unpacked(found.state), found.records)
        if alteration is None:
            return self._append(key)
        state = found.state if random.random() < 0.9 else found.state[:-1]
        return "alter", key, state, alteration, self._terms

    def _alteration(self, state: State, records: list[bytes]) -> Alteration | None:
        random, found = self._random, marks(records)
        number = random.randrange(max(0, len(found) - 8), len(found))
        members, is_whole = group(found, found[number].seq)
        if not is_whole:
            return None
        kept = {one.seq: raw for one, raw in zip(found, records)}
        kind = random.choice(["remove", "truncate", "pin", "unpin", "edit"])
        if kind == "pin":
            return pinned(state, kept, members)
        if kind == "unpin":
            return unpinned(state, kept, members)
        if kind == "edit":
            return edited(state, records[number], found[number], self._other(found[number]))
        removed = members if kind == "remove" else found[number:]
        left = [one for one in found if one not in removed]
        led = None if not left or left[-1] is found[-1] else left[-1].flags & LEADS > 0
        return without(state, removed, pairs(found), led=led)

    def _other(self, one: Mark) -> Entry:
        text = f'{{"role":"{one.role}","content":"{self._random.random()}"}}'
        plain = entry(one.role, one.flags & ESTIMATED, self._random.randrange(12), (), (), b"")
        ids = b"".join([bytes((len(one.calls), len(one.answers))), *one.calls, *one.answers])
        rest = (ids if one.calls or one.answers else b"") + plain.rest + text.encode()
        return plain._replace(calls=one.calls, answers=one.answers, rest=rest)

    def _state(self, key: str) -> State:
        raw = self._known.read(key, ALL).state
        return State(0) if raw is None else unpacked(raw)
