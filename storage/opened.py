# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""One session while it is open."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from .core.drafts import Draft
from .core.layers import MOST_ATTEMPTS
from .core.session import Mark
from .core.standing import Standing
from .errors import CorruptValueError, ReentryError, StorageError, UnsupportedError, shown
from .offers import Clocked
from .records import Sight
from .runtime import Answer, callback, monotonic
from .tracing import log
from .ttl import default_span

if TYPE_CHECKING:
    from .sessions import Sessions

S = TypeVar("S")
R = TypeVar("R")


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
        self._standing: Standing = sessions._standing(key)
        self._is_open = False
        self._seen = 0.0

    @property
    def value(self) -> S:
        """The session as it is now."""
        value: S = self._standing.loaded.value
        return value

    @property
    def is_new(self) -> bool:
        """Whether nothing was stored under the key, or only what is over."""
        return self._standing.is_new

    @property
    def lost(self) -> bool:
        """Whether somebody else may have the session by now; no change is stored then."""
        return self._seat.lost

    def load(self) -> S:
        """The session, read when it is asked for first; whoever asks gets the same one."""
        if self._standing.draft is None:
            self._check_open()
            with self._keys.hold(str(id(self))):
                if self._standing.draft is None:
                    self._enter()
                if not self._is_open:  # it was ended meanwhile
                    self._seat.give_back()
                    self._check_open()
        return self.value

    def save(self) -> None:
        """Store what was changed until now, and go on."""
        self._changing()
        if self.key is not None:
            self._part(True, release=False)

    def replace(self, value: S) -> None:
        """Put *value* in the place of the session; a dict is changed in place."""
        draft = self._changing()
        draft.put(value)
        draft.marks = {}

    def clear(self) -> None:
        """Begin anew: at the end the session goes away, unless it is changed after this."""
        self._changing()
        first = self._first()
        self._standing.clear(first)

    def discard(self) -> None:
        """Go back to what is stored; changes after this count again."""
        self._changing()
        self._standing.discard()

    def expire(self, member: str, ttl: float | timedelta | None) -> None:
        """Let a *member* of the session go away after *ttl*, or never before the rest (`None`)."""
        draft = self._changing()
        if not self._drafts.layout.lifetimes:
            message = "records of this layout have no place for the lifetime of a member"
            raise UnsupportedError(message, store=self._layers.label, key=self.key)
        span = default_span(ttl, "ttl")
        mark = None if span is None else Mark(span, self._now_ms())
        self._drafts.mark(self.key or "", draft, member, mark)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.end(error)
        except BaseException:  # an interrupt may strike before the end has begun
            self._let_go()
            raise

    def _open(self) -> None:
        if self._is_open:
            message = "this session is open already: open another one"
            raise ReentryError(message, store=self._layers.label, key=self.key)
        if self._standing.draft is not None:
            self._standing = self._sessions._standing(self.key)
        self._is_open = True

    def end(self, error: BaseException | None = None) -> None:
        """Store what was changed, and let the next one have the session.

        An *error* of who worked on it discards the changes, unless these sessions `save` then; a
        cancellation always does.
        """
        was_open = self._is_open
        try:
            self._check_open()
            self._is_open = False
            if self._standing.draft is not None and self.key is not None:
                self._part(self._rules.saves(error), release=True)
        except BaseException as failure:
            if not was_open:
                raise
            self._let_go()
            if error is None or not isinstance(failure, Exception):
                raise
            told: object = failure
            if not isinstance(failure, StorageError):  # its text may show anything
                told = f"{self._layers.label}: key {shown(self.key)}: {type(failure).__name__}"
            log.warning("after a handler that failed: %s", told)

    def _let_go(self) -> None:
        """Store nothing more, and let the next one come: twice is fine."""
        self._is_open = False
        self._seat.give_back()

    def _enter(self) -> None:
        """Take the lease and read the entry."""
        if self.key is None:
            first = self._first()
            self._standing.begin(first, is_first=True)
            return
        try:
            sight = self._seat.come()
            self._read(sight)
        except BaseException:
            self._seat.give_back()
            raise

    def _read(self, sight: Sight) -> None:
        self._seen = monotonic()
        draft: Draft | None = None
        try:
            draft = self._standing.see(sight)
        except CorruptValueError as error:
            if self._rules.on_corrupt == "raise":
                raise
            draft = self._instead(error)
        is_first = draft is None
        if draft is None:
            draft = self._first()
        self._standing.begin(draft, is_first=is_first)

    def _instead(self, error: CorruptValueError) -> Draft | None:
        """What takes the place of an entry that can not be read."""
        if not callable(self._rules.on_corrupt):
            return None
        value = self._runtime.call(self._rules.on_corrupt, error)
        return None if value is None else self._drafts.fresh(self.key or "", value)

    def _first(self) -> Draft:
        """What a session begins as."""
        arguments = (self._event,) if self._rules.looks_at_the_event else ()
        value = self._runtime.call(self._rules.initial, *arguments)
        return self._drafts.fresh(self.key or "", value)

    def _part(self, saves: bool, *, release: bool) -> None:
        """Make the change of the entry that there is to make, on top of what others made."""
        standing = self._standing
        now_ms = self._now_ms()
        ours = standing.wish(now_ms) if saves else standing.give_up()
        was_there = standing.is_there(now_ms)
        wish = ours
        for attempt in range(MOST_ATTEMPTS):
            change = standing.change(wish, now_ms)
            try:
                parting = self._seat.part(change, release)
            except BaseException:
                standing.may_have_stored(wish, change)
                raise
            if parting.done:
                if change is not None and not release:
                    standing.store(ours, wish, change, self._now_ms())
                    self._seen = monotonic()
                return
            if wish is None:
                standing.let_be()
                continue
            self._runtime.pause(attempt)
            now_ms = self._now_ms()
            if standing.is_ours(parting.raw):
                ours = wish = standing.wish(now_ms)
                continue
            was_there = was_there and standing.is_there(now_ms)
            wish = standing.once_more(ours, parting.raw, was_there=was_there)
            if wish is None and not release:
                self._give_way(parting.raw)
        raise self._layers.busy(self.key or "")

    def _give_way(self, raw: bytes | None) -> None:
        """Go on with what somebody else made of the whole; a dict is changed in place."""
        before = self._standing.loaded.value
        self._read(Sight(raw, None, self._now_ms()))
        draft = self._standing.loaded
        theirs, draft.value = draft.value, before
        draft.put(theirs)

    def _now_ms(self) -> int:
        """Which moment it is for the store."""
        clocked: Clocked | None = self._sessions._clocked
        if clocked is not None:
            return clocked.now_ms()
        return self._standing.seen_ms + round((monotonic() - self._seen) * 1000)

    def _changing(self) -> Draft:
        self._check_open()
        return self._standing.loaded

    def _check_open(self) -> None:
        if not self._is_open:
            raise RuntimeError("the session is not open")


class Opened(Session[S]):
    """A `with` block that is given the session: `with sessions.open(key) as session`."""

    def begin(self) -> S:
        """Open and read the session: what `with` does first, for hooks that come in two halves."""
        self._open()
        try:
            self._enter()
            value: S = self._standing.loaded.value
        except BaseException:
            self._let_go()
            raise
        return value

    @overload
    def run(self, handler: Callable[[Any, S], Awaitable[R]]) -> R: ...

    @overload
    def run(self, handler: Callable[[Any, S], R]) -> R: ...

    def run(self, handler: Callable[[Any, S], Answer[Any]]) -> Any:
        """What *handler* answers to the event and its session."""
        callback(handler)
        session = self.begin()
        try:
            try:
                answer = self._runtime.call(handler, self._event, session)
            except BaseException as error:
                self.end(error)
                raise
            self.end()
        except BaseException:
            self._let_go()
            raise
        return answer

    def __enter__(self) -> S:
        return self.begin()


class LazySession(Session[S]):
    """A `with` block in which the session is read when `load` asks for it, if ever."""

    def begin(self) -> Session[S]:
        """Open the session: what `with` does first, for hooks that come in two halves."""
        self._open()
        return self

    def __enter__(self) -> Session[S]:
        return self.begin()
