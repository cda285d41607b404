"""What an adapter does is logged, and its failures are those of session continuity."""

from __future__ import annotations

from ..core.dialog.errors import (
    MessageNotFoundError,
    SessionError,
    SessionNotFoundError,
    StorageError,
)
from ..errors import CorruptValueError
from ..errors import StorageError as AnyStorageError
from ..runtime import timed


class attempt(timed):  # noqa: N801 - used as `with attempt(...)`
    """A block in which *adapter*, whose store is called *label*, does something with what is called
    *key*; where that fails, the message is that it failed to do *what*."""

    __slots__ = ("_adapter",)

    def __init__(self, adapter: str, label: str, what: str, key: str) -> None:
        super().__init__(label, what, key)
        self._adapter = adapter

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        super().__exit__(kind, *rest)
        error = rest[0]
        if error is None or not isinstance(error, (AnyStorageError, SessionError, ValueError)):
            return
        if isinstance(error, (SessionNotFoundError, MessageNotFoundError)):
            raise self._failure() from error
        if isinstance(error, SessionError):
            return
        if isinstance(error, AnyStorageError):
            raise self._failure() from error
        corrupt = CorruptValueError(str(error), store=self._store, key=self._key or None)
        raise self._failure() from corrupt

    def _failure(self) -> StorageError:
        message = f"Failed to {self._what}"
        return StorageError(message, self._adapter, store=self._store, key=self._key or None)


class revealing:  # noqa: N801 - used as `with revealing():`
    """A block in which an adapter is asked; that there is no such session or message is raised as
    what it is."""

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        if isinstance(error, StorageError):
            cause = error.__cause__
            if isinstance(cause, (SessionNotFoundError, MessageNotFoundError)):
                raise cause from None
