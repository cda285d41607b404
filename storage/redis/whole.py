"""Replies that come whole and alone, as nearly all of them do: they are read without a parser.

Whatever else comes is left to the parser of the client library.
"""

from __future__ import annotations

from typing import Any, Final

from .struck import struck

PARTED: Final[Any] = object()
"""What is not one reply of a plain kind from its beginning to its end."""

_TEXT, _LINE, _NUMBER, _SEVERAL = b"$+:*"
_LENGTH = 24
"""So many bytes have the longest of numbers and its end."""


def whole(data: bytes) -> Any:
    """The reply that *data* is, or `PARTED`."""
    try:
        kind = data[0]
        if kind == _TEXT:
            end = data.find(b"\r\n", 1, _LENGTH)
            size = int(data[1:end])
            if len(data) == end + size + 4 and size >= 0 and data.endswith(b"\r\n"):
                return data[end + 2 : -2]
            return None if data == b"$-1\r\n" else PARTED
        if kind == _SEVERAL:
            return _several(data)
        if 1 <= data.find(b"\r\n") == len(data) - 2:
            if kind == _NUMBER:
                return int(data[1:-2])
            if kind == _LINE:
                return data[1:-2]
            if data == b"_\r\n":
                return None
    except (ValueError, IndexError) as error:
        if struck(error):
            raise
    return PARTED


def _several(data: bytes) -> Any:
    """A list of texts and numbers, one after the other."""
    end = data.find(b"\r\n", 1, _LENGTH)
    count = int(data[1:end])
    if count < 0:
        return PARTED
    found: list[Any] = []
    for _ in range(count):
        start = end + 2
        kind = data[start]
        end = data.find(b"\r\n", start, start + _LENGTH)
        number = int(data[start + 1 : end])
        if kind == _NUMBER:
            found.append(number)
        elif kind != _TEXT or number < -1:
            return PARTED
        elif number < 0:
            found.append(None)
        else:
            start, end = end + 2, end + 2 + number
            found.append(data[start:end])
            if data[end : end + 2] != b"\r\n":
                return PARTED
    return found if end + 2 == len(data) and data.endswith(b"\r\n") else PARTED
