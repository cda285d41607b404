"""`fallback`: who does what, and what is lost when one of the two can not be reached: nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
from storage import MISSING, OutcomeUnknownError, UnavailableError
from storage.core.fallback import Outage
from storage.testing import Bridge, Clock
from tests.fault import faults
from tests.fault.proxy import Proxy
from tests.fault.redis.ground import ONCE, prepared, stopped
from tests.servers import Server
from tests.servers.process import free_port
from tests.servers.states import full, read_only

pytestmark = pytest.mark.timed

PAUSE = 100
TIMEOUT = 0.2

CALLS: dict[str, Callable[[Any], object]] = {
    "get": lambda s: s.get("k"),
    "set": lambda s: s.set("k", 1),
    "delete": lambda s: s.delete("k"),
    "has": lambda s: s.has("k"),
    "touch": lambda s: s.touch("k", ttl=60),
    "expires_at": lambda s: s.expires_at("k"),
    "get_many": lambda s: s.get_many(["k", "l"]),
    "set_many": lambda s: s.set_many({"k": 1, "l": 2}),
    "delete_many": lambda s: s.delete_many(["k", "l"]),
    "add": lambda s: s.add("k", 1),
    "incr": lambda s: s.incr("k"),
    "keys": lambda s: list(s.keys()),
    "clear": lambda s: s.namespace("n").clear(),
}
"""Methods that are one operation of a backend each."""


@dataclass
class Pair:
    """A store on a server behind a proxy, a file that stands in for it, and the store of both."""

    proxy: Proxy
    made: tuple[Any, Any]
    """The two stores as they are made, in their own colour."""
    first: Any
    second: Any
    both: Any = None
    told: list[UnavailableError] = field(default_factory=list)
    refused: Exception | None = None
    clock: Clock = field(default_factory=Clock)

    def hear(self, error: UnavailableError) -> None:
        self.told.append(error)
        if self.refused is not None:
            raise self.refused

    def begin(self) -> None:
        """The server can not be reached any more."""
        self.proxy.refuse()
        self.proxy.cut()

    def end(self) -> None:
        """It can be reached again, and that is to be found out."""
        self.proxy.mend()
        self.clock.tick(PAUSE)


@pytest.fixture
def pair(half: Any, bridge: Bridge, proxy: Proxy, valkey: Server, tmp_path: Path) -> Iterator[Pair]:
    first = half.RedisStorage(proxy.url, timeout=TIMEOUT)
    second = half.SqliteStorage(tmp_path / "second.db")
    pair = Pair(proxy, (first, second), bridge.driven(first), bridge.driven(second))
    both = half.fallback(first, second, on_error=pair.hear, pause=PAUSE)
    both._backend._room._clock = pair.clock
    pair.both = bridge.driven(both)
    yield pair
    pair.both.close()
    pair.second.close()
    pair.first.close()
    valkey.call("FLUSHALL")


# Who is asked.


@pytest.mark.parametrize("name", CALLS)
def test_what_answers_is_not_replaced(pair: Pair, name: str) -> None:
    alone = CALLS[name](pair.first.namespace("alone"))

    assert CALLS[name](pair.both.namespace("alone again")) == alone
    assert list(pair.second.namespace("alone again").keys()) == []
    assert pair.told == []


def test_what_is_missing_in_the_first_is_missing(pair: Pair) -> None:
    """A key that was removed must not rise again out of the second."""
    pair.second.set("k", "old")
    both = pair.both

    assert both.get("k") is None
    assert both.get("k", MISSING) is MISSING
    assert not both.has("k")
    assert both.get_many(["k"]) == {}
    assert both.expires_at("k") is MISSING
    assert not both.touch("k")
    assert not both.delete("k")
    assert list(both.keys()) == []
    assert both.clear(everything=True) == 0
    with pytest.raises(KeyError):
        both.update("k", lambda value: value)
    assert both.add("k", "new")
    assert pair.second.get("k") == "old"
    assert pair.told == []


@pytest.mark.parametrize("value", [None, 0, "", False, [], {}])
def test_values_that_look_like_nothing_are_values(pair: Pair, value: Any) -> None:
    pair.first.set("k", value)
    pair.second.set("k", "other")

    assert pair.both.get("k", "missing") == value
    assert pair.told == []
    pair.begin()
    pair.second.set("k", value)
    assert pair.both.get("k", "missing") == value


@pytest.mark.parametrize("name", CALLS)
def test_what_the_first_can_not_do_is_done_by_the_second_and_told(pair: Pair, name: str) -> None:
    pair.begin()
    alone = CALLS[name](pair.second.namespace("alone"))

    for _ in range(2):
        space = pair.both.namespace("alone again")
        assert CALLS[name](space) == alone
        pair.second.namespace("alone again").clear()

    assert [type(error) for error in pair.told] == [UnavailableError] * 2
    assert {error.store for error in pair.told} == {repr(pair.first)[:-1].split(" ", 1)[1]}
    assert not any("second.db" in str(error) for error in pair.told)


def test_each_call_that_the_second_does_is_told(pair: Pair) -> None:
    pair.begin()

    pair.both.update("k", lambda value: value + 1, default=0)  # reads, and writes
    assert [error.key for error in pair.told] == ["storage:k"] * 2


def test_what_on_error_raises_goes_to_the_caller_and_nothing_is_done(pair: Pair) -> None:
    pair.second.set("k", {"n": 1})
    pair.begin()
    pair.refused = PermissionError("not this one")

    for call in CALLS.values():
        with pytest.raises(PermissionError, match="not this one"):
            call(pair.both)
    with pytest.raises(PermissionError), pair.both.edit("k") as draft:
        draft["n"] = 2

    assert dict(pair.second.items()) == {"k": {"n": 1}}


def test_on_error_may_be_of_either_colour_where_it_can_be_awaited(
    half: Any, pair: Pair, bridge: Bridge
) -> None:
    heard: list[UnavailableError] = []

    async def hear(error: UnavailableError) -> None:
        heard.append(error)

    if half is storage:
        with pytest.raises(TypeError, match="coroutine"):
            half.fallback({}, {}, on_error=hear)
        return
    both = half.fallback(*pair.made, on_error=hear)
    pair.begin()

    bridge.driven(both).set("k", 1)
    assert pair.second.get("k") == 1
    assert len(heard) == 1


# What is no outage.


@pytest.mark.parametrize("name", ONCE)
def test_what_may_have_been_done_is_not_done_again_by_the_second(
    pair: Pair, valkey: Server, name: str
) -> None:
    prepared(pair.first, valkey)
    pair.second.set_many({"n": 1, "d": {"n": 1}})
    command, call, _, _ = ONCE[name]
    pair.proxy.next(faults.Unanswered(), command)

    with pytest.raises(OutcomeUnknownError):
        call(pair.both)

    assert dict(pair.second.items()) == {"n": 1, "d": {"n": 1}}
    assert pair.told == []
    assert pair.both.has("d")
    assert pair.told == []


def test_a_server_that_hangs_is_replaced_from_the_next_call_on(pair: Pair, valkey: Server) -> None:
    pair.both.set("k", "first")
    with stopped(valkey):
        with pytest.raises(OutcomeUnknownError):
            pair.both.set("k", "unknown")
        assert pair.told == []
        assert pair.both.get("k") is None
        pair.both.set("k", "second")

    assert len(pair.told) == 2
    assert pair.second.get("k") == "second"


def test_where_neither_answers_the_second_says_so(half: Any, pair: Pair, bridge: Bridge) -> None:
    nobody = f"redis://127.0.0.1:{free_port()}"
    dead = half.RedisStorage(nobody, timeout=TIMEOUT, prefix="dead:")
    both = bridge.driven(half.fallback(pair.made[0], dead, on_error=pair.hear))
    pair.begin()

    with pytest.raises(UnavailableError) as caught:
        both.get("k")

    assert caught.value.key == "dead:k"
    assert [error.key for error in pair.told] == ["storage:k"]
    bridge.driven(dead).close()


def test_a_store_that_is_full_is_not_replaced_because_it_is_read_on(
    pair: Pair, valkey: Server
) -> None:
    pair.first.set("k", 1)
    with full(valkey):
        with pytest.raises(storage.StorageFullError):
            pair.both.set("k", 2)
        assert pair.both.get("k") == 1

    assert list(pair.second.keys()) == []
    assert pair.told == []


def test_a_store_that_takes_no_writes_is_not_replaced_because_it_is_read_on(
    pair: Pair, valkey: Server
) -> None:
    pair.first.set("k", 1)
    with read_only(valkey):
        with pytest.raises(storage.ReadOnlyError):
            pair.both.set("k", 2)
        assert pair.both.get("k") == 1

    assert list(pair.second.keys()) == []
    assert pair.told == []


def test_what_can_not_be_read_or_counted_is_not_looked_for_elsewhere(
    pair: Pair, valkey: Server
) -> None:
    valkey.call("SET", "storage:k", "{")
    pair.second.set("k", 1)

    with pytest.raises(storage.CorruptValueError):
        pair.both.get("k")
    with pytest.raises(storage.WrongTypeError):
        pair.both.incr("k")

    assert pair.told == []


# How long.


def test_the_first_is_left_alone_for_the_pause_and_tried_after_it(pair: Pair) -> None:
    pair.first.set("k", "first")
    pair.begin()
    pair.both.set("k", "second")
    pair.proxy.mend()
    connections = pair.proxy.connections

    pair.clock.tick(PAUSE - 0.001)
    assert pair.both.get("k") == "second"
    assert pair.proxy.connections == connections

    pair.clock.tick(0.001)
    assert pair.both.get("k") == "first"
    assert len(pair.told) == 2
    assert pair.both.get("k") == "first"


def test_without_a_pause_every_call_asks_the_first(half: Any, pair: Pair, bridge: Bridge) -> None:
    both = bridge.driven(half.fallback(*pair.made, on_error=pair.hear, pause=0))
    pair.first.set("k", "first")
    pair.begin()
    assert both.get("k") is None
    pair.proxy.mend()

    assert both.get("k") == "first"
    assert len(pair.told) == 1


def test_after_a_pause_one_asks_for_all() -> None:
    outage = Outage("first", 10)
    assert [outage.lets_ask(now) for now in (0, 0, 5)] == [True] * 3

    outage.began(UnavailableError("gone"), 5)
    assert [outage.lets_ask(now) for now in (5, 14.9)] == [False] * 2
    assert [outage.lets_ask(now) for now in (15, 15, 24.9)] == [True, False, False]
    assert [outage.lets_ask(now) for now in (25, 25)] == [True, False]

    outage.ended()
    assert [outage.lets_ask(now) for now in (25, 25)] == [True] * 2


# What is begun on one and ended on the other.


def test_an_update_that_meets_the_other_store_reads_again(pair: Pair) -> None:
    pair.first.set("k", 10)
    pair.second.set("k", 500)
    seen: list[int] = []

    def change(value: int) -> int:
        seen.append(value)
        if len(seen) == 1:
            pair.begin()
        return value + 1

    assert pair.both.update("k", change) == 501
    assert seen == [10, 500]
    assert pair.second.get("k") == 501
    pair.end()
    assert pair.first.get("k") == 10


def test_an_update_that_comes_back_to_the_first_store_reads_again(pair: Pair) -> None:
    pair.first.set("k", 10)
    pair.second.set("k", 500)
    seen: list[int] = []
    pair.begin()

    def change(value: int) -> int:
        seen.append(value)
        if len(seen) == 1:
            pair.end()
        return value + 1

    assert pair.both.update("k", change) == 11
    assert seen == [500, 10]
    assert pair.second.get("k") == 500


def test_an_update_of_a_key_that_the_other_store_has_not_begins_anew(pair: Pair) -> None:
    pair.first.set("k", 10)
    seen: list[int] = []

    def change(value: int) -> int:
        seen.append(value)
        if len(seen) == 1:
            pair.begin()
        return value + 1

    assert pair.both.update("k", change, default=0) == 1
    assert seen == [10, 0]
    assert pair.second.get("k") == 1


def test_an_update_of_a_key_that_only_the_other_store_has_reads_it(pair: Pair) -> None:
    pair.second.set("k", 500)
    seen: list[int] = []

    def change(value: int) -> int:
        seen.append(value)
        if len(seen) == 1:
            pair.begin()
        return value + 1

    assert pair.both.update("k", change, default=0) == 501
    assert seen == [0, 500]


def test_an_edit_that_meets_the_other_store_is_merged_or_a_conflict(pair: Pair) -> None:
    pair.first.set_many({"a": {"n": 1}, "b": {"n": 1}, "c": {"n": 1}})
    pair.second.set_many({"a": {"n": 1, "theirs": 2}, "b": {"n": 7}})

    with pair.both.edit("a") as draft:
        draft["n"] = 5
        pair.begin()
    with pytest.raises(storage.ConflictError, match="changed 'n' too"):
        _edit_over_an_outage(pair, "b")
    with pytest.raises(storage.ConflictError, match="removed it"):
        _edit_over_an_outage(pair, "c")

    left = {"a": {"n": 5, "theirs": 2}, "b": {"n": 7}}
    assert dict(pair.second.items()) == left


def _edit_over_an_outage(pair: Pair, key: str) -> None:
    pair.end()
    with pair.both.edit(key) as draft:
        draft["n"] += 1
        pair.begin()


def test_a_value_that_is_made_meanwhile_yields_to_what_the_other_store_has(pair: Pair) -> None:
    pair.second.set("k", "theirs")

    def make() -> str:
        pair.begin()
        return "ours"

    assert pair.both.get_or_set("k", make) == "theirs"


def test_a_scan_of_the_first_store_does_not_go_on_in_the_second(pair: Pair) -> None:
    pair.first.set_many({f"k{n}": n for n in range(2000)})
    pair.second.set("other", 1)
    walk = pair.both.keys()
    begun = next(walk)
    pair.begin()

    with pytest.raises(UnavailableError):
        list(walk)

    assert begun != "other"
    assert pair.told == []
    assert list(pair.both.keys()) == ["other"]


def test_a_scan_of_the_first_store_does_not_go_on_before_the_pause_is_over(pair: Pair) -> None:
    pair.first.set_many({f"k{n}": n for n in range(2000)})
    walk = pair.both.keys()
    next(walk)
    pair.begin()
    pair.both.get("k")
    pair.proxy.mend()

    with pytest.raises(UnavailableError):
        list(walk)


def test_a_scan_of_the_second_store_goes_on_there(pair: Pair) -> None:
    pair.second.set_many({f"k{n:04}": n for n in range(1200)})
    pair.first.set("other", 1)
    pair.begin()
    walk = pair.both.items()
    begun = next(walk)
    pair.end()

    assert dict([begun, *walk]) == dict(pair.second.items())
    assert len(pair.told) == 3
    assert list(pair.both.keys()) == ["other"]


# What each of the two holds.


def test_names_are_those_of_each_store(pair: Pair) -> None:
    pair.begin()
    pair.both.set_many({"k": 1, "~k": 2, "": 3})
    pair.both.namespace("a").namespace("b").set("k", 4)
    pair.both.namespace("c").set("k", 5)

    assert dict(pair.second.items()) == dict(pair.both.items()) == {"k": 1, "~k": 2, "": 3}
    assert pair.second.namespace("a").namespace("b").get("k") == 4
    assert dict(pair.both.namespace("a").namespace("b").items()) == {"k": 4}
    assert pair.both.namespace("a").clear() == 1
    assert pair.both.delete_many(["k", "~k"]) == 2
    assert dict(pair.second.items()) == {"": 3}
    assert pair.second.namespace("c").get("k") == 5


def test_what_was_written_meanwhile_stays_where_it_is(pair: Pair) -> None:
    pair.first.set_many({"removed": 1, "count": 10})
    pair.begin()
    pair.both.set("new", 1)
    pair.both.delete("removed")
    pair.both.incr("count")
    pair.end()

    assert dict(pair.both.items()) == {"removed": 1, "count": 10}
    assert dict(pair.second.items()) == {"new": 1, "count": 1}


def test_the_default_lifetime_is_that_of_the_first(half: Any, pair: Pair, bridge: Bridge) -> None:
    first = half.RedisStorage(pair.proxy.url, timeout=TIMEOUT, ttl=60)
    second = half.MemoryStorage(clock=pair.clock, ttl=5)
    both = bridge.driven(half.fallback(first, second, on_error=pair.hear, pause=PAUSE))
    pair.begin()
    both.set("k", 1)
    pair.clock.tick(59.999)

    assert both.get("k") == 1
    pair.clock.tick(0.001)
    assert both.get("k") is None
    bridge.driven(first).close()


def test_layers_go_over_it(half: Any, pair: Pair, bridge: Bridge) -> None:
    both = half.fallback(*pair.made, on_error=pair.hear, pause=PAUSE)
    enhanced = bridge.driven(half.enhance_storage(both, migrations={1: lambda value: value}))
    pair.first.set("k", 1)

    assert enhanced.update("k", lambda value: value + 1) == 2
    pair.begin()
    assert enhanced.update("k", lambda value: value + 1, default=0) == 1
    assert pair.second.get("k") == {"__v": 1, "data": 1}


def test_lifetimes_go_over_it_where_one_of_the_two_has_none(
    half: Any, pair: Pair, bridge: Bridge
) -> None:
    mapping: dict[str, Any] = {}
    both = half.fallback(pair.made[0], mapping, on_error=pair.hear, pause=PAUSE)
    store = bridge.driven(half.enhance_storage(both, ttl=60, clock=pair.clock))
    pair.begin()
    store.set("k", 1)
    pair.clock.tick(59.999)

    assert store.get("k") == 1
    pair.clock.tick(0.001)
    assert store.get("k") is None
    assert mapping == {}


def test_closing_it_leaves_both_open(pair: Pair) -> None:
    pair.both.close()

    with pytest.raises(storage.ClosedError):
        pair.both.get("k")
    pair.first.set("k", 1)
    pair.second.set("k", 2)


# What does not fit.


def test_leases_are_not_kept_twice(pair: Pair, half: Any) -> None:
    with pytest.raises(storage.UnsupportedError, match="leases"):
        pair.both.room(half.LeaseStore)


class Spelled:
    """A codec of somebody's own, which writes no JSON."""

    def encode(self, value: Any, /) -> bytes:
        return str(value).encode()

    def decode(self, raw: bytes, /) -> Any:
        return raw.decode()

    def same(self, old: bytes, new: bytes, /) -> bool:
        return old == new


