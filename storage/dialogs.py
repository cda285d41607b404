"""What passes between an adapter of session continuity and the room that keeps its sessions.

A session and a message are the fields of a hash, as the layout of session-continuity writes them;
`core.dialog` knows what they mean. Moments are milliseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

Fields = Mapping[str, str]
"""A record: names of fields, and their texts."""

NOTHING: Final[Fields] = MappingProxyType({})


class Terms(NamedTuple):
    """How long a session lives from a change of it on."""

    ttl_ms: int | None = None
    """So long it is kept, with all that belongs to it; `None` is for ever."""

    session_ms: int | None = None
    """So long it may be written to: its `expiresAt`. `None` leaves that as it is."""


class Held(NamedTuple):
    """A session as it is kept, with what is known of its messages."""

    fields: Fields
    messages: int = 0
    tokens: int = 0
    compression: str = ""
    """The JSON of its compression state, or nothing."""

    @property
    def id(self) -> str:
        """Its name."""
        return self.fields["id"]


class Change(NamedTuple):
    """What becomes of a session."""

    put: Fields = NOTHING
    drop: tuple[str, ...] = ()
    """Fields that go."""

    compression: str | None = None
    """The new compression state; nothing takes it away, `None` leaves it."""

    expected: int | None = None
    """The version that there has to be."""

    quiet: bool = False
    """Whether this is no activity: the version, the moments and the lifetimes stay."""


class Wanted(NamedTuple):
    """Which sessions are asked for. Each condition counts before the number of sessions does."""

    user_id: str | None = None
    status: str | None = None
    agent_id: str | None = None
    tags: tuple[str, ...] = ()
    """They have one of them."""

    created_after: int | None = None
    """They were made then or later."""

    created_before: int | None = None
    """They were made then or earlier."""

    by: Literal["created", "activity"] = "created"
    newest: bool = False
    """Whether the newest come first. Those of one moment are in the order of their ids."""

    beyond: tuple[int, str] | None = None
    """They come after the session of this moment and id."""

    offset: int = 0
    limit: int | None = None


class Asked(NamedTuple):
    """Which messages are asked for. Each condition counts before the number of messages does."""

    limit: int | None = None
    offset: int = 0
    newest: bool = False
    """Whether the newest come first."""

    after: int | None = None
    """They were made after that."""

    before: int | None = None
    """They were made before that."""

    roles: tuple[str, ...] = ()
    id: str | None = None
    """It is the one of this id."""


Outcome = Literal["done", "repeated", "missing", "closed", "conflict", "full", "taken"]
"""How a step ended.

`repeated`: it was done before; `missing`: there is no such session, or no such message in it;
`closed`: the session is over, or paused where a message was to be added; `conflict`: it is of
another version, or the message is not what it was; `full`: its tokens would be too many; `taken`:
the id is that of a message of another session.
"""


class Changed(NamedTuple):
    """What came of a change of a session."""

    outcome: Outcome
    held: Held | None = None
    """The session as it is now, or as it is instead."""


class Said(NamedTuple):
    """What came of a step with a message."""

    outcome: Outcome
    message: Fields | None = None
    """The message as it is kept now; `None` where nothing was done."""

    status: str = ""
    """How the session stands that is closed, or in which there is no such message; nothing where
    there is no session."""

    used: int = 0
    """The tokens of the session, where one more message was too many."""

    most: int = 0
    """How many tokens there may be."""
