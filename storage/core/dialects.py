"""What a message means to a conversation: who says it, what it calls, and which calls it answers.

The messages are those of the APIs of OpenAI (chat, responses), Anthropic, Gemini, Bedrock and
Ollama, and of the Vercel AI SDK, as they are written there. What none of them knows means nothing
and is passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from ..errors import UnstorableError

MOST_CALLS: Final = 255
"""The most calls that one message may make, and the most that it may answer."""

LONGEST_ROLE: Final = 200
"""The most bytes of a role, in UTF-8."""


class Meaning(NamedTuple):
    """What a message means.

    A call is known by its id, or else by the name of what it calls, as `function:name`. What is
    called and answered by one and the same message waits for nothing, and is neither.
    """

    role: str
    calls: tuple[str, ...]
    """What waits now for a result, each once."""

    answers: tuple[str, ...]
    """Whose result this is, each once."""

    leads: bool
    """Whether the next message is bound to this one."""

    is_turn: bool
    """Whether somebody says something: a user, who answers no call."""


class _Pair(NamedTuple):
    """One half of a pair of a call and its result: under *member* is the id that both have."""

    is_call: bool
    member: str


_PARTS: Final = {
    "tool_use": _Pair(True, "id"),
    "tool_result": _Pair(False, "tool_use_id"),
    "tool-call": _Pair(True, "toolCallId"),
    "tool-result": _Pair(False, "toolCallId"),
    "tool-approval-request": _Pair(True, "approvalId"),
    "tool-approval-response": _Pair(False, "approvalId"),
}
"""Parts of a content, by their type. `server_tool_use` is not among them: its result follows in
the same message."""

_HOLDERS: Final = {
    "functionCall": _Pair(True, "id"),
    "function_call": _Pair(True, "id"),
    "functionResponse": _Pair(False, "id"),
    "function_response": _Pair(False, "id"),
    "toolUse": _Pair(True, "toolUseId"),
    "toolResult": _Pair(False, "toolUseId"),
}
"""Parts without a type, by the member that they have instead."""

_ITEMS: Final = {
    **{
        f"{kind}{end}": _Pair(not end, "call_id")
        for kind in (
            *("function_call", "custom_tool_call", "computer_call", "local_shell_call"),
            *("shell_call", "apply_patch_call"),
        )
        for end in ("", "_output")
    },
    "tool_search_call": _Pair(True, "call_id"),
    "tool_search_output": _Pair(False, "call_id"),
    "program": _Pair(True, "call_id"),
    "program_output": _Pair(False, "call_id"),
    "mcp_approval_request": _Pair(True, "id"),
    "mcp_approval_response": _Pair(False, "approval_request_id"),
}
"""Items of the responses API, by their type. Calls of hosted tools, such as `web_search_call`, are
not among them: they carry their result."""

_BY_NAME: Final = frozenset(
    {"functionCall", "function_call", "functionResponse", "function_response"}
)
_ENDS_OF_RESULTS: Final = ("_output", "_approval_response")
_RESULTS: Final = frozenset({"tool", "function"})
_MODELS: Final = frozenset({"assistant", "model"})

_TELLING: Final = frozenset({"type", "tool_calls", "function_call", "parts"})
"""Members that may tell of more than their text, of who is no tool."""

_PLAIN: Final = {
    role: Meaning(role, (), (), False, role == "user")
    for role in ("user", "assistant", "system", "developer", "model")
}
"""What it means that one of these says a text."""


def meaning(message: Mapping[str, Any]) -> Meaning:
    """What *message* means; an `UnstorableError` that says where it is malformed."""
    if type(message) is dict and type(message.get("content")) is str:
        role = message.get("role")
        if type(role) is str and role in _PLAIN and _TELLING.isdisjoint(message):
            return _PLAIN[role]
    _check_object(message)
    return _meant(message, _checked_role(message.get("role")), is_strict=True)


def meaning_of_item(item: Mapping[str, Any]) -> Meaning:
    """The same for an item of the responses API, which need not have a role.

    What a model said is of an assistant then, and a result is of a tool.
    """
    _check_object(item)
    role = item.get("role")
    if role is not None:
        return _meant(item, _checked_role(role))
    kind = item.get("type")
    is_result = type(kind) is str and kind.endswith(_ENDS_OF_RESULTS)
    return _meant(item, "tool" if is_result else "assistant")


class _Found:
    """The calls and the answers of a message, in their order and each once."""

    def __init__(self) -> None:
        self.calls: dict[str, None] = {}
        self.answers: dict[str, None] = {}

    def add(self, name: str, path: str, *, is_call: bool) -> None:
        """Add the call or the answer that is known by *name*, which stands at *path*."""
        where = self.calls if is_call else self.answers
        where[name] = None
        if len(where) > MOST_CALLS:
            what = "makes" if is_call else "answers"
            raise UnstorableError(path, f"a message {what} {MOST_CALLS} calls at the most")


def _meant(message: Mapping[str, Any], role: str, *, is_strict: bool = False) -> Meaning:
    found = _Found()
    kind = message.get("type")
    if type(kind) is str and kind in _ITEMS:
        _read_item(message, kind, found)
    elif message.get("role") in _RESULTS:
        _read_result(message, role, found)
    _read_calls(message, found)
    for place in ("content", "parts"):
        parts = message.get(place)
        if isinstance(parts, list):
            for number, part in enumerate(parts):
                if isinstance(part, Mapping):
                    _read_part(part, place, number, found)
    if is_strict and role in _RESULTS and not found.answers:
        member = "tool_call_id" if role == "tool" else "name"
        raise UnstorableError(f"$.{member}", "a result says which call it is of")
    calls = tuple(call for call in found.calls if call not in found.answers)
    answers: tuple[str, ...] = ()
    if role not in _MODELS:  # a result that a model tells of is that of a tool of its own
        answers = tuple(call for call in found.answers if call not in found.calls)
    is_turn = role == "user" and not answers
    return Meaning(role, calls, answers, kind == "reasoning", is_turn)


def _read_item(item: Mapping[str, Any], kind: str, found: _Found) -> None:
    is_call, member = _ITEMS[kind]
    name = item.get(member)
    if name is None:
        if kind.startswith("tool_search_"):  # it was searched where the model runs
            return
        if kind == "local_shell_call_output":
            member, name = "id", item.get("id")
    found.add(_id(name, f"$.{member}"), f"$.{member}", is_call=is_call)


def _read_calls(message: Mapping[str, Any], found: _Found) -> None:
    """The calls of a message of the chat API."""
    calls = message.get("tool_calls")
    if calls is not None and not isinstance(calls, list):
        raise UnstorableError("$.tool_calls", "the calls are a list")
    if calls:
        for number, call in enumerate(calls):
            path = f"$.tool_calls[{number}]"
            _check_object(call, path)
            name = call.get("id")
            if name is None or name == "":
                function = call.get("function")
                called = function.get("name") if isinstance(function, Mapping) else None
                name = f"function:{called}" if called and type(called) is str else name
            found.add(_id(name, f"{path}.id"), path, is_call=True)
        return
    called = message.get("function_call")
    if called is not None:
        _check_object(called, "$.function_call")
        path = "$.function_call.name"
        found.add(f"function:{_id(called.get('name'), path)}", path, is_call=True)


def _read_result(message: Mapping[str, Any], role: str, found: _Found) -> None:
    """The call whose result a message of the chat API is."""
    members = ("tool_call_id", "tool_name", "name") if role == "tool" else ("name",)
    for member in members:
        name = message.get(member)
        if name is None or name == "":
            continue
        path = f"$.{member}"
        name = _id(name, path)
        found.add(name if member == "tool_call_id" else f"function:{name}", path, is_call=False)
        return


def _read_part(part: Mapping[str, Any], place: str, number: int, found: _Found) -> None:
    kind = part.get("type")
    if type(kind) is not str:
        _read_holder(part, f"$.{place}[{number}]", found)
        return
    pair = _PARTS.get(kind)
    if pair is None or (kind == "tool-call" and part.get("providerExecuted") is True):
        return
    path = f"$.{place}[{number}].{pair.member}"
    name = _id(part.get(pair.member), path)
    if pair.member == "approvalId":  # which need not differ from the id of the call
        name = f"approval:{name}"
    found.add(name, path, is_call=pair.is_call)


def _read_holder(part: Mapping[str, Any], path: str, found: _Found) -> None:
    for holder, pair in _HOLDERS.items():
        held = part.get(holder)
        if held is None:
            continue
        inner = f"{path}.{holder}"
        _check_object(held, inner)
        if held.get("type") == "server_tool_use":  # the model is given its result by itself
            return
        name, inner = held.get(pair.member), f"{inner}.{pair.member}"
        if holder in _BY_NAME and (name is None or name == ""):
            inner = f"{path}.{holder}.name"
            name = f"function:{_id(held.get('name'), inner)}"
        found.add(_id(name, inner), inner, is_call=pair.is_call)


def _id(name: object, path: str) -> str:
    if type(name) is str and name:
        return name
    raise UnstorableError(path, "a call is known by a text that is not empty")


def _check_object(value: object, path: str = "$") -> None:
    if not isinstance(value, Mapping):
        what = "a message" if path == "$" else "a call or its result"
        reason = f"{what} is a dict, not {type(value).__name__}"
        if callable(getattr(value, "model_dump", None)):
            reason += ", whose model_dump() is one"
        raise UnstorableError(path, reason)


def _checked_role(role: object) -> str:
    if type(role) is not str or not role:
        raise UnstorableError("$.role", "a message has a role, which is a text")
    try:
        size = len(role.encode())
    except UnicodeEncodeError:
        raise UnstorableError("$.role", "a role is a text that UTF-8 can carry") from None
    if size > LONGEST_ROLE:
        raise UnstorableError("$.role", f"a role has {LONGEST_ROLE} bytes at the most")
    return role
