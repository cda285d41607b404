"""What an enhanced store writes, and what it takes for a record."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

import storage
from storage import (
    DELETE,
    MISSING,
    ConfigurationError,
    CorruptValueError,
    JsonCodec,
    MigrationError,
    StorageError,
)
from tests.layers.places import KINDS, Place, params, placed, record


def edited(store: Any) -> None:
    with store.edit("k") as draft:
        draft["n"] = 1


THROUGH_THE_CHANGES: dict[str, Callable[[Any], object]] = {
    "update": lambda store: store.update("k", lambda value: [value]),
    "swap": lambda store: store.swap("k", 1, 2),
    "incr": lambda store: store.incr("k"),
    "edit": edited,
}
THROUGH_THE_READS: dict[str, Callable[[Any], object]] = {
    "get": lambda store: store.get("k"),
    "get_many": lambda store: store.get_many(["k"]),
    "values": lambda store: list(store.values()),
    "items": lambda store: list(store.items()),
    "get_or_set": lambda store: store.get_or_set("k", int),
}
EVERYTHING_THAT_READS = {**THROUGH_THE_READS, **THROUGH_THE_CHANGES}


def same(data: Any) -> Any:
    return data


@pytest.fixture(params=params("memory", "dict"))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with placed(request, tmp_path) as place:
        yield place


@pytest.fixture(params=params(*KINDS))
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with placed(request, tmp_path) as place:
        yield place


@pytest.fixture(params=params("memory", "sqlite", "valkey"))
def in_bytes(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A place that keeps any bytes, and lifetimes."""
    with placed(request, tmp_path) as place:
        yield place


def refused(store: Any, kind: type[StorageError], calls: dict[str, Any]) -> list[StorageError]:
    """Every one of *calls* raises *kind*, and names store and key."""
    errors = []
    for call in calls.values():
        with pytest.raises(kind) as caught:
            call(store)
        assert caught.value.key == "k"
        assert caught.value.store
        errors.append(caught.value)
    return errors


def test_a_record_is_written_as_the_original_writes_it(anywhere: Place) -> None:
    anywhere.code().set("k", {"n": 1})
    assert anywhere.kept() == '{"__v":0,"data":{"n":1}}'

    anywhere.code({1: same, 2: same}).set("k", {"n": 1})
    assert anywhere.kept() == '{"__v":2,"data":{"n":1}}'

    anywhere.code({7: same}).set_many({"k": "é"})
    assert anywhere.kept() == '{"__v":7,"data":"é"}'


def test_an_end_stands_last_where_the_place_keeps_none(place: Place) -> None:
    place.code({2: same}, millisecond_precision=place.native).set("k", [1], ttl=10)

    assert place.kept() == '{"__v":2,"data":[1],"__exp":1700000010457}'
    assert place.ends() == (1700000010457 if place.native else None)


def test_where_the_place_keeps_lifetimes_no_record_has_an_end_in_it(anywhere: Place) -> None:
    anywhere.code({1: same}).set("k", 5, ttl=10)

    end = 1700000010457
    assert anywhere.kept() == record(1, "5", None if anywhere.native else end)
    assert anywhere.ends() == (end if anywhere.native else None)


@pytest.mark.parametrize(
    "text",
    [
        '{"__v":2,"data":{"n":1},"__exp":1718000000000}',
        '{"__exp":1718000000000,"data":{"n":1},"__v":2}',
        '{ "__v": 2, "data": { "n": 1 }, "__exp": 1717999999999.5 }',
        '{"__v":2,"data":{"n":1}}',
    ],
)
def test_a_record_is_read_whoever_wrote_it(anywhere: Place, text: str) -> None:
    anywhere.plant(text)
    store = anywhere.code({1: same, 2: same})

    assert store.get("k") == {"n": 1}
    assert store.get_many(["k"]) == {"k": {"n": 1}}
    assert dict(store.items()) == {"k": {"n": 1}}
    assert store.update("k", lambda value: {**value, "m": 2}) == {"n": 1, "m": 2}
    changed = json.loads(anywhere.kept() or "")
    assert changed == {**json.loads(text), "data": {"n": 1, "m": 2}, **whole(changed)}


def whole(changed: dict[str, Any]) -> dict[str, int]:
    """The end, in whole milliseconds."""
    return {"__exp": 1718000000000} if "__exp" in changed else {}


@pytest.mark.parametrize(
    "legacy",
    [
        *({"__v": 0, "name": "Ann"}, {"__v": 3, "data": 1, "name": "Ann"}),
        *({"data": 1}, {"__exp": 5}, {"__v": "1", "name": "Ann"}, {"data": 1, "__exp": 5}),
        *([{"__v": 1, "data": 2}], "text", 5, {}),
    ],
)
def test_a_value_that_is_no_envelope_is_of_version_0(place: Place, legacy: Any) -> None:
    place.plant(json.dumps(legacy))
    store = place.code({1: lambda data: {"was": data}})

    assert list(store.values()) == [{"was": legacy}]
    assert store.get("k") == {"was": legacy}
    assert json.loads(place.kept() or "") == {"__v": 1, "data": {"was": legacy}}


