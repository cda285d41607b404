"""Conversations in memory: what is guarded, and a queue of all that may be trimmed."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nsmallest
from typing import Final

from ..core.history import State, append, packed, unpacked
from ..core.messages import mark
from ..core.talk import NOTHING, Talk
from ..errors import ClosedError
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
from ..keys import Names
from ..runtime import Lock, after_fork, mutex
from ..ttl import Clock

_FEW: Final = 1024
_PAGE: Final = 1000


class Talks:
    """The conversations of one backend, by their names."""

    def __init__(self, label: str, clock: Clock) -> None:
        self.lock: Lock = mutex()
        self.talks: dict[str, Talk] = {}
        self.closed: bool = False
        self._clock = clock
        self._label = label
        self._most = _FEW
        after_fork(self, Talks._unlock)

    def now(self) -> int:
        """The moment, in milliseconds since 1970; refuses work on what is closed."""
        if self.closed:
            raise ClosedError("the store is closed", store=self._label)
        return int(self._clock() * 1000)

    def find(self, name: str, now: int) -> Talk | None:
        """The conversation, if it is not over."""
        talk = self.talks.get(name)
        if talk is None:
            return None
        if talk.ends is None or talk.ends > now:
            talk.settle()
            return talk
        del self.talks[name]
        return None

    def keep(self, name: str, talk: Talk, now: int) -> None:
        """Have the conversation *talk* from now on; now and then, free those that are over."""
        self.talks[name] = talk
        if len(self.talks) > self._most:
            for one in list(self.talks):
                self.find(one, now)
            self._most = 2 * len(self.talks) + _FEW

    def close(self) -> None:
        """Forget everything."""
        with self.lock:
            self.closed, self.talks = True, {}

    def _unlock(self) -> None:
        self.lock = mutex()


class MemoryHistories:
    """The conversations of *talks* whose keys are called by *names*."""

    def __init__(self, talks: Talks, names: Names) -> None:
        self._talks = talks
        self._names = names

    def append(self, key: str, entries: Sequence[Entry], terms: Terms) -> Appended:
        talks, name = self._talks, self._names.reserved("history", key)
        with talks.lock:
            now = talks.now()
            talk = talks.find(name, now)
            state = State(now) if talk is None else talk.state.copy()
            done, records = append(state, entries, terms, now)
            if done.outcome != "appended" or (talk is None and not entries):
                return done
            is_new, talk = talk is None, talk or Talk(State(now))
            more = talk.add([(mark(raw), raw) for raw in records], state, terms.bounds)
            talk.renew(terms, now)
            if is_new:
                talks.keep(name, talk, now)
        return done._replace(more=more) if more else done

    def read(self, key: str, query: Query) -> Stretch:
        with self._talks.lock:
            talk = self._find(key)
            if talk is None:
                return NOTHING
            return talk.read(query)

    def recent(self, key: str, bounds: Bounds) -> Stretch:
        with self._talks.lock:
            talk = self._find(key)
            if talk is None:
                return NOTHING
            return talk.recent(bounds)

    def look(self, keys: Sequence[str]) -> Sequence[Standing | None]:
        with self._talks.lock:
            found = [self._find(key) for key in keys]
            return [
                None if talk is None else Standing(packed(talk.state), talk.ends) for talk in found
            ]

    def alter(self, key: str, state: bytes, alteration: Alteration, terms: Terms) -> bool:
        with self._talks.lock:
            talk = self._find(key)
            if talk is None or packed(talk.state) != state:
                return False
            done = talk.alter(alteration)
            if done:
                talk.renew(terms, self._talks.now())
            return done

    def restore(
        self,
        key: str,
        state: bytes,
        records: Sequence[bytes],
        terms: Terms,
        replaces: bool = False,
    ) -> bool:
        talks, name = self._talks, self._names.reserved("history", key)
        with talks.lock:
            now = talks.now()
            if not replaces and talks.find(name, now) is not None:
                return False
            talk = Talk(unpacked(state))
            talk.fill((mark(raw), raw) for raw in records)
            talk.renew(terms, now)
            talks.keep(name, talk, now)
            return True

    def clear(self, keys: Sequence[str], states: Sequence[bytes] | None = None) -> int:
        removed = 0
        with self._talks.lock:
            for place, key in enumerate(keys):
                talk = self._find(key)
                if talk is not None and (states is None or packed(talk.state) == states[place]):
                    del self._talks.talks[self._names.reserved("history", key)]
                    removed += 1
        return removed

    def keys(self, prefix: str, cursor: str | None) -> KeyPage:
        start = self._names.segment("history")
        wanted = self._names.reserved("history", prefix)
        with self._talks.lock:
            now = self._talks.now()
            names = (name for name in self._talks.talks if name.startswith(wanted))
            others = names if cursor is None else (name for name in names if name > cursor)
            found = nsmallest(_PAGE + 1, others)
            there = [name for name in found[:_PAGE] if self._talks.find(name, now) is not None]
        after = found[_PAGE - 1] if len(found) > _PAGE else None
        skipped = len(start) + (len(self._names.prefix) if self._names.verbatim else 0)
        return KeyPage([name[skipped:] for name in there], after)

    def _find(self, key: str) -> Talk | None:
        return self._talks.find(self._names.reserved("history", key), self._talks.now())
