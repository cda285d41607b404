"""Which sessions and messages are meant: conditions first, then the order, then how many."""

from __future__ import annotations

from collections.abc import Iterable, Reversible
from itertools import islice
from typing import Any, Final

from ...codecs import JSON, UnreadableError
from ...dialogs import Asked, Fields, Held, Wanted
from .dates import moment

BEFORE_ALL: Final = -(2**53)
"""Where a moment that can not be read stands: before all others, whatever is asked for."""

MOST: Final = 2**53


def chosen(helds: Iterable[Held], wanted: Wanted) -> list[Held]:
    """Those of the sessions that are *wanted*, in order."""
    if wanted.limit == 0:
        return []
    places = [
        (place_of(held.fields, wanted), held) for held in helds if is_wanted(held.fields, wanted)
    ]
    if wanted.beyond is not None:
        past = _place(*wanted.beyond, wanted.newest)
        places = [one for one in places if one[0] > past]
    places.sort(key=lambda one: one[0])
    return [held for _, held in islice(places, *stretch(wanted.offset, wanted.limit))]


def asked_for(messages: Iterable[Fields], asked: Asked) -> list[Fields]:
    """Those of a session's *messages*, which come in order of adding, that are *asked* for."""
    if asked.limit == 0:
        return []
    if asked.newest:
        messages = reversed(messages if isinstance(messages, Reversible) else list(messages))
    if asked.roles or (asked.after, asked.before, asked.id) != (None, None, None):
        messages = (one for one in messages if is_asked_for(one, asked))
    return list(islice(messages, *stretch(asked.offset, asked.limit)))


def overdue(helds: Iterable[Held], before: int) -> list[str]:
    """The ids of the sessions whose `expiresAt` is *before* or earlier, the earliest first."""
    found = [
        (at, held.id)
        for held in helds
        if (at := maybe_moment(held.fields, "expiresAt")) is not None and at <= before
    ]
    return [session_id for _, session_id in sorted(found)]


def is_wanted(fields: Fields, wanted: Wanted) -> bool:
    """Whether a session meets the conditions, whatever its place is."""
    find = fields.get
    return (
        (wanted.user_id is None or find("userId") == wanted.user_id)
        and (wanted.status is None or find("status") == wanted.status)
        and (wanted.agent_id is None or find("activeAgentId") == wanted.agent_id)
        and _is_made_between(fields, wanted.created_after, wanted.created_before)
        and is_tagged(fields, wanted.tags)
    )


def is_tagged(fields: Fields, tags: tuple[str, ...]) -> bool:
    """Whether a session has one of these *tags*, where there are any."""
    return not tags or any(tag in tags for tag in tags_of(fields))


def is_asked_for(fields: Fields, asked: Asked) -> bool:
    """Whether a message meets the conditions."""
    if asked.id is not None and fields.get("id") != asked.id:
        return False
    if asked.roles and fields.get("role") not in asked.roles:
        return False
    if asked.after is None and asked.before is None:
        return True
    made = moment_of(fields, "createdAt")
    return (asked.after is None or made > asked.after) and (
        asked.before is None or made < asked.before
    )


def place_of(fields: Fields, wanted: Wanted) -> tuple[int, str]:
    """Where a session comes among others that are *wanted*."""
    by = "lastActivityAt" if wanted.by == "activity" else "createdAt"
    return _place(moment_of(fields, by), fields.get("id", ""), wanted.newest)


def moment_of(fields: Fields, name: str) -> int:
    """The moment that a field tells; one that is not there or can not be read is before all."""
    found = maybe_moment(fields, name)
    return BEFORE_ALL if found is None else found


def maybe_moment(fields: Fields, name: str) -> int | None:
    """The moment that a field tells; `None` where it is not there or can not be read."""
    text = fields.get(name)
    try:
        return moment(text) if text else None
    except ValueError:
        return None


def tags_of(fields: Fields) -> list[str]:
    """The tags in the metadata of a session; what can not be read has none."""
    metadata = read(fields, "metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    return [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []


def read(fields: Fields, name: str) -> Any:
    """What the JSON of a field says; `None` where it is not there or can not be read."""
    text = fields.get(name)
    try:
        return JSON.decode(text.encode(errors="surrogatepass")) if text else None
    except UnreadableError:
        return None


def stretch(offset: int, limit: int | None) -> tuple[int, int | None]:
    """Where so many begin and end."""
    offset = min(offset, MOST)
    return offset, None if limit is None else offset + min(limit, MOST)


def _place(at: int, name: str, newest: bool) -> tuple[int, str]:
    return -at if newest else at, name


def _is_made_between(fields: Fields, after: int | None, before: int | None) -> bool:
    if after is None and before is None:
        return True
    made = moment_of(fields, "createdAt")
    return (after is None or made >= after) and (before is None or made <= before)