@pytest.mark.parametrize("legacy", ['{"__v":0,"name":"Ann"}', "5", '{"a":1}'])
def test_without_a_migration_to_it_a_value_stays_as_it_is(anywhere: Place, legacy: str) -> None:
    anywhere.plant(legacy)
    store = anywhere.code()

    assert store.get("k") == json.loads(legacy)
    assert store.update("k", same) == json.loads(legacy)
    assert store.touch("k", ttl=None)
    assert anywhere.kept() == legacy


@pytest.mark.parametrize(
    "value", [{"__v": 9, "data": 1}, {"__v": "x", "data": 1, "__exp": 0}, {"__exp": 1}]
)
def test_a_value_that_looks_like_an_envelope_comes_back(place: Place, value: Any) -> None:
    store = place.code({1: same})
    store.set("k", value, ttl=10)

    assert store.get("k") == value
    assert store.touch("k", ttl=20)
    assert list(store.values()) == [value]
    assert store.swap("k", value, [value])
    assert store.update("k", same) == [value]


@pytest.mark.parametrize(
    "text",
    [
        *('{"__v":"2","data":1}', '{"__v":2.0,"data":1}', '{"__v":-1,"data":1}'),
        *('{"__v":true,"data":1}', '{"__v":null,"data":1}', '{"__v":1.5,"data":1}'),
        *('{"__v":1,"data":1,"__exp":null}', '{"__v":1,"data":1,"__exp":"soon"}'),
        *('{"__v":1}', '{"__v":1,"__exp":5}'),
        *('{"__v":1,"data":1,"__exp":true}', '{"__v":1,"data":1,"__exp":[5]}'),
    ],
)
def test_an_envelope_that_is_none_is_corrupt_and_stays(place: Place, text: str) -> None:
    place.plant(text)
    before = place.kept()
    store = place.code({1: same})

    refused(store, CorruptValueError, EVERYTHING_THAT_READS)
    assert list(store.values(on_corrupt="skip")) == []
    assert not store.add("k", 1)
    assert store.has("k")
    assert list(store.keys()) == ["k"]
    assert place.kept() == before

    store.set("k", 5)
    assert store.get("k") == 5


def test_a_record_that_was_cut_short_is_corrupt(in_bytes: Place) -> None:
    in_bytes.plant('{"__v":1,"data":55')

    refused(in_bytes.code({1: same}), CorruptValueError, EVERYTHING_THAT_READS)
    assert in_bytes.kept() == '{"__v":1,"data":55'


@pytest.mark.parametrize("exp", ["9" * 400, "1e300", "9007199254740991"])
def test_an_end_beyond_all_dates_is_for_ever(in_bytes: Place, exp: str) -> None:
    in_bytes.plant(record(1, "5", exp))
    store = in_bytes.code({1: same}, millisecond_precision=True)

    assert store.get("k") == 5
    assert store.incr("k") == 6
    assert store.get_many(["k"]) == {"k": 6}
    assert store.expires_at("k").year == 9999


@pytest.mark.parametrize("size", [20, 100])
def test_the_longest_value_that_is_stored_can_be_changed(place: Place, size: int) -> None:
    base = place.half.Storage(place.base._backend, codec=JsonCodec(max_bytes=size))
    text = "x" * (size - 2)
    for over in (base, place.half.compressed(base, over=8)) if place.native else (base,):
        store = place.bridge.driven(
            place.half.enhance_storage(over, migrations={2: same}, clock=place.clock)
        )
        store.set("k", text, ttl=10)
        assert store.update("k", lambda value: value[:-1] + "y") == text[:-1] + "y"
        assert store.touch("k", ttl=20)
        assert store.get("k") == text[:-1] + "y"


@pytest.mark.parametrize("version", [3, 1_000_000, 2**53 - 1])
def test_what_is_newer_is_refused_and_stays(anywhere: Place, version: int) -> None:
    text = record(version, "1")
    anywhere.plant(text)
    store = anywhere.code({1: same, 2: same})

    errors = refused(store, MigrationError, EVERYTHING_THAT_READS)
    assert {error.version for error in errors if isinstance(error, MigrationError)} == {version}
    assert store.has("k")
    assert not store.add("k", 5)
    assert store.touch("k", ttl=None)
    assert not store.swap("k", MISSING, DELETE)
    assert list(store.values(on_corrupt="skip")) == []
    assert anywhere.kept() == text


def test_what_is_newer_may_be_read_and_is_never_stamped_as_older(anywhere: Place) -> None:
    text = '{"__v":3,"data":{"n":0}}'
    anywhere.plant(text)
    store = anywhere.code({1: same, 2: same}, on_newer="read")

    for read in (store.get, lambda key: store.get_or_set(key, int)):
        assert read("k") == {"n": 0}
    assert dict(store.items()) == store.get_many(["k"]) == {"k": {"n": 0}}
    assert not store.add("k", 5)
    refused(store, MigrationError, THROUGH_THE_CHANGES)
    assert anywhere.kept() == text

    store.set("k", "whole")
    assert anywhere.kept() == '{"__v":2,"data":"whole"}'


