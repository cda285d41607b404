"""Lifetimes where none are kept, or none so fine: the record tells when it ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

import storage
from storage import KEEP, MISSING, ClosedError, CorruptValueError
from storage.testing.threads import crowd
from tests.layers.places import Place, params, placed, record

NOW_MS = 1_700_000_000_457
PAST = datetime(2000, 1, 1, tzinfo=timezone.utc)


def same(data: Any) -> Any:
    return data


@pytest.fixture(params=params("dict", "sqlite", "valkey"))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with placed(request, tmp_path) as place:
        yield place


@pytest.fixture
def store(place: Place) -> Any:
    return place.code({1: same}, millisecond_precision=True)


@pytest.fixture(params=params("memory", "sqlite", "valkey"))
def native(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A place that keeps lifetimes."""
    with placed(request, tmp_path) as place:
        yield place


def end(place: Place, name: str = "k") -> Any:
    """The end in the record."""
    return json.loads(place.kept(name) or "").get("__exp")


def test_the_place_is_told_the_end_as_well_where_it_keeps_them(native: Place) -> None:
    store = native.code({1: same}, millisecond_precision=True)
    for call in (
        lambda: store.set("k", 1, ttl=5),
        lambda: store.touch("k", ttl=5),
        lambda: store.update("k", lambda value: value + 1, ttl=5),
        lambda: store.set_many({"k": 5}, ttl=5),
        lambda: store.swap("k", 5, 6, ttl=5),
    ):
        native.clock.tick(1)
        call()
        assert native.ends() == end(native) == native.clock.ms + 5000
    assert store.touch("k", ttl=None)
    assert native.ends() is None
    assert end(native) is None


def test_a_moment_that_is_over_takes_the_key_away(store: Any, place: Place) -> None:
    for call in (
        lambda: store.set("k", 2, ttl=PAST),
        lambda: store.touch("k", ttl=PAST),
        lambda: store.update("k", lambda value: value + 1, ttl=PAST),
        lambda: store.swap("k", 1, 2, ttl=PAST),
        lambda: store.set_many({"k": 2}, ttl=PAST),
    ):
        store.set("k", 1)
        call()
        assert place.kept() is None
    assert store.add("k", 1, ttl=PAST)
    assert place.kept() is None


def test_a_set_without_a_lifetime_keeps_the_end_only_with_millisecond_precision(
    place: Place,
) -> None:
    precise = place.code({1: same}, millisecond_precision=True)
    precise.set("k", 1, ttl=5)
    precise.set("k", 2)
    precise.set_many({"k": 3})
    assert end(place) == NOW_MS + 5000

    place.code({1: same}).set("k", 4)
    assert end(place) is None
    assert place.ends() is None


def test_keeping_keeps_and_none_is_for_ever(store: Any, place: Place) -> None:
    changes: list[Callable[[Any], object]] = [
        lambda ttl: store.set("k", 1, ttl=ttl),
        lambda ttl: store.set_many({"k": 2}, ttl=ttl),
        lambda ttl: store.update("k", lambda value: value + 1, ttl=ttl),
        lambda ttl: store.incr("k", ttl=ttl),
        lambda ttl: store.swap("k", store.get("k"), 9, ttl=ttl),
        lambda ttl: store.touch("k", ttl=ttl),
    ]
    for change in changes:
        for ttl, expected in ((KEEP, NOW_MS + 5000), (None, None)):
            store.set("k", 0, ttl=5)
            change(ttl)
            assert end(place) == expected


def test_an_end_is_exact_to_the_millisecond(store: Any, place: Place) -> None:
    store.set("k", 1, ttl=timedelta(milliseconds=3))
    place.clock.tick(0.002)
    assert store.get("k") == 1
    assert store.expires_at("k").timestamp() == (NOW_MS + 3) / 1000

    place.clock.tick(0.001)
    assert store.get("k") is None
    assert store.expires_at("k") is MISSING


