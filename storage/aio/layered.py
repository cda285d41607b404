# Written by tools/mirror.py from storage/layered.py: change that file and run the tool.
"""Stores over stores: what is kept of a value is something else, and all the rest is the same."""

from __future__ import annotations

from typing import Any

from .adapted import adapt
from ..codecs import MAX_BYTES
from ..compression import Compression
from ..core.envelope import Envelope, Migrations, OnNewer
from ..encryption import Encryption, Secrets
from .ending import EndingBackend
from .rooms import Adaptable
from .runtime import wall_clock
from .store import Storage
from ..ttl import DEFAULT, Clock, DefaultTtl, Lifetime


def enhance_storage(
    base: Adaptable,
    *,
    migrations: Migrations | None = None,
    millisecond_precision: bool = False,
    on_newer: OnNewer = "raise",
    ttl: DefaultTtl | Lifetime = DEFAULT,
    clock: Clock = wall_clock,
) -> Storage[Any]:
    """*base* with versioned records, `{"__v":2,"data":...}`.

    `migrations[n]` makes data of version n out of data of version n - 1; the highest one is the
    version of what is written, and a value without an envelope has version 0. What is older than
    the migrations begin raises `MigrationError`, and so does what is newer, unless *on_newer* is
    `"read"`.

    Where *base* keeps no lifetimes, or with *millisecond_precision*, the end of a record stands in
    its `"__exp"`, by *clock*. The default lifetime is that of *base*, unless *ttl* is another.
    """
    store = adapt(base)
    layers = store._layers
    envelope = Envelope(layers.plain, migrations or {}, on_newer)
    if store.capabilities.expiry_ms is not None and not millisecond_precision:
        return store._view(layers.enhanced(envelope, clock).lasting(ttl))
    under = EndingBackend(store._backend, layers, clock)
    over = layers.expiring(keeps=millisecond_precision).enhanced(envelope, None)
    return store._view(over.lasting(ttl), under)


def compressed(base: Adaptable, *, over: int = 1024) -> Storage[Any]:
    """*base* with values of more than *over* bytes compressed, where that saves something.

    What is there already is read as it is.
    """
    store = adapt(base)
    most = getattr(store._layers.plain, "max_bytes", MAX_BYTES)
    return store._view(store._layers.staged(Compression(over, most)))


def encrypted(base: Adaptable, keys: Secrets) -> Storage[Any]:
    """*base* with values that only who has one of *keys* can read, change or move to another key.

    A key is 16, 24 or 32 random bytes, or such bytes in base64. The first one encrypts, and each
    of them reads. What is there and is not encrypted is refused.
    """
    store = adapt(base)
    start = len(store._layers.names.prefix)
    return store._view(store._layers.staged(Encryption(keys, start)))
