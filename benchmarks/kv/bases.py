"""What a careful user would write by hand: the bases that the library is compared with.

They do the same work with the same codec, and nothing that could be left out.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Mapping
from typing import Any

import cachetools

from storage import Codec

BUSY_SECONDS = 5.0
DEFAULT_TTL = 3600.0

_TABLE = (
    "CREATE TABLE IF NOT EXISTS kv "
    "(key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL, expires_at INTEGER) WITHOUT ROWID"
)
_INDEX = "CREATE INDEX IF NOT EXISTS ends ON kv (expires_at) WHERE expires_at IS NOT NULL"
_UPSERT = (
    "INSERT INTO kv (key, value, expires_at) VALUES (?, ?, ?) ON CONFLICT (key) "
    "DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at"
)
_SELECT = "SELECT value, expires_at FROM kv WHERE key = ?"


class BareDict:
    """A dict, a lock and copies; nothing ends."""

    get_text = "with lock: raw = d[key];  return decode(raw)"
    set_text = "raw = encode(value);  with lock: d[key] = raw"

    def __init__(self, codec: Codec) -> None:
        self._entries: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self._encode, self._decode = codec.encode, codec.decode

    def get(self, key: str) -> Any:
        with self._lock:
            raw = self._entries[key]
        return self._decode(raw)

    def set(self, key: str, value: Any) -> None:
        raw = self._encode(value)
        with self._lock:
            self._entries[key] = raw


class ExpiringDict:
    """A dict, a lock, copies, and a deadline that is kept and checked."""

    get_text = "with lock: entry = d.get(key);  if entry[1] > time(): return decode(entry[0])"
    set_text = "raw = encode(value);  with lock: d[key] = (raw, time() + ttl)"

    def __init__(self, codec: Codec) -> None:
        self._entries: dict[str, tuple[bytes, float]] = {}
        self._lock = threading.Lock()
        self._encode, self._decode = codec.encode, codec.decode

    def get(self, key: str) -> Any:
        with self._lock:
            entry = self._entries.get(key)
        if entry is None or entry[1] <= time.time():
            return None
        return self._decode(entry[0])

    def set(self, key: str, value: Any, ttl: float = DEFAULT_TTL) -> None:
        raw = self._encode(value)
        with self._lock:
            self._entries[key] = (raw, time.time() + ttl)


class LockedTtlCache:
    """cachetools' TTLCache, a lock and copies."""

    get_text = "with lock: raw = ttlcache[key];  return decode(raw)"
    set_text = "raw = encode(value);  with lock: ttlcache[key] = raw"

    def __init__(self, codec: Codec, most: int) -> None:
        self._entries: Any = cachetools.TTLCache(most, DEFAULT_TTL)
        self._lock = threading.Lock()
        self._encode, self._decode = codec.encode, codec.decode

    def get(self, key: str) -> Any:
        with self._lock:
            raw = self._entries[key]
        return self._decode(raw)

    def set(self, key: str, value: Any) -> None:
        raw = self._encode(value)
        with self._lock:
            self._entries[key] = raw


class RawSqlite:
    """One `sqlite3` connection in autocommit mode with constant statements.

    With WAL and NORMAL it is the base; without *tuned* it is what `sqlite3.connect` gives.
    """

    get_text = "row = con.execute(SELECT, (key,)).fetchone();  deadline?  decode(row[0])"
    set_text = "con.execute(UPSERT, (key, encode(value), expires_at))"
    many_text = "BEGIN IMMEDIATE; con.executemany(UPSERT, 100 rows); COMMIT"
    many_get_text = "con.execute(SELECT ... WHERE key IN (100 ?)).fetchall();  decode each"

    def __init__(
        self,
        path: str,
        codec: Codec,
        ttl: float | None = None,
        *,
        tuned: bool = True,
        index: bool = True,
    ) -> None:
        self._connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        self._encode, self._decode = codec.encode, codec.decode
        self._ttl = ttl
        if tuned:
            self._connection.execute("PRAGMA journal_mode = WAL").fetchone()
            self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute(_TABLE)
        if index:
            self._connection.execute(_INDEX)

    def get(self, key: str) -> Any:
        row = self._connection.execute(_SELECT, (key,)).fetchone()
        if row is None or (row[1] is not None and row[1] <= time.time() * 1000):
            return None
        return self._decode(row[0])

    def set(self, key: str, value: Any) -> None:
        self._connection.execute(_UPSERT, (key, self._encode(value), self._ends()))

    def set_many(self, values: Mapping[str, Any]) -> None:
        ends = self._ends()
        rows = [(key, self._encode(value), ends) for key, value in values.items()]
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany(_UPSERT, rows)
        self._connection.execute("COMMIT")

    def get_many(self, keys: list[str]) -> dict[str, Any]:
        marks = ",".join("?" * len(keys))
        sql = f"SELECT key, value, expires_at FROM kv WHERE key IN ({marks})"
        now = time.time() * 1000
        rows = self._connection.execute(sql, keys).fetchall()
        return {key: self._decode(raw) for key, raw, ends in rows if ends is None or ends > now}

    def close(self) -> None:
        self._connection.close()

    def _ends(self) -> int | None:
        return None if self._ttl is None else int((time.time() + self._ttl) * 1000)


class RawAioSqlite:
    """One connection of aiosqlite with constant statements, WAL and NORMAL.

    It is in autocommit mode, a hop a statement, or else it *commits* what it writes by a call.
    """

    get_text = "rows = await db.execute_fetchall(SELECT, (key,));  deadline?  decode(rows[0][0])"
    set_text = "await db.execute(UPSERT, (key, encode(value), expires_at))"
    commit_text = f"{set_text};  await db.commit()"
    cursor_text = "async with db.execute(SELECT, (key,)) as c: row = await c.fetchone();  the same"

    def __init__(self, connection: Any, codec: Codec, *, commits: bool) -> None:
        self._connection = connection
        self._encode, self._decode = codec.encode, codec.decode
        self._commits = commits

    @classmethod
    async def opened(cls, path: str, codec: Codec, *, commits: bool) -> RawAioSqlite:
        import aiosqlite

        connection = await aiosqlite.connect(
            path, timeout=BUSY_SECONDS, isolation_level="" if commits else None
        )
        await connection.execute("PRAGMA journal_mode = WAL")
        await connection.execute("PRAGMA synchronous = NORMAL")
        await connection.execute(_TABLE)
        await connection.execute(_INDEX)
        await connection.commit()
        return cls(connection, codec, commits=commits)

    async def get(self, key: str) -> Any:
        rows = await self._connection.execute_fetchall(_SELECT, (key,))
        return self._found(rows[0] if rows else None)

    async def get_by_cursor(self, key: str) -> Any:
        async with self._connection.execute(_SELECT, (key,)) as cursor:
            row = await cursor.fetchone()
        return self._found(row)

    async def set(self, key: str, value: Any) -> None:
        await self._connection.execute(_UPSERT, (key, self._encode(value), None))
        if self._commits:
            await self._connection.commit()

    async def set_many(self, values: Mapping[str, Any]) -> None:
        rows = [(key, self._encode(value), None) for key, value in values.items()]
        await self._connection.execute("BEGIN IMMEDIATE")
        await self._connection.executemany(_UPSERT, rows)
        await self._connection.commit()

    async def aclose(self) -> None:
        await self._connection.close()

    def _found(self, row: Any) -> Any:
        if row is None or (row[1] is not None and row[1] <= time.time() * 1000):
            return None
        return self._decode(row[0])
