"""What a conversation keeps, what it gives back, and how it is edited."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import storage
from storage import ConflictError, SessionKey, UnstorableError
from tests.conversation.standing import Ground, called, params, result, said, standing

SYSTEM = said("Be brief.", "system")


@pytest.fixture(params=params("memory", "sqlite", "valkey"))
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    with standing(request, tmp_path) as ground:
        yield ground


@pytest.fixture(params=params("memory"))
def memory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    """A ground for what is decided above all stores."""
    with standing(request, tmp_path) as ground:
        yield ground


def texts(messages: list[dict[str, Any]]) -> list[Any]:
    return [one["content"] for one in messages]


def test_what_was_said_comes_back_in_order(ground: Ground) -> None:
    talk = ground.conversation()
    messages = [SYSTEM, said("hi"), said("hello", "assistant"), said("bye")]

    numbers = [talk.append("k", one) for one in messages]

    assert numbers == [1, 2, 3, 4]
    assert talk.list("k") == messages
    assert talk.list("another") == []


def test_any_json_passes_through_unchanged(ground: Ground) -> None:
    message = {
        "role": "user",
        "content": [
            {"type": "text", "text": "é\u2028\U0001f600 \x00"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        ],
        "extra": {"deep": [1, 2.5, None, True, {"": []}]},
        "": -1,
    }
    call = called("a", "b") | {"vendor": {"thought": "…"}}
    talk = ground.conversation()

    talk.append_many("k", [message, call, result("b"), result("a")])

    assert talk.list("k") == [message, call, result("b"), result("a")]
    assert talk.window("k") == [message, call, result("b"), result("a")]


def test_the_oldest_go_and_the_system_prompt_stays(ground: Ground) -> None:
    talk = ground.conversation(max_messages=3)

    talk.append_many("k", [SYSTEM, *(said(str(number)) for number in range(5))])

    assert texts(talk.list("k")) == ["Be brief.", "3", "4"]
    talk.append("k", said("5"))
    assert texts(talk.list("k")) == ["Be brief.", "4", "5"]


def test_one_message_at_the_most_is_the_system_prompt(ground: Ground) -> None:
    """There is no room for another one, however often somebody asks."""
    talk = ground.conversation(max_messages=1)
    talk.append("k", SYSTEM)

    for number in range(3):
        assert talk.append("k", said("hi")) == 2 + number
        assert talk.list("k") == [SYSTEM]


def test_a_system_prompt_beyond_the_budget_stays_alone(ground: Ground) -> None:
    talk = ground.conversation(max_tokens=10)

    talk.append("k", SYSTEM, tokens=50)
    talk.append("k", said("hi"), tokens=1)

    assert talk.list("k") == [SYSTEM]
    assert talk.window("k", tokens=10) == [SYSTEM]


def test_a_call_goes_with_its_results(ground: Ground) -> None:
    talk = ground.conversation(max_messages=4)
    talk.append_many("k", [said("1"), called("a"), result("a"), said("2")])

    talk.append("k", said("3"))
    assert texts(talk.list("k")) == [None, "done", "2", "3"]
    talk.append("k", said("4"))

    assert texts(talk.list("k")) == ["2", "3", "4"]


def test_a_result_whose_call_is_gone_goes_too(ground: Ground) -> None:
    talk = ground.conversation(max_messages=2)
    talk.append_many("k", [called("a"), said("1"), said("2")])

    assert talk.append("k", result("a")) == 4

    assert texts(talk.list("k")) == ["1", "2"]


def test_what_is_pinned_stays_with_its_results(ground: Ground) -> None:
    talk = ground.conversation(max_messages=4)
    talk.append("k", said("remember"), pin=True)
    talk.append("k", called("a"), pin=True)
    talk.append("k", result("a"))

    for number in range(4):
        talk.append("k", said(str(number)))

    assert texts(talk.list("k")) == ["remember", None, "done", "3"]
    assert [one.stays for one in talk.list("k").records] == [True, True, True, False]
    assert talk.unpin("k", 1)
    assert texts(talk.list("k")) == [None, "done", "3"]


def test_turns_are_bounded_by_who_speaks(ground: Ground) -> None:
    talk = ground.conversation(max_messages=None, max_turns=2)
    for number in range(4):
        talk.append_many("k", [said(f"q{number}"), said(f"a{number}", "assistant")])

    assert texts(talk.list("k")) == ["q2", "a2", "q3", "a3"]
    assert texts(talk.window("k", turns=1)) == ["q3", "a3"]


def test_tokens_are_those_that_are_told(ground: Ground) -> None:
    talk = ground.conversation(max_messages=None, max_tokens=100)
    for number in range(5):
        talk.append("k", said(str(number)), tokens=30)

    assert texts(talk.list("k")) == ["2", "3", "4"]
    assert talk.list("k").tokens == 90
    used = talk.usage("k")
    assert (used.messages, used.tokens, used.estimated) == (3, 90, 0)
    assert texts(talk.window("k", tokens=59)) == ["4"]


def test_a_counter_counts_and_otherwise_it_is_an_estimate(memory: Ground) -> None:
    counting = memory.conversation(count_tokens=lambda message: len(message["content"]))
    counting.append("k", said("four"))
    assert (counting.list("k").tokens, counting.usage("k").estimated) == (4, 0)

    memory.conversation().append("k", said("some more"))

    used = memory.conversation().usage("k")
    assert 4 < used.tokens == 4 + used.estimated
    assert [one.is_estimate for one in counting.list("k").records] == [False, True]


def test_pages_lead_both_ways(ground: Ground) -> None:
    talk = ground.conversation(max_messages=None)
    talk.append_many("k", [said(str(number)) for number in range(7)])

    newest = talk.list("k", last=3)
    middle = talk.list("k", last=3, before=newest.older)
    oldest = talk.list("k", last=3, before=middle.older)

    assert [texts(one) for one in (oldest, middle, newest)] == [
        ["0"],
        ["1", "2", "3"],
        ["4", "5", "6"],
    ]
    assert (newest.newer, oldest.older) == (None, None)
    assert talk.list("k", first=3, after=middle.newer) == newest
    assert texts(talk.list("k", first=2)) == ["0", "1"]
    assert talk.list("k", last=0) == []


def test_a_page_knows_whether_there_are_others(ground: Ground) -> None:
    """Of ten messages five are there, from the sixth on."""
    talk = ground.conversation(max_messages=5)
    talk.append_many("k", [said(str(number)) for number in range(1, 11)])
    pages = {
        "before all": ({"before": 6}, [], None, 5),
        "far ahead": ({"before": 10**6}, [6, 7, 8, 9, 10], None, None),
        "from the first": ({"after": 3, "first": 2}, [6, 7], None, 7),
        "the rest": ({"after": 6}, [7, 8, 9, 10], 7, None),
        "in between": ({"after": 6, "before": 9}, [7, 8], 7, 8),
        "after all": ({"after": 10}, [], 11, None),
    }

    for name, (asked, seqs, older, newer) in pages.items():
        page = talk.list("k", **asked)
        assert (page.seqs, page.older, page.newer) == (seqs, older, newer), name


def test_conditions_count_before_the_number_does(ground: Ground) -> None:
    talk = ground.conversation(max_messages=None)
    for number in range(4):
        talk.append_many("k", [said(f"q{number}"), said(f"a{number}", "assistant")])
        ground.clock.tick(60)

    assert texts(talk.list("k", last=2, roles="user")) == ["q2", "q3"]
    assert texts(talk.list("k", first=2, roles=["assistant", "tool"])) == ["a0", "a1"]
    assert texts(talk.list("k", since=ground.at(-130), roles="user")) == ["q2", "q3"]
    assert texts(talk.list("k", until=ground.at(-130), last=1)) == ["a1"]
    assert texts(talk.list("k", after=2, before=6)) == ["q1", "a1", "q2"]


def test_a_role_of_anybody_is_a_role(ground: Ground) -> None:
    talk = ground.conversation()
    talk.append_many("k", [said("1", "narrator"), said("2"), said("3", "narrateur é")])

    assert texts(talk.list("k", roles="narrator")) == ["1"]
    assert texts(talk.list("k", roles=["narrateur é", "user"])) == ["2", "3"]


def test_the_last_ones_are_taken_back(ground: Ground) -> None:
    talk = ground.conversation()
    talk.append_many("k", [SYSTEM, said("q1"), called("a"), result("a"), said("q2"), said("q3")])

    assert talk.pop("k") == said("q3")
    assert texts(talk.undo("k")) == ["q2"]
    assert texts(talk.undo("k", turns=5)) == ["q1", None, "done"]
    assert talk.list("k") == [SYSTEM]
    assert talk.undo("k") == []
    assert talk.pop("k") == SYSTEM
    assert talk.pop("k") is None
    assert talk.append("k", said("again")) == 7


def test_a_result_that_was_taken_back_may_come_again(ground: Ground) -> None:
    talk = ground.conversation()
    talk.append_many("k", [said("q"), called("a"), result("a", "wrong")])

    assert talk.pop("k") == result("a", "wrong")
    talk.append("k", result("a", "right"))

    assert texts(talk.window("k")) == ["q", None, "right"]
    with pytest.raises(UnstorableError):
        talk.append("k", result("a"))


def test_an_answer_is_made_anew(ground: Ground) -> None:
    talk = ground.conversation()
    talk.append_many("k", [said("q"), said("bad", "assistant"), said("so?")])

    assert texts(talk.truncate_after("k", 1)) == ["bad", "so?"]
    talk.append("k", said("good", "assistant"))

    assert talk.list("k").seqs == [1, 4]
    assert talk.truncate_after("k", 4) == []


def test_a_message_is_taken_out_with_what_it_belongs_to(ground: Ground) -> None:
    talk = ground.conversation()
    talk.append_many("k", [said("1"), called("a", "b"), result("b"), said("2"), result("a")])

    assert texts(talk.delete("k", 3)) == [None, "done", "done"]
    assert talk.delete("k", 3) == []

    assert talk.list("k").seqs == [1, 4]
    assert talk.usage("k").messages == 2


def test_a_message_is_written_anew(ground: Ground) -> None:
    talk = ground.conversation(max_messages=None)
    talk.append_many("k", [said("secret"), said("2", "assistant")], tokens=[100, 1])

    assert talk.edit("k", 1, said("[removed]"))
    assert talk.edit("k", 2, lambda old: {**old, "content": old["content"] + "!"})

    assert texts(talk.list("k")) == ["[removed]", "2!"]
    assert talk.list("k").seqs == [1, 2]
    assert talk.usage("k").tokens == talk.list("k").tokens < 100
    assert not talk.edit("k", 9, said("nobody"))
    assert not talk.edit("none", 1, said("nobody"))


@pytest.mark.parametrize("often", [1, 64])
def test_what_others_wrote_meanwhile_is_not_lost(ground: Ground, often: int) -> None:
    """However often they did, and though as much is said as before."""
    talk, others = ground.conversation(), ground.half.Conversation(ground.place.base)
    talk.append_many("k", [said("0000"), said("other", "assistant")])
    numbers = iter(range(often))

    def changed(old: dict[str, Any]) -> dict[str, Any]:
        return {**old, "content": f"{int(old['content']) + 1:04}"}

    def blocking(old: dict[str, Any]) -> dict[str, Any]:
        for _ in numbers:
            others.edit("k", 1, changed)
        return changed(old)

    async def waiting(old: dict[str, Any]) -> dict[str, Any]:
        for _ in numbers:
            await others.edit("k", 1, changed)
        return changed(old)

    talk.edit("k", 1, blocking if ground.half is storage else waiting)

    assert texts(talk.list("k")) == [f"{often + 1:04}", "other"]


def test_an_edit_keeps_role_and_calls(memory: Ground) -> None:
    talk = memory.conversation()
    talk.append_many("k", [said("1"), called("a")])

    for seq, message in ((1, said("1", "assistant")), (2, called("b"))):
        with pytest.raises(UnstorableError, match="delete the message"):
            talk.edit("k", seq, message)

    assert talk.list("k") == [said("1"), called("a")]


def test_a_fork_goes_its_own_way(ground: Ground) -> None:
    talk = ground.conversation()
    talk.append_many("k", [SYSTEM, said("1"), called("a"), result("a"), said("2")])

    assert talk.fork("k", "other", at=3) == 3
    talk.append("other", result("a", "else"))
    talk.append("k", said("3"))

    assert texts(talk.list("other")) == ["Be brief.", "1", None, "else"]
    assert texts(talk.list("k"))[-2:] == ["2", "3"]
    with pytest.raises(ConflictError, match="already"):
        talk.fork("k", "other")
    with pytest.raises(KeyError):
        talk.fork("none", "third")
    assert talk.fork("k", "whole") == 6


def test_who_knows_the_last_message_appends_and_nobody_else(ground: Ground) -> None:
    talk = ground.conversation()
    assert talk.append("k", said("1"), if_seq=0) == 1

    with pytest.raises(ConflictError, match="the last message is 1, not 0"):
        talk.append("k", said("late"), if_seq=0)
    assert talk.append_many("k", [said("2"), said("3")], if_seq=1) == [2, 3]

    assert texts(talk.list("k")) == ["1", "2", "3"]


def test_the_same_update_appends_once(ground: Ground) -> None:
    talk = ground.conversation()

    assert talk.append_many("k", [said("1"), said("2")], once="update 5") == [1, 2]
    assert talk.append("k", said("3")) == 3
    assert talk.append_many("k", [said("1"), said("2")], once="update 5") == [1, 2]
    assert talk.append("k", said("4"), once="update 6") == 4

    assert texts(talk.list("k")) == ["1", "2", "3", "4"]
    assert talk.append("other", said("1"), once="update 5") == 1


def test_one_clock_for_all_of_a_conversation(ground: Ground) -> None:
    talk = ground.conversation(ttl=timedelta(minutes=10), max_messages=None)
    talk.append("k", SYSTEM)
    for _ in range(3):
        ground.clock.tick(400)
        talk.append("k", said("still here"))

    assert len(talk.list("k")) == 4
    assert abs(talk.usage("k").ends - ground.at(600)) < timedelta(seconds=2)
    ground.clock.tick(601)

    assert talk.list("k") == []
    assert talk.usage("k") is None
    assert not talk.clear("k")
    assert talk.append("k", said("new")) == 1


def test_it_ends_so_long_after_it_began(ground: Ground) -> None:
    talk = ground.conversation(max_age=1000)
    talk.append("k", said("1"))
    ground.clock.tick(900)
    talk.append("k", said("2"))
    assert len(talk.list("k")) == 2

    ground.clock.tick(101)

    assert talk.list("k") == []


def test_whose_conversations_there_are(ground: Ground) -> None:
    talk = ground.conversation()
    keys = [SessionKey(chat=chat, user=user) for chat in (1, 2) for user in (7, 8)]
    for key in keys:
        talk.append(key, said("hi"))
    talk.append("plain", said("hi"))
    other = ground.conversation(store=ground.place.base.namespace("other"))
    other.append(keys[0], said("elsewhere"))

    assert sorted(talk.keys()) == ["1:7", "1:8", "2:7", "2:8", "plain"]
    assert sorted(talk.keys(user=7)) == ["1:7", "2:7"]
    assert list(talk.keys(chat=2, user=8)) == ["2:8"]
    assert list(other.keys()) == ["1:7"]
    assert talk.clear_all(user=7) == 2
    assert sorted(talk.keys()) == ["1:8", "2:8", "plain"]
    assert len(other.list(keys[0])) == 1
    with pytest.raises(ValueError, match="whose"):
        talk.clear_all()


def test_the_newest_conversations_are_kept(ground: Ground) -> None:
    talk = ground.conversation()
    for chat in range(5):
        talk.append(SessionKey(chat=chat, user=7), said("hi"))
        ground.clock.tick(1)
    talk.append(SessionKey(chat=0, user=7), said("again"))
    talk.append(SessionKey(chat=0, user=8), said("somebody else"))

    assert talk.keep_newest(2, user=7) == 3

    assert sorted(talk.keys()) == ["0:7", "0:8", "4:7"]
    assert talk.keep_newest(0) == 3
    assert list(talk.keys()) == []


def test_a_value_under_the_same_key_is_another_thing(ground: Ground) -> None:
    talk = ground.conversation()
    plain = ground.bridge.driven(ground.place.base)
    plain.set("k", 1)
    talk.append("k", said("hi"))

    assert plain.get("k") == 1
    assert list(plain.keys()) == ["k"]
    plain.delete("k")
    assert talk.list("k") == [said("hi")]


def test_what_is_given_back_is_a_copy(memory: Ground) -> None:
    talk = memory.conversation()
    message = said("hi")
    talk.append("k", message)
    message["content"] = "changed"
    talk.list("k")[0]["content"] = "changed"

    assert talk.list("k") == [said("hi")]


def test_a_lowered_bound_holds_after_the_next_message(ground: Ground) -> None:
    ground.conversation(max_messages=None).append_many(
        "k", [SYSTEM, *(said(str(number)) for number in range(2500))]
    )

    ground.conversation(max_messages=3).append("k", said("last"))

    assert texts(ground.conversation().list("k")) == ["Be brief.", "2499", "last"]


def test_it_says_what_it_is() -> None:
    store = storage.MemoryStorage()

    assert repr(storage.Conversation(store)) == "<Conversation of memory: messages=20>"
    assert "all is kept" in repr(storage.Conversation(store, max_messages=None))
