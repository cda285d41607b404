"""Slots that are moved from one master to another: nobody who uses them notices."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from storage import DELETE
from storage.records import Change
from tests.servers import Cluster, Server, SlotMove, slot_of
from tests.topology.conftest import Open
from tests.topology.ground import (
    PREFIX,
    Load,
    asked,
    cluster_url,
    in_thread,
    wait_until_asked_again,
)
from tests.waiting import until

SLOT = slot_of("{a}")
HERE = [f"{{a}}here{number}" for number in range(12)]
GONE = [f"{{a}}gone{number}" for number in range(12)]
BOTH = [*HERE[:2], *GONE[:2]]
LONG = 60_000


@pytest.fixture
def cluster(cluster: Cluster) -> Iterator[Cluster]:
    yield cluster
    cluster.restore()
    for master in cluster.masters:
        master.call("FLUSHALL")


@pytest.fixture
def target(cluster: Cluster) -> Server:
    """Where the slot is moved to."""
    source = cluster.master_of(SLOT)
    return next(one for one in cluster.masters if one is not source)


def carried(move: SlotMove) -> None:
    move.carry(*(PREFIX + key for key in GONE))


def refused(server: Server) -> int:
    """How many errors a server has answered that have no name, such as those of scripts."""
    return int(server.info("errorstats").get("errorstat_ERR", "=0").partition("=")[2])


def edited(store: Any, key: str) -> None:
    with store.edit(key) as draft:
        draft.append(1)


def test_every_key_of_a_slot_that_is_moved_can_be_used_at_either_end(
    cluster: Cluster, opened: Open, target: Server
) -> None:
    store = opened(cluster_url(cluster))
    store.set_many({key: number for number, key in enumerate([*HERE, *GONE])})
    with cluster.moving(SLOT, target) as move:
        carried(move)
        for _ in range(2):
            for master in cluster.masters:
                master.call("SCRIPT", "FLUSH")
            for keys in (HERE, GONE):
                assert store.get(keys[0]) is not None
                assert store.has(keys[1]) is True
                assert store.incr(keys[2]) > 0
                assert store.swap(keys[3], store.get(keys[3]), 0) is True
                assert store.update(keys[4], lambda value: value + 1) > 0
                assert store.touch(keys[5], ttl=60) is True
                assert store.expires_at(keys[5]) is not None
                assert store.add(keys[6], 0) is False
                store.set(keys[7], [])
                edited(store, keys[7])
                assert store.get(keys[7]) == [1]
                assert store.delete(keys[8]) is True
                assert store.add(keys[8], 0) is True
        new = "{a}new"
        assert store.get(new) is None
        assert store.incr(new) == 1
        store.update(new, lambda _: DELETE)
        assert store.add(new, 5) is True
        assert store.get("another") is None

    assert all(store.get(key) is not None for key in [*HERE, *GONE])
    assert store.get("{a}new") == 5


BATCHES: dict[str, Callable[[Any], object]] = {
    "get_many": lambda store: store.get_many(BOTH) == {**dict.fromkeys(BOTH, 1)},
    "set_many": lambda store: store.set_many(dict.fromkeys(BOTH, 2)),
    "set_many with a lifetime": lambda store: store.set_many(dict.fromkeys(BOTH, 2), ttl=60),
    "delete_many": lambda store: store.delete_many(BOTH) == len(BOTH),
}


@pytest.mark.parametrize("batch", BATCHES)
def test_a_batch_waits_until_its_keys_are_in_one_place_again(
    cluster: Cluster, opened: Open, target: Server, batch: str
) -> None:
    store = opened(cluster_url(cluster))
    store.set_many(dict.fromkeys([*HERE, *GONE], 1))
    with ExitStack() as stack, cluster.moving(SLOT, target) as move:
        carried(move)
        names = ("mget", "mset", "evalsha", "unlink", "asking")
        asked_again = wait_until_asked_again(move.source, *names)
        answers = stack.enter_context(in_thread(lambda: BATCHES[batch](store)))
        asked_again()
        assert answers == []

    assert answers in ([True], [None])


def test_leases_and_claims_stay_whose_they_are_while_their_slot_is_moved(
    cluster: Cluster,
    opened: Open,
    target: Server,
    leases_of: Callable[[Any], Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = opened(cluster_url(cluster))
    leases, others = leases_of(store), leases_of(store)

    def wait() -> bool:
        with others.hold("{a}", wait=20) as lease:
            return not lease.lost

    lease, claim = leases.hold("{a}"), leases.claim("{a}", ttl=60)
    with ExitStack() as stack, caplog.at_level(logging.WARNING):
        lease.__enter__()
        source = cluster.master_of(SLOT)
        waited = stack.enter_context(in_thread(wait))
        until(lambda: int(source.info("clients")["blocked_clients"]), "one who is asleep there")
        with cluster.moving(SLOT, target):
            looked = asked(source, "blpop")
            until(lambda: asked(source, "blpop") > looked, "another look")
            before = refused(source)
            ended = stack.enter_context(in_thread(lambda: lease.__exit__(None, None, None)))
            until(lambda: refused(source) > before, "a release that is put off")
            assert others.claim("{a}", ttl=60).busy
            assert claim.done() is True
        assert others.claim("{a}", ttl=60).finished

    assert (waited, ended) == ([True], [None])
    assert caplog.messages == []


def test_a_visit_ends_as_a_whole_or_not_at_all_while_its_slot_is_moved(
    cluster: Cluster, opened: Open, target: Server, half: Any
) -> None:
    store = opened(cluster_url(cluster))
    visits = store.room(half.protocols.VisitStore)
    leases = store.room(half.LeaseStore)
    store.set("{a}", 1)
    assert visits.enter("{a}", "ann", LONG, LONG)[1].raw == b"1"
    assert leases.acquire("{a}", "bob", LONG, LONG).granted is False
    source = cluster.master_of(SLOT)
    with ExitStack() as stack, cluster.moving(SLOT, target):
        before = refused(source)
        change = Change(b"1", b"2", None)
        left = stack.enter_context(
            in_thread(lambda: visits.leave("{a}", "ann", LONG, change, True))
        )
        until(lambda: refused(source) > before + 1, "a visit whose end is put off")
        assert visits.look("{a}").raw == b"1"
        assert leases.renew("{a}", "ann", LONG) is True

    assert left == [(True, True, None)]
    assert leases.acquire("{a}", "cid", LONG, 0).granted is False
    turn, sight = visits.enter("{a}", "bob", LONG, LONG)
    assert (turn.granted, sight.raw) == (True, b"2")


def test_a_slot_is_moved_while_it_is_used(cluster: Cluster, opened: Open) -> None:
    store = opened(cluster_url(cluster))
    with Load(store, ["{a}one", "{a}two"]) as load:
        for target in cluster.masters * 2:
            load.turn()
            if target is not cluster.master_of(SLOT):
                cluster.move_slot(SLOT, target)
        load.turn()

    load.check()
    assert load.unknown.total() == 0
