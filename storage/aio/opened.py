# Written by tools/mirror.py from storage/opened.py: change that file and run the tool.
"""One session while it is open."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..core.drafts import Draft
from ..core.layers import MOST_ATTEMPTS, Found
from ..core.session import Mark
from ..errors import ConflictError, CorruptValueError, ReentryError, UnsupportedError
from ..offers import Clocked
from ..records import DELETE, Change, Deletion, Sight
from .runtime import Answer, callback, monotonic
from .tracing import log
from ..ttl import Expiry, default_span

if TYPE_CHECKING:
    from .sessions import Sessions

S = TypeVar("S")
R = TypeVar("R")

Wish = bytes | Deletion | None
"""What shall be under a key: a record, nothing at all, or what is there."""

_TENTHS = 10
"""A session that is only read is touched when a tenth of its idle time is gone."""


class Session(Generic[S]):
    """One session of one key, from where it is read to where it is stored.

    Where there is no *key*, it lives until then and is nobody else's.
    """

    def __init__(self, sessions: Sessions[S], key: str | None, event: object) -> None:
        self.key: str | None = key
        self._event = event
        self._sessions = sessions
        self._rules = sessions._rules
        self._drafts = sessions._drafts
        self._layers = sessions._layers
        self._runtime = sessions._runtime
        self._keys = sessions._loading
        self._seat = sessions._seat_of(key)
        self._name = "" if key is None else sessions._layers.names.name(key)

        self._is_open = False
        self._start()

    def _start(self) -> None:
        self._draft: Draft | None = None
        self._found: Found | None = None
        self._raw: bytes | None = None
        self._left_ms: int | None = None
        self._seen_ms = 0
        self._seen = 0.0
        self._empty: bytes | None = None
        self._is_cleared = False

    @property
    def value(self) -> S:
        """The session as it is now."""
        value: S = self._loaded().value
        return value

    @property
    def is_new(self) -> bool:
        """Whether nothing was stored under the key, or only what is over."""
        self._loaded()
        return self._found is None

    @property
    def lost(self) -> bool:
        """Whether somebody else may have the session by now; no change is stored then."""
        return self._seat.lost

    async def load(self) -> S:
        """The session, read when it is asked for first; whoever asks gets the same one."""
        if self._draft is None:
            self._check_open()
            async with self._keys.hold(str(id(self))):
                if self._draft is None:
                    await self._enter()
        return self.value

    async def save(self) -> None:
        """Store what was changed until now, and go on."""
        self._changing()
        if self.key is not None:
            await self._part(True, release=False)

    def replace(self, value: S) -> None:
        """Put *value* in the place of the session; a dict is changed in place."""
        draft = self._changing()
        self._put(draft, value)
        draft.marks = {}

    async def clear(self) -> None:
        """Begin anew: at the end the session goes away, unless it is changed after this."""
        draft = self._changing()
        first = await self._first()
        self._put(draft, first.value)
        draft.marks, draft.ends = {}, None
        self._empty = first.base
        self._is_cleared = draft.is_anew = True

    def discard(self) -> None:
        """Go back to what is stored; changes after this count again."""
        draft = self._changing()
        before = self._drafts.again(self.key or "", draft)
        self._put(draft, before.value)
        draft.marks, draft.ends = before.marks, before.ends
        self._empty = draft.base if self._found is None else None
        self._is_cleared = draft.is_anew = False

    def expire(self, member: str, ttl: float | timedelta | None) -> None:
        """Let a *member* of the session go away after *ttl*, or never before the rest (`None`)."""
        draft = self._changing()
        if not self._drafts.layout.lifetimes:
            message = "records of this layout have no place for the lifetime of a member"
            raise UnsupportedError(message, store=self._layers.label, key=self.key)
        span = default_span(ttl)
        mark = None if span is None else Mark(span, self._now_ms())
        self._drafts.mark(self.key or "", draft, member, mark)

    def _open(self) -> None:
        if self._is_open:
            message = "this session is open already: open another one"
            raise ReentryError(message, store=self._layers.label, key=self.key)
        self._start()
        self._is_open = True

    async def end(self, error: BaseException | None = None) -> None:
        """Store what was changed, and let the next one have the session.

        An *error* of who worked on it discards the changes, unless these sessions `save` then; a
        cancellation always does.
        """
        self._check_open()
        self._is_open = False
        if self._draft is None or self.key is None:
            return
        try:
            await self._settle(self._rules.saves(error))
        except Exception as failure:
            if error is None:
                raise
            log.warning("after a handler that failed: %s", failure)

    async def _enter(self) -> None:
        """Take the lease and read the entry."""
        if self.key is None:
            self._draft = await self._first()
            return
        sight = await self._seat.come()
        try:
            await self._read(sight)
        except BaseException:
            await self._seat.give_back()
            raise

    async def _read(self, sight: Sight) -> None:
        assert self.key is not None
        self._raw, self._left_ms, self._seen_ms = sight
        self._seen = monotonic()
        draft: Draft | None = None
        try:
            draft = self._opened(self.key, sight)
        except CorruptValueError as error:
            if self._rules.on_corrupt == "raise":
                raise
            draft = await self._instead(error)
        if draft is None:
            self._found = None
            draft = await self._first()
            self._empty = draft.base
        self._draft = draft

    def _opened(self, key: str, sight: Sight) -> Draft | None:
        """What was seen, unless it is nothing, or over."""
        if sight.raw is None:
            return None
        found = self._layers.find(key, self._name, sight.raw, changing=True)
        if found is None:
            return None
        draft = self._drafts.live(key, found.data, sight.now_ms)
        self._found = found if draft is not None else None
        return draft

    async def _instead(self, error: CorruptValueError) -> Draft | None:
        """What takes the place of an entry that can not be read."""
        if not callable(self._rules.on_corrupt):
            return None
        value = await self._runtime.call(self._rules.on_corrupt, error)
        return None if value is None else self._drafts.fresh(self.key or "", value)

    async def _first(self) -> Draft:
        """What a session begins as."""
        arguments = (self._event,) if self._rules.looks_at_the_event else ()
        value = await self._runtime.call(self._rules.initial, *arguments)
        return self._drafts.fresh(self.key or "", value)

    async def _settle(self, saves: bool) -> None:
        """Store what shall be, and give back the lease whatever comes of it."""
        try:
            await self._part(saves, release=True)
        except BaseException:
            await self._seat.give_back()
            raise

    async def _part(self, saves: bool, *, release: bool) -> None:
        """Make the change of the entry that there is to make, on top of what others made."""
        ours = self._wish() if saves else None
        wish = ours
        for attempt in range(MOST_ATTEMPTS):
            change = self._change(wish)
            parting = await self._seat.part(change, release)
            if parting.done:
                if not release:
                    self._stored(ours, wish, change)
                return
            await self._runtime.pause(attempt)
            wish = self._once_more(ours, parting.raw)
        raise self._layers.busy(self.key or "")

    def _wish(self) -> Wish:
        """What shall be under the key: a record, nothing at all, or (`None`) what is there."""
        draft, key = self._loaded(), self.key or ""
        now_ms = self._now_ms()
        data = self._drafts.data(key, draft, now_ms)
        if self._empty is not None and self._layers.same(self._empty, data):
            return DELETE if self._is_cleared and self._raw is not None else None
        if self._drafts.is_nothing(key, data):
            return None if self._raw is None else DELETE
        is_ageless = self._rules.max_age_ms is not None and draft.ends is None
        if not self._is_cleared and not is_ageless and self._drafts.is_same(draft, data):
            return None
        if is_ageless and self._rules.max_age_ms is not None:
            draft.ends = now_ms + self._rules.max_age_ms
            data = self._drafts.data(key, draft, now_ms)
        return data

    def _change(self, wish: Wish) -> Change | None:
        """What makes *wish* come true; a session that is only read lives on, now and then."""
        expiry = self._expiry()
        if wish is None:
            return Change(None, None, expiry) if self._is_due(expiry) else None
        if wish is DELETE or expiry == 0:
            return Change(self._raw, DELETE, None)
        sealed = self._layers.replacing(self._name, self._found, wish, expiry)
        return Change(self._raw, sealed, expiry)

    def _once_more(self, ours: Wish, raw: bytes | None) -> Wish:
        """What shall be under the key, where something else is than was expected: *raw*."""
        draft, key, was_there = self._loaded(), self.key or "", self._found is not None
        self._raw = raw
        found = None if raw is None else self._layers.find(key, self._name, raw)
        self._found = None if found is None or self._drafts.is_none(found.data) else found
        policy = self._rules.on_conflict
        if self._found is not None and isinstance(ours, bytes):
            return self._drafts.together(key, draft, ours, self._found.data, policy)
        if self._found is None and (ours is DELETE or not was_there):
            return ours
        if policy == "raise":
            what = "removed" if self._found is None else "changed"
            raise self._error(ConflictError, f"somebody else {what} it meanwhile")
        return None if policy == "theirs" else ours

    def _stored(self, ours: Wish, wish: Wish, change: Change | None) -> None:
        """Remember what is there now."""
        if change is None:
            return
        draft = self._loaded()
        self._left_ms = change.expiry if isinstance(change.expiry, int) else None
        self._seen_ms, self._seen = self._now_ms(), monotonic()
        if change.new is DELETE:
            self._raw = self._found = None
        elif isinstance(ours, bytes) and isinstance(wish, bytes) and change.new is not None:
            self._raw, self._found = change.new, Found(change.new, wish, False)
            self._drafts.stored(self.key or "", draft, ours, wish)
            self._empty = None
            self._is_cleared = False

    def _expiry(self) -> Expiry:
        """How long the entry lives from now on: the idle time, but no longer than the session."""
        idle, ends = self._layers.lifetimes.default, self._loaded().ends
        if ends is None:
            return self._layers.lifetimes.keeping if idle is None else idle
        left = max(0, ends - self._now_ms())
        return left if idle is None else min(idle, left)

    def _is_due(self, expiry: Expiry) -> bool:
        """Whether the entry is to live longer than it would."""
        idle = self._layers.lifetimes.default
        if self._found is not None and self._sessions._touches:
            return True
        if self._found is None or idle is None or not isinstance(expiry, int) or not expiry:
            return False
        if self._left_ms is None:
            return True
        left_ms = self._left_ms - (monotonic() - self._seen) * 1000
        return expiry - left_ms >= idle / _TENTHS

    def _now_ms(self) -> int:
        """Which moment it is for the store."""
        clocked: Clocked | None = self._sessions._clocked
        if clocked is not None:
            return clocked.now_ms()
        return self._seen_ms + int((monotonic() - self._seen) * 1000)

    def _loaded(self) -> Draft:
        if self._draft is None:
            raise RuntimeError("the session is not loaded")
        return self._draft

    def _changing(self) -> Draft:
        self._check_open()
        return self._loaded()

    def _put(self, draft: Draft, value: Any) -> None:
        """Let *value* be that of the *draft*; the object stays where that can be."""
        if type(value) is dict and type(draft.value) is dict:
            new = dict(value)
            draft.value.clear()
            draft.value.update(new)
        else:
            draft.value = value

    def _check_open(self) -> None:
        if not self._is_open:
            raise RuntimeError("the session is not open")

    def _error(self, kind: Any, message: str) -> Exception:
        error: Exception = kind(message, store=self._layers.label, key=self.key)
        return error


class Opened(Session[S]):
    """A `with` block that is given the session: `with sessions.open(key) as session`."""

    async def begin(self) -> S:
        """Open and read the session: what `with` does first, for hooks that come in two halves."""
        self._open()
        try:
            await self._enter()
        except BaseException:
            self._is_open = False
            raise
        return self.value

    async def run(self, handler: Callable[[Any, S], Answer[R]]) -> R:
        """What *handler* answers to the event and its session."""
        callback(handler)
        session = await self.begin()
        try:
            answer: R = await self._runtime.call(handler, self._event, session)
        except BaseException as error:
            await self.end(error)
            raise
        await self.end()
        return answer

    async def __aenter__(self) -> S:
        return await self.begin()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.end(error)


class LazySession(Session[S]):
    """A `with` block in which the session is read when `load` asks for it, if ever."""

    def begin(self) -> Session[S]:
        """Open the session: what `with` does first, for hooks that come in two halves."""
        self._open()
        return self

    async def __aenter__(self) -> Session[S]:
        return self.begin()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.end(error)
