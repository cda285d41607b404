"""The way of one event loop to one server: what is asked in one turn of the loop goes out together.

Where many ask, it goes in halves: the server works on one while we are busy with the other.

There is one connection, and a second one while the first can take no more.
"""

from __future__ import annotations

import asyncio
import math
import weakref
from collections.abc import Callable
from contextvars import Context
from typing import Any, Final

from redis.exceptions import ConnectionError

from ...redis.course import Budget
from ...redis.marks import Marks
from ...redis.replies import Phase, Trouble
from ...redis.settings import Address
from ...runtime import monotonic
from .link import Link, too_late
from .opening import Opening, Start
from .wire import EARLY, MOST_IN_FLIGHT, Asked, Wire

AGAIN: Final[Any] = object()
"""What comes instead of an answer when nothing was sent because the connection was of no use."""

CLOSED = Trouble(Phase.UNSENT, ConnectionError("Connection closed by server."))
"""What it means when it comes again, for a connection that is new."""

LENT: Final[Any] = object()
"""What comes where no connection can be shared."""

MOST_AT_ONCE = 512
"""So many commands has a batch at the most."""

_MOST_BYTES = 64 * 1024
"""About so many bytes has a batch at the most."""

_FEWEST = 4
"""So many are sent before the end of a turn at the least."""

_WIRES = 2
"""So many connections are shared at the most."""

_WARY_SECONDS = 30.0
"""So long nothing is shared where answers were not those that were due."""


