"""What stands under a layer."""

from __future__ import annotations

from typing import Any


def kept(base: Any, name: str = "k") -> bytes:
    """The bytes that the memory of *base* holds."""
    found = _memory(base).read(name)
    assert found is not None
    return bytes(found)


def plant(base: Any, raw: bytes, name: str = "k") -> None:
    """Put bytes into the memory of *base*, as somebody else would."""
    _memory(base).write(name, raw, None)


def _memory(base: Any) -> Any:
    room = base._backend._room
    return getattr(room, "_inner", room)
