"""Random programs on the rate limits of every store, and on the one transition that all of them
decide by: each answers what that says, and keeps what that keeps."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pytest
from hypothesis import strategies as st

from storage.core.algorithms import Slots
from storage.core.limits import Limit
from storage.core.meters import name_of, packed, start_of, unpacked
from storage.core.window import State, ends, latest, nothing
from storage.records import Ask, Decision, Meter
from storage.testing import Bridge, Clock, CountingMachine, run_machine, step
from tests.contract.backends import BACKENDS, Ground, Row, params
from tests.day import IS_LONG, is_walked
from tests.model.limits import Model, counting

PARTICIPANTS = ("memory", "sqlite", "valkey", *(("redis6", "redis8") if IS_LONG else ()))
"""The stores that have rate limits."""

STEP_BY_STEP = ("memory", "sqlite")
"""The stores where they are counted step by step as well, with what every backend has."""

GRAINS = {"memory": 1, "sqlite": 1000}
"""To how many microseconds a store knows that something is over. A server does by itself."""

SECOND = 1_000_000

LIMITS = (
    Limit(3, 1),
    Limit(12, 2),
    Limit(3, 1, algorithm="window"),
    Limit(3, 1, algorithm="aligned"),
    Limit(3, 1, algorithm="counter"),
    Limit(3, 1, algorithm="gcra"),
    Limit(2, 1, algorithm="gcra", burst=5),
    Limit(3, 1, algorithm="slots"),
)
METERS = [Meter(limit.rule, key) for limit in LIMITS for key in ("k", "~other")]
KINDS = {limit.rule.stored: limit.algorithm for limit in LIMITS}
TOKENS = ("a" * 32, "b" * 32)

GROUPS = st.lists(st.sampled_from(METERS), min_size=1, max_size=3, unique_by=lambda one: (
    one.rule.stored, one.key))  # fmt: skip
COSTS = st.sampled_from([1, 1, 1, 2, 3])
TOKEN = st.sampled_from(TOKENS)
SPANS = st.sampled_from([0, 300_000, SECOND, 3 * SECOND])


class Passed(NamedTuple):
    """Something that passed, or will."""

    meters: list[Meter]
    cost: int
    at: int


class LimitMachine(CountingMachine):
    """What a store answers and keeps is what the transition says, by the time that the store told.

    Within a millisecond nobody knows the time of a server. Where it tells none, it is one of those
    at which what it keeps is right.
    """

    make: ClassVar[Callable[..., tuple[Row, Ground]]]
    by_steps: ClassVar[bool]

    outcomes: ClassVar[frozenset[str]] = frozenset(
        {
            *(f"passed: {kind}" for kind in KINDS.values()),
            *(f"refused: {kind}" for kind in KINDS.values()),
            *("several passed", "one of several refused", "behind who waits", "blocked"),
            *("news", "no news", "waits", "not patient", "took a place", "gave back a place"),
            *("gave back the last place", "gave back what passed", "gave back just now"),
            *("held", "had none", "clock behind"),
        }
    )

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.bridge = Bridge()
        self.row, self.ground = type(self).make(self.clock)
        self.base = self.row.opened(self.ground)
        self.store = self.bridge.driven(self.base)
        self.room = self.bridge.driven(self.opened())
        self.is_exact = self.row.server is None and not self.by_steps
        self.look = _looks(self)
        self.model = Model(forgets=1 if self.by_steps else GRAINS.get(self.row.name, 0))
        self.over: dict[Meter, State] = {}
        self.granted: list[Passed] = []
        self.ahead = 0
        """The latest that it ever was."""
        self.move(0)

    def teardown(self) -> None:
        self.store.close()
        self.ground.close()
        self.bridge.close()

    def opened(self) -> Any:
        """The rate limits of the store."""
        if not self.by_steps:
            return self.base.room(self.row.half.protocols.RateLimitStore)
        metering = import_module(f"{self.row.half.__name__}.metering")
        return metering.LimitsStepByStep(self.base._backend, self.base._layers.names)

    @step(meters=GROUPS, cost=COSTS, token=TOKEN, tell=st.sampled_from([False, False, True]))
    def hit(self, meters: list[Meter], cost: int, token: str, tell: bool) -> None:
        self.asked("hit", meters, Ask(cost, token, tell))

    @step(meters=GROUPS, cost=COSTS, token=TOKEN)
    def hit_a_lot(self, meters: list[Meter], cost: int, token: str) -> None:
        for _ in range(4):
            self.asked("hit", meters, Ask(cost, token, True))

    @step(groups=st.lists(GROUPS, max_size=3), cost=COSTS, token=TOKEN)
    def hit_many(self, groups: list[list[Meter]], cost: int, token: str) -> None:
        for meters in groups:
            self.forget(meters)
        answers = self.room.hit_many(groups, Ask(cost, token))
        assert len(answers) == len(groups)
        for meters, told in zip(groups, answers):
            self.agree("hit", told, meters, Ask(cost, token))
        for meters in groups:
            self.compare(meters)

    @step(meters=GROUPS, cost=COSTS)
    def peek(self, meters: list[Meter], cost: int) -> None:
        self.asked("peek", meters, Ask(cost))

    @step(meters=GROUPS, cost=COSTS, patience=SPANS)
    def reserve(self, meters: list[Meter], cost: int, patience: int) -> None:
        self.reserved(meters, cost, patience)

    @step(meters=GROUPS, cost=COSTS, acts=st.permutations(["middle", "last", "reserve", "tick"]))
    def queue(self, meters: list[Meter], cost: int, acts: list[str]) -> None:
        """Some who wait, of whom some give up."""
        self.asked("hit", meters, Ask(3, TOKENS[0]))
        for _ in range(3):
            self.reserved(meters, cost, 9 * SECOND)
        for act in acts:
            if act == "tick":
                self.move(0.25)
            elif act == "reserve":
                self.reserved(meters, cost, 9 * SECOND)
            else:
                self.give_back(2 if act == "middle" else 1)
        self.reserved(meters, cost, 9 * SECOND)

    @step(which=st.integers(1, 4))
    def refund(self, which: int) -> None:
        self.give_back(which)

    @step(meters=GROUPS, cost=COSTS)
    def refund_just_now(self, meters: list[Meter], cost: int) -> None:
        self.done("refund", meters, cost, 0)
        self.came_to("gave back just now")

    @step(meters=GROUPS, span=SPANS, rarely=st.integers(0, 3))
    def block(self, meters: list[Meter], span: int, rarely: int) -> None:
        if rarely == 0:
            self.done("block", meters, span)

    @step(meters=GROUPS, rarely=st.integers(0, 3))
    def reset(self, meters: list[Meter], rarely: int) -> None:
        if rarely == 0:
            self.done("reset", meters)

    @step(meters=GROUPS, token=TOKEN)
    def renew(self, meters: list[Meter], token: str) -> None:
        self.hold("renew", meters, token)

    @step(meters=GROUPS, token=TOKEN)
    def release(self, meters: list[Meter], token: str) -> None:
        self.hold("release", meters, token)

    @step(ms=st.sampled_from([0, 1, 333, 999, 1000, 1001, 2000, 5000]))
    def tick(self, ms: int) -> None:
        self.move(ms / 1000)

    @step(ms=st.sampled_from([1, 500, 1500, 10_000]), rarely=st.integers(0, 3))
    def tick_back(self, ms: int, rarely: int) -> None:
        if rarely == 0:
            self.move(-ms / 1000)

    @step(meters=GROUPS, cost=COSTS, fresh=st.booleans(), late=st.booleans())
    def tick_to_an_end(self, meters: list[Meter], cost: int, fresh: bool, late: bool) -> None:
        """To the moment at which something may pass or counts no more, or right before it."""
        told = self.model.peek(self.now()[0], meters, Ask(cost))
        spans = [one.fresh if fresh else one.wait for one in told.readings]
        moment = told.now + max(spans)
        if not self.is_exact:  # there, a moment is a millisecond
            moment = moment + 1000 if late else moment - 1001
        else:
            moment -= 0 if late else 1
        self.move((moment - self.now()[0]) / SECOND)
        self.asked("hit", meters, Ask(cost, TOKENS[0]))

    def asked(self, what: str, meters: list[Meter], ask: Ask, *more: int) -> Decision:
        """Ask the store, and see that it answers and keeps what is right."""
        self.forget(meters)
        told: Decision = getattr(self.room, what)(meters, ask, *more)
        self.agree(what, told, meters, ask, *more)
        self.compare(meters)
        return told

    def agree(self, what: str, told: Decision, meters: list[Meter], ask: Ask, *more: int) -> None:
        first, last = self.now()
        seen = latest(self.model.of(meters, first), 0)
        assert told.now == seen > last or max(first, seen) <= told.now <= last
        clock = told.now if told.now <= last else first
        if told.now > last:
            self.came_to("clock behind")
        assert told == getattr(self.model, what)(clock, meters, ask, *more)
        if told.passed and what != "peek":
            self.granted.append(Passed(meters, ask.cost, told.at))
        self.tell(what, told, meters, ask)

    def tell(self, what: str, told: Decision, meters: list[Meter], ask: Ask) -> None:
        word = "passed" if told.passed else "refused"
        if len(meters) == 1:
            self.came_to(f"{word}: {KINDS[meters[0].rule.stored]}")
        elif what == "hit" and told.passed:
            self.came_to("several passed")
        elif not all(reading.wait for reading in told.readings) and not told.passed:
            self.came_to("one of several refused")
        states = [one for one in self.model.of(meters, told.now) if one is not None]
        if not told.passed and any(one.barred > told.now for one in states):
            self.came_to("blocked")
        if what == "hit" and not told.passed and any(one.at > told.now for one in states):
            self.came_to("behind who waits")
        if ask.tell and not told.passed:
            self.came_to("news" if told.is_news else "no news")

    def reserved(self, meters: list[Meter], cost: int, patience: int) -> None:
        if any(isinstance(meter.rule, Slots) for meter in meters):
            return
        before = sum(map(len, self.model.places.values()))
        told = self.asked("reserve", meters, Ask(cost), patience)
        if told.at > told.now:
            took = told.at < told.now + max(reading.wait for reading in told.readings)
            self.came_to("took a place" if took and before else "waits")
        elif not told.passed:
            self.came_to("not patient")

    def give_back(self, which: int) -> None:
        """What passed, or would, as the one with that number from the last."""
        if len(self.granted) < which:
            return
        passed = self.granted.pop(-which)
        states = self.model.of(passed.meters, self.now()[0])
        self.done("refund", passed.meters, passed.cost, passed.at)
        if passed.at <= latest(states, self.now()[1]):
            self.came_to("gave back what passed")
        elif all(state is not None and state.at == passed.at for state in states):
            self.came_to("gave back the last place")
        else:
            self.came_to("gave back a place")

    def hold(self, what: str, meters: list[Meter], token: str) -> None:
        slots = [meter for meter in meters if isinstance(meter.rule, Slots)]
        if slots:
            self.came_to("held" if self.done(what, slots, token) else "had none")

    def done(self, what: str, meters: list[Meter], *more: Any) -> Any:
        """Have it done, and see that what is kept then is right by a time that it may have been."""
        self.forget(meters)
        answer = getattr(self.room, what)(meters, *more)
        found = [self.look(meter) for meter in meters]
        seen = [state.seen for state in found if state is not None]
        wrong = []
        for clock in sorted({*self.now(), *seen}):
            if not self.now()[0] <= clock <= self.now()[1]:
                continue
            model = self.model.copy()
            right = getattr(model, what)(clock, meters, *more)
            if right == answer and all(self.is_same(*pair) for pair in self.pairs(model, meters)):
                self.model = model
                return answer
            wrong.append((right, model.of(meters, 0)))
        raise AssertionError(f"{what} {more}: {answer}, {found}, and not {wrong}")

    def forget(self, meters: list[Meter]) -> None:
        """What counts no more is freed, at some time, and may be there again where a clock goes
        back before that."""
        for meter in [] if self.is_exact else meters:
            name, found = (meter.rule.stored, meter.key), self.look(meter)
            right = self.model.states.get(name)
            if found is None and right is not None and self.is_same(meter, found, right):
                self.over[meter] = self.model.states.pop(name)
            elif found is not None and right is None and meter in self.over:
                self.model.states[name] = self.over[meter]

    def compare(self, meters: list[Meter]) -> None:
        """What is kept is what the transition keeps."""
        for meter, found, right in self.pairs(self.model, meters):
            assert self.is_same(meter, found, right), (found, right)

    def pairs(
        self, model: Model, meters: list[Meter]
    ) -> list[tuple[Meter, State | None, State | None]]:
        return [
            (meter, self.look(meter), right) for meter, right in zip(meters, model.of(meters, 0))
        ]

    def is_same(self, meter: Meter, found: State | None, right: State | None) -> bool:
        if right is None or right == nothing(meter.rule):
            return found is None or found == nothing(meter.rule)
        if found is None:
            return ends(meter.rule, right) <= self.ahead
        if not self.is_exact:  # what counts no more may be there still when it is looked at
            found, right = counting(meter.rule, found), counting(meter.rule, right)
        return packed(meter.rule, found) == packed(meter.rule, right)

    def move(self, seconds: float) -> None:
        self.clock.tick(seconds)
        self.ahead = max(self.ahead, self.now()[1])

    def now(self) -> tuple[int, int]:
        """The first and the last microsecond that it may be."""
        if self.row.server:
            return self.clock.ms * 1000, self.clock.ms * 1000 + 999
        now = self.clock.ms * 1000 if self.by_steps else round(self.clock() * SECOND)
        return now, now


Look = Callable[[Meter], State | None]


def _looks(machine: LimitMachine) -> Look:
    """How it is seen what a store keeps of a meter, past the store."""
    names = machine.base._layers.names
    if machine.by_steps:
        backend = machine.bridge.driven(machine.base._backend)
        return _unpacking(lambda meter: backend.read(name_of(names, meter)))
    if machine.row.server:
        server: Any = machine.ground.server

        def on_server(meter: Meter) -> bytes | None:
            raw: bytes | None = server.call(
                "GET", f"{start_of(names, meter)}{{{names.name(meter.key)}}}"
            )
            return raw

        return _unpacking(on_server)
    if machine.row.name.startswith("sqlite"):
        folder = machine.ground.folder
        return _unpacking(lambda meter: _row(folder, name_of(names, meter)))
    room = machine.base._backend._room
    meters = getattr(room, "_inner", room)._meters

    def in_memory(meter: Meter) -> State | None:
        board = meters.boards.get((names.prefix, meter.rule.stored))
        kept = None if board is None else board.kept.get(meter.key)
        return None if kept is None else kept.state()

    return in_memory


def _unpacking(read: Callable[[Meter], bytes | None]) -> Look:
    def look(meter: Meter) -> State | None:
        raw = read(meter)
        return None if raw is None else unpacked(meter.rule, raw)

    return look


def _row(folder: Path, name: str) -> bytes | None:
    (file,) = folder.glob("*.db")
    with closing(sqlite3.connect(file)) as connection:
        query = "SELECT state FROM storage_limits WHERE name = ?"
        try:
            row = connection.execute(query, (name,)).fetchone()
        except sqlite3.OperationalError:  # there is no table yet
            return None
    return None if row is None else bytes(row[0])


def _run(row: Row, request: pytest.FixtureRequest, folder: Path, *, by_steps: bool) -> None:
    numbers = itertools.count()

    def make(clock: Clock) -> tuple[Row, Ground]:
        own = folder / str(next(numbers))
        own.mkdir()
        return row, row.ground(request, own, clock)

    members = {"make": staticmethod(make), "by_steps": by_steps}
    machine = type(f"LimitsOf{row}", (LimitMachine,), members)
    run_machine(machine, share=row.share)


def _rows(names: tuple[str, ...]) -> list[Any]:
    rows = [row for row in BACKENDS if row.name in names]
    return params([row for row in rows if is_walked(row.name, row.half)])


@pytest.mark.parametrize("row", _rows(PARTICIPANTS))
def test_stores_do_what_the_transition_says(
    row: Row, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    _run(row, request, tmp_path, by_steps=False)


@pytest.mark.parametrize("row", _rows(STEP_BY_STEP))
def test_steps_do_what_the_transition_says(
    row: Row, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    _run(row, request, tmp_path, by_steps=True)
