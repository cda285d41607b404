"""Sessions as a user hands them over, made records: names in snake_case or as JavaScript spells
them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from .checks import (
    KEPT_BY_US,
    Checked,
    any_text,
    checked,
    count,
    kind,
    listed,
    maybe,
    members,
    moment,
    one_of,
    only,
    plain,
    text,
)
from .errors import ValidationError
from .records import (
    OVERFLOWS,
    PARTICIPANT_ROLES,
    STATUSES,
    CompressionConfig,
    CompressionState,
    Participant,
    SessionFilters,
    Status,
    TokenBudgetConfig,
)
from .wire import CONFIGS, STRATEGIES


def status(given: object, what: str) -> Status:
    """How a session stands, or an error."""
    return one_of(given, STATUSES, what)


def session_id(given: object) -> str:
    """The id of a session, or an error."""
    name = text(given, "the id of a session")
    if ":messages" in name or name.endswith(":seq"):
        raise ValidationError("the id of a session can not hold ':messages' or end with ':seq'")
    return name


def metadata(given: object, what: str) -> dict[str, Any]:
    """The metadata of a session."""
    found = plain(given, what)
    if found.get("title") is not None:
        any_text(found["title"], f"the title in {what}")
    tags = found.get("tags")
    if tags is not None and (
        not isinstance(tags, (list, tuple)) or not all(isinstance(tag, str) for tag in tags)
    ):
        raise ValidationError(f"the tags in {what} must be a list of texts")
    return found


def participant(given: object, what: str = "a participant") -> Participant:
    """A participant, or an error."""
    told = only(members(given, what), Participant, what)
    return Participant(
        text(told.get("id"), f"the id of {what}"),
        one_of(told.get("role", "user"), PARTICIPANT_ROLES, f"the role of {what}"),
        maybe(plain)(told.get("metadata"), f"the metadata of {what}"),
        maybe(moment)(told.get("joined_at"), "joined_at"),
        maybe(moment)(told.get("left_at"), "left_at"),
    )


def participants(given: object, what: str) -> tuple[Participant, ...]:
    """Several of them."""
    return tuple([participant(one) for one in listed(given, what)])


def budget(given: object, what: str = "token_budget") -> TokenBudgetConfig:
    """A token budget, or an error."""
    told = only(members(given, what), TokenBudgetConfig, what)
    most = count(told.get("max_tokens"), "max_tokens", 1)
    reserve = count(told.get("reserve_tokens", 0), "reserve_tokens")
    if reserve >= most:
        raise ValidationError("reserve_tokens must be less than max_tokens")
    return TokenBudgetConfig(
        most,
        reserve,
        one_of(told.get("overflow_strategy", "truncate"), OVERFLOWS, "overflow_strategy"),
    )


def compression(given: object, what: str = "compression") -> CompressionConfig:
    """How a context is made shorter, or an error."""
    told = members(given, what)
    name = told.pop("strategy", None) or getattr(given, "strategy", None)
    made = CONFIGS.get(name) if isinstance(name, str) else None
    if made is None:
        raise ValidationError(f"Unsupported compression strategy, none of {', '.join(STRATEGIES)}")
    told = only(told, made, what)
    for name, least in (("target_tokens", 1), ("max_messages", 1), ("min_messages", 0)):
        if told.get(name) is not None or name == "target_tokens":
            count(told.get(name), name, least)
    if told.get("summary_overhead") is not None:
        count(told["summary_overhead"], "summary_overhead")
    maybe(any_text)(told.get("summarization_prompt"), "summarization_prompt")
    if told.get("summarizer") is not None:
        told["summarizer"] = summarizer(told["summarizer"])
    return made(**{name: value for name, value in told.items() if value is not None})


def summarizer(given: Any) -> Any:
    """What makes a text of messages: a function, or the `summarize` of an object."""
    found = getattr(given, "summarize", given)
    if not callable(found):
        raise ValidationError(f"summarizer must be a function, not {kind(given)}")
    return found


def compression_state(given: object, what: str) -> CompressionState:
    """A compression state, or an error."""
    told = only(members(given, what), CompressionState, what)
    return CompressionState(
        any_text(told.get("strategy"), f"the strategy of {what}"),
        any_text(told.get("signature"), f"the signature of {what}"),
        tuple([any_text(one, what) for one in listed(told.get("kept_message_ids", ()), what)]),
        maybe(any_text)(told.get("summary"), f"the summary of {what}"),
        maybe(count)(told.get("summary_token_count"), "summary_token_count"),
        count(told.get("compressed_token_count", 0), "compressed_token_count"),
        maybe(moment)(told.get("updated_at"), "updated_at"),
    )


SESSION: Final[dict[str, Callable[[Any, str], Any]]] = {
    "user_id": maybe(text),
    "active_agent_id": maybe(text),
    "status": status,
    "metadata": metadata,
    "participants": participants,
    "last_activity_at": moment,
    "expires_at": maybe(moment),
    "token_budget": maybe(budget),
    "compression": maybe(compression),
    "compression_state": maybe(compression_state),
}
"""What may be changed of a session."""

MADE: Final[dict[str, Callable[[Any, str], Any]]] = {
    **{name: check for name, check in SESSION.items() if name != "compression_state"},
    "id": lambda given, what: session_id(given),
    "created_at": moment,
    "last_activity_at": moment,
    "version": lambda given, what: count(given, what, 1),
    "schema_version": lambda given, what: count(given, what, 1),
}
"""What may be told of a new one."""

_KEPT: Final = ("id", "created_at", "token_count", "message_count", "version", "schema_version")
"""What an update does not tell."""

_QUIET: Final = ("last_activity_at", "compression_state")
"""What only a quiet one tells."""

_IGNORED: Final = ("token_count", "message_count", "compression_state")
"""What is known of messages, which a new session does not have."""


def session_updates(given: object, *, quiet: bool = False) -> dict[str, Any]:
    """What is to become of a session, or an error."""
    if type(given) is Checked:
        return dict(given)
    told = members(given, "updates")
    for name in told:
        if name in _KEPT or (name in _QUIET and not quiet):
            raise ValidationError(KEPT_BY_US.format(name))
    return checked(told, SESSION, "a session")


def new_session(given: object) -> dict[str, Any]:
    """What a new session is made of, or an error; without what it does not have."""
    if type(given) is Checked:
        return given
    told = members(given, "a session")
    told = {name: value for name, value in told.items() if name not in _IGNORED}
    for name, article in (("status", "Session status"), ("metadata", "Session metadata")):
        if name in told and told[name] is None:
            raise ValidationError(f"{article} is required")
    found = checked({n: v for n, v in told.items() if v is not None}, MADE, "a session")
    return {name: value for name, value in found.items() if value is not None}


def filters(given: object, **more: object) -> SessionFilters:
    """Which sessions are asked for, or an error."""
    told = members(given, "filters") if given is not None else {}
    told = only({**told, **more}, SessionFilters, "filters")
    tags = [] if told.get("tags") is None else listed(told["tags"], "tags")
    if not all(isinstance(tag, str) for tag in tags):
        raise ValidationError("tags must be a list of texts")
    return SessionFilters(
        user_id=maybe(text)(told.get("user_id"), "user_id"),
        status=maybe(status)(told.get("status"), "status"),
        active_agent_id=maybe(text)(told.get("active_agent_id"), "active_agent_id"),
        tags=tuple(tags),
        created_after=maybe(moment)(told.get("created_after"), "created_after"),
        created_before=maybe(moment)(told.get("created_before"), "created_before"),
        limit=maybe(count)(told.get("limit"), "limit"),
        offset=count(told.get("offset") or 0, "offset"),
        order_by=one_of(told.get("order_by", "created"), ("created", "activity"), "order_by"),
        order=one_of(told.get("order", "asc"), ("asc", "desc"), "order"),
    )
