"""A server decides and stores what memory does, byte by byte, whatever is asked in which order."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from storage.core.limits import Limit
from storage.core.meters import (
    name_of_places,
    packed,
    packed_places,
    start_of,
    start_of_places,
)
from storage.core.window import State
from storage.keys import Names
from storage.memory.limits import MemoryLimits
from storage.memory.meters import Meters
from storage.records import Ask, Decision, Meter
from storage.redis.places import beside_name
from storage.testing import Clock
from tests.limits.conftest import Rooms
from tests.limits.serving import ALGORITHMS, MINUTE, OTHER, TOKEN
from tests.servers import Server

NAMES = Names("storage:")
LIMITS = [
    *(Limit(5, 1, algorithm=one) for one in ALGORITHMS),
    *(Limit(200, 2, algorithm=one) for one in ALGORITHMS),
    Limit(7, 3, algorithm="gcra", burst=3),
    Limit(3, 0.007, algorithm="counter"),
    Limit(1000, 5),
]
METERS = [Meter(limit.rule, key) for limit in LIMITS for key in ("a", "{b")]
LOGS = [one for one in METERS if one.rule.code == 4]
SLOTS = [one for one in METERS if one.rule.code == 6]
TICKS = (0.001, 0.002, 0.1, 0.25, 0.5, 1, 2, 5)
STEPS = 400

Asked = tuple[Sequence[Meter], Callable[[Any], Any]]


class Both:
    """Memory and a server, at the same time, asked for the same."""

    def __init__(self, room: Any, server: Server, seed: int) -> None:
        self.room = room
        self.server = server
        self.clock = Clock()
        self.clock.lead(server.hold)
        self.states = Meters("memory", self.clock)
        self.memory = MemoryLimits(self.states, NAMES)
        self.random = random.Random(seed)
        self.meters = self.random.sample(METERS, 3) + self.random.sample(LOGS, 1)
        self.passed: list[tuple[Sequence[Meter], int, int]] = []

    def step(self) -> None:
        if self.random.random() < 0.5:
            self.clock.tick(self.random.choice(TICKS))
        chosen = self._chosen()
        cost = self.random.choice([1, 1, 3, self.random.randint(1, most(chosen))])
        cost = min(cost, most(chosen))
        chosen, ask = self._asked(chosen, cost)
        with self.server.connect() as wire:
            for one in chosen:
                if self._state(one) is None:  # a server keeps it for the rest of a millisecond
                    wire.call("DEL", called(one))
            told, wanted = ask(self.room), ask(self.memory)
            assert told == wanted
            if isinstance(wanted, Decision) and wanted.at > 0:
                self.passed.append((chosen, cost, wanted.at))
            for one in chosen:
                state = self._state(one)
                if state is not None:
                    assert wire.call("GET", called(one)) == packed(one.rule, state)
            left = self.states.places.get(name_of_places(NAMES, chosen))
            if left and left[-1][0] > self.now:
                assert wire.call("GET", called_places(chosen)) == packed_places(left)

    @property
    def now(self) -> int:
        return round(self.clock() * 1_000_000)

    def _state(self, one: Meter) -> State | None:
        return self.states.board(NAMES.prefix, one.rule).state(one.key, self.now)

    def _chosen(self) -> Sequence[Meter]:
        if self.random.random() < 0.7:
            return [self.random.choice(self.meters)]
        return list(dict.fromkeys(self.random.choices(self.meters, k=3)))

    def _asked(self, chosen: Sequence[Meter], cost: int) -> Asked:
        token, patience = self.random.choice([TOKEN, OTHER]), self.random.choice([0, MINUTE])
        span = self.random.choice([1, 500_000])
        if self.passed and self.random.random() < 0.2:
            before, spent, when = self.random.choice(self.passed[-20:])
            return before, lambda room: room.refund(before, spent, when)
        slots = self.random.sample(SLOTS, 2)
        asked: list[tuple[int, Asked]] = [
            (8, (chosen, lambda room: room.hit(chosen, Ask(cost, token)))),
            (5, (chosen, lambda room: room.hit(chosen, Ask(cost, token, tell=True)))),
            (3, (chosen, lambda room: room.peek(chosen, Ask(cost)))),
            (5, (chosen, lambda room: room.reserve(chosen, Ask(cost), patience))),
            (1, (chosen, lambda room: room.block(chosen, span))),
            (1, (slots, lambda room: room.renew(slots, token))),
            (1, (slots, lambda room: room.release(slots, token))),
        ]
        weights = [weight for weight, _ in asked]
        return self.random.choices([one for _, one in asked], weights)[0]


def most(chosen: Sequence[Meter]) -> int:
    return min(one.rule.most for one in chosen)


def called(one: Meter) -> bytes:
    return beside_name(start_of(NAMES, one), NAMES.name(one.key))


def called_places(chosen: Sequence[Meter]) -> bytes:
    return beside_name(start_of_places(NAMES, chosen), NAMES.name(chosen[0].key))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["redis6", "redis8"])
def test_a_server_decides_and_stores_what_memory_does(
    kind: str, seed: int, rooms: Rooms, request: pytest.FixtureRequest
) -> None:
    server: Server = request.getfixturevalue(kind)
    if not server.clock_moves:
        pytest.skip(f"{kind}: the clock of the server can not be moved here")
    both = Both(rooms(server), server, seed)
    try:
        for _ in range(STEPS):
            both.step()
    finally:
        server.call("FLUSHALL")
