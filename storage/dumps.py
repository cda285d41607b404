"""The files that dumps are written to and read from."""

from __future__ import annotations

import io
import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import IO

DumpFile = str | os.PathLike[str] | IO[bytes]
"""A path, or a file that is open in binary mode."""


@contextmanager
def writing(place: DumpFile) -> Generator[IO[bytes]]:
    """A file to write to; at a path it is there when all of it is, and not before."""
    if not isinstance(place, (str, os.PathLike)):
        yield _binary(place)
        return
    from pathlib import Path  # dear, and seldom needed

    path = Path(os.path.realpath(place))
    if path.exists() and not path.is_file():  # a pipe, a device
        with path.open("wb") as file:
            yield file
        return
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextmanager
def reading(place: DumpFile) -> Generator[IO[bytes]]:
    """A file to read from."""
    if not isinstance(place, (str, os.PathLike)):
        yield _binary(place)
        return
    with open(place, "rb") as file:  # noqa: PTH123 - a path object would be dear to import
        yield file


def name_of(place: DumpFile) -> str:
    """How errors call a file."""
    if isinstance(place, (str, os.PathLike)):
        return os.fspath(place)
    return str(getattr(place, "name", "dump"))


def _binary(file: IO[bytes]) -> IO[bytes]:
    if isinstance(file, io.TextIOBase):
        raise TypeError("a dump is bytes: open the file in binary mode, or hand over its buffer")
    return file
