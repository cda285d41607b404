# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""Rate limits: what may pass, counted in one step for any number of limits."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, Final, NamedTuple, TypeVar

from .adapted import adapt
from .breakers import BREAKERS
from .core.denials import Denials, note, remembering
from .core.limits import Limit, limits_of
from .core.targets import Subject, Target, Targets
from .core.turns import patience
from .core.verdicts import Denied, Simple, Told, Verdict, explained, refundable
from .errors import ConfigurationError, StorageError, UnavailableError
from .guarding import Guarded, OnError, check_policy
from .keys import several
from .limited import Limits
from .metering import limits_of_store
from .offers import Clocked, QuickMeters, offered_or_none
from .protocols import RateLimitStore
from .records import Ask
from .rooms import Adaptable
from .runtime import Answer, Runtime, monotonic, mutex
from .slots import Slot, SlotRoom, Slots
from .tracing import DEBUG
from .tracing import known as is_quiet
from .ttl import default_span

F = TypeVar("F", bound=Callable[..., Any])

_log = logging.getLogger("storage")

BUDGET: Final = 0.05
"""How many seconds a check may take over a connection that is there."""

_FOREVER: Final = 2**51

_ONE: Final = 1

Who = Subject | Mapping[str, Subject]
"""Whom limits are for, or what fills in the templates of their keys."""


class _Place(NamedTuple):
    """A moment that was reserved."""

    target: Target
    cost: int
    at: int
    is_local: bool
    """Whether it was reserved in this process, where the store did not answer."""
    pid: int


