"""What came of a walk over a whole store."""

from __future__ import annotations

from typing import NamedTuple

from ..errors import StorageError

MOST_SHOWN = 1000


class Failure(NamedTuple):
    """An entry that something is wrong with; *key* is `None` where that can not be told."""

    key: str | None
    namespace: tuple[str, ...]
    error: StorageError


class Report:
    """What came of it, so far while it is going on."""

    looked_at: int = 0
    """The entries that were met."""

    written: int = 0
    """Those of them that were written, or would have been."""

    kept: int = 0
    """Those that stay as they are: current already, or not to be replaced."""

    over: int = 0
    """Those of a dump whose end has come, which are left out."""

    elsewhere: int = 0
    """Those that are left alone because they are in a namespace."""

    failed: int = 0
    """Those that could not be read, or not be written as they are."""

    compared: int = 0
    """Those that a verified copy was looked through for."""

    missing: int = 0
    """Those that were not found again when the copy was verified."""

    different: int = 0
    """Those that were found again with another value or another end."""

    is_torn: bool = False
    """Whether a dump is not what was written once: its end or a part of it is lost."""

    cursor: str | None
    """Where a later call goes on; `None` at the end of the store."""

    failures: list[Failure]
    """What is wrong with which entry: the first thousand."""

    def __init__(self, cursor: str | None = None) -> None:
        self.cursor = cursor
        self.failures = []

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong with any entry."""
        return not (self.failed or self.missing or self.different or self.is_torn)

    def fail(self, path: tuple[str, ...], key: str | None, error: StorageError) -> None:
        """Count an entry that is left out."""
        self.failed += 1
        self.note(path, key, error)

    def note(self, path: tuple[str, ...], key: str | None, error: StorageError) -> None:
        """Remember what is wrong with an entry."""
        if len(self.failures) < MOST_SHOWN:
            self.failures.append(Failure(key, path, error))

    def __repr__(self) -> str:
        names = ("looked_at", "written", "kept", "failed", "compared", "missing", "different")
        told = [f"{name}={getattr(self, name)}" for name in names]
        told += [
            f"{name}={count}" for name in ("over", "elsewhere") if (count := getattr(self, name))
        ]
        return f"<Report {' '.join(told)}{' torn' if self.is_torn else ''}>"
