# Written by tools/mirror.py from storage/stores.py: change that file and run the tool.
"""The stores by name: each says where the bytes are, and everything else is `Storage`."""

from __future__ import annotations

from collections.abc import Iterable, AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, overload

from ..cloudflare.options import PUBLIC, WorkersBinding
from ..cloudflare.options import Options as CloudflareOptions
from ..codecs import JSON, Codec
from ..core.counting import bound
from ..keys import Names
from .protocols import MetadataStore, Sweeper
from ..redis.options import DEFAULT_PREFIX, RedisPlace
from ..redis.options import Options as RedisOptions
from .rooms import cloudflare, memory, redis, sqlite
from .runtime import wall_clock
from ..sqlite.options import DEFAULT_LAYOUT, Durability, LayoutName, Options, Place
from .store import Storage
from ..ttl import DEFAULT, Clock, DefaultTtl, Ttl, default_span

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    V = TypeVar("V", default=Any)
    D = TypeVar("D")
else:
    from typing import TypeVar

    V = TypeVar("V")


class MemoryStorage(Storage[V]):
    """Values in this process, without a bound; gone with it.

    *entries* are what the store begins with.
    """

    def __init__(
        self,
        entries: Mapping[str, V] | Iterable[tuple[str, V]] | None = None,
        *,
        ttl: DefaultTtl = None,
        codec: Codec = JSON,
        clock: Clock = wall_clock,
    ) -> None:
        names = Names()
        pairs: dict[str, V] = dict(entries or ())
        sealed = [(names.name(key), codec.encode(value)) for key, value in pairs.items()]
        backend = memory(sealed, default_span(ttl), clock, None)
        super().__init__(backend, ttl=ttl, codec=codec, names=names)


class LruMemoryStorage(Storage[V]):
    """Values in this process, *max* of them at the most.

    The least recently used one makes room: `get` and `set` count as use, `has` and `delete` do
    not. What is over goes before what is alive.
    """

    def __init__(
        self,
        max: float,
        *,
        ttl: DefaultTtl = None,
        codec: Codec = JSON,
        clock: Clock = wall_clock,
    ) -> None:
        super().__init__(memory([], None, clock, bound(max)), ttl=ttl, codec=codec)


class SqliteStorage(Storage[V]):
    """Values in one table of a SQLite file.

    *place* is a path, or a connection of the caller's own, which keeps its settings and is not
    closed. *layout* names whose table it is: our own, `"puregram"` or `"gramio"`.
    With *durability* `"full"` an acknowledged write outlives a power cut, with `"normal"` the
    newest ones may be missing after it; neither tears one. Entries that are over are freed when
    they are met, by `sweep`, and every *sweep_interval* seconds if that is given.
    """

    def __init__(
        self,
        place: Place,
        *,
        table: str | None = None,
        layout: LayoutName = DEFAULT_LAYOUT,
        ttl: DefaultTtl = None,
        sweep_interval: float | None = None,
        durability: Durability = "normal",
        codec: Codec = JSON,
        clock: Clock = wall_clock,
    ) -> None:
        options = Options(place, table, layout, sweep_interval, durability, clock)
        default_span(ttl)
        names = Names(verbatim=options.layout.verbatim)
        super().__init__(sqlite(options), ttl=ttl, codec=codec, names=names)
        self._sweeper = self.room(Sweeper)

    async def sweep(self) -> int:
        """Free all entries that are over, those of namespaces included, and say how many."""
        return await self._sweeper.sweep()


class RedisStorage(Storage[V]):
    """Values on a server of Redis or Valkey: one, a primary that Sentinel names, or a cluster.

    *place* is a URL, or a client of redis-py, which is asked for its settings, keeps its own
    connections and is not closed. A call takes *timeout* seconds at the most, connecting and
    trying again included. A client that tries again by itself and can not be kept from it runs
    only what may be done twice, unless *accept_retries*.
    """

    def __init__(
        self,
        place: RedisPlace,
        *,
        prefix: str = DEFAULT_PREFIX,
        ttl: DefaultTtl = None,
        timeout: float | None = None,
        accept_retries: bool = False,
        codec: Codec = JSON,
    ) -> None:
        options = RedisOptions(place, prefix, timeout, accept_retries)
        default_span(ttl)
        super().__init__(redis(options), ttl=ttl, codec=codec, names=Names(prefix))
        self._layers.is_whole = options.is_whole


class CloudflareStorage(Storage[V]):
    """Values in a namespace of Cloudflare's KV, which reads and writes and never both at once.

    The *token*, or else the environment variable `CLOUDFLARE_API_TOKEN`, opens the account; in
    the asyncio half the binding of a Worker stands in the place of all three. A call takes
    *timeout* seconds at the most, trying again included; `clear` and a walk take them for each
    page, and `delete_many` for each thousand keys. *client* is one of httpx, which is used as it
    is and not closed. What was written elsewhere may be seen a minute later.
    """

    def __init__(
        self,
        account_id: str | WorkersBinding,
        namespace_id: str | None = None,
        token: str | None = None,
        *,
        prefix: str = "",
        ttl: DefaultTtl = None,
        timeout: float | None = None,
        client: Any = None,
        base_url: str = PUBLIC,
        codec: Codec = JSON,
        clock: Clock = wall_clock,
    ) -> None:
        options = CloudflareOptions(
            account_id,
            namespace_id,
            token,
            prefix=prefix,
            timeout=timeout,
            client=client,
            base_url=base_url,
            clock=clock,
        )
        default_span(ttl)
        super().__init__(cloudflare(options), ttl=ttl, codec=codec, names=Names(prefix))

    @overload
    async def get_with_metadata(self, key: str) -> tuple[V | None, Any]: ...

    @overload
    async def get_with_metadata(self, key: str, default: D) -> tuple[V | D, Any]: ...

    async def get_with_metadata(self, key: str, default: Any = None) -> tuple[Any, Any]:
        """The value, or *default* where the key is missing, and what was noted beside it."""
        found = await self._notes.read_noted(self._name(key))
        if found is None:
            return default, None
        return self._layers.decode(key, found.raw), found.metadata

    async def set_with_metadata(
        self, key: str, value: V, metadata: Mapping[str, Any], *, ttl: Ttl = DEFAULT
    ) -> None:
        """Store *value* and note *metadata* beside it, a kilobyte of JSON at the most.

        The next `set` drops them, and a copy of the store leaves them behind.
        """
        name = self._name(key)
        raw = self._layers.encode(key, value)
        await self._notes.write_noted(name, raw, metadata, self._lifetimes.expiry(ttl))

    def keys_with_metadata(self, prefix: str = "") -> AsyncIterator[tuple[str, Any]]:
        """The keys that start with *prefix*, each with what is noted beside its value."""
        return self._noted(self._name(prefix))

    @property
    def _notes(self) -> MetadataStore:
        """The room of this moment: a store that is closed has none."""
        return self.room(MetadataStore)

    async def _noted(self, start: str) -> AsyncIterator[tuple[str, Any]]:
        cursor = None
        while True:
            page = await self._notes.page_noted(start, cursor)
            listed, cursor = page
            for name, metadata in listed:
                key = self._layers.names.key(name)
                if key is not None:
                    yield key, metadata
            if cursor is None:
                return
