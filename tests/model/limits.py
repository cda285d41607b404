"""What rate limits do, by the one transition: the model of test_limit_machine.py."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from storage.core.algorithms import Log, Rule, Slots
from storage.core.meters import packed, unpacked
from storage.core.window import Place, State, bar, ends, give_back, held, hit, peek, reserve
from storage.records import Ask, Decision, Meter

Names = tuple[tuple[str, str], ...]


class Model:
    """The meters as the transition has them.

    One that *forgets* does not know what counts no more, to so many microseconds, as if it was not
    there; that is no other limit, but another time where a clock goes back.
    """

    def __init__(self, *, forgets: int = 0) -> None:
        self.forgets = forgets
        self.states: dict[tuple[str, str], State] = {}
        self.places: dict[Names, list[Place]] = {}

    def of(self, meters: Sequence[Meter], clock: int) -> list[State | None]:
        """What is kept; a copy, for the moments of a log may change where they stand."""
        found = []
        for meter in meters:
            rule, state = meter.rule, self.states.get(name_of(meter))
            if state is not None and self.forgets:
                over = -(-ends(rule, state) // self.forgets) * self.forgets
                state = None if over <= clock else state
            found.append(None if state is None else unpacked(rule, packed(rule, state)))
        return found

    def put(self, meters: Sequence[Meter], states: Sequence[State | None] | None) -> None:
        for meter, state in zip(meters, states or ()):
            if state is not None:
                self.states[name_of(meter)] = state

    def copy(self) -> Model:
        made = Model(forgets=self.forgets)
        made.states, made.places = dict(self.states), dict(self.places)
        return made

    def hit(self, clock: int, meters: Sequence[Meter], ask: Ask) -> Decision:
        told, after = hit(
            rules_of(meters),
            self.of(meters, clock),
            clock,
            ask.cost,
            token=ask.token,
            tell=ask.tell,
        )
        self.put(meters, after)
        return told

    def peek(self, clock: int, meters: Sequence[Meter], ask: Ask) -> Decision:
        return peek(rules_of(meters), self.of(meters, clock), clock, ask.cost)

    def reserve(self, clock: int, meters: Sequence[Meter], ask: Ask, patience: int) -> Decision:
        group = names_of(meters)
        places = self.places.get(group, [])
        told, after, self.places[group] = reserve(
            rules_of(meters), self.of(meters, clock), places, clock, ask.cost, patience
        )
        self.put(meters, after)
        return told

    def refund(self, clock: int, meters: Sequence[Meter], cost: int, when: int) -> None:
        group = names_of(meters)
        places = self.places.get(group, [])
        after, self.places[group] = give_back(
            rules_of(meters), self.of(meters, clock), places, clock, cost, when
        )
        self.put(meters, after)

    def block(self, clock: int, meters: Sequence[Meter], span: int) -> None:
        states = self.of(meters, clock)
        self.put(meters, [bar(one.rule, state, clock, span) for one, state in zip(meters, states)])

    def reset(self, clock: int, meters: Sequence[Meter]) -> None:
        self.places.pop(names_of(meters), None)
        for meter in meters:
            self.states.pop(name_of(meter), None)

    def renew(self, clock: int, meters: Sequence[Meter], token: str) -> bool:
        return self._hold(clock, meters, token, [meter.rule.per for meter in meters])

    def release(self, clock: int, meters: Sequence[Meter], token: str) -> bool:
        return self._hold(clock, meters, token, [None] * len(meters))

    def _hold(
        self, clock: int, meters: Sequence[Meter], token: str, spans: Sequence[int | None]
    ) -> bool:
        states = self.of(meters, clock)
        after = [held(state, clock, token, span) for state, span in zip(states, spans)]
        self.put(meters, after)
        return all(one is not None for one in after)


def rules_of(meters: Sequence[Meter]) -> list[Rule]:
    return [meter.rule for meter in meters]


def name_of(meter: Meter) -> tuple[str, str]:
    return meter.rule.stored, meter.key


def names_of(meters: Sequence[Meter]) -> Names:
    return tuple(map(name_of, meters))


def counting(rule: Rule, state: State) -> State:
    """A state without what counts no more in it."""
    barred, told = (end if end > state.seen else 0 for end in (state.barred, state.told))
    state = state._replace(barred=barred, told=told)
    if isinstance(rule, Slots):
        alive = tuple(holder for holder in state.more if holder.until > state.seen)
        return state._replace(kept=(0, 0, 0), more=alive)
    if not isinstance(rule, Log):
        return state
    first, last = state.kept[1], state.kept[0]
    moments = array("d", [state.more[n % len(state.more)] for n in range(first, last)])
    return state._replace(kept=(last - first, 0, 0), more=moments)
