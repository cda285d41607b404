"""Connections to servers: lent to one call at a time, and never lent again when a call was cut off.

`storage.aio.redis.links` is the twin.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import redis
from redis.exceptions import RedisError, ResponseError, TimeoutError

from ..runtime import after_fork, monotonic
from .commands import Command
from .course import Budget
from .punctual import Deadline
from .replies import TOO_LATE, AllLentError, Phase, Trouble, word
from .settings import Address

LIBRARY: Any = redis
"""The client library of this half."""

FAILURES = (
    *(AllLentError, RedisError, OSError),
    *(ValueError, TypeError, AttributeError, IndexError),
)
"""What a connection raises when it breaks, or when what comes is no reply."""

_SHORTEST = 0.001

_SHORT = 4096
_LOOK_AGAIN = 0.25


class Link:
    """One connection, when it is made, and the deadline of the call that has it."""

    __slots__ = ("__weakref__", "connection", "deadline", "place")

    def __init__(self, place: Address) -> None:
        self.place: Address = place
        self.connection: Any = None
        self.deadline: Any = None


class Links:
    """*limit* connections at the most, the last one used first.

    An answer takes *seconds* at the most. Whoever finds all connections lent waits for one.
    """

    def __init__(self, make: Callable[[Address], Any], limit: float, seconds: float) -> None:
        self._make = make
        self._limit = limit
        self._seconds = seconds
        self._mutex = threading.Lock()
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
            connection = link.connection
            left = min(self._seconds, until - monotonic()) + wait
            if budget is not None:
                left = min(left, budget.until - monotonic())
                if left <= 0:
                    is_clean = True
                    return TOO_LATE
            link.deadline.begin(left)
            try:
                _send(connection, command)
            except TimeoutError as error:
                # A time limit of the caller's may look like one, and strike when all is sent.
                return Trouble(Phase.SENT, error)
            except FAILURES as error:
                # What was not handed over whole can not be run.
                return Trouble(Phase.UNSENT, error)
            reply = _reply(connection)
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
        link: Any = None
        is_clean = False
        replies: list[Any] = []
        try:
            link = self._taken(place, until, budget)
            if type(link) is Trouble:
                return [link] * len(commands)
            connection = link.connection
            left = min(self._seconds, until - monotonic())
            if budget is not None:
                left = min(left, budget.until - monotonic())
                if left <= 0:
                    is_clean = True
                    return [TOO_LATE] * len(commands)
            link.deadline.begin(left)
            try:
                packed = connection.pack_commands([command.words for command in commands])
                connection.send_packed_command(packed, check_health=False)
            except FAILURES as error:
                return [Trouble(Phase.SENT, error)] * len(commands)
            for _ in commands:
                reply = _reply(connection)
                replies.append(reply)
                if type(reply) is Trouble and reply.phase is not Phase.ANSWERED:
                    return replies + [reply] * (len(commands) - len(replies))
            is_clean = True
            return replies
        finally:
            if type(link) is Link:
                self._back(link, is_clean)

    def forget(self, place: Address) -> None:
        """Give up the idle connections to *place*: they are as old as one that failed."""
        for link in self._emptied(place):
            link.connection.disconnect()

    def close(self) -> None:
        """Close what is idle; what is lent is closed when it comes back."""
        self._is_closed = True
        for place in list(self._idle):
            self.forget(place)

    def _start(self) -> None:
        self._idle: dict[Address, deque[Link]] = {}
        self._all: weakref.WeakSet[Link] = weakref.WeakSet()
        self._waiting: deque[_Waiter] = deque()
        self._is_closed = False

    def _leave_behind(self) -> None:
        """In a forked process: the connections are those of the parent."""
        self._mutex = threading.Lock()
        self._start()

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
                    self._connect(link, until)
                    if budget is not None:
                        budget.forgive(monotonic() - before)
                    return link
                if link.place == place and _is_quiet(link):
                    return link
                self._dropped(link)
        except BaseException as error:
            if link is not None:
                self._dropped(link)
            if isinstance(error, FAILURES):
                return Trouble(_phase_of(error), error)
            raise

    def _idle_at(self, place: Address) -> Link | None:
        try:
            return self._idle[place].pop()
        except (KeyError, IndexError):
            return None

    def _another(self, fresh: Link, until: float) -> Link:
        """The *fresh* one as soon as there may be one more, or one that comes back."""
        while True:
            waiter = _Waiter()
            with self._mutex:
                if len(self._all) < self._limit or self._made_room():
                    self._all.add(fresh)
                    return fresh
                self._waiting.append(waiter)
                # Who gives one back looks for us after that, and we for it after this.
                idle = self._idle_at(fresh.place)
                if idle is not None:
                    self._waiting.remove(waiter)
                    return idle
            link = self._wait(waiter, until)
            if link is not None:
                return link

    def _made_room(self) -> bool:
        """Give up an idle connection, to whatever place it leads."""
        for idle in self._idle.values():
            try:
                link = idle.popleft()
            except IndexError:
                continue
            self._all.discard(link)
            link.connection.disconnect()
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
            if waiter in self._waiting:
                self._waiting.remove(waiter)

    def _connect(self, link: Link, until: float) -> None:
        link.connection = connection = self._make(link.place)
        seconds = max(_SHORTEST, min(self._seconds, until - monotonic()))
        link.deadline = Deadline(connection, seconds)
        connection.socket_timeout = seconds
        own = connection.socket_connect_timeout
        connection.socket_connect_timeout = seconds if own is None else min(own, seconds)
        connection.connect()

    def _back(self, link: Link, is_clean: bool) -> None:
        if not is_clean or self._is_closed:
            self._dropped(link)
            return
        idle = self._idle.get(link.place)
        if idle is None:
            idle = self._idle.setdefault(link.place, deque())
        idle.append(link)
        if self._waiting:
            with self._mutex:
                again = self._idle_at(link.place) if self._waiting else None
                if again is not None:
                    self._waiting.popleft().take(again)

    def _dropped(self, link: Link) -> None:
        with self._mutex:
            self._all.discard(link)
            if self._waiting:
                self._waiting.popleft().take(None)
        if link.connection is not None:
            link.connection.disconnect()

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


def _send(connection: Any, command: Command) -> None:
    """Hand *command* over: what is short in one piece, which takes half of the time."""
    if max(map(len, command.words)) < _SHORT:
        connection.send_packed_command((command.packed(),), check_health=False)
    else:
        connection.send_command(*command.words, check_health=False)


def _reply(connection: Any) -> Any:
    try:
        return connection.read_response(disable_decoding=True)
    except ResponseError as error:
        return Trouble(Phase.ANSWERED, error)
    except FAILURES as error:
        return Trouble(Phase.ANSWERED if word(error) else Phase.SENT, error)


def _is_quiet(link: Link) -> bool:
    """Whether the connection is open, and holds no answer that nobody asked for."""
    try:
        return not link.connection.can_read(0)
    except FAILURES:
        return False


def _phase_of(error: BaseException) -> Phase:
    """What a server says while it is connected to, it says of a command that it never got."""
    return Phase.ANSWERED if word(error) else Phase.UNSENT
