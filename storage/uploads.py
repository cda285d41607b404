"""The contents of files that are about to be sent."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator
from typing import IO, Final

from .core.media import Digest

Source = bytes | bytearray | memoryview | os.PathLike[str] | IO[bytes] | str
"""The contents of a file, its path, the file itself, open in binary mode, or the URL of one."""

_CHUNK: Final = 256 * 1024
_SMALL: Final = 64 * 1024

_IN_MEMORY: Final = (bytes, bytearray, memoryview)
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")

_WANTED: Final = "source must be bytes, a path, a binary file or the URL of a file"


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


def hex_of(source: Source, begin: Callable[[int], Digest]) -> str:
    """What is made of the contents of *source*, by what is to *begin* with so many bytes; a file
    is afterwards where it was."""
    if isinstance(source, str):
        return _made(begin, source.encode())
    if isinstance(source, memoryview) and not source.c_contiguous:
        return _made(begin, source.tobytes())
    if isinstance(source, _IN_MEMORY):
        return _made(begin, source)
    if isinstance(source, os.PathLike):
        with open(source, "rb") as file:  # noqa: PTH123 - it may be another path than pathlib's
            return _read(begin, file)
    return _read(begin, source)


def name_of(source: Source, otherwise: str) -> str:
    """What the file is called, or *otherwise* where it has no name."""
    path = source if isinstance(source, os.PathLike) else getattr(source, "name", None)
    if isinstance(path, (str, os.PathLike)):
        return os.path.basename(os.fsdecode(path)) or otherwise  # noqa: PTH119 - see above
    return otherwise


def _made(begin: Callable[[int], Digest], data: bytes | bytearray | memoryview) -> str:
    with memoryview(data) as view, view.cast("B") as whole:
        digest = begin(len(whole))
        for start in range(0, len(whole), _CHUNK):
            digest.update(whole[start : start + _CHUNK])
    return digest.hexdigest()


def _read(begin: Callable[[int], Digest], file: IO[bytes]) -> str:
    start = file.tell()
    try:
        file.seek(0, os.SEEK_END)
        size = max(0, file.tell() - start)
        file.seek(start)
        digest = begin(size)
        for chunk in _chunks(file):
            digest.update(chunk)
    finally:
        file.seek(start)
    return digest.hexdigest()


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
    seekable = getattr(file, "seekable", None)
    if callable(seekable) and not seekable():
        raise ValueError("this file can be read only once: hand over its bytes")
