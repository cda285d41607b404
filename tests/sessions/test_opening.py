"""How a session begins, and when it is stored."""

from __future__ import annotations

import asyncio
import inspect
import threading
from types import SimpleNamespace
from typing import Any

import pytest

import storage
import storage.aio
from storage import InvalidKeyError, ReentryError, SessionKey, UnstorableError, WrongTypeError
from storage.testing.threads import crowd
from tests.leases.ground import run
from tests.sessions.ground import Ground

FALSY: list[Any] = [None, 0, 0.0, "", False, [], {}]


def test_a_counter_counts(ground: Ground) -> None:
    sessions = ground.sessions(initial=lambda: {"n": 0})
    for _ in range(3):
        with sessions.open("k") as session:
            session["n"] += 1

    assert ground.kept() == {"n": 3}
    assert sessions.get("k") == {"n": 3}
    assert ground.sessions().get("k") == {"n": 3}


def test_a_session_is_the_json_object_of_its_members(ground: Ground) -> None:
    with ground.sessions().open(SessionKey(100, 7)) as session:
        session["name"] = "Ann"
        session["cart"] = [{"id": 1}]

    assert ground.text("100:7") == '{"name":"Ann","cart":[{"id":1}]}'


def test_what_is_new_and_untouched_is_not_stored(ground: Ground) -> None:
    sessions = ground.sessions(initial=lambda: {"n": 0, "cart": []})
    with sessions.open("k") as session:
        assert session == {"n": 0, "cart": []}
    with sessions.open("k") as session:
        session["n"] = 5
        session["n"] = 0

    assert ground.kept() is None
    assert sessions.get("k") is None


def test_what_is_not_changed_is_not_written(ground: Ground) -> None:
    spaced = '{ "b": [1, {"c": 2}],  "a": 1.0 }'
    ground.plant(spaced)
    before = ground.text()
    sessions = ground.sessions()
    with sessions.open("k") as session:
        session["a"] += 1
        session["b"][1]["c"] = 3
        session["a"] -= 1
        session["b"][1]["c"] = 2
    assert ground.text() == before

    with sessions.open("k") as session:
        session["d"] = None
    assert ground.kept() == {"b": [1, {"c": 2}], "a": 1.0, "d": None}


def test_a_change_deep_inside_is_a_change(ground: Ground) -> None:
    ground.plant({"a": {"b": [{"c": []}]}})
    with ground.sessions().open("k") as session:
        session["a"]["b"][0]["c"].append({"d": 1})

    assert ground.kept() == {"a": {"b": [{"c": [{"d": 1}]}]}}


def test_a_member_that_changes_its_type_and_not_its_number_is_a_change(memory: Ground) -> None:
    ground = memory
    ground.plant({"n": 1, "f": True})
    with ground.sessions().open("k") as session:
        session["f"] = 1

    assert ground.text() == '{"n":1,"f":1}'


@pytest.mark.parametrize("value", FALSY, ids=repr)
def test_what_is_falsy_is_a_value(memory: Ground, value: Any) -> None:
    sessions = memory.sessions(initial=lambda: {"a": 5})
    with sessions.open("k") as session:
        session["a"] = value

    with sessions.open("k") as session:
        assert session == {"a": value}
        assert type(session["a"]) is type(value)


def test_an_empty_session_is_a_session(ground: Ground) -> None:
    sessions = ground.sessions(initial=lambda: {"a": 5})
    with sessions.open("k") as session:
        del session["a"]

    assert ground.kept() == {}
    assert sessions.get("k") == {}
    with sessions.open("k") as session:
        assert session == {}
        session["b"] = 1
        del session["b"]
    assert ground.kept() == {}


@pytest.mark.parametrize(
    "name", ["__proto__", "constructor", "a.b", "\x00", "~ns~", "%3A", "é\u2028", "😀"]
)
def test_any_text_is_a_key_and_a_member(memory: Ground, name: str) -> None:
    sessions = memory.sessions()
    with sessions.open(name) as session:
        session[name] = {name: name}

    assert sessions.get(name) == {name: {name: name}}
    assert list(sessions.keys()) == [name]
    assert memory.kept(name) == {name: {name: name}}


def test_an_empty_text_is_the_key_of_nobody(memory: Ground) -> None:
    sessions = memory.sessions(key=lambda event: event)
    with sessions.of("") as session:
        session["mine"] = True
    with sessions.of("") as session:
        assert session == {}

    assert list(sessions.keys()) == []
    for ask in (sessions.open, sessions.get, sessions.inspect, sessions.delete):
        with pytest.raises(InvalidKeyError, match="can not be empty"):
            ask("")


