"""`update` of one hot key by several processes on one file."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from typing import Any, NamedTuple

from storage import SqliteStorage

from ..harness import Sample, Variant, measure, ratios, typical
from ..report import Report, Row
from .load import Record
from .race import HOT, UNSAFE_TEXT, UPDATE_TEXT, UPDATES, changed, changes, faults, kept_text
from .settings import Settings, codec_named

PROCESSES = 4
EACH = UPDATES // PROCESSES


class Outcome(NamedTuple):
    """What one process did: calls of the change function, and seconds."""

    calls: int
    cpu: float
    wall: float


class Run:
    """Rounds of one way to change the key; *kept* and *calls* have an entry a round."""

    def __init__(self, chosen: Settings, safe: bool) -> None:
        self._chosen = chosen
        self._safe = safe
        self.kept: list[int] = []
        self.calls: list[int] = []

    def variant(self) -> Variant:
        """The rounds as the harness wants them."""
        return Variant(UPDATE_TEXT if self._safe else UNSAFE_TEXT, self._round)

    def _round(self, number: int) -> Sample:
        path = self._chosen.file()
        with SqliteStorage[Any](path, codec=self._chosen.codec) as store:
            store.set(HOT, self._chosen.sizes[0].record(0))
            outcomes = self._processes(path)
            self.kept.append(changes(store.get(HOT)))
        self.calls.append(sum(outcome.calls for outcome in outcomes))
        cpu = sum(outcome.cpu for outcome in outcomes)
        wall = max(outcome.wall for outcome in outcomes)
        return Sample(cpu / UPDATES, wall / UPDATES)

    def _processes(self, path: str) -> list[Outcome]:
        context = multiprocessing.get_context("spawn")
        barrier, outcomes = context.Barrier(PROCESSES), context.Queue()
        started = [
            context.Process(
                target=_work,
                args=(path, self._chosen.codec_name, self._safe, barrier, outcomes),
                daemon=True,
            )
            for _ in range(PROCESSES)
        ]
        for process in started:
            process.start()
        found = [outcomes.get(timeout=60) for _ in started]
        for process in started:
            process.join()
        return found


def processes(report: Report, chosen: Settings) -> None:
    """Four processes on one file, which must keep every change."""
    safe, unsafe = Run(chosen, True), Run(chosen, False)
    variants = {"ours": safe.variant(), "base": unsafe.variant()}
    samples = measure(variants, chosen.some(9))
    ours, base = typical(samples["ours"]), typical(samples["base"])
    report.add(
        Row(
            f"update hot, SQLite, {PROCESSES} processes x {EACH}",
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


def _work(path: str, codec: str, safe: bool, barrier: Barrier, outcomes: Queue[Outcome]) -> None:
    with SqliteStorage[Any](path, codec=codec_named(codec)) as store:
        counting = _Counting()
        barrier.wait()
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(EACH):
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
