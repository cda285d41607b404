"""Random conversations: what somebody may say, in whatever order, with calls and late results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from storage.core.history import State, append, is_over, trim
from storage.core.messages import BY_NAME, GUARDED, Mark, mark, marks
from storage.histories import Appended, Bounds, Terms
from tests.conversation.oracle import Line

KINDS = (
    *("user", "user", "user", "assistant", "assistant", "calls", "parallel calls", "named call"),
    *("result", "result", "result", "all results", "reasoning", "system", "developer", "critic"),
    "orphan",
)


NAMED = f"{BY_NAME}f"
"""The id of a call that has none."""

ALL = Bounds()


class Act(NamedTuple):
    """What may be said next: a result answers one of the calls that there are, by a number."""

    kind: str
    tokens: int
    pin: bool
    which: int


def acts(*kinds: str, pins: bool = True) -> st.SearchStrategy[list[Act]]:
    """What is said one after another; of all kinds where none is named."""
    act = st.builds(
        Act,
        st.sampled_from(kinds or KINDS),
        st.sampled_from([0, 1, 1, 2, 3, 5, 9]),
        st.sampled_from([False] * 9 + [pins]),
        st.integers(0, 5),
    )
    return st.lists(act, max_size=24)


def bounds() -> st.SearchStrategy[Bounds]:
    def some(*numbers: int) -> st.SearchStrategy[int | None]:
        return st.sampled_from([None, None, *numbers])

    return st.builds(Bounds, some(1, 2, 3, 4, 5, 8), some(1, 3, 8, 15, 30), some(1, 2, 3))


def lines(said: list[Act]) -> list[Line]:
    """The messages of *said*. A result is that of a call that has none so far."""
    opens: list[list[str]] = []
    written = []
    for number, act in enumerate(said):
        line = _line(number, act, opens)
        written.append(line)
        over = {*line.calls, *(call for call in line.answers if call != NAMED)}
        opens = [left for one in opens if (left := [call for call in one if call not in over])]
        if line.calls:
            opens.append(list(line.calls))
    return written


def _line(number: int, act: Act, opens: list[list[str]]) -> Line:
    kind, tokens, pin, which = act
    if kind in ("calls", "parallel calls"):
        calls = tuple(f"{number}.{part}" for part in range(1 if kind == "calls" else 3))
        return Line("assistant", tokens, calls=calls, pin=pin)
    if kind == "named call":
        return Line("assistant", tokens, calls=(NAMED,), pin=pin)
    if kind in ("result", "all results") and opens:
        group = opens[which % len(opens)]
        if kind == "all results":
            return Line("user", tokens, answers=tuple(group), pin=pin)
        return Line("tool", tokens, answers=(group[which % len(group)],), pin=pin)
    if kind == "orphan":
        return Line("tool", tokens, answers=("nobody's",), pin=pin)
    if kind == "reasoning":
        return Line("assistant", tokens, leads=True, pin=pin)
    role = kind if kind in ("assistant", "system", "developer", "critic") else "user"
    return Line(role, tokens, pin=pin)


class Kept:
    """A conversation as a room keeps it: what is known of it, and its records."""

    def __init__(self) -> None:
        self.state = State(1000)
        self.records: list[bytes] = []

    def say(self, *said: Line, bounds: Bounds = ALL, now_ms: int = 1000) -> Appended:
        """Append what is *said* in one step, and trim in as many as it takes."""
        state = self.state.copy()
        entries = [line.entry() for line in said]
        done, records = append(state, entries, Terms(bounds, keeps_orphans=True), now_ms)
        assert done.outcome == "appended"
        self.state = state
        self.records += records
        while is_over(self.state, bounds) and self._trim(bounds):
            pass
        return done

    def _trim(self, bounds: Bounds) -> bool:
        tail = (one for one in self.marks if one.seq >= self.state.first)
        more = trim(self.state, tail, bounds)
        self.records = [raw for raw in self.records if self._stays(mark(raw))]
        return more

    def _stays(self, one: Mark) -> bool:
        return one.seq >= self.state.first or one.flags & GUARDED > 0

    @property
    def marks(self) -> list[Mark]:
        return marks(self.records)

    @property
    def seqs(self) -> list[int]:
        return [one.seq for one in self.marks]


def seqs(said: Any) -> list[int]:
    """The numbers of messages."""
    return [one.seq for one in said]


def for_all(law: Callable[..., None], *inputs: st.SearchStrategy[Any], share: float = 1) -> None:
    """Run *law* on a *share* of the examples of the present Hypothesis profile."""
    examples = max(1, round(settings().max_examples * share))
    settings(deadline=None, max_examples=examples)(given(*inputs)(law))()
