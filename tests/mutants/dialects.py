"""Bugs in what messages mean, and in how many tokens they are taken for."""

from __future__ import annotations

from .bug import Bug

DIALECTS = "storage/core/dialects.py"
ESTIMATES = "storage/core/estimates.py"
_TESTS = ("tests/conversation/test_dialects.py",)


def _bug(name: str, law: str, before: str, after: str, file: str = DIALECTS) -> Bug:
    return Bug(f"dialect-{name}", law, file, before, after, _TESTS)


BUGS = [
    _bug(
        "text-that-hides-a-call",
        "a call beside a text is a call",
        '_TELLING: Final = frozenset({"type", "tool_calls", "function_call", "parts"})',
        '_TELLING: Final = frozenset({"type", "function_call", "parts"})',
    ),
    _bug(
        "result-without-a-call",
        "a result says which call it is of",
        "if is_strict and role in _RESULTS and not found.answers:",
        "if is_strict and role not in _RESULTS and found.answers:",
    ),
    _bug(
        "item-known-by-the-name-of-its-tool",
        "the result of an item is known by its id alone",
        '    elif message.get("role") in _RESULTS:',
        '    if role in _RESULTS and message.get("name"):',
    ),
    _bug(
        "call-with-its-result-waits",
        "what is called and answered by one message waits for nothing",
        "calls = tuple(call for call in found.calls if call not in found.answers)",
        "calls = tuple(found.calls)",
    ),
    _bug(
        "model-that-answers",
        "a result that a model tells of answers no call",
        "    if role not in _MODELS:",
        "    if role:",
    ),
    _bug(
        "provider-that-is-waited-for",
        "what a provider executes waits for nothing",
        'or (kind == "tool-call" and part.get("providerExecuted") is True)',
        "or False",
    ),
    _bug(
        "provider-that-may-not",
        "what a provider may execute is answered",
        'or (kind == "tool-call" and part.get("providerExecuted") is True)',
        'or part.get("providerExecuted") is True',
    ),
    _bug(
        "approval-like-a-call",
        "an approval is told from the call that it is of",
        'name = f"approval:{name}"',
        "pass",
    ),
    _bug(
        "server-that-is-waited-for",
        "what runs on the server waits for nothing",
        'if held.get("type") == "server_tool_use":',
        'if held.get("type") == "server":',
    ),
    _bug(
        "shell-without-its-call",
        "the output of a local shell tells its call under id",
        'if kind == "local_shell_call_output":',
        'if kind == "local_shell_call":',
    ),
    _bug(
        "search-that-is-waited-for",
        "a search for tools on the server is known by nothing",
        'if kind.startswith("tool_search_"):',
        'if kind == "tool_search_call":',
    ),
    _bug(
        "turn-of-a-result",
        "no turn begins with the result of a tool",
        'is_turn = role == "user" and not answers',
        'is_turn = role == "user"',
    ),
    _bug(
        "reasoning-alone",
        "the next item is bound to reasoning",
        'kind == "reasoning", is_turn)',
        "False, is_turn)",
    ),
    _bug(
        "empty-id",
        "an empty id is none",
        'name is None or name == "":\n                function',
        "name is None:\n                function",
    ),
    _bug(
        "calls-that-are-no-list",
        "calls are a list",
        "if calls is not None and not isinstance(calls, list):",
        "if calls and not isinstance(calls, list):",
    ),
    _bug(
        "as-many-calls-as-come",
        "a message makes 255 calls at the most",
        "if len(where) > MOST_CALLS:",
        "if len(where) > MOST_CALLS + 1:",
    ),
    _bug(
        "role-in-characters",
        "a role is measured in bytes",
        "size = len(role.encode())",
        'size = len(role) + 0 * len(role.encode("utf-8"))',
    ),
    _bug(
        "estimate-in-characters",
        "a character of two units counts twice",
        'len(text.encode("utf-16-le", "surrogatepass")) // 2',
        "len(text)",
        ESTIMATES,
    ),
    _bug(
        "estimate-rounded-down",
        "what is begun is a token",
        "-(-units // _UNITS_OF_A_TOKEN)",
        "units // _UNITS_OF_A_TOKEN",
        ESTIMATES,
    ),
    _bug(
        "estimate-of-base64",
        "a medium counts the same however large it is",
        "if type(kind) is str and kind in _MEDIA:",
        "if kind is _MEDIA:",
        ESTIMATES,
    ),
    _bug(
        "estimate-of-one-medium",
        "every medium counts",
        "media += sum(_media(one, pending) for one in held)",
        "media += max((_media(one, pending) for one in held), default=0)",
        ESTIMATES,
    ),
    _bug(
        "estimate-of-a-document",
        "a document that is written out is a text",
        "                pending.append(text)\n                return 0",
        "                return 1",
        ESTIMATES,
    ),
    _bug(
        "estimate-without-the-names-of-arguments",
        "a tool is given names too",
        "            pending += inner\n            pending += inner.values()",
        "            pending += inner.values()",
        ESTIMATES,
    ),
]
