"""A whole store moves to a cluster, to each server in one trip a step, and back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from storage.testing import Bridge
from tests.moving.ground import Colour
from tests.servers import Cluster
from tests.topology.conftest import Open
from tests.topology.ground import cluster_url

MANY = 1100


@pytest.fixture
def cluster(cluster: Cluster) -> Iterator[Cluster]:
    yield cluster
    for master in cluster.masters:
        master.call("FLUSHALL")


def test_a_store_moves_to_a_cluster_and_back(
    cluster: Cluster, opened: Open, half: Any, bridge: Bridge
) -> None:
    colour = Colour(half, bridge)
    here, back = (bridge.driven(half.MemoryStorage()) for _ in range(2))
    here.set_many({f"key {number}": number for number in range(MANY)})
    here.namespace("carts").set_many({f"{{a}}{number}": [number] for number in range(600)}, ttl=60)
    there = opened(cluster_url(cluster))

    out = colour.copy(here, there, verify=True)
    kept = colour.copy(here, there, existing="keep")
    home = colour.copy(there, back, verify=True)

    assert (out.written, out.is_whole) == (MANY + 600, True)
    assert (kept.written, kept.kept) == (0, MANY + 600)
    assert home.is_whole
    assert colour.kept(back) == colour.kept(here)
    assert all(int(master.call("DBSIZE")) > 0 for master in cluster.masters)
