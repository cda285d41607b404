"""The keys and the values of a round: the same for every variant, new from call to call."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from storage import Codec

from .harness import Variant, Work, clocked

Record = dict[str, Any]

BATCH = 100
"""How many keys one call of a batch is about."""

_POOL_SMALL, _POOL_LARGE = 997, 101  # primes: a key seldom gets the value that it has


def small(number: int) -> Record:
    """What a bot knows of a user, about 200 B of JSON."""
    return {
        "n": number,
        "step": "delivery",
        "name": "Zoë Winter",
        "lang": "en",
        "cart": [{"id": 1000 + number % 89, "qty": 2}, {"id": 2000 + number % 97, "qty": 1}],
        "total": 19.5 + number % 100,
        "paid": False,
        "coupon": None,
        "seen": "2026-11-21T04:25:10Z",
    }


def large(number: int) -> Record:
    """What a bot remembers of a conversation, about 4 kB of JSON."""
    text = "Is the parcel with the blue lamp on its way, and may I still add two bulbs to it?"
    turns = [
        {"role": ("user", "assistant")[turn % 2], "content": f"{text} ({number}.{turn})"}
        for turn in range(32)
    ]
    return {"n": number, "messages": turns, "model": "small", "temperature": 0.7}


class Size:
    """A kind of record, with enough of them prepared that values vary."""

    def __init__(self, name: str, record: Callable[[int], Any], pool: int) -> None:
        self.name = name
        self.record = record
        self.values: list[Any] = [record(number) for number in range(pool)]

    def encoded(self, codec: Codec) -> Size:
        """The same records in their bytes."""
        encode, record = codec.encode, self.record
        return Size(self.name, lambda number: encode(record(number)), len(self.values))

    def operations(self, count: int) -> int:
        """How many operations make a round; large records make it longer, so fewer do."""
        return count if self.record is small else max(1, count // 4)


SIZES: dict[str, Callable[[], Size]] = {
    "small": lambda: Size("200 B", small, _POOL_SMALL),
    "large": lambda: Size("4 kB", large, _POOL_LARGE),
}


class Load:
    """*operations* a round on random ones of *entries* keys."""

    def __init__(self, size: Size, entries: int, operations: int) -> None:
        self.size = size
        self.entries = entries
        self.operations = operations

    def encoded(self, codec: Codec) -> Load:
        """The same with bytes in place of values."""
        return Load(self.size.encoded(codec), self.entries, self.operations)

    def keys(self, number: int) -> list[str]:
        """Strings made anew, as keys are that come out of a message."""
        places = random.Random(number).choices(range(self.entries), k=self.operations)
        return [named(place) for place in places]

    def pairs(self, number: int) -> list[tuple[str, Record]]:
        """Keys that are there, with values that are probably not theirs."""
        return list(zip(self.keys(number), self._values(number)))

    def strangers(self, number: int) -> list[tuple[str, Record]]:
        """Keys that were never there."""
        first = self.entries + number * self.operations
        keys = [named(first + place) for place in range(self.operations)]
        return list(zip(keys, self._values(number)))

    def fill(self, set: Callable[[str, Record], object]) -> None:
        """Put every key there."""
        values = self.size.values
        for place in range(self.entries):
            set(named(place), values[place % len(values)])

    def fill_many(self, set_many: Callable[[dict[str, Record]], object]) -> None:
        """Put every key there in one call."""
        values: dict[str, Record] = {}
        self.fill(values.__setitem__)
        set_many(values)

    def gets(self, text: str, get: Callable[[str], object]) -> Variant:
        """Reads of keys that are there."""

        def prepare(number: int) -> Work:
            keys = self.keys(number)

            def work() -> None:
                for key in keys:
                    get(key)

            return work

        return clocked(text, self.operations, prepare)

    def sets(
        self, text: str, set: Callable[[str, Record], object], *, new: bool = False
    ) -> Variant:
        """Writes over keys that are there, or of *new* ones."""
        pairs = self.strangers if new else self.pairs

        def prepare(number: int) -> Work:
            chosen = pairs(number)

            def work() -> None:
                for key, value in chosen:
                    set(key, value)

            return work

        return clocked(text, self.operations, prepare)

    def gets_many(self, text: str, get_many: Callable[[list[str]], object]) -> Variant:
        """Reads of keys that are there, `BATCH` of them a call."""

        def prepare(number: int) -> Work:
            batches = _parts(self.keys(number))

            def work() -> None:
                for batch in batches:
                    get_many(batch)

            return work

        return clocked(text, self.operations, prepare)

    def sets_many(self, text: str, set_many: Callable[[dict[str, Record]], object]) -> Variant:
        """Writes over keys that are there, `BATCH` of them a call."""

        def prepare(number: int) -> Work:
            batches = [dict(some) for some in _parts(self.pairs(number))]

            def work() -> None:
                for batch in batches:
                    set_many(batch)

            return work

        return clocked(text, self.operations, prepare)

    def _values(self, number: int) -> list[Record]:
        values, first = self.size.values, number * self.operations
        return [values[(first + place) % len(values)] for place in range(self.operations)]


def named(place: int) -> str:
    """The key of a chat and a user."""
    return f"chat:{place}:user:{place}"


def _parts(things: list[Any]) -> list[list[Any]]:
    return [things[start : start + BATCH] for start in range(0, len(things), BATCH)]
