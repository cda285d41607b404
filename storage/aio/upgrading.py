# Written by tools/mirror.py from storage/upgrading.py: change that file and run the tool.
"""All records of a store, brought to the version of the code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .adapted import adapt
from ..core.layers import MOST_ATTEMPTS
from ..core.moving import AT_ONCE, check_versions
from ..core.reports import Report
from ..errors import ConflictError, CorruptValueError, MigrationError, UnsupportedError
from ..offers import Resumable, offered_or_none
from .rooms import Adaptable
from .runtime import Answer, callback
from .store import Storage

Progress = Callable[[Report], Answer[object]]


async def migrate(
    store: Adaptable,
    *,
    dry_run: bool = False,
    namespaces: bool = True,
    after: str | None = None,
    progress: Progress | None = None,
) -> Report:
    """Bring all records of an enhanced *store* to its version, those of namespaces included unless
    *namespaces* is false.

    A record keeps its end, and what somebody else writes meanwhile stays. What can not be migrated
    is left as it is and told in the report. With *dry_run* nothing is written. *progress* is
    called with the report from time to time; a call with its cursor as *after* goes on there,
    where the store can: elsewhere it is `None`.
    """
    callback(progress or _nothing)
    origin = adapt(store)
    try:
        layers = origin._layers
        check_versions(layers, origin.capabilities, dry_run=dry_run)
        resumes = check_resuming(origin, after)
        report, cursor = Report(cursor=after), after
        while True:
            page = await origin._backend.page(layers.names.prefix, cursor, True)
            for index, name in enumerate(page.names):
                place = layers.names.parted(name)
                if place is not None and place[0] and not namespaces:
                    report.elsewhere += 1
                elif place is not None:
                    is_worn = name in page.stale
                    await _look_at(origin, place, name, page.values[index], is_worn, dry_run, report)
                if progress is not None and index % AT_ONCE == AT_ONCE - 1:
                    await origin._runtime.call(progress, report)
            cursor = page.cursor
            report.cursor = cursor if resumes else None
            if progress is not None:
                await origin._runtime.call(progress, report)
            if cursor is None:
                break
    finally:
        await _let_go(origin, store)
    return report


def check_resuming(store: Storage[Any], after: str | None = None) -> bool:
    """Whether a later call can go on in *store*; refuses to do so where it can not.

    A server's place in a scan means nothing after it was started anew.
    """
    resumes = offered_or_none(store._backend, Resumable, store._layers.names) is not None
    if after is not None and not resumes:
        message = "no scan is gone on with here: call it without after, and it reads all of it"
        raise UnsupportedError(message, store=store._layers.label)
    return resumes


async def _look_at(
    store: Storage[Any],
    place: tuple[tuple[str, ...], str],
    name: str,
    raw: bytes,
    is_worn: bool,
    dry_run: bool,
    report: Report,
) -> None:
    path, key = place
    report.looked_at += 1
    try:
        migrated = await _migrated(store, key, name, raw, is_worn, dry_run)
    except (ConflictError, CorruptValueError, MigrationError) as error:
        report.fail(path, key, error)
        return
    if migrated:
        report.written += 1
    else:
        report.kept += 1


async def _migrated(
    store: Storage[Any], key: str, name: str, raw: bytes, is_worn: bool, dry_run: bool
) -> bool:
    """Whether the record was, or would be, written anew.

    One that *is_worn* is of this version, and was sealed in an older way beneath.
    """
    layers = store._layers
    there: bytes | None = raw
    for attempt in range(MOST_ATTEMPTS):
        found = None if there is None else layers.find(key, name, there, changing=True)
        if found is None or not (found.is_stale or is_worn):
            return False
        layers.decode(key, found.data)
        if dry_run:
            return True
        keeping = layers.lifetimes.keeping
        sealed = layers.replacing(name, found, found.data, keeping)
        done = await store._backend.swap(name, found.raw, sealed, keeping)
        if done:
            return True
        await store._runtime.pause(attempt)
        there = await store._backend.read(name)
        is_worn = False  # whoever was faster has sealed it as it is done now
    raise layers.busy(key)


async def _let_go(store: Storage[Any], thing: Adaptable) -> None:
    """Close a *store* that was made of *thing* for this call."""
    if store is not thing and store._owner:
        await store._backend.aclose()


def _nothing(report: Report) -> None:
    pass
