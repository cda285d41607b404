"""The clock of a server goes where a test puts it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from storage.testing import Clock
from tests import servers
from tests.servers import Server, Wire
from tests.servers.clock import SHARED

START_MS = 1_700_000_000_457
LIFETIMES_MS = (1, 7, 999, 1000, 1001, 3_600_000, 34_560_000_000)
EXPIRIES = 300


@pytest.fixture
def moved(server: Server) -> Server:
    """A server whose clock moves; the fixture of the server puts it back."""
    if not server.clock_moves:
        pytest.skip("faketime is missing: the clock of no server moves")
    return server


def there(wire: Wire, key: str) -> bool:
    return wire.call("EXISTS", key) == 1


def test_three_hundred_lifetimes_by_a_held_clock(moved: Server) -> None:
    """To the millisecond. In the one in between, servers may or may not have removed the key."""
    now = START_MS
    wrong = []
    with moved.connect() as wire, moved.connect() as other:
        for number in range(EXPIRIES):
            moved.hold(now)
            lifetime = LIFETIMES_MS[number % len(LIFETIMES_MS)]
            wire.call("SET", "k", number, "PX", lifetime)
            moved.hold(now + lifetime - 1)
            early = not there(other, "k")
            now += lifetime + 1
            moved.hold(now)
            if early or there(other, "k"):
                wrong.append((number, lifetime, early))

    assert wrong == []


def test_a_hundred_lifetimes_by_a_clock_that_goes_on(moved: Server) -> None:
    wrong = []
    with moved.connect() as wire:
        for number in range(EXPIRIES // 3):
            wire.call("SET", "k", number, "PX", 60_000)
            moved.advance(30)
            early = not there(wire, "k")
            moved.advance(30.002)
            if early or there(wire, "k"):
                wrong.append((number, early))

    assert wrong == []


@pytest.mark.parametrize("ms", [1_000, START_MS, START_MS + 542, START_MS + 543, 4_855_680_000_001])
def test_a_held_clock_is_exact_and_stands_still(moved: Server, ms: int) -> None:
    moved.hold(ms)

    assert [moved.time_ms() for _ in range(20)] == [ms] * 20


def test_a_script_sees_the_time_that_the_server_was_told(moved: Server) -> None:
    moved.hold(START_MS)

    seconds, microseconds = moved.call("EVAL", "return redis.call('TIME')", 0)
    assert (int(seconds), int(microseconds) // 1000) == (1_700_000_000, 457)


def test_a_clock_goes_back(moved: Server) -> None:
    moved.hold(START_MS)
    moved.advance(-3600.001)

    assert moved.time_ms() == START_MS - 3_600_001


def test_a_clock_that_goes_on_is_as_far_ahead_as_was_told(moved: Server) -> None:
    moved.advance(86_400)
    moved.advance(-0.25)
    before = time.time_ns() // 1_000_000
    told = moved.time_ms() - 86_400_000 + 250

    # A server may know the time of its last turn only.
    assert before - 1000 <= told <= time.time_ns() // 1_000_000


def test_a_server_follows_a_clock_that_is_turned_by_hand(moved: Server) -> None:
    """What the contract does with a store on a server."""
    clock = Clock()
    moved.hold(clock.ms)
    moved.call("SET", "k", "v", "PX", 1500)
    clock.tick(1.25)
    moved.hold(clock.ms)

    assert moved.call("PTTL", "k") == 250


def test_the_next_test_finds_the_real_time(moved: Server) -> None:
    moved.hold(START_MS)
    moved.restore()

    assert abs(moved.time_ms() - time.time() * 1000) < 60_000


def test_a_server_can_do_without(tmp_path: Path, valkey: Server) -> None:
    with servers.running(valkey.binary, tmp_path, clock=False) as plain:
        assert not plain.clock_moves
        assert abs(plain.time_ms() - time.time() * 1000) < 60_000
        with pytest.raises(AssertionError, match="can not be moved"):
            plain.advance(1)


def test_a_killed_server_leaves_nothing_in_shared_memory(tmp_path: Path, valkey: Server) -> None:
    if not valkey.clock_moves:
        pytest.skip("faketime is missing: the clock of no server moves")
    with servers.running(valkey.binary, tmp_path) as server:
        mark = f"*{server.info('server')['process_id']}"
        assert [*SHARED.glob(mark)]
        server.kill()

        assert [*SHARED.glob(mark)] == []
