"""One benchmark: laws with names, of which the command line chooses."""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Generic, TypeVar

import storage

from .report import Report
from .settings import Settings, add_options, add_value_options

S = TypeVar("S", bound=Settings)

Law = Callable[[Report, S], None]


class Family(Generic[S]):
    """The *laws* of the benchmark *name*, in the order of running.

    One that writes no values has no option for them.
    """

    def __init__(
        self, name: str, about: str | None, laws: Mapping[str, Law[S]], *, values: bool = True
    ) -> None:
        self._laws = laws
        self._values = values
        self.parser = argparse.ArgumentParser(
            prog=f"python -m benchmarks {name}", description=about
        )
        add_options(self.parser)
        if values:
            add_value_options(self.parser)
        self.parser.add_argument(
            "--only",
            action="append",
            choices=list(laws),
            help="one law; may be given several times",
        )

    def run(self, options: argparse.Namespace, chosen: S, where: str, versions: str) -> int:
        """Run what is asked for, all if nothing is, and give the exit status."""
        report = Report()
        report.say(_preamble(chosen, where, self._values))
        for name in options.only or self._laws:
            self._law(name, report, chosen)
        codec = f"codec {chosen.codec_name}, {packages('msgspec')}, " if self._values else ""
        reached = report.finish(f"{_versions()}, {codec}{versions}")
        return 1 if options.strict and not reached else 0

    def _law(self, name: str, report: Report, chosen: S) -> None:
        law = self._laws[name]
        report.title(f"{name}: {(law.__doc__ or '').strip()}")
        began = time.perf_counter()
        law(report, chosen)
        report.say(f"    ({time.perf_counter() - began:.0f} s)")


def packages(*names: str) -> str:
    """The versions of what is installed."""
    return ", ".join(f"{name} {_version(name)}" for name in names)


def _preamble(chosen: Settings, where: str, values: bool) -> str:
    sizes = ", ".join(
        f"{size.name} ({len(chosen.codec.encode(size.values[0]))} B)" for size in chosen.sizes
    )
    kinds = f"codec {chosen.codec_name}, values of {sizes}, " if values else ""
    return (
        f"{chosen.rounds} rounds, {kinds}{where}\n"
        "ratio = ours / base, CPU time: median of the rounds (10th..90th percentile)"
    )


def _versions() -> str:
    return f"Python {platform.python_version()}, storage {storage.__version__}"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
