"""What a careful user would write by hand, or the least that a trip can do: the bases that rate
limits are compared with."""

from __future__ import annotations

import sqlite3
import struct
import threading
import time
from typing import Any

import redis
import redis.asyncio

_SCRIPT = "return 1"

_TABLE = (
    "CREATE TABLE limits (name TEXT PRIMARY KEY NOT NULL, "
    "expires_at INTEGER NOT NULL, state BLOB NOT NULL) WITHOUT ROWID"
)
_UPSERT = (
    "INSERT INTO limits (name, expires_at, state) VALUES (?, ?, ?) ON CONFLICT (name) "
    "DO UPDATE SET expires_at = excluded.expires_at, state = excluded.state"
)
_ROW = struct.Struct("<8d")


class Trivial:
    """The least that a script can do, by redis-py's client: it decides nothing."""

    text = 'client.evalsha(sha, 0)  # "return 1"'

    def __init__(self, client: redis.Redis) -> None:
        self._client: Any = client
        self._sha: str = self._client.script_load(_SCRIPT)

    def hit(self, key: str) -> bool:
        passed: bool = self._client.evalsha(self._sha, 0) == 1
        return passed

    def close(self) -> None:
        self._client.close()


class AioTrivial:
    """The same for tasks."""

    text = f"await {Trivial.text}"

    def __init__(self, client: redis.asyncio.Redis) -> None:
        self._client: Any = client
        self._sha = ""

    async def load(self) -> None:
        self._sha = await self._client.script_load(_SCRIPT)

    async def hit(self, key: str) -> bool:
        passed: bool = await self._client.evalsha(self._sha, 0) == 1
        return passed

    async def aclose(self) -> None:
        await self._client.aclose()


class Counting:
    """A dict behind a lock that counts and compares; nothing ends."""

    text = "with lock: n = counts.get(key, 0) + 1; counts[key] = n;  return n <= limit"

    def __init__(self, limit: int) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}
        self._limit = limit

    def hit(self, key: str) -> bool:
        with self._lock:
            n = self._counts.get(key, 0) + 1
            self._counts[key] = n
        return n <= self._limit


class Upsert:
    """One `sqlite3` connection in autocommit mode that writes a row of the same kind, and decides
    nothing."""

    text = "con.execute(UPSERT, (key, expires_at, pack(8 doubles)))"

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL").fetchone()
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute(_TABLE)

    def hit(self, key: str) -> bool:
        now = time.time()
        raw = _ROW.pack(1, now, now, 1, 0, 0, 0, 0)
        self._connection.execute(_UPSERT, (key, int((now + 60) * 1000), raw))
        return True

    def close(self) -> None:
        self._connection.close()
