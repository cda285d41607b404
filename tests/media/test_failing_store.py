"""A store that does not answer keeps no file from being sent, unless that is wanted."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
from storage.sqlite import connection as sqlite_connection
from storage.testing import Bridge
from storage.testing.threads import crowd
from tests.fault.ground import locked
from tests.media.ground import GONE, BadRequest, Ground, Held, Telegram, message

pytestmark = pytest.mark.timed

CAT = b"what a cat looks like"
CROWD = 5


class Stranger:
    """An object that is made a store, and does not always answer."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.fails: set[str] = set()

    def _checked(self, what: str) -> None:
        if what in self.fails:
            raise OSError("hunter2 does not answer")

    def get(self, key: str) -> Any:
        self._checked("get")
        return self.values.get(key)

    def set(self, key: str, value: Any) -> None:
        self._checked("set")
        self.values[key] = value

    def delete(self, key: str) -> None:
        self._checked("delete")
        self.values.pop(key, None)


@pytest.fixture
def stranger() -> Stranger:
    return Stranger()


@pytest.fixture
def away(memory: Ground) -> Iterator[Any]:
    """A server that is not there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"redis://127.0.0.1:{taken.getsockname()[1]}"
        store = memory.half.RedisStorage(url, timeout=0.3)
        yield store
        memory.bridge.driven(store).close()


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was not done, of each warning."""
    said = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert not [one for one in said if "hunter2" in one or "id 1" in one]
    return [one.split("was not ")[1].split(":")[0] for one in said if "was not " in one]


def test_while_a_server_is_away_files_are_uploaded(
    memory: Ground, away: Any, caplog: pytest.LogCaptureFixture
) -> None:
    telegram = Telegram()
    media = memory.media(store=away)

    answers = [media.send("photo", CAT, telegram.send) for _ in range(2)]

    assert telegram.files == [CAT, CAT]
    assert [answer["photo"][0]["file_id"] for answer in answers] == ["id 1", "id 2"]
    assert warned(caplog) == ["read", "read", "stored"] * 2


def test_whose_store_has_to_answer_hears_that_it_does_not(memory: Ground, away: Any) -> None:
    telegram = Telegram()
    media = memory.media(store=away, on_error="raise")

    with pytest.raises(storage.UnavailableError):
        media.send("photo", CAT, telegram.send)

    assert telegram.files == []


def test_what_is_asked_of_the_store_alone_is_an_error(memory: Ground, away: Any) -> None:
    media = memory.media(store=away)

    for ask in (
        lambda: media.get("photo", CAT),
        lambda: media.set("photo", CAT, "AgAC"),
        lambda: media.forget("photo", CAT),
    ):
        with pytest.raises(storage.UnavailableError):
            ask()


def test_one_upload_serves_all_who_wait_for_it_without_a_store(
    memory: Ground, stranger: Stranger
) -> None:
    telegram = Telegram()
    stranger.fails = {"get", "set", "delete"}
    media = memory.media(store=stranger)
    upload = Held(media, CROWD - 1, telegram.send).call

    crowd([lambda: media.send("photo", CAT, upload)] * CROWD)

    assert telegram.files == [CAT, *["id 1"] * (CROWD - 1)]


@pytest.mark.parametrize("half", [storage, storage.aio], ids=["blocking", "aio"])
def test_where_an_id_can_not_be_stored_the_file_is_sent(
    half: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else writes in the file for long."""
    monkeypatch.setattr(sqlite_connection, "_BUSY_SECONDS", 0.1)
    path = tmp_path / "bot.db"
    telegram = Telegram()
    with Bridge() as bridge:
        store = half.SqliteStorage(path)
        media = bridge.driven(half.MediaCache(store, bot="support"))
        strict = bridge.driven(half.MediaCache(store, bot="support", on_error="raise"))
        assert media.get("photo", CAT) is None

        with locked(path):
            assert media.send("photo", CAT, telegram.send) == message("photo", "id 1")
            assert warned(caplog) == ["stored"]
            with pytest.raises(storage.UnavailableError):
                strict.send("photo", CAT, telegram.send)
        assert strict.send("photo", CAT, telegram.send) == message("photo", "id 3")
        assert telegram.uploads == 3
        bridge.driven(store).close()


@pytest.mark.parametrize("fails", ["get", "set", "delete"])
def test_an_object_that_raises_keeps_no_file_from_being_sent(
    memory: Ground, stranger: Stranger, caplog: pytest.LogCaptureFixture, fails: str
) -> None:
    media = memory.media(store=stranger)
    strict = memory.media(store=stranger, on_error="raise")
    media.set("photo", CAT, "stale")
    stranger.fails = {fails}

    def call(file: Any) -> Any:
        if file == "stale":
            raise BadRequest(GONE)
        return message("photo", "id 1")

    assert media.send("photo", CAT, call) == message("photo", "id 1")
    assert set(warned(caplog)) == {{"get": "read", "set": "stored", "delete": "taken away"}[fails]}
    stranger.values = dict.fromkeys(stranger.values, "stale")
    stranger.values.setdefault(media.key_of("photo", CAT), "stale")
    with pytest.raises(storage.StorageError, match="raised OSError"):
        strict.send("photo", CAT, call)


def test_a_closed_store_is_a_mistake_and_no_outage(memory: Ground) -> None:
    store = memory.half.MemoryStorage()
    media = memory.media(store=store)
    telegram = Telegram()
    memory.bridge.driven(store).close()

    with pytest.raises(storage.ClosedError):
        media.send("photo", CAT, telegram.send)
    assert telegram.files == []


def test_a_store_without_atomic_steps_will_do(memory: Ground) -> None:
    """Then an id that is stale is taken away, and nothing but that."""
    backend = memory.place.base._backend._room
    asked: list[str] = []

    class ReadsAndWrites:
        """A backend that can read, write and remove one entry."""

        label = "reads and writes"
        capabilities = backend.capabilities._replace(atomic=None)

        def __getattr__(self, name: str) -> Any:
            asked.append(name)
            assert name not in ("swap", "add", "incr"), name
            return getattr(backend, name)

    store = memory.half.Storage(ReadsAndWrites())
    media = memory.media(store=store)
    media.set("photo", CAT, "stale")
    asked.clear()

    def call(file: Any) -> Any:
        if file == "stale":
            raise BadRequest(GONE)
        return message("photo", "id 1")

    media.send("photo", CAT, call)

    assert asked == ["read", "read", "remove", "write"]
    assert media.get("photo", CAT) == "id 1"
