"""Versioned records: `{"__v":2,"data":...}`, with the end in `"__exp"` where there is one.

An older record is brought to the version of the code by migrations, one after the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, NamedTuple

from ..codecs import Codec, FastJsonCodec, JsonCodec, UnreadableError, rewritten
from ..errors import ConfigurationError, MigrationError, UnstorableError
from ..runtime import check_callable, is_async
from .counting import SAFE

Migration = Callable[[Any], Any]
Migrations = Mapping[int, Migration]
OnNewer = Literal["raise", "read"]

AROUND: Final = 128
"""More bytes than an envelope takes around its data."""

_MEMBERS: Final = {"__v", "data", "__exp"}
_LAST: Final = ord("}")


class NotCurrentError(ValueError):
    """Bytes that have to be looked at closely: no record of this version, as we write it."""


class Record(NamedTuple):
    """What stands in the bytes: *data* as JSON of a *version*, which ends at *ends* ms."""

    version: int
    data: bytes
    ends: int | None
    is_sealed: bool
    """Whether it is in an envelope; what is not has version 0."""


class Envelope:
    """Records of the version that *migrations* lead to, whose data is written by *codec*.

    Where there are none, *version* says which one it is. Data that is newer raises, or is read as
    it is where *on_newer* is `"read"`.
    """

    writes_json = True

    def __init__(
        self,
        codec: Codec,
        migrations: Migrations,
        on_newer: OnNewer,
        version: int | None = None,
    ) -> None:
        if on_newer not in ("raise", "read"):
            raise ConfigurationError(f'on_newer must be "raise" or "read", not {on_newer!r}')
        self.word: str = "enhanced"
        self._codec = codec
        self._reader = roomy(codec)
        self._steps = _steps(migrations)
        self.version: int = _version(self._steps, version)
        self._oldest = min(self._steps, default=self.version + 1) - 1
        self._reads_newer = on_newer == "read"
        self._head = b'{"__v":%d,"data":' % self.version
        self._length = len(self._head)

    def seal(self, name: str, data: bytes) -> bytes:
        """*data* in an envelope of this version."""
        return b"%b%b}" % (self._head, data)

    def open(self, name: str, raw: bytes) -> bytes:
        """What is the data if it is JSON, and *raw* then a record of this version."""
        if raw.startswith(self._head) and raw[-1] == _LAST:
            return raw[self._length : -1]
        raise NotCurrentError("it is not a record of this version")

    def is_stale(self, raw: bytes) -> bool:
        """Whether *raw* is a record of an older version."""
        return self.record(raw).version < self.version

    def record(self, raw: bytes) -> Record:
        """What stands in *raw*, whoever wrote it."""
        return record(self._reader, raw)

    def check(self, found: Record, *, changing: bool) -> None:
        """Refuse data of a version that this code can not read, or not change."""
        if found.version > self.version and (changing or not self._reads_newer):
            message = f"the record has version {found.version}, and this code knows {self.version}"
            raise MigrationError(message, version=found.version)
        if found.version < self._oldest:
            begin = f"the migrations begin at version {self._oldest}"
            begin = begin if self._steps else "there are no migrations"
            message = f"the record has version {found.version}, and {begin}"
            raise MigrationError(message, version=found.version)

    def migrated(self, found: Record) -> bytes:
        """The data of *found*, brought to this version."""
        if found.version >= self.version:
            return found.data
        value = self._codec.decode(found.data)
        for version in range(found.version + 1, self.version + 1):
            value = self._step(version, value)
        try:
            return self._codec.encode(value)
        except UnstorableError as error:
            message = f"what the migration to version {self.version} made can not be stored: "
            raise MigrationError(f"{message}{error}", version=self.version) from error

    def _step(self, version: int, value: Any) -> Any:
        try:
            made = self._steps[version](value)
        except Exception as error:
            message = f"the migration to version {version} raised {type(error).__name__}"
            raise MigrationError(message, version=version) from error
        if made is None:
            message = f"the migration to version {version} returned None"
            raise MigrationError(message, version=version)
        if hasattr(made, "__await__"):
            message = f"the migration to version {version} returned something to await"
            raise MigrationError(message, version=version)
        return made


def roomy(codec: Codec) -> Codec:
    """What reads an envelope around the longest value that *codec* reads."""
    if isinstance(codec, JsonCodec):
        return JsonCodec(max_bytes=codec.max_bytes + AROUND)
    if isinstance(codec, FastJsonCodec):
        return FastJsonCodec(max_bytes=codec.max_bytes + AROUND)
    return JsonCodec(max_bytes=2**62)


def record(codec: Codec, raw: bytes) -> Record:
    """What stands in *raw*, which may be an envelope, or a value without one.

    Only an object with a `__v` and no members but these is taken for an envelope; a `ValueError`
    where it then is none.
    """
    value = codec.decode(raw)
    if type(value) is not dict or "__v" not in value or not value.keys() <= _MEMBERS:
        return Record(0, raw, None, False)
    version, ends = value["__v"], value.get("__exp", 0)
    if type(version) is not int or version < 0:
        raise UnreadableError("its __v is no version")
    if type(ends) not in (int, float):
        raise UnreadableError("its __exp is no time")
    if "data" not in value:  # as JavaScript writes undefined
        raise UnreadableError("it has a __v and no data")
    end = math.ceil(min(ends, SAFE)) if "__exp" in value else None
    return Record(version, rewritten(value["data"]), end, True)


def sealed(found: Record, ends: int | None) -> bytes:
    """*found* as an envelope that ends at *ends*."""
    end = b"" if ends is None else b',"__exp":%d' % ends
    return b'{"__v":%d,"data":%b%b}' % (found.version, found.data, end)


def ending(codec: Codec, raw: bytes, ends: int | None) -> bytes:
    """*raw*, whoever wrote it, as an envelope that ends at *ends*."""
    if ends is None:
        return raw
    found = record(codec, raw)
    if found.is_sealed and found.ends is None:
        return ended(raw.rstrip(b" \t\r\n"), ends)
    return sealed(found, ends)


def ended(raw: bytes, ends: int | None) -> bytes:
    """*raw*, an envelope as we write it and without an end, with one."""
    return raw if ends is None else b'%b,"__exp":%d}' % (raw[:-1], ends)


def parted(codec: Codec, raw: bytes) -> tuple[bytes, int | None]:
    """*raw* without its end, and that; what is no envelope has none and stays as it is."""
    if b'"__exp"' not in raw:
        return raw, None
    try:
        found = record(codec, raw)
    except ValueError:
        return raw, None  # and whoever reads the value will say what is wrong
    return (raw, None) if found.ends is None else (sealed(found, None), found.ends)


def _steps(migrations: Migrations) -> dict[int, Migration]:
    if not isinstance(migrations, Mapping):
        raise ConfigurationError("migrations must be a mapping of versions to functions")
    for version, step in migrations.items():
        if type(version) is not int or version < 1:
            raise ConfigurationError(f"a version must be a positive integer, not {version!r}")
        check_callable(step)
        if is_async(step):
            raise TypeError("a migration is a plain function, not a coroutine function")
    versions = sorted(migrations)
    holes = [v for v in range(versions[0], versions[-1]) if v not in migrations] if versions else []
    if holes:
        raise ConfigurationError(f"no migration leads to version {holes[0]}")
    return dict(migrations)


def _version(steps: Mapping[int, Migration], version: int | None) -> int:
    highest = max(steps, default=0)
    if version is None:
        return highest
    if type(version) is not int or version < 1:
        raise ConfigurationError(f"a version must be a positive integer, not {version!r}")
    if steps and version != highest:
        message = f"the migrations lead to version {highest}, and the version is {version}"
        raise ConfigurationError(message)
    return version
