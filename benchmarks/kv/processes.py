"""`update` of one hot key by several processes on one file."""

from __future__ import annotations

from typing import Any, NamedTuple

from storage import SqliteStorage, Storage

from ..processes import rivals
from ..report import Report
from ..settings import codec_named
from .settings import Settings

PROCESSES = 4


class File(NamedTuple):
    """A SQLite store by its path."""

    path: str
    codec: str

    def open(self) -> Storage[Any]:
        """The store there."""
        return SqliteStorage(self.path, codec=codec_named(self.codec))


def processes(report: Report, chosen: Settings) -> None:
    """Four processes on one file, which must keep every change."""
    rivals(
        report,
        "SQLite",
        lambda: File(chosen.file(), chosen.codec_name),
        PROCESSES,
        chosen.sizes[0],
        chosen.some(9),
    )
