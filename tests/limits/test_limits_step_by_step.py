"""Rate limits on backends that have no room for them: the same answers, and no hit lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

import storage
import storage.aio
import storage.aio.metering
import storage.metering
from storage import ConflictError, CorruptValueError, UnavailableError
from storage.core.meters import name_of, name_of_places
from storage.memory.kv import MemoryBackend
from storage.protocols import RateLimitStore
from storage.records import Ask, Deletion
from storage.testing import Bridge, Clock
from storage.ttl import Expiry
from tests.adapted.test_adapted import Slow, SlowAwaited
from tests.fault.ground import together
from tests.limits.ground import KINDS, ONE, TOKEN, hits, meter

Make = Callable[[Any, Clock], Any]

START = 1_700_000_000
"""A moment from which clocks go on in steps that floating point carries exactly."""


class Agreeing:
    """The clock of a machine that agrees with those of all others."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now_ms(self) -> int:
        return self._clock.ms


def _fallback(half: Any, clock: Clock) -> Any:
    first, second = (half.MemoryStorage(clock=clock) for _ in range(2))
    return half.fallback(first, second, on_error=lambda error: None)


PLACES: dict[str, Make] = {
    "memory": lambda half, clock: half.MemoryStorage(clock=clock),
    "sqlite": lambda half, clock: half.SqliteStorage(":memory:", clock=clock),
    "gramio": lambda half, clock: half.SqliteStorage(":memory:", layout="gramio", clock=clock),
    "dict": lambda half, clock: half.adapt({}),
    "enhanced dict": lambda half, clock: half.enhance_storage(half.adapt({}), clock=clock),
    "fallback": _fallback,
}

HALVES = {"blocking": storage, "asyncio": storage.aio}


class Place:
    """Rate limits step by step in one place and one colour, by plain calls."""

    def __init__(self, half: Any, make: Make, bridge: Bridge) -> None:
        self.clock = Clock(START)
        self.store = make(half, self.clock)
        self.names = self.store._layers.names
        bare = half.metering.LimitsStepByStep(self.store._backend, self.names)
        bare._clocked = Agreeing(self.clock)
        self.backend = bridge.driven(bare._backend)
        self.room = bridge.driven(bare)


@pytest.fixture(params=PLACES)
def make(request: pytest.FixtureRequest) -> Make:
    return PLACES[request.param]


@pytest.fixture(params=HALVES)
def half(request: pytest.FixtureRequest) -> Any:
    return HALVES[request.param]


@pytest.fixture
def place(make: Make, half: Any) -> Iterator[Place]:
    with Bridge() as bridge:
        place = Place(half, make, bridge)
        yield place
        bridge.driven(place.store).close()


METERS = [
    *(meter(3, 60, algorithm=kind) for kind in KINDS if kind != "slots"),
    meter(20, 30, key="long"),
    meter(2, 20, algorithm="leaky"),
]
SLOTS = meter(3, 60, algorithm="slots")


def steps() -> st.SearchStrategy[list[tuple[str, list[int], int]]]:
    """What is done, with which meters, and a number."""
    what = st.sampled_from(
        ["hit", "hit", "hit", "tell", "peek", "reserve", "refund", "later", "block", "reset"]
    )
    some = st.lists(st.integers(0, len(METERS) - 1), min_size=1, max_size=3, unique=True)
    times = st.tuples(st.just("tick"), some, st.integers(-20, 200))
    return st.lists(st.one_of(times, st.tuples(what, some, st.integers(1, 3))), max_size=30)


