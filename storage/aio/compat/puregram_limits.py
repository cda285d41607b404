# Written by tools/mirror.py from storage/compat/puregram_limits.py: change that file and run the tool.
"""puregram's rate limits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from .. import stores
from ..adapted import adapt
from ...core.originals import PUREGRAM, check_limit, seconds, window_ms
from ...core.rules import called, plain
from ...core.subjects import chat_of, keyed_by, sender_chat_of
from ..rooms import Adaptable
from ..runtime import Answer, Runtime, callback
from ..store import Storage
from .tallies import Tallies

Exceeded = Callable[[Any, int], Any]
"""What is told of an update that does not pass, and in how many seconds one may."""

_USER = keyed_by("user")


class RateLimits:
    """How often updates may come, made by `rate_limit`.

    A *limit* of updates passes in a *window* of seconds, which begins with the first of them.
    Those of one user with the same *bucket* count together.
    """

    def __init__(
        self,
        storage: Storage[Any],
        key: Callable[[Any], str | int | None],
        on_limit_exceeded: Exceeded | None,
    ) -> None:
        self.storage: Storage[Any] = storage
        self.on_limit_exceeded: Exceeded | None = on_limit_exceeded
        self._tally = Tallies(storage, PUREGRAM)
        self._key = key
        self._runtime = Runtime()

    def resolve_key(self, update: Any, bucket: str | None = None) -> str | None:
        """By which key an update counts, such as `default:42`; `None` if it has none."""
        found = self._key(update)
        return None if found is None or found == "" else f"{bucket or 'default'}:{found}"

    async def hit(self, key: str, limit: int, window: float | timedelta) -> int | None:
        """Count a hit of *key*: `None` where it passes, or else in how many seconds one may."""
        stroke = await self._tally.hit(key, check_limit(limit), window_ms(window))
        return None if stroke.passed else seconds(stroke.wait)

    async def reset(self, key: str) -> bool:
        """Forget the hits of *key*, and say whether there were any."""
        return await self._tally.forget(key)

    async def check(
        self, update: Any, *, limit: int, window: float | timedelta, bucket: str | None = None
    ) -> int | None:
        """Count an update: `None` where it passes, or else in how many seconds one may.

        One without a key passes. Nobody is told.
        """
        most, span = check_limit(limit), window_ms(window)
        key = self.resolve_key(update, bucket)
        if key is None:
            return None
        stroke = await self._tally.hit(key, most, span)
        return None if stroke.passed else seconds(stroke.wait)

    async def allows(
        self,
        update: Any,
        *,
        limit: int,
        window: float | timedelta,
        bucket: str | None = None,
        on_limit_exceeded: Exceeded | None = None,
    ) -> bool:
        """Count an update, and say whether it passes; of one that does not *on_limit_exceeded* is
        told, or else that of these limits."""
        told = self.on_limit_exceeded if on_limit_exceeded is None else on_limit_exceeded
        if told is not None:
            callback(told, "on_limit_exceeded")
        wait = await self.check(update, limit=limit, window=window, bucket=bucket)
        if wait is not None and told is not None:
            await self._runtime.call(told, update, wait)
        return wait is None

    async def run(
        self,
        update: Any,
        next: Callable[[], Answer[Any]],
        *,
        limit: int,
        window: float | timedelta,
        bucket: str | None = None,
        on_limit_exceeded: Exceeded | None = None,
    ) -> Any:
        """Count an update, and call *next* where it passes; the rest is as for `allows`."""
        callback(next, "next")
        passes = await self.allows(
            update,
            limit=limit,
            window=window,
            bucket=bucket,
            on_limit_exceeded=on_limit_exceeded,
        )
        return await self._runtime.call(next) if passes else None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._tally.label}>"


def rate_limit(
    *,
    storage: Adaptable | None = None,
    max_entries: int = 10_000,
    get_storage_key: Callable[[Any], str | int | None] | None = None,
    on_limit_exceeded: Exceeded | None = None,
) -> RateLimits:
    """The rate limits of puregram's plugin, which says with each check how many may come.

    They are kept in *storage*, or in memory, *max_entries* of them at the most. Without
    *get_storage_key* an update counts for its user, the chat in whose name it was sent, or its
    chat.
    """
    find = _sender if get_storage_key is None else called("get_storage_key", get_storage_key)
    plain("get_storage_key", find)
    if on_limit_exceeded is not None:
        callback(on_limit_exceeded, "on_limit_exceeded")
    store = stores.LruMemoryStorage[Any](max_entries) if storage is None else adapt(storage)
    return RateLimits(store, find, on_limit_exceeded)


def _sender(update: Any) -> int | str | None:
    user = _USER(update)
    if user is not None:
        return user.user
    chat = sender_chat_of(update) or chat_of(update)
    found: int | str | None = getattr(chat, "id", None)
    return found
