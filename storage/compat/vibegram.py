# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""VibeGram's sessions, rate limits, memory of Codex and their stores, in memory and on Redis: their
names and defaults, and what they read and write there."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from .. import stores
from ..codecs import JSON, Codec
from ..core.clients import RedisClientLike
from ..core.layouts import VIBEGRAM
from ..core.originals import RateLimitStoreLike
from ..core.subjects import SessionKey, keyed_by
from ..keys import Names
from ..offers import Countable, offered
from ..protocols import Sweeper
from ..redis.options import RedisPlace
from ..rooms import Adaptable
from ..runtime import wall_clock
from ..store import Storage
from ..ttl import Clock, DefaultTtl, default_span
from .errors import RedisStoreParseError
from .originals import OriginalOptions, OriginalSessions
from .servers import server
from .vibegram_codex import CodexStore, MemoryCodexStore, RedisCodexMemoryStore
from .vibegram_limits import (
    MemoryRateLimitStore,
    RateLimits,
    RateLimitStore,
    RedisRateLimitStore,
    rate_limit,
)

if TYPE_CHECKING:
    from typing_extensions import TypeVar, Unpack

    S = TypeVar("S", default=dict[str, Any])
    V = TypeVar("V", default=Any)
else:
    from typing import TypeVar

    S = TypeVar("S")
    V = TypeVar("V")

__all__ = [
    "CodexStore",
    "MemoryCodexStore",
    "MemoryRateLimitStore",
    "MemorySessionStore",
    "RateLimitStore",
    "RateLimitStoreLike",
    "RateLimits",
    "RedisClientLike",
    "RedisCodexMemoryStore",
    "RedisRateLimitStore",
    "RedisSessionStore",
    "RedisStoreParseError",
    "Sessions",
    "rate_limit",
    "session",
]

DEFAULT_PREFIX: Final = "vibegram:session:"
DEFAULT_TTL: Final = 86_400
DEFAULT_MAX: Final = 10_000

_FIND: Final = keyed_by()


class MemorySessionStore(stores.LruMemoryStorage[V]):
    """Sessions in this process, *max_entries* of them at the most; the least recently used makes
    room. Each `set` gives a session *ttl* to live."""

    def __init__(
        self,
        max_entries: int = DEFAULT_MAX,
        ttl: DefaultTtl = DEFAULT_TTL,
        *,
        codec: Codec = JSON,
        clock: Clock = wall_clock,
    ) -> None:
        super().__init__(_checked(max_entries), ttl=ttl, codec=codec, clock=clock)
        self._sweeper = self.room(Sweeper)

    def cleanup_expired(self) -> int:
        """Free all sessions that are over, and say how many."""
        return self._sweeper.sweep()

    @property
    def size(self) -> int:
        """How many sessions there are, without those that are over."""
        return offered(self._backend, Countable, self._layers.names).count()


class RedisSessionStore(Storage[V]):
    """The sessions that VibeGram keeps on Redis: keys as they are, under *prefix*, and JSON.

    *client* is a URL or a client of redis-py, and then the store has what a
    `storage.RedisStorage` has and takes its options; or any other object with the commands of a
    `RedisClientLike`. Each `set` and `touch` gives a session *ttl* to live, for ever with `None`.
    """

    def __init__(
        self,
        client: RedisPlace | RedisClientLike,
        prefix: str = DEFAULT_PREFIX,
        ttl: DefaultTtl = DEFAULT_TTL,
        *,
        timeout: float | None = None,
        accept_retries: bool = False,
        codec: Codec = JSON,
    ) -> None:
        names = Names(prefix, verbatim=True, beside=True)
        expires = default_span(ttl) is not None
        backend = server(client, prefix, timeout, accept_retries, expires=expires)
        super().__init__(backend, ttl=ttl, codec=codec, names=names)
        self._layers.corrupts = partial(RedisStoreParseError, "session")


class Sessions(OriginalSessions[S]):
    """Sessions as VibeGram writes them; what is stored as `null`, `0`, `""` or `false` is none."""

    _layout = VIBEGRAM


def session(
    *,
    store: Adaptable | None = None,
    get_session_key: Callable[[Any], SessionKey | str | None] | None = None,
    initial: Callable[..., Any] = dict,
    **options: Unpack[OriginalOptions],
) -> Sessions[Any]:
    """The sessions of VibeGram's middleware in *store*: a `MemorySessionStore` unless it is given,
    or anything with `get`, `set` and `delete`.

    Without *get_session_key* an event that has both has the key `chat:user`. What others change
    meanwhile is merged, and of one member the later change stays. The other *options* are those
    of `storage.Sessions`.
    """
    place = MemorySessionStore[Any]() if store is None else store
    return Sessions(place, _key_of, key=get_session_key, initial=initial, **options)


def _key_of(event: Any) -> SessionKey | None:
    """The key of an *event* that has a chat and a user; an id of 0 is none."""
    key = _FIND(event)
    return key if key is not None and key.chat and key.user else None


def _checked(max_entries: int) -> int:
    if type(max_entries) is not int or max_entries < 1:
        raise ValueError(f"max_entries must be a positive integer, not {max_entries!r}")
    return max_entries
