# Written by tools/mirror.py from storage/amending.py: change that file and run the tool.
"""Edits of a conversation: look, decide, and swap what is known of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..core.composing import Composer, crowded
from ..core.edits import edited
from ..core.layers import MOST_ATTEMPTS, Layers
from ..core.listing import Messages, Reader
from ..core.messages import NO_HEAD
from ..core.plans import FIRST_LOOK, NOTHING, WIDER, Edit, Plan
from ..errors import CorruptValueError
from ..histories import Query, Terms
from .protocols import HistoryStore
from .runtime import Answer, Runtime, callback

Change = Callable[[dict[str, Any]], Answer[Mapping[str, Any]]]
"""Makes a message of the one that is there."""


class Amending:
    """Edits what is kept in a *room*, on the same *terms* as it is appended."""

    def __init__(
        self, room: HistoryStore, layers: Layers, composer: Composer, reader: Reader, terms: Terms
    ) -> None:
        self._room = room
        self._layers = layers
        self._composer = composer
        self._reader = reader
        self._terms = terms
        self._runtime = Runtime()

    async def do(self, key: str, edit: Edit, lost: list[CorruptValueError] | None = None) -> Messages:
        """Do an *edit*, and give back the messages that it is about.

        Nothing is done to what nobody could be given back, unless it can be noted as *lost*.
        """
        on_corrupt = "raise" if lost is None else "skip"
        for attempt in range(MOST_ATTEMPTS):
            state, plan = await self._planned(key, edit)
            if plan.is_too_much:
                raise crowded(self._layers.label, key)
            messages, records, errors = self._reader.messages(key, plan.touched, on_corrupt)
            touched = Messages(messages, records)
            if plan.alteration is None:
                return touched
            done = await self._room.alter(key, state, plan.alteration, self._terms)
            if done:
                if lost is not None:
                    lost += errors
                return touched
            await self._runtime.pause(attempt)
        raise self._layers.busy(key)

    async def replace(self, key: str, seq: int, change: Mapping[str, Any] | Change) -> bool:
        """Put another message in the place of *seq*; says whether it is there."""
        if not isinstance(change, Mapping):
            callback(change)
        asked = Query(after=seq - 1, before=seq + 1)
        for attempt in range(MOST_ATTEMPTS):
            stretch = await self._room.read(key, asked)
            if stretch.state is None or not stretch.records:
                return False
            seen = self._reader.seen(key, stretch, asked)
            if not seen.marks:
                raise self._reader.corrupt(key, ValueError(NO_HEAD))
            new: Any = change
            if not isinstance(change, Mapping):
                old = self._reader.all(key, stretch.records)
                new = await self._runtime.call(change, old[0])
            entry = self._composer.replacing(key, seen.marks[0], new)
            alteration = edited(seen.state, stretch.records[0], seen.marks[0], entry)
            done = await self._room.alter(key, stretch.state, alteration, self._terms)
            if done:
                return True
            await self._runtime.pause(attempt)
        raise self._layers.busy(key)

    async def _planned(self, key: str, edit: Edit) -> tuple[bytes, Plan]:
        """What is known of the conversation, and what is to be done."""
        width = FIRST_LOOK
        while True:
            asked = edit.query(width)._replace(with_state=True)
            stretch = await self._room.read(key, asked)
            if stretch.state is None:
                return b"", NOTHING
            plan = self._reader.plan(key, edit, stretch, asked)
            if plan is not None:
                return stretch.state, plan
            width *= WIDER
