# Written by tools/mirror.py from storage/tiered_rooms.py: change that file and run the tool.
"""Rooms that write entries of which there may be copies near at hand: those are dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..core.near import Near
from ..keys import Names
from .protocols import MetadataStore, TallyStore, VisitStore
from ..records import Change, Counted, Noted, Parting, Sight, Turn, Window
from ..ttl import Expiry


class TieredVisits:
    """A *room* of visits, which see the entries themselves."""

    def __init__(self, room: VisitStore, near: Near, names: Names) -> None:
        self._room = room
        self._near = near
        self._names = names

    async def look(self, key: str) -> Sight:
        return await self._room.look(key)

    async def enter(self, key: str, token: str, ttl_ms: int, patience_ms: int) -> tuple[Turn, Sight]:
        return await self._room.enter(key, token, ttl_ms, patience_ms)

    async def leave(
        self, key: str, token: str, ttl_ms: int, change: Change | None, release: bool
    ) -> Parting:
        names = () if change is None else (self._names.name(key),)
        self._near.drop(names)
        try:
            parting = await self._room.leave(key, token, ttl_ms, change, release)
        finally:
            self._near.drop(names)
        return parting


class TieredTallies:
    """A *room* of tallies."""

    def __init__(self, room: TallyStore, near: Near, names: Names) -> None:
        self._room = room
        self._near = near
        self._names = names

    async def hit(self, key: str, window: Window, now_ms: int | None) -> Counted | Sight:
        names = (self._names.name(key),)
        self._near.drop(names)
        try:
            counted = await self._room.hit(key, window, now_ms)
        finally:
            self._near.drop(names)
        return counted


class TieredNotes:
    """A *room* of entries with metadata."""

    def __init__(self, room: MetadataStore, near: Near) -> None:
        self._room = room
        self._near = near

    async def read_noted(self, name: str) -> Noted | None:
        return await self._room.read_noted(name)

    async def write_noted(
        self, name: str, raw: bytes, metadata: Mapping[str, Any], expiry: Expiry
    ) -> None:
        names = (name,)
        self._near.drop(names)
        try:
            await self._room.write_noted(name, raw, metadata, expiry)
        finally:
            self._near.drop(names)

    async def page_noted(
        self, prefix: str, cursor: str | None
    ) -> tuple[Sequence[tuple[str, Any]], str | None]:
        return await self._room.page_noted(prefix, cursor)
