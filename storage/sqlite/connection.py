"""One connection to one SQLite file: opened, locked, reopened after a fork, its errors named."""

from __future__ import annotations

import os
import sqlite3
import weakref
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from math import inf
from typing import Any, TypeVar

from ..errors import ClosedError, ConfigurationError, CorruptStoreError, UnsupportedError
from ..forks import around_fork
from ..offers import Step
from ..runtime import Lock, Runtime, monotonic, mutex, runner
from .failures import is_busy, is_read_only, translated
from .groups import LONGEST, REST, Group, Memory, is_apart, marked_as
from .options import Options
from .transactions import alone, inside
from .turns import Turns

T = TypeVar("T")

_BUSY_SECONDS = 5.0
_LOOK_SECONDS = 0.1

_inherited: list[object] = []
"""Connections of a parent process. Closing one here would take away the parent's files."""


_locks: weakref.WeakValueDictionary[int, Lock] = weakref.WeakValueDictionary()


def _lock_of(place: object) -> Lock:
    """One lock a connection: several stores may stand on the same one."""
    if not isinstance(place, sqlite3.Connection):
        return mutex()
    return _locks.setdefault(id(place), mutex())


class Connection:
    """A connection that threads share; *prepare* readies the database whenever it is opened."""

    def __init__(
        self, options: Options, label: str, prepare: Callable[[sqlite3.Cursor], None]
    ) -> None:
        self._options = options
        self._label = label
        self._prepare = prepare
        self._lock = _lock_of(options.place)
        self._cursor: sqlite3.Cursor | None = None
        self._closed = False
        self._group: Group | None = None
        self._leader: object = None
        self._led = 0.0
        """For how long groups have had the lock since others were let in."""

        self._inner_lock = mutex()
        self._memories: weakref.WeakValueDictionary[int, Memory] = weakref.WeakValueDictionary()
        self._forked = False
        self._gripped = False
        self._identity: tuple[int, int] | None = None
        self._looked = -inf
        self.owned: bool = not isinstance(options.place, sqlite3.Connection)
        self._path = os.fspath(options.place) if self.owned else ""  # type: ignore[arg-type]
        self._in_file = self.owned and self._path != ":memory:"
        if self._in_file:
            self._path = os.path.abspath(self._path)  # noqa: PTH100 - a text, not a path object
        if getattr(options.place, "autocommit", None) is False:
            message = "a connection with autocommit=False would never commit what is stored"
            raise ConfigurationError(message, store=label)
        self.durable: bool = False
        self._turns = self._new_turns()
        self._open()
        around_fork(self, Connection._let_go, Connection._go_on, Connection._leave_behind)

    def row(self, sql: str, values: Sequence[object], key: str | None = None) -> Any:
        """The first row that *sql* gives, or `None`."""
        with self._lock if self._leader is None else self._entrance():
            cursor = self._cursor or self._open()
            try:
                if cursor.connection.in_transaction:
                    self._undo_left_over(cursor)
                return cursor.execute(sql, values).fetchone()
            except sqlite3.Error as error:
                raise translated(error, self._label, key) from error

    def rows(self, sql: str, values: Sequence[object]) -> list[Any]:
        """All rows that *sql* gives."""
        with self._lock if self._leader is None else self._entrance():
            cursor = self._cursor or self._open()
            try:
                if cursor.connection.in_transaction:
                    self._undo_left_over(cursor)
                return cursor.execute(sql, values).fetchall()
            except sqlite3.Error as error:
                raise translated(error, self._label, None) from error

    def change(
        self,
        sql: str,
        values: Sequence[object],
        key: str | None = None,
        *,
        seldom_looks: bool = False,
    ) -> int:
        """Run one statement that writes, committed, and say how many rows it touched.

        Where it *seldom looks* whether the file is still there, a few of them may be lost with it.
        """
        if not self.owned:
            return self.transact(lambda cursor: cursor.execute(sql, values).rowcount, key)
        if self._turns is not None and self._is_no_leader(self._turns):
            return self._turns.do(
                self.together, lambda: self.change(sql, values, key, seldom_looks=seldom_looks)
            )
        with self._lock if self._leader is None else self._entrance():
            cursor = self._cursor or self._open()
            group = self._group
            if group is None and (not seldom_looks or self._is_long_ago()):
                self._check_file()
            try:
                if group is not None:
                    self._join(group, cursor)
                elif cursor.connection.in_transaction:  # an interrupt left it behind
                    cursor.execute("ROLLBACK")
                return cursor.execute(sql, values).rowcount
            except sqlite3.Error as error:
                raise translated(error, self._label, key) from error

    def change_many(self, sql: str, rows: Iterable[Sequence[object]]) -> int:
        """Run one writing statement for each of *rows*, all or none of it."""
        return self.transact(lambda cursor: cursor.executemany(sql, rows).rowcount, None)

    def transact(
        self, work: Callable[[sqlite3.Cursor], T], key: str | None, *, seldom_looks: bool = False
    ) -> T:
        """Do *work* alone: committed as a whole, or not at all. It may *seldom look* as above."""
        if self._turns is not None and self._is_no_leader(self._turns):
            step = marked_as(work, lambda: self.transact(work, key, seldom_looks=seldom_looks))
            return self._turns.do(self.together, step)
        with self._lock if self._leader is None else self._entrance():
            cursor = self._cursor or self._open()
            group = self._group
            if group is None and (not seldom_looks or self._is_long_ago()):
                self._check_file()
            try:
                if group is not None:
                    self._join(group, cursor)
                    return alone(cursor, work, nested=True)
                return alone(cursor, work, nested=self._inside_the_callers(cursor))
            except sqlite3.Error as error:
                raise translated(error, self._label, key) from error

    def look(self, work: Callable[[sqlite3.Cursor], T], key: str | None) -> T:
        """Do *work*, which only reads, and sees nothing that is written meanwhile."""
        with self._lock if self._leader is None else self._entrance():
            cursor = self._cursor or self._open()
            try:
                if self._is_inside(cursor):
                    return work(cursor)
                return inside(cursor, work, "BEGIN", "COMMIT", ("ROLLBACK",))
            except sqlite3.Error as error:
                raise translated(error, self._label, key) from error

    def attempt(self, sql: str, values: Sequence[object]) -> None:
        """Run one statement that writes, if nobody else is writing; it does not matter much."""
        if not self.owned:
            return
        with self._lock if self._leader is None else self._entrance():
            cursor = self._cursor or self._open()
            try:
                cursor.execute("PRAGMA busy_timeout = 0")
                cursor.execute(sql, values)
            except sqlite3.Error:
                pass
            finally:
                cursor.execute(f"PRAGMA busy_timeout = {int(_BUSY_SECONDS * 1000)}")

    def together(self, steps: Sequence[Step]) -> None:
        """Do *steps* in their order; those that write share commits, where there is a file."""
        place = 0
        while place < len(steps):
            step = steps[place]
            if not self._in_file or place + 1 == len(steps) or is_apart(step.function):
                _do_alone(step)
                place += 1
                continue
            lost, place = self._share(steps, place)
            for step in lost:
                _do_alone(step)

    def tells(self, memory: Memory) -> None:
        """Tell *memory* of it wherever something is undone that seemed to be done."""
        self._memories[id(memory)] = memory

    def _share(self, steps: Sequence[Step], place: int) -> tuple[Sequence[Step], int]:
        """Do as many steps from *place* on as share one commit; says which of them are lost with
        it, and which step is the next one."""
        shared = place
        if self._led > LONGEST:
            self._led = 0.0
            Runtime().sleep(REST)
        with self._lock:
            started, group = monotonic(), Group()
            self._group, self._leader = group, runner()
            try:
                while place < len(steps) and not is_apart(steps[place].function):
                    steps[place].run()
                    place += 1
                    if not group.begun:
                        steps[shared].keep()
                        shared = place
                    if group.is_over(self._cursor):
                        break
                is_kept = group.commit(self._cursor)
            finally:
                self._group = self._leader = None
                group.undo(self._cursor)
                self._led += monotonic() - started
            if not is_kept:
                for found in self._memories.valuerefs():  # at one moment: others may come
                    if (memory := found()) is not None:
                        memory.forget()
                return steps[shared:place], place
        for step in steps[shared:place]:
            step.keep()
        return (), place

    def _entrance(self) -> Lock:
        """The lock, or for the steps of a group, which has it, one that nobody else takes."""
        return self._inner_lock if self._leader is runner() else self._lock

    def close(self) -> None:
        """Close what was opened here."""
        with self._lock:
            cursor, self._cursor = self._cursor, None
            self._closed = True
            if cursor is not None and self.owned:
                _close(cursor)

    def _is_no_leader(self, turns: Turns) -> bool:
        """Whether somebody writes who does it for nobody else."""
        return runner() not in (self._leader, turns.leader)

    def _is_long_ago(self) -> bool:
        """Whether it is time to look for the file again."""
        return monotonic() > self._looked + _LOOK_SECONDS

    def _new_turns(self) -> Turns | None:
        """Where every write waits for the disk, who writes at the same time does so together."""
        return Turns() if self._in_file and self._options.durability == "full" else None

    def _join(self, group: Group, cursor: sqlite3.Cursor) -> None:
        """Have *group* begin, which is going to write; where it is lost, write nothing more."""
        if not group.begun:
            self._check_file()
            if cursor.connection.in_transaction:
                self._undo_left_over(cursor)
            group.begin(cursor)
        elif not cursor.connection.in_transaction:
            raise sqlite3.OperationalError("the transaction was given up")

    def _is_inside(self, cursor: sqlite3.Cursor) -> bool:
        """Whether a transaction has begun already, that of the group or one of the caller's."""
        if self._group is not None:
            return self._group.begun
        return self._inside_the_callers(cursor)

    def _inside_the_callers(self, cursor: sqlite3.Cursor) -> bool:
        """Whether the caller has begun a transaction; of our own, none is left open."""
        if not cursor.connection.in_transaction:
            return False
        if self.owned:  # an interrupt left it behind
            cursor.execute("ROLLBACK")
        return not self.owned

    def _undo_left_over(self, cursor: sqlite3.Cursor) -> None:
        """End a transaction that an interrupt has left open: others can not write meanwhile."""
        if self.owned and (self._group is None or not self._group.begun):
            cursor.execute("ROLLBACK")

    def _open(self) -> sqlite3.Cursor:
        if self._closed:
            raise ClosedError("the store is closed", store=self._label)
        if self._forked and not self.owned:
            message = "a connection that was passed in can not be used in a forked process"
            raise UnsupportedError(message, store=self._label)
        if self._identity is not None:
            self._check_file()
        try:
            connection = self._connect() if self.owned else self._options.place
            assert isinstance(connection, sqlite3.Connection)
            cursor = connection.cursor()
            cursor.row_factory = None
            self._ready(cursor)
            self.durable = bool(cursor.execute("PRAGMA database_list").fetchone()[2])
        except sqlite3.Error as error:
            raise translated(error, self._label, None) from error
        self._identity = self._file_identity()
        self._cursor = cursor
        return cursor

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(
            self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )

    def _ready(self, cursor: sqlite3.Cursor) -> None:
        try:
            if self.owned:
                _use_wal(cursor.connection)
                cursor.execute(f"PRAGMA synchronous = {self._options.durability}")
            self._prepare(cursor)
        except BaseException:
            if self.owned:
                cursor.connection.close()
            raise

    def _check_file(self) -> None:
        """Refuse to write into a file that is no longer there: nobody would ever read it."""
        if self._identity != self._file_identity():
            message = "the file was removed or replaced while it was open"
            raise CorruptStoreError(message, store=self._label)
        self._looked = monotonic()

    def _file_identity(self) -> tuple[int, int] | None:
        if not self._in_file:
            return None
        try:
            found = os.stat(self._path)  # noqa: PTH116 - once a write, and this is the quick way
        except OSError as error:
            if error.errno is None:  # not of the system: a time limit of the caller's has struck
                raise
            return (0, 0)
        return (found.st_dev, found.st_ino)

    def _let_go(self) -> None:
        """Close the file before a fork: SQLite's locks do not come along, and its notes of them
        do, so a child that opens the file beside them would write without any lock."""
        if not self.owned:
            return
        self._gripped = self._lock.acquire(timeout=2 * _BUSY_SECONDS)
        if self._gripped and self._in_file and self._cursor is not None:
            cursor, self._cursor = self._cursor, None
            _close(cursor)

    def _go_on(self) -> None:
        """After a fork: the next operation opens the file again."""
        if self._gripped:
            self._gripped = False
            self._lock.release()

    def _leave_behind(self) -> None:
        """In the child: what could not be closed is never touched again."""
        self._lock = mutex()
        self._inner_lock = mutex()
        self._group = self._leader = None
        self._turns = self._new_turns()
        self._forked = True
        self._gripped = False
        if self._cursor is not None and (self._in_file or not self.owned):
            _inherited.append(self._cursor)
            self._cursor = None


def _do_alone(step: Step) -> None:
    step.run()
    step.keep()


def _close(cursor: sqlite3.Cursor) -> None:
    """Close both: a cursor that an old traceback keeps would keep the file locked."""
    cursor.close()
    cursor.connection.close()


def _use_wal(connection: sqlite3.Connection) -> None:
    """Several processes may start at once, and SQLite does not wait for this by itself."""
    started = monotonic()
    for attempt in count():
        try:
            (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
            if mode not in ("wal", "memory"):
                connection.execute("PRAGMA journal_mode = WAL").fetchone()
            return
        except sqlite3.OperationalError as error:
            if is_read_only(error):
                return
            if not is_busy(error) or monotonic() > started + _BUSY_SECONDS:
                raise
        Runtime().pause(attempt)
