"""Whose session it is: keys as text, and where events of the frameworks keep their parts."""

from __future__ import annotations

import copy
import pickle
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from storage import SessionKey, keyed_by
from storage.core.layouts import Positional
from tests.sessions.ground import Ground

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)

IDS = st.integers() | st.text(min_size=1) | st.text(":%3A25", min_size=1)
PARTS = st.tuples(*[st.none() | IDS] * 5)

WRITTEN: list[tuple[SessionKey, str]] = [
    (SessionKey(100, 7), "100:7"),
    (SessionKey(chat=-1001234567890, user=7), "-1001234567890:7"),
    (SessionKey(100), "100"),
    (SessionKey(user=7), ":7"),
    (SessionKey(100, 7, 5), "100:7:5"),
    (SessionKey(100, thread=5), "100::5"),
    (SessionKey(100, business="abc"), "100:::abc"),
    (SessionKey(bot=9), "::::9"),
    (SessionKey(1, 2, 3, "b", 5), "1:2:3:b:5"),
    (SessionKey("a:b", "%"), "a%3Ab:%25"),
    (SessionKey("%3A", "%25"), "%253A:%2525"),
    (SessionKey(0), "0"),
]


@pytest.mark.parametrize(("key", "text"), WRITTEN, ids=[text for _, text in WRITTEN])
def test_a_key_is_written_as_the_docs_say(memory: Ground, key: SessionKey, text: str) -> None:
    assert str(key) == text
    sessions = memory.sessions()
    with sessions.open(key) as session:
        session["a"] = 1
    assert list(sessions.keys()) == [text]
    assert sessions.get(text) == sessions.get(key) == {"a": 1}
    assert sessions.inspect(key).key == text


@given(PARTS)
def test_what_is_written_is_read_again(parts: Any) -> None:
    assume(any(part is not None for part in parts))
    key = SessionKey(*parts)
    strings = [None if part is None else str(part) for part in parts]
    again = SessionKey.parse(str(key))

    assert [None if part is None else str(part) for part in again] == strings
    if not any(isinstance(part, str) for part in parts):
        assert again == key
    assert pickle.loads(pickle.dumps(key)) == copy.deepcopy(key) == key


@given(PARTS, PARTS)
def test_two_keys_are_never_written_alike(one: Any, other: Any) -> None:
    assume(any(part is not None for part in one) and any(part is not None for part in other))
    strings = [[None if part is None else str(part) for part in parts] for parts in (one, other)]

    assert (str(SessionKey(*one)) == str(SessionKey(*other))) == (strings[0] == strings[1])


@given(st.text() | st.text(":%3A25ab"))
def test_a_text_that_is_read_as_a_key_is_written_so(text: str) -> None:
    try:
        key = SessionKey.parse(text)
    except ValueError:
        return
    assert str(key) == text


@given(PARTS, st.sampled_from(["chat", "user", "thread", "business", "bot"]))
def test_all_keys_with_a_part_begin_alike(parts: Any, name: str) -> None:
    assume(any(part is not None for part in parts))
    key = SessionKey(*parts)
    part = getattr(key, name)
    assume(part is not None)

    assert str(key).startswith(Positional().prefix({name: str(part)}))


@pytest.mark.parametrize(
    ("parts", "error"),
    [
        ({}, ValueError),
        ({"chat": None}, ValueError),
        ({"chat": ""}, ValueError),
        ({"chat": 1, "user": ""}, ValueError),
        ({"chat": True}, TypeError),
        ({"user": 1.5}, TypeError),
        ({"user": b"7"}, TypeError),
        ({"thread": []}, TypeError),
        ({"chatt": 1}, TypeError),
    ],
    ids=str,
)
def test_what_is_no_part_of_a_key_is_refused(parts: Any, error: Any) -> None:
    with pytest.raises(error):
        SessionKey(**parts)