def test_a_number_is_no_key_and_the_error_says_what_is(memory: Ground) -> None:
    with pytest.raises(InvalidKeyError, match=r"SessionKey\(user="):
        memory.sessions().open(7)


def test_initial_is_asked_whenever_a_session_begins_and_only_then(memory: Ground) -> None:
    asked: list[int] = []

    def initial() -> dict[str, Any]:
        asked.append(1)
        return {"n": len(asked)}

    sessions = memory.sessions(initial=initial)
    for number in (1, 2):
        with sessions.open("a") as session:
            assert session == {"n": number}
    with sessions.open("a") as session:
        session["n"] = 10
    with sessions.open("a") as session:
        assert session == {"n": 10}

    assert len(asked) == 3


def test_two_sessions_share_nothing_of_what_they_begin_as(memory: Ground) -> None:
    shared = {"cart": ["tea"]}
    sessions = memory.sessions(initial=lambda: shared)
    with sessions.open("a") as session:
        session["cart"].append("milk")
    with sessions.open("b") as session:
        assert session == {"cart": ["tea"]}

    assert shared == {"cart": ["tea"]}
    assert sessions.get("a") == {"cart": ["tea", "milk"]}


def test_what_was_put_in_is_not_what_is_there(memory: Ground) -> None:
    cart = ["tea"]
    sessions = memory.sessions()
    with sessions.open("a") as session:
        session["cart"] = cart
    cart.append("milk")

    assert sessions.get("a") == {"cart": ["tea"]}
    sessions.get("a")["cart"].append("milk")
    assert sessions.get("a") == {"cart": ["tea"]}


def test_initial_may_look_at_the_event(memory: Ground) -> None:
    sessions = memory.sessions(initial=lambda event: {"name": event.name})
    with sessions.open("k", SimpleNamespace(name="Ann")) as session:
        assert session == {"name": "Ann"}


def test_initial_may_be_awaited_where_all_is() -> None:
    async def initial(event: str) -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"name": event}

    async def work() -> None:
        async with storage.aio.MemoryStorage() as store:
            sessions = storage.aio.Sessions(store, initial=initial)
            async with sessions.open("k", "Ann") as session:
                assert session == {"name": "Ann"}

    run(work())
    with storage.MemoryStorage() as store, pytest.raises(TypeError, match="coroutine"):
        storage.Sessions(store, initial=initial)


@pytest.mark.parametrize("value", [None, [], "text", 5, SimpleNamespace(a=1)], ids=repr)
def test_what_has_no_members_is_no_session(memory: Ground, value: Any) -> None:
    """And who comes next does not wait for it."""
    sessions = memory.sessions(initial=lambda: value, wait=0)
    for _ in range(2):
        with pytest.raises(WrongTypeError, match="dict") as caught, sessions.open("k"):
            pytest.fail("there is no session to work on")
        assert caught.value.key == "k"
    assert memory.kept() is None


def test_an_initial_that_fails_lets_the_next_one_come(ground: Ground) -> None:
    left = [LookupError("no such user")]

    def initial() -> dict[str, Any]:
        if left:
            raise left.pop()
        return {}

    sessions = ground.sessions(initial=initial, wait=0)
    with pytest.raises(LookupError), sessions.open("k"):
        pytest.fail("there is no session to work on")
    with sessions.open("k") as session:
        session["a"] = 1
    assert ground.kept() == {"a": 1}


def test_an_initial_that_can_not_be_stored_says_which_part(memory: Ground) -> None:
    sessions = memory.sessions(initial=lambda: {"a": [{1, 2}]})
    with pytest.raises(UnstorableError, match=r"\$\.a\[0\]"), sessions.open("k"):
        pytest.fail("there is no session to work on")


def test_without_a_key_a_session_lives_for_the_block(ground: Ground) -> None:
    sessions = ground.sessions(initial=lambda: {"n": 0})
    for _ in range(2):
        opened = sessions.open(None)
        with opened as session:
            session["n"] += 1
            assert session == {"n": 1}
            assert opened.is_new
            opened.save()
            opened.clear()
            assert session == {"n": 0}
        assert opened.key is None

    assert list(sessions.keys()) == []
    assert list(ground.place.plain.keys()) == []


