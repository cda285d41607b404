"""What VibeGram proves of its sessions, as laws of ours, and where ours differ on purpose."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest

import storage
import storage.aio
import storage.aio.compat.vibegram
import storage.compat.vibegram
from storage import (
    ConfigurationError,
    CorruptValueError,
    LeaseTimeoutError,
    MismatchError,
    SessionKey,
    UnstorableError,
    UnsupportedError,
    WrongTypeError,
)
from storage.compat.vibegram import RedisStoreParseError
from storage.testing import Bridge, Clock
from storage.testing.threads import crowd, elsewhere
from tests.compat import ground
from tests.contract.clients import InSeconds, Kept, OneStep, TwoSteps
from tests.servers import Server

BLOCKING = storage.compat.vibegram
AIO = storage.aio.compat.vibegram
PREFIX = "vibegram:session:"
DAY_MS = 86_400_000
KEY = "100:7"


def update(chat: Any = 100, user: Any = 7) -> Any:
    """An update from *user* in *chat*, either of which may not be there."""
    return ground.update(user, chat)


@pytest.fixture(params=[BLOCKING, AIO], ids=["blocking", "aio"])
def half(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def session(half: Any, bridge: Bridge) -> Callable[..., Any]:
    """Sessions of both colours by plain calls."""
    return lambda **options: bridge.driven(half.session(**options))


@pytest.fixture
def memory(half: Any, bridge: Bridge, clock: Clock) -> Iterator[Any]:
    """A store of sessions in memory; there are two of them at the most."""
    store = half.MemorySessionStore(2, clock=clock)
    yield store
    bridge.driven(store).close()


def counted(sessions: Any, event: Any = None) -> int:
    """One update, whose handler counts."""
    with sessions.of(update() if event is None else event) as session:
        session["counter"] = session.get("counter", 0) + 1
        return int(session["counter"])


# Whose session it is.


@pytest.mark.parametrize(
    ("event", "key"),
    [
        (update(100, 7), "100:7"),
        (update(-1001234567890, 42), "-1001234567890:42"),
        (update("@news", "ann"), "@news:ann"),
        (SimpleNamespace(message=update(100), from_user=SimpleNamespace(id=9)), "100:9"),
        (update(None, 7), None),
        (update(100, None), None),
        (update(0, 7), None),
        (update(100, 0), None),
        (SimpleNamespace(), None),
    ],
)
def test_the_key_is_chat_and_user_where_both_are_there(
    session: Callable[..., Any], event: Any, key: str | None
) -> None:
    """An id of 0 is none."""
    kept: dict[str, Any] = {}
    sessions = session(store=kept)
    opened = sessions.of(event)
    with opened as found:
        found["seen"] = True

    assert opened.key == key
    assert kept == ({} if key is None else {key: {"seen": True}})


def test_a_bot_says_the_key(session: Callable[..., Any]) -> None:
    kept: dict[str, Any] = {}
    calls = []

    def key_of(event: Any) -> str:
        calls.append(event)
        return "custom-key"

    event = update()
    assert counted(session(store=kept, get_session_key=key_of), event) == 1

    assert calls == [event]
    assert kept == {"custom-key": {"counter": 1}}


@pytest.mark.parametrize("key", [None, ""])
def test_without_a_key_the_handler_runs_and_nothing_is_stored(
    session: Callable[..., Any], key: str | None
) -> None:
    kept: dict[str, Any] = {}
    sessions = session(store=kept, get_session_key=lambda event: key)

    assert [counted(sessions), counted(sessions)] == [1, 1]
    assert kept == {}


def test_a_key_has_a_place_for_the_chat_and_one_for_the_user(session: Callable[..., Any]) -> None:
    assert session().open(SessionKey(100, 7)).key == "100:7"
    for key, words in (
        (SessionKey(100), "needs chat and user"),
        (SessionKey(user=7), "needs chat and user"),
        (SessionKey(100, 7, thread=5), "no place for thread"),
        (SessionKey("1:2", "3"), "colon"),  # which is the key of 1 and 2:3 too
        (SessionKey("1", "2:3"), "colon"),
    ):
        with pytest.raises(ValueError, match=words):
            session(get_session_key=lambda event, key=key: key).of(update())


def test_a_key_that_would_have_to_be_awaited_is_refused(half: Any) -> None:
    async def key_of(event: Any) -> str:
        return "k"

    with pytest.raises(TypeError, match="plain function"):
        half.session(get_session_key=key_of)


# From one update to the next.


def test_a_session_begins_as_initial_says_and_is_remembered(session: Callable[..., Any]) -> None:
    sessions = session(initial=lambda: {"counter": 0})
    with sessions.of(update()) as found:
        assert found == {"counter": 0}

    assert [counted(sessions), counted(sessions)] == [1, 2]
    assert counted(sessions, update(100, 8)) == 1
    assert counted(session()) == 1  # each has a store of its own unless it is told


def test_in_a_day_a_session_is_over_unless_it_is_used(
    session: Callable[..., Any], memory: Any, bridge: Bridge, clock: Clock
) -> None:
    """VibeGram writes it after each update; here its lifetime begins anew without that."""
    sessions, store = session(store=memory), bridge.driven(memory)
    assert counted(sessions) == 1
    clock.tick(80_000)
    assert sessions.of(update()).run(lambda event, found: found["counter"]) == 1
    clock.tick(80_000)
    assert store.get(KEY) == {"counter": 1}
    assert round(store.expires_at(KEY).timestamp() - clock()) == 6_400
    clock.tick(6_400)

    assert counted(sessions) == 1


def test_what_nobody_changed_is_not_written(
    session: Callable[..., Any], half: Any, clock: Clock
) -> None:
    """VibeGram writes it, over what came meanwhile."""

    class ReadOnly(TwoSteps):
        def set(self, key: str, value: Any) -> str:
            pytest.fail("nothing is to be written")

    thing = ReadOnly(clock)
    thing.entries[PREFIX + KEY] = ('{"n": 1}', clock.ms + 1000)
    sessions = session(store=half.RedisSessionStore(thing))
    for event in (update(), update(1, 2)):
        with sessions.of(event):
            pass

    assert thing.entries == {PREFIX + KEY: ('{"n": 1}', clock.ms + DAY_MS)}


def test_a_handler_that_fails_changes_nothing(session: Callable[..., Any]) -> None:
    kept: dict[str, Any] = {KEY: {"counter": 1}}
    for options, counter in (({}, 1), ({"on_error": "save"}, 2)):
        with pytest.raises(LookupError):
            fail(session(store=kept, **options))
        assert kept == {KEY: {"counter": counter}}


def fail(sessions: Any) -> None:
    with sessions.of(update()) as found:
        found["counter"] += 1
        raise LookupError


def test_clear_takes_the_session_away(session: Callable[..., Any]) -> None:
    """As `ctx.session = null` does."""
    kept: dict[str, Any] = {KEY: {"counter": 5}}
    sessions = session(store=kept, initial=lambda: {"counter": 0})
    opened = sessions.of(update())
    with opened as found:
        opened.clear()
        assert found == {"counter": 0}
    assert kept == {}

    assert counted(sessions) == 1
    opened = sessions.of(update())
    with opened as found:
        opened.clear()
        found["counter"] += 1  # and then it begins anew
    assert kept == {KEY: {"counter": 1}}


def test_replace_puts_another_session_there(session: Callable[..., Any]) -> None:
    """What has a meaning in JavaScript alone is a member like any other."""
    kept: dict[str, Any] = {KEY: {"counter": 5}}
    opened = session(store=kept).of(update())
    new = {"__proto__": {"polluted": True}, "in": [{"constructor": 1}]}
    with opened:
        opened.replace(new)
    assert kept == {KEY: new}

    opened = session(store=kept).of(update())
    with pytest.raises(WrongTypeError, match="a session is a dict, not NoneType"), opened:
        opened.replace(None)
    assert kept == {KEY: new}


# One at a time.


def test_updates_of_one_key_wait_for_each_other(session: Callable[..., Any]) -> None:
    sessions = session()

    crowd([lambda: counted(sessions)] * 3)
    assert counted(sessions) == 4


def test_handlers_of_one_key_run_in_the_order_of_asking() -> None:
    seen = []

    async def run() -> None:
        sessions = AIO.session(store={})

        async def handle(event: Any, found: Any) -> None:
            for _ in range(3):
                await asyncio.sleep(0)
            found["seen"] = [*seen, event.number]
            seen.append(event.number)

        def visit(number: int) -> Any:
            event = SimpleNamespace(**vars(update()), number=number)
            return sessions.of(event).run(handle)

        await asyncio.gather(*map(visit, range(5)))
        assert await sessions.get(KEY) == {"seen": [0, 1, 2, 3, 4]}

    asyncio.run(run())


def test_an_update_that_waits_in_vain_gives_up(session: Callable[..., Any]) -> None:
    """A handler that waits for the next update of its session waits for ever with VibeGram."""
    sessions = session(wait=0)
    with sessions.of(update()) as found:
        found["asked"] = True
        with pytest.raises(LeaseTimeoutError):
            elsewhere(counted, sessions)
        assert elsewhere(counted, sessions, update(100, 8)) == 1

    assert sessions.get(KEY) == {"asked": True}


def test_what_is_changed_after_the_end_is_lost(session: Callable[..., Any]) -> None:
    sessions = session()
    opened = sessions.of(update())
    with opened as found:
        found["step"] = 1
    found["step"] = 2
    with pytest.raises(RuntimeError, match="not open"):
        opened.save()

    assert sessions.get(KEY) == {"step": 1}


def test_what_can_not_be_json_is_refused_before_anything_is_stored(
    session: Callable[..., Any],
) -> None:
    """There it becomes something else, or is left out."""
    sessions = session()
    assert counted(sessions) == 1
    for odd in (datetime.now(timezone.utc), {1}, object()):
        opened = sessions.of(update())
        with pytest.raises(UnstorableError, match="odd"), opened:
            opened.replace({"counter": 5, "odd": odd})

    assert sessions.get(KEY) == {"counter": 1}


# Stores of a bot's own.


class Plain:
    """No more than VibeGram asks of a store; notes what it is given."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}
        self.calls: list[tuple[Any, ...]] = []

    def get(self, key: str) -> Any:
        return self.kept.get(key)

    def set(self, key: str, value: Any) -> None:
        self.calls.append(("set", key, value))
        self.kept[key] = value

    def delete(self, key: str) -> None:
        self.calls.append(("delete", key))
        self.kept.pop(key, None)


