"""Who takes part in a session, and how it goes from one agent to another: what is to become of the
session."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from .errors import HandoffError, ValidationError
from .records import Handoff, Participant, Session
from .session_checks import participants
from .wire import handoff_json

MOST_HANDOFFS: Final = 20
"""So many hand-offs a session tells of, the newest."""


def arrived(given: object, now: datetime) -> list[Participant]:
    """Those who are there from the beginning, which is now, each of them once, or an error."""
    found: list[Participant] = []
    for one in participants(given, "participants"):
        if not any(one.id == other.id and other.left_at is None for other in found):
            found.append(one._replace(joined_at=one.joined_at or now))
    return found


def joined(session: Session, participant: Participant, now: datetime) -> dict[str, Any]:
    """With *participant*, who joins now; one who is there still stays who it was."""
    known = session.participants
    if any(one.id == participant.id and one.left_at is None for one in known):
        return {}
    arrived = participant._replace(joined_at=participant.joined_at or now, left_at=None)
    return {"participants": (*known, arrived)}


def left(session: Session, name: str, now: datetime) -> dict[str, Any]:
    """Without the participant of that *name*, who leaves now."""
    if not any(one.id == name and one.left_at is None for one in session.participants):
        return {}
    updates: dict[str, Any] = {"participants": _left(session.participants, name, now)}
    if session.active_agent_id == name:
        updates["active_agent_id"] = None
    return updates


def handed(session: Session, handoff: Handoff) -> dict[str, Any]:
    """In the hands of another agent, who takes part from now on in the place of the one before."""
    before, after, now = session.active_agent_id, handoff.to_agent, handoff.at
    if before == after:
        raise HandoffError(after)
    assert now is not None
    told = handoff._replace(from_agent=before)
    custom = _custom(session.metadata)
    earlier = custom.get("handoffs")
    earlier = earlier if isinstance(earlier, list) else []
    custom["handoffs"] = [*earlier, handoff_json(told)][-MOST_HANDOFFS:]
    known = session.participants if before is None else _left(session.participants, before, now)
    if not any(one.id == after and one.left_at is None for one in known):
        known = (*known, Participant(after, "agent", joined_at=now))
    return {
        "active_agent_id": after,
        "participants": known,
        "metadata": {**session.metadata, "custom": custom},
    }


def keeping(session: Session, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """*metadata* in the place of those of a session, with its hand-offs unless they tell of
    some."""
    known = session.metadata.get("custom")
    if not isinstance(known, dict) or "handoffs" not in known:
        return dict(metadata)
    custom = _custom(metadata)
    return {**metadata, "custom": {"handoffs": known["handoffs"], **custom}}


def _custom(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What a program put there, with room for hand-offs, or an error where there is none."""
    custom = metadata.get("custom")
    if custom is not None and not isinstance(custom, Mapping):
        raise ValidationError("custom in metadata must be an object: it holds the hand-offs")
    return dict(custom or {})


def _left(known: tuple[Participant, ...], name: str, now: datetime) -> tuple[Participant, ...]:
    return tuple(
        one._replace(left_at=now) if one.id == name and one.left_at is None else one
        for one in known
    )
