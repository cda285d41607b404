"""How two changes of one value go together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..records import MISSING

Same = Callable[[Any, Any], bool]


def merged(base: Any, ours: Any, theirs: Any, same: Same) -> tuple[Any, list[str]]:
    """*theirs* with the members that *ours* changed since *base*, and those that both changed.

    Only dicts can be merged; of anything else the whole is in conflict, which the path `$` says.
    """
    if not all(isinstance(value, dict) for value in (base, ours, theirs)):
        return theirs, ["$"]
    result = dict(theirs)
    clashes = []
    for member in changed(base, ours, same):
        if not _same(base, theirs, member, same) and not _same(ours, theirs, member, same):
            clashes.append(member)
        elif member in ours:
            result[member] = ours[member]
        else:
            result.pop(member, None)
    return result, clashes


def changed(base: dict[str, Any], ours: dict[str, Any], same: Same) -> Iterable[str]:
    """The members that were set, replaced or removed since *base*."""
    return [member for member in {**base, **ours} if not _same(base, ours, member, same)]


def _same(first: dict[str, Any], second: dict[str, Any], member: str, same: Same) -> bool:
    one, other = first.get(member, MISSING), second.get(member, MISSING)
    if one is MISSING or other is MISSING:
        return one is other
    return same(one, other)
