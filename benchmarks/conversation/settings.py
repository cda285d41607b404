"""The stores and the clients that keep conversations."""

from __future__ import annotations

import argparse
from itertools import count
from pathlib import Path
from typing import Any, Literal

import storage
from storage import Storage

from ..redis import settings
from ..report import Report


class Settings(settings.Settings):
    """How much to run, against the server at *url* and in files in *folder*."""

    def __init__(self, options: argparse.Namespace, url: str, folder: Path) -> None:
        super().__init__(options, url)
        self.folder = folder
        self._files = count()
        self._left_out: set[str] = set()

    def file(self) -> str:
        """A path that nothing has been written to."""
        return str(self.folder / f"{next(self._files)}.db")

    def sqlite(self, durability: Literal["normal", "full"] = "normal") -> Storage[Any]:
        """A store in a new file."""
        return storage.SqliteStorage(self.file(), durability=durability)

    def leave_out(self, report: Report, name: str, error: ImportError) -> None:
        """Say once that *name* is not installed."""
        if name not in self._left_out:
            self._left_out.add(name)
            report.say(f"    {name} is left out: {error}")

    def empty(self) -> None:
        """Leave nothing on the server."""
        with self.client() as client:
            client.flushall()
