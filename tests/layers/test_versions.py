"""Several versions of the code over one place, at the same time: nothing is lost, and nothing is
stamped with another version than its own."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from storage import DELETE, KEEP, MISSING, CorruptValueError, MigrationError
from storage.testing import Bridge, Clock
from tests.layers.places import HALVES, KINDS, Place, opened, params, placed, record
from tests.servers import Server, user

NOW_MS = 1_700_000_000_457

OLD = {1: lambda data: {"name": data}}
NEW = {
    **OLD,
    2: lambda data: {**data, "visits": 0},
    3: lambda data: {"first": data["name"], "visits": data["visits"]},
}
ANN = {"first": "Ann", "visits": 0}
WRITTEN_ANEW = '{"__v":3,"data":{"first":"Ann","visits":0}}'


def same(data: Any) -> Any:
    return data


@pytest.fixture(params=params(*KINDS))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with placed(request, tmp_path) as place:
        yield place


@pytest.fixture(params=params("memory", "sqlite", "valkey"))
def native(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A place that keeps lifetimes."""
    with placed(request, tmp_path) as place:
        yield place


def between(place: Place, text: str) -> dict[int, Callable[[Any], Any]]:
    """Migrations, in the middle of which somebody else writes *text*, once."""
    left = [text]

    def to_1(data: Any) -> Any:
        if left:
            place.plant(left.pop())
        return [*data, 1]

    return {1: to_1}


def test_a_read_brings_an_older_record_to_this_version_and_keeps_it_so(place: Place) -> None:
    for text in ('"Ann"', '{"__v":1,"data":{"name":"Ann"}}'):
        place.plant(text)

        assert place.code(NEW).get("k") == ANN
        assert place.kept() == WRITTEN_ANEW
        assert place.code({3: pytest.fail}).get("k") == ANN


def test_what_somebody_writes_while_a_record_is_migrated_stays(place: Place) -> None:
    place.plant("[0]")
    newer = '{"__v":1,"data":[5]}'
    store = place.code(between(place, newer))

    assert store.get("k") == [0, 1]
    assert place.kept() == newer
    assert store.get("k") == [5]


def test_what_newer_code_writes_while_a_record_is_migrated_stays(place: Place) -> None:
    place.plant("[0]")
    newer = '{"__v":2,"data":{"n":5}}'
    store = place.code(between(place, newer))

    assert store.get("k") == [0, 1]
    assert place.kept() == newer
    with pytest.raises(MigrationError):
        store.get("k")


def test_what_is_taken_away_while_a_record_is_migrated_does_not_come_back(place: Place) -> None:
    def to_1(data: Any) -> Any:
        place.drop()
        return data

    place.plant("[0]")

    assert place.code({1: to_1}).get("k") == [0]
    assert place.kept() is None


def appended(store: Any) -> None:
    with store.edit("k") as draft:
        draft.append(9)


def test_a_change_is_made_to_what_somebody_wrote_meanwhile(place: Place) -> None:
    seen: list[Any] = []

    def change(value: Any) -> Any:
        seen.append(value)
        return DELETE if value == [6] else [*value, 9]

    for newer, after in (([5], [5, 9]), ([6], None)):
        place.plant("[0]")
        store = place.code(between(place, record(1, str(newer))))

        store.update("k", change)
        assert seen[-2:] == [[0, 1], newer]
        assert store.get("k") == after


def test_an_edit_of_an_older_record_is_merged_with_what_newer_code_wrote(place: Place) -> None:
    place.plant('{"n":1}')
    code = place.code({1: lambda data: {**data, "m": 0}})

    with code.edit("k") as draft:
        place.plant('{"__v":1,"data":{"n":1,"m":5}}')
        draft["n"] = 2

    assert code.get("k") == {"n": 2, "m": 5}


def test_a_swap_does_not_go_over_what_somebody_wrote_meanwhile(place: Place) -> None:
    place.plant("[0]")
    newer = '{"__v":1,"data":[5]}'
    store = place.code(between(place, newer))

    assert not store.swap("k", [0, 1], "new")
    assert place.kept() == newer


