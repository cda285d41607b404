"""The bots in `examples/` on the frameworks they are written for: what Telegram would send goes in
where its updates do, and what they would send to Telegram is caught before the network."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import aiogram
import pytest
import requests
import telebot
from aiogram.client.session.base import BaseSession
from aiogram.exceptions import TelegramAPIError

import storage
from storage import aio
from storage.testing import Bridge
from tests.day import IS_LONG
from tests.docs.test_adapter_example import example
from tests.house.tree import ROOT
from tests.waiting import until

TOKEN = "42:TEST"
SECONDS = 60
PROGRAMS = ["counter", "limits", "conversation", "settings"]


class Telegram:
    """Sends updates to bots, and hears what they answer, unless it is down."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.came: list[tuple[float, int]] = []
        self.refused = 0
        self.is_down = False
        self._lock = threading.Lock()
        self._number = 0

    def update(self, text: str, user: int | None, chat: int) -> dict[str, Any]:
        """What a bot is told when *user* says *text*; nobody is one who hides behind the chat."""
        self._number += 1
        place = {"id": chat, "type": "group", "title": "A group"}
        message: dict[str, Any] = {"message_id": self._number, "date": 1, "chat": place}
        if user is None:
            message["sender_chat"] = place
        else:
            message["from"] = {"id": user, "is_bot": False, "first_name": "Somebody"}
        return {"update_id": self._number, "message": {**message, "text": text}}

    def hear(self, method: str, text: str, chat: Any) -> tuple[int, str]:
        """What it answers to a bot: a status and a text."""
        assert method.lower() == "sendmessage"
        with self._lock:
            if self.is_down:
                self.refused += 1
                told = {"ok": False, "error_code": 500, "description": "Internal Server Error"}
                return 500, json.dumps(told)
            self.said.append(text)
            self.came.append((time.monotonic(), int(chat)))
        place = {"id": int(chat), "type": "group", "title": "A group"}
        sent = {"message_id": 1, "date": 1, "chat": place, "text": text}
        return 200, json.dumps({"ok": True, "result": sent})

    def wants(self, number: int) -> None:
        """Wait for so many answers, given or refused."""
        until(lambda: len(self.said) + self.refused >= number, "the last answer")


class TelebotBot:
    """A bot of `telebot_counter.py` or another program, with a store of its own."""

    def __init__(self, telegram: Telegram, url: str, program: str) -> None:
        self._telegram = telegram
        self._store = storage.open(url)
        self._bot = example(f"telebot_{program}").make_bot(TOKEN, self._store)

    def receives(self, *updates: dict[str, Any]) -> None:
        """Give it these updates at once, and go on."""
        told = [telebot.types.Update.de_json(update) for update in updates]
        self._bot.process_new_updates(told)

    def stop(self) -> None:
        self._bot.stop_bot()
        self._store.close()

    @staticmethod
    @contextmanager
    def patched(telegram: Telegram) -> Iterator[None]:
        """Let every bot of the framework talk to *telegram*."""

        def send(method: str, url: str, params: Any, **options: Any) -> requests.Response:
            response = requests.Response()
            told = telegram.hear(url.rpartition("/")[2], params["text"], params["chat_id"])
            response.status_code, response._content = told[0], told[1].encode()
            return response

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(telebot.apihelper, "CUSTOM_REQUEST_SENDER", send)
            yield


class CaughtSession(BaseSession):
    """What aiogram takes for its connection to Telegram."""

    def __init__(self, telegram: Telegram) -> None:
        super().__init__()
        self._telegram = telegram

    async def make_request(self, bot: Any, method: Any, timeout: int | None = None) -> Any:
        told = self._telegram.hear(method.__api_method__, method.text, method.chat_id)
        return self.check_response(bot, method, *told).result

    async def stream_content(self, *args: Any, **options: Any) -> AsyncGenerator[bytes, None]:
        raise NotImplementedError
        yield b""

    async def close(self) -> None:
        """There is nothing to close."""


class AiogramBot:
    """A bot of `aiogram_counter.py` or another program, with a loop and a store of its own."""

    def __init__(self, telegram: Telegram, url: str, program: str) -> None:
        self._bridge = Bridge()
        self._store = aio.open(url)
        self._dispatcher = example(f"aiogram_{program}").make_dispatcher(self._store)
        self._bot = aiogram.Bot(TOKEN, session=CaughtSession(telegram))

    def receives(self, *updates: dict[str, Any]) -> None:
        """Give it these updates at once; come back when they are handled."""
        self._bridge.call(self._all, updates)

    async def _all(self, updates: tuple[dict[str, Any], ...]) -> None:
        feed = self._dispatcher.feed_raw_update
        done = await asyncio.gather(
            *(feed(self._bot, update) for update in updates), return_exceptions=True
        )
        for error in done:
            if isinstance(error, BaseException) and not isinstance(error, TelegramAPIError):
                raise error

    def stop(self) -> None:
        self._bridge.call(self._store.aclose)
        self._bridge.close()

    @staticmethod
    @contextmanager
    def patched(telegram: Telegram) -> Iterator[None]:
        yield