class Awaited(Plain):
    """The same with coroutines, which give way to others before they answer."""

    async def get(self, key: str) -> Any:
        await asyncio.sleep(0)
        return super().get(key)

    async def set(self, key: str, value: Any) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        super().set(key, value)

    async def delete(self, key: str) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        super().delete(key)


@pytest.fixture(
    params=[(BLOCKING, Plain), (AIO, Plain), (AIO, Awaited)],
    ids=["blocking", "aio", "aio-awaited"],
)
def own(request: pytest.FixtureRequest, bridge: Bridge) -> tuple[Any, Callable[..., Any]]:
    """A store of a bot's own, and sessions in it."""
    half, kind = request.param
    thing = kind()
    return thing, lambda **options: bridge.driven(half.session(store=thing, **options))


def test_three_methods_are_enough(own: tuple[Any, Callable[..., Any]]) -> None:
    """They are given what the handler sees, and only what changed."""
    thing, session = own
    sessions = session()
    assert [counted(sessions), counted(sessions)] == [1, 2]
    with sessions.of(update()) as found:
        assert found == {"counter": 2}
    assert sessions.get(KEY) == {"counter": 2}
    assert sessions.delete(KEY) is True

    assert thing.calls == [
        ("set", KEY, {"counter": 1}),
        ("set", KEY, {"counter": 2}),
        ("delete", KEY),
    ]


