"""What Telegram lets bots send, and what it says when that was too much."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from ..errors import StorageError
from ..ttl import default_span
from .limits import Limit, limits_of
from .subjects import SessionKey, chat_of, keyed_by

Limited = Limit | str | Sequence[Limit | str]
"""Limits, or what they are written as."""

Chat = int | str
"""A chat by its number, or a public one by its `@name`."""

ALL: Final = "all"
"""The key of what counts for all chats together."""

_GROUPS: Final = ("group", "supergroup")

_KEYS: Final = (keyed_by("chat", "user"), keyed_by("chat"), keyed_by("user"))

_SOON: Final = 1.0
"""In how many seconds to ask again, where a refusal does not say so."""


def subject(event: Any) -> SessionKey | None:
    """From whom *event* is: its chat and user, or the one of the two that it has."""
    found = (key(event) for key in _KEYS)
    return next((key for key in found if key is not None), None)


def is_from_group(event: Any) -> bool:
    """Whether *event* is from a chat of several people."""
    return getattr(chat_of(event), "type", None) in _GROUPS


def addressed(chat: Chat) -> str:
    """What *chat* is called, however it is written; refuses what is no chat."""
    if isinstance(chat, bool) or not isinstance(chat, (int, str)):
        raise TypeError(f"a chat is an int or a str, not {type(chat).__name__}")
    if chat == "":
        raise ValueError("a chat has a number or a name: say None for what goes to no chat")
    return str(chat).lower()


def is_group(address: str) -> bool:
    """Whether what is sent there may be read by many: a group or a channel."""
    return address.startswith(("-", "@"))


def inbound_limits(which: str, limits: Limited, name: str) -> tuple[Limit, ...]:
    """The *limits* of what comes in, which share nothing with those of other *name*s; errors say
    *which* they are."""
    if not isinstance(name, str):
        raise TypeError(f"name must be a str, not {type(name).__name__}")
    found = _limits(which, limits, "what comes in is counted by its own keys")
    return tuple(limit if limit.name else limit._replace(name=name) for limit in found)


def outbound_limits(
    which: str, limits: Limited, key: str, margin: float | timedelta
) -> tuple[Limit, ...]:
    """The *limits* of what is sent, counted by *key*, in windows that are longer by *margin*;
    errors say *which* they are."""
    found = _limits(which, limits, "what is sent is counted by its chat")
    longer = margin_ms(margin)
    return tuple(
        limit._replace(key=key, per_ms=limit.per_ms + longer, name=limit.name or "outbound")
        for limit in found
    )


def margin_ms(margin: float | timedelta) -> int:
    """The milliseconds of a *margin*, which may be none."""
    if isinstance(margin, (int, float, timedelta)) and not isinstance(margin, bool) and not margin:
        return 0
    found = default_span(margin, "margin")
    if found is None:
        raise ValueError("margin must be seconds or a timedelta")
    return found


def listed(limits: Sequence[Limit], longer: int = 0) -> str:
    """*limits* as they were said, before their windows became *longer*."""
    return ", ".join(str(limit._replace(per_ms=limit.per_ms - longer)) for limit in limits)


def check_pause(seconds: object) -> None:
    """Refuse what is no time for which nothing is sent."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float, timedelta)):
        kind = type(seconds).__name__
        raise TypeError(f"seconds must be a number of seconds or a timedelta, not {kind}")


def check_attempts(attempts: object) -> None:
    """Refuse what is no number of attempts."""
    if isinstance(attempts, bool) or not isinstance(attempts, int):
        raise TypeError(f"attempts must be an int, not {type(attempts).__name__}")
    if attempts < 1:
        raise ValueError(f"attempts must be at least 1, not {attempts}")


def retry_after(error: Exception) -> float | None:
    """In how many seconds to ask again, where *error* says that too much was sent.

    That is a number or a `timedelta` called `retry_after`, as aiogram and python-telegram-bot have
    it, or an `error_code` of 429, as pyTelegramBotAPI has it beside the JSON of the answer.
    """
    if isinstance(error, StorageError):
        return None
    told = _seconds(getattr(error, "retry_after", None))
    if told is not None or getattr(error, "error_code", None) != 429:
        return told
    answer = getattr(error, "result_json", None)
    parameters = answer.get("parameters") if isinstance(answer, dict) else None
    if isinstance(parameters, dict):
        told = _seconds(parameters.get("retry_after"))
    return _SOON if told is None else told


def _seconds(told: object) -> float | None:
    if isinstance(told, timedelta):
        told = told.total_seconds()
    if isinstance(told, bool) or not isinstance(told, (int, float)) or not 0 <= told < math.inf:
        return None
    return max(float(told), 0.001)


def _limits(which: str, limits: Limited, why: str) -> tuple[Limit, ...]:
    """The *limits*, in whatever way they are given."""
    given: Any = [limits] if isinstance(limits, (Limit, str)) else limits
    if not isinstance(given, Sequence) or isinstance(given, (bytes, bytearray)):
        wanted = 'a text such as "1/s", a Limit, or several of them'
        raise TypeError(f"{which} must be {wanted}, not {type(given).__name__}")
    found = limits_of(given)
    for limit in found:
        if limit.key is not None:
            raise ValueError(f"leave out the key of {limit}: {why}")
        if limit.algorithm == "slots":
            raise ValueError(f"{limit} counts slots, and not what passes")
    return found