def test_a_record_from_before_the_first_migration_is_refused_and_stays(place: Place) -> None:
    store = place.code({4: lambda data: [*data, 4], 5: lambda data: [*data, 5]})
    for text, version in (("[0]", 0), ('{"__v":2,"data":[2]}', 2)):
        place.plant(text)

        errors = refused(store, MigrationError, EVERYTHING_THAT_READS)
        assert {getattr(error, "version", None) for error in errors} == {version}
        assert place.kept() == text
    place.plant('{"__v":3,"data":[3]}')

    assert store.get("k") == [3, 4, 5]


def raises(data: Any) -> Any:
    raise LookupError("what the migration says")


def corrupts(data: Any) -> Any:
    raise ValueError("what the migration says")


async def awaited(data: Any) -> Any:
    return data


class Awaitable:
    def __await__(self) -> Iterator[Any]:
        raise AssertionError("nobody awaits it")


FAILING: dict[str, Callable[[Any], Any]] = {
    "raises": raises,
    "raises a ValueError": corrupts,
    "returns nothing": lambda data: data.update(changed=True),
    "returns what no JSON is": lambda data: {1, 2},
    "returns what is not written": lambda data: 2**53,
    "returns something to await": lambda data: Awaitable(),
}


@pytest.mark.parametrize("failing", FAILING)
def test_a_migration_that_fails_names_key_and_version_and_changes_nothing(
    anywhere: Place, failing: str
) -> None:
    text = '{"__v":1,"data":{"n":1}}'
    anywhere.plant(text)
    store = anywhere.code({2: FAILING[failing]})

    errors = refused(store, MigrationError, EVERYTHING_THAT_READS)
    assert {getattr(error, "version", None) for error in errors} == {2}
    assert not any("what the migration says" in str(error) for error in errors)
    assert store.has("k")
    assert not store.add("k", 5)
    assert anywhere.kept() == text
    assert anywhere.code({2: same}).get("k") == {"n": 1}


def test_what_a_migration_raised_is_the_cause(place: Place) -> None:
    place.plant("{}")

    with pytest.raises(MigrationError) as caught:
        place.code({1: same, 2: raises}).get("k")
    assert isinstance(caught.value.__cause__, LookupError)


def test_a_migration_may_change_what_it_is_given(place: Place) -> None:
    def to_1(data: Any) -> Any:
        data["seen"] = data.get("seen", 0) + 1
        return data

    place.plant('{"n":1}')
    store = place.code({1: to_1})

    assert [dict(store.items()) for _ in range(3)] == [{"k": {"n": 1, "seen": 1}}] * 3
    assert store.update("k", lambda value: {**value, "m": 2}) == {"n": 1, "m": 2, "seen": 1}


def test_steps_are_taken_in_their_order_and_only_those_that_are_needed(place: Place) -> None:
    store = place.code({n: lambda data, n=n: [*data, n] for n in (3, 1, 2)})
    for text, expected in (("[]", [1, 2, 3]), ('{"__v":2,"data":[9]}', [9, 3])):
        place.plant(text)

        assert store.get("k") == expected
        assert store.get("k") == expected


@pytest.mark.parametrize(
    ("migrations", "error"),
    [
        ({1: same, 3: same}, ConfigurationError),
        ({0: same}, ConfigurationError),
        ({-1: same}, ConfigurationError),
        ({"1": same}, ConfigurationError),
        ({True: same}, ConfigurationError),
        ({1.0: same}, ConfigurationError),
        ([same], ConfigurationError),
        ({1: None}, TypeError),
        ({1: awaited}, TypeError),
    ],
)
def test_migrations_that_lead_nowhere_are_refused_before_anything_is_read(
    place: Place, migrations: Any, error: type[Exception]
) -> None:
    place.plant("5")

    with pytest.raises(error):
        place.code(migrations)
    assert place.kept() == "5"


def test_a_word_for_what_is_newer_that_is_none_is_refused(place: Place) -> None:
    with pytest.raises(ConfigurationError, match="on_newer"):
        place.code(on_newer="ignore")


def test_a_mapping_is_taken_as_it_was(place: Place) -> None:
    steps = {1: same}
    store = place.code(MappingProxyType(steps))
    steps[2] = same
    store.set("k", 5)

    assert place.kept() == '{"__v":1,"data":5}'


def test_a_store_whose_codec_writes_no_json_is_refused() -> None:
    class Reversed(JsonCodec):
        def encode(self, value: Any, /) -> bytes:
            return super().encode(value)[::-1]

    base = storage.Storage(storage.MemoryStorage()._backend, codec=Reversed())

    with pytest.raises(ConfigurationError, match="JSON"):
        storage.enhance_storage(base)


def test_tasks_that_read_an_older_record_at_once_agree() -> None:
    async def run() -> list[Any]:
        base = storage.aio.MemoryStorage({"k": [0]})
        store = storage.aio.enhance_storage(base, migrations={1: lambda data: [*data, 1]})
        return await asyncio.gather(*(store.get("k") for _ in range(20)))

    assert asyncio.run(run()) == [[0, 1]] * 20
