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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Clock = Literal["cpu", "wall"]
Work = Callable[[], object]


class Sample(NamedTuple):
    """Seconds per operation: of this process on a processor, and on the wall."""

    cpu: float
    wall: float


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
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    finally:
        gc.enable()
    return Sample(cpu / operations, wall / operations)


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
    return sample.cpu if clock == "cpu" else sample.wall
