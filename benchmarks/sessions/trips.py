"""How often a server is asked in one update, as it tells itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from tests import servers
from tests.servers.counting import counted

from ..crowds import Alone, Tasks, event_loop
from ..harness import Spread
from ..load import small
from ..redis.settings import Settings
from ..redis.sides import OURS, OURS_READ, THEIRS, THEIRS_READ, Aiogram, Blocking, Ours
from ..report import Report, Row, Target

USER = "user"
WRITES = {"SET", "DEL", "UNLINK", "PEXPIRE", "PERSIST"}


def trips(report: Report, chosen: Settings) -> None:
    """Trips to the server, and writes of the session: what counts on a real network."""
    with event_loop() as loop:
        crowd = Tasks(loop)
        base = _of_aiogram(report, chosen, crowd)
        for name, most, read, options in (
            ("with the lease", 3, 2, {}),
            ("merged", 2, 1, {"lock": False}),
        ):
            ours = Ours(chosen, **options)
            blocking = Blocking(chosen, **options)
            for half, side, one in (("aio", ours, crowd), ("blocking", blocking, Alone())):
                one.wait_for(side.put(USER, small(1)))
                count = _counter(chosen, one)
                row = f"{name}, {half}"
                _tell(report, f"update {row}", OURS, count(side.change), base[0], most)
                _tell(report, f"read-only update {row}", OURS_READ, count(side.read), base[1], read)
            crowd.wait_for(ours.aclose())
            blocking.close()


def _of_aiogram(report: Report, chosen: Settings, crowd: Tasks) -> tuple[str, str]:
    try:
        theirs = Aiogram(chosen)
    except ImportError as error:
        report.say(f"    aiogram is left out: {error}")
        return "", ""
    crowd.wait_for(theirs.put(USER, small(1)))
    count = _counter(chosen, crowd)
    changed, read = len(count(theirs.change)), len(count(theirs.read))
    crowd.wait_for(theirs.aclose())
    return f"aiogram, {changed} trips: {THEIRS}", f"aiogram, {read} trips: {THEIRS_READ}"


def _counter(chosen: Settings, crowd: Any) -> Callable[[Any], Any]:
    """What says which commands one call of a step sends, after it was called before."""
    place = urlsplit(chosen.url)

    def count(step: Any) -> Any:
        crowd.wait_for(step(USER, 1))
        with counted(lambda: servers.Wire(str(place.hostname), place.port or 0)) as calls:
            crowd.wait_for(step(USER, 2))
        return calls

    return count


def _tell(report: Report, law: str, ours: str, calls: Any, base: str, most: int) -> None:
    number = float(len(calls))
    faults = []
    if "read-only" in law:
        written = [call for call in calls.everything if _writes(call)]
        faults = [f"it wrote {len(written)} times"] if written else []
    notes = [" ".join([*calls.names, "->", *calls.scripted])]
    spread = Spread(number, number, number)
    report.add(Row(law, ours, base, spread, Target(most, " trips"), None, notes, faults, " trips"))


def _writes(call: Any) -> bool:
    """Whether a command changed the session, and not only the lease on it."""
    return call.name in WRITES and call.words[1].endswith(USER.encode())