def done(room: Any, clock: Clock, step: tuple[str, list[int], int], seen: list[int]) -> Any:
    """What a room answers to one step; *seen* are the moments that were told before."""
    what, numbers, count = step
    meters = [METERS[number] for number in numbers]
    if what == "refund":
        return room.refund(meters, 1, seen[-1] if seen else clock.ms * 1000)
    if what == "later":
        return room.refund(meters, 1, (clock.ms + 5000 * count) * 1000)
    if what == "block":
        return room.block(meters, count * 10_000_000)
    if what == "reset":
        return room.reset(meters)
    ask = Ask(cost=1 if 6 in numbers else count % 3 + 1, tell=what == "tell")
    ask = ask._replace(cost=1) if any(METERS[n].rule.most < ask.cost for n in numbers) else ask
    if what == "reserve":
        return room.reserve(meters, ask, 100_000_000)
    return room.peek(meters, ask) if what == "peek" else room.hit(meters, ask)


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("colour", HALVES)
@given(program=steps())
def test_the_answers_are_those_of_a_room(
    name: str, colour: str, program: list[tuple[str, list[int], int]]
) -> None:
    with Bridge() as bridge:
        place = Place(HALVES[colour], PLACES[name], bridge)
        with storage.MemoryStorage(clock=place.clock) as model:
            native = model.room(RateLimitStore)
            seen: list[int] = []
            for step in program:
                if step[0] == "tick":
                    place.clock.tick(step[2] / 4)
                    continue
                expected = done(native, place.clock, step, seen)
                assert done(place.room, place.clock, step, seen) == expected
                if expected is not None and expected.at:
                    seen.append(expected.at)
        bridge.driven(place.store).close()


def test_slots_are_held_renewed_and_given_back(place: Place) -> None:
    one, two = Ask(token=TOKEN), Ask(token=TOKEN[::-1], cost=2)

    assert place.room.hit([SLOTS], one).passed
    assert place.room.hit([SLOTS], two).passed
    assert not place.room.hit([SLOTS], one).passed
    place.clock.tick(50)
    assert place.room.renew([SLOTS], TOKEN)
    place.clock.tick(20)
    assert place.room.release([SLOTS], TOKEN)
    assert not place.room.release([SLOTS], TOKEN)
    assert not place.room.renew([SLOTS], TOKEN[::-1])
    assert place.room.peek([SLOTS], ONE).readings[0].left == 3


def test_several_groups_are_answered_in_their_order(place: Place) -> None:
    asked = meter(2)

    told = place.room.hit_many([[asked], [asked, SLOTS], [asked]], Ask(token=TOKEN))

    assert [one.passed for one in told] == [True, True, False]
    assert [len(one.readings) for one in told] == [1, 2, 1]


def test_no_entry_outlives_what_it_counts_where_a_backend_knows_lifetimes(place: Place) -> None:
    asked = [meter(1, 60, algorithm=kind, key=kind) for kind in ("log", "window", "gcra")]
    place.room.hit(asked, ONE)
    first = place.room.reserve(asked, ONE, 10**9)
    place.room.reserve(asked, ONE, 10**9)
    place.room.refund(asked, 1, first.at)
    names = [*(name_of(place.names, one) for one in asked), name_of_places(place.names, asked)]

    ends = [place.backend.ends(name) for name in names]

    if place.backend.capabilities.expiry_ms is None:
        assert ends == [None] * 4
    else:
        assert all(60_000 <= end - place.clock.ms <= 182_000 for end in ends)
    place.room.reset(asked)
    assert not any(place.backend.exists(name) for name in names)


@pytest.mark.parametrize("make", [PLACES[name] for name in PLACES if name != "gramio"])
def test_nothing_of_it_is_seen_as_a_value(place: Place) -> None:
    """Where a layout is somebody else's and has no room of its own, that can not be."""
    hits(place.room, meter(1, key="~ns~a"), meter(1, key="k"))
    with Bridge() as bridge:
        store = bridge.driven(place.store)
        assert store.get("k") is None
        assert list(store.keys()) == []