FRAMEWORKS: dict[str, type[TelebotBot | AiogramBot]] = {
    "telebot": TelebotBot,
    "aiogram": AiogramBot,
}


class World:
    """Telegram, some bots, and the file that they share."""

    def __init__(self, telegram: Telegram, url: str, running: ExitStack) -> None:
        self.telegram = telegram
        self.url = url
        self._running = running

    def start(self, name: str, program: str = "counter") -> TelebotBot | AiogramBot:
        """Start a bot of the program on the framework of the name."""
        bot = FRAMEWORKS[name](self.telegram, self.url, program)
        self._running.callback(bot.stop)
        return bot

    def stop(self) -> None:
        """Stop all bots."""
        self._running.pop_all().close()

    def says(
        self, bot: TelebotBot | AiogramBot, *texts: str, user: int | None = 7, chat: int = 100
    ) -> list[str]:
        """What *bot* answers to *texts*, one after the other."""
        before = len(self.telegram.said)
        for text in texts:
            told = len(self.telegram.said) + self.telegram.refused
            bot.receives(self.telegram.update(text, user, chat))
            self.telegram.wants(told + 1)
        return self.telegram.said[before:]

    def sessions(self) -> dict[str, Any]:
        """The sessions in the file."""
        with storage.open(self.url) as store:
            return dict(storage.Sessions(store).items())

    def talks(self) -> dict[str, list[tuple[str, str]]]:
        """The conversations in the file: who said what."""
        with storage.open(self.url) as store:
            talks = storage.Conversation(store)
            return {
                key: [(one["role"], one["content"]) for one in talks.list(key)]
                for key in talks.keys()
            }


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    telegram = Telegram()
    with ExitStack() as patches, ExitStack() as running:
        for framework in FRAMEWORKS.values():
            patches.enter_context(framework.patched(telegram))
        yield World(telegram, f"sqlite:///{tmp_path}/bot.db", running)


each = pytest.mark.parametrize("name", FRAMEWORKS)


def at_once(*told: tuple[TelebotBot | AiogramBot, list[dict[str, Any]]]) -> None:
    """Give each bot its updates, all of them at the same time."""
    threads = [threading.Thread(target=bot.receives, args=updates) for bot, updates in told]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@each
def test_every_user_of_every_chat_is_counted_alone(world: World, name: str) -> None:
    bot = world.start(name)

    assert world.says(bot, "hello", "again") == [
        "message 1 of yours here",
        "message 2 of yours here",
    ]
    assert world.says(bot, "hi", user=8) == ["message 1 of yours here"]
    assert world.says(bot, "hi", chat=200) == ["message 1 of yours here"]
    assert world.says(bot, "/count") == ["2 messages so far"]


@each
def test_who_only_looks_stores_nothing(world: World, name: str) -> None:
    bot = world.start(name)

    assert world.says(bot, "/start")[0].startswith("I count what you say")
    assert world.says(bot, "/count") == ["0 messages so far"]

    world.stop()
    assert world.sessions() == {}