def ended(place: Place, name: str = "k") -> None:
    """A record that is over, and that the place itself would keep."""
    place.plant(record(1, "1", place.clock.ms), name)


MEETINGS: dict[str, tuple[Callable[[Any], object], object]] = {
    "get": (lambda store: store.get("k", MISSING), MISSING),
    "has": (lambda store: store.has("k"), False),
    "expires_at": (lambda store: store.expires_at("k"), MISSING),
    "touch": (lambda store: store.touch("k", ttl=5), False),
    "delete": (lambda store: store.delete("k"), False),
    "delete_many": (lambda store: store.delete_many(["k"]), 0),
    "get_many": (lambda store: store.get_many(["k"]), {}),
    "keys": (lambda store: list(store.keys()), []),
    "values": (lambda store: list(store.values()), []),
    "items": (lambda store: list(store.items()), []),
    "swap": (lambda store: store.swap("k", 1, 2), False),
    "clear": (lambda store: store.clear(everything=True), 0),
}


@pytest.mark.parametrize("meeting", MEETINGS)
def test_who_meets_what_is_over_takes_it_away(store: Any, place: Place, meeting: str) -> None:
    ended(place)
    call, answer = MEETINGS[meeting]

    assert call(store) == answer
    assert place.kept() is None


def test_what_is_over_is_replaced_by_what_is_new(store: Any, place: Place) -> None:
    for call, value in (
        (lambda: store.add("k", 5), 5),
        (lambda: store.swap("k", MISSING, 6), 6),
        (lambda: store.get_or_set("k", lambda: 7), 7),
        (lambda: store.update("k", lambda seven: seven + 1, default=7), 8),
        (lambda: store.incr("k", initial=8), 9),
        (lambda: store.set("k", 10), 10),
    ):
        ended(place)
        call()
        assert place.kept() == record(1, str(value))


def test_clear_counts_the_living_and_leaves_nothing(store: Any, place: Place) -> None:
    store.set_many({"a": 1, "b": 2}, ttl=5)
    ended(place, "c")

    assert store.clear(everything=True) == 2
    assert [place.kept(name) for name in "abc"] == [None] * 3


@pytest.mark.parametrize("half", [storage, storage.aio], ids=["blocking", "aio"])
def test_a_walk_over_many_pages_shows_the_living_once(half: Any, tmp_path: Path) -> None:
    request: Any = type("Request", (), {"param": ("sqlite", half)})
    with placed(request, tmp_path) as place:
        store = place.code({1: same}, millisecond_precision=True)
        store.set_many({f"key {number:04}": number for number in range(1300)})
        store.set_many({f"key {number:04}": number for number in range(0, 1300, 2)}, ttl=1)
        place.clock.tick(0.999)
        assert len(list(store.keys())) == 1300
        for number in range(1, 1300, 4):
            ended(place, f"key {number:04}")
        living = [number for number in range(1300) if number % 4 != 1]
        assert sorted(store.values()) == living

        place.clock.tick(0.001)
        living = [number for number in living if number % 2]
        assert sorted(dict(store.items()).values()) == living
        assert sorted(store.keys()) == [f"key {number:04}" for number in living]
        assert len(list(place.plain.keys())) == len(living)


def test_lifetimes_that_the_place_keeps_go_on_under_millisecond_precision(native: Place) -> None:
    """A bot may turn it on over what it has."""
    native.code({1: same}).set("k", [1], ttl=10)
    store = native.code({1: same, 2: same}, millisecond_precision=True)
    ends = NOW_MS + 10_000

    assert store.get("k") == [1]
    assert store.expires_at("k").timestamp() == ends / 1000
    store.set("k", [2])
    store.update("k", lambda value: [*value, 3])
    with store.edit("k") as draft:
        draft.append(4)
    assert native.ends() == ends
    assert store.touch("k", ttl=None)
    assert native.ends() is None
    assert store.get("k") == [2, 3, 4]


