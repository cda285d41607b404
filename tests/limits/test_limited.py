"""Functions that are called no more often than the limits say."""

from __future__ import annotations

import asyncio
import functools
import inspect
from typing import Any

import pytest

import storage
import storage.aio
from storage import InvalidKeyError, RateLimitedError, SessionKey, UnavailableError
from tests.leases.ground import run
from tests.limits.standing import Ground

LIMIT = storage.Limit(1, 60)


def greet(user: Any, text: str = "hi", *, chat: Any = 0) -> tuple[Any, str, Any]:
    return user, text, chat


async def greet_later(user: Any, text: str = "hi", *, chat: Any = 0) -> tuple[Any, str, Any]:
    await asyncio.sleep(0)
    return user, text, chat


@pytest.fixture(params=["plain", "coroutine"])
def function(request: pytest.FixtureRequest, memory: Ground) -> Any:
    """What is decorated: in the asyncio half of either colour, in the blocking one a function."""
    if request.param == "plain":
        return greet
    if memory.half is storage:
        return functools.partial(greet)
    return greet_later


def test_what_is_limited_is_called_so_often_and_then_refused(memory: Ground, function: Any) -> None:
    called = memory.inner("2/min").limited(key="user")(function)

    assert memory.limited(called, 1) == (1, "hi", 0)
    assert memory.limited(called, user=1, text="ho") == (1, "ho", 0)
    with pytest.raises(RateLimitedError) as told:
        memory.limited(called, 1)
    assert told.value.retry_after == pytest.approx(60)
    assert told.value.verdict.refused_by == memory.limit(2, 60)
    assert "2/min is the limit: try again in 60 s" in str(told.value)
    assert memory.limited(called, 2) == (2, "hi", 0)
    memory.clock.tick(61)
    assert memory.limited(called, "1") == ("1", "hi", 0)


def test_arguments_fill_in_templates(memory: Ground) -> None:
    limiter = memory.inner(memory.limit(1, 60, key="{chat}:{user}"), memory.limit(3, key="all"))
    called = limiter.limited()(greet)

    assert memory.limited(called, 1, chat=2) == (1, "hi", 2)
    assert memory.limited(called, 2, "ho", chat=2) == (2, "ho", 2)
    with pytest.raises(RateLimitedError):
        memory.limited(called, text="x", chat=2, user=1)
    assert memory.limited(called, 1) == (1, "hi", 0), "a default fills it in as well"
    with pytest.raises(RateLimitedError):
        memory.limited(called, 5)


def test_an_argument_and_templates_are_told_together(memory: Ground) -> None:
    limiter = memory.inner("1/min", memory.limit(2, 60, key="chat:{chat}"))
    called = limiter.limited(key="user")(greet)
    refused = []
    for user, chat in ((1, 1), (1, 2), (2, 1), (3, 1), (3, 2)):
        try:
            memory.limited(called, user, chat=chat)
        except RateLimitedError:
            refused.append((user, chat))

    assert refused == [(1, 2), (3, 1)]


def test_a_function_finds_out_for_whom_it_is(memory: Ground) -> None:
    seen = []

    def key(*args: Any, **named: Any) -> SessionKey:
        seen.append((args, named))
        return SessionKey(named["chat"], args[0])

    called = memory.inner("1/min").limited(key=key)(greet)

    memory.limited(called, 1, chat=2)
    with pytest.raises(RateLimitedError):
        memory.limited(called, 1, "ho", chat=2)
    memory.limited(called, 2, chat=1)
    assert seen[1] == ((1, "ho"), {"chat": 2})


def test_a_function_may_tell_what_fills_in_the_templates(memory: Ground) -> None:
    limiter = memory.inner(memory.limit(1, 60, key="{sender}"))
    called = limiter.limited(key=lambda user, **_: {"sender": user})(greet)

    memory.limited(called, 1)
    with pytest.raises(RateLimitedError):
        memory.limited(called, 1)


def test_what_a_function_finds_must_be_somebody(memory: Ground) -> None:
    called: list[Any] = []
    limiter = memory.inner("1/min")
    for found, error in ((None, TypeError), (1.5, InvalidKeyError), ({"x": 1}, TypeError)):
        work = limiter.limited(key=lambda *_, found=found: found)(called.append)
        with pytest.raises(error):
            memory.limited(work, 1)
    assert called == []


def test_a_refusal_can_be_answered(memory: Ground) -> None:
    told = []

    def answer(verdict: Any, *args: Any, **named: Any) -> str:
        told.append((verdict, args, named))
        return "too often"

    called = memory.inner("1/min").limited(key="user", on_limit=answer)(greet)

    assert memory.limited(called, 1, chat=5) == (1, "hi", 5)
    assert memory.limited(called, 1, "ho", chat=5) == "too often"
    ((verdict, args, named),) = told
    assert (bool(verdict), verdict.retry_after) == (False, pytest.approx(60))
    assert (args, named) == ((1, "ho"), {"chat": 5})


def test_a_call_may_cost_more(memory: Ground) -> None:
    called = memory.inner("5/min").limited(key="user", cost=2)(greet)

    assert [memory.limited(called, 1) for _ in range(2)] == [(1, "hi", 0)] * 2
    with pytest.raises(RateLimitedError) as told:
        memory.limited(called, 1)
    assert told.value.verdict.remaining == 1


