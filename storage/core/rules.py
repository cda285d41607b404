"""What was asked for of sessions, checked when they are made."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal

from ..errors import ConfigurationError, CorruptValueError
from ..runtime import is_async, wants_argument
from ..ttl import DefaultTtl, default_span
from .session import OnConflict
from .turns import lease_ms, patience

OnError = Literal["discard", "save"]

OnCorruptSession = Literal["raise", "reset"] | Callable[[CorruptValueError], Any]

Lock = Literal["auto", "process", False]

_WITHOUT_MEMBERS = (list, tuple, set, frozenset, str, bytes, int, float, bool, type(None))


class Rules:
    """How sessions begin, how long they last, and what is done about what goes wrong."""

    def __init__(
        self,
        initial: Callable[..., Any],
        max_age: DefaultTtl,
        on_error: OnError,
        on_corrupt: OnCorruptSession,
        on_conflict: OnConflict,
        lease: float | timedelta,
        wait: float | timedelta | None,
    ) -> None:
        self.initial: Callable[..., Any] = called("initial", initial)
        self.looks_at_the_event: bool = wants_argument(initial)
        self.max_age_ms: int | None = default_span(max_age, "max_age")
        self.on_error: OnError = _one_of("on_error", on_error, ("discard", "save"))
        self.on_corrupt: OnCorruptSession = _one_of(
            "on_corrupt", on_corrupt, ("raise", "reset"), calls=True
        )
        self.on_conflict: OnConflict = _one_of(
            "on_conflict",
            plain("on_conflict", on_conflict),
            ("raise", "ours", "theirs"),
            calls=True,
        )
        self.lease_ms: int = lease_ms(lease, "lease")
        self.wait: float | None = patience(wait)

    def saves(self, error: BaseException | None) -> bool:
        """Whether what a handler changed is stored, after it ended with *error*."""
        return error is None or (self.on_error == "save" and isinstance(error, Exception))


def kind_of(kind: Any, initial: object) -> Any:
    """The type of the sessions: what is said, or the class that makes the first one."""
    if kind is None and isinstance(initial, type):
        kind = initial
    if isinstance(kind, str) or kind in _WITHOUT_MEMBERS:
        told = kind.__name__ if isinstance(kind, type) else repr(kind)
        raise TypeError(f"a session has members: kind must be a class that has some, not {told}")
    return None if kind is dict else kind


def check_lock(lock: object, locks: object) -> None:
    """Refuse what is no way to have one at a time."""
    if lock is not False and lock not in ("auto", "process"):
        raise ValueError(f'lock must be "auto", "process" or False, not {lock!r}')
    if locks is not None and lock != "auto":
        raise ConfigurationError("locks= says where the leases are: leave lock= as it is")


def finder(key: Any) -> Any:
    """What finds the key of an event, if there is such a thing."""
    return None if key is None else plain("key", called("key", key))


def called(name: str, function: Any) -> Any:
    """*function*, which these sessions call."""
    if not callable(function):
        raise TypeError(f"{name} must be a function, not {type(function).__name__}")
    return function


def plain(name: str, function: Any) -> Any:
    """*function*, which is called between two steps that never wait."""
    if callable(function) and is_async(function):
        raise TypeError(f"{name} is a plain function in both halves, not a coroutine function")
    return function


def _one_of(name: str, value: Any, words: tuple[str, ...], *, calls: bool = False) -> Any:
    """*value*, if it is one of the *words*, or a function where these sessions call one."""
    if value in words or (calls and callable(value)):
        return value
    *choices, last = [*map(repr, words), *(["a function"] if calls else [])]
    raise ValueError(f"{name} must be {', '.join(choices)} or {last}, not {value!r}")
