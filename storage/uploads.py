"""The contents of files that are about to be sent."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator
from typing import IO, Final, NamedTuple, TypeGuard

from .core.media import Digest
from .runtime import is_async

Source = bytes | bytearray | memoryview | os.PathLike[str] | IO[bytes] | str
"""The contents of a file, its path, the file itself, open in binary mode, or the URL of one."""

_CHUNK: Final = 256 * 1024
_SMALL: Final = 64 * 1024

_IN_MEMORY: Final = (bytes, bytearray, memoryview)
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")

_WANTED: Final = "source must be bytes, a path, a binary file or the URL of a file"


class Seen(NamedTuple):
    """What is made of the contents of a file, how many bytes they are, where an open file stood,
    and what is another one once the file has changed."""

    digest: str
    size: int
    start: int = 0
    state: object = None


def check_source(source: Source) -> None:
    """Refuse what can not be sent and read; no error shows a URL, which may hold a secret."""
    if isinstance(source, str):
        _check_url(source)
    elif not isinstance(source, (*_IN_MEMORY, os.PathLike)):
        _check_file(source)


def is_small(source: Source) -> bool:
    """Whether to look at the contents is a matter of microseconds."""
    if isinstance(source, memoryview):
        return source.nbytes <= _SMALL
    return isinstance(source, (bytes, bytearray, str)) and len(source) <= _SMALL


def is_open(source: Source) -> TypeGuard[IO[bytes]]:
    """Whether *source* is a file of somebody's that is open, and can be read by one at a time."""
    return not isinstance(source, (str, *_IN_MEMORY, os.PathLike))


def seen(source: Source, begin: Callable[[int], Digest]) -> Seen:
    """What there is to see of *source*, by what is to *begin* with so many bytes; a file is
    afterwards where it was."""
    if isinstance(source, str):
        return _made(begin, source.encode())
    if isinstance(source, memoryview) and not source.c_contiguous:
        return _made(begin, source.tobytes())
    if isinstance(source, _IN_MEMORY):
        return _made(begin, source)
    if isinstance(source, os.PathLike):
        with open(source, "rb") as file:  # noqa: PTH123 - it may be another path than pathlib's
            state = _state(os.fstat(file.fileno()))
            return _read(begin, file)._replace(state=state)
    return _read(begin, source)


def check_filled(source: Source, found: Seen) -> None:
    """Refuse what nobody can send; it would be the same file as all others of its kind."""
    if found.size:
        return
    if is_open(source):
        raise ValueError("there is nothing to read from where the file stands: seek(0) first")
    raise ValueError("there is nothing in what is to be sent")


def is_as_seen(source: Source, found: Seen) -> bool:
    """Whether *source* has not changed since: that is told by its size, and of a path by the time
    of the last change as well."""
    if isinstance(source, os.PathLike):
        try:
            return _state(os.stat(source)) == found.state  # noqa: PTH116 - as above
        except OSError:
            return False
    if not is_open(source) or getattr(source, "closed", False):
        return True  # nobody can tell
    return _size(source, found.start) == found.size


def put_back(file: IO[bytes], found: Seen) -> None:
    """Let *file* stand where it stood, unless it is closed."""
    if not getattr(file, "closed", False):
        file.seek(found.start)


def name_of(source: Source, otherwise: str) -> str:
    """What the file is called, or *otherwise* where it has no name."""
    path = source if isinstance(source, os.PathLike) else getattr(source, "name", None)
    if isinstance(path, (str, os.PathLike)):
        return os.path.basename(os.fsdecode(path)) or otherwise  # noqa: PTH119 - see above
    return otherwise


def _made(begin: Callable[[int], Digest], data: bytes | bytearray | memoryview) -> Seen:
    with memoryview(data) as view, view.cast("B") as whole:
        size = len(whole)
        digest = begin(size)
        for start in range(0, size, _CHUNK):
            digest.update(whole[start : start + _CHUNK])
    return Seen(digest.hexdigest(), size)


def _read(begin: Callable[[int], Digest], file: IO[bytes]) -> Seen:
    start = file.tell()
    try:
        size = _size(file, start)
        file.seek(start)
        digest = begin(size)
        read = 0
        for chunk in _chunks(file):
            digest.update(chunk)
            read += len(chunk)
    finally:
        file.seek(start)
    if read != size:
        raise ValueError("the file has changed while it was read, or somebody else reads it")
    return Seen(digest.hexdigest(), size, start)


def _size(file: IO[bytes], start: int) -> int:
    file.seek(0, os.SEEK_END)
    return max(0, file.tell() - start)


def _state(known: os.stat_result) -> object:
    return known.st_dev, known.st_ino, known.st_size, known.st_mtime_ns


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        if isinstance(chunk, str):
            raise TypeError("what is sent is bytes: open the file in binary mode")
        yield chunk


def _check_url(url: str) -> None:
    if not _URL.match(url):
        raise ValueError("a source that is text is a URL: hand over a pathlib.Path for a file here")
    try:
        url.encode()
    except UnicodeEncodeError:
        raise ValueError("a URL can not hold a lone surrogate") from None


def _check_file(file: IO[bytes]) -> None:
    if isinstance(file, io.TextIOBase):
        raise TypeError("what is sent is bytes: open the file in binary mode")
    if not all(callable(getattr(file, name, None)) for name in ("read", "seek", "tell")):
        raise TypeError(f"{_WANTED}, not {type(file).__name__}")
    if is_async(file.read):
        raise TypeError("this file wants to be awaited: hand over its path or its bytes")
    seekable = getattr(file, "seekable", None)
    if callable(seekable) and not seekable():
        raise ValueError("this file can be read only once: hand over its bytes")
