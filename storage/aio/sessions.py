# Written by tools/mirror.py from storage/sessions.py: change that file and run the tool.
"""Sessions: what a bot remembers of a chat or a user from one update to the next."""

from __future__ import annotations

from collections.abc import Callable, AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, Literal, TypedDict, overload

from .adapted import adapt
from ..core.drafts import Draft, Drafts
from ..core.layers import OnCorrupt, check_walk
from ..core.layouts import OURS, Layout, has_parts
from ..core.rules import Lock, OnCorruptSession, OnError, Rules, check_lock, finder, kind_of
from ..core.session import OnConflict, SessionInfo
from ..core.standing import Standing
from ..core.subjects import KeyParts, SessionKey, matching
from ..core.typed import TypedCodec
from ..errors import ConfigurationError, CorruptValueError, InvalidKeyError
from .keylock import KeyLock
from ..keys import check_key
from .leases import Leases
from ..offers import Clocked, Touchable, check_atomic, offered_or_none
from .opened import LazySession, Opened
from .protocols import LeaseStore, VisitStore
from .rooms import Adaptable, own_store
from .runtime import Answer, Runtime, callback
from .seats import Seat, turns_of
from .store import Storage
from ..ttl import DEFAULT, DefaultTtl, LayerTtl, moment
from .visits import StepByStep

if TYPE_CHECKING:
    from typing_extensions import TypeVar, Unpack

    S = TypeVar("S", default=dict[str, Any])
    D = TypeVar("D")
else:
    from typing import TypeVar

    S = TypeVar("S")
    D = TypeVar("D")


class CommonOptions(TypedDict, total=False):
    """What may be said of all sessions besides how they begin; see `Sessions`."""

    ttl: LayerTtl
    max_age: DefaultTtl
    on_error: OnError
    on_corrupt: OnCorruptSession
    on_conflict: OnConflict
    lock: Lock
    locks: Adaptable | None
    lease: float | timedelta
    wait: float | timedelta | None
    namespace: str | None


class SessionOptions(CommonOptions, total=False):
    """And of ours."""

    key: Callable[[Any], SessionKey | str | None] | None


