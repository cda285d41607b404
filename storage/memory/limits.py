"""Rate limits in memory: what is kept of each meter, under one lock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.meters import name_of_places
from ..core.window import State, bar, give_back, held, hit, peek, reserve
from ..keys import Names
from ..records import Ask, Decision, Meter
from .meters import Board, Make, Meters, Quick

Where = list[tuple[Board, str]]
"""Where each of some meters is kept, and by what key."""


class MemoryLimits:
    """The *meters* whose keys are called by *names*."""

    def __init__(self, meters: Meters, names: Names) -> None:
        self._meters = meters
        self._names = names

    def hit(self, meters: Sequence[Meter], ask: Ask) -> Decision:
        keys = self._keys(meters)
        rules = [meter.rule for meter in meters]
        with self._meters.lock:
            now, where = self._meters.now(), self._where(meters, keys)
            decision, after = hit(
                rules, _states(where, now), now, ask.cost, token=ask.token, tell=ask.tell
            )
            self._keep(where, after, now)
        return decision

    def hit_many(self, groups: Sequence[Sequence[Meter]], ask: Ask) -> Sequence[Decision]:
        return [self.hit(meters, ask) for meters in groups]

    def peek(self, meters: Sequence[Meter], ask: Ask) -> Decision:
        keys = self._keys(meters)
        with self._meters.lock:
            now, where = self._meters.now(), self._where(meters, keys)
            states = _states(where, now)
            return peek([meter.rule for meter in meters], states, now, ask.cost)

    def reserve(self, meters: Sequence[Meter], ask: Ask, patience: int) -> Decision:
        keys = self._keys(meters)
        called = name_of_places(self._names, meters)
        rules = [meter.rule for meter in meters]
        with self._meters.lock:
            now, where = self._meters.now(), self._where(meters, keys)
            places = self._meters.places.pop(called, [])
            states = _states(where, now)
            decision, after, left = reserve(rules, states, places, now, ask.cost, patience)
            self._keep(where, after, now)
            if left:
                self._meters.places[called] = left
        return decision

    def refund(self, meters: Sequence[Meter], cost: int, when: int) -> None:
        keys = self._keys(meters)
        called = name_of_places(self._names, meters)
        rules = [meter.rule for meter in meters]
        with self._meters.lock:
            now, where = self._meters.now(), self._where(meters, keys)
            places = self._meters.places.pop(called, [])
            states = _states(where, now)
            given, left = give_back(rules, states, places, now, cost, when)
            self._keep(where, given, now)
            if left:
                self._meters.places[called] = left

    def block(self, meters: Sequence[Meter], span: int) -> None:
        keys = self._keys(meters)
        with self._meters.lock:
            now, where = self._meters.now(), self._where(meters, keys)
            states = _states(where, now)
            barred = [bar(meter.rule, one, now, span) for meter, one in zip(meters, states)]
            self._keep(where, barred, now)

    def reset(self, meters: Sequence[Meter]) -> None:
        keys = self._keys(meters)
        called = name_of_places(self._names, meters)
        with self._meters.lock:
            self._meters.now()
            self._meters.places.pop(called, None)
            for board, key in self._where(meters, keys):
                board.kept.pop(key, None)

    def renew(self, meters: Sequence[Meter], token: str) -> bool:
        return self._held(meters, token, gives_back=False)

    def release(self, meters: Sequence[Meter], token: str) -> bool:
        return self._held(meters, token, gives_back=True)

    def _held(self, meters: Sequence[Meter], token: str, *, gives_back: bool) -> bool:
        keys = self._keys(meters)
        with self._meters.lock:
            now, where = self._meters.now(), self._where(meters, keys)
            states = _states(where, now)
            spans = [None if gives_back else meter.rule.per for meter in meters]
            after = [held(one, now, token, span) for one, span in zip(states, spans)]
            self._keep(where, after, now)
        return all(one is not None for one in after)

    def quick(self, rule: Any, make: Make, want: Any) -> Quick | None:
        """The quick way of one hit by *rule* for a key, if there is one."""
        names = self._names
        return None if names.verbatim else self._meters.quick(names.prefix, rule, make, want)

    def _keys(self, meters: Sequence[Meter]) -> list[str]:
        """By which keys meters are kept; refuses what is no key."""
        names = [self._names.name(meter.key) for meter in meters]
        return names if self._names.verbatim else [meter.key for meter in meters]

    def _where(self, meters: Sequence[Meter], keys: Sequence[str]) -> Where:
        prefix = "" if self._names.verbatim else self._names.prefix
        return [(self._meters.board(prefix, meter.rule), key) for meter, key in zip(meters, keys)]

    def _keep(self, where: Where, states: Sequence[State | None] | None, now: int) -> None:
        for (board, key), state in zip(where, states or ()):
            if state is not None:
                self._meters.keep(board, key, state, now)


def _states(where: Where, now: int) -> list[State | None]:
    return [board.state(key, now) for board, key in where]
