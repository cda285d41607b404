"""The pure layers of a store, folded into one object: what a key is called in the backend, how a
value is written there, and how long it lives."""

from __future__ import annotations

from typing import Any, Literal

from ..codecs import Codec
from ..errors import CorruptValueError, StorageError, UnstorableError, UnsupportedError
from ..keys import Names
from ..records import DELETE, MISSING, Deletion, Page
from ..runtime import is_async
from ..ttl import DEFAULT, KEEP, DefaultTtl, Expiry, Keeping, Span, Ttl, default_span, span

OnCorrupt = Literal["raise", "skip"]
Seen = set[str] | None


class Layers:
    """Everything a store decides without its backend, which errors call *label*, and which may
    be one where nothing *expires*."""

    def __init__(
        self, label: str, codec: Codec, names: Names, ttl: DefaultTtl, *, expires: bool = True
    ) -> None:
        self.label: str = label
        self._expires = expires
        self.codec: Codec = codec
        self.names: Names = Names(names.prefix, verbatim=names.verbatim, store=label)
        self.default: int | None = default_span(ttl)
        self._check_expires(self.default)
        self.keeping: Keeping = Keeping(self.default)
        self._counts = codec.encode(10) == b"10"

    def namespace(self, name: str) -> Layers:
        """The same layers over the keys of a namespace."""
        names = self.names.namespace(name)
        inner = Layers(self.label, self.codec, names, None, expires=self._expires)
        inner.default, inner.keeping = self.default, self.keeping
        return inner

    def check_counting(self) -> None:
        """Refuse to count where numbers are not written as numbers."""
        if not self._counts:
            message = "incr needs a codec that writes integers as JSON does: use update"
            raise UnsupportedError(message, store=self.label)

    def check_default(self, default: object) -> None:
        """Refuse a default that would have to be awaited."""
        if callable(default) and is_async(default):
            raise TypeError("a default is a value or a plain function, not a coroutine function")

    def expiry(self, ttl: Ttl) -> Expiry:
        """What the backend is told about *ttl*; refuses one that nobody would watch."""
        if ttl is DEFAULT:
            return self.default
        if ttl is KEEP:
            return self.keeping
        told = span(ttl)
        self._check_expires(told)
        return told

    def _check_expires(self, told: Span) -> None:
        if told is not None and not self._expires:
            message = "nothing expires here: leave ttl out, or use another store"
            raise UnsupportedError(message, store=self.label)

    def encode(self, key: str, value: object) -> bytes:
        """*value* as bytes; an error says which part of which key can not be stored."""
        try:
            return self.codec.encode(value)
        except UnstorableError as error:
            raise self.located(error, key) from None

    def replacement(self, key: str, value: object) -> bytes | Deletion:
        """What takes the place of a value: *value* as bytes, or nothing at all."""
        return DELETE if value is DELETE else self.encode(key, value)

    def decode(self, key: str, raw: bytes) -> Any:
        """The value that *raw* stands for."""
        try:
            return self.codec.decode(raw)
        except ValueError as error:
            raise self.corrupt(key, error) from error

    def begin(self, key: str, raw: bytes | None, default: Any) -> Any:
        """The value to begin a change with: what is stored, or a fresh copy of *default*."""
        if raw is not None:
            return self.decode(key, raw)
        if default is MISSING:
            raise KeyError(key)
        if callable(default):
            return default()
        return self.codec.decode(self.encode(key, default))

    def kept(self, old: bytes | None, new: bytes | Deletion, expiry: Expiry) -> bool:
        """Whether nothing need be written: the same value with the expiry it has.

        JSON of other libraries, with its spaces and escapes, is mostly longer than ours of the
        same value, or shorter with its exponents. What does not look like it is at worst written
        once more.
        """
        if old is None or new is DELETE or expiry is not self.keeping:
            return False
        if old == new:
            return True
        foreign = len(old) > len(new) or (len(old) < len(new) and b"e-" in old)
        return foreign and self.codec.same(old, new)

    def same(self, old: bytes, new: bytes) -> bool:
        """Whether *old*, as it was read, is the same value as *new*, as it would be written."""
        return self.codec.same(old, new)

    def keys(self, page: Page, seen: Seen) -> list[tuple[int, str]]:
        """The plain keys of a page with their places, without those *seen* before."""
        found = []
        for index, name in enumerate(page.names):
            key = self.names.key(name)
            if key is None or (seen is not None and key in seen):
                continue
            found.append((index, key))
            if seen is not None:
                seen.add(key)
        return found

    def readable(self, key: str, raw: bytes, on_corrupt: OnCorrupt) -> list[Any]:
        """The value, or nothing where it can not be read and shall be skipped."""
        try:
            return [self.decode(key, raw)]
        except CorruptValueError:
            if on_corrupt == "raise":
                raise
            return []

    def corrupt(self, key: str, error: ValueError) -> CorruptValueError:
        """The error for bytes that can not be read."""
        return CorruptValueError(str(error), store=self.label, key=key)

    def located(self, error: StorageError, key: str) -> StorageError:
        """*error*, saying where it happened."""
        error.store = self.label
        error.key = key
        return error


def check_walk(unique: bool, on_corrupt: OnCorrupt) -> Seen:
    """Where an iteration remembers the keys it has shown, if it shall."""
    if on_corrupt not in ("raise", "skip"):
        raise ValueError(f'on_corrupt must be "raise" or "skip", not {on_corrupt!r}')
    return set() if unique else None
