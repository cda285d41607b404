"""What is kept of meters in memory, and the quick way through them.

Mostly one limit is asked whether one hit may pass, nobody waits and nothing is blocked, and it may.
That is done here in place, by the arithmetic of `core.algorithms` written for this one case. What
is not as simple is left to the transition of `core.window`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ..core.algorithms import Aligned, Gcra, Log, Rule, Window
from ..core.window import Place, State, ends
from ..errors import ClosedError
from ..runtime import Lock, after_fork, mutex, wall_clock, wall_ns
from ..ttl import Clock

_FEW: Final = 1024

Make = Callable[[Any, str, int, int, int], Any]
"""Makes what is answered: of what a limiter wants, a key, the time, and two of the numbers that are
kept after the hit."""

Quick = Callable[[str], Any]
"""Lets one hit pass for a key; what it answers is `None` where that is not as simple."""


class Kept:
    """A `State`, which changes in place."""

    __slots__ = ("at", "barred", "is_odd", "more", "seen", "told", "x", "y", "z")

    seen: int
    at: int
    barred: int
    told: int
    x: int
    y: int
    z: int
    more: Any
    is_odd: bool
    """Whether it is not as simple: somebody waits, or was refused, or nothing passes."""

    def __init__(self, state: State) -> None:
        self.put(state)

    def put(self, state: State) -> None:
        """Be *state* from now on."""
        self.seen, self.at, self.barred, self.told, (self.x, self.y, self.z), self.more = state
        self.is_odd = self.seen != self.at or self.barred > self.at

    def state(self) -> State:
        """What is kept now."""
        kept = self.x, self.y, self.z
        seen = self.seen if self.is_odd else self.at
        return State(seen, self.at, self.barred, self.told, kept, self.more)


class Board:
    """All that is kept by one rule for the keys of one namespace."""

    __slots__ = ("kept", "most", "rule")

    def __init__(self, rule: Rule) -> None:
        self.rule: Rule = rule
        self.kept: dict[str, Kept] = {}
        self.most: int = _FEW

    def state(self, key: str, now: int) -> State | None:
        """What is kept for *key*, if it counts still."""
        kept = self.kept.get(key)
        state = None if kept is None else kept.state()
        return None if state is None or ends(self.rule, state) <= now else state

    def keep(self, key: str, state: State) -> None:
        """Keep *state* for *key*."""
        kept = self.kept.get(key)
        if kept is None:
            self.kept[key] = Kept(state)
        else:
            kept.put(state)

    def drop(self, now: int) -> None:
        """Free what counts no more; worth while when there are *most*, twice as many as were left
        last time."""
        over = [key for key, one in self.kept.items() if ends(self.rule, one.state()) <= now]
        for key in over:
            del self.kept[key]
        self.most = 2 * len(self.kept) + _FEW


class Meters:
    """The meters of one backend, by namespace and by definition."""

    def __init__(self, label: str, clock: Clock) -> None:
        self._label = label
        self._clock = clock
        self.lock: Lock = mutex()
        self.boards: dict[tuple[str, str], Board] = {}
        self.places: dict[str, list[Place]] = {}
        self._closed = False
        self._freed_at = 0
        """When something was freed last: the time is never one before that, when it counted."""
        after_fork(self, Meters._unlock)

    def now(self) -> int:
        """The time by the clock of the backend; refuses to be used after `close`."""
        if self._closed:
            raise ClosedError("the store is closed", store=self._label)
        now = wall_ns() // 1000 if self._clock is wall_clock else round(self._clock() * 1_000_000)
        return max(now, self._freed_at)

    def board(self, prefix: str, rule: Rule) -> Board:
        """What is kept by *rule* in the namespace that has *prefix*."""
        board = self.boards.get((prefix, rule.stored))
        if board is None:
            board = self.boards[prefix, rule.stored] = Board(rule)
        return board

    def keep(self, board: Board, key: str, state: State, now: int) -> None:
        """Keep *state* for *key*, and free others if there are many."""
        if len(board.kept) >= board.most and key not in board.kept:
            board.drop(now)
            self.places = {name: left for name, left in self.places.items() if left[-1][0] > now}
            self._freed_at = now
        board.keep(key, state)

    def close(self) -> None:
        """Forget all."""
        with self.lock:
            self._closed = True
            for board in self.boards.values():
                board.kept.clear()
            self.boards, self.places = {}, {}

    def quick(self, prefix: str, rule: Rule, make: Make, want: Any) -> Quick | None:
        """The quick way of one hit by *rule*, if there is one."""
        write = _WAYS.get(type(rule)) if self._clock is wall_clock else None
        if write is None:
            return None
        with self.lock:
            kept = self.board(prefix, rule).kept
        return write(self, rule, kept, make, want)

    def _unlock(self) -> None:
        self.lock = mutex()


def _gcra(meters: Meters, rule: Any, kept: dict[str, Kept], make: Make, want: Any) -> Quick:
    find, ns = kept.get, wall_ns
    unit, rate, brim = rule.unit, rule.rate, rule.brim

    def quick(key: str) -> Any:
        with meters.lock:
            now = ns() // 1000
            one = find(key)
            if one is None or one.is_odd or now < one.at:
                return None
            level = one.x - rate * (now - one.at)
            level = level + unit if level > 0 else unit
            if level > brim:
                return None
            one.at = now
            one.x = level
        return make(want, key, now, level, 0)

    return quick


def _log(meters: Meters, rule: Any, kept: dict[str, Kept], make: Make, want: Any) -> Quick:
    find, ns = kept.get, wall_ns
    count, per = rule.count, rule.per

    def quick(key: str) -> Any:
        with meters.lock:
            now = ns() // 1000
            one = find(key)
            if one is None or one.is_odd or now < one.at:
                return None
            stamps, x, y = one.more, one.x, one.y
            size, over = len(stamps), now - per
            while y < x and stamps[y % size] <= over:
                y += 1
            if x - y >= size or x - y >= count:
                return None
            stamps[x % size] = one.at = now
            one.x = x = x + 1
            one.y = y
        return make(want, key, now, x, y)

    return quick


def _window(meters: Meters, rule: Any, kept: dict[str, Kept], make: Make, want: Any) -> Quick:
    find, ns = kept.get, wall_ns
    count, per = rule.count, rule.per

    def quick(key: str) -> Any:
        with meters.lock:
            now = ns() // 1000
            one = find(key)
            if one is None or one.is_odd or now < one.at:
                return None
            start, passed = one.x, one.y
            if passed >= count or not passed or now >= start + per:
                return None
            one.at = now
            one.y = passed = passed + 1
        return make(want, key, now, start, passed)

    return quick


_WAYS: Final[dict[type[Rule], Callable[[Meters, Any, dict[str, Kept], Make, Any], Quick]]] = {
    Gcra: _gcra,
    Log: _log,
    Window: _window,
    Aligned: _window,
}
