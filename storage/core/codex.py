"""What VibeGram's Codex remembers of a key: a JSON array of messages, and which of them stay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ..codecs import MAX_BYTES, Codec, UnreadableError, items
from ..errors import UnstorableError


class Item(NamedTuple):
    """An item of an array: its value, and how that is written."""

    value: Any
    text: str


class Arrays:
    """JSON arrays as they are read: each item stays as somebody has written it, and *codec* writes
    the new ones."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._most: int = getattr(codec, "max_bytes", MAX_BYTES)

    def message(self, message: object, path: str) -> Item:
        """A new *message*, which errors call by its *path*."""
        if not isinstance(message, Mapping):
            raise UnstorableError(path, f"a message is a dict, not {type(message).__name__}")
        value = dict(message)
        if type(value.get("role")) is not str:
            raise UnstorableError(f"{path}.role", "the role of a message is a text")
        try:
            return Item(value, self._codec.encode(value).decode())
        except UnstorableError as error:
            raise UnstorableError(path + error.path[1:], error.reason) from None

    def encode(self, value: Any, /) -> bytes:
        """The bytes for *value*, which are items."""
        if type(value) is not list:
            raise UnstorableError("$", "it is no array")
        raw = f"[{','.join([item.text for item in value])}]".encode()
        if len(raw) > self._most:
            reason = f"{len(raw)} bytes are more than the {self._most} allowed"
            raise UnstorableError("$", reason)
        return raw

    def decode(self, raw: bytes, /) -> list[Item]:
        """The items in *raw*; `UnreadableError` where there is no array."""
        if len(raw) <= self._most:
            try:
                return [Item(*item) for item in items(raw.decode())]
            except ValueError:
                pass
        self._codec.decode(raw)  # which says why it is none
        raise UnreadableError("it is no array")

    def same(self, old: bytes, new: bytes, /) -> bool:
        """Whether both are the same bytes."""
        return old == new


def check_most(max_history: object) -> int:
    """*max_history*, if so many messages can be kept."""
    if type(max_history) is not int or max_history < 1:
        raise ValueError(f"max_history must be a positive integer, not {max_history!r}")
    return max_history


def longer(kept: list[Item], new: Iterable[Item], most: int) -> list[Item]:
    """What is *kept* once the *new* messages have come one after the other, *most* of them.

    The oldest one goes, unless it is of the system and the first of all: then the next one does.
    """
    for item in new:
        kept.append(item)
        first = _is_of_the_system(kept[0].value)
        del kept[first : first + max(0, len(kept) - most)]
    return kept


def _is_of_the_system(message: object) -> bool:
    return isinstance(message, dict) and message.get("role") == "system"
