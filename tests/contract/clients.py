"""Clients of Redis that somebody has written: of each no more than the commands it needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.servers import Server


class Kept:
    """What they have in common: strings with an end, by *clock*, in this process."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.entries: dict[str, tuple[Any, int | None]] = {}
        self.clock = clock

    def now(self) -> int:
        return round(self.clock() * 1000)

    def live(self, key: str) -> tuple[Any, int | None] | None:
        entry = self.entries.get(key)
        if entry is None or (entry[1] is not None and entry[1] <= self.now()):
            return None
        return entry

    def ending(self, key: str, ms: int) -> bool:
        entry = self.live(key)
        if entry is not None:
            self.entries[key] = (entry[0], self.now() + ms)
        return entry is not None

    def left(self, key: str) -> int:
        entry = self.live(key)
        if entry is None:
            return -2
        return -1 if entry[1] is None else entry[1] - self.now()

    def get(self, key: str) -> Any:
        entry = self.live(key)
        return None if entry is None else entry[0]

    def set(self, key: str, value: Any) -> str:
        self.entries[key] = (value, None)
        return "OK"


class OneStep(Kept):
    """Writes a value with its lifetime at once."""

    def psetex(self, key: str, ms: int, value: Any) -> None:
        self.entries[key] = (value, self.now() + ms)

    def delete(self, key: str) -> int:
        return int(self.entries.pop(key, None) is not None)

    def pttl(self, key: str) -> int:
        return self.left(key)


class TwoSteps(Kept):
    """Writes a value, and then its lifetime; in camel case."""

    def unlink(self, *keys: str) -> None:
        for key in keys:
            self.entries.pop(key, None)

    def pExpire(self, key: str, ms: int) -> bool:  # noqa: N802 - as in JavaScript
        return self.ending(key, ms)

    def pTTL(self, key: str) -> int:  # noqa: N802 - as in JavaScript
        return self.left(key)


class InSeconds(Kept):
    """Has no lifetimes but whole seconds, and does not say what is left of them."""

    def del_(self, key: str) -> None:
        self.entries.pop(key, None)

    def expire(self, key: str, seconds: int) -> None:
        assert type(seconds) is int
        self.ending(key, seconds * 1000)


class Mixed(OneStep):
    """Some of its commands are awaited, and some are not."""

    async def get(self, key: str) -> Any:
        return super().get(key)

    async def psetex(self, key: str, ms: int, value: Any) -> None:
        super().psetex(key, ms, value)


class OnServer:
    """The same on a server, with bytes for answers."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def get(self, key: str) -> Any:
        return self.server.call("GET", key)

    def set(self, key: str, value: Any) -> Any:
        return self.server.call("SET", key, value)

    def del_(self, key: str) -> Any:
        return self.server.call("DEL", key)

    def pexpire(self, key: str, ms: int) -> Any:
        return self.server.call("PEXPIRE", key, ms)

    def pttl(self, key: str) -> Any:
        return self.server.call("PTTL", key)
