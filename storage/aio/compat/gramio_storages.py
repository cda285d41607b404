# Written by tools/mirror.py from storage/compat/gramio_storages.py: change that file and run the tool.
"""The storages of GramIO: in memory, on Redis, in SQLite and on Cloudflare's KV."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any, Final

from .. import stores
from ..adapted import AdaptedBackend
from ...cloudflare.options import WorkersBinding, is_binding
from ...core.boxes import boxes
from ...core.clients import RedisClientLike
from ...core.gramio_options import on_redis, on_sqlite
from ...errors import ConfigurationError
from ...keys import Names
from ...redis.options import Given, RedisPlace
from ..runtime import wall_clock
from ...sqlite.options import Place
from ..store import Storage
from ...ttl import DEFAULT, Clock, DefaultTtl, LayerTtl
from .servers import server
from .undefined import UndefinedBackend

TABLE: Final = "gramio_storage"


def in_memory_storage(mapping: MutableMapping[str, Any] | None = None) -> Storage[Any]:
    """Values in this process, without a bound.

    A *mapping* of the caller's is used and seen: it holds `{"data": value}` under each key, as the
    `Map` does that GramIO is given. Nothing expires there.
    """
    if mapping is None:
        return stores.MemoryStorage()
    return Storage(AdaptedBackend(boxes(mapping)), names=Names(verbatim=True))


def redis_storage(
    client: RedisPlace | RedisClientLike | Mapping[str, Any],
    *,
    ttl: DefaultTtl = None,
    key_prefix: str = "",
) -> Storage[Any]:
    """The values that GramIO keeps on Redis: keys as they are, without a prefix unless one is said.

    *client* is a client of redis-py, a URL, a client of any make with the commands of a
    `RedisClientLike`, or an object of options: those of a client of redis-py, or `url`, beside
    GramIO's `$ttl` and `keyPrefix`. *ttl* is the lifetime that each `set` gives. The empty string
    that GramIO leaves for `undefined` has no value.
    """
    said = on_redis(client, ttl, key_prefix)
    names = Names(said.name, verbatim=True, beside=True)
    place = Given(said.place) if isinstance(said.place, Mapping) else said.place
    backend = server(place, said.name, None, False, expires=said.ttl is not None)
    return Storage(UndefinedBackend(backend), ttl=said.ttl, names=names)


def sqlite_storage(
    db: Place | Mapping[str, Any],
    *,
    ttl: DefaultTtl = None,
    table_name: str = TABLE,
    clock: Clock = wall_clock,
) -> stores.SqliteStorage[Any]:
    """The values that GramIO keeps in a table of SQLite.

    *db* is a path, a connection, or an object of options: `db` or `filename`, `$ttl` and
    `tableName`. *ttl* is the lifetime that each `set` gives.
    """
    said = on_sqlite(db, ttl, table_name, TABLE)
    return stores.SqliteStorage(
        said.place, table=said.name, layout="gramio", ttl=said.ttl, clock=clock
    )


def cloudflare_storage(
    namespace: stores.CloudflareStorage[Any] | WorkersBinding, *, ttl: LayerTtl = DEFAULT
) -> Storage[Any]:
    """The values that GramIO keeps in a *namespace* of Cloudflare's KV: keys as they are, under
    the prefix of a `CloudflareStorage`.

    In the asyncio half it may be the binding of a Worker. *ttl* is the lifetime that each `set`
    gives, that of the `CloudflareStorage` unless it is said.
    """
    made = _cloudflare(namespace)
    layers = made._layers.lasting(ttl)
    layers.names = Names(layers.names.prefix, verbatim=True, store=layers.label)
    view = made._view(layers)
    view._owner = made is not namespace
    return view


def _cloudflare(namespace: Any) -> stores.CloudflareStorage[Any]:
    if isinstance(namespace, stores.CloudflareStorage):
        return namespace
    if not is_binding(namespace):
        kind = type(namespace).__name__
        message = f"a namespace is a CloudflareStorage or the binding of a Worker, not {kind}"
        raise ConfigurationError(message)
    return stores.CloudflareStorage(namespace)
