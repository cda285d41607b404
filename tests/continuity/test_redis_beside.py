"""What others do on the same server, at the same time, does no harm to sessions, nor do sessions to
what is theirs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import storage
import storage.aio
from storage import StorageError, WrongTypeError
from storage.dialogs import Asked, Change, Terms, Wanted
from tests.continuity.ground import NOW, Opened, held_still, rooms_of
from tests.continuity.javascript import Javascript
from tests.continuity.test_redis_kept import KEPT, SESSION, TTL, asked, fill, keys, said
from tests.servers import Server

HOUR = 3_600_000


@pytest.fixture
def server(valkey: Server) -> Iterator[Server]:
    """A server whose clock stands still, and which is empty afterwards."""
    yield held_still(valkey)
    valkey.call("FLUSHALL")


@pytest.fixture
def rooms() -> Iterator[Opened]:
    with rooms_of(storage) as make:
        yield make


@pytest.fixture
def room(rooms: Opened, server: Server) -> Any:
    return rooms(server)


def held_up(room: Any, server: Server) -> list[list[Any]]:
    """The steps that renew the messages of a large session, which are still to be made."""
    room.create(SESSION, KEPT)
    for number in range(1500):
        room.add("s", said(f"m{number}"), KEPT)
    server.advance(30)
    with server.counted() as calls:
        room.add("s", said("late"), KEPT)
    return [list(one.words) for one in asked(calls)[1:]]


def test_a_renewal_that_was_held_up_takes_nothing_away(room: Any, server: Server) -> None:
    late = held_up(room, server)
    assert late
    for _ in range(6):
        server.advance(TTL / 2000)
        room.add("s", said(f"n{server.time_ms()}"), KEPT)
    before = server.call("PTTL", "message:m0")

    for words in late:
        server.call(*words)

    assert server.call("PTTL", "message:m0") == before
    assert len(room.messages("s", Asked())) == room.find("s").messages == 1507


def test_a_renewal_does_not_shorten_what_another_has_renewed(room: Any, server: Server) -> None:
    late = held_up(room, server)
    room.add("s", said("longer"), Terms(10 * TTL))
    # What is known does not tell any more who renewed what.
    Javascript(server, ttl=10 * TTL // 1000).update("s")

    for words in late:
        server.call(*words)

    assert server.call("PTTL", "message:m0") >= 10 * TTL
    assert server.call("PTTL", "session:s") == 10 * TTL


def test_a_list_stays_where_others_renew_one_of_its_sessions(room: Any, server: Server) -> None:
    other = Javascript(server, ttl=TTL // 1000)
    room.create(SESSION, KEPT)
    server.advance(TTL / 2000)
    other.create("theirs", userId="u")
    assert len(room.select(Wanted(user_id="u"))) == 2
    for _ in range(5):
        server.advance(TTL / 2000)
        other.update("theirs")
        other.update("s")

    assert {one.id for one in room.select(Wanted(user_id="u"))} == {"s", "theirs"}


def test_a_list_that_ended_has_a_session_again_when_it_is_changed(
    room: Any, server: Server
) -> None:
    room.create(SESSION, Terms())
    server.call("DEL", "user:u:sessions")

    room.change("s", Change({"status": "paused"}), Terms())

    assert [one.id for one in room.select(Wanted(user_id="u"))] == ["s"]


def test_all_ids_of_a_user_are_found_and_none_of_others(room: Any, server: Server) -> None:
    other = Javascript(server)
    room.create(SESSION, Terms())
    room.create({**SESSION, "id": "strange", "participants": "no JSON"}, Terms())
    room.create({**SESSION, "id": "of another", "userId": "w"}, Terms())
    other.create("unlisted", userId="u")
    server.call("SREM", "user:u:sessions", "unlisted")
    server.call("SADD", "user:u:sessions", "of another", "never there")
    server.call("SET", "session:text", "of somebody else")
    room.ids("u")
    server.advance(61)

    assert sorted(room.ids("u")) == ["s", "strange", "unlisted"]
    assert room.ids("nobody") == []


def test_a_mark_of_what_is_gone_is_forgotten_when_it_is_back(room: Any, server: Server) -> None:
    other = Javascript(server)
    other.create("s")
    other.add("s", "a")
    for _ in range(3):
        told = other.take_away("s")
        room.expired(NOW)
        other.write_anew("s", told)
        server.advance(30)
        room.expired(NOW)
        server.advance(40)

    assert [one["id"] for one in room.messages("s", Asked())] == ["a"]


@pytest.mark.parametrize("later", [0.001, TTL / 8000 + 0.002])
@pytest.mark.parametrize("way", ["select", "expired"])
def test_what_was_ours_is_cleared_away_at_once(
    way: str, later: float, room: Any, server: Server
) -> None:
    room.create({**SESSION, "id": "stays"}, Terms())
    for number in range(300):
        room.create({**SESSION, "id": f"s{number}"}, KEPT)
        room.add(f"s{number}", said(f"m{number}"), KEPT)
    server.advance(TTL / 1000 + later)

    if way == "select":
        assert [one.id for one in room.select(Wanted(user_id="u"))] == ["stays"]
    else:
        assert room.expired(None) == []

    assert server.call("SMEMBERS", "user:u:sessions") == [b"stays"]
    left = {b"session:stays", b"session:stays:messages:state", b"user:u:sessions"}
    if way == "expired" or later > 1:
        assert keys(server) == left


def test_keys_of_others_stop_neither_a_cleanup_nor_a_listing(room: Any, server: Server) -> None:
    room.create({**SESSION, "expiresAt": "2020-01-01T00:00:00.000Z"}, Terms())
    for name in ("web", "mail"):
        server.call("RPUSH", f"session:{name}:messages", "theirs")
    server.call("HSET", "session:web", "theirs", "x")
    server.call("SADD", "user:u:sessions", "web")
    server.call("SET", "user:w:sessions", "theirs")
    for _ in range(2):
        assert room.expired(None) == ["s"]
        assert [one.id for one in room.select(Wanted())] == ["s"]
        assert [one.id for one in room.select(Wanted(user_id="u"))] == ["s"]
        server.advance(61)

    assert server.call("LRANGE", "session:web:messages", 0, -1) == [b"theirs"]
    assert server.call("LRANGE", "session:mail:messages", 0, -1) == [b"theirs"]
    assert room.remove("s")


def test_a_step_that_a_key_of_others_stops_does_nothing(room: Any, server: Server) -> None:
    room.create({"id": "t", "status": "active"}, KEPT)
    room.create({**SESSION, "id": "listed"}, KEPT)
    room.add("listed", said("a"), KEPT)
    server.call("DEL", "user:u:sessions")
    server.call("SET", "user:u:sessions", "theirs")
    server.call("RPUSH", "session:n:messages", "theirs")
    server.call("RPUSH", "session:n2:seq", "theirs")
    before = {name: server.call("DUMP", name) for name in keys(server)}
    server.advance(30)
    steps: list[Any] = [
        lambda: room.create(SESSION, KEPT),
        lambda: room.create({"id": "n"}, KEPT),
        lambda: room.create({"id": "n2"}, KEPT),
        lambda: room.change("t", Change({"userId": "u"}), KEPT),
        lambda: room.change("listed", Change({"status": "paused"}), KEPT),
        lambda: room.add("listed", said("b"), Terms(2 * TTL), 10**6),
        lambda: room.amend("listed", "a", {"content": "x"}, (), KEPT),
        lambda: room.discard("listed", "a", KEPT),
        lambda: room.discard_all("listed", KEPT),
    ]

    for step in steps:
        with pytest.raises(WrongTypeError):
            step()
        assert {name: server.call("DUMP", name) for name in keys(server)} == before
    assert room.remove("listed")
    assert server.call("GET", "user:u:sessions") == b"theirs"


def test_the_older_layout_gets_no_counter(room: Any, server: Server) -> None:
    """The library that writes it takes each name that begins so for a session."""
    other = Javascript(server, first=True)
    for name in ("s", "empty"):
        other.create(name)
    other.add("s", "a")
    server.advance(1)

    for name in ("s", "empty"):
        assert room.add(name, said(f"{name} b"), Terms()).outcome == "done"
        assert room.add(name, said(f"{name} c"), Terms()).outcome == "done"
        server.advance(1)
        other.add(name, f"{name} d")

    server.advance(-10)
    room.add("s", said("late"), Terms())
    assert server.call("KEYS", "*:seq") == []
    assert [one["id"] for one in room.messages("s", Asked())] == ["a", "s b", "s c", "s d", "late"]
    assert other.listed("s")[-1] == "late"
    assert other.listed("empty") == ["empty b", "empty c", "empty d"]
    assert room.find("empty").messages == 3


def test_totals_are_right_after_others_changed_only_a_message(room: Any, server: Server) -> None:
    other = Javascript(server)
    other.create("s")
    for name in "abc":
        other.add("s", name, 5)
    assert room.find("s").tokens == 15
    server.call("HSET", "message:a", "tokenCount", "500")

    room.amend("s", "b", {"tokenCount": "6"}, (), Terms())
    assert room.find("s").tokens == 511
    server.call("HSET", "message:a", "tokenCount", "50")
    room.discard("s", "a", Terms())

    assert room.find("s").tokens == 11


def test_totals_are_never_below_nothing(room: Any, server: Server) -> None:
    room.create(SESSION, Terms())
    fill(server, "s", 1200)
    room.find("s")
    server.call("HSET", "message:s-7", "tokenCount", "99999")

    room.discard("s", "s-7", Terms())

    assert (room.find("s").messages, room.find("s").tokens) == (1199, 0)


class Trips:
    """A door that counts how often one goes through it."""

    def __init__(self, door: Any) -> None:
        self._door = door
        self.count = 0

    def __getattr__(self, name: str) -> Any:
        self.count += name in ("call", "batch")
        return getattr(self._door, name)


def test_a_cleanup_takes_few_trips(room: Any, server: Server) -> None:
    for number in range(400):
        terms = Terms(TTL if number % 2 else None)
        room.create({"id": f"s{number}", "userId": f"u{number}"}, terms)
    server.advance(TTL / 1000 + 0.001)
    trips = room._sweeper._door = Trips(room._sweeper._door)

    room.expired(None)

    assert trips.count < 40
    assert len(server.call("KEYS", "user:*:sessions")) == 200


def test_a_session_that_is_away_for_a_moment_is_found(rooms: Opened, server: Server) -> None:
    """Its hash is written anew between the first look and the second one."""
    room, other = rooms(server), Javascript(server)
    room.create(SESSION, Terms())
    room.add("s", said("a"), Terms())
    steps: list[Any] = [
        lambda: room.find("s").messages,
        lambda: room.messages("s", Asked())[0],
        lambda: room.messages("s", Asked(id="a"))[0],
        lambda: room.change("s", Change(), Terms()).held,
        lambda: room.add("s", said("b"), Terms()).message,
        lambda: room.amend("s", "b", {}, (), Terms()).message,
        lambda: room.discard("s", "b", Terms()).message,
        lambda: room.discard_all("s", Terms()),
        lambda: room.remove("s"),
    ]

    class Back:
        def sleep(self, seconds: float) -> None:
            other.write_anew("s", told)

    room._runtime = Back()
    for step in steps:
        told = other.take_away("s")
        assert step()


def test_versions_may_be_as_large_as_they_are_in_memory(room: Any) -> None:
    for before, after in (
        ("999999999999999", "1000000000000000"),
        ("1099999999999999", "1100000000000000"),
        ("9007199254740993", "9007199254740994"),
        ("9" * 20, "1" + "0" * 20),
        ("-1", "0"),
    ):
        room.create({"id": before, "version": before}, Terms())
        assert room.change(before, Change(expected=7), Terms()).outcome == "conflict"
        changed = room.change(before, Change(expected=int(before)), Terms())
        assert (changed.outcome, changed.held.fields["version"]) == ("done", after)


def test_an_id_that_is_another_users_now_leaves_the_list(room: Any, server: Server) -> None:
    other = Javascript(server, ttl=10)
    for name in ("listed", "pruned"):
        other.create(name, userId="u")
    server.advance(11)
    for name in ("listed", "pruned"):
        room.create({**SESSION, "id": name, "userId": "w"}, Terms())

    room.expired(None)
    assert server.call("EXISTS", "user:u:sessions") == 0
    server.call("SADD", "user:u:sessions", "listed")
    assert room.select(Wanted(user_id="u")) == []

    assert server.call("EXISTS", "user:u:sessions") == 0
    assert sorted(server.call("SMEMBERS", "user:w:sessions")) == [b"listed", b"pruned"]


def test_a_session_whose_time_is_over_is_told_to_be_expired(room: Any, server: Server) -> None:
    room.create({**SESSION, "expiresAt": "2023-11-14T22:13:21.457Z"}, Terms())
    server.advance(1)

    assert room.find("s").fields["status"] == "expired"
    assert [one.id for one in room.select(Wanted(status="expired", user_id="u"))] == ["s"]
    assert room.select(Wanted(status="active")) == []
    closed = room.change("s", Change(), Terms())
    assert (closed.outcome, closed.held.fields["status"]) == ("closed", "expired")
    assert server.call("HGET", "session:s", "status") == b"active"


def test_one_message_is_read_and_changed_in_one_trip(room: Any, server: Server) -> None:
    room.create(SESSION, Terms())
    for name in "ab":
        room.add("s", said(name), Terms())

    with server.counted() as calls:
        (found,) = room.messages("s", Asked(id="b"))
        assert room.messages("s", Asked(id="b", roles=("tool",))) == []
        assert room.messages("s", Asked(id="c")) == room.messages("t", Asked(id="a")) == []
        refused = room.amend("s", "b", {"content": "x"}, (), Terms(), {"content": "not it"})
        done = room.amend("s", "b", {"content": "x"}, (), Terms(), {"content": "hello", "ours": ""})

    assert len(asked(calls)) == 6
    assert found["id"] == "b"
    assert (refused.outcome, refused.status, done.outcome) == ("conflict", "active", "done")
    assert room.messages("s", Asked(id="b"))[0]["content"] == "x"


def test_other_errors_than_those_of_kinds_are_heard(room: Any, server: Server) -> None:
    """A server without memory refuses what a listing has to write."""
    other = Javascript(server)
    other.create("s", userId="u")
    other.add("s", "a")
    server.call("CONFIG", "SET", "maxmemory", "1")
    try:
        with pytest.raises(StorageError):
            room.select(Wanted(user_id="u"))
    finally:
        server.call("CONFIG", "SET", "maxmemory", "0")