def test_updates_take_turns_over_three_methods(own: tuple[Any, Callable[..., Any]]) -> None:
    thing, session = own
    sessions = session()
    crowd([lambda: counted(sessions)] * 5)

    assert counted(sessions) == 6
    assert thing.kept == {KEY: {"counter": 6}}


def test_what_three_methods_can_not_do_is_said(own: tuple[Any, Callable[..., Any]]) -> None:
    _, session = own
    with pytest.raises(UnsupportedError, match="no keys"):
        list(session().keys())
    with pytest.raises(UnsupportedError, match="nothing expires here"):
        session(ttl=60)


def test_a_touch_of_its_own_is_called_where_nothing_changed(
    own: tuple[Any, Callable[..., Any]],
) -> None:
    """Where `set` gives a lifetime, a session that is only read lasts by that."""
    thing, session = own
    touched = []
    thing.touch = touched.append
    sessions = session()
    assert counted(sessions) == 1
    assert touched == []
    for event in (update(), update(1, 2)):
        with sessions.of(event):
            pass
    with pytest.raises(LookupError):
        fail(sessions)

    assert touched == [KEY, KEY]
    assert thing.calls == [("set", KEY, {"counter": 1})]


def test_what_is_no_store_is_refused(half: Any) -> None:
    for thing in (5, object(), "redis://localhost", [], False):
        with pytest.raises(ConfigurationError, match="can not be a store"):
            half.session(store=thing)


