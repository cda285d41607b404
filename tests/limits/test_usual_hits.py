"""What is decided on a server the short way is what is decided there the long way."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pytest

from storage.core.limits import Algorithm, Limit
from storage.records import Ask, Meter
from storage.redis.commands import ONCE, Command, Script
from storage.redis.hits import HIT, TELL, AnyHit, HitScript, UsualHit
from tests.day import IS_LONG
from tests.limits.conftest import Rooms
from tests.limits.serving import meters
from tests.servers import ReplyError, Server

CASES = 4000 if IS_LONG else 500
NOW = 1_800_000_000_123_000
EXACT = 2**53
ALGORITHMS: tuple[Algorithm, ...] = ("log", "window", "aligned", "counter", "gcra")
RULES = [
    *(Limit(5, 1, algorithm=one).rule for one in ALGORITHMS),
    *(Limit(200, 2, algorithm=one).rule for one in ALGORITHMS),
    Limit(7, 3, algorithm="gcra", burst=3).rule,
    Limit(3, 0.007, algorithm="counter").rule,
    Limit(1000, 5).rule,
    Limit(119, 1).rule,
    Limit(120, 1).rule,
]
FILES = ("window", "aligned", "counter", "log", "gcra")

SHORT = Script(
    *("hit", "usual", *(f"usual_{name}" for name in FILES), "usual_hit"),
    *("limit", *FILES, "meters"),
)
LONG = Script("hit", "limit", *FILES, "meters")

READ_AND_KEPT = ["GET", "SET"]
OF_A_LOG = ["GETRANGE", "SET"]


class Case(NamedTuple):
    """What is stored of meters with *rules*, and what is asked of them."""

    rules: Sequence[Any]
    stored: Sequence[bytes | None]
    what: str
    cost: int

    def asked(self, server: Server, script: Script, name: str) -> list[Any]:
        """What *script* answers and leaves there."""
        keys = [f"{name}:{number}" for number in range(len(self.rules))]
        told = b"".join(struct.pack("<4d", rule.code, *rule.numbers) for rule in self.rules)
        with server.connect() as wire:
            for key, raw in zip(keys, self.stored):
                wire.call("DEL", key)
                if raw is not None:
                    wire.call("SET", key, raw, "EX", 1000)
            words: tuple[Any, ...] = (str(len(keys)), *keys, told, self.what, str(self.cost))
            try:
                answer = wire.call("EVAL", script.source, *words)
            except ReplyError as error:
                answer = str(error)
            return [answer, *((wire.call("GET", key), wire.call("PTTL", key)) for key in keys)]


def cases(seed: int) -> Iterator[Case]:
    chance = random.Random(seed)
    for _ in range(CASES):
        rules = chance.sample(RULES, chance.choice([1, 1, 2, 3]))
        most = min(rule.most for rule in rules)
        yield Case(
            rules,
            [record(chance, rule) for rule in rules],
            chance.choice(["hit", "hit", "tell", "peek"]),
            chance.choice([1, 1, 2, chance.randint(1, most)]),
        )


def record(chance: random.Random, rule: Any) -> bytes | None:
    """Nothing, what may come to be stored, or what may not."""
    if chance.random() < 0.2:
        return None
    at = NOW - chance.choice([0, 1, 999, 1000, rule.per, chance.randint(0, 3 * rule.per)])
    seen, barred, told = at, 0, chance.choice([0, 0, at, NOW, NOW + 5_000_000])
    if chance.random() < 0.1:
        seen, at, barred = (chance.choice([at, NOW, NOW + 1_000_000]) for _ in range(3))
    x, y, z, more = counted(chance, rule, at)
    head: list[float] = [rule.code, seen, at, barred, told, x, y, z]
    if chance.random() < 0.1:
        odd = (-1, 0.5, math.nan, math.inf, EXACT, 2.0 * EXACT, 7)
        head[chance.randrange(8)] = chance.choice(odd)
    raw = struct.pack("<8d", *head) + more
    return chance.choice([raw[:-1], raw + b"\0" * 8, b""]) if chance.random() < 0.05 else raw


def counted(chance: random.Random, rule: Any, at: int) -> tuple[int, int, int, bytes]:
    """The numbers of a record, and the moments of a log, which are a ring in their order."""
    if rule.code == 5:
        return chance.choice([0, rule.brim, chance.randint(0, rule.brim)]), 0, 0, b""
    if rule.code != 4:
        start = at - chance.choice([0, rule.per, chance.randint(0, rule.per)])
        if rule.code == 2:
            start -= start % rule.per
        old = chance.randint(0, rule.count) if rule.code == 3 else 0
        return start, chance.randint(0, rule.count), old, b""
    size = chance.choice([0, 5, min(rule.count, 119), min(rule.count, 120), min(rule.count, 300)])
    length = chance.choice([0, size, chance.randint(0, size)])
    first = chance.choice([0, chance.randint(0, 1000)])
    ages = (0, rule.per, rule.per - 1, *(chance.randint(0, rule.per + 9) for _ in range(9)))
    moments = sorted(at - chance.choice(ages) for _ in range(length))
    ring = [0.0] * size
    for number, moment in enumerate(moments):
        ring[(first + number) % size] = moment
    lost = 3 if chance.random() < 0.05 else 0
    return first + length + lost, first, 0, struct.pack(f"<{size}d", *ring)


@pytest.mark.parametrize("kind", ["redis6", "redis8"])
def test_the_short_way_decides_and_stores_what_the_long_way_does(
    kind: str, request: pytest.FixtureRequest
) -> None:
    server: Server = request.getfixturevalue(kind)
    if not server.clock_moves:
        pytest.skip(f"{kind}: the clock of the server can not be moved here")
    server.hold(NOW // 1000)

    passed = 0
    for case in cases(int(kind[-1])):
        told, wanted = case.asked(server, SHORT, "short"), case.asked(server, LONG, "long")
        assert told == wanted, case
        passed += isinstance(told[0], bytes)

    assert passed > CASES // 2


@pytest.mark.parametrize("cost", [1, 2, 3, 4])
def test_hits_that_come_together_go_on_at_the_beginning_of_a_log(cost: int, redis8: Server) -> None:
    if not redis8.clock_moves:
        pytest.skip("the clock of the server can not be moved here")
    redis8.hold(NOW // 1000)
    ring = [NOW - age for age in (700, 600, 500, 400, 300, 200, 100, 800)]
    raw = struct.pack("<16d", 4, NOW, NOW, 0, 0, 15, 11, 0, *ring)
    case = Case([Limit(100, 60).rule], [raw], "hit", cost)

    told = case.asked(redis8, SHORT, "short")

    assert told == case.asked(redis8, LONG, "long")
    places = [(15 + number) % 8 for number in range(cost)]
    wanted = [NOW if place in places else moment for place, moment in enumerate(ring)]
    assert list(struct.unpack("<8d", told[1][0][64:])) == wanted


@pytest.fixture
def room(rooms: Rooms, valkey: Server) -> Any:
    return rooms(valkey)


@pytest.mark.parametrize("hits", [5, 1000])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_usual_hit_reads_the_clock_and_reads_and_writes_its_meter(
    algorithm: Any, hits: int, room: Any, valkey: Server
) -> None:
    chosen = meters(algorithm, hits=hits)
    with valkey.counted() as calls:
        assert room.hit(chosen, Ask()).passed
        assert room.hit(chosen, Ask()).passed

    is_long = algorithm == "log" and hits == 1000
    first = ["TIME", *(["GETRANGE", "GET", "SET"] if is_long else READ_AND_KEPT)]
    assert calls.scripted == [*first, "TIME", *(OF_A_LOG if is_long else READ_AND_KEPT)]


def test_a_hit_by_several_limits_reads_and_writes_each_of_them_once(
    room: Any, valkey: Server
) -> None:
    chosen = meters("gcra", "window", "counter")
    with valkey.counted() as calls:
        assert room.hit(chosen, Ask()).passed

    assert calls.scripted == ["TIME", "GET", "GET", "GET", "SET", "SET", "SET"]


def test_of_a_large_log_a_hit_writes_the_head_and_its_moment(room: Any, valkey: Server) -> None:
    chosen = meters("log", hits=1000)
    room.hit(chosen, Ask(200))
    with valkey.counted() as calls:
        assert room.hit(chosen, Ask()).passed

    kept = ["SETRANGE", "SETRANGE", "PEXPIREAT"]
    assert calls.scripted == ["TIME", "GETRANGE", "STRLEN", *kept]


@pytest.mark.parametrize("algorithm", ["window", "aligned", "gcra"])
def test_a_refusal_by_one_limit_reads_it_once(algorithm: Any, room: Any, valkey: Server) -> None:
    chosen = meters(algorithm, hits=5, per=3600)
    room.hit(chosen, Ask(5))
    with valkey.counted() as calls:
        assert not room.hit(chosen, Ask()).passed

    assert calls.scripted == ["TIME", "GET"]


def test_limits_of_keys_of_their_own_are_counted_for_these(room: Any) -> None:
    rule, other = (Limit(5, 60, algorithm=how).rule for how in ("gcra", "window"))
    assert room.hit([Meter(rule, "a"), Meter(other, "b")], Ask()).passed

    looks = [Meter(one, key) for key in "ab" for one in (rule, other)]
    assert [one.left for one in room.peek(looks, Ask()).readings] == [4, 5, 5, 4]


@pytest.mark.parametrize("cost", [1, 2])
@pytest.mark.parametrize("key", ["plain", "", "{a", "a}", "{a}b", "}{", "~x", "ключ", "100%s"])
def test_a_meter_is_called_as_others_call_it_whatever_the_key_is(
    key: str, cost: int, room: Any
) -> None:
    for chosen in (meters("gcra", key=key), meters("gcra", "log", "window", key=key)):
        room.reset(chosen)
        assert room.hit(chosen, Ask(cost)).passed

        left = [one.rule.most - cost for one in chosen]
        assert [one.left for one in room.peek(chosen, Ask()).readings] == left


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("what", [HIT, TELL])
def test_a_hit_by_meters_of_one_key_is_packed_as_any_command_is(what: bytes, count: int) -> None:
    starts = ["~limit~50%d~", "~limit~ü~", "~limit~%%b~"][:count]
    said = HitScript(LONG, starts, b"%b\r\n" * count)
    hit = UsualHit._make([ONCE, "ключ %s".encode(), what, said, None])

    keys = [f"{start}{{ключ %s}}".encode() for start in starts]
    words = (b"EVALSHA", LONG.sha, b"%d" % count, *keys, b"%b\r\n" * count, what, b"1")
    any_command = Command(ONCE, keys[0], words, LONG)
    assert hit.words == words
    assert hit.packed() == any_command.packed()
    assert hit.spelled_out().packed() == any_command.spelled_out().packed()


@pytest.mark.parametrize("count", [1, 12])
@pytest.mark.parametrize("cost", [1, 100_000])
def test_a_hit_is_packed_as_any_command_is(count: int, cost: int) -> None:
    keys = [b"a", b"b" * 300, *[b"c"] * 10][:count]
    words = (b"EVALSHA", LONG.sha, b"%d" % count, *keys, b"r" * 32, b"tell", b"%d" % cost)
    hit = AnyHit(ONCE, keys[0], words, LONG)

    assert hit.packed() == Command._make(hit).packed()
    assert hit.spelled_out().packed() == Command._make(hit).spelled_out().packed()
