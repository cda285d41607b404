"""What becomes of a session with each step, where a room decides that in Python.

A session is given as it is kept, and another one is made of it; the room sees to it that nobody
comes between. Moments are milliseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from ...dialogs import NOTHING, Change, Fields, Held, Outcome, Said, Terms
from .choosing import maybe_moment, read
from .dates import iso

_OVER: Final = ("completed", "expired")
FIXED: Final = ("id", "sessionId", "sequence")

_LATEST: Final = 253_402_300_799_999
"""The last moment that can be written, at the end of the year 9999."""

_LONGEST: Final = 15
"""A count of more digits is none."""


class Dialog(NamedTuple):
    """A session, and what is known of its messages."""

    held: Held
    seq: int = 0
    """The number of the message that was added last, whether it is there or not."""

    ends: int | None = None
    """From when on it is not kept any more."""

    def is_over(self, now: int) -> bool:
        """Whether it is not kept any more."""
        return self.ends is not None and self.ends <= now


class Step(NamedTuple):
    """What is said of a step with a message, and the session after it; `None` where nothing was
    done."""

    said: Said
    dialog: Dialog | None = None


def begun(fields: Fields, terms: Terms, now: int) -> Dialog:
    """A new session of these *fields*."""
    told = dict(fields)
    told.setdefault("createdAt", written(now))
    told.setdefault("lastActivityAt", written(now))
    told.setdefault("version", "1")
    if terms.session_ms is not None:
        told.setdefault("expiresAt", written(now + terms.session_ms))
    return Dialog(Held(guarded(told)), ends=_ends(None, terms, now))


def changed(dialog: Dialog, change: Change, terms: Terms, now: int) -> tuple[Outcome, Dialog]:
    """What a *change* makes of a session; `ValueError` where nobody can tell its version."""
    held = dialog.held
    if not change.quiet and standing(held.fields, now):
        return "closed", dialog
    version = version_of(held.fields)
    if change.expected is not None and change.expected != version:
        return "conflict", dialog
    fields = _put(held.fields, change.put, change.drop)
    fields.update(id=held.id, version=str(version if change.quiet else version + 1))
    if change.compression is not None:
        held = held._replace(compression=change.compression)
    if change.quiet:
        return "done", dialog._replace(held=held._replace(fields=guarded(fields)))
    is_told = "expiresAt" in change.put or "expiresAt" in change.drop
    _stir(fields, terms, now, renews=not is_told)
    held = held._replace(fields=guarded(fields))
    return "done", Dialog(held, dialog.seq, _ends(dialog.ends, terms, now))


def added(
    dialog: Dialog,
    message: Fields,
    last: int,
    terms: Terms,
    now: int,
    most_tokens: int | None = None,
) -> Step:
    """Have a new *message*; the one before it was made at the moment *last*."""
    held = dialog.held
    status = standing(held.fields, now)
    if not status and held.fields.get("status") == "paused":
        status = "paused"
    if status:
        return Step(Said("closed", status=status))
    tokens, most = tokens_of(message), most_of(held.fields, most_tokens)
    if most is not None and held.tokens + tokens > most:
        return Step(Said("full", used=held.tokens, most=most))
    seq = dialog.seq + 1
    kept = {**message, "sessionId": held.id, "sequence": str(seq)}
    kept.setdefault("createdAt", written(max(now, last)))
    counted = held._replace(messages=held.messages + 1, tokens=held.tokens + tokens)
    after = _stirred(dialog._replace(held=counted, seq=seq), terms, now)
    return Step(Said("done", guarded(kept)), after)


def amended(
    dialog: Dialog,
    message: Fields,
    put: Fields,
    drop: Sequence[str],
    terms: Terms,
    now: int,
    expected: Fields = NOTHING,
) -> Step:
    """Change fields of a *message* of the session, unless it is not what is *expected*."""
    held = dialog.held
    status = standing(held.fields, now)
    if status:
        return Step(Said("closed", status=status))
    if any(message.get(name, "") != text for name, text in expected.items()):
        return Step(Said("conflict", status=held.fields.get("status") or "active"))
    kept = _put(message, put, drop)
    kept.update({name: message[name] for name in FIXED if name in message})
    kept["updatedAt"] = written(now)
    tokens = held.tokens - tokens_of(message) + tokens_of(kept)
    after = _stirred(dialog._replace(held=held._replace(tokens=tokens)), terms, now)
    return Step(Said("done", guarded(kept)), after)


def discarded(dialog: Dialog, tokens: int, terms: Terms, now: int) -> Dialog:
    """Take a message away that counted so many *tokens*."""
    held = dialog.held
    held = held._replace(messages=held.messages - 1, tokens=held.tokens - tokens)
    return _stirred(dialog._replace(held=held), terms, now)


def emptied(dialog: Dialog, terms: Terms, now: int) -> Dialog:
    """Take all messages away."""
    held = dialog.held._replace(messages=0, tokens=0)
    return _stirred(dialog._replace(held=held), terms, now)


def absent(dialog: Dialog | None) -> Said:
    """What is said of a message that is not in the session, if that is there."""
    status = "" if dialog is None else dialog.held.fields.get("status") or "active"
    return Said("missing", status=status)


def seen(held: Held, now: int) -> Held:
    """A session as it is told: one whose time is over is expired."""
    fields = held.fields
    if fields.get("status") in _OVER or not is_expired(fields, now):
        return held
    return held._replace(fields=guarded({**fields, "status": "expired"}))


def standing(fields: Fields, now: int) -> str:
    """How a session stands that is over; nothing where it is not."""
    status = fields.get("status", "")
    if status in _OVER:
        return status
    return "expired" if is_expired(fields, now) else ""


def is_expired(fields: Fields, by: int) -> bool:
    """Whether `expiresAt` is *by* then or earlier; one that can not be read is none."""
    expires = maybe_moment(fields, "expiresAt")
    return expires is not None and expires <= by


def version_of(fields: Fields) -> int:
    """The version of a session; `ValueError` for one that is no number."""
    text = fields.get("version")
    return int(text) if text else 1


def tokens_of(message: Fields) -> int:
    """What a message counts; nothing where its `tokenCount` is no number."""
    text = message.get("tokenCount", "")
    is_count = text.isascii() and text.isdigit() and len(text) <= _LONGEST
    return int(text) if is_count else 0


def most_of(fields: Fields, otherwise: int | None) -> int | None:
    """How many tokens there may be in a session, or *otherwise* where it has no budget that can
    be read."""
    budget = read(fields, "tokenBudget")
    if not isinstance(budget, dict):
        return otherwise
    if budget.get("overflowStrategy") != "error":
        return None
    most = _number(budget.get("maxTokens"))
    return otherwise if most is None else max(0, most - (_number(budget.get("reserveTokens")) or 0))


def guarded(fields: dict[str, str]) -> Fields:
    """*fields* as they can be handed out: nobody changes them."""
    return MappingProxyType(fields)


def written(ms: int) -> str:
    """A moment as it is kept, and the last one that can be written for what comes after it."""
    return iso(min(ms, _LATEST))


def _stirred(dialog: Dialog, terms: Terms, now: int) -> Dialog:
    """The session after a change of its messages: a summary of them is not true any more.

    Who takes messages out of one that is over does not open it again.
    """
    held, fields = dialog.held, dict(dialog.held.fields)
    _stir(fields, terms, now, renews=not standing(fields, now))
    held = held._replace(fields=guarded(fields), compression="")
    return Dialog(held, dialog.seq, _ends(dialog.ends, terms, now))


def _stir(fields: dict[str, str], terms: Terms, now: int, *, renews: bool) -> None:
    fields["lastActivityAt"] = written(now)
    if renews and terms.session_ms is not None:
        fields["expiresAt"] = written(now + terms.session_ms)


def _ends(before: int | None, terms: Terms, now: int) -> int | None:
    """Terms that say nothing leave the end that somebody else has set."""
    return before if terms.ttl_ms is None else now + terms.ttl_ms


def _put(fields: Fields, put: Fields, drop: Sequence[str]) -> dict[str, str]:
    kept = {**fields, **put}
    for name in drop:
        kept.pop(name, None)
    return kept


def _number(told: Any) -> int | None:
    is_number = isinstance(told, (int, float)) and not isinstance(told, bool)
    return int(told) if is_number and abs(told) < 10**_LONGEST else None
