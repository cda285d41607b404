"""The records of rate limits that VibeGram, puregram and GramIO write, read and written by us, and
programs in JavaScript that count in the same records at the same time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from storage import CorruptValueError
from storage.testing import Bridge, Clock
from tests.servers import Server
from tests.wire.program import Ask, Program

PROGRAM = Path(__file__).with_name("limits.mjs")
GOLDEN: dict[str, tuple[str, int | None]] = json.loads(
    Path(__file__).with_name("limits.json").read_text(encoding="utf-8")
)["entries"]
START = 1_718_000_000.0
"""The moment at which the golden records begin."""

PREFIXES = {"vibegram": "vibegram:rate-limit:", "puregram": "puregram:", "gramio": ""}


@pytest.fixture
def clock(valkey: Server) -> Iterator[Clock]:
    """The clock of the server."""
    if not valkey.clock_moves:
        pytest.skip("valkey: the clock of the server can not be moved here")
    clock = Clock(START)
    clock.lead(valkey.hold)
    yield clock
    valkey.call("FLUSHALL")


@pytest.fixture
def limits(half: Any, valkey: Server) -> Iterator[Callable[[str], Any]]:
    """What counts hits of a key as a library does: `hit(key, limit, window)`."""
    with Bridge() as bridge:
        stores = []

        def limits(name: str, **options: Any) -> Any:
            library = import_module(f"{half.__name__}.compat.{name}")
            if name == "vibegram":
                store: Any = library.RedisRateLimitStore(valkey.url)
            elif name == "puregram":
                store = library.RedisStorage(valkey.url)
            else:
                store = library.redis_storage(valkey.url)
            stores.append(bridge.driven(store))

            def hit(key: str, limit: int, window: float) -> Any:
                if name == "vibegram":
                    made = library.rate_limit(
                        store=store, key=lambda event: key, limit=limit, window=window
                    )
                    return bridge.driven(made).check(None)
                if name == "puregram":
                    return bridge.driven(library.rate_limit(storage=store)).hit(key, limit, window)
                _, id, entity = key.split(":")
                made = library.rate_limit(storage=store, key=lambda event: entity)
                return bridge.driven(made).check(None, limit=limit, window=window, id=id)

            return hit

        yield limits
        for store in stores:
            store.close()


@pytest.fixture(scope="module")
def ask(node: Path, valkey: Server) -> Iterator[Ask]:
    program = Program(PROGRAM, node, valkey.port)
    yield program.ask
    program.end()


def kept(server: Server, name: str) -> str | None:
    raw = server.call("GET", name)
    return None if raw is None else raw.decode()


def written(limits: Callable[..., Any], clock: Clock) -> dict[str, float]:
    """Write what the golden records are, and say which lifetimes ours have."""
    vibegram, puregram, gramio = map(limits, ("vibegram", "puregram", "gramio"))
    vibegram("100_7", 1, 1)
    for _ in range(21):
        vibegram("-100_7", 20, 60)
    vibegram("chat:-100", 1, 0.001)
    vibegram("chat:-100", 1, 0.001)
    vibegram("update:0", 1, 0.25)
    puregram("default:42", 1, 60)
    for _ in range(4):  # the last one is refused
        puregram("pay:42", 3, 30)
    gramio("rl:default:-100", 1, 5)
    gramio("rl:cmd:77", 2, 10)
    return {"puregram:default:42": 60_000, "puregram:pay:42": 30_000, "rl:default:-100": 5000}


def test_we_write_what_they_write(limits: Callable[..., Any], clock: Clock, valkey: Server) -> None:
    """With a lifetime where they give none."""
    lifetimes = written(limits, clock)
    for name, (raw, ttl) in GOLDEN.items():
        if name != "rl:cmd:77":
            assert kept(valkey, name) == raw, name
            assert valkey.call("PTTL", name) == (ttl or lifetimes[name]), name
    clock.tick(0.5)
    limits("gramio")("rl:cmd:77", 2, 10)

    assert kept(valkey, "rl:cmd:77") == GOLDEN["rl:cmd:77"][0]
    assert valkey.call("PTTL", "rl:cmd:77") == 10_000


def test_what_they_wrote_counts(limits: Callable[..., Any], clock: Clock, valkey: Server) -> None:
    for name, (raw, ttl) in GOLDEN.items():
        valkey.call("SET", name, raw, *(() if ttl is None else ("PX", ttl)))
    vibegram, puregram, gramio = map(limits, ("vibegram", "puregram", "gramio"))

    assert vibegram("100_7", 2, 1) is None
    assert vibegram("-100_7", 20, 60) == 60
    assert vibegram("update:0", 1, 0.25) == 1
    assert puregram("default:42", 2, 60) is None
    assert puregram("pay:42", 3, 60) == 30
    assert gramio("rl:cmd:77", 2, 60) == 60
    assert gramio("rl:default:-100", 2, 60) is None
    assert kept(valkey, "vibegram:rate-limit:100_7") == '{"count":2,"resetTime":1718000001000}'
    assert kept(valkey, "rl:default:-100") == "[1718000000000,1718000000000]"


@pytest.mark.parametrize("name", list(PREFIXES))
@pytest.mark.parametrize("first", [0, 1])
def test_both_sides_count_in_one_record(
    limits: Callable[..., Any],
    ask: Ask,
    clock: Clock,
    valkey: Server,
    name: str,
    first: int,
) -> None:
    """Whoever hits: there stands what would if the program had hit each time. The very end of a
    window, at which VibeGram does something else, is left out for it."""
    ours, theirs = ("rl:a:1", "rl:b:1")
    hit = limits(name)
    end = 1.751 if name == "vibegram" else 1.75
    steps = [0, 0, 0.25, 0, 3, end, 0.001, 0, 5.0, 5.001, 0, 2.5, 2.4, 0.2, 0, 0]
    for number, seconds in enumerate(steps, first):
        clock.tick(seconds)
        told: dict[str, Any] = {"limit": 2, "window": 5, "now": clock.ms}
        expected = ask(name, theirs, **told)
        answer = hit(ours, 2, 5) if number % 2 else ask(name, ours, **told)
        refused = (answer not in (None, False), expected not in (None, False))

        assert refused[0] is refused[1]
        assert kept(valkey, PREFIXES[name] + ours) == kept(valkey, PREFIXES[name] + theirs)
        if name == "vibegram":
            lifetimes = [valkey.call("PTTL", PREFIXES[name] + key) for key in (ours, theirs)]
            assert lifetimes[0] == lifetimes[1]
        if name == "puregram":
            assert answer == expected


def test_what_others_keep_in_a_record_stays_on_both_sides(
    limits: Callable[..., Any], ask: Ask, clock: Clock, valkey: Server
) -> None:
    for name, raw, after in (
        (
            "vibegram",
            '{"by":"é","count":1,"resetTime":1718000060000,"l":[]}',
            '{"by":"é","count":3,"resetTime":1718000060000,"l":[]}',
        ),
        (
            "puregram",
            '{"resetAt":1718000060000.5,"hits":1}',
            '{"resetAt":1718000060000.5,"hits":3}',
        ),
    ):
        valkey.call("SET", f"{PREFIXES[name]}k", raw)
        assert not ask(name, "k", limit=9, window=60, now=clock.ms)
        assert limits(name)("k", 9, 60) is None
        assert kept(valkey, f"{PREFIXES[name]}k") == after


@pytest.mark.parametrize("raw", ["", "{", "[]", "5", "null", '{"count":"1","resetTime":1}'])
def test_what_one_side_can_not_read_the_other_can_not_either(
    limits: Callable[..., Any], ask: Ask, clock: Clock, valkey: Server, raw: str
) -> None:
    valkey.call("SET", "vibegram:rate-limit:k", raw)

    assert ask("vibegram", "k", limit=1, window=1, now=clock.ms) == "RedisStoreParseError"
    with pytest.raises(CorruptValueError):
        limits("vibegram")("k", 1, 1)
    assert kept(valkey, "vibegram:rate-limit:k") == raw


def test_at_the_very_end_of_a_window_ours_begins_a_new_one(
    limits: Callable[..., Any], ask: Ask, clock: Clock, valkey: Server
) -> None:
    """VibeGram counts this one still, and takes the record away."""
    hit = limits("vibegram")
    hit("ours", 1, 5)
    ask("vibegram", "theirs", limit=1, window=5, now=clock.ms)
    clock.tick(5)
    assert ask("vibegram", "theirs", limit=1, window=5, now=clock.ms) is True
    assert hit("ours", 1, 5) is None

    assert kept(valkey, "vibegram:rate-limit:theirs") is None
    assert (
        kept(valkey, "vibegram:rate-limit:ours") == f'{{"count":1,"resetTime":{clock.ms + 5000}}}'
    )


def test_a_key_is_that_of_the_original(half: Any, clock: Clock, valkey: Server) -> None:
    library = import_module(f"{half.__name__}.compat.vibegram")
    update = SimpleNamespace(
        chat=SimpleNamespace(id=100, type="private"), from_user=SimpleNamespace(id=7)
    )
    with Bridge() as bridge:
        store = library.RedisRateLimitStore(valkey.url)
        bridge.driven(library.rate_limit(store=store)).check(update)
        bridge.driven(store).close()

    assert kept(valkey, "vibegram:rate-limit:100_7") == GOLDEN["vibegram:rate-limit:100_7"][0]
