"""Which sessions there are: of a chat, of a user, of a bot, and how they are taken away."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from storage import CorruptValueError, SessionKey, UnsupportedError
from tests.sessions.ground import Ground
from tests.sessions.kinds import DataVisit

KEYS = [
    SessionKey(1, 7),
    SessionKey(10, 7),
    SessionKey(1, 8),
    SessionKey(-100, 7, thread=5),
    SessionKey(-100, 7, thread=6, bot=2),
    SessionKey(-100, 7, thread=5, bot=1),
    SessionKey(1, 7, business="a:b"),
    SessionKey("1:7"),
    SessionKey("1%"),
    SessionKey(user=7),
    SessionKey(bot=1),
]


@pytest.fixture
def sessions(ground: Ground) -> Any:
    """Sessions of which each says its key."""
    sessions = ground.sessions()
    for key in KEYS:
        stored(sessions, key)
    return sessions


def stored(sessions: Any, key: SessionKey | str) -> None:
    with sessions.open(key) as session:
        session["key"] = str(key)


def texts(keys: Iterable[object]) -> list[str]:
    return sorted(map(str, keys))


ASKED: list[tuple[dict[str, Any], list[int]]] = [
    ({}, list(range(11))),
    ({"chat": 1}, [0, 2, 6]),
    ({"chat": "1"}, [0, 2, 6]),
    ({"chat": 10}, [1]),
    ({"chat": "1:7"}, [7]),
    ({"chat": "1%"}, [8]),
    ({"chat": -100}, [3, 4, 5]),
    ({"chat": 1, "user": 7}, [0, 6]),
    ({"user": 7}, [0, 1, 3, 4, 5, 6, 9]),
    ({"user": 8, "chat": None}, [2]),
    ({"thread": 5}, [3, 5]),
    ({"bot": 1}, [5, 10]),
    ({"bot": 2, "chat": -100}, [4]),
    ({"business": "a:b"}, [6]),
    ({"business": "a"}, []),
    ({"chat": 0}, []),
    ({"user": 77}, []),
]


@pytest.mark.parametrize(("parts", "places"), [pytest.param(*one, id=f"{one[0]}") for one in ASKED])
def test_the_sessions_of_some_are_those_and_no_others(
    memory: Ground, parts: Any, places: list[int]
) -> None:
    sessions = memory.sessions()
    for key in KEYS:
        stored(sessions, key)
    expected = texts(KEYS[place] for place in places)

    assert sorted(sessions.keys(**parts)) == expected
    assert sorted(key for key, session in sessions.items(**parts)) == expected
    assert sessions.count(**parts) == len(expected)
    if any(part is not None for part in parts.values()):
        assert sessions.delete_all(**parts) == len(expected)
        assert sorted(sessions.keys()) == sorted(set(texts(KEYS)) - set(expected))


def test_every_place_lists_the_same(ground: Ground, sessions: Any) -> None:
    assert sorted(sessions.keys()) == texts(KEYS)
    assert dict(sessions.items(chat=1)) == {
        key: {"key": key} for key in ("1:7", "1:8", "1:7::a%3Ab")
    }
    assert sessions.count(chat=1, user=7) == 2
    assert sessions.delete_all(user=7) == 7
    assert sorted(sessions.keys()) == texts([KEYS[2], *KEYS[7:9], KEYS[10]])
    assert sessions.delete_all(user=7) == 0


def test_to_delete_says_whether_there_was_one(ground: Ground, sessions: Any) -> None:
    assert sessions.delete(KEYS[0]) is True
    assert sessions.delete("1:7") is False
    assert sessions.get("1:7") is None
    assert sessions.get(KEYS[6]) == {"key": "1:7::a%3Ab"}
    with sessions.open("1:7") as session:
        assert session == {}


def test_a_key_of_any_other_kind_is_listed_and_is_of_nobody(memory: Ground) -> None:
    sessions = memory.sessions()
    for key in (":", "::::", "1:2:3:4:5:6", "a:", ":::::7", "%3a"):
        stored(sessions, key)

    assert sessions.count() == 6
    for part in ("chat", "user", "thread", "business", "bot"):
        for value in ("1", "2", "6", "7", "a"):
            assert sessions.count(**{part: value}) == 0


def test_what_others_keep_is_none_of_the_sessions(ground: Ground, sessions: Any) -> None:
    """Neither their sessions, in another namespace, nor the values of the same store."""
    others = ground.sessions(namespace="other bot")
    stored(others, "1:7")
    ground.place.plain.set("1:7", "a value")

    assert list(others.keys()) == ["1:7"]
    assert sessions.count() == len(KEYS)
    assert others.delete_all(chat=1) == 1
    assert sessions.count() == len(KEYS)
    assert ground.place.plain.get("1:7") == "a value"


def test_without_a_namespace_sessions_are_the_values_of_the_store(ground: Ground) -> None:
    sessions = ground.sessions(namespace=None)
    stored(sessions, SessionKey(1, 7))

    assert ground.place.plain.get("1:7") == {"key": "1:7"}
    assert dict(sessions.items(user=7)) == {"1:7": {"key": "1:7"}}


def test_sessions_in_a_namespace_of_the_store_are_in_there(ground: Ground) -> None:
    space = ground.place.base.namespace("bot 1")
    stored(ground.sessions(space), "k")

    assert ground.bridge.driven(space.namespace("sessions")).get("k") == {"key": "k"}
    assert ground.sessions().count() == 0


def test_items_are_of_the_type(memory: Ground) -> None:
    memory.plant({"step": 3, "__ends": memory.clock.ms + 1})
    assert list(memory.sessions(initial=DataVisit).items()) == [("k", DataVisit(3))]


def test_what_can_not_be_read_is_told_in_a_walk_and_can_be_taken_away(lasting: Ground) -> None:
    sessions = lasting.sessions()
    stored(sessions, SessionKey(1, 7))
    lasting.plant("{", "1:8")
    with pytest.raises(CorruptValueError):
        list(sessions.items(chat=1))

    assert sessions.count(chat=1) == 2
    assert sessions.delete_all(chat=1) == 2


def test_a_walk_over_many_pages_shows_each_session_once(lasting: Ground) -> None:
    plain = lasting.plain()
    plain.set_many({f"1:{number}": {"n": number} for number in range(1300)})
    plain.set_many({f"2:{number}": {"n": number} for number in range(100)})
    sessions = lasting.sessions()

    assert sessions.count() == 1400
    found = list(sessions.items(chat=1))
    assert len(found) == 1300
    assert {session["n"] for _, session in found} == set(range(1300))


def test_an_object_that_can_not_be_listed_has_sessions_all_the_same(memory: Ground) -> None:
    class Thing:
        def __init__(self) -> None:
            self.values: dict[str, Any] = {}

        def get(self, key: str) -> Any:
            return self.values.get(key)

        def set(self, key: str, value: Any) -> None:
            self.values[key] = value

        def delete(self, key: str) -> None:
            del self.values[key]

    thing = Thing()
    sessions = memory.sessions(memory.half.adapt(thing), lock="process")
    stored(sessions, "k")

    assert list(thing.values.values()) == [{"key": "k"}]
    assert sessions.delete("k") is True
    for walk in (sessions.keys, sessions.items):
        with pytest.raises(UnsupportedError):
            list(walk())
    with pytest.raises(UnsupportedError):
        sessions.delete_all(chat=1)
