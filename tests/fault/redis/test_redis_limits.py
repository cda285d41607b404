"""Rate limits on a server's bad days: a hit is never counted twice, and nobody waits for an answer
longer than it is worth."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from storage import OutcomeUnknownError, StorageError, UnavailableError
from storage.core.limits import Limit
from storage.records import Ask, Meter
from storage.redis.commands import ONCE as EXACTLY_ONCE
from storage.redis.commands import Command, Script, run
from tests.fault import faults
from tests.fault.faults import End
from tests.fault.proxy import Proxy
from tests.fault.redis.conftest import At
from tests.fault.redis.ground import ends_by, failure, stopped
from tests.servers import Server
from tests.topology.ground import in_thread
from tests.waiting import until

pytestmark = pytest.mark.timed

CHOSEN = [Meter(Limit(10, algorithm="gcra", name="a").rule, "k"), Meter(Limit(10).rule, "k")]
SLOTS = [Meter(Limit(10, algorithm="slots").rule, "k")]
TOKEN = "ab" * 16
MINUTE = 60_000_000
LONG = 20
WITHIN = 0.15
"""How long an answer is worth something here."""

PATIENT = 0.6

ENOUGH = 0.5
"""How long an answer may take that has to come."""

Room = Any

ONCE: dict[str, tuple[Callable[[Room], Any], int]] = {
    "hit": (lambda room: room.hit(CHOSEN, Ask(2)), 6),
    "hit_many": (lambda room: room.hit_many([CHOSEN, CHOSEN], Ask(1)), 6),
    "reserve": (lambda room: room.reserve(CHOSEN, Ask(2), MINUTE), 6),
    "refund": (lambda room: room.refund(CHOSEN, 1, room.peek(CHOSEN, Ask()).now), 9),
}
"""What is something else when it is done twice, and how many may pass after it; 2 have before."""

AGAIN: dict[str, tuple[Callable[[Room], Any], int]] = {
    "peek": (lambda room: room.peek(CHOSEN, Ask()), 8),
    "block": (lambda room: room.block(CHOSEN, 1), 8),
    "reset": (lambda room: room.reset(CHOSEN), 10),
}

LOST: dict[str, faults.Fault] = {
    "a reset": faults.Unanswered(End.RST),
    "an end": faults.Unanswered(End.FIN),
    "an end in the middle": faults.Truncate(),
}


@pytest.fixture
def room_at(at: At, half: Any) -> Callable[..., Room]:
    """The rate limits of a store at a place."""
    return lambda place, **options: at(place, **options).room(half.protocols.RateLimitStore)


@pytest.fixture
def room(room_at: Callable[..., Room], proxy: Proxy, valkey: Server) -> Room:
    """Behind a proxy, connected, to a server that knows the scripts."""
    learn(room_at(valkey))
    room = room_at(proxy, timeout=LONG)
    room.peek(CHOSEN, Ask())
    return room


def learn(room: Room) -> None:
    """Tell the server all scripts, and let 2 pass."""
    for call, _ in (*ONCE.values(), *AGAIN.values()):
        call(room)
    room.reset(CHOSEN)
    room.hit(CHOSEN, Ask(2))


def left(room: Room) -> list[int]:
    return [reading.left for reading in room.peek(CHOSEN, Ask()).readings]


def door_of(room: Room) -> Any:
    """Its way to the server, by plain calls."""
    bridge = getattr(room, "_bridge", None)
    door = room._room._door
    return door if bridge is None else bridge.driven(door)


@pytest.mark.parametrize("way", LOST)
@pytest.mark.parametrize("name", ONCE)
def test_what_may_have_passed_is_not_asked_again_and_counts(
    name: str, way: str, room: Room, proxy: Proxy
) -> None:
    call, after = ONCE[name]
    peeks = int(name == "refund")  # which asks for the time first
    proxy.next(LOST[way], "EVALSHA", after=peeks)
    before = proxy.commands.count("EVALSHA") + peeks

    assert type(failure(lambda: call(room))) is OutcomeUnknownError

    sent = 2 if name == "hit_many" else 1
    assert before < proxy.commands.count("EVALSHA") <= before + sent
    assert left(room) in ([after] * 2, [after + sent - 1] * 2)


@pytest.mark.parametrize("name", AGAIN)
def test_what_may_be_done_twice_is_done_again(name: str, room: Room, proxy: Proxy) -> None:
    call, after = AGAIN[name]
    proxy.next(faults.Unanswered(End.RST), "UNLINK" if name == "reset" else "EVALSHA")

    call(room)

    assert left(room) == [after] * 2


def test_a_slot_that_may_be_given_back_is_not_asked_for_again(room: Room, proxy: Proxy) -> None:
    room.hit(SLOTS, Ask(token=TOKEN))
    room.renew(SLOTS, TOKEN)
    proxy.next(faults.Unanswered(End.RST), "EVALSHA")
    assert room.renew(SLOTS, TOKEN)
    proxy.next(faults.Unanswered(End.RST), "EVALSHA")

    assert type(failure(lambda: room.release(SLOTS, TOKEN))) is OutcomeUnknownError
    assert not room.release(SLOTS, TOKEN)


def test_what_the_server_did_not_get_is_asked_again(room: Room, proxy: Proxy) -> None:
    proxy.cut()

    assert room.hit(CHOSEN, Ask()).passed
    assert left(room) == [7, 7]


def test_for_want_of_one_script_of_a_batch_nothing_else_is_said_again(
    room: Room, valkey: Server
) -> None:
    counting = Command(EXACTLY_ONCE, b"n", (b"INCR", b"n"))
    commands = [counting, run(Script("look", "now"), EXACTLY_ONCE, (b"n",))]
    valkey.call("SCRIPT", "FLUSH")

    counted, told = door_of(room).batch(commands)

    assert counted == 1
    assert told[:2] == [b"1", -1]
    assert valkey.call("GET", "n") == b"1"


SILENCE: dict[str, Callable[[Proxy], None]] = {
    "a black hole": lambda proxy: proxy.always(faults.Blackhole()),
    "replies that are lost": lambda proxy: proxy.always(faults.Swallow()),
    "a late reply": lambda proxy: proxy.always(faults.Delay(reply=60)),
}
ASKING: dict[str, tuple[Callable[[Room], Any], type[Exception]]] = {
    "hit": (lambda room: room.hit(CHOSEN, Ask(within=WITHIN)), OutcomeUnknownError),
    "hit_many": (
        lambda room: room.hit_many([CHOSEN, CHOSEN], Ask(within=WITHIN)),
        OutcomeUnknownError,
    ),
    "reserve": (lambda room: room.reserve(CHOSEN, Ask(within=WITHIN), 1), OutcomeUnknownError),
    "peek": (lambda room: room.peek(CHOSEN, Ask(within=WITHIN)), UnavailableError),
}


@pytest.mark.parametrize("way", SILENCE)
@pytest.mark.parametrize("name", ASKING)
def test_nobody_waits_for_an_answer_longer_than_it_is_worth(
    name: str, way: str, room: Room, proxy: Proxy
) -> None:
    call, kind = ASKING[name]

    def ask() -> Any:
        proxy.mend()
        room.peek(CHOSEN, Ask())  # so that there is a connection
        SILENCE[way](proxy)
        return failure(lambda: call(room))

    assert type(ends_by(WITHIN, ask)) is kind


def test_a_stopped_server_keeps_nobody_longer_than_an_answer_is_worth(
    room: Room, valkey: Server
) -> None:
    def ask() -> Any:
        room.peek(CHOSEN, Ask())
        with stopped(valkey):
            return failure(lambda: room.hit(CHOSEN, Ask(within=WITHIN)))

    assert type(ends_by(2 * WITHIN, ask)) is OutcomeUnknownError


def test_connecting_has_a_time_of_its_own(
    room_at: Callable[..., Room], proxy: Proxy, valkey: Server
) -> None:
    learn(room_at(valkey))
    room = room_at(proxy, timeout=LONG)
    proxy.always(faults.Delay(reply=ENOUGH), "HELLO", "CLIENT")

    assert room.hit(CHOSEN, Ask(within=ENOUGH)).passed


def test_a_script_that_is_not_known_yet_fits_in_after_a_slow_connection(
    room_at: Callable[..., Room], proxy: Proxy, valkey: Server
) -> None:
    valkey.call("SCRIPT", "FLUSH")
    room = room_at(proxy, timeout=LONG)
    proxy.always(faults.Delay(reply=ENOUGH), "HELLO", "CLIENT")

    assert room.hit(CHOSEN, Ask(within=ENOUGH)).passed
    assert room.hit_many([CHOSEN], Ask(within=ENOUGH))[0].readings[0].left == 8


def test_where_nobody_listens_trying_again_ends_when_an_answer_is_worth_nothing(
    room: Room, proxy: Proxy
) -> None:
    proxy.refuse()
    proxy.cut()

    error = ends_by(WITHIN, lambda: failure(lambda: room.hit(CHOSEN, Ask(within=WITHIN))))
    assert type(error) is UnavailableError


def test_a_server_that_was_asked_in_haste_is_not_given_up_by_others(
    at: At, half: Any, proxy: Proxy, valkey: Server
) -> None:
    store = at(proxy, timeout=PATIENT)
    room = store.room(half.protocols.RateLimitStore)
    room.hit(CHOSEN, Ask())
    proxy.refuse()
    proxy.cut()
    assert type(failure(lambda: room.hit(CHOSEN, Ask(within=PATIENT / 10)))) is UnavailableError

    began = time.monotonic()
    assert type(failure(lambda: store.set("k", 1))) is UnavailableError
    assert time.monotonic() - began > PATIENT / 2


def test_who_finds_no_connection_free_waits_no_longer_than_an_answer_is_worth(
    room_at: Callable[..., Room], proxy: Proxy, valkey: Server
) -> None:
    learn(room_at(valkey))
    room = room_at(proxy, timeout=LONG, connections=1)
    room.peek(CHOSEN, Ask())
    proxy.always(faults.Delay(reply=60))
    before = len(proxy.commands)
    with in_thread(lambda: room.hit(CHOSEN, Ask())) as answers:
        until(lambda: len(proxy.commands) > before, "somebody who has the connection")
        error = ends_by(WITHIN, lambda: failure(lambda: room.hit(CHOSEN, Ask(within=WITHIN))))
        proxy.cut()

    # Tasks share a connection: who has to wait has been heard, and the server says nothing.
    assert type(error) in (UnavailableError, OutcomeUnknownError)
    assert type(answers[0]) is OutcomeUnknownError


WRONG = (
    *(b":1\r\n", b"+OK\r\n", b"$-1\r\n", b"*0\r\n", b"*1\r\n$1\r\nx\r\n", b"*1\r\n:1\r\n"),
    *(b"*1\r\n:-1\r\n", b"*2\r\n:-1\r\n:9\r\n", b"$3\r\nabc\r\n"),
    b"$24\r\n" + bytes(24) + b"\r\n",
)


class Wrong(faults.Fault):
    """Something else answers in the place of a script."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def reply(self, way: faults.Way, reply: bytes) -> None:
        way.to_client(self._answer)


@pytest.mark.parametrize("answer", WRONG)
def test_an_answer_of_another_kind_is_an_error_of_the_store(
    answer: bytes, room: Room, proxy: Proxy
) -> None:
    for meters in (CHOSEN[:1], CHOSEN):
        for ask in (room.hit, room.peek):
            ask(meters, Ask(1))
            proxy.next(Wrong(answer), "EVALSHA")
            with pytest.raises(StorageError):
                ask(meters, Ask(1))
