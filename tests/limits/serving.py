"""What the tests of rate limits on a server stand on: meters, and every operation on them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

from storage.core.limits import Algorithm, Limit
from storage.records import Ask, Meter
from tests.servers import Server

Room = Any
Call = Callable[[Room], Any]

ALGORITHMS: tuple[Algorithm, ...] = ("log", "window", "aligned", "counter", "gcra", "slots")
TOKEN = "0123456789abcdef" * 2
OTHER = "fedcba9876543210" * 2
MINUTE = 60_000_000
"""In microseconds, as all times of meters."""

HEAD = 64
"""So long is a record that keeps nothing more."""


def meter(algorithm: Algorithm, key: str = "k", hits: int = 5, per: float = 60) -> Meter:
    return Meter(Limit(hits, per, algorithm=algorithm).rule, key)


def meters(*algorithms: Algorithm, key: str = "k", hits: int = 5, per: float = 60) -> list[Meter]:
    return [meter(one, key, hits, per) for one in algorithms]


EACH = {name: meters(name) for name in ALGORITHMS}
SETS: dict[str, list[Meter]] = {
    **EACH,
    "a long log": meters("log", hits=400),
    "all at once": meters(*ALGORITHMS),
}


def filled(room: Room, chosen: Sequence[Meter]) -> Any:
    """What a hit that takes half of the smallest limit is told."""
    cost = max(1, min(one.rule.most for one in chosen) // 2)
    return room.hit(chosen, Ask(cost, TOKEN))


def refused(room: Room, chosen: Sequence[Meter]) -> Any:
    """What is told who asks for as much as never passes at once."""
    return room.hit(chosen, Ask(min(one.rule.most for one in chosen), TOKEN, tell=True))


def waited(room: Room, chosen: Sequence[Meter]) -> Any:
    most = min(one.rule.most for one in chosen)
    return room.reserve(chosen, Ask(most), 10 * MINUTE)


def given_up(room: Room, chosen: Sequence[Meter]) -> None:
    """Somebody waits, and another one after that, and the first one gives up."""
    first, last = waited(room, chosen), waited(room, chosen)
    most = min(one.rule.most for one in chosen)
    assert first.at < last.at
    room.refund(chosen, most, first.at)
    room.reserve(chosen, Ask(1), 10 * MINUTE)


STEPS: dict[str, Callable[[Room, Sequence[Meter]], object]] = {
    "hit": lambda room, chosen: room.hit(chosen, Ask(1, TOKEN)),
    "hit, refused": refused,
    "hit_many": lambda room, chosen: room.hit_many([chosen, chosen], Ask(1, TOKEN)),
    "peek": lambda room, chosen: room.peek(chosen, Ask(1)),
    "reserve": waited,
    "refund": lambda room, chosen: room.refund(chosen, 1, room.peek(chosen, Ask()).now),
    "block": lambda room, chosen: room.block(chosen, MINUTE),
    "given up": given_up,
}
"""What may come to meters, whatever they count; `reset` comes by itself."""

OF_SLOTS: dict[str, Callable[[Room, Sequence[Meter]], object]] = {
    "renew": lambda room, chosen: room.renew(chosen, TOKEN),
    "release": lambda room, chosen: room.release(chosen, TOKEN),
}


def stored(server: Server) -> dict[bytes, int]:
    """The names of what is stored, and how many milliseconds each has left; -1 is for ever."""
    with server.connect() as wire:
        return {name: wire.call("PTTL", name) for name in wire.call("KEYS", "*")}


def one_name(server: Server) -> bytes:
    """The name of the only thing that is stored."""
    (name,) = stored(server)
    return name


def head(raw: bytes) -> tuple[int, ...]:
    """The eight numbers that a record begins with."""
    return tuple(map(int, struct.unpack_from("<8d", raw)))