def test_keys_are_of_the_parts_that_are_asked_for() -> None:
    event = SimpleNamespace(
        chat=SimpleNamespace(id=-100),
        from_user=SimpleNamespace(id=7),
        is_topic_message=True,
        message_thread_id=5,
        business_connection_id="b",
        bot=SimpleNamespace(id=9),
    )
    for parts, key in (
        ((), SessionKey(-100, 7)),
        (("chat",), SessionKey(-100)),
        (("user",), SessionKey(user=7)),
        (("user", "bot"), SessionKey(user=7, bot=9)),
        (("chat", "thread"), SessionKey(-100, thread=5)),
        (("chat", "user", "thread", "business", "bot"), SessionKey(-100, 7, 5, "b", 9)),
    ):
        assert keyed_by(*parts)(event) == key
    for wrong in ("sender", "", "Chat"):
        with pytest.raises(ValueError, match="a part of a key is one of chat, user, thread"):
            keyed_by("chat", wrong)


def test_an_event_that_is_of_nobody_has_no_key() -> None:
    chat, user = SimpleNamespace(id=-100), SimpleNamespace(id=7)
    for event, parts, key in (
        (SimpleNamespace(), (), None),
        (None, (), None),
        (SimpleNamespace(chat=chat), (), None),
        (SimpleNamespace(chat=chat), ("chat",), SessionKey(-100)),
        (SimpleNamespace(from_user=user), (), None),
        (SimpleNamespace(from_user=user, chat=None), ("chat", "user"), None),
        (
            SimpleNamespace(from_user=user),
            ("user", "thread", "business"),
            SessionKey(user=7),
        ),
        (SimpleNamespace(chat=chat, message_thread_id=5), ("chat", "thread"), SessionKey(-100)),
        (SimpleNamespace(), ("thread",), None),
        (SimpleNamespace(chat=chat, from_user=None), (), None),
    ):
        assert keyed_by(*parts)(event) == key


ALL = keyed_by("chat", "user", "thread", "business")


def test_an_event_that_does_not_tell_its_bot_is_not_taken_for_one_of_every_bot() -> None:
    event = SimpleNamespace(chat=SimpleNamespace(id=-100), from_user=SimpleNamespace(id=7))
    with pytest.raises(ValueError, match="say keyed_by"):
        keyed_by("chat", "user", "bot")(event)

    assert keyed_by("chat", "user", bot=42)(event) == SessionKey(-100, 7, bot=42)
    assert keyed_by(bot=42)(event) == SessionKey(-100, 7, bot=42)
    assert keyed_by("user", bot=42)(SimpleNamespace()) is None
    with pytest.raises(TypeError, match="bot must be an int or a str"):
        keyed_by(bot=1.5)  # type: ignore[arg-type]


def test_a_bot_is_asked_for_where_the_event_only_gets_it() -> None:
    event = SimpleNamespace(from_user=SimpleNamespace(id=7), get_bot=lambda: SimpleNamespace(id=9))

    assert keyed_by("user", "bot")(event) == SessionKey(user=7, bot=9)


def test_keyed_by_itself_is_no_finder_of_keys() -> None:
    """Its parentheses were forgotten, and no event is shown."""
    with pytest.raises(TypeError, match=r"say keyed_by\(\)") as caught:
        keyed_by(SimpleNamespace(text="secret"))  # type: ignore[arg-type]

    assert "secret" not in str(caught.value)


