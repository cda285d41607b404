# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""What a limiter does when its store does not answer, or not in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

from .core.breaker import Breaker
from .core.limits import Limit
from .core.targets import Target
from .errors import (
    CorruptValueError,
    OutcomeUnknownError,
    StorageError,
    UnavailableError,
    WrongTypeError,
)
from .protocols import RateLimitStore
from .records import Ask, Decision, Meter
from .runtime import monotonic
from .stores import MemoryStorage

if TYPE_CHECKING:
    from .store import Storage

OnError = Literal["raise", "allow", "deny", "local"]
"""What holds while the store does not answer: an error, a yes, a no, or limits of this process."""

Outcome = tuple[bool, "Decision | None", "StorageError | None"]
"""Whether it passes, who decided, and why it was not the store."""

_FAILURES = (UnavailableError, OutcomeUnknownError)
_BAD_ANSWERS = (CorruptValueError, WrongTypeError)


def check_policy(on_error: OnError, workers: int) -> None:
    """Refuse what is no policy."""
    if on_error not in get_args(OnError):
        known = ", ".join(map(repr, get_args(OnError)))
        raise ValueError(f"on_error must be one of {known}, not {on_error!r}")
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise ValueError(f"workers must be an int of at least 1, not {workers!r}")


class Guarded:
    """The *room* of a limiter's limits, which is asked where the *breaker* lets it.

    A hit is never sent twice: one whose outcome nobody knows counts as spent.
    """

    def __init__(
        self,
        room: RateLimitStore,
        breaker: Breaker,
        on_error: OnError,
        limits: Sequence[Limit],
        workers: int,
    ) -> None:
        self._room = room
        self._breaker = breaker
        self._on_error = on_error
        self._local: RateLimitStore | None = None
        self._base: Storage[Any] | None = None
        if on_error == "local":
            # Who has a share of each limit counts in memory, which all workers do at the same time.
            self._base = MemoryStorage()
            self._local = self._base.room(RateLimitStore)
            self._shares = {limit: _share(limit, workers) for limit in limits}

    def hit(self, target: Target, ask: Ask) -> Outcome:
        """The outcome of a hit: while the store works, with nothing but to ask it."""
        if self._breaker.pause:
            return self.ask("hit", target, ask)
        asked = monotonic()
        try:
            decision = self._room.hit(target.meters, ask)
        except _FAILURES as error:
            return self._failed(error, asked, "hit", target, ask, 0)
        if self._breaker.pause:
            self._breaker.worked()
        return decision.passed, decision, None

    def ask(self, what: str, target: Target, ask: Ask, patience: int = 0) -> Outcome:
        """The outcome of *what*, which is a `"hit"`, a `"peek"` or to `"reserve"`."""
        raises, asked = self._on_error == "raise", monotonic()
        if not raises and not self._breaker.lets_ask(asked):
            message = "the store did not answer a moment ago, and was not asked"
            return self._otherwise(what, target, ask, patience, UnavailableError(message))
        try:
            decision = self._asked(what, target.meters, ask, patience)
        except _BAD_ANSWERS:
            self._breaker.worked()
            raise
        except _FAILURES as error:
            return self._failed(error, asked, what, target, ask, patience)
        self._breaker.worked()
        return decision.passed, decision, None

    def ask_many(self, targets: Sequence[Target], ask: Ask) -> list[Outcome]:
        """The outcomes of hits for each of *targets*."""
        raises, asked = self._on_error == "raise", monotonic()
        error: StorageError = UnavailableError("the store did not answer a moment ago")
        if raises or self._breaker.lets_ask(asked):
            try:
                decisions = self._room.hit_many([target.meters for target in targets], ask)
            except _BAD_ANSWERS:
                self._breaker.worked()
                raise
            except _FAILURES as failure:
                self._breaker.failed(asked, monotonic())
                error = _spent(failure)
                if raises:
                    raise error from failure
            else:
                self._breaker.worked()
                return [(decision.passed, decision, None) for decision in decisions]
        outcomes = []
        for target in targets:
            outcome = self._otherwise("hit", target, ask, 0, error)
            outcomes.append(outcome)
        return outcomes

    def give_back(self, target: Target, cost: int, when: int, is_local: bool) -> None:
        """Give back a moment to where it was reserved."""
        if not is_local:
            self._room.refund(target.meters, cost, when)
        elif self._local is not None:
            meters, share = self._shared(target, Ask(cost))
            self._local.refund(meters, share.cost, when)

    def _asked(self, what: str, meters: Sequence[Meter], ask: Ask, patience: int) -> Decision:
        if what == "hit":
            return self._room.hit(meters, ask)
        if what == "peek":
            return self._room.peek(meters, ask)
        return self._room.reserve(meters, ask, patience)

    def _failed(
        self,
        error: StorageError,
        asked: float,
        what: str,
        target: Target,
        ask: Ask,
        patience: int,
    ) -> Outcome:
        """What holds after an *error* of the store, which was *asked* then."""
        self._breaker.failed(asked, monotonic())
        told = _spent(error) if what != "peek" else error
        if self._on_error == "raise":
            raise told from error
        return self._otherwise(what, target, ask, patience, told)

    def _otherwise(
        self, what: str, target: Target, ask: Ask, patience: int, error: StorageError
    ) -> Outcome:
        """What holds without the store."""
        if self._local is None:
            return self._on_error == "allow", None, error
        meters, ask = self._shared(target, ask)
        if what == "hit":
            decision = self._local.hit(meters, ask)
        elif what == "peek":
            decision = self._local.peek(meters, ask)
        else:
            decision = self._local.reserve(meters, ask, patience)
        return decision.passed, decision, error

    def _shared(self, target: Target, ask: Ask) -> tuple[list[Meter], Ask]:
        """The meters of this process for those of *target*, and what may be asked of them."""
        shares = [self._shares[limit] for limit in target.limits]
        meters = [Meter(rule, meter.key) for rule, meter in zip(shares, target.meters)]
        return meters, ask._replace(cost=min(ask.cost, *(rule.most for rule in shares)))


def _share(limit: Limit, workers: int) -> Any:
    """What one of so many *workers* may use of *limit*, when they do not know of each other."""
    hits, burst = max(1, limit.hits // workers), max(1, limit.burst // workers)
    # What can not be divided comes less often.
    per_ms = limit.per_ms if limit.hits >= workers else limit.per_ms * -(-workers // limit.hits)
    return limit._replace(hits=hits, burst=burst, per_ms=per_ms).rule


def _spent(error: StorageError) -> StorageError:
    """*error*, which says more where a hit may have been counted."""
    if isinstance(error, OutcomeUnknownError):
        told = f"{error.args[0]}: it counts as spent"
        return OutcomeUnknownError(told, store=error.store, key=error.key)
    return error
