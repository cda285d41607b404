# Written by tools/mirror.py from storage/limited.py: change that file and run the tool.
"""Functions that are called no more often than limits say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from ..core.calls import Arguments
from ..core.targets import Targets
from .runtime import Answer, Runtime, callback, wrapped
from .slots import limited_error

if TYPE_CHECKING:
    from .limiter import RateLimiter

F = TypeVar("F", bound=Callable[..., Any])

Key = Callable[..., Answer[Any]] | str | None


class Limits:
    """What is said once of functions that are limited; see `RateLimiter.limited`."""

    def __init__(
        self,
        limiter: RateLimiter,
        targets: Targets,
        label: str,
        key: Key,
        cost: int,
        on_limit: Callable[..., Answer[Any]] | None,
    ) -> None:
        if callable(key):
            callback(key, "key")
        elif key is not None and not isinstance(key, str):
            kind = type(key).__name__
            raise TypeError(f"key must be a function or the name of an argument, not {kind}")
        elif (key is not None) != targets.wants_key:
            message = "for whom? say the key: a function, or the name of an argument"
            if key is not None:
                message = "these limits have keys of their own: the arguments fill them in"
            raise TypeError(message)
        self.limiter = limiter
        self.targets = targets
        self.label = label
        self.key: Any = key
        self.cost = cost
        self.on_limit: Callable[..., Any] | None = None
        if on_limit is not None:
            self.on_limit = callback(on_limit, "on_limit")

    def decorate(self, function: F) -> F:
        """*function*, limited."""
        callback(function)
        limited: F = wrapped(function, Limited(self, function))
        return limited


class Limited:
    """One function that is limited as *limits* say."""

    def __init__(self, limits: Limits, function: Callable[..., Any]) -> None:
        self._limiter = limits.limiter
        self._runtime = Runtime()
        self._limits = limits
        self._function = function
        self._find: Callable[..., Any] | None = None
        if callable(limits.key):
            self._find = limits.key
        else:
            names = [] if limits.key is None else [limits.key]
            self._arguments = Arguments(function, [*limits.targets.fields, *names])

    async def run(self, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Call the function, if it may be called."""
        limits = self._limits
        key: Any = None
        values: Mapping[str, Any] = {}
        if self._find is None:
            found = self._arguments.of(args, named)
            values = {name: found[name] for name in limits.targets.fields}
            key = None if limits.key is None else found[limits.key]
        else:
            whom = await self._runtime.call(partial(self._find, *args, **named))
            if isinstance(whom, Mapping):
                values = whom
            else:
                key = whom
        verdict = await self._limiter.hit(key, limits.cost, **values)
        if verdict:
            return await self._runtime.call(partial(self._function, *args, **named))
        if limits.on_limit is None:
            raise limited_error(verdict, limits.label)
        return await self._runtime.call(partial(limits.on_limit, verdict, *args, **named))
