"""A copy of a store has all of it, with the same values and the same ends."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
from storage import (
    ConfigurationError,
    ConflictError,
    CorruptValueError,
    LeaseStore,
    MigrationError,
    UnstorableError,
    UnsupportedError,
)
from storage.testing.strategies import NASTY_KEYS
from tests.contract.backends import BACKENDS
from tests.day import HALVES, IS_LONG
from tests.moving.ground import PLACES, Places, marked
from tests.servers import Server

VALUES: list[Any] = [None, 0, False, "", {}, [], 1.0, 2**53 - 1, {"é": ["\ud83d", 1e-7]}]
MORE_THAN_A_PAGE = 1100


def fill(store: Any) -> None:
    """Values of every kind under nasty keys, in namespaces too, of which some end."""
    store.set_many(dict(zip(NASTY_KEYS, VALUES * 10)))
    store.set_many({f"key {number}": number for number in range(MORE_THAN_A_PAGE)}, ttl=60.001)
    carts = store.namespace("carts")
    carts.set("5", {"n": 1}, ttl=5.25)
    carts.namespace("50% ~off").set("~5", [1], ttl=None)


def held(store: Any, *path: str) -> dict[str, Any]:
    """What the store has under each key: the value and the end."""
    for space in path:
        store = store.namespace(space)
    return {key: (value, store.expires_at(key)) for key, value in store.items(unique=True)}


def everything(store: Any) -> list[dict[str, Any]]:
    return [held(store), held(store, "carts"), held(store, "carts", "50% ~off")]


def told(report: Any) -> list[Any]:
    return [(one.key, one.namespace, type(one.error)) for one in report.failures]


@pytest.mark.parametrize(
    ("places", "source", "target"),
    [
        pytest.param(half, *source.values, *target.values, marks=[*source.marks, *target.marks])
        for row, source in enumerate(marked(PLACES))
        for column, target in enumerate(marked(PLACES))
        for place, half in enumerate(HALVES)
        if IS_LONG or (row + column + place) % 2 == 0
    ],
    indirect=["places"],
)
def test_a_copy_is_the_same_in_every_place(places: Places, source: str, target: str) -> None:
    here, there = places.make(source), places.make(target)
    fill(here)
    here.set("over", 1, ttl=2)
    places.clock.tick(3)

    report = places.colour.copy(here, there, verify=True)

    assert report.is_whole
    assert report.written == report.looked_at == report.compared
    assert report.written == len(NASTY_KEYS) + MORE_THAN_A_PAGE + 2
    assert everything(there) == everything(here)
    assert there.get("over") is None


@pytest.mark.parametrize("target", marked(PLACES))
def test_a_second_copy_comes_to_the_same(places: Places, target: str) -> None:
    here, there = places.make("sqlite"), places.make(target)
    fill(here)
    places.colour.copy(here, there)
    once = places.colour.kept(there)

    places.colour.copy(here, there)

    assert places.colour.kept(there) == once


@pytest.mark.parametrize("target", marked(PLACES))
def test_what_the_target_has_is_replaced_or_kept_as_it_is_told(places: Places, target: str) -> None:
    here, there = places.make("memory"), places.make(target)
    here.set_many({"both": "ours", "new": 1}, ttl=60)
    there.set_many({"both": "theirs", "old": 2})

    kept = places.colour.copy(here, there, existing="keep", verify=True)
    assert (kept.written, kept.kept, kept.is_whole) == (1, 1, True)
    assert there.get_many(["both", "new", "old"]) == {"both": "theirs", "new": 1, "old": 2}
    assert there.expires_at("both") is None

    replaced = places.colour.copy(here, there)
    assert (replaced.written, replaced.kept) == (2, 0)
    assert there.get_many(["both", "new", "old"]) == {"both": "ours", "new": 1, "old": 2}
    assert there.expires_at("both") == here.expires_at("both")


def test_what_differs_after_the_copy_is_told(places: Places) -> None:
    here, there = places.make("sqlite"), places.make("memory")
    here.set_many({"value": 1, "gone": 1, "end": 1, "same": 1})
    changes = [
        lambda: there.set("value", 2),
        lambda: there.delete("gone"),
        lambda: there.touch("end", ttl=9),
    ]

    def meanwhile(report: Any) -> None:
        if not report.compared:
            for change in changes:
                change()

    report = _with_blocking_progress(places, here, there, meanwhile)

    assert (report.missing, report.different, report.compared) == (1, 2, 4)
    assert not report.is_whole
    assert {one.key for one in report.failures} == {"value", "gone", "end"}


def _with_blocking_progress(places: Places, here: Any, there: Any, meanwhile: Any) -> Any:
    """A copy whose progress uses the target, in the thread where plain calls are made."""
    if places.colour.half is storage:
        return places.colour.copy(here, there, verify=True, progress=meanwhile)
    handed = places.bridge.handed(meanwhile)
    return places.colour.copy(here, there, verify=True, progress=handed)


def test_what_can_not_be_read_is_told_and_the_rest_is_copied(places: Places) -> None:
    here, there = places.make("sqlite"), places.make("memory")
    here.set_many({"a": 1, "z": 2})
    places.colour.put(here, "~ns~carts~5", b"{torn")

    report = places.colour.copy(here, there, verify=True)

    assert told(report) == [("5", ("carts",), CorruptValueError)]
    assert (report.looked_at, report.written, report.failed) == (3, 2, 1)
    assert not report.is_whole
    assert there.get_many([*"az"]) == {"a": 1, "z": 2}
    assert "torn" not in str(report.failures[0].error)


def test_no_more_failures_are_kept_than_anybody_reads(places: Places) -> None:
    here, there = places.make("sqlite"), places.make("memory")
    for number in range(1005):
        places.colour.put(here, f"k{number}", b"{")

    report = places.colour.copy(here, there)

    assert (report.failed, len(report.failures)) == (1005, 1000)


def test_the_bytes_of_another_program_are_copied_as_they_are(places: Places) -> None:
    here, there = places.make("sqlite"), places.make("memory")
    foreign = {"k": (b'{ "a": 1e3,\n"b": "\\u00e9" }', None), "v": (b'{"__v":3,"data":[]}', None)}
    for name, (raw, _) in foreign.items():
        places.colour.put(here, name, raw)

    places.colour.copy(here, there)

    assert places.colour.kept(there) == foreign


def test_stores_of_different_layouts_exchange_their_keys(places: Places) -> None:
    here = places.make("sqlite")
    row = next(
        row for row in BACKENDS if row.name == "sqlite-gramio" and row.half is places.colour.half
    )
    theirs = places.opened(row)
    here.set("~5", 1, ttl=10)
    here.namespace("carts").set("5", 2)

    assert places.colour.copy(here, theirs, verify=True).is_whole
    assert dict(theirs.items()) == {"~5": 1, "carts:5": 2}
    assert theirs.namespace("carts").get("5") == 2
    rounded_up = theirs.expires_at("~5") - here.expires_at("~5")
    assert 0 <= rounded_up.total_seconds() < 1

    back = places.make("memory")
    assert places.colour.copy(theirs, back, verify=True).is_whole
    assert dict(back.items()) == {"~5": 1, "carts:5": 2}


def test_a_namespace_is_copied_to_where_it_shall_be(places: Places) -> None:
    here, there = places.make("memory"), places.make("sqlite")
    fill(here)

    places.colour.copy(here.namespace("carts"), there.namespace("old"), verify=True)

    assert held(there) == {}
    assert held(there, "old") == held(here, "carts")
    assert held(there, "old", "50% ~off") == held(here, "carts", "50% ~off")


def test_a_place_is_not_copied_into_itself(places: Places) -> None:
    here = places.make("sqlite")
    here.set("k", 1)

    for there in (here, here.namespace("copy")):
        with pytest.raises(ConfigurationError, match="one place"):
            places.colour.copy(here, there)
    places.colour.copy(here.namespace("a"), here.namespace("b"))

    assert dict(here.items()) == {"k": 1}


def test_a_place_by_another_name_is_the_same_place(places: Places, tmp_path: Path) -> None:
    """However its address is spelled, and whoever opened it."""
    here = places.make("sqlite")
    here.set("k", 1)
    half, path = places.colour.half, Path(_path(here))
    link = tmp_path / "link.db"
    link.symlink_to(path)
    connection = sqlite3.connect(path, check_same_thread=False)
    others: list[Any] = [link, f"{path.parent}/../{path.parent.name}/{path.name}", connection]
    before = places.colour.kept(here)

    for place in others:
        there = places.bridge.driven(half.SqliteStorage(place, clock=places.clock))
        for target in (there, there.namespace("copy")):
            with pytest.raises(ConfigurationError, match="one place"):
                places.colour.copy(here, target)
        assert places.colour.copy(here.namespace("a"), there.namespace("b")).is_whole
        there.close()
    other = half.SqliteStorage(path, table="other", clock=places.clock)
    assert places.colour.copy(here, other).written == 1

    places.bridge.driven(other).close()
    connection.close()
    assert places.colour.kept(here) == before


@pytest.mark.server
def test_a_server_by_another_name_is_the_same_place(places: Places, valkey: Server) -> None:
    half = places.colour.half
    one, other = f"redis://127.0.0.1:{valkey.port}", f"redis://localhost:{valkey.port}"
    here = places.bridge.driven(half.RedisStorage(one))
    there = places.bridge.driven(half.RedisStorage(other))
    wider = places.bridge.driven(half.RedisStorage(other, prefix="stor"))
    beside = places.bridge.driven(half.RedisStorage(other, prefix="new:"))
    elsewhere = places.bridge.driven(half.RedisStorage(f"{other}/1"))
    here.set("k", 1)

    for target in (there, there.namespace("copy"), wider):
        with pytest.raises(ConfigurationError, match="one place"):
            places.colour.copy(here, target)
    for target in (beside, elsewhere):
        assert places.colour.copy(here, target).written == 1

    assert sorted(valkey.call("KEYS", "*")) == [b"new:k", b"storage:k"]
    for store in (here, there, wider, beside, elsewhere):
        store.close()
    valkey.call("FLUSHALL")


def test_tasks_do_not_copy_a_blocking_store_into_itself() -> None:
    store = storage.LruMemoryStorage(2)
    store.set_many({"a": 1, "b": 2})

    for function in (storage.copy, lambda *pair: asyncio.run(storage.aio.copy(*pair))):
        for pair in ((store, store.namespace("copy")), (store, store)):
            with pytest.raises(ConfigurationError, match="one place"):
                function(*pair)
    things = {"a": 1}
    with pytest.raises(ConfigurationError, match="one place"):
        storage.copy(things, things, drop_expiry=True)

    assert dict(store.items()) == {"a": 1, "b": 2}


def test_two_keys_that_are_one_in_the_target_are_told(places: Places) -> None:
    here, there = places.make("memory"), places.make("sqlite-puregram")
    here.set("carts:5", "plain")
    here.namespace("carts").set("5", "inside")
    here.set("k", 1)

    report = places.colour.copy(here, there)

    assert (report.written, report.failed) == (2, 1)
    assert told(report) == [("5", ("carts",), ConflictError)]
    assert dict(there.items()) == {"carts:5": "plain", "k": 1}


def test_a_value_and_its_end_are_of_one_moment(places: Places) -> None:
    """What is changed on the way arrives as it was, or as it is."""
    here, there = places.make("memory"), places.make("sqlite")
    names = [f"k{number}" for number in range(MORE_THAN_A_PAGE)]
    here.set_many(dict.fromkeys(names, "old"), ttl=60)
    room = getattr(_plain(here)._backend._room, "_inner", _plain(here)._backend._room)
    end = here.expires_at("k0")

    def meanwhile(report: Any) -> None:
        room.write_many([(name, b'"new"') for name in names], None)

    assert places.colour.copy(here, there, progress=meanwhile).is_whole

    found = {(value, there.expires_at(key)) for key, value in there.items()}
    assert found <= {("old", end), ("new", None)}


def test_what_never_ends_there_is_refused_before_anything_is_written(places: Places) -> None:
    here, there = places.make("memory"), {"old": 1}
    here.set("k", 1, ttl=5)

    with pytest.raises(UnsupportedError, match="enhance_storage"):
        places.colour.copy(here, there)
    assert there == {"old": 1}

    assert places.colour.copy(here, there, drop_expiry=True, verify=True).is_whole
    assert there == {"old": 1, "k": 1}


@pytest.mark.parametrize("existing", ["", "skip", None])
def test_a_wrong_word_is_refused_before_anything_is_read(places: Places, existing: Any) -> None:
    with pytest.raises(ValueError, match="existing"):
        places.colour.copy(places.make("memory"), places.make("memory"), existing=existing)
    with pytest.raises(TypeError):
        places.colour.copy(places.make("memory"), places.make("memory"), progress=5)


def doubled(value: Any) -> Any:
    return [value, value]


def test_records_are_brought_to_the_version_of_the_target(places: Places) -> None:
    """What has no version has version 0, and what has one is migrated from there on."""
    half = places.colour.half
    here, there = places.make("sqlite"), places.make("memory")
    places.colour.put(here, "bare", b"5")
    places.colour.put(here, "old", b'{"__v":1,"data":5}')
    places.colour.put(here, "new", b'{"__v":2,"data":5}')
    steps = {1: doubled, 2: doubled}
    over = places.bridge.driven(half.enhance_storage(_plain(there), migrations=steps))

    assert places.colour.copy(here, over, verify=True).is_whole

    assert dict(over.items()) == {"bare": [[5, 5]] * 2, "old": [5, 5], "new": 5}
    assert {raw[:7] for raw, _ in places.colour.kept(there).values()} == {b'{"__v":'}


def test_an_enhanced_source_gives_its_data_to_a_plain_target(places: Places) -> None:
    half = places.colour.half
    here, there = places.make("sqlite"), places.make("memory")
    over = places.bridge.driven(half.enhance_storage(_plain(here), migrations={1: doubled}))
    over.set("k", 5, ttl=9)
    places.colour.put(here, "bare", b"6")

    assert places.colour.copy(over, there, verify=True).is_whole

    assert dict(there.items()) == {"k": 5, "bare": [6, 6]}
    assert there.expires_at("k") == here.expires_at("k")


@pytest.mark.parametrize("ttl", [None, 60, 3])
def test_an_end_that_only_the_record_tells_is_kept(places: Places, ttl: float | None) -> None:
    """As somebody else wrote it; of two ends it is the sooner one."""
    half = places.colour.half
    here, there = places.make("sqlite"), places.make("memory")
    own = None if ttl is None else places.clock.ms + int(ttl * 1000)
    ends = places.clock.ms + 5000
    places.colour.put(here, "k", b'{"__v":1,"data":5,"__exp":%d}' % ends, own)
    over = places.bridge.driven(
        half.enhance_storage(_plain(here), migrations={1: doubled}, clock=places.clock)
    )

    assert places.colour.copy(over, there, verify=True).is_whole

    assert places.colour.kept(there) == {"k": (b"5", ends if own is None else min(own, ends))}


def test_records_that_can_not_be_migrated_are_told(places: Places) -> None:
    half = places.colour.half
    here, there = places.make("sqlite"), places.make("memory")
    places.colour.put(here, "newer", b'{"__v":9,"data":5}')
    places.colour.put(here, "older", b'"text"')
    over = places.bridge.driven(half.enhance_storage(_plain(there), migrations={1: int}))

    report = places.colour.copy(here, over)

    assert sorted(told(report)) == [
        ("newer", (), MigrationError),
        ("older", (), MigrationError),
    ]
    assert dict(there.items()) == {}


class Hexadecimal:
    """A codec that is not JSON."""

    def encode(self, value: Any, /) -> bytes:
        if type(value) is not int:
            raise UnstorableError("$", "no integer")
        return b"%x" % value

    def decode(self, raw: bytes, /) -> Any:
        return int(raw, 16)

    def same(self, old: bytes, new: bytes, /) -> bool:
        return old == new


def test_values_are_written_by_the_codec_of_the_target(places: Places) -> None:
    half = places.colour.half
    here = places.make("memory")
    here.set_many({"ten": 10, "text": "10"}, ttl=9)
    there = half.MemoryStorage(codec=Hexadecimal(), clock=places.clock)

    report = places.colour.copy(here, there, verify=True)

    assert told(report) == [("text", (), UnstorableError)]
    assert list(places.colour.kept(there)) == ["ten"]
    assert places.colour.kept(there)["ten"][0] == b"a"
    back = half.MemoryStorage(clock=places.clock)
    assert places.colour.copy(there, back, verify=True).is_whole
    assert places.colour.kept(back)["ten"] == (b"10", places.clock.ms + 9000)


def test_what_the_target_could_not_read_is_told(places: Places) -> None:
    half = places.colour.half
    here = places.make("memory")
    here.set_many({"short": "a", "long": "a" * 100})
    there = half.MemoryStorage(codec=storage.JsonCodec(max_bytes=50))

    report = places.colour.copy(here, there, verify=True)

    assert told(report) == [("long", (), UnstorableError)]


@pytest.mark.parametrize("source", marked(["memory", "sqlite", "valkey"]))
def test_leases_and_claims_are_not_copied(places: Places, source: str) -> None:
    here, there = places.make(source), places.make("memory")
    here.set("k", 1)
    lease = places.bridge.driven(here.room(_lease_store(places)))
    lease.acquire("k", "token", 60_000, 0)
    lease.claim("id", "token", 60_000)

    report = places.colour.copy(here, there)

    assert report.looked_at == 1
    assert list(places.colour.kept(there)) == ["k"]


def test_what_a_copy_is_about_is_told_on_the_way(places: Places) -> None:
    here, there = places.make("sqlite"), places.make("memory")
    here.set_many({f"k{number}": number for number in range(MORE_THAN_A_PAGE)})
    seen: list[int] = []

    places.colour.copy(here, there, progress=lambda report: seen.append(report.looked_at))

    assert seen[-1] == MORE_THAN_A_PAGE
    assert len(seen) > 2
    assert seen == sorted(seen)


def test_an_exception_of_the_progress_ends_the_copy_and_a_repeat_finishes_it(
    places: Places,
) -> None:
    here, there = places.make("sqlite"), places.make("memory")
    here.set_many({f"k{number}": number for number in range(MORE_THAN_A_PAGE)}, ttl=60)

    def stop(report: Any) -> None:
        raise LookupError(report.looked_at)

    with pytest.raises(LookupError):
        places.colour.copy(here, there, progress=stop)
    assert 0 < len(held(there)) < MORE_THAN_A_PAGE

    assert places.colour.copy(here, there, verify=True).is_whole
    assert held(there) == held(here)


BLOCKING: dict[str, Any] = {
    "memory": storage.MemoryStorage,
    "sqlite": lambda: storage.SqliteStorage(":memory:"),
}


@pytest.mark.parametrize("place", BLOCKING)
def test_tasks_copy_blocking_stores_which_stay_open(place: str, tmp_path: Path) -> None:
    with BLOCKING[place]() as here, storage.SqliteStorage(tmp_path / "there.db") as there:
        here.set_many({"a": 1, "b": 2})

        async def run() -> None:
            assert (await storage.aio.copy(here, there, verify=True)).is_whole
            assert (await storage.aio.dump(there, tmp_path / "dump")).is_whole
            assert (await storage.aio.load(here, tmp_path / "dump")).is_whole

        asyncio.run(run())

        assert dict(there.items()) == dict(here.items()) == {"a": 1, "b": 2}


def _path(store: Any) -> str:
    """Where a store on SQLite is."""
    label: str = store._layers.label
    return label.removeprefix("sqlite:").removesuffix("[storage]")


def _plain(store: Any) -> Any:
    """The store of the asyncio half itself, where *store* is driven."""
    return getattr(store, "_thing", store)


def _lease_store(places: Places) -> Any:
    return LeaseStore if places.colour.half is storage else storage.aio.LeaseStore
