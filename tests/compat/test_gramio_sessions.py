"""What GramIO proves of its sessions and scenes, as laws of ours, and the faults that ours do not
have."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import storage.aio.compat.gramio
import storage.compat.gramio
from storage import CorruptValueError, MismatchError, SessionKey, UnsupportedError
from storage.testing import Bridge
from storage.testing.threads import crowd
from tests.compat.ground import Slow, SlowAwaited, loaded_twice_at_once, update

BLOCKING = storage.compat.gramio
AIO = storage.aio.compat.gramio
USER = 617580375
SCENE_KEY = f"@gramio/scenes:{USER}"


class Ground:
    """A file with the table of GramIO, a store over it, and the sessions that are asked for."""

    def __init__(self, half: Any, bridge: Bridge, base: Any, file: Path) -> None:
        self.half = half
        self._bridge = bridge
        self.base = base
        self.store = bridge.driven(base)
        self._file = file

    def sessions(self, **options: Any) -> Any:
        return self._bridge.driven(self.half.session(storage=self.base, **options))

    def scenes(self, **options: Any) -> Any:
        return self._bridge.driven(self.half.scenes(storage=self.base, **options))

    def raw(self, key: str) -> str | None:
        """The record as it stands in the table."""
        rows = self.sql("SELECT value FROM gramio_storage WHERE key = ?", key)
        return rows[0][0] if rows else None

    def sql(self, text: str, *values: object) -> list[Any]:
        with closing(sqlite3.connect(self._file)) as connection, connection:
            return connection.execute(text, values).fetchall()


@pytest.fixture(params=[BLOCKING, AIO], ids=["blocking", "aio"])
def half(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def ground(half: Any, bridge: Bridge, drive: Callable[[Any], Any], file: Path) -> Ground:
    base = half.sqlite_storage(file)
    drive(base)
    return Ground(half, bridge, base, file)


# Whose session it is.


@pytest.mark.parametrize(
    ("event", "key"),
    [
        (update(123, 3), "123"),
        (update(123), "123"),
        (SimpleNamespace(user=None, voter_chat=SimpleNamespace(id=-100)), "-100"),
        (SimpleNamespace(user=SimpleNamespace(id=5), voter_chat=None), "5"),
        (update(None, -100), None),
        (update(), None),
    ],
)
def test_the_key_is_the_sender(ground: Ground, event: Any, key: str | None) -> None:
    sessions = ground.sessions()

    opened = sessions.of(event)
    with opened as session:
        session["seen"] = True

    assert opened.key == key
    assert list(ground.store.keys()) == list(sessions.keys()) == ([] if key is None else [key])


def test_who_has_no_sender_sees_nothing_of_another(ground: Ground) -> None:
    """There all of them share the session `undefined` and the scene of the user 0."""
    for sessions in (ground.sessions(), ground.scenes()):
        with sessions.of(update(None, -100)) as session:
            session["secret"] = 1
        with sessions.of(update(None, -200)) as session:
            assert session == {}

    assert list(ground.store.keys()) == []


def test_a_bot_says_the_key(ground: Ground) -> None:
    ground.store.set("chat:3", {"counter": 1})
    sessions = ground.sessions(get_session_key=lambda event: f"chat:{event.chat.id}")

    with sessions.of(update(1, 3)) as session:
        session["counter"] += 1

    assert ground.raw("chat:3") == '{"counter":2}'
    assert list(sessions.keys()) == ["chat:3"]


def test_a_key_has_a_place_for_the_user_alone(ground: Ground) -> None:
    assert ground.sessions().open(SessionKey(user=5)).key == "5"
    for key in (SessionKey(3, 5), SessionKey(chat=3)):
        with pytest.raises(ValueError, match="layout"):
            ground.sessions().open(key)


def test_a_coroutine_function_finds_no_key(ground: Ground) -> None:
    async def key(event: Any) -> str:
        return "never"

    with pytest.raises(TypeError, match="get_session_key is a plain function"):
        ground.half.session(storage=ground.base, get_session_key=key)


def test_what_others_keep_beside_sessions_is_none(ground: Ground) -> None:
    """Scenes, rate limits and cached files lie between the sessions, without a prefix."""
    others = {
        SCENE_KEY: {"name": "shop", "stepId": 0},
        "rl:cmd:77": [1718000000000],
        "0cc175b9c0f1b6a831c399e269772661": "AgACAgI",
        "12345678901234567890123456789012x": "AgACAgI",
    }
    ground.store.set_many({"123": {"n": 1}, "-100": {"n": 2}, **others})

    assert dict(ground.sessions().items()) == {"123": {"n": 1}, "-100": {"n": 2}}
    assert ground.sessions().count(user=123) == 1
    assert dict(ground.scenes().items()) == {SCENE_KEY: others[SCENE_KEY]}
    assert ground.scenes().count(user=USER) == 1
    assert ground.sessions().delete_all(user=USER) == 0
    assert ground.scenes().delete_all(user=USER) == 1
    assert ground.raw(SCENE_KEY) is None


# What is stored, and when.


def test_a_session_goes_on_with_the_next_update(ground: Ground) -> None:
    sessions = ground.sessions(initial=lambda: {"counter": 0})

    for _ in range(3):
        with sessions.of(update(123)) as session:
            session["counter"] += 1

    assert ground.raw("123") == '{"counter":3}'


@pytest.mark.parametrize("text", ["null", ""])
def test_null_and_nothing_are_no_session(ground: Ground, text: str) -> None:
    ground.store.set("123", {})
    ground.sql("UPDATE gramio_storage SET value = ?", text)
    sessions = ground.sessions(initial=lambda: {"counter": 0})

    assert sessions.get("123") is None
    with sessions.of(update(123)) as session:
        session["counter"] += 1

    assert ground.raw("123") == '{"counter":1}'


@pytest.mark.parametrize("value", [0, "", False, [1]])
def test_what_is_no_object_is_not_taken_for_a_session(ground: Ground, value: Any) -> None:
    """There it breaks the handler, and a list becomes an object."""
    ground.store.set("123", value)
    opened = ground.sessions().of(update(123))

    with pytest.raises(MismatchError), opened:
        pytest.fail("it is no session")
    assert ground.store.get("123") == value


@pytest.mark.parametrize("change", ["none", "read", "undone"])
def test_a_session_that_nobody_changed_is_not_written(half: Any, change: str) -> None:
    place = Counting({"123": {"list": [1]}})
    with Bridge() as bridge:
        sessions = bridge.driven(half.session(storage=place))
        with sessions.of(update(123)) as session:
            if change != "none":
                session["list"].append(2)
                assert session["list"] == [1, 2]
            if change == "undone":
                session["list"].pop()

    assert place.sets == (1 if change == "read" else 0)


def test_any_number_of_changes_is_one_write(half: Any) -> None:
    place = Counting({})
    with Bridge() as bridge:
        sessions = bridge.driven(half.session(storage=place))
        with sessions.of(update(123)) as session:
            for number in range(100):
                session.setdefault("list", []).append(number)

    assert place.sets == 1
    assert place.values == {"123": {"list": list(range(100))}}


class Counting:
    """A storage of the bot's own, which counts what is set."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values
        self.sets = 0

    def get(self, key: str) -> Any:
        return self.values.get(key)

    def set(self, key: str, value: Any) -> None:
        self.sets += 1
        self.values[key] = value

    def delete(self, key: str) -> None:
        self.values.pop(key, None)


