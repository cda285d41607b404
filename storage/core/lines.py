"""A dump: one line of JSON for each entry, between a line that begins it and one that ends it.

{"storage":1}
{"key":"5","namespace":["carts"],"value":{"n":1},"version":2,"expires_at":1718000000000}
{"entries":1}
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Generator, Iterable
from typing import Any, Final, NamedTuple

from ..codecs import JSON, UnreadableError, members, rewritten
from ..errors import (
    ConfigurationError,
    CorruptValueError,
    StorageError,
    UnstorableError,
)
from .counting import SAFE
from .envelope import Record, sealed
from .layers import Layers
from .moving import AT_ONCE, Entry, check_read, check_readable, envelope_of, writes_json
from .reports import Report
from .stages import opening, sealing

FORMAT: Final = 1
HEADER: Final = b'{"storage":%d}\n' % FORMAT

_MEMBERS: Final = {"key", "namespace", "value", "base64", "version", "expires_at"}
_BYTES_AT_ONCE: Final = 1024 * 1024


class Line(NamedTuple):
    """An entry as a dump has it: *raw* is JSON of a *version*, or else bytes."""

    path: tuple[str, ...]
    key: str
    raw: bytes
    is_json: bool
    version: int | None
    ends: int | None


class Dumping:
    """How the entries of a store of *layers* become lines."""

    def __init__(self, layers: Layers) -> None:
        self._layers = layers
        self._envelope = envelope_of(layers)
        self._open = opening([stage for stage in layers.stages if stage is not self._envelope])
        self._is_json = writes_json(layers.plain)

    def lines(self, entries: Iterable[Entry], report: Report) -> bytes:
        """The lines of *entries*; what no codec reads is dumped as it is, and told."""
        found = []
        for entry in entries:
            report.looked_at += 1
            try:
                check_read(self._layers, entry)
                data = entry.raw if self._open is None else self._open(entry.name, entry.raw)
                if self._is_over(data):
                    continue
            except CorruptValueError as error:
                report.fail(entry.path, entry.key, error)
                continue
            except ValueError as error:
                self._fail(entry, error, report)
                continue
            found.append(written(self._line(entry, data, report)))
            report.written += 1
        return b"".join(found)

    def _is_over(self, data: bytes) -> bool:
        """Whether a record says by itself that it is over."""
        if self._envelope is None or not self._layers.ends_inside or b'"__exp"' not in data:
            return False
        return self._layers.has_ended(self._envelope.record(data).ends)

    def _line(self, entry: Entry, data: bytes, report: Report) -> Line:
        path, key, _, _, ends = entry
        try:
            value = self._layers.plain.decode(data)
        except ValueError as error:
            self._fail(entry, error, report)
            return Line(path, key, data, False, None, ends)
        if not self._is_json:
            return Line(path, key, data, False, None, ends)
        if b"\n" in data or b"\r" in data:  # as others may put them between the parts
            data = rewritten(value)
        found = _in_envelope(data)
        if found is not None:
            return Line(path, key, found.data, True, found.version, ends)
        return Line(path, key, data, True, None, ends)

    def _fail(self, entry: Entry, error: ValueError, report: Report) -> None:
        report.fail(entry.path, entry.key, self._layers.corrupt(entry.key, error))


class Loading:
    """How lines become entries of a store of *layers*."""

    def __init__(self, layers: Layers, *, drop_expiry: bool) -> None:
        self._layers = layers
        self._drop_expiry = drop_expiry
        self._envelope = envelope_of(layers)
        # Where nothing but the record can say when it ends.
        self._tells_ends = not (layers.ends_inside or drop_expiry)
        self._seal = sealing([stage for stage in layers.stages if stage is not self._envelope])
        self._is_json = writes_json(layers.plain)

    def entries(
        self, lines: Iterable[Line], now: int, report: Report
    ) -> list[tuple[str, bytes, int | None]]:
        """What the backend keeps for those of *lines* that are not over *now*."""
        found = []
        for line in lines:
            if line.ends is not None and line.ends <= now:
                report.over += 1
                continue
            try:
                name = self._layers.names.joined(line.path, line.key)
                raw = self._raw(line)
            except StorageError as error:
                report.fail(line.path, line.key, error)
                continue
            raw = raw if self._seal is None else self._seal(name, raw)
            found.append((name, raw, None if self._drop_expiry else line.ends))
        return found

    def _raw(self, line: Line) -> bytes:
        raw = self._bytes(line) if line.is_json else line.raw
        if self._envelope is not None and self._tells_ends and line.ends is not None:
            try:
                self._envelope.record(raw)
            except ValueError:
                raise self._unstorable(line, "only a record can say here when it ends") from None
        return raw

    def _bytes(self, line: Line) -> bytes:
        layers = self._layers
        if line.version is not None:
            if not self._is_json:
                raise self._unstorable(line, "a record with a version is JSON")
            raw = sealed(Record(line.version, line.raw, None, True), None)
            check_readable(layers, line.key, layers.plain, raw)
            return raw
        if not self._is_json:
            value = check_readable(layers, line.key, JSON, line.raw)
            return layers.encode(line.key, value)
        codec = layers.codec if self._envelope is None else layers.plain
        check_readable(layers, line.key, codec, line.raw)
        return line.raw

    def _unstorable(self, line: Line, reason: str) -> UnstorableError:
        return UnstorableError("$", reason, store=self._layers.label, key=line.key)


class Reading:
    """The lines of a *dump*, of which errors speak as *label*; what is wrong goes to *report*."""

    def __init__(self, dump: Iterable[bytes], label: str, report: Report) -> None:
        self._lines = enumerate(dump, 1)
        self._label = label
        self._report = report
        self._entries: int | None = None
        _, first = next(self._lines, (0, b""))
        check_header(first, label)

    def batches(self) -> Generator[list[Line]]:
        """The entries, some at a time."""
        some, size = [], 0
        for number, text in self._lines:
            line = self._line(number, text)
            if line is not None:
                some.append(line)
            size += len(text)
            if len(some) == AT_ONCE or size > _BYTES_AT_ONCE:
                yield some
                some, size = [], 0
        yield some
        if self._entries != self._report.looked_at:
            self._report.is_torn = True

    def _line(self, number: int, text: bytes) -> Line | None:
        if not text.strip():
            return None
        try:
            found = members(_decoded(text))
            entries = _whole(found, "entries")
            if self._entries is not None:
                raise UnreadableError("it follows the end of the dump")
            if entries is None:
                line = _entry(found)
                self._report.looked_at += 1
                return line
            self._entries = entries
        except ValueError as error:
            self._report.looked_at += 1
            if not text.endswith(b"\n"):  # the end of it was lost
                self._report.looked_at -= 1
                self._report.is_torn = True
            else:
                message = f"line {number}: {error}"
                self._report.fail((), None, CorruptValueError(message, store=self._label))
        return None


def check_header(first: bytes, label: str) -> None:
    """Refuse what does not begin as a dump does, of which errors speak as *label*."""
    try:
        version = _whole(members(_decoded(first)), "storage")
    except UnreadableError:
        version = None
    if version is None:
        raise ConfigurationError("this is no dump of a store", store=label)
    if version != FORMAT:
        message = f"this dump has the format {version}, and this code knows {FORMAT}"
        raise ConfigurationError(message, store=label)


def ending(report: Report) -> bytes:
    """The last line of a dump."""
    return b'{"entries":%d}\n' % report.written


def written(line: Line) -> bytes:
    """*line* as text."""
    parts = [b'{"key":', rewritten(line.key)]
    if line.path:
        parts += (b',"namespace":', rewritten(list(line.path)))
    if line.is_json:
        parts += (b',"value":', line.raw)
    else:
        parts += (b',"base64":"', b64encode(line.raw), b'"')
    if line.version is not None:
        parts.append(b',"version":%d' % line.version)
    if line.ends is not None:
        parts.append(b',"expires_at":%d' % line.ends)
    parts.append(b"}\n")
    return b"".join(parts)


def _entry(found: dict[str, tuple[Any, str]]) -> Line:
    """The entry that a line has with these members; an `UnreadableError` where it is none."""
    unknown = found.keys() - _MEMBERS
    if unknown or "key" not in found or ("value" in found) is ("base64" in found):
        raise UnreadableError("it is no entry of a store")
    key = _checked(found, "key", lambda key: type(key) is str)
    path = _checked(found, "namespace", _is_path) or []
    version = _checked(found, "version", lambda number: type(number) is int and number >= 0)
    ends = _checked(found, "expires_at", _is_moment)
    if "value" in found:
        return Line(tuple(path), key, found["value"][1].encode(), True, version, ends)
    if version is not None:
        raise UnreadableError("its base64 has a version")
    text64 = _checked(found, "base64", lambda text: type(text) is str)
    try:
        raw = b64decode(text64, validate=True)
    except (binascii.Error, ValueError):
        raise UnreadableError("its base64 can not be read") from None
    return Line(tuple(path), key, raw, False, None, ends)


def _checked(found: dict[str, tuple[Any, str]], name: str, fits: Any) -> Any:
    if name not in found:
        return None
    value = found[name][0]
    if not fits(value):
        raise UnreadableError(f"its {name} can not be read")
    return value


def _is_moment(value: object) -> bool:
    return type(value) is int and 0 <= value <= SAFE


def _is_path(value: object) -> bool:
    return type(value) is list and all(type(space) is str and space for space in value)


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise UnreadableError("it is not UTF-8") from None


def _whole(found: dict[str, tuple[Any, str]], name: str) -> int | None:
    """The number under *name*, where that is all that a line says."""
    number = found[name][0] if found.keys() == {name} else None
    return number if type(number) is int else None


def _in_envelope(data: bytes) -> Record | None:
    """The record that *data* is, if it is an envelope as we write it and has no end in it."""
    if not data.startswith(b'{"__v":'):
        return None
    found = members(data.decode())
    if list(found) != ["__v", "data"] or type(found["__v"][0]) is not int:
        return None
    record = Record(found["__v"][0], found["data"][1].encode(), None, True)
    return record if record.version >= 0 and sealed(record, None) == data else None
