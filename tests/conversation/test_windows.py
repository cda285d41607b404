"""What a model is shown where much of what was said last is nothing for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conversation.standing import Ground, called, params, result, said, standing


@pytest.fixture(params=params("memory", "sqlite", "valkey"))
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    with standing(request, tmp_path) as ground:
        yield ground


def test_what_has_no_place_in_a_window_takes_none(ground: Ground) -> None:
    """However many calls were never answered after what there is to show."""
    talk = ground.conversation(max_messages=None)
    talk.append_many("k", [said(f"{number}") for number in range(10)])
    talk.append_many("k", [called(f"never {number}") for number in range(40)])
    talk.append("k", said("well?"))

    for bounds in ({"messages": 4}, {"turns": 4}):
        shown = talk.window("k", **bounds)
        assert [one["content"] for one in shown] == ["7", "8", "9", "well?"]
    assert len(talk.window("k")) == 11


def test_orphans_take_no_place_in_a_window(ground: Ground) -> None:
    talk = ground.conversation(max_messages=None, on_orphan="keep")
    talk.append_many("k", [said("0"), called("a"), result("a")])
    talk.append_many("k", [result(f"nobody's {number}") for number in range(40)])
    talk.append("k", said("well?"))

    assert talk.window("k", messages=3).seqs == [2, 3, 44]
    assert talk.window("k", messages=2).seqs == [44]