class Lane:
    """What is asked at *place*, where a server may be silent for *seconds*.

    Who *ended* a connection is told so.
    """

    def __init__(self, place: Address, seconds: float, ended: Callable[[Link], None]) -> None:
        self.place = place
        self.wires: list[Wire] = []
        """Those that take more."""
        self.leaving: set[Wire] = set()
        """Those that only wait for answers."""
        self.made: int = 0
        self.grow: Callable[[], object] = _nothing
        """Asks for a second connection."""
        self._seconds = seconds
        self._ended = ended
        self._marks = Marks()
        self.queue: list[Asked] = []
        self.tellers: weakref.WeakValueDictionary[bytes, asyncio.Future[Any]] = (
            weakref.WeakValueDictionary()
        )
        """Who waits for the answer to each script that was spelled out."""
        self._several = False
        self._is_due = False
        self._half = math.inf
        """How many are half of all who waited lately, if these are many."""
        self._begun: int = 0
        """So many of those who ask in this turn are not in the queue any more; some event loops
        read their answers before the turn ends."""
        self._sending: Wire | None = None
        """Where a batch is sent that is in the queue too."""
        self._loop = asyncio.get_running_loop()
        self._future = self._loop.create_future
        self._soon = self._loop.call_soon
        self._context = Context()
        """That of nobody: a timer keeps nothing of whose call it was set for."""
        self._timer: asyncio.TimerHandle | None = None
        self._next = math.inf
        self._opening: Opening | None = None
        self._lent_until = 0.0
        self._is_closed = False

    def put(self, packed: bytes, deadline: float, count: int = 0) -> asyncio.Future[Any]:
        """What comes to the answer, or to a list of so many; or to `AGAIN`, or a `Trouble`."""
        waiter = self._future()
        if count:
            self._several = True
        # A signal handler may raise anywhere: what stands first is what the next line relies on.
        try:
            self.queue.append((waiter, packed, deadline, count))
            if not self._is_due:
                self._soon(self._flush)
                self._is_due = True
            if deadline < self._next:
                self._look_at(deadline)
            if len(self.queue) >= self._half:
                self._begin()
        except BaseException:
            waiter.cancel()
            raise
        return waiter

    async def opened(self, start: Start, until: float, budget: Budget | None) -> Any:
        """Wait for a connection, which one opens for all.

        Answers `None` when there is one, or the trouble, or `LENT`.
        """
        before = monotonic()
        if self._is_closed:
            return Trouble(Phase.UNSENT, ConnectionError("it is closed"))
        if before < self._lent_until:
            return LENT
        opening = self.open(start)
        try:
            return await opening.wait(until, until if budget is None else budget.until)
        finally:
            if budget is not None and opening.began is not None:
                budget.forgive(monotonic() - max(before, opening.began))

    def open(self, start: Start) -> Opening:
        """Open one, if that is not under way."""
        opening = self._opening
        if opening is None or opening.is_over:
            opening = self._opening = Opening()
            try:
                opening.begin(start)
            except BaseException:
                opening.cancel()
                raise
        return opening

    def connecting(self) -> None:
        """From now on it is the server that lets us wait."""
        if self._opening is not None:
            self._opening.began = monotonic()

    @property
    def is_used(self) -> bool:
        """Whether something goes on, or what went wrong lately is worth remembering."""
        is_opening = self._opening is not None and not self._opening.is_over
        is_wary = monotonic() < self._lent_until < math.inf
        return bool(self.wires or self.leaving or self.queue or is_opening or is_wary)

    def take(self, link: Link) -> None:
        """Share the connection of *link* from now on."""
        self.made += 1
        self.wires.append(Wire(link, self.made, self._marks, self))
        if monotonic() < self._lent_until:  # what opens did not hear of it
            self.retire(self.made)
        self.has_room()

    def next_mark(self) -> bytes:
        """A word that was never said."""
        return self._marks.next()

    def lend(self, *, is_for_good: bool) -> None:
        """Share nothing, for a while or for good."""
        seconds = math.inf if is_for_good else _WARY_SECONDS
        self._lent_until = max(self._lent_until, monotonic() + seconds)
        self.retire(self.made)

    def retire(self, number: int) -> None:
        """Ask nothing more on the connections up to this *number*."""
        for wire in [wire for wire in self.wires if wire.number <= number]:
            self.has_doubts(wire)

    def give_way(self, *, idle: bool) -> bool:
        """Ask nothing more on one of them, which has nothing to do if it is to be *idle*."""
        for wire in self.wires:
            if not idle or not wire.in_flight:
                self.has_doubts(wire)
                return True
        return False

    def close(self) -> list[Wire]:
        """Send what the connections take, and let what is under way end; opens none any more.

        Answers what ends at once.
        """
        self._is_closed = True
        self.grow = _nothing
        if self._opening is not None:
            self._opening.cancel()
        if self.queue:
            self._send(monotonic())
        idle = [wire for wire in self.wires if not wire.in_flight]
        self.lend(is_for_good=True)
        return idle

    def cut(self) -> None:
        """End everything at once, and share nothing from now on."""
        self._lent_until = math.inf
        if self._timer is not None:
            self._timer.cancel()
        if self._opening is not None:
            self._opening.cancel()
        for wire in [*self.wires, *self.leaving]:
            wire.drop(ConnectionError("the event loop has ended"))

    # What a wire tells.

    def has_room(self) -> None:
        """Send what was held back."""
        if self.queue and not self._is_due:
            self._soon(self._flush)
            self._is_due = True

    def has_doubts(self, wire: Wire) -> None:
        """Ask nothing more there."""
        if wire in self.wires:
            wire.leave()
            if wire in self.wires:
                self.leaving.add(wire)
                self.wires.remove(wire)
            self.has_room()

    def is_misled(self) -> None:
        """Do for a while without what can be misled: a server answers more or less than it was
        asked, or what is between it and us."""
        self.lend(is_for_good=False)

    def is_over(self, wire: Wire) -> None:
        """Forget it."""
        if wire in self.wires:
            self.wires.remove(wire)
        self.leaving.discard(wire)
        self._ended(wire.link)
        self.has_room()

    # Sending.

    def _flush(self) -> None:
        """Send what was asked for."""
        try:
            self._is_due = False
            now = monotonic()
            if self._next > now:
                half = (len(self.queue) + max(self._in_flight(), self._begun)) // 2
                self._half = half if half >= _FEWEST else math.inf
                self._begun = 0
                self._send(now)
            else:  # what has come is read before anybody is given up
                self._soon(self._look)
        except BaseException:  # out of a signal handler
            self._is_due = False
            self._loop.call_later(EARLY, self.has_room)
            raise

    def _begin(self) -> None:
        """Send what was asked for so far, so that the server works while others ask."""
        has_work = self._in_flight() > self._half // 2
        self._half = math.inf
        now = monotonic()
        if self._next > now and not has_work:
            count = len(self.queue)
            self._send(now)
            self._begun = count - len(self.queue)

    def _send(self, now: float) -> None:
        self._end_what_was_cut_off()
        while self.queue:
            wire = self._free()
            if wire is None:
                break
            first = self.queue[:MOST_AT_ONCE]
            waiting = [one for one in first if not one[0].done()]
            parts = [one[1] for one in waiting]
            due = taken = len(parts)
            room = min(MOST_AT_ONCE, MOST_IN_FLIGHT - wire.in_flight)
            if due > room or self._several or sum(map(len, parts)) > _MOST_BYTES:
                taken, due = _first(waiting, room)
                parts = parts[:taken]
            self._sending = wire
            if parts:
                wire.send(waiting[:taken], parts, due, now)
            self.queue = waiting[taken:] + self.queue[MOST_AT_ONCE:]
            self._sending = None
            if self._several:
                self._several = any(count for _, _, _, count in self.queue)
        if self.queue and not self.wires:
            for waiter, _, _, _ in self.queue:
                if not waiter.done():
                    waiter.set_result(AGAIN)
            self.queue = []

    def _end_what_was_cut_off(self) -> None:
        """A signal handler raised while something was sent, and nobody knows what."""
        if self._sending is not None:
            self._sending.drop(ConnectionError("it was cut off"))
            self._sending = None

    def _free(self) -> Wire | None:
        """The connection that owes the least, if it can take more; an idle one must be in order."""
        while self.wires:
            wire = self.wires[0]
            if len(self.wires) > 1:
                wire = min(self.wires, key=_owed)
            if wire.in_flight:
                if wire.in_flight < MOST_IN_FLIGHT and not wire.is_paused:
                    return wire
                if len(self.wires) < _WIRES:
                    self.grow()
                return None
            if wire.is_quiet():
                return wire
            wire.drop(ConnectionError("Connection closed by server."))
        return None

    def _in_flight(self) -> int:
        """How many answers are under way."""
        return sum(map(_owed, self.wires))

    # Deadlines.

    def _look_at(self, when: float) -> None:
        """Look then whose time is over."""
        before = self._timer
        seconds = max(0.0, when - monotonic())
        self._timer = self._loop.call_later(seconds, self._look, context=self._context)
        self._next = when
        if before is not None:
            before.cancel()

    def _look(self) -> None:
        try:
            now = monotonic()
            self._give_up(now)
            self._send(now)
        except BaseException:  # out of a signal handler
            self._look_at(monotonic() + EARLY)
            raise

    def _give_up(self, now: float) -> None:
        """Give up those whose time is over."""
        self._look_at(now + self._seconds)
        self._end_what_was_cut_off()
        nearest = math.inf
        for waiter, _, deadline, count in self.queue:
            if waiter.done():
                continue
            if deadline <= now + EARLY:
                trouble = Trouble(Phase.UNSENT, too_late())
                waiter.set_result([trouble] * count if count else trouble)
            else:
                nearest = min(nearest, deadline)
        for wire in [*self.wires, *self.leaving]:
            nearest = min(nearest, wire.look(now, self._seconds))
        if nearest < math.inf:
            self._look_at(nearest)
        elif self._timer is not None:
            self._next = math.inf
            self._timer.cancel()


def _first(waiting: list[Asked], room: int) -> tuple[int, int]:
    """How many of those who are *waiting* go into one batch, and how many replies they get."""
    due = size = taken = 0
    for _, packed, _, count in waiting:
        size += len(packed)
        if taken and (due + (count or 1) > room or size > _MOST_BYTES):
            break
        due += count or 1
        taken += 1
    return taken, due


def _owed(wire: Wire) -> int:
    return wire.in_flight


def _nothing() -> None:
    pass
