"""What the guide shows, on the frameworks it is for, up to where the network begins."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path
from typing import Any

import aiogram
import aiogram.exceptions
import pytest
import requests
import telebot
from aiogram.client.session.base import BaseSession
from aiogram.types import BufferedInputFile, InputFile

import storage
import storage.aio
from tests.docs.test_adapter_example import example
from tests.docs.test_pages import run as run_page
from tests.house.tree import ROOT
from tests.leases.ground import run
from tests.media.ground import GONE
from tests.media.test_sending import METHODS
from tests.waiting import until

PAGE = ROOT / "docs" / "guide" / "media.md"
TOKEN = "42:TEST"
CAT = b"what a cat looks like"
ANN = {"id": 7, "type": "private", "first_name": "Ann"}

MEMBERS: dict[str, dict[str, Any]] = {
    "photo": {},
    "video": {"width": 1, "height": 1, "duration": 1},
    "animation": {"width": 1, "height": 1, "duration": 1},
    "video_note": {"length": 1, "duration": 1},
    "audio": {"duration": 1},
    "document": {},
    "sticker": {
        "type": "regular",
        "width": 1,
        "height": 1,
        "is_animated": False,
        "is_video": False,
    },
    "voice": {"duration": 1},
}
"""What else is told of a file that was sent so."""


class Telegram:
    """Gives ids to what is uploaded, and takes those that it gave last."""

    def __init__(self) -> None:
        self.uploads: list[bytes] = []
        self.known: set[str] = set()
        self.said: list[str] = []
        self.sent = 0

    def answer(self, method: str, file: bytes | str) -> tuple[int, str]:
        """A status and a text."""
        if isinstance(file, str) and file not in self.known:
            return 400, json.dumps({"ok": False, "error_code": 400, "description": GONE})
        if not isinstance(file, str):
            self.uploads.append(file)
            file = f"id {len(self.uploads)}"
            self.known.add(file)
        self.sent += 1
        return 200, json.dumps({"ok": True, "result": message(method, file)})

    def hear(self, text: str) -> tuple[int, str]:
        """The same for what is said."""
        self.said.append(text)
        told = {"message_id": 1, "date": 1, "chat": ANN, "text": text}
        return 200, json.dumps({"ok": True, "result": told})


def message(method: str, file_id: str) -> dict[str, Any]:
    """What is told of what was sent, as Telegram tells it."""
    told: Any = {"file_id": file_id, "file_unique_id": "u", **MEMBERS[method]}
    if method == "photo":
        small = {**told, "file_id": "a small one"}
        told = [{**small, "width": 9, "height": 9}, {**told, "width": 90, "height": 90}]
    sent = {"message_id": 1, "date": 1, "chat": ANN, method: told}
    if method == "animation":  # as Telegram does for clients that know no animations
        sent["document"] = {"file_id": "as a document", "file_unique_id": "u"}
    return sent


class Session(BaseSession):
    """What aiogram takes for its connection to Telegram."""

    def __init__(self, telegram: Telegram) -> None:
        super().__init__()
        self._telegram = telegram

    async def make_request(self, bot: Any, method: Any, timeout: int | None = None) -> Any:
        kind = next(name for name in METHODS if METHODS[name] == method.__api_method__)
        file = getattr(method, kind)
        if isinstance(file, InputFile):
            file = b"".join([chunk async for chunk in file.read(bot)])
        return self.check_response(bot, method, *self._telegram.answer(kind, file)).result

    async def stream_content(self, *args: Any, **options: Any) -> AsyncGenerator[bytes, None]:
        raise NotImplementedError
        yield b""

    async def close(self) -> None:
        """There is nothing to close."""


@pytest.fixture
def telegram() -> Telegram:
    return Telegram()


@pytest.fixture
def bot(telegram: Telegram, monkeypatch: pytest.MonkeyPatch) -> telebot.TeleBot:
    """A bot of pyTelegramBotAPI."""

    def send(method: str, url: str, params: Any, files: Any, **options: Any) -> requests.Response:
        response = requests.Response()
        asked = url.rpartition("/")[2]
        if asked == "sendMessage":
            told = telegram.hear(params["text"])
        else:
            kind = next(name for name in METHODS if METHODS[name] == asked)
            file = (files or {}).get(kind, params.get(kind))
            told = telegram.answer(kind, file.read() if hasattr(file, "read") else file)
        response.status_code, response._content = told[0], told[1].encode()
        return response

    monkeypatch.setattr(telebot.apihelper, "CUSTOM_REQUEST_SENDER", send)
    return telebot.TeleBot(TOKEN, threaded=False)


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


@pytest.mark.parametrize("method", METHODS)
def test_a_bot_of_pytelegrambotapi_uploads_once_and_again_when_an_id_is_gone(
    bot: telebot.TeleBot, telegram: Telegram, method: str
) -> None:
    media = storage.MediaCache(storage.MemoryStorage(), bot="support")
    send: Callable[..., Any] = getattr(bot, f"send_{method}")

    def send_cat() -> telebot.types.Message:
        answer: telebot.types.Message = media.send(method, CAT, lambda file: send(7, file))
        return answer

    first, second = send_cat(), send_cat()
    telegram.known.clear()
    third, fourth = send_cat(), send_cat()

    assert telegram.uploads == [CAT, CAT]
    assert {type(one) for one in (first, second, third, fourth)} == {telebot.types.Message}
    assert media.get(method, CAT) == "id 2"


@pytest.mark.parametrize("method", METHODS)
def test_a_bot_of_aiogram_uploads_once_and_again_when_an_id_is_gone(
    telegram: Telegram, method: str
) -> None:
    async def work() -> str | None:
        media = storage.aio.MediaCache(storage.aio.MemoryStorage(), bot=42)
        bot = aiogram.Bot(TOKEN, session=Session(telegram))

        def call(file: Any) -> Any:
            handed = file if isinstance(file, str) else BufferedInputFile(file, "cat")
            return getattr(bot, f"send_{method}")(7, handed)

        for _ in range(2):
            sent: aiogram.types.Message = await media.send(method, CAT, call)
            assert sent.chat.id == 7
        telegram.known.clear()
        for _ in range(2):
            await media.send(method, CAT, call)
        return await media.get(method, CAT)

    assert run(work()) == "id 2"
    assert telegram.uploads == [CAT, CAT]


def test_another_error_of_pytelegrambotapi_is_the_bots(
    bot: telebot.TeleBot, telegram: Telegram, monkeypatch: pytest.MonkeyPatch
) -> None:
    media = storage.MediaCache(storage.MemoryStorage(), bot="support")
    media.set("photo", CAT, "good")
    told = {"ok": False, "error_code": 403, "description": "bot was blocked by the user"}
    monkeypatch.setattr(telegram, "answer", lambda *_: (403, json.dumps(told)))

    with pytest.raises(telebot.apihelper.ApiTelegramException, match="blocked"):
        media.send("photo", CAT, lambda file: bot.send_photo(7, file))
    assert media.get("photo", CAT) == "good"


def test_another_error_of_aiogram_is_the_bots(
    telegram: Telegram, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"ok": False, "error_code": 403, "description": "bot was blocked by the user"}
    monkeypatch.setattr(telegram, "answer", lambda *_: (403, json.dumps(told)))

    async def work() -> str | None:
        media = storage.aio.MediaCache(storage.aio.MemoryStorage(), bot=42)
        bot = aiogram.Bot(TOKEN, session=Session(telegram))
        await media.set("photo", CAT, "good")
        with pytest.raises(aiogram.exceptions.TelegramForbiddenError):
            await media.send("photo", CAT, lambda file: bot.send_photo(7, file))
        return await media.get("photo", CAT)

    assert run(work()) == "good"


def test_the_page_sends_a_file_by_pytelegrambotapi(
    shown: dict[str, Any], bot: telebot.TeleBot, telegram: Telegram, tmp_path: Path
) -> None:
    path = tmp_path / "manual.pdf"
    path.write_bytes(CAT)
    media = storage.MediaCache(storage.MemoryStorage(), bot="support")
    shown["send_manual"].__globals__["media"] = media

    for _ in range(2):
        shown["send_manual"](bot, 7, path)

    assert telegram.uploads == [CAT]
    assert media.get("document", CAT) == "id 1"


def test_the_page_sends_a_file_by_aiogram(
    shown: dict[str, Any], telegram: Telegram, tmp_path: Path
) -> None:
    path = tmp_path / "cat.mp4"
    path.write_bytes(CAT)

    async def work() -> str | None:
        media = storage.aio.MediaCache(storage.aio.MemoryStorage(), bot=42)
        bot = aiogram.Bot(TOKEN, session=Session(telegram))
        for _ in range(2):
            await shown["send_video"](media, bot, 7, path)
        return await media.get("video", CAT)

    assert run(work()) == "id 1"
    assert telegram.uploads == [CAT]


def test_the_bot_of_the_examples_uploads_each_file_of_its_folder_once(
    bot: telebot.TeleBot, telegram: Telegram, folder: Path, tmp_path: Path
) -> None:
    """Also after it was started again."""
    for name in ("cat.jpg", "dog.jpg"):
        (folder / name).write_bytes(name.encode())
    (folder / "more").mkdir()
    said = ["hello", "cat.jpg", "dog.jpg", "cat.jpg", "../bot.db", "more"]

    for number in range(2):
        with storage.open(f"sqlite:///{tmp_path}/bot.db") as store:
            shelf = example("telebot_media").make_bot(TOKEN, store, folder)
            for place, text in enumerate(said, number * len(said) + 1):
                shelf.process_new_updates([telebot.types.Update.de_json(update(place, text))])
                until(lambda place=place: telegram.sent + len(telegram.said) == place, "an answer")
            shelf.stop_bot()
        assert telegram.sent == 3 * (number + 1)

    assert telegram.uploads == [b"cat.jpg", b"dog.jpg"]
    assert telegram.said == ["cat.jpg\ndog.jpg"] * 6


def update(number: int, text: str) -> dict[str, Any]:
    """What a bot is told of a message."""
    told = {"message_id": number, "date": 1, "chat": ANN, "from": {**ANN, "is_bot": False}}
    return {"update_id": number, "message": {**told, "text": text}}


class TelegramError(Exception):
    """Shaped as python-telegram-bot's: a message, and no code."""

    def __init__(self, message: str) -> None:
        super().__init__()
        self.message = message

    def __str__(self) -> str:
        return self.message


