"""Flood control: who writes too fast is answered once, and otherwise dropped."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import aiogram.types
import pytest
import telebot.types

import storage
import storage.telegram
from storage import SessionKey
from storage.testing import Clock
from tests.leases.ground import run
from tests.telegram.ground import Ground


def plain(kind: str, chat: int = 100, user: int | None = 7) -> dict[str, Any]:
    """A message as Telegram tells of it."""
    place = {"id": chat, "type": kind, "title": "A place", "first_name": "Ann"}
    told: dict[str, Any] = {"message_id": 1, "date": 1, "chat": place, "text": "hello"}
    if user is not None:
        told["from"] = {"id": user, "is_bot": False, "first_name": "Ann"}
    return told


def of_telebot(kind: str, **ids: Any) -> Any:
    return telebot.types.Message.de_json(plain(kind, **ids))


def of_aiogram(kind: str, **ids: Any) -> Any:
    return aiogram.types.Message.model_validate(plain(kind, **ids))


def update_of_aiogram(kind: str, **ids: Any) -> Any:
    update = {"update_id": 1, "message": plain(kind, **ids)}
    return aiogram.types.Update.model_validate(update)


def callback_of_telebot(kind: str, **ids: Any) -> Any:
    told = {"id": "1", "from": plain(kind)["from"], "message": plain(kind, **ids)}
    return telebot.types.CallbackQuery.de_json({**told, "chat_instance": "1", "data": "x"})


def of_ptb(kind: str, chat: int = 100, user: int | None = 7) -> Any:
    """What python-telegram-bot makes of it, as far as it matters."""
    return SimpleNamespace(
        update_id=1,
        effective_chat=SimpleNamespace(id=chat, type=kind),
        effective_user=None if user is None else SimpleNamespace(id=user),
    )


FRAMEWORKS = {
    "telebot": of_telebot,
    "telebot-callback": callback_of_telebot,
    "aiogram": of_aiogram,
    "aiogram-update": update_of_aiogram,
    "ptb": of_ptb,
}

frameworks = pytest.mark.parametrize("event", FRAMEWORKS.values(), ids=FRAMEWORKS)


def passed(inbound: Any, event: Any, times: int) -> int:
    return sum(inbound.passes(event) for _ in range(times))


@frameworks
def test_a_private_chat_gets_one_a_second(memory: Ground, event: Any) -> None:
    inbound = memory.inbound()

    assert passed(inbound, event("private"), 5) == 1
    memory.clock.tick(1)
    assert passed(inbound, event("private"), 5) == 1


@frameworks
@pytest.mark.parametrize("kind", ["group", "supergroup"])
def test_a_group_gets_twenty_a_minute(memory: Ground, event: Any, kind: str) -> None:
    inbound = memory.inbound()

    assert passed(inbound, event(kind), 30) == 20
    memory.clock.tick(60)
    assert passed(inbound, event(kind), 30) == 20


def test_every_user_of_every_chat_is_counted_apart(ground: Ground) -> None:
    inbound = ground.inbound()

    events = [of_telebot("private", chat=chat, user=user) for chat in (1, 2) for user in (7, 8)]

    assert [passed(inbound, event, 2) for event in events] == [1, 1, 1, 1]


def test_what_has_no_user_is_counted_by_its_chat_and_the_other_way_round(memory: Ground) -> None:
    inbound = memory.inbound()
    query = SimpleNamespace(from_user=SimpleNamespace(id=100))

    assert passed(inbound, of_telebot("private", user=None), 3) == 1
    assert passed(inbound, query, 3) == 1


def test_a_flooder_is_answered_once_in_a_window_by_all_workers(ground: Ground) -> None:
    answered: list[tuple[int, Any]] = []
    workers = [
        ground.inbound(
            group="2/10s",
            answer=lambda event, verdict, number=number: answered.append(
                (number, (event, verdict))
            ),
        )
        for number in range(2)
    ]
    event = of_telebot("group")

    def flood() -> int:
        return sum(workers[number % 2].passes(event) for number in range(10))

    assert flood() == 2
    assert len(answered) == 1
    _, (told, verdict) = answered[0]
    assert told is event
    assert verdict.retry_after == pytest.approx(10, abs=0.002)
    assert str(verdict.limit) == "2/10s"
    ground.clock.tick(10)
    assert flood() == 2
    assert len(answered) == 2


def test_flooders_are_answered_each_by_itself(memory: Ground) -> None:
    answered: list[Any] = []
    inbound = memory.inbound(answer=lambda event, verdict: answered.append(event))
    ann, bob = (of_telebot("private", user=user) for user in (7, 8))

    for event in (ann, bob) * 4:
        inbound.passes(event)

    assert answered == [ann, bob]


def test_to_look_answers_nobody_and_counts(memory: Ground) -> None:
    answered: list[Any] = []
    inbound = memory.inbound(answer=lambda event, verdict: answered.append(event))
    event = of_telebot("private")

    verdicts = [inbound.check(event) for _ in range(3)]

    assert [verdict.allowed for verdict in verdicts] == [True, False, False]
    assert [verdict.is_first_refusal for verdict in verdicts] == [False, True, False]
    assert answered == []


def test_a_handler_is_called_for_what_passes_and_gives_its_answer(memory: Ground) -> None:
    inbound = memory.inbound()
    event = of_telebot("private")
    came: list[Any] = []

    def handler(*args: Any, **named: Any) -> str:
        came.append((args, named))
        return "done"

    handled = memory.bridge.handed(handler) if memory.is_async else handler
    told = [inbound.run(event, handled, 1, event=2, handler=3) for _ in range(3)]

    assert told == ["done", None, None]
    assert came == [((event, 1), {"event": 2, "handler": 3})]


@pytest.mark.parametrize("strict", [False, True])
def test_what_is_from_nobody_passes_unless_that_is_refused(memory: Ground, strict: bool) -> None:
    answered: list[Any] = []
    inbound = memory.inbound(strict=strict, answer=lambda *told: answered.append(told))
    poll = SimpleNamespace(id="5")

    assert passed(inbound, poll, 40) == (0 if strict else 40)
    assert inbound.check(poll).retry_after == 0
    assert answered == []


@pytest.mark.parametrize("key", ["everybody", 7, SessionKey(user=7)], ids=repr)
def test_a_key_may_be_another(memory: Ground, key: Any) -> None:
    inbound = memory.inbound(key=lambda event: key)

    assert passed(inbound, of_telebot("private", chat=1), 3) == 1
    assert passed(inbound, of_telebot("private", chat=2), 3) == 0


def test_what_has_another_name_is_counted_apart(memory: Ground) -> None:
    """Also what a limiter of the bot counts for the same user."""
    event = of_telebot("private")
    limiter = memory.bridge.driven(memory.half.RateLimiter(memory.place.base, "1/s"))

    assert passed(memory.inbound(), event, 3) == 1
    assert passed(memory.inbound(name="buttons"), event, 3) == 1
    assert limiter.hit(SessionKey(100, 7))
    assert passed(memory.inbound(), event, 3) == 0


def test_an_error_of_the_answer_is_raised(memory: Ground) -> None:
    def fail(event: Any, verdict: Any) -> None:
        raise LookupError("no such chat")

    inbound = memory.inbound(answer=fail)
    event = of_telebot("private")
    inbound.passes(event)

    with pytest.raises(LookupError):
        inbound.passes(event)
    assert not inbound.passes(event)


def test_callbacks_of_asyncio_are_awaited() -> None:
    answered: list[Any] = []

    async def key(event: Any) -> str:
        return str(event)

    async def answer(event: Any, verdict: Any) -> None:
        answered.append(event)

    async def handler(event: Any) -> str:
        return f"{event} came"

    async def work() -> list[Any]:
        store = storage.aio.MemoryStorage(clock=Clock())
        inbound = storage.aio.telegram.inbound(store, key=key, answer=answer)
        return [await inbound.run("ann", handler) for _ in range(3)]

    assert run(work()) == ["ann came", None, None]
    assert answered == ["ann"]


def test_the_blocking_half_takes_no_coroutine_functions() -> None:
    async def never(*_: Any) -> None:
        """Never called."""

    store = storage.MemoryStorage()
    inbound = storage.telegram.inbound(store)

    for options in ({"key": never}, {"answer": never}):
        with pytest.raises(TypeError, match="coroutine"):
            storage.telegram.inbound(store, **options)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="coroutine"):
        inbound.run(of_telebot("private"), never)
    assert inbound.passes(of_telebot("private"))


@pytest.mark.parametrize(
    "options",
    [
        {"private": "often"},
        {"group": []},
        {"group": storage.Limit(1, 1, key="user:{user}")},
        {"private": storage.Limit(1, 1, algorithm="slots")},
        {"key": "user"},
        {"answer": "too fast"},
        {"name": 5},
        {"on_error": "hope"},
        {"remember": -1},
    ],
    ids=str,
)
def test_a_bad_option_is_refused(options: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        storage.telegram.inbound(storage.MemoryStorage(), **options)


@pytest.mark.parametrize(
    ("option", "wanted"),
    [("private", "a text"), ("group", "a text"), ("key", "a function"), ("answer", "a function")],
)
@pytest.mark.parametrize("value", [5, b"1/s", {"1/s"}], ids=repr)
def test_a_bad_option_is_called_by_its_name(
    memory: Ground, option: str, wanted: str, value: Any
) -> None:
    with pytest.raises(TypeError, match=f"^{option} must be {wanted}.* not {type(value).__name__}"):
        memory.inbound(**{option: value})


@pytest.mark.parametrize("option", ["private", "group"])
def test_there_are_always_limits(memory: Ground, option: str) -> None:
    with pytest.raises(TypeError, match=f"^{option} must be a text such as .* not NoneType"):
        memory.inbound(**{option: None})


def test_what_is_no_handler_is_refused_before_anything_is_counted(memory: Ground) -> None:
    inbound = memory.inbound()
    event = of_telebot("private")

    with pytest.raises(TypeError, match="handler must be a function"):
        inbound.run(event, 5)
    assert inbound.passes(event)


def test_flood_control_says_what_it_is_and_nothing_of_whom_it_is_for(memory: Ground) -> None:
    inbound = memory.inbound(private=["3/5s", storage.Limit(100, 3600)], name="secret")
    inbound.passes(of_telebot("private"))

    assert repr(inbound) == "<Inbound of memory: 3/5s, 100/h, in groups 20/min>"