def test_two_without_a_key_do_not_wait_for_each_other(memory: Ground) -> None:
    sessions = memory.sessions()
    with sessions.open(None) as one, sessions.open(None) as other:
        one["a"] = 1
        assert other == {}


def test_an_event_without_a_key_has_a_session_for_the_block(memory: Ground) -> None:
    sessions = memory.sessions(key=lambda event: event)
    with sessions.of(None) as session:
        session["a"] = 1
    with sessions.of("k") as session:
        session["a"] = 2
    with sessions.of(SessionKey("k")) as session:
        assert session == {"a": 2}

    assert list(sessions.keys()) == ["k"]


def test_a_lazy_session_is_not_read_until_it_is_asked_for(ground: Ground) -> None:
    ground.plant([])
    sessions = ground.sessions(wait=0)
    with sessions.open("k", lazy=True) as session, sessions.open("k", lazy=True):
        assert session.key == "k"
        with pytest.raises(RuntimeError, match="not loaded"):
            session.value  # noqa: B018
        with pytest.raises(RuntimeError, match="not loaded"):
            session.replace({})
    with sessions.open("k", lazy=True) as session:
        for _ in range(2):
            with pytest.raises(storage.CorruptValueError):
                session.load()


def test_a_lazy_session_is_stored_where_it_was_changed(ground: Ground) -> None:
    sessions = ground.sessions(initial=lambda event: {"name": event}, key=lambda event: event)
    with sessions.of("k", lazy=True) as session:
        session.load()
    assert ground.kept() is None

    with sessions.of("k", lazy=True) as session:
        assert session.load() is session.load() is session.value
        session.load()["n"] = 1
        assert session.is_new
    assert ground.kept() == {"name": "k", "n": 1}


def test_a_lazy_session_holds_the_turn_from_the_first_load(memory: Ground) -> None:
    sessions = memory.sessions(wait=0)
    with sessions.open("k", lazy=True) as session:
        crowd([lambda: changed(sessions, "a")])
        session.load()
        with pytest.raises(storage.LeaseTimeoutError):
            crowd([lambda: changed(sessions, "b")])
    crowd([lambda: changed(sessions, "c")])

    assert memory.kept() == {"a": 1, "c": 1}


def changed(sessions: Any, name: str) -> None:
    with sessions.open("k") as session:
        session[name] = 1


def test_all_who_load_at_the_same_time_get_the_same_object(memory: Ground) -> None:
    asked: list[int] = []

    def initial() -> dict[str, Any]:
        asked.append(1)
        return {}

    sessions = memory.sessions(initial=initial)
    with sessions.open("k", lazy=True) as session:
        found = crowd([session.load] * 8)
        for number, one in enumerate(found):
            one[f"{number}"] = number

    assert len(asked) == 1
    assert memory.kept() == {f"{number}": number for number in range(8)}


def test_tasks_that_load_at_the_same_time_get_the_same_object() -> None:
    async def work() -> None:
        async with storage.aio.MemoryStorage() as store:
            sessions = storage.aio.Sessions(store)
            async with sessions.open("k", lazy=True) as session:
                found = await asyncio.gather(*(session.load() for _ in range(8)))
                assert len({id(one) for one in found}) == 1
                found[3]["a"] = 1
            assert await sessions.get("k") == {"a": 1}

    run(work())


def test_hooks_that_come_in_two_halves_do_what_a_block_does(ground: Ground) -> None:
    sessions = ground.sessions()
    opened = sessions.open("k")
    opened.begin()["a"] = 1
    opened.end()
    failed = sessions.open("k")
    failed.begin()["a"] = 2
    failed.end(LookupError())
    lazy = sessions.open("k", lazy=True)
    lazy.begin().load()["b"] = 3
    lazy.end()

    assert ground.kept() == {"a": 1, "b": 3}


def test_hooks_may_be_called_in_two_threads(memory: Ground) -> None:
    sessions = memory.sessions(wait=0)
    opened = sessions.open("k")
    crowd([opened.begin])
    opened.value["a"] = 1
    opened.end()

    with sessions.open("k") as session:
        assert session == {"a": 1}


def test_a_session_ends_once_and_is_open_once_at_a_time(memory: Ground) -> None:
    sessions = memory.sessions()
    opened = sessions.open("k")
    with pytest.raises(RuntimeError, match="not open"):
        opened.end()
    with opened as session:
        session["a"] = 1
        for again in (opened.begin, opened.__enter__):
            with pytest.raises(ReentryError, match="open already"):
                again()
    for late in (opened.end, opened.save, opened.clear, opened.discard):
        with pytest.raises(RuntimeError, match="not open"):
            late()
    with opened as session:
        assert session == {"a": 1}
        session["b"] = 2

    assert memory.kept() == {"a": 1, "b": 2}


