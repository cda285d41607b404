"""Messages where nothing is out of the ordinary, and what has to be seen before one is taken so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import storage
import storage.aio
from storage.core.dialog.dates import iso
from storage.dialogs import Asked, Change, Terms
from tests.continuity.ground import NOW, Opened, held_still, rooms_of
from tests.servers import Server

TTL = 80_000
SESSION = {"id": "s", "status": "active", "userId": "u"}


@pytest.fixture
def server(valkey: Server) -> Iterator[Server]:
    """A server whose clock stands still, and which is empty afterwards."""
    yield held_still(valkey)
    valkey.call("FLUSHALL")


@pytest.fixture(params=[storage, storage.aio], ids=["blocking", "aio"])
def rooms(request: pytest.FixtureRequest) -> Iterator[Opened]:
    with rooms_of(request.param) as make:
        yield make


@pytest.fixture
def room(rooms: Opened, server: Server) -> Any:
    """Sessions on a server, of which one has three messages of two tokens."""
    made = rooms(server)
    made.create(SESSION, Terms())
    for name in "abc":
        made.add("s", said(name), Terms())
    return made


def said(name: str, **more: str) -> dict[str, str]:
    told = {"id": name, "role": "user", "content": "hello", "contentType": "string"}
    return {**told, "tokenCount": "2", "metadata": "", **more}


def counted(room: Any) -> tuple[int, int]:
    held = room.find("s")
    return held.messages, held.tokens


def test_a_message_that_others_have_changed_is_counted_as_it_is_now(
    room: Any, server: Server
) -> None:
    server.call("HSET", "message:a", "tokenCount", "7")
    server.call("HSET", "session:s", "version", "2", "lastActivityAt", iso(NOW + 1))

    room.add("s", said("d"), Terms())

    assert counted(room) == (4, 13)


def test_so_it_is_where_they_count_no_versions(room: Any, server: Server) -> None:
    server.call("HSET", "message:a", "tokenCount", "7")
    server.call("HSET", "session:s", "lastActivityAt", iso(NOW + 1))

    room.add("s", said("d"), Terms())

    assert counted(room) == (4, 13)


def test_a_message_that_others_have_taken_away_counts_no_more(room: Any, server: Server) -> None:
    server.call("ZREM", "session:s:messages", "b")
    server.call("DEL", "message:b")

    room.add("s", said("d"), Terms())

    assert counted(room) == (3, 6)


def test_there_is_no_room_for_more_than_others_have_left(room: Any, server: Server) -> None:
    server.call("ZADD", "session:s:messages", "4", "x")
    server.call("HSET", "message:x", "id", "x", "sessionId", "s", "role", "user")
    server.call("HSET", "message:x", "tokenCount", "9", "createdAt", iso(NOW))

    refused = room.add("s", said("d"), Terms(), 10)

    assert (refused.outcome, refused.used, refused.most) == ("full", 15, 10)


def test_one_that_others_have_added_in_its_place_counts(room: Any, server: Server) -> None:
    server.call("ZREM", "session:s:messages", "b")
    server.call("DEL", "message:b")
    server.call("INCR", "session:s:seq")
    server.call("ZADD", "session:s:messages", "4", "x")
    server.call("HSET", "message:x", "id", "x", "sessionId", "s", "role", "user")
    server.call("HSET", "message:x", "tokenCount", "9", "createdAt", iso(NOW))

    added = room.add("s", said("d"), Terms())

    assert added.message["sequence"] == "5"
    assert server.call("GET", "session:s:seq") == b"5"
    assert counted(room) == (4, 15)
    assert [one["id"] for one in room.messages("s", Asked())] == ["a", "c", "x", "d"]


def test_a_counter_that_is_gone_stays_gone_until_it_is_known_where_it_stood(
    room: Any, server: Server
) -> None:
    server.call("DEL", "session:s:seq")

    added = room.add("s", said("d"), Terms())

    assert added.message["sequence"] == "4"
    assert server.call("GET", "session:s:seq") == b"4"
    assert counted(room) == (4, 8)


def test_no_message_is_made_before_one_of_which_that_was_told(room: Any) -> None:
    room.add("s", said("d", createdAt=iso(NOW + 5_000)), Terms())

    after = [room.add("s", said(name), Terms()).message["createdAt"] for name in "ef"]

    assert after == [iso(NOW + 5_000)] * 2


def test_each_message_lasts_a_little_longer_than_its_session(room: Any, server: Server) -> None:
    for name in "def":
        room.add("s", said(name), Terms(TTL))
    room.add("s", said("g"), Terms())

    left = [server.call("PTTL", f"message:{name}") for name in "abcdefg"]

    assert server.call("PTTL", "session:s") == TTL
    assert set(left) == {TTL + TTL // 8}


def test_a_summary_is_over_with_the_next_message(room: Any) -> None:
    room.change("s", Change(compression='{"summary":"x"}', quiet=True), Terms())

    room.add("s", said("d"), Terms())

    assert room.find("s").compression == ""


def test_no_message_comes_into_a_session_whose_time_is_over(room: Any, server: Server) -> None:
    room.add("s", said("d"), Terms(session_ms=1_000))
    room.add("s", said("e"), Terms(session_ms=1_000))
    server.advance(1)

    refused = room.add("s", said("f"), Terms(session_ms=1_000))

    assert (refused.outcome, refused.status) == ("closed", "expired")
    assert counted(room) == (5, 10)


def test_a_session_lasts_on_with_each_message(room: Any, server: Server) -> None:
    room.add("s", said("d"), Terms(TTL))
    server.advance(1)

    room.add("s", said("e"), Terms(TTL))

    assert server.call("PTTL", "session:s") == TTL
