# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""Rate limits of bots on Telegram: for what comes in, and for what is sent."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, Final, TypeVar, overload

from .adapted import adapt
from .core.limits import Limit
from .core.targets import Subject, Target
from .core.telegram import (
    ALL,
    Chat,
    Limited,
    addressed,
    check_attempts,
    check_pause,
    inbound_limits,
    is_from_group,
    is_group,
    listed,
    margin_ms,
    outbound_limits,
    retry_after,
    subject,
)
from .core.turns import patience
from .core.verdicts import Told, Verdict
from .errors import OutcomeUnknownError, UnavailableError
from .guarding import OnError
from .keylock import KeyLock
from .limiter import RateLimiter
from .rooms import Adaptable
from .runtime import Answer, Runtime, callback, monotonic
from .slots import limited_error

__all__ = ["Inbound", "Outbound", "inbound"]

T = TypeVar("T")

MARGIN: Final = 0.03
"""By how many seconds two messages may come nearer to each other on their way, unless told."""

_log = logging.getLogger("storage")


def inbound(
    store: Adaptable,
    *,
    private: Limited = "1/s",
    group: Limited = "20/min",
    key: Callable[[Any], Answer[Subject | None]] | None = None,
    answer: Callable[[Any, Verdict], Answer[Any]] | None = None,
    strict: bool = False,
    name: str = "inbound",
    on_error: OnError = "raise",
    budget: float | timedelta | None = None,
    workers: int = 1,
    remember: float | timedelta = 1.0,
) -> Inbound:
    """Flood control of updates: in groups and supergroups the limits are those of a *group*, and
    elsewhere the *private* ones.

    They are counted for each user of each chat, or for what *key* finds in an event; one that has
    no key passes, unless this is *strict*. *answer* is called with the event and the verdict for
    the first one that is refused in a window, by whichever worker; the others are dropped without
    a word. What has another *name* is counted apart. The rest is what a `RateLimiter` takes.
    """
    base = adapt(store)
    limited = partial(
        RateLimiter,
        base,
        on_error=on_error,
        budget=budget,
        workers=workers,
        remember=remember,
        tells_once=True,
    )
    return Inbound(
        limited(*inbound_limits("private", private, name)),
        limited(*inbound_limits("group", group, name)),
        subject if key is None else callback(key, "key"),
        None if answer is None else callback(answer, "answer"),
        strict,
    )


class Inbound:
    """Flood control of updates; see `inbound`."""

    def __init__(
        self,
        private: RateLimiter,
        group: RateLimiter,
        key: Callable[[Any], Answer[Subject | None]],
        answer: Callable[[Any, Verdict], Answer[Any]] | None,
        strict: bool,
    ) -> None:
        self._runtime = Runtime()
        self._private = _Way(private)
        self._group = _Way(group)
        self._label = private._label
        self._key = key
        self._answer = answer
        self._strict = strict

    def check(self, event: Any) -> Verdict:
        """Count *event*, if it may pass, and say whether it does; nobody is answered."""
        way = self._group if is_from_group(event) else self._private
        key = self._runtime.call(self._key, event)
        if key is None:
            return Told(not self._strict, Target(way.limits, ()), 1, None)
        return way._limiter.hit(key)

    def passes(self, event: Any) -> bool:
        """Whether *event* passes; who is the first to be refused in a window is answered."""
        verdict = self.check(event)
        if not verdict and verdict.is_first_refusal and self._answer is not None:
            self._runtime.call(self._answer, event, verdict)
        return verdict.allowed

    @overload
    def run(
        self, event: Any, handler: Callable[..., Awaitable[T]], /, *args: Any, **named: Any
    ) -> T | None: ...

    @overload
    def run(
        self, event: Any, handler: Callable[..., T], /, *args: Any, **named: Any
    ) -> T | None: ...

    def run(
        self, event: Any, handler: Callable[..., Answer[Any]], /, *args: Any, **named: Any
    ) -> Any:
        """Call *handler* with *event* and what else it is to get, if the event passes."""
        callback(handler, "handler")
        passes = self.passes(event)
        if not passes:
            return None
        return self._runtime.call(partial(handler, event, *args, **named))

    def __repr__(self) -> str:
        limits = f"{listed(self._private.limits)}, in groups {listed(self._group.limits)}"
        return f"<{type(self).__name__} of {self._label}: {limits}>"


