"""Key-value: the laws that the library must reach, each against a base written by hand."""

from __future__ import annotations

import argparse
import platform
import sqlite3
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version

import storage
from storage import ConfigurationError

from ..report import Report
from .memory import lru, memory, million
from .processes import processes
from .settings import Settings, add_options, clean, settings
from .sqlite import sqlite
from .startup import startup
from .update import update

LAWS: dict[str, Callable[[Report, Settings], None]] = {
    "memory": memory,
    "lru": lru,
    "sqlite": sqlite,
    "update": update,
    "processes": processes,
    "import": startup,
    "million": million,
}


def main(arguments: Sequence[str]) -> int:
    """Run the laws that the command line names, all of them if it names none."""
    parser, report = _parser(), Report()
    options = parser.parse_args(arguments)
    try:
        chosen = settings(options)
    except ConfigurationError as error:
        parser.error(str(error))
    try:
        report.say(_preamble(chosen))
        for name in options.only or LAWS:
            _run(name, report, chosen)
        reached = report.finish(_versions(chosen))
    finally:
        clean(chosen)
    return 1 if options.strict and not reached else 0


def _run(name: str, report: Report, chosen: Settings) -> None:
    report.title(f"{name}: {_about(LAWS[name])}")
    began = time.perf_counter()
    LAWS[name](report, chosen)
    report.say(f"    ({time.perf_counter() - began:.0f} s)")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks kv", description=__doc__)
    add_options(parser)
    parser.add_argument(
        "--only", action="append", choices=list(LAWS), help="one law; may be given several times"
    )
    return parser


def _preamble(chosen: Settings) -> str:
    sizes = ", ".join(
        f"{size.name} ({len(chosen.codec.encode(size.values[0]))} B)" for size in chosen.sizes
    )
    return (
        f"{chosen.rounds} rounds, codec {chosen.codec_name}, values of {sizes}, "
        f"files in {chosen.folder}\n"
        "ratio = ours / base, CPU time: median of the rounds (10th..90th percentile)"
    )


def _about(law: Callable[..., object]) -> str:
    return (law.__doc__ or "").strip()


def _versions(chosen: Settings) -> str:
    packages = [f"{name} {_version(name)}" for name in ("cachetools", "msgspec")]
    return (
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"{', '.join(packages)}, storage {storage.__version__}, codec {chosen.codec_name}"
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
