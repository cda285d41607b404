"""The SQL of one table. Every text is constant, so SQLite compiles each once."""

from __future__ import annotations

from typing import Final

_LIVE = "(expires_at IS NULL OR expires_at > ?)"

# Text as its bytes, whatever the connection makes of text; numbers as they are.
_VALUE = "CASE typeof(value) WHEN 'text' THEN CAST(value AS BLOB) ELSE value END"
_KEY = "CAST(key AS BLOB)"
_NAME = "CAST(name AS BLOB)"
_RECORD = "CASE typeof(record) WHEN 'text' THEN CAST(record AS BLOB) ELSE record END"
_AT = "CASE typeof(at) WHEN 'text' THEN CAST(at AS BLOB) ELSE at END"

_SAME = f"WHERE key = ? AND CAST(value AS BLOB) = ? AND {_LIVE}"
_OURS = "WHERE name = ? AND token = ? AND expires_at > ?"
_STRETCH = "WHERE key >= ? AND key < ?"
IS_THERE: Final = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"

LAST: Final = 2**32
"""No message has this number or a larger one."""


class Statements:
    """What is said to the table called *table*; `?` stand in the order of their use."""

    def __init__(self, table: str, columns: str, suffix: str) -> None:
        name, index = quoted(table), quoted(f"{table}_expires_at")
        self.create: str = f"CREATE TABLE IF NOT EXISTS {name} ({columns}){suffix}"
        self.index: str = (
            f"CREATE INDEX IF NOT EXISTS {index} ON {name} (expires_at) "
            "WHERE expires_at IS NOT NULL"
        )
        self.describe: str = (
            "SELECT CAST(name AS BLOB), CAST(type AS BLOB), pk FROM pragma_table_info(?)"
        )
        self._reads(name)
        self._writes(name)
        self._removals(name)

    def _reads(self, name: str) -> None:
        row = f"SELECT {_KEY}, {_VALUE}, expires_at FROM {name}"
        page = f"{_STRETCH} AND {_LIVE} ORDER BY key LIMIT ?"
        self.read: str = f"SELECT {_VALUE}, expires_at FROM {name} WHERE key = ?"
        self.ends: str = f"SELECT expires_at FROM {name} WHERE key = ?"
        self.exists: str = f"SELECT 1 FROM {name} WHERE key = ? AND {_LIVE}"
        self.page: str = f"{row} {page}"
        self.page_keys: str = f"SELECT {_KEY} FROM {name} {page}"
        self._many = f"{row} WHERE key IN "
        self._ends = f"SELECT {_KEY}, expires_at FROM {name} WHERE key IN "

    def _writes(self, name: str) -> None:
        upsert = (
            f"INSERT INTO {name} (key, value, expires_at) VALUES (?, ?, ?) "
            "ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = "
        )
        self.write: str = upsert + "excluded.expires_at"
        self.write_keeping: str = (
            f"{upsert}CASE WHEN {name}.expires_at <= ? THEN excluded.expires_at "
            f"ELSE {name}.expires_at END"
        )
        self.add: str = f"{upsert}excluded.expires_at WHERE {name}.expires_at <= ?"
        self.swap: str = f"UPDATE {name} SET value = ?, expires_at = ? {_SAME}"
        self.swap_keeping: str = f"UPDATE {name} SET value = ? {_SAME}"
        self.touch: str = f"UPDATE {name} SET expires_at = ? WHERE key = ? AND {_LIVE}"

    def _removals(self, name: str) -> None:
        self.remove: str = f"DELETE FROM {name} WHERE key = ? AND {_LIVE}"
        self.remove_same: str = f"DELETE FROM {name} {_SAME}"
        self.clear: str = f"DELETE FROM {name} {_STRETCH} AND {_LIVE}"
        self.clear_over: str = f"DELETE FROM {name} {_STRETCH}"
        self.forget: str = f"DELETE FROM {name} WHERE key = ? AND expires_at <= ?"
        self.sweep: str = (
            f"DELETE FROM {name} WHERE key IN "
            f"(SELECT key FROM {name} WHERE expires_at <= ? LIMIT ?)"
        )

    def read_many(self, count: int) -> str:
        """Reads *count* keys at once; ask for few different counts."""
        return f"{self._many}({', '.join('?' * count)})"

    def ends_many(self, count: int) -> str:
        """Reads when *count* keys end."""
        return f"{self._ends}({', '.join('?' * count)})"


