"""Conversations on a server: the same as in memory, step by step, and what is kept of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import storage
import storage.aio
import storage.aio.protocols
import storage.protocols
from storage import MemoryStorage
from storage.core.history import unpacked
from storage.histories import Terms
from storage.protocols import HistoryStore
from storage.testing import Bridge, Clock
from tests.servers import Server

from .talking import EVERYTHING, Chance, Room, check_whole, invented, planned, rewritten

Rooms = Callable[..., Any]

NOW = 1_700_000_000_457
KEYS = ("a", "user:{1}", "", "~x", "{}", "чат")
SEEDS = range(12)
STEPS = 150


@pytest.fixture(params=[storage, storage.aio], ids=["blocking", "aio"])
def half(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def rooms(half: Any) -> Iterator[Rooms]:
    """Makes the conversations of a store at some place, in the colour of the test."""
    stores = []
    with Bridge() as bridge:

        def make(place: Any, **options: Any) -> Any:
            store = bridge.driven(half.RedisStorage(getattr(place, "url", place), **options))
            stores.append(store)
            return store.room(half.protocols.HistoryStore)

        yield make
        for store in stores:
            store.close()


@pytest.fixture
def valkey(valkey: Server) -> Iterator[Server]:
    yield valkey
    valkey.call("FLUSHALL")


@pytest.fixture
def room(rooms: Rooms, valkey: Server) -> Any:
    return rooms(valkey)


class Twins:
    """A room, and what it has to be."""

    def __init__(self, room: Room, server: Server, seed: int) -> None:
        self.room, self.server = room, server
        self.clock = Clock(NOW / 1000)
        self.model: Room = MemoryStorage(clock=self.clock).room(HistoryStore)
        self.chance = Chance(seed)
        server.hold(NOW)

    @property
    def now(self) -> int:
        return int(self.clock() * 1000)

    def pass_by(self) -> None:
        """Let some time pass, and not just as much as there is: in that very millisecond something
        is over in memory, and on a server after it."""
        ends = {one.ends for one in self.model.look(KEYS) if one is not None}
        seconds = self.chance.one_of(0.001, 0.5, 1, 3, 100)
        while self.now + round(seconds * 1000) in ends:
            seconds += 0.001
        self.clock.tick(seconds)
        self.server.advance(seconds)

    def both(self, name: str, *args: Any) -> Any:
        """What both say, which is the same."""
        wanted = getattr(self.model, name)(*args)
        told = getattr(self.room, name)(*args)
        if name == "read" and told.state is None and not args[1].with_state:
            wanted = wanted._replace(state=None)
        assert told == wanted, (name, args)
        return told

    def step(self, key: str) -> None:
        state = self.known(key)
        seq = 0 if state is None else unpacked(state).seq
        step = self.chance.random.randrange(14)
        if step < 7:
            self.append(key, seq)
        elif step < 9:
            query = self.chance.query(seq, self.now)
            self.both("read", key, query)
            self.both("recent", key, self.chance.bounds())
        elif step < 12:
            self.alter(key, seq)
        elif step == 12:
            self.pass_by()
        elif self.chance.rarely(3):
            self.both("clear", [key], None if self.chance.rarely(2) else [state or b""])
        else:
            terms = Terms(ttl_ms=self.chance.one_of(None, 9_000), max_age_ms=150_000)
            self.both("restore", key, *invented(self.chance, self.now), terms)

    def append(self, key: str, seq: int) -> None:
        terms = self.chance.terms(seq)
        done = self.both("append", key, self.chance.entries(), terms)
        while done.more:
            done = self.both("append", key, [], terms._replace(if_seq=None, note=b""))

    def alter(self, key: str, seq: int) -> None:
        if self.chance.rarely(4):
            plan = rewritten(self.model, key, self.chance)
        else:
            plan = planned(self.model, key, self.chance.edit(seq))
        if plan is not None:
            state, alteration = plan
            if self.chance.rarely():
                self.both("append", key, [self.chance.entry()], Terms(keeps_orphans=True))
            terms = Terms(ttl_ms=self.chance.one_of(None, 60_000))
            self.both("alter", key, state, alteration, terms)

    def known(self, key: str) -> bytes | None:
        (standing,) = self.both("look", [key])
        return None if standing is None else standing.state

    def check(self, key: str) -> None:
        stretch = self.both("read", key, EVERYTHING)
        self.known(key)
        if stretch.state is not None:
            check_whole(stretch.state, stretch.records)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_server_says_what_memory_says(seed: int, room: Any, valkey: Server) -> None:
    if not valkey.clock_moves:
        pytest.skip("the clock of the server can not be moved here")
    twins = Twins(room, valkey, seed)
    for number in range(STEPS):
        key = KEYS[number * 7 % len(KEYS) if twins.chance.rarely(3) else 0]
        twins.step(key)
        twins.check(key)

    page = room.keys("", None)
    assert sorted(page.keys) == twins.model.keys("", None).keys
    assert page.cursor is None
