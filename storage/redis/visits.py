# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""Visits to entries on a server: an entry and its lease lie in one slot, so each is one script."""

from __future__ import annotations

from typing import Any, Final

from ..keys import Names
from ..records import DELETE, Change, Parting, Sight, Turn
from ..ttl import Expiry, Keeping
from .commands import (
    AGAIN,
    ONCE,
    READ,
    Command,
    Script,
    lasting,
    lasting_anew,
    lasting_on,
    run_words,
)
from .door import Door
from .leases import CALLED_MS, line, turn_of
from .replies import flag

_LOOK, _ENTER = Script("look", "now"), Script("enter", "now", "line")
_LEAVE, _PUT = Script("leave", "now", "line"), Script("put")

_CALLED: Final = b"%d" % CALLED_MS

_DONE: Final = Parting(True, True, None)

_ENDING: Final = {b"PX": b"PEXPIRE", b"PXAT": b"PEXPIREAT"}
"""The commands that do what options of `SET` do."""


class RedisVisits:
    """Visits to the entries behind a *door* whose keys are called by *names*."""

    def __init__(self, door: Door, names: Names) -> None:
        self._door = door
        self._names = names
        self._vigils = door.vigils

    def look(self, key: str) -> Sight:
        entry = self._names.name(key).encode()
        reply = self._door.call(run_words(_LOOK, READ, (entry,), ()), key)
        return sight_of(reply)

    def enter(self, key: str, token: str, ttl_ms: int, patience_ms: int) -> tuple[Turn, Sight]:
        keys = (self._names.name(key).encode(), *line(self._names, key))
        words = (token.encode(), b"%d" % ttl_ms, b"%d" % patience_ms)
        reply = self._door.call(run_words(_ENTER, AGAIN, keys, words), key)
        return turn_of(token, reply[:3], self._vigils), sight_of(reply[3:])

    def leave(
        self, key: str, token: str, ttl_ms: int, change: Change | None, release: bool
    ) -> Parting:
        entry = self._names.name(key).encode()
        put = None if token or change is None else _putting(entry, change)
        if put is not None:
            there = self._door.call(put, key)
            return _DONE if isinstance(there, int) else Parting(True, False, there)
        held = line(self._names, key) if token else ()
        self._vigils.stands(token, 0)
        words = (token.encode(), b"0" if release else b"%d" % ttl_ms, _CALLED, *_told(change))
        reply = self._door.call(run_words(_LEAVE, ONCE, (entry, *held), words), key)
        return parting_of(reply)


def sight_of(reply: list[Any]) -> Sight:
    """What the server said of an entry."""
    raw, left_ms, now_ms = reply
    return Sight(raw, None if raw is None or left_ms < 0 else left_ms, now_ms)


def parting_of(reply: list[Any]) -> Parting:
    """What the server said to who leaves."""
    held, done, raw = reply
    return _DONE if held and done else Parting(flag(held), flag(done), raw)


def _putting(entry: bytes, change: Change) -> Command | None:
    """What makes the most usual *change* where nobody has to hold a lease: one value in the place
    of another."""
    old, new, expiry = change
    if old is None or not isinstance(new, bytes):
        return None
    return run_words(_PUT, ONCE, (entry,), (old, new, *lasting_on(expiry)))


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
