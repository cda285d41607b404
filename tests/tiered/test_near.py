"""Copies against a server that tells of each change late, and in its order: no copy is read that
anybody could know to be wrong."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant

from storage.core.near import Near, Ticket
from storage.testing import CountingMachine, run_machine, step
from tests.fault.ground import together
from tests.tiered.ground import Strike

NAMES = st.sampled_from(["a", "b", "c", "d"])
MOST, SECONDS = 3, 10.0


class NearMachine(CountingMachine):
    """Entries are their versions. What others change is told later; what we change we know."""

    outcomes = frozenset(
        {"hit", "miss", "a read that was overtaken", "told late", "flushed", "lost", "heard"}
    )

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.near = Near(MOST, SECONDS, lambda: self.now)
        self.server: dict[str, tuple[int, float | None]] = {}
        self.version = 0
        self.untold: list[str] = []
        self.reads: list[tuple[str, Ticket | None, Any]] = []
        self.ours: dict[str, int] = {}
        """The last version that we know of each, because it is ours or was told."""
        self._hear()

    def _changed(self, name: str, lasts: float | None) -> None:
        self.version += 1
        self.server[name] = (self.version, None if lasts is None else self.now + lasts)
        self.untold.append(name)

    @step(name=NAMES, lasts=st.sampled_from([None, 3.0, 30.0]))
    def somebody_else_writes(self, name: str, lasts: float | None) -> None:
        self._changed(name, lasts)

    @step(name=NAMES)
    def we_write(self, name: str) -> None:
        self.near.drop((name,))
        self._changed(name, None)
        self.near.drop((name,))
        self.ours[name] = self.version

    @step()
    def the_server_tells(self) -> None:
        if self.untold:
            name = self.untold.pop(0)
            self.near.drop((name,))
            self.came_to("told late")

    @step(name=NAMES)
    def a_read_begins(self, name: str) -> None:
        self.reads.append((name, self.near.ask((name,)), self._look(name)))

    @step(name=NAMES)
    def a_read_is_quick(self, name: str) -> None:
        ticket = self.near.ask((name,))
        if ticket is not None:
            self.near.answer(ticket, (name,), (self._look(name),))

    @step(last=st.booleans(), fails=st.booleans())
    def a_read_ends(self, last: bool, fails: bool) -> None:
        if not self.reads:
            return
        name, ticket, look = self.reads.pop(-1 if last else 0)
        if self._look(name)[0] != look[0]:
            self.came_to("a read that was overtaken")
        if ticket is not None:
            self.near.answer(ticket, (name,), () if fails else (look,))

    @step(seconds=st.sampled_from([0.1, 0.5, 6.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @step()
    def the_server_vouches(self) -> None:
        self._tell_all()
        if self.near.watched:
            self.near.sure = self.now + SECONDS

    @step(kind=st.sampled_from(["flushed", "lost", *["heard"] * 4]))
    def much_happens(self, kind: str) -> None:
        if kind == "flushed":
            self.server.clear()
            self.untold.clear()
            self.near.empty()
        elif kind == "lost":
            self.near.shut()
        elif not self.near.watched:
            self._hear()
        self.came_to(kind)

    @invariant()
    def somebody_reads(self) -> None:
        for name in "abcd":
            self._read(name)

    def _read(self, name: str) -> None:
        raw = self.near.find(name)
        self.came_to("miss" if raw is None else "hit")
        assert len(self.near.entries) <= MOST
        if raw is None:
            return
        assert self.near.watched
        assert self.near.sure > self.now
        found, version = self._look(name)[0], int(raw)
        assert found == raw or name in self.untold, "it was told that this has changed"
        assert version >= self.ours.get(name, 0), "we have written something else since"

    def _hear(self) -> None:
        self.near.open(watched=True, sure=self.now + SECONDS)
        self.untold.clear()

    def _tell_all(self) -> None:
        while self.untold:
            self.near.drop((self.untold.pop(0),))

    def _look(self, name: str) -> tuple[bytes | None, float | None]:
        version, ends = self.server.get(name, (0, None))
        if not version or (ends is not None and ends <= self.now):
            return None, None
        return b"%d" % version, None if ends is None else ends - self.now


def test_no_copy_is_read_that_is_known_to_be_wrong() -> None:
    run_machine(NearMachine)


def copied(near: Near, *names: str) -> None:
    for name in names:
        ticket = near.ask((name,))
        assert ticket is not None
        near.answer(ticket, (name,), ((b"1", None),))


def test_what_is_used_stays_and_the_oldest_of_the_others_goes() -> None:
    near = Near(3, 10, lambda: 0.0)
    near.open(watched=False)
    copied(near, "a", "b", "c")
    near.find("a")

    copied(near, "d")

    assert set(near.entries) == {"a", "c", "d"}


def test_where_all_are_used_one_goes_all_the_same() -> None:
    near = Near(3, 10, lambda: 0.0)
    near.open(watched=False)
    copied(near, "a", "b", "c")
    for name in "abc":
        near.find(name)

    copied(near, "d")

    assert len(near.entries) == 3
    assert near.find("d") == b"1"


def test_what_comes_and_goes_leaves_nothing_behind() -> None:
    near = Near(10, 10, lambda: 0.0)
    near.open(watched=False)
    for number in range(2000):
        copied(near, f"{number}")
        near.drop((f"{number}",))

    assert not near.entries
    assert len(near._line) <= 100
    assert not near._asked


def test_a_read_that_failed_leaves_nothing_behind() -> None:
    near = Near(10, 10, lambda: 0.0)
    near.open(watched=False)
    for number in range(100):
        ticket = near.ask((f"{number}",))
        assert ticket is not None
        near.answer(ticket, (f"{number}",), ())

    assert not near._asked


def test_nor_does_one_that_is_struck() -> None:
    """At any step."""
    near = Near(10, 10, lambda: 0.0)
    near.open(watched=False)

    def read() -> None:
        near.answer(begun(near), ("k",), ((b"1", None),))

    for number in count():
        strike = Strike("near.py", number, interrupted)
        with suppress(KeyboardInterrupt):
            strike.run(read)
        assert not near._asked
        if not strike.has_struck:
            break
        near.drop("k")

    assert number > 50
    assert near.find("k") == b"1"


def test_what_has_changed_is_dropped_though_an_interrupt_strikes_in_between() -> None:
    """At any step of dropping it; what strikes as it is entered is not in between."""
    for number in count():
        near = Near(10, 10, lambda: 0.0)
        near.open(watched=False)
        copied(near, "k", "l")
        entered: list[int] = []

        def drop(near: Near = near, entered: list[int] = entered) -> None:
            near._lock = Entered(near._lock, entered)
            near.drop(("k", "l"))

        strike = Strike("near.py", number, interrupted)
        with suppress(KeyboardInterrupt):
            strike.run(drop)
        assert not (entered and near.entries)
        if not strike.has_struck:
            break

    assert number > 20


class Entered:
    """A *lock* that notes who enters."""

    def __init__(self, lock: Any, entered: list[int]) -> None:
        self._lock, self._entered = lock, entered

    def __enter__(self) -> None:
        self._entered.append(1)
        self._lock.__enter__()

    def __exit__(self, *raised: object) -> None:
        self._lock.__exit__(*raised)


def interrupted() -> None:
    raise KeyboardInterrupt


def begun(near: Near) -> Ticket:
    """A read of "k" that is under way."""
    ticket = near.ask(("k",))
    assert ticket is not None
    return ticket


def test_what_many_read_at_once_is_kept_when_the_first_has_it() -> None:
    near = Near(10, 10, lambda: 0.0)
    near.open(watched=False)
    tickets = [begun(near) for _ in range(3)]

    near.answer(tickets.pop(0), ("k",), ((b"1", None),))

    assert near.find("k") == b"1"
    near.drop(("k",))
    tickets.append(begun(near))
    for ticket in tickets[:2]:
        near.answer(ticket, ("k",), ((b"1", None),))
        assert near.find("k") is None, "it has changed since that was asked for"
    near.answer(tickets[2], ("k",), ((b"2", None),))
    assert near.find("k") == b"2"
    assert not near._asked


def test_a_copy_stays_where_another_one_was_asked_for_earlier() -> None:
    now = 0.0
    near = Near(10, 10, lambda: now)
    near.open(watched=False)
    earlier = begun(near)
    now = 1.0
    later = begun(near)
    near.answer(later, ("k",), ((b"2", None),))

    near.answer(earlier, ("k",), ((b"1", None),))

    assert near.find("k") == b"2"


def test_who_is_overtaken_by_the_listener_reads_nothing_that_it_has_dropped() -> None:
    """However late: it has slept, and a reader looks while it wakes."""

    def work() -> None:
        for number in count():
            near = Near(10, 1000, lambda: 100.0)
            near.open(watched=True, sure=101.0)
            near.answer(begun(near), ("k",), ((b"1", None),))
            near.sure = 2.0
            strike = Strike("near.py", number, lambda: listener_wakes(near))  # noqa: B023
            found: list[bytes | None] = []
            struck = strike.run(lambda: found.append(near.find("k")))  # noqa: B023
            assert found == [None]
            if not struck:
                break
        assert number > 3

    together(work)


def listener_wakes(near: Near) -> None:
    near.drop(("k",))
    near.sure = 102.0


class Struck:
    """Two entries of a server, with copies of one at the most, and so many have been written."""

    def __init__(self) -> None:
        self.near = Near(1, 10, lambda: 0.0)
        self.near.open(watched=False)
        self.server = {"k": 1, "l": 1}
        self.read("k")
        self.near.find("k")

    def read(self, name: str) -> None:
        ticket = self.near.ask((name,))
        assert ticket is not None
        self.near.answer(ticket, (name,), ((b"%d" % self.server[name], None),))

    def write(self, name: str) -> None:
        self.near.drop((name,))
        self.server[name] += 1
        self.near.drop((name,))

    def clear(self) -> None:
        self.near.empty()
        self.server = {name: number + 1 for name, number in self.server.items()}
        self.near.empty()

    def much(self) -> None:
        self.write("k")
        self.read("l")
        self.read("k")
        self.write("k")

    def check(self) -> None:
        for name, number in self.server.items():
            assert self.near.find(name) in (None, b"%d" % number)
            self.read(name)
            self.read(name)
            assert self.near.find(name) == b"%d" % number
        assert len(self.near.entries) == 1
        assert not self.near._asked
        assert self.near.hits >= 2


WORKS: dict[str, Callable[[Struck], object]] = {
    "read": lambda s: s.read("k"),
    "read another": lambda s: s.read("l"),
    "write": lambda s: s.write("k"),
    "clear": Struck.clear,
    "count": lambda s: s.near.hits,
}
HANDLERS: dict[str, Callable[[Struck], object]] = {
    "write": lambda s: s.write("k"),
    "clear": Struck.clear,
    "much": Struck.much,
}


@pytest.mark.parametrize("handler", HANDLERS)
@pytest.mark.parametrize("name", WORKS)
def test_a_handler_that_strikes_at_any_step_reads_and_writes(name: str, handler: str) -> None:
    def work() -> None:
        for number in count():
            struck = Struck()
            strike = Strike("near.py", number, lambda: HANDLERS[handler](struck))  # noqa: B023
            if not strike.run(lambda: WORKS[name](struck)):  # noqa: B023
                break
            struck.check()
        assert number > 10

    together(work)
