"""What is asked of rate limits is asked of a server in one trip, whatever is asked at once."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from storage.records import Ask
from tests.fault.proxy import Proxy
from tests.limits.conftest import Rooms
from tests.limits.serving import (
    ALGORITHMS,
    EACH,
    MINUTE,
    SETS,
    TOKEN,
    Call,
    filled,
    meters,
    refused,
)
from tests.servers import Server

THREE = meters("log", "window", "gcra")
MANY = [meters(one, key=f"user:{number}") for one in ALGORITHMS for number in range(20)]

CALLS: dict[str, Call] = {
    **{f"hit, {name}": lambda room, name=name: filled(room, SETS[name]) for name in SETS},
    "hit, refused": lambda room: refused(room, SETS["all at once"]),
    "hit_many": lambda room: room.hit_many(MANY, Ask(token=TOKEN)),
    "peek": lambda room: room.peek(THREE, Ask()),
    "reserve": lambda room: room.reserve(THREE, Ask(5), 10 * MINUTE),
    "refund": lambda room: room.refund(THREE, 1, 1),
    "block": lambda room: room.block(THREE, MINUTE),
    "reset": lambda room: room.reset(THREE),
    "renew": lambda room: room.renew(EACH["slots"], TOKEN),
    "release": lambda room: room.release(EACH["slots"], TOKEN),
}


@pytest.fixture
def room(rooms: Rooms, valkey: Server) -> Any:
    return rooms(valkey)


@pytest.mark.parametrize("name", CALLS)
def test_an_operation_is_one_command(name: str, room: Any, valkey: Server) -> None:
    CALLS[name](room)  # a server that does not know a script yet gets it the first time
    with valkey.counted() as calls:
        CALLS[name](room)

    wanted = len(MANY) if name == "hit_many" else 1
    assert calls.names == [calls.names[0]] * wanted
    assert calls.names[0] == ("UNLINK" if name == "reset" else "EVALSHA")


def test_many_hits_are_one_trip(rooms: Rooms, proxy: Proxy) -> None:
    some = MANY[::10]
    room = rooms(proxy)
    room.hit_many(some, Ask(token=TOKEN))
    before = proxy.trips

    room.hit_many(some, Ask(token=TOKEN))

    assert proxy.trips == before + 1


def test_a_batch_tells_each_script_to_a_server_once(
    rooms: Rooms, proxy: Proxy, valkey: Server
) -> None:
    room = rooms(proxy)
    room.peek(THREE, Ask())
    valkey.call("SCRIPT", "FLUSH")
    before = len(proxy.commands)

    decisions = room.hit_many(MANY, Ask(token=TOKEN))

    said = Counter(proxy.commands[before:])
    assert said == {"EVALSHA": 2 * len(MANY) - len(ALGORITHMS), "EVAL": len(ALGORITHMS)}
    assert [decision.readings[0].left for decision in decisions] == [4] * len(MANY)
