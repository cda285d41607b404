"""What answers in the demo: no model, but it too knows nothing except what it is shown."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

_TELLS: Final = re.compile(r"(?:my name is|i am|i'm|call me)\s+(\S.*?)[\s.!]*", re.IGNORECASE)
"""Somebody says who one is."""

_WHO: Final = frozenset({"who am i", "what is my name", "what's my name"})
_WHAT: Final = frozenset({"what did i say"})
_YOU: Final = frozenset({"what did you say"})
_HOW_MANY: Final = frozenset({"how many", "how much do you remember"})

Messages = Sequence[Mapping[str, Any]]


def answer(messages: Messages) -> str:
    """The answer to what was said last in *messages*, by what was said before it."""
    places = [place for place, message in enumerate(messages) if message["role"] == "user"]
    if not places:  # somebody else took it back just now
        return "I see."
    text, before = str(messages[places[-1]]["content"]), messages[: places[-1]]
    question = " ".join(text.lower().split()).rstrip(" ?!.")
    if question in _WHO:
        return _who(before)
    if question in _WHAT:
        return _quoted(before, "user", "You said", "You said nothing before, as far as I know.")
    if question in _YOU:
        return _quoted(before, "assistant", "I said", "I said nothing before, as far as I know.")
    if question in _HOW_MANY:
        return f"I remember {len(before)} messages."
    told = _TELLS.fullmatch(text)
    if told is not None:
        return f"Nice to meet you, {told[1]}."
    name = _name(before)
    return "I see." if name is None else f"I see, {name}."


def _who(before: Messages) -> str:
    name = _name(before)
    return "You did not tell me, as far as I know." if name is None else f"You are {name}."


def _name(before: Messages) -> str | None:
    """What somebody said last to be called."""
    for text in reversed(_texts(before, "user")):
        told = _TELLS.fullmatch(text)
        if told is not None:
            return told[1]
    return None


def _quoted(before: Messages, role: str, how: str, nothing: str) -> str:
    texts = _texts(before, role)
    return f'{how} "{texts[-1]}".' if texts else nothing


def _texts(before: Messages, role: str) -> list[str]:
    return [str(message["content"]) for message in before if message["role"] == role]
