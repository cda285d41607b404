"""The records of session continuity, which are never changed: another one is made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from ...codecs import JSON

Status = Literal["active", "paused", "completed", "expired"]
Role = Literal["user", "assistant", "system", "tool"]
ParticipantRole = Literal["user", "agent", "observer"]
Overflow = Literal["truncate", "compress", "error"]
Order = Literal["asc", "desc"]
OrderBy = Literal["created", "activity"]
Health = Literal["healthy", "degraded", "unhealthy"]
Severity = Literal["normal", "warning", "critical"]

STATUSES: Final[tuple[Status, ...]] = ("active", "paused", "completed", "expired")
ROLES: Final[tuple[Role, ...]] = ("user", "assistant", "system", "tool")
PARTICIPANT_ROLES: Final[tuple[ParticipantRole, ...]] = ("user", "agent", "observer")
OVERFLOWS: Final[tuple[Overflow, ...]] = ("truncate", "compress", "error")

SCHEMA_VERSION: Final = 1

Content = str | list[dict[str, Any]]
"""A text, or blocks as `{"type": "text", "text": ...}` and `{"type": "image_url", ...}`."""

Summarizer = Callable[..., Any]
"""Makes a text of messages: called with them and the prompt, of which there need not be one."""


class Participant(NamedTuple):
    """Somebody who takes part in a session."""

    id: str
    role: ParticipantRole = "user"
    metadata: dict[str, Any] | None = None
    joined_at: datetime | None = None
    left_at: datetime | None = None


class TokenBudgetConfig(NamedTuple):
    """How many tokens there may be, and what happens where there are more."""

    max_tokens: int
    reserve_tokens: int = 0
    """So many of them are left for the answer."""

    overflow_strategy: Overflow = "truncate"


class SlidingWindowConfig(NamedTuple):
    """The newest messages that fit."""

    target_tokens: int
    min_messages: int | None = None
    """So many are there where there are so many, whatever they cost, within the budget."""

    max_messages: int | None = None

    @property
    def strategy(self) -> Literal["sliding_window"]:
        """Its name."""
        return "sliding_window"


class SummarizationConfig(NamedTuple):
    """The newest messages that fit beside a summary of the others."""

    target_tokens: int
    summarizer: Summarizer | None = None
    summarization_prompt: str | None = None
    summary_overhead: int = 50
    """So many tokens are set aside for the summary."""

    @property
    def strategy(self) -> Literal["summarization"]:
        """Its name."""
        return "summarization"


class HybridConfig(NamedTuple):
    """The newest *max_messages* and a summary of the others, and then only what of that fits."""

    target_tokens: int
    max_messages: int = 20
    summarizer: Summarizer | None = None
    summarization_prompt: str | None = None
    summary_overhead: int = 50

    @property
    def strategy(self) -> Literal["hybrid"]:
        """Its name."""
        return "hybrid"


CompressionConfig = SlidingWindowConfig | SummarizationConfig | HybridConfig


class CompressionState(NamedTuple):
    """A context that was made shorter, for as long as its messages are what they were."""

    strategy: str
    signature: str
    """What the messages were."""

    kept_message_ids: tuple[str, ...] = ()
    summary: str | None = None
    summary_token_count: int | None = None
    compressed_token_count: int = 0
    updated_at: datetime | None = None


class Handoff(NamedTuple):
    """How a session went from one agent to another."""

    to_agent: str
    from_agent: str | None = None
    reason: str | None = None
    context: Any = None
    at: datetime | None = None


class Session(NamedTuple):
    """A session, and what is known of its messages."""

    id: str
    user_id: str | None
    active_agent_id: str | None
    status: Status
    metadata: dict[str, Any]
    participants: tuple[Participant, ...]
    created_at: datetime
    last_activity_at: datetime
    expires_at: datetime | None
    token_budget: TokenBudgetConfig | None
    compression: CompressionConfig | None
    compression_state: CompressionState | None
    token_count: int
    message_count: int
    version: int
    schema_version: int = SCHEMA_VERSION

    @property
    def title(self) -> str | None:
        """What its metadata calls it."""
        title = self.metadata.get("title")
        return title if isinstance(title, str) else None

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags in its metadata."""
        tags = self.metadata.get("tags")
        return tuple([tag for tag in tags if isinstance(tag, str)] if type(tags) is list else ())


class ToolCall(NamedTuple):
    """A call that a model makes."""

    id: str
    name: str
    arguments: str


class ToolResult(NamedTuple):
    """What came of a call."""

    tool_call_id: str
    result: str
    is_error: bool | None = None


