"""Random programs on a store and on the model, which must answer the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Final

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant

from ..errors import UnsupportedError
from ..records import DELETE, Capabilities
from ..ttl import DEFAULT, KEEP
from .model import assert_same
from .program import KEYS, PAST, PATHS, VALUES, KVMachine, Path
from .runs import step
from .stepping import Stepless, Stepping

PREFIXES = st.sampled_from(["", "", "k", "~", "a", "b:"])
WITHOUT_STEPS: Final[dict[str, dict[str, Any]]] = {
    "get": {},
    "has": {},
    "delete": {},
    "expires_at": {},
    "touch": {},
    "set": {"value": 1, "ttl": DEFAULT},
}
AT_THE_END: Final[dict[str, dict[str, Any]]] = {
    **WITHOUT_STEPS,
    "touch": {"ttl": 1},
    "set": {"value": 1, "ttl": KEEP},
    "add": {"value": 1, "ttl": KEEP},
    "incr": {"by": 1, "initial": 0, "ttl": KEEP},
    "swap": {"old": 1, "hit": True, "new": 2, "ttl": KEEP},
}
SECONDS = st.sampled_from([0.001, 0.499, 0.5, 1, 1.5, 2.5, 3600])


class Expiring(KVMachine):
    """Time passes."""

    at_the_end: ClassVar[dict[str, dict[str, Any]]] = AT_THE_END

    outcomes: ClassVar[frozenset[str]] = frozenset({"tick: to a deadline", "tick: something ended"})

    @step(seconds=SECONDS)
    def tick(self, seconds: float) -> None:
        self.pass_ms(round(seconds * 1000))

    @step(
        which=st.integers(0, 3),
        early=st.sampled_from([0, 0, 1]),
        then=st.sampled_from(["", *AT_THE_END]),
    )
    def tick_to_a_deadline(self, which: int, early: int, then: str) -> None:
        """To the very moment at which a key ends, or one millisecond before it, and there."""
        live = self.model.live().items()
        ends = sorted((end, at) for at, (_, end) in live if end is not None)
        if ends:
            end, (path, key) = ends[which % len(ends)]
            self.pass_ms(max(0, end + self.late_ms - early - self.clock.ms))
            self.came_to("tick: to a deadline")
            if then in self.at_the_end:
                getattr(self, then)(path=path, key=key, **self.at_the_end[then])

    def pass_ms(self, ms: int) -> None:
        before = len(self.model.live())
        self.clock.tick(ms / 1000)
        if len(self.model.live()) < before:
            self.came_to("tick: something ended")


class Timeless(KVMachine):
    """Nothing expires, and nothing may be asked to."""

    @step(path=PATHS, key=KEYS, value=VALUES, ttl=st.sampled_from([0.5, 10, PAST]))
    def lifetimes_are_refused(self, path: Path, key: str, value: Any, ttl: Any) -> None:
        store, value = self.views[path], self.fit(value)
        for call in (store.set, store.add, lambda k, v, ttl: store.set_many({k: v}, ttl=ttl)):
            with pytest.raises(UnsupportedError):
                call(key, value, ttl=ttl)
        with pytest.raises(UnsupportedError):
            store.touch(key, ttl=ttl)


class Listing(KVMachine):
    """Keys can be listed."""

    @step(path=PATHS, prefix=PREFIXES)
    def keys(self, path: Path, prefix: str) -> None:
        expected = [key for key in self.listed(path) if key.startswith(prefix)]

        assert sorted(self.views[path].keys(prefix)) == sorted(expected)

    @step(path=PATHS, prefix=PREFIXES)
    def items(self, path: Path, prefix: str) -> None:
        listed = self.listed(path)
        expected = {key: value for key, value in listed.items() if key.startswith(prefix)}

        assert_same(dict(self.views[path].items(prefix)), expected)
        assert len(list(self.views[path].values(prefix))) == len(expected)

    @step(path=PATHS, rarely=st.sampled_from([False, False, False, True]))
    def clear(self, path: Path, rarely: bool) -> None:
        if not rarely:
            return
        start = "".join(f"{name}:" for name in path)
        gone = [
            at
            for at in self.model.live()
            if (at[1].startswith(start) if self.verbatim else at[0][: len(path)] == path)
        ]

        assert self.views[path].clear(everything=not path) == len(gone)
        for at in gone:
            self.model.write(at, DELETE, None)
        self.came_to("clear: done")


class Unlisted(KVMachine):
    """Keys can not be listed."""

    @step(path=PATHS, prefix=PREFIXES)
    def listing_is_refused(self, path: Path, prefix: str) -> None:
        view = self.views[path]
        for call in (view.keys, view.values, view.items):
            with pytest.raises(UnsupportedError):
                list(call(prefix))
        with pytest.raises(UnsupportedError):
            view.clear(everything=True)


class Reading(KVMachine):
    """Everything is read after every step.

    It finds what the plain machine does not, and hides what that one finds: a read may free what
    is over. So both are run.
    """

    @invariant()
    def all_is_as_the_model_says(self) -> None:
        self.read_everything()


def kv_machine(
    make: Callable[..., Any],
    capabilities: Capabilities,
    *,
    reading: bool,
    verbatim: bool = False,
    knows_none: bool = True,
    late_ms: int = 0,
    name: str = "StoreAgainstModel",
) -> type[KVMachine]:
    """A machine for the stores that *make(clock, ttl=...)* gives, of either colour.

    What has ended is gone *late_ms* after it there. Where Hypothesis is derandomized, machines of
    another *name* run other programs.
    """
    bases = (
        *([Reading] if reading else []),
        Timeless if capabilities.expiry_ms is None else Expiring,
        Listing if capabilities.iteration else Unlisted,
        Stepless if capabilities.atomic is None else Stepping,
    )
    members = {
        "make": staticmethod(make),
        "capabilities": capabilities,
        "verbatim": verbatim,
        "knows_none": knows_none,
        "late_ms": late_ms,
        "outcomes": frozenset().union(*(base.outcomes for base in bases)),
        "at_the_end": WITHOUT_STEPS if capabilities.atomic is None else AT_THE_END,
    }
    return type(name, bases, members)
