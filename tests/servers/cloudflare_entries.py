"""The entries of a namespace, as Cloudflare's KV keeps and checks them."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

LONGEST_NAME = 512
LARGEST_VALUE = 25 * 1024 * 1024
LARGEST_METADATA = 1024
SHORTEST_SECONDS, LONGEST_SECONDS = 60, 2**31 - 1

BAD_NAME, LARGE, BAD_ENDING, BAD_METADATA, MALFORMED = 10029, 10024, 10033, 10041, 10012


class RefusedError(Exception):
    """The service does not do it, and says so with a *status* and a *code*."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Stored:
    """An entry: its bytes, its metadata, and when it ends, in seconds since 1970."""

    value: bytes
    metadata: Any = None
    expiration: int | None = None

    def lives(self, now: float) -> bool:
        return self.expiration is None or self.expiration > now


Change = tuple[float, "Stored | None"]


class Entries:
    """What was ever kept, and when; who reads sees what stood there *lag* seconds ago."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.lag = 0.0
        self._changes: dict[str, list[Change]] = {}

    def put(self, name: str, stored: Stored | None) -> None:
        """Keep *stored* from now on, `None` for nothing."""
        if stored is not None or name in self._changes:
            self._changes.setdefault(name, []).append((self.clock(), stored))

    def written(self, name: str) -> float | None:
        """When the last change of an entry was."""
        changes = self._changes.get(name)
        return changes[-1][0] if changes else None

    def seen(self, name: str) -> Stored | None:
        """What who reads gets to see."""
        return _alive(self._changes.get(name, []), self.clock() - self.lag, latest=not self.lag)

    def names(self, prefix: str) -> list[tuple[str, Stored | None]]:
        """Every name that was ever used, in the order of its bytes, and what is seen there."""
        names = [name for name in [*self._changes] if name.startswith(prefix)]
        found = sorted(names, key=str.encode)
        return [(name, self.seen(name)) for name in found]

    def newest(self) -> Iterator[tuple[str, Stored]]:
        """What is there, whatever somebody sees."""
        for name, changes in [*self._changes.items()]:
            stored = _alive(changes, self.clock(), latest=True)
            if stored is not None:
                yield name, stored

    def clear(self) -> None:
        self._changes.clear()


def _alive(changes: list[Change], then: float, *, latest: bool) -> Stored | None:
    """What stood there *then*; the *latest* change counts even if the clock went back."""
    count = len(changes) if latest else bisect_right([when for when, _ in changes], then)
    stored = changes[count - 1][1] if count else None
    return stored if stored is not None and stored.lives(then) else None


def check_name(name: object, status: int = 400) -> str:
    """*name* as the service keeps it; *status* is for one that is too long."""
    if not isinstance(name, str):
        raise RefusedError(400, BAD_NAME, "key must be a string")
    kept = whole(name)
    if kept in ("", ".", ".."):
        raise RefusedError(400, BAD_NAME, "key name is empty, '.' or '..'")
    if len(kept.encode()) > LONGEST_NAME:
        message = f"key exceeds the limit of {LONGEST_NAME} bytes when encoded as UTF-8"
        raise RefusedError(status, BAD_NAME, message)
    return kept


def check_value(value: bytes) -> bytes:
    if len(value) > LARGEST_VALUE:
        raise RefusedError(413, LARGE, f"value exceeds the limit of {LARGEST_VALUE} bytes")
    return value


def check_metadata(metadata: Any) -> Any:
    text = json.dumps(metadata, separators=(",", ":"), ensure_ascii=False)
    if len(whole(text).encode()) > LARGEST_METADATA:
        message = f"metadata exceeds the limit of {LARGEST_METADATA} bytes when JSON encoded"
        raise RefusedError(413, BAD_METADATA, message)
    return metadata


def ending(expiration: Any, expiration_ttl: Any, now: float) -> int | None:
    """When an entry ends: after *expiration_ttl* seconds, or else at *expiration*."""
    if expiration_ttl is not None:
        seconds = _seconds("expiration_ttl", expiration_ttl)
        if seconds < SHORTEST_SECONDS:
            message = f"expiration_ttl must be at least {SHORTEST_SECONDS} seconds"
            raise RefusedError(400, BAD_ENDING, message)
        return int(now) + seconds
    if expiration is None:
        return None
    ends = _seconds("expiration", expiration)
    if ends < now + SHORTEST_SECONDS:
        message = f"expiration must be at least {SHORTEST_SECONDS} seconds in the future"
        raise RefusedError(400, BAD_ENDING, message)
    return ends


def whole(text: str) -> str:
    """*text* as UTF-8 can carry it."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _seconds(what: str, told: Any) -> int:
    """A whole number, which a query has as text."""
    try:
        if isinstance(told, bool) or (isinstance(told, float) and told % 1):
            raise ValueError
        seconds = int(told)
    except (TypeError, ValueError):
        raise RefusedError(400, BAD_ENDING, f"{what} must be a whole number") from None
    if seconds > LONGEST_SECONDS:
        raise RefusedError(400, BAD_ENDING, f"{what} must be {LONGEST_SECONDS} at the most")
    return seconds
