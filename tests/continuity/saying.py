"""Messages of a session to decide about, said in a line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from itertools import count as counting
from typing import Any

from hypothesis import strategies as st

from storage.core.dialog.records import Content, Message, Role
from storage.core.dialog.tokens import EstimateTokenizer, message_tokens

START = datetime(2026, 3, 1, 9, 30, tzinfo=timezone.utc)

ESTIMATE = EstimateTokenizer()


def cost(message: Message) -> int:
    """The tokens that it is kept with, else an estimate."""
    return message_tokens(message, ESTIMATE)


def costs(messages: Iterable[Message]) -> int:
    return sum(cost(one) for one in messages)


def message(
    number: int,
    role: Role = "user",
    content: Content = "",
    tokens: int | None = None,
    **metadata: Any,
) -> Message:
    """The message of this number."""
    return Message(
        f"m{number}",
        "chat",
        role,
        content or f"This is message {number}",
        tokens,
        number,
        metadata or None,
        START + timedelta(seconds=number),
    )


def calls(number: int, *ids: str, tokens: int | None = None) -> Message:
    """A model calls tools, by these ids."""
    told = [{"id": name, "name": "search", "arguments": "{}"} for name in ids]
    return message(number, "assistant", "Let me see", tokens, toolCalls=told)


def results(number: int, *ids: str, tokens: int | None = None) -> Message:
    """What came of these calls."""
    told = [{"toolCallId": name, "result": "found"} for name in ids]
    return message(number, "tool", "Done", tokens, toolResults=told)


def ids(messages: Iterable[Message]) -> list[str]:
    return [one.id for one in messages]


def numbers(messages: Iterable[Message]) -> list[int]:
    """The numbers of *messages*, without a summary among them."""
    return [one.sequence for one in messages if one.sequence is not None]


def others(messages: Iterable[Message]) -> list[Message]:
    """Those that are not of a system."""
    return [one for one in messages if one.role != "system"]


def ties(messages: Sequence[Message]) -> list[tuple[str, str | None]]:
    """Each result with the call that it is of, by the ids of their messages; `None` for none."""
    found: list[tuple[str, str | None]] = []
    made: dict[str, str] = {}
    for one in messages:
        made_here = dict.fromkeys((call.id for call in one.tool_calls), one.id)
        known = {**made, **made_here}
        found += [(one.id, known.get(result.tool_call_id)) for result in one.tool_results]
        made = known
    return found


_TOKENS = st.integers(0, 20)
_IDS = st.lists(st.sampled_from("abcd"), min_size=1, max_size=3, unique=True)
_SAYINGS = st.one_of(
    st.tuples(st.sampled_from(("user", "assistant")), _TOKENS),
    st.tuples(st.just("user"), _TOKENS),
    st.tuples(st.just("calls"), _TOKENS, _IDS),
    st.tuples(st.just("results"), _TOKENS, _IDS),
)
_WITH_SYSTEM = st.one_of(_SAYINGS, _SAYINGS, _SAYINGS, st.tuples(st.just("system"), _TOKENS))


def _said(steps: Iterable[tuple[Any, ...]]) -> list[Message]:
    found = []
    for number, (what, tokens, *names) in zip(counting(1), steps, strict=False):
        if what == "calls":
            found.append(calls(number, *names[0], tokens=tokens))
        elif what == "results":
            found.append(results(number, *names[0], tokens=tokens))
        else:
            found.append(message(number, what, tokens=tokens))
    return found


DIALOGUES = st.lists(_WITH_SYSTEM, max_size=20).map(_said)
"""Anything that may be said, results without calls too."""

LONG_DIALOGUES = st.lists(_WITH_SYSTEM, min_size=12, max_size=40).map(_said)
"""So much that it seldom fits."""

PLAIN = st.lists(st.tuples(st.sampled_from(("user", "assistant", "system")), _TOKENS), max_size=20)
PLAIN_DIALOGUES = PLAIN.map(_said)
"""Nothing that belongs to something else."""
