# Written by tools/mirror.py from storage/recalling.py: change that file and run the tool.
"""Conversations on a backend that has no room for them, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..core.envelope import Envelope
from ..core.history import State, append, packed, unpacked
from ..core.layers import MOST_ATTEMPTS
from ..core.messages import mark
from ..core.talk import NOTHING, Talk
from ..core.volume import ends, opened, volume
from ..errors import CorruptValueError, UnsupportedError
from ..histories import (
    Alteration,
    Appended,
    Bounds,
    Entry,
    KeyPage,
    Query,
    Standing,
    Stretch,
    Terms,
)
from ..offers import Clocked, check_atomic, offered_or_none
from .protocols import HistoryStore
from ..records import DELETE
from .runtime import Runtime, wall_clock

if TYPE_CHECKING:
    from .store import Storage


class Found(NamedTuple):
    """What an entry is called, its bytes, and the conversation in them if that is not over."""

    name: str
    raw: bytes | None
    talk: Talk | None


class HistoriesStepByStep:
    """The conversations of *store*, an entry each, which is read and written as a whole.

    An entry is swapped for the very bytes that were read, or all is read again, so no message is
    lost. What the layers of the store make of a value they make of a conversation too. The time is
    that of the backend where it tells it, and otherwise that of this machine.
    """

    def __init__(self, store: Storage[Any]) -> None:
        self._backend = store._backend
        self._keys = store._keys
        self._layers = store._layers
        self._names = store._layers.names
        self._runtime = Runtime()
        self._clocked = offered_or_none(store._backend, Clocked, self._names)
        grain = store._backend.capabilities.expiry_ms
        self._expires = grain is not None
        # Who is told ends to the millisecond forgets by a better clock than that of this machine.
        self._forgets = grain == 1

    async def append(self, key: str, entries: Sequence[Entry], terms: Terms) -> Appended:
        name = self._names.reserved("history", key)
        async with self._keys.hold(name):
            for attempt in range(MOST_ATTEMPTS):
                found = await self._find(key)
                now = self._now()
                state = State(now) if found.talk is None else found.talk.state
                done, records = append(state, entries, terms, now)
                if done.outcome != "appended" or (found.talk is None and not entries):
                    return done
                talk = found.talk or Talk(state)
                more = talk.add([(mark(raw), raw) for raw in records], state, terms.bounds)
                put = await self._put(found, talk, terms, now)
                if put:
                    return done._replace(more=more) if more else done
                await self._runtime.pause(attempt)
        raise self._layers.busy(key)

    async def read(self, key: str, query: Query) -> Stretch:
        found = await self._find(key)
        return NOTHING if found.talk is None else found.talk.read(query)

    async def recent(self, key: str, bounds: Bounds) -> Stretch:
        found = await self._find(key)
        return NOTHING if found.talk is None else found.talk.recent(bounds)

    async def look(self, keys: Sequence[str]) -> Sequence[Standing | None]:
        names = [self._names.reserved("history", key) for key in keys]
        raws = await self._backend.read_many(names)
        standings: list[Standing | None] = []
        for key, name, raw in zip(keys, names, raws):
            talk = self._opened(key, name, raw)
            standings.append(None if talk is None else Standing(packed(talk.state), talk.ends))
        return standings

    async def alter(self, key: str, state: bytes, alteration: Alteration, terms: Terms) -> bool:
        found = await self._find(key)
        if found.talk is None or packed(found.talk.state) != state:
            return False
        if not found.talk.alter(alteration):
            return False
        return await self._put(found, found.talk, terms, self._now())

    async def restore(
        self,
        key: str,
        state: bytes,
        records: Sequence[bytes],
        terms: Terms,
        replaces: bool = False,
    ) -> bool:
        for attempt in range(MOST_ATTEMPTS):
            found = await self._standing(key) if replaces else await self._find(key)
            if found.talk is not None:
                return False
            talk = Talk(unpacked(state))
            talk.fill((mark(raw), raw) for raw in records)
            put = await self._put(found, talk, terms, self._now())
            if put:
                return True
            await self._runtime.pause(attempt)
        raise self._layers.busy(key)

    async def clear(self, keys: Sequence[str], states: Sequence[bytes] | None = None) -> int:
        removed = 0
        for place, key in enumerate(keys):
            there = await self._forget(key, None if states is None else states[place])
            removed += there
        return removed

    async def keys(self, prefix: str, cursor: str | None) -> KeyPage:
        start = self._names.reserved("history", "")
        wanted = self._names.reserved("history", prefix)
        page = await self._backend.page(wanted, cursor, not self._forgets)
        names = page.names
        if not self._forgets:
            pairs = zip(page.names, page.values)
            names = [name for name, raw in pairs if not self._is_over(name, raw)]
        return KeyPage([name[len(start) :] for name in names], page.cursor)

    async def _forget(self, key: str, state: bytes | None) -> bool:
        """Take a conversation away that nobody has to be able to read, or one of this *state*."""
        name = self._names.reserved("history", key)
        for attempt in range(MOST_ATTEMPTS):
            raw = await self._backend.read_fresh(name)
            if raw is None:
                return False
            is_over = self._is_over(name, raw)
            if state is not None and not is_over:
                talk = self._opened(key, name, raw)
                if talk is None or packed(talk.state) != state:
                    return False
            done = await self._backend.swap(name, raw, DELETE, None)
            if done:
                return not is_over
            await self._runtime.pause(attempt)
        raise self._layers.busy(key)

    async def _standing(self, key: str) -> Found:
        """What is there, which nobody has to be able to read."""
        name = self._names.reserved("history", key)
        raw = await self._backend.read_fresh(name)
        return Found(name, raw, None)

    async def _find(self, key: str) -> Found:
        name, raw, _ = await self._standing(key)
        return Found(name, raw, self._opened(key, name, raw))

    async def _put(self, found: Found, talk: Talk, terms: Terms, now: int) -> bool:
        """Keep *talk* in the place of what was *found*; says whether that still stands there."""
        talk.renew(terms, now)
        left = None if talk.ends is None else talk.ends - now
        if left is not None and left <= 0:
            if found.raw is None:
                return True
            return await self._backend.swap(found.name, found.raw, DELETE, None)
        expiry = left if self._expires else None
        raw = self._layers.seal(found.name, volume(talk))
        if found.raw is None:
            return await self._backend.add(found.name, raw, expiry)
        return await self._backend.swap(found.name, found.raw, raw, expiry)

    def _opened(self, key: str, name: str, raw: bytes | None) -> Talk | None:
        """The conversation in *raw*, if there is one that is not over."""
        found = None if raw is None else self._layers.find(key, name, raw)
        if found is None:
            return None
        try:
            talk = opened(found.data)
        except ValueError as error:
            raise CorruptValueError(str(error), store=self._layers.label, key=key) from None
        return None if self._has_come(talk.ends) else talk

    def _is_over(self, name: str, raw: bytes) -> bool:
        """Whether the conversation in *raw* is over; what nobody can read is not."""
        try:
            found = self._layers.find(name, name, raw)
            return found is None or self._has_come(ends(found.data))
        except (CorruptValueError, ValueError):
            return False

    def _has_come(self, moment: int | None) -> bool:
        """Whether a conversation is over that ends then."""
        return moment is not None and not self._forgets and moment <= self._now()

    def _now(self) -> int:
        return int(wall_clock() * 1000) if self._clocked is None else self._clocked.now_ms()


def histories_of_store(store: Storage[Any]) -> HistoryStore:
    """The conversations of *store*: in the room for them, or step by step."""
    layers = store._layers
    versioned = next((one.word for one in layers.stages if isinstance(one, Envelope)), None)
    typed = None if layers.codec is layers.plain else "typed"
    word = versioned or typed
    if word is not None:
        message = f"this store is {word}, and messages are not: keep them in the store beneath"
        raise UnsupportedError(message, store=layers.label)
    native = None
    if not layers.stages:
        native = offered_or_none(store._backend, HistoryStore, layers.names)
    if native is None:
        check_atomic(store._backend, "conversations")
    return HistoriesStepByStep(store) if native is None else native
