"""Which messages are asked for, where they are gone through one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..histories import Bounds, Query
from .messages import GUARDED, TURN, Mark
from .trim import exceeds

Message = tuple[Mark, bytes]
"""A message as it is kept, and what its head says."""


def picked(messages: Iterable[Message], query: Query) -> tuple[list[bytes], bool]:
    """Those of *messages* that are asked for, and whether there are more.

    They come in the order in which they are wanted: the newest first, or the oldest.
    """
    found: list[bytes] = []
    for one, raw in messages:
        if _is_past(one, query):
            break
        if is_wanted(one, query):
            if len(found) == query.limit:
                return _ordered(found, query), True
            found.append(raw)
    return _ordered(found, query), False


def is_wanted(one: Mark, query: Query) -> bool:
    """Whether a message is asked for."""
    return (
        one.seq > query.after
        and (query.before is None or one.seq < query.before)
        and (query.since is None or one.at >= query.since)
        and (query.until is None or one.at < query.until)
        and (not query.roles or one.role in query.roles)
    )


def recent(messages: Iterable[Message], bounds: Bounds) -> tuple[list[Message], bool]:
    """The last of *messages*, which come with the newest first and are not guarded: one more than
    fit into *bounds*; and whether there are more. What comes back is in order."""
    found: list[Message] = []
    tokens = turns = 0
    for message in messages:
        if exceeds(len(found), tokens, turns, bounds):
            return found[::-1], True
        one = message[0]
        tokens, turns = tokens + one.tokens, turns + (one.flags & TURN > 0)
        found.append(message)
    return found[::-1], False


def unguarded(messages: Iterable[Message]) -> Iterator[Message]:
    """Those that may be trimmed."""
    return (message for message in messages if not message[0].flags & GUARDED)


def _is_past(one: Mark, query: Query) -> bool:
    """Whether neither this message is wanted nor any that comes later."""
    if query.newest:
        return one.seq <= query.after or (query.since is not None and one.at < query.since)
    return (query.before is not None and one.seq >= query.before) or (
        query.until is not None and one.at >= query.until
    )


def _ordered(found: list[bytes], query: Query) -> list[bytes]:
    return found[::-1] if query.newest else found
