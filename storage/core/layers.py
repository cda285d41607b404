"""The pure layers of a store, folded into one object: what a key is called in the backend, how a
value is written there, and how long it lives."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any, Final, Literal, NamedTuple

from ..codecs import Codec, UnreadableError
from ..errors import (
    ConfigurationError,
    ConflictError,
    CorruptValueError,
    MigrationError,
    MismatchError,
    StorageError,
    UnstorableError,
)
from ..fidelity import has_parts
from ..keys import Names
from ..records import DELETE, MISSING, Capabilities, Deletion, Page
from ..runtime import is_async, wall_clock
from ..shapes import UnfitError
from ..ttl import (
    DEFAULT,
    Clock,
    DefaultTtl,
    Expiry,
    Keeping,
    LayerTtl,
    default_span,
)
from ..values import same
from .changes import merged as merged_values
from .counting import SAFE, counted_value
from .envelope import Envelope, ended
from .lifetimes import Lifetimes
from .stages import Stage, Step, opening, sealing
from .typed import TypedCodec

MOST_ATTEMPTS: Final = 200
"""How often a change begins again because of others."""

OnCorrupt = Literal["raise", "skip"] | Callable[[StorageError], object]
Seen = set[str] | None


class Found(NamedTuple):
    """An entry: *raw* is what the backend keeps, *data* what the codec reads."""

    raw: bytes
    data: bytes
    is_stale: bool
    """Whether it is of an older version, and worth writing anew."""

    ends: int | None = None
    """When it says that it is over, besides what the backend knows."""


class Layers:
    """Everything a store decides without its backend, which errors call *label*, and which *can*
    do so much.

    Of a value the codec makes *data*, and of that the stages make what the backend keeps.
    """

    def __init__(
        self, label: str, codec: Codec, names: Names, ttl: DefaultTtl, can: Capabilities
    ) -> None:
        self.label: str = label
        self.names: Names = names.of(label)
        self.lifetimes: Lifetimes = Lifetimes(label, default_span(ttl), can)
        self.is_whole: bool = not self.names.prefix
        self.stages: tuple[Stage, ...] = ()
        self._clock: Clock | None = None
        self._shows: Callable[[str], object] | None = None
        self.corrupts: Callable[..., CorruptValueError] = CorruptValueError
        self._stand_on(codec)

    def namespace(self, name: str) -> Layers:
        """The same layers over the keys of a namespace."""
        inner = copy(self)
        inner.names, inner.is_whole = self.names.namespace(name), False
        return inner

    def spoken(self, codec: Codec) -> Layers:
        """The same layers with another *codec*."""
        inner = copy(self)
        inner._stand_on(codec)
        return inner

    def typed(self, kind: Any) -> Layers:
        """The same layers with values of *kind*."""
        return self.spoken(TypedCodec(self.plain, kind))

    def showing(self, shows: Callable[[str], object]) -> Layers:
        """The same layers, of whose keys an iteration shows those that *shows* answers for."""
        inner = copy(self)
        inner._shows = shows
        return inner

    def lasting(self, ttl: LayerTtl) -> Layers:
        """The same layers with another default lifetime, unless *ttl* is `DEFAULT`."""
        inner = copy(self)
        if ttl is not DEFAULT:
            inner.lifetimes = self.lifetimes.lasting(default_span(ttl))
        return inner

    def staged(self, stage: Stage) -> Layers:
        """The same layers with one more *stage*, above the others."""
        under = next((one.word for one in self.stages if isinstance(one, Envelope)), None)
        if under is not None and not stage.writes_json:
            message = f"a store is {under} last: what is {stage.word} goes under that"
            raise ConfigurationError(message, store=self.label)
        inner = copy(self)
        inner.stages = (stage, *self.stages)
        inner._stand_on(self.codec)
        return inner

    def enhanced(self, envelope: Envelope, clock: Clock | None) -> Layers:
        """The same layers with an *envelope* above the others.

        A record is over when it says so by *clock*, where there is one.
        """
        if self.plain.encode(10) != b"10":
            message = "an enhanced store needs a codec that writes JSON"
            raise ConfigurationError(message, store=self.label)
        inner = self.staged(envelope)
        inner._clock = clock
        return inner

    def expiring(self, *, keeps: bool) -> Layers:
        """The same layers without their stages, over a backend that has those, and where
        something expires; a `set` that says nothing of a lifetime *keeps* that which is there."""
        inner = copy(self)
        inner.stages = ()
        inner.lifetimes = self.lifetimes.expiring(keeps=keeps)
        inner._stand_on(self.codec)
        return inner

    def standing(self, label: str, can: Capabilities) -> Layers:
        """The same layers over another backend, which errors call *label*, and what it *can*."""
        inner = copy(self)
        inner.label, inner.names = label, self.names.of(label)
        inner.lifetimes = Lifetimes(label, self.lifetimes.default, can)
        return inner

    @property
    def word(self) -> str | None:
        """How errors call the outermost layer of values, if there is one."""
        if self.stages:
            return self.stages[0].word
        return None if self._typed is None else "typed"

    @property
    def ends_inside(self) -> bool:
        """Whether a record can say by itself that it is over."""
        return self._clock is not None

    def has_ended(self, ends: int | None) -> bool:
        """Whether a record that ends at *ends* is over, where records say that."""
        return ends is not None and self._clock is not None and ends <= self._clock() * 1000

    @property
    def clock(self) -> Clock:
        """By which clock a record is over that says so itself."""
        return self._clock or wall_clock

    def check_default(self, default: object) -> None:
        """Refuse a default that would have to be awaited."""
        if callable(default) and is_async(default):
            raise TypeError("a default is a value or a plain function, not a coroutine function")

    def encode(self, key: str, value: object) -> bytes:
        """*value* as data; an error says which part of which key can not be stored."""
        try:
            return self.codec.encode(value)
        except UnstorableError as error:
            raise self.located(error, key) from None

    def decode(self, key: str, data: bytes) -> Any:
        """The value that *data* stands for."""
        try:
            return self.codec.decode(data)
        except ValueError as error:
            raise self.corrupt(key, error) from error

    def seal(self, name: str, data: bytes) -> bytes:
        """What the backend keeps for *data*."""
        return data if self.sealer is None else self.sealer(name, data)

    def sealed(self, key: str, name: str, value: object) -> bytes:
        """What the backend keeps for *value*."""
        return self.seal(name, self.encode(key, value))

    def replacing(
        self, name: str, found: Found | None, new: bytes | Deletion, expiry: Expiry
    ) -> bytes | Deletion:
        """What the backend puts in the place of what was *found*: data sealed, or nothing at all.

        Where the expiry stays as it is, so does the end that only the record tells.
        """
        if new is DELETE:
            return DELETE
        if found is None or found.ends is None or not isinstance(expiry, Keeping):
            return self.seal(name, new)
        raw, ends = new, found.ends
        for stage in self.stages:
            raw = stage.seal(name, raw)
            if isinstance(stage, Envelope):
                raw = ended(raw, ends)
        return raw

    def find(self, key: str, name: str, raw: bytes, *, changing: bool = False) -> Found | None:
        """What is in *raw*, brought to this version, or `None` if the record says it is over.

        Who is *changing* it is refused data that newer code wrote.
        """
        if not self.stages:
            return Found(raw, raw, False)
        data, is_stale, ends = raw, False, None
        try:
            for stage in reversed(self.stages):
                if not isinstance(stage, Envelope):
                    is_stale = is_stale or stage.is_stale(data)
                    data = stage.open(name, data)
                    continue
                found = stage.record(data)
                ends = ends if found.ends is None else found.ends
                if self.has_ended(found.ends):
                    return None
                stage.check(found, changing=changing)
                data = stage.migrated(found)
                is_stale = is_stale or found.version < stage.version
        except MigrationError as error:
            raise self.located(error, key) from error.__cause__
        except ValueError as error:
            raise self.corrupt(key, error) from error
        return Found(raw, data, is_stale, ends)

    def is_over(self, name: str, raw: bytes) -> bool:
        """Whether the record in *raw* says that it is over; what nobody can read says nothing."""
        data = raw
        try:
            for stage in reversed(self.stages):
                if not isinstance(stage, Envelope):
                    data = stage.open(name, data)
                    continue
                found = stage.record(data)
                if self.has_ended(found.ends):
                    return True
                data = found.data
        except ValueError:
            pass
        return False

    def value(self, key: str, name: str, raw: bytes) -> Any:
        """The value in *raw*, `MISSING` for a record that says it is over."""
        try:
            return self.codec.decode(raw if self.opener is None else self.opener(name, raw))
        except ValueError as error:
            if self.opener is None:
                raise self.corrupt(key, error) from error
        found = self.find(key, name, raw)
        return MISSING if found is None else self.decode(key, found.data)

    def replacement(self, key: str, value: object) -> bytes | Deletion:
        """What takes the place of a value: data, or nothing at all."""
        return DELETE if value is DELETE else self.encode(key, value)

    def carried(self, key: str, found: Found | None, new: bytes | Deletion) -> bytes | Deletion:
        """*new*, data or nothing at all, with what a type does not know of what was *found*."""
        if self._typed is None or found is None or new is DELETE:
            return new
        return self._carried(key, found.data, new)

    def begin(self, key: str, data: bytes | None, default: Any) -> Any:
        """The value to begin a change with: what is stored, or a fresh copy of *default*."""
        if data is not None:
            return self.decode(key, data)
        if default is MISSING:
            raise KeyError(key)
        if callable(default):
            return default()
        return self.codec.decode(self.encode(key, default))

    def count(self, key: str, data: bytes | None, by: int, initial: int) -> int:
        """The sum of what is stored (*initial* where nothing is) and *by*."""
        if data is None:
            return counted_value(initial, by)
        try:
            return counted_value(self.plain.decode(data), by)
        except UnreadableError as error:
            raise self.corrupt(key, error) from error

    def is_draft(self, value: object) -> bool:
        """Whether *value* has parts that can be changed in place."""
        return has_parts(value)

    def merged(self, key: str, base: bytes, ours: bytes, theirs: bytes) -> tuple[bytes, list[str]]:
        """The changes that lead from *base* to *ours*, on top of *theirs*, as data, and the
        members that both changed."""
        known = self.plain.decode if self._typed is None else self._typed.known
        try:
            one, other, third = known(base), self.plain.decode(ours), known(theirs)
        except ValueError as error:
            raise self.corrupt(key, error) from error
        result, clashes = merged_values(one, other, third, same)
        if clashes:
            return theirs, clashes
        new = self.plain.encode(result)
        if self._typed is None:
            return new, clashes
        try:
            self._typed.decode(new)
        except UnfitError:
            return theirs, ["$"]
        return self._carried(key, theirs, new), clashes

    def kept(self, old: bytes | None, new: bytes | Deletion, expiry: Expiry) -> bool:
        """Whether nothing need be written: the same value with the expiry it has.

        JSON of other libraries, with its spaces and escapes, is mostly longer than ours of the
        same value, or shorter with its exponents. What does not look like it is at worst written
        once more.
        """
        if old is None or new is DELETE or expiry is not self.lifetimes.keeping:
            return False
        if old == new:
            return True
        foreign = len(old) > len(new) or (len(old) < len(new) and b"e-" in old)
        return foreign and self.codec.same(old, new)

    def same(self, old: bytes, new: bytes) -> bool:
        """Whether *old*, as it was read, is the same value as *new*, as it would be written."""
        return self.codec.same(old, new)

    def keys(self, page: Page, seen: Seen) -> list[tuple[int, str]]:
        """The plain keys of a page with their places, without those *seen* before."""
        found = []
        for index, name in enumerate(page.names):
            key = self.names.key(name)
            if key is None or (seen is not None and key in seen):
                continue
            if self._shows is not None and self._shows(key) is None:
                continue
            found.append((index, key))
            if seen is not None:
                seen.add(key)
        return found

    def corrupt(self, key: str, error: ValueError) -> CorruptValueError:
        """The error for bytes that can not be read."""
        if isinstance(error, UnfitError):
            return MismatchError(error.path, error.reason, store=self.label, key=key)
        return self.corrupts(str(error), store=self.label, key=key)

    def busy(self, key: str) -> ConflictError:
        """The error for a key that others change without end."""
        message = f"gave up after {MOST_ATTEMPTS} conflicting changes"
        return ConflictError(message, store=self.label, key=key)

    def located(self, error: StorageError, key: str) -> StorageError:
        """*error*, saying where it happened, unless a backend has said that already."""
        error.store = self.label
        error.key = key if error.key is None else error.key
        return error

    def _carried(self, key: str, old: bytes, new: bytes) -> bytes:
        assert self._typed is not None
        try:
            return self._typed.carried(old, new)
        except UnstorableError as error:
            raise self.located(error, key) from None
        except UnreadableError as error:
            raise self.corrupt(key, error) from error

    def _stand_on(self, codec: Codec) -> None:
        self.codec: Codec = codec
        self._typed = codec if isinstance(codec, TypedCodec) else None
        self.plain: Codec = getattr(codec, "plain", codec)
        self.sealer: Step | None = sealing(self.stages)
        self.opener: Step | None = opening(self.stages)
        self.counts: bool = all(map(self._leaves, (10, SAFE, -SAFE)))

    def _leaves(self, number: int) -> bool:
        """Whether *number* is written as a number."""
        try:
            return self.seal("", self.codec.encode(number)) == b"%d" % number
        except UnstorableError:
            return False


def check_walk(unique: bool, on_corrupt: OnCorrupt) -> Seen:
    """Where an iteration remembers the keys it has shown, if it shall."""
    if on_corrupt not in ("raise", "skip") and not callable(on_corrupt):
        message = f'on_corrupt must be "raise", "skip" or a function, not {on_corrupt!r}'
        raise ValueError(message)
    return set() if unique else None
