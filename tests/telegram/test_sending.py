"""What a bot may send, and what happens when Telegram says that it was too much."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiogram.exceptions import TelegramBadRequest, TelegramRetryAfter
from aiogram.methods import GetMe
from telebot.apihelper import ApiTelegramException

import storage
import storage.telegram
from storage import Limit, RateLimitedError
from tests.day import by_turns
from tests.fault.ground import locked
from tests.telegram.ground import Ground, Senders, in_line, may_send
from tests.telegram.network import Refused
from tests.waiting import until

pytestmark = pytest.mark.timed

WIDE = {"overall": "1000/s", "chat": "1000/s", "group": "1000/s", "margin": 0}
GROUP = -100_123

LATE = 0.4
"""How many seconds a busy machine may let a thread wait."""


def told(code: int, **parameters: Any) -> ApiTelegramException:
    """What pyTelegramBotAPI raises for an answer."""
    answer = {"error_code": code, "description": "no", "parameters": parameters}
    return ApiTelegramException("sendMessage", SimpleNamespace(), answer)


class LateError(Exception):
    """What python-telegram-bot raises, and who is like it."""

    def __init__(self, retry_after: object) -> None:
        super().__init__("flood control exceeded")
        self.retry_after = retry_after


class Calls:
    """A function that raises *errors*, one after the other, and then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.times: list[float] = []
        self._errors = list(errors)

    def __call__(self, *args: object, **named: object) -> Any:
        self.times.append(time.monotonic())
        if self._errors:
            raise self._errors.pop(0)
        return args, named

    def send(self, *args: object, **named: object) -> Any:
        """The same as a method, as that of a bot is one."""
        return self(*args, **named)


@contextmanager
def in_a_hurry(file: Path) -> Iterator[storage.SqliteStorage[Any]]:
    """A store that does not wait for who has locked the file."""
    connection = sqlite3.connect(file, timeout=0.01, check_same_thread=False)
    with closing(connection), storage.SqliteStorage(connection) as store:
        yield store


def test_a_chat_gets_one_message_a_second_and_a_bot_sends_thirty(ground: Ground) -> None:
    outbound = ground.outbound(margin=0)

    assert [may_send(outbound, 5) for _ in range(2)] == [True, False]
    assert sum(may_send(outbound, chat) for chat in range(100, 140)) == 29
    ground.clock.tick(1)
    assert may_send(outbound, 5)


@pytest.mark.parametrize("chat", [GROUP, str(GROUP), "@news"])
def test_a_group_gets_twenty_messages_a_minute(ground: Ground, chat: Any) -> None:
    outbound = ground.outbound(margin=0)

    passed = 0
    for _ in range(59):
        passed += may_send(outbound, chat)
        ground.clock.tick(1)

    assert passed == 20
    ground.clock.tick(1)
    assert may_send(outbound, chat)


def test_a_user_is_no_group(ground: Ground) -> None:
    outbound = ground.outbound(margin=0)

    passed = 0
    for _ in range(30):
        passed += may_send(outbound, 5)
        ground.clock.tick(1)

    assert passed == 30


@pytest.mark.parametrize(("one", "other"), [(5, "5"), ("@News", "@news"), (GROUP, str(GROUP))])
def test_a_chat_is_the_same_however_it_is_written(memory: Ground, one: Any, other: Any) -> None:
    outbound = memory.outbound()

    assert may_send(outbound, one)
    assert not may_send(outbound, other)


def test_what_goes_to_no_chat_counts_for_the_bot_alone(memory: Ground) -> None:
    outbound = memory.outbound(margin=0)

    assert sum(may_send(outbound, None) for _ in range(40)) == 30
    assert not may_send(outbound, 5)


def test_all_on_one_store_count_together_and_namespaces_apart(ground: Ground) -> None:
    first, second = ground.outbound(), ground.outbound()
    elsewhere = ground.outbound(store=ground.place.base.namespace("another bot"))

    assert may_send(first, 5)
    assert not may_send(second, 5)
    assert may_send(elsewhere, 5)


def test_a_limiter_of_the_same_numbers_counts_apart(memory: Ground) -> None:
    """What a bot counts otherwise is no message."""
    limiter = memory.half.RateLimiter(memory.place.base, Limit(1, 1, key="chat:{chat}"))
    plain = memory.bridge.driven(limiter)
    outbound = memory.outbound(margin=0)

    assert plain.hit(chat=5)
    assert may_send(outbound, 5)


def test_windows_are_longer_by_the_margin(memory: Ground) -> None:
    outbound = memory.outbound(margin=timedelta(seconds=0.5))

    assert may_send(outbound, 5)
    memory.clock.tick(1.499)
    assert not may_send(outbound, 5)
    memory.clock.tick(0.001)
    assert may_send(outbound, 5)


