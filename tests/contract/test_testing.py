"""The tools of `storage.testing` keep their word: nothing else proves the rest."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import storage
import storage.aio
from storage.testing import Bridge, Clock, CountingMachine, driven, run_machine, step


class Colours:
    """An object of the asyncio colour."""

    plain = 7

    def __init__(self) -> None:
        self.closed = False
        self.left: list[str] = []

    async def echo(self, *values: Any) -> Any:
        await asyncio.sleep(0)
        return values

    async def task(self) -> int:
        return id(asyncio.current_task())

    async def fail(self) -> None:
        raise LookupError("of the user")

    async def call(self, function: Any) -> Any:
        answer = function()
        return await answer if hasattr(answer, "__await__") else answer

    async def walk(self, count: int) -> AsyncIterator[int]:
        try:
            for number in range(count):
                yield number
        finally:
            await asyncio.sleep(0)
            self.left.append(f"walk {count}")

    def inner(self) -> Colours:
        return Colours()

    async def aclose(self) -> None:
        self.closed = True

    async def __aenter__(self) -> str:
        self.left.append("entered")
        return "inside"

    async def __aexit__(self, kind: object, error: object, trace: object) -> bool:
        self.left.append("left" if error is None else type(error).__name__)
        return kind is KeyError


def test_a_blocking_object_is_returned_as_it_is() -> None:
    with Bridge() as bridge, storage.MemoryStorage() as store:
        assert bridge.driven(store) is store


def test_coroutines_answer_directly() -> None:
    with Bridge() as bridge:
        thing = bridge.driven(Colours())

        assert thing.echo(1, "a") == (1, "a")
        assert thing.plain == 7


def test_errors_keep_their_type() -> None:
    with Bridge() as bridge, pytest.raises(LookupError, match="of the user"):
        bridge.driven(Colours()).fail()


def test_iterators_are_plain_and_end() -> None:
    colours = Colours()
    with Bridge() as bridge:
        assert list(bridge.driven(colours).walk(3)) == [0, 1, 2]

        assert colours.left == ["walk 3"]


def test_an_iterator_that_is_given_up_is_closed() -> None:
    colours = Colours()
    with Bridge() as bridge:
        walk = bridge.driven(colours).walk(3)
        assert next(walk) == 0
        del walk
        gc.collect()

        assert colours.left == ["walk 3"]


def test_context_managers_are_plain_and_may_swallow_errors() -> None:
    colours = Colours()
    with Bridge() as bridge:
        thing = bridge.driven(colours)
        with thing as inside:
            assert inside == "inside"
        with thing:
            raise KeyError
        with pytest.raises(LookupError, match="through"), thing:
            raise LookupError("through")

    assert colours.left == ["entered", "left", "entered", "KeyError", "entered", "LookupError"]


def test_close_is_aclose_and_what_is_given_back_is_driven() -> None:
    colours = Colours()
    with Bridge() as bridge:
        thing = bridge.driven(colours)
        thing.close()

        assert colours.closed
        assert thing.inner().inner().echo(1) == (1,)


def test_all_calls_of_a_thread_are_one_task() -> None:
    with Bridge() as bridge:
        thing = bridge.driven(Colours())
        others: list[int] = []
        thread = threading.Thread(target=lambda: others.append(thing.task()))
        thread.start()
        thread.join()

        assert thing.task() == thing.task() == thing.call(thing.task)
        assert others != [thing.task()]


def test_functions_are_called_in_the_thread_that_handed_them_over() -> None:
    with Bridge() as bridge:
        thing = bridge.driven(Colours())

        assert thing.call(threading.current_thread) is threading.current_thread()
        assert thing.call(lambda: thing.call(lambda: thing.echo(1))) == (1,)
        with pytest.raises(ZeroDivisionError):
            thing.call(lambda: 1 // 0)
        assert thing.echo(2) == (2,)


def test_many_threads_call_at_once() -> None:
    class Meeting:
        def __init__(self) -> None:
            self.arrived: list[int] = []
            self.all_are_here = asyncio.Event()

        async def meet(self, number: int) -> int:
            self.arrived.append(number)
            if len(self.arrived) == 8:
                self.all_are_here.set()
            await self.all_are_here.wait()
            return number

    results: list[int] = []
    with Bridge() as bridge:
        thing = bridge.driven(Meeting())
        threads = [
            threading.Thread(target=lambda n=n: results.append(thing.meet(n))) for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert sorted(results) == list(range(8))


def test_a_closed_bridge_leaves_no_thread_and_refuses() -> None:
    before = threading.active_count()
    bridge = Bridge()
    thing = bridge.driven(Colours())
    walk = thing.walk(3)
    next(walk)
    assert threading.active_count() == before + 1
    bridge.close()
    bridge.close()

    assert threading.active_count() == before
    with pytest.raises(RuntimeError, match="closed"):
        thing.echo(1)


def test_driven_closes_what_it_drove_of_either_colour() -> None:
    for half in (storage, storage.aio):
        thing = half.MemoryStorage()
        with driven(thing) as store:
            store.set("k", 1)
            assert store.get("k") == 1
        with Bridge() as bridge, pytest.raises(storage.ClosedError):
            bridge.driven(thing).get("k")


@given(st.lists(st.integers(-(10**7), 10**10), max_size=20))
def test_a_clock_stands_on_whole_milliseconds(ticks: list[int]) -> None:
    clock = Clock()
    ms = clock.ms
    for tick in ticks:
        clock.tick(tick / 1000)
        ms += tick

        assert clock.ms == ms
        assert int(clock() * 1000) == ms
        assert clock() * 1000 - ms < 0.01


def test_a_clock_moves_when_it_is_told_and_not_otherwise() -> None:
    clock = Clock()
    before, now = clock(), clock.now
    assert clock() == before

    clock.tick(timedelta(minutes=1, milliseconds=1))
    clock.tick(-0.001)
    assert clock() == pytest.approx(before + 60, abs=1e-6)
    assert clock.now == now + timedelta(minutes=1)
    assert before % 1


def test_a_step_that_is_never_taken_fails_the_run() -> None:
    class Lazy(CountingMachine):
        outcomes = frozenset({"never"})

        @step(number=st.integers(0, 3))
        def work(self, number: int) -> None:
            assert 0 <= number <= 3

    with pytest.raises(AssertionError, match="never came to: never"):
        run_machine(Lazy)


def test_a_wrong_answer_fails_the_run() -> None:
    class Wrong(CountingMachine):
        @step(number=st.integers(0, 3))
        def work(self, number: int) -> None:
            assert number < 3

    with pytest.raises(AssertionError):
        run_machine(Wrong)