def test_writing_an_older_record_anew_keeps_its_lifetime(place: Place) -> None:
    place.code().set("k", "Ann", ttl=10)
    new = place.code(NEW)

    assert new.get("k") == ANN
    assert json.loads(place.kept() or "")["__v"] == 3
    assert place.ends() == (NOW_MS + 10_000 if place.native else None)
    assert new.expires_at("k") == place.code().expires_at("k")
    place.clock.tick(9.999)
    assert new.has("k")
    place.clock.tick((1 + place.late_ms) / 1000)
    assert not new.has("k")


@pytest.mark.parametrize("precise", [False, True])
def test_an_end_in_an_older_record_stays_in_it(place: Place, precise: bool) -> None:
    place.plant(record(2, '{"name":"Ann","visits":0}', NOW_MS + 10_000))
    store = place.code(NEW, millisecond_precision=precise)

    assert store.get("k") == ANN
    assert place.kept() == record(3, '{"first":"Ann","visits":0}', NOW_MS + 10_000)
    place.clock.tick(10)
    assert store.get("k") is None


def test_changing_an_older_record_keeps_its_lifetime_and_stamps_it(place: Place) -> None:
    place.code(OLD).set("k", {"name": "Ann"}, ttl=10)
    store = place.code(NEW)

    with store.edit("k") as draft:
        draft["visits"] = 1
    store.update("k", lambda value: {**value, "visits": 2})
    assert store.swap("k", {**ANN, "visits": 2}, {**ANN, "visits": 3})

    record = json.loads(place.kept() or "")
    assert (record["__v"], record["data"]) == (3, {**ANN, "visits": 3})
    assert store.expires_at("k").timestamp() == (NOW_MS + 10_000) / 1000


def test_several_at_a_time_are_migrated_and_left_as_they_are(place: Place) -> None:
    texts = {"a": '"Ann"', "b": '{"__v":1,"data":{"name":"Bob"}}'}
    for name, text in texts.items():
        place.plant(text, name)
    store = place.code(NEW)
    both = {"a": ANN, "b": {"first": "Bob", "visits": 0}}

    assert store.get_many(["a", "b", "c"]) == both
    assert dict(store.items()) == both
    assert sorted(store.values(), key=json.dumps) == list(both.values())
    assert store.get_or_set("a", dict) == ANN
    assert store.update("a", same) == ANN
    assert {name: place.kept(name) for name in texts} == texts


OUTCOMES = {"skip": 0, "told": 2}


@pytest.mark.parametrize("way", OUTCOMES)
def test_one_bad_record_does_not_spoil_the_others(place: Place, way: str) -> None:
    told: list[Any] = []
    texts = {
        "a": '"Ann"',
        "bad": '{"__v":"x","data":1}',
        "failing": "5",
        "z": '{"__v":1,"data":{"name":"Zoe"}}',
    }
    for name, text in texts.items():
        place.plant(text, name)
    store = place.code({**NEW, 1: lambda data: {"name": data + ""}})
    on_corrupt = told.append if way == "told" else way

    found = dict(store.items(on_corrupt=on_corrupt))
    assert found == {"a": ANN, "z": {"first": "Zoe", "visits": 0}}
    assert sorted((type(e).__name__, e.key) for e in told) == [
        *([("CorruptValueError", "bad"), ("MigrationError", "failing")] if told else [])
    ]
    assert len(told) == OUTCOMES[way]
    assert len(list(store.values(on_corrupt="skip"))) == 2
    with pytest.raises((CorruptValueError, MigrationError)):
        list(store.items())
    assert {name: place.kept(name) for name in texts} == texts


