"""What the adapters of JavaScript say to a server, command by command, in both layouts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from storage.core.dialog.dates import iso
from tests.servers import Server


class Javascript:
    """One adapter with the part of its manager that counts.

    The *first* layout has no counter: the score of a message is when it was made, and nobody
    counts versions.
    """

    def __init__(self, server: Server, *, ttl: int | None = None, first: bool = False) -> None:
        self._call = server.call
        self._server = server
        self._ttl = ttl
        self._is_first = first

    def create(self, session_id: str, **fields: str) -> None:
        now = self._now()
        told = {
            "id": session_id,
            "status": "active",
            "metadata": "{}",
            "participants": "[]",
            "schemaVersion": "1",
            "createdAt": now,
            "lastActivityAt": now,
            **({} if self._is_first else {"version": "1"}),
            **fields,
        }
        self._put(f"session:{session_id}", told)
        self._expire(f"session:{session_id}")
        if "userId" in told:
            self._call("SADD", f"user:{told['userId']}:sessions", session_id)

    def update(self, session_id: str, **fields: str) -> None:
        """Read it, take it away, and write it anew."""
        told = self.take_away(session_id)
        self.write_anew(session_id, {**told, **fields})

    def take_away(self, session_id: str) -> dict[str, str]:
        told = self.fields(f"session:{session_id}")
        self._call("DEL", f"session:{session_id}")
        return told

    def write_anew(self, session_id: str, told: Mapping[str, str]) -> None:
        told = {**told, "lastActivityAt": self._now()}
        if not self._is_first:
            told["version"] = str(int(told.get("version", "1")) + 1)
        self._put(f"session:{session_id}", told)
        self._expire(f"session:{session_id}")

    def add(self, session_id: str, message_id: str, tokens: int | None = None) -> None:
        self.add_only(session_id, message_id, tokens)
        self.update(session_id)

    def add_only(self, session_id: str, message_id: str, tokens: int | None = None) -> None:
        """Number it, list it, write it; the manager would count then."""
        key, messages = f"message:{message_id}", f"session:{session_id}:messages"
        told = {
            "id": message_id,
            "sessionId": session_id,
            "role": "user",
            "content": json.dumps([{"type": "text", "text": "hi"}]),
            "contentType": "json",
            "tokenCount": "" if tokens is None else str(tokens),
            "metadata": "",
            "createdAt": self._now(),
        }
        if self._is_first:
            score = self._server.time_ms()
        else:
            score = self._call("INCR", f"session:{session_id}:seq")
            told["sequence"] = str(score)
        self._call("ZADD", messages, score, message_id)
        self._put(key, told)
        self._expire(key, messages)
        if not self._is_first:
            self._expire(f"session:{session_id}:seq")

    def update_message(self, session_id: str, message_id: str, **fields: str) -> None:
        told = self.fields(f"message:{message_id}")
        self._put(f"message:{message_id}", {**told, **fields})
        self.update(session_id)

    def delete_message(self, session_id: str, message_id: str) -> None:
        self._call("ZREM", f"session:{session_id}:messages", message_id)
        self._call("DEL", f"message:{message_id}")
        self.update(session_id)

    def delete(self, session_id: str) -> None:
        user_id = self.fields(f"session:{session_id}").get("userId")
        if user_id is not None:
            self._call("SREM", f"user:{user_id}:sessions", session_id)
        for name in self.listed(session_id):
            self._call("DEL", f"message:{name}")
        self._call("DEL", f"session:{session_id}:messages")
        self._call("DEL", f"session:{session_id}")
        if not self._is_first:
            self._call("DEL", f"session:{session_id}:seq")

    def listed(self, session_id: str) -> list[str]:
        """The ids of the messages, in its order."""
        found = self._call("ZRANGE", f"session:{session_id}:messages", 0, -1)
        return [one.decode() for one in found]

    def fields(self, key: str) -> dict[str, str]:
        words = [one.decode() for one in self._call("HGETALL", key)]
        return dict(zip(words[::2], words[1::2]))

    def _put(self, key: str, told: Mapping[str, str]) -> None:
        self._call("HSET", key, *[word for pair in told.items() for word in pair])

    def _expire(self, *keys: str) -> None:
        for key in keys if self._ttl is not None else ():
            self._call("EXPIRE", key, self._ttl or 0)

    def _now(self) -> str:
        return iso(self._server.time_ms())


def scanned(server: Server) -> list[Any]:
    """The names that an adapter of JavaScript takes for sessions when it looks for all."""
    found = server.call("KEYS", "session:*")
    return [name for name in found if b":messages" not in name]