def refusals(half: Any, file: Path) -> dict[str, tuple[Any, Any]]:
    memory = half.MemoryStorage
    plain = half.SqliteStorage(file, layout="puregram")
    return {
        "is enhanced.*layers go over it": (half.enhance_storage({}), {}),
        "are written as they are": (memory(), plain),
        "the same codec": (memory(), memory(codec=Spelled())),
        "no lifetimes": (memory(ttl=60), {}),
    }


def test_what_does_not_fit_is_refused_with_a_remedy(
    half: Any, bridge: Bridge, tmp_path: Path
) -> None:
    pairs = refusals(half, tmp_path / "bot.db")
    for message, (first, second) in pairs.items():
        with pytest.raises(storage.ConfigurationError, match=message):
            half.fallback(first, second, on_error=print)
    for message, (second, first) in [*pairs.items()][:-1]:
        with pytest.raises(storage.ConfigurationError, match=message):
            half.fallback(first, second, on_error=print)
    bridge.driven(pairs["are written as they are"][1]).close()


@pytest.mark.parametrize("pause", [-1, float("inf"), float("nan")])
def test_a_pause_is_a_number_of_seconds(half: Any, pause: Any) -> None:
    with pytest.raises(ValueError, match="pause"):
        half.fallback({}, {}, on_error=print, pause=pause)


