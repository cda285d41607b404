"""Who listens is told what happens, whatever the others do with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest

import storage.aio.continuity.events
import storage.continuity.events
from storage.core.dialog.errors import ValidationError
from storage.core.dialog.names import EVENTS
from storage.core.dialog.records import Event
from storage.testing import Bridge
from tests.continuity.managed import Heard

NOW = datetime(2026, 11, 26, tzinfo=timezone.utc)


def happened(kind: str = "session:created") -> Event:
    return Event(kind, "s", NOW, {"a": 1})


@pytest.fixture(params=[storage.continuity.events, storage.aio.continuity.events], ids=["", "aio"])
def emitter(request: pytest.FixtureRequest) -> Iterator[Any]:
    with Bridge() as bridge:
        yield bridge.driven(request.param.SessionEventEmitter())


def test_who_listens_is_told_the_event_itself(emitter: Any) -> None:
    heard = Heard()

    emitter.on("session:created", heard)
    emitter.emit(happened())

    assert heard.events == [Event("session:created", "s", NOW, {"a": 1})]


def test_who_listens_to_something_else_is_not_told(emitter: Any) -> None:
    heard = Heard()

    emitter.on("session:ended", heard)
    emitter.emit(happened())

    assert heard.events == []


def test_who_listens_no_more_is_not_told(emitter: Any) -> None:
    stays, goes = Heard(), Heard()

    emitter.on("session:created", goes)
    emitter.on("session:created", stays)
    emitter.off("session:created", goes)
    emitter.off("session:created", Heard())
    emitter.off("message:added", stays)
    emitter.emit(happened())

    assert (goes.types, stays.types) == ([], ["session:created"])


def test_all_who_listen_are_told_in_their_order_and_those_of_everything_last(emitter: Any) -> None:
    told: list[str] = []
    listening = {name: _saying(told, name) for name in "abc"}

    emitter.on("*", listening["a"])
    emitter.on("session:created", listening["b"])
    emitter.on("session:created", listening["c"])
    emitter.emit(happened())

    assert told == ["b", "c", "a"]


def test_who_listens_twice_is_told_once(emitter: Any) -> None:
    heard = Heard()

    emitter.on("session:created", heard)
    emitter.on("session:created", heard)
    emitter.emit(happened())

    assert len(heard.events) == 1


def test_everything_is_all_there_is(emitter: Any) -> None:
    heard = Heard()

    emitter.on("*", heard)
    for name in EVENTS:
        emitter.emit(happened(name))

    assert heard.types == list(EVENTS)
    assert len(EVENTS) == len(set(EVENTS)) == 14


@pytest.mark.parametrize("event", ["session:created", "*"])
def test_once_is_once(emitter: Any, event: str) -> None:
    once, always = Heard(), Heard()

    emitter.once(event, once)
    emitter.on(event, always)
    for _ in range(3):
        emitter.emit(happened())

    assert (len(once.events), len(always.events)) == (1, 3)


def test_once_is_once_for_who_makes_it_happen_again(emitter: Any) -> None:
    """In the middle of being told."""
    told = Heard()

    def again(event: Event) -> None:
        told(event)
        if len(told.events) < 5:
            emitter.emit(event)

    emitter.once("session:created", again)
    emitter.emit(happened())

    assert len(told.events) == 1


@pytest.mark.parametrize("first", ["on", "once"])
def test_who_wants_to_be_called_always_is_called_always(emitter: Any, first: str) -> None:
    """Whatever was wanted before or after."""
    heard, other = Heard(), Heard()

    getattr(emitter, first)("session:created", heard)
    emitter.on("session:created", other)
    getattr(emitter, "once" if first == "on" else "on")("session:created", heard)
    for _ in range(3):
        emitter.emit(happened())

    assert (len(heard.events), len(other.events)) == (3, 3)


def test_once_is_forgotten_by_off(emitter: Any) -> None:
    heard = Heard()

    emitter.once("session:created", heard)
    emitter.off("session:created", heard)
    emitter.emit(happened())

    assert heard.events == []


def test_one_that_raises_keeps_nobody_else_from_it(
    emitter: Any, caplog: pytest.LogCaptureFixture
) -> None:
    heard, everything = Heard(), Heard()

    emitter.on("session:created", _Failing())
    emitter.on("session:created", heard)
    emitter.on("*", everything)
    with caplog.at_level(logging.ERROR, "storage"):
        emitter.emit(happened())

    assert (heard.types, everything.types) == (["session:created"], ["session:created"])
    assert [record.getMessage() for record in caplog.records] == [
        "a handler of session:created failed"
    ]
    assert caplog.records[0].exc_info


def test_what_ends_a_program_is_not_held_up(emitter: Any) -> None:
    emitter.on("session:created", _Failing(KeyboardInterrupt()))

    with pytest.raises(KeyboardInterrupt):
        emitter.emit(happened())


def test_nobody_has_to_listen(emitter: Any) -> None:
    emitter.emit(happened())

    assert not emitter.listens("session:created")


def test_it_is_known_who_listens(emitter: Any) -> None:
    heard = Heard()
    emitter.on("message:added", heard)

    assert emitter.listens("message:added")
    assert not emitter.listens("message:deleted")

    emitter.once("*", heard)

    assert emitter.listens("message:deleted")

    emitter.emit(happened("message:deleted"))

    assert not emitter.listens("message:deleted")


def test_all_who_listen_to_one_event_go_at_once(emitter: Any) -> None:
    created, ended = Heard(), Heard()

    emitter.on("session:created", created)
    emitter.on("session:ended", ended)
    emitter.remove_all_listeners("session:created")
    emitter.emit(happened())
    emitter.emit(happened("session:ended"))

    assert (created.types, ended.types) == ([], ["session:ended"])


def test_all_who_listen_to_anything_go_at_once(emitter: Any) -> None:
    created, everything = Heard(), Heard()

    emitter.on("session:created", created)
    emitter.on("*", everything)
    emitter.remove_all_listeners()
    emitter.emit(happened())

    assert created.types == everything.types == []


@pytest.mark.parametrize("name", ["session:make", "", None, 7, ["*"], "session:*"])
@pytest.mark.parametrize("method", ["on", "once", "off"])
def test_an_event_that_there_is_not_is_refused(emitter: Any, method: str, name: Any) -> None:
    with pytest.raises(ValidationError, match="there is no event"):
        getattr(emitter, method)(name, Heard())
    if name is not None:
        with pytest.raises(ValidationError, match="there is no event"):
            emitter.remove_all_listeners(name)


@pytest.mark.parametrize("handler", [None, "print", 7])
@pytest.mark.parametrize("method", ["on", "once"])
def test_what_can_not_be_called_is_refused(emitter: Any, method: str, handler: Any) -> None:
    with pytest.raises(TypeError, match="handler must be a function"):
        getattr(emitter, method)("session:created", handler)


def test_a_coroutine_function_is_refused_where_nobody_could_await_it() -> None:
    emitter = storage.continuity.events.SessionEventEmitter()

    async def handler(event: Event) -> None: ...

    with pytest.raises(TypeError, match="blocking half"):
        emitter.on("session:created", handler)


def test_handlers_of_both_colours_are_called_by_turns() -> None:
    """An awaited one is done before the next is called, and one that fails is no lost task."""
    told: list[str] = []

    async def slow(event: Event) -> None:
        await asyncio.sleep(0)
        told.append("awaited")

    async def failing(event: Event) -> None:
        await asyncio.sleep(0)
        raise ValueError("no")

    async def run() -> None:
        emitter = storage.aio.continuity.events.SessionEventEmitter(logging.getLogger("silent"))
        emitter.on("session:created", slow)
        emitter.on("session:created", failing)
        emitter.on("session:created", lambda event: told.append("called"))
        await emitter.emit(happened())
        assert asyncio.all_tasks() == {asyncio.current_task()}

    logging.getLogger("silent").addHandler(logging.NullHandler())
    asyncio.run(run())

    assert told == ["awaited", "called"]


@pytest.mark.parametrize("is_awaited", [False, True])
def test_a_handler_that_was_cancelled_itself_is_a_handler_that_failed(
    is_awaited: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """What it waited for was cancelled, and not who waits for it."""
    heard = Heard()

    def plain(event: Event) -> None:
        raise asyncio.CancelledError

    async def awaited(event: Event) -> None:
        other = asyncio.ensure_future(asyncio.sleep(20))
        other.cancel()
        await other

    async def run() -> None:
        emitter = storage.aio.continuity.events.SessionEventEmitter()
        emitter.on("session:created", awaited if is_awaited else plain)
        emitter.on("session:created", heard)
        await emitter.emit(happened())

    with caplog.at_level(logging.ERROR, "storage"):
        asyncio.run(run())

    assert heard.types == ["session:created"]
    assert [record.getMessage() for record in caplog.records] == [
        "a handler of session:created failed"
    ]


def test_who_is_cancelled_while_a_handler_is_awaited_is_cancelled_with_it() -> None:
    ended: list[str] = []
    heard = Heard()

    async def run() -> None:
        begun = asyncio.Event()

        async def slow(event: Event) -> None:
            begun.set()
            try:
                await asyncio.sleep(20)
            finally:
                ended.append("slow")

        emitter = storage.aio.continuity.events.SessionEventEmitter()
        emitter.on("session:created", slow)
        emitter.on("session:created", heard)
        telling = asyncio.ensure_future(emitter.emit(happened()))
        await begun.wait()
        telling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await telling
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())

    assert (ended, heard.events) == (["slow"], [])


def test_who_comes_or_goes_meanwhile_is_told_from_the_next_time_on(emitter: Any) -> None:
    told: list[str] = []
    second = _saying(told, "second")

    def first(event: Event) -> None:
        told.append("first")
        emitter.off("session:created", second)
        emitter.on("session:created", _saying(told, "third"))

    emitter.once("session:created", first)
    emitter.on("session:created", second)
    emitter.emit(happened())

    assert told == ["first", "second"]

    emitter.emit(happened())

    assert told == ["first", "second", "third"]


class _Failing:
    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error or ValueError("no")

    def __call__(self, event: Event) -> None:
        raise self.error


class _Saying:
    def __init__(self, told: list[str], word: str) -> None:
        self.told = told
        self.word = word

    def __call__(self, event: Event) -> None:
        self.told.append(self.word)


def _saying(told: list[str], word: str) -> _Saying:
    return _Saying(told, word)