# What is no session.


FALSY = ["null", "0", '""', "false", " null\n", "-0", "0.0", "-0.0"]


@pytest.mark.parametrize("raw", FALSY)
def test_what_is_falsy_is_no_session(
    session: Callable[..., Any], half: Any, clock: Clock, raw: str
) -> None:
    thing = OneStep(clock)
    thing.entries[PREFIX + KEY] = (raw, None)
    sessions = session(store=half.RedisSessionStore(thing), initial=lambda: {"counter": 5})

    assert sessions.get(KEY, "none") == "none"
    assert sessions.inspect(KEY) is None
    opened = sessions.of(update())
    with opened as found:
        assert (found, opened.is_new) == ({"counter": 5}, True)
    assert thing.entries == {PREFIX + KEY: (raw, None)}
    assert counted(sessions) == 6
    assert thing.entries == {PREFIX + KEY: ('{"counter":6}', clock.ms + DAY_MS)}

    thing.entries[PREFIX + KEY] = (raw, None)
    opened = sessions.of(update())
    with opened:
        opened.clear()
    assert thing.entries == {}


def test_what_is_falsy_is_not_listed_with_the_sessions(session: Callable[..., Any]) -> None:
    kept: dict[str, Any] = {"1:1": 0, "1:2": {"n": 1}, "1:3": None, "1:4": "", "1:5": False}

    assert list(session(store=kept).items()) == [("1:2", {"n": 1})]


@pytest.mark.parametrize("value", [[], [1], ["planted-secret"], "planted-secret", 5, True])
def test_what_is_no_object_is_an_error_and_stays(session: Callable[..., Any], value: Any) -> None:
    """VibeGram hands it out, whatever it is."""
    kept: dict[str, Any] = {KEY: value}
    sessions = session(store=kept)

    for read in (lambda: counted(sessions), lambda: sessions.get(KEY)):
        with pytest.raises(MismatchError, match="a session is an object") as caught:
            read()
        assert "secret" not in f"{caught.value}{caught.value!r}"
    assert kept == {KEY: value}

    assert counted(session(store=kept, on_corrupt="reset")) == 1
    assert kept == {KEY: {"counter": 1}}


