"""Where leases and claims are kept, and that nothing of them stays for ever."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
from storage import LeaseStore, UnsupportedError
from storage.memory.kv import MemoryBackend
from storage.testing import Clock
from tests.fault.ground import rows

MANY = 1000
LONG = 60_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "bot.db"


def tables(file: Path) -> list[str]:
    found = rows(file, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    return [name.decode() for (name,) in found]


def test_memory_forgets_leases_and_claims_that_are_over() -> None:
    clock = Clock()
    backend = MemoryBackend(clock)
    store: storage.Storage[Any] = storage.Storage(backend)
    room = store.room(LeaseStore)
    for number in range(MANY):
        room.acquire(f"{number}", "ann", 1000, 0)
        room.claim(f"{number}", "ann", 1000)
        clock.tick(0.1)

    assert len(backend._board.lines) < MANY / 4
    assert len(backend._board.marks) < MANY / 4


def test_memory_forgets_what_was_given_back() -> None:
    backend = MemoryBackend(Clock())
    store: storage.Storage[Any] = storage.Storage(backend)
    room = store.room(LeaseStore)
    room.acquire("k", "ann", LONG, 0)
    room.acquire("k", "bob", LONG, LONG)
    for token in ("ann", "bob"):
        room.release("k", token)
    room.renew("k", "ann", LONG)
    room.acquire("k", "ann", LONG, 0)
    room.release("k", "ann")

    assert backend._board.lines == {}


def test_a_full_lru_store_forgets_no_lease_and_no_claim() -> None:
    with storage.LruMemoryStorage(2) as store:
        room = store.room(LeaseStore)
        room.acquire("k", "ann", LONG, 0)
        room.claim("k", "ann", LONG)
        for number in range(100):
            store.set(f"{number}", number)
            room.claim(f"{number}", "bob", LONG)

        assert room.acquire("k", "bob", LONG, 0).granted is False
        assert room.claim("k", "bob", LONG) == "busy"


def test_sqlite_frees_what_is_over(file: Path) -> None:
    clock = Clock()
    with storage.SqliteStorage(file, clock=clock) as store:
        room = store.room(LeaseStore)
        for number in range(50):
            room.acquire(f"{number}", "ann", 1000, 0)
            room.claim(f"{number}", "ann", 1000)
            room.acquire("k", f"{number}", LONG, 1000)
            clock.tick(0.5)

    for table in ("storage_leases", "storage_claims", "storage_lease_queue"):
        (count,) = rows(file, f"SELECT count(*) FROM {table}")[0]
        assert count < 10


def test_the_tables_are_made_by_who_uses_them_first(file: Path) -> None:
    with storage.SqliteStorage(file, table="bot's") as store:
        leases = storage.Leases(store)
        assert tables(file) == ["bot's"]
        with leases.hold("k"):
            pass

    assert tables(file) == ["bot's", "bot's_claims", "bot's_lease_queue", "bot's_leases"]


@pytest.mark.parametrize("layout", ["puregram", "gramio"])
def test_the_tables_of_others_get_no_row_and_no_column(file: Path, layout: Any) -> None:
    with storage.SqliteStorage(file, layout=layout) as store:
        table = store._layers.label.split("[")[1][:-1]
        before = rows(file, "SELECT sql FROM sqlite_master WHERE name = ?", table)
        with storage.Leases(store).hold("k"):
            assert rows(file, f"SELECT * FROM {table}") == []

    assert rows(file, "SELECT sql FROM sqlite_master WHERE name = ?", table) == before


def test_a_transaction_that_the_caller_undoes_takes_the_tables_along(file: Path) -> None:
    connection = sqlite3.connect(file, isolation_level=None)
    store = storage.SqliteStorage(connection)
    room = store.room(LeaseStore)
    connection.execute("BEGIN")
    room.claim("k", "ann", LONG)
    connection.execute("ROLLBACK")

    assert room.claim("k", "bob", LONG) == "taken"
    store.close()
    connection.close()


def test_clearing_the_values_leaves_leases_alone() -> None:
    with storage.MemoryStorage() as store, storage.Leases(store).hold("k") as lease:
        store.set("k", 1)
        store.clear(everything=True)

        assert store.room(LeaseStore).renew("k", lease.token, LONG) is True


def test_two_stores_on_one_file_share_their_leases(file: Path) -> None:
    with storage.SqliteStorage(file) as one, storage.SqliteStorage(file) as other:
        with (
            storage.Leases(one).hold("k"),
            pytest.raises(storage.LeaseTimeoutError),
            storage.Leases(other).hold("k", wait=0),
        ):
            pytest.fail("it is held by another")
        assert storage.Leases(one).claim("k", ttl=60)
        assert storage.Leases(other).claim("k", ttl=60).busy


class Plain:
    """A backend of a stranger, which offers no rooms."""

    def __init__(self) -> None:
        self._inner = MemoryBackend(Clock())

    def __getattr__(self, name: str) -> Any:
        if name == "room":
            raise AttributeError(name)
        return getattr(self._inner, name)


@pytest.mark.parametrize("half", [storage, storage.aio], ids=["blocking", "asyncio"])
def test_a_backend_need_not_have_rooms(half: Any) -> None:
    plain: Any = Plain()
    store = (
        storage.Storage(plain) if half is storage else storage.aio.Storage(storage.aio.lift(plain))
    )
    with pytest.raises(UnsupportedError, match="memory, SQLite or Redis"):
        half.Leases(store)
    with pytest.raises(UnsupportedError, match="memory, SQLite or Redis"):
        store.room(half.LeaseStore)
    with pytest.raises(UnsupportedError, match="has no dict"):
        store.room(dict)
