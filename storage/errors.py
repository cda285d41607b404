"""Everything that can go wrong, as one family.

A message names the store and the key and never carries a value, a password or a token.
"""

from __future__ import annotations

from typing import Any

_SHOWN_KEY = 80


class StorageError(Exception):
    """Any failure of a store; *store* and *key* say where it happened, when that is known."""

    def __init__(self, message: str, *, store: str | None = None, key: object = None) -> None:
        super().__init__(message)
        self.store: str | None = store
        self.key: object = key

    def __str__(self) -> str:
        where = [] if self.store is None else [self.store]
        if self.key is not None:
            where.append(f"key {shown(self.key)}")
        return ": ".join([*where, *map(str, self.args)])


class ConfigurationError(StorageError, ValueError):
    """A URL, an option, a table or an object that a store can not be made from."""


class ClosedError(StorageError):
    """The store was used after it was closed."""


class UnsupportedError(StorageError):
    """The backend can not do this, and the message says what would help."""


class InvalidKeyError(StorageError, ValueError):
    """A key that is not a string, or not one that UTF-8 can carry."""


class UnstorableError(StorageError, ValueError):
    """A value that would not come back as it went in; *path* says which part of it."""

    def __init__(
        self, path: str, reason: str, *, store: str | None = None, key: object = None
    ) -> None:
        super().__init__(f"{path}: {reason}", store=store, key=key)
        self.path: str = path
        self.reason: str = reason

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.path, self.reason), self.__dict__


class WrongTypeError(StorageError, TypeError):
    """The stored value is not of the kind that this operation works on."""


class ConflictError(StorageError):
    """Somebody else changed the same thing meanwhile; nothing was written."""


class ReentryError(StorageError, RuntimeError):
    """A key is being changed by the same thread or task that asks to change it again."""


class LeaseTimeoutError(StorageError, TimeoutError):
    """Somebody else held the lease for as long as one was willing to wait."""


class LeaseLostError(StorageError):
    """A lease is not held any more: it ran out before it was renewed, so another may hold it."""


class RateLimitedError(StorageError):
    """It came too often: *retry_after* says in how many seconds it may pass."""

    def __init__(
        self,
        message: str,
        *,
        retry_after: float,
        verdict: object = None,
        store: str | None = None,
        key: object = None,
    ) -> None:
        super().__init__(message, store=store, key=key)
        self.retry_after: float = retry_after
        self.verdict: Any = verdict

    def __reduce__(self) -> tuple[object, ...]:
        return _limited_again, (type(self), self.args, self.retry_after), self.__dict__


class CorruptValueError(StorageError):
    """What is stored under the key can not be read; the bytes stay where they are."""


class MismatchError(CorruptValueError):
    """What is stored under the key is not of the type that it is read as; *path* says which part.

    The bytes stay where they are.
    """

    def __init__(
        self, path: str, reason: str, *, store: str | None = None, key: object = None
    ) -> None:
        super().__init__(f"{path}: {reason}", store=store, key=key)
        self.path: str = path
        self.reason: str = reason

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.path, self.reason), self.__dict__


class MigrationError(StorageError):
    """A record can not be brought to the version of this code; the bytes stay where they are.

    *version* is that of the record, or the one that a migration failed to reach.
    """

    def __init__(
        self, message: str, *, version: int, store: str | None = None, key: object = None
    ) -> None:
        super().__init__(message, store=store, key=key)
        self.version: int = version

    def __reduce__(self) -> tuple[object, ...]:
        return _again, (type(self), self.args, self.version), self.__dict__


class CorruptStoreError(StorageError):
    """The place itself is damaged, gone, or was never a store."""


class UnavailableError(StorageError):
    """The backend does not answer now; nothing was applied and a later call may work."""


class OutcomeUnknownError(StorageError):
    """The connection was lost while the backend worked: it may have done it, or not."""


class AccessDeniedError(StorageError):
    """The backend refuses the user, the password, the certificate, or what this user asked for."""


class StorageFullError(UnavailableError):
    """There is no room left; reads go on."""


class ReadOnlyError(UnavailableError):
    """The backend can be read and not written."""


def _again(kind: type[MigrationError], args: tuple[str], version: int) -> MigrationError:
    return kind(*args, version=version)


def _limited_again(
    kind: type[RateLimitedError], args: tuple[str], retry_after: float
) -> RateLimitedError:
    return kind(*args, retry_after=retry_after)


def shown(key: object) -> str:
    """*key* as an error or a log line shows it: quoted, escaped and never long."""
    text = ascii(key)
    if len(text) <= _SHOWN_KEY:
        return text
    return f"{text[:_SHOWN_KEY]}… ({len(text)} characters)"
