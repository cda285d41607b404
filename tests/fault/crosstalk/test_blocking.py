"""Thousands of calls of threads, while signals strike, processes fork, and connections and servers
break: nobody gets somebody else's answer, nothing runs twice, and nothing is left."""

from __future__ import annotations

import gc
import os
import random
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

import storage
from tests.fault.crosstalk.calls import HASTY, KINDS, Call, Caller, Crowd, Kind, Kit, made
from tests.fault.crosstalk.ground import calls, children
from tests.fault.crosstalk.weather import Nemesis, Weather, flat
from tests.fault.ground import Child, Crew, disarm
from tests.fault.proxy import Proxy
from tests.fault.redis.ground import clients, url
from tests.servers import Server, states
from tests.waiting import until

LIMIT = 3
SECONDS = 0.8

# What is struck before anybody has the new socket is closed by the interpreter, which says so.
pytestmark = [pytest.mark.timed, pytest.mark.filterwarnings("ignore:unclosed <socket")]


class Stop(BaseException):
    """A time limit that no `except Exception` catches."""


class Forked(BaseException):
    """What strikes in a child: the process was forked in the middle of a call."""


@contextmanager
def handling(handler: Callable[..., object]) -> Iterator[None]:
    """What to do at an alarm; what strikes in a `__del__` would be lost there."""
    gc.collect()
    gc.disable()
    usual = signal.signal(signal.SIGALRM, handler)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, usual)
        gc.enable()


@pytest.fixture
def striking() -> Iterator[None]:
    def strike(*_: object) -> None:
        raise Stop

    with handling(strike):
        yield


def timed(call: Call, seconds: float) -> Call:
    """*call*, with an alarm after so many seconds where it takes so long."""
    ask = call.ask

    def armed(kit: Kit) -> Any:
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            return ask(kit)
        finally:
            disarm()

    call.ask = armed
    return call


def moment(chance: random.Random) -> float:
    """Mostly somewhere in a call of one trip."""
    return chance.uniform(1e-5, chance.choice([2e-4, 2e-4, 3e-3]))


def without_threads(store: Any) -> Kit:
    """Sessions without leases, and so without a thread which renews them: one that is struck while
    it begins is never forgotten by the interpreter."""
    return Kit(storage, store, lock=False)


def struck(caller: Caller, kit: Kit, kinds: Mapping[Kind, int] = KINDS) -> None:
    try:
        end = made(timed(caller.next(kinds), moment(caller.chance)), kit)
    except Stop:
        end = "cut"
    except UnboundLocalError:
        end = "cut"  # what strikes an old redis-py while it makes a connection
    caller.ends[end] += 1


def work(caller: Caller, kit: Kit, count: int, kinds: Mapping[Kind, int] = KINDS) -> None:
    for _ in range(count):
        caller.ends[made(caller.next(kinds), kit)] += 1


def answered(caller: Caller, kit: Kit, count: int) -> None:
    """Nothing goes wrong here, so each call has an answer."""
    for _ in range(count):
        call = caller.next()
        caller.expect_answer(call, made(call, kit))


def as_many_at_once_as_before(store: Any, server: Server) -> None:
    """A connection of a call that was cut off does not count against the limit."""
    gc.collect()
    with states.paused(server, writes=True):
        crew = Crew(*[lambda: store.set("at once", 1)] * LIMIT)
        until(lambda: clients(server, "flags=b ") == LIMIT, "as many calls as are allowed")
    crew.join()


def test_calls_that_signals_cut_off(stocked: Server, chance: random.Random, striking: None) -> None:
    crowd = Crowd("struck", 3, chance)
    with storage.RedisStorage(url(stocked, connections=LIMIT, timeout=20)) as store:
        kit = without_threads(store)
        for number in range(calls("struck")):
            struck(chance.choice(crowd.callers), kit)
            if number % 250 == 0:
                gc.collect()
        assert crowd.ends["cut"] > 0.1 * crowd.ends.total(), crowd.ends
        assert not crowd.ends["failed"] + crowd.ends["unknown"], crowd.ends
        crowd.again(kit)
        flat(stocked, LIMIT)
        as_many_at_once_as_before(store, stocked)
    crowd.check(stocked, answered=0.1)  # on a busy machine most calls are struck
    flat(stocked, 0)


def test_threads_and_signals_in_bad_weather(
    stocked: Server, chance: random.Random, striking: None
) -> None:
    weather = Weather(chance)
    crowd = Crowd("weather", 4, chance)
    share = calls("weather") // 4
    with Proxy(stocked.address, plan=weather) as proxy:
        place = url(proxy, connections=LIMIT, timeout=SECONDS)
        with storage.RedisStorage(place) as store:
            kit = without_threads(store)
            first, *others = crowd.callers
            with weather.bad(often=0.05):
                crew = Crew(*(partial(work, caller, kit, share, HASTY) for caller in others))
                for _ in range(share):
                    struck(first, kit, HASTY)
                crew.join()
                while weather.goes_on(crowd.ends.total(), 4 * share):
                    work(first, kit, 1, HASTY)
            crowd.again(kit)
            flat(stocked, LIMIT)
    weather.check()
    assert crowd.ends["cut"]
    assert crowd.ends["unknown"]
    crowd.check(stocked)
    flat(stocked, 0)


