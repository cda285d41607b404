"""What SQLite complains of, in the words of this library."""

from __future__ import annotations

import sqlite3

from ..errors import (
    ConfigurationError,
    CorruptStoreError,
    ReadOnlyError,
    StorageError,
    StorageFullError,
    UnavailableError,
)

_IO_ERROR, _READ_ONLY, _CORRUPT, _FULL, _CANT_OPEN, _NOT_A_DATABASE = 10, 8, 11, 13, 14, 26
_BUSY, _LOCKED, _IO_WRITE = 5, 6, 10 | (3 << 8)

_BY_CODE: dict[int, tuple[type[StorageError], str]] = {
    _BUSY: (UnavailableError, "the database is locked by somebody else"),
    _LOCKED: (UnavailableError, "the table is locked by somebody else"),
    _READ_ONLY: (ReadOnlyError, "the database can only be read"),
    _FULL: (StorageFullError, "the disk or the database is full"),
    _IO_WRITE: (StorageFullError, "the disk does not take what is written"),
    _IO_ERROR: (UnavailableError, "the disk does not answer as it should"),
    _CANT_OPEN: (UnavailableError, "the file can not be opened"),
    _CORRUPT: (CorruptStoreError, "the database file is damaged"),
    _NOT_A_DATABASE: (CorruptStoreError, "the file is not a database"),
}

# Python 3.10 does not tell the code.
_BY_TEXT = {
    "is locked": _BUSY,
    "readonly": _READ_ONLY,
    "is full": _FULL,
    "disk I/O error": _IO_ERROR,
    "unable to open": _CANT_OPEN,
    "malformed": _CORRUPT,
    "not a database": _NOT_A_DATABASE,
}


def is_busy(error: sqlite3.Error) -> bool:
    """Whether somebody else holds a lock, so that trying again may help."""
    return _code(error) & 0xFF in (_BUSY, _LOCKED)


def is_read_only(error: sqlite3.Error) -> bool:
    """Whether the file can be read and not written."""
    return _code(error) & 0xFF == _READ_ONLY


def translated(error: sqlite3.Error, store: str, key: str | None) -> StorageError:
    """The error to raise for *error*."""
    code = _code(error)
    known = _BY_CODE.get(code) or _BY_CODE.get(code & 0xFF)
    if known is not None:
        kind, message = known
        return kind(message, store=store, key=key)
    if isinstance(error, sqlite3.ProgrammingError) and "thread" in str(error):
        message = "the connection that was passed in was made with check_same_thread=True"
        return ConfigurationError(message, store=store, key=key)
    return StorageError(f"SQLite says: {error}", store=store, key=key)


def _code(error: sqlite3.Error) -> int:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        return code
    text = str(error)
    return next((code for part, code in _BY_TEXT.items() if part in text), 0)
