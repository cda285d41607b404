# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""Entries on a server that tells what changes there."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.near import Look, Near
from ..errors import StorageError
from ..keys import Names
from .commands import READ, Command, Script, run
from .door import Door
from .tracking import Listener

_LEFT = Script("left")
_FEW = 3
_AT_ONCE = 500
"""So many keys has one command at the most: a server does one command after the other."""


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
        return replies[0], self._left(replies[1:])[0]

    def look_many(self, names: Sequence[str]) -> Sequence[Look]:
        """What is there, in one trip to each server."""
        keys = [name.encode() for name in names]
        groups = [
            group[start : start + _AT_ONCE]
            for group in self._places.groups(keys)
            for start in range(0, len(group), _AT_ONCE)
        ]
        chosen = [[keys[index] for index in group] for group in groups]
        ends = [command for some in chosen for command in _endings(some)]
        replies = self._door.batch([*map(_reading, chosen), *ends])
        raws = [raw for reply in replies[: len(groups)] for raw in reply]
        left = self._left(replies[len(groups) :])
        looks: list[Look] = [(None, None)] * len(keys)
        order = [index for group in groups for index in group]
        for index, raw, seconds in zip(order, raws, left):
            looks[index] = raw, seconds
        return looks

    def close(self) -> None:
        self._watch.close()

    def _left(self, replies: Sequence[int | list[int]]) -> list[float | None]:
        """How many seconds entries have left; none where one went meanwhile, or where nobody would
        hear of its changes."""
        is_heard = self._listener.hears(self._places.all())
        left: list[float | None] = []
        for reply in replies:
            for ms in reply if isinstance(reply, list) else (reply,):
                seconds = None if ms == -1 else max(ms, 0) / 1000
                left.append(seconds if is_heard else 0.0)
        return left


def _reading(keys: Sequence[bytes]) -> Command:
    return Command(READ, keys[0], (b"MGET", *keys))


def _endings(keys: Sequence[bytes]) -> Sequence[Command]:
    """What asks for the ends of *keys*: those of many come in one reply, which is read at once."""
    if len(keys) > _FEW:
        return [run(_LEFT, READ, tuple(keys))]
    return [_ending(key) for key in keys]


def _ending(key: bytes) -> Command:
    return Command(READ, key, (b"PTTL", key))