def test_methods_are_limited_for_all_instances(memory: Ground) -> None:
    limiter = memory.inner(memory.limit(1, 60, key="{user}"))

    class Bot:
        @limiter.limited()
        def greet(self, user: int) -> tuple[Bot, int]:
            return self, user

        @classmethod
        @limiter.limited()
        def make(cls, user: int) -> type[Bot]:
            return cls

        @staticmethod
        @limiter.limited()
        def add(user: int) -> int:
            return user + 1

    bot = Bot()
    assert memory.limited(bot.greet, 1) == (bot, 1)
    assert memory.limited(Bot.make, user=2) is Bot
    assert memory.limited(bot.add, 3) == 4
    for refused in (bot.greet, Bot().greet, Bot.make, Bot.add):
        for user in (1, 2, 3):
            with pytest.raises(RateLimitedError):
                memory.limited(refused, user)


def test_decorated_functions_of_one_limiter_share_its_limits(memory: Ground) -> None:
    limited = memory.inner("1/min").limited(key="user")

    memory.limited(limited(greet), 1)
    with pytest.raises(RateLimitedError):
        memory.limited(limited(lambda user: user), 1)


def test_a_call_that_the_function_would_refuse_counts_nothing(memory: Ground) -> None:
    called = memory.inner("1/min").limited(key="user")(greet)
    for args, named in (((), {}), ((1, 2, 3), {}), ((1,), {"user": 1}), ((1,), {"unknown": 1})):
        with pytest.raises(TypeError):
            memory.limited(called, *args, **named)

    assert memory.limited(called, 1) == (1, "hi", 0)


def test_an_error_of_the_function_is_its_own_and_counts(memory: Ground) -> None:
    def fail(user: int) -> None:
        raise LookupError(user)

    called = memory.inner("1/min").limited(key="user")(fail)

    with pytest.raises(LookupError):
        memory.limited(called, 1)
    with pytest.raises(RateLimitedError):
        memory.limited(called, 1)


def test_a_limited_function_looks_like_itself(memory: Ground, function: Any) -> None:
    """aiogram looks for the parameters of a handler like this."""
    called = memory.inner("1/min").limited(key="user")(function)

    assert inspect.unwrap(called) is function
    assert inspect.signature(called) == inspect.signature(greet)
    assert inspect.iscoroutinefunction(called) is (memory.half is storage.aio)
    if hasattr(function, "__name__"):
        assert (called.__name__, called.__doc__) == (function.__name__, function.__doc__)


def test_what_the_limits_want_to_know_is_looked_for_when_decorating(memory: Ground) -> None:
    plain, filled = memory.inner("1/min"), memory.inner(memory.limit(1, key="{chat}:{thread}"))
    for decorate, words in (
        (plain.limited, "for whom"),
        (lambda: filled.limited(key="chat"), "keys of their own"),
        (lambda: filled.limited()(greet), "no argument called thread"),
        (lambda: plain.limited(key="sender")(greet), "no argument called sender"),
    ):
        with pytest.raises(TypeError, match=words):
            decorate()


@pytest.mark.parametrize("key", [5, b"user", ["user"]])
def test_a_key_is_a_function_or_a_name(memory: Ground, key: Any) -> None:
    with pytest.raises(TypeError, match="key must be a function or the name of an argument"):
        memory.inner("1/min").limited(key=key)


@pytest.mark.parametrize("thing", [None, 5, "greet"])
def test_what_can_not_be_called_is_refused(memory: Ground, thing: Any) -> None:
    with pytest.raises(TypeError, match="a function is wanted here"):
        memory.inner("1/min").limited(key="user")(thing)


def test_the_blocking_half_refuses_coroutine_functions() -> None:
    with storage.MemoryStorage() as store:
        limiter: Any = storage.RateLimiter(store, "1/min")

        class Called:
            async def __call__(self, user: int) -> None:
                pass

        for wrong in (greet_later, functools.partial(greet_later, 1), Called()):
            for decorate in (
                lambda wrong=wrong: limiter.limited(key="user")(wrong),
                lambda wrong=wrong: limiter.limited(key=wrong),
                lambda wrong=wrong: limiter.limited(key="user", on_limit=wrong),
            ):
                with pytest.raises(TypeError, match="blocking half"):
                    decorate()


def test_the_asyncio_half_takes_functions_of_either_colour_everywhere() -> None:
    async def key(user: int, **_: Any) -> int:
        return user

    async def answer(verdict: Any, user: int, **_: Any) -> str:
        return f"{user}: too often"

    async def work() -> None:
        async with storage.aio.MemoryStorage() as store:
            limiter = storage.aio.RateLimiter(store, "1/min")
            for function in (greet, greet_later):
                await limiter.reset(1)
                called: Any = limiter.limited(key=key, on_limit=answer)(function)
                assert await called(1) == (1, "hi", 0)
                assert await called(1) == "1: too often"

    run(work())


def test_where_the_store_did_not_decide_the_error_says_so() -> None:
    error = UnavailableError("the network is down", store="far away")
    with storage.MemoryStorage() as store:
        limiter = storage.RateLimiter(store, "1/min", on_error="deny")

        class Gone:
            def hit(self, *_: Any) -> None:
                raise error

        gone: Any = Gone()
        limiter._guard._room = gone
        with pytest.raises(RateLimitedError, match="the store did not decide") as told:
            limiter.limited(key="user")(greet)(1)
        assert told.value.verdict.error is error