def test_two_updates_at_once_lose_nothing_in_a_storage_of_the_bots_own(half: Any) -> None:
    place = Counting({})
    with Bridge() as bridge:
        sessions = bridge.driven(half.session(storage=place, initial=lambda: {"counter": 0}))

        def bump() -> None:
            for _ in range(10):
                with sessions.of(update(123)) as session:
                    session["counter"] += 1

        crowd([bump] * 4)

    assert place.values == {"123": {"counter": 40}}


def test_a_session_that_is_put_in_its_place_is_stored(ground: Ground) -> None:
    """There `ctx.session = {…}` never is."""
    opened = ground.sessions().of(update(123))

    with opened:
        opened.replace({"step": 2})

    assert ground.raw("123") == '{"step":2}'


def test_two_who_ask_for_a_lazy_session_at_once_get_the_same(half: Any) -> None:
    """There each gets one of its own, and the changes of the first are lost."""
    first = Slow() if half is BLOCKING else SlowAwaited()

    one, other = loaded_twice_at_once(half.session(initial=first), first, "123")

    assert one is other
    assert first.calls == 1


def test_what_is_changed_inside_of_a_session_is_stored_every_time(
    half: Any, drive: Callable[[Any], Any], bridge: Bridge
) -> None:
    """There the second change is lost, where a storage gives the same object twice."""
    mapping: dict[str, Any] = {"123": {"cart": {"items": []}}}
    for place in (half.in_memory_storage(), mapping):
        store = place if place is mapping else drive(place)
        sessions = bridge.driven(half.session(storage=place))
        if place is not mapping:
            store.set("123", {"cart": {"items": []}})
        for number in (1, 2, 3):
            with sessions.of(update(123)) as session:
                session["cart"]["items"].append(number)
        assert store.get("123") == {"cart": {"items": [1, 2, 3]}}


