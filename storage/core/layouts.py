"""How the records of sessions and their keys are written: by us, and by others."""

from __future__ import annotations

import re
from typing import Final, NamedTuple, Protocol

from ..errors import ConfigurationError
from .subjects import SessionKey, escaped

_OWN_PART: Final = re.compile(r"(?:^|:)key:.+", re.DOTALL)
_FALSY: Final = (b"null", b'""', b"false", b"0", b"-0", b"0.0", b"-0.0")
_NUMBER: Final = re.compile(r"-?[0-9]+")


class Keys(Protocol):
    """How the keys of sessions are written."""

    def text(self, key: SessionKey) -> str:
        """*key* as it is written; `ValueError` for a part that there is no place for."""
        ...

    def parts(self, text: str) -> dict[str, str] | None:
        """The parts of the key that is written as *text*; `None` for what is no such key."""
        ...

    def prefix(self, parts: dict[str, str]) -> str:
        """What all keys with these *parts* begin with."""
        ...


class Positional:
    """Keys of our own; see `SessionKey`."""

    def text(self, key: SessionKey) -> str:
        return str(key)

    def parts(self, text: str) -> dict[str, str] | None:
        try:
            key = SessionKey.parse(text)
        except ValueError:
            return None
        return {name: str(part) for name, part in key._asdict().items() if part is not None}

    def prefix(self, parts: dict[str, str]) -> str:
        return escaped(parts["chat"]) if "chat" in parts else ""


class Segmented:
    """puregram's keys: `user:1:chat:3:thread:5`, without the parts that are absent.

    A key that the bot says itself is the last part, as it is: `user:1:key:draft`.
    """

    _ORDER: Final = ("user", "chat", "thread")

    def text(self, key: SessionKey) -> str:
        _check_places(key, self._ORDER)
        parts = {name: getattr(key, name) for name in self._ORDER}
        return ":".join(f"{name}:{part}" for name, part in parts.items() if part is not None)

    def parts(self, text: str) -> dict[str, str] | None:
        rest = _OWN_PART.sub("", text)
        words = rest.split(":") if rest else []
        names, parts = words[::2], words[1::2]
        known = [name for name in self._ORDER if name in names]
        if not text or len(names) != len(parts) or names != known or not all(parts):
            return None
        return dict(zip(names, parts))

    def prefix(self, parts: dict[str, str]) -> str:
        return f"user:{parts['user']}" if "user" in parts else ""


class Colon:
    """VibeGram's keys: `chat:user`."""

    def text(self, key: SessionKey) -> str:
        _check_places(key, ("chat", "user"), all_of_them=True)
        if ":" in f"{key.chat}{key.user}":
            raise ValueError("a part of a key of this layout can not have a colon in it")
        return f"{key.chat}:{key.user}"

    def parts(self, text: str) -> dict[str, str] | None:
        parts = text.split(":")
        return dict(zip(("chat", "user"), parts)) if len(parts) == 2 and all(parts) else None

    def prefix(self, parts: dict[str, str]) -> str:
        return f"{parts['chat']}:" if "chat" in parts else ""


class Bare:
    """GramIO's keys: the user, after a *start* that nothing else has, or without one."""

    def __init__(self, start: str = "") -> None:
        self._start = start

    def started(self, text: str) -> str:
        """*text* after the start, unless it is there."""
        return text if text.startswith(self._start) else self._start + text

    def text(self, key: SessionKey) -> str:
        _check_places(key, ("user",), all_of_them=True)
        return f"{self._start}{key.user}"

    def parts(self, text: str) -> dict[str, str] | None:
        user = text.removeprefix(self._start)
        is_ours = text.startswith(self._start) if self._start else _NUMBER.fullmatch(text)
        return {"user": user} if is_ours and user else None

    def prefix(self, parts: dict[str, str]) -> str:
        return self._start + parts.get("user", "")


class Layout(NamedTuple):
    """How sessions are written."""

    keys: Keys
    lifetimes: bool
    """Whether a member of the record says how long others live."""

    keeps_empty: bool = True
    """Whether a session without members is kept."""

    nothing: tuple[bytes, ...] = ()
    """What stands for no session where there should be an object."""

    def check(self, max_age: object) -> None:
        """Refuse an end that there is no place for."""
        if max_age is not None and not self.lifetimes:
            message = "records of this layout have no place for max_age: say ttl= instead"
            raise ConfigurationError(message)


SCENES: Final = Bare("@gramio/scenes:")

OURS: Final = Layout(Positional(), lifetimes=True)
VIBEGRAM: Final = Layout(Colon(), lifetimes=False, nothing=_FALSY)
PUREGRAM: Final = Layout(Segmented(), lifetimes=True, keeps_empty=False)
GRAMIO: Final = Layout(Bare(), lifetimes=False, nothing=(b"null", b""))
GRAMIO_SCENES: Final = GRAMIO._replace(keys=SCENES)


def has_parts(keys: Keys, text: str, asked: dict[str, str]) -> bool:
    """Whether *text* is a key with the parts that are *asked* for."""
    parts = keys.parts(text)
    return parts is not None and all(parts.get(name) == part for name, part in asked.items())


def _check_places(key: SessionKey, places: tuple[str, ...], *, all_of_them: bool = False) -> None:
    for name, part in key._asdict().items():
        if part is not None and name not in places:
            raise ValueError(f"keys of this layout have no place for {name}")
        if part is None and name in places and all_of_them:
            raise ValueError(f"a key of this layout needs {' and '.join(places)}")
