"""Random programs of several workers whose sessions are open at the same time, of somebody who
knows nothing of sessions, and of time: what is stored is what the model says."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st

import storage.aio.opened
import storage.aio.visits
import storage.opened
import storage.visits
from storage import (
    ConflictError,
    LeaseLostError,
    LeaseTimeoutError,
    ReentryError,
    StorageError,
)
from storage.records import MISSING
from storage.testing import Clock, CountingMachine, run_machine, step
from tests.day import IS_LONG, is_walked
from tests.layers.places import Place, opened, params, server_for
from tests.model.visits import Entry, Habits, Members, Model, Outcome, Visit
from tests.sessions.elsewhere import elsewhere

IDLE, AGE, LEASE = 400_000, 550_000, 600_000
FIRST = {"n": 0}


def total(_: str, ours: Any, theirs: Any) -> Any:
    return sum(one for one in (ours, theirs) if one is not MISSING)


WORKERS: dict[str, tuple[Habits, dict[str, Any]]] = {
    "plain": (Habits(IDLE), {}),
    "aged": (Habits(IDLE, AGE), {}),
    "saving": (Habits(IDLE, saves_errors=True), {"on_error": "save"}),
    "summing": (Habits(IDLE, on_conflict="sum"), {"on_conflict": total}),
    "lasting": (Habits(None, on_conflict="ours"), {"on_conflict": "ours"}),
    "free": (Habits(IDLE, takes_turns=False), {"lock": False}),
    "free, ours": (
        Habits(IDLE, AGE, takes_turns=False, on_conflict="ours"),
        {"lock": False, "on_conflict": "ours"},
    ),
    "free, theirs": (
        Habits(None, AGE, takes_turns=False, on_conflict="theirs"),
        {"lock": False, "on_conflict": "theirs"},
    ),
}
KEYS = ("100:7", "100:8", "200:7", "300")
PARTS: list[dict[str, Any]] = [{}, {"chat": 100}, {"user": "7"}, {"chat": 200, "user": 7}]

ERRORS: dict[Outcome, type[StorageError]] = {"clash": ConflictError, "lost": LeaseLostError}


class Stop(BaseException):
    """What no handler catches, like `KeyboardInterrupt`."""


HOW: dict[str, Callable[[], BaseException | None]] = {
    "well": lambda: None,
    "with an error": ValueError,
    "struck": Stop,
}

BY = st.sampled_from([*WORKERS, "saving", "free, ours", "free, theirs"])
AT = st.sampled_from(["100:7"] * 6 + [*KEYS])
WHICH = st.integers(0, 5)
NAMES = st.sampled_from(["n", "a", "a", "b"])
SPANS = st.sampled_from([50, 50, 300, None])
ACTS = ("change", "remove", "expire", "last", "clear", "discard", "replace", "save", "wait",
        "outlast", "outlive", "is_edited", "is_written", "is_dropped")  # fmt: skip
KNOWN = [
    [(act, name or "a") for act, _, name in (word.partition(":") for word in acts.split())]
    for acts in (
        "wait",
        "wait wait",
        "change save wait",
        "change is_edited save",
        "change is_edited:b",
        "change is_edited:b save",
        "change is_edited is_dropped save",
        "change save is_written change",
        "change save change is_dropped",
        "change save outlast change",
        "change expire save wait change save",
        "change save clear",
        "change save clear save change discard",
        "outlive change save",
    )
]
"""What comes together too seldom by chance."""
STORIES = st.sampled_from(KNOWN)
DEEDS = st.lists(st.tuples(st.sampled_from(["change", *ACTS]), NAMES), max_size=5)
ENDS = st.sampled_from(["well", "well", "well", "with an error", "with an error", "struck"])

USUAL = frozenset(
    {
        *("opened: new", "opened: known", "opened: lazy", "refused: held"),
        *("end: nothing", "end: touched", "end: stored", "end: clash", "end: lost"),
        *("save: nothing", "save: stored", "failed: left", "struck: left", "end: unread"),
        *("looked: nothing", "looked: there", "deleted", "listed", "ended", "at once"),
        *(f"do: {act}" for act in ACTS),
    }
)
SELDOM = frozenset(
    {
        *("end: merged", "end: removed", "end: over", "end: theirs", "failed: saved"),
        *("save: merged", "save: removed", "save: clash", "save: lost", "failed: touched"),
        *("deleted all", "delete: held", "member ended", "refused: again"),
    }
)


class Open:
    """A session that is open, and what the model knows of it."""

    def __init__(self, worker: str, handle: Any, visit: Visit) -> None:
        self.worker = worker
        self.handle = handle
        self.visit = visit
        self.session: Members = {}


class SessionMachine(CountingMachine):
    open: ClassVar[Callable[[Clock], AbstractContextManager[Place]]]

    outcomes: ClassVar[frozenset[str]] = USUAL

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.stack = ExitStack()
        self.place = self.stack.enter_context(type(self).open(self.clock))
        self.outside = self.place.bridge.driven(self.place.base.namespace("sessions"))
        self.workers = {name: self.worker(name) for name in WORKERS}
        self.model = Model(lambda: self.clock.ms, self.place.late_ms)
        self.opened: list[Open] = []
        self.numbers = itertools.count(1)

    def teardown(self) -> None:
        try:
            for one in [*self.opened]:
                self.finish(one, "struck")
            for key in KEYS:
                self.compare(key)
        finally:
            self.stack.close()

    def worker(self, name: str) -> Any:
        habits, options = WORKERS[name]
        seconds = {
            "ttl": None if habits.idle_ms is None else habits.idle_ms / 1000,
            "max_age": None if habits.age_ms is None else habits.age_ms / 1000,
        }
        if options.get("lock") is not False:
            seconds.update(lease=LEASE / 1000, wait=0)
        made = self.place.half.Sessions(
            elsewhere(self.place.half, self.place.base),
            initial=lambda: FIRST,
            key=str,
            **seconds,
            **options,
        )
        return self.place.bridge.driven(made)

    # What handlers do.

    @step(by=BY, key=AT, lazy=st.sampled_from([False, False, True]))
    def begin(self, by: str, key: str, lazy: bool) -> None:
        if len(self.opened) < 4:
            self.begun(by, key, lazy)

    @step(which=WHICH)
    def load(self, which: int) -> None:
        late = [one for one in self.opened if not one.visit.loaded]
        if late:
            one = late[which % len(late)]
            self.enter(one, one.handle.load)

    @step(which=WHICH, acts=DEEDS)
    def handle(self, which: int, acts: list[tuple[str, str]]) -> None:
        loaded = [one for one in self.opened if one.visit.loaded]
        if loaded:
            self.do(loaded[which % len(loaded)], acts)

    @step(which=WHICH, how=ENDS)
    def end(self, which: int, how: str) -> None:
        if self.opened:
            self.finish(self.opened[which % len(self.opened)], how)

    @step(by=BY, key=AT, acts=DEEDS, how=ENDS)
    def visit(self, by: str, key: str, acts: list[tuple[str, str]], how: str) -> None:
        """All of it, with nothing in between."""
        one = self.begun(by, key, lazy=False)
        if one is not None and self.do(one, acts):
            self.finish(one, how)

    @step(by=BY, acts=STORIES, how=ENDS)
    def story(self, by: str, acts: list[tuple[str, str]], how: str) -> None:
        one = self.begun(by, "100:7", lazy=False)
        if one is not None and self.do(one, acts):
            self.finish(one, how)

    @step(by=BY, key=AT, how=ENDS)
    def run(self, by: str, key: str, how: str) -> None:
        """A handler that changes something, where nobody has the session."""
        one = Open(by, self.workers[by].of(key), Visit(self.model, key, WORKERS[by][0], FIRST))
        if self.refusal(one) is not None:
            return
        one.visit.load()
        number, error = next(self.numbers), HOW[how]()

        def handler(event: Any, session: Any) -> Any:
            assert event == key
            assert session == one.visit.value
            session["b"] = one.visit.value["b"] = number
            if error is not None:
                raise error
            return number

        self.model.hold(one.visit, LEASE) if one.visit.habits.takes_turns else None
        if error is None:
            assert one.handle.run(handler) == number
        else:
            with pytest.raises(type(error)):
                one.handle.run(handler)
        one.visit.part(saves=self.saves(one, how))
        self.model.let_go(one.visit)
        self.compare(key)

    # What others do.

    @step(key=AT, ttl=st.sampled_from([None, 100, 2000]), age=st.sampled_from([None, 350]),
          span=SPANS)  # fmt: skip
    def write(self, key: str, ttl: int | None, age: int | None, span: int | None) -> None:
        record: Members = {"n": next(self.numbers), "b": next(self.numbers)}
        if span is not None:
            record["__ttl"] = {"b": {"t": span * 1000, "at": self.clock.ms}}
        if age is not None:
            record["__ends"] = self.clock.ms + age * 1000
        self.outside.set(key, record, ttl=ttl)
        ends = None if ttl is None else self.clock.ms + ttl * 1000
        self.model.entries[key] = Entry(record, ends)

    @step(by=BY, key=AT)
    def delete(self, by: str, key: str) -> None:
        known = Open(by, None, Visit(self.model, key, WORKERS[by][0], FIRST))
        refusal = self.refusal(known)
        if refusal is not None:
            with pytest.raises(refusal):
                self.workers[by].delete(key)
            self.came_to("delete: held")
            return
        assert self.workers[by].delete(key) is (self.model.there(key) is not None)
        self.model.entries.pop(key, None)
        self.came_to("deleted")

    @step(by=BY, parts=st.sampled_from(PARTS[1:]), rarely=st.sampled_from([False, False, True]))
    def delete_all(self, by: str, parts: dict[str, Any], rarely: bool) -> None:
        keys = self.keys(parts)
        known = [Open(by, None, Visit(self.model, key, WORKERS[by][0], FIRST)) for key in keys]
        if not rarely or any(self.refusal(one) for one in known):
            return
        assert self.workers[by].delete_all(**parts) == len(keys)
        for key in keys:
            self.model.entries.pop(key)
        self.came_to("deleted all" if keys else "none to delete")

    @step(by=BY, key=AT)
    def look(self, by: str, key: str) -> None:
        """Whoever works on it."""
        contents, entry = self.model.contents(key), self.model.there(key)
        value, info = self.workers[by].get(key, MISSING), self.workers[by].inspect(key)
        if contents is None or entry is None:
            assert (value, info) == (MISSING, None)
            self.came_to("looked: nothing")
            return
        assert value == info.value == contents.members
        assert (info.key, _ms(info.expires_at), _ms(info.ends_at)) == (key, entry.ends, contents[2])
        ends = {name: int(at + t) for name, (t, at) in contents.marks.items()}
        assert {name: _ms(end) for name, end in info.members_end.items()} == ends
        self.came_to("looked: there")

    @step(by=BY, parts=st.sampled_from(PARTS))
    def list(self, by: str, parts: dict[str, Any]) -> None:
        keys, sessions = self.keys(parts), self.workers[by]
        live = {key: self.model.contents(key) for key in keys}

        assert sorted(sessions.keys(**parts)) == keys
        assert sessions.count(**parts) == len(keys)
        assert dict(sessions.items(**parts)) == {
            key: contents.members for key, contents in live.items() if contents is not None
        }
        self.came_to("listed" if keys else "nothing to list")

    @step(seconds=st.sampled_from([0.001, 39.999, 40, 100]))
    def tick(self, seconds: float) -> None:
        self.move(round(seconds * 1000))

    @step(which=WHICH, early=st.sampled_from([-1, 0, 1]))
    def tick_to_an_end(self, which: int, early: int) -> None:
        """To the moment at which an entry, a session, a member or a lease ends, or around it."""
        ends = [until for _, until in self.model.holders.values()]
        for key in KEYS:
            entry, contents = self.model.there(key), self.model.contents(key)
            ends += [] if entry is None else [entry.ends]
            if contents is not None:
                ends += [contents.ends, *(int(t + at) for t, at in contents.marks.values())]
        ahead = sorted({end for end in ends if end is not None and end > self.clock.ms})
        if ahead:
            self.move(max(0, ahead[which % len(ahead)] - early - self.clock.ms))

    # What one handler does.

    def change(self, one: Open, name: str) -> None:
        one.session[name] = one.visit.value[name] = next(self.numbers)

    def remove(self, one: Open, name: str) -> None:
        one.session.pop(name, None)
        one.visit.value.pop(name, None)

    def expire(self, one: Open, name: str, seconds: int | None = 50) -> None:
        if name not in one.visit.value:
            with pytest.raises(KeyError):
                one.handle.expire(name, seconds)
            return
        one.handle.expire(name, seconds)
        one.visit.marks.pop(name, None)
        if seconds is not None:
            one.visit.marks[name] = (seconds * 1000, self.clock.ms)

    def last(self, one: Open, name: str) -> None:
        self.expire(one, name, None)

    def clear(self, one: Open, name: str) -> None:
        one.handle.clear()
        one.visit.clear()

    def discard(self, one: Open, name: str) -> None:
        one.handle.discard()
        one.visit.discard()

    def replace(self, one: Open, name: str) -> None:
        value = FIRST if name == "n" else {name: next(self.numbers)}
        one.handle.replace(value)
        one.visit.replace(value)

    def wait(self, one: Open, name: str) -> None:
        self.move(51_000)

    def outlast(self, one: Open, name: str) -> None:
        """The handler takes longer than the session lives."""
        self.move(IDLE if one.visit.ends is None else max(0, one.visit.ends - self.clock.ms))

    def outlive(self, one: Open, name: str) -> None:
        """The handler takes longer than its lease lasts."""
        self.move(LEASE + 1000)

    def is_edited(self, one: Open, name: str) -> None:
        """Somebody changes one member of the record."""
        key, number = one.visit.key, next(self.numbers)
        entry = self.model.there(key)
        if entry is not None:
            record = {**entry.record, name: number}
            self.outside.update(key, lambda _: record)
            self.model.entries[key] = Entry(record, entry.ends)

    def is_written(self, one: Open, name: str) -> None:
        record = {"n": next(self.numbers), name: next(self.numbers)}
        self.outside.set(one.visit.key, record)
        self.model.entries[one.visit.key] = Entry(record, None)

    def is_dropped(self, one: Open, name: str) -> None:
        assert self.outside.delete(one.visit.key) is (self.model.there(one.visit.key) is not None)
        self.model.entries.pop(one.visit.key, None)

    def save(self, one: Open, name: str) -> None:
        outcome = one.visit.part(saves=True)
        self.came_to(f"save: {outcome}")
        if outcome in ERRORS:
            with pytest.raises(ERRORS[outcome]):
                one.handle.save()
            self.finish(one, "well")
            return
        one.handle.save()
        if one.visit.habits.takes_turns:
            self.model.hold(one.visit, LEASE)
        self.compare(one.visit.key)

    # How both go on together.

    def begun(self, by: str, key: str, lazy: bool) -> Open | None:
        handle = self.workers[by].open(key, lazy=lazy)
        one = Open(by, handle, Visit(self.model, key, WORKERS[by][0], FIRST))
        if lazy:
            handle.begin()
            self.came_to("opened: lazy")
        elif not self.enter(one, handle.begin):
            return None
        self.opened.append(one)
        return one

    def do(self, one: Open, acts: list[tuple[str, str]]) -> bool:
        """Whether the session is open still, after these *acts*."""
        for act, name in acts:
            self.came_to(f"do: {act}")
            getattr(self, act)(one, name)
            if one not in self.opened:
                return False
            self.agree(one)
        return True

    def move(self, ms: int) -> None:
        before = {key: self.model.contents(key) for key in KEYS}
        self.clock.tick(ms / 1000)
        for key, contents in before.items():
            now = self.model.contents(key)
            if contents is not None and now is None:
                self.came_to("ended")
            elif contents is not None and now is not None and contents.members != now.members:
                self.came_to("member ended")
            self.compare(key)

    def refusal(self, one: Open) -> type[StorageError] | None:
        """What somebody is told who wants the lease that another has."""
        if not one.visit.habits.takes_turns:
            return None
        here = [other for other in self.opened if other.visit.loaded and other is not one]
        if any((each.worker, each.visit.key) == (one.worker, one.visit.key) for each in here):
            return ReentryError
        return None if self.model.holder(one.visit.key) is None else LeaseTimeoutError

    def enter(self, one: Open, load: Callable[[], Any]) -> bool:
        refusal = self.refusal(one)
        if refusal is not None:
            with pytest.raises(refusal):
                load()
            self.came_to("refused: again" if refusal is ReentryError else "refused: held")
            return False
        one.session = load()
        one.visit.load()
        self.model.hold(one.visit, LEASE) if one.visit.habits.takes_turns else None
        self.agree(one)
        self.came_to("opened: new" if one.visit.is_new else "opened: known")
        if any(other.visit.key == one.visit.key and other.visit.loaded for other in self.opened):
            self.came_to("at once")
        return True

    def agree(self, one: Open) -> None:
        """A dict stays the same object, and is what the model says."""
        assert one.handle.value is one.session
        assert one.session == one.visit.value
        assert one.handle.is_new is one.visit.is_new

    def saves(self, one: Open, how: str) -> bool:
        return how == "well" or (how == "with an error" and one.visit.habits.saves_errors)

    def finish(self, one: Open, how: str) -> None:
        self.opened.remove(one)
        error = HOW[how]()
        if not one.visit.loaded:
            one.handle.end(error)
            self.came_to("end: unread")
            return
        saves = self.saves(one, how)
        outcome = one.visit.part(saves)
        if error is None and outcome in ERRORS:
            with pytest.raises(ERRORS[outcome]):
                one.handle.end()
        else:
            one.handle.end(error)
        self.model.let_go(one.visit)
        self.tell(how, saves, outcome)
        self.compare(one.visit.key)

    def tell(self, how: str, saves: bool, outcome: Outcome) -> None:
        if how == "well":
            self.came_to(f"end: {outcome}")
        elif how == "struck":
            self.came_to("struck: left")
        elif saves:
            self.came_to("failed: saved" if outcome == "stored" else f"failed: {outcome}")
        else:
            self.came_to("failed: touched" if outcome == "touched" else "failed: left")

    def keys(self, parts: dict[str, Any]) -> list[str]:
        asked = {name: str(part) for name, part in parts.items()}

        def is_asked(key: str) -> bool:
            told = dict(zip(("chat", "user"), key.split(":")))
            return all(told.get(name) == part for name, part in asked.items())

        return sorted(key for key in KEYS if self.model.there(key) and is_asked(key))

    def compare(self, key: str) -> None:
        """What is stored is what the model says, and ends when it says."""
        entry = self.model.there(key)
        found, end = self.outside.get(key), self.outside.expires_at(key)
        assert found == (None if entry is None else entry.record)
        if entry is not None:
            assert _ms(end) == entry.ends
            entry.record = found


def _ms(moment: Any) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)


SHARES = {"memory": 1, "sqlite": 0.7, "valkey": 0.4}
"""How much of a long random run each gets."""

RARE = 1 if IS_LONG else 3
"""The same where what is rare is asked for."""


class Time:
    """The clock of the program that runs at the moment, for what has none of its own."""

    clock: Clock

    def __call__(self) -> float:
        return self.clock()


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    """A server does not tell which moment it is between two calls."""
    time = Time()
    for module in (storage.opened, storage.aio.opened):
        monkeypatch.setattr(module, "monotonic", time)
    for module in (storage.visits, storage.aio.visits):
        monkeypatch.setattr(module, "wall_clock", time)
    return time


WHERE = [one for one in params("memory", "sqlite", "valkey") if is_walked(*one.values[0])]


@pytest.mark.parametrize("where", WHERE)
def test_sessions_do_what_the_model_does(
    where: tuple[str, Any], time: Time, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    kind, half = where
    server = server_for(kind, request)

    def place(clock: Clock) -> AbstractContextManager[Place]:
        time.clock = clock
        return opened(kind, half, tmp_path, server, clock)

    # What is rare is asked for where programs are quick.
    is_quick = kind == "memory" and half is storage
    members = {
        "open": staticmethod(place),
        "outcomes": USUAL | SELDOM if is_quick else USUAL,
    }
    machine = type(f"SessionsOn {kind} {half.__name__}", (SessionMachine,), members)
    run_machine(machine, share=RARE if is_quick else SHARES[kind], steps=40)
