"""`migrate`: all records of a store, brought to the version of the code."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core.moving import envelope_of
from ..core.reports import Report
from ..errors import ConfigurationError
from ..layered import enhance_storage
from ..store import Storage
from ..upgrading import check_resuming, migrate
from .bar import Bar, counted
from .places import a_file, opened, reported

_COUNTS = ("looked_at", "written", "kept", "elsewhere", "failed")


def add_command(commands: Any) -> None:
    """Add `migrate` to the command line."""
    parser = commands.add_parser("migrate", help="bring all records to the newest version")
    parser.add_argument("store", metavar="URL", help="the address of the store")
    where = "where the migrations are: a mapping of versions to functions"
    parser.add_argument("--migrations", metavar="MODULE:NAME", required=True, help=where)
    inside = (
        "migrate the keys of this namespace instead of those in none; said more than once, it "
        "leads from the outside in"
    )
    parser.add_argument("--namespace", metavar="NAME", action="append", default=[], help=inside)
    parser.add_argument("--dry-run", action="store_true", help="try it, and write nothing")
    state = "note here how far it came, so that it can go on after an interrupt"
    parser.add_argument("--state", metavar="FILE", help=state)
    precise = "the records hold their ends, as with millisecond_precision=True"
    parser.add_argument("--millisecond-precision", action="store_true", help=precise)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Migrate a store, from where an earlier run was interrupted if there was one."""
    if options.dry_run and options.state:
        raise ConfigurationError("--state is for a run that writes, and --dry-run is none")
    file = None if options.state is None else a_file(options.state)
    migrations = _migrations(options.migrations)
    with opened(options.store) as base:
        store = _enhanced(base, migrations, options)
        bar = Bar(counted(store))
        state = _State(file, store, options)

        def work() -> Report:
            def progress(report: Report) -> None:
                bar.show(report)
                state.note(report)

            return state.whole(
                migrate(
                    store,
                    dry_run=options.dry_run,
                    namespaces=False,
                    after=state.cursor,
                    progress=progress,
                )
            )

        return reported(work, bar, "to migrate" if options.dry_run else "migrated")


def _enhanced(base: Storage[Any], migrations: Any, options: argparse.Namespace) -> Storage[Any]:
    """The records of *base*, or of the namespace that is meant."""
    for name in options.namespace:
        base = base.namespace(name)
    precise = options.millisecond_precision
    try:
        return enhance_storage(base, migrations=migrations, millisecond_precision=precise)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"--migrations: {error}") from error


def _migrations(place: str) -> Any:
    module, _, name = place.partition(":")
    if not module or not name:
        raise ConfigurationError("--migrations: write module:name")
    if module.endswith(".py"):
        message = "name the module, not its file"
        raise ConfigurationError(f"--migrations: {message}: {module[:-3]}:{name}")
    try:
        found = importlib.import_module(module)
    except Exception as error:
        raise ConfigurationError(_why(module, error)) from error
    if not hasattr(found, name):
        raise ConfigurationError(f"--migrations: the module {module} has no {name}")
    migrations = getattr(found, name)
    if not isinstance(migrations, Mapping) or not migrations:
        raise ConfigurationError(f"--migrations: {name} is no mapping of versions to functions")
    return migrations


def _why(module: str, error: Exception) -> str:
    """What is wrong with a module, without the words of its error: they may hold anything."""
    if isinstance(error, ModuleNotFoundError):
        return f"--migrations: there is no module {error.name}, looking for {module}"
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = ""
    if trace is not None:
        where = f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
    return f"--migrations: the module {module} raised {type(error).__name__}{where}"


class _State:
    """How far a run came, in *file* if there is one.

    A note that is about other migrations, or where a server would have to remember the place, is
    no place to go on from: then the run begins anew, and says so.
    """

    def __init__(self, file: Path | None, store: Storage[Any], options: argparse.Namespace) -> None:
        self._file = file
        self._label = f"{store._layers.label} {store._layers.names.prefix}".rstrip()
        envelope = envelope_of(store._layers)
        self._about = {
            "version": envelope and envelope.version,
            "migrations": options.migrations,
            "millisecond_precision": options.millisecond_precision,
        }
        self._before = dict.fromkeys(_COUNTS, 0)
        self.cursor: str | None = None
        if file is not None and not check_resuming(store):
            self._begin_anew("where a scan came can not be noted here")
        elif file is not None and file.exists():
            self._read(file)

    def note(self, report: Report) -> None:
        """Keep how far *report* has come, at the end of a page."""
        if self._file is None or report.cursor is None or report.cursor == self.cursor:
            return
        self.cursor = report.cursor
        counts = {name: self._before[name] + getattr(report, name) for name in _COUNTS}
        noted = {"store": self._label, **self._about, "cursor": report.cursor, **counts}
        part = self._file.with_name(f"{self._file.name}.part")
        part.write_text(json.dumps(noted), encoding="utf-8")
        part.replace(self._file)

    def whole(self, report: Report) -> Report:
        """*report* with the counts of the runs before; what they noted is not needed any more."""
        for name, count in self._before.items():
            setattr(report, name, getattr(report, name) + count)
        if self._file is not None:
            self._file.unlink(missing_ok=True)
        return report

    def _read(self, file: Path) -> None:
        try:
            noted = json.loads(file.read_text(encoding="utf-8"))
            label, cursor = str(noted["store"]), str(noted["cursor"])
            cursor.encode()
            before = {name: int(noted[name]) for name in _COUNTS}
            about = {name: noted[name] for name in self._about}
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            raise ConfigurationError(f"--state: {file} was not written by this command") from None
        if label != self._label:
            raise ConfigurationError(f"--state: {file} is about another store, {label}")
        if about != self._about:
            self._begin_anew("what it notes is about other migrations")
            return
        self.cursor, self._before = cursor, before

    def _begin_anew(self, reason: str) -> None:
        print(f"--state: {reason}: the migration begins anew", file=sys.stderr)
