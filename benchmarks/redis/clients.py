"""What reads and writes one key a call, whoever wrote it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from storage import Codec

from ..crowds import Crowd, Step, Tasks
from ..harness import Variant
from ..load import Load
from .settings import Settings

ENTRIES, OPERATIONS = 1_000, 1_000
EACH = 20
"""At least so many calls each of a crowd makes in a round: a task that begins and ends costs some
microseconds, and is not what is measured."""

GET, SET = "get", "set"


class Client(NamedTuple):
    """Its calls, and how they are written. One that *codes* takes values, any other takes bytes."""

    name: str
    get: Step
    set: Step
    texts: tuple[str, str]
    codes: bool = False
    close: Callable[[], Any] | None = None

    def variants(self, crowd: Crowd, load: Load, codec: Codec) -> dict[str, Variant]:
        """A round of either call by *crowd*."""
        written = load if self.codes else load.encoded(codec)
        return {
            GET: crowd.gets(load, self.texts[0], self.get),
            SET: crowd.sets(written, self.texts[1], self.set),
        }

    def closed(self, crowd: Crowd) -> None:
        """Close what it holds, in the colour of its calls."""
        if self.close is not None:
            answer = self.close()
            if isinstance(answer, Awaitable):
                crowd.wait_for(answer)


class Counting:
    """A *step* that goes on where a call fails; it counts what was raised, by its name."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self.raised: Counter[str] = Counter()

    def plain(self, *item: Any) -> None:
        try:
            self._step(*item)
        except Exception as error:  # noqa: BLE001 - of any library
            self.raised[type(error).__name__] += 1

    async def awaited(self, *item: Any) -> None:
        try:
            await self._step(*item)
        except Exception as error:  # noqa: BLE001 - of any library
            self.raised[type(error).__name__] += 1


def load_for(crowd: Crowd, load: Load) -> Load:
    """The same with enough to do for each of *crowd*."""
    return Load(load.size, load.entries, max(load.operations, crowd.many * EACH))


def rounds_for(crowd: Crowd, chosen: Settings) -> int:
    """Fewer where a round is long."""
    return chosen.some(15 if crowd.many * EACH <= OPERATIONS else 7)


def failures(client: Client, crowd: Crowd, load: Load) -> Counter[str]:
    """What a round of reads by *crowd* raises, and how often: it should be nothing."""
    counting = Counting(client.get)
    step = counting.awaited if isinstance(crowd, Tasks) else counting.plain
    crowd.work(step, [(key,) for key in load.keys(0)])()
    return counting.raised


def told(raised: Counter[str], operations: int) -> list[str]:
    """The same in words."""
    return [f"{times:,} of {operations:,} calls raise {name}" for name, times in raised.items()]


def fill(client: Client, crowd: Crowd, load: Load, codec: Codec) -> None:
    """Put every key there, and refuse to measure what does not read what it wrote."""
    written: dict[str, Any] = {}
    (load if client.codes else load.encoded(codec)).fill(written.__setitem__)
    crowd.work(client.set, list(written.items()))()
    for key in list(written)[:2]:
        if crowd.wait_for(client.get(key)) != written[key]:
            raise RuntimeError(f"{client.name} does not read what it wrote")
