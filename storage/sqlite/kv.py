"""Key-value in SQLite: a row an entry."""

from __future__ import annotations

import logging
import math
import sqlite3
from collections.abc import Iterator, Sequence

from ..core.counting import counted
from ..errors import ConfigurationError, CorruptValueError, StorageError
from ..keys import Names, after
from ..offers import Clocked, Joining, Resumable, Step
from ..protocols import Sweeper
from ..records import DELETE, MISSING, UNREADABLE, Capabilities, Deletion, Missing, Page, Sight
from ..runtime import Periodic
from ..ttl import At, Expiry, Keeping, deadline
from .connection import Connection
from .groups import apart
from .options import Options
from .rooms import Rooms
from .statements import Statements
from .transactions import alone

_log = logging.getLogger("storage")

_PAGE = 500
_SWEPT_AT_ONCE = 1000
_READ_AT_ONCE = 256
_TEXT_END = b""  # SQLite sorts bytes after all text


class SqliteBackend:
    """The entries of one table."""

    def __init__(self, options: Options) -> None:
        layout = options.layout
        self.label: str = _label(options)
        self._clock = options.clock
        self._unit_ms = layout.unit_ms
        self._sql = Statements(options.table, layout.columns, layout.suffix)
        self._table = options.table
        self._numeric = False
        self._connection = Connection(options, self.label, self._prepare)
        self.capabilities: Capabilities = Capabilities(
            atomic="shared",
            expiry_ms=layout.unit_ms,
            iteration=True,
            durable=self._connection.durable,
        )
        self._rooms = Rooms(self._connection, self.label, options.table, options.clock)
        self._sweeper: Periodic | None = None
        if options.sweep_interval is not None:
            self._sweeper = Periodic(self, SqliteBackend._sweep_quietly, options.sweep_interval)

    def read(self, name: str) -> bytes | None:
        row = self._connection.row(self._sql.read, (name,), name)
        if row is None:
            return None
        raw = self._alive(name, self.now_ms(), *row)
        if raw is None:
            self._connection.attempt(self._sql.forget, (name, self._now()))
        return raw

    def ends(self, name: str) -> int | Missing | None:
        row = self._connection.row(self._sql.ends, (name,), name)
        if row is None:
            return MISSING
        ends = self._ends_ms(name, *row)
        return MISSING if _over(ends, self.now_ms()) else ends

    def write(self, name: str, raw: bytes, expiry: Expiry) -> None:
        if expiry is None:
            self._connection.change(self._sql.write, (name, _cell(raw), None), name)
        else:
            self._connection.change(*self._writing(name, raw, expiry, self.now_ms()), name)

    def add(self, name: str, raw: bytes, expiry: Expiry) -> bool:
        now_ms = self.now_ms()
        values = (name, _cell(raw), self._expires(expiry, now_ms), now_ms // self._unit_ms)
        return self._connection.change(self._sql.add, values, name) == 1

    def swap(self, name: str, old: bytes, new: bytes | Deletion, expiry: Expiry) -> bool:
        if self._numeric:
            return self._connection.transact(
                lambda cursor: self._swap_cells(cursor, name, old, new, expiry), name
            )
        return self._connection.change(*self._swapping(name, old, new, expiry), name) == 1

    def remove(self, name: str) -> bool:
        return self._connection.change(self._sql.remove, (name, self._now()), name) == 1

    def exists(self, name: str) -> bool:
        return self._connection.row(self._sql.exists, (name, self._now()), name) is not None

    def touch(self, name: str, expiry: Expiry) -> bool:
        if isinstance(expiry, Keeping):
            return self.exists(name)
        return self._connection.change(*self._touching(name, expiry, self.now_ms()), name) == 1

    def incr(self, name: str, by: int, initial: int, expiry: Expiry) -> int:
        def count(cursor: sqlite3.Cursor) -> int:
            now_ms = self.now_ms()
            total = counted(self.live(cursor, name, now_ms), by, initial)
            self.put(cursor, name, b"%d" % total, expiry, now_ms)
            return total

        return self._connection.transact(count, name)

    def read_many(self, names: Sequence[str]) -> Sequence[bytes | None]:
        now_ms = self.now_ms()
        found: dict[str, bytes | None] = {}
        for padded in _stretches(names):
            for key, *cells in self._connection.rows(self._sql.read_many(len(padded)), padded):
                name = self._name_in(key)
                found[name] = self._alive(name, now_ms, *cells)
        return [found.get(name) for name in names]

    def ends_many(self, names: Sequence[str]) -> Sequence[int | Missing | None]:
        now_ms = self.now_ms()
        found: dict[str, int | None] = {}
        for padded in _stretches(names):
            for key, cell in self._connection.rows(self._sql.ends_many(len(padded)), padded):
                name = self._name_in(key)
                ends = self._readable_ends(name, cell)
                if not _over(ends, now_ms):
                    found[name] = ends
        return [found.get(name, MISSING) for name in names]

    def restore(self, entries: Sequence[tuple[str, bytes, int | None]], replace: bool) -> int:
        now_ms = self.now_ms()
        ends = (None if end is None else At(end) for _, _, end in entries)
        expires = [self._expires(end, now_ms) for end in ends]
        rows = [(name, _cell(raw), end) for (name, raw, _), end in zip(entries, expires)]
        if replace:
            return self._connection.change_many(self._sql.write, rows)
        now = now_ms // self._unit_ms
        return self._connection.change_many(self._sql.add, [(*row, now) for row in rows])

    def write_many(self, entries: Sequence[tuple[str, bytes]], expiry: Expiry) -> None:
        now_ms = self.now_ms()
        expires = self._expires(expiry, now_ms)
        rows = [(name, _cell(raw), expires) for name, raw in entries]
        if isinstance(expiry, Keeping):
            now = now_ms // self._unit_ms
            self._connection.change_many(self._sql.write_keeping, [(*row, now) for row in rows])
        else:
            self._connection.change_many(self._sql.write, rows)

    def remove_many(self, names: Sequence[str]) -> int:
        now = self._now()
        return self._connection.change_many(self._sql.remove, [(name, now) for name in names])

    def page(self, prefix: str, cursor: str | None, values: bool) -> Page:
        start = prefix if cursor is None else cursor + "\0"
        stretch = (start, after(prefix) or _TEXT_END, self._now(), _PAGE)
        rows = self._connection.rows(self._sql.page if values else self._sql.page_keys, stretch)
        names = [self._name_in(row[0]) for row in rows]
        raws = [self._listed(name, *row[1:]) for name, row in zip(names, rows) if values]
        return Page(names, raws, names[-1] if len(rows) == _PAGE else None)

    @apart
    def clear(self, prefix: str) -> int:
        stretch = (prefix, after(prefix) or _TEXT_END)

        @apart
        def clear(cursor: sqlite3.Cursor) -> int:
            removed = cursor.execute(self._sql.clear, (*stretch, self._now())).rowcount
            cursor.execute(self._sql.clear_over, stretch)
            return removed

        return self._connection.transact(clear, None)

    @apart
    def sweep(self) -> int:
        """Free the entries that are over and say how many there were, and conversations."""
        swept = 0
        while True:
            some = self._connection.change(self._sql.sweep, (self._now(), _SWEPT_AT_ONCE))
            swept += some
            if some < _SWEPT_AT_ONCE:
                self._rooms.sweep()
                return swept

    def together(self, steps: Sequence[Step]) -> None:
        """Do *steps* in their order; those that write share a commit."""
        self._connection.together(steps)

    def now_ms(self) -> int:
        """Which moment it is for the entries."""
        return int(self._clock() * 1000)

    def room(self, kind: object, names: Names) -> object | None:
        """What this backend offers besides its entries, or itself for what it does to them."""
        if kind in (Sweeper, Clocked, Resumable, Joining):
            return self
        return self._rooms.room(kind, names, self)

    def sight(self, name: str, cursor: sqlite3.Cursor | None = None) -> Sight:
        """The entry and what it has left, at one moment, in the transaction of *cursor* if any."""
        now_ms, values = self.now_ms(), (name,)
        if cursor is None:
            row = self._connection.row(self._sql.read, values, name)
        else:
            row = cursor.execute(self._sql.read, values).fetchone()
        raw = None if row is None else self._alive(name, now_ms, *row)
        if row is None or raw is None:
            return Sight(None, None, now_ms)
        ends = self._ends_ms(name, row[1])
        return Sight(raw, None if ends is None else ends - now_ms, now_ms)

    def live(self, cursor: sqlite3.Cursor, name: str, now_ms: int) -> bytes | None:
        """The bytes of the entry, if there is one, in the transaction of *cursor*."""
        row = cursor.execute(self._sql.read, (name,)).fetchone()
        return None if row is None else self._alive(name, now_ms, *row)

    def put(
        self,
        cursor: sqlite3.Cursor,
        name: str,
        raw: bytes | Deletion | None,
        expiry: Expiry,
        now_ms: int,
    ) -> None:
        """Write or remove the entry in the transaction of *cursor*; `None` is the bytes it has."""
        if raw is DELETE:
            cursor.execute(self._sql.remove, (name, now_ms // self._unit_ms))
        elif raw is not None:
            cursor.execute(*self._writing(name, raw, expiry, now_ms))
        elif not isinstance(expiry, Keeping):
            cursor.execute(*self._touching(name, expiry, now_ms))

    @apart
    def close(self) -> None:
        if self._sweeper is not None:
            self._sweeper.stop()
        self._connection.close()

    def _prepare(self, cursor: sqlite3.Cursor) -> None:
        encoding = _text(cursor.execute("PRAGMA encoding").fetchone()[0])
        if encoding != "UTF-8":
            message = f"the database is in {encoding}, and only UTF-8 keeps the order of keys"
            raise ConfigurationError(message, store=self.label)
        columns = cursor.execute(self._sql.describe, (self._table,)).fetchall()
        if not columns:
            alone(cursor, self._create, nested=cursor.connection.in_transaction)
            columns = cursor.execute(self._sql.describe, (self._table,)).fetchall()
        found = {name.decode(): (kind.decode().upper(), place) for name, kind, place in columns}
        self._check_columns(found)
        self._numeric = _is_numeric(found["value"][0])

    def _create(self, cursor: sqlite3.Cursor) -> None:
        cursor.execute(self._sql.create)
        cursor.execute(self._sql.index)

    def _check_columns(self, found: dict[str, tuple[str, int]]) -> None:
        missing = {"key", "value", "expires_at"} - found.keys()
        if missing:
            message = f"the table has no column {', '.join(sorted(missing))}: it is not a store's"
            raise ConfigurationError(message, store=self.label)
        keyed = [name for name, (_, place) in found.items() if place]
        if keyed != ["key"] or _is_numeric(found["key"][0]):
            message = "the table's primary key is not a text called key: it is not a store's"
            raise ConfigurationError(message, store=self.label)

    def _swapping(
        self, name: str, old: bytes, new: bytes | Deletion, expiry: Expiry
    ) -> tuple[str, tuple[object, ...]]:
        now_ms = self.now_ms()
        condition = (name, old, now_ms // self._unit_ms)
        if new is DELETE:
            return self._sql.remove_same, condition
        if isinstance(expiry, Keeping):
            return self._sql.swap_keeping, (_cell(new), *condition)
        return self._sql.swap, (_cell(new), self._expires(expiry, now_ms), *condition)

    def _swap_cells(
        self,
        cursor: sqlite3.Cursor,
        name: str,
        old: bytes,
        new: bytes | Deletion,
        expiry: Expiry,
    ) -> bool:
        """A column of numeric affinity keeps numbers, which SQL writes unlike JSON."""
        now_ms = self.now_ms()
        if self.live(cursor, name, now_ms) != old:
            return False
        self.put(cursor, name, new, expiry, now_ms)
        return True

    def _writing(
        self, name: str, raw: bytes, expiry: Expiry, now_ms: int
    ) -> tuple[str, tuple[object, ...]]:
        values: tuple[object, ...] = (name, _cell(raw), self._expires(expiry, now_ms))
        if isinstance(expiry, Keeping):
            return self._sql.write_keeping, (*values, now_ms // self._unit_ms)
        return self._sql.write, values

    def _touching(self, name: str, expiry: Expiry, now_ms: int) -> tuple[str, tuple[object, ...]]:
        values = (self._expires(expiry, now_ms), name, now_ms // self._unit_ms)
        return self._sql.touch, values

    def _sweep_quietly(self) -> None:
        try:
            self.sweep()
        except Exception as error:  # noqa: BLE001 - a clock may raise anything, and the sweep goes on
            told = error if isinstance(error, StorageError) else type(error).__name__
            _log.warning("%s: the sweep failed and will be tried again: %s", self.label, told)

    def _alive(self, name: str, now_ms: int, value: object, expires: object) -> bytes | None:
        """The bytes of a row, unless it is over."""
        if expires is not None and _over(self._ends_ms(name, expires), now_ms):
            return None
        return value if type(value) is bytes else _raw(value)

    def _ends_ms(self, name: str, expires: object) -> int | None:
        if expires is None:
            return None
        if type(expires) is float and math.isfinite(expires):
            expires = math.ceil(expires)
        if type(expires) is not int:
            message = "expires_at is not a number"
            raise CorruptValueError(message, store=self.label, key=name)
        return expires * self._unit_ms

    def _name_in(self, cell: bytes) -> str:
        try:
            return cell.decode()
        except UnicodeDecodeError:
            raise CorruptValueError("a key is not UTF-8", store=self.label) from None

    def _listed(self, name: str, value: object, expires: object) -> bytes:
        """The bytes of a row of a page; of a corrupt one, the word for that."""
        try:
            self._ends_ms(name, expires)
        except CorruptValueError:
            return UNREADABLE
        return value if type(value) is bytes else _raw(value)

    def _readable_ends(self, name: str, expires: object) -> int | None:
        try:
            return self._ends_ms(name, expires)
        except CorruptValueError:
            return None

    def _now(self) -> int:
        return self.now_ms() // self._unit_ms

    def _expires(self, expiry: Expiry, now_ms: int) -> int | None:
        """The end in the table's unit: rounded up, unless it has come already."""
        ends = deadline(expiry, now_ms)
        if ends is None or self._unit_ms == 1:
            return ends
        return ends // self._unit_ms if ends <= now_ms else -(-ends // self._unit_ms)


def _stretches(names: Sequence[str]) -> Iterator[list[str | None]]:
    """*names* in lists to ask for at once. Their lengths are powers of two, so the compiled
    statements stay few."""
    for start in range(0, len(names), _READ_AT_ONCE):
        some = names[start : start + _READ_AT_ONCE]
        yield [*some, *[None] * ((1 << (len(some) - 1).bit_length()) - len(some))]


def _label(options: Options) -> str:
    place = options.place
    where = "connection" if isinstance(place, sqlite3.Connection) else str(place)
    return f"sqlite:{where}[{options.table}]"


def _cell(raw: bytes) -> str | bytes:
    """What is written: text, as the JavaScript adapters do, unless it is none."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


def _raw(value: object) -> bytes:
    """What was read where it was no text: a column of numeric affinity turns the JSON of a number
    into a number."""
    return repr(value).encode()


def _over(ends: int | None, now_ms: int) -> bool:
    return ends is not None and ends <= now_ms


def _text(cell: str | bytes) -> str:
    return cell.decode() if isinstance(cell, bytes) else cell


def _is_numeric(declared: str) -> bool:
    """Whether a column declared so keeps numbers: the rules of SQLite's affinity."""
    if "INT" in declared:
        return True
    return bool(declared) and not any(part in declared for part in ("CHAR", "CLOB", "TEXT", "BLOB"))
