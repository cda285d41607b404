# Written by tools/mirror.py from storage/redis/visits.py: change that file and run the tool.
"""Visits to entries on a server: an entry and its lease lie in one slot, so each is one script."""

from __future__ import annotations

from typing import Any, Final

from ...keys import Names
from ...records import DELETE, Change, Parting, Sight, Turn
from ...ttl import Expiry, Keeping
from ...redis.commands import AGAIN, ONCE, READ, Script, lasting, lasting_anew, lasting_on, run
from .door import Door
from .leases import CALLED_MS, line, turn_of
from ...redis.replies import flag

_LOOK, _ENTER = Script("look", "now"), Script("enter", "now", "line")
_LEAVE = Script("leave", "now", "line")

_ENDING: Final = {b"PX": b"PEXPIRE", b"PXAT": b"PEXPIREAT"}
"""The commands that do what options of `SET` do."""


class RedisVisits:
    """Visits to the entries behind a *door* whose keys are called by *names*."""

    def __init__(self, door: Door, names: Names) -> None:
        self._door = door
        self._names = names

    async def look(self, key: str) -> Sight:
        entry = self._names.name(key).encode()
        reply = await self._door.call(run(_LOOK, READ, (entry,)), key)
        return sight_of(reply)

    async def enter(self, key: str, token: str, ttl_ms: int, patience_ms: int) -> tuple[Turn, Sight]:
        entry, words = self._names.name(key).encode(), (token.encode(), ttl_ms, patience_ms)
        command = run(_ENTER, AGAIN, (entry, *line(self._names, key)), *words)
        reply = await self._door.call(command, key)
        return turn_of(reply[:2]), sight_of(reply[2:])

    async def leave(
        self, key: str, token: str, ttl_ms: int, change: Change | None, release: bool
    ) -> Parting:
        entry, held = self._names.name(key).encode(), line(self._names, key) if token else ()
        words = (token.encode(), 0 if release else ttl_ms, CALLED_MS)
        reply = await self._door.call(run(_LEAVE, ONCE, (entry, *held), *words, *_told(change)), key)
        return parting_of(reply)


def sight_of(reply: list[Any]) -> Sight:
    """What the server said of an entry."""
    raw, left_ms, now_ms = reply
    return Sight(raw, None if raw is None or left_ms < 0 else left_ms, now_ms)


def parting_of(reply: list[Any]) -> Parting:
    """What the server said to who leaves."""
    held, done, raw = reply
    return Parting(flag(held), flag(done), raw)


def _told(change: Change | None) -> tuple[bytes, ...]:
    """What the script is told of *change*: what is expected, and the command that makes it."""
    if change is None:
        return (b"any", b"")
    old, new, expiry = change
    if new is None and old is None:
        return (b"any", b"", *_touching(expiry))
    expected = (b"none", b"") if old is None else (b"these", old)
    if new is None:
        return (*expected, *_touching(expiry))
    if new is DELETE:
        return expected if old is None else (*expected, b"DEL")
    options = lasting_anew(expiry) if old is None else lasting_on(expiry)
    return (*expected, b"SET", new, *options)


def _touching(expiry: Expiry) -> tuple[bytes, ...]:
    """The command that gives an entry that is there another expiry."""
    if isinstance(expiry, Keeping):
        return ()
    options = lasting(expiry)
    return (_ENDING[options[0]], options[1]) if options else (b"PERSIST",)
