"""Sessions and messages as the fields of a hash: what JavaScript writes, and what we read of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

from ...codecs import JSON, UnreadableError
from ...dialogs import Fields, Held
from .dates import iso, ms_of, when
from .records import (
    SCHEMA_VERSION,
    CompressionConfig,
    CompressionState,
    Content,
    Handoff,
    HybridConfig,
    Message,
    Participant,
    Session,
    SlidingWindowConfig,
    SummarizationConfig,
    TokenBudgetConfig,
    text_in,
)

T = TypeVar("T")

SPELLINGS: Final[dict[str, str]] = {
    "user_id": "userId",
    "active_agent_id": "activeAgentId",
    "schema_version": "schemaVersion",
    "created_at": "createdAt",
    "last_activity_at": "lastActivityAt",
    "expires_at": "expiresAt",
    "token_budget": "tokenBudget",
    "session_id": "sessionId",
    "content_type": "contentType",
    "token_count": "tokenCount",
    "message_count": "messageCount",
    "updated_at": "updatedAt",
    "compression_state": "compressionState",
    "joined_at": "joinedAt",
    "left_at": "leftAt",
    "max_tokens": "maxTokens",
    "reserve_tokens": "reserveTokens",
    "overflow_strategy": "overflowStrategy",
    "target_tokens": "targetTokens",
    "min_messages": "minMessages",
    "max_messages": "maxMessages",
    "summarization_prompt": "summarizationPrompt",
    "summary_overhead": "summaryOverhead",
    "summary_token_count": "summaryTokenCount",
    "kept_message_ids": "keptMessageIds",
    "compressed_token_count": "compressedTokenCount",
    "tool_calls": "toolCalls",
    "tool_results": "toolResults",
    "tool_call_id": "toolCallId",
    "is_error": "isError",
    "to_agent": "toAgent",
    "from_agent": "fromAgent",
    "created_after": "createdAfter",
    "created_before": "createdBefore",
    "order_by": "orderBy",
}
"""How JavaScript spells the names of members that are spelled otherwise here."""

NAMES: Final[dict[str, str]] = {theirs: ours for ours, theirs in SPELLINGS.items()}
"""The other way round."""

CONFIGS: Final[dict[object, type[CompressionConfig]]] = {
    "sliding_window": SlidingWindowConfig,
    "summarization": SummarizationConfig,
    "hybrid": HybridConfig,
}
"""The strategies by their names."""

STRATEGIES: Final = tuple(map(str, CONFIGS))
"""Their names."""

_NO_JSON: Final = "{} can not be read"

_new: Final = tuple.__new__


def session(held: Held) -> Session:
    """The session that is kept; `UnreadableError` where a part of it can not be read."""
    fields = held.fields
    find = fields.get
    return Session(
        id=_needed(fields, "id"),
        user_id=find("userId"),
        active_agent_id=find("activeAgentId"),
        status=_needed(fields, "status"),  # type: ignore[arg-type]
        metadata=_object(find("metadata"), "metadata") or {},
        participants=tuple(
            [participant(one) for one in _objects(find("participants"), "participants")]
        ),
        created_at=_date(_needed(fields, "createdAt"), "createdAt"),
        last_activity_at=_date(_needed(fields, "lastActivityAt"), "lastActivityAt"),
        expires_at=_maybe_date(find("expiresAt"), "expiresAt"),
        token_budget=budget(_object(find("tokenBudget"), "tokenBudget")),
        compression=config(_object(find("compression"), "compression")),
        compression_state=_state(_object(held.compression, "compressionState")),
        token_count=held.tokens,
        message_count=held.messages,
        version=_number(find("version"), "version", 1),
        schema_version=_number(find("schemaVersion"), "schemaVersion", SCHEMA_VERSION),
    )


def message(fields: Fields) -> Message:
    """The message that is kept; `UnreadableError` where a part of it can not be read."""
    find = fields.get
    metadata, tokens, sequence = find("metadata"), find("tokenCount"), find("sequence")
    content: Content = find("content", "")
    if find("contentType") == "json":
        content = _objects(find("content"), "content")
    told = _object(metadata, "metadata") if metadata else None
    updated = find("updatedAt")
    try:
        count, number = int(tokens) if tokens else None, int(sequence) if sequence else None
        made, changed = when(fields["createdAt"]), when(updated) if updated else None
        parts = fields["id"], find("sessionId", ""), fields["role"], content, count, number, told
    except (KeyError, ValueError):
        raise _unreadable(fields) from None
    found: Message = _new(Message, (*parts, made, changed))
    return found


def session_fields(members: Mapping[str, Any]) -> tuple[dict[str, str], list[str]]:
    """The fields for *members* of a session, as checked, and those that go."""
    put, drop = {}, []
    for name, value in members.items():
        field = SPELLINGS.get(name, name)
        if value is None:
            drop.append(field)
        else:
            put[field] = _WRITERS.get(name, str)(value)
    return put, drop


def message_fields(members: Mapping[str, Any]) -> tuple[dict[str, str], list[str]]:
    """The fields for *members* of a message, as checked, and those that go."""
    put, drop = {}, []
    for name, value in members.items():
        field = SPELLINGS.get(name, name)
        if name == "content":
            is_text = isinstance(value, str)
            put["content"] = value if is_text else json(value)
            put["contentType"] = "string" if is_text else "json"
        elif name == "metadata":
            put[field] = "" if value is None else json(value)
        elif name == "updated_at" and value is None:
            drop.append(field)
        else:
            put[field] = "" if value is None else _WRITERS.get(name, str)(value)
    return put, drop


def json(value: object) -> str:
    """*value* as the JSON that is kept; `UnstorableError` says what can not be."""
    return JSON.encode(value).decode()


def state_json(state: CompressionState | None) -> str:
    """A compression state as it is kept."""
    return "" if state is None else json(written(state))


def handoffs(metadata: Mapping[str, Any]) -> tuple[Handoff, ...]:
    """The hand-offs that the metadata of a session tells of, the oldest first."""
    custom = metadata.get("custom")
    told = custom.get("handoffs") if isinstance(custom, dict) else None
    found = [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []
    return tuple(
        Handoff(
            text_in(one, "toAgent"),
            one.get("fromAgent"),
            one.get("reason"),
            one.get("context"),
            _lenient_date(one.get("at")),
        )
        for one in found
    )


def handoff_json(handoff: Handoff) -> dict[str, Any]:
    """A hand-off as the metadata of a session tells of it."""
    return written(handoff)


def written(record: Any) -> dict[str, Any]:
    """A record as the object that JavaScript writes for it, without what it does not have."""
    strategy = getattr(record, "strategy", None)
    told: dict[str, Any] = {} if strategy is None else {"strategy": strategy}
    members: dict[str, Any] = record._asdict()
    for name, value in members.items():
        if value is not None and name != "summarizer":
            told[SPELLINGS.get(name, name)] = _plain(value)
    return told


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(ms_of(value))
    if isinstance(value, tuple):
        return written(value) if hasattr(value, "_fields") else [_plain(one) for one in value]
    return value


_WRITERS: Final[dict[str, Callable[[Any], str]]] = {
    "metadata": json,
    "participants": lambda some: json([written(one) for one in some]),
    **dict.fromkeys(("token_budget", "compression"), lambda config: json(written(config))),
    **dict.fromkeys(
        ("created_at", "last_activity_at", "expires_at", "updated_at"),
        lambda when: iso(ms_of(when)),
    ),
}


def _unreadable(fields: Fields) -> UnreadableError:
    """What is wrong with a message, of which a part can not be read."""
    try:
        for name in ("id", "role", "createdAt"):
            _needed(fields, name)
        for name in ("tokenCount", "sequence"):
            _number(fields.get(name), name, 0)
        for name in ("createdAt", "updatedAt"):
            _maybe_date(fields.get(name), name)
    except UnreadableError as error:
        return error
    return UnreadableError(_NO_JSON.format("it"))


def _needed(fields: Fields, name: str) -> str:
    try:
        return fields[name]
    except KeyError:
        raise UnreadableError(f"it has no {name}") from None


def _number(text: str | None, name: str, default: int) -> int:
    if not text:
        return default
    try:
        return int(text)
    except ValueError:
        raise UnreadableError(_NO_JSON.format(name)) from None


def _date(text: str, name: str) -> datetime:
    try:
        return when(text)
    except ValueError:
        raise UnreadableError(_NO_JSON.format(name)) from None


def _maybe_date(text: Any, name: str) -> datetime | None:
    if text is None or text == "":
        return None
    if not isinstance(text, str):
        raise UnreadableError(_NO_JSON.format(name))
    return _date(text, name)


def _lenient_date(text: object) -> datetime | None:
    try:
        return when(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _json(text: str, name: str) -> Any:
    try:
        return JSON.decode(text.encode(errors="surrogatepass"))
    except UnreadableError:
        raise UnreadableError(_NO_JSON.format(name)) from None


def _object(text: str | None, name: str) -> dict[str, Any] | None:
    found = _json(text, name) if text else None
    if found is not None and type(found) is not dict:
        raise UnreadableError(f"{name} is no object")
    return found


def _objects(text: str | None, name: str) -> list[dict[str, Any]]:
    found = _json(text, name) if text else []
    if type(found) is not list or not all(type(one) is dict for one in found):
        raise UnreadableError(f"{name} is no list of objects")
    return found


def participant(told: dict[str, Any]) -> Participant:
    """A participant, of the object that JavaScript writes."""
    role, about = told.get("role"), told.get("metadata")
    if not isinstance(role, str | None) or not isinstance(about, dict | None):
        raise UnreadableError(_NO_JSON.format("participants"))
    return Participant(
        text_in(told, "id"),
        "user" if role is None else role,  # type: ignore[arg-type]
        about,
        _maybe_date(told.get("joinedAt"), "participants"),
        _maybe_date(told.get("leftAt"), "participants"),
    )


def budget(told: dict[str, Any] | None) -> TokenBudgetConfig | None:
    """A token budget, of the object that JavaScript writes."""
    return None if told is None else _made(TokenBudgetConfig, told, "tokenBudget")


def config(told: dict[str, Any] | None) -> CompressionConfig | None:
    """How a context is made shorter, of the object that JavaScript writes; `None` for a strategy
    that nobody here knows."""
    name = None if told is None else told.get("strategy")
    kind = CONFIGS.get(name) if isinstance(name, str) else None
    if told is None or kind is None:
        return None
    found: Any = _made(kind, told, "compression")
    return found  # type: ignore[no-any-return]


def _state(told: dict[str, Any] | None) -> CompressionState | None:
    return None if told is None else _made(CompressionState, told, "compressionState")


def _made(kind: Callable[..., T], told: dict[str, Any], name: str) -> T:
    """A record of what JavaScript wrote; what nobody here knows of is left out."""
    found: dict[str, Any] = {}
    names: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]
    for ours in names:
        theirs = SPELLINGS.get(ours, ours)
        value = told.get(theirs, told.get(ours))
        if value is not None and ours in _READERS:
            found[ours] = _READERS[ours](value, f"{theirs} of {name}")
    try:
        return kind(**found)
    except TypeError:
        raise UnreadableError(_NO_JSON.format(name)) from None


def _whole(told: object, name: str) -> int:
    if type(told) not in (int, float):
        raise UnreadableError(_NO_JSON.format(name))
    return int(told)  # type: ignore[call-overload, no-any-return]


def _text(told: object, name: str) -> str:
    if not isinstance(told, str):
        raise UnreadableError(_NO_JSON.format(name))
    return told


def _texts(told: object, name: str) -> tuple[str, ...]:
    if not isinstance(told, list):
        raise UnreadableError(_NO_JSON.format(name))
    return tuple([_text(one, name) for one in told])


_READERS: Final[dict[str, Callable[[Any, str], Any]]] = {
    **dict.fromkeys(("max_tokens", "reserve_tokens", "target_tokens", "summary_overhead"), _whole),
    **dict.fromkeys(("min_messages", "max_messages"), _whole),
    **dict.fromkeys(("summary_token_count", "compressed_token_count"), _whole),
    **dict.fromkeys(("overflow_strategy", "summarization_prompt"), _text),
    **dict.fromkeys(("strategy", "signature", "summary"), _text),
    "kept_message_ids": _texts,
    "updated_at": _maybe_date,
}
"""What is read of a budget, a compression and its state."""
