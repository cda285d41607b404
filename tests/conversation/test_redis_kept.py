"""What a server keeps of conversations, for how long, and what it makes of foreign bytes and of
others who are at work."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from itertools import cycle, pairwise
from typing import Any

import pytest

import storage
import storage.compat.puregram
from storage import CorruptValueError, OutcomeUnknownError, UnavailableError, WrongTypeError
from storage.core.history import State, append, packed, unpacked
from storage.core.messages import GUARDED, LAST_SEQ, NOSTART, marks
from storage.core.trim import held, window
from storage.histories import Alteration, Appended, Bounds, Query, Stretch, Terms
from storage.protocols import HistoryStore
from storage.redis.talks import Found
from storage.testing.strategies import NASTY_KEYS
from tests.fault import faults
from tests.fault.faults import End
from tests.fault.ground import Child
from tests.fault.proxy import Proxy
from tests.servers import Cluster, Server
from tests.topology.ground import cluster_url, one_of_each
from tests.waiting import until

from .conftest import Opened
from .talking import check_whole, said, seqs

Room = Any
Call = Callable[[Room], Any]

MINUTE = Terms(ttl_ms=60_000)
NAME = b"storage:~history~{storage:k}"
ENDLESS = -1


def begun(count: int = 2, text: str = "hi") -> tuple[bytes, list[bytes]]:
    """A conversation of so many messages."""
    state = State(1_700_000_000_000)
    _, records = append(state, [said(text=text)] * count, Terms(), state.born)
    return packed(state), records


KEPT, RECORDS = begun()

STEPS: dict[str, Call] = {
    "append": lambda room: room.append("k", [said()], Terms()),
    "several": lambda room: room.append("k", [said()] * 3, Terms(Bounds(2), note=b"12345678")),
    "read": lambda room: room.read("k", Query(20)),
    "read with conditions": lambda room: room.read("k", Query(20, roles=("user",), since=5)),
    "recent": lambda room: room.recent("k", Bounds(20)),
    "look": lambda room: room.look(["k", "other", "k"]),
    "alter": lambda room: room.alter("k", KEPT, Alteration(KEPT), MINUTE),
    "restore": lambda room: room.restore("z", KEPT, RECORDS, MINUTE),
    "clear": lambda room: room.clear(["z", "k"]),
    "clear those that are known": lambda room: room.clear(["z", "k"], [KEPT, KEPT]),
    "keys": lambda room: room.keys("", None),
}

ABOUT_ONE: dict[str, Call] = {
    name: call for name, call in STEPS.items() if "clear" not in name and name != "keys"
} | {"restore": lambda room: room.restore("k", KEPT, RECORDS, MINUTE)}


def names(server: Server) -> dict[bytes, int]:
    """What is stored, and how many milliseconds each has left; -1 is for ever."""
    with server.connect() as wire:
        return {name: wire.call("PTTL", name) for name in wire.call("KEYS", "*")}


def state_of(room: Room, key: str = "k") -> State:
    (standing,) = room.look([key])
    return unpacked(standing.state)


@pytest.fixture
def room(server_room: Room) -> Room:
    return server_room


@pytest.mark.parametrize("step", STEPS)
def test_each_step_is_one_trip(step: str, room: Room, valkey: Server) -> None:
    for _ in range(2):
        room.restore("k", KEPT, RECORDS, MINUTE)
        with valkey.counted() as calls:
            STEPS[step](room)

    assert len(calls) == 1


@pytest.mark.parametrize(
    "bounds", [Bounds(20), Bounds(tokens=60), Bounds(turns=20), Bounds(20, 60, 20)]
)
def test_a_window_is_one_trip_that_reads_little_more(
    bounds: Bounds, room: Room, valkey: Server
) -> None:
    room.append("k", [said("system"), *[said()] * 199], MINUTE)

    with valkey.counted() as calls:
        found = room.recent("k", bounds)

    assert len(calls) == 1
    assert 20 < len(found.records) < 25
    inside = [call for call in calls.everything if call.scripted and call.name == "LRANGE"]
    assert [one.words[-2:] for one in inside] in (
        [(b"0", b"1"), (b"%d" % start, b"-1")] for start in range(176, 181)
    )


def test_a_window_of_long_messages_is_read_in_slices(room: Room, valkey: Server) -> None:
    room.append("short", [said()] * 200, MINUTE)
    room.append("k", [said(text="x" * 100_000)] * 200, MINUTE)

    for key, bounds in (("short", Bounds()), ("short", Bounds(150))):
        with valkey.counted() as calls:
            room.recent(key, bounds)
        assert len(calls) == 1
    for bounds in (Bounds(), Bounds(150)):
        with valkey.counted() as calls:
            found = room.recent("k", bounds)
        assert len(found.records) >= (bounds.messages or 200)
        assert len(calls) > 10


def test_a_conversation_is_one_key(room: Room, valkey: Server) -> None:
    room.append("k", [said(), said("assistant", calls=["a"])], Terms(note=b"12345678"))

    assert names(valkey) == {NAME: ENDLESS}
    assert valkey.call("LLEN", NAME) == 3


def test_a_message_takes_little_more_than_its_text(room: Room, valkey: Server) -> None:
    for _ in range(10):
        room.append("k", [said(text="x" * 186)] * 100, Terms())

    assert valkey.call("MEMORY", "USAGE", NAME, "SAMPLES", "0") <= 1000 * (200 + 15 + 10)


def test_a_conversation_is_over_when_nothing_was_said_for_long(room: Room, valkey: Server) -> None:
    if not valkey.clock_moves:
        pytest.skip("the clock of the server can not be moved here")
    room.append("k", [said()], MINUTE)
    assert 59_000 < names(valkey)[NAME] <= 60_000
    for _ in range(3):
        valkey.advance(59)
        room.append("k", [said()], MINUTE)
    valkey.advance(59)
    room.recent("k", Bounds())
    room.read("k", Query(5))
    assert room.alter("k", room.look(["k"])[0].state, Alteration(packed(state_of(room))), MINUTE)
    valkey.advance(59)
    assert room.look(["k"])[0].ends == pytest.approx(valkey.time_ms() + 1000, abs=500)

    valkey.advance(2)

    nothing = Stretch(None, [], False)
    assert room.read("k", Query(5)) == room.read("k", Query()) == nothing
    assert room.recent("k", Bounds()) == nothing
    assert room.look(["k"]) == [None]
    assert room.keys("", None).keys == []
    assert room.append("k", [said()], Terms()).last == 1
    assert names(valkey) == {NAME: ENDLESS}


def test_a_conversation_is_over_so_long_after_it_began(room: Room, valkey: Server) -> None:
    if not valkey.clock_moves:
        pytest.skip("the clock of the server can not be moved here")
    terms = Terms(ttl_ms=50_000, max_age_ms=90_000)
    for _ in range(2):
        room.append("k", [said()], terms)
        valkey.advance(40)
    assert room.append("k", [said()], terms).last == 3
    assert 0 < names(valkey)[NAME] <= 10_000

    valkey.advance(10)

    assert room.append("k", [said()], terms).last == 1


def test_without_a_word_about_its_end_that_stays(room: Room, valkey: Server) -> None:
    room.append("k", [said()] * 3, MINUTE)
    (before,) = room.look(["k"])
    room.append("k", [said()], Terms())
    room.append("k", [said()], Terms(Bounds(tokens=1)))
    (after,) = room.look(["k"])
    room.alter("k", after.state, Alteration(after.state), Terms())

    assert seqs(room.read("k", Query())) == []
    assert room.look(["k"])[0].ends == before.ends


def test_where_the_clock_of_a_server_goes_back_time_stands_still(
    room: Room, valkey: Server
) -> None:
    if not valkey.clock_moves:
        pytest.skip("the clock of the server can not be moved here")
    room.append("k", [said()], MINUTE)
    before = state_of(room).at
    valkey.advance(-3600)

    room.append("k", [said()], MINUTE)

    assert state_of(room).at == before
    assert [one.at for one in marks(room.read("k", Query()).records)] == [before] * 2


def test_every_key_has_a_conversation_of_its_own(opened: Opened, half: Any, valkey: Server) -> None:
    spellings = ("k", "{tag}0", "{}a", "{", "}", "}a{", "a}b", "{{a}}", "{a}:b", "a", "a{b}:", ":")
    keys = [*dict.fromkeys([*NASTY_KEYS, *spellings, "~history~", "new~{k}", "*", "[ab]", "a?"])]
    stores = [opened(valkey, prefix=prefix) for prefix in ("storage:", "a*{b}[:", "~")]
    stores += [stores[0].namespace("x"), stores[0].namespace("x").namespace("{y}")]
    every = [store.room(half.protocols.HistoryStore) for store in stores]
    for number, one in enumerate(every):
        for key in keys:
            assert one.append(key, [said(text=f"{number} {key!a}")], Terms()).last == 1

    for one, store in zip(every, stores):
        assert sorted(listed(one)) == sorted(keys)
        for prefix in ("a", "{", "*", "~", "[", ":", "nothing"):
            assert sorted(listed(one, prefix)) == sorted(
                key for key in keys if key.startswith(prefix)
            )
        assert list(store.keys()) == []
        assert one.clear(keys) == len(keys)
    assert names(valkey) == {}


def listed(room: Room, prefix: str = "") -> list[str]:
    """The keys on all pages."""
    found: list[str] = []
    cursor = None
    while True:
        page = room.keys(prefix, cursor)
        found += page.keys
        cursor = page.cursor
        if cursor is None:
            return found


def test_a_layout_of_others_has_conversations_beside_it(valkey: Server) -> None:
    with (
        storage.compat.puregram.RedisStorage(valkey.url) as store,
        storage.compat.puregram.RedisStorage(valkey.url, prefix="other:") as other,
    ):
        rooms = [store.room(HistoryStore), other.room(HistoryStore)]
        for room in rooms:
            for key in ("a", "{b}", "", "puregram:"):
                room.append(key, [said()], Terms())

        assert [sorted(listed(room)) for room in rooms] == [["", "a", "puregram:", "{b}"]] * 2
        assert list(store.keys()) == []
    valkey.call("FLUSHALL")


@pytest.mark.parametrize("step", [one for one in ABOUT_ONE if one != "restore"])
def test_what_is_of_another_kind_is_told_and_left_alone(
    step: str, room: Room, valkey: Server
) -> None:
    valkey.call("SET", NAME, "something else")

    with pytest.raises(WrongTypeError) as caught:
        ABOUT_ONE[step](room)

    assert caught.value.key == "k"
    assert "redis:" in str(caught.value)
    assert valkey.call("GET", NAME) == b"something else"
    assert room.clear(["k"], [KEPT]) == 0


DAMAGES: dict[str, bytes] = {
    "empty": b"",
    "text": b'{"role":"user","content":"something that somebody else keeps here, and long"}',
    "cut off": KEPT[:62],
    "a list cut off": KEPT[:55] + b"\1\0" + KEPT[57:],
    "newer": b"\0\2" + KEPT[2:],
}
READING = {"recent", "look", "read", "read with conditions", "alter"}


@pytest.mark.parametrize("step", [one for one in ABOUT_ONE if one != "restore"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_no_conversation_is_told_and_left_alone(
    damage: str, step: str, room: Room, valkey: Server
) -> None:
    if damage == "a list cut off" and step in READING:
        return  # who reads it sees that
    valkey.call("RPUSH", NAME, DAMAGES[damage])
    before = valkey.call("DUMP", NAME)

    with pytest.raises(
        CorruptValueError, match="newer" if damage == "newer" else "state"
    ) as caught:
        ABOUT_ONE[step](room)

    assert caught.value.key == "k"
    assert "redis:" in str(caught.value)
    assert "something" not in str(caught.value)
    assert valkey.call("DUMP", NAME) == before
    assert room.clear(["k"]) == 1


@pytest.fixture
def talk(valkey: Server) -> Iterator[storage.Conversation]:
    """Conversations of a bot on a server, which is empty afterwards."""
    with storage.RedisStorage(valkey.url) as store:
        yield storage.Conversation(store, max_messages=20_000)
    valkey.call("FLUSHALL")


def test_many_short_messages_are_shown_listed_and_forked(talk: storage.Conversation) -> None:
    several = [{"role": "user", "content": f"{one}".rjust(80)} for one in range(10_000)]
    talk.append_many("k", several)

    assert talk.window("k") == talk.list("k") == several
    assert talk.window("k", messages=9_000) == talk.list("k", last=9_000) == several[1_000:]
    assert talk.window("k", turns=9_000) == several[1_000:]
    assert talk.fork("k", "other") == 10_000
    assert talk.list("other") == several


@pytest.mark.parametrize("place", [1, 4])
def test_what_always_stays_is_not_left_out_where_it_is_broken(
    place: int, talk: storage.Conversation, valkey: Server
) -> None:
    talk.append("k", {"role": "system", "content": "Be kind."})
    talk.append_many("k", [{"role": "user", "content": "hi"}] * 100)
    talk.pin("k", 4)
    assert [len(talk.window("k", messages=count)) for count in (3, 20)] == [3, 20]
    valkey.call("LSET", NAME, place, "short")

    for count in (3, 20, 99, 300):
        with pytest.raises(CorruptValueError, match="no record of a message") as caught:
            talk.window("k", messages=count)
        assert caught.value.key == "k"
        assert caught.value.store == f"redis:{valkey.url[8:]}"


@pytest.mark.parametrize("raw", [b"", b"short", b"\x63" + b"x" * 40])
def test_a_broken_message_stands_where_it_stands(raw: bytes, room: Room, valkey: Server) -> None:
    room.append("k", [said()] * 10, Terms())
    known = room.look(["k"])[0].state
    assert room.alter("k", known, Alteration(known, (8,)), Terms())
    valkey.call("LSET", NAME, 5, raw)
    everything = room.read("k", Query()).records

    assert everything[4] == raw
    for query, (first, last) in {
        Query(6): (3, 9),
        Query(5, before=9): (2, 7),
        Query(5, newest=False, after=2): (2, 7),
        Query(1, newest=False, after=4): (4, 5),
        Query(1, before=6): (4, 5),
        Query(roles=("user", "narrator")): (0, 9),
    }.items():
        assert room.read("k", query).records == everything[first:last]
    assert room.recent("k", Bounds(6)).records == everything[2:]
    assert room.recent("k", Bounds(3)).records == everything[5:]


BROKEN = [b"", b"short", b"\x63" + b"x" * 40, b"\x07" + bytes(20), b"\x03" + b"\xff" * 20]
"""What is no record of a message: cut off, of no role, of a number that there can not be."""


def check_sums(room: Room) -> list[int]:
    """What is known is true of the messages that are whole, whose numbers these are."""
    state, records = room.read("k", Query(with_state=True))[:2]
    there = [one for one in records if one not in BROKEN]
    counted = held(marks(there))
    assert unpacked(state).held == counted._replace(messages=len(records))
    return [one.seq for one in marks(there)]


@pytest.mark.parametrize("raw", BROKEN)
@pytest.mark.parametrize("place", [1, 2, 4])
@pytest.mark.parametrize("pinned", [0, 1])
def test_a_broken_message_goes_when_its_time_comes(
    pinned: int, place: int, raw: bytes, room: Room, valkey: Server
) -> None:
    terms = Terms(Bounds(8 + pinned, tokens=3 * (8 + pinned)))
    room.append("k", [said("system")] * pinned + [said()] * 8, terms)
    valkey.call("LSET", NAME, pinned + place, raw)

    for last in range(9 + pinned, 22):
        assert room.append("k", [said()], terms).last == last
        records = room.read("k", Query()).records
        is_there = last < 8 + pinned + max(1, place - 1)
        assert (raw in records) == is_there
        if not is_there:
            first = max(last - 7, pinned + place + 1)
            assert check_sums(room) == [*range(1, pinned + 1), *range(first, last + 1)]


@pytest.mark.parametrize("raw", BROKEN)
def test_many_broken_messages_go_as_one_each(raw: bytes, room: Room, valkey: Server) -> None:
    room.append("k", [said("system"), *[said()] * 299], MINUTE)
    for place in (*range(2, 140), *range(150, 160), 200):
        valkey.call("LSET", NAME, place, raw)

    room.append("k", [said()] * 4, Terms(Bounds(144)))
    assert check_sums(room) == [1, *range(162, 201 - 1), *range(201, 305)]
    room.append("k", [said()] * 2, Terms(Bounds(50)))
    assert check_sums(room) == [1, *range(258, 307)]
    room.append("k", [said(flags=GUARDED)], Terms(Bounds(1)))
    assert check_sums(room) == [1, 307]


@pytest.mark.parametrize("raw", BROKEN)
def test_a_broken_message_that_always_stays_is_told(raw: bytes, room: Room, valkey: Server) -> None:
    entries = [said("system"), said(), said(), said(flags=GUARDED), *[said()] * 4]
    room.append("k", entries, MINUTE)
    for place in (1, 3, 4):
        valkey.call("LSET", NAME, place, raw + b"." * (place == 3))
    terms = Terms(Bounds(5))
    for last in (9, 10, 11, 12):
        assert room.append("k", [said()], terms).last == last

        assert check_sums(room) == [*range(last - 2, last + 1)]
        assert room.recent("k", Bounds(3)).records.count(raw) == 2
        assert room.read("k", Query()).records.count(raw) == 2
        assert state_of(room).guards == [1, 4]


def test_of_two_that_are_broken_alike_the_right_one_goes(room: Room, valkey: Server) -> None:
    room.append("k", [said("system"), said(), said(flags=GUARDED), *[said()] * 4], MINUTE)
    for place in (1, 4):
        valkey.call("LSET", NAME, place, "short")

    room.append("k", [], Terms(Bounds(5)))

    records = room.read("k", Query()).records
    assert records[0] == b"short"
    assert [one.seq for one in marks(records[1:])] == [3, 5, 6, 7]


def test_turns_end_where_one_is_broken(room: Room, valkey: Server) -> None:
    terms = Terms(Bounds(turns=2))
    room.append("k", [said(), said("assistant")] * 2, terms)
    valkey.call("LSET", NAME, 1, "short")

    room.append("k", [said("assistant")], terms)
    assert len(room.read("k", Query()).records) == 5
    room.append("k", [said()], terms)
    assert check_sums(room) == [3, 4, 5, 6]


def test_many_calls_cost_no_more_where_many_others_wait(room: Room, valkey: Server) -> None:
    several = []
    for number in range(2_000):
        several += [said("assistant", calls=[f"{number}"]), said("tool", answers=[f"{number}"])]
    waiting = [said("assistant", calls=[f"w{one}" for one in range(start)]) for start in (255, 1)]

    def steps(before: list[Any]) -> float:
        room.clear(["k"])
        if before:
            room.append("k", before, MINUTE)
        valkey.call("CONFIG", "RESETSTAT")
        room.append("k", several, MINUTE)
        told = valkey.call("INFO", "commandstats").decode()
        return int(told.partition("cmdstat_evalsha:")[2].partition("usec=")[2].partition(",")[0])

    steps([])
    alone = min(steps([]) for _ in range(3))
    assert min(steps(waiting) for _ in range(3)) < 8 * alone
    assert len(state_of(room).opens) == 255


def test_a_bot_goes_on_where_a_message_is_broken(valkey: Server) -> None:
    several = [{"role": "user", "content": f"{one}"} for one in range(9)]
    with storage.RedisStorage(valkey.url) as store:
        talk = storage.Conversation(store, max_messages=5)
        talk.append_many("k", several[:5])
        valkey.call("LSET", NAME, 3, "short")

        talk.append("k", several[5])
        assert talk.list("k", on_corrupt="skip") == [several[1], *several[3:6]]
        with pytest.raises(CorruptValueError, match="no record of a message"):
            talk.window("k")
        talk.append("k", several[6])
        assert talk.window("k") == several[3:7]
    valkey.call("FLUSHALL")


def test_when_no_numbers_are_left_nothing_more_is_appended(room: Room, valkey: Server) -> None:
    state, most = State(1_700_000_000_000), LAST_SEQ
    state.seq = state.first = most - 3
    room.restore("k", packed(state), [], MINUTE)
    before = valkey.call("LRANGE", NAME, 0, -1)

    done = room.append("k", [said()] * 4, MINUTE)
    assert done == Appended("full", last=most - 3, which=3)
    assert valkey.call("LRANGE", NAME, 0, -1) == before
    assert room.append("k", [said()] * 3, MINUTE).last == most
    assert room.append("k", [], Terms(Bounds(tokens=1))).outcome == "appended"
    assert room.append("k", [said()], MINUTE).outcome == "full"

    assert seqs(room.read("k", Query())) == []
    assert (state_of(room).seq, state_of(room).first) == (most, most + 1)


@pytest.fixture
def proxied(rooms: Opened, proxy: Proxy, server_room: Room) -> Room:
    """Behind a proxy, connected, to a server that knows the scripts."""
    for step in STEPS.values():
        step(server_room)
    server_room.clear(["k", "z"])
    server_room.restore("k", KEPT, RECORDS, MINUTE)
    room = rooms(f"redis://{proxy.address[0]}:{proxy.address[1]}/0?timeout=20")
    room.look(["k"])
    return room


def test_what_is_appended_under_a_key_is_appended_once(proxied: Room, proxy: Proxy) -> None:
    proxy.next(faults.Unanswered(End.RST), "EVALSHA")

    done = proxied.append("k", [said()], Terms(note=b"12345678"))

    assert (done.first, done.last) == (3, 3)
    assert seqs(proxied.read("k", Query())) == [1, 2, 3]


@pytest.mark.parametrize("name", ["append", "alter", "restore", "clear those that are known"])
def test_what_may_be_done_is_not_done_again(name: str, proxied: Room, proxy: Proxy) -> None:
    proxy.next(faults.Unanswered(End.RST), "EVALSHA")

    with pytest.raises(OutcomeUnknownError):
        STEPS[name](proxied)

    assert seqs(proxied.read("k", Query()))[2:] == ([3] if name == "append" else [])


@pytest.mark.parametrize("name", ["read with conditions", "recent", "look"])
def test_what_is_read_is_read_again(name: str, proxied: Room, proxy: Proxy) -> None:
    proxy.next(faults.Unanswered(End.RST), "EVALSHA")

    STEPS[name](proxied)


def test_nothing_is_lost_while_a_server_forgets_its_scripts(room: Room, valkey: Server) -> None:
    for number in range(1, 31):
        if number % 3 == 0:
            valkey.call("SCRIPT", "FLUSH")
        assert room.append("k", [said()], Terms(Bounds(20))).last == number
        for step in ("recent", "look", "read with conditions"):
            STEPS[step](room)

    assert seqs(room.read("k", Query())) == [*range(11, 31)]


class Writer:
    """Says and calls and trims, until the block ends."""

    def __init__(self, room: Room, text: str, bounds: Bounds) -> None:
        self.rounds = 0
        self._room, self._text, self._terms = room, text, Terms(bounds)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._write)

    def __enter__(self) -> Writer:
        self._room.append("k", [said("system")], self._terms)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _write(self) -> None:
        while not self._is_over.is_set():
            ids = [f"{self.rounds}", f"{self.rounds}b"]
            said_then = [said(text=self._text), said("assistant", calls=ids)]
            for one in (*said_then, *(said("tool", self._text, answers=[id]) for id in ids)):
                self._room.append("k", [one], self._terms)
            self.rounds += 1


@pytest.mark.parametrize(("text", "bounds"), [("x", Bounds(9)), ("x" * 20_000, Bounds(300))])
def test_a_reader_sees_no_gap_and_no_result_without_its_call(
    text: str, bounds: Bounds, server_room: Room, rooms: Opened, valkey: Server
) -> None:
    is_long = len(text) > 1
    with Writer(rooms(valkey), text, bounds) as writer:
        until(lambda: writer.rounds > (100 if is_long else 9))
        for _ in range(10 if is_long else 60):
            some = server_room.recent("k", Bounds(4))
            whole = server_room.read("k", Query())
            state = unpacked(some.state)
            found, _ = window(marks(some.records), Bounds(4), state.spans, state.opens)
            stretches = [
                found,
                marks(whole.records),
                marks(server_room.read("k", Query(newest=False)).records),
                marks(server_room.recent("k", Bounds()).records),
            ]
            for first, *others in stretches:
                assert first.seq == 1
                assert not others or not others[0].flags & NOSTART
                assert all(one.seq + 1 == two.seq for one, two in pairwise(others))
            if not is_long:
                check_whole(whole.state, whole.records)
    assert writer.rounds > 12


@pytest.mark.parametrize("newest", [True, False])
def test_what_was_trimmed_while_one_reads_on_is_left_out(newest: bool) -> None:
    state, found = State(1_700_000_000_000), Found()
    entries = [said(flags=GUARDED), *[said()] * 9]
    _, records = append(state, entries, Terms(), state.born)
    first, pages = packed(state), [records[:4], records[7:]]
    state.first = 8

    for page, known in zip(pages[:: -1 if newest else 1], (first, packed(state))):
        assert found.add(known, page[:: -1 if newest else 1])

    kept = [records[0], *records[7:]]
    assert found.stretch(newest=newest, more=False) == Stretch(first, kept, False)


@pytest.mark.parametrize("newest", [True, False])
def test_what_is_begun_anew_meanwhile_is_read_alone(
    newest: bool, server_room: Room, valkey: Server
) -> None:
    several = []
    for letter in "ab":
        state, records = begun(250, letter * 10_000)
        known = unpacked(state)
        known.born += len(several)
        server_room.restore(letter, packed(known), records, Terms())
        several.append(NAME.replace(b"k}", letter.encode() + b"}"))
    is_over = threading.Event()

    def begin_anew() -> None:
        # Who reads on a busy machine takes longer than the brief ones of these pauses.
        for name, pause in zip(cycle(several), cycle((0.005, 0.01, 0.1))):
            valkey.call("COPY", name, NAME, "REPLACE")
            if is_over.wait(pause):
                return

    thread = threading.Thread(target=begin_anew)
    thread.start()
    until(lambda: valkey.call("EXISTS", NAME))
    for _ in range(10):
        found = [server_room.read("k", Query(newest=newest)), server_room.recent("k", Bounds())]
        for stretch in found:
            assert seqs(stretch) == [*range(1, 251)]
            assert len({raw[-100:] for raw in stretch.records}) == 1
    is_over.set()
    thread.join()


def test_who_appends_at_once_loses_nothing(rooms: Opened, valkey: Server) -> None:
    found: list[int] = []

    def write() -> None:
        room = rooms(valkey)
        found.extend([room.append("k", [said()], Terms(Bounds(50))).last for _ in range(100)])

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(found) == [*range(1, 401)]
    stretch = rooms(valkey).read("k", Query(with_state=True))
    check_whole(stretch.state, stretch.records)
    assert seqs(stretch) == [*range(351, 401)]
    valkey.call("FLUSHALL")


LONG = begun(600, "x" * 100_000)


@pytest.fixture
def restoring(request: pytest.FixtureRequest, valkey: Server) -> Iterator[Child]:
    """A process that restores what is long, over what is there if that is the parameter, and was
    stopped in the middle of it."""
    replaces = bool(getattr(request, "param", False))
    if replaces:
        with storage.RedisStorage(valkey.url) as store:
            store.room(HistoryStore).append("k", [said()], Terms())

    def restore(says: Callable[[bytes], object]) -> None:
        with storage.RedisStorage(valkey.url) as store:
            try:
                done = store.room(HistoryStore).restore("k", *LONG, MINUTE, replaces)
            except UnavailableError as error:
                says(type(error).__name__.encode())
            else:
                says(b"%d" % done)

    child = Child(restore)
    until(lambda: len(names(valkey)) > replaces)
    os.kill(child.pid, signal.SIGSTOP)
    yield child
    if is_alive(child):  # where a test has failed
        child.kill()
        child.close()
    valkey.call("FLUSHALL")


def is_alive(child: Child) -> bool:
    try:
        return os.waitpid(child.pid, os.WNOHANG) == (0, 0)
    except ChildProcessError:
        return False


def hidden(server: Server) -> tuple[bytes, int]:
    """The list that is being filled, and how long it lasts."""
    (one,) = ((name, ms) for name, ms in names(server).items() if name != NAME)
    return one


@pytest.mark.parametrize("half", [storage], ids=["blocking"])
def test_nobody_sees_what_is_restored_in_part(
    restoring: Child, server_room: Room, valkey: Server
) -> None:
    assert 0 < hidden(valkey)[1] <= 60_000
    assert listed(server_room) == []
    assert server_room.look(["k"]) == [None]
    restoring.kill()
    restoring.close()

    assert server_room.restore("k", *LONG, Terms())

    assert server_room.read("k", Query(with_state=True)) == Stretch(*LONG, False)
    assert names(valkey)[NAME] == ENDLESS
    assert hidden(valkey)[1] <= 60_000


@pytest.mark.parametrize("half", [storage], ids=["blocking"])
def test_what_is_begun_meanwhile_is_left_alone(
    restoring: Child, server_room: Room, valkey: Server
) -> None:
    server_room.append("k", [said()], Terms())

    os.kill(restoring.pid, signal.SIGCONT)

    assert restoring.read(9) == b"0"
    restoring.join()
    assert names(valkey) == {NAME: ENDLESS}
    assert seqs(server_room.read("k", Query())) == [1]


@pytest.mark.parametrize("restoring", [True], ids=["replaces"], indirect=True)
@pytest.mark.parametrize("half", [storage], ids=["blocking"])
def test_what_gives_way_stays_until_another_one_is_whole(
    restoring: Child, server_room: Room, valkey: Server
) -> None:
    assert seqs(server_room.read("k", Query())) == [1]
    server_room.append("k", [said()], Terms())

    os.kill(restoring.pid, signal.SIGCONT)

    assert restoring.read(9) == b"1"
    restoring.join()
    assert server_room.read("k", Query(with_state=True)) == Stretch(*LONG, False)
    assert 0 < names(valkey).pop(NAME) <= 60_000
    assert len(names(valkey)) == 1


@pytest.mark.parametrize("half", [storage], ids=["blocking"])
def test_of_what_is_lost_on_the_way_nothing_is_restored(
    restoring: Child, server_room: Room, valkey: Server
) -> None:
    valkey.call("DEL", hidden(valkey)[0])

    os.kill(restoring.pid, signal.SIGCONT)

    assert restoring.read(99) == b"UnavailableError"
    restoring.join()
    assert server_room.look(["k"]) == [None]


def test_conversations_lie_all_over_a_cluster(rooms: Opened, cluster: Cluster) -> None:
    room = rooms(cluster_url(cluster))
    keys = [*one_of_each(cluster).values(), "{tag}0", "{}", "", "}a{"]
    for number, key in enumerate(keys, 1):
        assert room.append(key, [said()] * number, MINUTE).last == number

    found = room.look([*keys, "nobody"])
    assert [one and unpacked(one.state).seq for one in found] == [*range(1, 8), None]
    assert sorted(listed(room)) == sorted(keys)
    assert room.restore("restored", KEPT, RECORDS, MINUTE)
    assert seqs(room.read("restored", Query(newest=False))) == [1, 2]
    states = [one.state for one in found if one is not None]
    assert room.clear(keys, [*states[1:], states[0]]) == 0
    assert room.clear(keys[:2], states[:2]) == 2
    assert room.clear([*keys, "restored"]) == 6
    assert listed(room) == []
