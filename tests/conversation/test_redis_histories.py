"""Conversations on a server: the same as in memory, step by step, and what is kept of them."""

from __future__ import annotations

from typing import Any

import pytest

from storage import MemoryStorage
from storage.core.history import (
    MOST_GUARDED,
    MOST_OPEN,
    MOST_SPANS,
    State,
    append,
    packed,
    unpacked,
)
from storage.core.messages import GUARDED, marks
from storage.core.plans import Pop
from storage.core.trim import Held, window
from storage.histories import Alteration, Appended, Bounds, Query, Terms
from storage.protocols import HistoryStore
from storage.testing import Clock
from tests.servers import Server

from .talking import EVERYTHING, Chance, Room, check_whole, invented, planned, rewritten, said, seqs

NOW = 1_700_000_000_457
KEYS = ("a", "user:{1}", "", "~x", "{}", "чат")
STEPS = 150
MANY = 100_000


class Twins:
    """A room, and what it has to be."""

    def __init__(self, room: Room, server: Server, seed: int) -> None:
        if not server.clock_moves:
            pytest.skip("the clock of the server can not be moved here")
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
            known = self.chance.one_of(state or b"", b"another")
            self.both("clear", [key], None if self.chance.rarely(2) else [known])
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


@pytest.fixture
def twins(server_room: Any, valkey: Server) -> Twins:
    return Twins(server_room, valkey, 0)


def begun(count: int, *, tokens: int = 3, text: str = "") -> tuple[bytes, list[bytes]]:
    """A conversation of so many messages."""
    state = State(NOW)
    _, records = append(state, [said(text=text, tokens=tokens)] * count, Terms(), NOW)
    return packed(state), records


@pytest.mark.parametrize("seed", range(12))
def test_a_server_says_what_memory_says(seed: int, server_room: Any, valkey: Server) -> None:
    wander(Twins(server_room, valkey, seed))


@pytest.mark.parametrize("kind", ["redis8", "redis6"])
@pytest.mark.parametrize("seed", range(12, 15))
def test_so_do_other_servers(
    kind: str, seed: int, rooms: Any, request: pytest.FixtureRequest
) -> None:
    server: Server = request.getfixturevalue(kind)
    wander(Twins(rooms(server), server, seed))
    server.call("FLUSHALL")


def wander(twins: Twins) -> None:
    for number in range(STEPS):
        key = KEYS[number * 7 % len(KEYS) if twins.chance.rarely(3) else 0]
        twins.step(key)
        twins.check(key)

    page = twins.room.keys("", None)
    assert sorted(page.keys) == twins.model.keys("", None).keys
    assert page.cursor is None


