"""What the laws of session continuity stand on: an adapter, another one of the same sessions, and
how they are told what to keep."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

import pytest

from ...core.dialog.errors import MessageNotFoundError, SessionNotFoundError, StorageError
from ...core.dialog.records import Message, Session
from ...ttl import DefaultTtl
from ..bridge import Bridge
from ..clock import Clock
from .suite import Suite

Pair = Callable[..., tuple[Any, Any]]
"""Makes an adapter, and another one of the same sessions."""

SECOND: Final = timedelta(seconds=1)
MILLISECOND: Final = timedelta(milliseconds=1)

NAIVE: Final = datetime.fromisoformat("2023-01-01")
"""Midnight nobody knows where."""

LONG: Final = 100.0
"""Seconds that are let pass by a clock that is turned by hand."""


class Continued(Suite):
    """An adapter of session continuity; `make` is all that it takes."""

    def make(self, clock: Clock, ttl: DefaultTtl = None) -> Any:
        """An adapter, blocking or asyncio, that has no sessions yet, goes by *clock*, and keeps a
        session for *ttl* seconds after its last change."""
        raise NotImplementedError("say which adapter to prove: override make()")

    def beside(self, adapter: Any, clock: Clock, ttl: DefaultTtl = None) -> Any:
        """Another adapter of the same sessions; the same one where they can not be shared."""
        return adapter

    @pytest.fixture
    def bridge(self) -> Iterator[Bridge]:
        with Bridge() as bridge:
            yield bridge

    @pytest.fixture
    def pair(self, clock: Clock, bridge: Bridge) -> Iterator[Pair]:
        """Makes adapters that are closed at the end."""
        made: list[Any] = []

        def pair(ttl: DefaultTtl = None, other: DefaultTtl = None) -> tuple[Any, Any]:
            one = self.make(clock, ttl)
            two = self.beside(one, clock, other)
            made.extend([one] if one is two else [one, two])
            return bridge.driven(one), bridge.driven(two)

        yield pair
        for adapter in reversed(made):
            bridge.driven(adapter).close()

    @pytest.fixture
    def adapter(self, pair: Pair) -> Any:
        return pair()[0]

    def assert_now(self, moment: datetime | None, clock: Clock) -> None:
        """That is the moment that the clock shows."""
        assert moment is not None
        assert moment.utcoffset() == timedelta(0)
        if self.clock_moves:
            assert abs(moment - clock.now) <= self.slack_ms * MILLISECOND

    def tick_to_the_end(self, clock: Clock, seconds: float) -> None:
        """To the last millisecond of the *seconds* that something lasts."""
        self.tick(clock, seconds - (1 + self.slack_ms) / 1000)

    def tick_over(self, clock: Clock) -> None:
        """Over the end to which `tick_to_the_end` came."""
        self.tick(clock, (1 + 2 * self.slack_ms) / 1000)


@contextmanager
def failing(what: str, cause: type[BaseException] = SessionNotFoundError) -> Iterator[None]:
    """The block fails to do *what*, and that is because of the *cause*."""
    with pytest.raises(StorageError) as caught:
        yield
    assert caught.value.args[0] == f"Failed to {what}"
    assert type(caught.value.__cause__) is cause
    assert caught.value.adapter


def no_message(what: str) -> Any:
    """The block fails to do *what*, because there is no such message."""
    return failing(what, MessageNotFoundError)


def say(adapter: Any, session_id: str, *texts: str, **members: Any) -> list[Message]:
    """Have new messages of a user."""
    return [
        adapter.add_message(session_id, {"role": "user", "content": text, **members})
        for text in texts
    ]


def contents(messages: Sequence[Message]) -> list[Any]:
    """What messages say."""
    return [message.content for message in messages]


def heard(adapter: Any, session_id: str, **options: Any) -> list[Any]:
    """What the messages of a session say."""
    return contents(adapter.get_messages(session_id, options))


def ids(some: Sequence[Session | Message]) -> list[str]:
    """How sessions or messages are called."""
    return [one.id for one in some]


def assert_counted(adapter: Any, session_id: str) -> None:
    """What is known of the messages is what the messages say."""
    session, messages = adapter.get_session(session_id), adapter.get_messages(session_id)
    assert session.message_count == len(messages)
    assert session.token_count == sum(one.token_count or 0 for one in messages)
