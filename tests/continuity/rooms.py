"""Rooms of sessions in both colours, with a clock that tests turn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import storage
import storage.aio
import storage.aio.dialog_store
import storage.dialog_store
from storage.dialogs import Asked, Fields, Terms
from storage.testing import Bridge, Clock

ALL = Asked()
FOR_EVER = Terms()
KINDS = ("memory", "sqlite")
HALVES = {"blocking": storage, "asyncio": storage.aio}
STORES = {
    storage: storage.dialog_store.DialogStore,
    storage.aio: storage.aio.dialog_store.DialogStore,
}


class Ground(NamedTuple):
    """A room, and the clock by which it goes."""

    room: Any
    clock: Clock
    namespace: Callable[[str], Any]
    """The room of a namespace in the same place."""


def opened(kind: str, half: Any, file: Path, clock: Clock) -> Any:
    """A store of this kind."""
    if kind == "memory":
        return half.MemoryStorage(clock=clock)
    return half.SqliteStorage(file, clock=clock)


def ground(kind: str, half: Any, file: Path, bridge: Bridge) -> tuple[Ground, Any]:
    """The room of a new store, and the store, which has to be closed."""
    clock = Clock()
    store = bridge.driven(opened(kind, half, file, clock))

    def namespace(name: str) -> Any:
        return store.namespace(name).room(STORES[half])

    return Ground(store.room(STORES[half]), clock, namespace), store


def session(session_id: str = "s", **fields: str) -> dict[str, str]:
    """What a session is made of."""
    return {"id": session_id, "status": "active", "metadata": "{}", **fields}


def said(message_id: str, tokens: object = "", **fields: str) -> dict[str, str]:
    """What a message is made of."""
    return {
        "id": message_id,
        "role": "user",
        "content": message_id,
        "contentType": "string",
        "tokenCount": str(tokens),
        "metadata": "",
        **fields,
    }


def ids(found: list[Fields]) -> list[str]:
    """The ids of messages."""
    return [one["id"] for one in found]


def seconds(ttl: float | None = None, session: float | None = None) -> Terms:
    """Terms of so many seconds."""
    return Terms(
        None if ttl is None else int(ttl * 1000), None if session is None else int(session * 1000)
    )
