"""Connections of the client library that connect until one moment, however many steps that takes.

A name may have several addresses, and TLS shakes hands behind each. The client library gives every
step a timeout, for which it asks the connection: that says how much time is left.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from ..runtime import monotonic

_SHORTEST = 0.001


@contextmanager
def hurried(connection: Any, until: float) -> Iterator[None]:
    """Have *connection* connect *until* then, and take no longer for an address than it did.

    It is of another class meanwhile.
    """
    kind: Any = type(connection)
    longest = connection.socket_connect_timeout
    connection.__class__ = _hurried(kind)
    try:
        connection.connects_until, connection.socket_connect_timeout = until, longest
        yield
    finally:
        connection.__class__ = kind


def _left(connection: Any) -> float:
    """How long it may still take; a moment when it is over, for whoever asks."""
    left: float = connection.connects_until - monotonic()
    return max(_SHORTEST, left)


def _left_for_one(connection: Any) -> float:
    """How long an address may take."""
    longest: float = connection.longest_step
    return min(_left(connection), longest)


def _let_one_take(connection: Any, seconds: float | None) -> None:
    connection.longest_step = math.inf if seconds is None else seconds


def _let_all_take(connection: Any, seconds: float | None) -> None:
    """It is known until when all may take: a class of somebody's own may say what it wants."""


@lru_cache(maxsize=32)
def _hurried(kind: Any) -> type:
    """The class of connections like those of *kind* which are in a hurry."""
    said = {
        "__slots__": (),
        "__module__": kind.__module__,
        "socket_connect_timeout": property(_left_for_one, _let_one_take),
        "socket_timeout": property(_left, _let_all_take),
    }
    return type(kind.__name__, (kind,), said)
