"""Rate limits in SQLite: a row a meter, in a table beside the one of the values.

What is kept and decided is the same as everywhere; here it is only read and written.
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from ..core.meters import (
    name_of,
    name_of_places,
    packed,
    packed_places,
    unpacked,
    unpacked_places,
)
from ..core.window import Place, State, bar, ends, give_back, held, hit, peek, reserve
from ..errors import CorruptValueError
from ..keys import Names
from ..records import Ask, Decision, Meter
from ..ttl import Clock
from .connection import Connection
from .later import Later
from .statements import LimitStatements

T = TypeVar("T")

_MOST_KNOWN: Final = 1024
_LONGEST_KNOWN: Final = 4096

_LOOKED_AT: Final = 8
"""How many rows are looked at, whether they are over, by who adds one."""

_SPARED_MS: Final = 3_600_000
"""For how long a row that is over is not freed: somebody else's clock may be behind, and what was
counted at that time counts there still."""


Known = tuple[int, bytes, State]
"""What stood in a row when it was last read or written here: its end in milliseconds, its bytes,
and what they say."""


class Meters:
    """The rows of one backend; their table is made when it is used first."""

    def __init__(self, connection: Connection, label: str, table: str, clock: Clock) -> None:
        self.connection: Connection = connection
        self.sql: LimitStatements = LimitStatements(table)
        self._later = Later(connection, self.sql.create)
        self._label = label
        self._clock = clock
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._passed: bytes | None = None
        """The last row that was looked at, whether it is over."""

        connection.tells(self)

    def forget(self) -> None:
        """Know nothing: some of it was undone."""
        self._known.clear()

    def now(self) -> int:
        """The time by the clock of the backend."""
        return round(self._clock() * 1_000_000)

    def transact(self, work: Callable[[sqlite3.Cursor, int], T], key: str | None) -> T:
        """Do *work* alone, and tell it the time at which it is done."""

        def whole(cursor: sqlite3.Cursor) -> T:
            return work(cursor, self.now())

        return self._later.transact(whole, key)

    def is_there(self) -> bool:
        """Whether anything was ever kept."""
        if self._later.made:
            return True
        return self.connection.row(self.sql.is_there, (self.sql.table,)) is not None

    def taken(self, name: str) -> Known | None:
        """What is known of a row, for one who gives it back or writes something else."""
        # In a caller's own transaction the table itself may be undone.
        return self._known.pop(name, None) if self.connection.owned else None

    def given(self, name: str, known: Known) -> None:
        """Know this of a row from now on, unless it is long."""
        if len(known[1]) <= _LONGEST_KNOWN:
            self._known[name] = known
            if len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)

    def known(self, meter: Meter, row: Sequence[Any] | None, now: int) -> Known | None:
        """What a row says of a meter, if it counts still."""
        if row is None:
            return None
        ends_ms, raw = row
        if type(ends_ms) is not int or type(raw) is not bytes:
            raise self._corrupt("it is another record", meter)
        if ends_ms * 1000 <= now:
            return None
        try:
            return ends_ms, raw, unpacked(meter.rule, raw)
        except ValueError as error:
            raise self._corrupt(str(error), meter) from None

    def places(self, cursor: sqlite3.Cursor, name: str, meter: Meter) -> list[Place]:
        """The places that were given back."""
        row = cursor.execute(self.sql.read, (name,)).fetchone()
        try:
            return [] if row is None else unpacked_places(row[1])
        except (TypeError, ValueError):
            raise self._corrupt("it is another record", meter) from None

    def keep_places(
        self, cursor: sqlite3.Cursor, name: str, before: list[Place], left: list[Place]
    ) -> None:
        """Keep the places that are *left*."""
        if left:
            cursor.execute(self.sql.keep, (name, left[-1][0] // 1000 + 1, packed_places(left)))
        elif before:
            cursor.execute(self.sql.forget, (name,))

    def free(self, cursor: sqlite3.Cursor, name: str, now: int) -> None:
        """Free what is over among the next few rows, for who has added the one called *name*."""
        passed = name.encode() if self._passed is None else self._passed
        rows = cursor.execute(self.sql.some, (passed, _LOOKED_AT)).fetchall()
        end = now // 1000 - _SPARED_MS
        over = [(found,) for found, ends_ms in rows if type(ends_ms) is int and ends_ms <= end]
        if over:
            cursor.executemany(self.sql.free, over)
        self._passed = rows[-1][0] if len(rows) == _LOOKED_AT else b""

    def _corrupt(self, what: str, meter: Meter) -> CorruptValueError:
        message = f"what is kept of a limit can not be read, until a reset: {what}"
        return CorruptValueError(message, store=self._label, key=meter.key)


class SqliteLimits:
    """The *meters* whose keys are called by *names*."""

    def __init__(self, meters: Meters, names: Names) -> None:
        self._meters = meters
        self._sql = meters.sql
        self._names = names

    def hit(self, meters: Sequence[Meter], ask: Ask) -> Decision:
        quick = self._quick(meters[0], ask) if len(meters) == 1 else None
        if quick is not None:
            return quick

        def hit(cursor: sqlite3.Cursor, now: int) -> Decision:
            return self._hit(cursor, meters, ask, now)

        return self._meters.transact(hit, meters[0].key)

    def hit_many(self, groups: Sequence[Sequence[Meter]], ask: Ask) -> Sequence[Decision]:
        def hit_all(cursor: sqlite3.Cursor, now: int) -> list[Decision]:
            return [self._hit(cursor, meters, ask, now) for meters in groups]

        return self._meters.transact(hit_all, None)

    def peek(self, meters: Sequence[Meter], ask: Ask) -> Decision:
        names = [name_of(self._names, meter) for meter in meters]
        found: dict[str, Sequence[Any]] = {}
        if self._meters.is_there():
            rows = self._meters.connection.rows(self._sql.read_many(len(names)), names)
            found = {name.decode(): row for name, *row in rows}
        now = self._meters.now()
        known = [
            self._meters.known(meter, found.get(name), now) for name, meter in zip(names, meters)
        ]
        return peek([meter.rule for meter in meters], _states(known), now, ask.cost)

    def reserve(self, meters: Sequence[Meter], ask: Ask, patience: int) -> Decision:
        called = name_of_places(self._names, meters)
        rules = [meter.rule for meter in meters]

        def take(cursor: sqlite3.Cursor, now: int) -> Decision:
            known = self._read(cursor, meters, now)
            places = self._meters.places(cursor, called, meters[0])
            decision, after, left = reserve(rules, _states(known), places, now, ask.cost, patience)
            self._keep(cursor, meters, known, after or (), now)
            self._meters.keep_places(cursor, called, places, left)
            return decision

        return self._meters.transact(take, meters[0].key)

    def refund(self, meters: Sequence[Meter], cost: int, when: int) -> None:
        called = name_of_places(self._names, meters)
        rules = [meter.rule for meter in meters]

        def refund(cursor: sqlite3.Cursor, now: int) -> None:
            known = self._read(cursor, meters, now)
            places = self._meters.places(cursor, called, meters[0])
            after, left = give_back(rules, _states(known), places, now, cost, when)
            self._keep(cursor, meters, known, after, now)
            self._meters.keep_places(cursor, called, places, left)

        self._meters.transact(refund, meters[0].key)

    def block(self, meters: Sequence[Meter], span: int) -> None:
        def block(cursor: sqlite3.Cursor, now: int) -> None:
            known = self._read(cursor, meters, now)
            barred = [bar(meter.rule, one, now, span) for meter, one in zip(meters, _states(known))]
            self._keep(cursor, meters, known, barred, now)

        self._meters.transact(block, meters[0].key)

    def reset(self, meters: Sequence[Meter]) -> None:
        names = [name_of(self._names, meter) for meter in meters]
        names.append(name_of_places(self._names, meters))

        def reset(cursor: sqlite3.Cursor, now: int) -> None:
            cursor.executemany(self._sql.forget, [(name,) for name in names])

        self._meters.transact(reset, meters[0].key)

    def renew(self, meters: Sequence[Meter], token: str) -> bool:
        return self._held(meters, token, gives_back=False)

    def release(self, meters: Sequence[Meter], token: str) -> bool:
        return self._held(meters, token, gives_back=True)

    def _held(self, meters: Sequence[Meter], token: str, *, gives_back: bool) -> bool:
        spans = [None if gives_back else meter.rule.per for meter in meters]

        def hold(cursor: sqlite3.Cursor, now: int) -> bool:
            known = self._read(cursor, meters, now)
            after = [held(one, now, token, span) for one, span in zip(_states(known), spans)]
            self._keep(cursor, meters, known, after, now)
            return all(one is not None for one in after)

        return self._meters.transact(hold, meters[0].key)

    def _quick(self, meter: Meter, ask: Ask) -> Decision | None:
        """The answer by one statement, where a row is as it was when it was last seen here."""
        name = name_of(self._names, meter)
        known = self._meters.taken(name)
        if known is None:
            return None
        now, key = self._meters.now(), meter.key
        ends_ms, raw, state = known
        decision, after = hit(
            (meter.rule,),
            (state if ends_ms * 1000 > now else None,),
            now,
            ask.cost,
            token=ask.token,
            tell=ask.tell,
        )
        if after is None:
            row = self._meters.connection.row(self._sql.read, (name,), key)
            if row is None or row[1] != raw:
                return None
            self._meters.given(name, known)
            return decision
        new = _known(meter, after[0])
        values = (new[0], new[1], name, raw)
        if self._meters.connection.change(self._sql.swap, values, key, seldom_looks=True) != 1:
            return None
        self._meters.given(name, new)
        return decision

    def _hit(self, cursor: sqlite3.Cursor, meters: Sequence[Meter], ask: Ask, now: int) -> Decision:
        known = self._read(cursor, meters, now)
        rules = [meter.rule for meter in meters]
        decision, after = hit(rules, _states(known), now, ask.cost, token=ask.token, tell=ask.tell)
        if after is not None:
            self._keep(cursor, meters, known, after, now)
        elif len(meters) == 1 and known[0] is not None:
            self._meters.given(name_of(self._names, meters[0]), known[0])
        return decision

    def _read(
        self, cursor: sqlite3.Cursor, meters: Sequence[Meter], now: int
    ) -> list[Known | None]:
        found = []
        for meter in meters:
            row = cursor.execute(self._sql.read, (name_of(self._names, meter),)).fetchone()
            found.append(self._meters.known(meter, row, now))
        return found

    def _keep(
        self,
        cursor: sqlite3.Cursor,
        meters: Sequence[Meter],
        before: Sequence[Known | None],
        after: Sequence[State | None],
        now: int,
    ) -> None:
        for meter, old, state in zip(meters, before, after):
            if state is None:
                continue
            name, new = name_of(self._names, meter), _known(meter, state)
            cursor.execute(self._sql.keep, (name, *new[:2]))
            self._meters.given(name, new)
            if old is None:
                self._meters.free(cursor, name, now)


def _states(known: Sequence[Known | None]) -> list[State | None]:
    return [None if one is None else one[2] for one in known]


def _known(meter: Meter, state: State) -> Known:
    return -(-ends(meter.rule, state) // 1000), packed(meter.rule, state), state
