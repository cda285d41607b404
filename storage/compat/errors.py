"""Errors by the names that the originals give them, the same in both halves."""

from __future__ import annotations

from ..errors import CorruptValueError


class RedisStoreParseError(CorruptValueError):
    """What a store of VibeGram's finds under the key can not be read; the bytes stay where they
    are.

    *store_name* says which of the stores that is, and *reason* what is wrong.
    """

    def __init__(
        self, store_name: str, reason: str, *, store: str | None = None, key: object = None
    ) -> None:
        super().__init__(f"no {store_name} can be read: {reason}", store=store, key=key)
        self.store_name: str = store_name
        self.reason: str = reason

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.store_name, self.reason), self.__dict__
