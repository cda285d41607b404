"""What is long is kept shorter. Its first byte tells: no JSON begins with an `x`, as all of zlib
does."""

from __future__ import annotations

import zlib
from typing import Final

from .codecs import MAX_BYTES, UnreadableError
from .errors import ConfigurationError

_MARK: Final = b"x"
_LEVEL: Final = 1  # at level 6 a conversation is 4 % smaller, and takes twice the time


class Compression:
    """A stage that compresses what is longer than *over* bytes, where that saves something.

    What is not compressed is read as it is, so a store may be compressed from one day on. What
    would be more than *most* bytes is not read, and not compressed either.
    """

    word: str = "compressed"
    writes_json: bool = False

    def __init__(self, over: int, most: int = MAX_BYTES) -> None:
        if type(over) is not int or over < 0:
            raise ConfigurationError("over must be a number of bytes")
        self._over = over
        self._most = most

    def seal(self, name: str, raw: bytes) -> bytes:
        """*raw*, or something shorter."""
        must = raw[:1] == _MARK
        if not must and not self._over < len(raw) <= self._most:
            return raw
        packed = zlib.compress(raw, _LEVEL)
        return packed if must or len(packed) < len(raw) else raw

    def open(self, name: str, raw: bytes) -> bytes:
        """What was to be sealed."""
        if raw[:1] != _MARK:
            return raw
        reader = zlib.decompressobj()
        try:
            whole = reader.decompress(raw, self._most + 1)
        except zlib.error:
            whole = b""
        if len(whole) > self._most:
            raise UnreadableError(f"decompressed it is more than the {self._most} bytes allowed")
        if not reader.eof or reader.unused_data:
            raise UnreadableError("what was compressed is damaged")
        return whole

    def is_stale(self, raw: bytes) -> bool:
        """Whether *raw* is worth writing anew."""
        return False
