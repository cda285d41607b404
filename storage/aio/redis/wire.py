"""One connection that many calls share: what is asked goes out in batches, and each ends with a mark.

A mark is an `ECHO` of what was never said before. It comes back behind the answers of its batch, and
where something else does, nobody can say whose those answers are: then nobody gets them.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from redis.exceptions import ConnectionError, InvalidResponse, ResponseError

from ...redis.marks import Marks, marking
from ...redis.parsing import NOT_YET, PUSH, reader
from ...redis.replies import Phase, Trouble, word
from ...runtime import monotonic
from .link import FAILURES, Link, too_late

Asked = tuple["asyncio.Future[Any]", bytes, float, int]
"""Who waits, what is sent, when the answer is too late, and how many replies are a list of answers;
0 where one reply is the answer."""

MOST_IN_FLIGHT = 2048
"""So many replies may a connection owe."""

EARLY = 0.001
"""So much earlier than asked a timer may go off."""


class Heard(Protocol):
    """Who wants to hear of a wire."""

    queue: list[Asked]
    """What is held back."""

    def has_room(self) -> None:
        """It may take more."""

    def has_doubts(self, wire: Wire) -> None:
        """It owes an answer for too long."""

    def is_misled(self) -> None:
        """Its answers were not those that were due."""

    def is_over(self, wire: Wire) -> None:
        """It is of no use any more."""


class Wire(asyncio.Protocol):
    """The connection of *link*, taken out of the hands of the client library."""

    def __init__(self, link: Link, number: int, marks: Marks, lane: Heard) -> None:
        self.link = link
        self.number = number
        self.in_flight: int = 0
        """How many replies it owes."""
        self.is_paused: bool = False
        self._lane = lane
        self._marks = marks
        self._flying: deque[tuple[list[Asked], bytes, int]] = deque()
        self._replies: list[Any] = []
        self._heard = monotonic()
        self._is_over = False
        self._is_leaving = False
        self._reader = reader()
        self._has_news: Callable[[], object] = link.news
        self._transport: Any = link.connection._writer.transport
        self._before: Any = self._transport.get_protocol()
        self._transport.set_protocol(self)

    def send(self, asked: list[Asked], parts: list[bytes], due: int, now: float) -> None:
        """Send a batch of *parts*, which bring *due* replies."""
        mark = self._marks.next()
        parts.append(marking(mark))
        if not self._flying:
            self._heard = now
        self._flying.append((asked, mark, due + 1))
        self.in_flight += due
        self._transport.write(b"".join(parts))

    def is_quiet(self) -> bool:
        """Whether it owes nothing, and nothing came that it does not know yet, be it the end."""
        return not self._flying and not self._has_news()

    def leave(self) -> None:
        """Take no more: it ends when all is answered."""
        self._is_leaving = True
        if not self._flying:
            self._end()

    def drop(self, error: Exception) -> None:
        """End at once. Who waits for an answer does not get one, because of *error*."""
        try:
            self._drop(error)
        except BaseException:  # out of a signal handler, which strikes anywhere
            self._drop(error)
            raise

    def look(self, now: float, seconds: float) -> float:
        """Give up those whose time is over, and the connection after *seconds* of silence.

        Answers when to look again.
        """
        if not self._flying:
            if self._is_leaving:
                self._end()
            return math.inf
        late, nearest = self._give_up(now + EARLY)
        silent = self._heard + seconds
        if silent <= now + EARLY or (late and nearest == math.inf):
            self.drop(too_late())
            return math.inf
        if late:
            self._lane.has_doubts(self)
        return min(nearest, silent)

    def _drop(self, error: Exception) -> None:
        if not self._is_over:
            self._transport.abort()
            self._lane.is_over(self)
            self._is_over = True
        self.in_flight = 0
        trouble = Trouble(Phase.SENT, error)
        while self._flying:
            for waiter, _, _, count in self._flying[0][0]:
                if not waiter.done():
                    waiter.set_result([trouble] * count if count else trouble)
            self._flying.popleft()

    def _give_up(self, now: float) -> tuple[bool, float]:
        late, nearest = False, math.inf
        for asked, _, _ in self._flying:
            for waiter, _, deadline, count in asked:
                if waiter.done():
                    continue
                if deadline <= now:
                    late = True
                    trouble = Trouble(Phase.SENT, too_late())
                    waiter.set_result([trouble] * count if count else trouble)
                elif deadline < nearest:
                    nearest = deadline
        return late, nearest

    # What the loop tells.

    def data_received(self, data: bytes) -> None:
        """Something came."""
        self._heard = monotonic()
        try:
            self._reader.feed(data)
            self._take()
        except FAILURES as error:
            self.drop(error)
            if not isinstance(error, ConnectionError):
                self._lane.is_misled()
        except BaseException:  # out of a signal handler
            self.drop(ConnectionError("it was cut off"))
            raise
        else:
            if self._is_leaving and not self._flying:
                self._end()
            elif self._lane.queue:
                self._lane.has_room()

    def eof_received(self) -> None:
        """Nothing more will come."""
        self.drop(ConnectionError("Connection closed by server."))

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed."""
        self.drop(exc or ConnectionError("Connection closed by server."))
        self._before.connection_lost(exc)
        # The client library would complain of what it takes for open.
        self.link.connection._reader = self.link.connection._writer = None

    def pause_writing(self) -> None:
        """The server is slower than we are."""
        self.is_paused = True

    def resume_writing(self) -> None:
        """It has caught up."""
        self.is_paused = False
        self._lane.has_room()

    def _take(self) -> None:
        """Hand on the answers of the batches that have come whole."""
        flying, replies = self._flying, self._replies
        gets = self._reader.gets
        while flying:
            asked, mark, due = flying[0]
            while len(replies) < due:
                reply = gets()
                if reply is NOT_YET:
                    if replies and replies[-1] == mark:
                        raise InvalidResponse("an answer is missing")
                    return
                if type(reply) is not PUSH:
                    replies.append(reply)
            if replies[-1] != mark:
                self._refused(asked, replies)
            if len(asked) != due - 1:
                replies = _in_lists(asked, replies)
            for one, reply in zip(asked, replies):
                waiter = one[0]
                if not waiter.done():
                    if isinstance(reply, Exception):
                        reply = _trouble(reply)
                    waiter.set_result(reply)
            flying.popleft()
            self.in_flight -= due - 1
            replies = self._replies = []
        if self._reader.has_data():
            self._end_of_answers()

    def _end_of_answers(self) -> None:
        reply = self._reader.gets()
        while type(reply) is PUSH:
            reply = self._reader.gets()
        if reply is not NOT_YET or self._reader.has_data():
            raise InvalidResponse("an answer that nobody asked for")

    def _refused(self, asked: list[Asked], replies: list[Any]) -> None:
        """Where the server refuses the mark and all the rest for the same reason, that is known.

        Where it refuses the mark alone, or that error is the answer to something else, nothing is.
        """
        error = replies[-1]
        first = word(error) if isinstance(error, Exception) else ""
        if not first or not all(
            isinstance(reply, Exception) and word(reply) == first for reply in replies
        ):
            raise InvalidResponse("an answer in the place of another")
        if len(asked) != len(replies) - 1:
            replies = _in_lists(asked, replies)
        for (waiter, _, _, _), reply in zip(asked, replies):
            if not waiter.done():
                waiter.set_result(_trouble(reply) if isinstance(reply, Exception) else reply)
        raise ConnectionError("the server refuses what ends a batch")

    def _end(self) -> None:
        self._transport.close()
        self._lane.is_over(self)
        self._is_over = True


def _in_lists(asked: list[Asked], replies: list[Any]) -> list[Any]:
    """An answer for each who asked, where some asked for several."""
    found: list[Any] = []
    start = 0
    for _, _, _, count in asked:
        if count:
            several = replies[start : start + count]
            found.append([_trouble(one) if isinstance(one, Exception) else one for one in several])
        else:
            found.append(replies[start])
        start += count or 1
    return found


def _trouble(error: Exception) -> Trouble:
    known = isinstance(error, ResponseError) or word(error)
    return Trouble(Phase.ANSWERED if known else Phase.SENT, error)
