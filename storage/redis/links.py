"""Connections to servers: lent to one call at a time, and never lent again when a call was cut off.

`storage.aio.redis.links` is the twin.
"""

from __future__ import annotations

import math
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import redis

from ..runtime import after_fork, monotonic, reentrant
from .commands import Command
from .course import Budget
from .link import FAILURES, PARENTS, Link, leave
from .marks import End, Marks, marking, mixed_up, what_ends
from .replies import TOO_LATE, AllLentError, Phase, Trouble, phase_of
from .settings import Address
from .struck import broken, struck

LIBRARY: Any = redis
"""The client library of this half."""

_LOOK_AGAIN = 0.25


class Links:
    """*limit* connections at the most, the last one used first. Where there is no limit, those that
    were lent at the same time are given up when fewer are.

    An answer takes *seconds* at the most. Whoever finds all connections lent waits for one.

    A signal handler may strike at any step and ask for something itself, in the same thread: what
    it finds is as it should be, and one connection more than the limit is the worst.
    """

    def __init__(self, make: Callable[[Address], Any], limit: float, seconds: float) -> None:
        self._make = make
        self._limit = limit
        self._is_endless = limit == math.inf
        self._seconds = seconds
        self._marks = Marks()
        self._mutex = reentrant()
        self._start()
        after_fork(self, Links._leave_behind)

    def ask(
        self,
        place: Address,
        command: Command,
        until: float,
        wait: float = 0.0,
        budget: Budget | None = None,
    ) -> Any:
        """What the server at *place* replies, or a `Trouble`.

        A command that *wait*s there gets so many seconds more, and one with a *budget* no more than
        that.
        """
        link: Any = None
        is_clean = False
        try:
            link = self._taken(place, until, budget)
            if type(link) is Trouble:
                return link
            now = monotonic()
            end = min(until, now + self._seconds) + wait
            if budget is not None:
                end = min(end, budget.until)
                if end <= now:
                    is_clean = True
                    return TOO_LATE
            reply = link.ask(command.packed(), end)
            is_clean = type(reply) is not Trouble or reply.phase is Phase.ANSWERED
            return reply
        finally:
            if type(link) is Link:
                self._back(link, is_clean)

    def ask_all(
        self,
        place: Address,
        commands: Sequence[Command],
        until: float,
        budget: Budget | None = None,
    ) -> list[Any]:
        """What the server at *place* replies to several commands in one trip."""
        if len(commands) == 1:
            return [self.ask(place, commands[0], until, 0.0, budget)]
        link: Any = None
        is_clean = False
        try:
            link = self._taken(place, until, budget)
            if type(link) is Trouble:
                return [link] * len(commands)
            now = monotonic()
            end = min(until, now + self._seconds)
            if budget is not None:
                end = min(end, budget.until)
                if end <= now:
                    is_clean = True
                    return [TOO_LATE] * len(commands)
            mark = self._marks.next() if link.takes_marks else b""
            packed = [command.packed() for command in commands]
            if mark:
                packed.append(marking(mark))
            replies = link.ask_all(packed, mark, end)
            if type(replies) is Trouble:
                return [replies] * len(commands)
            is_clean = self._are_answers(replies, mark, link)
            return replies[: len(commands)] if is_clean else [mixed_up()] * len(commands)
        finally:
            if type(link) is Link:
                self._back(link, is_clean)

    def forget(self, place: Address) -> None:
        """Give up the idle connections to *place*: they are as old as one that failed."""
        for link in self._emptied(place):
            link.close()

    def close(self) -> None:
        """Close what is idle; what is lent is closed when it comes back."""
        self._is_closed = True
        for place in list(self._idle):
            self.forget(place)

    def _start(self) -> None:
        self._idle: dict[Address, deque[Link]] = {}
        self._all: weakref.WeakSet[Link] = weakref.WeakSet()
        self._waiting: dict[_Waiter, bool] = {}
        self._is_closed = False

    def _leave_behind(self) -> None:
        """In a forked process: the connections are those of the parent."""
        parents = list(self._all)
        self._mutex = reentrant()
        self._marks = Marks()
        self._start()
        leave(parents)

    def _are_answers(self, replies: list[Any], mark: bytes, link: Link) -> bool:
        """Whether each of *replies* belongs to the command at its place."""
        if mark:
            found = what_ends(replies, mark)
            if found is not End.REFUSED:
                return found is End.MARK
            link.takes_marks = False
        # Where one came twice, the last one is left.
        return link.is_quiet()

    def _taken(self, place: Address, until: float, budget: Budget | None) -> Any:
        """A connection that nobody else has, connected and with nothing in it."""
        link: Link | None = None
        try:
            while True:
                link = self._idle_at(place)
                if link is None:
                    link = Link(place)
                    link = self._another(link, until if budget is None else budget.until)
                if link.connection is None:
                    before = monotonic()
                    link.connect(self._make, min(self._seconds, until - before))
                    if budget is not None:
                        budget.forgive(monotonic() - before)
                    return link
                if link.place == place and link.is_quiet():
                    return link
                self._dropped(link)
        except FAILURES as error:
            failed = error
        except BaseException:
            if link is not None:
                self._dropped(link)
            raise
        try:
            if link is not None:
                self._dropped(link)
            return broken(failed, phase_of(failed))
        finally:
            del failed

    def _idle_at(self, place: Address) -> Link | None:
        try:
            return self._idle[place].pop()
        except (KeyError, IndexError) as error:
            if struck(error):
                raise
            return None

    def _another(self, fresh: Link, until: float) -> Link:
        """The *fresh* one as soon as there may be one more, or one that comes back."""
        while True:
            waiter = _Waiter()
            with self._mutex:
                if len(self._all) < self._limit or self._made_room():
                    self._all.add(fresh)
                    return fresh
                self._waiting[waiter] = True
                # Who gives one back looks for us after that, and we for it after this.
                idle = self._idle_at(fresh.place)
                if idle is not None:
                    self._stop_waiting(waiter)
                    if waiter.link is not None:  # a handler gave it back
                        self._back(waiter.link, True)
                    return idle
            link = self._wait(waiter, until)
            if link is not None:
                return link

    def _made_room(self) -> bool:
        """Give up an idle connection, to whatever place it leads."""
        for idle in list(self._idle.values()):
            try:
                link = idle.popleft()
            except IndexError as error:
                if struck(error):
                    raise
                continue
            self._all.discard(link)
            link.close()
            return True
        return False

    def _wait(self, waiter: _Waiter, until: float) -> Link | None:
        """What is handed over; `None` when it is time to look again."""
        left = until - monotonic()
        try:
            if left <= 0:
                raise AllLentError
            waiter.gate.acquire(timeout=min(left, _LOOK_AGAIN))
        except BaseException:
            self._stop_waiting(waiter)
            if waiter.link is not None:
                self._back(waiter.link, True)
            raise
        self._stop_waiting(waiter)
        return waiter.link

    def _stop_waiting(self, waiter: _Waiter) -> None:
        with self._mutex:
            self._waiting.pop(waiter, None)

    def _next_waiting(self) -> _Waiter | None:
        for waiter in list(self._waiting):
            if self._waiting.pop(waiter, False):
                return waiter
        return None

    def _back(self, link: Link, is_clean: bool) -> None:
        if not is_clean or self._is_closed:
            self._dropped(link)
            return
        idle = self._idle.get(link.place)
        if idle is None:
            if link.place is PARENTS:
                link.close()
                return
            idle = self._idle.setdefault(link.place, deque())
        idle.append(link)
        if self._waiting:
            with self._mutex:
                again = self._idle_at(link.place)
                waiter = None if again is None else self._next_waiting()
                if waiter is not None:
                    waiter.take(again)
                elif again is not None:
                    idle.append(again)
        elif self._is_endless:
            self._shrink()

    def _shrink(self) -> None:
        """Give up what is idle beyond as many connections as are lent, and one."""
        with self._mutex:
            while True:
                idle = sum(map(len, list(self._idle.values())))
                if 2 * idle <= len(self._all) + 1 or not self._made_room():
                    return

    def _dropped(self, link: Link) -> None:
        with self._mutex:
            self._all.discard(link)
            waiter = self._next_waiting()
            if waiter is not None:
                waiter.take(None)
        link.close()

    def _emptied(self, place: Address) -> list[Link]:
        with self._mutex:
            idle = list(self._idle.pop(place, ()))
            for link in idle:
                self._all.discard(link)
        return idle


class _Waiter:
    """Who waits for a connection."""

    __slots__ = ("gate", "link")

    def __init__(self) -> None:
        self.link: Link | None = None
        self.gate = threading.Lock()
        self.gate.acquire()

    def take(self, link: Link | None) -> None:
        """Go on, with *link* or to make one."""
        self.link = link
        self.gate.release()
