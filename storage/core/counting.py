"""Counting on bytes: what `incr` writes over what it found."""

from __future__ import annotations

import math
import re

from ..errors import UnstorableError, WrongTypeError

SAFE = 2**53 - 1
"""The largest integer that means the same to every reader of JSON."""

_INTEGER = re.compile(rb"-?(?:0|[1-9][0-9]{0,18})")


def check_count(*numbers: object) -> None:
    """Refuse what can not be counted with."""
    for number in numbers:
        if type(number) is not int:
            raise TypeError(f"incr takes integers, not {type(number).__name__}")


def counted(raw: bytes | None, by: int, initial: int) -> int:
    """The sum of what is stored (*initial* where nothing is) and *by*."""
    if raw is None:
        return counted_value(initial, by)
    return counted_value(int(raw) if _INTEGER.fullmatch(raw) else None, by)


def counted_value(value: object, by: int) -> int:
    """The sum of a *value*, which must be an integer, and *by*."""
    if type(value) is not int:
        raise WrongTypeError("incr works on integers, and the stored value is none")
    if not -SAFE <= value + by <= SAFE:
        raise UnstorableError("$", "the sum is beyond 2**53 - 1")
    return value + by


def bound(max_entries: float) -> int:
    """How many entries a bounded store may hold."""
    if isinstance(max_entries, bool) or not isinstance(max_entries, (int, float)):
        raise ValueError(f"max must be a number, not {type(max_entries).__name__}")
    if not 1 <= max_entries < math.inf:
        raise ValueError("max must be a positive finite number")
    return int(max_entries)
