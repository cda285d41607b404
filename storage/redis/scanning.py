"""Going through the names of all that there is, page by page and server by server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .commands import READ, Command
from .settings import Address

_AT_ONCE: Final = b"500"


def begun(servers: Sequence[Address], cursor: str | None) -> tuple[Address, bytes]:
    """Which server a page is from, and where it begins there."""
    if cursor is None:
        return servers[0], b"0"
    host, port, at = cursor.rsplit("|", 2)
    return (host, int(port)), at.encode()


def scanning(place: Address, at: bytes, pattern: bytes) -> Command:
    """What asks a server for the names from there on that are like *pattern*."""
    words = (b"SCAN", at, b"MATCH", pattern, b"COUNT", _AT_ONCE)
    return Command(READ, b"", words, at=place)


def further(servers: Sequence[Address], place: Address, following: bytes) -> str | None:
    """Where the next page begins: at the next server when this one has no more."""
    if following != b"0":
        return f"{place[0]}|{place[1]}|{following.decode()}"
    after = [one for one in servers if one > place]
    return f"{after[0][0]}|{after[0][1]}|0" if after else None


def is_text(key: bytes) -> bool:
    """Whether a key may be one of ours; what is no UTF-8 was written by somebody else."""
    try:
        key.decode()
    except UnicodeDecodeError:
        return False
    return True
