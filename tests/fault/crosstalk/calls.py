"""What callers ask of a store, and what they may be told: each answer tells whose it is, and what
is counted shows whatever ran twice or not at all."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import storage
from storage import OutcomeUnknownError, StorageError, UnavailableError, WrongTypeError
from tests.servers import Server

KEYS = 40
PREFIX = "storage:"
FOREIGN = "a list"
"""A key whose value is of a kind that the store can not read."""

DAY = 86_400
HASTE = 0.02
"""So many seconds waits for an answer who is in a hurry."""

MANY = 1_000_000
SUBJECTS = 3

SIZES = {7: 5_000, 13: 40_000}
"""The keys with values that are longer than usual, and so many bytes."""


def value(key: int) -> str:
    """What is stored under *key*: it tells the key, and is of its size."""
    return f"the value of {key}" + "." * SIZES.get(key, 0)


class Kit:
    """A store of either colour, and what is made over it."""

    def __init__(self, half: Any, store: Any, *, lock: Any = "auto") -> None:
        self.store = store
        limit = half.Limit(MANY, per=DAY, algorithm="window")
        self.limiter = half.RateLimiter(store, limit)
        self.hasty = half.RateLimiter(store, limit, budget=HASTE)
        self.sessions = half.Sessions(store, lock=lock)


@dataclass
class Tally:
    """A number that calls make greater by one each, and tell what it has become."""

    begun: int = 0
    acknowledged: int = 0
    unknown: int = 0
    told: set[int] = field(default_factory=set)

    @property
    def most(self) -> int:
        """What it is where all has been done that may have been."""
        return self.begun

    def begin(self) -> int:
        """A call begins; what the number is at the least when it has not been made yet."""
        self.begun += 1
        return self.acknowledged

    def answered(self, least: int, number: int) -> None:
        assert least < number <= self.begun, f"told {number}, between {least} and {self.begun}"
        assert number not in self.told, f"{number} was told twice"
        self.told.add(number)
        self.acknowledged += 1

    def failed(self) -> None:
        """It was not done, and the store says so."""
        self.begun -= 1

    def lost(self) -> None:
        """It may have been done."""
        self.unknown += 1

    def check(self, number: int) -> None:
        """At the end it is what was acknowledged, and maybe what is unknown; no more."""
        assert self.begun == self.acknowledged + self.unknown
        assert self.acknowledged <= number <= self.begun, (
            f"it is {number}, {self.acknowledged} were acknowledged, {self.unknown} are unknown"
        )


Ask = Callable[[Kit], Any]


class Call:
    """One call: how it is made, and what it may be told."""

    def __init__(self, ask: Ask, expected: object = None, error: Any = None) -> None:
        self.ask = ask
        self._expected = expected
        self._error = error
        self.trouble: StorageError | None = None

    def answered(self, answer: Any) -> str:
        if self._error is not None:
            raise AssertionError(f"somebody else's answer: {shown(answer)} in place of an error")
        if answer != self._expected:
            raise AssertionError(
                f"somebody else's answer: {shown(answer)} in place of {shown(self._expected)}"
            )
        return "answered"

    def failed(self, error: StorageError) -> str:
        """The call has ended with an error; what that says."""
        self.trouble = error
        if self._error is not None and type(error) is self._error:
            return "answered"
        if type(error) is OutcomeUnknownError:
            self.lost()
            return "unknown"
        if type(error) is not UnavailableError:
            raise AssertionError("somebody else's error, or one of no good reason") from error
        self.undone()
        return "failed"

    def lost(self) -> None:
        """The call was cut off, or nobody knows what has become of it."""

    def undone(self) -> None:
        """It was not done."""


class Counting(Call):
    """A call that makes a tally greater, which *read* finds in its answer."""

    def __init__(self, ask: Ask, tally: Tally, read: Callable[[Any], int] = int) -> None:
        super().__init__(ask)
        self._tally = tally
        self._read = read
        self._least = tally.begin()

    def answered(self, answer: Any) -> str:
        self._tally.answered(self._least, self._read(answer))
        return "answered"

    def lost(self) -> None:
        self._tally.lost()

    def undone(self) -> None:
        self._tally.failed()


class CountingAll(Call):
    """A call that makes all *tallies* greater or none, which *read* finds in its answer."""

    def __init__(
        self, ask: Ask, tallies: list[Tally], read: Callable[[Any], Iterable[int]]
    ) -> None:
        super().__init__(ask)
        self._tallies = tallies
        self._read = read
        self._least = [tally.begin() for tally in tallies]

    def answered(self, answer: Any) -> str:
        numbers = list(self._read(answer))
        assert len(numbers) == len(self._tallies), "the answer to another batch"
        for tally, least, number in zip(self._tallies, self._least, numbers):
            tally.answered(least, number)
        return "answered"

    def lost(self) -> None:
        for tally in self._tallies:
            tally.lost()

    def undone(self) -> None:
        for tally in self._tallies:
            tally.failed()


class Visit(Counting):
    """A session, which is opened by one call at a time: a *subject* that is lost is held a while
    by nobody, and used no more."""

    def __init__(self, caller: Caller, subject: str) -> None:
        self._caller = caller
        self._subject = subject
        super().__init__(self._made, caller.visits.setdefault(subject, Tally()))

    def _made(self, kit: Kit) -> Any:
        return kit.sessions.open(self._subject).run(_counted)

    def answered(self, answer: Any) -> str:
        told = super().answered(answer)
        self._caller.free.append(self._subject)
        return told


def _counted(_: object, session: Any) -> int:
    session["n"] = number = session.get("n", 0) + 1
    return int(number)


class Caller:
    """Somebody with keys of his own, whose calls come by chance."""

    def __init__(self, name: str, chance: random.Random) -> None:
        self.name = name
        self.chance = chance
        self.number, self.updated = Tally(), Tally()
        self.hits = {self._subject(number): Tally() for number in range(SUBJECTS)}
        self.visits: dict[str, Tally] = {}
        self.free: list[str] = []
        self.ends = Counter[str]()
        self._fresh = 0

    def next(self, kinds: Mapping[Kind, int] | None = None) -> Call:
        """What he asks next."""
        kinds = kinds or KINDS
        kind = self.chance.choices([*kinds], [*kinds.values()])[0]
        return kind(self)

    def expect_answer(self, call: Call, end: str) -> None:
        """Nothing goes wrong, so *call* has an answer."""
        self.ends[end] += 1
        if end != "answered":
            raise AssertionError("no answer, and nothing went wrong") from call.trouble

    def get(self) -> Call:
        key = self._key()
        return Call(lambda kit: kit.store.get(str(key)), value(key))

    def get_many(self) -> Call:
        keys = [self._key() for _ in range(self.chance.randrange(2, 8))]
        found = {str(key): value(key) for key in keys}
        return Call(lambda kit: kit.store.get_many([*map(str, keys), "nothing"]), found)

    def get_nothing(self) -> Call:
        name = f"nothing {self._key()}"
        return Call(lambda kit: kit.store.get(name, name), name)

    def has(self) -> Call:
        there = self.chance.random() < 0.5
        name = str(self._key()) if there else "nothing"
        return Call(lambda kit: kit.store.has(name), there)

    def foreign(self) -> Call:
        """An error among the answers."""
        return Call(lambda kit: kit.store.get(FOREIGN), error=WrongTypeError)

    def set(self) -> Call:
        key = self._key()
        return Call(lambda kit: kit.store.set(str(key), value(key)))

    def set_many(self) -> Call:
        entries = {str(key): value(key) for key in (self._key(), self._key())}
        return Call(lambda kit: kit.store.set_many(entries, ttl=DAY))

    def add(self) -> Call:
        """Nobody has added it before: where it is done twice, the second answer is no."""
        name = self._new("added")
        return Call(lambda kit: kit.store.add(name, 1), expected=True)

    def incr(self) -> Call:
        name = f"number of {self.name}"
        return Counting(lambda kit: kit.store.incr(name), self.number)

    def update(self) -> Call:
        name = f"updated by {self.name}"
        return Counting(
            lambda kit: kit.store.update(name, lambda number: number + 1, default=0), self.updated
        )

    def hit(self) -> Call:
        subject = self._subject(self.chance.randrange(SUBJECTS))
        return Counting(lambda kit: kit.limiter.hit(subject), self.hits[subject], _hits)

    def hit_in_a_hurry(self) -> Call:
        subject = self._subject(self.chance.randrange(SUBJECTS))
        return Counting(lambda kit: kit.hasty.hit(subject), self.hits[subject], _hits)

    def hit_many(self) -> Call:
        return CountingAll(
            lambda kit: kit.limiter.hit_many([*self.hits]),
            [*self.hits.values()],
            lambda verdicts: map(_hits, verdicts),
        )

    def visit(self) -> Call:
        return Visit(self, self.free.pop() if self.free else self._new("visited"))

    def check(self, kit: Kit) -> None:
        """What he has counted is there; *kit* is of somebody to whom nothing bad happens."""
        self.number.check(kit.store.get(f"number of {self.name}", 0))
        self.updated.check(kit.store.get(f"updated by {self.name}", 0))
        for subject, tally in self.hits.items():
            tally.check(MANY - kit.limiter.peek(subject).remaining)
        for subject, tally in self.visits.items():
            tally.check(kit.sessions.get(subject, {}).get("n", 0))

    def _subject(self, number: int) -> str:
        return f"{self.name}, {number}"

    def _key(self) -> int:
        return self.chance.randrange(KEYS)

    def _new(self, what: str) -> str:
        self._fresh += 1
        return f"{what} by {self.name}: {self._fresh}"


def _hits(verdict: Any) -> int:
    """How many have passed, with this one."""
    return MANY - int(verdict.remaining)


Kind = Callable[[Caller], Call]

KINDS: dict[Kind, int] = {
    Caller.get: 8,
    Caller.get_many: 3,
    Caller.get_nothing: 1,
    Caller.has: 2,
    Caller.foreign: 1,
    Caller.set: 3,
    Caller.set_many: 1,
    Caller.add: 2,
    Caller.incr: 5,
    Caller.update: 2,
    Caller.hit: 3,
    Caller.hit_many: 1,
    Caller.visit: 1,
}
"""What callers ask, and how often."""

HASTY = {**KINDS, Caller.hit_in_a_hurry: 2}
"""What is asked where replies come late, and twice."""


class Crowd:
    """Callers of one test, and how their calls ended."""

    def __init__(self, name: str, count: int, chance: random.Random) -> None:
        self.callers = [
            Caller(f"{name} {number}", random.Random(chance.random())) for number in range(count)
        ]

    @property
    def ends(self) -> Counter[str]:
        return sum((caller.ends for caller in self.callers), Counter[str]())

    def check(self, server: Server, *, answered: float = 0.5) -> None:
        """What all have counted is there, and so much of all was *answered*."""
        with storage.RedisStorage(server.url, timeout=20) as store:
            for caller in self.callers:
                caller.check(Kit(storage, store))
        assert self.ends["answered"] >= answered * self.ends.total(), self.ends

    def again(self, kit: Kit, calls: int = 25) -> None:
        """When nothing goes wrong any more, the next calls are answered, all of them."""
        for caller in self.callers:
            for _ in range(calls):
                call = caller.next()
                caller.expect_answer(call, made(call, kit))

    async def again_in_asyncio(self, kit: Kit, calls: int = 25) -> None:
        for caller in self.callers:
            for _ in range(calls):
                call = caller.next()
                caller.expect_answer(call, await made_in_asyncio(call, kit))


def made(call: Call, kit: Kit) -> str:
    """Make *call*, and tell how it has ended."""
    try:
        answer = call.ask(kit)
    except StorageError as error:
        return call.failed(error)
    except BaseException:
        call.lost()
        raise
    return call.answered(answer)


async def made_in_asyncio(call: Call, kit: Kit) -> str:
    try:
        answer = await call.ask(kit)
    except StorageError as error:
        return call.failed(error)
    except BaseException:
        call.lost()
        raise
    return call.answered(answer)


def stock(server: Server) -> None:
    """Store what callers ask for."""
    with storage.RedisStorage(server.url, timeout=20) as store:
        store.set_many({str(key): value(key) for key in range(KEYS)})
        for kind in KINDS:  # what is read of a file is not struck in the middle of it
            kind(Caller("nobody", random.Random(0))).ask(Kit(storage, store))
    server.call("RPUSH", PREFIX + FOREIGN, "x")


def shown(answer: object) -> str:
    return repr(answer)[:80]
