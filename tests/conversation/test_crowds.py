"""Many who talk in one conversation at once, in threads, tasks and processes: nothing is lost, and
nobody sees or gets between what belongs together."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
from storage.testing import Bridge
from storage.testing.threads import crowd
from tests.contract.layers import IS_LONG
from tests.conversation import crowd as worker
from tests.conversation.crowd import (
    EDITED,
    FORESEEN,
    KEY,
    REPEATED,
    ROUNDS,
    WAYS,
    Told,
    conversation_of,
)
from tests.servers import Server

STORES = ("memory", "sqlite", "valkey", *(("redis6", "redis8") if IS_LONG else ()))
SHARED = tuple(kind for kind in STORES if kind != "memory")
"""What processes share."""

BY_NIGHT = ("memory tasks", "sqlite threads", "valkey tasks")
"""Crowds of another kind come to the same places by day."""

WRITERS = 8
PROCESSES = 4
PATIENCE_SECONDS = 120

WORKER = Path(worker.__file__)

HALVES = {"threads": storage, "tasks": storage.aio}


def params(kinds: tuple[str, ...]) -> list[Any]:
    marked = [kind for kind in kinds if kind not in ("memory", "sqlite")]
    return [
        pytest.param(kind, marks=[pytest.mark.server] if kind in marked else []) for kind in kinds
    ]


def params_of_crowds(met: str) -> list[Any]:
    """All places, in threads and in tasks, and those that processes share; by day, the places take
    turns between threads and tasks, and processes meet at the one that is *met*."""
    crowds = [
        pytest.param((*one.values, how), marks=one.marks, id=f"{one.values[0]} {how}")
        for how in (*HALVES, "processes")
        for one in params(SHARED if how == "processes" else STORES)
    ]
    by_day = [one for one in crowds if one.id not in BY_NIGHT]
    wanted = [one for one in by_day if one.values[0][1] != "processes" or one.values[0][0] == met]
    return crowds if IS_LONG else wanted


class Ground:
    """A store, and how many come to it at once."""

    def __init__(self, place: str, how: str, half: Any, made: Any, bridge: Bridge) -> None:
        self._place, self._how = place, how
        self._half, self._made, self._bridge = half, made, bridge

    def conversation(self, way: str) -> Any:
        return self._bridge.driven(conversation_of(self._half, self._made, way))

    def everybody(self, way: str, *others: Callable[[], Any]) -> list[Told]:
        """Has everybody talk that way, with *others* beside them; gives what each was told."""
        if self._how == "processes":
            return processes(self._place, way, *others)
        talk = partial(WAYS[way], self.conversation(way))
        told = crowd([*[partial(talk, who) for who in range(WRITERS)], *others])
        return told[:WRITERS]


@pytest.fixture
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    """An empty place of some kind, and of what the crowd is that comes to it."""
    kind, how = request.param
    server: Server | None = None
    place = "memory://" if kind == "memory" else f"sqlite:///{tmp_path / 'bot.db'}"
    if kind not in ("memory", "sqlite"):
        server = request.getfixturevalue(kind)
        place = f"{server.url}?connections={2 * WRITERS}"
    half: Any = HALVES.get(how, storage)
    with Bridge() as bridge:
        made = half.open(place)
        yield Ground(place, how, half, made, bridge)
        bridge.driven(made).close()
    if server is not None:
        server.call("FLUSHALL")


def processes(place: str, way: str, *others: Callable[[], Any]) -> list[Told]:
    """Two writers in each process, and processes of both colours."""
    where = str(Path(storage.__file__).resolve().parents[1])
    workers = [
        subprocess.Popen(
            [sys.executable, WORKER, place, ("blocking", "asyncio")[number % 2], way,
             f"{2 * number}", f"{2 * number + 1}"],
            env={**os.environ, "PYTHONPATH": where},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for number in range(PROCESSES)
    ]  # fmt: skip
    told: dict[str, Told] = {}
    try:
        for one in workers:
            assert one.stdout
            assert one.stdout.readline() == "ready\n"
        for one in workers:
            assert one.stdin
            one.stdin.write("go\n")
            one.stdin.flush()
        if others:
            crowd([*others])
        for one in workers:
            said, complaint = one.communicate(timeout=PATIENCE_SECONDS)
            assert one.returncode == 0, complaint
            told |= json.loads(said)
    finally:
        for one in workers:
            one.kill()
            one.communicate()
    return [told[f"{who}"] for who in range(WRITERS)]


def texts(found: Any) -> dict[int, str]:
    return {seq: message["content"] for seq, message in zip(found.seqs, found)}


def flat(told: Told) -> list[int]:
    return [seq for seqs in told for seq in seqs]


crowds, crowds_too = (
    pytest.mark.parametrize("ground", params_of_crowds(met), indirect=True)
    for met in ("sqlite", "valkey")
)


@crowds
def test_every_message_is_kept_in_the_order_of_each_and_batches_in_one_piece(
    ground: Ground,
) -> None:
    told = ground.everybody("talking")
    found = ground.conversation("talking").list(KEY)
    said = texts(found)

    assert found.seqs == [*range(1, WRITERS * ROUNDS * 5 + 1)]
    for who, mine in enumerate(told):
        right = [f"{who}:{turn}.{part}" for turn in range(ROUNDS) for part in range(5)]
        assert [said[seq] for seq in flat(mine)] == right
        assert flat(mine) == sorted(flat(mine))
        for seqs in mine:
            assert seqs == [*range(seqs[0], seqs[0] + len(seqs))]


@crowds_too
def test_the_last_messages_by_their_numbers_are_those_that_stay(ground: Ground) -> None:
    told = ground.everybody("trimming")
    found = ground.conversation("trimming").list(KEY)
    most = WRITERS * ROUNDS * 5

    assert found.seqs == [*range(most - 19, most + 1)]
    assert sorted(seq for mine in told for seq in flat(mine)) == [*range(1, most + 1)]
    usage = ground.conversation("trimming").usage(KEY)
    assert (usage.messages, usage.last_seq) == (20, most)


@crowds
def test_one_appends_of_all_who_know_the_same_last_message(ground: Ground) -> None:
    told = ground.everybody("foreseeing")
    found = ground.conversation("foreseeing").list(KEY)
    said = texts(found)

    assert found.seqs == [*range(1, WRITERS * FORESEEN + 1)]
    for who, mine in enumerate(told):
        assert [said[seq] for seq in flat(mine)] == [f"{who}:{n}" for n in range(FORESEEN)]


@crowds_too
def test_one_appends_of_all_who_repeat_each_other(ground: Ground) -> None:
    told = ground.everybody("repeating")
    found = ground.conversation("repeating").list(KEY)

    assert len(found) == 2 * REPEATED
    assert all(mine == told[0] for mine in told)
    assert [texts(found)[first] for first, _ in told[0]] == [f"{n}" for n in range(REPEATED)]


@crowds
def test_no_edit_is_lost_to_another(ground: Ground) -> None:
    ground.everybody("editing")
    found = ground.conversation("editing").list(KEY)

    assert [message["n"] for message in found] == [WRITERS * EDITED]


@crowds_too
def test_who_reads_beside_them_sees_whole_batches_in_order(ground: Ground) -> None:
    conversation, looks = ground.conversation("paired"), []

    def read() -> None:
        while True:
            found = conversation.list(KEY)
            assert_whole(found)
            assert len(found) <= 20
            for shown in (conversation.window(KEY, messages=7), conversation.window(KEY, turns=2)):
                assert_whole(shown)
            looks.append(found.seqs[-1:])
            if found.seqs[-1:] == [WRITERS * ROUNDS * 4]:
                return

    ground.everybody("paired", read, read)
    seen = [seqs[0] for seqs in looks if seqs]
    assert len(set(seen)) > 1


def assert_whole(found: Any) -> None:
    """What is there begins at a question or a call, and each call is right before its results."""
    assert found.seqs == sorted(set(found.seqs))
    place = 0
    while place < len(found):
        message = found[place]
        assert message["role"] != "tool"
        calls = [call["id"] for call in message.get("tool_calls", ())]
        results = found[place + 1 : place + 1 + len(calls)]
        assert [one.get("tool_call_id") for one in results] == calls
        first = found.seqs[place]
        assert found.seqs[place : place + 1 + len(calls)] == [*range(first, first + 1 + len(calls))]
        place += 1 + len(calls)
