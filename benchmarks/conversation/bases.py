"""What a careful user would write by hand: the bases that conversations are compared with."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections import deque
from itertools import islice
from typing import Any

import redis
import redis.asyncio

from .talk import LAST, TTL, Message, parts

BUSY_SECONDS = 30.0

dumps = json.JSONEncoder(separators=(",", ":")).encode
"""What makes the shortest JSON; `json.dumps` makes another one of these a call."""


class RawList:
    """A list of redis-py's client, which nothing trims while it is measured."""

    append_text = "client.rpush(key, dumps(message))"
    last_text = "[json.loads(raw) for raw in client.lrange(key, -20, -1)]"

    def __init__(self, client: redis.Redis, key: str, size: int) -> None:
        self._client: Any = client
        self.key = key
        self._size = size

    def fill(self, messages: list[Message]) -> None:
        for some in parts(messages):
            self._client.rpush(self.key, *map(dumps, some))

    def append(self, message: Message) -> None:
        self._client.rpush(self.key, dumps(message))

    def last(self) -> list[Message]:
        return [json.loads(raw) for raw in self._client.lrange(self.key, -LAST, -1)]

    def all(self) -> list[Message]:
        return [json.loads(raw) for raw in self._client.lrange(self.key, 0, -1)]

    def settle(self) -> None:
        self._client.ltrim(self.key, -self._size, -1)


class RawMulti(RawList):
    """The same, trimmed and renewed in a transaction: three commands, one trip."""

    append_text = "MULTI;  RPUSH;  LTRIM key -size -1;  PEXPIRE;  EXEC  # one pipeline"

    def append(self, message: Message) -> None:
        pipe = self._client.pipeline()
        pipe.rpush(self.key, dumps(message))
        pipe.ltrim(self.key, -self._size, -1)
        pipe.pexpire(self.key, TTL * 1_000)
        pipe.execute()


class RawAioList:
    """A list of redis-py's client for tasks."""

    append_text = f"await {RawList.append_text}"
    last_text = "[json.loads(raw) for raw in await client.lrange(key, -20, -1)]"

    def __init__(self, client: redis.asyncio.Redis, key: str, size: int) -> None:
        self._client: Any = client
        self.key = key
        self._size = size

    async def append(self, message: Message) -> None:
        await self._client.rpush(self.key, dumps(message))

    async def last(self) -> list[Message]:
        return [json.loads(raw) for raw in await self._client.lrange(self.key, -LAST, -1)]

    async def settle(self) -> None:
        await self._client.ltrim(self.key, -self._size, -1)


_TABLE = (
    "CREATE TABLE IF NOT EXISTS messages (history INTEGER NOT NULL, seq INTEGER NOT NULL, "
    "message TEXT NOT NULL, PRIMARY KEY (history, seq)) WITHOUT ROWID"
)
_ENDS = "CREATE TABLE IF NOT EXISTS ends (history INTEGER PRIMARY KEY, expires_at INTEGER NOT NULL)"
_INSERT = (
    "INSERT INTO messages (history, seq, message) SELECT 1, "
    "coalesce(max(seq), 0) + 1, ? FROM messages WHERE history = 1"
)
_LAST = "SELECT message FROM messages WHERE history = 1 ORDER BY seq DESC LIMIT ?"
_TRIM = (
    "DELETE FROM messages WHERE history = 1 AND seq <= "
    "(SELECT max(seq) FROM messages WHERE history = 1) - ?"
)
_RENEW = (
    "INSERT INTO ends (history, expires_at) VALUES (1, ?) "
    "ON CONFLICT (history) DO UPDATE SET expires_at = excluded.expires_at"
)


class RawSqlite:
    """One `sqlite3` connection in autocommit mode, which appends with one statement."""

    append_text = "con.execute(INSERT ... SELECT max(seq) + 1, (dumps(message),))"
    last_text = "rows = con.execute(SELECT ... ORDER BY seq DESC LIMIT 20).fetchall();  loads each"

    def __init__(self, path: str, durability: str, size: int) -> None:
        self._size = size
        self._connection = sqlite3.connect(
            path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        self._connection.execute("PRAGMA journal_mode = WAL").fetchone()
        self._connection.execute(f"PRAGMA synchronous = {durability}")
        self._connection.execute(_TABLE)
        self._connection.execute(_ENDS)

    def fill(self, messages: list[Message]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany(_INSERT, [(dumps(one),) for one in messages])
        self._connection.execute("COMMIT")

    def append(self, message: Message) -> None:
        self._connection.execute(_INSERT, (dumps(message),))

    def last(self) -> list[Message]:
        return self._newest(LAST)

    def all(self) -> list[Message]:
        return self._newest(-1)

    def settle(self) -> None:
        self._connection.execute(_TRIM, (self._size,))

    def close(self) -> None:
        self._connection.close()

    def _newest(self, count: int) -> list[Message]:
        rows = self._connection.execute(_LAST, (count,)).fetchall()
        return [json.loads(raw) for (raw,) in reversed(rows)]


class RawSqliteTrimmed(RawSqlite):
    """The same with the trim and the end, in a transaction."""

    append_text = "BEGIN IMMEDIATE;  INSERT;  DELETE the oldest;  UPSERT the end;  COMMIT"

    def append(self, message: Message) -> None:
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        execute(_INSERT, (dumps(message),))
        execute(_TRIM, (self._size,))
        execute(_RENEW, (int((time.time() + TTL) * 1_000),))
        execute("COMMIT")


class RawDeque:
    """A bounded deque of JSON behind a lock; nothing ends."""

    append_text = "raw = dumps(message);  with lock: deque.append(raw)  # maxlen"
    last_text = "with lock: raws = list(islice(reversed(deque), 20));  loads each, turned"

    def __init__(self, size: int) -> None:
        self._lock = threading.Lock()
        self._messages: deque[str] = deque(maxlen=size)

    def fill(self, messages: list[Message]) -> None:
        for one in messages:
            self.append(one)

    def append(self, message: Message) -> None:
        raw = dumps(message)
        with self._lock:
            self._messages.append(raw)

    def last(self) -> list[Message]:
        with self._lock:
            raws = list(islice(reversed(self._messages), LAST))
        return [json.loads(raw) for raw in reversed(raws)]

    def clear(self) -> None:
        """Forget all of it."""
        self._messages.clear()

    def settle(self) -> None:
        """Nothing is left to do."""
