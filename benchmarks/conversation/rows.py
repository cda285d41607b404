"""What is measured in the same rounds, and the lines that tell of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..harness import Clock, Sample, Spread, Variant, measure, ratios, typical
from ..report import Report, Row, Target, shown


class Rounds:
    """The samples of all *variants*, of which any two can be compared.

    Those of `at_server` are of one clock, which is neither of the two.
    """

    def __init__(
        self,
        report: Report,
        variants: Mapping[str, Variant],
        rounds: int,
        clock: Clock = "wall",
        *,
        at_server: bool = False,
    ) -> None:
        self._report = report
        self._variants = variants
        self._clock: Clock = clock
        self._at_server = at_server
        self._samples = measure(variants, rounds)

    def row(
        self, law: str, ours: str, base: str, target: Target | None = None, *, whose: str = "ours"
    ) -> None:
        """A line about how many times the cost of *base* that of *ours* is."""
        own, other = self._samples[ours], self._samples[base]
        self._report.add(
            Row(
                law,
                self._variants[ours].text,
                self._variants[base].text,
                ratios(own, other, self._clock),
                target,
                None if self._at_server else (typical(own), typical(other)),
                [self._note(own, other)],
                whose=whose,
            )
        )

    def single(self, law: str, text: str, seconds: float, base: str) -> None:
        """A line about one call that took so long on the wall."""
        times = seconds / typical(self._samples[base]).wall
        value, note = Spread(times, times, times), f"one call, {seconds:.2f} s on the wall"
        self._report.add(
            Row(law, text, self._variants[base].text, value, notes=[note], whose="call")
        )

    def against_itself(self, law: str, again: str, base: str) -> None:
        """Remember how far *base* lay from itself."""
        samples = self._samples
        self._report.against_itself(law, samples[again], samples[base], self._clock)

    def _note(self, own: Sequence[Sample], other: Sequence[Sample]) -> str:
        if self._at_server:
            times = f"{typical(own).cpu * 1e6:.1f}/{typical(other).cpu * 1e6:.1f} us"
            return f"of the server's time, as INFO commandstats has it: {times}"
        if self._clock == "wall":
            return f"on the wall; of the processor's time {shown(ratios(own, other))}"
        return f"on the wall {shown(ratios(own, other, 'wall'))}"
