"""Rate limits on a cluster: of one key in one step, of several slots by all of them or by none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import redis.asyncio.cluster
import redis.cluster

import storage
import storage.aio.protocols
from storage import CorruptValueError, UnsupportedError
from storage.core.limits import Algorithm, Limit
from storage.protocols import RateLimitStore
from storage.records import Ask, Meter
from storage.testing.strategies import NASTY_KEYS
from tests.day import IS_LONG
from tests.fault.proxy import Proxy
from tests.servers import Cluster, slot_of
from tests.topology.conftest import Open
from tests.topology.ground import PREFIX, cluster_url, one_of_each

MINUTE = 60_000_000
TOKEN = "ab" * 16
BRACES = ("k", "{tag}0", "{}a", "{}", "{", "}", "}a{", "a}b", "{{a}}", "{a}{b}", "{a", "~{b}")
KEYS = (*BRACES, *NASTY_KEYS) if IS_LONG else (*BRACES, *NASTY_KEYS[::8])
ALGORITHMS: tuple[Algorithm, ...] = ("log", "window", "aligned", "counter", "gcra", "slots")

Room = Any


@pytest.fixture
def cluster(cluster: Cluster) -> Iterator[Cluster]:
    yield cluster
    for master in cluster.masters:
        master.call("FLUSHALL")


@pytest.fixture
def room(opened: Open, half: Any, cluster: Cluster) -> Room:
    return opened(cluster_url(cluster)).room(half.protocols.RateLimitStore)


@pytest.fixture
def keys(cluster: Cluster) -> list[str]:
    """A key on each of the three masters."""
    return list(one_of_each(cluster).values())


def meters(keys: list[str], *hits: int, algorithm: Algorithm = "log") -> list[Meter]:
    return [Meter(Limit(count, algorithm=algorithm).rule, key) for key, count in zip(keys, hits)]


def left(room: Room, chosen: list[Meter]) -> list[int]:
    return [reading.left for reading in room.peek(chosen, Ask()).readings]


def names(cluster: Cluster) -> list[bytes]:
    return [name for master in cluster.masters for name in master.call("KEYS", "*")]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_passes_on_all_nodes_is_counted_on_each(
    algorithm: Algorithm, room: Room, keys: list[str]
) -> None:
    chosen = meters(keys, 5, 6, 7, algorithm=algorithm)

    decision = room.hit(chosen, Ask(2, TOKEN))

    assert decision.passed
    assert decision.at > 0
    assert [reading.left for reading in decision.readings] == [3, 4, 5]
    assert left(room, chosen) == [3, 4, 5]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("refusing", range(3))
def test_what_one_node_refuses_is_spent_nowhere(
    refusing: int, algorithm: Algorithm, room: Room, keys: list[str]
) -> None:
    hits = [9, 9, 9]
    hits[refusing] = 3
    chosen = meters(keys, *hits, algorithm=algorithm)
    room.hit(chosen, Ask(2, TOKEN))

    decision = room.hit(chosen, Ask(2, "cd" * 16))

    wanted = [7, 7, 7]
    wanted[refusing] = 1
    assert not decision.passed
    assert decision.at == 0
    assert [reading.wait > 0 for reading in decision.readings] == [one == 1 for one in wanted]
    assert [reading.left for reading in decision.readings] == wanted
    assert left(room, chosen) == wanted


def test_a_refusal_is_news_once(room: Room, keys: list[str]) -> None:
    chosen = meters(keys, 9, 1, 9)
    room.hit(chosen, Ask())

    assert [room.hit(chosen, Ask(tell=True)).is_news for _ in range(2)] == [True, False]


def test_what_can_not_be_asked_everywhere_is_spent_nowhere(
    room: Room, cluster: Cluster, keys: list[str]
) -> None:
    chosen = meters(keys, 5, 5, 5)
    room.hit(chosen[2:], Ask())
    (name,) = names(cluster)
    cluster.master_of(name.decode()).call("SET", name, "no record", "EX", 60)

    with pytest.raises(CorruptValueError) as caught:
        room.hit(chosen, Ask())

    assert caught.value.key == keys[2]
    assert left(room, chosen[:2]) == [5, 5]


def test_nobody_waits_for_several_slots(room: Room, cluster: Cluster, keys: list[str]) -> None:
    with pytest.raises(UnsupportedError, match="several slots"):
        room.reserve(meters(keys, 5, 5, 5), Ask(), MINUTE)

    assert names(cluster) == []


def test_everything_else_is_done_on_all_nodes(
    room: Room, cluster: Cluster, keys: list[str]
) -> None:
    chosen = meters(keys, 5, 5, 5)
    slots = meters(keys, 2, 2, 2, algorithm="slots")
    passed = room.hit(chosen, Ask(3))
    room.refund(chosen, 1, passed.at)
    assert left(room, chosen) == [3, 3, 3]
    room.block(chosen, MINUTE)
    assert left(room, chosen) == [0, 0, 0]
    room.reset(chosen)
    assert names(cluster) == []
    room.hit(slots, Ask(2, TOKEN))
    assert room.renew(slots, TOKEN)
    assert room.release(slots, TOKEN)
    assert not room.release(slots, TOKEN)


def test_what_is_given_back_at_once_counts_no_more(room: Room, keys: list[str]) -> None:
    """The clocks of the nodes need not be the same."""
    chosen = meters(keys, 5, 5, 5, algorithm="window")
    passed = room.hit(chosen, Ask(3))

    room.refund(chosen, 3, passed.at + MINUTE)

    assert left(room, chosen) == [5, 5, 5]


def test_many_hits_are_one_trip_to_each_node(
    half: Any, opened: Open, cluster: Cluster, keys: list[str]
) -> None:
    with ExitStack() as stack:
        ways = {one: stack.enter_context(Proxy(one)) for one in cluster.addresses}
        library = (redis if half is storage else redis.asyncio).cluster
        first = library.ClusterNode(*next(iter(ways.values())).address)
        client = library.RedisCluster(
            startup_nodes=[first],
            address_remap=lambda one: ways[one].address if one in ways else one,
        )
        room = opened(client).room(half.protocols.RateLimitStore)
        groups = [meters([f"k{number}"], 5) for number in range(30)]
        groups.append(meters(keys, 9, 9, 9))
        room.hit_many(groups, Ask())
        masters = [ways[master.address] for master in cluster.masters]
        before = [way.trips for way in masters]

        decisions = room.hit_many(groups[:-1], Ask())

        assert [way.trips - then for way, then in zip(masters, before)] == [1, 1, 1]
        assert [decision.readings[0].left for decision in decisions] == [3] * 30
        assert [one.left for one in room.hit_many(groups, Ask())[-1].readings] == [7, 7, 7]
        if half is storage:
            client.close()
            first.redis_connection.close()


@pytest.mark.parametrize("prefix", [PREFIX, "", "{bot}:", "a{b:", "a}b:"])
def test_the_meters_of_a_key_lie_in_the_slot_of_the_value_under_it(
    cluster: Cluster, prefix: str
) -> None:
    with storage.RedisStorage(cluster_url(cluster), prefix=prefix) as base:
        for store in (base, base.namespace("{vip}"), base.namespace("}x{")):
            for key in KEYS:
                store.set(key, 1)
                check_one_slot(store.room(RateLimitStore), key)
                found = names(cluster)
                assert len(found) == 4
                assert len({slot_of(name) for name in found}) == 1, (key, found)
                for master in cluster.masters:
                    master.call("FLUSHALL")


def check_one_slot(room: Room, key: str) -> None:
    """Two limits, and a place in the queue of both that was given back."""
    chosen = [Meter(Limit(1, algorithm=one).rule, key) for one in ("gcra", "window")]
    calls: list[Callable[[], Any]] = [lambda: room.reserve(chosen, Ask(), 9 * MINUTE)] * 3
    first, second, _ = [call() for call in calls]
    room.refund(chosen, 1, second.at)
    assert first.passed
