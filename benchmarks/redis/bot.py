"""One update of a bot, by asyncio: load what is known of a user, change it, save it."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import count
from typing import Any

from ..crowds import TASKS, Tasks, event_loop
from ..harness import Variant
from ..load import Load, named
from ..report import Case, Report, Target
from .settings import Settings
from .sides import OURS, THEIRS, THEIRS_UNLOCKED, Aiogram, Ours

ENTRIES, OPERATIONS = 1_000, 500

UPDATE = "await store.update(key, lambda data: {**data, 'n': n})"

_TARGET = Target(0.2)


def bot(report: Report, chosen: Settings) -> None:
    """Sessions and `update` against what aiogram's dispatcher and a handler do, on the wall."""
    with event_loop() as loop, ExitStack() as stack:
        crowd = Tasks(loop)
        try:
            sides = Sides(chosen, crowd, stack)
        except ImportError as error:
            report.say(f"    left out: {error}")
            return
        for size in chosen.sizes:
            load = Load(size, ENTRIES, size.operations(OPERATIONS))
            sides.fill(crowd, load)
            for many in (1, TASKS):
                for case in sides.cases(crowd.of(many), load):
                    report.run(case, chosen.some(21))


class Sides:
    """Ours and theirs, which *stack* closes."""

    def __init__(self, chosen: Settings, crowd: Tasks, stack: ExitStack) -> None:
        self._theirs, self._again = Aiogram(chosen), Aiogram(chosen)
        self._leased = Ours(chosen)
        self._merged = Ours(chosen, lock=False, on_conflict="ours")
        self._store = chosen.aio_store()
        held: list[Any] = [self._theirs, self._again, self._leased, self._merged, self._store]
        for one in held:
            stack.callback(_close, crowd, one)
        self._numbers = count()

    def fill(self, crowd: Tasks, load: Load) -> None:
        """A record of each user, for each of them."""
        items = [(named(place), load.size.record(place)) for place in range(ENTRIES)]
        for put in (self._theirs.put, self._again.put, self._leased.put, self._store.set):
            crowd.work(put, items)()

    def cases(self, crowd: Tasks, load: Load) -> list[Case]:
        """With a lock on either side, and without: what keeps everything, and what is usual."""
        target = _TARGET if crowd.many > 1 else None
        about = f"{crowd.name}, {load.size.name}"
        locked, again = (
            self._variant(crowd, load, THEIRS, side.change) for side in (self._theirs, self._again)
        )
        usual, usual_again = (
            self._variant(crowd, load, THEIRS_UNLOCKED, side.unlocked)
            for side in (self._theirs, self._again)
        )
        leased = self._variant(crowd, load, OURS, self._leased.change)
        merged = self._variant(crowd, load, f"{OURS} (lock=False)", self._merged.change)
        update = self._variant(crowd, load, UPDATE, self._update)
        return [
            Case(f"bot, lease, isolation, {about}", leased, locked, target, again, clock="wall"),
            Case(f"bot, merged, {about}", merged, usual, target, usual_again, clock="wall"),
            Case(f"bot, update, {about}", update, usual, target, clock="wall"),
        ]

    async def _update(self, user: str, number: int) -> None:
        await self._store.update(user, lambda data: {**data, "n": number})

    def _variant(self, crowd: Tasks, load: Load, text: str, step: Any) -> Variant:
        def numbered(key: str, value: Any) -> Any:
            return step(key, next(self._numbers))

        return crowd.sets(load, text, numbered)


def _close(crowd: Tasks, one: Any) -> None:
    crowd.wait_for(one.aclose())