@pytest.mark.parametrize("pause", [None, True, "1"])
def test_a_pause_is_a_number(half: Any, pause: Any) -> None:
    with pytest.raises(TypeError, match="pause"):
        half.fallback({}, {}, on_error=print, pause=pause)


def test_somebody_has_to_be_told(half: Any) -> None:
    with pytest.raises(TypeError, match="on_error"):
        half.fallback({}, {})
    with pytest.raises(TypeError, match="function is wanted"):
        half.fallback({}, {}, on_error=None)


def test_json_is_json_whoever_writes_it(half: Any, bridge: Bridge) -> None:
    slow, fast = half.MemoryStorage(), half.MemoryStorage(codec=storage.FastJsonCodec())

    both = bridge.driven(half.fallback(slow, fast, on_error=print))

    both.set("k", [1])
    assert both.get("k") == [1]


def test_what_is_promised_is_true_of_both(half: Any, tmp_path: Path, bridge: Bridge) -> None:
    coarse = half.SqliteStorage(tmp_path / "a.db", layout="gramio")
    fine = half.SqliteStorage(tmp_path / "b.db", layout="puregram")
    memory = half.MemoryStorage()

    def promised(first: Any, second: Any) -> storage.Capabilities:
        can: storage.Capabilities = half.fallback(first, second, on_error=print).capabilities
        assert half.fallback(second, first, on_error=print).capabilities == can
        return can

    assert promised(coarse, fine) == ("process", 1000, True, True)
    assert promised(memory, memory) == ("process", 1, True, False)
    assert promised(memory, {}) == ("process", None, True, False)
    for store in (coarse, fine):
        bridge.driven(store).close()