class Sessions(Generic[S]):
    """Sessions in *store*: one at a time per key, stored where they were changed, and merged.

    A session begins as what *initial* gives, which may look at the event, and is of the type
    *kind*; it is over when it was not used for *ttl*, or *max_age* after it began.
    """

    _layout: Layout = OURS
    _lock_otherwise: Lock = "auto"
    """What holds where the store has no leases; `"auto"` is nothing."""

    _is_among_others: bool = False
    """Whether what is under a key that the layout does not know is no session."""

    @overload
    def __init__(
        self,
        store: Adaptable,
        *,
        initial: type[S],
        kind: type[S] = ...,
        **options: Unpack[SessionOptions],
    ) -> None: ...

    @overload
    def __init__(
        self,
        store: Adaptable,
        *,
        kind: type[S],
        initial: Callable[..., Answer[S]] = ...,
        **options: Unpack[SessionOptions],
    ) -> None: ...

    @overload
    def __init__(
        self: Sessions[dict[str, Any]],
        store: Adaptable,
        *,
        initial: Callable[..., Answer[dict[str, Any]]] = ...,
        **options: Unpack[SessionOptions],
    ) -> None: ...

    def __init__(
        self,
        store: Adaptable,
        *,
        initial: Callable[..., Any] = dict,
        kind: type[S] | None = None,
        ttl: LayerTtl = DEFAULT,
        max_age: DefaultTtl = None,
        key: Callable[[Any], SessionKey | str | None] | None = None,
        on_error: OnError = "discard",
        on_corrupt: OnCorruptSession = "raise",
        on_conflict: OnConflict = "raise",
        lock: Lock = "auto",
        locks: Adaptable | None = None,
        lease: float | timedelta = 30.0,
        wait: float | timedelta | None = 30.0,
        namespace: str | None = "sessions",
    ) -> None:
        self._layout.check(max_age)
        first = kind if initial is dict and kind is not None else initial
        self._rules = Rules(
            callback(first), max_age, on_error, on_corrupt, on_conflict, lease, wait
        )
        if callable(on_corrupt):
            callback(on_corrupt)
        check_lock(lock, locks)
        self._key = finder(key)
        base = adapt(store)
        check_atomic(base._backend, "sessions")
        # Of what is adapted each time anew, the object is what all have in common.
        self._place: object = base._backend if own_store(store) is not None else store
        self._stand_on(base, kind_of(kind, initial), ttl, namespace)
        self._layers.lifetimes.expiry(max_age)
        self._leases: Leases | None = self._leases_for(lock, locks, namespace)
        self._turns: LeaseStore | None = None
        if self._leases is not None:
            self._turns = self._leases._base.room(LeaseStore)
        self._visits: VisitStore = self._visits_for()

    def _stand_on(
        self, base: Storage[Any], kind: Any, ttl: LayerTtl, namespace: str | None
    ) -> None:
        named = base if namespace is None else base.namespace(namespace)
        layers = named._layers.lasting(ttl)
        typed = layers.codec if isinstance(layers.codec, TypedCodec) else None
        if kind is not None:
            typed = TypedCodec(layers.plain, kind)
        self._layers = layers.spoken(layers.plain)
        self._store = named._view(self._layers)
        self._drafts = Drafts(self._layers, typed, self._layout)
        self._runtime = Runtime()
        self._loading = KeyLock(self._layers.label, patient=True)
        self._clocked = self._offered(Clocked)
        self._renews = self._offered(Touchable) is not None

    @overload
    def open(
        self, key: SessionKey | str | None, event: object = None, *, lazy: Literal[False] = False
    ) -> Opened[S]: ...

    @overload
    def open(
        self, key: SessionKey | str | None, event: object = None, *, lazy: Literal[True]
    ) -> LazySession[S]: ...

    @overload
    def open(
        self, key: SessionKey | str | None, event: object = None, *, lazy: bool
    ) -> Opened[S] | LazySession[S]: ...

    def open(
        self, key: SessionKey | str | None, event: object = None, *, lazy: bool = False
    ) -> Opened[S] | LazySession[S]:
        """A `with` block over the session of *key*, one at a time, in the order of asking.

        It is stored at the end of the block if it was changed. Without a key the session lives
        for the block. A *lazy* one is read when its `load` is called, if ever. *event* is for
        `initial` to look at.
        """
        text = None if key is None else self._text(key)
        return LazySession(self, text, event) if lazy else Opened(self, text, event)

    @overload
    def of(self, event: object, *, lazy: Literal[False] = False) -> Opened[S]: ...

    @overload
    def of(self, event: object, *, lazy: Literal[True]) -> LazySession[S]: ...

    @overload
    def of(self, event: object, *, lazy: bool) -> Opened[S] | LazySession[S]: ...

    def of(self, event: object, *, lazy: bool = False) -> Opened[S] | LazySession[S]:
        """The same of the key that the sessions' `key` finds in *event*, for what stands between
        a framework and its handlers."""
        if self._key is None:
            message = "these sessions do not know the key of an event: say key=keyed_by()"
            raise ConfigurationError(message, store=self._layers.label)
        text = self._named(self._key(event))
        return LazySession(self, text, event) if lazy else Opened(self, text, event)

    @overload
    async def get(self, key: SessionKey | str) -> S | None: ...

    @overload
    async def get(self, key: SessionKey | str, default: D) -> S | D: ...

    async def get(self, key: SessionKey | str, default: Any = None) -> Any:
        """The session as it is stored, whoever works on it, or *default*."""
        text = self._text(key)
        sight = await self._visits.look(text)
        draft = self._read(text, sight.raw, sight.now_ms)
        return default if draft is None else draft.value

    async def inspect(self, key: SessionKey | str) -> SessionInfo | None:
        """What is stored of a session and how long it lasts, or `None`."""
        text = self._text(key)
        sight = await self._visits.look(text)
        draft = self._read(text, sight.raw, sight.now_ms)
        if draft is None:
            return None
        over = None if sight.left_ms is None else moment(sight.now_ms + sight.left_ms)
        ends = None if draft.ends is None else moment(draft.ends)
        members = {name: moment(int(mark.at + mark.t)) for name, mark in draft.marks.items()}
        return SessionInfo(text, draft.value, over, ends, members)

    async def delete(self, key: SessionKey | str) -> bool:
        """Take the session away, after whoever works on it, and say whether there was one."""
        return await self._delete(self._text(key))

    async def delete_all(self, **parts: Unpack[KeyParts]) -> int:
        """Take away the sessions of a chat, a user and so on, and say how many there were."""
        asked = matching(parts)
        if not asked:
            raise ValueError("whose sessions? say chat=, user= or another part of the key")
        removed = 0
        async for key in self._keys_of(asked):
            found = await self._delete(key)
            removed += found
        return removed

    def keys(self, **parts: Unpack[KeyParts]) -> AsyncIterator[str]:
        """The keys of the sessions, all or those of a `chat`, a `user` and so on."""
        return self._keys_of(matching(parts))

    def items(
        self, *, on_corrupt: OnCorrupt = "raise", **parts: Unpack[KeyParts]
    ) -> AsyncIterator[tuple[str, S]]:
        """Keys and sessions, of all or of a `chat`, a `user` and so on; `"skip"` leaves out the
        unreadable."""
        check_walk(True, on_corrupt)
        return self._items_of(matching(parts), on_corrupt)

    async def count(self, **parts: Unpack[KeyParts]) -> int:
        """How many sessions there are, in all or of a `chat`, a `user` and so on."""
        asked = matching(parts)
        number = 0
        async for _ in self._keys_of(asked):
            number += 1
        return number

    async def _delete(self, text: str) -> bool:
        if self._leases is None:
            return await self._store.delete(text)
        ttl, wait = self._rules.lease_ms / 1000, self._rules.wait
        async with self._leases.hold(text, ttl=ttl, wait=wait):
            return await self._store.delete(text)

    async def _keys_of(self, asked: dict[str, str]) -> AsyncIterator[str]:
        async for key in self._store.keys(self._layout.keys.prefix(asked), unique=True):
            if self._is_asked(key, asked):
                yield key

    async def _items_of(self, asked: dict[str, str], on_corrupt: OnCorrupt) -> AsyncIterator[tuple[str, S]]:
        sight = await self._visits.look("")
        prefix = self._layout.keys.prefix(asked)
        async for key, record in self._store.items(prefix, unique=True, on_corrupt=on_corrupt):
            if not self._is_asked(key, asked):
                continue
            draft: Draft | None = None
            try:
                draft = self._drafts.live(key, self._layers.encode(key, record), sight.now_ms)
            except CorruptValueError as error:
                if on_corrupt == "raise":
                    raise
                if on_corrupt != "skip":
                    await self._runtime.call(on_corrupt, error)
            if draft is not None:
                yield key, draft.value

    def _is_asked(self, key: str, asked: dict[str, str]) -> bool:
        """Whether *key* is that of a session with the parts that are asked for, if any."""
        if not asked and not self._is_among_others:
            return True
        return has_parts(self._layout.keys, key, asked)

    def _read(self, key: str, raw: bytes | None, now_ms: int) -> Draft | None:
        """The session in *raw*, unless there is none, or it is over."""
        found = None if raw is None else self._layers.find(key, self._layers.names.name(key), raw)
        return None if found is None else self._drafts.live(key, found.data, now_ms)

    def _named(self, key: SessionKey | str | None) -> str | None:
        """What a function found: an empty text is no key."""
        return None if key is None or key == "" else self._text(key)

    def _text(self, key: SessionKey | str) -> str:
        """*key* as it is written; refuses what is none."""
        if type(key) is str and key and key.isascii():
            return key
        text = self._layout.keys.text(key) if isinstance(key, SessionKey) else key
        label = self._layers.label
        if not isinstance(text, str):
            told = f"not {type(text).__name__}: say SessionKey(user=...), for instance"
            raise InvalidKeyError(
                f"the key of a session is a SessionKey or a str, {told}", store=label
            )
        check_key(text, label)
        if not text:
            raise InvalidKeyError("the key of a session can not be empty", store=label, key=text)
        return text

    def _seat_of(self, key: str | None) -> Seat:
        leases = None if key is None else self._leases
        label, rules = self._layers.label, self._rules
        return Seat(self._visits, leases, self._turns, label, key or "", rules.lease_ms, rules.wait)

    def _standing(self, key: str | None) -> Standing:
        name = "" if key is None else self._layers.names.name(key)
        return Standing(
            self._layers, self._drafts, self._rules, key or "", name, renews=self._renews
        )

    def _offered(self, kind: Any) -> Any:
        return offered_or_none(self._store._backend, kind, self._layers.names)

    def _leases_for(
        self, lock: Lock, locks: Adaptable | None, namespace: str | None
    ) -> Leases | None:
        """The leases of these sessions; `None` where there are none."""
        if lock is False:
            return None
        if locks is not None:
            other = adapt(locks)
            named = other if namespace is None else other.namespace(namespace)
            return turns_of(named, named._backend, in_process=False)
        if lock == "auto" and self._offered(LeaseStore) is not None:
            return turns_of(self._store, self._place, in_process=False)
        lock = self._lock_otherwise if lock == "auto" else lock
        if lock == "auto" and self._store.capabilities.atomic != "shared":
            message = (
                "this store has no leases, so sessions can not be one at a time: "
                'say locks= for a store that has, lock="process" if all who use it are in this '
                "process, or lock=False to merge what they change at the same time"
            )
            raise ConfigurationError(message, store=self._layers.label)
        return turns_of(self._store, self._place, in_process=True)

    def _are_here(self, leases: Leases | None) -> bool:
        """Whether *leases*, if there are any, are kept beside the sessions."""
        if leases is None:
            return True
        base, prefix = leases._base, self._layers.names.prefix
        return base._backend is self._store._backend and base._layers.names.prefix == prefix

    def _visits_for(self) -> VisitStore:
        """How entries are read and written, together with their leases where that can be."""
        backend, names, leases = self._store._backend, self._layers.names, self._leases
        native = self._offered(VisitStore) if self._are_here(leases) else None
        if native is not None:
            visits: VisitStore = native
            return visits
        return StepByStep(backend, names, self._turns)
