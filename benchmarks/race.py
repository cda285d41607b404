"""Many who change one key at once: what it costs, and how many changes are still there."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .harness import Sample, Variant, Work, clocked, measure, ratios, typical
from .load import Record
from .report import Report, Row, Target

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

    *kept* has an entry a round: how many *left* counted after it.
    """

    def __init__(
        self,
        text: str,
        work: Work,
        reset: Callable[[], object],
        left: Callable[[], int],
        updates: int = UPDATES,
    ) -> None:
        self._work = work
        self._reset = reset
        self._left = left
        self.updates = updates
        self.kept: list[int] = []
        self.variant: Variant = clocked(text, updates, self._prepare, self._count)

    def _prepare(self, number: int) -> Work:
        self._reset()
        return self._work

    def _count(self) -> None:
        self.kept.append(self._left())


@dataclass(frozen=True)
class Race:
    """A law about such a race."""

    law: str
    target: Target | None = None

    def run(
        self,
        report: Report,
        ours: Racer,
        base: Racer,
        again: Racer,
        rounds: int,
        beside: Sequence[Racer] = (),
    ) -> None:
        """Measure all, and print a row that is missed when a change of ours is gone.

        *again* is the base once more, *beside* are racers that nobody judges by.
        """
        racers = {"ours": ours, "base": base, "again": again}
        racers |= {f"beside {place}": other for place, other in enumerate(beside)}
        samples = measure({name: racer.variant for name, racer in racers.items()}, rounds)
        report.add(self._row(ours, base, samples["ours"], samples["base"], self.target))
        for place, other in enumerate(beside):
            theirs = samples[f"beside {place}"]
            report.add(self._row(ours, other, samples["ours"], theirs, None))
        report.against_itself(self.law, samples["again"], samples["base"])

    def _row(
        self,
        ours: Racer,
        base: Racer,
        our_samples: Sequence[Sample],
        base_samples: Sequence[Sample],
        target: Target | None,
    ) -> Row:
        return Row(
            self.law,
            ours.variant.text,
            base.variant.text,
            ratios(our_samples, base_samples),
            target,
            (typical(our_samples), typical(base_samples)),
            [kept_text(ours.kept, base.kept, ours.updates)],
            faults(ours.kept, ours.updates),
        )


def kept_text(ours: Sequence[int], base: Sequence[int], updates: int = UPDATES) -> str:
    """What was left of the changes: at least in ours, usually in the base."""
    usual = statistics.median(base)
    return f"kept of {updates:,}: ours at least {min(ours):,}; base {usual:,.0f} (median)"


def faults(kept: Sequence[int], updates: int = UPDATES) -> list[str]:
    """What can not be forgiven: a change that is gone."""
    least = min(kept)
    return [f"a round kept {least:,} of {updates:,}"] if least != updates else []
