# Written by tools/mirror.py from storage/layered.py: change that file and run the tool.
"""Stores over stores: what is kept of a value is something else, and all the rest is the same."""

from __future__ import annotations

from typing import Any

from .adapted import adapt
from ..core.envelope import Envelope, Migrations, OnNewer
from .ending import recorded
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
    precise = millisecond_precision
    over, under = recorded(store._backend, layers, envelope, clock, precise=precise)
    return store._view(over.lasting(ttl), under)
