"""Connections of the client library that connect until one moment, however many steps that takes.

A name may have several addresses, and TLS shakes hands behind each. The client library gives every
step a timeout, for which it asks the connection: that says how much time is left.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from ..runtime import monotonic


def hurry(connection: Any, until: float) -> None:
    """Have *connection* connect *until* then, and take no longer for an address than it did.

    It is of another class meanwhile: whoever has it gives it its own when it is connected.
    """
    kind: Any = type(connection)
    own = connection.socket_connect_timeout
    connection.__class__ = _hurried(kind)
    connection.connects_until, connection.longest_step = until, math.inf if own is None else own


def _left(connection: Any) -> float:
    """How long it may still take."""
    left: float = connection.connects_until - monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


def _left_for_one(connection: Any) -> float:
    """How long an address may take."""
    longest: float = connection.longest_step
    return min(_left(connection), longest)


@lru_cache(maxsize=32)
def _hurried(kind: Any) -> type:
    """The class of connections like those of *kind* which are in a hurry."""
    said = {
        "__slots__": (),
        "__module__": kind.__module__,
        "socket_connect_timeout": property(_left_for_one),
        "socket_timeout": property(_left),
    }
    return type(kind.__name__, (kind,), said)
