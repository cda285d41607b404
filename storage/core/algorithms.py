"""How hits are counted: the arithmetic of every algorithm, in whole numbers.

Times are microseconds since 1970. What an algorithm keeps are three numbers (*x*, *y*, *z*), and
some keep *more*: the moments of hits, or who has which slot. `storage/redis/lua/limit.lua` says
the same in Lua, where a number is exact up to 2**53.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from typing import Any, ClassVar, Final, NamedTuple

_EXACT: Final = 2**52
"""What is counted stays below, so that a sum of two is exact in Lua as well."""

_MOST_SLOTS: Final = 10_000
_LONGEST_LOG: Final = 100_000

Kept = tuple[int, int, int]


class Holder(NamedTuple):
    """Who has a slot, and until when."""

    token: str
    until: int


class Rule:
    """*count* hits in *per* microseconds; *stored* tells the definition from others in names."""

    code: ClassVar[int]
    """What it is called in what is stored."""

    __slots__ = ("burst", "count", "per", "stored")

    def __init__(self, count: int, per: int, burst: int, stored: str) -> None:
        self.count: int = count
        self.per: int = per
        self.burst: int = burst
        self.stored: str = stored

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.stored}>"

    @property
    def numbers(self) -> tuple[int, int, int]:
        """What a script is told besides the code."""
        return self.count, self.per, 0

    @property
    def most(self) -> int:
        """The cost that can pass at the most."""
        return self.count

    def check(self) -> None:
        """Refuse numbers that can not be counted exactly."""
        if self.count > _EXACT or self.per > _EXACT:
            raise ValueError("these numbers are too large to be counted exactly")

    def empty(self) -> Any:
        """The *more* that is kept of nothing."""
        return None

    def settled(self, kept: Kept, more: Any, then: int, at: int) -> Kept:
        """What counts *at* that moment of what was kept *then*."""
        raise NotImplementedError

    def ready(self, kept: Kept, more: Any, at: int, cost: int) -> int:
        """The first moment from *at* on, for which *kept* is settled, when *cost* may pass."""
        raise NotImplementedError

    def left(self, kept: Kept, more: Any, at: int) -> int:
        """How many hits may pass *at* that moment."""
        raise NotImplementedError

    def fresh(self, kept: Kept, more: Any, at: int) -> int:
        """When nothing counts any more."""
        raise NotImplementedError

    def fresh_after(self, kept: Kept, at: int) -> int:
        """The same where a hit has passed *at* that moment."""
        return self.fresh(kept, None, at)

    def spent(self, kept: Kept, more: Any, at: int, cost: int, token: str) -> tuple[Kept, Any]:
        """What is kept when *cost* has passed, for *token* where somebody has a slot then."""
        raise NotImplementedError

    def refunded(self, kept: Kept, more: Any, at: int, cost: int, when: int) -> Kept:
        """What is kept when the *cost* of *when* is given back as far as it counts still."""
        raise NotImplementedError

    def undone(self, kept: Kept, cost: int) -> Kept:
        """What is kept when the last *cost* has not passed after all."""
        x, y, z = kept
        return x, max(0, y - cost), z


class Window(Rule):
    """*x* is when the window began, *y* what passed in it."""

    code = 1
    __slots__ = ()

    def settled(self, kept: Kept, more: Any, then: int, at: int) -> Kept:
        x, y, _ = kept
        return kept if y > 0 and at < x + self.per else (at, 0, 0)

    def ready(self, kept: Kept, more: Any, at: int, cost: int) -> int:
        x, y, _ = kept
        return at if y + cost <= self.count else x + self.per

    def left(self, kept: Kept, more: Any, at: int) -> int:
        return self.count - kept[1]

    def fresh(self, kept: Kept, more: Any, at: int) -> int:
        x, y, _ = kept
        return x + self.per if y > 0 else at

    def spent(self, kept: Kept, more: Any, at: int, cost: int, token: str) -> tuple[Kept, Any]:
        x, y, _ = kept
        return (x, y + cost, 0), more

    def refunded(self, kept: Kept, more: Any, at: int, cost: int, when: int) -> Kept:
        return self.undone(kept, cost) if when >= kept[0] else kept


class Aligned(Window):
    """The same with windows that begin at multiples of their length."""

    code = 2
    __slots__ = ()

    def settled(self, kept: Kept, more: Any, then: int, at: int) -> Kept:
        start = at - at % self.per
        return kept if kept[0] == start else (start, 0, 0)


class Counter(Rule):
    """*x* is when the window began, *y* what passed in it, *z* what passed in the one before.

    The window before counts as if its hits were spread evenly; weights are whole milliseconds.
    """

    code = 3
    __slots__ = ()

    def check(self) -> None:
        super().check()
        if self.count * (self.per // 1000) > _EXACT or 2 * self.per > _EXACT:
            raise ValueError("these numbers are too large to be counted exactly")

    def settled(self, kept: Kept, more: Any, then: int, at: int) -> Kept:
        x, y, z = kept
        if at < x + self.per:
            return kept if y or z else (at, 0, 0)
        if at < x + 2 * self.per and y > 0:
            return x + self.per, 0, y
        return at, 0, 0

    def ready(self, kept: Kept, more: Any, at: int, cost: int) -> int:
        x, y, z = kept
        weight = self.per // 1000
        gone = (at - x) // 1000
        free = self.count - cost - y
        if z * (weight - gone) <= free * weight:
            return at
        if free >= 0:  # z is not 0, or it would have passed
            return x + (weight - free * weight // z) * 1000
        return x + self.per + (weight - min(weight, (self.count - cost) * weight // y)) * 1000

    def left(self, kept: Kept, more: Any, at: int) -> int:
        x, y, z = kept
        weight = self.per // 1000
        return max(0, (self.count - y) * weight - z * (weight - (at - x) // 1000)) // weight

    def fresh(self, kept: Kept, more: Any, at: int) -> int:
        x, y, z = kept
        if y > 0:
            return x + 2 * self.per
        return x + self.per if z > 0 else at

    def spent(self, kept: Kept, more: Any, at: int, cost: int, token: str) -> tuple[Kept, Any]:
        x, y, z = kept
        return (x, y + cost, z), more

    def refunded(self, kept: Kept, more: Any, at: int, cost: int, when: int) -> Kept:
        x, y, z = kept
        if when >= x:
            return x, max(0, y - cost), z
        return (x, y, max(0, z - cost)) if when >= x - self.per else kept


class Gcra(Rule):
    """*x* is how full the bucket is, in a unit of which a hit takes `numbers[1]`, and of which
    `numbers[2]` run out in a microsecond."""

    code = 5
    __slots__ = ("brim", "rate", "unit")

    def __init__(self, count: int, per: int, burst: int, stored: str) -> None:
        super().__init__(count, per, burst, stored)
        common = math.gcd(count, per)
        self.unit: int = per // common
        self.rate: int = count // common
        self.brim: int = burst * self.unit

    @property
    def numbers(self) -> tuple[int, int, int]:
        return self.brim, self.unit, self.rate

    @property
    def most(self) -> int:
        return self.burst

    def check(self) -> None:
        if self.brim > _EXACT or self.rate > _EXACT:
            raise ValueError("these numbers are too large to be counted exactly")

    def settled(self, kept: Kept, more: Any, then: int, at: int) -> Kept:
        return max(0, kept[0] - self.rate * (at - then)), 0, 0

    def ready(self, kept: Kept, more: Any, at: int, cost: int) -> int:
        over = kept[0] + cost * self.unit - self.brim
        return at if over <= 0 else at + -(-over // self.rate)

    def left(self, kept: Kept, more: Any, at: int) -> int:
        return (self.brim - kept[0]) // self.unit

    def fresh(self, kept: Kept, more: Any, at: int) -> int:
        return at + -(-kept[0] // self.rate)

    def spent(self, kept: Kept, more: Any, at: int, cost: int, token: str) -> tuple[Kept, Any]:
        return (kept[0] + cost * self.unit, 0, 0), more

    def refunded(self, kept: Kept, more: Any, at: int, cost: int, when: int) -> Kept:
        back = cost * self.unit - self.rate * (at - when)  # the rest has run out already
        return max(0, kept[0] - max(0, back)), 0, 0

    def undone(self, kept: Kept, cost: int) -> Kept:
        return max(0, kept[0] - cost * self.unit), 0, 0


class Log(Rule):
    """*x* is how many hits were ever written down, *y* the first of them that counts still; *more*
    are their moments, where the one with the number *n* stands at the place *n* modulo its length.

    It never holds more moments than may count at once.
    """

    code = 4
    __slots__ = ()

    def check(self) -> None:
        super().check()
        if self.count > _LONGEST_LOG:
            message = f"a log keeps every hit, {_LONGEST_LOG:,} at the most"
            raise ValueError(f'{message}: say algorithm="gcra" or "counter" for more')

    def empty(self) -> Any:
        return array("d")

    def settled(self, kept: Kept, more: Any, then: int, at: int) -> Kept:
        x, y, _ = kept
        size, over = len(more), at - self.per
        if y < x and more[y % size] <= over:
            # What is left of the ring is in the order of time, in two pieces at the most.
            start, length = y % size, x - y
            first = min(length, size - start)
            found = bisect_right(more, over, start, start + first) - start
            if found == first:
                found += bisect_right(more, over, 0, length - first)
            y += found
        return (x, y, 0) if y < x else (0, 0, 0)

    def ready(self, kept: Kept, more: Any, at: int, cost: int) -> int:
        x, y, _ = kept
        over = x - y + cost - self.count
        return at if over <= 0 else int(more[(y + over - 1) % len(more)]) + self.per

    def left(self, kept: Kept, more: Any, at: int) -> int:
        return self.count - kept[0] + kept[1]

    def fresh(self, kept: Kept, more: Any, at: int) -> int:
        x, y, _ = kept
        return int(more[(x - 1) % len(more)]) + self.per if x > y else at

    def fresh_after(self, kept: Kept, at: int) -> int:
        return at + self.per

    def spent(self, kept: Kept, more: Any, at: int, cost: int, token: str) -> tuple[Kept, Any]:
        x, y, _ = kept
        if x - y + cost > len(more):
            more, x, y = self._wider(more, x, y, cost)
        for n in range(x, x + cost):
            more[n % len(more)] = at
        return (x + cost, y, 0), more

    def _wider(self, more: Any, x: int, y: int, cost: int) -> tuple[Any, int, int]:
        """A longer ring with the same moments in the order of time."""
        length, start = x - y, y % len(more) if more else 0
        first = min(length, len(more) - start)
        wider = more[start : start + first] + more[: length - first]
        wider.frombytes(bytes(8 * (min(self.count, grown(length + cost)) - length)))
        return wider, length, 0

    def refunded(self, kept: Kept, more: Any, at: int, cost: int, when: int) -> Kept:
        # Whichever hit it was: without the oldest one, what is left is as late as it can be.
        x, y, _ = kept
        return (x, min(x, y + cost), 0) if when + self.per > at else kept

    def undone(self, kept: Kept, cost: int) -> Kept:
        x, y, _ = kept
        return max(y, x - cost), y, 0


class Slots(Rule):
    """*more* are those who have a slot; *per* is how long one has it without renewing it."""

    code = 6
    __slots__ = ()

    def check(self) -> None:
        super().check()
        if self.count > _MOST_SLOTS:
            raise ValueError(f"there can be {_MOST_SLOTS} slots at the most")

    def empty(self) -> Any:
        return ()

    def settled(self, kept: Kept, more: Any, then: int, at: int) -> Kept:
        return sum(holder.until > at for holder in more), 0, 0

    def ready(self, kept: Kept, more: Any, at: int, cost: int) -> int:
        over = kept[0] + cost - self.count
        if over <= 0:
            return at
        ends: list[int] = sorted(holder.until for holder in more if holder.until > at)
        return ends[over - 1]

    def left(self, kept: Kept, more: Any, at: int) -> int:
        return self.count - kept[0]

    def fresh(self, kept: Kept, more: Any, at: int) -> int:
        return max((holder.until for holder in more), default=at)

    def spent(self, kept: Kept, more: Any, at: int, cost: int, token: str) -> tuple[Kept, Any]:
        alive = tuple(holder for holder in more if holder.until > at)
        return (kept[0] + cost, 0, 0), (*alive, *(Holder(token, at + self.per),) * cost)

    def refunded(self, kept: Kept, more: Any, at: int, cost: int, when: int) -> Kept:
        return kept  # a slot is given back by its token

    def undone(self, kept: Kept, cost: int) -> Kept:
        return kept


RULES: Final[dict[int, type[Rule]]] = {
    rule.code: rule for rule in (Window, Aligned, Counter, Log, Gcra, Slots)
}


def grown(needed: int) -> int:
    """For how many moments there is room where *needed* ones come together: some more, so that
    they are seldom moved, and not many, so that they stay small."""
    return needed + needed // 8 + 4
