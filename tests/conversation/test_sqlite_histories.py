"""Conversations in a SQLite file: as they are in memory, whoever else writes, and whole always."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
import storage.aio.protocols
import storage.protocols
from storage import CorruptValueError, ReadOnlyError, StorageError, UnavailableError
from storage.core.edits import edited, pinned, replayed
from storage.core.history import State, packed, unpacked
from storage.core.messages import marks
from storage.core.pairs import group
from storage.histories import Alteration, Appended, Bounds, Query, Standing, Stretch, Terms
from storage.sqlite import connection as sqlite_connection
from storage.sqlite import talks as sqlite_talks
from storage.testing import Bridge, Clock
from tests.conversation.steps import ALL, Steps, said
from tests.fault.ground import (
    SECRET,
    Child,
    healthy,
    in_child,
    label,
    locked,
    rows,
    together,
)

TABLES = (
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'storage%' ORDER BY name"
)
NOTHING = Stretch(None, [], False)
TERMS = Terms()
LAST_TEN = Terms(Bounds(10))
HOUR = Terms(ttl_ms=3_600_000)

Open = Callable[..., Any]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "bot.db"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened(half: Any) -> Iterator[Open]:
    """Stores in the colour of the test."""
    stores = []
    with Bridge() as bridge:

        def opened(place: Any, **options: Any) -> Any:
            stores.append(bridge.driven(half.SqliteStorage(place, **options)))
            return stores[-1]

        yield opened
        for store in stores:
            store.close()


@pytest.fixture
def room(half: Any, opened: Open) -> Open:
    """Makes the conversations of a file."""
    return lambda place, **options: opened(place, **options).room(half.protocols.HistoryStore)


def in_memory(clock: Clock) -> Any:
    """The conversations that others are held against."""
    return storage.MemoryStorage(clock=clock).room(storage.protocols.HistoryStore)


@pytest.mark.parametrize("seed", range(12))
def test_a_file_answers_as_memory_does(seed: int, file: Path, room: Open, half: Any) -> None:
    clock = Clock()
    memory, rooms = in_memory(clock), [room(file, clock=clock) for _ in range(2)]
    steps = Steps(seed, clock, memory)

    for number in range(600 if half is storage else 60):
        name, asked = steps.next()
        answer = getattr(memory, name)(*asked)
        assert getattr(rooms[number % 2], name)(*asked) == answer, (number, name, asked)
    if half is storage:
        assert min(steps.fired.values()) > 1, steps.fired


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_connection, "_BUSY_SECONDS", 0.05)


def seqs(histories: Any, key: str = "k") -> list[int]:
    """The numbers of all messages of a conversation."""
    return [one.seq for one in marks(histories.read(key, ALL).records)]


def state(histories: Any, key: str = "k") -> State:
    """What is known of a conversation."""
    raw = histories.read(key, ALL).state
    assert raw
    return unpacked(raw)


def whole(histories: Any, key: str = "k") -> int:
    """The number of the last message of a conversation of which nothing is missing."""
    found = histories.read(key, ALL)
    known, there = unpacked(found.state), marks(found.records)
    assert [one.seq for one in there] == list(range(known.first, known.seq + 1))
    again = replayed(there, known.born)
    assert (again.held, again.first, again.at) == (known.held, known.first, known.at)
    return known.seq


def kept(file: Path) -> list[Any]:
    """All rows of conversations and messages, as they stand in the file."""
    names = rows(file, "SELECT id, name FROM storage_histories ORDER BY id")
    return names + rows(
        file, "SELECT *, typeof(record) FROM storage_messages ORDER BY history, seq"
    )


def edit(histories: Any, seq: int, tokens: int, key: str = "k") -> None:
    """Have a message count so many *tokens*."""
    found = histories.read(key, ALL)
    place = [one.seq for one in marks(found.records)].index(seq)
    old = marks(found.records)[place]
    new = edited(unpacked(found.state), found.records[place], old, said(tokens=tokens))
    assert histories.alter(key, found.state, new, TERMS)


def killed_before(place: int, file: Path) -> Callable[[Callable[[bytes], object]], object]:
    """Appends, and kills itself before the statement that has this *place*, if there is one."""

    def append(say: Callable[[bytes], object]) -> None:
        places = iter(range(1, place))
        connection = sqlite3.connect(file, isolation_level=None)
        histories = storage.SqliteStorage(connection).room(storage.protocols.HistoryStore)
        connection.set_trace_callback(
            lambda _: next(places, None) or os.kill(os.getpid(), signal.SIGKILL)
        )
        histories.append("k", [said()] * 9, LAST_TEN)
        say(b".")

    return append


def test_the_tables_are_made_by_the_first_who_appends(file: Path, room: Open) -> None:
    histories = room(file)

    assert histories.read("k", ALL) == histories.recent("k", Bounds()) == NOTHING
    assert (histories.look(["k"]), histories.keys("", None)) == ([None], ([], None))
    assert rows(file, TABLES) == [(b"storage",)]
    histories.append("k", [said()], TERMS)
    assert rows(file, TABLES) == [(b"storage",), (b"storage_histories",), (b"storage_messages",)]


def test_a_long_conversation_is_cut_down_in_steps(file: Path, room: Open, clock: Clock) -> None:
    memory, histories = in_memory(clock), room(file, clock=clock)
    for one in (memory, histories):
        one.append("k", [said(role="system"), *[said(f"{n}") for n in range(2500)]], TERMS)
    terms = Terms(Bounds(10))

    steps = [(memory.append("k", [], terms), histories.append("k", [], terms)) for _ in range(3)]

    assert [ours for ours, _ in steps] == [theirs for _, theirs in steps]
    assert [done.more for done, _ in steps] == [True, True, False]
    assert histories.read("k", ALL) == memory.read("k", ALL)
    assert rows(file, "SELECT count(*) FROM storage_messages")[0][0] <= 11 + 7


def test_what_is_trimmed_leaves_few_rows_behind(file: Path, room: Open) -> None:
    histories = room(file)
    most = 0
    for number in range(100):
        histories.append("k", [said(f"{number}")], LAST_TEN)
        most = max(most, rows(file, "SELECT count(*) FROM storage_messages")[0][0])
        assert seqs(histories) == list(range(max(1, number - 8), number + 2))

    assert most < 10 + 8 + 1


def test_what_is_trimmed_and_still_there_is_shown_to_nobody(file: Path, room: Open) -> None:
    histories = room(file)
    histories.append("k", [said(f"{number}") for number in range(13)], TERMS)
    histories.append("k", [], LAST_TEN)
    assert rows(file, "SELECT count(*) FROM storage_messages") == [(14,)]

    for query in (ALL, Query(newest=False), Query(3, newest=False), Query(before=6)):
        assert marks(histories.read("k", query).records)[0].seq == 4
    assert not histories.read("k", Query(before=4)).records
    assert marks(histories.recent("k", Bounds()).records)[0].seq == 4


def test_who_remembers_a_conversation_sees_what_others_do_to_it(file: Path, room: Open) -> None:
    one, other = room(file), room(file)
    one.append("k", [said()], TERMS)

    other.append("k", [said()], TERMS)
    assert one.append("k", [said()], TERMS).first == 3
    assert other.append("k", [said()], Terms(if_seq=3)).first == 4
    assert one.append("k", [said()], Terms(if_seq=3)) == Appended("conflict", last=4)
    other.clear(["k"])
    assert one.append("k", [said()], TERMS).first == 1
    other.clear(["k"])
    other.append("k", [said()] * 3, TERMS)
    assert one.append("k", [said()], TERMS).first == 4


def test_a_pin_by_somebody_else_holds_against_who_trims(file: Path, room: Open) -> None:
    one, other = room(file), room(file)
    for _ in range(12):
        one.append("k", [said()], LAST_TEN)
    found = other.read("k", ALL)
    there = marks(found.records)
    members, _ = group(there, 5)
    records = {message.seq: raw for message, raw in zip(there, found.records)}
    new = pinned(unpacked(found.state), records, members)
    assert new
    assert other.alter("k", found.state, new, TERMS)

    for _ in range(20):
        one.append("k", [said()], LAST_TEN)

    assert seqs(one) == [5, *range(24, 33)]


def test_edits_by_somebody_else_count_though_the_tokens_are_as_many(file: Path, room: Open) -> None:
    one, other, terms = room(file), room(file), Terms(Bounds(tokens=40))
    for _ in range(12):
        one.append("k", [said(tokens=4)], terms)
    before = state(one).held

    edit(other, 4, 6)
    edit(other, 5, 2)
    assert state(one).held == before

    for _ in range(3):
        one.append("k", [said(tokens=4)], terms)
        there = marks(one.read("k", ALL).records)
        assert state(one).held.tokens == sum(message.tokens for message in there) <= 40


def test_what_could_not_be_written_was_not_appended(
    file: Path, room: Open, impatient: None
) -> None:
    histories = room(file)
    histories.append("k", [said()], LAST_TEN)
    before = kept(file)

    with locked(file):
        for _ in range(2):
            with pytest.raises(UnavailableError) as caught:
                histories.append("k", [said()], LAST_TEN)
            assert caught.value.key == "k"
        assert seqs(histories) == [1]

    assert kept(file) == before
    assert histories.append("k", [said()], LAST_TEN).first == 2


def test_what_is_remembered_is_bounded(
    file: Path, room: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_talks, "_MOST_KNOWN", 3)
    histories = room(file)

    for turn in range(3):
        for number in range(5):
            assert histories.append(f"k{number}", [said()], LAST_TEN).first == turn + 1


def test_processes_append_one_after_another(file: Path) -> None:
    with storage.SqliteStorage(file) as store:
        store.room(storage.protocols.HistoryStore).append("k", [said()], TERMS)

    def append(_: object) -> None:
        with storage.SqliteStorage(file) as mine:
            histories = mine.room(storage.protocols.HistoryStore)
            for number in range(60):
                many = number % 3 + 1
                done = histories.append(
                    "k", [said()] * many, Terms(Bounds(50 if number % 2 else 60))
                )
                assert done.last - done.first == many - 1

    children = [Child(append) for _ in range(4)]
    for child in children:
        child.join()

    with storage.SqliteStorage(file) as store:
        assert whole(store.room(storage.protocols.HistoryStore)) == 1 + 4 * 120
    assert healthy(file)


def test_threads_append_one_after_another(file: Path, room: Open) -> None:
    histories = room(file)

    together(
        *[
            lambda: [histories.append("k", [said()], Terms(Bounds(20))) for _ in range(40)]
            for _ in range(5)
        ]
    )

    assert whole(histories) == 200


def test_who_reads_sees_a_conversation_at_one_moment(file: Path, room: Open) -> None:
    said_between: list[str] = []
    with (
        closing(sqlite3.connect(file, check_same_thread=False)) as connection,
        storage.SqliteStorage(file) as store,
    ):
        reader, writer = room(connection), store.room(storage.protocols.HistoryStore)
        writer.append("k", [said()] * 12, LAST_TEN)

        def between(statement: str) -> None:
            if "ORDER BY seq" in statement:
                said_between.append(statement)
                writer.append("k", [said()] * 9, LAST_TEN)

        connection.set_trace_callback(between)
        assert whole(reader) == 12
        found = reader.recent("k", Bounds(3))
        assert marks(found.records)[-1].seq == unpacked(found.state).seq == 21
        connection.set_trace_callback(None)
    assert len(said_between) == 3


def test_a_process_that_is_killed_leaves_whole_conversations(file: Path) -> None:
    last = 0
    for turn in range(3):

        def append(say: Callable[[bytes], object]) -> None:
            with storage.SqliteStorage(file) as store:
                histories = store.room(storage.protocols.HistoryStore)
                while True:
                    for many in (1, 2, 9):
                        histories.append("k", [said("x" * 900)] * many, Terms(Bounds(30)))
                        say(b"." * many)

        child, told = Child(append), 0
        while told < 40 + 17 * turn:
            told += len(child.read(11))
        child.kill()
        child.close()

        with storage.SqliteStorage(file) as store:
            found = whole(store.room(storage.protocols.HistoryStore))
        assert found >= last + told
        last = found
    assert healthy(file)


def test_a_process_that_is_killed_before_any_statement_leaves_a_whole_one(file: Path) -> None:
    with storage.SqliteStorage(file) as store:
        store.room(storage.protocols.HistoryStore).append("k", [said()] * 10, TERMS)
    found = [10]

    for place in range(1, 30):
        child = Child(killed_before(place, file))
        is_done = child.read(1) == b"."
        child.kill()
        child.close()
        with storage.SqliteStorage(file) as store:
            found.append(whole(store.room(storage.protocols.HistoryStore)))
        assert found[-1] - found[-2] == (9 if is_done else 0)

    assert found[1] == 10
    assert found[-1] > 10
    assert healthy(file)


def test_a_fork_goes_on_with_a_conversation(file: Path) -> None:
    with storage.SqliteStorage(file) as store:
        histories = store.room(storage.protocols.HistoryStore)
        histories.append("k", [said()], TERMS)

        def append() -> None:
            assert histories.append("k", [said()], TERMS).first == 2

        in_child(append)
        assert histories.append("k", [said()], TERMS).first == 3


def test_a_transaction_that_the_caller_undoes_takes_the_messages_along(file: Path) -> None:
    with (
        closing(sqlite3.connect(file, isolation_level=None)) as connection,
        storage.SqliteStorage(connection) as store,
    ):
        histories = store.room(storage.protocols.HistoryStore)
        connection.execute("BEGIN")
        assert histories.append("k", [said()], TERMS).first == 1
        assert histories.append("k", [said()], TERMS).first == 2
        assert seqs(histories) == [1, 2]
        connection.execute("ROLLBACK")

        assert histories.read("k", ALL) == NOTHING
        assert histories.append("k", [said()], TERMS).first == 1
        connection.execute("BEGIN")
        histories.append("k", [said()], TERMS)
        assert histories.append("k", [said(answers=("none",))], TERMS).outcome == "orphan"
        assert connection.in_transaction
        connection.execute("COMMIT")
        assert seqs(histories) == [1, 2]


def test_one_that_is_over_is_absent_to_every_method(file: Path, room: Open, clock: Clock) -> None:
    histories, query = room(file, clock=clock), Query(5)
    histories.append("k", [said("old")] * 30, HOUR)
    histories.append("other", [said()], TERMS)
    found = histories.read("k", ALL)
    clock.tick(3599.999)
    assert histories.look(["k"]) == [Standing(found.state, clock.ms + 1)]
    assert len(histories.read("k", query).records) == 5

    clock.tick(0.001)

    assert histories.read("k", query) == histories.recent("k", Bounds()) == NOTHING
    assert histories.look(["k", "none"]) == [None, None]
    assert histories.keys("", None).keys == ["other"]
    assert not histories.alter("k", found.state, Alteration(found.state), TERMS)
    assert histories.clear(["k"]) == 0
    assert histories.append("k", [], TERMS) == Appended("appended", 1, 0)
    assert histories.append("k", [said()], Terms(if_seq=30)).outcome == "conflict"
    assert histories.append("k", [said("new")], HOUR).first == 1
    assert seqs(histories) == [1]
    assert rows(file, "SELECT count(*) FROM storage_messages WHERE role > ''") == [(2,)]


def test_a_restored_one_stands_in_the_place_of_one_that_is_over(
    file: Path, room: Open, clock: Clock
) -> None:
    histories = room(file, clock=clock)
    histories.append("from", [said(), said(role="system"), said()], TERMS)
    found = histories.read("from", ALL)
    histories.append("k", [said()] * 9, HOUR)

    assert not histories.restore("k", found.state, found.records, TERMS)
    clock.tick(3600)
    assert histories.restore("k", found.state, found.records, TERMS)
    assert histories.read("k", ALL) == found
    assert histories.append("k", [said()], TERMS).first == 4


def test_a_restore_that_fails_leaves_nothing(file: Path, room: Open) -> None:
    histories = room(file)
    histories.append("from", [said()] * 3, TERMS)
    found, before = histories.read("from", ALL), kept(file)

    with pytest.raises(StorageError):
        histories.restore("k", found.state, [*found.records, found.records[0]], TERMS)

    assert histories.read("k", ALL) == NOTHING
    assert kept(file) == before


def test_those_that_are_over_are_freed_by_who_appends(file: Path, room: Open, clock: Clock) -> None:
    histories = room(file, clock=clock)
    for number in range(60):
        histories.append(f"k{number}", [said()] * 40, HOUR)
    clock.tick(3600)
    for number in range(60):
        histories.append(f"new {number}", [said()], HOUR)
    for _ in range(320):
        histories.append("new 0", [said()], HOUR)

    assert {name for _, name in rows(file, "SELECT * FROM storage_histories")} == {
        f"~history~new {number}".encode() for number in range(60)
    }
    assert rows(file, "SELECT count(*) FROM storage_messages") == [(60 + 60 + 320,)]


def test_one_long_one_that_is_over_is_freed_in_steps(file: Path, room: Open, clock: Clock) -> None:
    histories = room(file, clock=clock)
    histories.append("long", [said()] * 1000, HOUR)
    clock.tick(3600)
    left = [1000]
    while left[-1]:
        histories.append("new", [said()] * 16, HOUR)
        now = rows(file, "SELECT count(*) FROM storage_messages WHERE history = 1 AND role > ''")
        left.append(now[0][0])
        assert histories.look(["long"]) == [None]

    assert max(before - after for before, after in pairwise(left)) <= 128
    histories.append("new", [said()] * 16, HOUR)
    assert [name for _, name in rows(file, "SELECT * FROM storage_histories")] == [b"~history~new"]


def test_a_sweep_frees_those_that_are_over(
    file: Path, opened: Open, half: Any, clock: Clock
) -> None:
    store = opened(file, clock=clock)
    assert store.sweep() == 0
    assert rows(file, TABLES) == [(b"storage",)]
    histories = store.room(half.protocols.HistoryStore)
    histories.append("stays", [said()], TERMS)
    for number in range(20):
        histories.append(f"{number}", [said()] * 10, HOUR)
    histories.append("long", [said()] * 2500, HOUR)
    store.set("value", 1, ttl=60)
    clock.tick(3600)

    with closing(
        sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    ) as connection:
        mine = opened(connection, clock=clock)
        left: list[int] = []
        look = "SELECT count(*) FROM storage_messages WHERE role > ''"
        connection.set_trace_callback(
            lambda said: left.append(rows(file, look)[0][0]) if said.startswith("BEGIN") else None
        )
        assert mine.sweep() == 1
        connection.set_trace_callback(None)

    assert max(before - after for before, after in pairwise([*left, 1])) <= 1000
    assert rows(file, look) == [(1,)]
    assert rows(file, "SELECT name FROM storage_histories") == [(b"~history~stays",)]
    assert histories.append("long", [said()], TERMS).first == 1
    assert seqs(histories, "stays") == [1]


def test_a_long_one_that_is_over_is_begun_anew_at_once(
    file: Path, room: Open, clock: Clock
) -> None:
    histories = room(file, clock=clock)
    histories.append("k", [said()] * 1000, HOUR)
    clock.tick(3600)
    left = [1000]

    while left[-1]:
        assert histories.append("k", [said()], HOUR).first == len(left)
        assert seqs(histories) == list(range(1, len(left) + 1))
        count = rows(file, "SELECT count(*) FROM storage_messages WHERE role > ''")[0][0]
        left.append(count - len(left))

    assert max(before - after for before, after in pairwise(left)) <= 2 * 128
    histories.append("k", [said()] * 16, HOUR)
    assert rows(file, "SELECT name FROM storage_histories") == [(b"~history~k",)]


def test_a_store_that_is_made_anew_each_time_frees_as_well(
    file: Path, opened: Open, half: Any, clock: Clock
) -> None:
    with opened(file, clock=clock) as store:
        histories = store.room(half.protocols.HistoryStore)
        for number in range(10):
            histories.append(f"long {number}", [said()], TERMS)
    for turn in range(60):
        with opened(file, clock=clock) as store:
            histories = store.room(half.protocols.HistoryStore)
            histories.append(f"{turn}", [said()] * 3, HOUR)
        clock.tick(3601.013)

    assert len(rows(file, "SELECT 1 FROM storage_histories")) < 40


def test_a_row_of_somebody_else_whose_clock_is_behind_is_gone_as_a_whole(
    file: Path, room: Open, clock: Clock
) -> None:
    behind = Clock(clock())
    one, other = room(file, clock=clock), room(file, clock=behind)
    other.append("k", [said()] * 200, HOUR)
    clock.tick(3600)

    one.append("new", [said()], TERMS)

    assert other.read("k", ALL) == NOTHING
    assert other.append("k", [said()], HOUR).first == 1


GOOD = packed(State(0))
DAMAGES = {
    "empty": b"",
    "too short": GOOD[:-1],
    "newer": GOOD[:1] + b"\2" + GOOD[2:],
    "another thing": b"{" + GOOD[1:],
    "text": SECRET,
    "a number": 5,
}

CALLS: dict[str, Callable[[Any], object]] = {
    "append": lambda histories: histories.append("bad", [said()], LAST_TEN),
    "look": lambda histories: histories.look(["good", "bad"]),
    "alter": lambda histories: histories.alter("bad", GOOD, Alteration(GOOD), TERMS),
}


@pytest.mark.parametrize("what", [*DAMAGES, "an end that is no number"])
def test_what_is_known_and_can_not_be_read_is_one_typed_error(
    what: str, file: Path, opened: Open, half: Any
) -> None:
    remembering, store = opened(file), opened(file)
    histories = store.room(half.protocols.HistoryStore)
    for key in ("good", "bad"):
        remembering.room(half.protocols.HistoryStore).append(key, [said()], TERMS)
    change = "UPDATE storage_messages SET {} = ? WHERE history = 2 AND seq = 4294967296"
    column = "record" if what in DAMAGES else "at"
    rows(file, change.format(column), DAMAGES.get(what, "soon"))
    before = kept(file)

    for name, call in CALLS.items():
        with pytest.raises(CorruptValueError) as caught:
            call(histories)
        assert caught.value.store == label(store)
        assert caught.value.key == "bad", name
        assert SECRET not in str(caught.value)
    with pytest.raises(CorruptValueError):
        CALLS["append"](remembering.room(half.protocols.HistoryStore))
    assert kept(file) == before
    assert histories.append("good", [said()], TERMS).first == 2
    assert histories.clear(["good", "bad"]) == 2
    assert kept(file) == []


def test_a_text_that_is_none_is_never_shown(file: Path, opened: Open, half: Any) -> None:
    """SQLite itself would show it in its error."""
    store = opened(file)
    histories = store.room(half.protocols.HistoryStore)
    histories.append("k", [said(f"{number}") for number in range(6)], TERMS)
    broken = SECRET.encode() + b"\xff"
    rows(file, "UPDATE storage_messages SET record = CAST(? AS TEXT) WHERE seq = 3", broken)

    assert histories.read("k", ALL).records[2] == broken
    assert histories.read("k", Query(since=1, until=2**50)).records[2] == broken
    assert histories.recent("k", Bounds()).records[2] == broken
    rows(file, "UPDATE storage_messages SET record = CAST(? AS TEXT) WHERE seq > 100", broken)
    with pytest.raises(CorruptValueError) as caught:
        histories.look(["k"])
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("damage", [b"", b"x", SECRET, 5, b"\0" * 40])
def test_a_broken_record_is_handed_out_where_it_stands(
    damage: object, file: Path, room: Open
) -> None:
    histories = room(file)
    histories.append("k", [said(f"{number}") for number in range(6)], TERMS)
    whole_one = histories.read("k", ALL).records
    rows(file, "UPDATE storage_messages SET record = ? WHERE seq = 3", damage)
    expected = whole_one.copy()
    expected[2] = damage.encode() if isinstance(damage, str) else damage
    expected[2] = expected[2] if isinstance(expected[2], bytes) else b""

    assert histories.read("k", ALL).records == expected
    assert histories.read("k", Query(2, before=4)).records == expected[1:3]
    assert histories.recent("k", Bounds(4)).records == expected[1:]
    assert histories.recent("k", Bounds()).records == expected
    assert histories.append("k", [said()], TERMS).first == 7


@pytest.mark.parametrize("remembers", [True, False], ids=["remembered", "anew"])
@pytest.mark.parametrize("damage", [b"", b"x", SECRET, 5, b"\0" * 40, "that of another"])
def test_a_broken_record_goes_when_its_time_comes(
    damage: object, remembers: bool, file: Path, room: Open
) -> None:
    histories, terms = room(file), Terms(Bounds(tokens=20))
    histories.append("k", [said(f"{number}") for number in range(6)], TERMS)
    value = histories.read("k", ALL).records[4] if damage == "that of another" else damage
    rows(file, "UPDATE storage_messages SET record = ? WHERE seq = 3", value)
    there, counted = [], []

    for number in range(7, 11):
        room_now = histories if remembers else room(file)
        assert room_now.append("k", [said()], terms) == Appended("appended", number, number)
        left = rows(file, f"SELECT seq FROM storage_messages WHERE seq >= {state(room_now).first}")
        there.append([seq for (seq,) in left][:-1])
        counted.append(state(room_now).held)

    assert there == [[3, 4, 5, 6, 7], [5, 6, 7, 8], [6, 7, 8, 9], [7, 8, 9, 10]]
    assert [one.messages for one in counted] == [5, 4, 4, 4]
    assert {(one.tokens, one.estimated, one.turns) for one in counted} == {(20, 20, 4)}


def test_a_broken_message_stops_nobody_from_talking(file: Path) -> None:
    with storage.SqliteStorage(file) as store:
        talk = storage.Conversation(store, max_messages=4)
        talk.append_many("k", [{"role": "user", "content": f"{number}"} for number in range(4)])
        rows(file, "UPDATE storage_messages SET record = ? WHERE seq = 2", SECRET)

        talk.append("k", {"role": "user", "content": "4"})
        assert [one["content"] for one in talk.list("k", on_corrupt="skip")] == ["2", "3", "4"]
        with pytest.raises(CorruptValueError) as caught:
            talk.window("k")
        assert (caught.value.store, caught.value.key) == (label(store), "k")
        assert SECRET not in str(caught.value)
        talk.append("k", {"role": "user", "content": "5"})
        assert [one["content"] for one in talk.window("k")] == ["2", "3", "4", "5"]


def test_a_bound_in_time_reads_no_more_than_what_is_asked_for(file: Path, room: Open) -> None:
    clock = Clock()
    histories = room(file, clock=clock)
    histories.append("k", [said()] * 20_000, TERMS)
    clock.tick(60)
    histories.append("k", [said()] * 3, TERMS)
    since = clock.ms
    looked: list[int] = []

    with closing(sqlite3.connect(file)) as connection:
        connection.set_progress_handler(lambda: looked.append(1), 1000)
        with storage.SqliteStorage(connection, clock=clock) as store:
            mine = store.room(storage.protocols.HistoryStore)
            seqs(mine, "none")
            looked.clear()
            assert len(mine.read("k", Query(20, since=since)).records) == 3
            assert len(mine.read("k", Query(20, since=since, roles=("tool",))).records) == 0
            assert len(mine.read("k", Query(20, since=since - 60_000)).records) == 20
            assert len(mine.read("k", Query(20, newest=False, until=since)).records) == 20
            assert len(mine.read("k", Query(20, before=200, roles=("user",))).records) == 20
            assert len(mine.recent("k", Bounds(20)).records) == 21

    assert len(looked) < 10


@pytest.mark.parametrize("layout", ["storage", "puregram", "gramio"])
def test_keys_of_any_text_and_namespaces_stay_apart(
    layout: str, file: Path, opened: Open, half: Any
) -> None:
    store = opened(file, layout=layout)
    protocol = half.protocols.HistoryStore
    rooms = [store.room(protocol), store.namespace("a").room(protocol)]
    keys = ["", "k", "K", "~", "~ns~a~k", "k\0", "%_*?[]'\"", "😀" * 100]

    for histories in rooms:
        for key in keys:
            assert histories.append(key, [said()], TERMS).first == 1
    for histories in rooms:
        assert [seqs(histories, key) for key in keys] == [[1]] * len(keys)
    assert rooms[1].keys("", None).keys == sorted(keys)
    assert rooms[1].keys("k", None).keys == ["k", "k\0"]
    assert list(store.keys()) == []


def test_keys_come_page_by_page(file: Path, room: Open) -> None:
    histories = room(file)
    keys = [f"{number:04}" for number in range(600)]
    for key in keys:
        histories.append(key, [said()], TERMS)

    found, cursor = [], None
    while True:
        page = histories.keys("0", cursor)
        found += page.keys
        cursor = page.cursor
        if cursor is None:
            break
    assert found == keys
    assert len(page.keys) == 600 - 2 * 256


def test_who_may_only_read_can_read(file: Path, room: Open) -> None:
    with storage.SqliteStorage(file) as store:
        store.set("a", 1)
    read_only = f"file:{file}?mode=ro"
    with closing(sqlite3.connect(read_only, uri=True, check_same_thread=False)) as connection:
        histories = room(connection)
        assert histories.read("k", ALL) == NOTHING
        with storage.SqliteStorage(file) as store:
            store.room(storage.protocols.HistoryStore).append("k", [said()], TERMS)

        assert seqs(histories) == [1]
        with pytest.raises(ReadOnlyError):
            histories.append("k", [said()], TERMS)
