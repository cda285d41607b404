"""What the laws of conversations stand on: a room that keeps them, and how they are told to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import pytest
from hypothesis import strategies as st

from ... import aio, protocols
from ...core.history import State, append, is_over, trim, unpacked
from ...core.messages import BY_NAME, GUARDED, LEADS, TURN, Mark, entry, mark
from ...histories import Appended, Bounds, Entry, Query, Stretch, Terms
from ..bridge import Bridge
from ..clock import Clock
from .leasing import Leased

ROLES: Final = ("system", "developer", "user", "assistant", "tool", "function", "critic", "\u00e9")

ALL: Final = Query()

FOR_GOOD: Final = Terms()

KEPT: Final = Terms(keeps_orphans=True)

NOTHING: Final = Stretch(None, [], False)

Say = Callable[..., Appended]
Hear = Callable[..., list[str]]


def says(
    text: str = "",
    role: str = "user",
    *,
    tokens: int = 1,
    calls: Sequence[str] = (),
    answers: Sequence[str] = (),
    leads: bool = False,
    pin: bool = False,
) -> Entry:
    """A message with that *text*."""
    is_turn = role == "user" and not answers
    flags = TURN * is_turn | LEADS * leads | GUARDED * pin
    return entry(role, flags, tokens, calls, answers, text.encode())


A_CALL: Final = says("call", "assistant", calls=["a"])
ITS_RESULT: Final = says("result", "tool", answers=["a"])


def heard(records: Sequence[bytes]) -> list[str]:
    """The texts of messages."""
    return [raw[mark(raw).body :].decode() for raw in records]


def numbers(records: Sequence[bytes]) -> list[int]:
    return [mark(raw).seq for raw in records]


class Remembered(Leased):
    """A store that keeps conversations; `make` is all that it takes."""

    @pytest.fixture
    def talks(self, base: Any, bridge: Bridge) -> Any:
        return self.talks_of(base, bridge)

    @pytest.fixture
    def say(self, talks: Any) -> Say:
        """Appends texts or messages to `k`."""

        def say(*messages: str | Entry, key: str = "k", **terms: Any) -> Appended:
            entries = [says(one) if isinstance(one, str) else one for one in messages]
            told: Appended = talks.append(key, entries, FOR_GOOD._replace(**terms))
            return told

        return say

    @pytest.fixture
    def hear(self, talks: Any) -> Hear:
        """The texts of the messages of `k`."""

        def hear(key: str = "k", **query: Any) -> list[str]:
            return heard(talks.read(key, ALL._replace(**query)).records)

        return hear

    def talks_of(self, store: Any, bridge: Bridge) -> Any:
        """The conversations of *store*, by plain calls."""
        half: Any = aio.protocols if isinstance(store, aio.Storage) else protocols
        return bridge.driven(store.room(half.HistoryStore))

    def state_of(self, talks: Any, key: str = "k") -> State:
        (standing,) = talks.look([key])
        return unpacked(standing.state)

    def assert_lasts(self, talks: Any, clock: Clock, ms: int, key: str = "k") -> None:
        """The conversation is there for *ms* from now, to the last millisecond, and not after."""
        (standing,) = talks.look([key])
        assert standing.ends == pytest.approx(clock.ms + ms, rel=0, abs=2 * self.slack_ms)
        self.tick_to_the_end(clock, ms)
        assert talks.look([key]) != [None]
        self.tick_over(clock)
        assert list(talks.look([key])) == [None]


class Plain:
    """A conversation as it is decided about, in a list of records."""

    def __init__(self) -> None:
        self.state: State = State(0)
        self.records: list[bytes] = []

    def append(self, entries: Sequence[Entry], terms: Terms) -> Appended:
        state = self.state.copy()
        done, records = append(state, entries, terms, 0)
        if done.outcome != "appended":
            return done
        self.state = state
        self.records += records
        if is_over(state, terms.bounds):
            done = done._replace(more=trim(state, self._tail(), terms.bounds))
        self.records = [raw for raw in self.records if _stays(mark(raw), state)]
        return done

    def _tail(self) -> Iterator[Mark]:
        return (one for one in map(mark, self.records) if one.seq >= self.state.first)


def timeless(records: Sequence[bytes]) -> list[bytes]:
    """*records* without the times at which they came."""
    return [raw[:9] + raw[15:] for raw in records]


def same(one: State, other: State) -> bool:
    """Whether the same is known of two conversations, but for the times."""
    names = [name for name in State.__slots__ if name not in ("born", "at")]
    return all(getattr(one, name) == getattr(other, name) for name in names)


def _stays(one: Mark, state: State) -> bool:
    return one.seq >= state.first or one.flags & GUARDED > 0


def messages() -> st.SearchStrategy[Entry]:
    """Messages that call few tools, answer each other, and lead to each other."""
    few = st.lists(st.sampled_from(["a", "b", f"{BY_NAME}c"]), max_size=2)
    rarely = st.sampled_from([False, False, False, True])
    return st.builds(
        says,
        st.sampled_from(["", "x", "a longer text"]),
        st.sampled_from(ROLES),
        tokens=st.sampled_from([0, 1, 2, 5, 30]),
        calls=st.just([]) | few,
        answers=st.just([]) | few,
        leads=rarely,
        pin=rarely,
    )


def some_bounds() -> st.SearchStrategy[Bounds]:
    some = st.sampled_from([None, None, 1, 2, 3, 5])
    return st.builds(Bounds, some, st.sampled_from([None, None, 1, 4, 9, 20]), some)