def test_one_initial_object_is_not_shared(ground: Ground) -> None:
    """There what one user changes is what the next one begins with."""
    shared: dict[str, Any] = {"list": []}
    sessions = ground.sessions(initial=lambda: shared)

    for user in (1, 2):
        opened = sessions.of(update(user))
        with opened as session:
            assert session == {"list": []}
            session["list"].append(user)
    with opened:
        opened.clear()

    assert shared == {"list": []}
    assert dict(sessions.items()) == {"1": {"list": [1]}}


def test_what_goes_wrong_in_a_handler_leaves_the_session_as_it_was(ground: Ground) -> None:
    """Or as the handler left it, if that is asked for."""
    ground.store.set("123", {"counter": 1})

    def handler(event: Any, session: Any) -> None:
        session["counter"] += 1
        raise ZeroDivisionError

    for options, counter in (({}, 1), ({"on_error": "save"}, 2)):
        opened = ground.sessions(**options).of(update(123))
        with pytest.raises(ZeroDivisionError):
            opened.run(handler)
        assert ground.store.get("123") == {"counter": counter}


def test_a_session_that_was_emptied_stays(ground: Ground) -> None:
    sessions = ground.sessions(initial=lambda: {"counter": 0})
    with sessions.of(update(123)) as session:
        session.clear()

    assert ground.raw("123") == "{}"
    with sessions.of(update(123)) as session:
        assert session == {}


def test_clear_takes_the_record_away_and_what_is_changed_after_it_is_stored(
    ground: Ground,
) -> None:
    sessions = ground.sessions(initial=lambda: {"counter": 0})
    for after, record in ((None, None), (1, '{"counter":1}')):
        ground.store.set("123", {"counter": 5, "name": "Ann"})
        opened = sessions.of(update(123))
        with opened as session:
            opened.clear()
            assert session == {"counter": 0}
            session["counter"] = after or 0
        assert ground.raw("123") == record


def test_a_member_has_no_lifetime(ground: Ground) -> None:
    """Its name for puregram is a name like any other."""
    ground.store.set("123", {"x": 1, "__ttl": {"x": {"t": 1, "at": 1}}})
    opened = ground.sessions().of(update(123))

    with opened as session:
        assert session == {"x": 1, "__ttl": {"x": {"t": 1, "at": 1}}}
        session["x"] = 2
        with pytest.raises(UnsupportedError):
            opened.expire("x", 1)

    assert ground.raw("123") == '{"x":2,"__ttl":{"x":{"t":1,"at":1}}}'


# Scenes.

