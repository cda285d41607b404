"""What is kept of a key in memory."""

from __future__ import annotations

Entry = tuple[bytes, int | None]
"""The bytes, and when they end: in milliseconds since 1970, or `None` for never. A plain tuple: a
million of them are made, read and thrown away in half the time of named ones."""
