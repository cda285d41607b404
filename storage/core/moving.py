"""How an entry of one store becomes an entry of another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

from ..codecs import Codec
from ..errors import (
    ConfigurationError,
    ConflictError,
    CorruptValueError,
    MigrationError,
    StorageError,
    UnstorableError,
    UnsupportedError,
)
from ..records import MISSING, Capabilities, Missing, Page, Unreadable
from .envelope import Envelope, Record
from .layers import Layers
from .reports import Report

Existing = Literal["replace", "keep"]

AT_ONCE = 500
"""How many entries are moved in one step at the most."""


class Entry(NamedTuple):
    """An entry as a store keeps it: *path* are the namespaces in which *key* is."""

    path: tuple[str, ...]
    key: str
    name: str
    raw: bytes
    ends: int | None


class Carried(NamedTuple):
    """An entry on its way: *data* is what the codec of the target reads."""

    path: tuple[str, ...]
    key: str
    name: str
    data: bytes
    ends: int | None


class Passage:
    """The way from a store of *source* to one of *target*.

    What has a version keeps it until the target brings it to its own; what has none is of
    version 0.
    """

    def __init__(
        self, source: Layers, target: Layers, *, replace: bool = True, drop_expiry: bool = False
    ) -> None:
        self._source = source
        self._target = target
        self._replace = replace
        self._drop_expiry = drop_expiry
        self._renames = source.names.verbatim is not target.names.verbatim
        self._recodes = not _alike(source.plain, target.plain)
        self._version = envelope_of(source)
        self._envelope = envelope_of(target)
        changes = self._recodes or self._envelope is not None
        self._is_read_again = changes or target.codec is not source.codec

    def carried(self, entries: Iterable[Entry], report: Report) -> list[Carried]:
        """What arrives of *entries*."""
        found, meant = [], dict[str, str]()
        for entry in entries:
            report.looked_at += 1
            try:
                one = self._carried(entry)
                if one is not None and meant.setdefault(one.name, entry.name) != entry.name:
                    message = "another entry has the same key in the target, and only one can stay"
                    raise ConflictError(message, store=self._target.label, key=entry.key)
            except StorageError as error:
                report.fail(entry.path, entry.key, error)
                continue
            if one is not None:
                found.append(one)
        return found

    def sealed(self, carried: Iterable[Carried]) -> list[tuple[str, bytes, int | None]]:
        """What the target writes of them."""
        return [(one.name, self._target.seal(one.name, one.data), one.ends) for one in carried]

    def compare(
        self,
        carried: Sequence[Carried],
        raws: Sequence[bytes | None],
        ends: Sequence[int | Missing | None],
        grain: int | None,
        report: Report,
    ) -> None:
        """Note those that are missing in the target, whose expiry has a *grain*, and those that
        are another there unless such ones stay."""
        for one, raw, end in zip(carried, raws, ends):
            report.compared += 1
            if raw is None or end is MISSING:
                report.missing += 1
                self._note(one, "it is missing in the target", report)
            elif not self._replace:
                continue
            elif not self._is_same(one, raw):
                report.different += 1
                self._note(one, "the target has another value", report)
            elif end != _kept(one.ends, grain):
                report.different += 1
                self._note(one, "it ends at another moment in the target", report)

    def _carried(self, entry: Entry) -> Carried | None:
        path, key, name, raw, ends = entry
        check_read(self._source, entry)
        found = self._source.find(key, name, raw, changing=True)
        if found is None:
            return None
        data = found.data
        self._source.decode(key, data)
        if self._recodes:
            data = self._recoded(key, data)
        ends = _sooner(ends, found.ends)
        if self._envelope is not None:
            data, own = self._current(self._envelope, key, data)
            ends = _sooner(ends, own)
        if self._is_read_again:
            check_readable(self._target, key, self._target.codec, data)
        ends = None if self._drop_expiry else ends
        return Carried(path, key, self._name(path, key, name), data, ends)

    def _current(self, envelope: Envelope, key: str, data: bytes) -> tuple[bytes, int | None]:
        """*data* in the version of the target, and the end that stands in it."""
        try:
            if self._version is None:
                found = envelope.record(data)
            else:
                found = Record(self._version.version, data, None, True)
            envelope.check(found, changing=True)
            return envelope.migrated(found), found.ends
        except MigrationError as error:
            raise self._target.located(error, key) from error.__cause__
        except ValueError as error:
            raise self._source.corrupt(key, error) from error

    def _recoded(self, key: str, data: bytes) -> bytes:
        """*data* as the codec of the target writes it."""
        try:
            return self._target.plain.encode(self._source.plain.decode(data))
        except UnstorableError as error:
            raise self._target.located(error, key) from None

    def _name(self, path: tuple[str, ...], key: str, name: str) -> str:
        if self._renames:
            return self._target.names.joined(path, key)
        return self._target.names.prefix + name[len(self._source.names.prefix) :]

    def _is_same(self, one: Carried, raw: bytes) -> bool:
        try:
            found = self._target.find(one.key, one.name, raw)
        except StorageError:
            return False
        return found is not None and self._target.same(found.data, one.data)

    def _note(self, one: Carried, message: str, report: Report) -> None:
        error = ConflictError(message, store=self._target.label, key=one.key)
        report.note(one.path, one.key, error)


def entries_of(
    layers: Layers, page: Page, start: int, ends: Sequence[int | Missing | None]
) -> list[Entry]:
    """The next entries of *page* from *start* on, with their *ends*, that are values and not
    over."""
    found = []
    stretch = slice(start, start + AT_ONCE)
    for name, raw, end in zip(page.names[stretch], page.values[stretch], ends[stretch]):
        place = layers.names.parted(name)
        if place is not None and end is not MISSING:
            found.append(Entry(*place, name, raw, end))
    return found


def check_moving(
    target: Layers,
    can: Capabilities,
    existing: Existing,
    *,
    expiring: bool,
    drop_expiry: bool,
) -> bool:
    """Whether what is there gives way; refuses what would live longer than it should, and to keep
    what nobody can look at while writing."""
    if existing not in ("replace", "keep"):
        raise ValueError(f'existing must be "replace" or "keep", not {existing!r}')
    if expiring and can.expiry_ms is None and not drop_expiry:
        message = (
            "nothing expires here: enhance_storage keeps the ends of entries, and with "
            "drop_expiry=True they stay for ever"
        )
        raise UnsupportedError(message, store=target.label)
    if existing == "keep" and can.atomic is None:
        message = (
            'existing="keep": this store can not look and write at once, so what is there gives '
            'way: say existing="replace", or copy into an empty place'
        )
        raise UnsupportedError(message, store=target.label)
    return existing == "replace"


def check_read(layers: Layers, entry: Entry) -> None:
    """Refuse an entry of which there are no bytes."""
    if isinstance(entry.raw, Unreadable):
        message = "it can not be read where it is kept"
        raise CorruptValueError(message, store=layers.label, key=entry.key)


def meeting(source: Layers, target: Layers) -> str | None:
    """What the names of both begin with, if one could be inside the other in one place."""
    here, there = source.names.prefix, target.names.prefix
    if here.startswith(there):
        return here
    return there if there.startswith(here) else None


def one_place(target: Layers) -> ConfigurationError:
    """The error for a way that leads from a place into itself: it would never end."""
    message = "the source and the target are one place: copy to another prefix, or another file"
    return ConfigurationError(message, store=target.label)


def check_versions(layers: Layers, can: Capabilities, *, dry_run: bool) -> None:
    """Refuse a store in which nothing is ever out of date, and to write where somebody else's
    change would be lost."""
    if not layers.stages:
        message = "these records have no versions: migrate what enhance_storage or encrypted made"
        raise UnsupportedError(message, store=layers.label)
    if can.atomic is None and not dry_run:
        message = (
            "migrate: this store can not look and write at once, so what is written meanwhile "
            "would be lost: records are migrated when they are read, and copy writes them anew "
            "into another store"
        )
        raise UnsupportedError(message, store=layers.label)


def envelope_of(layers: Layers) -> Envelope | None:
    """The envelope of an enhanced store."""
    return next((stage for stage in layers.stages if isinstance(stage, Envelope)), None)


def writes_json(codec: Codec) -> bool:
    """Whether what *codec* writes is JSON."""
    try:
        return codec.encode(10) == b"10"
    except UnstorableError:
        return False


def check_readable(layers: Layers, key: str, codec: Codec, data: bytes) -> Any:
    """Refuse *data* that *codec* would not read back."""
    try:
        return codec.decode(data)
    except ValueError as error:
        raise UnstorableError("$", str(error), store=layers.label, key=key) from error


def _alike(one: Codec, other: Codec) -> bool:
    """Whether two codecs read what the other one writes."""
    return type(one) is type(other) or (writes_json(one) and writes_json(other))


def _sooner(one: int | None, other: int | None) -> int | None:
    """When an entry ends of which two say so."""
    return one if other is None or (one is not None and one < other) else other


def _kept(ends: int | None, grain: int | None) -> int | None:
    """When an entry ends where expiry has a *grain*."""
    return None if ends is None or grain is None else -(-ends // grain) * grain
