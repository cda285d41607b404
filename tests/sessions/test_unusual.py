"""Sessions that end, run out, or are answered for at unusual moments."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import Any

import pytest

import storage
import storage.aio
from storage import MigrationError
from storage.protocols import LeaseStore
from tests.leases.ground import run
from tests.sessions.elsewhere import elsewhere
from tests.sessions.ground import Ground

pytestmark = pytest.mark.timed


def test_a_session_that_is_ended_while_it_is_loaded_is_nobodys() -> None:
    store = storage.MemoryStorage()

    def initial() -> dict[str, Any]:
        lazy.end()
        return {}

    lazy = storage.Sessions(store, initial=initial).open("k", lazy=True)
    lazy.begin()
    with pytest.raises(RuntimeError, match="not open"):
        lazy.load()
    with storage.Sessions(elsewhere(storage, store), wait=0).open("k") as session:
        assert session == {}


def test_a_session_that_is_ended_while_a_task_loads_it_is_nobodys() -> None:
    async def main() -> None:
        store = storage.aio.MemoryStorage()
        holder = storage.aio.Sessions(elsewhere(storage.aio, store)).open("k")
        await holder.begin()
        lazy = storage.aio.Sessions(store).open("k", lazy=True)
        lazy.begin()
        loading = asyncio.ensure_future(lazy.load())
        await asyncio.sleep(0)
        await lazy.end()
        await holder.end()

        with pytest.raises(RuntimeError, match="not open"):
            await loading
        async with storage.aio.Sessions(elsewhere(storage.aio, store), wait=0).open("k"):
            pass

    run(main())


def test_a_session_that_runs_out_under_who_reads_it_goes_on(memory: Ground) -> None:
    """It was not over when it was opened, so it is in use."""
    sessions = memory.sessions(ttl=100)
    with sessions.open("k") as session:
        session["n"] = 1
    memory.clock.tick(95)
    with sessions.open("k") as session:
        memory.clock.tick(10)
        assert session == {"n": 1}

    memory.clock.tick(95)
    assert sessions.get("k") == {"n": 1}


def test_who_only_reads_does_not_shorten_what_others_begin_meanwhile(memory: Ground) -> None:
    sessions = memory.sessions(ttl=50, max_age=100, lock=False)
    with sessions.open("k") as session:
        session["n"] = 1
    memory.clock.tick(40)
    with sessions.open("k"):
        pass
    memory.clock.tick(40)
    late, anew = sessions.open("k"), sessions.open("k")
    late.begin()
    with anew as session:
        anew.clear()
        session["new"] = 1
    late.end()

    memory.clock.tick(30)
    assert sessions.get("k") == {"new": 1}


def test_what_newer_code_writes_meanwhile_is_not_written_back_as_older(memory: Ground) -> None:
    def renamed(record: dict[str, Any]) -> dict[str, Any]:
        return {"count": record["n"]}

    half, base = memory.half, memory.place.base
    old, new = (
        memory.sessions(half.enhance_storage(base, migrations=steps, on_newer="read"), lock=False)
        for steps in ({1: dict}, {1: dict, 2: renamed})
    )
    with old.open("k") as session:
        session["n"] = 1

    opened = old.open("k")
    opened.begin()["old"] = 1
    with new.open("k") as session:
        session["count"] += 1
    with pytest.raises(MigrationError):
        opened.end()

    assert new.get("k") == {"count": 2}


class Kept:
    """A store of somebody's with three methods."""

    def __init__(self) -> None:
        self._kept: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return self._kept.get(key)

    def set(self, key: str, value: Any) -> None:
        self._kept[key] = value

    def delete(self, key: str) -> None:
        self._kept.pop(key, None)


@pytest.mark.parametrize("make", [dict, Kept], ids=["a dict", "an object"])
def test_sessions_over_one_object_take_turns_in_the_process(make: Any) -> None:
    thing = make()
    made = [storage.Sessions(thing, lock="process") for _ in range(2)]

    def count(sessions: storage.Sessions) -> None:
        for _ in range(25):
            with sessions.open("k") as session:
                session["n"] = session.get("n", 0) + 1

    threads = [threading.Thread(target=count, args=(sessions,)) for sessions in made * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert made[0].get("k") == {"n": 100}


@dataclass
class Older:
    a: int = 0
    c: str | None = None


@dataclass
class Newer:
    a: int = 0
    c: str | None = None
    d: int = 7


def test_a_default_that_only_newer_code_knows_is_no_change_of_the_older(memory: Ground) -> None:
    older, newer = (memory.sessions(initial=kind, lock=False).open("k") for kind in (Older, Newer))
    older.begin().c = "y"
    newer.begin().d = 8
    older.end()
    newer.end()

    assert memory.kept() == {"a": 0, "c": "y", "d": 8}


def test_a_late_answer_about_the_holding_before_says_nothing_of_this_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with storage.MemoryStorage() as store:
        leases = storage.Leases(store, ttl=0.2)
        asked, answered = threading.Event(), threading.Event()
        room = type(store.room(LeaseStore))
        renew = room.renew

        def late(self: Any, key: str, token: str, ttl_ms: int) -> bool:
            asked.set()
            answered.wait(10)
            ours: bool = renew(self, key, token, ttl_ms)
            return ours

        monkeypatch.setattr(room, "renew", late)
        lease = leases.hold("k")
        with lease:
            assert asked.wait(10)
        with lease:
            asked.clear()
            answered.set()
            assert asked.wait(10)
            assert not lease.lost