@pytest.mark.parametrize("raw", [b"", b"\0" * 64, b'"hunter2"', b"\xff" * 65])
def test_a_corrupt_entry_is_one_typed_error_and_stays(place: Place, raw: bytes) -> None:
    good, bad = meter(1, key="good"), meter(1, key="bad")
    name = name_of(place.names, bad)
    place.backend.write(name, raw, None)
    calls: list[Callable[[], object]] = [
        lambda: place.room.hit([good, bad], ONE),
        lambda: place.room.peek([bad], ONE),
        lambda: place.room.reserve([good, bad], ONE, 1),
        lambda: place.room.refund([good, bad], 1, 1),
        lambda: place.room.block([bad], 1),
        lambda: place.room.renew([bad], TOKEN),
    ]

    for call in calls:
        with pytest.raises(CorruptValueError) as caught:
            call()
        assert caught.value.key == "bad"
        assert caught.value.store == place.store._layers.label
        assert "hunter2" not in str(caught.value)
    assert place.backend.read(name) == raw
    assert hits(place.room, good) == [True]


def test_corrupt_places_are_one_typed_error(place: Place) -> None:
    place.backend.write(name_of_places(place.names, [SLOTS]), b"\xff", None)

    with pytest.raises(CorruptValueError) as caught:
        place.room.reserve([SLOTS], ONE, 1)
    assert caught.value.key == "k"


@pytest.mark.parametrize("kind", KINDS)
def test_threads_of_one_store_let_pass_what_one_would(kind: str) -> None:
    store = storage.adapt(Slow())
    room = storage.metering.LimitsStepByStep(store._backend, store._layers.names)
    asked = [meter(30, 86_400, algorithm=kind), meter(100, 86_400, key="other")]
    passed: list[bool] = []

    def count() -> None:
        for _ in range(10):
            passed.extend(hits(room, *asked, ask=Ask(token=uuid4().hex)))

    together(*[count] * 6)
    left = room.peek(asked, ONE).readings[0].left
    passed += hits(room, asked[0], times=left)

    assert all(passed[60:])
    # What is given back of a bucket is what has not run out yet.
    assert sum(passed) in ({29, 30} if kind == "gcra" else {30})


def test_tasks_of_one_store_let_pass_what_one_would() -> None:
    async def run() -> int:
        store = storage.aio.adapt(SlowAwaited())
        room = storage.aio.metering.LimitsStepByStep(store._backend, store._layers.names)
        told = await asyncio.gather(*(room.hit([meter(20)], ONE) for _ in range(50)))
        return sum(one.passed for one in told)

    assert asyncio.run(run()) == 20


