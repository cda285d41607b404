# Written by tools/mirror.py from storage/compat/puregram.py: change that file and run the tool.
"""puregram's `@puregram/storage`, its stores on Redis and SQLite, its sessions and its rate limits:
their names and defaults, and what they read and write there."""

from __future__ import annotations

from collections.abc import Callable, AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from .. import layered, protocols, stores
from ...codecs import JSON, Codec
from ...core.envelope import Migrations, OnNewer
from ...core.layouts import PUREGRAM
from ...core.rules import plain
from ...core.subjects import SessionKey, keyed_by
from ...errors import StorageError
from ...keys import Names
from ...offers import Countable, Touchable, offered
from ..protocols import KVStorage, TtlStorage
from ...redis.options import Options, RedisPlace
from ..rooms import Adaptable, own_store, redis
from ..runtime import wall_clock
from ...sqlite.options import Durability, Place
from ..store import Storage
from ...ttl import DEFAULT, Clock, DefaultTtl, LayerTtl, default_span
from .originals import OriginalOptions, OriginalSessions
from .puregram_limits import RateLimits, rate_limit

if TYPE_CHECKING:
    from typing_extensions import TypeVar, Unpack

    S = TypeVar("S", default=dict[str, Any])
    V = TypeVar("V", default=Any)
else:
    from typing import TypeVar

    S = TypeVar("S")
    V = TypeVar("V")

__all__ = [
    "EntriesStorage",
    "KVStorage",
    "LruMemoryStorage",
    "MemoryStorage",
    "RateLimits",
    "RedisStorage",
    "Sessions",
    "SqliteStorage",
    "TtlStorage",
    "enhance_storage",
    "is_ttl_storage",
    "key_of",
    "rate_limit",
    "session",
]

DEFAULT_PREFIX: Final = "puregram:"
DEFAULT_TABLE: Final = "puregram_kv"


class EntriesStorage(Storage[V]):
    """A store whose `items` have puregram's name too."""

    def entries(self) -> AsyncIterator[tuple[str, V]]:
        """Keys and values; see `items`."""
        return self.items()


class _Sized(Storage[V]):
    @property
    def size(self) -> int:
        """How many entries there are, without those that are over."""
        return offered(self._backend, Countable, self._layers.names).count()


class MemoryStorage(stores.MemoryStorage[V], EntriesStorage[V], _Sized[V]):
    """Values in this process, without a bound; *entries* are what it begins with."""


class LruMemoryStorage(stores.LruMemoryStorage[V], EntriesStorage[V], _Sized[V]):
    """Values in this process, *max* of them at the most; the least recently used makes room."""


class RedisStorage(EntriesStorage[V]):
    """The values that puregram keeps on Redis: keys as they are, under *prefix*.

    *client* is a client of redis-py or a URL, and *ttl* the lifetime that each `set` and `touch`
    gives; the other options are those of `storage.RedisStorage`.
    """

    def __init__(
        self,
        client: RedisPlace,
        prefix: str = DEFAULT_PREFIX,
        ttl: DefaultTtl = None,
        *,
        timeout: float | None = None,
        accept_retries: bool = False,
        codec: Codec = JSON,
    ) -> None:
        options = Options(client, prefix, timeout, accept_retries)
        default_span(ttl)
        names = Names(prefix, verbatim=True, beside=True)
        super().__init__(redis(options), ttl=ttl, codec=codec, names=names)

    @property
    def key_prefix(self) -> str:
        """What stands before each key on the server."""
        return self._layers.names.prefix


class SqliteStorage(stores.SqliteStorage[V], EntriesStorage[V]):
    """The values that puregram keeps in a *table* of SQLite.

    *db* is a path or a connection, and *ttl* the lifetime that each `set` and `touch` gives; the
    other options are those of `storage.SqliteStorage`. *sweep_interval* wants a path.
    """

    def __init__(
        self,
        db: Place,
        table: str = DEFAULT_TABLE,
        ttl: DefaultTtl = None,
        sweep_interval: float | None = None,
        *,
        durability: Durability = "normal",
        codec: Codec = JSON,
        clock: Clock = wall_clock,
    ) -> None:
        super().__init__(
            db,
            table=table,
            layout="puregram",
            ttl=ttl,
            sweep_interval=sweep_interval,
            durability=durability,
            codec=codec,
            clock=clock,
        )


