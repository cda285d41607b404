"""Random programs on a bounded store and on an `OrderedDict`: who makes room for whom."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import initialize

from ..records import MISSING
from .bridge import Bridge
from .clock import Clock
from .runs import CountingMachine, step

KEYS = st.sampled_from("abcdefg")
TTLS = st.sampled_from([None, None, 1, 3])


class LruMachine(CountingMachine):
    """`get` and the writes count as use; `has`, `delete` and listing do not. What is over goes
    before what is alive."""

    make: ClassVar[Callable[..., Any]]

    outcomes: ClassVar[frozenset[str]] = frozenset(
        {"evicted", "spared: something used later was over"}
    )

    def __init__(self) -> None:
        super().__init__()
        self.clock: Clock = Clock()
        self.bridge: Bridge = Bridge()
        self.entries: OrderedDict[str, tuple[int, int | None]] = OrderedDict()
        self.written: int = 0

    @initialize(most=st.integers(1, 4))
    def begin(self, most: int) -> None:
        self.most: int = most
        self.store: Any = self.bridge.driven(type(self).make(self.clock, most))

    def teardown(self) -> None:
        try:
            self.list_all()
        finally:
            self.store.close()
            self.bridge.close()

    @step(key=KEYS, ttl=TTLS)
    def set(self, key: str, ttl: int | None) -> None:
        self.store.set(key, self.use(key, ttl), ttl=ttl)

    @step(key=KEYS)
    def set_for_a_moment(self, key: str) -> None:
        """The entry that was used last is the first that is over."""
        self.set(key=key, ttl=1)
        self.clock.tick(1)

    @step(keys=st.lists(KEYS, min_size=1, max_size=4, unique=True), ttl=TTLS)
    def set_many(self, keys: list[str], ttl: int | None) -> None:
        self.store.set_many({key: self.use(key, ttl) for key in keys}, ttl=ttl)

    @step(key=KEYS, ttl=TTLS)
    def add(self, key: str, ttl: int | None) -> None:
        there = key in self.live()
        value = -1 if there else self.use(key, ttl)

        assert self.store.add(key, value, ttl=ttl) is not there

    @step(key=KEYS)
    def update(self, key: str) -> None:
        there = self.live().get(key)
        if there is None:
            return
        value = self.use(key, None, end=there[1])

        assert self.store.update(key, lambda found: value) == value

    @step(key=KEYS)
    def get(self, key: str) -> None:
        there = self.live().get(key)
        if there is not None:
            self.entries.move_to_end(key)

        assert self.store.get(key, MISSING) == (MISSING if there is None else there[0])

    @step(key=KEYS)
    def has(self, key: str) -> None:
        assert self.store.has(key) is (key in self.live())

    @step(key=KEYS)
    def delete(self, key: str) -> None:
        there = key in self.live()
        self.entries.pop(key, None)

        assert self.store.delete(key) is there

    @step()
    def list_all(self) -> None:
        expected = {key: value for key, (value, _) in self.live().items()}

        assert dict(self.store.items()) == expected

    @step(seconds=st.sampled_from([0.5, 1, 2]))
    def tick(self, seconds: float) -> None:
        self.clock.tick(seconds)

    def live(self) -> dict[str, tuple[int, int | None]]:
        now = self.clock.ms
        return {key: one for key, one in self.entries.items() if one[1] is None or one[1] > now}

    def use(self, key: str, ttl: int | None, end: int | None = None) -> int:
        """A new value under *key*, for which another key may have to go."""
        live = self.live()
        if key not in live and len(live) >= self.most:
            victim = next(one for one in self.entries if one in live)
            del self.entries[victim]
            self.came_to("evicted")
        elif (
            key not in live and len(self.entries) >= self.most and next(iter(self.entries)) in live
        ):
            self.came_to("spared: something used later was over")
        self.entries = OrderedDict((one, self.entries[one]) for one in self.entries if one in live)
        self.written += 1
        end = end if ttl is None else self.clock.ms + ttl * 1000
        self.entries[key] = (self.written, end)
        self.entries.move_to_end(key)
        return self.written


def lru_machine(make: Callable[..., Any]) -> type[LruMachine]:
    """A machine for the stores that *make(clock, max)* gives, of either colour."""
    return type("LruAgainstModel", (LruMachine,), {"make": staticmethod(make)})
