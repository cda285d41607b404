"""What stands under the key of an open session, and what shall stand there at its end."""

from __future__ import annotations

from typing import Final

from ..errors import ConflictError
from ..records import DELETE, Change, Deletion, Sight
from ..ttl import Expiry
from .drafts import Draft, Drafts
from .layers import Found, Layers
from .rules import Rules

Wish = bytes | Deletion | None
"""What shall be under a key: a record, nothing at all, or what is there."""

_FOR_LONG: Final = 2**62

_NOT_LOADED = "the session is not loaded"

_ABOUT: Final = 100
"""So many milliseconds before its end an entry may be over: answers take their time."""

_TENTHS = 10
"""A session that is only read is touched when a tenth of its idle time is gone."""


class Standing:
    """The entry *key*, which the backend calls *name*, and the draft of what is in it.

    Where the backend counts a lifetime of its own, every visit *renews* it.
    """

    draft: Draft | None = None
    found: Found | None = None
    seen_ms: int = 0
    _raw: bytes | None = None
    _left_ms: int | None = None
    _empty: bytes | None = None
    _is_cleared = False
    _sent: bytes | Deletion | None = None
    _asked: bytes | None = None

    def __init__(
        self, layers: Layers, drafts: Drafts, rules: Rules, key: str, name: str, *, renews: bool
    ) -> None:
        self._layers = layers
        self._drafts = drafts
        self._rules = rules
        self._key = key
        self._name = name
        self._renews = renews

    @property
    def loaded(self) -> Draft:
        """The draft, once it is there."""
        if self.draft is None:
            raise RuntimeError(_NOT_LOADED)
        return self.draft

    @property
    def is_new(self) -> bool:
        """Whether there was nothing."""
        if self.draft is None:
            raise RuntimeError(_NOT_LOADED)
        return self.found is None

    def see(self, sight: Sight) -> Draft | None:
        """The draft of what was seen, unless it is nothing, or over."""
        self._raw, self._left_ms, self.seen_ms = sight
        self.found = None
        if sight.raw is None:
            return None
        found = self._layers.find(self._key, self._name, sight.raw, changing=True)
        if found is None:
            return None
        draft = self._drafts.live(self._key, found.data, sight.now_ms)
        self.found = found if draft is not None else None
        return draft

    def begin(self, draft: Draft, *, is_first: bool) -> None:
        """Go on with *draft*; one that *is_first* is not stored unless it is changed."""
        self.draft = draft
        self._empty = draft.base if is_first else None
        self._is_cleared = False

    def clear(self, first: Draft) -> None:
        """Begin anew, as *first*: what stays like that is not stored any more."""
        draft = self.loaded
        draft.put(first.value)
        draft.marks, draft.ends = {}, None
        self._empty = first.base
        self._is_cleared = draft.is_anew = True

    def discard(self) -> None:
        """Go back to what is stored."""
        draft = self.loaded
        before = self._drafts.again(self._key, draft)
        draft.put(before.value)
        draft.marks, draft.ends = before.marks, before.ends
        self._empty = draft.base if self.found is None else None
        self._is_cleared = draft.is_anew = False

    def is_there(self, now_ms: int) -> bool:
        """Whether there is an entry still, as far as is known here."""
        left_ms = self._left(now_ms)
        return self.found is not None and (left_ms is None or left_ms > _ABOUT)

    def _ran_out(self, now_ms: int) -> bool:
        """Whether the entry ended by itself while it was used, before it could be touched."""
        left_ms = self._left(now_ms)
        return self.found is not None and left_ms is not None and left_ms <= 0

    def let_be(self) -> None:
        """Do not touch what somebody else has given a lifetime meanwhile."""
        self._renews = False
        self._left_ms = _FOR_LONG

    def give_up(self) -> Wish:
        """What shall be under the key where the changes are discarded: what is there."""
        draft = self.loaded
        draft.ends = self._drafts.again(self._key, draft).ends
        return None

    def wish(self, now_ms: int) -> Wish:
        """What the draft wants to be under the key."""
        draft = self.loaded
        data = self._drafts.data(self._key, draft, now_ms)
        if self._empty is not None and self._layers.same(self._empty, data):
            return DELETE if self._is_cleared and self._raw is not None else None
        if self._drafts.is_nothing(self._key, data):
            return None if self._raw is None else DELETE
        max_age_ms = self._rules.max_age_ms if draft.ends is None else None
        if not self._is_cleared and max_age_ms is None and self._drafts.is_same(draft, data):
            return data if self._ran_out(now_ms) else None
        if max_age_ms is not None:
            draft.ends = now_ms + max_age_ms
            data = self._drafts.data(self._key, draft, now_ms)
        return data

    def change(self, wish: Wish, now_ms: int) -> Change | None:
        """What makes *wish* come true; a session that is only read lives on, now and then."""
        expiry = self._expiry(now_ms)
        if wish is None:
            return Change(self._raw, None, expiry) if self._is_due(expiry, now_ms) else None
        if wish is DELETE or expiry == 0:
            return Change(self._raw, DELETE, None)
        sealed = self._layers.replacing(self._name, self.found, wish, expiry)
        return Change(self._raw, sealed, expiry)

    def may_have_stored(self, wish: Wish, change: Change | None) -> None:
        """Remember what was to be stored, and is there or not: its answer is lost."""
        if change is not None and isinstance(change.new, bytes) and isinstance(wish, bytes):
            self._sent, self._asked = change.new, wish

    def is_ours(self, raw: bytes | None) -> bool:
        """Whether what is there is that: then it goes on from there."""
        if raw is None or raw != self._sent or self._asked is None:
            return False
        self._raw, self.found = raw, Found(raw, self._asked, False)
        self.loaded.base = self._asked
        self._empty, self._is_cleared = None, False
        self._sent = self._asked = None
        return True

    def once_more(self, ours: Wish, raw: bytes | None, *, was_there: bool) -> Wish:
        """What shall be under the key, where something else is than was expected: *raw*."""
        found = None
        if raw is not None:
            found = self._layers.find(self._key, self._name, raw, changing=True)
        if found is not None and self._drafts.is_none(found.data):
            found = None
        wish = self._agreed(ours, found, was_there)
        self._raw, self.found = raw, found
        return wish

    def _agreed(self, ours: Wish, found: Found | None, was_there: bool) -> Wish:
        policy = self._rules.on_conflict
        if found is not None and isinstance(ours, bytes):
            return self._drafts.together(self._key, self.loaded, ours, found.data, policy)
        if found is None and (ours is DELETE or not was_there):
            return ours
        if policy == "raise":
            what = "removed" if found is None else "changed"
            message = f"somebody else {what} it meanwhile"
            raise ConflictError(message, store=self._layers.label, key=self._key)
        return None if policy == "theirs" else ours

    def store(self, ours: Wish, wish: Wish, change: Change, now_ms: int) -> None:
        """Go on after a *change* that made *wish* come true, which *ours* had a part in."""
        self._left_ms = change.expiry if isinstance(change.expiry, int) else None
        self.seen_ms = now_ms
        if change.new is DELETE:
            self._raw = self.found = None
            if ours is DELETE and self._empty is not None:
                self.loaded.base = self._empty
        elif isinstance(ours, bytes) and isinstance(wish, bytes) and change.new is not None:
            self._raw, self.found = change.new, Found(change.new, wish, False)
            self._drafts.stored(self._key, self.loaded, ours, wish)
            self._empty = None
            self._is_cleared = False

    def _expiry(self, now_ms: int) -> Expiry:
        """How long the entry lives from now on: the idle time, but no longer than the session."""
        idle, ends = self._layers.lifetimes.default, self.loaded.ends
        if ends is None:
            return self._layers.lifetimes.keeping if idle is None else idle
        left = max(0, ends - now_ms)
        return left if idle is None else min(idle, left)

    def _is_due(self, expiry: Expiry, now_ms: int) -> bool:
        """Whether the entry is to live longer than it would."""
        idle = self._layers.lifetimes.default
        if self.found is not None and self._renews:
            return True
        if self.found is None or idle is None or not isinstance(expiry, int) or not expiry:
            return False
        left_ms = self._left(now_ms)
        return left_ms is None or expiry - left_ms >= idle / _TENTHS

    def _left(self, now_ms: int) -> int | None:
        """How many milliseconds the entry has left, as far as is known here; `None` for ever."""
        return None if self._left_ms is None else self._left_ms - (now_ms - self.seen_ms)
