"""Leases and claims in memory: who holds what, and who waits for it, under one lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NoReturn

from ..core.turns import Mark, Place, claimed, may_finish, turn
from ..errors import ClosedError
from ..keys import Names
from ..records import Claimed, Turn
from ..runtime import Bell, Lock, after_fork, mutex
from ..ttl import Clock

_FEW: Final = 64

Ring = Callable[[], None]


class Board:
    """The leases and the claims of one backend, by name."""

    def __init__(self, label: str, clock: Clock) -> None:
        self._label = label
        self._clock = clock
        self.lock: Lock = mutex()
        self.lines: dict[str, Line] = {}
        self.marks: dict[str, Mark] = {}
        self._most_lines = self._most_marks = _FEW
        self.closed: bool = False
        after_fork(self, Board._unlock)

    def now(self) -> int:
        """The moment by the clock of the backend; refuses to be used after `close`."""
        if self.closed:
            self.refuse()
        return int(self._clock() * 1000)

    def refuse(self) -> NoReturn:
        raise ClosedError("the store is closed", store=self._label)

    def line(self, name: str, now: int) -> Line:
        """The line before a lease, without those whose time is over."""
        if len(self.lines) > self._most_lines:
            self._drop_lines(now)
        line = self.lines.setdefault(name, Line())
        line.drop_over(now)
        return line

    def mark(self, name: str, now: int) -> Mark | None:
        """What is kept of a claim, if it counts still."""
        if len(self.marks) > self._most_marks:
            self._drop_marks(now)
        mark = self.marks.get(name)
        return None if mark is None or mark.until <= now else mark

    def leave(self, name: str, line: Line) -> None:
        """Forget a line in which nobody is left."""
        if line.holder is None and not line.waiting:
            del self.lines[name]

    def close(self) -> None:
        """Let everybody go who waits."""
        with self.lock:
            self.closed = True
            waiting = [one for line in self.lines.values() for one in line.waiting.values()]
            self.lines, self.marks = {}, {}
        for one in waiting:
            one.call()

    def _drop_lines(self, now: int) -> None:
        for name, line in list(self.lines.items()):
            line.drop_over(now)
            self.leave(name, line)
        self._most_lines = 2 * len(self.lines) + _FEW

    def _drop_marks(self, now: int) -> None:
        self.marks = {name: mark for name, mark in self.marks.items() if mark.until > now}
        self._most_marks = 2 * len(self.marks) + _FEW

    def _unlock(self) -> None:
        self.lock = mutex()


class Waiting:
    """Somebody in the queue: until when the place is kept, and how to call."""

    def __init__(self, until: int) -> None:
        self.until: int = until
        self.ring: Ring | None = None
        self.called: bool = False

    def call(self) -> None:
        """Say that it may be this one's turn, now or when it listens next."""
        self.called = True
        if self.ring is not None:
            self.ring()


class Line:
    """Who holds one lease, and who waits for it, in the order of asking."""

    def __init__(self) -> None:
        self.holder: Place | None = None
        self.waiting: dict[str, Waiting] = {}

    def drop_over(self, now: int) -> None:
        """Take out the holder and the waiting ones whose time is over."""
        if self.holder is not None and self.holder.until <= now:
            self.holder = None
        for token in [token for token, one in self.waiting.items() if one.until <= now]:
            del self.waiting[token]

    def first(self) -> Place | None:
        """Who is ahead of everybody in the queue."""
        for token, one in self.waiting.items():
            return Place(token, one.until)
        return None

    def ask(self, token: str, now: int, ttl_ms: int, patience_ms: int) -> Turn:
        """Give *token* the lease, or else a place in the queue."""
        told = turn(token, self.holder, self.first(), now)
        if told.granted:
            self.hold(token, now + ttl_ms)
            self.waiting.pop(token, None)
        elif patience_ms:
            self.stand(token, now + patience_ms)
        return told

    def stand(self, token: str, until: int) -> None:
        """Keep a place in the queue: the one that *token* has, or the last."""
        self.waiting.setdefault(token, Waiting(until)).until = until

    def hold(self, token: str, until: int) -> None:
        """Give *token* the lease *until* then."""
        self.holder = Place(token, until)

    def is_held_by(self, token: str) -> bool:
        """Whether *token* has the lease."""
        return self.holder is not None and self.holder.token == token

    def give_up(self, token: str) -> None:
        """Take back the lease or the place of *token*, and let the next one know."""
        if self.is_held_by(token):
            self.holder = None
        self.waiting.pop(token, None)
        self.call_next()

    def call_next(self) -> None:
        """Let the first one know that the lease is free."""
        if self.holder is None:
            for one in self.waiting.values():
                one.call()
                return


class MemoryLeases:
    """The leases and claims of a *board* whose keys are called by *names*."""

    def __init__(self, board: Board, names: Names) -> None:
        self._board = board
        self._names = names

    def acquire(self, key: str, token: str, ttl_ms: int, patience_ms: int) -> Turn:
        board, name = self._board, self._names.reserved("lease", key)
        with board.lock:
            now = board.now()
            line = board.line(name, now)
            told = line.ask(token, now, ttl_ms, patience_ms)
            board.leave(name, line)
        return told

    def wait(self, key: str, token: str, wait_ms: int) -> None:
        bell = Bell()
        if self.listen(key, token, bell.ring):
            try:
                bell.wait(wait_ms / 1000)
            finally:
                self.deafen(key, token)

    def listen(self, key: str, token: str, ring: Ring) -> bool:
        """Have *ring* called once it may be the turn of *token*, unless that is now."""
        board, name = self._board, self._names.reserved("lease", key)
        with board.lock:
            board.now()
            waiting = self._waiting(name, token)
            if waiting is None or waiting.called:
                self._hush(waiting)
                return False
            waiting.ring = ring
        return True

    def deafen(self, key: str, token: str) -> None:
        """The end of what `listen` began."""
        board, name = self._board, self._names.reserved("lease", key)
        with board.lock:
            self._hush(self._waiting(name, token))

    def renew(self, key: str, token: str, ttl_ms: int) -> bool:
        board, name = self._board, self._names.reserved("lease", key)
        with board.lock:
            now = board.now()
            line = board.line(name, now)
            ours = line.is_held_by(token)
            if ours:
                line.hold(token, now + ttl_ms)
            board.leave(name, line)
        return ours

    def release(self, key: str, token: str) -> bool:
        board, name = self._board, self._names.reserved("lease", key)
        with board.lock:
            line = board.line(name, board.now())
            ours = line.is_held_by(token)
            line.give_up(token)
            board.leave(name, line)
        return ours

    def claim(self, key: str, token: str, ttl_ms: int) -> Claimed:
        board, name = self._board, self._names.reserved("claim", key)
        with board.lock:
            now = board.now()
            told = claimed(board.mark(name, now), token)
            if told == "taken":
                board.marks[name] = Mark(token, False, now + ttl_ms)
        return told

    def done(self, key: str, token: str, ttl_ms: int) -> bool:
        board, name = self._board, self._names.reserved("claim", key)
        with board.lock:
            now = board.now()
            ours = may_finish(board.mark(name, now), token)
            if ours:
                board.marks[name] = Mark(token, True, now + ttl_ms)
        return ours

    def _waiting(self, name: str, token: str) -> Waiting | None:
        line = self._board.lines.get(name)
        return None if line is None else line.waiting.get(token)

    def _hush(self, waiting: Waiting | None) -> None:
        if waiting is not None:
            waiting.called = False
            waiting.ring = None
