"""What goes wrong while calls are made: faults on the way and at the server, by chance, and counted."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from tests.fault import faults
from tests.fault.faults import End, Fault, Several, Way
from tests.fault.plan import Plan
from tests.fault.proxy import Proxy
from tests.fault.redis.ground import NAME
from tests.servers import HANDSHAKE, ReplyError, Server, Wire
from tests.waiting import until

READS = frozenset({"GET", "MGET", "EXISTS"})
"""What is read again where the server says that it can not yet."""

ENOUGH = 20
"""So many connections are killed at the least."""

LOADING = b"-LOADING Redis is loading the dataset in memory\r\n"

Make = Callable[[random.Random], Fault]

LATE = 0.03
"""How late a reply may be that still comes in time, and a little less than that."""

ENDS = (End.RST, End.FIN, End.HALF)

ALONE: dict[str, Make] = {
    "late": lambda chance: faults.Delay(reply=chance.uniform(0, LATE)),
    "late command": lambda chance: faults.Delay(command=chance.uniform(0, LATE)),
    "too late": lambda chance: faults.Delay(reply=0.6),
    "twice": lambda chance: faults.Duplicate(),
    "cut short": lambda chance: faults.Truncate(how=chance.choice([End.RST, End.FIN])),
    "swallowed": lambda chance: faults.Swallow(),
    "lost command": lambda chance: faults.Blackhole(),
    "byte by byte": lambda chance: faults.Drip(pause=0.0),
    "no command": lambda chance: faults.Unsent(chance.choice(ENDS)),
    "no reply": lambda chance: faults.Unanswered(chance.choice(ENDS)),
    "no reply at all": lambda chance: faults.Corrupt(),
}
"""What meets one command and its reply."""


class Noted(Fault):
    """*fault*, which is counted when it has come about."""

    def __init__(self, fault: Fault, note: Callable[[], None]) -> None:
        self._fault = fault
        self._note = note
        self._at_the_command = type(fault).command is not Fault.command

    def command(self, way: Way, command: bytes) -> None:
        if self._at_the_command:
            self._note()
        self._fault.command(way, command)

    def reply(self, way: Way, reply: bytes) -> None:
        if not self._at_the_command:
            self._note()
        self._fault.reply(way, reply)


class NotedSeveral(Several):
    def __init__(self, fault: Several, note: Callable[[], None]) -> None:
        self._fault = fault
        self._note = note

    def replies(self, way: Way, replies: list[bytes]) -> None:
        self._note()
        self._fault.replies(way, replies)


class Weather(Plan):
    """Each command, or several replies, meets one of the faults with some chance.

    A connection has one fault at the most: two may make up for each other, such that nobody can
    see them. What is slow only is none.
    """

    def __init__(self, chance: random.Random, alone: Mapping[str, Make] = ALONE) -> None:
        super().__init__()
        self.often = 0.0
        """How often a command meets a fault."""
        self.severals: dict[str, Callable[[random.Random], Several]] = {}
        self.happened = Counter[str]()
        self._alone = alone
        self._chance = chance
        self._guard = threading.Lock()
        self._left: list[str] = []

    def for_link(self) -> Plan:
        return _Squall(self)

    def chosen(self, names: Mapping[str, object]) -> str | None:
        """One of *names*, those first that have not been yet; mostly none."""
        with self._guard:
            if not names or self._chance.random() >= self.often:
                return None
            fresh = [name for name in names if not self.happened[name]]
            return self._chance.choice(fresh or [*names])

    def alone(self, chosen: str) -> Fault:
        return Noted(self._alone[chosen](self._chance), lambda: self._note(chosen))

    def several(self, chosen: str) -> Several:
        return NotedSeveral(self.severals[chosen](self._chance), lambda: self._note(chosen))

    @property
    def alone_names(self) -> Mapping[str, object]:
        return self._alone

    def check(self) -> None:
        """All that may go wrong has gone wrong."""
        never = [name for name in (*self._alone, *self.severals) if not self.happened[name]]
        assert not never, f"that never happened: {never}"

    def _note(self, name: str) -> None:
        with self._guard:
            self.happened[name] += 1


SLOW = frozenset({"late", "late command", "byte by byte"})
"""What loses and adds nothing."""


class _Squall(Plan):
    """The weather on one connection."""

    def __init__(self, weather: Weather) -> None:
        super().__init__()
        self._weather = weather
        self._is_over = False

    def for_command(self, name: str) -> Fault:
        if self._is_over or name in HANDSHAKE:
            return Fault()
        chosen = self._weather.chosen(self._weather.alone_names)
        if chosen is None:
            return Fault()
        self._is_over = chosen not in SLOW
        return self._weather.alone(chosen)

    def for_replies(self, names: list[str]) -> Several | None:
        if self._is_over or len(names) < 2 or "" in names or not HANDSHAKE.isdisjoint(names):
            return None
        chosen = self._weather.chosen(self._weather.severals)
        if chosen is None:
            return None
        self._is_over = True
        return self._weather.several(chosen)


@contextmanager
def under(weather: Weather, often: float) -> Iterator[None]:
    """Faults happen for the length of the block; then the weather is fair."""
    weather.often = often
    try:
        yield
    finally:
        weather.often = 0.0


class Nemesis:
    """Somebody who kills connections of the stores at the server again and again, and now and then
    the server, in a thread of his own."""

    def __init__(
        self, server: Server, chance: random.Random, *, pause: float = 0.004, restarts: int = 0
    ) -> None:
        self.killed = 0
        self.restarted = 0
        self._server = server
        self._chance = chance
        self._pause = pause
        self._restarts = restarts
        self._end = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="nemesis", daemon=True)

    def __enter__(self) -> Nemesis:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        if self._error is not None:
            raise self._error

    @property
    def is_done(self) -> bool:
        """Whether enough went wrong."""
        return self.killed >= ENOUGH and self.restarted == self._restarts

    def _run(self) -> None:
        try:
            for _ in range(self._restarts + 1):
                self._kill_for(0.3 if self._restarts else 1e9)
                if self.restarted < self._restarts and not self._end.is_set():
                    self._server.restart()
                    self.restarted += 1
            self._kill_for(1e9)
        except BaseException as error:  # noqa: BLE001 - raised where it is ended
            self._error = error

    def _kill_for(self, seconds: float) -> None:
        with self._server.control() as wire:
            rounds = int(seconds / self._pause)
            while rounds > 0 and not self._end.wait(self._chance.uniform(0, 2 * self._pause)):
                self._kill_one(wire)
                rounds -= 1

    def _kill_one(self, wire: Wire) -> None:
        numbers = [
            line.split(" ", 1)[0].removeprefix("id=")
            for line in wire.call("CLIENT", "LIST").decode().splitlines()
            if f"name={NAME} " in line
        ]
        if numbers:
            self.killed += wire.call("CLIENT", "KILL", "ID", self._chance.choice(numbers))


def flat(server: Server, most: int) -> None:
    """No more connections are left at the server than are allowed."""
    from tests.fault.redis.ground import clients

    until(lambda: clients(server) <= most, "the end of what was cut off")


__all__ = ["Nemesis", "Proxy", "ReplyError", "Weather", "flat", "under"]
