"""Several stores that keep the same entries: which of them fit together, what is true of all, and
which of them has missed a change of which entry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from ..errors import (
    ClosedError,
    ConfigurationError,
    CorruptValueError,
    StorageError,
    UnsupportedError,
)
from ..records import Capabilities
from ..ttl import DEFAULT, DefaultTtl, LayerTtl, Lifetime
from .fallback import speak_alike
from .layers import Layers

MOST_MISSED: Final = 100_000
"""Of so many entries it is known that a store has missed a change; then a change fails with it."""

_MISTAKES: Final = (ClosedError, CorruptValueError, UnsupportedError)


def is_passed_over(error: StorageError) -> bool:
    """Whether the next store is asked when one raises *error*: it is no mistake, and no value."""
    return not isinstance(error, _MISTAKES)


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


class Missed:
    """Of which entries each of *count* stores has missed the last change, *most* of them each."""

    def __init__(self, count: int, most: int = MOST_MISSED) -> None:
        self._names: list[set[str]] = [set() for _ in range(count)]
        self._most = most

    def has(self, index: int, name: str) -> bool:
        """Whether what the store at *index* has under *name* is older than what others have."""
        return name in self._names[index]

    def note(self, index: int, names: Sequence[str]) -> bool:
        """The store has missed a change of *names*; says whether that can be remembered."""
        there = self._names[index]
        new = {name for name in names if name not in there}
        if len(there) + len(new) > self._most:
            return False
        there.update(names)
        return True

    def forget(self, index: int, names: Sequence[str]) -> None:
        """The store has what the others have."""
        self._names[index].difference_update(names)


def place_in(cursor: str | None) -> tuple[int, str | None]:
    """Which store a scan goes on in, and where."""
    index, _, at = (cursor or "0").partition(" ")
    return int(index), at or None


def cursor_at(index: int, at: str | None, count: int) -> str | None:
    """Where a scan goes on that has come to *at* in the store at *index* of *count*."""
    if at is not None:
        return f"{index} {at}"
    return str(index + 1) if index + 1 < count else None