class Outbound:
    """What a bot may send: so much *overall*, in each *chat*, and in each *group* or channel.

    All that share the *store* count together, and no stretch of time ever holds more. Windows are
    longer by *margin* seconds, which is by how much messages may catch up on their way. Who waits
    for a chat does so in the order of asking within a process, for *timeout* seconds at the most,
    and keeps nobody from other chats waiting. A refusal of Telegram pauses the chat for everybody,
    and what was refused is sent first after that, in so many *attempts* at the most.
    *on_error*, *budget* and *workers* are those of a `RateLimiter`.
    """

    def __init__(
        self,
        store: Adaptable,
        *,
        overall: Limited = "30/s",
        chat: Limited = "1/s",
        group: Limited = "20/min",
        margin: float | timedelta = MARGIN,
        attempts: int = 3,
        timeout: float | timedelta | None = None,
        on_error: OnError = "raise",
        budget: float | timedelta | None = None,
        workers: int = 1,
    ) -> None:
        check_attempts(attempts)
        base = adapt(store)
        at_all = outbound_limits("overall", overall, ALL, margin)
        in_chat = (*at_all, *outbound_limits("chat", chat, "chat:{chat}", margin))
        in_group = (*in_chat, *outbound_limits("group", group, "group:{chat}", margin))
        limited = partial(RateLimiter, base, on_error=on_error, budget=budget, workers=workers)
        self._all = limited(*at_all)
        self._private = limited(*in_chat)
        self._group = limited(*in_group)
        self._label = base._layers.label
        self._keys = KeyLock(self._label, patient=True)
        self._runtime = Runtime()
        self._longer = margin_ms(margin)
        self._attempts = attempts
        self._timeout = patience(timeout, "timeout")
        self._raises = on_error == "raise"

    @overload
    def send(
        self, chat: Chat | None, function: Callable[..., Awaitable[T]], /, *args: Any, **named: Any
    ) -> T: ...

    @overload
    def send(
        self, chat: Chat | None, function: Callable[..., T], /, *args: Any, **named: Any
    ) -> T: ...

    def send(
        self, chat: Chat | None, function: Callable[..., Answer[Any]], /, *args: Any, **named: Any
    ) -> Any:
        """Call *function* with the arguments as soon as something may be sent to *chat*; for what
        goes to no chat say `None`.

        Where it raises an error with `retry_after`, or with an `error_code` of 429, the chat is
        paused and the function called again. An error that is left after all attempts, or that
        names a time which is too long to wait, is raised. `RateLimitedError` says that it did not
        come to be called in time.
        """
        callback(function, "function")
        way, end = self._way(chat), self._end()
        verdict = self._in_line(way, end)
        if not verdict:
            raise limited_error(verdict, self._label)
        attempt = 1
        while True:
            try:
                return self._runtime.call(partial(function, *args, **named))
            except Exception as error:
                seconds = retry_after(error)
                if seconds is None:
                    raise
                unpaused = self._paused(way, seconds)
                attempt += 1
                if attempt > self._attempts or monotonic() + unpaused > end:
                    raise
                verdict = self._again(way, end, unpaused)
                if not verdict:
                    raise

    def wait(self, chat: Chat | None, timeout: float | timedelta | None = None) -> Verdict:
        """Wait until something may be sent to *chat*, which is counted then.

        Who says a *timeout* stands in no line, and hears no at once where it can not be met.
        """
        way = self._way(chat)
        if timeout is None:
            return self._in_line(way, self._end())
        return way._limiter.acquire(timeout=timeout, **way.values)

    def pause(self, chat: Chat | None, seconds: float | timedelta) -> None:
        """Send nothing to *chat* for so many *seconds*, whoever wants to; for `None` to nobody."""
        way = self._way(chat)
        check_pause(seconds)
        way._limiter.block(seconds=seconds, **way.values)

    def __repr__(self) -> str:
        limits = listed(self._group.limits, self._longer)
        return f"<{type(self).__name__} of {self._label}: {limits}>"

    def _in_line(self, way: _Way, end: float) -> Verdict:
        """Wait behind those of this process who were here before for the same chat."""
        with self._keys.hold(f"line {way.name}"):
            while True:
                with self._keys.hold(f"head {way.name}"):
                    verdict = self._asked(way, end)
                if verdict or _is_hopeless(verdict, end):
                    return verdict
                self._runtime.sleep(verdict.retry_after)

    def _again(self, way: _Way, end: float, unpaused: float) -> Verdict:
        """Wait before those who stand in line, and at first for a pause that nobody knows of."""
        with self._keys.hold(f"head {way.name}"):
            self._runtime.sleep(unpaused)
            while True:
                verdict = self._asked(way, end)
                if verdict or _is_hopeless(verdict, end):
                    return verdict
                self._runtime.sleep(verdict.retry_after)

    def _asked(self, way: _Way, end: float) -> Verdict:
        """Ask whether it may be sent; where only all chats together are too many, wait for that.

        One at a time does so, which keeps the others from asking all at once, and in order.
        """
        with self._keys.hold(ALL):
            while True:
                verdict = way._limiter.hit(**way.values)
                limit = verdict.refused_by
                if limit is None or limit.key != ALL or _is_hopeless(verdict, end):
                    return verdict
                self._runtime.sleep(verdict.retry_after)

    def _paused(self, way: _Way, seconds: float) -> float:
        """Pause a chat for everybody; answers how long to wait where they can not be told."""
        try:
            way._limiter.block(seconds=seconds, **way.values)
        except (UnavailableError, OutcomeUnknownError) as error:
            if self._raises:
                raise
            _log.warning("%s: a pause was not stored: %s", self._label, error)
            return seconds
        return 0

    def _way(self, chat: Chat | None) -> _Way:
        if chat is None:
            return _Way(self._all, ALL, {})
        address = addressed(chat)
        limiter = self._group if is_group(address) else self._private
        return _Way(limiter, address, {"chat": address})

    def _end(self) -> float:
        """When who comes now has waited for too long."""
        return math.inf if self._timeout is None else monotonic() + self._timeout


class _Way:
    """A *limiter*, and with which *values* it is asked for what is called by a *name*."""

    __slots__ = ("_limiter", "name", "values")

    def __init__(
        self, limiter: RateLimiter, name: str = "", values: Mapping[str, Any] = {}
    ) -> None:
        self._limiter = limiter
        self.name = name
        self.values = values

    @property
    def limits(self) -> tuple[Limit, ...]:
        """What is counted."""
        return self._limiter.limits


def _is_hopeless(verdict: Verdict, end: float) -> bool:
    """Whether it makes no sense to wait: nobody has decided, or it would be too late."""
    return verdict.refused_by is None or monotonic() + verdict.retry_after > end
