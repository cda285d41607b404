"""Several stores that keep the same entries: which of them fit together, what is true of all, and
which of them has missed a change of which entry."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple

from ..errors import ConfigurationError, StorageError
from ..records import Capabilities
from ..ttl import DEFAULT, DefaultTtl, LayerTtl, Lifetime
from .fallback import speak_alike
from .layers import Layers
from .media import is_outage

MOST_MISSED: Final = 100_000
"""Of so many entries it is known that a store has missed a change; then a change fails with it."""

AT_ONCE: Final = 16
"""How many of the entries that a store has missed are looked at after a change that it took."""

UNKNOWN: Final = b"?"
"""Stands for the digest of what nobody has seen."""


def is_passed_over(error: Exception) -> bool:
    """Whether the next store is asked when one raises *error*: it does not answer now."""
    return isinstance(error, StorageError) and is_outage(error)


def listed(stores: Iterable[Any]) -> list[Any]:
    """All *stores*, of which there is one at least."""
    if isinstance(stores, (str, bytes, Mapping)) or not isinstance(stores, Iterable):
        kind = type(stores).__name__
        raise ConfigurationError(f"the storages are a list of them, not {kind}")
    found = list(stores)
    if not found:
        raise ConfigurationError("there is no storage in the list")
    return found


def true_of_all(capabilities: Sequence[Capabilities]) -> Capabilities:
    """What is true of an entry that all keep; no step reaches more than one of them."""
    grains = [can.expiry_ms for can in capabilities]
    known = [grain for grain in grains if grain is not None]
    return Capabilities(
        atomic=None,
        expiry_ms=max(known) if len(known) == len(grains) else None,
        iteration=all(can.iteration for can in capabilities),
        durable=all(can.durable for can in capabilities),
    )


def shared_ttl(layers: Sequence[Layers], ttl: LayerTtl, can: Capabilities) -> DefaultTtl:
    """The default lifetime of all; refuses stores that do not fit together."""
    first, *others = layers
    for one in layers:
        if one.word is not None:
            message = f"a store that is {one.word} is none of several: the layers go over them all"
            raise ConfigurationError(message, store=one.label)
    if not all(speak_alike(first.codec, one.codec) for one in others):
        message = "the storages do not read each other's values: give all the same codec"
        raise ConfigurationError(message)
    usual: DefaultTtl = None
    if not isinstance(ttl, Lifetime):
        usual = ttl
    elif ttl is not DEFAULT:
        raise ConfigurationError(f"ttl must be seconds, a timedelta or None, not {ttl!r}")
    elif len({one.lifetimes.default for one in layers}) > 1:
        raise ConfigurationError("the storages give values different lifetimes: say ttl= for all")
    elif first.lifetimes.default is not None:
        usual = timedelta(milliseconds=first.lifetimes.default)
    if usual is not None and can.expiry_ms is None:
        message = "one of the storages keeps no lifetimes, so that there is no ttl for all of them"
        raise ConfigurationError(message)
    return usual


class Note(NamedTuple):
    """The digests of what a store had when it missed a change, and of what it should have had.

    It is *left* there where it has something else: another process may have written that.
    """

    old: bytes | None
    new: bytes | None
    is_left: bool = False


class Missed:
    """Of which entries each of *count* stores has missed the last change, *most* of them each."""

    def __init__(self, count: int, most: int = MOST_MISSED) -> None:
        self._notes: list[dict[str, Note]] = [{} for _ in range(count)]
        self._most = most

    def has(self, index: int, name: str) -> bool:
        """Whether what the store at *index* has under *name* is older than what others have."""
        return name in self._notes[index]

    def note(
        self, index: int, changes: Mapping[str, bytes | None], old: Mapping[str, bytes | None]
    ) -> bool:
        """The store, which had *old* values, has missed *changes*; says whether that can be
        remembered."""
        notes = self._notes[index]
        new = [name for name in changes if name not in notes]
        if len(notes) + len(new) > self._most:
            return False
        for name, raw in changes.items():
            known = notes.get(name)
            was = known.old if known else digest(old[name]) if name in old else UNKNOWN
            notes[name] = Note(was, digest(raw))
        return True

    def forget(self, index: int, names: Iterable[str]) -> None:
        """The store has what the others have."""
        for name in names:
            self._notes[index].pop(name, None)

    def leave(self, index: int, name: str) -> None:
        """What the store has may be newer than what it has missed, and is left there."""
        note = self._notes[index].get(name)
        if note is not None:
            self._notes[index][name] = note._replace(is_left=True)

    def is_due(self, index: int, name: str) -> bool:
        """Whether to look what the store has under *name*."""
        note = self._notes[index].get(name)
        return note is not None and not note.is_left

    def due(self, index: int) -> list[str]:
        """A few names to look at."""
        notes = list(self._notes[index].items())
        return [name for name, note in notes if not note.is_left][:AT_ONCE]

    def is_new(self, index: int, name: str, raw: bytes | None) -> bool:
        """Whether *raw* is what the store should have; nothing is as good."""
        note = self._notes[index].get(name)
        return note is None or raw is None or digest(raw) == note.new

    def is_old(self, index: int, name: str, raw: bytes) -> bool:
        """Whether *raw* is what the store had when it missed a change."""
        note = self._notes[index].get(name)
        return note is not None and digest(raw) == note.old

    def under(self, prefix: str) -> set[str]:
        """The names that any store has missed."""
        names = {name for notes in self._notes for name in list(notes)}
        return {name for name in names if name.startswith(prefix)}


class Change:
    """A change of *entries* in each of *count* stores: who made it, and what comes of it.

    Without bytes an entry is taken away; that is *done* where somebody had it who *missed*
    nothing.
    """

    def __init__(self, missed: Missed, entries: Mapping[str, bytes | None], count: int) -> None:
        self.names: list[str] = list(entries)
        self.done: set[str] = set()
        self.made: list[int] = []
        self.raised: Exception | None = None
        self._missed = missed
        self._entries = entries
        self._count = count
        self._failed: dict[int, Exception] = {}
        self._old: dict[str, bytes | None] | None = None

    @property
    def wants_old(self) -> bool:
        """Whether it is still to be seen what was there before."""
        return self._old is None and not self.made

    def saw(self, old: Mapping[str, bytes | None]) -> None:
        """That was there before."""
        self._old = dict(old)

    def make(self, index: int, names: Collection[str]) -> None:
        """The store has made it, and *names* are those that it had, or has now."""
        self.done.update(name for name in names if self._counts(index, name))
        self.made.append(index)
        self._missed.forget(index, self._entries)

    def fail(self, index: int, error: Exception) -> None:
        """The store did not make it, as far as one knows."""
        self._failed[index] = error

    def end(self) -> None:
        """Note who has missed it, and only then decide what is raised."""
        failed = self._failed
        mistakes = [error for error in failed.values() if not is_passed_over(error)]
        unsure = [error for index, error in failed.items() if self._may_have_it(index)]
        done = {name: raw for name, raw in self._entries.items() if name in self.done}
        late = [index for index in range(self._count) if index not in self.made]
        full = [index for index in late if not self._missed.note(index, done, self._old or {})]
        unnoted = [failed[index] for index in full if index in failed]
        self.raised = next(iter([*mistakes, *unsure, *unnoted]), None)

    def told(self) -> list[StorageError]:
        """What failed and is not raised."""
        failed = [error for error in self._failed.values() if error is not self.raised]
        return [error for error in failed if isinstance(error, StorageError)]

    def _counts(self, index: int, name: str) -> bool:
        """Whether it counts what the store had: what is written counts anyhow."""
        return self._entries[name] is not None or not self._missed.has(index, name)

    def _may_have_it(self, index: int) -> bool:
        """Whether the store may have something that nobody is known to have had."""
        names = [name for name in self._entries if name not in self.done]
        return any(self._counts(index, name) for name in names)


def digest(raw: bytes | None) -> bytes | None:
    """What is remembered of *raw*, which may be long and is nobody's business."""
    return None if raw is None else hashlib.blake2b(raw, digest_size=16).digest()


def place_in(cursor: str | None) -> tuple[int, str | None]:
    """Which store a scan goes on in, and where."""
    index, _, at = (cursor or "0").partition(" ")
    return int(index), at or None


def cursor_at(index: int, at: str | None, count: int) -> str | None:
    """Where a scan goes on that has come to *at* in the store at *index* of *count*."""
    if at is not None:
        return f"{index} {at}"
    return str(index + 1) if index + 1 < count else None
