"""What a server is asked for sessions, what it keeps of them, and for how long."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

import storage
import storage.aio
from storage import ConfigurationError, CorruptValueError, UnstorableError, WrongTypeError
from storage.core.dialog.dates import iso
from storage.dialogs import Asked, Change, Terms, Wanted
from tests.continuity.ground import NOW, Opened, held_still, rooms_of
from tests.servers import Server
from tests.servers.cluster import Cluster
from tests.servers.counting import Call, Calls
from tests.servers.resp import HANDSHAKE

TTL = 80_000
KEPT = Terms(TTL)
SESSION = {"id": "s", "status": "active", "userId": "u"}
GLOBS = ("", "bot:", "*", "a[b]?\\", "{x}", "чат:")


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
    return rooms(server)


def said(name: str, **more: str) -> dict[str, str]:
    told = {"id": name, "role": "user", "content": "hello", "contentType": "string"}
    return {**told, "tokenCount": "2", "metadata": "", **more}


def fill(server: Server, session_id: str, count: int, prefix: str = "") -> None:
    """Write messages as another library does, many at once."""
    with server.connect() as wire:
        for start in range(0, count, 1000):
            some = range(start, min(start + 1000, count))
            names = [f"{session_id}-{number}" for number in some]
            scores = [word for number, name in zip(some, names) for word in (number + 1, name)]
            wire.call("ZADD", f"{prefix}session:{session_id}:messages", *scores)
            text = (
                "for i = 2, #ARGV do redis.call('HSET', ARGV[1] .. 'message:' .. ARGV[i], "
                "'id', ARGV[i], 'sessionId', KEYS[1], 'role', 'user', 'tokenCount', '2', "
                "'createdAt', '2023-11-14T22:13:20.000Z') end"
            )
            wire.call("EVAL", text, 1, session_id, prefix, *names)
        wire.call("SET", f"{prefix}session:{session_id}:seq", count)


def asked(calls: Calls) -> list[Call]:
    """What clients sent and the server ran; what it refused for a script that it does not know
    comes again."""
    sent = [one for one in calls.everything if not one.scripted and one.name not in HANDSHAKE]
    follows = [*(one.name for one in sent[1:]), ""]
    return [one for one, name in zip(sent, follows) if name != "EVAL"]


def keys(server: Server) -> set[bytes]:
    return set(server.call("KEYS", "*"))


def test_each_step_is_one_trip(room: Any, server: Server) -> None:
    terms = Terms(TTL, 1000)
    steps: dict[str, Any] = {
        "create": lambda: room.create(SESSION, terms),
        "add": lambda: [room.add("s", said(name), terms) for name in "abcdef"],
        "find": lambda: room.find("s"),
        "change": lambda: room.change("s", Change({"userId": "w"}, ("ours",)), terms),
        "messages": lambda: room.messages("s", Asked(20, newest=True)),
        "filtered": lambda: room.messages("s", Asked(3, 1, after=NOW - 1, roles=("user",))),
        "amend": lambda: room.amend("s", "a", {"content": "x"}, (), terms),
        "discard": lambda: room.discard("s", "a", terms),
        "of a user": lambda: room.select(Wanted(user_id="w")),
        "discard_all": lambda: room.discard_all("s", terms),
        "remove": lambda: room.remove("s"),
        "ping": room.ping,
    }
    wanted = {"add": 6}
    for name, step in steps.items():
        with server.counted() as calls:
            step()
        assert len(asked(calls)) == wanted.get(name, 1), (name, calls.names)


def test_nothing_is_asked_for_no_messages(room: Any, server: Server) -> None:
    with server.counted() as calls:
        assert room.messages("s", Asked(0)) == room.select(Wanted(limit=0)) == []

    assert len(asked(calls)) == 0


def test_a_message_costs_few_commands_however_many_there_are(room: Any, server: Server) -> None:
    room.create(SESSION, KEPT)
    for number in range(300):
        room.add("s", said(f"m{number}"), KEPT)

    with server.counted() as calls:
        room.add("s", said("new"), KEPT)

    assert len(calls.scripted) < 18
    assert calls.scripted.count("PEXPIREAT") == 1


def test_a_hundred_sessions_of_a_user_are_read_in_one_trip(room: Any, server: Server) -> None:
    for number in range(100):
        room.create({**SESSION, "id": f"s{number:02}"}, Terms())

    with server.counted() as calls:
        found = room.select(Wanted(user_id="u"))

    assert [one.id for one in found] == [f"s{number:02}" for number in range(100)]
    assert len(asked(calls)) == 1


def test_a_server_that_forgets_its_scripts_learns_them_anew(room: Any, server: Server) -> None:
    room.create(SESSION, KEPT)
    for number in range(5):
        server.call("SCRIPT", "FLUSH")
        assert room.add("s", said(f"m{number}"), KEPT).outcome == "done"
        server.call("SCRIPT", "FLUSH")
        assert len(room.messages("s", Asked())) == number + 1
        server.call("SCRIPT", "FLUSH")
        assert [one.messages for one in room.select(Wanted())] == [number + 1]


@pytest.mark.parametrize("kind", ["redis8", "redis6"])
def test_other_servers_keep_it_as_long(
    kind: str, rooms: Opened, request: pytest.FixtureRequest
) -> None:
    server: Server = held_still(request.getfixturevalue(kind))
    live_and_end(rooms(server), server)
    server.call("FLUSHALL")


def test_all_of_a_session_lives_as_long_as_it_does(room: Any, server: Server) -> None:
    live_and_end(room, server)


def live_and_end(room: Any, server: Server) -> None:
    """A session that is written to now and then is there, and everything of it, and then not."""
    room.create(SESSION, KEPT)
    for number in range(40):
        assert room.add("s", said(f"m{number}"), KEPT).outcome == "done"
        server.advance(TTL / 1000 - 1)
    assert len(room.messages("s", Asked())) == 40
    assert (room.find("s").messages, room.find("s").tokens) == (40, 80)
    assert [one.id for one in room.select(Wanted(user_id="u"))] == ["s"]

    server.advance(1.001)

    assert room.find("s") is None
    assert room.messages("s", Asked()) == room.select(Wanted(user_id="u")) == []
    assert room.add("s", said("late"), KEPT).outcome == "missing"
    server.advance(TTL / 8000)
    assert keys(server) == set()


@pytest.mark.parametrize("way", ["select", "expired"])
def test_thousands_of_sessions_leave_nothing(way: str, server: Server) -> None:
    with rooms_of(storage) as rooms:
        room = rooms(server)
        room.create({**SESSION, "id": "stays"}, Terms())
        for number in range(10_000):
            room.create({**SESSION, "id": f"s{number}"}, KEPT)
            if number % 7 == 0:
                room.add(f"s{number}", said(f"m{number}"), KEPT)
        server.advance(TTL / 1000 * 9 / 8 + 0.002)
        clear = room.expired if way == "expired" else room.select
        told = 0 if way == "expired" else Wanted(user_id="u")

        clear(told)
        server.advance(61)
        clear(told)

        assert server.call("SMEMBERS", "user:u:sessions") == [b"stays"]
        server.advance(3600)
        left = {b"session:stays", b"session:stays:messages:state", b"user:u:sessions"}
        assert keys(server) == left


def test_a_list_of_sessions_ends_with_the_last_of_them(room: Any, server: Server) -> None:
    room.create({**SESSION, "id": "long"}, Terms(10 * TTL))
    room.create({**SESSION, "id": "short"}, KEPT)
    server.advance(2 * TTL / 1000)
    assert [one.id for one in room.select(Wanted(user_id="u"))] == ["long"]
    room.create({**SESSION, "id": "ever"}, Terms())
    server.advance(20 * TTL / 1000)

    assert [one.id for one in room.select(Wanted(user_id="u"))] == ["ever"]


def test_a_list_that_never_ends_stays_so(room: Any, server: Server) -> None:
    server.call("SADD", "user:u:sessions", "elsewhere")
    room.create(SESSION, KEPT)
    room.add("s", said("a"), KEPT)

    assert server.call("PTTL", "user:u:sessions") == -1


def test_terms_without_a_lifetime_leave_the_one_that_is_there(room: Any, server: Server) -> None:
    room.create(SESSION, KEPT)
    server.advance(50)
    room.add("s", said("a"), Terms())
    room.change("s", Change({"status": "paused"}), Terms())

    server.advance(TTL / 1000 - 50 + 0.001)
    assert room.find("s") is None
    server.advance(TTL / 8000)
    assert keys(server) == set()


def test_the_id_of_a_session_that_is_over_is_free(room: Any, server: Server) -> None:
    room.create(SESSION, KEPT)
    room.create({**SESSION, "id": "other"}, Terms())
    room.add("s", said("a"), KEPT)
    room.add("s", said("b"), KEPT)
    server.advance(TTL / 1000 + 0.001)

    assert room.add("other", said("b"), Terms()).outcome == "done"
    assert room.create(SESSION, Terms()) is not None

    assert room.messages("s", Asked()) == []
    assert (room.find("s").messages, room.find("s").tokens) == (0, 0)
    assert room.add("s", said("a"), Terms()).message["sequence"] == "1"
    server.advance(TTL)
    assert [one["id"] for one in room.messages("s", Asked())] == ["a"]
    assert [one["id"] for one in room.messages("other", Asked())] == ["b"]


def test_many_messages_are_counted_renewed_read_and_taken_away_in_slices(
    room: Any, server: Server
) -> None:
    assert go_through_many(room, server, "s") == {
        "find": 6,
        "add": 4,
        "messages": 4,
        "discard_all": 4,
    }


def go_through_many(room: Any, server: Server, name: str) -> dict[str, int]:
    """How many trips it takes to do something with thousands of messages."""
    trips = {}
    room.create({**SESSION, "id": name}, KEPT)
    fill(server, name, 3500)
    with server.counted() as calls:
        held = room.find(name)
    assert (held.messages, held.tokens) == (3500, 7000)
    trips["find"] = len(asked(calls))
    with server.counted() as calls:
        room.add(name, said(f"{name}+"), KEPT)
    trips["add"] = len(asked(calls))
    with server.counted() as calls:
        found = room.messages(name, Asked())
    assert [one["id"] for one in found] == [*(f"{name}-{one}" for one in range(3500)), f"{name}+"]
    trips["messages"] = len(asked(calls))
    assert room.messages(name, Asked(2, 3400))[0]["id"] == f"{name}-3400"
    server.advance(TTL / 1000 - 1)
    room.add(name, said(f"{name}++"), KEPT)
    server.advance(TTL / 1000 - 1)
    assert len(room.messages(name, Asked())) == room.find(name).messages == 3502

    with server.counted() as calls:
        assert room.discard_all(name, KEPT) == 3502
    inside = [call for call in calls.everything if call.scripted]
    assert len(inside) / len(asked(calls)) < 2500
    trips["discard_all"] = len(asked(calls))
    assert (room.find(name).messages, room.find(name).tokens) == (0, 0)
    assert room.messages(name, Asked()) == []
    return trips


def test_large_messages_are_read_a_few_at_a_time(room: Any, server: Server) -> None:
    room.create(SESSION, Terms())
    for number in range(12):
        room.add("s", said(f"m{number}", content="x" * 300_000), Terms())

    with server.counted() as calls:
        found = room.messages("s", Asked(newest=True, roles=("user",)))

    assert [one["id"] for one in found] == [f"m{number}" for number in range(11, -1, -1)]
    assert len(asked(calls)) >= 3


def test_what_a_killed_process_left_is_neither_seen_nor_kept(room: Any, server: Server) -> None:
    """The steps after the first one are never made: the first one is told by hand."""
    room.create(SESSION, Terms())
    fill(server, "s", 2500)
    room.find("s")
    with server.counted() as calls:
        room.remove("s")
    (first, *others) = asked(calls)
    assert len(others) == 2
    assert keys(server) == set()
    room.create(SESSION, Terms())
    fill(server, "s", 2500)

    server.call(*first.words)

    assert room.find("s") is None
    assert room.messages("s", Asked()) == []
    assert server.call("ZCARD", "session:s:messages") == 1500
    assert room.select(Wanted(user_id="u")) == room.select(Wanted()) == []
    room.expired(0)
    assert keys(server) == set()


def test_many_messages_are_taken_away_in_one_step_whoever_dies_then(
    room: Any, server: Server
) -> None:
    room.create(SESSION, Terms())
    fill(server, "s", 2500)
    room.find("s")
    with server.counted() as calls:
        room.discard_all("s", Terms())
    (first, *others) = asked(calls)
    assert len(others) == 2
    fill(server, "s", 2500)
    room.find("s")

    server.call(*first.words)

    assert (room.find("s").messages, room.find("s").tokens) == (0, 0)
    assert room.messages("s", Asked()) == []
    assert room.add("s", said("s-2400"), Terms()).outcome == "done"
    (list_of_them,) = server.call("KEYS", "session:s:messages:gone:*")
    assert server.call("ZCARD", list_of_them) == 1500
    assert [one.id for one in room.select(Wanted())] == ["s"]
    room.expired(0)
    assert len(server.call("KEYS", "message:*")) == room.find("s").messages == 1
    assert room.messages("s", Asked(id="s-2400"))[0]["content"] == "hello"
    assert server.call("KEYS", "session:s:messages:gone:*") == []


def test_messages_that_were_not_renewed_before_are_renewed_next(room: Any, server: Server) -> None:
    room.create(SESSION, KEPT)
    fill(server, "s", 2500)
    room.find("s")
    with server.counted() as calls:
        room.add("s", said("a"), KEPT)
    renewed = asked(calls)
    server.call("FLUSHALL")
    room.create(SESSION, KEPT)
    fill(server, "s", 2500)
    room.find("s")
    server.call(*renewed[0].words)
    assert server.call("PTTL", "message:s-0") == -1

    room.add("s", said("b"), KEPT)

    assert server.call("PTTL", "message:s-0") > TTL
    server.advance(TTL)
    room.expired(None)
    assert keys(server) == set()


@pytest.mark.parametrize("prefix", GLOBS)
@pytest.mark.parametrize("user_id", ["*", "u?[a]\\", "имя"])
def test_names_may_be_any_text(prefix: str, user_id: str, rooms: Opened, server: Server) -> None:
    room, other = rooms(server, prefix), rooms(server, "other:")
    other.create({**SESSION, "userId": user_id}, Terms())
    for name in ("*", "a:b", "[]", "\\"):
        room.create({"id": name, "userId": user_id, "expiresAt": iso(NOW + 1)}, Terms())
        room.add(name, {"id": f"{name}*"}, Terms())
    server.advance(1)
    room.change("*", Change({"userId": user_id}, quiet=True), Terms())

    assert [one.id for one in room.select(Wanted(user_id=user_id))] == ["*", "[]", "\\", "a:b"]
    assert len(room.select(Wanted())) == 4
    assert room.expired(NOW) == []
    assert room.expired(NOW + 1) == ["*", "[]", "\\", "a:b"]
    assert [room.remove(name, NOW) for name in "*a"] == [False] * 2
    assert [room.remove(name, NOW + 1) for name in room.expired(NOW + 1)] == [True] * 4
    assert {one for one in keys(server) if not one.startswith(b"other:")} == set()


def test_sessions_are_found_once_however_many_there_are(room: Any, server: Server) -> None:
    for number in range(1200):
        room.create({"id": f"s{number}", "expiresAt": iso(NOW - number)}, Terms())
        if number % 100 == 0:
            room.add(f"s{number}", said(f"m{number}"), Terms())
    server.call("SET", "session:text", "of somebody else")
    for name in ("user:other:sessions", "session:other:messages"):
        server.call("LPUSH", name, "of somebody else")

    found = room.select(Wanted())

    assert len(found) == len({one.id for one in found}) == 1200
    assert room.expired(NOW - 1198) == ["s1199", "s1198"]
    server.advance(3600)
    assert len(room.expired(NOW)) == 1200
    assert server.call("EXISTS", "session:text", "user:other:sessions") == 2
    assert server.call("EXISTS", "session:other:messages") == 1


def test_what_is_of_another_kind_is_said(room: Any, server: Server) -> None:
    server.call("SET", "session:s", "x")
    room.create({"id": "t", "status": "active"}, Terms())
    server.call("SET", "message:m", "x")
    server.call("SET", "session:t:messages", "x")
    steps: list[Any] = [
        lambda: room.find("s"),
        lambda: room.change("s", Change(), Terms()),
        lambda: room.remove("s"),
        lambda: room.add("t", said("m"), Terms()),
        lambda: room.add("t", said("n"), Terms()),
        lambda: room.messages("t", Asked()),
        lambda: room.discard_all("t", Terms()),
    ]

    for step in steps:
        with pytest.raises(WrongTypeError):
            step()
    assert server.call("GET", "session:s") == server.call("GET", "message:m") == b"x"
    assert server.call("EXISTS", "message:n") == 0


def test_what_can_not_be_read_is_said_without_showing_it(room: Any, server: Server) -> None:
    server.call("HSET", "session:s", "id", b"\xff secret")
    server.call("HSET", "session:v", "id", "v", "version", "secret")

    with pytest.raises(CorruptValueError, match="session") as caught:
        room.find("s")
    assert "secret" not in str(caught.value)
    with pytest.raises(CorruptValueError, match="version") as caught:
        room.change("v", Change(), Terms())
    assert "secret" not in str(caught.value)
    with pytest.raises(UnstorableError):
        room.add("v", said("a", content="\ud800"), Terms())


def test_many_writers_at_once_are_counted_all(server: Server) -> None:
    names = "abcd"
    with rooms_of(storage) as rooms:
        shared = rooms(server)
        budget = '{"maxTokens":150,"reserveTokens":0,"overflowStrategy":"error"}'
        shared.create({**SESSION, "tokenBudget": budget}, Terms())

        def write(name: str) -> None:
            for number in range(25):
                room.add("s", said(f"{name}{number}"), KEPT)

        room = shared
        threads = [threading.Thread(target=write, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        held, found = shared.find("s"), shared.messages("s", Asked())
    assert (held.messages, held.tokens, len(found)) == (75, 150, 75)
    assert [int(one["sequence"]) for one in found] == list(range(1, 76))
    for name in names:
        own = [int(one["id"][1:]) for one in found if one["id"][0] == name]
        assert own == sorted(own)


@pytest.mark.parametrize("half", [storage, storage.aio], ids=["blocking", "aio"])
def test_a_cluster_is_refused(half: Any, cluster: Cluster) -> None:
    with rooms_of(half) as rooms, pytest.raises(ConfigurationError, match="several slots"):
        rooms(cluster.url.replace("redis://", "redis+cluster://").removesuffix("/0"))
