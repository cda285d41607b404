"""The steps of random programs that look and write at once, and those that must be refused where
nothing does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st

from ..errors import UnstorableError, UnsupportedError, WrongTypeError
from ..records import DELETE, MISSING
from ..ttl import DEFAULT, KEEP
from .model import assert_same, is_same
from .program import COUNTS, KEYS, PAST, PATHS, TTLS, VALUES, KVMachine, Path
from .runs import step
from .strategies import SAFE

MOVED = (None, 0.5, 10, timedelta(seconds=4), PAST)


class Stepping(KVMachine):
    """What is there is looked at and changed at once."""

    outcomes: ClassVar[frozenset[str]] = frozenset(
        {
            *("incr: refused", "incr: done", "swap: done", "swap: refused"),
            *("update: done", "update: nothing there"),
            *("edit: changed", "edit: the same", "edit: refused"),
        }
    )

    @step(path=PATHS, key=KEYS, ttl=TTLS)
    def touch(self, path: Path, key: str, ttl: Any) -> None:
        ttl, told = self.lasting(ttl)
        value = self.model.read(self.at(path, key))

        assert self.views[path].touch(key, **told) is (value is not MISSING)
        if value is not MISSING:
            stays = ttl is DEFAULT and self.model.default is None
            self.model.write(self.at(path, key), value, KEEP if stays else ttl)

    @step(path=PATHS, key=KEYS, value=VALUES, ttl=TTLS)
    def add(self, path: Path, key: str, value: Any, ttl: Any) -> None:
        value, (ttl, told) = self.fit(value), self.lasting(ttl)
        missing = not self.there(path, key)

        assert self.views[path].add(key, value, **told) is missing
        if missing:
            self.model.write(self.at(path, key), value, ttl)

    @step(path=PATHS, key=KEYS, by=COUNTS, initial=COUNTS, ttl=TTLS)
    def incr(self, path: Path, key: str, by: int, initial: int, ttl: Any) -> None:
        ttl, told = self.lasting(ttl, KEEP)
        value = self.model.read(self.at(path, key))
        total = initial + by if value is MISSING else value + by if type(value) is int else None

        def call() -> object:
            return self.views[path].incr(key, by, initial=initial, **told)

        if total is None or abs(total) > SAFE:
            with pytest.raises(WrongTypeError if total is None else UnstorableError):
                call()
            self.came_to("incr: refused")
            return
        assert_same(call(), total)
        self.model.write(self.at(path, key), total, ttl)
        self.came_to("incr: done")

    @step(path=PATHS, key=KEYS, old=st.one_of(VALUES, st.just(MISSING)), hit=st.booleans(),
          new=st.one_of(VALUES, st.just(DELETE)), ttl=TTLS)  # fmt: skip
    def swap(self, path: Path, key: str, old: Any, hit: bool, new: Any, ttl: Any) -> None:
        (ttl, told), new = self.lasting(ttl, KEEP), self.fit(new)
        value = self.model.read(self.at(path, key))
        old = value if hit else self.fit(old)
        swapped = is_same(value, old)

        assert self.views[path].swap(key, old, new, **told) is swapped
        if swapped:
            self.model.write(self.at(path, key), new, ttl)
        self.came_to("swap: done" if swapped else "swap: refused")

    @step(path=PATHS, key=KEYS, result=st.one_of(VALUES, st.just(DELETE), st.just(MISSING)),
          default=st.one_of(VALUES, st.just(MISSING)), ttl=TTLS)  # fmt: skip
    def update(self, path: Path, key: str, result: Any, default: Any, ttl: Any) -> None:
        """A *result* of `MISSING` gives the value back as it is."""
        (ttl, told), result, default = self.lasting(ttl, KEEP), self.fit(result), self.fit(default)
        value = self.model.read(self.at(path, key))
        value = default if value is MISSING else value

        def change(found: Any) -> Any:
            assert_same(found, value)
            return found if result is MISSING else result

        if value is MISSING:
            with pytest.raises(KeyError):
                self.views[path].update(key, change, **told)
            self.came_to("update: nothing there")
            return
        new = value if result is MISSING else result
        given = self.views[path].update(key, change, default=default, **told)
        assert given is DELETE if new is DELETE else is_same(given, new)
        self.model.write(self.at(path, key), new, ttl)
        self.came_to("update: done")

    @step(path=PATHS, key=KEYS, member=st.sampled_from(["", "n", "m"]), value=VALUES,
          default=st.sampled_from([{}, [], MISSING]), ttl=TTLS)  # fmt: skip
    def edit(self, path: Path, key: str, member: str, value: Any, default: Any, ttl: Any) -> None:
        """Without a *member* the draft is left alone."""
        ttl, told = self.lasting(ttl, KEEP)
        before = self.model.read(self.at(path, key))
        draft = default if before is MISSING else before
        if not isinstance(draft, (dict, list)):
            kind = KeyError if draft is MISSING else WrongTypeError
            with pytest.raises(kind), self.views[path].edit(key, default=default, **told):
                pytest.fail("there is no draft")
            self.came_to("edit: refused")
            return
        with self.views[path].edit(key, default=default, **told) as found:
            assert_same(found, draft)
            after = _put(found, member, value) if member else draft
        is_changed = not is_same(after, draft)
        if is_changed or before is not MISSING:
            self.model.write(self.at(path, key), after, ttl)
        self.came_to("edit: changed" if is_changed else "edit: the same")

    @step(path=PATHS, key=KEYS, made=VALUES, ttl=TTLS)
    def get_or_set(self, path: Path, key: str, made: Any, ttl: Any) -> None:
        made, (ttl, told) = self.fit(made), self.lasting(ttl)
        value = self.model.read(self.at(path, key))

        found = self.views[path].get_or_set(key, lambda: made, **told)
        assert_same(found, made if value is MISSING else value)
        if value is MISSING:
            self.model.write(self.at(path, key), made, ttl)


class Stepless(KVMachine):
    """Nothing looks and writes at once, and nothing may be asked to."""

    outcomes: ClassVar[frozenset[str]] = frozenset({"touch: there"})

    @step(path=PATHS, key=KEYS)
    def touch(self, path: Path, key: str) -> None:
        """It says whether the key is there, and moves nothing."""
        if self.model.default is not None:
            with pytest.raises(UnsupportedError):
                self.views[path].touch(key)
            return
        there = self.there(path, key)
        assert self.views[path].touch(key) is there
        if there:
            self.came_to("touch: there")

    @step(path=PATHS, key=KEYS, value=VALUES)
    def steps_are_refused(self, path: Path, key: str, value: Any) -> None:
        store, value, ran = self.views[path], self.fit(value), list[object]()
        calls: list[Callable[[], object]] = [
            lambda: store.add(key, value),
            lambda: store.incr(key),
            lambda: store.swap(key, value, DELETE),
            lambda: store.update(key, ran.append, default=value),
            lambda: store.get_or_set(key, lambda: ran.append(1)),
            lambda: store.edit(key, default={}),
        ]
        for call in calls:
            with pytest.raises(UnsupportedError):
                call()
        assert not ran

    @step(path=PATHS, key=KEYS, value=VALUES, ttl=st.sampled_from(MOVED))
    def no_end_is_kept_or_moved(self, path: Path, key: str, value: Any, ttl: Any) -> None:
        store, value = self.views[path], self.fit(value)
        with pytest.raises(UnsupportedError):
            store.set(key, value, ttl=KEEP)
        with pytest.raises(UnsupportedError):
            store.set_many({key: value}, ttl=KEEP)
        with pytest.raises(UnsupportedError):
            store.touch(key, ttl=ttl)


def _put(draft: Any, member: str, value: Any) -> Any:
    """Change a draft, and give a copy of what it is then."""
    if isinstance(draft, dict):
        draft[member] = value
        return dict(draft)
    draft.append(value)
    return list(draft)