@pytest.mark.parametrize("raw", ["", "planted-secret", '{"a":'])
def test_what_can_not_be_read_is_the_error_of_the_store(
    session: Callable[..., Any], half: Any, clock: Clock, raw: str
) -> None:
    thing = OneStep(clock)
    thing.entries[PREFIX + KEY] = (raw, None)
    sessions = session(store=half.RedisSessionStore(thing))

    for read in (
        lambda: counted(sessions),
        lambda: sessions.get(KEY),
        lambda: sessions.inspect(KEY),
    ):
        with pytest.raises(RedisStoreParseError) as caught:
            read()
        error = caught.value
        assert (error.store_name, error.key) == ("session", KEY)
        assert "secret" not in f"{error}{error!r}"
    assert thing.entries == {PREFIX + KEY: (raw, None)}
    assert sessions.delete(KEY) is True
    assert counted(sessions) == 1


@pytest.mark.parametrize(("instead", "counter"), [({"counter": 7}, 8), (None, 1)])
def test_what_can_not_be_read_may_be_replaced(
    session: Callable[..., Any], half: Any, clock: Clock, instead: Any, counter: int
) -> None:
    thing = OneStep(clock)
    told: list[CorruptValueError] = []

    def rescue(error: CorruptValueError) -> Any:
        told.append(error)
        return instead

    for on_corrupt, expected in (("reset", 1), (rescue, counter)):
        thing.entries[PREFIX + KEY] = ("{", None)
        sessions = session(store=half.RedisSessionStore(thing), on_corrupt=on_corrupt)
        assert counted(sessions) == expected
    assert [type(error) for error in told] == [RedisStoreParseError]
    assert thing.entries[PREFIX + KEY][0] == f'{{"counter":{counter}}}'


# What comes in between.


def test_a_session_that_made_room_meanwhile_is_stored_all_the_same(
    session: Callable[..., Any], memory: Any, bridge: Bridge
) -> None:
    sessions, store = session(store=memory), bridge.driven(memory)
    with sessions.of(update()) as found:
        found["cart"] = ["tea"]
    with sessions.of(update()) as found:
        found["cart"].append("milk")
        store.set_many({"1:1": {}, "2:2": {}})
        assert store.has(KEY) is False

    assert store.get(KEY) == {"cart": ["tea", "milk"]}
    assert store.size == 2


def test_a_session_that_somebody_took_away_comes_back_if_it_was_changed(
    session: Callable[..., Any],
) -> None:
    kept: dict[str, Any] = {KEY: {"counter": 1}}
    sessions = session(store=kept)
    with sessions.of(update()):
        kept.clear()
    assert kept == {}

    for options, left in (({}, {KEY: {"counter": 2}}), ({"on_conflict": "theirs"}, {})):
        kept[KEY] = {"counter": 1}
        with session(store=kept, **options).of(update()) as found:
            found["counter"] += 1
            kept.clear()
        assert kept == left
        kept.clear()


def test_what_others_changed_meanwhile_stays(session: Callable[..., Any]) -> None:
    """VibeGram writes over it."""
    kept: dict[str, Any] = {KEY: {"ours": 1, "theirs": 1, "both": 1}}
    with session(store=kept).of(update()) as found:
        found.update(ours=2, both=2)
        kept[KEY] = {"ours": 1, "theirs": 3, "both": 3}
    assert kept == {KEY: {"ours": 2, "theirs": 3, "both": 2}}

    with session(store=kept, on_conflict="theirs").of(update()) as found:
        found.update(ours=4, both=4)
        kept[KEY] = {"ours": 2, "theirs": 5, "both": 5}
    assert kept == {KEY: {"ours": 4, "theirs": 5, "both": 5}}


