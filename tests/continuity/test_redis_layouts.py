"""Sessions that JavaScript writes, in both layouts, beside ours: in order, and none is lost."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

import storage
import storage.aio
from storage.core.dialog.dates import iso, moment
from storage.dialogs import Asked, Change, Terms, Wanted
from tests.continuity.ground import NOW, held_still, rooms_of
from tests.continuity.javascript import Javascript, scanned
from tests.house.tree import ROOT
from tests.servers import Server

LUA = ROOT / "storage" / "redis" / "lua"
EVERYTHING = Asked()
HOUR = 3_600_000


@pytest.fixture
def server(valkey: Server) -> Iterator[Server]:
    """A server whose clock stands still, and which is empty afterwards."""
    yield held_still(valkey)
    valkey.call("FLUSHALL")


@pytest.fixture
def room(server: Server) -> Iterator[Any]:
    with rooms_of(storage) as make:
        yield make(server)


def said(name: str, tokens: int = 1, **more: str) -> dict[str, str]:
    told = {"id": name, "role": "user", "content": "hello", "contentType": "string"}
    return {**told, "tokenCount": str(tokens), "metadata": "", **more}


def ids(room: Any, asked: Asked = EVERYTHING, session_id: str = "s") -> list[str]:
    return [one["id"] for one in room.messages(session_id, asked)]


def test_a_session_is_written_as_javascript_writes_it(room: Any, server: Server) -> None:
    fields = {
        "id": "s",
        "status": "active",
        "metadata": '{"title":"t","tags":["a","b"]}',
        "participants": '[{"id":"p","role":"user","joinedAt":"2026-11-21T01:46:25.460Z"}]',
        "schemaVersion": "1",
        "userId": "u1",
        "tokenBudget": '{"maxTokens":40,"reserveTokens":0,"overflowStrategy":"compress"}',
        "compression": '{"strategy":"summarization","targetTokens":30}',
    }

    held = room.create(fields, Terms(None, HOUR))
    room.add("s", said("m1", 2), Terms())
    room.add("s", said("m2", createdAt=iso(NOW + 5)), Terms())

    read = Javascript(server).fields
    moments = {"createdAt": iso(NOW), "lastActivityAt": iso(NOW), "expiresAt": iso(NOW + HOUR)}
    assert read("session:s") == {**fields, **moments, "version": "1"} == held.fields
    assert server.call("SMEMBERS", "user:u1:sessions") == [b"s"]
    assert read("message:m1") == {
        **said("m1", 2),
        "sessionId": "s",
        "sequence": "1",
        "createdAt": iso(NOW),
    }
    assert server.call("ZRANGE", "session:s:messages", 0, -1, "WITHSCORES") == [
        *(b"m1", b"1", b"m2", b"2")
    ]
    assert server.call("GET", "session:s:seq") == b"2"
    assert sorted(scanned(server)) == [b"session:s", b"session:s:seq"]


@pytest.mark.parametrize("first", [False, True], ids=["now", "before"])
def test_what_nobody_has_counted_is_counted(first: bool, room: Any, server: Server) -> None:
    other = Javascript(server, first=first)
    other.create("s")
    other.add("s", "a", 4)
    assert (room.find("s").messages, room.find("s").tokens) == (1, 4)
    server.advance(1)

    other.add_only("s", "b", 5)

    assert (room.find("s").messages, room.find("s").tokens) == (2, 9)
    assert [one.tokens for one in room.select(Wanted())] == [9]


@pytest.mark.parametrize("first", [False, True], ids=["now", "before"])
def test_what_javascript_wrote_is_read_and_counted(first: bool, room: Any, server: Server) -> None:
    other = Javascript(server, first=first)
    other.create("s", userId="u", createdAt="2023-11-14T22:13:20+00:00")
    for name in "abc":
        other.add("s", name, 4)
        server.advance(0.001)
    other.add("s", "d")

    held = room.find("s")

    assert (held.messages, held.tokens) == (4, 12)
    assert held.fields == other.fields("session:s")
    assert ids(room) == ["a", "b", "c", "d"]
    assert ids(room, Asked(2, 1, newest=True)) == ["c", "b"]
    assert [one.id for one in room.select(Wanted(user_id="u"))] == ["s"]
    assert ("version" in held.fields) is not first


@pytest.mark.parametrize("newer", [False, True], ids=["older", "newer"])
def test_new_messages_follow_those_of_the_older_layout(
    newer: bool, room: Any, server: Server
) -> None:
    before, now = Javascript(server, first=True), Javascript(server)
    before.create("s")
    order = []
    if newer:
        server.call("SET", "session:s:seq", NOW)
    for number in range(12):
        name = f"m{number}"
        if number % 4 == 0:
            before.add("s", name)
        elif newer and number % 4 == 2 and number > 1:
            now.add("s", name)
        else:
            assert room.add("s", said(name), Terms()).outcome == "done"
        order.append(name)
        server.advance(0.002)

    assert ids(room) == order == before.listed("s")
    assert ids(room, Asked(newest=True)) == order[::-1]


def test_scores_of_both_kinds_are_ordered_by_when_they_were_made(room: Any, server: Server) -> None:
    """A newer library numbers from 1 on in a session of the older layout."""
    before, now = Javascript(server, first=True), Javascript(server)
    before.create("s")
    order = [f"m{number:04}" for number in range(2400)]
    for name in order[:1200]:
        server.call("ZADD", "session:s:messages", NOW + len(name), name)
        server.call("HSET", f"message:{name}", "id", name, "sessionId", "s", "createdAt", iso(NOW))
    server.advance(1)
    for name in order[1200:]:
        score = server.call("INCR", "session:s:seq")
        server.call("ZADD", "session:s:messages", score, name)
        told = ("sessionId", "s", "createdAt", iso(NOW + 1000), "sequence", score)
        server.call("HSET", f"message:{name}", "id", name, *told)
    server.advance(1)
    for name in ("x", "y"):
        room.add("s", said(name), Terms())
    now.add("s", "z")

    assert ids(room) == [*order, "x", "y", "z"]
    assert ids(room, Asked(3, 1, newest=True)) == ["y", "x", order[-1]]
    assert ids(room, Asked(2, after=NOW + 1000)) == ["x", "y"]
    assert room.find("s").messages == 2403


def test_a_new_message_is_not_made_before_any_other(room: Any, server: Server) -> None:
    before, now = Javascript(server, first=True), Javascript(server)
    server.advance(10)
    before.create("s")
    before.add("s", "a")
    server.advance(20)
    now.add("s", "b")
    server.advance(-25)

    added = room.add("s", said("c"), Terms())
    again = room.add("s", said("d"), Terms())

    assert added.message["createdAt"] == again.message["createdAt"] == iso(NOW + 30_000)
    assert ids(room) == ["a", "b", "c", "d"]


class Mixed:
    """A session that three libraries write to, and what has to be in it."""

    def __init__(self, room: Any, server: Server, seed: int) -> None:
        self.room, self.server = room, server
        self.chance = random.Random(seed)
        firsts = (True, False) if seed % 3 == 0 else (seed % 3 == 1,)
        self.others = [Javascript(server, first=first) for first in firsts]
        self.order: list[str] = []
        self.tokens: dict[str, int] = {}
        self.others[0].create("s", userId="u")
        self.done = 0

    def step(self) -> None:
        self.server.advance(self.chance.choice([0.001, 0.002, 3]))
        self.done += 1
        name = self.chance.choice(self.order) if self.order else ""
        tokens, other = self.chance.randrange(9), self.chance.choice(self.others)
        match self.chance.randrange(10 if self.order else 4):
            case 0 | 1:
                self.appended(f"m{self.done}", tokens)
                other.add("s", f"m{self.done}", tokens)
            case 2 | 3:
                self.appended(f"m{self.done}", tokens)
                done = self.room.add("s", said(f"m{self.done}", tokens), Terms())
                assert done.outcome == "done"
            case 4:
                self.tokens[name] = tokens
                other.update_message("s", name, tokenCount=str(tokens))
            case 5:
                self.tokens[name] = tokens
                put = {"tokenCount": str(tokens)}
                assert self.room.amend("s", name, put, (), Terms()).outcome == "done"
            case 6:
                self.gone(name)
                other.delete_message("s", name)
            case 7:
                self.gone(name)
                assert self.room.discard("s", name, Terms()).outcome == "done"
            case 8:
                other.update("s", status="active")
            case _:
                change = Change({"activeAgentId": "a"}, compression="{}")
                assert self.room.change("s", change, Terms()).outcome == "done"

    def appended(self, name: str, tokens: int) -> None:
        self.order.append(name)
        self.tokens[name] = tokens

    def gone(self, name: str) -> None:
        self.order.remove(name)
        del self.tokens[name]

    def check(self) -> None:
        held = self.room.find("s")
        assert (held.messages, held.tokens) == (len(self.order), sum(self.tokens.values()))
        assert ids(self.room) == self.order


@pytest.mark.parametrize("seed", range(9))
def test_who_writes_after_whom_nothing_is_lost(seed: int, room: Any, server: Server) -> None:
    mixed = Mixed(room, server, seed)
    for _ in range(120):
        mixed.step()
        if mixed.chance.randrange(3):
            mixed.check()
    mixed.check()


def test_a_counter_that_is_lost_or_behind_is_set_anew(room: Any, server: Server) -> None:
    room.create({"id": "s", "status": "active"}, Terms(HOUR))
    for number in range(3):
        room.add("s", said(f"m{number}"), Terms(HOUR))
    for lost in (True, False):
        server.call(*(["DEL", "session:s:seq"] if lost else ["SET", "session:s:seq", 1]))
        room.add("s", said(f"lost {lost}"), Terms(HOUR))

    assert ids(room) == ["m0", "m1", "m2", "lost True", "lost False"]
    assert server.call("GET", "session:s:seq") == b"5"
    room.change("s", Change({"status": "paused"}), Terms(HOUR))
    server.call("DEL", "session:s:seq")
    assert room.add("s", said("x"), Terms(HOUR)).outcome == "closed"
    assert server.call("EXISTS", "session:s:seq") == 0


def test_a_summary_goes_when_javascript_changes_messages(room: Any, server: Server) -> None:
    other = Javascript(server)
    other.create("s")
    other.add("s", "a")
    room.change("s", Change(compression='{"summary":"x"}', quiet=True), Terms())
    assert room.find("s").compression

    other.update("s", status="paused")
    assert room.find("s").compression
    other.update("s", status="active")
    other.add("s", "b")

    assert room.find("s").compression == ""


def test_a_session_that_is_written_anew_just_now_loses_nothing(room: Any, server: Server) -> None:
    other = Javascript(server)
    other.create("s", userId="u")
    other.create("empty", userId="u")
    other.add("s", "a")
    for _ in range(3):
        told = {name: other.take_away(name) for name in ("s", "empty")}
        for _ in range(2):
            assert room.select(Wanted(user_id="u")) == []
            assert room.expired(NOW) == []
        for name, fields in told.items():
            other.write_anew(name, fields)
        assert {one.id for one in room.select(Wanted(user_id="u"))} == {"s", "empty"}
        server.advance(3600)

    assert ids(room) == ["a"]


def test_what_has_been_gone_for_long_is_cleared_away(room: Any, server: Server) -> None:
    other = Javascript(server)
    other.create("s", userId="u")
    for number in range(5):
        room.add("s", said(f"m{number}"), Terms())
    other.take_away("s")
    server.call("HSET", "message:m3", "sessionId", "another")

    room.expired(NOW)
    assert server.call("EXISTS", "session:s:messages") == 1
    server.advance(61)
    room.expired(NOW)

    assert server.call("KEYS", "*") == [b"message:m3"]


def test_messages_of_adapters_with_a_lifetime_do_not_end_before_their_session(
    room: Any, server: Server
) -> None:
    other = Javascript(server, ttl=60)
    other.create("s", userId="u")
    other.add("s", "a", 5)
    server.advance(50)
    other.add("s", "b", 7)

    room.add("s", said("c"), Terms())
    server.advance(55)
    assert ids(room) == ["a", "b", "c"]
    room.add("s", said("d"), Terms(HOUR))
    server.advance(3000)

    assert ids(room) == ["a", "b", "c", "d"]
    assert room.find("s").tokens == 14
    server.advance(1200)
    room.expired(None)
    assert server.call("KEYS", "*") == []


def test_who_keeps_for_ever_keeps_the_messages_too(room: Any, server: Server) -> None:
    room.create({"id": "s", "status": "active", "userId": "u"}, Terms(60_000))
    room.add("s", said("a"), Terms(60_000))
    Javascript(server).update("s")
    room.add("s", said("b"), Terms())
    server.advance(1000)

    assert ids(room) == ["a", "b"]
    assert [one.id for one in room.select(Wanted(user_id="u"))] == ["s"]


def test_messages_that_ended_by_themselves_are_none(room: Any, server: Server) -> None:
    other = Javascript(server, ttl=60)
    other.create("s")
    for name in "abcd":
        other.add("s", name, 3)
        server.advance(10)
    assert room.find("s").messages == 4
    server.advance(25)

    held = room.find("s")

    assert (held.messages, held.tokens) == (3, 9)
    assert ids(room) == ["b", "c", "d"]
    assert ids(room, Asked(1, 1)) == ["c"]
    assert ids(room, Asked(1, 2, newest=True)) == ["b"]


def test_moments_are_written_and_read_as_in_python(server: Server) -> None:
    chance = random.Random(1)
    source = (LUA / "iso.lua").read_text() + (LUA / "moment.lua").read_text()
    each = "local f = {} for i = 1, #ARGV do"
    write = f"{source} {each} f[i] = iso(tonumber(ARGV[i])) end return f"
    told = "local at = moment(ARGV[i]) f[i] = at and string.format('%.0f', at) or ''"
    read = f"{source} {each} {told} end return f"
    numbers = [chance.randrange(-(10**12), 2 * 10**12) for _ in range(2000)]
    numbers += [chance.randrange(-62_135_596_800_000, 253_402_300_799_999) for _ in range(2000)]

    written = [one.decode() for one in server.call("EVAL", write, 0, *numbers)]
    texts = [*written, *(text for _ in range(4000) for text in [form(chance)])]
    known = [one.decode() for one in server.call("EVAL", read, 0, *texts)]

    assert written == [iso(number) for number in numbers]
    assert known == [as_python_reads(text) for text in texts]
    assert {"", *known[4000:]} != {""}


def form(chance: random.Random) -> str:
    """A date in one of the forms of ISO, or nearly."""
    one = chance.choice
    day = f"{one(['2024', '1900', '2000', '0001', '9999'])}{one('-  ').strip()}"
    day += f"{chance.randrange(14):02}{one('- ').strip()}{chance.randrange(33):02}"
    clock = one(["", "T10", " 23:59", "T235960", "T10:00:00", "t10", "T24", "T1000"])
    clock += one(["", "", ".5", ",123456789", ".1234567890", "."])
    return day + clock + one(["", " ", "Z", "z", "+00:00", "-23:59", "+0530", "+24:00", " Z", "+1"])


def as_python_reads(text: str) -> str:
    try:
        return str(moment(text))
    except ValueError:
        return ""


def test_it_is_the_same_for_tasks(server: Server) -> None:
    with rooms_of(storage.aio) as make:
        room, other = make(server), Javascript(server, first=True)
        other.create("s")
        other.add("s", "a", 3)
        room.add("s", said("b"), Terms())
        server.advance(0.002)
        other.add("s", "c", 3)

        assert ids(room) == ["a", "b", "c"]
        assert room.find("s").tokens == 7
