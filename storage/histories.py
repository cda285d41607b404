"""What passes between a conversation and the room that keeps it."""

from __future__ import annotations

from struct import Struct
from typing import Final, Literal, NamedTuple

_BRIEF: Final = Struct("<BI")


class Bounds(NamedTuple):
    """What stays of a conversation at the most; `None` is without a bound."""

    messages: int | None = None
    tokens: int | None = None
    turns: int | None = None


class Entry(NamedTuple):
    """A message that is to be kept; `core.messages` knows what its parts mean."""

    role: int
    flags: int
    tokens: int
    calls: tuple[bytes, ...]
    answers: tuple[bytes, ...]
    rest: bytes
    """What is kept after its head, its JSON at last."""

    def packed(self) -> bytes:
        """The whole of it, for who gives it a number and a time."""
        return _BRIEF.pack(self.role, self.flags | self.tokens << 8) + self.rest


class Terms(NamedTuple):
    """How something is appended."""

    bounds: Bounds = Bounds()
    ttl_ms: int | None = None
    """The conversation is over when nothing was appended or altered for so long."""

    max_age_ms: int | None = None
    """It is over so long after it began."""

    if_seq: int | None = None
    """The number of the last message, which there has to be; 0 is none."""

    note: bytes = b""
    """Under which idempotency key; 8 bytes."""

    keeps_orphans: bool = False
    """Whether the result of a call that never came is kept all the same."""


Outcome = Literal["appended", "repeated", "conflict", "orphan", "full"]


class Appended(NamedTuple):
    """What came of appending."""

    outcome: Outcome
    first: int = 0
    """The number of the first message, where some were appended now or before."""

    last: int = 0
    """The number of the last one of them, or of all where nothing was appended."""

    more: bool = False
    """Whether more is to be trimmed: that is done by appending nothing."""

    which: int = 0
    """Which of the messages was refused."""


class Query(NamedTuple):
    """Which messages are asked for. Each condition counts before the number of messages does."""

    limit: int | None = None
    newest: bool = True
    """Whether these are the newest ones, or the oldest."""

    before: int | None = None
    """Their numbers are smaller."""

    after: int = 0
    """Their numbers are larger."""

    since: int | None = None
    """They came then or later, in milliseconds since 1970."""

    until: int | None = None
    """They came before that."""

    roles: tuple[str, ...] = ()

    with_state: bool = False
    """Whether what is known of the conversation has to be told too."""


class Stretch(NamedTuple):
    """What was found of a conversation."""

    state: bytes | None
    """What is known of it, where that was read too; there is none where there are no messages."""

    records: list[bytes]
    """Messages in order."""

    more: bool
    """Whether there are more, beyond the ones that were asked for."""


class Standing(NamedTuple):
    """How a conversation stands."""

    state: bytes
    ends: int | None
    """When it is over, in milliseconds since 1970; `None` for never."""


class Alteration(NamedTuple):
    """What becomes of a conversation."""

    state: bytes
    removed: tuple[int, ...] = ()
    """The numbers of messages that go."""

    replaced: tuple[tuple[int, bytes, bytes], ...] = ()
    """Messages that are written anew: their numbers, their records as they have to be before, and
    those that stand in the place of these."""


class KeyPage(NamedTuple):
    """Some keys of conversations, and where the next page starts (`None`: that was the last)."""

    keys: list[str]
    cursor: str | None
