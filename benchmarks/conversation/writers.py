"""Eight writers of one conversation, who keep every message and each their own order."""

from __future__ import annotations

import multiprocessing
import statistics
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise, repeat
from threading import Barrier
from time import perf_counter, thread_time
from typing import Any, ClassVar

from ..harness import Sample, Variant, measure, ratios, typical
from ..report import Report, Row, shown
from .contenders import Contender, in_sqlite, on_redis
from .settings import Settings
from .talk import message

WRITERS, EACH = 8, 100
MESSAGES = WRITERS * EACH

_WAIT_SECONDS = 120


def writers(report: Report, chosen: Settings) -> None:
    """100 messages by each of 8 writers with a handle of its own, against RPUSH and INSERT."""
    on_a_server, in_a_file = on_redis(report, chosen), in_sqlite(chosen.file())
    without_loops = [side for side in on_a_server if not side.has_loop]
    with _threads() as executor:
        _race(report, chosen, "Redis, threads", executor, without_loops)
        _race(report, chosen, "SQLite, threads", executor, in_a_file)
    with _processes() as executor:
        _race(report, chosen, "Redis, processes", executor, on_a_server)
        _race(report, chosen, "SQLite, processes", executor, in_a_file)


def _race(
    report: Report, chosen: Settings, where: str, executor: Executor, sides: Sequence[Contender]
) -> None:
    """The first is ours, the second the base."""
    runs = [Run(executor, side) for side in sides]
    samples = measure({run.side.name: run.variant for run in runs}, chosen.some(3))
    base = runs[1]
    for run in (runs[0], *runs[2:]):
        own, other = samples[run.side.name], samples[base.side.name]
        took = f"{typical(own).wall * MESSAGES:.2f}/{typical(other).wall * MESSAGES:.2f} s for all"
        is_ours = run is runs[0]
        report.add(
            Row(
                f"{WRITERS} x {EACH}, {where}, {run.side.name}",
                run.side.text,
                base.side.text,
                ratios(own, other, "wall"),
                costs=(typical(own), typical(other)),
                notes=[
                    f"on the wall, {took}; of the processor's time {shown(ratios(own, other))}",
                    run.told(),
                ],
                faults=run.faults() if is_ours else [],
                whose="ours" if is_ours else "call",
            )
        )


class Run:
    """Rounds of one side, each with a conversation of its own, which is read at the end."""

    def __init__(self, executor: Executor, side: Contender) -> None:
        self.side = side
        self._executor = executor
        self._kept: list[int] = []
        self._turned = 0
        self.variant = Variant(side.text, self._round)

    def told(self) -> str:
        """What was kept."""
        kept = statistics.median(self._kept)
        return f"kept of {MESSAGES}: {kept:.0f}; out of their writer's order: {self._turned}"

    def faults(self) -> list[str]:
        """What can not be forgiven."""
        lost = any(kept != MESSAGES for kept in self._kept)
        return [self.told()] if lost or self._turned else []

    def _round(self, number: int) -> Sample:
        key = f"{type(self._executor).__name__}:{self.side.kind}:{number}"
        done = list(self._executor.map(_write, repeat(self.side), repeat(key), range(WRITERS)))
        with self.side.opened(key) as history:
            self._look_at(history.all())
        cpu, wall = sum(one.cpu for one in done), max(one.wall for one in done)
        return Sample(cpu / MESSAGES, wall / MESSAGES)

    def _look_at(self, found: Sequence[Any]) -> None:
        texts = [one["content"] if isinstance(one, dict) else one.content for one in found]
        self._kept.append(len(set(texts)))
        for writer in range(WRITERS):
            places = [_number(text) for text in texts if text.startswith(f"{writer}.")]
            self._turned += sum(one > other for one, other in pairwise(places))


class _Start:
    """What all writers wait for; a process is told it when it starts."""

    barrier: ClassVar[Any] = None

    @classmethod
    def with_(cls, barrier: Any) -> None:
        cls.barrier = barrier


@contextmanager
def _threads() -> Iterator[Executor]:
    _Start.with_(Barrier(WRITERS, timeout=_WAIT_SECONDS))
    with ThreadPoolExecutor(WRITERS) as pool:
        yield pool


@contextmanager
def _processes() -> Iterator[Executor]:
    context = multiprocessing.get_context("spawn")
    begin = (context.Barrier(WRITERS, timeout=_WAIT_SECONDS),)
    with ProcessPoolExecutor(WRITERS, context, initializer=_Start.with_, initargs=begin) as pool:
        yield pool


def _write(side: Contender, key: str, writer: int) -> Sample:
    """All that one writer says, timed from when all of them are there."""
    messages = [message(number, f"{writer}.") for number in range(EACH)]
    with side.opened(key) as history:
        history.last()  # to connect is not what is measured
        _Start.barrier.wait()
        wall, cpu = perf_counter(), thread_time()
        for one in messages:
            history.append(one)
        return Sample(thread_time() - cpu, perf_counter() - wall)


def _number(text: str) -> int:
    """Which of its writer's messages it is."""
    return int(text.partition(".")[2].partition(":")[0])
