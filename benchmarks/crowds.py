"""Many at once, in one process: threads, or tasks of a loop, that share what is to be done."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any

from .harness import Variant, Work, clocked
from .load import Load

THREADS = 8
TASKS = 50

Step = Callable[..., Any]
Items = Sequence[tuple[Any, ...]]


class Crowd(ABC):
    """So *many*, each of whom does its share of a round."""

    def __init__(self, name: str, many: int) -> None:
        self.name = name
        self.many = many

    @abstractmethod
    def work(self, step: Step, items: Items) -> Work:
        """What calls *step* with each of *items*."""

    def wait_for(self, answer: Any) -> Any:
        """What a call of a step answered."""
        return answer

    def repeated(self, step: Step, times: int) -> Work:
        """What calls *step* so many times."""
        return self.work(step, [()] * times)

    def gets(self, load: Load, text: str, get: Step) -> Variant:
        """Reads of keys that are there."""
        return self._variant(load, text, get, lambda number: [(key,) for key in load.keys(number)])

    def sets(self, load: Load, text: str, set: Step) -> Variant:
        """Writes over keys that are there."""
        return self._variant(load, text, set, load.pairs)

    def _variant(self, load: Load, text: str, step: Step, items: Callable[[int], Items]) -> Variant:
        return clocked(text, load.operations, lambda number: self.work(step, items(number)))

    def _shares(self, items: Items) -> list[Items]:
        return [items[first :: self.many] for first in range(self.many)]


class Alone(Crowd):
    """One caller; *step* is a plain function."""

    def __init__(self) -> None:
        super().__init__("one caller", 1)

    def work(self, step: Step, items: Items) -> Work:
        def work() -> None:
            for item in items:
                step(*item)

        return work


class Threads(Crowd):
    """Threads that begin together; *step* is a plain function."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        super().__init__(f"{THREADS} threads", THREADS)
        self._pool = pool

    def work(self, step: Step, items: Items) -> Work:
        shares = self._shares(items)

        def work() -> None:
            barrier = Barrier(self.many)
            for future in [self._pool.submit(_in_turn, barrier, step, some) for some in shares]:
                future.result()

        return work


class Tasks(Crowd):
    """Tasks of one loop; *step* is a coroutine function."""

    def __init__(self, loop: asyncio.AbstractEventLoop, many: int = TASKS) -> None:
        super().__init__(f"{many} tasks" if many > 1 else "one task", many)
        self.loop = loop

    def work(self, step: Step, items: Items) -> Work:
        shares = self._shares(items)
        return lambda: self.wait_for(_together(step, shares))

    def of(self, many: int) -> Tasks:
        """So many of the same loop."""
        return Tasks(self.loop, many)

    def wait_for(self, answer: Awaitable[Any]) -> Any:
        return self.loop.run_until_complete(answer)


@contextmanager
def threads() -> Iterator[Threads]:
    """Threads for a `with` block."""
    with ThreadPoolExecutor(THREADS) as pool:
        yield Threads(pool)


@contextmanager
def event_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop for a `with` block."""
    loop = asyncio.new_event_loop()
    try:
        yield loop
    finally:
        loop.close()


def _in_turn(barrier: Barrier, step: Step, items: Items) -> None:
    barrier.wait()
    for item in items:
        step(*item)


async def _together(step: Step, shares: Sequence[Items]) -> None:
    async def share(items: Items) -> None:
        for item in items:
            await step(*item)

    await asyncio.gather(*map(share, shares))