def test_threads_whose_connections_and_server_are_killed(
    durable: Server, chance: random.Random
) -> None:
    crowd = Crowd("killed", 5, chance)
    share = calls("killed") // 5
    with storage.RedisStorage(url(durable, connections=LIMIT, timeout=20)) as store:
        kit = Kit(storage, store)
        with Nemesis(durable, chance, restarts=2) as nemesis:
            crew = Crew(*(partial(work, caller, kit, share) for caller in crowd.callers))
            crew.join()
            until(lambda: nemesis.is_done)
        crowd.again(kit)
        flat(durable, LIMIT)
        as_many_at_once_as_before(store, durable)
    crowd.check(durable)
    flat(durable, 0)


READS = {kind: KINDS[kind] for kind in (Caller.get, Caller.get_many, Caller.has, Caller.foreign)}
"""What changes nothing, however many processes ask it."""


class Cut(Child):
    """A child that is forked in the middle of a call, and works when that is over."""

    def _be(self, work: Callable[[Callable[[bytes], object]], object], says: int) -> None:
        self._work, self._says = work, os.dup(says)

    def end(self, trouble: BaseException | None) -> None:
        """Work, and end the process; the call ended with an answer, or with *trouble*."""

        def judged(say: Callable[[bytes], object]) -> None:
            self.judge(trouble)
            self._work(say)

        super()._be(judged, self._says)

    def judge(self, trouble: BaseException | None) -> None:
        """Fail where a call may not end so."""
        if trouble is not None:
            raise trouble


class Unwinding(Cut):
    """It begins with an error in the call, which is lost in some places, as in a `__del__`."""

    def _be(self, work: Callable[[Callable[[bytes], object]], object], says: int) -> None:
        super()._be(work, says)
        raise Forked

    def judge(self, trouble: BaseException | None) -> None:
        # The last is of an old redis-py that is struck while it makes a connection.
        if not isinstance(trouble, (Forked, UnboundLocalError)):
            super().judge(trouble)


def forking(
    kind: type[Cut],
    forked: list[Child],
    count: int,
    be: Callable[[], object],
    ask: Callable[[], object],
) -> None:
    """*ask* again and again, until so many children of a *kind* are *forked* in the middle of it.

    They *be* somebody else, and never come back.
    """
    parent = os.getpid()
    trouble: BaseException | None = None

    def fork(*_: object) -> None:
        child = kind.__new__(kind)
        forked.append(child)
        child.__init__(lambda _: be())  # type: ignore[misc]

    with handling(fork):
        try:
            while len(forked) < count and os.getpid() == parent:
                ask()
        except BaseException as error:
            if os.getpid() == parent:
                raise
            trouble = error
        if os.getpid() != parent:
            forked[-1].end(trouble)  # type: ignore[attr-defined]


def crowd_with_children(
    kind: type[Cut], kinds: Mapping[Kind, int], most: int, server: Server, chance: random.Random
) -> None:
    """Callers with *most* connections, one of whom asks what is of *kinds*, and is forked then."""
    share = calls("forked")
    crowd = Crowd("parent", 4, chance)
    place = url(server, connections=most, timeout=5)
    with storage.RedisStorage(place) as store, children() as forked:
        kit = Kit(storage, store)

        def be() -> None:
            own = Crowd(f"child {os.getpid()}", 2, chance)
            for caller in own.callers:
                answered(caller, kit, 20)
            own.check(server)

        def ask() -> None:
            call = timed(first.next(kinds), moment(chance))
            first.expect_answer(call, made(call, kit))

        first, *others = crowd.callers
        crew = Crew(*(partial(answered, caller, kit, share // 4) for caller in others))
        forking(kind, forked, share // 40, be, ask)
        crew.join()
        crowd.again(kit)
        flat(server, most)
    crowd.check(server)
    flat(server, 0)


def test_processes_that_are_forked_in_the_middle_of_calls(
    stocked: Server, chance: random.Random
) -> None:
    """The child is cut off in the middle of the call, and its parent goes on with it."""
    crowd_with_children(Unwinding, KINDS, LIMIT, stocked, chance)


@pytest.mark.parametrize("most", [LIMIT, 1])
def test_processes_that_are_forked_in_the_middle_of_calls_and_go_on(
    most: int, stocked: Server, chance: random.Random
) -> None:
    """Parent and child end the same call, each with an answer from a connection of its own."""
    crowd_with_children(Cut, READS, most, stocked, chance)
