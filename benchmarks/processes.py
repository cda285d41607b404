"""`update` of one hot key by several processes."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from typing import Any, NamedTuple, Protocol

from storage import Storage

from .harness import Sample, Variant, measure, ratios, typical
from .load import Record, Size
from .race import HOT, UNSAFE_TEXT, UPDATE_TEXT, UPDATES, changed, changes, faults, kept_text
from .report import Report, Row

_WAIT_SECONDS = 60


class Place(Protocol):
    """Where a store is, in a form that can be told to another process."""

    def open(self) -> Storage[Any]:
        """The store there."""
        ...


class Outcome(NamedTuple):
    """What one process did: calls of the change function, and seconds."""

    calls: int
    cpu: float
    wall: float


class Run:
    """Rounds of one way to change the key; *kept* and *calls* have an entry a round."""

    def __init__(self, place: Callable[[], Place], processes: int, size: Size, safe: bool) -> None:
        self._place = place
        self._processes = processes
        self._size = size
        self._safe = safe
        self.kept: list[int] = []
        self.calls: list[int] = []

    def variant(self) -> Variant:
        """The rounds as the harness wants them."""
        return Variant(UPDATE_TEXT if self._safe else UNSAFE_TEXT, self._round)

    def _round(self, number: int) -> Sample:
        place = self._place()
        with place.open() as store:
            store.set(HOT, self._size.record(0))
            outcomes = self._outcomes(place)
            self.kept.append(changes(store.get(HOT)))
        self.calls.append(sum(outcome.calls for outcome in outcomes))
        cpu = sum(outcome.cpu for outcome in outcomes)
        wall = max(outcome.wall for outcome in outcomes)
        return Sample(cpu / UPDATES, wall / UPDATES)

    def _outcomes(self, place: Place) -> list[Outcome]:
        context = multiprocessing.get_context("spawn")
        barrier, outcomes = context.Barrier(self._processes), context.Queue()
        each = UPDATES // self._processes
        started = [
            context.Process(
                target=_work, args=(place, each, self._safe, barrier, outcomes), daemon=True
            )
            for _ in range(self._processes)
        ]
        for process in started:
            process.start()
        found = [outcomes.get(timeout=_WAIT_SECONDS) for _ in started]
        for process in started:
            process.join()
        return found


def rivals(
    report: Report, name: str, place: Callable[[], Place], processes: int, size: Size, rounds: int
) -> None:
    """So many processes on one key, which must keep every change."""
    safe, unsafe = (Run(place, processes, size, careful) for careful in (True, False))
    variants = {"ours": safe.variant(), "base": unsafe.variant()}
    samples = measure(variants, rounds)
    ours, base = typical(samples["ours"]), typical(samples["base"])
    report.add(
        Row(
            f"update hot, {name}, {processes} processes x {UPDATES // processes}",
            variants["ours"].text,
            variants["base"].text,
            ratios(samples["ours"], samples["base"]),
            None,
            (ours, base),
            [kept_text(safe.kept, unsafe.kept), _cost(safe, ours, base)],
            faults(safe.kept),
        )
    )


def _cost(safe: Run, ours: Sample, base: Sample) -> str:
    attempts = statistics.median(safe.calls) / UPDATES
    cpu, wall = (f"{one * UPDATES:.2f}/{other * UPDATES:.2f} s" for one, other in zip(ours, base))
    return f"attempts per update {attempts:.2f}; of all processes: CPU {cpu}, wall {wall}"


def _work(place: Place, each: int, safe: bool, barrier: Barrier, outcomes: Queue[Outcome]) -> None:
    with place.open() as store:
        counting = _Counting()
        store.get(HOT)  # to connect is not what is measured
        barrier.wait()
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(each):
            if safe:
                store.update(HOT, counting)
            else:
                store.set(HOT, counting(store.get(HOT)))
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    outcomes.put(Outcome(counting.calls, cpu, wall))


class _Counting:
    """The change, and how often it was asked for."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, value: Any) -> Record:
        self.calls += 1
        return changed(value)