NEWEST: dict[str, Any] = {
    "name": "shop",
    "state": {"cart": [{"id": 1, "price": 2.5}], "note": None},
    "params": {"from": "menu"},
    "stepId": "pay",
    "previousStepId": 1,
    "firstTime": True,
    "entered": False,
    "parentStack": [
        {"name": "menu", "state": {}, "stepId": 0, "previousStepId": 0, "parentStack": []}
    ],
}
SEED = {"name": "scene-name", "state": {}, "stepId": 0, "previousStepId": 0, "firstTime": False}
OLDEST = {"name": "shop", "params": {"from": "menu"}, "stepId": 0, "firstTime": True}


@dataclass
class Step:
    """What a bot in Python knows of a scene."""

    name: str
    stepId: int | str = 0  # noqa: N815 - the name in the record
    state: dict[str, Any] = field(default_factory=dict)


@pytest.mark.parametrize("record", [NEWEST, SEED, OLDEST], ids=["newest", "seed", "oldest"])
@pytest.mark.parametrize("kind", [None, Step])
def test_what_is_kept_of_a_scene_stays(ground: Ground, record: Any, kind: Any) -> None:
    ground.store.set(SCENE_KEY, record)
    scenes = ground.scenes(kind=kind)

    with scenes.of(update(USER, 3)) as scene:
        if kind is None:
            scene["stepId"] = 7
        else:
            scene.stepId = 7

    state = {} if kind is None else {"state": {}}
    assert ground.store.get(SCENE_KEY) == {**state, **record, "stepId": 7}


def test_a_scene_is_written_as_there(ground: Ground) -> None:
    with ground.scenes().of(update(USER)) as scene:
        scene.update(SEED)

    assert ground.raw(SCENE_KEY) == (
        '{"name":"scene-name","state":{},"stepId":0,"previousStepId":0,"firstTime":false}'
    )


def test_who_leaves_a_scene_leaves_nothing(ground: Ground) -> None:
    ground.store.set_many({SCENE_KEY: SEED, str(USER): {"counter": 1}})
    opened = ground.scenes().of(update(USER))

    with opened:
        opened.clear()

    assert ground.raw(SCENE_KEY) is None
    assert ground.raw(str(USER)) == '{"counter":1}'


@pytest.mark.parametrize("key", [str(USER), SCENE_KEY, SessionKey(user=USER)])
def test_a_scene_is_called_by_its_user(ground: Ground, key: Any) -> None:
    """And is never the session of that user."""
    ground.store.set_many({SCENE_KEY: SEED, str(USER): {"counter": 1}})
    scenes = ground.scenes()

    assert scenes.get(key) == SEED
    with scenes.open(key) as scene:
        scene["stepId"] = 1
    assert scenes.delete(key) is True
    assert list(ground.store.keys()) == [str(USER)]


# The stores.


def test_a_value_in_memory_is_a_copy(half: Any, drive: Callable[[Any], Any]) -> None:
    store = drive(half.in_memory_storage())
    value = {"list": [1]}
    store.set("k", value)
    value["list"].append(2)

    assert store.get("k") == {"list": [1]}


def test_a_table_has_the_name_that_is_said(half: Any, drive: Callable[[Any], Any]) -> None:
    with closing(sqlite3.connect(":memory:", check_same_thread=False)) as connection:
        store = drive(half.sqlite_storage(connection, ttl=60, table_name="bot"))
        store.set("123", {"counter": 1})
        rows = connection.execute("SELECT key, value, expires_at > 0 FROM bot").fetchall()
        store.close()

    assert rows == [("123", '{"counter":1}', 1)]


def test_nothing_that_was_set_is_corrupt_to_a_store(ground: Ground) -> None:
    """There it is missing for `get` and `has`, and can be deleted."""
    ground.store.set("k", 1)
    ground.sql("UPDATE gramio_storage SET value = ''")

    with pytest.raises(CorruptValueError) as caught:
        ground.store.get("k")
    assert caught.value.key == "k"
    assert ground.store.delete("k") is True