def test_older_code_can_not_change_what_newer_code_wrote(place: Place) -> None:
    old, new = place.code(OLD), place.code(NEW)
    old.set("k", {"name": "Ann"})
    new.update("k", lambda value: {**value, "visits": 7})
    before = place.kept()

    for call in (
        lambda: old.get("k"),
        lambda: old.update("k", lambda value: {"name": "Bob"}),
        lambda: old.swap("k", {"name": "Ann"}, {"name": "Bob"}),
        lambda: old.incr("k"),
        lambda: appended(old),
    ):
        with pytest.raises(MigrationError) as caught:
            call()
        assert (caught.value.key, caught.value.version) == ("k", 3)
    assert place.kept() == before
    assert new.get("k") == {"first": "Ann", "visits": 7}


def test_after_a_downgrade_a_whole_value_is_migrated_again(place: Place) -> None:
    old, new = place.code(OLD), place.code(NEW)
    new.set("k", {"first": "Ann", "visits": 7})

    old.set("k", {"name": "Bob"})
    assert place.kept() == '{"__v":1,"data":{"name":"Bob"}}'
    assert new.get("k") == {"first": "Bob", "visits": 0}
    assert old.delete("k")


def test_who_may_only_read_reads_older_records(tmp_path: Path, caplog: Any) -> None:
    for number, half in enumerate(HALVES):
        path = tmp_path / f"{number}.db"
        with Bridge() as bridge, bridge.driven(half.SqliteStorage(path)) as store:
            store.set_many({"k": "Ann", "over": {"__v": 1, "data": 1, "__exp": 5}})
        source = f"file:{path}?mode=ro"
        with (
            Bridge() as bridge,
            closing(sqlite3.connect(source, uri=True, check_same_thread=False)) as connection,
            bridge.driven(half.SqliteStorage(connection)) as base,
            caplog.at_level(logging.WARNING, "storage"),
        ):
            code = bridge.driven(half.enhance_storage(thing(base), migrations=NEW))

            assert code.get("k") == ANN
            assert not code.has("over")
            assert code.get("over") is None
            assert code.get_many(["k", "over"]) == dict(code.items()) == {"k": ANN}
            assert base.get("k") == "Ann"
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2
    assert "an older record stays as it is" in caplog.text
    assert "Ann" not in caplog.text


def thing(driven: Any) -> Any:
    return getattr(driven, "_thing", driven)


@pytest.mark.parametrize("half", HALVES, ids=["blocking", "aio"])
def test_a_user_without_the_right_to_write_reads_older_records(
    half: Any, valkey: Server, caplog: Any
) -> None:
    valkey.call("SET", "storage:k", '"Ann"', "PX", "60000")
    with (
        user(valkey, "reader", "secret", "~*", "+@all", "-set") as reader,
        Bridge() as bridge,
        bridge.driven(half.RedisStorage(reader.url)) as base,
        caplog.at_level(logging.WARNING, "storage"),
    ):
        code = bridge.driven(half.enhance_storage(thing(base), migrations=NEW))

        assert code.get("k") == ANN
        assert code.get_many(["k"]) == dict(code.items()) == {"k": ANN}
    assert valkey.call("GET", "storage:k") == b'"Ann"'
    assert valkey.call("PTTL", "storage:k") > 0
    assert "an older record stays as it is" in caplog.text
    assert "Ann" not in caplog.text
    valkey.call("FLUSHALL")


def test_touch_leaves_the_bytes_where_the_place_keeps_lifetimes(native: Place) -> None:
    for text in ("5", '{ "__v": 1, "data": 5, "__exp": 5 }', '{"__v":9,"data":5}'):
        native.plant(text)

        assert native.code(NEW).touch("k", ttl=10)
        assert native.kept() == text
        assert native.ends() == native.clock.ms + 10_000


@pytest.mark.parametrize("half", HALVES, ids=["blocking", "aio"])
def test_touch_is_one_command_to_a_server(half: Any, valkey: Server) -> None:
    with Bridge() as bridge, bridge.driven(half.RedisStorage(valkey.url, ttl=60)) as base:
        code = bridge.driven(half.enhance_storage(thing(base), migrations=NEW))
        code.set("k", ANN)
        with valkey.counted() as calls:
            assert code.touch("k")

    assert calls.names == ["PEXPIRE"]
    assert calls.scripted == []
    valkey.call("FLUSHALL")


