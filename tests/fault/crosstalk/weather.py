"""What goes wrong while calls are made, on the way and at the server: by chance, and counted."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from tests.fault import faults
from tests.fault.faults import End, Fault, Several, Way
from tests.fault.plan import Plan, are_several
from tests.fault.redis.ground import NAME, clients
from tests.servers import Server, Wire
from tests.servers.resp import GREETING, MARK
from tests.waiting import until

F = TypeVar("F", Fault, Several)
Make = Callable[[random.Random], F]

LATE = 0.03
"""How late a reply may be that comes in time."""

TOO_LATE = 1.0

CUTS = (End.RST, End.FIN)

ALONE: dict[str, Make[Fault]] = {
    "late": lambda chance: faults.Delay(reply=chance.uniform(0, LATE)),
    "asked late": lambda chance: faults.Delay(command=chance.uniform(0, LATE)),
    "too late": lambda chance: faults.Delay(reply=TOO_LATE),
    "twice": lambda chance: faults.Duplicate(),
    "truncated": lambda chance: faults.Truncate(how=chance.choice(CUTS)),
    "swallowed": lambda chance: faults.Swallow(),
    "never asked": lambda chance: faults.Blackhole(),
    "byte by byte": lambda chance: faults.Drip(pause=0.0),
    "cut off before": lambda chance: faults.Unsent(chance.choice([*End])),
    "cut off after": lambda chance: faults.Unanswered(chance.choice([*End])),
    "no reply": lambda chance: faults.Corrupt(),
}
"""What happens to one command and its reply."""

SLOW = frozenset({"late", "asked late", "byte by byte"})
"""What loses nothing and adds nothing."""

ENOUGH = 20
"""So many connections are killed at the least."""


class Weather(Plan):
    """Commands, and replies that come together, meet faults as often as it is bad, by chance.

    A connection has one at the most, but for what is slow: two may make up for each other such
    that nobody can see them, as a reply that is lost and one that comes twice.
    """

    def __init__(
        self,
        chance: random.Random,
        alone: Mapping[str, Make[Fault]] = ALONE,
        several: Mapping[str, Make[Several]] | None = None,
        ends: Mapping[str, Make[Several]] | None = None,
    ) -> None:
        super().__init__()
        self.alone = alone
        self.several = several or {}
        self.ends = {**self.several, **(ends or {})}
        """What may happen to replies of which the last one is a mark."""
        self.happened = Counter[str]()
        self.often = self.together = 0.0
        self._chance = chance
        self._guard = threading.Lock()
        self._met: list[Way] = []

    def for_link(self, way: Way) -> Plan:
        return _Sky(self, way)

    @contextmanager
    def bad(self, often: float, together: float = 0.0) -> Iterator[None]:
        """For the length of the block, to one command or several replies; then it is fair.

        A connection that met a fault ends there. Whoever was cancelled may have left before anybody
        missed an answer that is held back or lost, and the next to ask there would be misled.
        """
        self.often, self.together = often, together
        try:
            yield
        finally:
            with self._guard:
                self.often = self.together = 0.0
            for way in self._met:
                way.cut(End.RST)

    def alone_now(self, way: Way) -> tuple[str, Fault] | None:
        """What happens now to a command, which is nothing mostly."""
        with self._guard:
            return self._chosen(self.often, self.alone, way)

    def together_now(self, way: Way, *, is_end: bool) -> Several | None:
        """What happens to several replies, of which the last one may be a mark."""
        with self._guard:
            chosen = self._chosen(self.together, self.ends if is_end else self.several, way)
            if chosen is None:
                return None
            name, several = chosen
            self.happened[name] += 1
            return several

    def _chosen(self, often: float, makes: Mapping[str, Make[F]], way: Way) -> tuple[str, F] | None:
        """What has not happened yet comes first."""
        if not makes or self._chance.random() >= often:
            return None
        fresh = [name for name in makes if not self.happened[name]]
        name = self._chance.choice(fresh or [*makes])
        if name not in SLOW:
            self._met.append(way)
        return name, makes[name](self._chance)

    def note(self, name: str) -> None:
        with self._guard:
            self.happened[name] += 1

    def goes_on(self, made: int, calls: int) -> bool:
        """Whether there is more to see: fewer were *made* than so many *calls*, or something has
        not happened yet; chance does not keep it away from ten times as many."""
        return made < calls or (bool(self.never()) and made < 10 * calls)

    def never(self) -> list[str]:
        """What may happen and has not."""
        return [name for name in (*self.alone, *self.ends) if not self.happened[name]]

    def check(self) -> None:
        """All that may happen has happened."""
        assert not self.never(), f"that never happened: {self.never()}"


class _Sky(Plan):
    """The weather over one connection."""

    def __init__(self, weather: Weather, way: Way) -> None:
        super().__init__()
        self._weather = weather
        self._way = way
        self._is_clear = False
        self._has_marks = False

    def for_command(self, name: str) -> Fault:
        if self._is_clear or name in GREETING:
            return Fault()
        chosen = self._weather.alone_now(self._way)
        if chosen is None:
            return Fault()
        name, fault = chosen
        self._is_clear = name not in SLOW
        return _Noted(fault, lambda: self._weather.note(name))

    def for_replies(self, names: list[str]) -> Several | None:
        if not are_several(names):
            return None
        is_end = names[-1] == MARK
        self._has_marks |= is_end
        if self._is_clear or not self._has_marks:
            return None
        several = self._weather.together_now(self._way, is_end=is_end)
        self._is_clear = several is not None
        return several


class _Noted(Fault):
    """*fault*, and *note* when it comes about."""

    def __init__(self, fault: Fault, note: Callable[[], None]) -> None:
        self._fault = fault
        self._note = note
        self._is_early = type(fault).command is not Fault.command

    def command(self, way: Way, command: bytes) -> None:
        if self._is_early:
            self._note()
        self._fault.command(way, command)

    def reply(self, way: Way, reply: bytes) -> None:
        if not self._is_early:
            self._note()
        self._fault.reply(way, reply)


class Nemesis:
    """Somebody who kills connections of the stores at a server again and again, and the server so
    many times, in a thread of his own."""

    def __init__(
        self, server: Server, chance: random.Random, *, restarts: int, pause: float = 0.004
    ) -> None:
        self.killed = 0
        self.restarted = 0
        self._server = server
        self._chance = random.Random(chance.random())
        self._restarts = restarts
        self._pause = pause
        self._end = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="nemesis", daemon=True)

    @property
    def is_done(self) -> bool:
        """Whether enough went wrong, or he has failed."""
        enough = self.killed >= ENOUGH and self.restarted == self._restarts
        return enough or self._error is not None

    def __enter__(self) -> Nemesis:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self.is_done, f"{self.killed} were killed, and it was restarted {self.restarted}"

    def _run(self) -> None:
        try:
            while not self._end.is_set():
                self._kill(ENOUGH * 2)
                if self.restarted < self._restarts:
                    self._server.restart()
                    self.restarted += 1
        except BaseException as error:  # noqa: BLE001 - raised where he is sent away
            self._error = error

    def _kill(self, count: int) -> None:
        with self._server.control() as wire:
            for _ in range(count):
                if self._end.wait(self._chance.uniform(0, 2 * self._pause)):
                    return
                self._kill_one(wire)

    def _kill_one(self, wire: Wire) -> None:
        lines = wire.call("CLIENT", "LIST").decode().splitlines()
        numbers = [
            line.split(" ", 1)[0].removeprefix("id=") for line in lines if f"name={NAME} " in line
        ]
        if numbers:
            self.killed += wire.call("CLIENT", "KILL", "ID", self._chance.choice(numbers))


def flat(server: Server, most: int) -> None:
    """No more connections are left at the server than are allowed."""
    until(lambda: clients(server) <= most, "the end of what was cut off")
