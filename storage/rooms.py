"""Opens the backends. `storage.aio.rooms` is the twin, which faces or lifts them."""

from __future__ import annotations

import sys
from collections.abc import MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from .errors import ConfigurationError
from .memory.kv import MemoryBackend
from .protocols import Backend, KVStorage
from .store import Storage
from .ttl import Clock

if TYPE_CHECKING:
    from .cloudflare.options import Options as CloudflareOptions
    from .redis.options import Options as RedisOptions
    from .sqlite.options import Options

Adaptable = KVStorage[Any] | MutableMapping[str, Any] | Storage[Any] | Backend
"""What can be made a store of."""

SCHEMES = "chatstorage.schemes"
"""The entry point group in which other packages announce what opens their URLs."""

NO_HTTPX = "a store on Cloudflare's KV needs httpx: pip install 'chatstorage[cloudflare]'"


def memory(
    entries: Sequence[tuple[str, bytes]],
    ttl_ms: int | None,
    clock: Clock,
    max_entries: float | None,
) -> Backend:
    """Entries of this process, to begin with *entries*."""
    backend = MemoryBackend(clock, max_entries)
    backend.write_many(entries, ttl_ms)
    return backend


def sqlite(options: Options) -> Backend:
    """One table of a SQLite file."""
    from .sqlite.kv import SqliteBackend

    return SqliteBackend(options)


def redis(options: RedisOptions) -> Backend:
    """One deployment of Redis or Valkey."""
    try:
        from .redis.kv import RedisBackend
    except ModuleNotFoundError as error:
        if error.name != "redis":
            raise
        raise ConfigurationError("a Redis store needs redis-py: pip install redis") from None
    return RedisBackend(options)


def cloudflare(options: CloudflareOptions) -> Backend:
    """One namespace of Cloudflare's KV, by its public API."""
    if options.binding is not None:
        message = "the binding of a Worker is awaited: storage.aio takes it"
        raise ConfigurationError(message)
    try:
        from .cloudflare.rest import RestService
    except ModuleNotFoundError as error:
        if error.name != "httpx":
            raise
        raise ConfigurationError(NO_HTTPX) from None
    from .cloudflare.kv import CloudflareBackend

    return CloudflareBackend(RestService(options), options.clock)


def own_store(thing: object) -> Storage[Any] | None:
    """*thing* as a store where it is one already, or a backend of one."""
    if isinstance(thing, Storage):
        return thing
    awaited = sys.modules.get(f"{__package__}.aio.store")
    if awaited is not None and isinstance(thing, awaited.Storage):
        message = f"this is the blocking half, and {type(thing).__name__} has to be awaited: take "
        raise ConfigurationError(f"{message}what is called the same in storage.aio")
    if not isinstance(thing, Backend):
        return None
    store: Storage[Any] = Storage(thing)
    store._owner = False
    return store
