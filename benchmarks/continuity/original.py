"""The commands that the adapter of JavaScript sends for the same, one trip each, by redis-py.

They are written from what its layout is known to do: what its own language costs is not in them.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from itertools import count
from typing import Any

import redis

from ..conversation.talk import LAST, TOKENS, TTL, Message, talk

_numbers = count(1)

Hash = dict[str, str]


class Original:
    """A session in its layout; with a *ttl* it is renewed as its adapter does that."""

    add_text = "INCR;  ZADD;  HSET  # its adapter"
    page_text = "ZRANGE;  HGETALL  # 20 times, each decoded"

    def __init__(self, client: redis.Redis, ttl: int | None = None) -> None:
        self._client: Any = client
        self.ttl = ttl
        self.name = ""
        if ttl is not None:
            self.add_text = f"{self.add_text};  EXPIRE  # of the three"

    def begin(self, size: int) -> None:
        self.name = f"session:{next(_numbers)}"
        self._client.hset(self.name, mapping=self._new())
        self._client.sadd("user:7:sessions", self.name)
        for one in talk(size):
            self.add(one)

    def end(self) -> None:
        some = [f"{self.name}*", f"message:{self.name}:*"]
        self._client.delete(*[key for each in some for key in self._client.scan_iter(each, 1_000)])

    def add(self, message: Message) -> Hash:
        """Up to six commands, each of which is waited for."""
        run, seq = self._client, f"{self.name}:seq"
        number = run.execute_command("INCR", seq)
        called = f"message:{self.name}:{number}"
        fields = {
            "id": called,
            "sessionId": self.name,
            **message,
            "contentType": "string",
            "tokenCount": str(TOKENS),
            "sequence": str(number),
            "metadata": "",
            "createdAt": _now(),
        }
        run.zadd(f"{self.name}:messages", {called: number})
        run.hset(called, mapping=fields)
        if self.ttl is not None:
            for key in (called, f"{self.name}:messages", seq):
                run.expire(key, self.ttl)
        return fields

    def page(self) -> list[Message]:
        """The last 20, oldest first: 21 commands."""
        found = []
        for called in self._client.zrange(f"{self.name}:messages", -LAST, -1):
            fields = {name.decode(): raw.decode() for name, raw in self._hash(called).items()}
            metadata = fields["metadata"]
            fields["metadata"] = json.loads(metadata) if metadata else None
            found.append(fields)
        return found

    def update(self) -> None:
        """With a version: it is watched, read, and written anew."""
        with self._client.pipeline() as pipe:
            pipe.watch(self.name)
            fields = self._hash(self.name, pipe)
            pipe.multi()
            pipe.delete(self.name)
            version = int(fields[b"version"]) + 1
            pipe.hset(self.name, mapping={**fields, "version": version, "lastActivityAt": _now()})
            if self.ttl is not None:
                pipe.expire(self.name, self.ttl)
            pipe.execute()

    def _hash(self, name: Any, client: Any = None) -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = (client or self._client).hgetall(name)
        return found

    def _new(self) -> Hash:
        now = _now()
        return {
            "id": self.name,
            "userId": "7",
            "status": "active",
            "metadata": "{}",
            "participants": "[]",
            "schemaVersion": "1",
            "createdAt": now,
            "lastActivityAt": now,
            "version": "1",
        }


class OriginalManaged(Original):
    """The same by its manager: the session is read before, and counted in a second step."""

    add_text = "HGETALL;  <its adapter>;  HGETALL;  WATCH;  HGETALL;  MULTI DEL HSET EXEC"

    def add(self, message: Message) -> Hash:
        self._hash(self.name)
        fields = super().add(message)
        self._hash(self.name)
        self.update()
        return fields


def with_ttl(client: redis.Redis) -> Original:
    """One whose adapter is told a lifetime."""
    return Original(client, TTL)


def _now() -> str:
    return f"{datetime.now(timezone.utc).isoformat(timespec='milliseconds')[:-6]}Z"