@pytest.mark.parametrize("value", [None, 0, False, ""])
def test_what_somebody_emptied_meanwhile_was_taken_away(
    session: Callable[..., Any], value: Any
) -> None:
    kept: dict[str, Any] = {KEY: {"counter": 1, "name": "Ann"}}
    with session(store=kept).of(update()) as found:
        found["counter"] += 1
        kept[KEY] = value
    assert kept == {KEY: {"counter": 2, "name": "Ann"}}

    kept = {}
    with session(store=kept, on_conflict="raise").of(update()) as found:
        found["counter"] = 1  # of a new session, which is a clash with nothing
        kept[KEY] = value
    assert kept == {KEY: {"counter": 1}}


# What VibeGram keeps inside.


INSIDE = {
    "__scene_id": "order",
    "__scene_state": {"step": 2},
    "__wizard_id": "sign up",
    "__wizard_cursor": 1,
    "__wizard_state": {"name": "Ann"},
    "__ttl": 5,
    "__ends": 1,
}


@dataclass
class Cart:
    items: list[str]
    note: str = ""


def test_scenes_and_wizards_survive(session: Callable[..., Any]) -> None:
    """So do members whose names stand for something in records of another layout."""
    kept: dict[str, Any] = {KEY: {**INSIDE, "items": []}}
    with session(store=kept).of(update()) as found:
        assert found == {**INSIDE, "items": []}
        found["items"].append("tea")
    assert kept == {KEY: {**INSIDE, "items": ["tea"]}}

    sessions = session(store=kept, kind=Cart, initial=lambda: Cart([]))
    with sessions.of(update()) as cart:
        assert cart == Cart(["tea"])
        cart.items.append("milk")
        cart.note = "cold"
    assert kept == {KEY: {**INSIDE, "items": ["tea", "milk"], "note": "cold"}}


def test_what_the_records_have_no_place_for_is_refused(half: Any, bridge: Bridge) -> None:
    kept: dict[str, Any] = {KEY: {"code": "1234"}}
    opened = bridge.driven(half.session(store=kept)).of(update())
    with opened, pytest.raises(UnsupportedError, match="no place for the lifetime of a member"):
        opened.expire("code", 60)
    with pytest.raises(ConfigurationError, match="no place for max_age"):
        half.session(store=kept, max_age=60)
    assert kept == {KEY: {"code": "1234"}}


# On Redis.


@pytest.mark.parametrize("kind", [OneStep, TwoSteps, InSeconds])
def test_any_client_of_redis_will_do(
    session: Callable[..., Any], half: Any, clock: Clock, kind: type[Kept]
) -> None:
    thing: Any = kind(clock)
    sessions = session(store=half.RedisSessionStore(thing, ttl=60))
    for number in (1, 2):
        assert counted(sessions) == number
        assert thing.entries == {PREFIX + KEY: (f'{{"counter":{number}}}', clock.ms + 60_000)}
        clock.tick(50)
        with sessions.of(update()) as found:
            assert found == {"counter": number}
        assert thing.entries[PREFIX + KEY][1] == clock.ms + 60_000
    assert sessions.delete(KEY) is True
    assert thing.entries == {}


def test_on_a_server_one_at_a_time_is_for_all_processes(
    half: Any, bridge: Bridge, valkey: Server
) -> None:
    """Two stores are as two processes."""
    stores = [half.RedisSessionStore(valkey.url) for _ in range(2)]
    one, other = (bridge.driven(half.session(store=store)) for store in stores)
    try:
        crowd([lambda: counted(one), lambda: counted(other)] * 3)

        assert valkey.call("GET", PREFIX + KEY) == b'{"counter":6}'
        assert DAY_MS - 5000 < valkey.call("PTTL", PREFIX + KEY) <= DAY_MS
        assert counted(other, update(100, 8)) == counted(other, update(1, 7)) == 1
        assert sorted(one.keys()) == ["100:7", "100:8", "1:7"]
        assert sorted(one.keys(chat=100)) == ["100:7", "100:8"]
        assert one.delete_all(user=7) == 2
        assert list(other.items()) == [("100:8", {"counter": 1})]
    finally:
        for store in stores:
            bridge.driven(store).close()
        valkey.call("FLUSHALL")
