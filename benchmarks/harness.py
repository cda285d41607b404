"""Rounds and ratios.

Every round runs every variant of a case once, in shuffled order, and gives one ratio: time moves
on a shared machine, ratios of the same moment hardly do. The ratio shown is the median of the
rounds, with the 10th and the 90th percentile. The first round warms up and is not counted.
"""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, NamedTuple

Clock = Literal["cpu", "wall", "both"]
Work = Callable[[], object]


class Sample(NamedTuple):
    """Seconds per operation: of this process on a processor, on the wall, and on a processor of
    this process and of the server that is watched, if there is one."""

    cpu: float
    wall: float
    both: float = 0.0


@dataclass(frozen=True)
class Variant:
    """One way to do a job: the call as a reader would write it, and what measures one round."""

    text: str
    run: Callable[[int], Sample]


class Spread(NamedTuple):
    """The median of the rounds, and how far they lie apart."""

    median: float
    low: float
    high: float


_servers: list[Callable[[], float]] = []


@contextmanager
def watched(seconds: Callable[[], float] | None) -> Iterator[None]:
    """Count what a server works, for a `with` block, by the *seconds* that it has worked so far."""
    if seconds is None:
        yield
        return
    _servers.append(seconds)
    try:
        yield
    finally:
        _servers.remove(seconds)


def clocked(
    text: str,
    operations: int,
    prepare: Callable[[int], Work],
    after: Callable[[], object] | None = None,
) -> Variant:
    """A variant whose work is prepared off the clock; *after* follows each round."""

    def run(number: int) -> Sample:
        sample = timed(prepare(number), operations)
        if after is not None:
            after()
        return sample

    return Variant(text, run)


def timed(work: Work, operations: int) -> Sample:
    """What one operation costs when *work* does so many of them."""
    gc.disable()
    try:
        served = _served()
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        served = _served() - served
    finally:
        gc.enable()
    both = cpu + served if _servers else 0.0
    return Sample(cpu / operations, wall / operations, both / operations)


def measure(variants: Mapping[str, Variant], rounds: int) -> dict[str, list[Sample]]:
    """The samples of every variant, one a round."""
    samples: dict[str, list[Sample]] = {name: [] for name in variants}
    order = list(variants)
    for number in range(rounds + 1):
        random.shuffle(order)
        for name in order:
            sample = variants[name].run(number)
            if number:
                samples[name].append(sample)
    return samples


def ratios(ours: Sequence[Sample], base: Sequence[Sample], clock: Clock = "cpu") -> Spread:
    """How many times the base's cost ours is, round by round."""
    return spread([_on(one, clock) / _on(other, clock) for one, other in zip(ours, base)])


def typical(samples: Sequence[Sample]) -> Sample:
    """The median costs."""
    return Sample(*(statistics.median(column) for column in zip(*samples)))


def spread(values: Sequence[float]) -> Spread:
    """The median, the 10th and the 90th percentile of *values*."""
    if len(values) < 2:
        return Spread(values[0], values[0], values[0])
    tenths = statistics.quantiles(values, n=10, method="inclusive")
    return Spread(statistics.median(values), tenths[0], tenths[8])


def _on(sample: Sample, clock: Clock) -> float:
    seconds: float = getattr(sample, clock)
    return seconds


def _served() -> float:
    return sum(seconds() for seconds in _servers)
