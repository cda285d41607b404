"""One conversation that can not be read stops nobody from going through all of them."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from storage import CorruptValueError, StorageError, WrongTypeError
from storage.redis.places import beside_name
from tests.conversation.standing import Ground, params, said, standing
from tests.fault.ground import SECRET

KEYS = [f"{chat}:7" for chat in range(9)]
BAD = KEYS[4]


@pytest.fixture(params=params("sqlite", "dict", "valkey"))
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    with standing(request, tmp_path) as ground:
        yield ground


@pytest.fixture
def talk(ground: Ground) -> Any:
    """Conversations, of which each was gone on with after the one before it."""
    talk = ground.conversation()
    for key in KEYS:
        talk.append(key, said("hi"))
        ground.clock.tick(1)
    return talk


def _in_a_file(ground: Ground, name: str) -> None:
    place: Any = ground.place
    (history,) = place._run("SELECT id FROM storage_histories WHERE name = ?", name)
    place._run(
        "UPDATE storage_messages SET record = ? WHERE history = ? AND seq = 4294967296",
        SECRET,
        history,
    )


def _on_a_server(ground: Ground, name: str) -> None:
    place: Any = ground.place
    start = ground.place.base._layers.names.segment("history")
    place.server.call("SET", beside_name(start, ground.place.base._layers.names.name(BAD)), SECRET)


SPOILT: dict[str, tuple[Callable[[Ground, str], None], type[StorageError]]] = {
    "InAFile": (_in_a_file, CorruptValueError),
    "InADict": (
        lambda ground, name: ground.place.plant(f'"{SECRET}"', name),
        CorruptValueError,
    ),
    "OnAServer": (_on_a_server, WrongTypeError),
}


@pytest.fixture
def error(ground: Ground, talk: Any) -> type[StorageError]:
    """What is raised where somebody reads the one that is spoilt."""
    spoil, error = SPOILT[type(ground.place).__name__]
    spoil(ground, ground.place.base._layers.names.reserved("history", BAD))
    with pytest.raises(error):
        talk.usage(BAD)
    return error


def test_the_newest_of_the_others_are_kept(
    talk: Any, error: type[StorageError], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="storage"):
        assert talk.keep_newest(2) == 6

    assert sorted(talk.keys()) == [BAD, *KEYS[-2:]]
    (told,) = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert "1 of the conversations can not be read and stay" in told
    assert SECRET not in told
    assert talk.clear(BAD) is True
    assert talk.append(BAD, said("anew")) == 1


def test_the_others_are_dumped(talk: Any, error: type[StorageError]) -> None:
    with pytest.raises(error):
        talk.dump(io.BytesIO())
    heard: list[StorageError] = []

    for policy in ("skip", heard.append):
        report = talk.dump(io.BytesIO(), on_corrupt=policy)
        assert (report.written, report.failed, report.is_whole) == (len(KEYS) - 1, 1, False)
        (failure,) = report.failures
        assert (failure.key, type(failure.error)) == (BAD, error)
    assert [type(one) for one in heard] == [error]
