"""Random programs of two versions of the code and a writer without any, on one place: every
change that was acknowledged is in the record once and in its order, and what a version can not
read it leaves alone."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pytest
from hypothesis import strategies as st

from storage import MISSING, ConflictError, MigrationError
from storage.testing import Clock, CountingMachine, run_machine, step
from storage.testing.threads import crowd
from tests.day import is_walked
from tests.layers.places import KINDS, Place, opened, params, server_for

Log = list[int]


def boxed(data: Any) -> Any:
    """To version 2: the log is called otherwise, and its length stands beside it."""
    return data if isinstance(data, int) else {"entries": data["log"], "n": len(data["log"])}


def moved(data: Any) -> Any:
    """To version 3: the entries move into a box, which they share with nobody."""
    return data if isinstance(data, int) else {"box": {"entries": data["entries"]}, "n": data["n"]}


OLD = {1: lambda data: data if isinstance(data, int) else {"log": data}}
NEW = {**OLD, 2: boxed, 3: moved}

SHAPES: dict[int, Callable[[Log], Any]] = {
    0: lambda log: log,
    1: lambda log: {"log": log},
    3: lambda log: {"box": {"entries": log}, "n": len(log)},
}
LOGS: dict[int, Callable[[Any], Log]] = {
    0: lambda data: data,
    1: lambda data: data["log"],
    3: lambda data: data["box"]["entries"],
}


def with_one_more(version: int, number: int) -> Callable[[Any], Any]:
    return lambda data: SHAPES[version]([*LOGS[version](data), number])


class Entry(NamedTuple):
    """What the model knows of a key."""

    version: int
    log: Log
    ends: int | None


KEYS = st.sampled_from(["a", "a", "b"])
VERSIONS = st.sampled_from([1, 3])
WAYS = st.sampled_from(["update", "edit", "swap"])
TTLS = st.sampled_from([None, 0.5, 1, 2])
ACTORS = st.sampled_from(
    ["old update", "new update", "old read", "new read", "new edit", "old edit"]
)
COUNTERS = st.sampled_from(["old incr", "new incr", "old read", "new read"])


class VersionMachine(CountingMachine):
    """Version 1 is the old code and version 3 the new one; version 0 writes no envelopes."""

    open: ClassVar[Callable[[Clock], AbstractContextManager[Place]]]

    outcomes: ClassVar[frozenset[str]] = frozenset(
        {
            *("old: refused", "old: changed", "old: migrated", "new: changed", "new: migrated"),
            *("read: written anew", "read: as it is", "read: refused", "read: nothing"),
            *("at once: old refused", "at once: old changed", "at once: both changed"),
            *("count: old refused", "count: both", "ended", "moved: ended"),
            *("edit: changed", "swap: changed", "update: changed"),
        }
    )

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.stack = ExitStack()
        self.place = self.stack.enter_context(type(self).open(self.clock))
        self.codes = {version: self.code(version) for version in (1, 3)}
        self.entries: dict[str, Entry] = {}
        self.numbers = itertools.count(1)

    def teardown(self) -> None:
        try:
            found = dict(self.codes[3].items())
            living = {key: entry for key in "ab" if (entry := self.living(key))}
            assert found == {key: SHAPES[3](entry.log) for key, entry in living.items()}
        finally:
            self.stack.close()

    def code(self, version: int, *, apart: bool = False) -> Any:
        return self.place.code({1: OLD, 3: NEW}[version], apart=apart)

    # What one does after the other.

    @step(key=KEYS)
    def legacy_set(self, key: str) -> None:
        number = next(self.numbers)
        self.place.plant(json.dumps([number]), key)
        self.entries[key] = Entry(0, [number], None)

    @step(key=KEYS, version=VERSIONS, ttl=TTLS)
    def set(self, key: str, version: int, ttl: Any) -> None:
        number = next(self.numbers)
        self.codes[version].set(key, SHAPES[version]([number]), ttl=ttl)
        self.entries[key] = Entry(version, [number], self.end(ttl))

    @step(key=KEYS, version=VERSIONS, way=WAYS)
    def change(self, key: str, version: int, way: str) -> None:
        entry, number = self.living(key), next(self.numbers)
        before = self.place.kept(key)
        if entry is not None and entry.version > version:
            with pytest.raises(MigrationError) as caught:
                self.append(version, key, number, way, entry)
            assert (caught.value.key, caught.value.version) == (key, entry.version)
            assert self.place.kept(key) == before
            self.came_to("old: refused")
            return
        self.append(version, key, number, way, entry)
        log, ends = ([], None) if entry is None else (entry.log, entry.ends)
        self.entries[key] = Entry(version, [*log, number], ends)
        who = "old" if version == 1 else "new"
        self.came_to(f"{who}: migrated" if entry and entry.version < version else f"{who}: changed")
        self.came_to(f"{way}: changed")
        self.compare(key)

    @step(key=KEYS, version=VERSIONS)
    def read(self, key: str, version: int) -> None:
        entry, before = self.living(key), self.place.kept(key)
        if entry is None:
            assert self.codes[version].get(key, MISSING) is MISSING
            self.came_to("read: nothing")
        elif entry.version > version:
            with pytest.raises(MigrationError):
                self.codes[version].get(key)
            assert self.place.kept(key) == before
            self.came_to("read: refused")
        else:
            assert self.codes[version].get(key) == SHAPES[version](entry.log)
            self.entries[key] = entry._replace(version=version)
            self.came_to(f"read: {'as it is' if entry.version == version else 'written anew'}")
            self.compare(key)

    @step()
    def read_all(self) -> None:
        texts = {key: self.place.kept(key) for key in "ab" if self.living(key)}
        living = {key: self.living(key) for key in texts}
        expected = {key: SHAPES[3](entry.log) for key, entry in living.items() if entry}

        assert self.codes[3].get_many([*"ab"]) == expected
        assert dict(self.codes[3].items()) == expected
        old = dict(self.codes[1].items(on_corrupt="skip"))
        assert old == {
            key: SHAPES[1](entry.log)
            for key, entry in living.items()
            if entry and entry.version < 3
        }
        assert {key: self.place.kept(key) for key in texts} == texts

    @step(key=KEYS, version=VERSIONS, ttl=TTLS)
    def touch(self, key: str, version: int, ttl: Any) -> None:
        entry = self.living(key)

        assert self.codes[version].touch(key, ttl=ttl) is (entry is not None)
        if entry is not None:
            self.entries[key] = entry._replace(ends=self.end(ttl))
            self.compare(key)

    @step(key=KEYS, version=VERSIONS)
    def delete(self, key: str, version: int) -> None:
        assert self.codes[version].delete(key) is (self.living(key) is not None)
        self.entries.pop(key, None)

    @step(seconds=st.sampled_from([0.25, 0.5, 1]))
    def tick(self, seconds: float) -> None:
        before = [key for key in "ab" if self.living(key)]
        self.clock.tick(seconds)
        if before != [key for key in "ab" if self.living(key)]:
            self.came_to("ended")

    @step(key=KEYS, version=VERSIONS)
    def tick_to_the_end(self, key: str, version: int) -> None:
        """To the millisecond before it, and to the very one."""
        entry = self.living(key)
        if entry is None or entry.ends is None:
            return
        left = entry.ends + self.place.late_ms - self.clock.ms
        self.clock.tick((left - 1) / 1000)
        assert self.codes[version].has(key)
        self.clock.tick(0.001)
        assert not self.codes[version].has(key)
        self.came_to("moved: ended")

    # What many do at the same time.

    @step(key=KEYS, actors=st.lists(ACTORS, min_size=3, max_size=5))
    def at_once(self, key: str, actors: list[str]) -> None:
        entry = self.living(key)
        done = crowd([self.actor(key, actor) for actor in actors])
        changed = {actor.partition(" ")[0] for actor, own in zip(actors, done) if own}
        numbers = [number for own in done for number in own]
        refused = any(
            "old" in one and "read" not in one and not own for one, own in zip(actors, done)
        )
        log = self.found(key)
        before = [] if entry is None else entry.log

        assert log[: len(before)] == before
        assert sorted(log[len(before) :]) == sorted(numbers)
        for own in done:
            assert [number for number in log if number in own] == own
        self.settle(key, entry, log)
        self.came_to("at once: old refused" if refused else "at once: nobody refused")
        self.came_to("at once: old changed" if "old" in changed else "at once: old did not")
        self.came_to("at once: both changed" if len(changed) == 2 else "at once: one of them")

    @step(actors=st.lists(COUNTERS, min_size=3, max_size=5), first=VERSIONS)
    def count_at_once(self, actors: list[str], first: int) -> None:
        self.codes[first].set("n", 0)
        sums = crowd([self.counter(actor) for actor in actors])

        counted = [total for total in sums if total is not None]
        assert sorted(counted) == list(range(1, len(counted) + 1))
        assert self.codes[3].get("n") == len(counted)
        assert self.codes[3].delete("n")
        by = {actor for actor, total in zip(actors, sums) if total is not None}
        refused = any(a == "old incr" and total is None for a, total in zip(actors, sums))
        self.came_to("count: both" if len(by) == 2 else "count: one")
        self.came_to("count: old refused" if refused else "count: nobody refused")

    def actor(self, key: str, actor: str) -> Callable[[], Log]:
        """Who makes two changes, as far as it is let, and says which it made."""
        who, way = actor.split()
        version = 1 if who == "old" else 3
        store = self.code(version, apart=True)
        numbers = [next(self.numbers), next(self.numbers)]

        def act() -> Log:
            done = []
            for number in numbers:
                try:
                    if way == "read":
                        store.get(key)
                        continue
                    self.append(version, key, number, way, None, store)
                    done.append(number)
                except (MigrationError, ConflictError):
                    pass
            return done

        return act

    def counter(self, actor: str) -> Callable[[], int | None]:
        who, way = actor.split()
        store = self.code(1 if who == "old" else 3, apart=True)

        def act() -> int | None:
            try:
                total: int = store.incr("n") if way == "incr" else store.get("n")
            except MigrationError:
                return None
            return total if way == "incr" else None

        return act

    def append(
        self, version: int, key: str, number: int, way: str, entry: Entry | None, store: Any = None
    ) -> None:
        store = self.codes[version] if store is None else store
        if way == "update":
            store.update(key, with_one_more(version, number), default=SHAPES[version]([]))
        elif way == "edit":
            with store.edit(key, default=SHAPES[version]([])) as draft:
                LOGS[version](draft).append(number)
                if "n" in draft:
                    draft["n"] += 1
        else:
            old = MISSING if entry is None else SHAPES[version](entry.log)
            log = [] if entry is None else entry.log
            assert store.swap(key, old, SHAPES[version]([*log, number]))

    # The model.

    def living(self, key: str) -> Entry | None:
        entry = self.entries.get(key)
        if entry is None or entry.ends is None:
            return entry
        return entry if self.clock.ms < entry.ends + self.place.late_ms else None

    def end(self, ttl: Any) -> int | None:
        return None if ttl is None else self.clock.ms + round(ttl * 1000)

    def found(self, key: str) -> Log:
        """The log as it is kept, in whichever version."""
        text = self.place.kept(key)
        if text is None:
            return []
        record = self.record(text)
        return LOGS[record["__v"]](record["data"])

    def record(self, text: str) -> dict[str, Any]:
        value: Any = json.loads(text)
        return value if isinstance(value, dict) else {"__v": 0, "data": value}

    def settle(self, key: str, entry: Entry | None, log: Log) -> None:
        """Take over what is there after many were at it; the end is what it was."""
        text = self.place.kept(key)
        if text is None or not log:
            return
        version = self.record(text)["__v"]
        assert entry is None or version >= entry.version
        self.entries[key] = Entry(version, log, None if entry is None else entry.ends)
        self.compare(key)

    def compare(self, key: str) -> None:
        """What is kept is what the model says: version, data and end."""
        entry, text = self.entries[key], self.place.kept(key)
        assert text is not None
        record = self.record(text)
        assert record["__v"] == entry.version
        assert record["data"] == SHAPES[entry.version](entry.log)
        assert entry.ends == (self.place.ends(key) if self.place.native else record.get("__exp"))


WHERE = [one for one in params(*KINDS) if is_walked(*one.values[0])]


@pytest.mark.parametrize("where", WHERE)
def test_versions_of_the_code_lose_nothing_of_each_other(
    where: tuple[str, Any], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    kind, half = where
    server = server_for(kind, request)

    def place(clock: Clock) -> AbstractContextManager[Place]:
        return opened(kind, half, tmp_path, server, clock)

    name = f"VersionsOn {kind} {half.__name__}"
    machine = type(name, (VersionMachine,), {"open": staticmethod(place)})
    run_machine(machine, share=0.25, steps=40)
