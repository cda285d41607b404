# Written by tools/mirror.py from storage/redis/leases.py: change that file and run the tool.
"""Leases and claims on a server. Who waits is asleep there, until it is woken by who goes."""

from __future__ import annotations

from typing import Final

from ...keys import Names
from ...records import Claimed, Turn
from ..runtime import Bell, Runtime, monotonic
from ...redis.commands import AGAIN, ONCE, READ, Command, Script, run
from .door import Door
from ...redis.places import beside_name
from ...redis.replies import flag
from ...redis.vigils import Vigils

_ACQUIRE, _RELEASE = Script("acquire", "now", "line"), Script("release", "now", "line")
_RENEW, _CLAIM, _DONE = Script("renew"), Script("claim"), Script("done")

CALLED_MS: Final = 60_000
"""How long a call to wake up waits for who is not asleep yet."""

_SHORTEST: Final = 0.001
"""So many seconds one sleeps at the server at the least: no time at all would be for ever."""

_CLAIMED: Final[dict[int, Claimed]] = {1: "taken", 2: "busy", 3: "done"}


class RedisLeases:
    """The leases and claims behind a *door* whose keys are called by *names*.

    A lease lies in the slot of the value under the same key.
    """

    def __init__(self, door: Door, names: Names) -> None:
        self._door = door
        self._names = names
        self._vigils = door.vigils
        self._runtime = Runtime()

    async def acquire(self, key: str, token: str, ttl_ms: int, patience_ms: int) -> Turn:
        words = (token.encode(), ttl_ms, patience_ms)
        reply = await self._door.call(run(_ACQUIRE, AGAIN, line(self._names, key), *words), key)
        return turn_of(token, reply, self._vigils)

    async def wait(self, key: str, token: str, wait_ms: int) -> None:
        lease, end = line(self._names, key)[0], monotonic() + wait_ms / 1000
        bell = Bell()
        vigil = self._vigils.of(lease, token, end, bell.ring)
        try:
            self._vigils.begin(vigil)
            if not vigil.is_due:
                await self._runtime.hear(bell, wait_ms / 1000)
            seconds = end - monotonic()
            if vigil.is_due and seconds > 0:
                seconds = max(seconds, _SHORTEST)
                words = (b"BLPOP", b"%b:wake:%b" % (lease, token.encode()), b"%.3f" % seconds)
                await self._door.wait(Command(READ, lease, words), seconds, key)
        finally:
            self._vigils.end(vigil)

    async def renew(self, key: str, token: str, ttl_ms: int) -> bool:
        lease = line(self._names, key)[0]
        reply = await self._door.call(run(_RENEW, AGAIN, (lease,), token.encode(), ttl_ms), key)
        return flag(reply)

    async def release(self, key: str, token: str) -> bool:
        self._vigils.stands(token, 0)
        words = (token.encode(), CALLED_MS)
        reply = await self._door.call(run(_RELEASE, ONCE, line(self._names, key), *words), key)
        return flag(reply)

    async def claim(self, key: str, token: str, ttl_ms: int) -> Claimed:
        mark = self._names.reserved("claim", key).encode()
        reply = await self._door.call(run(_CLAIM, AGAIN, (mark,), token.encode(), ttl_ms), key)
        return _CLAIMED[reply]

    async def done(self, key: str, token: str, ttl_ms: int) -> bool:
        mark = self._names.reserved("claim", key).encode()
        reply = await self._door.call(run(_DONE, AGAIN, (mark,), token.encode(), ttl_ms), key)
        return flag(reply)


def line(names: Names, key: str) -> tuple[bytes, bytes, bytes]:
    """The lease and its queue, in the slot of the value under *key*."""
    start = beside_name(names.segment("lease"), names.name(key))
    # Each kind has an end of its own, whatever a key ends with.
    return start + b":held", start + b":queue", start + b":kept"


def turn_of(token: str, reply: list[int], vigils: Vigils) -> Turn:
    """What the server said to the one of this *token*, who asked for a lease; *vigils* know the
    place."""
    granted, wait_ms, place = reply
    vigils.stands(token, place)
    return Turn(granted == 1, max(0, wait_ms))
