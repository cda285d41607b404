"""The table: one line a law, with both calls under it, and whether it holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .harness import Clock, Sample, Spread, Variant, measure, ratios, typical

MOST_NOISE = 0.05
"""How far from 1 the base may lie from itself before nothing else can be believed."""


@dataclass(frozen=True)
class Target:
    """What a law must reach: at most this much, or at least."""

    limit: float
    unit: str = "x"
    at_least: bool = False

    def met(self, value: float) -> bool:
        """Whether *value* reaches it."""
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        return f"{sign} {self.limit:.3g}{self.unit}"


@dataclass(frozen=True)
class Row:
    """One line of the table. A law with *faults* is missed, whatever its value.

    *whose* says whose the first call is.
    """

    law: str
    ours: str
    base: str
    value: Spread
    target: Target | None = None
    costs: tuple[Sample, Sample] | None = None
    notes: Sequence[str] = ()
    faults: Sequence[str] = ()
    unit: str = "x"
    whose: str = "ours"

    @property
    def missed(self) -> bool:
        """Whether a target was set and not reached."""
        below = self.target is not None and not self.target.met(self.value.median)
        return below or bool(self.faults)

    def lines(self) -> list[str]:
        """The row as it is printed."""
        detail = [f"    {self.whose:5} {self.ours}", f"    base  {self.base}"]
        detail += [f"    note  {note}" for note in self.notes]
        detail += [f"    FAULT {fault}" for fault in self.faults]
        return [self._head(), *detail]

    def _head(self) -> str:
        value = shown(self.value, self.unit)
        target = "" if self.target is None else f"target {self.target}"
        return f"{self.law:46} {value:25} {target:17} {self._verdict():6} {_costs(self.costs)}"

    def _verdict(self) -> str:
        if self.target is None and not self.faults:
            return "info"
        return "MISS" if self.missed else "pass"


@dataclass(frozen=True)
class Case:
    """Ours against a base. *again* is the base once more, *beside* are bases nobody judges by."""

    law: str
    ours: Variant
    base: Variant
    target: Target | None = None
    again: Variant | None = None
    beside: Sequence[Variant] = ()
    clock: Clock = "cpu"


class Report:
    """Runs cases, prints a row for each at once, and remembers how they went."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._noise: list[tuple[str, Spread]] = []

    def title(self, text: str) -> None:
        """Begin a part of the table."""
        print(f"\n== {text}", flush=True)

    def say(self, text: str) -> None:
        """Print a line that is no row."""
        print(text, flush=True)

    def add(self, row: Row) -> None:
        """Print *row*."""
        self._rows.append(row)
        print("\n".join(row.lines()), flush=True)

    def run(self, case: Case, rounds: int) -> dict[str, list[Sample]]:
        """Measure *case* and print its rows; the samples are given back."""
        named = {"ours": case.ours, "base": case.base}
        if case.again is not None:
            named["again"] = case.again
        named |= {f"beside {place}": other for place, other in enumerate(case.beside)}
        samples = measure(named, rounds)
        self.add(self._row(case, case.base, samples["base"], samples["ours"], case.target))
        for place, other in enumerate(case.beside):
            self.add(self._row(case, other, samples[f"beside {place}"], samples["ours"], None))
        if case.again is not None:
            self.against_itself(case.law, samples["again"], samples["base"], case.clock)
        return samples

    def against_itself(
        self,
        law: str,
        again: Sequence[Sample],
        base: Sequence[Sample],
        clock: Clock = "cpu",
    ) -> None:
        """Remember how far the base of *law* lay from itself."""
        self._noise.append((law, ratios(again, base, clock)))

    def finish(self, versions: str) -> bool:
        """Print the end of the table and say whether every target was reached."""
        self.title("the base against itself (A/A)")
        for law, value in self._noise:
            mark = "NOISY" if _noisy(value) else "quiet"
            print(f"{law:46} {shown(value):25} within 5 %: {mark}")
        noisy = sum(_noisy(value) for _, value in self._noise)
        missed = [row.law for row in self._rows if row.missed]
        judged = sum(row.target is not None for row in self._rows)
        print(f"\n{versions}")
        if noisy:
            print(f"NOISY RUN: {noisy} of {len(self._noise)} bases differ from themselves")
        print(f"{judged} targets, {len(missed)} missed" + "".join(f"\n  {law}" for law in missed))
        return not missed

    def _row(
        self,
        case: Case,
        base: Variant,
        base_samples: Sequence[Sample],
        our_samples: Sequence[Sample],
        target: Target | None,
    ) -> Row:
        return Row(
            case.law,
            case.ours.text,
            base.text,
            ratios(our_samples, base_samples, case.clock),
            target,
            (typical(our_samples), typical(base_samples)),
            _on_wall(our_samples, base_samples) if case.clock == "wall" else (),
        )


def _on_wall(ours: Sequence[Sample], base: Sequence[Sample]) -> list[str]:
    return [f"on the wall; {on_processors(ours, base)}"]


def on_processors(ours: Sequence[Sample], base: Sequence[Sample]) -> str:
    """The ratio of the processor's time, and of that with the server's if it is known."""
    text = f"of the processor's time {shown(ratios(ours, base))}"
    if all(sample.both for sample in base):
        text += f", with the server's {shown(ratios(ours, base, 'both'))}"
    return text


def shown(value: Spread, unit: str = "x") -> str:
    """A median with its spread."""
    digits = 2 if value.median < 10 else 1 if value.median < 1000 else 0
    median, low, high = (f"{number:.{digits}f}" for number in value)
    return f"{median}{unit} ({low}..{high})"


def _noisy(value: Spread) -> bool:
    return abs(value.median - 1) > MOST_NOISE


def _costs(costs: tuple[Sample, Sample] | None) -> str:
    if costs is None:
        return ""
    ours, base = costs
    cpu = f"{ours.cpu * 1e6:.2f}/{base.cpu * 1e6:.2f}"
    wall = f"{ours.wall * 1e6:.2f}/{base.wall * 1e6:.2f}"
    return f"us: cpu {cpu}, wall {wall}"