class LeaseStatements:
    """What is said to the tables of leases and claims beside the table called *table*."""

    def __init__(self, table: str) -> None:
        leases, queue = quoted(f"{table}_leases"), quoted(f"{table}_lease_queue")
        claims = quoted(f"{table}_claims")
        rest = "token TEXT NOT NULL, expires_at INTEGER NOT NULL"
        keyed = f"name TEXT PRIMARY KEY NOT NULL, {rest}"
        place = f"place INTEGER PRIMARY KEY, name TEXT NOT NULL, {rest}, UNIQUE (name, token)"
        columns = {
            leases: f"({keyed}) WITHOUT ROWID",
            queue: f"({place})",
            claims: f"({keyed}, finished INTEGER NOT NULL) WITHOUT ROWID",
        }
        self.create: list[str] = [
            *(f"CREATE TABLE IF NOT EXISTS {name} {text}" for name, text in columns.items()),
            *(_by_end(f"{table}_{word}") for word in ("leases", "lease_queue", "claims")),
        ]
        self._asking(leases, queue)
        self._leaving(leases, queue)
        self._claiming(claims)

    def _asking(self, leases: str, queue: str) -> None:
        live = "CAST(token AS BLOB) AS token, expires_at FROM {} WHERE name = ? AND expires_at > ?"
        holder = f"SELECT {live.format(leases)}"
        first = f"SELECT {live.format(queue)} ORDER BY place LIMIT 1"
        self.who: str = (
            "SELECT holder.token, holder.expires_at, first.token, first.expires_at "
            f"FROM (SELECT 1) LEFT JOIN ({holder}) AS holder LEFT JOIN ({first}) AS first"
        )
        self.hold: str = (
            f"INSERT OR REPLACE INTO {leases} (name, token, expires_at) VALUES (?, ?, ?)"
        )
        self.stand: str = f"INSERT INTO {queue} (name, token, expires_at) VALUES (?, ?, ?)"
        self.stay: str = f"UPDATE {queue} SET expires_at = ? {_OURS}"
        self.is_held: str = f"SELECT 1 FROM {leases} {_OURS}"
        self.renew: str = f"UPDATE {leases} SET expires_at = ? {_OURS}"

    def _leaving(self, leases: str, queue: str) -> None:
        self.release: str = f"DELETE FROM {leases} {_OURS}"
        self.leave: str = f"DELETE FROM {queue} WHERE name = ? AND (token = ? OR expires_at <= ?)"
        self.free_leases: str = _freed(leases, "name")
        self.free_places: str = _freed(queue, "place")

    def _claiming(self, claims: str) -> None:
        self.marked: str = (
            f"SELECT CAST(token AS BLOB), finished, expires_at FROM {claims} "
            "WHERE name = ? AND expires_at > ?"
        )
        self.mark: str = (
            f"INSERT OR REPLACE INTO {claims} (name, token, expires_at, finished) "
            "VALUES (?, ?, ?, ?)"
        )
        self.free_claims: str = _freed(claims, "name")


class LimitStatements:
    """What is said to the table of rate limits beside the table called *table*.

    It has no index but its names: one by the end would be written anew with every hit.
    """

    def __init__(self, table: str) -> None:
        self.table: str = f"{table}_limits"
        name = quoted(self.table)
        # The end stands before the state, so that a look at it needs no more of a long row.
        columns = "expires_at INTEGER NOT NULL, state BLOB NOT NULL"
        columns = f"name TEXT PRIMARY KEY NOT NULL, {columns}"
        self.create: list[str] = [f"CREATE TABLE IF NOT EXISTS {name} ({columns}) WITHOUT ROWID"]
        self.is_there: str = IS_THERE
        self.read: str = f"SELECT expires_at, state FROM {name} WHERE name = ?"
        self.keep: str = (
            f"INSERT INTO {name} (name, expires_at, state) VALUES (?, ?, ?) ON CONFLICT (name) "
            "DO UPDATE SET expires_at = excluded.expires_at, state = excluded.state"
        )
        self.swap: str = f"UPDATE {name} SET expires_at = ?, state = ? WHERE name = ? AND state = ?"
        self.forget: str = f"DELETE FROM {name} WHERE name = ?"
        self.some: str = (
            f"SELECT {_NAME}, expires_at FROM {name} "
            "WHERE name > CAST(? AS TEXT) ORDER BY name LIMIT ?"
        )
        self.free: str = f"{self.forget[:-1]}CAST(? AS TEXT)"
        self._many = f"SELECT {_NAME}, expires_at, state FROM {name} WHERE name IN "

    def read_many(self, count: int) -> str:
        """Reads *count* meters at the same moment."""
        return f"{self._many}({', '.join('?' * count)})"


