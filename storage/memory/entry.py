"""What is kept of a key in memory."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """The bytes, and when they end: in milliseconds since 1970, or `None` for never."""

    raw: bytes
    ends: int | None
