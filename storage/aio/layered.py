# Written by tools/mirror.py from storage/layered.py: change that file and run the tool.
"""Stores over stores: what is kept of a value is something else, and all the rest is the same."""

from __future__ import annotations

from typing import Any

from .adapted import adapt
from ..core.envelope import Envelope, Migrations, OnNewer
from ..core.fallback import Renaming, shared
from .ending import EndingBackend
from .falling import FallbackBackend, OnError
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
    return one._view(layers, backend)
