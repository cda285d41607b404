"""What puregram proves of its sessions, as laws of ours, and where ours differ on purpose."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import storage.aio.compat.puregram
import storage.compat.puregram
from storage import SessionKey
from storage.testing import Bridge, Clock
from storage.testing.threads import crowd
from tests.compat.ground import Slow, SlowAwaited, loaded_twice_at_once, update
from tests.servers import Server

BLOCKING = storage.compat.puregram
AIO = storage.aio.compat.puregram
KEY = "user:1:chat:3"
AT = 1_700_000_000_457


class Ground:
    """A file with the table of puregram, a store over it, and the sessions that are asked for."""

    def __init__(self, half: Any, bridge: Bridge, base: Any, file: Path) -> None:
        self.half = half
        self._bridge = bridge
        self.base = base
        self.store = bridge.driven(base)
        self._file = file

    def sessions(self, **options: Any) -> Any:
        return self._bridge.driven(self.half.session(storage=self.base, **options))

    def raw(self, key: str = KEY) -> str | None:
        """The record as it stands in the table."""
        with closing(sqlite3.connect(self._file)) as connection:
            found = connection.execute("SELECT value FROM puregram_kv WHERE key = ?", (key,))
            row = found.fetchone()
        return None if row is None else row[0]


@pytest.fixture(params=[BLOCKING, AIO], ids=["blocking", "aio"])
def half(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def ground(
    half: Any, bridge: Bridge, drive: Callable[[Any], Any], clock: Clock, file: Path
) -> Ground:
    base = half.SqliteStorage(file, clock=clock)
    drive(base)
    return Ground(half, bridge, base, file)


# Whose session it is.


@pytest.mark.parametrize(
    ("event", "key"),
    [
        (update(1, 3), "user:1:chat:3"),
        (update(None, 3), "chat:3"),
        (update(9), "user:9"),
        (update(1, -100), "user:1:chat:-100"),
        (update(0, 0), "user:0:chat:0"),
        (update(1, "@news"), "user:1:key:@news"),
        (update(None, "@news"), "key:@news"),
        (update(1, 3, is_topic_message=True, message_thread_id=7), "user:1:chat:3"),
        (update(1, 3, sender_chat=update(5)), "user:1:chat:3"),
        (update(), None),
    ],
)
def test_an_event_has_the_key_that_it_has_there(ground: Ground, event: Any, key: str) -> None:
    sessions = ground.sessions()

    opened = sessions.of(event)
    with opened as session:
        session["seen"] = True

    assert opened.key == key
    assert list(sessions.keys()) == ([] if key is None else [key])


@pytest.mark.parametrize(
    ("told", "key"),
    [
        ({"user": 5, "chat": 100, "thread": 7}, "user:5:chat:100:thread:7"),
        ({"thread": 7, "chat": 100, "user": 5}, "user:5:chat:100:thread:7"),
        ({"key": "workflow:a", "user": 5}, "user:5:key:workflow:a"),
        ({"user": 5, "chat": None}, "user:5"),
        (SessionKey(100, 5, 7), "user:5:chat:100:thread:7"),
        ("any text", "any text"),
        ("7", "7"),
        ({"user": None}, None),
        ({}, None),
        (None, None),
    ],
)
def test_a_bot_says_a_key_as_text_or_by_its_parts(ground: Ground, told: Any, key: Any) -> None:
    assert ground.sessions(get_storage_key=lambda update: told).of(update(1, 3)).key == key


def test_a_part_that_no_key_has_is_refused(ground: Ground) -> None:
    sessions = ground.sessions(get_storage_key=lambda update: {"users": 1})

    with pytest.raises(ValueError, match="not 'users'"):
        sessions.of(update(1, 3))
    with pytest.raises(ValueError, match="no place for bot"):
        sessions.open(SessionKey(1, bot=2))


def test_a_coroutine_function_finds_no_key(ground: Ground) -> None:
    async def describe(update: Any) -> str:
        return "never"

    with pytest.raises(TypeError, match="get_storage_key is a plain function"):
        ground.half.session(storage=ground.base, get_storage_key=describe)


def test_sessions_are_listed_and_taken_away_by_whose_they_are(ground: Ground) -> None:
    sessions = ground.sessions()
    keys = ["user:1:chat:3", "user:1:key:a:user:12", "user:1", "user:12:chat:3", "chat:3"]
    others = ["default:1", "100:9:message", "42:/img/a.jpg", "users:1", "user:1:chat"]
    ground.store.set_many({key: {"n": 1} for key in [*keys, *others]})

    assert sorted(sessions.keys()) == sorted(keys)
    assert sorted(sessions.keys(chat=3)) == ["chat:3", "user:12:chat:3", "user:1:chat:3"]
    assert dict(sessions.items(user=12)) == {"user:12:chat:3": {"n": 1}}
    assert sessions.delete_all(user=1) == 3
    assert sessions.count() == 2
    assert sorted(ground.store.keys()) == sorted([*keys[3:], *others])


def test_what_other_plugins_keep_does_not_hinder_a_list(ground: Ground) -> None:
    ground.store.set_many({KEY: {"n": 1}, "42:/img/a.jpg": "AgACAgI", "flow": [1]})

    assert dict(ground.sessions().items()) == {KEY: {"n": 1}}


def test_all_is_a_session_where_the_bot_says_the_keys(ground: Ground) -> None:
    ground.store.set_many({"7": {"n": 1}, "any text": {"n": 2}})
    sessions = ground.sessions(get_storage_key=lambda update: "7")

    assert sorted(sessions.keys()) == ["7", "any text"]
    assert sessions.count() == 2


# What is stored, and when.


def test_a_session_goes_on_with_the_next_update(ground: Ground) -> None:
    sessions = ground.sessions(initial=lambda: {"counter": 0})

    for _ in range(2):
        with sessions.of(update(7)) as session:
            session["counter"] += 1

    assert ground.raw("user:7") == '{"counter":2}'


def test_an_update_that_is_nobodys_leaves_nothing(ground: Ground) -> None:
    sessions = ground.sessions()

    with sessions.of(update()) as session:
        session["seen"] = True
    with sessions.of(update()) as other:
        assert other == {}

    assert list(ground.store.keys()) == []


@pytest.mark.parametrize("change", ["none", "undone"])
def test_a_fresh_session_that_nobody_changed_is_not_stored(ground: Ground, change: str) -> None:
    """puregram writes what `initial` gives, and deletes what is not there."""
    sessions = ground.sessions(initial=lambda: {"counter": 0})

    with sessions.of(update(1, 3)) as session:
        if change == "undone":
            session["counter"] += 1
            session["counter"] -= 1

    assert ground.raw() is None


@pytest.mark.parametrize("change", [dict.clear, lambda session: session.pop("counter")])
def test_a_session_that_was_emptied_goes_away(ground: Ground, change: Any) -> None:
    sessions = ground.sessions(initial=lambda: {"counter": 5})
    ground.store.set(KEY, {"counter": 1})

    with sessions.of(update(1, 3)) as session:
        change(session)

    assert ground.raw() is None
    with sessions.of(update(1, 3)) as session:
        assert session == {"counter": 5}


def test_a_session_that_was_emptied_goes_away_though_it_has_an_end(ground: Ground) -> None:
    sessions = ground.sessions(max_age=3600)
    with sessions.of(update(1, 3)) as session:
        session["counter"] = 1
    assert ground.raw() == f'{{"counter":1,"__ends":{AT + 3_600_000}}}'

    with sessions.of(update(1, 3)) as session:
        session.clear()

    assert ground.raw() is None


def test_what_goes_wrong_in_a_handler_leaves_the_session_as_it_was(ground: Ground) -> None:
    ground.store.set(KEY, {"counter": 1})

    def handler(event: Any, session: Any) -> None:
        session["counter"] += 1
        raise ZeroDivisionError

    for options, counter in (({}, 1), ({"on_error": "save"}, 2)):
        opened = ground.sessions(**options).of(update(1, 3))
        with pytest.raises(ZeroDivisionError):
            opened.run(handler)
        assert ground.store.get(KEY) == {"counter": counter}


@pytest.mark.parametrize("state", [None, {"counter": 1}])
def test_a_session_that_is_only_read_costs_no_write(half: Any, valkey: Server, state: Any) -> None:
    """puregram deletes an empty session that is not there, on every update."""
    with Bridge() as bridge:
        base = half.RedisStorage(valkey.url, ttl=60)
        store = bridge.driven(base)
        sessions = bridge.driven(half.session(storage=base))
        if state is not None:
            store.set(KEY, state)
        for _ in range(2):
            with valkey.counted() as calls, sessions.of(update(1, 3)) as session:
                assert session == (state or {})
        store.close()
    valkey.call("FLUSHALL")

    entry = (f"puregram:{KEY}".encode(),)
    asked = {call.name for call in calls.everything if call.words[1:2] == entry}
    assert "GET" in asked
    assert asked <= {"GET", "PTTL", "PEXPIRETIME"}


def test_two_updates_at_once_lose_nothing(ground: Ground) -> None:
    """There the last one to write wins."""
    sessions = ground.sessions(initial=lambda: {"counter": 0})

    def bump() -> None:
        for _ in range(10):
            with sessions.of(update(1, 3)) as session:
                session["counter"] += 1

    crowd([bump] * 4)

    assert ground.raw() == '{"counter":40}'


def test_what_a_bot_in_javascript_wrote_meanwhile_stays(ground: Ground) -> None:
    """It asks for no lease. The member that both changed is ours, who came later."""
    ground.store.set(KEY, {"a": 1, "b": 1, "c": 1})

    with ground.sessions().of(update(1, 3)) as session:
        session.update(a=2, b=2)
        ground.store.set(KEY, {"a": 1, "b": 3, "c": 3, "__scene": {"current": "shop"}})

    assert ground.store.get(KEY) == {"a": 2, "b": 2, "c": 3, "__scene": {"current": "shop"}}


def test_two_who_ask_for_a_lazy_session_at_once_get_the_same(half: Any) -> None:
    """There the second one gets nothing."""
    first = Slow() if half is BLOCKING else SlowAwaited()

    one, other = loaded_twice_at_once(half.session(initial=first), first, KEY)

    assert one is other
    assert one == {"list": []}
    assert first.calls == 1


def test_a_lazy_session_that_nobody_asks_for_is_not_read(ground: Ground) -> None:
    ground.store.set(KEY, "no session at all")
    lazy = ground.sessions().of(update(1, 3), lazy=True)

    with lazy:
        pass
    with pytest.raises(storage.MismatchError), lazy as session:
        session.load()

    assert ground.raw() == '"no session at all"'


# Members that end before the rest.


def test_the_lifetime_of_a_member_is_written_as_there(ground: Ground, clock: Clock) -> None:
    sessions = ground.sessions()
    opened = sessions.of(update(1, 3))

    with opened as session:
        session.update(x="v", y=1)
        opened.expire("x", 1)

    assert ground.raw() == f'{{"x":"v","y":1,"__ttl":{{"x":{{"t":1000,"at":{AT}}}}}}}'
    clock.tick(1)
    with sessions.of(update(1, 3)) as session:
        assert session == {"x": "v", "y": 1}
    clock.tick(0.001)
    with sessions.of(update(1, 3)) as session:
        assert session == {"y": 1}
        session["y"] = 2
    assert ground.raw() == '{"y":2}'


@pytest.mark.parametrize("marks", [{}, {"y": {"t": 1, "at": AT}}, {"x": 5}, {"x": {"t": "1"}}, 5])
def test_a_lifetime_that_is_none_is_passed_over(ground: Ground, marks: Any) -> None:
    ground.store.set(KEY, {"x": "v", "__ttl": marks})

    with ground.sessions().of(update(1, 3)) as session:
        assert session == {"x": "v"}
        session["x"] = "w"

    assert ground.raw() == '{"x":"w"}'


def test_no_lifetime_takes_the_one_that_there_was(ground: Ground, clock: Clock) -> None:
    ground.store.set(KEY, {"x": "v", "__ttl": {"x": {"t": 1000, "at": AT}}})
    opened = ground.sessions().of(update(1, 3))

    with opened:
        opened.expire("x", None)

    clock.tick(60)
    assert ground.raw() == '{"x":"v"}'
    assert ground.sessions().get(KEY) == {"x": "v"}


def test_a_session_of_which_only_lifetimes_are_left_goes_away(ground: Ground) -> None:
    ground.store.set(KEY, {"x": "v", "__ttl": {"x": {"t": 1000, "at": AT}}})

    with ground.sessions().of(update(1, 3)) as session:
        del session["x"]

    assert ground.raw() is None


def test_a_member_of_one_member_is_not_taken_for_that_of_another(ground: Ground) -> None:
    """There one timer is for everything that is called `token`, and goes with the update."""
    opened = ground.sessions().of(update(1, 3))

    with opened as session:
        session.update(a={"token": 1}, b={"token": 2}, token=3)
        opened.expire("token", 1)
        with pytest.raises(KeyError):
            opened.expire("a.token", 1)

    assert ground.sessions().get(KEY) == {"a": {"token": 1}, "b": {"token": 2}, "token": 3}


def test_who_lists_a_session_sees_no_member_that_is_over(ground: Ground, clock: Clock) -> None:
    ground.store.set(KEY, {"x": "v", "y": 1, "__ttl": {"x": {"t": 1000, "at": AT}}})
    clock.tick(2)

    assert ground.sessions().get(KEY) == {"y": 1}
    assert dict(ground.sessions().items()) == {KEY: {"y": 1}}


# What others keep inside.


@dataclass
class Visits:
    counter: int = 0
    names: list[str] = field(default_factory=list)


SCENE = {"current": "shop", "state": {"cart": [{"id": 1}]}, "stepId": 2, "firstTime": False}
RECORD = {"counter": 1, "names": [], "__scene": SCENE, "seen": [1, {"a": None}]}


@pytest.mark.parametrize("initial", [dict, Visits])
def test_what_puregrams_scenes_keep_stays(ground: Ground, initial: Any) -> None:
    lasting = {**RECORD, "__ttl": {"seen": {"t": 60_000, "at": AT}}}
    ground.store.set(KEY, lasting)

    with ground.sessions(initial=initial).of(update(1, 3)) as session:
        if initial is dict:
            session["counter"] += 1
        else:
            session.counter += 1

    assert ground.store.get(KEY) == {**lasting, "counter": 2}


def test_a_new_beginning_leaves_nothing_that_the_type_does_not_know(ground: Ground) -> None:
    for change, left in ((0, None), (5, {"counter": 5, "names": []})):
        ground.store.set(KEY, RECORD)
        opened = ground.sessions(initial=Visits).of(update(1, 3))
        with opened:
            opened.clear()
            opened.value.counter = change

        assert ground.store.get(KEY) == left


def test_who_goes_back_keeps_what_the_type_does_not_know(ground: Ground) -> None:
    ground.store.set(KEY, RECORD)
    opened = ground.sessions(initial=Visits).of(update(1, 3))

    with opened:
        opened.clear()
        opened.discard()
        opened.value.counter = 7

    assert ground.store.get(KEY) == {**RECORD, "counter": 7}


def test_a_session_of_version_2_has_the_user_as_its_key(ground: Ground) -> None:
    ground.store.set("7", {"counter": 1})
    sessions = ground.sessions(get_storage_key=lambda update: str(update.from_user.id))

    with sessions.of(update(7, 3)) as session:
        session["counter"] += 1

    assert ground.raw("7") == '{"counter":2}'
