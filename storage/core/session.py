"""What is in the record of a session: its members, how long each of them lives, and its end."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from ..records import MISSING
from ..values import same
from .changes import merged

LIFETIMES: Final = "__ttl"
"""The member that says how long others live: `{"code": {"t": 300000, "at": 1700000000000}}`."""

END: Final = "__ends"
"""The member that says when the session is over, however much it is used."""

RESERVED: Final = (LIFETIMES, END)

OnConflict = Literal["raise", "ours", "theirs"] | Callable[[str, Any, Any], Any]


class Mark(NamedTuple):
    """A member lives for *t* milliseconds from *at*, in milliseconds since 1970."""

    t: float
    at: float

    def is_over(self, now_ms: float) -> bool:
        """Whether it is over at this moment."""
        return now_ms - self.at > self.t


Marks = dict[str, Mark]


class SessionInfo(NamedTuple):
    """What is known of a session without opening it."""

    key: str
    value: Any
    expires_at: datetime | None
    """When it is over if nobody uses it; `None` for never."""

    ends_at: datetime | None
    """When it is over however much it is used; `None` for never."""

    members_end: dict[str, datetime]
    """When those of its members are over that do not last as long as the rest."""


class Contents(NamedTuple):
    """A record, taken apart."""

    members: dict[str, Any]
    marks: Marks
    ends: int | None


def taken_apart(record: dict[str, Any], now_ms: float) -> Contents:
    """The parts of a *record*, without the members that are over; what is no lifetime is none."""
    members = dict(record)
    told, ends = members.pop(LIFETIMES, None), members.pop(END, None)
    marks: Marks = {}
    for name, mark in told.items() if type(told) is dict else ():
        if name in members and _is_mark(mark):
            marks[name] = Mark(mark["t"], mark["at"])
    for name in [name for name, mark in marks.items() if mark.is_over(now_ms)]:
        del members[name], marks[name]
    return Contents(members, marks, ends if type(ends) is int else None)


def put_together(contents: Contents) -> dict[str, Any]:
    """The record of *contents*; lifetimes stand at its end, for members that are there."""
    record = dict(contents.members)
    marks = {name: mark._asdict() for name, mark in contents.marks.items() if name in record}
    if marks:
        record[LIFETIMES] = marks
    if contents.ends is not None:
        record[END] = contents.ends
    return record


def without_the_old(contents: Contents, now_ms: float) -> Contents:
    """*contents* without the members that are over."""
    over = {name for name, mark in contents.marks.items() if mark.is_over(now_ms)}
    if not over:
        return contents
    members = {name: part for name, part in contents.members.items() if name not in over}
    marks = {name: mark for name, mark in contents.marks.items() if name not in over}
    return Contents(members, marks, contents.ends)


def brought_together(
    base: Contents, ours: Contents, theirs: Contents, on_conflict: OnConflict
) -> tuple[Contents, list[str]]:
    """The changes that lead from *base* to *ours*, on top of *theirs*, and the members that both
    changed and nobody decides about. A member and its lifetime are one."""
    mine, others = _pairs(ours), _pairs(theirs)
    result, clashes = merged(_pairs(base), mine, others, same)
    if clashes and on_conflict == "raise":
        return theirs, clashes
    for name in clashes:
        chosen = _decided(on_conflict, name, mine, others)
        if chosen is MISSING:
            result.pop(name, None)
        else:
            result[name] = chosen
    members = {name: part for name, (part, _) in result.items()}
    marks = {name: Mark(*mark) for name, (_, mark) in result.items() if mark is not None}
    ends = theirs.ends if theirs.ends is not None else ours.ends
    return Contents(members, marks, ends), []


def _decided(
    on_conflict: OnConflict, name: str, ours: dict[str, Any], theirs: dict[str, Any]
) -> Any:
    if not callable(on_conflict):
        return (ours if on_conflict == "ours" else theirs).get(name, MISSING)
    mine, other = ours.get(name, [MISSING, None]), theirs.get(name, [MISSING, None])
    chosen = on_conflict(name, mine[0], other[0])
    return MISSING if chosen is MISSING else [chosen, mine[1] or other[1]]


def _pairs(contents: Contents) -> dict[str, Any]:
    marks = contents.marks
    return {name: [part, _listed(marks.get(name))] for name, part in contents.members.items()}


def _listed(mark: Mark | None) -> list[float] | None:
    return None if mark is None else [mark.t, mark.at]


def _is_mark(mark: object) -> bool:
    return type(mark) is dict and all(_is_time(mark.get(part)) for part in ("t", "at"))


def _is_time(number: object) -> bool:
    return type(number) in (int, float) and math.isfinite(number)  # type: ignore[arg-type]
