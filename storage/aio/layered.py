# Written by tools/mirror.py from storage/layered.py: change that file and run the tool.
"""Stores over stores: what is kept of a value is something else, and all the rest is the same."""

from __future__ import annotations

from typing import Any

from .adapted import adapt
from ..codecs import MAX_BYTES
from ..compression import Compression
from ..core.envelope import Envelope, Migrations, OnNewer
from ..core.fallback import Renaming, shared
from ..core.layers import Layers
from ..encryption import Encryption, Secrets
from .ending import recorded
from .falling import FallbackBackend, OnError
from ..offers import check_atomic
from .protocols import Backend
from .rooms import Adaptable
from .runtime import wall_clock
from .store import Storage
from ..ttl import DEFAULT, Clock, LayerTtl


def enhance_storage(
    base: Adaptable,
    *,
    migrations: Migrations | None = None,
    millisecond_precision: bool = False,
    on_newer: OnNewer = "raise",
    ttl: LayerTtl = DEFAULT,
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
    precise = millisecond_precision
    if precise:
        check_atomic(store._backend, "millisecond_precision")
    over, under = recorded(store._backend, layers, envelope, clock, precise=precise)
    return _over(base, store, over.lasting(ttl), under)


def compressed(base: Adaptable, *, over: int = 1024) -> Storage[Any]:
    """*base* with values of more than *over* bytes compressed, where that saves something.

    What is there already is read as it is.
    """
    store = adapt(base)
    most = getattr(store._layers.plain, "max_bytes", MAX_BYTES)
    return _over(base, store, store._layers.staged(Compression(over, most)))


def encrypted(base: Adaptable, keys: Secrets) -> Storage[Any]:
    """*base* with values that only who has one of *keys* can read, change or move to another key.

    A key is 16, 24 or 32 random bytes, or such bytes in base64. The first one encrypts, and each
    of them reads. What is there and is not encrypted is refused.
    """
    store = adapt(base)
    start = len(store._layers.names.prefix)
    return _over(base, store, store._layers.staged(Encryption(keys, start)))


def fallback(
    first: Adaptable, second: Adaptable, *, on_error: OnError, pause: float = 1.0
) -> Storage[Any]:
    """*first*, and *second* in its place while it does not answer.

    Only an `UnavailableError` leads to *second*, and neither of its kinds after which reads go on.
    Each time *on_error* is called with it before *second* is asked; what it raises goes to the
    caller. For *pause* seconds after a failure *first* is left alone, then a call tries it anew.

    What is missing in *first* is missing. Nothing is copied between the two, so what was written
    to *second* stays there. Layers go over the store that is returned.
    """
    one, other = adapt(first), adapt(second)
    renaming = Renaming(one._layers, other._layers)
    backend = FallbackBackend(one._backend, other._backend, renaming, on_error, pause)
    layers = shared(one._layers, other._layers, backend.label, backend.capabilities)
    view = one._view(layers, backend)
    made = one is not first and other is not second
    view._owner = made and one._owner and other._owner
    return view


def _over(
    base: Adaptable, store: Storage[Any], layers: Layers, backend: Backend | None = None
) -> Storage[Any]:
    """A view of *store*, which is closed with the view if it was made of *base* here."""
    view = store._view(layers, backend)
    view._owner = store is not base and store._owner
    return view
