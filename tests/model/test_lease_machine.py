"""Random programs on leases and claims, and on a list of who asked."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st

import storage
from storage.testing import Bridge, Clock, CountingMachine, run_machine, step
from tests.contract.backends import BACKENDS, Ground, Row

KEYS = st.sampled_from(["k", "k", "k", "other"])
TOKENS = st.sampled_from(["ann", "bob", "cid", "dot"])
TTLS = st.sampled_from([1, 100, 1000, 5000])
PATIENCE = st.sampled_from([0, 100, 1000, 5000])

Ends = dict[str, int]


class LeaseMachine(CountingMachine):
    """The model keeps the ends of holders, of places in their order, and of claims."""

    make: ClassVar[Callable[..., Any]]

    outcomes: ClassVar[frozenset[str]] = frozenset(
        {
            *("granted: free", "granted: again", "granted: next", "refused: held"),
            *("refused: behind", "refused: no place", "renewed", "released", "lost"),
            *("claim: taken", "claim: again", "claim: busy", "claim: done", "done: late"),
        }
    )

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.bridge = Bridge()
        made = type(self).make(self.clock)
        half: Any = storage if isinstance(made, storage.Storage) else storage.aio
        self.store = self.bridge.driven(made)
        self.room = self.bridge.driven(made.room(half.LeaseStore))
        self.holders: dict[str, tuple[str, int]] = {}
        self.queues: dict[str, Ends] = {"k": {}, "other": {}}
        self.claims: dict[str, tuple[str, bool, int]] = {}

    def teardown(self) -> None:
        self.store.close()
        self.bridge.close()

    @step(key=KEYS, token=TOKENS, ttl=TTLS, patience=PATIENCE)
    def acquire(self, key: str, token: str, ttl: int, patience: int) -> None:
        holder, queue = self.holder(key), self.queue(key)
        first = next(iter(queue), token)
        told = self.room.acquire(key, token, ttl, patience)
        if holder is not None and holder[0] != token:
            assert told == (False, holder[1] - self.clock.ms)
            self.came_to("refused: held")
        elif holder is None and first != token:
            assert told == (False, queue[first] - self.clock.ms)
            self.came_to("refused: behind")
        else:
            assert told == (True, 0)
            how = "again" if holder is not None else "next" if token in queue else "free"
            self.came_to(f"granted: {how}")
            self.holders[key] = (token, self.clock.ms + ttl)
            queue.pop(token, None)
            return
        if patience:
            queue[token] = self.clock.ms + patience
        else:
            self.came_to("refused: no place")

    @step(key=KEYS, token=TOKENS, ttl=TTLS)
    def renew(self, key: str, token: str, ttl: int) -> None:
        held = self.holds(key, token)

        assert self.room.renew(key, token, ttl) is held
        self.came_to("renewed" if held else "lost")
        if held:
            self.holders[key] = (token, self.clock.ms + ttl)

    @step(key=KEYS, token=TOKENS)
    def release(self, key: str, token: str) -> None:
        held = self.holds(key, token)

        assert self.room.release(key, token) is held
        self.queue(key).pop(token, None)
        if held:
            del self.holders[key]
            self.came_to("released")

    @step(key=KEYS, token=TOKENS, ttl=TTLS)
    def claim(self, key: str, token: str, ttl: int) -> None:
        there = self.claimed(key)
        told = self.room.claim(key, token, ttl)
        if there is None or (there[0] == token and not there[1]):
            assert told == "taken"
            self.came_to("claim: taken" if there is None else "claim: again")
            self.claims[key] = (token, False, self.clock.ms + ttl)
        else:
            assert told == ("done" if there[1] else "busy")
            self.came_to(f"claim: {told}")

    @step(key=KEYS, token=TOKENS, ttl=TTLS)
    def done(self, key: str, token: str, ttl: int) -> None:
        there = self.claimed(key)
        ours = there is None or there[0] == token

        assert self.room.done(key, token, ttl) is ours
        if ours:
            self.claims[key] = (token, True, self.clock.ms + ttl)
        else:
            self.came_to("done: late")

    @step(ms=st.sampled_from([1, 99, 100, 999, 1000]))
    def tick(self, ms: int) -> None:
        self.clock.tick(ms / 1000)

    def holder(self, key: str) -> tuple[str, int] | None:
        there = self.holders.get(key)
        return None if there is None or there[1] <= self.clock.ms else there

    def holds(self, key: str, token: str) -> bool:
        holder = self.holder(key)
        return holder is not None and holder[0] == token

    def queue(self, key: str) -> Ends:
        """Who stands there still; who lost the place comes back as the last."""
        alive = {token: end for token, end in self.queues[key].items() if end > self.clock.ms}
        self.queues[key] = alive
        return alive

    def claimed(self, key: str) -> tuple[str, bool, int] | None:
        there = self.claims.get(key)
        return None if there is None or there[2] <= self.clock.ms else there


ROWS = [row for row in BACKENDS if row.name in ("memory", "sqlite")]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_leases_do_what_the_model_does(row: Row, tmp_path: Path) -> None:
    numbers = itertools.count()

    def make(clock: Clock) -> Any:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        return row.opened(Ground(folder, clock, None))

    machine = type(f"LeasesOf{row}", (LeaseMachine,), {"make": staticmethod(make)})
    run_machine(machine, share=row.share)