class Meddled(MemoryBackend):
    """Entries that somebody else may change between two steps."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock, None)
        self.before: list[Callable[[], object]] = []
        """What is done before the next writes, one each."""

    def add(self, name: str, raw: bytes, expiry: Expiry) -> bool:
        self._meddle()
        return super().add(name, raw, expiry)

    def swap(self, name: str, old: bytes, new: bytes | Deletion, expiry: Expiry) -> bool:
        self._meddle()
        return super().swap(name, old, new, expiry)

    def _meddle(self) -> None:
        if self.before:
            self.before.pop(0)()


class Crowd:
    """Two users of the same limits, one of whom is told when the other writes."""

    def __init__(self) -> None:
        self.clock = Clock(START)
        self.backend = Meddled(self.clock)
        names = storage.Storage(self.backend)._layers.names
        self.ours = storage.metering.LimitsStepByStep(self.backend, names)
        self.theirs = storage.metering.LimitsStepByStep(self.backend, names)

    def then(self, *calls: Callable[[], object]) -> None:
        """Do *calls* before our next writes, and none before theirs."""
        self.backend.before = [self._quietly(call) for call in calls]

    def _quietly(self, call: Callable[[], object]) -> Callable[[], object]:
        def quietly() -> None:
            waiting, self.backend.before = self.backend.before, []
            call()
            self.backend.before = waiting

        return quietly


def nothing() -> None:
    """Somebody else leaves it alone."""


@pytest.mark.parametrize("kind", KINDS)
def test_where_a_later_meter_refuses_the_earlier_ones_are_given_back(kind: str) -> None:
    crowd = Crowd()
    one, two = meter(3, algorithm=kind, key="one"), meter(1, key="two")
    ask = Ask(token=TOKEN)

    crowd.then(nothing, lambda: crowd.theirs.hit([two], ONE))

    assert not crowd.ours.hit([one, two], ask).passed
    assert crowd.ours.peek([one], ask).readings[0].left == 3


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_given_back_is_not_what_others_spent_meanwhile(kind: str) -> None:
    crowd = Crowd()
    one, two = meter(3, algorithm=kind, key="one"), meter(1, key="two")
    other = Ask(token=TOKEN[::-1])

    def both() -> None:
        assert crowd.theirs.hit([one], other).passed
        assert crowd.theirs.hit([two], ONE).passed

    crowd.then(nothing, both)

    assert not crowd.ours.hit([one, two], Ask(token=TOKEN)).passed
    assert crowd.ours.peek([one], ONE).readings[0].left == 2


def test_a_conflict_with_who_lets_it_pass_is_decided_anew() -> None:
    crowd = Crowd()
    one, two = meter(3, key="one"), meter(3, key="two")

    crowd.then(nothing, lambda: crowd.theirs.hit([two], ONE))

    assert crowd.ours.hit([one, two], ONE).passed
    assert [one.left for one in crowd.ours.peek([one, two], ONE).readings] == [2, 1]


def test_of_two_who_reserve_at_once_each_has_a_moment_of_its_own() -> None:
    crowd = Crowd()
    asked = [meter(1, 10, algorithm="gcra", key="one"), meter(1, 20, algorithm="gcra", key="two")]
    told: list[int] = []

    crowd.ours.hit(asked, ONE)
    crowd.then(nothing, lambda: told.append(crowd.theirs.reserve(asked, ONE, 10**9).at))
    told.append(crowd.ours.reserve(asked, ONE, 10**9).at)

    assert len(set(told)) == 2
    assert abs(told[1] - told[0]) >= 20_000_000


def test_a_place_is_taken_by_one_alone() -> None:
    crowd, asked = Crowd(), [meter(1, 10)]
    crowd.ours.hit(asked, ONE)
    first = crowd.ours.reserve(asked, ONE, 10**9)
    crowd.ours.reserve(asked, ONE, 10**9)
    crowd.ours.refund(asked, 1, first.at)
    told: list[int] = []

    crowd.then(lambda: told.append(crowd.theirs.reserve(asked, ONE, 10**9).at))
    told.append(crowd.ours.reserve(asked, ONE, 10**9).at)

    assert told[0] == first.at
    assert told[1] > first.at + 10_000_000


def test_what_is_given_back_is_given_back_once() -> None:
    crowd = Crowd()
    asked = [meter(3, key="one"), meter(3, key="two")]
    when = crowd.ours.hit(asked, ONE).now
    crowd.ours.hit(asked, ONE)

    crowd.then(nothing, lambda: crowd.theirs.hit([asked[1]], ONE))
    crowd.ours.refund(asked, 1, when)

    assert [one.left for one in crowd.ours.peek(asked, ONE).readings] == [2, 1]


def test_who_can_not_write_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage.metering, "MOST_ATTEMPTS", 4)
    crowd, asked = Crowd(), [meter(100)]

    def disturbed(*calls: Callable[[], object]) -> None:
        for call in calls:
            crowd.then(*[lambda: crowd.theirs.hit(asked, ONE)] * 4)
            with pytest.raises(ConflictError) as caught:
                call()
            assert caught.value.key == "k"

    disturbed(
        lambda: crowd.ours.hit(asked, ONE),
        lambda: crowd.ours.block(asked, 1),
        lambda: crowd.ours.reserve(asked, ONE, 10**9),
    )
    assert crowd.ours.peek(asked, ONE).readings[0].left == 100 - 3 * 4


def test_what_fails_in_between_stays_spent() -> None:
    crowd, asked = Crowd(), [meter(3, key="one"), meter(3, key="two")]

    def fail() -> None:
        raise UnavailableError("no answer")

    crowd.then(nothing, fail)
    with pytest.raises(UnavailableError):
        crowd.ours.hit(asked, ONE)

    assert [one.left for one in crowd.ours.peek(asked, ONE).readings] == [2, 3]