def test_the_events_of_aiogram_have_keys() -> None:
    from aiogram import types

    chat = types.Chat(id=-100, type="supergroup")
    user = types.User(id=7, is_bot=False, first_name="Ann")
    message = types.Message(
        message_id=1,
        date=NOW,
        chat=chat,
        from_user=user,
        is_topic_message=True,
        message_thread_id=5,
        business_connection_id="b",
    )
    reply = types.Message(message_id=2, date=NOW, chat=chat, from_user=user, message_thread_id=1)
    pressed = types.CallbackQuery(id="1", from_user=user, chat_instance="x", message=message)
    gone = types.InaccessibleMessage(chat=chat, message_id=1, date=0)
    late = types.CallbackQuery(id="1", from_user=user, chat_instance="x", message=gone)
    asked = types.InlineQuery(id="1", from_user=user, query="q", offset="")
    posted = types.Message(message_id=1, date=NOW, chat=chat)
    member = types.ChatMemberMember(user=user)
    joined = types.ChatMemberUpdated(
        chat=chat, from_user=user, date=NOW, old_chat_member=member, new_chat_member=member
    )
    liked = types.MessageReactionUpdated(
        chat=chat, message_id=1, date=NOW, old_reaction=[], new_reaction=[], user=user
    )

    assert ALL(message) == SessionKey(-100, 7, 5, "b")
    assert ALL(reply) == SessionKey(-100, 7)
    assert ALL(pressed) == SessionKey(-100, 7, 5, "b")
    for event in (message, pressed, late, joined, liked):
        assert keyed_by()(event) == SessionKey(-100, 7)
    assert keyed_by()(asked) is None
    assert keyed_by("user")(asked) == SessionKey(user=7)
    assert keyed_by()(posted) is None
    assert keyed_by("chat")(posted) == SessionKey(-100)


def test_an_event_of_aiogram_knows_its_bot() -> None:
    from aiogram import Bot, types

    bot = Bot("42:token")
    chat = types.Chat(id=-100, type="group")
    message = types.Message(message_id=1, date=NOW, chat=chat).as_(bot)

    assert keyed_by("chat", "bot")(message) == SessionKey(-100, bot=42)


def test_the_events_of_telebot_have_keys() -> None:
    from telebot import types

    user = {"id": 7, "is_bot": False, "first_name": "Ann"}
    sent = {
        "message_id": 1,
        "date": 5,
        "chat": {"id": -100, "type": "supergroup"},
        "from": user,
        "text": "hello",
    }
    topic = {**sent, "is_topic_message": True, "message_thread_id": 5}
    business = {**sent, "business_connection_id": "b"}
    pressed = {"id": "1", "from": user, "chat_instance": "x", "data": "d", "message": topic}
    gone = {**pressed, "message": {"message_id": 1, "date": 0, "chat": sent["chat"]}}
    asked = {"id": "1", "from": user, "query": "q", "offset": ""}

    assert ALL(types.Message.de_json(sent)) == SessionKey(-100, 7)
    assert ALL(types.Message.de_json(topic)) == SessionKey(-100, 7, 5)
    assert ALL(types.Message.de_json(business)) == SessionKey(-100, 7, business="b")
    assert ALL(types.CallbackQuery.de_json(pressed)) == SessionKey(-100, 7, 5)
    assert ALL(types.CallbackQuery.de_json(gone)) == SessionKey(-100, 7)
    assert keyed_by()(types.InlineQuery.de_json(asked)) is None
    assert keyed_by("user")(types.InlineQuery.de_json(asked)) == SessionKey(user=7)


def test_updates_as_python_telegram_bot_has_them_have_keys() -> None:
    """Its updates tell the chat and the user of whatever is in them."""
    message = SimpleNamespace(
        is_topic_message=True, message_thread_id=5, business_connection_id="b"
    )
    update = SimpleNamespace(
        effective_chat=SimpleNamespace(id=-100),
        effective_user=SimpleNamespace(id=7),
        effective_message=message,
        message=None,
    )
    poll = SimpleNamespace(effective_chat=None, effective_user=None, effective_message=None)

    assert ALL(update) == SessionKey(-100, 7, 5, "b")
    assert ALL(poll) is None


def test_sessions_are_those_of_the_event(memory: Ground) -> None:
    """Each bot, each chat and each user has one of its own."""
    sessions = memory.sessions(key=keyed_by("chat", "user", "bot"))
    places = [(chat, user, bot) for chat in (1, 10) for user in (1, 10) for bot in (1, 10)]
    for place in places:
        chat, user, bot = (SimpleNamespace(id=part) for part in place)
        with sessions.of(SimpleNamespace(chat=chat, from_user=user, bot=bot)) as session:
            assert session == {}
            session["place"] = list(place)

    assert sessions.count() == len(places)
    assert sessions.count(chat=1) == sessions.count(bot=10) == 4
    assert sessions.get(SessionKey(1, 10, bot=1)) == {"place": [1, 10, 1]}
