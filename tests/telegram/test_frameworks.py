"""What the guide shows for frameworks, on them, up to where the network begins."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import aiogram
import aiogram.methods
import pytest
import requests
import telebot
from aiogram.client.session.base import BaseSession

import storage
import storage.aio.telegram
import storage.telegram
from storage.testing import Clock
from tests.docs.test_pages import run as run_page
from tests.house.tree import ROOT
from tests.leases.ground import run, until_in_loop
from tests.telegram.ground import may_send

PAGE = ROOT / "docs" / "guide" / "telegram.md"
TOKEN = "42:TEST"


class Telegram:
    """Refuses the first message of each chat, and takes the others."""

    def __init__(self) -> None:
        self.came: list[tuple[str, int]] = []

    def answer(self, method: str, chat: int) -> tuple[int, str]:
        self.came.append((method.lower(), chat))
        if method.lower() == "sendmessage" and self.came.count(self.came[-1]) == 1:
            told = {"error_code": 429, "description": "no", "parameters": {"retry_after": 1}}
            return 429, json.dumps({"ok": False, **told})
        place = {"id": chat, "type": "private", "first_name": "Ann"}
        return 200, json.dumps(
            {"ok": True, "result": {"message_id": 1, "date": 1, "chat": place, "text": "hello"}}
        )


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What the examples of the page define."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "run").mkdir()
    names: dict[str, Any] = {"__name__": "__main__"}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder / "run")
        run_page(PAGE, PAGE.read_text(encoding="utf-8"), names, folder)
        yield names
    names["store"].close()


class Session(BaseSession):
    """What aiogram takes for its connection to Telegram."""

    def __init__(self, telegram: Telegram) -> None:
        super().__init__()
        self._telegram = telegram

    async def make_request(self, bot: Any, method: Any, timeout: int | None = None) -> Any:
        told = self._telegram.answer(method.__api_method__, method.chat_id)
        return self.check_response(bot, method, *told).result

    async def stream_content(self, *args: Any, **options: Any) -> AsyncGenerator[bytes, None]:
        raise NotImplementedError
        yield b""

    async def close(self) -> None:
        """There is nothing to close."""


def test_a_bot_of_aiogram_is_paced_by_its_session(shown: dict[str, Any]) -> None:
    telegram = Telegram()

    async def work() -> list[bool]:
        outbound = storage.aio.telegram.Outbound(storage.aio.MemoryStorage(), chat="1/min")
        bot = aiogram.Bot(TOKEN, session=Session(telegram))
        bot.session.middleware(shown["Pacing"](outbound))
        sending = asyncio.ensure_future(bot.send_message(5, "hello"))
        await until_in_loop(lambda: telegram.came)
        paused = await outbound.wait(5, timeout=0)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await bot.edit_message_text("bye", chat_id=5, message_id=1)
        return [bool(paused), bool(await outbound.wait(6, timeout=0))]

    assert run(work()) == [False, True]
    assert telegram.came == [("sendmessage", 5), ("editmessagetext", 5)]


SENT = ("send", "copy", "forward")

METHODS: dict[str, type[aiogram.methods.TelegramMethod[Any]]] = {
    kind.__api_method__: kind
    for kind in vars(aiogram.methods).values()
    if isinstance(kind, type) and isinstance(getattr(kind, "__api_method__", None), str)
}
"""All that a bot of aiogram can ask for."""

PACED = {name for name in METHODS if name.startswith(SENT) and name != "sendChatAction"}


def test_there_are_messages_to_be_paced() -> None:
    """The names are those of Telegram, whatever the framework adds."""
    known = {"sendMessage", "sendPhoto", "copyMessage", "copyMessages", "forwardMessage"}

    assert known | {"forwardMessages", "sendChatJoinRequestWebApp"} <= PACED
    assert {"sendChatAction", "getUpdates", "editMessageText"} <= set(METHODS) - PACED


def outbound_of_two() -> storage.aio.telegram.Outbound:
    """It sends two messages, of which a chat gets one."""
    store = storage.aio.MemoryStorage()
    return storage.aio.telegram.Outbound(store, overall="2/min", chat="1/min")


async def left(outbound: storage.aio.telegram.Outbound) -> tuple[bool, int]:
    """Whether the chat 5 gets a message, and how many others do after that."""
    told = [bool(await outbound.wait(chat, timeout=0)) for chat in (5, 6, 7)]
    return told[0], sum(told[1:])


def left_after(name: str, has_chat: bool) -> tuple[bool, int]:
    """What is left after a request of the *name*, to the chat 5 or to none."""
    if name not in PACED:
        return True, 1
    return (False, 1) if has_chat else (True, 0)


@pytest.mark.parametrize("name", METHODS)
def test_of_what_aiogram_asks_for_messages_are_paced(shown: dict[str, Any], name: str) -> None:
    """Each counts for its chat, if it has one, and for the bot; all else goes at once."""
    has_chat = "chat_id" in METHODS[name].model_fields
    method = METHODS[name].model_construct(**({"chat_id": 5} if has_chat else {}))
    came: list[Any] = []

    async def make_request(bot: Any, asked: Any) -> str:
        came.append(asked)
        return "sent"

    async def work() -> tuple[bool, int]:
        outbound = outbound_of_two()
        assert await shown["Pacing"](outbound)(make_request, None, method) == "sent"
        return await left(outbound)

    assert run(work()) == left_after(name, has_chat)
    assert came == [method]


@pytest.mark.parametrize("chat", [5, "5", None], ids=repr)
@pytest.mark.parametrize("name", METHODS)
def test_of_what_python_telegram_bot_asks_for_messages_are_paced(
    shown: dict[str, Any], name: str, chat: Any
) -> None:
    """A rate limiter gets what its bot hands over, as far as it matters."""
    data = {} if chat is None else {"chat_id": chat}
    came: list[Any] = []

    async def callback(*args: Any, **named: Any) -> str:
        came.append((args, named))
        return "sent"

    async def work() -> tuple[bool, int]:
        outbound = outbound_of_two()
        limiter = shown["PacedRequests"](outbound)
        await limiter.initialize()
        asked = {"endpoint": name, "data": data, "rate_limit_args": None}
        told = await limiter.process_request(
            callback=callback, args=(name, data), kwargs={"read_timeout": 5}, **asked
        )
        await limiter.shutdown()
        assert told == "sent"
        return await left(outbound)

    assert run(work()) == left_after(name, chat is not None)
    assert came == [((name, data), {"read_timeout": 5})]


def test_a_bot_of_pytelegrambotapi_is_paced_by_its_methods(
    shown: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    telegram = Telegram()

    def send(method: str, url: str, params: Any, **options: Any) -> requests.Response:
        response = requests.Response()
        told = telegram.answer(url.rpartition("/")[2], int(params["chat_id"]))
        response.status_code, response._content = told[0], told[1].encode()
        return response

    monkeypatch.setattr(telebot.apihelper, "CUSTOM_REQUEST_SENDER", send)
    outbound = storage.telegram.Outbound(storage.MemoryStorage(), chat=["1/s", "2/min"])
    bot = shown["PacedBot"](TOKEN, outbound, threaded=False)

    sent = bot.send_message(7, "hello")

    assert sent.text == "hello"
    assert telegram.came == [("sendmessage", 7)] * 2
    assert not may_send(outbound, 7)


def test_a_middleware_of_pytelegrambotapi_drops_a_flood(shown: dict[str, Any]) -> None:
    bot = telebot.TeleBot(TOKEN, use_class_middlewares=True, threaded=False)
    flood = storage.telegram.inbound(storage.MemoryStorage(clock=Clock()), private="2/min")
    bot.setup_middleware(shown["FloodControl"](flood))
    handled: list[str] = []
    bot.register_message_handler(lambda message: handled.append(message.text))

    bot.process_new_updates([telebot.types.Update.de_json(update(number)) for number in range(5)])

    assert handled == ["message 0", "message 1"]


def test_a_middleware_of_aiogram_drops_a_flood(shown: dict[str, Any]) -> None:
    handled: list[str] = []

    async def handle(message: aiogram.types.Message) -> None:
        handled.append(str(message.text))

    async def work() -> None:
        flood = storage.aio.telegram.inbound(
            storage.aio.MemoryStorage(clock=Clock()), private="2/min"
        )
        dispatcher = aiogram.Dispatcher()
        dispatcher.message.outer_middleware(shown["AsyncFloodControl"](flood))
        dispatcher.message.register(handle)
        bot = aiogram.Bot(TOKEN, session=Session(Telegram()))
        for number in range(5):
            await dispatcher.feed_raw_update(bot, update(number))

    run(work())

    assert handled == ["message 0", "message 1"]


def update(number: int) -> dict[str, Any]:
    """What a bot is told of a message in a private chat."""
    ann = {"id": 7, "is_bot": False, "first_name": "Ann"}
    message = {"message_id": number, "date": 1, "chat": {**ann, "type": "private"}, "from": ann}
    return {"update_id": number, "message": {**message, "text": f"message {number}"}}
