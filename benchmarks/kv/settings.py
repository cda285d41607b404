"""What the command line says, and the stores that it is said of."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import storage
from storage import Codec, FastJsonCodec, Storage, aio
from storage.codecs import JSON

from .load import SIZES, Size

ROUNDS, QUICK_ROUNDS = 31, 7


def codec_named(name: str) -> Codec:
    """The codec that both sides use."""
    return JSON if name == "json" else FastJsonCodec()


@dataclass(frozen=True)
class Settings:
    """How much to run, on what. Files live in *folder*, which the caller removes."""

    rounds: int
    quick: bool
    codec_name: str
    codec: Codec
    sizes: Sequence[Size]
    folder: Path
    importtime: bool

    def some(self, rounds: int) -> int:
        """At most so many rounds, for what takes long; a quarter of that when it must be quick."""
        return min(self.rounds, max(2, rounds // 4) if self.quick else rounds)

    def file(self) -> str:
        """A path that nothing has been written to."""
        return str(self.folder / f"{next(_files)}.db")

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

    def aio_sqlite(self) -> aio.Storage[Any]:
        """A store in a new file, for tasks."""
        return aio.SqliteStorage(self.file(), codec=self.codec)


_files = count()


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that choose how much is run, and on what."""
    parser.add_argument("--rounds", type=_positive, help=f"rounds of a case (default {ROUNDS})")
    parser.add_argument(
        "--quick", action="store_true", help="fewer rounds, small records: under 30 s"
    )
    parser.add_argument("--value", choices=list(SIZES), help="records of one size only")
    parser.add_argument("--codec", choices=["json", "fast"], default="json")
    parser.add_argument("--dir", help="where to put files: a folder on a real disk")
    parser.add_argument("--importtime", action="store_true", help="list the dearest imports")
    parser.add_argument("--strict", action="store_true", help="exit with 1 on a missed target")


def settings(options: argparse.Namespace) -> Settings:
    """*options* with what follows from them, and a new folder."""
    every = list(SIZES)[:1] if options.quick else list(SIZES)
    wanted = [options.value] if options.value else every
    return Settings(
        rounds=options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS),
        quick=options.quick,
        codec_name=options.codec,
        codec=codec_named(options.codec),
        sizes=[SIZES[name]() for name in wanted],
        folder=Path(tempfile.mkdtemp(prefix="benchmarks-", dir=options.dir or _disk())),
        importtime=options.importtime,
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least one round")
    return number


def clean(chosen: Settings) -> None:
    """Remove the folder."""
    shutil.rmtree(chosen.folder, ignore_errors=True)


def _disk() -> str | None:
    """Where temporary files are more likely on a disk than in memory."""
    return "/var/tmp" if Path("/var/tmp").is_dir() else None
