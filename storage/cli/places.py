"""What the commands for whole stores have in common: stores by their addresses, and reports."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from ..core.reports import Failure, Report
from ..errors import ConfigurationError
from ..opening import open as open_store
from ..store import Storage
from ..urls import Address
from .bar import Bar

_SHOWN = 20


def opened(url: str) -> Storage[Any]:
    """The store at *url*, which has to be there already where it is a file."""
    address = Address(url)
    if address.scheme == "sqlite" and not Path(address.path[1:]).exists():
        raise ConfigurationError("there is no such file", store=f"sqlite:{address.path[1:]}")
    return open_store(url)


def reported(work: Callable[[], Report], bar: Bar, verb: str, out: TextIO | None = None) -> int:
    """Do *work*, say what came of it, and give the exit code."""
    try:
        report = work()
    except KeyboardInterrupt:
        bar.clear()
        done = counts(bar.report, verb)
        print(f"interrupted: {done} so far; the same command finishes it", file=sys.stderr)
        raise
    finally:
        bar.clear()
    _show_failures(report)
    print(counts(report, verb), file=out or sys.stdout)
    return 0 if report.is_whole else 1


def counts(report: Report, verb: str) -> str:
    """The counts in *report* as a line; *verb* says what was done."""
    parts = [f"{report.written} of {report.looked_at} entries {verb}"]
    if report.kept:
        parts.append(f"{report.kept} left as they are")
    if report.failed:
        parts.append(f"{report.failed} failed")
    if report.compared:
        wrong = f"{report.missing} missing, {report.different} different"
        is_same = not (report.missing or report.different)
        parts.append(f"{report.compared} compared: {'all the same' if is_same else wrong}")
    if report.is_torn:
        parts.append("the dump is torn: its end is missing")
    return ", ".join(parts)


def _show_failures(report: Report) -> None:
    for failure in report.failures[:_SHOWN]:
        print(_told(failure), file=sys.stderr)
    more = report.failed + report.missing + report.different - _SHOWN
    if more > 0:
        print(f"... and {more} more", file=sys.stderr)


def _told(failure: Failure) -> str:
    inside = f" (in {'/'.join(map(ascii, failure.namespace))})" if failure.namespace else ""
    return f"{failure.error}{inside}"
