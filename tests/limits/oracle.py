"""What rate limits let pass, said again from scratch: everything that passed is written down, and
what counts of it at some moment is added up, in fractions.

When something may pass, or when nothing counts any more, is not reckoned here: it is the first
moment at which it is so, and not a microsecond sooner.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

Kind = str


class Book:
    """What one meter of *kind* let pass: *most* at once."""

    def __init__(self, kind: Kind, count: int, per: int, burst: int) -> None:
        self.kind = kind
        self.count = count
        self.per = per
        self.most = burst if kind == "gcra" else count
        self.hits: list[tuple[int, int]] = []
        """Log: when, and how many."""
        self.frames: Counter[int] = Counter()
        """Windows: how many in the one with that number."""
        self.first = 0
        """When the window with the number 0 began."""
        self.level: tuple[int, Fraction] = (0, Fraction(0))
        """Bucket: how full it was when."""
        self.holders: list[tuple[str, int]] = []
        """Slots: who, and until when."""

    def passes(self, at: int, cost: int) -> bool:
        return self.weight(at) + cost <= self.most

    def counts(self, at: int) -> bool:
        return self.weight(at) > 0

    def weight(self, at: int) -> Fraction:
        """What counts at that moment."""
        if self.kind == "log":
            return Fraction(sum(cost for when, cost in self.hits if when > at - self.per))
        if self.kind == "gcra":
            then, level = self.level
            return max(Fraction(0), level - Fraction((at - then) * self.count, self.per))
        if self.kind == "slots":
            return Fraction(sum(until > at for _, until in self.holders))
        number = self.number(at)
        weight = Fraction(self.frames[number])
        if self.kind == "counter":
            gone = (at - self.first - number * self.per) // 1000
            weight += self.frames[number - 1] * (1 - Fraction(gone * 1000, self.per))
        return weight

    def number(self, at: int) -> int:
        """The number of the window in which that moment is."""
        return at // self.per if self.kind == "aligned" else (at - self.first) // self.per

    def spend(self, at: int, cost: int, token: str) -> None:
        if self.kind == "log":
            self.hits.append((at, cost))
        elif self.kind == "gcra":
            self.level = (at, self.weight(at) + cost)
        elif self.kind == "slots":
            self.holders += [(token, at + self.per)] * cost
        else:
            self._begin(at)
            self.frames[self.number(at)] += cost

    def refund(self, at: int, cost: int, when: int) -> None:
        """What passed *when* is given back *at* that moment."""
        if self.kind == "log" and when > at - self.per:
            self.hits = [hit for hit in self.hits if hit[0] > at - self.per]
            self._drop(cost, 0)
        elif self.kind == "gcra":
            back = cost - Fraction((at - when) * self.count, self.per)
            self.level = (at, max(Fraction(0), self.weight(at) - max(Fraction(0), back)))
        elif self.kind in ("window", "aligned", "counter"):
            self._begin(at)
            number, passed = self.number(at), self.number(when)
            if passed >= number:
                self._take(number, cost)
            elif passed == number - 1 and self.kind == "counter":
                self._take(passed, cost)

    def undo(self, at: int, cost: int) -> None:
        """The last *cost*, which was to pass *at* that moment, does not."""
        if self.kind == "log":
            self._drop(cost, -1)
        elif self.kind == "gcra":
            self.level = (at, max(Fraction(0), self.weight(at) - cost))
        elif self.kind != "slots":
            self._take(self.number(at), cost)

    def has(self, token: str, at: int) -> bool:
        return any(who == token and until > at for who, until in self.holders)

    def renew(self, token: str, at: int) -> None:
        self.holders = [
            (who, at + self.per if who == token else until)
            for who, until in self.holders
            if until > at
        ]

    def release(self, token: str) -> None:
        self.holders = [holder for holder in self.holders if holder[0] != token]

    def _begin(self, at: int) -> None:
        """Where nothing counts any more, a window begins."""
        if self.kind != "aligned" and not self.counts(at):
            self.first, self.frames = at, Counter()

    def _take(self, number: int, cost: int) -> None:
        self.frames[number] = max(0, self.frames[number] - cost)

    def _drop(self, cost: int, end: int) -> None:
        while cost > 0 and self.hits:
            when, there = self.hits.pop(end)
            if there > cost:
                self.hits.insert(len(self.hits) if end else 0, (when, there - cost))
            cost -= there


class Shelf:
    """The books of some meters, and what is known of their time."""

    def __init__(self, *books: Book) -> None:
        self.books = books
        self.seen = [0] * len(books)
        self.at = [0] * len(books)
        self.barred = [0] * len(books)
        self.told = [0] * len(books)
        self.places: dict[tuple[int, ...], list[tuple[int, int]]] = {}

    def now(self, group: tuple[int, ...], clock: int) -> int:
        return max([clock, *(self.seen[one] for one in group)])

    def opens(self, one: int, now: int) -> int:
        """Before when nobody may pass, whatever counts."""
        return max(now, self.at[one], self.barred[one])

    def may(self, one: int, now: int, cost: int) -> bool:
        return self.opens(one, now) == now and self.books[one].passes(now, cost)

    def spend(self, group: tuple[int, ...], now: int, at: int, cost: int, token: str = "") -> None:
        for one in group:
            self.books[one].spend(at, cost, token)
            self.seen[one], self.at[one] = now, at

    def check(self, one: int, now: int, cost: int, wait: int) -> None:
        """*wait* from *now* is the first moment at which *cost* may pass."""
        book, opens, ready = self.books[one], self.opens(one, now), now + wait
        assert ready >= opens
        assert book.passes(ready, cost)
        assert ready == opens or not book.passes(ready - 1, cost)

    def check_standing(self, one: int, now: int, left: int, fresh: int) -> None:
        """So many are *left* to pass *now*, and *fresh* is when nothing counts."""
        book, opens, end = self.books[one], self.opens(one, now), now + fresh
        assert left == (max(0, book.most - -(-book.weight(now) // 1)) if opens == now else 0)
        assert end >= opens
        assert not book.counts(end)
        assert end == opens or book.counts(end - 1)