def with_end(ms: int) -> str:
    return record(1, '{"n":1}', ms)


@pytest.fixture
def at_its_end(place: Place) -> Place:
    """A place with a record that ends in this very millisecond."""
    place.plant(with_end(place.clock.ms))
    return place


BY_THE_RECORD: dict[str, Callable[[Any], object]] = {
    "get": lambda store: store.get("k", MISSING),
    "has": lambda store: store.has("k"),
    "get_many": lambda store: store.get_many(["k"]),
    "values": lambda store: list(store.values()),
    "items": lambda store: list(store.items()),
}
NOTHING: dict[str, object] = {"get": MISSING, "has": False, "get_many": {}}


@pytest.mark.parametrize("read", BY_THE_RECORD)
def test_a_record_that_says_it_is_over_is_not_there_and_goes(at_its_end: Place, read: str) -> None:
    assert BY_THE_RECORD[read](at_its_end.code(OLD)) == NOTHING.get(read, [])
    assert at_its_end.kept() is None


def test_a_record_is_there_in_the_millisecond_before_its_end(place: Place) -> None:
    place.plant(with_end(place.clock.ms + 1))
    store = place.code(OLD)

    assert [BY_THE_RECORD[read](store) for read in BY_THE_RECORD] == [
        *({"n": 1}, True, {"k": {"n": 1}}, [{"n": 1}], [("k", {"n": 1})])
    ]


def test_what_is_over_does_not_keep_a_new_value_out(at_its_end: Place) -> None:
    store, text = at_its_end.code(OLD), at_its_end.kept() or ""
    for write in (
        lambda: store.add("k", 5),
        lambda: store.swap("k", MISSING, 5),
        lambda: store.update("k", lambda value: value, default=5),
        lambda: store.get_or_set("k", lambda: 5),
        lambda: store.incr("k", initial=4),
    ):
        at_its_end.plant(text)

        assert write() in (True, 5)
        assert at_its_end.kept() == '{"__v":1,"data":5}'


def test_a_change_keeps_the_end_that_only_the_record_tells(place: Place) -> None:
    end = place.clock.ms + 10_000
    for ttl, expected in ((KEEP, end), (None, None)):
        place.plant(with_end(end))
        store = place.code(OLD)
        store.update("k", lambda value: value["n"], ttl=ttl)
        assert store.incr("k", ttl=ttl) == 2
        assert store.swap("k", 2, [], ttl=ttl)
        with store.edit("k", ttl=ttl) as draft:
            draft.append(1)

        assert place.kept() == record(1, "[1]", expected)


def test_the_place_itself_goes_by_its_own_lifetimes(native: Place) -> None:
    native.plant(with_end(native.clock.ms))
    store = native.code(OLD)

    assert list(store.keys()) == ["k"]
    assert store.expires_at("k") is None
    assert store.touch("k", ttl=None)
    assert native.kept() == with_end(native.clock.ms)
    assert store.delete("k")


def test_a_lifetime_is_told_to_the_place_that_keeps_them(native: Place) -> None:
    native.code(OLD, ttl=5).set("k", 1)
    assert native.ends() == NOW_MS + 5000

    native.code(OLD, ttl=5).set("k", 2, ttl=KEEP)
    assert native.ends() == NOW_MS + 5000

    native.code(OLD).set("k", 3)
    assert native.ends() is None


@pytest.mark.parametrize("half", HALVES, ids=["blocking", "aio"])
@pytest.mark.parametrize("precise", [False, True])
def test_a_default_of_the_place_is_one_of_the_store_over_it(half: Any, precise: bool) -> None:
    with opened("memory", half, Path(), None, Clock(), ttl=60) as place:
        store = place.code(millisecond_precision=precise)
        store.set("k", 1)
        assert place.ends() == NOW_MS + 60_000

        place.clock.tick(1)
        assert store.touch("k")
        assert place.ends() == NOW_MS + 61_000
