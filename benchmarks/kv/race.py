"""Many who change one key at once: what it costs, and how many changes are still there."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..harness import Variant, Work, clocked, measure, ratios, typical
from ..report import Report, Row, Target
from .load import Record

HOT = "hot"
UPDATES = 1_000
UPDATE_TEXT = "store.update(key, change)"
UNSAFE_TEXT = "store.set(key, change(store.get(key)))"


def changed(value: Any) -> Record:
    """What is done to a record: one more."""
    return {**value, "n": value["n"] + 1}


def changes(value: Any) -> int:
    """How often that was done."""
    count: int = value["n"]
    return count


class Racer:
    """One way to make all the changes: *work* makes them, from the value that *reset* put there.

    *kept* has an entry a round: what was left.
    """

    def __init__(
        self, text: str, work: Work, reset: Callable[[], object], read: Callable[[], Any]
    ) -> None:
        self._work = work
        self._reset = reset
        self._read = read
        self.kept: list[int] = []
        self.variant: Variant = clocked(text, UPDATES, self._prepare, self._count)

    def _prepare(self, number: int) -> Work:
        self._reset()
        return self._work

    def _count(self) -> None:
        self.kept.append(changes(self._read()))


@dataclass(frozen=True)
class Race:
    """A law about such a race."""

    law: str
    target: Target | None

    def run(self, report: Report, ours: Racer, unsafe: Racer, rounds: int) -> None:
        """Measure both, and print a row that is missed when a change of ours is gone."""
        samples = measure({"ours": ours.variant, "base": unsafe.variant}, rounds)
        report.add(
            Row(
                self.law,
                ours.variant.text,
                unsafe.variant.text,
                ratios(samples["ours"], samples["base"]),
                self.target,
                (typical(samples["ours"]), typical(samples["base"])),
                [kept_text(ours.kept, unsafe.kept)],
                faults(ours.kept),
            )
        )


def kept_text(ours: Sequence[int], base: Sequence[int]) -> str:
    """What was left of the changes: at least in ours, usually in the base."""
    usual = statistics.median(base)
    return f"kept of {UPDATES:,}: ours at least {min(ours):,}; base {usual:,.0f} (median)"


def faults(kept: Sequence[int]) -> list[str]:
    """What can not be forgiven: a change that is gone."""
    least = min(kept)
    return [f"a round kept {least:,} of {UPDATES:,}"] if least != UPDATES else []
