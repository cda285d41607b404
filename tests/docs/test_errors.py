"""What `docs/guide/errors.md` says that the words of a server become, they become."""

from __future__ import annotations

import re

import pytest
from redis.exceptions import ResponseError

import storage
from storage import continuity
from storage.redis.replies import _MEANINGS, meaning
from tests.house.tree import ROOT

PAGE = (ROOT / "docs" / "guide" / "errors.md").read_text(encoding="utf-8")
TABLE = PAGE.partition("| the server says |")[2].partition("\n\n")[0]
ROWS = [
    (word, *rest)
    for words, *rest in re.findall(r"^\| (`[^|]*) \| (.*?) \| (.*?) \|$", TABLE, re.MULTILINE)
    for word in re.findall(r"\w+", words)
]
FOLLOWED = {"MOVED", "ASK", "NOSCRIPT"}
"""What is no error where it is expected."""


def test_every_word_is_in_the_table() -> None:
    assert {word for word, *_ in ROWS} == _MEANINGS.keys()


@pytest.mark.parametrize(("word", "becomes", "again"), ROWS)
def test_a_word_becomes_what_the_table_says(word: str, becomes: str, again: str) -> None:
    told = meaning(ResponseError(f"{word} what the server says beside it"))

    if word in FOLLOWED:
        assert becomes == "nothing"
        return
    assert told.kind is getattr(storage, becomes.strip("`"))
    assert told.passes is again.startswith("until the deadline")
    assert told.elsewhere is ("looked for" in again)


@pytest.mark.parametrize("text", ["ERR unknown command", "SOMETHING new"])
def test_any_other_word_is_shown(text: str) -> None:
    told = meaning(ResponseError(text))

    assert told.kind is storage.StorageError
    assert text in told.message
    assert not told.passes


def test_every_error_is_in_the_family() -> None:
    family = PAGE.partition("## The family")[2].partition("\n## ")[0]
    errors = {name for name in storage.__all__ if name.endswith("Error")} - {"StorageError"}

    assert set(re.findall(r"^\| `(\w+)` \|", family, re.MULTILINE)) == errors


def test_every_error_of_sessions_is_there_with_its_code() -> None:
    table = PAGE.partition("## Of session continuity")[2].partition("\n## ")[0]
    told = dict(re.findall(r"^\| `(\w+)` \| `(\w+)` \|", table, re.MULTILINE))
    errors = [name for name in continuity.__all__ if name.endswith("Error")]

    assert told == {name: getattr(continuity, name).code for name in errors}
