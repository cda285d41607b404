"""Many updates of one session at once, each of a field of its own."""

from __future__ import annotations

from typing import Any

from ..crowds import Tasks, event_loop
from ..race import HOT, Race, Racer
from ..redis.settings import Settings
from ..redis.sides import Aiogram, Ours
from ..report import Report

FIELDS = [f"field {number}" for number in range(90)]


def crowd(report: Report, chosen: Settings) -> None:
    """90 updates at once of 90 fields of one session."""
    with event_loop() as loop:
        tasks = Tasks(loop, len(FIELDS))
        try:
            theirs, again = Aiogram(chosen), Aiogram(chosen)
        except ImportError as error:
            report.say(f"    left out: {error}")
            return
        record = chosen.sizes[0].record(0)
        for name, options in (("with the lease", {}), ("merged", {"lock": False})):
            ours = Ours(chosen, **options)
            text = f"async with sessions.open(key) as session: session[field] = True ({name})"
            race = Race(f"{len(FIELDS)} fields at once, {name}, tasks")
            racers = [
                _racer(side, words, record, tasks)
                for side, words in ((ours, text), (theirs, "the same"), (again, "the same"))
            ]
            race.run(report, racers[0], racers[1], racers[2], chosen.some(3))
            tasks.wait_for(ours.aclose())
        for side in (theirs, again):
            tasks.wait_for(side.aclose())


def _racer(side: Any, text: str, record: dict[str, Any], tasks: Tasks) -> Racer:
    def left() -> int:
        return len(tasks.wait_for(side.get(HOT)).keys() & set(FIELDS))

    return Racer(
        text,
        tasks.work(side.field, [(HOT, field) for field in FIELDS]),
        lambda: tasks.wait_for(side.put(HOT, record)),
        left,
        len(FIELDS),
    )
