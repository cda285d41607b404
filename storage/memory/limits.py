"""Rate limits in memory: what is kept of each meter, under one lock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..core.meters import name_of, name_of_places
from ..core.window import Place, State, bar, ends, give_back, held, hit, peek, reserve
from ..errors import ClosedError
from ..keys import Names
from ..records import Ask, Decision, Meter
from ..runtime import Lock, after_fork, mutex
from ..ttl import Clock

_FEW: Final = 1024


class Meters:
    """The meters of one backend, by name."""

    def __init__(self, label: str, clock: Clock) -> None:
        self._label = label
        self._clock = clock
        self.lock: Lock = mutex()
        self.states: dict[str, tuple[State, int]] = {}
        """What is kept, and when it counts no more."""
        self.places: dict[str, list[Place]] = {}
        self._most = _FEW
        self._closed = False
        after_fork(self, Meters._unlock)

    def now(self) -> int:
        """The time by the clock of the backend; refuses to be used after `close`."""
        if self._closed:
            raise ClosedError("the store is closed", store=self._label)
        return round(self._clock() * 1_000_000)

    def state(self, name: str, now: int) -> State | None:
        """What is kept of a meter, if it counts still."""
        found = self.states.get(name)
        return None if found is None or found[1] <= now else found[0]

    def keep(self, name: str, meter: Meter, state: State, now: int) -> None:
        """Keep it for as long as it counts."""
        self.states[name] = (state, ends(meter.rule, state))
        if len(self.states) > self._most:
            self._drop(now)

    def close(self) -> None:
        """Forget all."""
        with self.lock:
            self._closed = True
            self.states, self.places = {}, {}

    def _drop(self, now: int) -> None:
        """Free what counts no more, as often as there is twice as much as was left last time."""
        self.states = {name: kept for name, kept in self.states.items() if kept[1] > now}
        self.places = {name: left for name, left in self.places.items() if left[-1][0] > now}
        self._most = 2 * len(self.states) + _FEW

    def _unlock(self) -> None:
        self.lock = mutex()


class MemoryLimits:
    """The *meters* whose keys are called by *names*."""

    def __init__(self, meters: Meters, names: Names) -> None:
        self._meters = meters
        self._names = names

    def hit(self, meters: Sequence[Meter], ask: Ask) -> Decision:
        names = [name_of(self._names, meter) for meter in meters]
        rules = [meter.rule for meter in meters]
        with self._meters.lock:
            now = self._meters.now()
            decision, after = hit(
                rules, self._states(names, now), now, ask.cost, token=ask.token, tell=ask.tell
            )
            self._keep(names, meters, after, now)
        return decision

    def hit_many(self, groups: Sequence[Sequence[Meter]], ask: Ask) -> Sequence[Decision]:
        return [self.hit(meters, ask) for meters in groups]

    def peek(self, meters: Sequence[Meter], ask: Ask) -> Decision:
        names = [name_of(self._names, meter) for meter in meters]
        with self._meters.lock:
            now = self._meters.now()
            states = self._states(names, now)
            return peek([meter.rule for meter in meters], states, now, ask.cost)

    def reserve(self, meters: Sequence[Meter], ask: Ask, patience: int) -> Decision:
        names = [name_of(self._names, meter) for meter in meters]
        called = name_of_places(self._names, meters)
        rules = [meter.rule for meter in meters]
        with self._meters.lock:
            now = self._meters.now()
            places = self._meters.places.pop(called, [])
            states = self._states(names, now)
            decision, after, left = reserve(rules, states, places, now, ask.cost, patience)
            self._keep(names, meters, after, now)
            if left:
                self._meters.places[called] = left
        return decision

    def refund(self, meters: Sequence[Meter], cost: int, when: int) -> None:
        names = [name_of(self._names, meter) for meter in meters]
        called = name_of_places(self._names, meters)
        rules = [meter.rule for meter in meters]
        with self._meters.lock:
            now = self._meters.now()
            places = self._meters.places.pop(called, [])
            states = self._states(names, now)
            given, left = give_back(rules, states, places, now, cost, when)
            self._keep(names, meters, given, now)
            if left:
                self._meters.places[called] = left

    def block(self, meters: Sequence[Meter], span: int) -> None:
        names = [name_of(self._names, meter) for meter in meters]
        with self._meters.lock:
            now = self._meters.now()
            states = self._states(names, now)
            barred = [bar(meter.rule, one, now, span) for meter, one in zip(meters, states)]
            self._keep(names, meters, barred, now)

    def reset(self, meters: Sequence[Meter]) -> None:
        names = [name_of(self._names, meter) for meter in meters]
        called = name_of_places(self._names, meters)
        with self._meters.lock:
            self._meters.now()
            self._meters.places.pop(called, None)
            for name in names:
                self._meters.states.pop(name, None)

    def renew(self, meters: Sequence[Meter], token: str) -> bool:
        return self._held(meters, token, gives_back=False)

    def release(self, meters: Sequence[Meter], token: str) -> bool:
        return self._held(meters, token, gives_back=True)

    def _held(self, meters: Sequence[Meter], token: str, *, gives_back: bool) -> bool:
        names = [name_of(self._names, meter) for meter in meters]
        with self._meters.lock:
            now = self._meters.now()
            states = self._states(names, now)
            spans = [None if gives_back else meter.rule.per for meter in meters]
            after = [held(one, now, token, span) for one, span in zip(states, spans)]
            self._keep(names, meters, after, now)
        return all(one is not None for one in after)

    def _states(self, names: Sequence[str], now: int) -> list[State | None]:
        return [self._meters.state(name, now) for name in names]

    def _keep(
        self,
        names: Sequence[str],
        meters: Sequence[Meter],
        states: Sequence[State | None] | None,
        now: int,
    ) -> None:
        for name, meter, state in zip(names, meters, states or ()):
            if state is not None:
                self._meters.keep(name, meter, state, now)
