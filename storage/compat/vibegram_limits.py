# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""VibeGram's rate limits and their stores."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, MutableMapping
from datetime import timedelta
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from .. import stores
from ..adapted import adapt
from ..codecs import JSON, UnreadableError
from ..core.clients import RedisClientLike
from ..core.originals import (
    VIBEGRAM,
    RateLimitStoreLike,
    check_limit,
    check_ttl,
    moment_ms,
    seconds,
    window_ms,
)
from ..core.rules import called, plain
from ..core.subjects import chat_of, keyed_by
from ..errors import WrongTypeError, shown
from ..keys import Names
from ..records import MISSING
from ..redis.options import RedisPlace
from ..rooms import Adaptable, own_store
from ..runtime import Answer, Runtime, callback, wall_clock
from ..store import Storage
from ..tracing import log
from ..ttl import Clock, default_span
from .errors import RedisStoreParseError
from .servers import server
from .tallies import Tallies
from .theirs import Theirs

if TYPE_CHECKING:
    from typing_extensions import Self

DEFAULT_PREFIX: Final = "vibegram:rate-limit:"

_IN_GROUPS: Final = (20, 60_000)
_ELSEWHERE: Final = (1, 1000)

_USER, _CHAT = keyed_by("user"), keyed_by("chat")


class RateLimitStore:
    """Records such as `{"count": 2, "resetTime": 1718000000000}` in any *store*: how many came,
    and when that counts no more, in milliseconds since 1970."""

    def __init__(self, store: Adaptable) -> None:
        base = adapt(store)
        layers = base._layers.spoken(base._layers.codec)
        layers.corrupts = partial(RedisStoreParseError, "rate-limit")
        self._store = base._view(layers)
        self._tally = Tallies(self._store, VIBEGRAM)

    def get(self, key: str) -> dict[str, Any] | None:
        """The record, or `None`; `RedisStoreParseError` for what is none."""
        record = self._store.get(key, MISSING)
        if record is MISSING:
            return None
        try:
            VIBEGRAM.check(record)
        except UnreadableError as error:
            raise self._store._layers.corrupt(key, error) from None
        return dict(record)

    def set(self, key: str, record: Mapping[str, Any], ttl: float | timedelta) -> None:
        """Put *record* there for *ttl* seconds; where that is 0 or less, it goes away."""
        try:
            written = VIBEGRAM.written(record)
        except UnreadableError as error:
            raise WrongTypeError(f"this is no record: {error}", key=key) from None
        check_ttl(ttl)
        left = ttl.total_seconds() if isinstance(ttl, timedelta) else ttl
        if left <= 0 and not isinstance(left, bool):
            self._store.delete(key)
            return
        default_span(ttl, "ttl")
        expires = self._store.capabilities.expiry_ms is not None
        self._store.set(key, written, ttl=ttl if expires else None)

    def delete(self, key: str) -> bool:
        """Forget the hits of *key*, and say whether there were any."""
        return self._store.delete(key)

    def increment(
        self, key: str, window: float | timedelta, now: float | None = None
    ) -> dict[str, Any]:
        """Count a hit in one step, and answer with the record.

        A *window* of so many seconds begins with the first hit of it; *now* are seconds since 1970,
        by the clock of the store unless they are told.
        """
        moment = None if now is None else moment_ms(now)
        stroke = self._tally.hit(key, 0, window_ms(window), moment)
        assert stroke.new is not None
        record: dict[str, Any] = JSON.decode(stroke.new)
        return record

    def close(self) -> None:
        """Let go of what the store opened; twice is fine."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._store._layers.label}>"


class MemoryRateLimitStore(RateLimitStore):
    """Records in this process; what is over is freed while others are written."""

    def __init__(self, *, clock: Clock = wall_clock) -> None:
        super().__init__(stores.MemoryStorage(clock=clock))
        self._store._owner = True


class RedisRateLimitStore(RateLimitStore):
    """The records that VibeGram keeps on Redis: keys as they are, under *prefix*.

    *client* is a URL, a client of redis-py, or any other object with the commands of a
    `RedisClientLike`; *timeout* and *accept_retries* are those of a `storage.RedisStorage`.
    """

    def __init__(
        self,
        client: RedisPlace | RedisClientLike,
        prefix: str = DEFAULT_PREFIX,
        *,
        timeout: float | None = None,
        accept_retries: bool = False,
    ) -> None:
        names = Names(prefix, verbatim=True, beside=True)
        backend = server(client, prefix, timeout, accept_retries)
        super().__init__(Storage(backend, names=names))
        self._store._owner = True


class RateLimits:
    """How often updates may come, made by `rate_limit`."""

    def __init__(
        self,
        tally: Tallies | Theirs,
        window: int | None,
        limit: int | None,
        key: Callable[[Any], str | None],
        on_limit_exceeded: Callable[[Any, Any], Any] | None,
        strict: bool,
    ) -> None:
        self._tally = tally
        self._window = window
        self._limit = limit
        self._key = key
        self._exceeded = on_limit_exceeded
        self._strict = strict
        self._runtime = Runtime()

    def key_of(self, ctx: Any) -> str | None:
        """By which key an update counts, if it has one."""
        return self._key(ctx) or None

    def check(self, ctx: Any) -> float | None:
        """Count the update *ctx*: `None` where it passes, or else in how many seconds one may.

        An update without a key passes, or never does where these are *strict*: that is infinity.
        """
        return self._wait(self.key_of(ctx), ctx)

    def run(self, ctx: Any, next: Callable[[], Answer[Any]]) -> Any:
        """Count the update *ctx*, and call *next* where it passes.

        Otherwise `on_limit_exceeded(ctx, next)` is called, or the update is dropped with a warning
        in the log and the answer is `None`.
        """
        callback(next, "next")
        key = self.key_of(ctx)
        wait = self._wait(key, ctx)
        if wait is None:
            return self._runtime.call(next)
        if self._exceeded is not None:
            return self._runtime.call(self._exceeded, ctx, next)
        if key is None:
            log.warning("rate limit: an update was dropped, nobody can say whose it is")
        else:
            log.warning("rate limit: an update of %s was dropped", shown(key))
        return None

    def __repr__(self) -> str:
        everywhere = self._limit is not None and self._window is not None
        limits = _told(*self._rates("private"))
        if not everywhere:
            limits += f", in groups {_told(*self._rates('group'))}"
        return f"<{type(self).__name__} of {self._tally.label}: {limits}>"

    def _wait(self, key: str | None, ctx: Any) -> float | None:
        if key is None:
            return math.inf if self._strict else None
        limit, window = self._rates(getattr(chat_of(ctx), "type", None))
        stroke = self._tally.hit(key, limit, window)
        return None if stroke.passed else seconds(stroke.wait)

    def _rates(self, kind: object) -> tuple[int, int]:
        """How many pass in a *kind* of chat, and in how many milliseconds."""
        limit, window = _IN_GROUPS if kind in ("group", "supergroup") else _ELSEWHERE
        limit = limit if self._limit is None else self._limit
        return limit, window if self._window is None else self._window


def rate_limit(
    *,
    window: float | timedelta | None = None,
    limit: int | None = None,
    key: Callable[[Any], str | None] | None = None,
    on_limit_exceeded: Callable[[Any, Any], Any] | None = None,
    store: RateLimitStore | RateLimitStoreLike | Adaptable | None = None,
    strict: bool = False,
) -> RateLimits:
    """How often updates may come: *limit* in *window* seconds, which begin with the first.

    Unless they are told, that is 20 in 60 seconds in a group and 1 in a second elsewhere, for each
    user of each chat, or whichever of them an update has. The records are in *store*, in memory
    unless it is given: one of those above, any other store or mapping, or an object of yours. An
    update without a key passes, unless these limits are *strict*.
    """
    span = None if window is None else window_ms(window)
    most = None if limit is None else check_limit(limit)
    find = _key_of if key is None else plain("key", called("key", key))
    if on_limit_exceeded is not None:
        callback(on_limit_exceeded, "on_limit_exceeded")
    return RateLimits(_tally_of(store), span, most, find, on_limit_exceeded, bool(strict))


def _tally_of(store: Any) -> Tallies | Theirs:
    if store is None:
        return MemoryRateLimitStore()._tally
    if isinstance(store, RateLimitStore):
        return store._tally
    if own_store(store) is not None or isinstance(store, MutableMapping):
        return RateLimitStore(store)._tally
    return Theirs(store)


def _told(limit: int, window: int) -> str:
    return f"{limit} in {window / 1000:.12g} s"


def _key_of(ctx: Any) -> str | None:
    chat, user = _CHAT(ctx), _USER(ctx)
    if chat is not None and user is not None:
        return f"{chat.chat}_{user.user}"
    if chat is not None:
        return f"chat:{chat.chat}"
    if user is not None:
        return f"user:{user.user}"
    number = getattr(ctx, "update_id", None)
    return None if number is None else f"update:{number}"
