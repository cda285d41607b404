"""One change at a time per key within a process, in the order of asking.

The lock is there to save work, not to keep data whole: a backend's `swap` does that. So whoever
holds one key already does not wait for another, and no two holders can wait for each other.
`storage.aio.keylock` is the twin.
"""

from __future__ import annotations

import sys
import threading
import time
import weakref
from collections import deque
from types import TracebackType

from .errors import ReentryError
from .runtime import after_fork

_LOOK_AGAIN = 1.0
_LOOKS = 20


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
        """Hold *key* for the length of a `with` block; errors name what is *called* so."""
        return Hold(self, key, called)

    def acquire(self, key: str, called: str | None = None) -> Hold:
        """Hold *key* until it is released."""
        hold = Hold(self, key, called)
        hold.__enter__()
        return hold

    def release(self, hold: Hold) -> None:
        """End what `acquire` began."""
        hold.__exit__(None, None, None)

    def all_holds(self) -> list[Hold]:
        """Who holds a key now."""
        return list(self._holds.values())

    def __len__(self) -> int:
        with self._mutex:
            return sum(not _abandoned(self._holds, key) for key in list(self._holds))

    def _drop_abandoned(self, key: str) -> None:
        if _abandoned(self._holds, key):
            self._holds[key]._hand_over()

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
    _owner = 0
    _owned = False
    _gate: threading.Lock | None = None
    _waiting: deque[Hold] | None = None

    def __init__(self, lock: KeyLock, key: str, called: str | None = None) -> None:
        self._lock = lock
        self._key = key
        self._called = key if called is None else called

    def __enter__(self) -> Hold:
        try:
            self._owner = threading.get_ident()
            # One step that no other thread can come between, and mostly the only one.
            if self._lock._holds.setdefault(self._key, self) is self or self._queued():
                self._owned = True
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._owned:
            return
        try:
            self._leave()
        except BaseException:
            self._leave()
            raise

    def writing(self) -> None:
        """Remember who waits now: they may be told what is about to be written."""
        self._witnesses = self._lock._tickets

    def _queued(self) -> bool:
        """Wait behind the others; says whether the key is held after that."""
        for _ in range(_LOOKS):
            taken = self._asked()
            if taken is not None:
                break
            # Another thread may know of an abandoned holder for a moment more.
            time.sleep(0.001)
        else:
            raise self._lock._reentry(self._called)
        if taken or self._gate is None:
            return taken
        while not self._gate.acquire(timeout=_LOOK_AGAIN):
            if self._taken():
                break
        return True

    def _asked(self) -> bool | None:
        """Take the key, or stand behind who has it; `None` where this very thread has it.

        Nothing here outlives the call, so nobody's waiting makes a holder look known.
        """
        with self._lock._mutex:
            self._lock._drop_abandoned(self._key)
            ahead = self._lock._holds.setdefault(self._key, self)
            if ahead is self:
                return True
            if ahead._owner == self._owner:
                return None
            self._gate = self._stand_behind(ahead)
            return False

    def _taken(self) -> bool:
        """Look whether the holder is gone without a word, or was struck while handing over."""
        lock = self._lock
        with lock._mutex:
            lock._drop_abandoned(self._key)
            ahead = lock._holds.setdefault(self._key, self)
            if ahead is self:
                return True
            if ahead._waiting is None:
                ahead._waiting = deque()
            if self not in ahead._waiting:
                ahead._waiting.append(self)
        return False

    def _stand_behind(self, ahead: Hold) -> threading.Lock | None:
        """Join the queue, unless that might be a wait of two for each other."""
        lock = self._lock
        if not lock._patient and _holds_something(self._owner):
            return None
        self._gate = gate = threading.Lock()
        gate.acquire()
        lock._tickets += 1
        self._ticket = lock._tickets
        if ahead._waiting is None:
            ahead._waiting = deque()
        ahead._waiting.append(self)
        return gate

    def _leave(self) -> None:
        """Give the key, or the place in the queue, to who is next; twice is fine."""
        lock = self._lock
        with lock._mutex:
            ahead = lock._holds.get(self._key)
            if ahead is self:
                self._hand_over()
            elif ahead is not None and ahead._waiting is not None and self in ahead._waiting:
                ahead._waiting.remove(self)
            self._owned = False

    def _hand_over(self) -> None:
        if not self._waiting:
            del self._lock._holds[self._key]
            return
        following = self._waiting.popleft()
        following._waiting = self._waiting
        if following._ticket <= self._witnesses:
            following.left = self.left
        self._lock._holds[self._key] = following
        assert following._gate is not None
        following._gate.release()


def _references(holds: dict[str, Hold], key: str) -> int:
    return sys.getrefcount(holds[key])


def _abandoned(holds: dict[str, Hold], key: str) -> bool:
    """Whether nobody but the table knows of the holder any more.

    An exception that a signal handler raises may strike at the very beginning of `__exit__`, and
    no Python code can be there before it. Who holds a key has a reference to the hold.
    """
    return key in holds and _references(holds, key) <= _ALONE


_ALONE = _references({"": Hold(KeyLock.__new__(KeyLock), "")}, "")

_locks: weakref.WeakValueDictionary[int, KeyLock] = weakref.WeakValueDictionary()
_locks_mutex = threading.Lock()


def _known(lock: KeyLock) -> None:
    with _locks_mutex:
        _locks[id(lock)] = lock


def _holds_something(thread: int) -> bool:
    """Whether *thread* holds a key of any store: asked only by who would have to wait."""
    with _locks_mutex:
        # References are listed faster than what they lead to, and the holder waits meanwhile.
        known = _locks.valuerefs()
    for reference in known:
        lock = reference()
        if lock is not None and any(hold._owner == thread for hold in lock.all_holds()):
            return True
    return False
