"""The names of events."""

from __future__ import annotations

from typing import Final

from .errors import ValidationError

EVENTS: Final = (
    *("session:created", "session:updated", "session:ended", "session:expired"),
    *("session:deleted", "message:added", "message:updated", "message:deleted"),
    *("participant:joined", "participant:left", "agent:handoff"),
    *("compression:applied", "budget:exceeded", "error"),
)
"""What may happen."""

ANY: Final = "*"
"""Whatever happens."""


def event_name(given: object) -> str:
    """The name of an event, or `"*"`, or an error."""
    if given == ANY or given in EVENTS:
        return str(given)
    raise ValidationError(f"there is no event {given!r}; there are {', '.join(EVENTS)} and {ANY}")
