"""How long things live: what a caller may say, and what a backend is told.

A caller says seconds, a `timedelta`, an aware `datetime`, `None` (for ever), `KEEP`, or nothing
(the store's default). A backend is told an `Expiry`, in whole milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Final, NamedTuple

Clock = Callable[[], float]
"""Seconds since 1970, as `time.time` tells them."""


class Lifetime(Enum):
    """The two lifetimes that are not a time."""

    KEEP = "keep"
    DEFAULT = "default"

    def __repr__(self) -> str:
        return self.name


KEEP: Final = Lifetime.KEEP
"""Leave the expiry as it is; a key that is missing gets the store's default."""

DEFAULT: Final = Lifetime.DEFAULT
"""What the store was made with."""

Ttl = float | timedelta | datetime | Lifetime | None
DefaultTtl = float | timedelta | None
LayerTtl = DefaultTtl | Lifetime
"""The default of a store over a store: `DEFAULT` is that of the one below."""


class At(NamedTuple):
    """A moment, in milliseconds since 1970."""

    ms: int


class Keeping(NamedTuple):
    """The expiry that is there, or *otherwise* where the key is missing."""

    otherwise: int | At | None


Span = int | At | None
"""Milliseconds from now, a moment, or for ever."""

Expiry = int | At | Keeping | None
"""What a backend is told: a `Span`, or to keep what it has."""

_LONGEST_MS: Final = 200_000_000_000_000  # some 6,300 years: every date stays printable
_LAST_MS: Final = 253_402_300_799_999  # the end of the year 9999
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MS: Final = timedelta(milliseconds=1)


def span(ttl: float | timedelta | datetime | None, name: str = "ttl") -> Span:
    """What a backend is told about *ttl*, which errors call by its *name*; a `ValueError` for what
    can not be a lifetime."""
    if ttl is None:
        return None
    if type(ttl) is int and 0 < ttl < _LONGEST_MS // 1000:  # what is mostly said
        return ttl * 1000
    if isinstance(ttl, datetime):
        return At(_moment_ms(ttl, name))
    if isinstance(ttl, timedelta):
        return _positive(ttl / _MS, ttl, name)
    if isinstance(ttl, bool):
        raise ValueError(f"{name} must be a number of seconds, not {ttl!r}")
    if isinstance(ttl, (int, float)):
        return _positive(ttl * 1000, ttl, name)
    raise TypeError(f"ttl must be seconds, a timedelta, a datetime, None or KEEP, not {_kind(ttl)}")


def default_span(ttl: LayerTtl, name: str = "the ttl of a store") -> int | None:
    """The default of a whole store, or something else that has a *name*: it can not be a moment,
    and there is nothing to keep."""
    if isinstance(ttl, (datetime, Lifetime)):
        raise ValueError(f"{name} must be seconds, a timedelta or None, not {ttl!r}")
    if ttl is not None and not isinstance(ttl, (int, float, timedelta)):
        raise TypeError(f"{name} must be seconds, a timedelta or None, not {_kind(ttl)}")
    told = span(ttl, name)
    assert not isinstance(told, At)
    return told


def deadline(told: Expiry, now_ms: int) -> int | None:
    """The moment at which a new entry ends, for a backend whose clock says *now_ms*."""
    if isinstance(told, Keeping):
        told = told.otherwise
    if told is None:
        return None
    if isinstance(told, At):
        return told.ms
    return now_ms + told


def moment(ms: int) -> datetime:
    """*ms* since 1970 as an aware `datetime`."""
    return _EPOCH + min(ms, _LAST_MS) * _MS


def _positive(ms: float, ttl: object, name: str) -> int:
    if not 0 < ms < math.inf:
        raise ValueError(f"{name} must be positive and finite, not {ttl!r}")
    return min(max(1, round(ms)), _LONGEST_MS)


def _moment_ms(when: datetime, name: str) -> int:
    if when.utcoffset() is None:
        raise ValueError(f"a datetime given as {name} must know its time zone")
    return min(-((_EPOCH - when) // _MS), _LAST_MS)


def _kind(thing: object) -> str:
    return type(thing).__name__


__all__ = [
    "DEFAULT",
    "KEEP",
    "At",
    "Clock",
    "DefaultTtl",
    "Expiry",
    "Keeping",
    "LayerTtl",
    "Lifetime",
    "Span",
    "Ttl",
    "deadline",
    "default_span",
    "moment",
    "span",
]
