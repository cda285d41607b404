"""What the guide shows for frameworks, on them, up to where the network begins."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import aiogram
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


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What the examples of the page define."""
    (tmp_path / "run").mkdir()
    monkeypatch.chdir(tmp_path / "run")
    names: dict[str, Any] = {"__name__": "__main__"}
    run_page(PAGE, PAGE.read_text(encoding="utf-8"), names, tmp_path)
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