def test_limits_may_be_others(memory: Ground) -> None:
    outbound = memory.outbound(overall="1000/s", chat=[Limit(3, 3), "100/h"], margin=0)

    assert sum(may_send(outbound, 5) for _ in range(10)) == 3


def test_what_is_sent_gets_its_arguments_and_gives_its_answer(memory: Ground) -> None:
    outbound = memory.outbound()

    answer = outbound.send(5, Calls().send, 5, "hello", chat=7, function="f")

    assert answer == ((5, "hello"), {"chat": 7, "function": "f"})


def test_who_waits_is_called_as_soon_as_it_may_be(live: Ground) -> None:
    outbound = live.outbound(**{**WIDE, "chat": Limit(1, 0.2)})
    calls = Calls()

    for _ in range(4):
        outbound.send(5, calls.send)

    assert 0.6 - LATE <= calls.times[-1] - calls.times[0] <= 0.6 + LATE


ERRORS = {
    "telebot": (0.2, lambda: told(429, retry_after=0.2)),
    "aiogram": (1, lambda: TelegramRetryAfter(GetMe(), "too many", 1)),
    "ptb": (1, lambda: LateError(1)),
    "ptb-timedelta": (0.2, lambda: LateError(timedelta(seconds=0.2))),
    "float": (0.2, lambda: LateError(0.2)),
    "at-once": (0, lambda: LateError(0)),
    "telebot-without-a-time": (1, lambda: told(429)),
    "telebot-with-words": (1, lambda: told(429, retry_after="soon")),
}


@pytest.mark.parametrize(
    ("live", "wait", "error"),
    [
        pytest.param(("memory", half), *ERRORS[name], id=f"memory {half.__name__} {name}")
        for half, name in by_turns(ERRORS)
    ],
    indirect=["live"],
)
def test_what_is_refused_is_sent_again_when_it_may_be(
    live: Ground, wait: float, error: Any
) -> None:
    """Whichever framework says so."""
    outbound = live.outbound(**WIDE)
    calls = Calls(error())

    assert outbound.send(5, calls.send, "hello") == (("hello",), {})

    first, second = calls.times
    assert wait <= second - first < wait + 2 * LATE


OTHERS = {
    "value": lambda: ValueError("no"),
    "telebot": lambda: told(400, retry_after=1),
    "aiogram": lambda: TelegramBadRequest(GetMe(), "no"),
    "words": lambda: LateError("soon"),
    "true": lambda: LateError(True),
    "nan": lambda: LateError(float("nan")),
    "for-ever": lambda: LateError(float("inf")),
    "negative": lambda: LateError(-1),
    "limiter": lambda: RateLimitedError("no", retry_after=0.1, verdict=None, store=None),
}


@pytest.mark.parametrize("error", OTHERS.values(), ids=OTHERS)
def test_any_other_error_is_raised_at_once(live: Ground, error: Any) -> None:
    outbound = live.outbound(**WIDE)
    wrong = error()
    calls = Calls(wrong)

    with pytest.raises(type(wrong)) as caught:
        outbound.send(5, calls.send)

    assert caught.value is wrong
    assert len(calls.times) == 1
    assert may_send(outbound, 5)


def test_what_is_refused_again_and_again_is_raised(live: Ground) -> None:
    outbound = live.outbound(**WIDE, attempts=3)
    errors = [Refused(0.01) for _ in range(5)]
    calls = Calls(*errors)

    with pytest.raises(Refused) as caught:
        outbound.send(5, calls.send)

    assert caught.value is errors[2]
    assert len(calls.times) == 3


def test_the_last_refusal_pauses_the_chat_as_well(memory: Ground) -> None:
    outbound = memory.outbound(**WIDE, attempts=1)

    with pytest.raises(Refused):
        outbound.send(5, Calls(Refused(60)).send)

    assert not may_send(outbound, 5)
    memory.clock.tick(60)
    assert may_send(outbound, 5)


@pytest.mark.parametrize("chat", [5, GROUP, "@news"])
def test_a_refusal_pauses_that_chat_for_everybody_and_no_other(ground: Ground, chat: Any) -> None:
    first, second = ground.outbound(**WIDE, attempts=1), ground.outbound(**WIDE)

    with pytest.raises(Refused):
        first.send(chat, Calls(Refused(60)).send)

    ground.clock.tick(59.9)
    assert not may_send(second, chat)
    assert all(may_send(second, other) for other in (6, -7, "@others"))
    ground.clock.tick(0.1)
    assert may_send(second, chat)


