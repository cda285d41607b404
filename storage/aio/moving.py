# Written by tools/mirror.py from storage/moving.py: change that file and run the tool.
"""Whole stores: copied into another one, dumped to a file, and loaded from there."""

from __future__ import annotations

import os
from collections.abc import Callable, AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from .adapted import adapt
from ..core.moving import (
    AT_ONCE,
    Entry,
    Existing,
    Passage,
    check_moving,
    entries_of,
    meeting,
    one_place,
)
from ..core.reports import Report
from ..offers import Clocked, Countable, Located, offered_or_none
from ..records import Missing
from .rooms import Adaptable
from .runtime import Answer, callback, wall_clock
from .store import Storage

if TYPE_CHECKING:
    from ..dumps import DumpFile

Progress = Callable[[Report], Answer[object]]

_PROBE, _PROBE_MS = b"0", 10_000
"""An entry that shows where it is, and how long it stays if nobody takes it away."""


async def copy(
    source: Adaptable,
    target: Adaptable,
    *,
    verify: bool = False,
    existing: Existing = "replace",
    drop_expiry: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Copy all entries of *source*, those of its namespaces included, with the ends they have.

    What *target* has besides stays, and with *existing* `"keep"` also what it has under the same
    key. With *verify* all of it is read once more and compared. What can not be read or written is
    left out and told in the report. *progress* is called with it from time to time.

    Copying the same once more, after an interrupt for instance, comes to the same.
    """
    callback(progress or _nothing)
    origin, goal = adapt(source), adapt(target)
    try:
        here, there = origin._layers, goal._layers
        expiring = origin.capabilities.expiry_ms is not None
        replace = check_moving(
            there, goal.capabilities, existing, expiring=expiring, drop_expiry=drop_expiry
        )
        await _check_apart(origin, goal, is_same=source is target)
        passage = Passage(here, there, replace=replace, drop_expiry=drop_expiry)
        report = Report()
        async for entries in _batches(origin):
            carried = passage.carried(entries, report)
            written = await goal._backend.restore(passage.sealed(carried), replace)
            report.written += written
            report.kept += len(carried) - written
            if progress is not None:
                await origin._runtime.call(progress, report)
        if verify:
            await _verify(origin, goal, passage, report, progress)
    finally:
        await _let_go(origin, source)
        await _let_go(goal, target)
    return report


async def dump(store: Adaptable, file: DumpFile, *, progress: Progress | None = None) -> Report:
    """Write all entries, those of namespaces included, to *file*: a line of JSON each.

    *file* is a path, where nothing is until the dump is whole, or a file open in binary mode.
    Records are dumped in the version that they have.
    """
    from ..core.lines import HEADER, Dumping, ending  # dear, and seldom needed
    from ..dumps import check_replacing, writing

    callback(progress or _nothing)
    origin = adapt(store)
    try:
        dumping = Dumping(origin._layers)
        report = Report()
        with writing(file) as out:
            out.write(HEADER)
            async for entries in _batches(origin):
                out.write(dumping.lines(entries, report))
                if progress is not None:
                    await origin._runtime.call(progress, report)
            check_replacing(file, report)
            out.write(ending(report))
    finally:
        await _let_go(origin, store)
    return report


async def load(
    store: Adaptable,
    file: DumpFile,
    *,
    existing: Existing = "replace",
    drop_expiry: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Put the entries of a dump into *store*, with the versions and the ends they had.

    What *store* has besides stays, and with *existing* `"keep"` also what it has under the same
    key. An entry whose end has come is left out. Of a dump that is torn the report says so, and
    what there is of it is loaded.
    """
    from ..core.lines import Loading, Reading  # dear, and seldom needed
    from ..dumps import name_of, reading

    callback(progress or _nothing)
    goal = adapt(store)
    try:
        there = goal._layers
        replace = check_moving(
            there, goal.capabilities, existing, expiring=True, drop_expiry=drop_expiry
        )
        report = Report()
        with reading(file) as dumped:
            batches = Reading(dumped, name_of(file), report).batches()
            loading = Loading(there, drop_expiry=drop_expiry)
            clock = offered_or_none(goal._backend, Clocked, there.names)
            lead = 0 if clock is not None else await _lead_ms(goal)
            for lines in batches:
                now = _wall_ms() + lead if clock is None else clock.now_ms()
                entries = loading.entries(lines, now, report)
                written = await goal._backend.restore(entries, replace)
                report.written += written
                report.kept += len(entries) - written
                if progress is not None:
                    await goal._runtime.call(progress, report)
    finally:
        await _let_go(goal, store)
    return report


async def _batches(store: Storage[Any]) -> AsyncIterator[Sequence[Entry]]:
    """The entries of *store*, some at a time."""
    layers = store._layers
    cursor = None
    while True:
        page = await store._backend.page(layers.names.prefix, cursor, True)
        ends: list[int | Missing | None] = []
        for start in range(0, len(page.names), AT_ONCE):
            some = await store._backend.ends_many(page.names[start : start + AT_ONCE])
            ends += some
        for start in range(0, len(page.names), AT_ONCE):
            yield entries_of(layers, page, start, ends)
        cursor = page.cursor
        if cursor is None:
            return


async def _verify(
    origin: Storage[Any],
    goal: Storage[Any],
    passage: Passage,
    report: Report,
    progress: Progress | None,
) -> None:
    async for entries in _batches(origin):
        carried = passage.carried(entries, Report())
        names = [one.name for one in carried]
        raws = await goal._backend.read_many(names)
        ends = await goal._backend.ends_many(names)
        passage.compare(carried, raws, ends, goal.capabilities.expiry_ms, report)
        if progress is not None:
            await origin._runtime.call(progress, report)


async def _check_apart(origin: Storage[Any], goal: Storage[Any], *, is_same: bool) -> None:
    """Refuse a way that leads from a place into itself."""
    start = meeting(origin._layers, goal._layers)
    if start is None:
        return
    is_one = is_same or origin._backend is goal._backend
    if not is_one and goal.capabilities.expiry_ms is not None:
        is_one = await _is_one_place(origin, goal, start)
    if is_one:
        raise one_place(goal._layers)


async def _is_one_place(origin: Storage[Any], goal: Storage[Any], start: str) -> bool:
    """Whether what is put into *goal* under names that begin with *start* is in *origin*."""
    for kind in (Countable, Located):  # what can be told apart without a trace
        here: Any = offered_or_none(origin._backend, kind, origin._layers.names)
        there: Any = offered_or_none(goal._backend, kind, goal._layers.names)
        if here is not None or there is not None:
            return bool(getattr(here, "place", here) == getattr(there, "place", there))
    name = _probe(start)
    await goal._backend.write(name, goal._layers.seal(name, _PROBE), _PROBE_MS)
    try:
        return await origin._backend.exists(name)
    finally:
        await goal._backend.remove(name)


async def _lead_ms(store: Storage[Any]) -> int:
    """How far the clock of a server is ahead of ours, in milliseconds."""
    if store.capabilities.expiry_ms is None:
        return 0
    name = _probe(store._layers.names.prefix)
    await store._backend.write(name, store._layers.seal(name, _PROBE), _PROBE_MS)
    ends = await store._backend.ends(name)
    await store._backend.remove(name)
    return ends - _PROBE_MS - _wall_ms() if isinstance(ends, int) else 0


def _probe(start: str) -> str:
    """The name of an entry that nobody else has, in a segment where no key is."""
    return f"{start}~probe~{os.urandom(16).hex()}"


def _wall_ms() -> int:
    return int(wall_clock() * 1000)


async def _let_go(store: Storage[Any], thing: Adaptable) -> None:
    """Close a *store* that was made of *thing* for this call."""
    if store is not thing and store._owner:
        await store._backend.aclose()


def _nothing(report: Report) -> None:
    pass
