"""How what a user says about a conversation becomes what a room is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from ..codecs import JSON, FastJsonCodec, JsonCodec
from ..errors import ConflictError, StorageError, UnstorableError, UnsupportedError
from ..histories import Appended, Bounds, Entry, Query, Terms
from ..ttl import At, DefaultTtl, default_span, span
from .dialects import Meaning
from .estimates import estimate
from .history import MOST_GUARDED
from .layers import Layers
from .messages import (
    ESTIMATED,
    GUARDED,
    LEADS,
    MOST_SEQ,
    MOST_TOKENS,
    TURN,
    Mark,
    entry,
    mark,
    record,
    shortened,
)
from .rules import called, plain

MAX_BYTES: Final = 1024 * 1024
"""The longest message that is kept unless it is told otherwise."""

MOST: Final = 2**32 - 1
"""The largest number of anything that may be said."""

Counter = Callable[[Mapping[str, Any]], int]
"""Counts the tokens of a message."""


class Composer:
    """Makes of messages what is kept of them."""

    def __init__(
        self,
        layers: Layers,
        means: Callable[[Mapping[str, Any]], Meaning],
        count_tokens: Counter | None,
        max_bytes: int,
    ) -> None:
        if count_tokens is not None:
            plain("count_tokens", called("count_tokens", count_tokens))
        if type(max_bytes) is not int or max_bytes < 1:
            raise ValueError(f"max_bytes must be a positive integer, not {max_bytes!r}")
        self._layers = layers
        self._means = means
        self._count = count_tokens
        self._max_bytes = max_bytes
        self.codec: JsonCodec | FastJsonCodec = JSON
        """How the JSON of messages is written and read."""
        if isinstance(layers.codec, (JsonCodec, FastJsonCodec)):
            self.codec = layers.codec

    def entry(
        self, key: str, message: Mapping[str, Any], tokens: int | None = None, *, pin: bool = False
    ) -> Entry:
        """What is kept of *message*; an `UnstorableError` where it can not be."""
        try:
            meant = self._means(message)
            plain_message = message if type(message) is dict else dict(message)
            body = self.codec.encode(plain_message)
        except UnstorableError as error:
            raise self._layers.located(error, key) from None
        if len(body) > self._max_bytes:
            reason = (
                f"{len(body)} bytes are more than the {self._max_bytes} that a message may have"
            )
            raise UnstorableError("$", reason, store=self._layers.label, key=key)
        flags = (TURN if meant.is_turn else 0) | (GUARDED if pin else 0)
        if meant.leads:
            flags |= LEADS
        if tokens is None:
            tokens, flags = self._counted(plain_message, flags)
        else:
            check_tokens(tokens)
        return entry(meant.role, flags, tokens, meant.calls, meant.answers, body)

    def entries(
        self, key: str, messages: Sequence[Mapping[str, Any]], tokens: Sequence[int | None]
    ) -> list[Entry]:
        """The same of several *messages*, of which errors say which one they mean."""
        found = []
        for place, (message, count) in enumerate(zip(messages, tokens)):
            try:
                found.append(self.entry(key, message, count))
            except UnstorableError as error:
                path = f"$[{place}]{error.path[1:]}"
                raise UnstorableError(path, error.reason, store=error.store, key=key) from None
        return found

    def replacing(self, key: str, old: Mark, message: Mapping[str, Any]) -> Entry:
        """What is kept of *message* in the place of another one."""
        new = self.entry(key, message)
        one = mark(record(new, new.flags, old.seq, old.at))
        if (one.role, one.calls, one.answers) != (old.role, old.calls, old.answers):
            reason = "it has another role or other tool calls: delete the message and append this"
            raise UnstorableError("$", reason, store=self._layers.label, key=key)
        return new

    def _counted(self, message: Mapping[str, Any], flags: int) -> tuple[int, int]:
        if self._count is None:
            return estimate(message), flags | ESTIMATED
        tokens = self._count(message)
        check_tokens(tokens, "what count_tokens gives")
        return tokens, flags


def check_tokens(tokens: object, name: str = "tokens") -> None:
    """Refuse what is no number of tokens of one message."""
    if type(tokens) is not int or not 0 <= tokens <= MOST_TOKENS:
        told = tokens if type(tokens) is int else f"a {type(tokens).__name__}"
        raise ValueError(f"{name} must be an integer from 0 to {MOST_TOKENS}, not {told}")


def bounds(
    messages: int | None = None, tokens: int | None = None, turns: int | None = None, name: str = ""
) -> Bounds:
    """What stays at the most; a `ValueError` for what is no such number."""
    for word, most in (("messages", messages), ("tokens", tokens), ("turns", turns)):
        if most is not None and (type(most) is not int or not 1 <= most <= MOST):
            message = f"{name}{word} must be an integer from 1 to {MOST} or None, not {most!r}"
            raise ValueError(message)
    return Bounds(messages, tokens, turns)


def terms(most: Bounds, ttl: DefaultTtl, max_age: DefaultTtl, on_orphan: str) -> Terms:
    """How everything is appended to a conversation."""
    if on_orphan not in ("raise", "keep"):
        raise ValueError(f"on_orphan must be 'raise' or 'keep', not {on_orphan!r}")
    ttl_ms, max_age_ms = default_span(ttl, "ttl"), default_span(max_age, "max_age")
    return Terms(most, ttl_ms, max_age_ms, keeps_orphans=on_orphan == "keep")


def agreed(told: Terms, if_seq: int | None, once: str | None) -> Terms:
    """The same for who appends only after a certain message, or only once."""
    if if_seq is not None and (type(if_seq) is not int or not 0 <= if_seq <= MOST):
        raise ValueError(f"if_seq must be the number of a message or 0, not {if_seq!r}")
    if once is not None and not isinstance(once, str):
        raise TypeError(f"once must be a str, not {type(once).__name__}")
    if once == "":
        raise ValueError("once can not be empty: every message without an id would be the same one")
    note = b"" if once is None else shortened(once)
    return told._replace(if_seq=if_seq, note=note)


def query(
    first: int | None,
    last: int | None,
    before: int | None,
    after: int | None,
    roles: str | Iterable[str] | None,
    since: datetime | float | None,
    until: datetime | float | None,
) -> Query:
    """Which messages are asked for; a `ValueError` for what makes no sense."""
    if first is not None and last is not None:
        raise ValueError("say first= or last=, not both")
    for word, number in (("first", first), ("last", last), ("before", before), ("after", after)):
        if number is not None and (type(number) is not int or not 0 <= number <= MOST):
            raise ValueError(f"{word} must be an integer from 0 to {MOST}, not {number!r}")
    limit = last if first is None else first
    chosen = () if roles is None else _roles(roles)
    when = None if since is None else _moment(since, "since")
    end = None if until is None else _moment(until, "until")
    return Query(limit, first is None, before, after or 0, when, end, chosen)


def checked_seq(seq: object, *, least: int = 1) -> int:
    """*seq*, if it is the number of a message."""
    if type(seq) is not int or not least <= seq <= MOST:
        message = f"the number of a message is an integer from {least} to {MOST}, not {seq!r}"
        raise ValueError(message)
    return seq


def crowded(store: str, key: str) -> StorageError:
    """Why nothing more can always stay."""
    message = f"{MOST_GUARDED} messages of it stay already, and there can not be more"
    return UnsupportedError(message, store=store, key=key)


def refused(
    done: Appended, if_seq: int | None, store: str, key: str, *, several: bool
) -> StorageError:
    """Why nothing was appended."""
    if done.outcome == "conflict":
        message = f"the last message is {done.last}, not {if_seq}"
        return ConflictError(message, store=store, key=key)
    if done.outcome == "full":
        if done.last <= MOST_SEQ:
            return crowded(store, key)
        message = "there are not so many numbers left for its messages: begin another one"
        return UnsupportedError(message, store=store, key=key)
    path = f"$[{done.which}]" if several else "$"
    reason = "it is a tool result, and no tool call waits for it"
    return UnstorableError(path, reason, store=store, key=key)


def _roles(roles: str | Iterable[str]) -> tuple[str, ...]:
    chosen = (roles,) if isinstance(roles, str) else tuple(roles)
    if not chosen or not all(isinstance(role, str) and role for role in chosen):
        raise ValueError("roles must be a role or several, such as 'user'")
    return chosen


def _moment(when: object, name: str) -> int:
    """*when* in milliseconds since 1970."""
    if isinstance(when, datetime):
        told = span(when, name)
        assert isinstance(told, At)
        return told.ms
    if isinstance(when, (int, float)) and not isinstance(when, bool) and -1e15 < when < 1e15:
        return int(when * 1000)
    raise ValueError(f"{name} must be an aware datetime or seconds since 1970, not {when!r}")