def test_a_refusal_of_what_goes_to_no_chat_pauses_all(ground: Ground) -> None:
    first, second = ground.outbound(**WIDE, attempts=1), ground.outbound(**WIDE)

    with pytest.raises(Refused):
        first.send(None, Calls(Refused(60)).send)

    assert not any(may_send(second, chat) for chat in (5, -7, "@news", None))
    ground.clock.tick(60)
    assert all(may_send(second, chat) for chat in (5, -7, "@news", None))


def test_a_pause_can_be_said(ground: Ground) -> None:
    outbound = ground.outbound(**WIDE)

    outbound.pause(5, 10)
    outbound.pause("@news", timedelta(seconds=10))

    assert [may_send(outbound, chat) for chat in (5, "@news", 6)] == [False, False, True]
    assert outbound.wait(5, timeout=0).retry_after == pytest.approx(10, abs=0.002)
    ground.clock.tick(10)
    assert may_send(outbound, 5)


def test_who_waits_for_one_chat_comes_in_order(live: Ground) -> None:
    outbound = live.outbound(**{**WIDE, "chat": Limit(1, 0.05)})
    outbound.pause(5, 0.4)
    came: list[int] = []
    senders = Senders(outbound)

    for number in range(6):
        senders.come(5, lambda number=number: came.append(number), behind=number + 1)  # type: ignore[misc]
    assert came == []
    senders.join()

    assert came == [0, 1, 2, 3, 4, 5]
    assert in_line(outbound, 5) == 0


def test_what_was_refused_is_sent_before_what_waits(live: Ground) -> None:
    outbound = live.outbound(**{**WIDE, "chat": Limit(1, 0.05)})
    came: list[str] = []
    senders = Senders(outbound)

    def first() -> None:
        came.append("first")
        if len(came) == 1:
            until(lambda: in_line(outbound, 5) == 2, "the others")
            raise Refused(0.3)

    senders.come(5, first)
    until(lambda: came)
    senders.come(5, lambda: came.append("second"), behind=1)
    senders.come(5, lambda: came.append("third"), behind=2)
    senders.join()

    assert came == ["first", "first", "second", "third"]


def test_a_chat_that_is_full_or_paused_keeps_nobody_waiting(live: Ground) -> None:
    outbound = live.outbound(**{**WIDE, "chat": Limit(1, 1)})
    outbound.pause(7, 1)
    outbound.send(5, Calls().send)
    senders = Senders(outbound)
    for chat in (5, 5, 7, 7):
        senders.come(chat, Calls().send)
    until(lambda: in_line(outbound, 5) == in_line(outbound, 7) == 2, "the lines")
    calls = Calls()
    before = time.monotonic()

    for chat in range(100, 110):
        outbound.send(chat, calls.send)

    assert calls.times[-1] - before < 2 * LATE
    senders.join()


def test_one_at_a_time_asks_whether_all_may_go_on(
    live: Ground, caplog: pytest.LogCaptureFixture
) -> None:
    """Who waits for the same moment does not ask at the same moment."""
    outbound = live.outbound(**{**WIDE, "overall": Limit(1, 0.05)})
    senders = Senders(outbound)

    with caplog.at_level("DEBUG", "storage"):
        for chat in range(8):
            senders.come(chat, Calls().send)
        senders.join()

    asked = [record for record in caplog.records if " hit " in record.getMessage()]
    assert 8 <= len(asked) <= 2 * 8 + 2


def test_who_would_wait_for_too_long_is_told_so_at_once(live: Ground) -> None:
    outbound = live.outbound(timeout=1)
    outbound.pause(5, 3)
    calls = Calls()
    before = time.monotonic()

    with pytest.raises(RateLimitedError) as caught:
        outbound.send(5, calls.send)
    verdict = outbound.wait(5)

    assert time.monotonic() - before < 1
    assert calls.times == []
    assert caught.value.retry_after == pytest.approx(3, abs=1)
    assert not verdict


def test_a_refusal_for_too_long_is_raised_at_once(live: Ground) -> None:
    outbound = live.outbound(**WIDE, timeout=1)
    before = time.monotonic()

    with pytest.raises(Refused):
        outbound.send(5, Calls(Refused(3)).send)

    assert time.monotonic() - before < 1
    assert not may_send(outbound, 5)


def test_a_pause_that_nobody_knows_of_may_be_too_long_to_wait_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with in_a_hurry(tmp_path / "bot.db") as store:
        outbound = storage.telegram.Outbound(store, on_error="allow", timeout=1)
        before = time.monotonic()

        with locked(tmp_path / "bot.db"), pytest.raises(Refused):
            outbound.send(5, Calls(Refused(3)).send)

    assert time.monotonic() - before < 2
    caplog.clear()  # it knows errors, and they what they have seen


