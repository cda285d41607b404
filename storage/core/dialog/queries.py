"""What is asked for, as a room is told it, and the cursors that pages go on from."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ...dialogs import Asked, Wanted
from .dates import ms_of
from .errors import ValidationError
from .records import MessageQueryOptions, OrderBy, Session, SessionFilters

_LONGEST: Final = 16
"""A moment of more digits is none."""


def wanted(filters: SessionFilters, cursor: str | None = None) -> Wanted:
    """The sessions that *filters* mean, beyond a *cursor* where there is one."""
    return Wanted(
        user_id=filters.user_id,
        status=filters.status,
        agent_id=filters.active_agent_id,
        tags=tuple(filters.tags),
        created_after=_ms(filters.created_after),
        created_before=_ms(filters.created_before),
        by=filters.order_by,
        newest=filters.order == "desc",
        beyond=None if cursor is None else beginning(cursor),
        offset=filters.offset,
        limit=filters.limit,
    )


def asked(options: MessageQueryOptions) -> Asked:
    """The messages that *options* mean."""
    return Asked(
        options.limit,
        options.offset,
        options.order == "desc",
        _ms(options.after),
        _ms(options.before),
        tuple(options.roles),
    )


def cursor_after(session: Session, by: OrderBy) -> str:
    """Where a page that ends with *session* is gone on from."""
    moment = session.created_at if by == "created" else session.last_activity_at
    return f"{ms_of(moment)}:{session.id}"


def beginning(cursor: str) -> tuple[int, str]:
    """The moment and the id after which a page begins."""
    ms, colon, name = cursor.partition(":") if isinstance(cursor, str) else ("", "", "")
    if not colon or len(ms) > _LONGEST or not ms.removeprefix("-").isdecimal() or not ms.isascii():
        raise ValidationError("a cursor is what a page of sessions had for its own")
    return int(ms), name


def _ms(when: datetime | None) -> int | None:
    return None if when is None else ms_of(when)
