"""Messages that can not be read, and are taken away all the same by who says so."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import storage
from storage import CorruptValueError
from tests.conversation.standing import Ground, called, params, result, said, standing

SPOIL = "UPDATE storage_messages SET record = substr(record, 1, length(record) - 1) WHERE seq = ?"


@pytest.fixture(params=params("sqlite"))
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    with standing(request, tmp_path) as ground:
        yield ground


def spoil(ground: Ground, *seqs: int) -> None:
    """Cut off the end of the JSON of messages."""
    with closing(sqlite3.connect(ground.place.path)) as connection, connection:  # type: ignore[attr-defined]
        connection.executemany(SPOIL, [(seq,) for seq in seqs])


def test_what_can_not_be_read_is_not_popped_without_a_word(ground: Ground) -> None:
    talk = ground.conversation()
    talk.append_many("k", [said("a"), said("b")])
    spoil(ground, 2)

    for _ in range(2):
        with pytest.raises(CorruptValueError, match="message 2") as caught:
            talk.pop("k")
        assert caught.value.key == "k"
    assert talk.usage("k").messages == 2


@pytest.mark.parametrize("is_told", [False, True])
def test_who_says_so_pops_the_last_message_that_can_be_read(ground: Ground, is_told: bool) -> None:
    talk = ground.conversation()
    talk.append_many("k", [said("a"), called("c"), result("c"), said("d")])
    spoil(ground, 3, 4)
    told: list[storage.StorageError] = []
    on_corrupt: Any = told.append if is_told else "skip"

    assert talk.pop("k", on_corrupt=on_corrupt) == called("c")
    assert talk.list("k") == [said("a")]
    assert talk.usage("k").messages == 1
    assert [str(error).partition("message ")[2][:1] for error in told] == ["4", "3"][: len(told)]
    assert len(told) == (2 if is_told else 0)
    assert talk.pop("k", on_corrupt=on_corrupt) == said("a")
    assert talk.pop("k", on_corrupt=on_corrupt) is None


def test_nothing_is_popped_where_nothing_can_be_read(ground: Ground) -> None:
    talk = ground.conversation()
    talk.append_many("k", [said("a"), said("b")])
    spoil(ground, 1, 2)

    assert talk.pop("k", on_corrupt="skip") is None
    assert talk.list("k") == []
    assert talk.append("k", said("c")) == 3


def test_another_word_is_refused_before_anything_is_done(ground: Ground) -> None:
    talk = ground.conversation()
    talk.append("k", said("a"))

    with pytest.raises(ValueError, match="on_corrupt"):
        talk.pop("k", on_corrupt="hide")
    assert talk.list("k") == [said("a")]