def test_a_touch_between_a_read_and_a_write_is_not_undone(store: Any, place: Place) -> None:
    store.set("k", 1, ttl=5)
    touched: list[bool] = []

    def change(value: int) -> int:
        if not touched:
            touched.append(True)
            place.plant(record(1, "1", NOW_MS + 9000))
        return value + 1

    assert store.update("k", change) == 2
    assert end(place) == NOW_MS + 9000


@pytest.mark.parametrize("version", [0, 1, 9])
def test_a_touch_leaves_version_and_data_as_they_are(
    store: Any, place: Place, version: int
) -> None:
    text = record(version, '{"n":1}')
    place.plant(text)

    assert store.touch("k", ttl=5)
    assert place.kept() == record(version, '{"n":1}', NOW_MS + 5000)
    assert store.touch("k", ttl=None)
    assert place.kept() == text


def test_a_touch_puts_a_value_without_an_envelope_into_one(store: Any, place: Place) -> None:
    place.plant('{"__v":7,"name":"Ann"}')

    assert store.touch("k", ttl=5)
    assert place.kept() == record(0, '{"__v":7,"name":"Ann"}', NOW_MS + 5000)
    assert store.get("k") == {"__v": 7, "name": "Ann"}


def test_what_nobody_can_read_is_not_touched_and_can_be_taken_away(
    store: Any, place: Place
) -> None:
    text = '{"__v":"1","data":1}'
    place.plant(text)

    with pytest.raises(CorruptValueError) as caught:
        store.touch("k", ttl=5)
    assert (caught.value.store, bool(caught.value.key)) == (place.base._layers.label, True)
    assert place.kept() == text
    assert store.has("k")
    assert store.delete("k")
    place.plant(text)
    store.set("k", 1)
    assert store.get("k") == 1


def test_what_was_planted_under_an_encrypted_store_is_refused_and_can_be_taken_away(
    native: Place,
) -> None:
    base = native.half.encrypted(native.base, b"k" * 32)
    options = {"clock": native.clock, "millisecond_precision": True}
    store = native.bridge.driven(native.half.enhance_storage(base, **options))
    store.set_many({"good": 1, "late": 2}, ttl=5)
    planted = '{"__v":0,"data":"a secret"}'
    native.plant(planted)

    for read in (
        lambda: store.get("k"),
        lambda: store.get_many(["k"]),
        lambda: list(store.values()),
        lambda: list(store.items()),
        lambda: store.update("k", same),
        lambda: store.touch("k", ttl=5),
    ):
        with pytest.raises(CorruptValueError) as caught:
            read()
        assert "a secret" not in str(caught.value)
    assert dict(store.items(on_corrupt="skip")) == {"good": 1, "late": 2}
    assert sorted(store.keys()) == ["good", "k", "late"]
    assert store.has("k")
    assert not store.add("k", 1)
    assert native.kept() == planted

    store.set("k", 3)
    assert store.get("k") == 3
    native.plant(planted)
    assert store.delete("k")
    native.plant(planted)
    assert store.clear(everything=True) == 3


def test_no_change_is_lost_between_those_who_wait_for_nobody(place: Place) -> None:
    codes = [place.code({1: same}, apart=True, millisecond_precision=True) for _ in range(4)]
    codes[0].set_many({"n": 0, "log": []}, ttl=5)

    def work(number: int) -> Callable[[], None]:
        def turns() -> None:
            for turn in range(5):
                codes[number].incr("n")
                codes[number].update("log", lambda log, turn=turn: [*log, [number, turn]])
                codes[number].touch("n", ttl=5)

        return turns

    crowd([work(number) for number in range(4)])

    assert codes[0].get("n") == 20
    log = codes[0].get("log")
    assert len(log) == 20
    for number in range(4):
        assert [entry for entry in log if entry[0] == number] == [[number, t] for t in range(5)]
    assert end(place, "log") == NOW_MS + 5000


def test_a_closed_place_refuses_everything(place: Place, store: Any) -> None:
    store.set("k", 1)
    place.plain.close()

    for call in (store.get, store.delete, store.has, store.incr):
        with pytest.raises(ClosedError):
            call("k")
