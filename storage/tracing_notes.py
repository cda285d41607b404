# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""Log lines of the rooms that have few operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .protocols import MetadataStore, Sweeper
from .records import Noted
from .runtime import timed
from .ttl import Expiry


class TracedSweeper:
    """A *room* that can be swept, with a log line a sweep while that is wanted."""

    def __init__(self, room: Sweeper, label: str) -> None:
        self._room = room
        self._label = label

    def sweep(self) -> int:
        with timed(self._label, "sweep", ""):
            return self._room.sweep()


class TracedNotes:
    """A *room* of entries with metadata, with a log line an operation while that is wanted."""

    def __init__(self, room: MetadataStore, label: str) -> None:
        self._room = room
        self._label = label

    def read_noted(self, name: str) -> Noted | None:
        with timed(self._label, "read_noted", name):
            return self._room.read_noted(name)

    def write_noted(
        self, name: str, raw: bytes, metadata: Mapping[str, Any], expiry: Expiry
    ) -> None:
        with timed(self._label, "write_noted", name):
            self._room.write_noted(name, raw, metadata, expiry)

    def page_noted(
        self, prefix: str, cursor: str | None
    ) -> tuple[Sequence[tuple[str, Any]], str | None]:
        with timed(self._label, "page_noted", f"{prefix}*"):
            return self._room.page_noted(prefix, cursor)
