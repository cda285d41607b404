# Written by tools/mirror.py from storage/compat/vibegram_codex.py: change that file and run the tool.
"""The memory of VibeGram's Codex, in memory and on Redis."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from .. import stores
from ..adapted import adapt
from ...core.clients import RedisClientLike
from ...core.codex import Arrays, Item, check_most, longer
from ...errors import ConfigurationError, UnstorableError
from ...keys import Names, several
from ...offers import check_atomic
from ...redis.options import RedisPlace
from ..rooms import Adaptable
from ..runtime import wall_clock
from ..store import Storage
from ...ttl import DEFAULT, Clock, DefaultTtl, LayerTtl, default_span
from ...compat.errors import RedisStoreParseError
from .servers import server

if TYPE_CHECKING:
    from typing_extensions import Self

DEFAULT_PREFIX: Final = "vibegram:codex:"
DEFAULT_MAX: Final = 20

_NOT_JSON: Final = "the memory of Codex needs a store whose codec writes JSON"

Messages = list[Any]
"""One of the methods here is called `list`."""


class CodexStore:
    """What was said, by key, in any *store*: a JSON array of *max_history* messages at the most.

    A message is an object with a `role`. A first one of the role `system` stays; of the others
    the oldest ones go. Each append gives all of them *ttl* to live, which is that of the store
    unless it is told.
    """

    def __init__(
        self, store: Adaptable, max_history: int = DEFAULT_MAX, ttl: LayerTtl = DEFAULT
    ) -> None:
        self._most = check_most(max_history)
        base = adapt(store)
        layers = base._layers
        if layers.plain.encode(10) != b"10":
            raise ConfigurationError(_NOT_JSON, store=layers.label)
        check_atomic(base._backend, "conversations")
        self._arrays = Arrays(layers.plain)
        self._layers = layers.spoken(self._arrays).lasting(ttl)
        self._layers.corrupts = partial(RedisStoreParseError, "codex-memory")
        self._store = base._view(self._layers)
        default = self._layers.lifetimes.default
        self._ttl = None if default is None else timedelta(milliseconds=default)

    async def append(self, key: str, message: Mapping[str, Any]) -> None:
        """Add *message* behind the others."""
        await self._extend(key, [self._checked(key, message, "$")])

    async def append_many(self, key: str, messages: Iterable[Mapping[str, Any]]) -> None:
        """Add *messages* behind the others as if one came after the other, in one step; none of
        them where one can not be stored."""
        if isinstance(messages, Mapping):
            raise TypeError("append_many wants several messages, and this is one: use append")
        said = enumerate(several(messages, "append_many", "messages"))
        new = [self._checked(key, message, f"$[{number}]") for number, message in said]
        if new:
            await self._extend(key, new)

    async def list(self, key: str) -> Messages:
        """The messages, from the oldest to the newest; `RedisStoreParseError` for what is no
        array."""
        found: Messages = await self._store.get(key, [])
        return [item.value for item in found]

    async def clear(self, key: str) -> bool:
        """Forget what was said, and say whether there was anything."""
        return await self._store.delete(key)

    async def aclose(self) -> None:
        """Let go of what the store opened; twice is fine."""
        await self._store.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._layers.label}>"

    async def _extend(self, key: str, new: Messages) -> None:
        most, ttl = self._most, self._ttl
        await self._store.update(key, lambda kept: longer(kept, new, most), default=list, ttl=ttl)

    def _checked(self, key: str, message: object, path: str) -> Item:
        try:
            return self._arrays.message(message, path)
        except UnstorableError as error:
            raise self._layers.located(error, key) from None


class MemoryCodexStore(CodexStore):
    """Messages in this process, for ever unless there is a *ttl*."""

    def __init__(
        self,
        max_history: int = DEFAULT_MAX,
        ttl: DefaultTtl = None,
        *,
        clock: Clock = wall_clock,
    ) -> None:
        super().__init__(stores.MemoryStorage(ttl=ttl, clock=clock), max_history)
        self._store._owner = True


class RedisCodexMemoryStore(CodexStore):
    """The messages that VibeGram keeps on Redis: keys as they are, under *prefix*, and JSON.

    *client* is a URL, a client of redis-py, or any other object with the commands of a
    `RedisClientLike`; *timeout* and *accept_retries* are those of a `storage.RedisStorage`.
    """

    def __init__(
        self,
        client: RedisPlace | RedisClientLike,
        prefix: str = DEFAULT_PREFIX,
        max_history: int = DEFAULT_MAX,
        ttl: DefaultTtl = None,
        *,
        timeout: float | None = None,
        accept_retries: bool = False,
    ) -> None:
        check_most(max_history)
        expires = default_span(ttl) is not None
        names = Names(prefix, verbatim=True, beside=True)
        backend = server(client, prefix, timeout, accept_retries, expires=expires)
        super().__init__(Storage(backend, ttl=ttl, names=names), max_history)
        self._store._owner = True
