# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""Entries on a server that tells what changes there."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.near import Look, Near
from ..errors import StorageError
from ..keys import Names
from .commands import READ, Command
from .door import Door
from .tracking import Listener


class RedisWatch:
    """The entries behind a *door* that are called by *names*."""

    def __init__(self, door: Door, names: Names) -> None:
        self._door = door
        self._places = door.places
        self._watch = self._listener = Listener(door, names.prefix.encode())

    def begin(self, near: Near) -> None:
        self._watch.begin(near)

    def look(self, name: str) -> Look:
        key = name.encode()
        try:
            replies = self._door.batch([Command(READ, key, (b"GET", key)), _ending(key)])
        except StorageError as error:
            error.key = name
            raise
        return replies[0], self._left(replies[1])

    def look_many(self, names: Sequence[str]) -> Sequence[Look]:
        """What is there, in one trip to each server."""
        keys = [name.encode() for name in names]
        groups = [group for group in self._places.groups(keys) if group]
        commands = [_reading([keys[index] for index in group]) for group in groups]
        replies = self._door.batch([*commands, *map(_ending, keys)])
        raws: list[bytes | None] = [None] * len(keys)
        for group, reply in zip(groups, replies):
            for index, raw in zip(group, reply):
                raws[index] = raw
        return list(zip(raws, map(self._left, replies[len(groups) :])))

    def close(self) -> None:
        self._watch.close()

    def _left(self, ms: int) -> float | None:
        """How many seconds an entry has left; none where it went meanwhile, or where nobody would
        hear of its changes."""
        if not self._listener.hears(self._places.all()):
            return 0.0
        return None if ms == -1 else max(ms, 0) / 1000


def _reading(keys: Sequence[bytes]) -> Command:
    return Command(READ, keys[0], (b"MGET", *keys))


def _ending(key: bytes) -> Command:
    return Command(READ, key, (b"PTTL", key))
