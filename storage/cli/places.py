"""What the commands for whole stores have in common: stores by their addresses, and reports."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TextIO

from ..core.reports import Failure, Report
from ..errors import ConfigurationError, CorruptValueError, shown
from ..opening import open as open_store
from ..sqlite.options import DEFAULT_LAYOUT, LAYOUTS
from ..store import Storage
from ..urls import Address
from .bar import Bar

_SHOWN = 20
_HINT = (
    "a command reads plain values: what is encrypted or compressed is moved by the functions of "
    "the same names, with the store that the bot has"
)


def opened(url: str) -> Storage[Any]:
    """The store at *url*, which has to be there already."""
    address = Address(url)
    if address.scheme in ("memory", "lru"):
        message = "what was in memory is gone with its process: name a file or a server"
        raise ConfigurationError(message, store=f"{address.scheme}://")
    if address.scheme == "sqlite":
        _check_table(address)
    return open_store(url)


def _check_table(address: Address) -> None:
    """Refuse a file that is not there, and a table that is not: it would be made, and empty."""
    path = Path(address.path[1:])
    label = f"sqlite:{path}"
    if not path.exists():
        raise ConfigurationError("there is no such file", store=label)
    layout = LAYOUTS.get(address.options.get("layout", DEFAULT_LAYOUT))
    if layout is None or not path.is_file():
        return  # and whoever opens it will say what is wrong
    table = address.options.get("table", layout.table)
    try:
        with closing(sqlite3.connect(path)) as connection:
            found = connection.execute("SELECT 1 FROM pragma_table_info(?)", (table,)).fetchone()
    except sqlite3.Error:
        return  # and so it will
    if found is None:
        raise ConfigurationError(f"there is no table {shown(table)}", store=label)


def a_file(text: str) -> Path:
    """The place of a file, which no address of a store is: it may hold a password."""
    if "://" in text:
        message = "FILE is a file, and this is the address of a store: between two it is copy"
        raise ConfigurationError(message)
    return Path(text)


def reported(work: Callable[[], Report], bar: Bar, verb: str, out: TextIO | None = None) -> int:
    """Do *work*, say what came of it, and give the exit code."""
    try:
        report = work()
    except KeyboardInterrupt:
        bar.clear()
        done = counts(bar.report, verb, bar.noun)
        print(f"interrupted: {done} so far; the same command finishes it", file=sys.stderr)
        raise
    finally:
        bar.clear()
    _show_failures(report)
    print(counts(report, verb, bar.noun), file=out or sys.stdout)
    return 0 if report.is_whole else 1


def counts(report: Report, verb: str, noun: str = "entries") -> str:
    """The counts in *report* as a line; *verb* says what was done, the *noun* with what."""
    parts = [f"{report.written} of {report.looked_at} {noun} {verb}"]
    if report.kept:
        parts.append(f"{report.kept} left as they are")
    if report.over:
        parts.append(f"{report.over} over already")
    if report.elsewhere:
        parts.append(f"{report.elsewhere} in namespaces left alone (--namespace NAME)")
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
    if report.failures and not report.written and _are_unread(report):
        print(_HINT, file=sys.stderr)
    more = report.failed + report.missing + report.different - _SHOWN
    if more > 0:
        print(f"... and {more} more", file=sys.stderr)


def _are_unread(report: Report) -> bool:
    return all(isinstance(one.error, CorruptValueError) for one in report.failures)


def _told(failure: Failure) -> str:
    inside = f" (in {'/'.join(map(ascii, failure.namespace))})" if failure.namespace else ""
    return f"{failure.error}{inside}"
