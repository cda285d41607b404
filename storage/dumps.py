"""The files that dumps are written to and read from."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Final

from .core.reports import Report
from .errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

DumpFile = str | os.PathLike[str] | IO[bytes]
"""A path, or a file that is open in binary mode."""

_BESIDE: Final = ("-wal", "-journal", "-shm")
"""How the files end that SQLite keeps beside a database that is in use."""

_STREAMS: Final = {"<stdin>": "the standard input", "<stdout>": "the standard output"}
_DATABASE: Final = b"SQLite format 3\0"


@contextmanager
def writing(place: DumpFile) -> Generator[IO[bytes]]:
    """A file to write to; at a path it is there when all of it is, and not before."""
    if not isinstance(place, (str, os.PathLike)):
        yield _binary(place, "write")
        return
    from pathlib import Path  # dear, and seldom needed

    path = Path(os.path.realpath(place))
    if path.exists() and not path.is_file():  # a pipe, a device
        with path.open("wb") as device:
            yield device
        return
    _check_no_database(path)
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else None
    file, part = _begun(path)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            part.chmod(mode)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def check_replacing(place: DumpFile, report: Report) -> None:
    """Refuse to put a dump of nothing in the place of a file that says something."""
    if report.written or not isinstance(place, (str, os.PathLike)):
        return
    if os.path.isfile(place) and os.path.getsize(place):  # noqa: PTH113, PTH202 - see above
        message = "nothing could be dumped, so the file that is there stays"
        raise ConfigurationError(message, store=name_of(place))


@contextmanager
def reading(place: DumpFile) -> Generator[IO[bytes]]:
    """A file to read from."""
    if not isinstance(place, (str, os.PathLike)):
        yield _binary(place, "__iter__")
        return
    with open(place, "rb") as file:  # noqa: PTH123 - a path object would be dear to import
        yield file


def name_of(place: DumpFile) -> str:
    """How errors call a file."""
    if isinstance(place, (str, os.PathLike)):
        return os.fspath(place)
    name = str(getattr(place, "name", "dump"))
    return _STREAMS.get(name, name)


def _check_no_database(path: Path) -> None:
    """Refuse to replace a database.

    One that is in use is told by the files beside it: opening and closing it here would take the
    locks away that this process has on it.
    """
    beside = (path.with_name(f"{path.name}{end}") for end in _BESIDE)
    owners = (path.with_name(path.name[: -len(end)]) for end in _BESIDE if path.name.endswith(end))
    is_database = path.exists() and any(one.exists() for one in (*beside, *owners))
    if not is_database and path.is_file():
        with path.open("rb") as file:
            is_database = file.read(len(_DATABASE)) == _DATABASE
    if is_database:
        message = "there is a database in this file, which a dump would replace: name another file"
        raise ConfigurationError(message, store=str(path))


def _begun(path: Path) -> tuple[IO[bytes], Path]:
    """A new file beside *path*, which nobody else can read or writes to, and its name."""
    from pathlib import Path
    from tempfile import mkstemp

    try:
        number, part = mkstemp(dir=path.parent, prefix=f"{path.name}.", suffix=".part")
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from None
    return os.fdopen(number, "wb"), Path(part)


def _binary(file: IO[bytes], method: str) -> IO[bytes]:
    if isinstance(file, io.TextIOBase):
        raise TypeError("a dump is bytes: open the file in binary mode, or hand over its buffer")
    if not callable(getattr(file, method, None)) or isinstance(file, (bytes, bytearray)):
        kind = type(file).__name__
        raise TypeError(f"a dump is at a path or in a file that is open in binary mode, not {kind}")
    return file
