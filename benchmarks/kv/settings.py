"""What the command line says, and the stores that it is said of."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from itertools import count
from pathlib import Path
from typing import Any

import storage
from storage import Storage, aio

from .. import settings


class Settings(settings.Settings):
    """How much to run, on what. Files live in *folder*, which the caller removes."""

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self.importtime: bool = options.importtime
        self.folder = Path(tempfile.mkdtemp(prefix="benchmarks-", dir=options.dir or disk()))
        self._files = count()

    def file(self) -> str:
        """A path that nothing has been written to."""
        return str(self.folder / f"{next(self._files)}.db")

    def memory(self, ttl: float | None = None) -> Storage[Any]:
        """A store in memory."""
        return storage.MemoryStorage(ttl=ttl, codec=self.codec)

    def lru(self, most: int, ttl: float | None = None) -> Storage[Any]:
        """A bounded store in memory."""
        return storage.LruMemoryStorage(most, ttl=ttl, codec=self.codec)

    def sqlite(self, ttl: float | None = None) -> Storage[Any]:
        """A store in a new file."""
        return storage.SqliteStorage(self.file(), ttl=ttl, codec=self.codec)

    def aio_memory(self) -> aio.Storage[Any]:
        """A store in memory, for tasks."""
        return aio.MemoryStorage(codec=self.codec)

    def aio_sqlite(self, durability: Any = "normal") -> aio.Storage[Any]:
        """A store in a new file, for tasks."""
        return aio.SqliteStorage(self.file(), durability=durability, codec=self.codec)

    def clean(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that only this benchmark has."""
    parser.add_argument("--dir", help="where to put files: a folder on a real disk")
    parser.add_argument("--importtime", action="store_true", help="list the dearest imports")


def disk() -> str | None:
    """Where temporary files are more likely on a disk than in memory."""
    return "/var/tmp" if Path("/var/tmp").is_dir() else None
