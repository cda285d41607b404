"""What a backend offers besides values: rooms, each a protocol of whole operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from .errors import UnsupportedError
from .keys import Names

Room = TypeVar("Room")

_REMEDIES: Final = {
    "LeaseStore": "leases need memory, SQLite or Redis: make them of such a store",
}


def offered(backend: Any, kind: Callable[..., Room], names: Names) -> Room:
    """The room of *kind* that *backend* has for what is called by *names*.

    A backend need not have the method `room(kind, names)`, nor every room.
    """
    offer = getattr(backend, "room", None)
    room: Room | None = None if offer is None else offer(kind, names)
    if room is None:
        word = getattr(kind, "__name__", "such a room")
        message = _REMEDIES.get(word, f"this store has no {word}")
        raise UnsupportedError(message, store=backend.label)
    return room
