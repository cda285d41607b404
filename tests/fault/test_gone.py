"""A file that is taken away, replaced or emptied under an open store: nothing is acknowledged that
nobody will ever read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import storage
from storage import CorruptStoreError, StorageError
from tests.fault.conftest import Open
from tests.fault.ground import in_child, label, open_files

KEPT = {"a": 1, "c": {"d": 2}}


def edit(store: Any) -> None:
    with store.edit("c") as draft:
        draft["e"] = 5


WRITES: dict[str, Callable[[Any], object]] = {
    "set": lambda store: store.set("a", 5),
    "set_many": lambda store: store.set_many({"a": 5, "b": 6}),
    "add": lambda store: store.add("b", 5),
    "incr": lambda store: store.incr("a"),
    "swap": lambda store: store.swap("a", 1, 5),
    "update": lambda store: store.update("a", lambda value: value + 1),
    "edit": edit,
    "get_or_set": lambda store: store.get_or_set("b", lambda: 5),
    "touch": lambda store: store.touch("a", ttl=5),
    "delete": lambda store: store.delete("a"),
    "delete_many": lambda store: store.delete_many(["a"]),
    "clear": lambda store: store.clear(everything=True),
}


@pytest.fixture
def store(file: Path, sqlite: Open) -> Any:
    store = sqlite(file)
    store.set_many(KEPT)
    return store


def replace(file: Path) -> None:
    other = file.with_name("other.db")
    with storage.SqliteStorage(other) as store:
        store.set("somebody", "else")
    other.replace(file)


def move(file: Path) -> None:
    file.rename(file.with_name("moved.db"))


def put_a_directory_there(file: Path) -> None:
    file.unlink()
    file.mkdir()


REMOVALS = {
    "deleted": Path.unlink,
    "moved": move,
    "replaced": replace,
    "a directory": put_a_directory_there,
}


@pytest.mark.parametrize("remove", REMOVALS.values(), ids=REMOVALS)
def test_no_write_is_acknowledged_when_the_file_is_gone(
    remove: Callable[[Path], object], store: Any, file: Path
) -> None:
    remove(file)

    for name, write in WRITES.items():
        with pytest.raises(CorruptStoreError, match="removed or replaced") as caught:
            write(store)
        assert caught.value.store == label(store), name
    store.close()


def test_what_stands_in_its_place_is_not_touched(store: Any, file: Path) -> None:
    replace(file)
    before = {path.name: path.read_bytes() for path in file.parent.glob("bot.db*")}
    before.pop("bot.db-shm")

    for write in WRITES.values():
        with pytest.raises(CorruptStoreError):
            write(store)
    store.close()

    assert {name: file.with_name(name).read_bytes() for name in before} == before


def test_the_store_is_usable_again_when_the_file_is_back(store: Any, file: Path) -> None:
    aside = file.with_name("aside.db")
    file.rename(aside)
    with pytest.raises(CorruptStoreError):
        store.set("a", 5)

    aside.rename(file)

    store.set("a", 6)
    assert store.get("a") == 6


def test_a_link_that_comes_to_mean_another_file_is_noticed(tmp_path: Path, sqlite: Open) -> None:
    link, one, two = (tmp_path / name for name in ("link.db", "one.db", "two.db"))
    link.symlink_to(one)
    store = sqlite(link)
    store.set("a", 1)
    with storage.SqliteStorage(two):
        link.unlink()
        link.symlink_to(two)

    with pytest.raises(CorruptStoreError):
        store.set("a", 2)


def test_what_is_acknowledged_after_the_file_was_emptied_is_kept(file: Path, sqlite: Open) -> None:
    with storage.SqliteStorage(file) as before:
        before.set_many({f"k{number}": "v" * 100 for number in range(200)})
    store = sqlite(file)
    assert store.get("k1") == "v" * 100
    acknowledged = []

    os.truncate(file, 0)
    for number in range(5):
        try:
            store.set(f"new{number}", number)
        except StorageError:
            continue
        acknowledged.append(number)
    store.close()

    with storage.SqliteStorage(file) as after:
        assert [after.get(f"new{number}") for number in acknowledged] == acknowledged


def test_a_closed_store_lets_go_of_its_file_whoever_keeps_its_errors(
    file: Path, sqlite: Open
) -> None:
    """An error holds the frames it came through, and they what the store read with."""
    with storage.SqliteStorage(file) as before:
        before.set_many({f"k{number}": "v" * 100 for number in range(200)})
    store = sqlite(file)
    store.get("k1")
    os.truncate(file, 0)
    kept = []
    for step in (store.get, store.delete, store.incr):
        with pytest.raises(StorageError) as caught:
            step("k2")
        kept.append(caught.value)

    store.close()

    assert open_files(file) == []
    assert len(kept) == 3


def test_a_relative_path_stays_the_same_file_when_the_process_moves(
    tmp_path: Path, sqlite: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    store = sqlite("bot.db")
    store.set("a", 1)

    monkeypatch.chdir("elsewhere")
    store.set("b", 2)
    in_child(lambda: _write_as_a_daemon(tmp_path))

    assert dict(store.items()) == {"a": 1, "b": 2}
    assert list((tmp_path / "elsewhere").iterdir()) == []


def _write_as_a_daemon(folder: Path) -> None:
    os.chdir(folder)
    with storage.SqliteStorage("daemon.db") as store:
        os.chdir("/")
        store.set("a", 1)


def test_a_forked_process_makes_no_new_file_in_the_place_of_a_lost_one(file: Path) -> None:
    with storage.SqliteStorage(file) as store:
        store.set("a", 1)

        def look_for_it() -> None:
            file.unlink()
            with pytest.raises(CorruptStoreError):
                store.set("b", 2)
            with pytest.raises(CorruptStoreError):
                store.get("a")

        in_child(look_for_it)

    assert not file.exists()
