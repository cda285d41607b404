"""What one update costs, next to aiogram."""

from __future__ import annotations

from itertools import count
from typing import Any

from ..crowds import TASKS, Tasks, event_loop
from ..harness import Variant
from ..load import Load, named
from ..redis.settings import Settings
from ..redis.sides import OURS, OURS_READ, STATELESS, THEIRS, THEIRS_READ, Aiogram, Ours
from ..report import Case, Report, Target

ENTRIES, OPERATIONS = 1_000, 400

_TARGET = Target(0.4)


def updates(report: Report, chosen: Settings) -> None:
    """Load, change and save a session; aiogram's isolation has a lock, as our lease is one."""
    with event_loop() as loop:
        try:
            sides = Sides(chosen, Tasks(loop))
        except ImportError as error:
            report.say(f"    left out: {error}")
            return
        for many in (1, TASKS):
            for case in sides.cases(chosen, Tasks(loop, many)):
                report.run(case, chosen.some(21))
        sides.close(Tasks(loop))


class Sides:
    """Ours and theirs, with a session under every key."""

    def __init__(self, chosen: Settings, crowd: Tasks) -> None:
        self._theirs, self._again = Aiogram(chosen), Aiogram(chosen)
        self._leased = Ours(chosen)
        self._merged = Ours(chosen, lock=False, on_conflict="ours")
        self._numbers = count()
        for side in (self._theirs, self._leased):
            items = [(named(place), chosen.sizes[0].record(place)) for place in range(ENTRIES)]
            crowd.work(side.put, items)()

    def cases(self, chosen: Settings, crowd: Tasks) -> list[Case]:
        """Each way of ours against aiogram."""
        load = Load(chosen.sizes[0], ENTRIES, OPERATIONS)
        changes = {
            name: self._variant(crowd, load, text, step)
            for name, text, step in (
                ("leased", OURS, self._leased.change),
                ("merged", f"{OURS} (lock=False)", self._merged.change),
                ("theirs", THEIRS, self._theirs.change),
                ("again", THEIRS, self._again.change),
                ("stateless", STATELESS, self._theirs.stateless),
                ("alone", "the same without isolation and without get_state", self._theirs.alone),
            )
        }
        reads = {
            name: self._variant(crowd, load, text, step)
            for name, text, step in (
                ("leased", OURS_READ, self._leased.read),
                ("merged", f"{OURS_READ} (lock=False)", self._merged.read),
                ("theirs", THEIRS_READ, self._theirs.read),
            )
        }
        theirs, again = changes["theirs"], changes["again"]
        about = f"aiogram, {crowd.name}"
        return [
            Case(
                f"update with the lease, {about}",
                changes["leased"],
                theirs,
                _TARGET,
                again,
                [changes["stateless"]],
            ),
            Case(
                f"update merged, {about}",
                changes["merged"],
                theirs,
                beside=[changes["stateless"], changes["alone"]],
            ),
            Case(f"read-only update with the lease, {about}", reads["leased"], reads["theirs"]),
            Case(f"read-only update merged, {about}", reads["merged"], reads["theirs"]),
        ]

    def close(self, crowd: Tasks) -> None:
        """Close both."""
        for side in (self._theirs, self._again, self._leased, self._merged):
            crowd.wait_for(side.aclose())

    def _variant(self, crowd: Tasks, load: Load, text: str, step: Any) -> Variant:
        def numbered(key: str, value: Any) -> Any:
            return step(key, next(self._numbers))

        return crowd.sets(load, text, numbered)
