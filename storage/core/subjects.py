"""Whose session it is: the parts of a key, and how they are written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypedDict

Id = int | str
"""What a platform calls a chat, a user, a thread, a connection or a bot."""

PARTS: Final = ("chat", "user", "thread", "business", "bot")
"""The parts of a key in the order in which they are written."""


class KeyParts(TypedDict, total=False):
    """The parts of keys that are asked for."""

    chat: Id | None
    user: Id | None
    thread: Id | None
    business: Id | None
    bot: Id | None


class _Parts(NamedTuple):
    chat: Id | None
    user: Id | None
    thread: Id | None
    business: Id | None
    bot: Id | None


class SessionKey(_Parts):
    """Whose session it is. Each part has a place of its own, so an absent one is told from another.

    As text that is `chat:user:thread:business:bot` with `%3A` for a colon in a part, an empty
    place for what is absent, and nothing for what is absent at the end: `100:7`, or `100:::abc`.
    """

    __slots__ = ()

    def __new__(
        cls,
        chat: Id | None = None,
        user: Id | None = None,
        thread: Id | None = None,
        business: Id | None = None,
        bot: Id | None = None,
    ) -> SessionKey:
        parts = (chat, user, thread, business, bot)
        for name, part in zip(PARTS, parts):
            _check(name, part)
        if parts == (None,) * len(parts):
            raise ValueError("a session key needs a part, such as chat or user")
        return super().__new__(cls, *parts)

    @classmethod
    def parse(cls, text: str) -> SessionKey:
        """The key that is written as *text*; `ValueError` for what no key is written as."""
        if not isinstance(text, str):
            raise TypeError(f"a key is written as a str, not {type(text).__name__}")
        parts = text.split(":")
        if len(parts) <= len(PARTS) and any(parts):
            key = cls(*(_id(unescaped(part)) for part in parts))
            if str(key) == text:
                return key
        raise ValueError("a key of sessions is written as chat:user:thread:business:bot")

    def __str__(self) -> str:
        return ":".join("" if part is None else escaped(part) for part in self).rstrip(":")


def matching(parts: KeyParts) -> dict[str, str]:
    """The *parts* that are asked for, as they are in a key that was read."""
    for name, part in parts.items():
        _check_name(name)
        _check(name, part)
    return {name: str(part) for name, part in parts.items() if part is not None}


def escaped(part: Id) -> str:
    """*part* without a colon in it."""
    return str(part).replace("%", "%25").replace(":", "%3A")


def unescaped(text: str) -> str:
    """What was *escaped*."""
    return text.replace("%3A", ":").replace("%25", "%")


def keyed_by(*parts: str, bot: Id | None = None) -> Callable[[Any], SessionKey | None]:
    """What finds the key of an event by these *parts*, `chat` and `user` unless told otherwise.

    It looks where pyTelegramBotAPI, aiogram and python-telegram-bot keep them. An event without
    the chat or the user that is asked for has no key; a thread or a business connection that it
    does not tell is left out. Where events do not tell their bot, *bot* says which one it is.
    """
    chosen = parts or ("chat", "user")
    for name in chosen:
        _check_name(name)
    _check("bot", bot)

    def key(event: Any) -> SessionKey | None:
        event = _inner(event)
        found = {part: _FINDERS[part](event) for part in chosen}
        if any(found[part] is None for part in chosen if part in ("chat", "user")):
            return None
        if all(one is None for one in found.values()):
            return None
        if bot is not None:
            found["bot"] = bot
        if "bot" in found and found["bot"] is None:
            raise ValueError("this event does not tell its bot: say keyed_by(..., bot=its_id)")
        return SessionKey(**found)

    return key


def _inner(event: Any) -> Any:
    """What an update is about, where *event* is an update of aiogram."""
    if not hasattr(event, "update_id"):
        return event
    try:
        return getattr(event, "event", event)
    except LookupError:  # of a kind that aiogram does not know
        return event


def chat_of(event: Any) -> Any:
    """The chat of an *event*, where it has one, with its id and its type."""
    return _found_chat(_inner(event))


def sender_chat_of(event: Any) -> Any:
    """The chat in whose name a message was sent, where it was."""
    inner = _inner(event)
    for where in (inner, _message(inner)):
        chat = getattr(where, "sender_chat", None)
        if chat is not None:
            return chat
    return None


def _chat(event: Any) -> Any:
    return getattr(_found_chat(event), "id", None)


def _found_chat(event: Any) -> Any:
    for where in (event, getattr(event, "message", None)):
        chat = getattr(where, "effective_chat", None) or getattr(where, "chat", None)
        if chat is not None:
            return chat
    return None


def _user(event: Any) -> Any:
    for name in ("effective_user", "from_user", "user"):
        user = getattr(event, name, None)
        if user is not None:
            return getattr(user, "id", None)
    return None


def _message(event: Any) -> Any:
    inner = getattr(event, "effective_message", None) or getattr(event, "message", None)
    return event if inner is None else inner


def _thread(event: Any) -> Any:
    message = _message(event)
    is_topic = getattr(message, "is_topic_message", False)
    return getattr(message, "message_thread_id", None) if is_topic else None


def _business(event: Any) -> Any:
    own = getattr(event, "business_connection_id", None)
    return own or getattr(_message(event), "business_connection_id", None)


def _bot(event: Any) -> Any:
    bot = getattr(event, "bot", None)
    if bot is None and callable(getattr(event, "get_bot", None)):
        try:
            bot = event.get_bot()
        except RuntimeError:  # there is none yet
            return None
    return getattr(bot, "id", None)


_FINDERS: Final[dict[str, Callable[[Any], Any]]] = {
    "chat": _chat,
    "user": _user,
    "thread": _thread,
    "business": _business,
    "bot": _bot,
}


def _id(text: str) -> Id | None:
    """The part that is written as *text*: a number where it is that of one."""
    try:
        number = int(text)
    except ValueError:
        return text or None
    return number if str(number) == text else text


def _check_name(name: object) -> None:
    if not isinstance(name, str):
        raise TypeError(f"a part of a key is a str, not {type(name).__name__}: say keyed_by()")
    if name not in PARTS:
        raise ValueError(f"a part of a key is one of {', '.join(PARTS)}, not {name!r}")


def _check(name: str, part: object) -> None:
    if part is None:
        return
    if isinstance(part, bool) or not isinstance(part, (int, str)):
        raise TypeError(f"{name} must be an int or a str, not {type(part).__name__}")
    if part == "":
        raise ValueError(f"{name} can not be empty: leave it out")