def test_a_long_history_is_trimmed_bit_by_bit(twins: Twins, valkey: Server) -> None:
    system, state, records = said("system"), *begun(MANY)
    twins.both("restore", "a", state, records, Terms())
    twins.both("append", "a", [system._replace(flags=GUARDED)], Terms())
    terms, steps = Terms(Bounds(20)), 0

    done = Appended("appended", more=True)
    while done.more:
        if steps % 40 == 0:
            with valkey.counted() as calls:
                done = twins.both("append", "a", [], terms)
            inside = [call for call in calls.everything if call.scripted]
            read = [tuple(map(int, one.words[2:])) for one in inside if one.name == "LRANGE"]
            assert len(inside) < 30
            assert sum(last - first for first, last in read) < 2000
        else:
            done = twins.both("append", "a", [], terms)
        steps += 1

    assert steps == -(-(MANY - 19) // 1000)
    twins.check("a")


def test_a_call_and_a_result_far_away_go_together(twins: Twins) -> None:
    call, result = said("assistant", calls=["a"]), said("tool", answers=["a"])
    twins.both("append", "a", [call, *[said()] * 1500, result, *[said()] * 9], Terms())

    done = Appended("appended", more=True)
    while done.more:
        done = twins.both("append", "a", [], Terms(Bounds(400)))

    assert seqs(twins.both("read", "a", Query())) == [*range(1503, 1512)]


@pytest.mark.parametrize("count", [1, 7, 1500])
@pytest.mark.parametrize("pinned", [0, 1, 3])
def test_more_at_once_than_may_stay(count: int, pinned: int, twins: Twins) -> None:
    terms = Terms(Bounds(5))
    for several in (count, 1, 9, count):
        entries = [said()] * several
        entries[:pinned] = [said(flags=GUARDED)] * min(pinned, several)
        twins.both("append", "a", entries, terms)
        twins.check("a")


def test_when_all_has_to_go_its_end_stays(twins: Twins, valkey: Server) -> None:
    twins.both("append", "a", [said("system"), said(), said()], Terms(ttl_ms=60_000))
    twins.both("append", "a", [said(), said()], Terms(Bounds(1)))
    twins.check("a")
    twins.both("append", "b", [said(), said()], Terms(ttl_ms=60_000))
    twins.both("append", "b", [said(tokens=9)], Terms(Bounds(tokens=8)))
    twins.check("b")

    assert [one.ends for one in twins.both("look", ["a", "b"])] == [NOW + 60_000] * 2


def test_many_calls_many_pins_many_notes(twins: Twins) -> None:
    terms = Terms(Bounds(2000))
    for number in range(90):
        twins.both("append", "a", [said("assistant", calls=[f"{number}"]), said()], terms)
    for number in (*range(89, 40, -2), *range(0, 40, 4)):
        twins.both("append", "a", [said("tool", answers=[f"{number}"])], terms)
        twins.known("a")
    assert len(unpacked(twins.known("a") or b"").spans) == MOST_SPANS
    several = [
        said("assistant", calls=[f"{number}-{one}" for one in range(90)]) for number in "abc"
    ]
    twins.both("append", "a", several, terms)
    assert len(unpacked(twins.known("a") or b"").opens) == MOST_OPEN
    for _ in range(MOST_GUARDED // 100 + 1):
        twins.both("append", "a", [said(flags=GUARDED)] * 100, terms)
    for _ in range(MOST_GUARDED % 100 + 1):
        twins.both("append", "a", [said(flags=GUARDED)], terms)
    for number in (*range(40), 8, 7, 6):
        note = bytes((number,)) * 8
        twins.both("append", "a", [said(), said()], terms._replace(note=note))
    for bound in (200, 100, 99, 3, 1):
        twins.both("append", "a", [said(), said("tool", answers=["c-1"])], Terms(Bounds(bound)))
        twins.both("recent", "a", Bounds(2))
        twins.check("a")


@pytest.mark.parametrize("newest", [True, False])
def test_what_is_long_is_read_in_slices(newest: bool, twins: Twins, valkey: Server) -> None:
    twins.both("restore", "a", *begun(700, text="x" * 10_000), Terms())
    for _ in range(5):
        twins.both("append", "a", [said(flags=GUARDED), said("narrator")], Terms(Bounds(500)))
    queries = [
        Query(newest=newest),
        Query(450, newest),
        Query(newest=newest, roles=("user", "narrator")),
        Query(newest=newest, after=300, before=650, since=NOW, until=NOW + 1),
    ]
    with valkey.counted() as calls:
        for query in queries:
            twins.both("read", "a", query)
        for bounds in (Bounds(), Bounds(450), Bounds(tokens=1400), Bounds(turns=400)):
            twins.both("recent", "a", bounds)
    assert 4 * 8 < len(calls) < 60


@pytest.mark.parametrize(
    "bounds", [Bounds(), Bounds(9_000), Bounds(tokens=27_000), Bounds(turns=9_500), Bounds(300)]
)
def test_many_short_messages_are_read_as_many_as_fit(bounds: Bounds, twins: Twins) -> None:
    twins.both("restore", "a", *begun(10_000, text="x" * 90), Terms())

    found = twins.both("recent", "a", bounds)
    twins.both("read", "a", Query(9_000))
    twins.both("read", "a", Query(newest=False))

    assert found.more == (bounds != Bounds())


def test_what_is_pinned_among_many_is_recent_too(twins: Twins) -> None:
    twins.both("append", "a", [said("system"), said()] * 30, Terms(Bounds(40)))
    twins.both("append", "a", [said(text="x" * 90)] * 3_000, Terms())
    twins.both("append", "a", [said(flags=GUARDED), said()], Terms())
    twins.both("append", "a", [said(text="x" * 90)] * 7_000, Terms())

    for bounds in (Bounds(), Bounds(9_000), Bounds(5_500), Bounds(6_999), Bounds(7_003)):
        twins.both("recent", "a", bounds)


UNLIKE: dict[str, list[Any]] = {
    "long and short": [said(tokens=900 if one % 7 == 3 else 1) for one in range(200)],
    "short, then long": [said(tokens=1 + 300 * (one > 190)) for one in range(200)],
    "long, then short": [said(tokens=1 + 300 * (one < 190)) for one in range(200)],
    "none": [said(tokens=0) for _ in range(200)],
    "no turns": [said("assistant") for _ in range(200)],
    "one turn": [said("user" if one == 7 else "assistant") for one in range(200)],
    "guards within": [said(flags=GUARDED * (one % 20 == 4)) for one in range(200)],
    "guards at the end": [said(flags=GUARDED * (one > 196)) for one in range(200)],
    "guards at both ends": [
        said("system" if one < 2 else "user", flags=GUARDED * (one > 196)) for one in range(200)
    ],
    "many guards": [said("system" if one < 40 else "user") for one in range(200)],
    "all guarded": [said("system", tokens=one) for one in range(200)],
    "many": [said() for _ in range(900)],
}


@pytest.mark.parametrize("name", UNLIKE)
def test_a_window_of_messages_that_are_not_alike_has_all_that_fit(name: str, twins: Twins) -> None:
    twins.both("append", "a", UNLIKE[name], Terms())
    wanted = [None, 1, 5, 60, 250]

    for messages in wanted:
        for tokens in (None, 1, 20, 1_000):
            for turns in (None, 1, 9):
                bounds = Bounds(messages, tokens, turns)
                found = twins.model.recent("a", bounds)
                told = twins.room.recent("a", bounds)
                assert told.state == found.state
                shown, is_cut = window(marks(told.records), bounds, (), ())
                others, is_enough = window(marks(found.records), bounds, (), ())
                assert shown == others
                assert (is_cut or not told.more) == (is_enough or not found.more)


def test_an_edit_of_what_is_not_so_any_more_does_nothing(twins: Twins) -> None:
    twins.both("append", "a", [said(), said()], Terms())
    plan = planned(twins.model, "a", Pop())
    assert plan is not None
    twins.both("append", "a", [said()], Terms())

    assert not twins.both("alter", "a", *plan, Terms())
    assert not twins.both("alter", "nobody", *plan, Terms())
    twins.check("a")


@pytest.mark.parametrize("gone", [(1,), (5,), (9, 10), (1, 5, 9), (2, 3, 4), (6, 8, 10), (11, 40)])
def test_whatever_goes_the_rest_stays(gone: tuple[int, ...], twins: Twins) -> None:
    twins.both("append", "a", [said()] * 10, Terms())
    state = unpacked(twins.known("a") or b"")
    there = [seq for seq in gone if seq <= 10]
    state.held = Held(10 - len(there), 3 * (10 - len(there)), 0, 10 - len(there))

    twins.both("alter", "a", twins.known("a"), Alteration(packed(state), gone), Terms())

    twins.check("a")
