"""Sentinels for the tests: they watch over a master, and replace it."""

from __future__ import annotations

import redis
import redis.sentinel

from tests.servers import Sentinel
from tests.waiting import until


def test_there_is_a_master_with_two_replicas_and_three_watchers(sentinel: Sentinel) -> None:
    assert len(sentinel.addresses) == 3
    assert len(sentinel.replicas) == 2
    assert sentinel.master.info("replication")["connected_slaves"] == "2"


def test_a_client_finds_the_master(sentinel: Sentinel) -> None:
    found = redis.sentinel.Sentinel(sentinel.addresses)
    try:
        assert found.discover_master(sentinel.service) == sentinel.master.address
    finally:
        for client in found.sentinels:
            client.close()


def test_a_master_that_was_killed_is_replaced_and_comes_back(sentinel: Sentinel) -> None:
    master = sentinel.master
    sentinel.kill(master)
    until(lambda: sentinel.master is not master, "another master")
    sentinel.restore()

    assert master.alive
    assert master in sentinel.replicas


def test_two_watchers_are_enough_for_a_failover(sentinel: Sentinel) -> None:
    before, lost = sentinel.master, sentinel.watchers[0]
    sentinel.kill(lost)

    assert sentinel.failover() is not before
    assert sentinel.master.call("SET", "k", "v") == b"OK"
    sentinel.restore()
    assert before in sentinel.replicas
    assert lost.call("SENTINEL", "CKQUORUM", sentinel.service)