class Message(NamedTuple):
    """A message of a session."""

    id: str
    session_id: str
    role: Role
    content: Content
    token_count: int | None
    sequence: int | None
    metadata: dict[str, Any] | None
    """As JavaScript writes it: `{"toolCalls": [...], "toolResults": [...], ...}`."""

    created_at: datetime
    updated_at: datetime | None = None

    @property
    def was_there(self) -> bool:
        """Whether it was there before it was added."""
        return False

    @property
    def text(self) -> str:
        """The text of its content: that of its blocks one after the other, without images."""
        if isinstance(self.content, str):
            return self.content
        blocks = [block.get("text") for block in self.content if block.get("type") == "text"]
        return "".join([text for text in blocks if isinstance(text, str)])

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The calls that a model makes with it."""
        return tuple(
            ToolCall(text_in(one, "id"), text_in(one, "name"), text_in(one, "arguments"))
            for one in _listed(self.metadata, "toolCalls")
        )

    @property
    def tool_results(self) -> tuple[ToolResult, ...]:
        """What it says came of calls."""
        return tuple(
            ToolResult(text_in(one, "toolCallId"), text_in(one, "result"), _flag(one))
            for one in _listed(self.metadata, "toolResults")
        )


class RepeatedMessage(Message):
    """A message that was there before it was added."""

    __slots__ = ()

    @property
    def was_there(self) -> bool:
        """Whether it was there before it was added."""
        return True


class SessionFilters(NamedTuple):
    """Which sessions are asked for. Each condition counts before *limit* and *offset* do."""

    user_id: str | None = None
    status: Status | None = None
    active_agent_id: str | None = None
    tags: Sequence[str] = ()
    """They have one of them; where there are none, that is no condition."""

    created_after: datetime | None = None
    """They were made then or later."""

    created_before: datetime | None = None
    """They were made then or earlier."""

    limit: int | None = None
    offset: int = 0
    order_by: OrderBy = "created"
    order: Order = "asc"


class MessageQueryOptions(NamedTuple):
    """Which messages are asked for. Each condition counts before *limit* and *offset* do."""

    limit: int | None = None
    offset: int = 0
    order: Order = "asc"
    after: datetime | None = None
    """They were made after that."""

    before: datetime | None = None
    """They were made before that."""

    roles: Sequence[Role] = ()
    """They have one of them; where there are none, that is no condition."""


class SessionPage(NamedTuple):
    """Some sessions, and where the next ones begin; `None` after the last."""

    sessions: tuple[Session, ...]
    cursor: str | None


class HealthStatus(NamedTuple):
    """How a store is."""

    status: Health
    latency: float | None = None
    """Milliseconds that it takes to answer."""

    details: dict[str, Any] | None = None


class TokenBudgetStatus(NamedTuple):
    """How much of a budget is used."""

    used: int
    limit: int
    available: int
    percentage: float
    is_over_budget: bool
    severity: Severity


class CompressionResult(NamedTuple):
    """A context that was made shorter."""

    messages: tuple[Message, ...]
    strategy: str
    original_token_count: int
    compressed_token_count: int
    dropped_message_ids: tuple[str, ...] = ()
    """Those of messages that are neither there nor told in the summary."""

    summary: str | None = None
    summary_token_count: int | None = None
    summarized_message_ids: tuple[str, ...] = ()


class Context(NamedTuple):
    """What a model is shown, and how it came about."""

    messages: tuple[Message, ...]
    token_count: int
    original_token_count: int
    applied: str | None = None
    """`"truncate"`, or the strategy that made it shorter; `None` where it is whole."""

    dropped_message_ids: tuple[str, ...] = ()
    summary: str | None = None
    is_cached: bool = False
    """Whether the summary was made before."""

    budget: TokenBudgetStatus | None = None


class Event(NamedTuple):
    """Something that happened."""

    type: str
    session_id: str
    timestamp: datetime
    data: dict[str, Any] | None = None


def _listed(metadata: dict[str, Any] | None, name: str) -> list[dict[str, Any]]:
    found = (metadata or {}).get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _flag(result: dict[str, Any]) -> bool | None:
    found = result.get("isError")
    return found if isinstance(found, bool) else None


def text_in(record: Mapping[str, Any], name: str) -> str:
    """The text that *record* has under a *name*: the JSON of what is none, `""` where nothing is
    there."""
    found = record.get(name)
    if isinstance(found, str):
        return found
    return "" if found is None else JSON.encode(found).decode()
