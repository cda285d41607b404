"""The server did what it was asked, and its reply is lost: nothing is done twice that must not be,
and what may be done twice is done again."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

import pytest
import redis
import redis.asyncio

import storage
from storage import OutcomeUnknownError
from storage.records import Change
from tests.fault import faults
from tests.fault.conftest import Open
from tests.fault.faults import End, Fault
from tests.fault.proxy import Proxy
from tests.fault.redis.conftest import At
from tests.fault.redis.ground import AGAIN, ONCE, PREFIX, READS, WRITES, failure, prepared, raw
from tests.servers import Server

pytestmark = pytest.mark.timed

SHORT = 0.1
LONG = 20
MINUTE = 60_000

LOST: dict[str, Fault] = {
    "a reset": faults.Unanswered(End.RST),
    "an end": faults.Unanswered(End.FIN),
    "half an end": faults.Unanswered(End.HALF),
    "an end in the middle": faults.Truncate(),
    "a reset in the middle": faults.Truncate(keep=1, how=End.RST),
}


@pytest.fixture
def store(at: At, proxy: Proxy, valkey: Server) -> Any:
    return prepared(at(proxy, timeout=LONG), valkey)


@pytest.fixture
def impatient(opened: Open, half: Any, proxy: Proxy, valkey: Server) -> Any:
    """A store that does not wait for one answer as long as for a whole call."""
    library = redis if half is storage else redis.asyncio
    client = library.Redis.from_url(proxy.url, socket_timeout=SHORT)
    return prepared(opened("RedisStorage", client, timeout=LONG), valkey)


@pytest.mark.parametrize("way", LOST)
@pytest.mark.parametrize("name", ONCE)
def test_what_must_not_be_done_twice_is_done_once_and_said_to_be_unknown(
    name: str, way: str, store: Any, proxy: Proxy, valkey: Server
) -> None:
    command, call, key, after = ONCE[name]
    proxy.next(LOST[way], command)
    before = proxy.commands.count(command)

    error = failure(lambda: call(store))

    assert type(error) is OutcomeUnknownError
    assert error.__cause__ is not None
    assert proxy.commands.count(command) == before + 1
    assert raw(valkey, key) == after
    assert store.get("d")


@pytest.mark.parametrize("name", ONCE)
def test_a_swallowed_reply_is_not_asked_for_again(
    name: str, impatient: Any, proxy: Proxy, valkey: Server
) -> None:
    command, call, key, after = ONCE[name]
    proxy.next(faults.Swallow(), command)
    before = proxy.commands.count(command)

    assert type(failure(lambda: call(impatient))) is OutcomeUnknownError
    assert proxy.commands.count(command) == before + 1
    assert raw(valkey, key) == after


@pytest.mark.parametrize("way", ["a reset", "an end in the middle"])
@pytest.mark.parametrize("name", AGAIN)
def test_what_may_be_done_twice_is_done_again(
    name: str, way: str, store: Any, proxy: Proxy, valkey: Server
) -> None:
    command, call, answer = AGAIN[name]
    proxy.next(LOST[way], command)
    before = proxy.commands.count(command)

    assert call(store) == answer
    assert proxy.commands.count(command) == before + 2
    assert raw(valkey, "n") == (b"2" if name.startswith("set") else b"1")
    assert (valkey.call("PTTL", PREFIX + "n") > 0) is ("lifetime" in name or name == "touch")


@pytest.mark.parametrize("name", ["get", "set", "set_many, with a lifetime", "touch"])
def test_a_swallowed_reply_is_asked_for_again_where_one_answer_has_its_own_time(
    name: str, impatient: Any, proxy: Proxy, valkey: Server
) -> None:
    command, call, answer = AGAIN[name]
    proxy.next(faults.Swallow(), command)

    assert call(impatient) == answer
    assert raw(valkey, "n") == (b"2" if name.startswith("set") else b"1")


@pytest.mark.parametrize("name", ONCE)
def test_what_was_cut_off_before_the_server_is_not_done_and_not_said_to_be(
    name: str, store: Any, proxy: Proxy, valkey: Server
) -> None:
    command, call, key, after = ONCE[name]
    was = raw(valkey, key)
    proxy.next(faults.Unsent(), command)

    assert type(failure(lambda: call(store))) is OutcomeUnknownError
    assert raw(valkey, key) == was != after


@pytest.mark.parametrize("name", [*READS, *WRITES])
def test_what_was_cut_off_before_the_server_is_done_once_where_it_may_be_done_twice(
    name: str, store: Any, proxy: Proxy
) -> None:
    command, call, answer = AGAIN[name]
    before = proxy.commands.count(command)
    proxy.next(faults.Unsent(), command)

    assert call(store) == answer
    assert proxy.commands.count(command) == before + 1


@pytest.mark.parametrize("how", End)
def test_a_touch_until_a_moment_is_not_done_twice(
    how: End, store: Any, proxy: Proxy, valkey: Server
) -> None:
    """The moment may have come meanwhile, and the second answer would be another one."""
    now = datetime.fromtimestamp(valkey.time_ms() / 1000, timezone.utc)
    proxy.next(faults.Unanswered(how), "PEXPIREAT")

    call = partial(store.touch, "n", ttl=now + timedelta(hours=1))
    assert type(failure(call)) is OutcomeUnknownError
    assert proxy.commands.count("PEXPIREAT") == 1


def test_a_visit_is_begun_again_and_ended_once(
    half: Any, store: Any, proxy: Proxy, valkey: Server
) -> None:
    visits = store.room(half.protocols.VisitStore)
    change = Change(b"1", b"2", None)
    visits.enter("n", "ann", MINUTE, 0)
    visits.leave("n", "ann", MINUTE, None, True)

    proxy.next(faults.Unanswered(), "EVALSHA")
    turn, sight = visits.enter("n", "ann", MINUTE, 0)
    assert (turn.granted, sight.raw) == (True, b"1")
    proxy.next(faults.Unanswered(), "EVALSHA")
    before = proxy.commands.count("EVALSHA")
    error = failure(lambda: visits.leave("n", "ann", MINUTE, change, True))
    assert type(error) is OutcomeUnknownError
    assert proxy.commands.count("EVALSHA") == before + 1
    assert raw(valkey, "n") == b"2"
    assert visits.leave("n", "ann", MINUTE, change, True).held is False


@pytest.mark.parametrize("protocol", [2, 3])
def test_a_reply_lost_while_connecting_costs_nothing(
    protocol: int, at: At, proxy: Proxy, valkey: Server
) -> None:
    store = at(proxy, timeout=LONG, protocol=protocol)
    for name in ("CLIENT", "HELLO")[: protocol - 1]:
        proxy.cut()
        proxy.next(faults.Unanswered(), name)
        before = raw(valkey, "n")

        assert store.incr("n") == int(before or 0) + 1
