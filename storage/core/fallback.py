"""Two stores of which the second stands in for the first: when, and what is true of both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from ..codecs import Codec
from ..errors import (
    ClosedError,
    ConfigurationError,
    OutcomeUnknownError,
    ReadOnlyError,
    StorageError,
    StorageFullError,
    UnavailableError,
)
from ..records import Capabilities
from .layers import Layers

ANSWERS: Final = (StorageFullError, ReadOnlyError)
"""The kinds of `UnavailableError` after which reads go on, so that nobody else may answer them."""

FIRST, SECOND = "1", "2"
"""With what the cursor of a scan begins: it goes on where it began."""

_SAMPLE: Final = [None, 10, "é", {"a": 0.5}]

_MESSAGE: Final = "it did not answer"


class Outage:
    """Whether to ask what has failed to answer, and errors call *store*.

    For *pause* seconds after a failure nobody asks it. Then one does, while the others go without
    it for another *pause*, and so on until it answers.
    """

    def __init__(self, store: str, pause: float) -> None:
        if isinstance(pause, bool) or not isinstance(pause, (int, float)):
            raise TypeError(f"pause must be a number of seconds, not {type(pause).__name__}")
        if not 0 <= pause < math.inf:
            raise ValueError(f"pause must be finite and not negative, not {pause!r}")
        self._store = store
        self._pause = pause
        self._until: float | None = None
        self._said: tuple[Any, ...] = (_MESSAGE,)

    def lets_ask(self, now: float) -> bool:
        """Whether to ask; who is let ask in an outage does so for all."""
        until = self._until
        if until is None:
            return True
        if now < until:
            return False
        self._until = now + self._pause
        return True

    def began(self, error: UnavailableError, now: float) -> None:
        """It failed to answer."""
        self._said = error.args
        self._until = now + self._pause

    def answered(self, error: StorageError) -> None:
        """It raised *error*, which is an answer as well, unless nobody knows what became of it."""
        if not isinstance(error, (OutcomeUnknownError, ClosedError)):
            self.ended()

    def ended(self) -> None:
        """It has answered."""
        self._until = None

    def error(self, key: object) -> UnavailableError:
        """What it said when it failed, for who is not let ask."""
        return UnavailableError(*self._said, store=self._store, key=key)


class Renaming:
    """What the names under one prefix are called under another, and back."""

    def __init__(self, first: Layers, second: Layers) -> None:
        self._here = first.names.prefix
        self._there = second.names.prefix

    def name(self, name: str) -> str:
        return self._there + name[len(self._here) :]

    def names(self, names: Sequence[str]) -> list[str]:
        return [self.name(name) for name in names]

    def entries(self, entries: Sequence[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        return [(self.name(name), raw) for name, raw in entries]

    def restored(
        self, entries: Sequence[tuple[str, bytes, int | None]]
    ) -> list[tuple[str, bytes, int | None]]:
        return [(self.name(name), raw, ends) for name, raw, ends in entries]

    def back(self, names: Sequence[str]) -> list[str]:
        return [self._here + name[len(self._there) :] for name in names]


def both(first: Capabilities, second: Capabilities) -> Capabilities:
    """What is true of two stores, whichever of them answers.

    Two processes need not see the same outage, so only the users of one object are sure to work
    on the same data.
    """
    one, other = first.expiry_ms, second.expiry_ms
    return Capabilities(
        atomic=None if first.atomic is None or second.atomic is None else "process",
        expiry_ms=None if one is None or other is None else max(one, other),
        iteration=first.iteration and second.iteration,
        durable=first.durable and second.durable,
    )


def shared(first: Layers, second: Layers, label: str, can: Capabilities) -> Layers:
    """The layers of both, over a backend that errors call *label*; refuses what does not fit."""
    for layers in (first, second):
        if layers.word is not None:
            message = f"a store that is {layers.word} has no fallback: the layers go over it, as in"
            example = "enhance_storage(fallback(first, second, ...))"
            raise ConfigurationError(f"{message} {example}", store=layers.label)
    if first.names.verbatim is not second.names.verbatim:
        message = "the keys of one are written as they are and those of the other are not: take "
        raise ConfigurationError(f"{message}tables of one layout, or none", store=label)
    if not speak_alike(first.codec, second.codec):
        message = "the two do not read each other's values: give both the same codec"
        raise ConfigurationError(message, store=label)
    if first.lifetimes.default is not None and can.expiry_ms is None:
        message = "one of the two keeps no lifetimes: give the ttl to enhance_storage, over the "
        raise ConfigurationError(f"{message}fallback of stores without one", store=label)
    layers = first.standing(label, can)
    layers.is_whole = first.is_whole or second.is_whole
    return layers


def speak_alike(first: Codec, second: Codec) -> bool:
    """Whether each reads what the other writes."""
    one, other = (getattr(codec, "plain", codec) for codec in (first, second))
    return type(one) is type(other) or (_reads(one, other) and _reads(other, one))


def _reads(one: Codec, other: Codec) -> bool:
    try:
        return bool(one.decode(other.encode(_SAMPLE)) == _SAMPLE)
    except Exception:  # noqa: BLE001 - whatever a codec of somebody's own says to a list
        return False
