"""Conversations in memory: what is guarded, and a queue of all that may be trimmed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final

from ..core.history import State, append, is_over, packed, trim, unpacked
from ..core.messages import GUARDED, mark
from ..core.picking import Message, picked, recent, unguarded
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
_PAGE: Final = 256


class Talk:
    """One conversation."""

    __slots__ = ("ends", "kept", "state", "tail")

    def __init__(self, state: State) -> None:
        self.state: State = state
        self.kept: list[Message] = []
        """What is guarded and older than all of the tail."""

        self.tail: deque[Message] = deque()
        self.ends: int | None = None

    def fill(self, messages: Iterable[Message]) -> None:
        """Consist of *messages*, which are in order."""
        self.kept, self.tail = [], deque()
        for message in messages:
            is_kept = message[0].seq < self.state.first
            (self.kept if is_kept else self.tail).append(message)

    def add(self, messages: Sequence[Message], state: State, bounds: Bounds) -> bool:
        """Have *messages* at the end, and drop what has to go; says whether that was not all."""
        self.tail.extend(messages)
        self.state = state
        if not is_over(state, bounds):
            return False
        more = trim(state, (one for one, _ in self.tail), bounds)
        while self.tail and self.tail[0][0].seq < state.first:
            message = self.tail.popleft()
            if message[0].flags & GUARDED:
                self.kept.append(message)
        return more

    def renew(self, terms: Terms, now: int) -> None:
        """Be over when *terms* say, where they do."""
        ends = self.state.ends(terms.ttl_ms, terms.max_age_ms, now)
        if ends is not None:
            self.ends = ends


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
        if talk is None or talk.ends is None or talk.ends > now:
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
            if talk is None:
                talk = Talk(state)
                talks.keep(name, talk, now)
            more = talk.add([(mark(raw), raw) for raw in records], state, terms.bounds)
            talk.renew(terms, now)
        return done._replace(more=more) if more else done

    def read(self, key: str, query: Query) -> Stretch:
        with self._talks.lock:
            talk = self._find(key)
            if talk is None:
                return Stretch(None, [], False)
            messages = chain(talk.kept, talk.tail)
            if query.newest:
                messages = chain(reversed(talk.tail), reversed(talk.kept))
            records, more = picked(messages, query)
            return Stretch(packed(talk.state), records, more)

    def recent(self, key: str, bounds: Bounds) -> Stretch:
        with self._talks.lock:
            talk = self._find(key)
            if talk is None:
                return Stretch(None, [], False)
            last, more = recent(unguarded(reversed(talk.tail)), bounds)
            guarded = [one for one in chain(talk.kept, talk.tail) if one[0].flags & GUARDED]
            messages = sorted([*guarded, *last], key=_seq)
            return Stretch(packed(talk.state), [raw for _, raw in messages], more)

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
            talk.state = unpacked(alteration.state)
            replaced, removed = dict(alteration.replaced), frozenset(alteration.removed)
            messages = [
                (mark(replaced[one.seq]), replaced[one.seq]) if one.seq in replaced else (one, raw)
                for one, raw in chain(talk.kept, talk.tail)
                if one.seq not in removed
            ]
            talk.fill(messages)
            talk.renew(terms, self._talks.now())
            return True

    def restore(self, key: str, state: bytes, records: Sequence[bytes], terms: Terms) -> bool:
        talks, name = self._talks, self._names.reserved("history", key)
        with talks.lock:
            now = talks.now()
            if talks.find(name, now) is not None:
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
            found = sorted(
                name
                for name in self._talks.talks
                if name.startswith(wanted) and (cursor is None or name > cursor)
            )
            names = [name for name in found[:_PAGE] if self._talks.find(name, now) is not None]
        after = found[_PAGE - 1] if len(found) > _PAGE else None
        skipped = len(start) + (len(self._names.prefix) if self._names.verbatim else 0)
        return KeyPage([name[skipped:] for name in names], after)

    def _find(self, key: str) -> Talk | None:
        return self._talks.find(self._names.reserved("history", key), self._talks.now())


def _seq(message: Message) -> int:
    return message[0].seq