def test_a_message_may_ask_for_the_next_one(live: Ground) -> None:
    """Nobody holds anything while a message is on its way."""
    outbound = live.outbound(**WIDE)

    answer = outbound.send(5, lambda: outbound.send(5, Calls().send, "inner"))

    assert answer == (("inner",), {})


@pytest.mark.parametrize(("policy", "passes"), [("allow", True), ("deny", False), ("local", True)])
def test_a_store_that_does_not_answer_is_a_matter_of_the_policy(
    policy: Any, passes: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with in_a_hurry(tmp_path / "bot.db") as store:
        outbound = storage.telegram.Outbound(store, chat="5/s", on_error=policy, timeout=3)
        assert outbound.wait(5)
        calls = Calls(Refused(0.1))
        before = time.monotonic()

        with locked(tmp_path / "bot.db"):
            if passes:
                outbound.send(5, calls.send)
            else:
                with pytest.raises(RateLimitedError, match="did not decide"):
                    outbound.send(5, calls.send)
                assert time.monotonic() - before < 2

    assert len(calls.times) == (2 if passes else 0)
    assert not passes or calls.times[1] - calls.times[0] >= 0.1
    assert ("a pause was not stored" in caplog.text) is passes
    caplog.clear()  # it knows errors, and they what they have seen


def test_a_store_that_does_not_answer_is_an_error_unless_told(tmp_path: Path) -> None:
    with in_a_hurry(tmp_path / "bot.db") as store:
        outbound = storage.telegram.Outbound(store)
        outbound.wait(5)

        with locked(tmp_path / "bot.db"), pytest.raises(storage.UnavailableError):
            outbound.send(6, Calls().send)


@pytest.mark.parametrize(
    "options",
    [
        {"overall": "often"},
        {"chat": Limit(1, 1, key="user:{user}")},
        {"group": Limit(1, 1, algorithm="slots")},
        {"chat": []},
        {"chat": 5},
        {"margin": -1},
        {"margin": float("nan")},
        {"margin": None},
        {"margin": True},
        {"attempts": 0},
        {"attempts": 1.5},
        {"attempts": True},
        {"timeout": -1},
        {"timeout": "5"},
        {"on_error": "hope"},
        {"workers": 0},
        {"budget": -1},
    ],
    ids=str,
)
def test_a_bad_option_is_refused(memory: Ground, options: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        memory.outbound(**options)


@pytest.mark.parametrize("option", ["overall", "chat", "group"])
@pytest.mark.parametrize("value", [None, 5, b"1/s", {"1/s"}], ids=repr)
def test_what_is_no_limit_is_called_by_its_name(memory: Ground, option: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"^{option} must be a text .* not {type(value).__name__}"):
        memory.outbound(**{option: value})


def test_what_is_no_function_is_refused_before_anything_is_counted(memory: Ground) -> None:
    outbound = memory.outbound()

    with pytest.raises(TypeError, match="function must be a function, not int"):
        outbound.send(5, 5)
    assert may_send(outbound, 5)


@pytest.mark.parametrize("margin", [0, 0.03, timedelta(minutes=1)], ids=repr)
def test_what_is_sent_is_told_without_the_margin_and_without_chats(
    memory: Ground, margin: Any
) -> None:
    outbound = memory.outbound(chat=["1/s", "100/h"], margin=margin)
    outbound.wait(12345)

    assert repr(outbound) == "<Outbound of memory: 30/s, 1/s, 100/h, 20/min>"


@pytest.mark.parametrize("chat", [True, 5.0, "", b"5", [5], {"id": 5}], ids=repr)
def test_what_is_no_chat_is_refused(memory: Ground, chat: Any) -> None:
    outbound = memory.outbound()
    calls = Calls()

    for call in (
        lambda: outbound.send(chat, calls.send),
        lambda: outbound.wait(chat),
        lambda: outbound.pause(chat, 1),
    ):
        with pytest.raises((TypeError, ValueError), match="chat"):
            call()
    assert calls.times == []


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan"), None, "5", True], ids=repr)
def test_what_is_no_pause_is_refused(memory: Ground, seconds: Any) -> None:
    outbound = memory.outbound()

    with pytest.raises((TypeError, ValueError), match=r"^seconds must be"):
        outbound.pause(5, seconds)
    assert may_send(outbound, 5)


def test_the_blocking_half_calls_no_coroutine_function() -> None:
    outbound = storage.telegram.Outbound(storage.MemoryStorage())

    async def send() -> None:
        """Never called."""

    with pytest.raises(TypeError, match="coroutine"):
        outbound.send(5, send)
    assert may_send(outbound, 5)
