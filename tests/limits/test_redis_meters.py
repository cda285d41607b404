"""What a server keeps of rate limits: how long, how large, and what it makes of foreign bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest

from storage import CorruptValueError, WrongTypeError
from storage.core.meters import unpacked
from storage.core.window import ends
from storage.records import Ask, Meter
from tests.limits.conftest import Rooms
from tests.limits.serving import (
    EACH,
    HEAD,
    MINUTE,
    OF_SLOTS,
    OTHER,
    SETS,
    STEPS,
    TOKEN,
    Call,
    filled,
    meter,
    meters,
    one_name,
    stored,
    waited,
)
from tests.servers import Server

BYTES_A_HIT = 11
LARGE = 70_000


@pytest.fixture
def room(rooms: Rooms, valkey: Server) -> Any:
    return rooms(valkey)


def name_of(server: Server, one: Meter) -> bytes:
    """What *one* is called, as the server lists it."""
    start = f"storage:~limit~{one.rule.stored}~".encode()
    (name,) = (name for name in stored(server) if name.startswith(start))
    return name


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("chosen", SETS)
def test_whatever_is_stored_ends_when_it_counts_no_more(
    chosen: str, step: str, room: Any, valkey: Server
) -> None:
    for prepare in (lambda: None, lambda: filled(room, SETS[chosen])):
        valkey.call("FLUSHALL")
        prepare()
        STEPS[step](room, SETS[chosen])

        left = stored(valkey)
        assert all(ms >= 0 for ms in left.values()), left
        for one in SETS[chosen]:
            check_end(valkey, one)
        assert left.keys() or step in ("peek", "refund", "hit, refused")


def check_end(server: Server, one: Meter) -> None:
    """Where something is kept of *one*, it goes in the millisecond in which it counts no more."""
    start = f"storage:~limit~{one.rule.stored}~".encode()
    for name in stored(server):
        if name.startswith(start):
            raw, ms = server.call("GET", name), server.call("PEXPIRETIME", name)
            state = unpacked(one.rule, raw)
            wanted = max(ends(one.rule, state), state.seen + 1000)
            assert wanted <= ms * 1000 < wanted + 3_000_000, (one.rule.stored, state, ms)


@pytest.mark.parametrize("step", OF_SLOTS)
def test_slots_end_too(step: str, room: Any, valkey: Server) -> None:
    slots = EACH["slots"]
    for token in (TOKEN, OTHER):
        room.hit(slots, Ask(1, token))

    assert OF_SLOTS[step](room, slots)

    assert all(0 < ms <= 60_001 for ms in stored(valkey).values())
    check_end(valkey, slots[0])


def test_nothing_is_left_of_what_is_forgotten(room: Any, valkey: Server) -> None:
    room.hit(SETS["all at once"], Ask(1, TOKEN))
    waited(room, EACH["gcra"])
    room.refund(EACH["gcra"], 1, waited(room, EACH["gcra"]).at - 1)

    room.reset(SETS["all at once"])
    room.reset(EACH["gcra"])

    assert stored(valkey) == {}


@pytest.mark.parametrize("hits", [200, 1000])
def test_a_hit_in_a_log_takes_little_more_than_its_moment(
    hits: int, room: Any, valkey: Server
) -> None:
    chosen = meters("log", key="user:123456", hits=1000)
    for _ in range(hits):
        assert room.hit(chosen, Ask()).passed

    took = valkey.call("MEMORY", "USAGE", one_name(valkey), "SAMPLES", "0")
    assert took <= BYTES_A_HIT * hits


def test_a_large_log_is_neither_read_nor_written_as_a_whole(room: Any, valkey: Server) -> None:
    chosen = meters("log", hits=LARGE, per=0.2)
    for _ in range(4):
        room.hit(chosen, Ask(LARGE // 8))
    room.hit(chosen, Ask(LARGE // 2))
    with valkey.counted() as calls:
        room.hit(chosen, Ask())
        room.peek(chosen, Ask(LARGE // 4))

    inside = [call for call in calls.everything if call.scripted]
    ranges = [tuple(map(int, call.words[2:])) for call in inside if call.name == "GETRANGE"]
    assert all(0 <= last - first < 1024 for first, last in ranges)
    assert "GET" not in calls.scripted
    assert "SET" not in calls.scripted
    assert len(inside) < 100


def test_hits_are_counted_exactly_while_a_server_forgets_its_scripts(
    room: Any, valkey: Server
) -> None:
    chosen = SETS["all at once"]
    passed = 0
    for number in range(30):
        if number % 2 == 0:
            valkey.call("SCRIPT", "FLUSH")
        told = (
            room.hit_many([chosen], Ask(1, TOKEN))
            if number % 3
            else [room.hit(chosen, Ask(1, TOKEN))]
        )
        passed += told[0].passed

    assert passed == 5


@pytest.mark.parametrize("chosen", EACH)
def test_where_the_clock_of_a_server_goes_back_time_stands_still(
    chosen: str, room: Any, valkey: Server
) -> None:
    if not valkey.clock_moves:
        pytest.skip("the clock of the server can not be moved here")
    first = room.hit(EACH[chosen], Ask(3, TOKEN))
    valkey.advance(-3600)

    again, refusal = (room.hit(EACH[chosen], Ask(2, TOKEN)) for _ in range(2))

    assert (again.passed, again.now, again.readings[0].left) == (True, first.now, 0)
    assert not refusal.passed
    assert all(ms > 3_600_000 for ms in stored(valkey).values())


def changed(place: int, number: float) -> Callable[[bytes], bytes]:
    """The number at *place* of a record is another one."""

    def change(raw: bytes) -> bytes:
        return raw[: 8 * place] + struct.pack("<d", number) + raw[8 * place + 8 :]

    return change


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda raw: b"",
    "text": lambda raw: b'{"count":5}',
    "cut in the head": lambda raw: raw[: HEAD - 1],
    "a byte too long": lambda raw: raw + b"\0",
    "another algorithm": changed(0, 7.0),
    "a fraction": changed(1, 0.5),
    "no number": changed(2, float("nan")),
    "infinite": changed(3, float("inf")),
    "negative": changed(5, -1.0),
    "beyond what is exact": changed(4, 2.0**60),
}
OF_LOGS: dict[str, Callable[[bytes], bytes]] = {
    "fewer moments than it says": lambda raw: raw[:HEAD],
    "more first than last": changed(6, 1000.0),
    "a moment that is no number": changed(8, float("nan")),
}
ASKING: dict[str, Call] = {
    "hit": lambda room: room.hit(both("window"), Ask(1, TOKEN)),
    "hit_many": lambda room: room.hit_many([both("window")], Ask(1, TOKEN)),
    "tell": lambda room: room.hit(both("window"), Ask(5, TOKEN, tell=True)),
    "peek": lambda room: room.peek(both("window"), Ask()),
    "reserve": lambda room: room.reserve(both("window"), Ask(5), 10 * MINUTE),
    "refund": lambda room: room.refund(both("window"), 1, 1),
    "block": lambda room: room.block(both("window"), MINUTE),
}


def both(algorithm: Any) -> list[Meter]:
    """A meter that is whole, and one that is damaged."""
    return [meter("gcra", "whole"), meter(algorithm, "damaged")]


def check_refused(server: Server, call: Callable[[], object], kind: type[Exception]) -> None:
    """It names what is damaged, shows nothing of it, and leaves everything as it is."""
    names = stored(server)
    before = {name: server.call("DUMP", name) for name in names}

    with pytest.raises(kind) as caught:
        call()

    assert getattr(caught.value, "key", None) == "damaged"
    assert "redis:" in str(caught.value)
    assert {name: server.call("DUMP", name) for name in stored(server)} == before


@pytest.mark.parametrize("asking", ASKING)
@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_no_record_is_told_and_left_alone(
    damage: str, asking: str, room: Any, valkey: Server
) -> None:
    room.hit(both("window"), Ask(1, TOKEN))
    name = name_of(valkey, both("window")[1])
    raw = DAMAGES[damage](valkey.call("GET", name))
    valkey.call("SET", name, raw, "EX", 60)

    check_refused(valkey, lambda: ASKING[asking](room), CorruptValueError)


@pytest.mark.parametrize("hits", [5, 400])
@pytest.mark.parametrize("damage", [*DAMAGES, *OF_LOGS])
def test_what_is_no_log_is_told_and_left_alone(
    damage: str, hits: int, room: Any, valkey: Server
) -> None:
    chosen = [meter("gcra", "whole", hits), meter("log", "damaged", hits)]
    room.hit(chosen, Ask(hits))
    name = name_of(valkey, chosen[1])
    raw = {**DAMAGES, **OF_LOGS}[damage](valkey.call("GET", name))
    valkey.call("SET", name, raw, "EX", 60)

    check_refused(valkey, lambda: room.hit(chosen, Ask()), CorruptValueError)
    check_refused(valkey, lambda: room.refund(chosen, 1, 1), CorruptValueError)


@pytest.mark.parametrize("till", [float("nan"), float("inf"), -1.0, 0.5])
def test_slots_that_end_at_no_moment_are_told_and_left_alone(
    till: float, room: Any, valkey: Server
) -> None:
    chosen = [meter("slots", "damaged")]
    room.hit(chosen, Ask(1, TOKEN))
    raw = changed(HEAD // 8 + 2, till)(valkey.call("GET", one_name(valkey)))
    valkey.call("SET", one_name(valkey), raw, "EX", 60)

    for ask in (
        lambda: room.hit(chosen, Ask(1, OTHER)),
        lambda: room.renew(chosen, TOKEN),
        lambda: room.release(chosen, TOKEN),
    ):
        check_refused(valkey, ask, CorruptValueError)


@pytest.mark.parametrize("asking", ASKING)
def test_what_is_of_another_kind_is_told_and_left_alone(
    asking: str, room: Any, valkey: Server
) -> None:
    room.hit(both("window"), Ask(1, TOKEN))
    name = name_of(valkey, both("window")[1])
    valkey.call("DEL", name)
    valkey.call("RPUSH", name, "a")
    valkey.call("EXPIRE", name, 60)

    check_refused(valkey, lambda: ASKING[asking](room), WrongTypeError)


@pytest.mark.parametrize("what", ["no places", struct.pack("<2d", float("inf"), 1), "a list"])
def test_places_that_can_not_be_read_are_told_and_left_alone(
    what: str | bytes, room: Any, valkey: Server
) -> None:
    chosen = [meter("gcra", "damaged")]
    first, _ = waited(room, chosen), waited(room, chosen)
    room.refund(chosen, 5, waited(room, chosen).at - 1)
    (name,) = (name for name in stored(valkey) if b"places" in name)
    valkey.call("DEL", name)
    is_list = what == "a list"
    valkey.call("RPUSH" if is_list else "SET", name, what)
    valkey.call("EXPIRE", name, 60)
    kind = WrongTypeError if is_list else CorruptValueError

    check_refused(valkey, lambda: room.reserve(chosen, Ask(), 10 * MINUTE), kind)
    check_refused(valkey, lambda: room.refund(chosen, 1, first.at), kind)