class BadRequest(TelegramError):
    pass


class Frozen:
    """A message whose lists are tuples and whose other members are `None`."""

    def __init__(self, file_id: str) -> None:
        self.animation = self.document = None
        self.photo = (Sized("small", 9), Sized(file_id, 90))


class Sized:
    def __init__(self, file_id: str, side: int) -> None:
        self.file_id = file_id
        self.width = self.height = side


def test_a_bot_shaped_as_python_telegram_bots_uploads_once_and_again_when_an_id_is_gone(
    tmp_path: Path,
) -> None:
    path = tmp_path / "cat.jpg"
    path.write_bytes(CAT)
    known: set[str] = set()
    sent: list[Any] = []

    async def send_photo(chat_id: int, photo: Any) -> Frozen:
        sent.append(photo)
        if isinstance(photo, str) and photo not in known:
            raise BadRequest("Wrong file identifier/http url specified")
        known.add(f"id {len(sent)}")
        return Frozen(f"id {len(sent)}")

    async def work() -> None:
        media = storage.aio.MediaCache(storage.aio.MemoryStorage(), bot="support")
        for _ in range(2):
            await media.send("photo", path, lambda file: send_photo(7, file))
        known.clear()
        await media.send("photo", path, lambda file: send_photo(7, file))
        assert await media.get("photo", path) == "id 4"

    run(work())
    assert sent == [path, "id 1", "id 1", path]
