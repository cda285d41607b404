"""How the records of sessions and their keys are written: by us, and by others."""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

from ..errors import ConfigurationError
from .subjects import PARTS, SessionKey, escaped, unescaped


class Keys(Protocol):
    """How the keys of sessions are written."""

    def text(self, key: SessionKey) -> str:
        """*key* as it is written; `ValueError` for a part that there is no place for."""
        ...

    def parsed(self, text: str) -> SessionKey | None:
        """The key that is written as *text*, with strings for its parts; `None` for another."""
        ...

    def prefix(self, parts: dict[str, str]) -> str:
        """What all keys with these *parts* begin with."""
        ...


class Positional:
    """Keys of our own; see `SessionKey`."""

    def text(self, key: SessionKey) -> str:
        return str(key)

    def parsed(self, text: str) -> SessionKey | None:
        parts = text.split(":")
        if len(parts) > len(PARTS) or not any(parts):
            return None
        key = SessionKey(*(unescaped(part) or None for part in parts))
        return key if str(key) == text else None

    def prefix(self, parts: dict[str, str]) -> str:
        return escaped(parts["chat"]) if "chat" in parts else ""


class Segmented:
    """puregram's keys: `user:1:chat:3:thread:5`, without the parts that are absent."""

    _ORDER: Final = ("user", "chat", "thread")

    def text(self, key: SessionKey) -> str:
        _check_places(key, self._ORDER)
        parts = {name: getattr(key, name) for name in self._ORDER}
        return ":".join(f"{name}:{part}" for name, part in parts.items() if part is not None)

    def parsed(self, text: str) -> SessionKey | None:
        words = text.split(":")
        names, parts = words[::2], words[1::2]
        known = [name for name in self._ORDER if name in names]
        if len(names) != len(parts) or names != known or not all(parts):
            return None
        return SessionKey(**dict(zip(names, parts)))

    def prefix(self, parts: dict[str, str]) -> str:
        return f"user:{parts['user']}" if "user" in parts else ""


class Colon:
    """VibeGram's keys: `chat:user`."""

    def text(self, key: SessionKey) -> str:
        _check_places(key, ("chat", "user"), all_of_them=True)
        if ":" in f"{key.chat}{key.user}":
            raise ValueError("a part of a key of this layout can not have a colon in it")
        return f"{key.chat}:{key.user}"

    def parsed(self, text: str) -> SessionKey | None:
        parts = text.split(":")
        return SessionKey(*parts) if len(parts) == 2 and all(parts) else None

    def prefix(self, parts: dict[str, str]) -> str:
        return f"{parts['chat']}:" if "chat" in parts else ""


class Bare:
    """GramIO's keys: the user, after a *start*."""

    def __init__(self, start: str = "") -> None:
        self._start = start

    def text(self, key: SessionKey) -> str:
        _check_places(key, ("user",), all_of_them=True)
        return f"{self._start}{key.user}"

    def parsed(self, text: str) -> SessionKey | None:
        user = text.removeprefix(self._start)
        is_ours = text.startswith(self._start) and user.lstrip("-").isdigit()
        return SessionKey(user=user) if is_ours else None

    def prefix(self, parts: dict[str, str]) -> str:
        return self._start + parts.get("user", "")


class Layout(NamedTuple):
    """How sessions are written."""

    keys: Keys
    lifetimes: bool
    """Whether a member of the record says how long others live."""

    keeps_empty: bool = True
    """Whether a session without members is kept."""

    takes_falsy: bool = True
    """Whether `null`, `0`, `""` and `false` are no sessions rather than none."""

    def check(self, max_age: object) -> None:
        """Refuse an end that there is no place for."""
        if max_age is not None and not self.lifetimes:
            message = "records of this layout have no place for max_age: say ttl= instead"
            raise ConfigurationError(message)


OURS: Final = Layout(Positional(), lifetimes=True)
VIBEGRAM: Final = Layout(Colon(), lifetimes=False, takes_falsy=False)
PUREGRAM: Final = Layout(Segmented(), lifetimes=True, keeps_empty=False)
GRAMIO: Final = Layout(Bare(), lifetimes=False)
GRAMIO_SCENES: Final = Layout(Bare("@gramio/scenes:"), lifetimes=False)


def _check_places(key: SessionKey, places: tuple[str, ...], *, all_of_them: bool = False) -> None:
    for name, part in key._asdict().items():
        if part is not None and name not in places:
            raise ValueError(f"keys of this layout have no place for {name}")
        if part is None and name in places and all_of_them:
            raise ValueError(f"a key of this layout needs {' and '.join(places)}")
