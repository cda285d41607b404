"""Moments as milliseconds since 1970, as JavaScript writes them, and as `datetime`."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MS: Final = timedelta(milliseconds=1)

_FORM: Final = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)"
    r"(?:[T ](\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,](\d{1,9}))?)?)?"
    r"\s?(Z|z|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)

_WRITTEN: Final = 24
"""So long is what JavaScript writes."""

_FIRST: Final = -62_135_596_800_000
_LAST: Final = 253_402_300_799_999
"""The moments of the years 1 to 9999."""


@lru_cache
def iso(ms: int) -> str:
    """A moment as `Date.prototype.toISOString` writes it."""
    return f"{when_of(ms).isoformat(timespec='milliseconds')[:-6]}Z"


def moment(text: str) -> int:
    """The moment that an ISO date tells, whole milliseconds; `ValueError` for anything else.

    One without an offset is in UTC, and a date alone is its first moment.
    """
    written = _written(text)
    if written is not None:
        return (written - _EPOCH) // _MS
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError("it is no ISO date")
    *parts, fraction, offset = found.groups()
    year, month, day, hour, minute, second = [int(part or 0) for part in parts]
    at = datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc)
    ms = (at - _EPOCH) // _MS + int((fraction or "0").ljust(3, "0")[:3])
    return within(ms - _offset_ms(offset))


def when(text: str) -> datetime:
    """The `datetime` of what an ISO date tells, in UTC."""
    return _written(text) or when_of(moment(text))


def ms_of(when: datetime) -> int:
    """The moment of a `datetime` that knows its offset."""
    if when.utcoffset() is None:
        raise ValueError("it needs a time zone")
    return within((when - _EPOCH) // _MS)


def when_of(ms: int) -> datetime:
    """The `datetime` of a moment, in UTC."""
    return _EPOCH + timedelta(milliseconds=ms)


def within(ms: int) -> int:
    """*ms*, if that is a moment that can be written."""
    if not _FIRST <= ms <= _LAST:
        raise ValueError("it is not within the years 1 to 9999")
    return ms


def _written(text: str) -> datetime | None:
    """What a text tells that is in the form of JavaScript for certain: no week is in it."""
    if len(text) == _WRITTEN and text[7] + text[10] + text[19] + text[23] == "-T.Z":
        try:
            return datetime.fromisoformat(f"{text[:-1]}+00:00")
        except ValueError:
            pass
    return None


def _offset_ms(offset: str | None) -> int:
    if offset is None or offset in "Zz":
        return 0
    digits = offset[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 23 or minutes > 59:
        raise ValueError("its offset is none")
    span = (hours * 60 + minutes) * 60_000
    return -span if offset[0] == "-" else span
