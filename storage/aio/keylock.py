"""One change at a time per key within a process, in the order of asking: the twin of
`storage.keylock` for tasks, of one event loop or of several."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections import deque
from types import TracebackType

from ..errors import ReentryError
from ..runtime import after_fork

_Task = asyncio.Task[object]


class KeyLock:
    """The keys that are being changed, and who waits for them.

    A *patient* one waits in any case: it is for steps that hold nothing else after it.
    """

    def __init__(self, store: str, *, patient: bool = False) -> None:
        self._store = store
        self._patient = patient
        self._mutex = threading.Lock()
        self._holds: dict[str, Hold] = {}
        self._tickets = 0
        after_fork(self, KeyLock._forget)
        _known(self)

    def hold(self, key: str, called: str | None = None) -> Hold:
        """Hold *key* for the length of an `async with` block; errors name what is *called* so."""
        return Hold(self, key, called)

    async def acquire(self, key: str, called: str | None = None) -> Hold:
        """Hold *key* until it is released."""
        hold = Hold(self, key, called)
        await hold.__aenter__()
        return hold

    async def release(self, hold: Hold) -> None:
        """End what `acquire` began."""
        await hold.__aexit__(None, None, None)

    def all_holds(self) -> list[Hold]:
        """Who holds a key now."""
        return list(self._holds.values())

    def __len__(self) -> int:
        return len(self._holds)

    def _reentry(self, key: str) -> ReentryError:
        return ReentryError("this key is being changed right here", store=self._store, key=key)

    def _forget(self) -> None:
        global _locks_mutex  # noqa: PLW0603 - another thread may hold the one of the parent
        _locks_mutex = threading.Lock()
        self._mutex = threading.Lock()
        self._holds = {}


class Hold:
    """One holding of one key.

    *left* is what the holder before has just stored, with where that is, for the next one to
    begin with: it saves a read. It is only told to those who waited already when it was written,
    for whom it can not be older than their question; whether it is still there is for `swap` to
    see.
    """

    left: tuple[object, bytes] | None = None
    _ticket = 0
    _witnesses = 0
    _owner: _Task | None = None
    _owned = False
    _gate: asyncio.Future[None] | None = None
    _waiting: deque[Hold] | None = None

    def __init__(self, lock: KeyLock, key: str, called: str | None = None) -> None:
        self._lock = lock
        self._key = key
        self._called = key if called is None else called

    async def __aenter__(self) -> Hold:
        self._owner = asyncio.current_task()
        # One step that no other thread can come between, and mostly the only one.
        if self._lock._holds.setdefault(self._key, self) is not self:
            self._queue()
            if self._gate is None and not self._owned:
                return self
            if self._gate is not None:
                await self._wait(self._gate)
        self._owned = True
        return self

    def _queue(self) -> None:
        """Stand behind the others, or take the key if it has become free."""
        with self._lock._mutex:
            ahead = self._lock._holds.setdefault(self._key, self)
            if ahead is self:
                self._owned = True
                return
            if ahead._owner is self._owner:
                raise self._lock._reentry(self._called)
            if not self._lock._patient and _holds_something(self._owner):
                return
            if ahead._waiting is None:
                ahead._waiting = deque()
            self._gate = asyncio.get_running_loop().create_future()
            ahead._waiting.append(self)
            self._lock._tickets += 1
            self._ticket = self._lock._tickets

    async def _wait(self, gate: asyncio.Future[None]) -> None:
        try:
            await gate
        except BaseException:
            self._give_up()
            raise

    def writing(self) -> None:
        """Remember who waits now: they may be told what is about to be written."""
        self._witnesses = self._lock._tickets

    def _give_up(self) -> None:
        with self._lock._mutex:
            ahead = self._lock._holds.get(self._key)
            if ahead is self:
                self._hand_over()
            elif ahead is not None and ahead._waiting is not None and self in ahead._waiting:
                ahead._waiting.remove(self)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._owned:
            return
        self._owned = False
        with self._lock._mutex:
            if self._lock._holds.get(self._key) is self:
                self._hand_over()

    def _hand_over(self) -> None:
        while self._waiting:
            following = self._waiting.popleft()
            following._waiting = self._waiting
            if following._ticket <= self._witnesses:
                following.left = self.left
            self._lock._holds[self._key] = following
            if following._gate is not None and _open_gate(following._gate):
                return
        del self._lock._holds[self._key]


def _open_gate(gate: asyncio.Future[None]) -> bool:
    """Let a waiter go on, in its own loop; says no where that loop is closed."""
    loop = gate.get_loop()
    if loop is asyncio._get_running_loop():
        _open_here(gate)
        return True
    try:
        loop.call_soon_threadsafe(_open_here, gate)
    except RuntimeError:
        return False
    return True


def _open_here(gate: asyncio.Future[None]) -> None:
    if not gate.done():
        gate.set_result(None)


_locks: weakref.WeakValueDictionary[int, KeyLock] = weakref.WeakValueDictionary()
_locks_mutex = threading.Lock()


def _known(lock: KeyLock) -> None:
    with _locks_mutex:
        _locks[id(lock)] = lock


def _holds_something(task: _Task | None) -> bool:
    """Whether *task* holds a key of any store: asked only by who would have to wait. A child task
    holds none, whatever its parent does."""
    if task is None:
        return False
    with _locks_mutex:
        known = _locks.valuerefs()
    for reference in known:
        lock = reference()
        if lock is not None and any(hold._owner is task for hold in lock.all_holds()):
            return True
    return False
