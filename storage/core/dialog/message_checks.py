"""Messages as a user hands them over, made records: names in snake_case or as JavaScript spells
them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from .checks import (
    KEPT_BY_US,
    MOST,
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
    storable,
    text,
)
from .dates import when_of
from .errors import ValidationError
from .records import ROLES, Message, MessageQueryOptions, ToolCall, ToolResult
from .wire import SPELLINGS

_BLOCKS: Final = {"text": "text", "image_url": "image_url"}
_THEIRS: Final = {"tool_calls": "toolCalls", "tool_results": "toolResults"}
_NOT_TOLD: Final = ("session_id", "sequence", "updated_at")
"""What only a message that is kept has; of a new one it is not looked at."""

_REST: Final[dict[str, Callable[[Any, str], Any]]] = {
    "id": text,
    "token_count": maybe(count),
    "created_at": moment,
}


_EPOCH: Final = when_of(0)

_PLAIN: Final = frozenset(("role", "content", "id", "token_count"))
"""What most messages are made of."""

_maybe_count: Final = maybe(count)
_maybe_moment: Final = maybe(moment)


def content(given: object) -> str | list[dict[str, Any]]:
    """The content of a message, or an error."""
    if given is None:
        raise ValidationError("Message content is required")
    if isinstance(given, str):
        return any_text(given, "the content of a message")
    if not isinstance(given, (list, tuple)):
        raise ValidationError(
            f"the content of a message must be a text or blocks, not {kind(given)}"
        )
    blocks = [dict(one) if isinstance(one, Mapping) else {} for one in given]
    for place, block in enumerate(blocks):
        sort = block.get("type")
        inner = _BLOCKS.get(sort) if isinstance(sort, str) else None
        if inner is None or inner not in block:
            raise ValidationError(f"content[{place}] must be a block of text or image_url")
        if inner == "text":
            any_text(block["text"], f"content[{place}].text")
    storable(blocks, "content")
    return blocks


def message_metadata(given: object, what: str = "metadata") -> dict[str, Any] | None:
    """The metadata of a message as JavaScript spells it, or an error."""
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise ValidationError(f"{what} must be a mapping, not {kind(given)}")
    found: dict[str, Any] = dict(given)
    for ours, theirs in _THEIRS.items():
        if ours in found:
            found[theirs] = found.pop(ours)
    for name, made in (("toolCalls", ToolCall), ("toolResults", ToolResult)):
        if found.get(name) is not None:
            found[name] = _tools(found[name], made, name)
    storable(found, what)
    return found


def new_message(given: object) -> Checked:
    """What a new message is made of, or an error: role, content, and what else there is."""
    if type(given) is Checked:
        return given
    if type(given) is dict and given.keys() <= _PLAIN and _is_plain(given):
        return Checked(given)
    told = members(given, "a message")
    role = told.pop("role", None)
    if role is None:
        raise ValidationError("Message role is required")
    found = Checked(role=one_of(role, ROLES, "role"), content=content(told.pop("content", None)))
    found.update(_message_rest(told))
    return found


def _is_plain(given: dict[str, Any]) -> bool:
    """Whether there is nothing wrong with a message for certain, which has no other names."""
    role, found, tokens = given.get("role"), given.get("content"), given.get("token_count", 0)
    name = given.get("id", "a new one")
    return (
        type(role) is str
        and role in ROLES
        and type(found) is str
        and found.isascii()
        and type(tokens) is int
        and 0 <= tokens <= MOST
        and type(name) is str
        and name != ""
        and name.isascii()
    )


def message_updates(given: object) -> dict[str, Any]:
    """What is to become of a message, or an error."""
    told = members(given, "updates")
    for name in ("id", "session_id", "sequence", "created_at", "updated_at"):
        if name in told:
            raise ValidationError(KEPT_BY_US.format(name))
    found: dict[str, Any] = {}
    if "role" in told:
        found["role"] = one_of(told.pop("role"), ROLES, "role")
    if "content" in told:
        found["content"] = content(told.pop("content"))
    if told.get("token_count", 0) is None:
        found["token_count"] = told.pop("token_count")
    return found | _message_rest(told)


def options(given: object, **more: object) -> MessageQueryOptions:
    """Which messages are asked for, or an error."""
    told = members(given, "options") if given is not None else {}
    told = only({**told, **more}, MessageQueryOptions, "options")
    roles = [] if told.get("roles") is None else listed(told["roles"], "roles")
    return MessageQueryOptions(
        limit=_maybe_count(told.get("limit"), "limit"),
        offset=count(told.get("offset") or 0, "offset"),
        order=one_of(told.get("order", "asc"), ("asc", "desc"), "order"),
        after=_maybe_moment(told.get("after"), "after"),
        before=_maybe_moment(told.get("before"), "before"),
        roles=tuple(one_of(role, ROLES, "roles") for role in roles),
    )


def _message_rest(told: dict[str, Any]) -> dict[str, Any]:
    """What a message has besides its role and content."""
    found: dict[str, Any] = {}
    tools = {name: told.pop(name) for name in _THEIRS if name in told}
    tools = {name: calls for name, calls in tools.items() if calls is not None}
    if tools or "metadata" in told:
        metadata = message_metadata(told.pop("metadata", None))
        found["metadata"] = message_metadata({**(metadata or {}), **tools}) if tools else metadata
    for name in _NOT_TOLD:
        told.pop(name, None)
    if told:
        named = told.items()
        told = {name: value for name, value in named if value is not None or name not in _REST}
        found.update(checked(told, _REST, "a message"))
    return found


def _tools(given: object, made: type[ToolCall | ToolResult], name: str) -> list[dict[str, Any]]:
    """Calls or results, each with all its members; what nobody here knows of stays as it is."""
    found = []
    for one in listed(given, name):
        if not isinstance(one, (Mapping, made)):
            raise ValidationError(f"{name} must be objects, not {kind(one)}")
        told = dict(one) if isinstance(one, Mapping) else one._asdict()
        for ours in made._fields:
            theirs = SPELLINGS.get(ours, ours)
            value = told.pop(ours, None)
            value = told.pop(theirs, value)
            if ours == "is_error":
                if not isinstance(value, bool | None):
                    raise ValidationError(f"isError in {name} must be a bool, not {kind(value)}")
            else:
                any_text(value, f"{theirs} in {name}")
            if value is not None:
                told[theirs] = value
        found.append(told)
    return found


def draft(made: dict[str, Any]) -> Message:
    """What was checked, as a message that is not kept yet."""
    metadata = made.get("metadata")
    return Message("", "", made["role"], made["content"], None, None, metadata, _EPOCH)