def test_a_handler_is_run_with_its_event_and_its_session(memory: Ground) -> None:
    sessions = memory.sessions(key=lambda event: "k")

    def handler(event: str, session: dict[str, Any]) -> str:
        session["heard"] = event
        return event.upper()

    assert sessions.of("hello").run(handler) == "HELLO"
    assert memory.kept() == {"heard": "hello"}


def test_a_handler_that_fails_changes_nothing_and_is_heard(ground: Ground) -> None:
    sessions = ground.sessions(key=lambda event: "k", wait=0)

    def handler(event: str, session: dict[str, Any]) -> None:
        session["a"] = 1
        raise LookupError(event)

    for _ in range(2):
        with pytest.raises(LookupError, match="hello"):
            sessions.of("hello").run(handler)
    assert ground.kept() is None


def test_what_failed_is_stored_where_that_is_asked_for(ground: Ground) -> None:
    sessions = ground.sessions(on_error="save")
    with pytest.raises(LookupError), sessions.open("k") as session:  # noqa: PT012
        session["a"] = 1
        raise LookupError
    assert ground.kept() == {"a": 1}


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_who_is_told_to_stop_stores_nothing(memory: Ground, kind: Any) -> None:
    sessions = memory.sessions(on_error="save", wait=0)
    opened = sessions.open("k")
    opened.begin()["a"] = 1
    opened.end(kind())

    assert memory.kept() is None
    with sessions.open("k"):
        pass


def test_a_task_that_is_cancelled_stores_nothing() -> None:
    async def work() -> None:
        async with storage.aio.MemoryStorage() as store:
            sessions = storage.aio.Sessions(store, on_error="save", wait=0)
            inside = asyncio.Event()

            async def handler(event: object, session: dict[str, Any]) -> None:
                session["a"] = 1
                inside.set()
                await asyncio.sleep(60)

            task = asyncio.ensure_future(sessions.open("k").run(handler))
            await inside.wait()
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
            async with sessions.open("k") as session:
                assert session == {}

    run(work())


def test_a_handler_of_a_coroutine_is_refused_where_nothing_is_awaited() -> None:
    async def handler(event: object, session: object) -> None:
        """Nothing to do."""

    with storage.MemoryStorage() as store:
        sessions = storage.Sessions(store, initial=pytest.fail)
        with pytest.raises(TypeError, match="coroutine"):
            sessions.open("k").run(handler)
        with pytest.raises(TypeError, match="a function is wanted"):
            sessions.open("k").run("handler")  # type: ignore[arg-type]


def test_a_session_inside_of_itself_is_refused_at_once(ground: Ground) -> None:
    sessions = ground.sessions()
    with sessions.open("k") as session:
        session["a"] = 1
        with pytest.raises(ReentryError) as caught, sessions.open("k"):
            pytest.fail("it is open right here")
        assert caught.value.key == "k"
        with pytest.raises(ReentryError):
            sessions.delete("k")
        with sessions.open("other") as other:
            other["b"] = 2

    assert ground.kept() == {"a": 1}
    assert ground.kept("other") == {"b": 2}


def test_who_only_looks_waits_for_nobody(ground: Ground) -> None:
    ground.plant({"a": 1})
    sessions = ground.sessions()
    with sessions.open("k") as session:
        session["a"] = 2
        assert sessions.get("k") == {"a": 1}
        assert sessions.inspect("k").value == {"a": 1}
        assert list(sessions.items()) == [("k", {"a": 1})]


def test_different_sessions_do_not_wait_for_each_other(ground: Ground) -> None:
    sessions, gate = ground.sessions(), threading.Barrier(4)

    def work(number: int) -> None:
        with sessions.open(f"{number}") as session:
            gate.wait(20)
            session["n"] = number

    crowd([lambda number=number: work(number) for number in range(4)])

    assert dict(sessions.items()) == {f"{number}": {"n": number} for number in range(4)}


def test_what_opens_a_session_touches_nothing_by_itself(memory: Ground) -> None:
    """It may be made anywhere, before a loop runs, and be thrown away."""
    inner = memory.inner(initial=pytest.fail, wait=0)
    for _ in range(2):
        assert not inspect.isawaitable(inner.open("k"))
    assert not inspect.isawaitable(inner.open("k", lazy=True))