class RateLimiter:
    """*limits* whose hits are counted in *store*, by everybody who uses it.

    Where there are several, something passes by all of them or by none. A refusal is remembered
    for *remember* seconds at the most, and answered without asking the store. While the store does
    not answer, *on_error* says what holds; a check takes *budget* seconds at the most then, and
    the time to connect, and with `"local"` each of so many *workers* counts its share by itself.
    A limiter that *tells_once* says of a refusal whether it is the first in its window.
    """

    def __init__(
        self,
        store: Adaptable,
        *limits: Limit | str,
        on_error: OnError = "raise",
        budget: float | timedelta | None = None,
        workers: int = 1,
        remember: float | timedelta = 1.0,
        tells_once: bool = False,
    ) -> None:
        check_policy(on_error, workers)
        chosen = limits_of(limits)
        seconds = BUDGET if budget is None and on_error != "raise" else patience(budget, "budget")
        if seconds == 0:
            raise ValueError("budget must be positive: in no time nothing can be decided")
        self._base = adapt(store)
        self._label = self._base._layers.label
        self._targets = Targets(chosen, self._label)
        self._room: RateLimitStore = limits_of_store(self._base)
        self._guard = Guarded(
            self._room, BREAKERS.of(self._base._backend), on_error, chosen, workers
        )
        self._runtime = Runtime()
        self._claiming = mutex()
        self._slots = Slots()
        self._ask = Ask(1, "", tells_once, seconds)
        self._remember = remembering(remember)
        self._known: Denials = {}
        names = self._base._layers.names
        in_memory = offered_or_none(self._base._backend, QuickMeters, names)
        self._quick: Callable[[Any], Any] | None = None
        if in_memory is not None and len(chosen) == 1 and not self._targets.fields:
            self._quick = in_memory.quick(self._targets.rules[0], Simple, self._targets)
        clocked = offered_or_none(self._base._backend, Clocked, names)
        self._now_ms: Callable[[], float] | None = None if clocked is None else clocked.now_ms

    def __repr__(self) -> str:
        return f"<RateLimiter of {self._label}: {', '.join(map(str, self.limits))}>"

    @property
    def limits(self) -> tuple[Limit, ...]:
        """What is counted."""
        return self._targets.limits

    def hit(self, key: Subject | None = None, cost: int = 1, **values: Subject) -> Verdict:
        """Let *cost* pass for *key* now, if it may.

        *values* fill in the keys of limits that have a template.
        """
        known = self._known
        who = _who(key, values) if values and known else key
        since = 0.0
        try:
            if self._quick is not None and not values and cost is _ONE and is_quiet(DEBUG) is False:
                simple: Verdict | None = self._quick(who)
                if simple is not None:
                    return simple
            since = monotonic() * 1000 if self._now_ms is None else self._now_ms()
            denial = known.get(who) if known else None
            if denial is not None and denial.holds(who, cost, since):
                return Denied(denial, cost, since)
        except TypeError:  # what is no key, or no cost, is refused below
            pass
        ask = self._ask
        if cost is not _ONE:
            self._targets.check_cost(cost)
            ask = ask._replace(cost=cost)
        if self._targets.has_slots:
            self._refuse_slots()
        target = self._targets.of(key, values)
        passed, decision, error = self._guard.hit(target, ask)
        if not passed and decision is not None and error is None and self._remember:
            who = _who(key, values) if values else key
            note(known, who, target, cost, decision, since, self._remember)
        return Told(passed, target, cost, decision, error)

    def hit_many(self, whom: Iterable[Who], cost: int = 1) -> list[Verdict]:
        """Let *cost* pass for each of *whom* by itself, in one trip, and say so in their order.

        Each is a key, or a mapping that fills in the templates of keys.
        """
        self._targets.check_cost(cost)
        if isinstance(whom, Mapping):
            raise TypeError(
                "hit_many takes several keys, and a mapping fills in one: put it in a list"
            )
        targets = []
        for who in several(whom, "hit_many"):
            if isinstance(who, Mapping):
                targets.append(self._target(None, who))
            else:
                targets.append(self._target(who, {}))
        if not targets:
            return []
        outcomes = self._guard.ask_many(targets, self._ask._replace(cost=cost))
        return [
            Told(passed, target, cost, decision, error)
            for target, (passed, decision, error) in zip(targets, outcomes)
        ]

    def peek(self, key: Subject | None = None, cost: int = 1, **values: Subject) -> Verdict:
        """What `hit` would say, and how it stands before that; nothing is counted."""
        self._targets.check_cost(cost)
        target = self._target(key, values, peeks=True)
        passed, decision, error = self._guard.ask("peek", target, self._ask._replace(cost=cost))
        return Told(passed, target, cost, decision, error)

    def acquire(
        self,
        key: Subject | None = None,
        cost: int = 1,
        timeout: float | timedelta | None = None,
        **values: Subject,
    ) -> Verdict:
        """Wait until *cost* may pass, in the order of asking, for *timeout* seconds at the most.

        Who would have to wait longer hears no at once, and nothing is counted. Who is interrupted
        gives the place back. Limits with several keys are asked again and again, in no order.
        """
        self._targets.check_cost(cost)
        target = self._target(key, values)
        seconds = patience(timeout, "timeout")
        ask = self._ask._replace(cost=cost, tell=False)
        if not target.is_one:
            return self._await(target, ask, math.inf if seconds is None else seconds)
        most = _FOREVER if seconds is None else int(min(seconds * 1_000_000, _FOREVER))
        pid = os.getpid()
        outcome, struck = self._runtime.entire(self._guard.ask, "reserve", target, ask, most)
        passed, decision, error = outcome
        if passed and decision is not None:
            place = _Place(target, cost, decision.at, error is not None, pid)
            self._wait(place, decision.at - decision.now, struck)
        elif struck is not None:
            raise struck
        return Told(passed, target, cost, decision, error)

    def refund(
        self, key: Subject | Verdict | None = None, cost: int = 1, **values: Subject
    ) -> None:
        """Give back what passed for nothing: a *verdict* that allowed it, or *cost* for a key.

        What counts no more is not given back. A verdict is so once, to the limiter that gave it.
        """
        if not isinstance(key, Verdict):
            self._targets.check_cost(cost)
            target = self._target(key, values)
            self._room.refund(target.meters, cost, 0)
        else:
            self._refund(key)
        self._forget()

    def block(
        self, key: Subject | None = None, seconds: float | timedelta = 60, **values: Subject
    ) -> None:
        """Let nothing pass for so many *seconds*, or for longer where that is so already.

        Of limits with templates these are the ones that *values* are enough for.
        """
        told = default_span(seconds, "seconds")
        if told is None:
            raise ValueError("a block must end by itself: say seconds or a timedelta")
        target = self._targets.known(key, values)
        self._room.block(target.meters, min(told * 1000, _FOREVER))
        self._forget()

    def reset(self, key: Subject | None = None, **values: Subject) -> None:
        """Forget what was counted and blocked.

        Of limits with templates these are the ones that *values* are enough for.
        """
        target = self._targets.known(key, values)
        self._room.reset(target.meters)
        self._forget()

    def slot(
        self,
        key: Subject | None = None,
        wait: float | timedelta | None = None,
        **values: Subject,
    ) -> Slot:
        """A `with` block that so many at the same time are in, for limits with `"slots"`.

        It waits for a slot for ever, or for *wait* seconds, after which it raises
        `RateLimitedError`; with 0 it does not wait. The slot is renewed while the block runs.
        """
        if not self._targets.has_slots:
            message = 'no limit here has slots: say Limit(3, per=60, algorithm="slots")'
            raise ConfigurationError(message, store=self._label)
        target = self._targets.of(key, values)
        room = SlotRoom(self._room, target, self._ask._replace(tell=False))
        return Slot(self._slots, room, self._label, patience(wait))

    def limited(
        self,
        function: None = None,
        /,
        *,
        key: Callable[..., Answer[Any]] | str | None = None,
        cost: int = 1,
        on_limit: Callable[..., Answer[Any]] | None = None,
    ) -> Callable[[F], F]:
        """A decorator of functions that are called no more often than the limits say.

        *key* finds out for whom in what the function is called with, or names the argument that it
        is; without one, arguments fill in templates. What is refused raises `RateLimitedError`, or
        calls *on_limit* with the verdict and the same arguments.
        """
        if function is not None:
            raise TypeError("write it with parentheses: @limiter.limited(key=...)")
        self._targets.check_cost(cost)
        self._refuse_slots()
        return Limits(self, self._targets, self._label, key, cost, on_limit).decorate

    def explain(self, key: Subject | None = None, **values: Subject) -> str:
        """How the limits stand, in words."""
        target = self._target(key, values, peeks=True)
        decision = self._room.peek(target.meters, self._ask)
        return explained(target, decision)

    def _refund(self, verdict: Verdict) -> None:
        """Give back what a *verdict* allowed, once, however many ask for that."""
        with self._claiming:
            passed = refundable(verdict, self._targets)
        if passed is None:
            return
        try:
            self._room.refund(passed.target.meters, passed.cost, passed.at)
        except UnavailableError:
            verdict._note_refund(False)
            raise

    def _await(self, target: Target, ask: Ask, seconds: float) -> Verdict:
        """Ask again and again, whenever it may pass."""
        end = monotonic() + seconds
        while True:
            passed, decision, error = self._guard.ask("hit", target, ask)
            verdict = Told(passed, target, ask.cost, decision, error)
            pause = verdict.retry_after
            if passed or decision is None or monotonic() + pause > end:
                return verdict
            self._runtime.sleep(pause)

    def _wait(self, place: _Place, time: int, struck: BaseException | None) -> None:
        """Wait for what was reserved, unless something *struck* meanwhile."""
        try:
            if struck is not None:
                raise struck
            if time > 0:
                self._runtime.sleep(time / 1_000_000)
        except BaseException:
            self._give_back(place)
            raise

    def _give_back(self, place: _Place) -> None:
        """Give back a moment; what does not arrive is not used by anybody."""
        if place.pid != os.getpid():  # it is of the process that this one was forked from
            return
        told = place.target, place.cost, place.at, place.is_local
        try:
            self._runtime.finish_once(self._guard.give_back, *told)
        except StorageError as error:
            _log.warning("%s: a reserved moment was not given back: %s", self._label, error)
        self._forget()

    def _target(
        self, key: Subject | None, values: Mapping[str, Subject], *, peeks: bool = False
    ) -> Target:
        if not peeks:
            self._refuse_slots()
        return self._targets.of(key, values)

    def _refuse_slots(self) -> None:
        if self._targets.has_slots:
            message = "these limits have slots, which are held for a while: use slot()"
            raise ConfigurationError(message, store=self._label)

    def _forget(self) -> None:
        self._known = {}


def _who(key: Subject | None, values: Mapping[str, Subject]) -> object:
    """Whom a refusal is for."""
    return key, *[(name, type(value), value) for name, value in sorted(values.items())]
