"""A cluster for the tests: it is hurt, heals, and moves slots."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
import redis.cluster

from tests.servers import Cluster, ReplyError, slot_of
from tests.waiting import until

KEYS = [f"{{a}}{number}" for number in range(250)]
SLOT = slot_of("{a}")


@pytest.fixture
def filled(cluster: Cluster) -> Iterator[Cluster]:
    """With keys in one slot, which are gone in the end."""
    master = cluster.master_of(SLOT)
    for key in KEYS:
        master.call("SET", key, key)
    yield cluster
    for master in cluster.masters:
        master.call("FLUSHALL")


def replaced(cluster: Cluster, master: object) -> bool:
    """Whether the slot has found another master, who serves it."""
    try:
        now = cluster.master_of(SLOT)
        return now is not master and now.call("SET", "{a}", "v") == b"OK"
    except ReplyError:
        return False


def test_three_masters_serve_all_slots_and_have_a_replica_each(cluster: Cluster) -> None:
    assert len(cluster.nodes) == 6
    assert len({cluster.master_of(slot).port for slot in (0, 6_000, 16_383)}) == 3
    assert {cluster.replica_of(master) for master in cluster.masters} == set(cluster.nodes) - set(
        cluster.masters
    )


@pytest.mark.parametrize(
    "key", ["", "a", "{a}b", "b{a}{c}", "{}a", "{a", "a}", "{{a}", b"\xff{\x00}", "}{a}"]
)
def test_a_key_has_the_slot_that_the_server_says(cluster: Cluster, key: str | bytes) -> None:
    assert slot_of(key) == cluster.nodes[0].call("CLUSTER", "KEYSLOT", key)


def test_a_test_of_a_cluster_is_marked(cluster: Cluster, request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("server")
    assert request.node.get_closest_marker("topology")


def test_a_client_finds_its_way_from_any_node(cluster: Cluster) -> None:
    first = redis.cluster.ClusterNode(*cluster.addresses[0])
    with redis.RedisCluster(startup_nodes=[first]) as client:
        for number in range(50):
            client.set(f"k{number}", number)

        assert client.delete(*(f"k{number}" for number in range(50))) == 50
    # The client forgets the connection that it asked its first question on.
    first.redis_connection.close()


def test_a_master_that_was_killed_is_replaced_and_comes_back(cluster: Cluster) -> None:
    master = cluster.master_of(SLOT)
    cluster.kill(master)
    until(lambda: replaced(cluster, master), "another master")
    cluster.restore()

    assert master.alive
    assert cluster.replica_of(cluster.master_of(SLOT)) is master


@pytest.mark.slow
def test_a_master_that_hangs_is_replaced_and_steps_down(cluster: Cluster) -> None:
    master = cluster.master_of(SLOT)
    cluster.pause(master)
    until(lambda: replaced(cluster, master), "another master")
    cluster.resume(master)
    cluster.wait_ok()

    assert cluster.replica_of(cluster.master_of(SLOT)) is master


def test_a_replica_takes_over_in_agreement(cluster: Cluster) -> None:
    master = cluster.master_of(SLOT)
    replica = cluster.replica_of(master)

    assert cluster.failover(master) is replica
    assert cluster.master_of(SLOT) is replica


def test_a_slot_moves_with_its_keys(filled: Cluster) -> None:
    source = filled.master_of(SLOT)
    target = next(one for one in filled.masters if one is not source)
    filled.move_slot(SLOT, target)

    assert filled.master_of("{a}") is target
    assert target.call("MGET", *KEYS) == [key.encode() for key in KEYS]
    assert source.call("CLUSTER", "COUNTKEYSINSLOT", SLOT) == 0


def test_a_slot_on_its_way_asks_and_asks_again(filled: Cluster) -> None:
    source = filled.master_of(SLOT)
    target = next(one for one in filled.masters if one is not source)
    with filled.moving(SLOT, target) as move:
        move.carry(KEYS[0])

        assert source.call("GET", KEYS[1]) == KEYS[1].encode()
        with pytest.raises(ReplyError, match=f"ASK {SLOT} {target.host}:{target.port}"):
            source.call("GET", KEYS[0])
        with pytest.raises(ReplyError, match="TRYAGAIN"):
            source.call("MGET", *KEYS[:2])
        with pytest.raises(ReplyError, match=f"MOVED {SLOT} {source.host}:{source.port}"):
            target.call("GET", KEYS[0])

    assert target.call("MGET", *KEYS) == [key.encode() for key in KEYS]


def test_a_slot_that_a_test_left_on_its_way_stays_where_it_was(filled: Cluster) -> None:
    source = filled.master_of(SLOT)
    target = next(one for one in filled.masters if one is not source)
    with pytest.raises(ZeroDivisionError), filled.moving(SLOT, target):
        raise ZeroDivisionError
    filled.restore()

    assert filled.master_of(SLOT) is source
    assert not any("->-" in text for one in filled.view(source) for text in one.slots)
