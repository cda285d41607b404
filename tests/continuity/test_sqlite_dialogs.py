"""Sessions in a SQLite file: exact whoever else writes, whole always, and freed bit by bit."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import storage
from storage import CorruptValueError, ReadOnlyError
from storage.core.dialog.dates import iso
from storage.dialog_store import DialogStore
from storage.dialogs import Asked, Change, Held, Wanted
from storage.testing import Clock
from tests.continuity.rooms import ALL, FOR_EVER, ids, said, seconds, session
from tests.fault.ground import SECRET, Child, healthy, in_child, rows, script, together

TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
LEFT = "SELECT count(*) FROM storage_dialog_messages"

Open = Callable[..., Any]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "bot.db"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def room() -> Iterator[Open]:
    """Makes the sessions of a place."""
    stores = []

    def made(place: Any, **options: Any) -> DialogStore:
        stores.append(storage.SqliteStorage(place, **options))
        return stores[-1].room(DialogStore)

    yield made
    for store in stores:
        store.close()


def held(room: DialogStore, session_id: str = "s") -> Held:
    found = room.find(session_id)
    assert found is not None
    return found


def check_whole(file: Path) -> dict[str, int]:
    """Every session counts what its messages are; says how many each has."""
    found = {}
    with storage.SqliteStorage(file) as store:
        room = store.room(DialogStore)
        for one in room.select(Wanted()):
            there = room.messages(one.id, ALL)
            assert one.messages == len(there)
            assert one.tokens == sum(int(message["tokenCount"]) for message in there)
            found[one.id] = len(there)
    kept = rows(file, f"{LEFT} WHERE dialog NOT IN (SELECT number FROM storage_dialogs)")
    assert kept == [(0,)]
    return found


def test_the_tables_are_made_by_the_first_who_begins_a_session(file: Path, room: Open) -> None:
    sessions = room(file)
    assert sessions.find("s") is None
    assert (sessions.select(Wanted()), sessions.expired(0)) == ([], [])
    sessions.ping()
    assert rows(file, TABLES) == [(b"storage",)]

    sessions.create(session(), FOR_EVER)

    tables = (b"storage", b"storage_dialog_messages", b"storage_dialogs")
    assert rows(file, TABLES) == [(name,) for name in tables]


def test_tables_of_another_name_are_apart(file: Path, room: Open) -> None:
    one, two = room(file, table='my "bot"'), room(file)
    for sessions in (one, two):
        sessions.create(session(), FOR_EVER)
        assert sessions.add("s", said("m"), FOR_EVER).outcome == "done"
    assert one.remove("s")

    assert held(two).messages == 1


def test_sessions_are_there_when_the_file_is_opened_again(file: Path) -> None:
    with storage.SqliteStorage(file) as store:
        sessions = store.room(DialogStore)
        sessions.create(session(userId="ann"), FOR_EVER)
        sessions.add("s", said("m", 3), FOR_EVER)
        sessions.change("s", Change(compression="{}", quiet=True), FOR_EVER)
        before, there = held(sessions), sessions.messages("s", ALL)

    with storage.SqliteStorage(file) as store:
        sessions = store.room(DialogStore)
        assert held(sessions) == before
        assert sessions.messages("s", ALL) == there


def test_what_two_processes_add_at_once_is_all_there_in_the_order_of_each(file: Path) -> None:
    with storage.SqliteStorage(file) as store:
        store.room(DialogStore).create(session(), FOR_EVER)

    def add(name: str, _: object) -> None:
        with storage.SqliteStorage(file) as mine:
            sessions = mine.room(DialogStore)
            for number in range(50):
                done = sessions.add("s", said(f"{name}{number}", 2), FOR_EVER)
                assert done.outcome == "done"

    children = [Child(partial(add, name)) for name in "xy"]
    for child in children:
        child.join()

    assert check_whole(file) == {"s": 100}
    with storage.SqliteStorage(file) as store:
        sessions = store.room(DialogStore)
        there = sessions.messages("s", ALL)
        assert [int(one["sequence"]) for one in there] == list(range(1, 101))
        for name in "xy":
            theirs = [one for one in ids(list(there)) if one[0] == name]
            assert theirs == [f"{name}{number}" for number in range(50)]
        assert (held(sessions).messages, held(sessions).tokens) == (100, 200)
    assert healthy(file)


def test_of_processes_that_change_one_version_one_does(file: Path) -> None:
    with storage.SqliteStorage(file) as store:
        store.room(DialogStore).create(session(), FOR_EVER)

    def change(say: Callable[[bytes], object]) -> None:
        with storage.SqliteStorage(file) as mine:
            sessions = mine.room(DialogStore)
            for version in range(1, 40):
                if sessions.change("s", Change(expected=version), FOR_EVER).outcome == "done":
                    say(b".")

    children = [Child(change) for _ in range(3)]
    done = 0
    for child in children:
        while told := child.read(64):
            done += len(told)
        child.join()

    with storage.SqliteStorage(file) as store:
        assert held(store.room(DialogStore)).fields["version"] == str(done + 1)


def test_one_id_is_given_to_one_message_whoever_adds_it(file: Path, room: Open) -> None:
    one, two = room(file), room(file)
    for name in "ab":
        one.create(session(name), FOR_EVER)
    outcomes: list[str] = []

    def add(sessions: DialogStore, name: str) -> None:
        outcomes.extend(
            sessions.add(name, said(str(number), 1), FOR_EVER).outcome for number in range(60)
        )

    together(partial(add, one, "a"), partial(add, two, "b"), partial(add, two, "a"))

    assert outcomes.count("done") == 60
    found = check_whole(file)
    assert found["a"] + found["b"] == 60


def test_a_fork_goes_on_with_a_session(file: Path, room: Open) -> None:
    sessions = room(file)
    sessions.create(session(), FOR_EVER)

    def add() -> None:
        assert sessions.add("s", said("m"), FOR_EVER).outcome == "done"

    in_child(add)

    assert sessions.add("s", said("n"), FOR_EVER).message["sequence"] == "2"


def test_a_transaction_that_the_caller_undoes_takes_all_of_it_along(file: Path, room: Open) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.text_factory = bytes
        connection.row_factory = sqlite3.Row
        sessions = room(connection)
        connection.execute("BEGIN")
        sessions.create(session(), FOR_EVER)
        sessions.add("s", said("m", 1), FOR_EVER)
        assert ids(sessions.messages("s", ALL)) == ["m"]
        connection.execute("ROLLBACK")

        assert sessions.find("s") is None
        sessions.create(session(), FOR_EVER)
        connection.execute("BEGIN")
        sessions.add("s", said("m", 1), FOR_EVER)
        assert sessions.add("s", said("m"), FOR_EVER).outcome == "repeated"
        assert [one.id for one in sessions.select(Wanted())] == ["s"]
        assert sessions.expired(0) == []
        assert connection.in_transaction
        assert rows(file, LEFT) == [(0,)]
        connection.execute("COMMIT")
        assert rows(file, LEFT) == [(1,)]


def test_a_step_that_fails_leaves_nothing_of_it(file: Path, room: Open) -> None:
    sessions = room(file)
    sessions.create(session(), FOR_EVER)
    sessions.add("s", said("m", 1), FOR_EVER)
    before = held(sessions)
    script(
        file,
        "CREATE TRIGGER refuse BEFORE UPDATE ON storage_dialogs "
        "BEGIN SELECT RAISE(ABORT, 'no'); END",
    )

    for step in (
        lambda: sessions.add("s", said("n", 1), FOR_EVER),
        lambda: sessions.amend("s", "m", {"tokenCount": "9"}, (), FOR_EVER),
        lambda: sessions.discard("s", "m", FOR_EVER),
        lambda: sessions.discard_all("s", FOR_EVER),
    ):
        with pytest.raises(storage.StorageError):
            step()

    assert held(sessions) == before
    assert check_whole(file) == {"s": 1}


STEPS: dict[str, Callable[[DialogStore], object]] = {
    "create": lambda room: room.create(session("new"), FOR_EVER),
    "add": lambda room: room.add("s", said("new", 5), FOR_EVER),
    "amend": lambda room: room.amend("s", "m1", {"tokenCount": "9"}, (), FOR_EVER),
    "discard": lambda room: room.discard("s", "m1", FOR_EVER),
    "discard_all": lambda room: room.discard_all("s", FOR_EVER),
    "remove": lambda room: room.remove("s"),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_process_that_is_killed_before_any_statement_leaves_whole_sessions(
    file: Path, step: str
) -> None:
    with storage.SqliteStorage(file) as store:
        sessions = store.room(DialogStore)
        sessions.create(session(), FOR_EVER)
        for number in range(3):
            sessions.add("s", said(f"m{number}", 2), FOR_EVER)
    begun = check_whole(file)

    for place in range(1, 40):
        child = Child(partial(_die_before, place, file, STEPS[step]))
        is_done = child.read(1) == b"."
        child.kill()
        child.close()
        found = check_whole(file)
        if is_done:
            break
        assert found == begun

    assert is_done
    assert place > 4
    assert step == "amend" or found != begun
    assert healthy(file)


def _die_before(
    place: int, file: Path, step: Callable[[DialogStore], object], say: Callable[[bytes], object]
) -> None:
    connection = sqlite3.connect(file, isolation_level=None)
    steps = iter(range(place))

    def count(_: str) -> None:
        if next(steps, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    sessions = storage.SqliteStorage(connection).room(DialogStore)
    connection.set_trace_callback(count)
    step(sessions)
    connection.set_trace_callback(None)
    say(b".")
    signal.pause()


def test_those_that_are_over_are_freed_by_who_begins_a_session(
    file: Path, room: Open, clock: Clock
) -> None:
    sessions = room(file, clock=clock)
    for number in range(20):
        sessions.create(session(str(number)), seconds(1))
        for message in range(10):
            sessions.add(str(number), said(f"{number}-{message}"), seconds(1))
    clock.tick(1)
    sizes = [rows(file, LEFT)[0][0]]

    for number in range(4):
        sessions.create(session(f"new {number}"), FOR_EVER)
        sizes.append(rows(file, LEFT)[0][0])

    assert sizes[-1] == 0
    assert max(before - after for before, after in pairwise(sizes)) <= 128
    assert rows(file, "SELECT count(*) FROM storage_dialogs") == [(4,)]


def test_those_that_are_over_are_freed_by_who_adds(file: Path, room: Open, clock: Clock) -> None:
    sessions = room(file, clock=clock)
    sessions.create(session("stays"), FOR_EVER)
    sessions.create(session("goes"), seconds(1))
    for number in range(50):
        sessions.add("goes", said(f"old {number}"), seconds(1))
    clock.tick(1)

    for number in range(20):
        sessions.add("stays", said(str(number)), FOR_EVER)

    assert rows(file, LEFT) == [(20,)]
    assert rows(file, "SELECT id FROM storage_dialogs") == [(b"stays",)]


def test_nothing_is_left_of_ten_thousand_sessions_that_are_over(
    file: Path, room: Open, clock: Clock
) -> None:
    sessions = room(file, clock=clock)
    sessions.create(session("stays"), FOR_EVER)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        one = room(connection, clock=clock)
        connection.execute("BEGIN")
        for number in range(10_000):
            one.create(session(str(number), userId="ann"), seconds(60, 30))
        one.add("7", said("m"), seconds(60, 30))
        connection.execute("COMMIT")
    clock.tick(30)
    assert len(sessions.expired(clock.ms)) == 10_000
    clock.tick(30)

    assert sessions.expired(clock.ms) == []

    assert rows(file, LEFT) == [(0,)]
    assert rows(file, "SELECT id FROM storage_dialogs") == [(b"stays",)]


def test_one_long_one_that_is_over_is_swept_in_steps_and_begun_anew_at_once(
    file: Path, room: Open, clock: Clock
) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        store = storage.SqliteStorage(connection, clock=clock)
        sessions = store.room(DialogStore)
        connection.execute("BEGIN")
        sessions.create(session(), seconds(1))
        for number in range(2500):
            sessions.add("s", said(f"old {number}"), seconds(1))
        connection.execute("COMMIT")
        clock.tick(1)

        assert sessions.create(session(), FOR_EVER) is not None
        assert sessions.add("s", said("old 2000", 1), FOR_EVER).message["sequence"] == "1"
        assert rows(file, LEFT)[0][0] > 2000
        left: list[int] = []
        connection.set_trace_callback(
            lambda told: left.append(rows(file, LEFT)[0][0]) if told.startswith("BEGIN") else None
        )
        store.sweep()
        connection.set_trace_callback(None)
        store.close()

    assert max(before - after for before, after in pairwise([*left, 1])) <= 1000
    assert check_whole(file) == {"s": 1}
    assert rows(file, LEFT) == [(1,)]


def corrupted(file: Path, what: str) -> None:
    script(file, f"UPDATE storage_dialogs SET {what} WHERE id = 's'")


@pytest.mark.parametrize(
    "what",
    [
        f"fields = '{SECRET}'",
        f"""fields = '["{SECRET}"]'""",
        "fields = '{\"id\": 7}'",
        "fields = '{}'",
        "fields = x'ff00'",
        "fields = 7",
        f"ends = '{SECRET}'",
        f"tokens = '{SECRET}'",
        "messages = x'00'",
        "seq = 1.5",
        "compression = x'ff', seq = ''",
        "compression = 7.5, fields = x''",
    ],
)
def test_a_session_that_can_not_be_read_is_one_typed_error(
    file: Path, room: Open, what: str
) -> None:
    sessions = room(file)
    for name in ("r", "s"):
        sessions.create(session(name, userId=name), FOR_EVER)
        sessions.add(name, said(f"{name}m"), FOR_EVER)
    corrupted(file, what)

    for step in (
        lambda: sessions.find("s"),
        lambda: sessions.change("s", Change(quiet=True), FOR_EVER),
        lambda: sessions.add("s", said("n"), FOR_EVER),
        lambda: sessions.amend("s", "sm", {}, (), FOR_EVER),
        lambda: sessions.discard("s", "sm", FOR_EVER),
        lambda: sessions.discard_all("s", FOR_EVER),
        lambda: sessions.select(Wanted()),
        lambda: sessions.select(Wanted(tags=("x",))),
    ):
        with pytest.raises(CorruptValueError) as caught:
            step()
        assert caught.value.key == "s"
        assert caught.value.store
        assert SECRET not in str(caught.value)

    assert ids(sessions.messages("s", ALL)) == ["sm"]
    assert [one.id for one in sessions.select(Wanted(user_id="r"))] == ["r"]
    assert sessions.create(session(), FOR_EVER) is None
    assert sessions.remove("s")
    assert check_whole_of(sessions) == ["r"]
    assert sessions.create(session(), FOR_EVER) is not None


def check_whole_of(sessions: DialogStore) -> list[str]:
    return [one.id for one in sessions.select(Wanted())]


@pytest.mark.parametrize("what", [f"'{SECRET}'", "'[]'", "x'ff'", "7", "'{\"id\": null}'"])
def test_a_message_that_can_not_be_read_is_one_typed_error(
    file: Path, room: Open, what: str
) -> None:
    sessions = room(file)
    sessions.create(session(), FOR_EVER)
    for name in ("m", "n"):
        sessions.add("s", said(name, 1), FOR_EVER)
    script(file, f"UPDATE storage_dialog_messages SET fields = {what} WHERE id = 'm'")

    for step in (
        lambda: sessions.messages("s", ALL),
        lambda: sessions.add("s", said("m"), FOR_EVER),
        lambda: sessions.amend("s", "m", {}, (), FOR_EVER),
        lambda: sessions.discard("s", "m", FOR_EVER),
    ):
        with pytest.raises(CorruptValueError) as caught:
            step()
        assert caught.value.key == "s"
        assert SECRET not in str(caught.value)

    assert ids(list(sessions.messages("s", Asked(newest=True, limit=1)))) == ["n"]
    assert sessions.add("s", said("o", 1), FOR_EVER).outcome == "done"
    assert held(sessions).tokens == 3
    assert sessions.discard_all("s", FOR_EVER) == 3


def test_an_id_that_is_no_text_is_an_error_of_its_own(file: Path, room: Open) -> None:
    sessions = room(file)
    sessions.create(session(expiresAt=iso(0)), FOR_EVER)
    corrupted(file, "id = x'ff'")

    for step in (lambda: sessions.select(Wanted()), lambda: sessions.expired(0)):
        with pytest.raises(CorruptValueError, match="UTF-8"):
            step()


def test_who_may_only_read_can_read(file: Path, room: Open, clock: Clock) -> None:
    room(file).ping()
    read_only = f"file:{file}?mode=ro"
    with closing(sqlite3.connect(read_only, uri=True, check_same_thread=False)) as connection:
        sessions = room(connection, clock=clock)
        assert (sessions.find("s"), sessions.expired(0)) == (None, [])
        writer = room(file, clock=clock)
        writer.create(session(), seconds(session=1))
        writer.add("s", said("m"), seconds(session=1))

        assert held(sessions).messages == 1
        assert ids(sessions.messages("s", ALL)) == ["m"]
        assert sessions.expired(clock.ms + 1000) == ["s"]
        assert [one.id for one in sessions.select(Wanted())] == ["s"]
        with pytest.raises(ReadOnlyError):
            sessions.add("s", said("n"), FOR_EVER)


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (Wanted(user_id="ann", limit=20), "user"),
        (Wanted(user_id="ann", newest=True, limit=20), "user"),
        (Wanted(limit=20), "created"),
        (Wanted(limit=20, beyond=(7, "s")), "created"),
        (Wanted(created_after=7, limit=20), "created"),
    ],
)
def test_a_listing_looks_at_no_more_than_it_has_to(
    file: Path, room: Open, wanted: Wanted, index: str
) -> None:
    sessions = room(file)
    sessions.create(session(), FOR_EVER)
    said_to: list[str] = []
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        mine = room(connection)
        connection.set_trace_callback(said_to.append)
        mine.select(wanted)
        connection.set_trace_callback(None)

    (text,) = [one for one in said_to if "ORDER BY" in one]
    plan = " ".join(detail.decode() for *_, detail in rows(file, f"EXPLAIN QUERY PLAN {text}"))
    assert f"INDEX storage_dialogs_{index}" in plan
    assert "SCAN" not in plan
    assert wanted.newest or "TEMP B-TREE" not in plan


@pytest.mark.parametrize("statement", ["expired", "over"])
def test_what_is_due_is_found_by_its_index(file: Path, room: Open, statement: str) -> None:
    sessions = room(file)
    sessions.create(session(), FOR_EVER)
    sql = getattr(sessions._dialogs.sql, statement)
    values = ("", 7, 7) if statement == "expired" else (7,)

    plan = " ".join(
        detail.decode() for *_, detail in rows(file, f"EXPLAIN QUERY PLAN {sql}", *values)
    )

    assert f"INDEX storage_dialogs_{'expires' if statement == 'expired' else 'ends'}" in plan
    assert "SCAN" not in plan