@each
@pytest.mark.parametrize("bots", [1, 2])
def test_messages_that_come_at_once_are_all_counted(world: World, name: str, bots: int) -> None:
    """Whether one bot gets them, or two that share the file."""
    several = [world.start(name) for _ in range(bots)]

    at_once(
        *(
            (bot, [world.telegram.update("hello", 7, 100) for _ in range(20 // bots)])
            for bot in several
        )
    )
    world.telegram.wants(20)

    assert sorted(world.telegram.said) == sorted(
        f"message {number} of yours here" for number in range(1, 21)
    )


@each
def test_a_handler_that_fails_leaves_the_session_as_it_was(world: World, name: str) -> None:
    """The answer could not be sent, so the message does not count."""
    bot = world.start(name)
    world.says(bot, "hello")

    world.telegram.is_down = True
    assert world.says(bot, "is anybody there?", "/reset") == []
    world.telegram.is_down = False

    assert world.telegram.refused == 2
    assert world.says(bot, "/count", "hello") == ["1 messages so far", "message 2 of yours here"]


@each
def test_a_bot_goes_on_counting_when_it_is_started_again(world: World, name: str) -> None:
    world.says(world.start(name), "hello")

    world.stop()

    assert world.sessions() == {"100:7": {"count": 1}}
    assert world.says(world.start(name), "hello") == ["message 2 of yours here"]


@each
def test_a_reset_takes_the_session_away(world: World, name: str) -> None:
    bot = world.start(name)
    world.says(bot, "hello", user=8)

    assert world.says(bot, "hello", "/reset", "/count")[1:] == ["forgotten", "0 messages so far"]

    world.stop()
    assert world.sessions() == {"100:8": {"count": 1}}


@each
def test_who_hides_behind_a_chat_is_answered_and_not_stored(world: World, name: str) -> None:
    bot = world.start(name)

    told = world.says(bot, "hello", "hello", user=None)

    assert told == ["message 1 of yours here"] * 2
    world.stop()
    assert world.sessions() == {}


def test_one_bot_goes_on_where_the_other_one_ended(world: World) -> None:
    """Both keep the same data, at the same time too."""
    told = [world.says(world.start(name), "hello") for name in FRAMEWORKS]

    assert told == [["message 1 of yours here"], ["message 2 of yours here"]]


@each
@pytest.mark.parametrize("bots", [1, 2] if IS_LONG else [2])
def test_who_types_too_fast_is_told_once(world: World, name: str, bots: int) -> None:
    """Whether one bot gets the messages, or two that share the file."""
    several = [world.start(name, "limits") for _ in range(bots)]

    at_once(
        *(
            (bot, [world.telegram.update("hello", 7, 100) for _ in range(8 // bots)])
            for bot in several
        ),
        (several[-1], [world.telegram.update("hi", 8, 200)]),
    )
    world.telegram.wants(5)
    world.stop()

    *echoes, told = sorted(world.telegram.said)
    assert echoes == ["hello", "hello", "hello", "hi"]
    assert told.startswith("not so fast: try again in ")


@each
def test_a_chat_gets_a_message_in_a_second_and_keeps_nobody_waiting(
    world: World, name: str
) -> None:
    bot = world.start(name, "limits")

    bot.receives(
        *(
            world.telegram.update("hello", user, chat)
            for user, chat in ((7, 100), (8, 100), (7, 200))
        )
    )
    world.telegram.wants(3)

    times = {
        chat: [when for when, told in world.telegram.came if told == chat] for chat in (100, 200)
    }
    assert times[100][1] - times[100][0] > 0.5  # one of them may be late
    assert times[200][0] < times[100][1]


@each
def test_what_was_said_is_remembered_of_every_user_of_every_chat(world: World, name: str) -> None:
    bot = world.start(name, "conversation")

    assert world.says(bot, "hello", "again") == ["I was told: hello", "I was told: hello, again"]
    assert world.says(bot, "hi", user=8) == ["I was told: hi"]
    assert world.says(bot, "hi", chat=200) == ["I was told: hi"]

    world.stop()
    assert world.talks() == {
        "100:7": [
            ("user", "hello"),
            ("assistant", "I was told: hello"),
            ("user", "again"),
            ("assistant", "I was told: hello, again"),
        ],
        "100:8": [("user", "hi"), ("assistant", "I was told: hi")],
        "200:7": [("user", "hi"), ("assistant", "I was told: hi")],
    }


@each
def test_what_was_said_is_taken_back_and_forgotten(world: World, name: str) -> None:
    bot = world.start(name, "conversation")

    assert world.says(bot, "one", "two", "/undo", "three")[2:] == [
        "taken back",
        "I was told: one, three",
    ]
    assert world.says(bot, "/forget", "four") == ["forgotten", "I was told: four"]
    assert world.says(bot, "/undo", "/undo") == ["taken back", "there was nothing"]


@each
def test_a_message_that_comes_a_second_time_is_remembered_once(world: World, name: str) -> None:
    """With its first answer, also by a bot that was started again."""
    update = world.telegram.update("hello", 7, 100)
    for number in (1, 2):
        world.start(name, "conversation").receives(update)
        world.telegram.wants(number)
        world.stop()

    assert world.talks() == {"100:7": [("user", "hello"), ("assistant", "I was told: hello")]}


@each
@pytest.mark.parametrize("bots", [1, 2])
def test_what_is_said_at_once_is_all_remembered(world: World, name: str, bots: int) -> None:
    """Whether one bot hears it, or two that share the file."""
    several = [world.start(name, "conversation") for _ in range(bots)]
    texts = [f"message {number}" for number in range(20)]
    updates = [world.telegram.update(text, 7, 100) for text in texts]

    at_once(*((bot, updates[place::bots]) for place, bot in enumerate(several)))
    world.telegram.wants(20)
    world.stop()

    talk = world.talks()["100:7"]
    assert sorted(said for role, said in talk if role == "user") == sorted(texts)
    assert sorted(said for role, said in talk if role == "assistant") == sorted(world.telegram.said)


@each
def test_with_who_hides_behind_a_chat_there_is_no_talk(world: World, name: str) -> None:
    bot = world.start(name, "conversation")

    told = world.says(bot, "hello", "/undo", "/forget", user=None)

    assert told == ["I talk with people only", "there was nothing", "there was nothing"]
    world.stop()
    assert world.talks() == {}


def test_one_bot_talks_on_where_the_other_one_ended(world: World) -> None:
    told = [world.says(world.start(name, "conversation"), "hello") for name in FRAMEWORKS]

    assert told == [["I was told: hello"], ["I was told: hello, hello"]]


@each
@pytest.mark.parametrize("program", PROGRAMS if IS_LONG else PROGRAMS[:1])
def test_a_program_without_a_token_says_so(name: str, program: str, tmp_path: Path) -> None:
    inherited = {word: value for word, value in os.environ.items() if word != "BOT_TOKEN"}
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / f"{name}_{program}.py")],
        cwd=tmp_path,
        env={**inherited, "PYTHONPATH": str(Path(storage.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr == "BOT_TOKEN is to be the token of a bot\n"
    assert list(tmp_path.iterdir()) == []
