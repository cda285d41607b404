"""What moves whole stores stands on: entries put there with their ends, and the ends of many."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage import MISSING, UnsupportedError
from storage.testing import Bridge, Clock
from tests.contract.backends import BACKENDS, Row, params
from tests.contract.layers import LAYERED, by_day

Entry = tuple[str, bytes, "int | None"]

MORE_THAN_A_COMMAND = 1100


class Room:
    """A backend by plain calls, below the store that was made over it."""

    def __init__(self, store: Any, bridge: Bridge, row: Row, clock: Clock) -> None:
        self._layers = store._layers
        self.backend: Any = bridge.driven(store._backend)
        self.row = row
        self.clock = clock

    def entry(self, key: str, value: Any, seconds: float | None = None) -> Entry:
        """What `restore` takes for *value*, which ends in *seconds*."""
        name = self.name(key)
        ends = None if seconds is None else self.clock.ms + int(seconds * 1000)
        return name, self._layers.sealed(key, name, value), ends

    def name(self, key: str) -> str:
        return str(self._layers.names.name(key))

    def value(self, key: str) -> Any:
        raw = self.backend.read(self.name(key))
        return self._layers.value(key, self.name(key), raw)

    def ends(self, *keys: str) -> list[Any]:
        return list(self.backend.ends_many([self.name(key) for key in keys]))

    def kept(self, ends: int | None) -> int | None:
        """When an entry that shall end at *ends* does so here."""
        grain = self.row.capabilities.expiry_ms
        return None if ends is None or grain is None else -(-ends // grain) * grain


ROWS = by_day([*BACKENDS, *LAYERED])
EXPIRING = [row for row in ROWS if row.capabilities.expiry_ms is not None]
STEPPING = [row for row in ROWS if row.capabilities.atomic is not None]
STEPLESS = [row for row in ROWS if row.capabilities.atomic is None]


@pytest.fixture(params=params(ROWS))
def room(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Room]:
    row: Row = request.param
    ground = row.ground(request, tmp_path, clock)
    store = row.opened(ground)
    with Bridge() as bridge:
        yield Room(store, bridge, row, clock)
        bridge.driven(store).close()
    ground.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_what_is_restored_has_its_value_and_its_end_to_the_millisecond(room: Room) -> None:
    entries = [room.entry("a", {"n": 1}, 60.123), room.entry("b", [2]), room.entry("c", "x", 5.001)]

    assert room.backend.restore(entries, True) == 3

    assert [room.value(key) for key in "abc"] == [{"n": 1}, [2], "x"]
    assert room.ends(*"abc") == [room.kept(ends) for _, _, ends in entries]


def test_the_ends_of_many_are_those_of_each_in_their_order(room: Room) -> None:
    room.backend.restore([room.entry("a", 1, 60), room.entry("b", 2)], True)

    names = [room.name(key) for key in ("b", "nobody", "a", "b")]

    assert list(room.backend.ends_many(names)) == [room.backend.ends(name) for name in names]
    assert room.ends("nobody") == [MISSING]
    assert room.ends() == []


def test_what_is_restored_replaces_value_and_end(room: Room) -> None:
    room.backend.restore([room.entry("a", 1, 60), room.entry("b", 1)], True)

    assert room.backend.restore([room.entry("a", 2), room.entry("b", 2, 30)], True) == 2

    assert [room.value(key) for key in "ab"] == [2, 2]
    _, _, ends = room.entry("b", 2, 30)
    assert room.ends("a", "b") == [None, room.kept(ends)]


@pytest.mark.parametrize("room", params(STEPPING), indirect=True)
def test_what_is_restored_leaves_what_is_there_if_it_shall(room: Room) -> None:
    room.backend.restore([room.entry("a", 1)], True)

    entries = [room.entry("a", 2, 30), room.entry("b", 2, 30), room.entry("c", 3)]
    assert room.backend.restore(entries, False) == 2
    assert room.backend.restore(entries, False) == 0

    assert [room.value(key) for key in "abc"] == [1, 2, 3]
    assert room.ends("a") == [None]


@pytest.mark.parametrize("room", params(STEPLESS), indirect=True)
def test_what_is_there_can_not_be_left_where_nothing_looks_and_writes_at_once(room: Room) -> None:
    room.backend.restore([room.entry("a", 1)], True)

    with pytest.raises(UnsupportedError):
        room.backend.restore([room.entry("a", 2), room.entry("b", 2)], False)

    assert room.value("a") == 1
    assert room.ends("a", "b") == [None, MISSING]


@pytest.mark.parametrize("room", params(EXPIRING), indirect=True)
def test_what_is_over_is_absent_when_it_is_restored(room: Room) -> None:
    room.backend.restore([room.entry("a", 1), room.entry("b", 1, 60)], True)
    room.clock.tick(100)

    room.backend.restore([room.entry("a", 2, -50), room.entry("c", 3, -0.001)], True)

    assert room.ends(*"abc") == [MISSING] * 3
    assert not any(room.backend.exists(room.name(key)) for key in "abc")


@pytest.mark.parametrize(
    "room", params([one for one in EXPIRING if one in STEPPING]), indirect=True
)
def test_what_is_over_does_not_stay_where_something_is_restored(room: Room) -> None:
    room.backend.restore([room.entry("a", 1, 2)], True)
    room.clock.tick(3 + room.row.late_ms / 1000)

    assert room.backend.restore([room.entry("a", 2)], False) == 1

    assert room.value("a") == 2
    assert room.ends("a") == [None]


def test_many_are_restored_as_few_are(room: Room) -> None:
    keys = [f"key {number}" for number in range(MORE_THAN_A_COMMAND)]
    entries = [room.entry(key, [key], 60 + number) for number, key in enumerate(keys)]
    entries[7] = room.entry(keys[7], "long" * 400_000, 67)

    assert room.backend.restore(entries, True) == MORE_THAN_A_COMMAND
    if room.row in STEPPING:
        assert room.backend.restore(entries, False) == 0

    assert [room.value(key) for key in (keys[6], keys[8], keys[-1])] == [
        [key] for key in (keys[6], keys[8], keys[-1])
    ]
    assert room.value(keys[7]) == "long" * 400_000
    assert room.ends(*keys) == [room.kept(ends) for _, _, ends in entries]


def test_nothing_is_restored_of_nothing(room: Room) -> None:
    assert room.backend.restore([], True) == 0
    if room.row in STEPPING:
        assert room.backend.restore([], False) == 0
