"""A call of ours, codec and all, against the bare call of a client, which has none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from storage import Codec

from ..crowds import Crowd
from ..harness import Sample, Spread, Variant, measure, ratios, spread, typical
from ..load import Load
from ..report import Report, Row, Target, on_processors, shown
from .clients import Client, fill


@dataclass(frozen=True)
class Sides:
    """Whom *ours* is compared with: *bare* and the same *again*, the client with the codec that
    ours has, *coded*, and that *codec* alone."""

    ours: Client
    bare: Client
    again: Client
    coded: Client
    codec: Client

    def fill(self, crowd: Crowd, load: Load, codec: Codec) -> None:
        """Put every key there."""
        for side in (self.ours, self.bare):
            fill(side, crowd, load, codec)

    def laws(self, crowd: Crowd, load: Load, codec: Codec, names: Mapping[str, str]) -> list[Law]:
        """A law for each of the calls that have a name in *names*."""
        sides = (self.ours, self.bare, self.again, self.coded, self.codec)
        made = [side.variants(crowd, load, codec) for side in sides]
        return [
            Law(f"{name}, {load.size.name}", *(one[call] for one in made))
            for call, name in names.items()
        ]


@dataclass(frozen=True)
class Law:
    """Of one call."""

    name: str
    ours: Variant
    bare: Variant
    again: Variant
    coded: Variant
    codec: Variant

    def run(
        self, report: Report, rounds: int, target: Target | None, faults: Sequence[str] = ()
    ) -> None:
        """Measure it, and print what it is to the bare call and to one with the codec.

        With *faults* it is missed, whatever it costs.
        """
        variants = {
            name: getattr(self, name) for name in ("ours", "bare", "again", "coded", "codec")
        }
        samples = measure(variants, rounds)
        ours, bare, coded = (samples[name] for name in ("ours", "bare", "coded"))
        times, less = ratios(bare, ours, "wall").median, _less(ours, samples["codec"], bare)
        notes = [
            f"on the wall; {on_processors(ours, bare)}",
            f"{times:.2f} times its calls a second; the call less the codec {shown(less)}",
        ]
        report.add(self._row(self.name, self.bare, ours, bare, target, notes, faults))
        notes = [f"on the wall; {on_processors(ours, coded)}"]
        name = f"{self.name}, both code"
        report.add(self._row(name, self.coded, ours, coded, None, notes))
        report.against_itself(self.name, samples["again"], bare, "wall")

    def _row(
        self,
        name: str,
        base: Variant,
        own: Sequence[Sample],
        other: Sequence[Sample],
        target: Target | None,
        notes: Sequence[str],
        faults: Sequence[str] = (),
    ) -> Row:
        value, costs = ratios(own, other, "wall"), (typical(own), typical(other))
        return Row(name, self.ours.text, base.text, value, target, costs, notes, faults)


def _less(ours: Sequence[Sample], codec: Sequence[Sample], bare: Sequence[Sample]) -> Spread:
    """What is left of the cost when the codec is taken away, which no client can do without."""
    return spread([(one.wall - own.wall) / base.wall for one, own, base in zip(ours, codec, bare)])