def enhance_storage(
    base: Adaptable,
    *,
    migrations: Migrations | None = None,
    millisecond_precision: bool = False,
    on_newer: OnNewer = "raise",
    ttl: LayerTtl = DEFAULT,
    clock: Clock = wall_clock,
) -> EntriesStorage[Any]:
    """*base* with versioned records; see `storage.enhance_storage`.

    Data of a newer version raises, where puregram hands it to the old code, unless *on_newer* is
    `"read"`.
    """
    enhanced = layered.enhance_storage(
        base,
        migrations=migrations,
        millisecond_precision=millisecond_precision,
        on_newer=on_newer,
        ttl=ttl,
        clock=clock,
    )
    store: EntriesStorage[Any] = EntriesStorage.__new__(EntriesStorage)
    store.__dict__.update(enhanced.__dict__)
    return store


def is_ttl_storage(thing: object) -> TypeGuard[TtlStorage[Any]]:
    """Whether a plugin shall `touch` what it reads, as puregram answers.

    Stores in memory say no, those on Redis and SQLite yes, and one over another store or object
    what that says; anything else is asked whether it has a `touch`.
    """
    store = own_store(thing)
    if store is None:
        return protocols.is_ttl_storage(thing)
    return store.capabilities.atomic == "shared" or _touches(store)


class Sessions(OriginalSessions[S]):
    """Sessions as puregram writes them, made by `session`; one without members is not kept."""

    _layout = PUREGRAM


Descriptor = SessionKey | Mapping[str, int | str | None] | str | None
"""A key of puregram's: as text, or by its parts `user`, `chat`, `thread` and `key`."""

_user, _chat = keyed_by("user"), keyed_by("chat")


def session(
    *,
    storage: Adaptable | None = None,
    get_storage_key: Callable[[Any], Descriptor] | None = None,
    initial: Callable[..., Any] = dict,
    **options: Unpack[OriginalOptions],
) -> Sessions[Any]:
    """The sessions of puregram's plugin in *storage*, one in memory unless it is given.

    Without *get_storage_key* an event has the key `user:1:chat:3`, and one without a user and a
    chat has a session of its own, which nobody else sees. What two updates change at the same time
    is merged, and the later one stays of one member. The other *options* are those of
    `storage.Sessions`.
    """
    describe = plain("get_storage_key", get_storage_key)
    key = None if describe is None else _key_by(describe)
    store = MemoryStorage[Any]() if storage is None else storage
    return Sessions(store, _key_by(_described), key=key, initial=initial, **options)


def key_of(parts: Mapping[str, int | str | None]) -> str | None:
    """The key with these *parts*, without those that are absent; `None` without any."""
    unknown = set(parts) - {"user", "chat", "thread", "key"}
    if unknown:
        raise ValueError(f"a key has the parts user, chat, thread and key, not {min(unknown)!r}")
    names = [name for name in ("user", "chat", "thread", "key") if parts.get(name) is not None]
    return ":".join(f"{name}:{parts[name]}" for name in names) or None


def _key_by(describe: Callable[[Any], Descriptor]) -> Callable[[Any], str | None]:
    def key(update: Any) -> str | None:
        found = describe(update)
        if isinstance(found, SessionKey):
            return PUREGRAM.keys.text(found)
        return key_of(found) if isinstance(found, Mapping) else found

    return key


def _described(update: Any) -> Descriptor:
    user, chat = _user(update), _chat(update)
    where = None if chat is None else chat.chat
    name = "key" if isinstance(where, str) else "chat"
    return {"user": None if user is None else user.user, name: where}


def _touches(store: Storage[Any]) -> bool:
    try:
        offered(store._backend, Touchable, store._layers.names)
    except StorageError:
        return False
    return True
