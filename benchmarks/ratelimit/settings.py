"""The stores and the limits, and whom they are for."""

from __future__ import annotations

import argparse
from itertools import count
from pathlib import Path
from typing import Any

import storage
from storage import Limit, RateLimiter, Storage

from ..load import Load
from ..redis import settings

ENTRIES = 1_000
MANY = 10_000
"""So many a minute for each key: what is measured passes."""

ALGORITHMS = ("log", "window", "aligned", "counter", "gcra")


class Settings(settings.Settings):
    """How much to run, against the server at *url* and in files in *folder*."""

    def __init__(self, options: argparse.Namespace, url: str, folder: Path) -> None:
        super().__init__(options, url)
        self.folder = folder
        self._files = count()

    def load(self, operations: int, entries: int = ENTRIES) -> Load:
        """So many hits a round, of random ones of so many keys."""
        return Load(self.sizes[0], entries, operations)

    def file(self) -> str:
        """A path that nothing has been written to."""
        return str(self.folder / f"{next(self._files)}.db")

    def sqlite(self) -> Storage[Any]:
        """A store in a new file."""
        return storage.SqliteStorage(self.file())


def limiter(store: Storage[Any], algorithm: Any, hits: int = MANY, per: float = 60) -> RateLimiter:
    """A limiter by one limit."""
    return RateLimiter(store, Limit(hits, per=per, algorithm=algorithm))
