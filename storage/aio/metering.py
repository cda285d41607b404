# Written by tools/mirror.py from storage/metering.py: change that file and run the tool.
"""Rate limits on a backend that has no room for them, step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..core.algorithms import Slots
from ..core.layers import MOST_ATTEMPTS
from ..core.meters import (
    name_of,
    name_of_places,
    packed,
    packed_places,
    unpacked,
    unpacked_places,
)
from ..core.window import (
    Place,
    State,
    bar,
    ends,
    give_back,
    held,
    hit,
    is_held,
    latest,
    peek,
    reserve,
)
from ..errors import ConflictError, CorruptValueError
from ..keys import Names
from ..offers import Clocked, Plain, check_atomic, offered_or_none
from .protocols import RateLimitStore
from ..records import DELETE, Ask, Decision, Deletion, Meter
from .runtime import Runtime, wall_clock

if TYPE_CHECKING:
    from .protocols import Backend
    from .store import Storage


class Found(NamedTuple):
    """What an entry is called, its bytes, and what they say of a meter if that counts still."""

    name: str
    raw: bytes | None
    state: State | None


class LimitsStepByStep:
    """The meters of *backend* that are called by *names*, an entry each.

    An entry is swapped for the very bytes that were read, or all is read again, so no hit is lost.
    Several meters are swapped one after the other: where somebody else was quicker with a later
    one, the earlier ones are given back, and all is decided anew. Until then others see as spent
    what is given back, and may be refused too early; nobody passes too early. What is interrupted
    in between, or fails there, stays spent.

    Where a backend keeps no lifetimes, the entries stay there when they count no more.
    """

    def __init__(self, backend: Backend, names: Names) -> None:
        plain: Any = offered_or_none(backend, Plain, names)
        self._backend: Backend = plain or backend
        self._names = names
        self._runtime = Runtime()
        self._clocked = offered_or_none(backend, Clocked, names)
        self._label = backend.label
        self._expires = self._backend.capabilities.expiry_ms is not None

    async def hit(self, meters: Sequence[Meter], ask: Ask) -> Decision:
        rules = [meter.rule for meter in meters]
        for attempt in range(MOST_ATTEMPTS):
            found = await self._read(meters)
            now, states = self._now(), [one.state for one in found]
            decision, after = hit(rules, states, now, ask.cost, token=ask.token, tell=ask.tell)
            done = await self._replaced(meters, found, after or (), ask, decision.at)
            if done:
                return decision
            await self._runtime.pause(attempt)
        raise self._busy(meters[0])

    async def hit_many(self, groups: Sequence[Sequence[Meter]], ask: Ask) -> Sequence[Decision]:
        decisions = []
        for meters in groups:
            decision = await self.hit(meters, ask)
            decisions.append(decision)
        return decisions

    async def peek(self, meters: Sequence[Meter], ask: Ask) -> Decision:
        found = await self._read(meters)
        states = [one.state for one in found]
        return peek([meter.rule for meter in meters], states, self._now(), ask.cost)

    async def reserve(self, meters: Sequence[Meter], ask: Ask, patience: int) -> Decision:
        rules = [meter.rule for meter in meters]
        for attempt in range(MOST_ATTEMPTS):
            kept, places = await self._places(meters)
            found = await self._read(meters)
            now, states = self._now(), [one.state for one in found]
            decision, after, left = reserve(rules, states, places, now, ask.cost, patience)
            if decision.passed and after is None:
                done = await self._put_places(kept, left)
            else:
                done = await self._replaced(meters, found, after or (), ask, decision.at)
            if done:
                return decision
            await self._runtime.pause(attempt)
        raise self._busy(meters[0])

    async def refund(self, meters: Sequence[Meter], cost: int, when: int) -> None:
        found = await self._read(meters)
        states = [one.state for one in found]
        now = latest(states, self._now())
        if when > now and not all(state is not None and state.at == when for state in states):
            if is_held(states, when):
                await self._leave_place(meters, (when, cost))
            return
        for meter in meters:
            await self._give_back(meter, now, cost, when)

    async def block(self, meters: Sequence[Meter], span: int) -> None:
        self._check(meters)
        for meter in meters:

            def barred(state: State | None, now: int, meter: Meter = meter) -> State | None:
                return bar(meter.rule, state, now, span)

            await self._changed(meter, barred)

    async def reset(self, meters: Sequence[Meter]) -> None:
        self._check(meters)
        await self._backend.remove(name_of_places(self._names, meters))
        for meter in meters:
            await self._backend.remove(name_of(self._names, meter))

    async def renew(self, meters: Sequence[Meter], token: str) -> bool:
        self._check(meters)
        had_all = True
        for meter in meters:
            had = await self._hold(meter, token, meter.rule.per)
            had_all = had_all and had
        return had_all

    async def release(self, meters: Sequence[Meter], token: str) -> bool:
        self._check(meters)
        had_all = True
        for meter in meters:
            had = await self._hold(meter, token, None)
            had_all = had_all and had
        return had_all

    async def _read(self, meters: Sequence[Meter]) -> list[Found]:
        found = []
        for meter in meters:
            name = name_of(self._names, meter)
            raw = await self._backend.read(name)
            found.append(Found(name, raw, self._state(meter, raw)))
        return found

    async def _replaced(
        self,
        meters: Sequence[Meter],
        found: Sequence[Found],
        after: Sequence[State],
        ask: Ask,
        when: int,
    ) -> bool:
        """Keep what is *after* in the place of what was *found*, all of it or nothing."""
        for number, state in enumerate(after):
            done = await self._put(meters[number], found[number], state)
            if not done:
                for meter, one, made in zip(meters, found, after[:number]):
                    await self._undo(meter, one, made, ask, when)
                return False
        return True

    async def _undo(self, meter: Meter, found: Found, made: State, ask: Ask, when: int) -> None:
        """Put back what was *found* where *made* is there; otherwise give back what was spent."""
        new = packed(meter.rule, made)
        old = DELETE if found.raw is None else found.raw
        if old == new:
            return
        done = await self._backend.swap(found.name, new, old, self._ms(meter, made))
        if done or when == 0:
            return
        if isinstance(meter.rule, Slots):
            await self._hold(meter, ask.token, None)
        else:
            await self._give_back(meter, 0, ask.cost, when)

    async def _give_back(self, meter: Meter, now: int, cost: int, when: int) -> None:
        def given(state: State | None, clock: int) -> State | None:
            after, _ = give_back([meter.rule], [state], [], max(now, clock), cost, when)
            return after[0]

        await self._changed(meter, given)

    def _check(self, meters: Sequence[Meter]) -> None:
        """Refuse what is no key before anything is done for the others."""
        for meter in meters:
            self._names.name(meter.key)

    async def _hold(self, meter: Meter, token: str, span: int | None) -> bool:
        return await self._changed(meter, lambda state, now: held(state, now, token, span))

    async def _changed(self, meter: Meter, change: Callable[[State | None, int], State | None]) -> bool:
        """Make a *change* of one meter; says whether there was one to make."""
        for attempt in range(MOST_ATTEMPTS):
            found = await self._read([meter])
            after = change(found[0].state, self._now())
            if after is None:
                return False
            done = await self._put(meter, found[0], after)
            if done:
                return True
            await self._runtime.pause(attempt)
        raise self._busy(meter)

    async def _put(self, meter: Meter, found: Found, state: State) -> bool:
        """Keep *state* where still stands what was *found*; says whether it does."""
        new = packed(meter.rule, state)
        if new == found.raw:
            return True
        return await self._swapped(found.name, found.raw, new, self._ms(meter, state))

    async def _places(self, meters: Sequence[Meter]) -> tuple[Found, list[Place]]:
        """The places that were given back."""
        name = name_of_places(self._names, meters)
        raw = await self._backend.read(name)
        try:
            places = [] if raw is None else unpacked_places(raw)
        except ValueError as error:
            raise self._corrupt(meters[0], error) from None
        return Found(name, raw, None), places

    async def _put_places(self, found: Found, left: Sequence[Place]) -> bool:
        """Keep the places that are *left* in the stead of those that were *found*."""
        if not left:
            return await self._swapped(found.name, found.raw, DELETE, None)
        ms = (left[-1][0] - self._now()) // 1000 + 1 if self._expires else None
        return await self._swapped(found.name, found.raw, packed_places(left), ms and max(1, ms))

    async def _leave_place(self, meters: Sequence[Meter], place: Place) -> None:
        for attempt in range(MOST_ATTEMPTS):
            kept, places = await self._places(meters)
            now = self._now()
            left = sorted([*(one for one in places if one[0] >= now), place])
            done = await self._put_places(kept, left)
            if done:
                return
            await self._runtime.pause(attempt)
        raise self._busy(meters[0])

    async def _swapped(self, name: str, old: bytes | None, new: bytes | Deletion, ms: int | None) -> bool:
        if old is not None:
            return await self._backend.swap(name, old, new, ms)
        if new is DELETE:
            return True
        return await self._backend.add(name, new, ms)

    def _state(self, meter: Meter, raw: bytes | None) -> State | None:
        """What is kept of a meter, if it counts still."""
        if raw is None:
            return None
        try:
            state = unpacked(meter.rule, raw)
        except ValueError as error:
            raise self._corrupt(meter, error) from None
        return None if ends(meter.rule, state) <= self._now() else state

    def _ms(self, meter: Meter, state: State) -> int | None:
        """How long *state* counts, for a backend that keeps lifetimes."""
        if not self._expires:
            return None
        return max(1, -((self._now() - ends(meter.rule, state)) // 1000))

    def _now(self) -> int:
        if self._clocked is None:
            return round(wall_clock() * 1_000_000)
        return self._clocked.now_ms() * 1000

    def _corrupt(self, meter: Meter, error: ValueError) -> CorruptValueError:
        message = f"what is kept of a limit can not be read, until a reset: {error}"
        return CorruptValueError(message, store=self._label, key=meter.key)

    def _busy(self, meter: Meter) -> ConflictError:
        message = f"gave up after {MOST_ATTEMPTS} conflicting changes"
        return ConflictError(message, store=self._label, key=meter.key)


def limits_of_store(store: Storage[Any]) -> RateLimitStore:
    """The rate limits of *store*: in the room for them, or step by step."""
    backend, names = store._backend, store._layers.names
    native = offered_or_none(backend, RateLimitStore, names)
    if native is None:
        check_atomic(backend, "rate limits")
    return LimitsStepByStep(backend, names) if native is None else native
