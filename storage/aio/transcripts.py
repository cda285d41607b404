# Written by tools/mirror.py from storage/transcripts.py: change that file and run the tool.
"""Conversations as wholes: listed, forked, written to a file and read from there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from ..core.composing import Composer
from ..core.layers import OnCorrupt, check_walk
from ..core.layouts import OURS, has_parts
from ..core.listing import Reader
from ..core.reports import Report
from ..errors import ConflictError, CorruptValueError, StorageError, WrongTypeError
from ..histories import Query, Standing, Terms
from ..offers import Clocked, offered_or_none
from .protocols import HistoryStore
from .runtime import Runtime, callback, wall_clock

if TYPE_CHECKING:
    from ..core.retelling import Retold
    from ..dumps import DumpFile
    from .moving import Progress
    from .store import Storage

OnExisting = Literal["refuse", "keep", "replace"]

UNREADABLE: Final = (CorruptValueError, WrongTypeError)
"""What is raised where one conversation can not be read; others can be."""

_ALL: Final = Query(newest=False, with_state=True)


class Transcripts:
    """The conversations in a *room* of *store*, each of them as a whole."""

    def __init__(
        self,
        store: Storage[Any],
        room: HistoryStore,
        composer: Composer,
        reader: Reader,
        terms: Terms,
    ) -> None:
        self._room = room
        self._label = store._layers.label
        self._clocked = offered_or_none(store._backend, Clocked, store._layers.names)
        self._composer = composer
        self._reader = reader
        self._terms = terms
        self._runtime = Runtime()

    async def keys(self, asked: dict[str, str]) -> AsyncIterator[str]:
        """The keys that have the parts that are *asked* for."""
        async for keys in self.pages(asked):
            for key in keys:
                yield key

    async def pages(self, asked: dict[str, str]) -> AsyncIterator[Sequence[str]]:
        """The same, some at a time."""
        cursor: str | None = None
        prefix = OURS.keys.prefix(asked)
        while True:
            page = await self._room.keys(prefix, cursor)
            yield [key for key in page.keys if not asked or has_parts(OURS.keys, key, asked)]
            cursor = page.cursor
            if cursor is None:
                return

    async def standing(
        self, keys: Sequence[str], lost: list[StorageError]
    ) -> list[tuple[int, str, bytes]]:
        """When something was appended to the conversations under *keys*, their keys, and what is
        known of them; why some of them can not be read is added to *lost*."""
        found = []
        standings = await self._looked(keys, lost)
        for key, standing in zip(keys, standings):
            if standing is None:
                continue
            try:
                found.append((self._reader.state(key, standing.state).at, key, standing.state))
            except UNREADABLE as error:
                lost.append(error)
        return found

    async def _looked(self, keys: Sequence[str], lost: list[StorageError]) -> Sequence[Standing | None]:
        """How conversations stand: what can not be read is looked for in ever smaller parts."""
        try:
            return await self._room.look(keys)
        except UNREADABLE as error:
            if len(keys) == 1:
                lost.append(error)
                return [None]
        middle = len(keys) // 2
        some = await self._looked(keys[:middle], lost)
        others = await self._looked(keys[middle:], lost)
        return [*some, *others]

    async def fork(self, key: str, to: str, before: int | None) -> int:
        """Have another conversation with all messages *before* one, and say how many these are."""
        stretch = await self._room.read(key, _ALL._replace(before=before))
        if stretch.state is None:
            raise KeyError(key)
        state = self._reader.replayed(key, stretch.records, stretch.state)
        is_new = await self._room.restore(to, state, stretch.records, self._terms)
        if not is_new:
            raise self._conflict(to)
        return len(stretch.records)

    async def dump(
        self,
        file: DumpFile,
        asked: dict[str, str],
        on_corrupt: OnCorrupt,
        progress: Progress | None,
    ) -> Report:
        """Write to *file* what is said in the conversations that are *asked* for."""
        from ..core.transcripts import HEADER, ending  # dear, and seldom needed
        from ..dumps import check_replacing, writing

        callback(progress or _nothing)
        check_walk(False, on_corrupt)
        report = Report()
        seen: set[str] = set()
        with writing(file) as out:
            out.write(HEADER)
            async for keys in self.pages(asked):
                for key in keys:
                    if key not in seen:
                        seen.add(key)
                        lines = await self._lines(key, on_corrupt, report)
                        out.writelines(lines)
                if progress is not None:
                    await self._runtime.call(progress, report)
            check_replacing(file, report)
            out.write(ending(report.written))
        return report

    async def load(self, file: DumpFile, existing: OnExisting, progress: Progress | None) -> Report:
        """Have the conversations that are told in *file*."""
        from ..core.retelling import Retelling  # dear, and seldom needed
        from ..dumps import name_of, reading

        callback(progress or _nothing)
        if existing not in ("refuse", "keep", "replace"):
            message = f'existing must be "refuse", "keep" or "replace", not {existing!r}'
            raise ValueError(message)
        report = Report()
        with reading(file) as told:
            label = name_of(file)
            retelling = Retelling(told, label, self._composer, self._now(), report)
            conversations = retelling.conversations()
            for one in conversations:
                await self._have(one, existing, report)
                if progress is not None:
                    await self._runtime.call(progress, report)
        return report

    async def _lines(self, key: str, on_corrupt: OnCorrupt, report: Report) -> Sequence[bytes]:
        """The lines of a conversation; none where it is over by now."""
        from ..core.transcripts import About, lines

        try:
            standings = await self._room.look([key])
            stretch = await self._room.read(key, _ALL)
            if stretch.state is None or standings[0] is None:
                return []
            state = self._reader.state(key, stretch.state)
            messages, records, errors = self._reader.messages(key, stretch.records, on_corrupt)
        except UNREADABLE as error:
            if on_corrupt == "raise":
                raise
            await self._leave_out(key, [error], on_corrupt, report)
            return []
        await self._leave_out(key, errors, on_corrupt, report)
        report.looked_at += len(records)
        report.written += len(records)
        return list(lines(About(key, state.born, state.seq, standings[0].ends), messages, records))

    async def _leave_out(
        self,
        key: str,
        errors: Sequence[StorageError],
        on_corrupt: OnCorrupt,
        report: Report,
    ) -> None:
        for error in errors:
            report.looked_at += 1
            report.fail((), key, error)
            if callable(on_corrupt):
                await self._runtime.call(on_corrupt, error)

    async def _have(self, told: Retold, existing: OnExisting, report: Report) -> None:
        """Have a conversation from now on."""
        key, number = told.key, len(told.records)
        terms = told.lasting(self._terms, self._now())
        if terms is None:
            report.over += number
            return
        replaces = existing == "replace"
        is_new = await self._room.restore(key, told.state, told.records, terms, replaces)
        if is_new:
            report.written += number
        elif existing == "keep":
            report.kept += number
        else:
            report.failed += number
            report.note((), key, self._conflict(key))

    def _conflict(self, key: str) -> ConflictError:
        message = "there is a conversation already: clear it first"
        return ConflictError(message, store=self._label, key=key)

    def _now(self) -> int:
        return int(wall_clock() * 1000) if self._clocked is None else self._clocked.now_ms()


def _nothing(report: Report) -> None:
    pass
