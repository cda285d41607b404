"""What a layer adds to a call: one of them, and six folded together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import storage
from storage import JsonCodec, Storage

from ..load import Load, Size
from ..report import Case, Report, Target
from .settings import Settings

ENTRIES = 2_000
OPERATIONS = 2_000

KEY = b"k" * 32
MIGRATIONS = {1: lambda record: record, 2: lambda record: record}

_ONE, _SIX = Target(1.2), Target(1.3)

Make = Callable[[], Storage[Any]]


def layers(report: Report, chosen: Settings) -> None:
    """A store with a layer against the same store without one."""
    for size in chosen.sizes:
        for where, make in _places(chosen):
            enhanced = storage.enhance_storage(make(), migrations=MIGRATIONS)
            _compare(report, chosen, size, f"enhanced get, {where}", make, enhanced, _ONE)
            compressed = storage.compressed(make())
            _compare(report, chosen, size, f"compressed get, {where}", make, compressed, None)
            encrypted = storage.encrypted(make(), KEY)
            _compare(report, chosen, size, f"encrypted get, {where}", make, encrypted, None)


def folded(report: Report, chosen: Settings) -> None:
    """Six layers (namespace, type, version, compression, encryption, size) against none.

    A type is read by msgspec, which takes less time than the codec of the base: so five without
    it are shown as well.
    """
    for size in chosen.sizes:
        for where, make in _places(chosen):
            five = _five(make())
            _compare(report, chosen, size, f"the same without a type, {where}", make, five, None)
            six = _five(make()).typed(dict[str, Any])
            _compare(report, chosen, size, f"six layers, {where}", make, six, _SIX)


def _places(chosen: Settings) -> list[tuple[str, Make]]:
    """Stores whose codec keeps to a size, as a layer of its own would."""
    codec = JsonCodec(max_bytes=1_000_000) if chosen.codec_name == "json" else chosen.codec
    return [
        ("memory", lambda: storage.MemoryStorage(codec=codec)),
        ("SQLite", lambda: storage.SqliteStorage(chosen.file(), codec=codec)),
    ]


def _five(base: Storage[Any]) -> Storage[Any]:
    under = storage.compressed(storage.encrypted(base.namespace("bot"), KEY))
    return storage.enhance_storage(under, migrations=MIGRATIONS)


def _compare(
    report: Report,
    chosen: Settings,
    size: Size,
    law: str,
    make: Make,
    layered: Storage[Any],
    target: Target | None,
) -> None:
    load = Load(size, ENTRIES, size.operations(OPERATIONS))
    bare, again = make(), make()
    for one in (layered, bare, again):
        load.fill(one.set)
    case = Case(
        f"{law}, {size.name}",
        load.gets("layered.get(key)", layered.get),
        load.gets("store.get(key)", bare.get),
        target,
        load.gets("store.get(key)", again.get),
    )
    report.run(case, chosen.rounds)
    for one in (bare, again):
        one.close()
