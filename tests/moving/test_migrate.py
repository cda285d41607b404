"""All records of a store are brought to the version of the code, and nothing else changes."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import pytest

import storage
from storage import CorruptValueError, MigrationError, UnsupportedError
from tests.moving.ground import Places, marked

MANY = 1200


class Migrations:
    """Two steps, which are counted, and of which one can not do everything."""

    def __init__(self) -> None:
        self.seen: Counter[Any] = Counter()

    def __call__(self) -> dict[int, Any]:
        return {1: self._first, 2: lambda value: {**value, "step": 0}}

    def _first(self, value: Any) -> Any:
        self.seen[value] += 1
        if value == "bad":
            raise LookupError("a secret")
        return {"n": value}


@pytest.fixture
def migrations() -> Migrations:
    return Migrations()


@pytest.fixture(params=["memory", "sqlite", pytest.param("valkey", marks=pytest.mark.server)])
def base(request: pytest.FixtureRequest, places: Places) -> Any:
    return places.make(request.param)


def enhanced(places: Places, base: Any, migrations: Migrations, **options: Any) -> Any:
    plain = getattr(base, "_thing", base)
    made = places.colour.half.enhance_storage(
        plain, migrations=migrations(), clock=places.clock, **options
    )
    return places.bridge.driven(made)


def test_every_record_is_brought_to_the_newest_version(
    places: Places, base: Any, migrations: Migrations
) -> None:
    base.set_many({f"k{number}": number for number in range(MANY)}, ttl=60.001)
    base.namespace("carts").namespace("old").set("5", 5)
    places.colour.put(base, "first", b'{"__v":1,"data":{"n":7}}')
    places.colour.put(base, "current", b'{"__v":2,"data":{"n":8,"step":1}}')
    ends = {name: end for name, (_, end) in places.colour.kept(base).items()}
    store = enhanced(places, base, migrations)

    report = places.colour.migrate(store)

    told = (report.looked_at, report.written, report.kept, report.failed)
    assert told == (MANY + 3, MANY + 2, 1, 0)
    assert report.cursor is None
    assert report.is_whole
    after = places.colour.kept(base)
    assert {name: end for name, (_, end) in after.items()} == ends
    assert {raw[:15] for raw, _ in after.values()} == {b'{"__v":2,"data"'}
    assert store.get("k7") == {"n": 7, "step": 0}
    assert store.get("first") == {"n": 7, "step": 0}
    assert store.get("current") == {"n": 8, "step": 1}

    again = places.colour.migrate(store)
    assert (again.written, again.kept) == (0, MANY + 3)
    assert places.colour.kept(base) == after


def test_a_dry_run_tells_all_that_and_writes_nothing(
    places: Places, base: Any, migrations: Migrations
) -> None:
    base.set_many({"a": 1, "b": "bad", "c": 3}, ttl=60)
    before = places.colour.kept(base)

    report = places.colour.migrate(enhanced(places, base, migrations), dry_run=True)

    assert (report.looked_at, report.written, report.failed) == (3, 2, 1)
    assert places.colour.kept(base) == before


def test_what_can_not_be_migrated_is_told_and_stays(
    places: Places, base: Any, migrations: Migrations
) -> None:
    base.set("good", 1)
    base.namespace("carts").set("bad", "bad")
    for name, raw in {
        "newer": b'{"__v":9,"data":1}',
        "torn": b"{",
        "odd": b'{"__v":-1,"data":1}',
    }.items():
        places.colour.put(base, name, raw)
    before = places.colour.kept(base)

    report = places.colour.migrate(enhanced(places, base, migrations))

    assert (report.written, report.failed, report.is_whole) == (1, 4, False)
    told = {(one.namespace, one.key): one.error for one in report.failures}
    assert {place: type(error) for place, error in told.items()} == {
        (("carts",), "bad"): MigrationError,
        ((), "newer"): MigrationError,
        ((), "torn"): CorruptValueError,
        ((), "odd"): CorruptValueError,
    }
    assert (told[("carts",), "bad"].version, told[(), "newer"].version) == (1, 9)
    assert not [error for error in told.values() if "secret" in str(error)]
    after = places.colour.kept(base)
    assert {name for name in after if after[name] != before[name]} == {"good"}


def test_the_end_of_a_record_that_says_it_itself_stays(
    places: Places, base: Any, migrations: Migrations
) -> None:
    old = enhanced(places, base, Migrations(), millisecond_precision=True)
    places.colour.put(base, "k", b'{"__v":0,"data":5,"__exp":%d}' % (places.clock.ms + 2500))
    store = enhanced(places, base, migrations, millisecond_precision=True)

    assert places.colour.migrate(store).written == 1

    assert store.get("k") == old.get("k") == {"n": 5, "step": 0}
    places.clock.tick(2.5)
    assert store.get("k") is None


def test_a_later_call_goes_on_where_an_earlier_one_was_interrupted(
    places: Places, migrations: Migrations
) -> None:
    base = places.make("sqlite")
    base.set_many({f"k{number}": number for number in range(MANY)})
    store = enhanced(places, base, migrations)
    noted: list[Any] = []

    def stop(report: Any) -> None:
        if report.cursor is not None:
            noted.append((report.cursor, report.looked_at))
            raise LookupError

    with pytest.raises(LookupError):
        places.colour.migrate(store, progress=stop)
    ((cursor, looked_at),) = noted
    report = places.colour.migrate(store, after=cursor)

    assert 0 < looked_at < MANY
    assert looked_at + report.looked_at == MANY
    assert set(migrations.seen.values()) == {1}
    assert {raw[:7] for raw, _ in places.colour.kept(base).values()} == {b'{"__v":'}


@pytest.mark.parametrize("place", marked(["memory", "valkey", "enhanced dict"]))
def test_no_call_goes_on_where_a_place_would_be_forgotten(
    places: Places, migrations: Migrations, place: str
) -> None:
    """A server that was started anew knows no place in a scan, and would leave records out."""
    base = places.make(place)
    base.set_many({f"k{number}": number for number in range(MANY)})
    store = enhanced(places, base, migrations)
    seen: list[Any] = []

    report = places.colour.migrate(store, progress=lambda report: seen.append(report.cursor))
    with pytest.raises(UnsupportedError, match="without after"):
        places.colour.migrate(store, after=f"127.0.0.1|{6379}|17")

    assert report.written == MANY
    assert set(seen) == {None}


def test_namespaces_are_left_alone_if_they_shall(
    places: Places, base: Any, migrations: Migrations
) -> None:
    carts = base.namespace("carts")
    base.set("a", 1)
    carts.set("5", 5)
    carts.namespace("old").set("6", 6)
    base.namespace("hits").incr("home")

    outer = places.colour.migrate(enhanced(places, base, migrations), namespaces=False)
    assert (outer.looked_at, outer.written, outer.elsewhere) == (1, 1, 3)
    inner = places.colour.migrate(enhanced(places, carts, migrations), namespaces=False)
    assert (inner.looked_at, inner.written, inner.elsewhere) == (1, 1, 1)

    assert base.namespace("hits").incr("home") == 2
    assert carts.namespace("old").get("6") == 6
    assert carts.get("5") == {"__v": 2, "data": {"n": 5, "step": 0}}


def test_what_somebody_else_writes_meanwhile_is_not_lost(
    places: Places, migrations: Migrations
) -> None:
    """Another store on the same file changes every record while it is migrated."""
    base = places.make("sqlite")
    count, times = 150, 8
    base.set_many({f"k{number}": 0 for number in range(count)})
    store = enhanced(places, base, migrations)
    path = base._layers.label.removeprefix("sqlite:").removesuffix("[storage]")

    def write() -> None:
        with storage.SqliteStorage(path, clock=places.clock) as other:
            theirs = storage.enhance_storage(other, migrations=migrations())
            for _ in range(times):
                for number in range(count):
                    theirs.update(f"k{number}", lambda value: {**value, "step": value["step"] + 1})

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    reports = []
    while any(writer.is_alive() for writer in writers):
        reports.append(places.colour.migrate(store))
    for writer in writers:
        writer.join()
    reports.append(places.colour.migrate(store))

    assert all(report.is_whole and report.looked_at == count for report in reports)
    assert set(map(repr, store.values())) == {repr({"n": 0, "step": 2 * times})}


def test_a_record_that_was_changed_meanwhile_is_looked_at_again(
    places: Places, migrations: Migrations
) -> None:
    base = places.make("memory")
    base.set_many({"a": 1, "b": 2})
    plain: Any = getattr(base, "_thing", base)
    room = plain._backend._room
    blocking = getattr(room, "_inner", room)

    class Changing(Migrations):
        def _first(self, value: Any) -> Any:
            if not self.seen and value == 1:
                blocking.write("a", b"10", None)
            return super()._first(value)

    changing = Changing()
    report = places.colour.migrate(enhanced(places, base, changing))

    assert report.written == 2
    assert changing.seen == {1: 1, 2: 1, 10: 1}
    assert enhanced(places, base, migrations).get("a") == {"n": 10, "step": 0}


def test_records_without_versions_are_refused(places: Places) -> None:
    with pytest.raises(UnsupportedError, match="enhance_storage"):
        places.colour.migrate(places.make("memory"))
