"""A master of a cluster is killed, hangs, or makes way: whoever uses the store does not notice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.day import by_turns
from tests.servers import Cluster, ReplyError, Server
from tests.topology.conftest import Open
from tests.topology.ground import PREFIX, Load, cluster_url, one_of_each
from tests.waiting import until

Disaster = Callable[[Cluster, Server], object]

DISASTERS: dict[str, Disaster] = {
    "killed": Cluster.kill,
    "hanging": Cluster.pause,
    "asked to make way": Cluster.failover,
}


def replaced(cluster: Cluster, master: Server, key: str) -> bool:
    try:
        now = cluster.master_of(PREFIX + key)
        return now is not master and now.call("EXISTS", PREFIX + key) is not None
    except ReplyError:
        return False


@pytest.mark.parametrize(("half", "disaster"), by_turns(DISASTERS))
def test_nobody_notices_that_a_master_is_replaced(
    cluster: Cluster, opened: Open, disaster: str
) -> None:
    keys = one_of_each(cluster)
    master = cluster.masters[0]
    store = opened(cluster_url(cluster))
    with Load(store, list(keys.values())) as load:
        load.turn()
        DISASTERS[disaster](cluster, master)
        until(lambda: replaced(cluster, master, keys[master]), "another master")
        load.turn()

    load.check()
    store.clear(everything=True)
