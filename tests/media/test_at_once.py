"""Of those who send a file at the same time one uploads it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
from storage.testing.threads import crowd
from tests.leases.ground import run, until_in_loop
from tests.media.ground import Ground, Held, Telegram, in_line, message
from tests.waiting import PATIENCE, until

CAT = b"what a cat looks like"
CROWD = 8
WORKER = Path(__file__).with_name("worker.py")


def test_of_many_who_send_a_file_one_uploads_it_and_the_others_wait_for_its_id(
    ground: Ground,
) -> None:
    telegram = Telegram()
    media = ground.media()
    upload = Held(media, CROWD - 1, telegram.send).call

    answers = crowd([lambda: media.send("photo", CAT, upload)] * CROWD)

    assert answers == [message("photo", "id 1")] * CROWD
    assert telegram.files == [CAT, *["id 1"] * (CROWD - 1)]


def test_who_sends_another_file_waits_for_nobody(memory: Ground) -> None:
    media = memory.media()
    inside, goes_on = threading.Event(), threading.Event()

    def slow(file: Any) -> Any:
        inside.set()
        assert goes_on.wait(PATIENCE)
        return message("photo", "slow")

    def others() -> None:
        assert inside.wait(PATIENCE)
        media.send("photo", b"a dog", lambda file: message("photo", "dog"))
        media.send("document", CAT, lambda file: message("document", "document"))
        goes_on.set()

    crowd([lambda: media.send("photo", CAT, slow), others])

    assert sorted(memory.kept().values()) == ["document", "dog", "slow"]


def test_who_holds_something_else_waits_as_well(memory: Ground) -> None:
    """Such as a session."""
    telegram = Telegram()
    media = memory.media()
    upload = Held(media, CROWD - 1, telegram.send).call

    def send(number: int) -> None:
        with memory.store.edit(f"session {number}", default={}) as session:
            session["sent"] = True
            media.send("photo", CAT, upload)

    crowd([lambda number=number: send(number) for number in range(CROWD)])

    assert telegram.files == [CAT, *["id 1"] * (CROWD - 1)]


def test_those_who_send_by_an_id_do_not_wait_for_each_other(memory: Ground) -> None:
    media = memory.media()
    media.set("photo", CAT, "AgAC")
    together = threading.Barrier(3)

    crowd([lambda: media.send("photo", CAT, lambda file: together.wait(PATIENCE))] * 3)

    assert in_line(media) == -1


def test_where_an_upload_fails_the_next_one_uploads(memory: Ground) -> None:
    media = memory.media()
    files: list[Any] = []

    def fail(file: Any) -> Any:
        files.append(file)
        raise ConnectionError("no network")

    def later() -> Any:
        until(lambda: in_line(media) == 0, "the first one's turn")
        return media.send("photo", CAT, lambda file: message("photo", "AgAC"))

    def first() -> None:
        with pytest.raises(ConnectionError):
            media.send("photo", CAT, Held(media, 1, fail).call)

    crowd([first, later])

    assert files == [CAT]
    assert media.get("photo", CAT) == "AgAC"


def test_tasks_upload_a_file_once_whatever_the_colour_of_what_sends_it(tmp_path: Path) -> None:
    async def work(store: Any, is_plain: bool) -> tuple[list[Any], list[Any]]:
        telegram = Telegram()
        media = storage.aio.MediaCache(store, bot="support")

        async def call(file: Any) -> Any:
            await asyncio.sleep(0)
            return telegram.send(file)

        chosen: Any = telegram.send if is_plain else call
        answers = await asyncio.gather(*(media.send("photo", CAT, chosen) for _ in range(CROWD)))
        await store.aclose()
        return telegram.files, answers

    for number, is_plain in enumerate((True, False)):
        for store in (
            storage.aio.MemoryStorage[Any](),
            storage.aio.SqliteStorage[Any](tmp_path / f"{number}.db"),
        ):
            files, answers = run(work(store, is_plain))
            assert files == [CAT, *["id 1"] * (CROWD - 1)]
            assert answers == [message("photo", "id 1")] * CROWD


def test_where_who_uploads_is_cancelled_the_next_one_uploads() -> None:
    async def work() -> tuple[Any, Any]:
        media = storage.aio.MediaCache(storage.aio.MemoryStorage(), bot="support")
        begun: list[Any] = []

        async def never(file: Any) -> Any:
            begun.append(file)
            await asyncio.sleep(3600)

        first = asyncio.ensure_future(media.send("photo", CAT, never))
        await until_in_loop(lambda: begun)
        second = asyncio.ensure_future(
            media.send("photo", CAT, lambda file: message("photo", "AgAC"))
        )
        await until_in_loop(lambda: in_line(media) == 1)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        return await second, await media.get("photo", CAT)

    assert run(work()) == (message("photo", "AgAC"), "AgAC")


class SlowPath:
    """A path that takes its time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.threads: list[int] = []
        self.goes_on = threading.Event()

    def __fspath__(self) -> str:
        self.threads.append(threading.get_ident())
        assert self.goes_on.wait(PATIENCE)
        return str(self._path)


def test_a_file_is_read_beside_the_loop_and_to_its_end(tmp_path: Path) -> None:
    """The loop goes on meanwhile, and a cancellation waits for the file."""
    path = tmp_path / "cat.jpg"
    path.write_bytes(CAT)
    slow = SlowPath(path)

    async def work() -> tuple[bool, bool]:
        media = storage.aio.MediaCache(storage.aio.MemoryStorage(), bot="support")
        asking: Any = asyncio.ensure_future(media.get("photo", slow))
        await until_in_loop(lambda: slow.threads)
        asking.cancel()
        for _ in range(5):
            await asyncio.sleep(0)
        early = asking.done()
        slow.goes_on.set()
        await asyncio.wait([asking])
        return early, asking.cancelled()

    assert run(work()) == (False, True)
    assert slow.threads != [threading.get_ident()]


@pytest.mark.parametrize("half", ["blocking", "asyncio"])
def test_processes_share_the_ids(tmp_path: Path, half: str) -> None:
    """Each sends a hundred files, some of them while others do; no message is without its file."""
    root = str(Path(storage.__file__).resolve().parents[1])
    workers = [
        subprocess.Popen(
            [sys.executable, str(WORKER), f"sqlite:///{tmp_path}/bot.db", half],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([root, *sys.path])},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    told = [worker.communicate(timeout=PATIENCE * 3)[0].split() for worker in workers]

    assert [worker.returncode for worker in workers] == [0, 0, 0]
    assert all(int(sent) == 100 for sent, _ in told)
    uploads = [int(number) for _, number in told]
    assert 20 <= sum(uploads) <= 60
    with storage.open(f"sqlite:///{tmp_path}/bot.db") as store:
        assert len(list(store.namespace("media").keys())) == 20
