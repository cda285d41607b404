"""The messages of a talk: 200 characters of text each, of two roles in turn."""

from __future__ import annotations

from typing import Any

Message = dict[str, Any]

CHARACTERS = 200
LAST = 20
"""How many messages a model is sent."""

TOKENS = 50
BUDGET = LAST * TOKENS
"""The tokens that each message is said to have, and those of a window."""

TTL = 3_600
"""In how many seconds a conversation ends in which nothing is said."""

SIZES = (20, 1_000, 100_000)

_POOL = 1_009
_TEXT = "Is the parcel with the blue lamp on its way, and may I still add two bulbs to it? "


def message(number: int, before: str = "") -> Message:
    """A message that differs from the others."""
    text = f"{before}{number}: {_TEXT * 3}"[:CHARACTERS]
    return {"role": ("user", "assistant")[number % 2], "content": text}


_MESSAGES = [message(number) for number in range(_POOL)]


def talk(count: int) -> list[Message]:
    """So many messages; a long talk says the same again."""
    return [_MESSAGES[number % _POOL] for number in range(count)]


def said(number: int, count: int) -> list[Message]:
    """What is said in a round: other messages than in the one before."""
    first = number * count
    return [_MESSAGES[(first + place) % _POOL] for place in range(count)]


def parts(messages: list[Message], count: int = 1_000) -> list[list[Message]]:
    """The messages in parts that one call may bring."""
    return [messages[first : first + count] for first in range(0, len(messages), count)]
