# Written by tools/mirror.py from storage/compat/gramio_limits.py: change that file and run the tool.
"""GramIO's rate limits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from .. import stores
from ..adapted import adapt
from ...core.originals import GRAMIO, check_limit, seconds, window_ms
from ...core.rules import called, plain
from ...core.subjects import chat_of, keyed_by
from ..rooms import Adaptable
from ..runtime import Answer, Runtime, callback
from ..store import Storage
from .tallies import Tallies

Exceeded = Callable[[Any], Any]
"""What is told of an event that does not pass."""

_USER = keyed_by("user")


class RateLimits:
    """How often events may be handled, made by `rate_limit`.

    A *limit* of events passes in any *window* of seconds. Those of one user for the same *id*
    count together.
    """

    def __init__(
        self,
        storage: Storage[Any],
        key: Callable[[Any], str | int | None],
        on_limit_exceeded: Exceeded | None,
    ) -> None:
        self.storage: Storage[Any] = storage
        self._tally = Tallies(storage, GRAMIO)
        self._key = key
        self._exceeded = on_limit_exceeded
        self._runtime = Runtime()

    def key_of(self, event: Any, id: str = "default") -> str | None:
        """By which key an event counts, such as `rl:default:42`; `None` if it has none."""
        found = self._key(event)
        return None if found is None or found == "" else f"rl:{id}:{found}"

    async def check(
        self, event: Any, *, limit: int, window: float | timedelta, id: str = "default"
    ) -> int | None:
        """Count an event: `None` where it passes, or else in how many seconds one may.

        One without a key passes. Nobody is told.
        """
        most, span = check_limit(limit), window_ms(window)
        key = self.key_of(event, id)
        if key is None:
            return None
        stroke = await self._tally.hit(key, most, span)
        return None if stroke.passed else seconds(stroke.wait)

    async def allows(
        self,
        event: Any,
        *,
        limit: int,
        window: float | timedelta,
        id: str = "default",
        on_limit_exceeded: Exceeded | None = None,
    ) -> bool:
        """Count an event, and say whether it passes; of one that does not *on_limit_exceeded* is
        told, or else that of these limits."""
        told = self._exceeded if on_limit_exceeded is None else on_limit_exceeded
        if told is not None:
            callback(told, "on_limit_exceeded")
        wait = await self.check(event, limit=limit, window=window, id=id)
        if wait is not None and told is not None:
            await self._runtime.call(told, event)
        return wait is None

    async def run(
        self,
        event: Any,
        handler: Callable[[Any], Answer[Any]],
        *,
        limit: int,
        window: float | timedelta,
        id: str = "default",
        on_limit_exceeded: Exceeded | None = None,
    ) -> Any:
        """Count an event, and call *handler* with it where it passes; the rest is as for
        `allows`."""
        callback(handler, "handler")
        passes = await self.allows(
            event, limit=limit, window=window, id=id, on_limit_exceeded=on_limit_exceeded
        )
        return await self._runtime.call(handler, event) if passes else None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._tally.label}>"


def rate_limit(
    *,
    storage: Adaptable | None = None,
    key: Callable[[Any], str | int | None] | None = None,
    on_limit_exceeded: Exceeded | None = None,
) -> RateLimits:
    """The rate limits of GramIO's plugin, whose handlers say how often they are called.

    They are kept in *storage*, or in memory. Without *key* an event counts for its user, or for
    the channel that it was posted in.
    """
    find = _sender if key is None else plain("key", called("key", key))
    if on_limit_exceeded is not None:
        callback(on_limit_exceeded, "on_limit_exceeded")
    store = stores.MemoryStorage[Any]() if storage is None else adapt(storage)
    return RateLimits(store, find, on_limit_exceeded)


def _sender(event: Any) -> int | str | None:
    user = _USER(event)
    if user is not None:
        return user.user
    for name in ("channel_post", "edited_channel_post"):
        post = getattr(event, name, None)
        event = event if post is None else post
    chat = chat_of(event)
    found: int | str | None = getattr(chat, "id", None)
    return found if getattr(chat, "type", None) == "channel" else None
