# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""A second backend that does what the first one can not do now, because it does not answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .core.fallback import ANSWERS, FIRST, SECOND, Outage, Renaming, both
from .errors import StorageError, UnavailableError, UnsupportedError
from .records import Capabilities, Deletion, Missing, Page
from .runtime import Answer, Runtime, callback, monotonic
from .tracing import Traced
from .ttl import Expiry

OnError = Callable[[UnavailableError], Answer[object]]


class FallbackBackend:
    """The entries of *first*, and while that does not answer, those of *second*.

    Names are those of *first*, and *renaming* says what *second* calls them. Each operation is
    done by one of the two, and *on_error* hears of each that *second* is about to do.
    """

    def __init__(
        self, first: Traced, second: Traced, renaming: Renaming, on_error: OnError, pause: float
    ) -> None:
        self._primary = first
        self._standby = second
        self._runtime = Runtime()
        self._on_error = callback(on_error)
        self._outage = Outage(first.label, pause)
        self._clock: Callable[[], float] = monotonic
        self._name = renaming.name
        self._names = renaming.names
        self._entries = renaming.entries
        self._restored = renaming.restored
        self._back = renaming.back
        self.label: str = f"{first.label}, else {second.label}"
        self.capabilities: Capabilities = both(first.capabilities, second.capabilities)

    def read(self, name: str) -> bytes | None:
        one, other = self._primary.read, self._standby.read
        raw: bytes | None = self._either(one, other, self._name, name)
        return raw

    def read_fresh(self, name: str) -> bytes | None:
        """The entry itself, where one of the two has copies."""
        one, other = self._primary.read_fresh, self._standby.read_fresh
        raw: bytes | None = self._either(one, other, self._name, name)
        return raw

    def ends(self, name: str) -> int | Missing | None:
        one, other = self._primary.ends, self._standby.ends
        ms: int | Missing | None = self._either(one, other, self._name, name)
        return ms

    def write(self, name: str, raw: bytes, expiry: Expiry) -> None:
        one, other = self._primary.write, self._standby.write
        self._either(one, other, self._name, name, raw, expiry)

    def add(self, name: str, raw: bytes, expiry: Expiry) -> bool:
        one, other = self._primary.add, self._standby.add
        added: bool = self._either(one, other, self._name, name, raw, expiry)
        return added

    def swap(self, name: str, old: bytes, new: bytes | Deletion, expiry: Expiry) -> bool:
        """Whoever does it compares with what it has itself, wherever *old* was read."""
        one, other = self._primary.swap, self._standby.swap
        done: bool = self._either(one, other, self._name, name, old, new, expiry)
        return done

    def remove(self, name: str) -> bool:
        one, other = self._primary.remove, self._standby.remove
        there: bool = self._either(one, other, self._name, name)
        return there

    def exists(self, name: str) -> bool:
        one, other = self._primary.exists, self._standby.exists
        there: bool = self._either(one, other, self._name, name)
        return there

    def touch(self, name: str, expiry: Expiry) -> bool:
        one, other = self._primary.touch, self._standby.touch
        there: bool = self._either(one, other, self._name, name, expiry)
        return there

    def incr(self, name: str, by: int, initial: int, expiry: Expiry) -> int:
        one, other = self._primary.incr, self._standby.incr
        total: int = self._either(one, other, self._name, name, by, initial, expiry)
        return total

    def read_many(self, names: Sequence[str]) -> Sequence[bytes | None]:
        one, other = self._primary.read_many, self._standby.read_many
        found: Sequence[bytes | None] = self._either(one, other, self._names, names)
        return found

    def write_many(self, entries: Sequence[tuple[str, bytes]], expiry: Expiry) -> None:
        one, other = self._primary.write_many, self._standby.write_many
        self._either(one, other, self._entries, entries, expiry)

    def ends_many(self, names: Sequence[str]) -> Sequence[int | Missing | None]:
        one, other = self._primary.ends_many, self._standby.ends_many
        found: Sequence[int | Missing | None] = self._either(one, other, self._names, names)
        return found

    def restore(self, entries: Sequence[tuple[str, bytes, int | None]], replace: bool) -> int:
        one, other = self._primary.restore, self._standby.restore
        restored: int = self._either(one, other, self._restored, entries, replace)
        return restored

    def remove_many(self, names: Sequence[str]) -> int:
        one, other = self._primary.remove_many, self._standby.remove_many
        removed: int = self._either(one, other, self._names, names)
        return removed

    def page(self, prefix: str, cursor: str | None, values: bool) -> Page:
        """The next entries, out of the same backend as those before them."""
        self._check_listed()
        began, at = (None, None) if cursor is None else (cursor[:1], cursor[1:])
        answer: Any = self._outage.error(prefix)
        if began != SECOND:
            answer = self._tried(self._primary.page, prefix, at, values)
        if isinstance(answer, Page):
            return answer._replace(cursor=_marked(FIRST, answer.cursor))
        if began == FIRST:
            raise answer
        self._runtime.call(self._on_error, answer)
        page = self._standby.page(self._name(prefix), at, values)
        return Page(self._back(page.names), page.values, _marked(SECOND, page.cursor))

    def clear(self, prefix: str) -> int:
        self._check_listed()
        one, other = self._primary.clear, self._standby.clear
        removed: int = self._either(one, other, self._name, prefix)
        return removed

    def close(self) -> None:
        try:
            self._primary.close()
        finally:
            self._standby.close()

    def _either(
        self,
        one: Callable[..., Any],
        other: Callable[..., Any],
        renamed: Callable[[Any], Any],
        named: Any,
        *rest: Any,
    ) -> Any:
        """What *one* answers, whatever that is, or *other* where there is no answer."""
        answer = self._tried(one, named, *rest)
        if not isinstance(answer, UnavailableError):
            return answer
        self._runtime.call(self._on_error, answer)
        return self._runtime.call(other, renamed(named), *rest)

    def _tried(self, one: Callable[..., Any], named: Any, *rest: Any) -> Any:
        """What *one* answers, or the error that leads to the other."""
        if not self._outage.lets_ask(self._clock()):
            return self._outage.error(named if isinstance(named, str) else None)
        try:
            answer = self._runtime.call(one, named, *rest)
        except StorageError as error:
            if not isinstance(error, UnavailableError) or isinstance(error, ANSWERS):
                self._outage.answered(error)
                raise
            self._outage.began(error, self._clock())
            return error
        self._outage.ended()
        return answer

    def _check_listed(self) -> None:
        if not self.capabilities.iteration:
            message = "one of the two stores can not list its keys"
            raise UnsupportedError(message, store=self.label)


def _marked(place: str, cursor: str | None) -> str | None:
    return None if cursor is None else place + cursor
