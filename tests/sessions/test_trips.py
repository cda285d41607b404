"""What sessions cost at a server, and that nobody writes what did not change."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from storage.testing import Bridge
from tests.servers import Server


@pytest.fixture
def store(half: Any, bridge: Bridge, valkey: Server) -> Iterator[Any]:
    store = half.RedisStorage(valkey.url, ttl=3600)
    yield store
    bridge.driven(store).close()
    valkey.call("FLUSHALL")


def changed(sessions: Any) -> None:
    with sessions.open("k") as session:
        session["n"] = session.get("n", 0) + 1


def read(sessions: Any) -> None:
    with sessions.open("k"):
        pass


def saved(sessions: Any) -> None:
    opened = sessions.open("k")
    with opened as session:
        session["n"] = session.get("n", 0) + 1
        opened.save()


def cleared(sessions: Any) -> None:
    opened = sessions.open("k")
    with opened:
        opened.clear()


def never_loaded(sessions: Any) -> None:
    with sessions.open("k", lazy=True):
        pass


def loaded(sessions: Any) -> None:
    with sessions.open("k", lazy=True) as session:
        session.load()["n"] = session.load().get("n", 0) + 1


def failed(sessions: Any) -> None:
    with pytest.raises(LookupError), sessions.open("k") as session:  # noqa: PT012
        session["n"] = 0
        raise LookupError


WORKS: list[tuple[Callable[[Any], None], int, int]] = [
    (changed, 2, 2),
    (read, 2, 1),
    (saved, 3, 2),
    (cleared, 2, 2),
    (never_loaded, 0, 0),
    (loaded, 2, 2),
    (failed, 2, 1),
    (lambda sessions: sessions.open(None).__enter__(), 0, 0),
    (lambda sessions: sessions.get("k"), 1, 1),
    (lambda sessions: sessions.inspect("k"), 1, 1),
]
NAMES = [
    "changed",
    "read",
    "saved",
    "cleared",
    "lazy",
    "loaded",
    "failed",
    "keyless",
    "get",
    "look",
]


@pytest.mark.parametrize("is_new", [False, True], ids=["stored", "new"])
@pytest.mark.parametrize(
    ("work", "with_turns", "without"),
    [pytest.param(*work, id=name) for work, name in zip(WORKS, NAMES, strict=True)],
)
def test_an_update_takes_one_trip_to_come_and_one_to_go(
    half: Any,
    bridge: Bridge,
    store: Any,
    valkey: Server,
    work: Any,
    with_turns: int,
    without: int,
    is_new: bool,
) -> None:
    """And who takes no turn goes without one, unless there is something to write."""
    for options, trips in (({}, with_turns), ({"lock": False}, without)):
        sessions = bridge.driven(half.Sessions(store, **options))
        for _ in range(2):  # a server that does not know a script yet gets it the first time
            valkey.call("FLUSHALL")
            changed(sessions)
            if is_new:
                sessions.delete("k")
            with valkey.counted() as calls:
                work(sessions)
        has_nothing_to_clear = is_new and work is cleared and bool(options)
        assert len(calls) == trips - has_nothing_to_clear, calls.names


WRITES = {"SET", "SETEX", "PSETEX", "GETSET", "DEL", "UNLINK", "EXPIRE", "PEXPIRE", "PEXPIREAT"}


@pytest.mark.parametrize("work", [read, failed, never_loaded], ids=["read", "failed", "lazy"])
def test_what_is_not_changed_is_not_written_at_the_server(
    half: Any, bridge: Bridge, store: Any, valkey: Server, work: Any
) -> None:
    name = store.namespace("sessions")._layers.names.name("k").encode()
    sessions = bridge.driven(half.Sessions(store))
    changed(sessions)
    with valkey.counted() as calls:
        work(sessions)
    touching = [call.name for call in calls.everything if name in call.words[1:2]]

    assert WRITES.isdisjoint(touching)


def test_who_changes_nothing_and_takes_no_turn_writes_nothing_to_a_file(
    half: Any, bridge: Bridge, tmp_path: Path
) -> None:
    store = half.SqliteStorage(tmp_path / "bot.db", ttl=3600)
    sessions = bridge.driven(half.Sessions(store, lock=False))
    changed(sessions)
    with closing(sqlite3.connect(tmp_path / "bot.db")) as other:

        def version() -> int:
            """It is another one after each write of somebody else."""
            return int(other.execute("PRAGMA data_version").fetchone()[0])

        before = version()
        for work in (read, failed, never_loaded):
            work(sessions)
        assert version() == before
        changed(sessions)
        assert version() > before
    bridge.driven(store).close()
