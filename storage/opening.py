# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""A store from its address."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .cloudflare.options import PUBLIC
from .cloudflare.options import SCHEME as CLOUDFLARE
from .cloudflare.options import place as cloudflare_place
from .codecs import JSON, Codec, FastJsonCodec
from .errors import ConfigurationError, StorageError
from .redis.options import DEFAULT_PREFIX, target
from .redis.options import SCHEMES as REDIS
from .rooms import SCHEMES
from .store import Storage
from .stores import (
    CloudflareStorage,
    LruMemoryStorage,
    MemoryStorage,
    RedisStorage,
    SqliteStorage,
)
from .urls import Address, unknown_scheme

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

VARIABLE = "STORAGE_URL"

Opener = Callable[[Address], Storage[Any]]


def open(url: str | None = None) -> Storage[Any]:
    """The store that *url* (or else the environment variable `STORAGE_URL`) is the address of.

    `memory://`, `lru://?max=10000`, `sqlite:///relative.db`, `sqlite:////absolute.db`,
    `redis://`, `rediss://`, `unix://`, `redis+sentinel://host:port,host:port/service`,
    `redis+cluster://`, `cloudflare://account/namespace`, with the constructor's options in the
    query, and the schemes that other packages bring.
    """
    if url is None:
        url = os.environ.get(VARIABLE, "")
        if not url:
            message = f"open() without a URL takes it from {VARIABLE}, which is not set: a store's "
            raise ConfigurationError(f"{message}URL looks like scheme://place?option=value")
    address = Address(url)
    opener = _opener(address.scheme)
    try:
        return opener(address)
    except StorageError:
        raise
    except (TypeError, ValueError) as error:
        raise address.error(str(error)) from error


def _opener(scheme: str) -> Opener:
    if scheme in _OPENERS:
        return _OPENERS[scheme]
    from importlib.metadata import entry_points  # dear, and seldom needed

    others = {point.name: point for point in entry_points(group=SCHEMES)}
    if scheme not in others:
        raise unknown_scheme(scheme, [*_OPENERS, *others])
    return _loaded(others[scheme])


def _loaded(point: EntryPoint) -> Opener:
    try:
        opener: Opener = point.load()
    except Exception as error:
        message = f"what opens {point.name}:// can not be loaded: {type(error).__name__}"
        raise ConfigurationError(message) from error
    return opener


def _memory(address: Address) -> Storage[Any]:
    address.allow(*_COMMON)
    address.nothing_else()
    return MemoryStorage(**_common(address))


def _lru(address: Address) -> Storage[Any]:
    address.allow(*_COMMON, "max")
    address.nothing_else()
    if "max" not in address.options:
        raise address.error("max is missing: lru://?max=10000")
    return LruMemoryStorage(address.option("max", float, 0.0, "a number"), **_common(address))


def _sqlite(address: Address) -> Storage[Any]:
    words = ("durability", "layout", "table")
    address.allow(*_COMMON, *words, "sweep_interval")
    if address.netloc or address.path in ("", "/"):
        raise address.error("write sqlite:///relative.db or sqlite:////absolute.db")
    options: Any = {name: address.options[name] for name in words if name in address.options}
    interval = address.option("sweep_interval", float, None, "seconds")
    return SqliteStorage(address.path[1:], sweep_interval=interval, **options, **_common(address))


def _redis(address: Address) -> Storage[Any]:
    place = target(address, *_COMMON, "prefix")
    prefix = address.options.get("prefix", DEFAULT_PREFIX)
    return RedisStorage(place, prefix=prefix, **_common(address))


def _cloudflare(address: Address) -> Storage[Any]:
    account, namespace = cloudflare_place(address, *_COMMON, "prefix")
    return CloudflareStorage(
        account,
        namespace,
        prefix=address.options.get("prefix", ""),
        timeout=address.option("timeout", float, None, "positive seconds"),
        base_url=address.options.get("base_url", PUBLIC),
        **_common(address),
    )


_COMMON = ("codec", "ttl")


def _common(address: Address) -> Any:
    """The options that every store takes."""
    codec: Codec = JSON
    codec = address.option("codec", _codec, codec, "json or fast")
    return {"ttl": address.option("ttl", float, None, "positive seconds"), "codec": codec}


def _codec(name: str) -> Codec:
    if name not in ("json", "fast"):
        raise ValueError(name)
    return JSON if name == "json" else FastJsonCodec()


_OPENERS: dict[str, Opener] = {
    "memory": _memory,
    "lru": _lru,
    "sqlite": _sqlite,
    **dict.fromkeys(REDIS, _redis),
    CLOUDFLARE: _cloudflare,
}
