"""The file and the server that the laws are about."""

from __future__ import annotations

import argparse
from itertools import count
from pathlib import Path

from .. import settings


class Settings(settings.Settings):
    """How much to run, in *folder* and against the server at *url*."""

    def __init__(self, options: argparse.Namespace, url: str, folder: Path) -> None:
        super().__init__(options)
        self.url = url
        self.folder = folder
        self._files = count()

    def file(self) -> str:
        """A path that nothing has been written to."""
        return str(self.folder / f"layers-{next(self._files)}.db")
