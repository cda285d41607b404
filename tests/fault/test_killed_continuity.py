"""A process that is killed while it adds, deletes or cleans up sessions of session continuity: what
is there is whole, what is done again is there once, and nothing is left behind."""

from __future__ import annotations

import itertools
import os
import random
import select
import shutil
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from storage.continuity import RedisAdapter, SqliteAdapter
from tests.contract.layers import IS_LONG
from tests.fault import faults
from tests.fault.ground import Child
from tests.fault.proxy import Proxy
from tests.fault.test_killed import exactly
from tests.fault.whole import (
    USER,
    State,
    Step,
    after,
    assert_tidy_file,
    assert_tidy_server,
    clean,
    do,
    found,
    program,
)
from tests.servers import Server
from tests.waiting import until

KILLS = 60 if IS_LONG else 12
MOST_STEPS = 60
MANY = 1100
"""More messages than go in one trip."""

Open = Callable[[], Any]


def killed(opened: Open, tidy: Callable[[State], None], seed: int) -> None:
    """Kill a process again and again that does the steps of a program, each of which it says is
    done before it does the next one."""
    chance = random.Random(seed)
    steps = program(seed, KILLS * MOST_STEPS)
    state: State = {}
    done = 0

    def work(says: Callable[[bytes], object], first: int) -> None:
        with opened() as adapter:
            for number, step in enumerate(steps[first:], first):
                do(adapter, step)
                says(number.to_bytes(4, "big"))

    for _ in range(KILLS):
        child = Child(lambda says, first=done: work(says, first))  # type: ignore[misc]
        last = b""
        for _ in range(chance.randrange(1, MOST_STEPS // 2)):
            last = exactly(child, 4)
        child.kill()
        while said := exactly(child, 4):
            last = said
        child.close()
        acknowledged = int.from_bytes(last, "big") + 1
        for step in steps[done:acknowledged]:
            state = after(state, step)
        state = gone_on(opened, tidy, state, steps[acknowledged])
        done = acknowledged + 1
    assert done > KILLS
    assert {step[0] for step in steps[:done]} >= {"add", "discard", "empty", "delete", "clean"}


def gone_on(opened: Open, tidy: Callable[[State], None], state: State, step: Step) -> State:
    """Of a step that was begun, all or nothing is there; it is done again, and is there once."""
    with opened() as adapter:
        assert found(adapter) in (state, after(state, step))
        do(adapter, step)
        assert found(adapter) == after(state, step)
        if step[0] not in ("end", "clean"):
            clean(adapter)
            assert found(adapter) == after(state, step)
            tidy(after(state, step))
    return after(state, step)


def test_who_is_killed_with_a_file_leaves_whole_sessions(tmp_path: Path) -> None:
    file = tmp_path / "bot.db"

    killed(lambda: SqliteAdapter(file), lambda state: assert_tidy_file(file, state), 5)


def test_who_is_killed_with_a_server_leaves_whole_sessions(valkey: Server) -> None:
    try:
        killed(lambda: RedisAdapter(valkey.url), lambda state: assert_tidy_server(valkey, state), 6)
    finally:
        valkey.call("FLUSHALL")


BEFORE: State = {"s": {"m1": 1, "m2": 2, "m3": 3}, "t": {"m4": 4}}

STEPS: list[Step] = [
    ("create", "u", "", 0),
    ("add", "s", "m9", 9),
    ("amend", "s", "m1", 7),
    ("discard", "s", "m2", 0),
    ("empty", "s", "", 0),
    ("delete", "s", "", 0),
    ("clean", "s", "", 0),
]


def prepare(adapter: Any, state: State, step: Step) -> None:
    for name, messages in state.items():
        adapter.create_session({"id": name, "user_id": USER})
        for message, tokens in messages.items():
            do(adapter, ("add", name, message, tokens))
    if step[0] == "clean":
        do(adapter, ("end", step[1], "", 0))


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step[0])
def test_who_is_killed_before_any_statement_has_done_all_or_nothing(
    step: Step, tmp_path: Path
) -> None:
    before, ends = tmp_path / "before.db", set()
    with SqliteAdapter(before) as adapter:
        prepare(adapter, BEFORE, step)
    for number in itertools.count(1):
        file = tmp_path / f"{number}.db"
        shutil.copy(before, file)

        was_killed = dies(file, step, number)

        with SqliteAdapter(file) as adapter:
            ends.add(str(found(adapter)))
        gone_on(
            lambda: SqliteAdapter(file),  # noqa: B023
            lambda state: assert_tidy_file(file, state),  # noqa: B023
            BEFORE,
            step,
        )
        if not was_killed:
            break
    assert number > 4, "it had no statements to be killed before"
    assert len(ends) == 2


def dies(file: Path, step: Step, number: int) -> bool:
    """Do *step* in a process that is killed before its statement of that *number*; say whether it
    had so many."""
    statements = itertools.count(1)

    def traced(_: str) -> None:
        if next(statements) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def work(says: Callable[[bytes], object]) -> None:
        with closing(sqlite3.connect(file, check_same_thread=False)) as connection:
            connection.set_trace_callback(traced)
            do(SqliteAdapter(connection), step)
        says(b"done")

    child = Child(work)
    said = exactly(child, 4)
    child.kill()
    child.close()
    return said != b"done"


def empty(adapter: Any) -> None:
    adapter.delete_all_messages("s")


def delete(adapter: Any) -> None:
    adapter.delete_session("s")


def add(adapter: Any) -> None:
    adapter.add_message("s", {"id": "m0", "role": "user", "content": "of m0", "token_count": 1})


def told(number: int) -> State:
    return {"s": {f"m{turn}": 1 for turn in range(1, number + 1)}}


LONG_STEPS: dict[str, tuple[Callable[[Any], None], State]] = {
    "empty": (empty, {"s": {}}),
    "delete": (delete, {}),
    "clean": (clean, {}),
    "add": (add, {"s": {"m0": 1, **told(MANY)["s"]}}),
}
"""What takes several trips, and what is there afterwards."""


COPY = """
redis.call('SELECT', ARGV[1])
for _, key in ipairs(redis.call('KEYS', '*')) do
  redis.call('COPY', key, key, 'DB', ARGV[2], 'REPLACE')
end
redis.call('SELECT', ARGV[2])
"""
"""Keys of one database in another one, with their lifetimes."""

LEFT = """
local left, least = redis.call('PTTL', ARGV[1]), 1e9
for _, id in ipairs(redis.call('ZRANGE', ARGV[1] .. ':messages', 0, -1)) do
  least = math.min(least, redis.call('PTTL', 'message:' .. id) - left)
end
return least
"""
"""How much longer than a session the first of its messages lives."""

TTL = timedelta(seconds=80)


def prepare_many(server: Server, name: str) -> None:
    """Have a long session, which is copied afterwards."""
    server.call("FLUSHALL")
    with RedisAdapter(server.url, ttl=TTL) as adapter:
        prepare(adapter, told(MANY), ("clean" if name == "clean" else "", "s", "", 0))
    server.call("EVAL", COPY, 0, 0, 1)


@pytest.fixture
def _end_of_copies(valkey: Server) -> Iterator[None]:
    yield
    valkey.reset_clock()
    valkey.call("FLUSHALL")


class Met:
    """Makes of a fault one that says when it was met."""

    def __init__(self, fault: type[faults.Fault]) -> None:
        self.event = threading.Event()
        event = self.event

        class Told(fault):  # type: ignore[valid-type, misc]
            def command(self, way: faults.Way, command: bytes) -> None:
                super().command(way, command)
                if fault is faults.Blackhole:
                    event.set()

            def reply(self, way: faults.Way, reply: bytes) -> None:
                super().reply(way, reply)
                event.set()

        self.fault = Told()


@pytest.mark.usefixtures("_end_of_copies")
@pytest.mark.parametrize("fault", [faults.Blackhole, faults.Swallow])
@pytest.mark.parametrize("name", LONG_STEPS)
def test_who_is_killed_between_two_trips_leaves_whole_sessions(
    name: str, fault: type[faults.Fault], proxy: Proxy, valkey: Server
) -> None:
    step, right = LONG_STEPS[name]
    valkey.hold(valkey.time_ms())
    prepare_many(valkey, name)
    valkey.advance(15)  # so that the messages of who adds one have to last longer
    for number in itertools.count():
        valkey.call("FLUSHDB")
        valkey.call("EVAL", COPY, 0, 1, 0)

        was_killed = dies_on_the_way(proxy, step, fault, number)

        with RedisAdapter(valkey.url, ttl=TTL) as adapter:
            found(adapter)
            if valkey.call("EXISTS", "session:s"):
                assert valkey.call("EVAL", LEFT, 0, "session:s") >= 0
            step(adapter)
            assert found(adapter) == right
            clean(adapter)
            assert_tidy_server(valkey, right)
        if not was_killed:
            break
    assert number > 1 or name == "empty", "it takes one trip only"
    assert name not in ("add", "empty") or valkey.call("PTTL", "session:s") == 80_000


def dies_on_the_way(
    proxy: Proxy, step: Callable[[Any], None], fault: type[faults.Fault], number: int
) -> bool:
    """Do *step* in a process that is killed where its command of that *number* meets a fault; say
    whether it had so many."""
    met = Met(fault)
    proxy.next(met.fault, after=number)

    def work(says: Callable[[bytes], object]) -> None:
        with RedisAdapter(proxy.url, ttl=TTL) as adapter:
            step(adapter)
        says(b"done")

    child = Child(work)
    until(lambda: met.event.is_set() or select.select([child.told], [], [], 0)[0])
    was_killed = met.event.is_set()
    child.kill()
    said = b"" if was_killed else exactly(child, 4)
    child.close()
    proxy.mend()
    assert was_killed or said == b"done"
    return was_killed
