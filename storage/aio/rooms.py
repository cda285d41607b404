"""Opens the backends for tasks: faced where they never wait, lifted where they do. The twin of
`storage.rooms`."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from .. import rooms, store
from ..errors import ConfigurationError
from ..memory.kv import MemoryBackend
from ..protocols import Backend as BlockingBackend
from ..protocols import KVStorage as BlockingKVStorage
from ..tracing import Traced
from ..ttl import Clock
from .lift import Lifted
from .memory import MemoryFace
from .protocols import Backend, KVStorage
from .store import Storage

if TYPE_CHECKING:
    from ..cloudflare.options import Options as CloudflareOptions
    from ..redis.options import Options as RedisOptions
    from ..sqlite.options import Options

Adaptable = (
    KVStorage[Any]
    | BlockingKVStorage[Any]
    | MutableMapping[str, Any]
    | Storage[Any]
    | store.Storage[Any]
    | Backend
    | BlockingBackend
)
"""What can be made a store of: either colour, and objects that mix them."""

SCHEMES = "chatstorage.aio.schemes"
"""The entry point group in which other packages announce what opens their URLs."""


def memory(
    entries: Sequence[tuple[str, bytes]],
    ttl_ms: int | None,
    clock: Clock,
    max_entries: float | None,
) -> Backend:
    """Entries of this process, to begin with *entries*."""
    return lift(rooms.memory(entries, ttl_ms, clock, max_entries))


def sqlite(options: Options) -> Backend:
    """One table of a SQLite file."""
    return lift(rooms.sqlite(options))


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
    """One namespace of Cloudflare's KV, by its public API or the binding of a Worker."""
    if options.binding is not None:
        from .cloudflare.binding import BindingBackend, BindingService

        return BindingBackend(BindingService(options), options.clock)
    try:
        from .cloudflare.rest import RestService
    except ModuleNotFoundError as error:
        if error.name != "httpx":
            raise
        raise ConfigurationError(rooms.NO_HTTPX) from None
    from .cloudflare.kv import CloudflareBackend

    return CloudflareBackend(RestService(options), options.clock)


def lift(backend: BlockingBackend, threads: int = 1, *, borrowed: bool = False) -> Backend:
    """A blocking *backend* for tasks, in a private pool of *threads*.

    A *borrowed* one is not closed with what is returned here.
    """
    if isinstance(backend, Traced):
        backend = backend._room
    if isinstance(backend, MemoryBackend):
        return MemoryFace(backend, borrowed=borrowed)
    return Lifted(backend, threads, borrowed=borrowed)


def own_store(thing: object) -> Storage[Any] | None:
    """*thing* as a store where it is one already, of either colour, or a backend of one."""
    if isinstance(thing, Storage):
        return thing
    if isinstance(thing, Backend):
        held: Storage[Any] = Storage(thing)
        held._owner = False
        return held
    if isinstance(thing, BlockingBackend):
        return Storage(lift(thing, borrowed=True))
    return _beside(thing) if isinstance(thing, store.Storage) else None


def _beside(base: store.Storage[Any]) -> Storage[Any]:
    """A store over what a blocking store keeps, which stays open when this one is closed."""
    beside: Storage[Any] = Storage(lift(base._backend, borrowed=True))
    beside._stand_on(base._layers)
    return beside