class HistoryStatements:
    """What is said to the tables of conversations beside the table called *table*.

    What is known of a conversation stands in a row after its last message, where the next one
    comes: so an append changes one page of the file. It is over at the time of that row, which has
    no index: that would be written anew with every append.
    """

    def __init__(self, table: str) -> None:
        self.table: str = f"{table}_messages"
        names, rows = quoted(f"{table}_histories"), quoted(self.table)
        guards = quoted(f"{table}_messages_guarded")
        columns = (
            "history INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER, "
            "guarded INTEGER NOT NULL, role TEXT, record BLOB NOT NULL, PRIMARY KEY (history, seq)"
        )
        named = "id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE"
        self.create: list[str] = [
            f"CREATE TABLE IF NOT EXISTS {names} ({named})",
            f"CREATE TABLE IF NOT EXISTS {rows} ({columns}) WITHOUT ROWID",
            f"CREATE INDEX IF NOT EXISTS {guards} ON {rows} (history, seq) WHERE guarded = 1",
        ]
        self.is_there: str = IS_THERE
        self._known(names, rows)
        self._messages(rows, guards)
        self._removals(names, rows)

    def _known(self, names: str, rows: str) -> None:
        known = f"{names} LEFT JOIN {rows} ON history = id AND seq = {LAST}"
        self.find: str = f"SELECT id, {_AT}, {_RECORD} FROM {known} WHERE name = ?"
        self.name: str = f"INSERT INTO {names} (name) VALUES (?)"
        self.begin: str = (
            f"INSERT INTO {rows} (history, seq, at, guarded, record) VALUES (?, {LAST}, ?, 0, ?)"
        )
        last = f"WHERE history = ? AND seq = {LAST}"
        same = f"{last} AND record = ? AND at IS ?"
        self.is_still: str = f"SELECT 1 FROM {rows} {same}"
        self.go_on: str = f"UPDATE {rows} SET at = ?, record = ? {same}"
        self.keys: str = (
            f"SELECT {_NAME} FROM {names} JOIN {rows} ON history = id AND seq = {LAST} "
            "WHERE name >= ? AND name < ? AND (at IS NULL OR at > ?) ORDER BY name LIMIT ?"
        )
        self.some: str = f"SELECT id, seq, {_AT} FROM {known} WHERE id > ? ORDER BY id LIMIT ?"

    def _messages(self, rows: str, guards: str) -> None:
        theirs = f"FROM {rows} WHERE history = ?"
        self.add: str = (
            f"INSERT INTO {rows} (history, seq, at, guarded, role, record) "
            "VALUES (?, ?, ?, ?, ?, ?)"
        )
        self.is_so: str = f"SELECT 1 FROM {rows} WHERE history = ? AND seq = ? AND record = ?"
        self.replace: str = (
            f"UPDATE {rows} SET guarded = ?, role = ?, record = ? WHERE history = ? AND seq = ?"
        )
        self.heads: str = (
            f"SELECT seq, {_RECORD} {theirs} AND seq >= ? AND seq < {LAST} AND guarded = 0 "
            "ORDER BY seq LIMIT ?"
        )
        self.guarded: str = (
            f"SELECT seq, {_RECORD} FROM {rows} INDEXED BY {guards} "
            "WHERE history = ? AND guarded = 1 ORDER BY seq"
        )
        self.last: str = (
            f"SELECT seq, {_RECORD} {theirs} AND seq >= ? AND seq < {LAST} AND guarded = 0 "
            "ORDER BY seq DESC"
        )
        self._rows = rows
        self._texts: dict[tuple[bool, bool, bool, int], str] = {}

    def _removals(self, names: str, rows: str) -> None:
        self.remove: str = f"DELETE FROM {rows} WHERE history = ? AND seq = ?"
        self.trim: str = f"DELETE FROM {rows} WHERE history = ? AND seq < ? AND guarded = 0"
        self.empty: str = f"DELETE FROM {rows} WHERE history = ?"
        self.forget: str = f"DELETE FROM {names} WHERE id = ?"
        self.unname: str = f"UPDATE {names} SET name = NULL WHERE id = ?"
        self.free: str = (
            f"DELETE FROM {rows} WHERE history = ? AND seq IN "
            f"(SELECT seq FROM {rows} WHERE history = ? ORDER BY seq LIMIT ?)"
        )

    def read(self, newest: bool, since: bool, until: bool, roles: int) -> str:
        """Reads messages; see `_read`."""
        kind = (newest, since, until, roles)
        text = self._texts.get(kind)
        if text is None:
            text = self._texts[kind] = self._read(*kind)
        return text

    def _read(self, newest: bool, since: bool, until: bool, roles: int) -> str:
        """Of one history, with numbers between two others and not gone before another one.

        Where time bounds the far end, that comes first of all, and once more before roles: there
        is a NULL in the place of what comes after it, and nobody needs to read on.
        """
        past = ("at < ?" if newest else "at >= ?") if (since if newest else until) else ""
        wanted = f"CASE WHEN {past} THEN NULL ELSE {_RECORD} END" if past else _RECORD
        conditions = ["history = ? AND seq > ? AND seq < ? AND (seq >= ? OR guarded = 1)"]
        if until if newest else since:
            conditions.append("at < ?" if newest else "at >= ?")
        if roles:
            among = f"role IN ({', '.join('?' * roles)})"
            conditions.append(f"({past} OR {among})" if past else among)
        return (
            f"SELECT {wanted} FROM {self._rows} WHERE {' AND '.join(conditions)} "
            f"ORDER BY seq {'DESC' if newest else 'ASC'} LIMIT ?"
        )


def _by_end(table: str) -> str:
    index = quoted(f"{table}_expires_at")
    return f"CREATE INDEX IF NOT EXISTS {index} ON {quoted(table)} (expires_at)"


def _freed(table: str, key: str) -> str:
    """Frees some of the rows that are over."""
    over = f"SELECT {key} FROM {table} WHERE expires_at <= ? LIMIT ?"
    return f"DELETE FROM {table} WHERE {key} IN ({over})"


def quoted(name: str) -> str:
    """*name* as SQL takes any name."""
    return '"' + name.replace('"', '""') + '"'
