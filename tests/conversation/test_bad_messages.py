"""What is no message, no key and no bound is refused before anything is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from storage import (
    ConflictError,
    InvalidKeyError,
    StorageError,
    UnstorableError,
    UnsupportedError,
)
from tests.conversation.standing import Ground, called, params, result, said, standing
from tests.fault.ground import SECRET


@pytest.fixture(params=params("memory"))
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    with standing(request, tmp_path) as ground:
        yield ground


@pytest.fixture(params=params("memory", "sqlite", "valkey"))
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    with standing(request, tmp_path) as ground:
        yield ground


MESSAGES: dict[str, tuple[Any, str]] = {
    "a text": (SECRET, r"\$: "),
    "a list": ([said(SECRET)], r"\$: "),
    "nothing": (None, r"\$: "),
    "without a role": ({"content": SECRET}, r"\$\.role: "),
    "an empty role": ({"role": "", "content": SECRET}, r"\$\.role: "),
    "a number for a role": ({"role": 5, "content": SECRET}, r"\$\.role: "),
    "a number that is not JSON": (said("x") | {"price": Decimal(1)}, r"\$\.price: "),
    "not a number": (said("x") | {"deep": [1, float("nan")]}, r"\$\.deep\[1\]: "),
    "a set": ({"role": "user", "content": {SECRET}}, r"\$\.content: "),
    "a key that is no text": ({"role": "user", 5: SECRET}, r"\$"),
    "calls without an id": (
        {"role": "assistant", "tool_calls": [{"id": 7}]},
        r"\$\.tool_calls\[0\]",
    ),
    "ten megabytes": (said("x" * 10_000_000), r"10000\d+ bytes are more than the 1048576"),
    "a result nobody waits for": (result("a"), r"no tool call waits"),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_what_is_no_message_is_refused(ground: Ground, name: str) -> None:
    talk = ground.conversation()
    talk.append("k", said("before"))
    message, told = MESSAGES[name]

    with pytest.raises(UnstorableError, match=told) as caught:
        talk.append("k", message)
    assert (caught.value.store, caught.value.key) == ("memory", "k")
    assert SECRET not in str(caught.value)
    with pytest.raises(UnstorableError, match=r"\$\[1\]") as caught:
        talk.append_many("k", [said("never"), message])

    assert talk.list("k") == [said("before")]
    assert talk.append("k", said("after")) == 2


def test_a_longer_message_is_kept_where_that_is_said(ground: Ground) -> None:
    talk = ground.conversation(max_bytes=12_000_000)

    talk.append("k", said("x" * 10_000_000))

    assert len(talk.list("k")[0]["content"]) == 10_000_000


def test_a_result_without_a_call_is_kept_and_never_shown(anywhere: Ground) -> None:
    talk = anywhere.conversation(on_orphan="keep")

    talk.append_many("k", [said("1"), result("a"), said("2")])

    assert talk.list("k") == [said("1"), result("a"), said("2")]
    assert talk.window("k") == [said("1"), said("2")]


def test_the_second_result_of_a_call_has_none(anywhere: Ground) -> None:
    talk = anywhere.conversation()
    talk.append_many("k", [called("a"), result("a")])

    with pytest.raises(UnstorableError, match="no tool call waits"):
        talk.append("k", result("a"))

    assert talk.list("k") == [called("a"), result("a")]


def test_no_more_than_so_many_messages_always_stay(anywhere: Ground) -> None:
    talk = anywhere.conversation(max_messages=None)
    talk.append_many("k", [said(str(number), "system") for number in range(256)])

    with pytest.raises(UnsupportedError, match="256 messages"):
        talk.append("k", said("hi"), pin=True)
    talk.append("k", said("hi"))
    with pytest.raises(UnsupportedError, match="256 messages"):
        talk.pin("k", 257)

    assert talk.usage("k").messages == 257
    assert not talk.list("k", last=1).records[0].stays


CALLS: dict[str, tuple[Callable[[Any], object], type[Exception]]] = {
    "a key that is no text": (lambda talk: talk.append(7, said("x")), InvalidKeyError),
    "no key": (lambda talk: talk.list(None), InvalidKeyError),
    "half a letter": (lambda talk: talk.list("\ud800"), InvalidKeyError),
    "tokens below zero": (lambda talk: talk.append("k", said("x"), tokens=-1), ValueError),
    "tokens that are no number": (
        lambda talk: talk.append("k", said("x"), tokens=True),
        ValueError,
    ),
    "too few counts": (lambda talk: talk.append_many("k", [said("x")], tokens=[]), ValueError),
    "a number below zero": (lambda talk: talk.append("k", said("x"), if_seq=-1), ValueError),
    "a key that is said once and no text": (
        lambda talk: talk.append("k", said("x"), once=5),
        TypeError,
    ),
    "an empty key that is said once": (
        lambda talk: talk.append("k", said("x"), once=""),
        ValueError,
    ),
    "a text for several": (lambda talk: talk.append_many("k", ""), TypeError),
    "bytes for several": (lambda talk: talk.append_many("k", b"x"), TypeError),
    "one message for several": (lambda talk: talk.append_many("k", said("x")), TypeError),
    "nothing after another message": (
        lambda talk: talk.append_many("k", [], if_seq=-1),
        ValueError,
    ),
    "first and last": (lambda talk: talk.list("k", first=1, last=1), ValueError),
    "a page below zero": (lambda talk: talk.list("k", last=-1), ValueError),
    "half a page": (lambda talk: talk.list("k", last=1.5), ValueError),
    "a cursor below zero": (lambda talk: talk.list("k", before=-1), ValueError),
    "no roles": (lambda talk: talk.list("k", roles=[]), ValueError),
    "a time without a zone": (lambda talk: talk.list("k", since=datetime(2026, 1, 1)), ValueError),  # noqa: DTZ001
    "a time that is no time": (lambda talk: talk.list("k", until="now"), ValueError),
    "an unknown policy": (lambda talk: talk.list("k", on_corrupt="hide"), ValueError),
    "a window of nothing": (lambda talk: talk.window("k", messages=0), ValueError),
    "no turns": (lambda talk: talk.undo("k", turns=0), ValueError),
    "no such number": (lambda talk: talk.delete("k", 0), ValueError),
    "an edit of nothing": (lambda talk: talk.edit("k", 1, None), TypeError),
    "a fork from nowhere": (lambda talk: talk.fork("k", "o", at=-1), ValueError),
    "less than nothing": (lambda talk: talk.keep_newest(-1), ValueError),
    "a page beyond all": (lambda talk: talk.list("k", last=2**32), ValueError),
    "a first page beyond all": (lambda talk: talk.list("k", first=2**70), ValueError),
    "a cursor beyond all": (lambda talk: talk.list("k", before=2**32), ValueError),
    "a cursor far beyond all": (lambda talk: talk.list("k", after=10**30), ValueError),
    "a window beyond all": (lambda talk: talk.window("k", tokens=10**400), ValueError),
    "a number beyond all": (lambda talk: talk.append("k", said("x"), if_seq=2**32), ValueError),
    "a number far beyond all": (lambda talk: talk.delete("k", 2**64), ValueError),
    "an edit beyond all": (lambda talk: talk.edit("k", 10**400, said("x")), ValueError),
    "a pin beyond all": (lambda talk: talk.pin("k", 2**32), ValueError),
    "an end beyond all": (lambda talk: talk.truncate_after("k", 2**64), ValueError),
    "a fork beyond all": (lambda talk: talk.fork("k", "o", at=2**32), ValueError),
    "an unknown part": (lambda talk: talk.clear_all(person=7), ValueError),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_makes_no_sense_is_refused_and_changes_nothing(ground: Ground, name: str) -> None:
    talk = ground.conversation()
    talk.append("k", said("before"))
    call, error = CALLS[name]

    with pytest.raises(error):
        call(talk)

    assert talk.list("k") == [said("before")]


def test_the_largest_numbers_that_make_sense_are_understood(anywhere: Ground) -> None:
    most = 2**32 - 1
    talk = anywhere.conversation(max_messages=most, max_tokens=most, max_turns=most)
    talk.append("k", said("x"))

    assert talk.list("k", last=most, before=most) == talk.list("k", first=most) == [said("x")]
    assert talk.window("k", tokens=most, turns=most, messages=most) == [said("x")]
    assert talk.list("k", after=most) == talk.delete("k", most) == talk.truncate_after("k", most)
    assert (talk.pin("k", most), talk.edit("k", most, said("y"))) == (False, False)
    assert talk.undo("k", turns=10**30) == [said("x")]
    with pytest.raises(ConflictError):
        talk.append("k", said("y"), if_seq=most)


OPTIONS: dict[str, dict[str, Any]] = {
    "no messages": {"max_messages": 0},
    "a yes": {"max_messages": True},
    "half a message": {"max_messages": 1.5},
    "tokens below zero": {"max_tokens": -1},
    "no turns": {"max_turns": 0},
    "messages beyond all": {"max_messages": 2**32},
    "tokens beyond all": {"max_tokens": 10**400},
    "turns beyond all": {"max_turns": 2**64},
    "no time": {"ttl": 0},
    "no age": {"max_age": -5},
    "no bytes": {"max_bytes": 0},
    "an unknown policy": {"on_orphan": "drop"},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_bounds_that_make_no_sense_are_refused(ground: Ground, name: str) -> None:
    with pytest.raises(ValueError, match=next(iter(OPTIONS[name]))):
        ground.conversation(**OPTIONS[name])


async def _coroutine(message: object) -> int:
    return 1


@pytest.mark.parametrize("counter", [5, _coroutine])
def test_a_counter_is_a_plain_function(ground: Ground, counter: Any) -> None:
    with pytest.raises(TypeError, match="count_tokens"):
        ground.conversation(count_tokens=counter)


def test_a_counter_that_gives_the_text_is_told_without_it(ground: Ground) -> None:
    talk = ground.conversation(count_tokens=lambda message: message["content"])

    with pytest.raises(ValueError, match="not a str") as caught:
        talk.append("k", said(SECRET))

    assert SECRET not in str(caught.value)


class Model:
    """A message as the client of a model gives it."""

    def model_dump(self) -> dict[str, Any]:
        return said("hello", "assistant")


def test_an_object_of_a_client_is_told_how_to_become_a_message(ground: Ground) -> None:
    talk = ground.conversation()

    with pytest.raises(UnstorableError, match="model_dump"):
        talk.append("k", Model())
    talk.append("k", Model().model_dump())

    assert talk.list("k") == [said("hello", "assistant")]


@pytest.mark.parametrize("counted", [-1, 1.5, None, True, 2**24])
def test_what_a_counter_says_is_a_number(ground: Ground, counted: Any) -> None:
    talk = ground.conversation(count_tokens=lambda message: counted)

    with pytest.raises(ValueError, match="what count_tokens gives"):
        talk.append("k", said("x"))

    assert talk.list("k") == []


def test_messages_are_not_written_around_a_layer(ground: Ground) -> None:
    store = ground.half.enhance_storage(ground.place.base, migrations={})

    with pytest.raises(StorageError):
        ground.conversation(store=store)
