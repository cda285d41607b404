"""What a message means is read the same from every dialect, and no message is misread silently."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.core.dialects import LONGEST_ROLE, MOST_CALLS, Meaning, meaning, meaning_of_item
from storage.core.estimates import MEDIA_TOKENS, MESSAGE_TOKENS, estimate
from storage.errors import UnstorableError

Case = tuple[dict[str, Any], tuple[str, ...], tuple[str, ...]]
"""A message, the calls that it makes, and those that it answers."""

BASE64 = "iVBORw0KGgoAAAANSUhEUgAAAAE" * 500


def called(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": '{"city":"Oslo"}'}, **more}


def parts(role: str, *held: dict[str, Any]) -> dict[str, Any]:
    return {"role": role, "content": list(held)}


def gemini(role: str, *held: dict[str, Any]) -> dict[str, Any]:
    return {"role": role, "parts": list(held)}


CHAT: dict[str, Case] = {
    "system": ({"role": "system", "content": "Be brief."}, (), ()),
    "a user with a name": ({"role": "user", "name": "ann", "content": "Hi"}, (), ()),
    "a picture": (
        parts(
            "user",
            {"type": "text", "text": "What is it?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,aaaa"}},
        ),
        (),
        (),
    ),
    "nothing but nulls": (
        {"role": "assistant", "content": "Hi", "tool_calls": None, "function_call": None},
        (),
        (),
    ),
    "no calls": ({"role": "assistant", "content": "Hi", "tool_calls": []}, (), ()),
    "two calls": (
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [called("weather", id="call_1"), called("weather", id="call_2")],
        },
        ("call_1", "call_2"),
        (),
    ),
    "a call beside a text": (
        {"role": "assistant", "content": "Wait.", "tool_calls": [called("weather", id="call_1")]},
        ("call_1",),
        (),
    ),
    "one call twice": (
        {"role": "assistant", "tool_calls": [called("a", id="call_1"), called("a", id="call_1")]},
        ("call_1",),
        (),
    ),
    "a custom tool": (
        {
            "role": "assistant",
            "tool_calls": [
                {"id": "call_1", "type": "custom", "custom": {"name": "sql", "input": "select 1"}}
            ],
        },
        ("call_1",),
        (),
    ),
    "a result": ({"role": "tool", "tool_call_id": "call_1", "content": "12°"}, (), ("call_1",)),
    "a result in parts, with a name": (
        {
            "role": "tool",
            "tool_call_id": "call_1",
            "name": "weather",
            "content": [{"type": "text", "text": "12°"}],
        },
        (),
        ("call_1",),
    ),
    "a function": (
        {
            "role": "assistant",
            "content": None,
            "function_call": {"name": "weather", "arguments": "{}"},
        },
        ("function:weather",),
        (),
    ),
    "a function's result": (
        {"role": "function", "name": "weather", "content": "12°"},
        (),
        ("function:weather",),
    ),
}

ANTHROPIC: dict[str, Case] = {
    "a call": (
        parts(
            "assistant",
            {"type": "thinking", "thinking": "Hm.", "signature": "EqoB"},
            {"type": "text", "text": "I look."},
            {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}},
        ),
        ("toolu_1",),
        (),
    ),
    "results and a text": (
        parts(
            "user",
            {"type": "tool_result", "tool_use_id": "toolu_1", "content": "12°"},
            {
                "type": "tool_result",
                "tool_use_id": "toolu_2",
                "is_error": True,
                "content": [{"type": "text", "text": "no such city"}],
            },
            {"type": "text", "text": "And tomorrow?"},
        ),
        (),
        ("toolu_1", "toolu_2"),
    ),
    "a tool of the server": (
        parts(
            "assistant",
            {
                "type": "server_tool_use",
                "id": "srvtoolu_1",
                "name": "web_search",
                "input": {"query": "Oslo"},
            },
            {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
            {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "a", "input": {}},
            {"type": "mcp_tool_result", "tool_use_id": "mcptoolu_1", "content": "b"},
        ),
        (),
        (),
    ),
}

GEMINI: dict[str, Case] = {
    "a text": (gemini("user", {"text": "Hi"}), (), ()),
    "a call by its name": (
        gemini("model", {"functionCall": {"name": "weather", "args": {"city": "Oslo"}}}),
        ("function:weather",),
        (),
    ),
    "a call by its id": (
        gemini("model", {"functionCall": {"id": "f1", "name": "weather", "args": {}}}),
        ("f1",),
        (),
    ),
    "as the Python SDK writes it": (
        gemini(
            "model",
            {
                "function_call": {"id": None, "name": "weather", "args": {}},
                "function_response": None,
                "text": None,
            },
        ),
        ("function:weather",),
        (),
    ),
    "results": (
        gemini(
            "user",
            {"functionResponse": {"name": "weather", "response": {"result": 12}}},
            {"functionResponse": {"id": "f2", "name": "weather", "response": {"result": 13}}},
        ),
        (),
        ("function:weather", "f2"),
    ),
    "a result of the role of old": (
        gemini("function", {"function_response": {"name": "weather", "response": {}}}),
        (),
        ("function:weather",),
    ),
}

VERCEL: dict[str, Case] = {
    "a call": (
        parts(
            "assistant",
            {"type": "reasoning", "text": "Hm."},
            {"type": "tool-call", "toolCallId": "c1", "toolName": "weather", "input": {}},
        ),
        ("c1",),
        (),
    ),
    "a result": (
        parts(
            "tool",
            {
                "type": "tool-result",
                "toolCallId": "c1",
                "toolName": "weather",
                "output": {"type": "text", "value": "12°"},
            },
        ),
        (),
        ("c1",),
    ),
    "a tool of the provider": (
        parts(
            "assistant",
            {"type": "tool-call", "toolCallId": "c1", "toolName": "a", "providerExecuted": True},
            {"type": "tool-result", "toolCallId": "c1", "toolName": "a"},
        ),
        (),
        (),
    ),
    "a tool of the provider that is not done": (
        parts("assistant", {"type": "tool-call", "toolCallId": "c1", "providerExecuted": True}),
        (),
        (),
    ),
    "a result of the provider that comes later": (
        parts("assistant", {"type": "tool-result", "toolCallId": "c1", "toolName": "a"}),
        (),
        (),
    ),
    "a call and its result in one": (
        parts(
            "assistant",
            {"type": "tool-call", "toolCallId": "c1", "toolName": "a"},
            {"type": "tool-result", "toolCallId": "c1", "toolName": "a"},
            {"type": "tool-call", "toolCallId": "c2", "toolName": "a"},
        ),
        ("c2",),
        (),
    ),
    "may it": (
        parts(
            "assistant",
            {"type": "tool-call", "toolCallId": "c1", "toolName": "a"},
            {"type": "tool-approval-request", "approvalId": "c1", "toolCallId": "c1"},
        ),
        ("c1", "approval:c1"),
        (),
    ),
    "it may": (
        parts(
            "tool",
            {
                "type": "tool-approval-response",
                "approvalId": "c1",
                "approved": True,
                "providerExecuted": True,
            },
        ),
        (),
        ("approval:c1",),
    ),
}

BEDROCK: dict[str, Case] = {
    "a call": (
        parts(
            "assistant",
            {"text": "I look."},
            {"toolUse": {"toolUseId": "tooluse_1", "name": "weather", "input": {"city": "Oslo"}}},
        ),
        ("tooluse_1",),
        (),
    ),
    "a result": (
        parts(
            "user",
            {
                "toolResult": {
                    "toolUseId": "tooluse_1",
                    "status": "success",
                    "content": [{"json": {"degrees": 12}}],
                }
            },
        ),
        (),
        ("tooluse_1",),
    ),
    "a tool of the server": (
        parts(
            "assistant",
            {"toolUse": {"toolUseId": "t1", "name": "a", "input": {}, "type": "server_tool_use"}},
            {"toolResult": {"toolUseId": "t1", "content": [], "type": "a_result"}},
            {"toolUse": {"toolUseId": "t2", "name": "a", "input": {}, "type": "server_tool_use"}},
        ),
        (),
        (),
    ),
}

OLLAMA: dict[str, Case] = {
    "a call": (
        {
            "role": "assistant",
            "content": "",
            "thinking": "Hm.",
            "tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Oslo"}}}],
        },
        ("function:weather",),
        (),
    ),
    "a call with an empty id": (
        {"role": "assistant", "content": "", "tool_calls": [called("weather", id="")]},
        ("function:weather",),
        (),
    ),
    "a result": (
        {"role": "tool", "content": "12°", "tool_name": "weather"},
        (),
        ("function:weather",),
    ),
    "a result of old": (
        {"role": "tool", "content": "12°", "name": "weather", "tool_call_id": None},
        (),
        ("function:weather",),
    ),
}

DIALECTS = {
    "chat": CHAT,
    "anthropic": ANTHROPIC,
    "gemini": GEMINI,
    "vercel": VERCEL,
    "bedrock": BEDROCK,
    "ollama": OLLAMA,
}
CASES = [
    pytest.param(*case, id=f"{dialect}: {name}")
    for dialect, cases in DIALECTS.items()
    for name, case in cases.items()
]

ITEMS: list[tuple[dict[str, Any], Meaning]] = [
    *(
        (
            {"type": kind, "id": "x_1", "call_id": "call_1", "status": "completed"},
            Meaning("assistant", ("call_1",), (), False, False),
        )
        for kind in (
            *("function_call", "custom_tool_call", "computer_call", "local_shell_call"),
            *("shell_call", "apply_patch_call", "program", "tool_search_call"),
        )
    ),
    *(
        (
            # A result may have the name of its tool, which is not what it is known by.
            {"type": kind, "id": "x_1", "call_id": "call_1", "output": "12°", "name": "weather"},
            Meaning("tool", (), ("call_1",), False, False),
        )
        for kind in (
            *("function_call_output", "custom_tool_call_output", "computer_call_output"),
            *("local_shell_call_output", "shell_call_output", "apply_patch_call_output"),
            *("program_output", "tool_search_output"),
        )
    ),
    (
        {"type": "local_shell_call_output", "id": "call_1", "output": "{}"},
        Meaning("tool", (), ("call_1",), False, False),
    ),
    (
        {"type": "mcp_approval_request", "id": "mcpr_1", "name": "a", "arguments": "{}"},
        Meaning("assistant", ("mcpr_1",), (), False, False),
    ),
    (
        {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True},
        Meaning("tool", (), ("mcpr_1",), False, False),
    ),
    (
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]},
        Meaning("assistant", (), (), True, False),
    ),
    *(
        ({"type": kind, "id": "x_1"}, Meaning("assistant", (), (), False, False))
        for kind in (
            *("web_search_call", "file_search_call", "code_interpreter_call", "mcp_list_tools"),
            *("image_generation_call", "mcp_call", "compaction", "item_reference", "a_new_one"),
        )
    ),
    (
        {"type": "tool_search_call", "call_id": None, "execution": "server"},
        Meaning("assistant", (), (), False, False),
    ),
    (
        {"type": "tool_search_output", "call_id": None, "execution": "server", "tools": []},
        Meaning("tool", (), (), False, False),
    ),
    ({"type": "a_new_output", "name": "a"}, Meaning("tool", (), (), False, False)),
    ({"id": "msg_1"}, Meaning("assistant", (), (), False, False)),
    (
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
        Meaning("user", (), (), False, True),
    ),
    (
        {"type": "message", "role": "assistant", "content": [{"type": "output_text"}]},
        Meaning("assistant", (), (), False, False),
    ),
    (
        {"type": "additional_tools", "role": "developer", "tools": []},
        Meaning("developer", (), (), False, False),
    ),
    ({"role": "tool", "content": "of what?"}, Meaning("tool", (), (), False, False)),
]

BAD: list[tuple[Any, str]] = [
    ("Hi", "$"),
    (None, "$"),
    ([{"role": "user"}], "$"),
    ({}, "$.role"),
    ({"content": "Hi"}, "$.role"),
    ({"role": "", "content": "Hi"}, "$.role"),
    ({"role": None, "content": "Hi"}, "$.role"),
    ({"role": ["user"], "content": "Hi"}, "$.role"),
    ({"role": "u" * (LONGEST_ROLE + 1)}, "$.role"),
    ({"role": "ü" * (LONGEST_ROLE // 2 + 1)}, "$.role"),
    ({"role": "\ud800"}, "$.role"),
    ({"type": "function_call", "call_id": "call_1"}, "$.role"),
    ({"role": "assistant", "tool_calls": {"id": "call_1"}}, "$.tool_calls"),
    ({"role": "assistant", "tool_calls": {}}, "$.tool_calls"),
    ({"role": "assistant", "content": "Hi", "tool_calls": "call_1"}, "$.tool_calls"),
    ({"role": "assistant", "tool_calls": [called("a", id="b"), "c"]}, "$.tool_calls[1]"),
    (
        {"role": "assistant", "tool_calls": [called("a", id="b"), called("a", id=7)]},
        "$.tool_calls[1].id",
    ),
    ({"role": "assistant", "tool_calls": [called("a", id="b"), {}]}, "$.tool_calls[1].id"),
    ({"role": "assistant", "tool_calls": [called("")]}, "$.tool_calls[0].id"),
    ({"role": "assistant", "tool_calls": [{"function": {"name": 7}}]}, "$.tool_calls[0].id"),
    ({"role": "assistant", "function_call": "weather"}, "$.function_call"),
    ({"role": "assistant", "function_call": {"name": None}}, "$.function_call.name"),
    ({"role": "assistant", "type": "function_call"}, "$.call_id"),
    ({"role": "tool", "content": "12°"}, "$.tool_call_id"),
    ({"role": "tool", "content": "12°", "tool_call_id": ""}, "$.tool_call_id"),
    ({"role": "tool", "content": "12°", "tool_call_id": 7}, "$.tool_call_id"),
    ({"role": "tool", "content": "12°", "tool_name": 7}, "$.tool_name"),
    ({"role": "tool", "content": [{"type": "text", "text": "12°"}]}, "$.tool_call_id"),
    ({"role": "function", "content": "12°"}, "$.name"),
    (parts("assistant", {"type": "text"}, {"type": "tool_use", "id": 7}), "$.content[1].id"),
    (parts("user", {"type": "tool_result"}), "$.content[0].tool_use_id"),
    (parts("assistant", {"type": "tool-call", "toolCallId": ""}), "$.content[0].toolCallId"),
    (parts("assistant", {"toolUse": {"name": "a"}}), "$.content[0].toolUse.toolUseId"),
    (parts("user", {"toolResult": "12°"}), "$.content[0].toolResult"),
    (gemini("model", {"text": "a"}, {"functionCall": {}}), "$.parts[1].functionCall.name"),
    (gemini("model", {"functionCall": {"id": 7}}), "$.parts[0].functionCall.id"),
    (gemini("user", {"function_response": []}), "$.parts[0].function_response"),
]


@pytest.mark.parametrize(("message", "calls", "answers"), CASES)
def test_calls_and_their_results_are_found_in_every_dialect(
    message: dict[str, Any], calls: tuple[str, ...], answers: tuple[str, ...]
) -> None:
    role = message["role"]

    assert meaning(message) == Meaning(role, calls, answers, False, role == "user" and not answers)


@pytest.mark.parametrize(("message", "calls", "answers"), CASES)
def test_a_message_with_a_role_means_the_same_as_an_item(
    message: dict[str, Any], calls: tuple[str, ...], answers: tuple[str, ...]
) -> None:
    assert meaning_of_item(message) == meaning(message)


@pytest.mark.parametrize(("item", "meant"), ITEMS, ids=lambda one: str(one)[:60])
def test_an_item_needs_no_role(item: dict[str, Any], meant: Meaning) -> None:
    assert meaning_of_item(item) == meant


@pytest.mark.parametrize("item", [item for item, _ in ITEMS if "role" not in item], ids=str)
def test_an_item_with_a_role_is_a_message(item: dict[str, Any]) -> None:
    found = meaning_of_item(item)

    told = meaning({**item, "role": "assistant" if found.role == "assistant" else "user"})

    assert (told.calls, told.answers, told.leads) == (found.calls, found.answers, found.leads)


@pytest.mark.parametrize(("message", "path"), BAD, ids=lambda one: str(one)[:60])
def test_what_is_malformed_is_refused_where_it_is(message: Any, path: str) -> None:
    with pytest.raises(UnstorableError) as refused:
        meaning(message)

    assert refused.value.path == path


def test_a_refusal_shows_nothing_of_the_message() -> None:
    for message, _ in BAD:
        with pytest.raises(UnstorableError) as refused:
            meaning(message)
        assert not {"12°", "Hi", "call_1", "weather"} & set(str(refused.value).split())


@pytest.mark.parametrize("item", ["Hi", None, {"type": "function_call"}, {"role": 7}, {"role": ""}])
def test_an_item_is_not_anything(item: Any) -> None:
    with pytest.raises(UnstorableError):
        meaning_of_item(item)


@pytest.mark.parametrize("role", ["narrator", "u" * LONGEST_ROLE, "ü" * (LONGEST_ROLE // 2)])
def test_there_are_other_roles(role: str) -> None:
    message = {"role": role, "content": "Hi"}

    assert meaning(message) == Meaning(role, (), (), False, False)


@pytest.mark.parametrize(
    "part",
    [
        "Hi",
        None,
        7,
        ["tool_use"],
        {},
        {"type": "a_new_one", "id": 7, "toolUse": 7, "tool_use_id": 7},
        {"type": "image", "source": {"type": "url", "url": "https://example.org"}},
        {"type": ["tool_use"], "id": "a"},
    ],
    ids=str,
)
@pytest.mark.parametrize("place", ["content", "parts"])
def test_parts_that_nobody_knows_are_passed_over(place: str, part: Any) -> None:
    message = {"role": "assistant", place: [part, {"type": "tool_use", "id": "a"}, part]}

    assert meaning(message).calls == ("a",)


def many_calls(number: int) -> dict[str, Any]:
    return {"role": "assistant", "tool_calls": [called("a", id=f"{n}") for n in range(number)]}


def many_answers(number: int) -> dict[str, Any]:
    held = [{"type": "tool_result", "tool_use_id": f"{n}"} for n in range(number)]
    return {"role": "user", "content": held}


@pytest.mark.parametrize(
    ("many", "place"), [(many_calls, "$.tool_calls[255]"), (many_answers, "$.content[255]")]
)
def test_a_message_has_so_many_calls_and_results_at_the_most(
    many: Callable[[int], dict[str, Any]], place: str
) -> None:
    found = meaning(many(MOST_CALLS))

    assert len(found.calls) + len(found.answers) == MOST_CALLS
    with pytest.raises(UnstorableError) as refused:
        meaning(many(MOST_CALLS + 1))
    assert refused.value.path.startswith(place)


NAMES = st.sampled_from(
    [
        *("role", "content", "parts", "type", "id", "name", "call_id", "tool_calls", "function"),
        *("function_call", "tool_call_id", "tool_name", "tool_use_id", "toolCallId", "approvalId"),
        *("functionCall", "functionResponse", "toolUse", "toolUseId", "toolResult", "source"),
        *("data", "text", "arguments", "image", "images", "input", "value", "output"),
    ]
)
TEXTS = st.one_of(
    st.sampled_from(
        [
            *("user", "assistant", "tool", "function", "model", "tool_use", "tool_result"),
            *("tool-call", "tool-result", "tool-approval-request", "function_call", "json"),
            *("function_call_output", "reasoning", "mcp_approval_response", "image", "document"),
        ]
    ),
    st.text(st.characters(), max_size=3),
    st.just("\udfff\ud800"),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | TEXTS, inner, max_size=4),
    max_leaves=12,
)
MESSAGES = st.builds(
    lambda role, rest: {**rest, "role": role},
    st.sampled_from(["user", "assistant", "tool", "function", "x"]),
    st.dictionaries(NAMES, VALUES, max_size=5),
)


@given(MESSAGES | st.dictionaries(NAMES | TEXTS, VALUES, max_size=5))
def test_any_json_object_means_something_or_is_refused(message: dict[str, Any]) -> None:
    for read in (meaning, meaning_of_item):
        try:
            found = read(message)
        except UnstorableError:
            continue
        assert len(set(found.calls)) == len(found.calls)
        assert len(set(found.answers)) == len(found.answers)
        assert not set(found.calls) & set(found.answers)
        assert found.is_turn is (found.role == "user" and not found.answers)
        assert message.get("role", found.role) in (found.role, None)


@given(MESSAGES | st.dictionaries(NAMES | TEXTS, VALUES, max_size=5))
def test_any_json_object_has_an_estimate(message: dict[str, Any]) -> None:
    assert estimate(message) >= MESSAGE_TOKENS


def test_an_object_of_any_depth_is_read() -> None:
    deep: Any = "a"
    for _ in range(100_000):
        deep = [deep]
    message = {"role": "user", "content": [deep], "arguments": deep}

    assert meaning(message).is_turn
    assert estimate(message) == MESSAGE_TOKENS + 1


@given(st.text(st.characters()))
def test_an_estimate_is_a_quarter_of_the_utf_16_units(text: str) -> None:
    units = len(text.encode("utf-16-le", "surrogatepass")) // 2
    tokens = MESSAGE_TOKENS + -(-units // 4)

    assert estimate({"role": "user", "content": text}) == tokens
    assert estimate({"role": "user", "content": [{"type": "text", "text": text}]}) == tokens
    assert estimate({"role": "user", "parts": [{"text": text}]}) == tokens


TOLD: list[tuple[dict[str, Any], int]] = [
    ({"role": "assistant", "content": None}, 0),
    ({"role": "user", "name": "abcd", "content": "efgh"}, 8),
    ({"role": "assistant", "tool_calls": [called("abcd", id="call_1")]}, 4 + 15),
    (
        {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t", "input": {"abcd": 1}}}]},
        4 + 4,
    ),
    (
        {"role": "user", "content": [{"toolResult": {"content": [{"json": {"id": "abcdef"}}]}}]},
        2 + 6,
    ),
    ({"role": "tool", "tool_call_id": "call_1", "content": "abcd"}, 4),
    (
        {
            "role": "tool",
            "content": [{"type": "tool-result", "output": {"type": "json", "value": {"id": "ab"}}}],
        },
        4,
    ),
    ({"type": "function_call", "call_id": "c", "name": "ab", "arguments": "cd"}, 4),
    ({"type": "function_call_output", "call_id": "c", "output": "abcd"}, 4),
    ({"type": "reasoning", "summary": [{"text": "abcd"}], "encrypted_content": BASE64}, 4),
    (
        {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "ab", "signature": "x"}],
        },
        2,
    ),
    ({"role": "assistant", "content": "ab", "metadata": {"a": "bcd"}}, 2),
]


@pytest.mark.parametrize(("message", "units"), TOLD, ids=lambda one: str(one)[:60])
def test_an_estimate_counts_what_a_model_reads(message: dict[str, Any], units: int) -> None:
    assert estimate(message) == MESSAGE_TOKENS + -(-units // 4)


SHOWN: list[dict[str, Any]] = [
    parts("user", {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{BASE64}"}}),
    parts("user", {"type": "input_audio", "input_audio": {"data": BASE64, "format": "wav"}}),
    parts("user", {"type": "input_file", "filename": "a.pdf", "file_data": BASE64}),
    parts("user", {"type": "image", "source": {"type": "base64", "data": BASE64}}),
    parts("user", {"type": "document", "source": {"type": "base64", "data": BASE64}}),
    parts("user", {"type": "file", "mediaType": "image/png", "data": BASE64}),
    parts("user", {"image": {"format": "png", "source": {"bytes": BASE64}}}),
    gemini("user", {"inlineData": {"mimeType": "image/png", "data": BASE64}}),
    gemini("user", {"inline_data": {"mime_type": "image/png", "data": BASE64}, "text": None}),
    {"role": "user", "content": "", "images": [BASE64]},
    {"type": "image_generation_call", "id": "ig_1", "result": BASE64},
    {
        "type": "computer_call_output",
        "call_id": "c",
        "output": {"type": "computer_screenshot", "image_url": BASE64},
    },
]


@pytest.mark.parametrize("message", SHOWN, ids=lambda one: str(one)[:60])
def test_a_medium_counts_the_same_however_large_it_is(message: dict[str, Any]) -> None:
    assert estimate(message) == MESSAGE_TOKENS + MEDIA_TOKENS


def test_every_medium_counts() -> None:
    message = {"role": "user", "content": "abcd", "images": ["aaaa", "bbbb"]}

    assert estimate(message) == MESSAGE_TOKENS + 1 + 2 * MEDIA_TOKENS


@pytest.mark.parametrize(
    "part",
    [
        {"type": "document", "source": {"type": "text", "data": "abcdefgh"}},
        {"type": "document", "source": {"type": "content", "content": "abcdefgh"}},
        {"type": "file", "mediaType": "text/plain", "data": {"type": "text", "text": "abcdefgh"}},
        {"document": {"format": "txt", "name": "a", "source": {"text": "abcdefgh"}}},
    ],
    ids=str,
)
def test_a_document_that_is_written_out_is_a_text(part: dict[str, Any]) -> None:
    assert estimate(parts("user", part)) == MESSAGE_TOKENS + 2
