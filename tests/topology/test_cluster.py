"""A cluster: every operation works on keys of all its nodes, as it does in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import redis.asyncio.cluster
import redis.cluster

import storage
import storage.aio
import storage.compat.puregram
from storage import DELETE, LeaseStore
from storage.testing.strategies import NASTY_KEYS
from tests.day import mostly
from tests.fault.faults import Blackhole, Delay, Forgotten, Way
from tests.fault.proxy import Proxy
from tests.servers import Cluster, Server, User, user
from tests.servers.tls import Certificates
from tests.topology.conftest import Open
from tests.topology.ground import PREFIX, cluster_url, in_thread, one_of_each, slot
from tests.waiting import until

PASSWORD = "p:@/ %ss"
LONG = 60_000

BRACES = ("", "k", "{tag}0", "{}a", "{}", "{", "}", "}a{", "a}b", "{{a}}", "{a}{b}", "{a", "~{b}")
NUMBERED = [*(f"k{number}" for number in range(40)), *(f"{{tag}}{number}" for number in range(5))]
KEYS = list(dict.fromkeys([*NUMBERED, *BRACES, *NASTY_KEYS]))
NAMES = ["carts", "{vip}", "{vip", "}x{", "{}"]

Ways = dict[tuple[str, int], Proxy]


@pytest.fixture
def cluster(cluster: Cluster) -> Iterator[Cluster]:
    yield cluster
    cluster.restore()
    for master in cluster.masters:
        master.call("FLUSHALL")


@pytest.fixture
def client(half: Any) -> Iterator[Callable[..., Any]]:
    """Makes a redis-py client for clusters, in the colour of the test."""
    with ExitStack() as stack:

        def make(address: tuple[str, int], **options: Any) -> Any:
            library = (redis if half is storage else redis.asyncio).cluster
            first = library.ClusterNode(*address)
            if half is not storage:
                return library.RedisCluster(startup_nodes=[first], **options)
            made = library.RedisCluster(startup_nodes=[first], **options)
            stack.callback(made.close)
            # The client forgets the connection that it asked its first question on.
            stack.callback(lambda: first.redis_connection and first.redis_connection.close())
            return made

        yield make


@pytest.fixture
def ways(cluster: Cluster) -> Iterator[Ways]:
    """A proxy before each node."""
    with ExitStack() as stack:
        yield {one: stack.enter_context(Proxy(one)) for one in cluster.addresses}


@pytest.fixture
def who(cluster: Cluster) -> Iterator[User]:
    """A user of all nodes."""
    with ExitStack() as stack:
        for node in cluster.nodes:
            who = stack.enter_context(user(node, "bot", PASSWORD, "~storage:*", "+@all"))
        yield who


def through(client: Callable[..., Any], ways: Ways, **options: Any) -> Any:
    """A client that gets to each node by its proxy."""
    first = next(iter(ways.values()))
    return client(
        first.address,
        address_remap=lambda one: ways[one].address if one in ways else one,
        **options,
    )


def edited(store: Any, key: str) -> Any:
    with store.edit(key, default={}) as draft:
        draft["step"] = 1
    return store.get(key)


def used(store: Any) -> list[Any]:
    """What every operation answers, on keys of all kinds."""
    numbers = {key: number for number, key in enumerate(KEYS)}
    return [
        store.set_many(numbers, ttl=60),
        store.get_many([*KEYS, "missing"]),
        [store.add(key, 0) for key in [*KEYS, "new"]],
        [store.incr(key, 5) for key in KEYS],
        [store.swap(key, number + 5, 7) for key, number in numbers.items()],
        [store.swap(key, 0, 7) for key in KEYS],
        [store.update(key, lambda value: value + 1) for key in KEYS],
        [store.get_or_set(f"made:{key}", lambda: "made") for key in KEYS],
        [store.touch(key, ttl=None) for key in [*KEYS, "missing"]],
        [store.expires_at(key) for key in KEYS],
        [edited(store, f"edited:{key}") for key in KEYS],
        [store.update(f"made:{key}", lambda _: DELETE) for key in KEYS[::2]],
        [store.has(key) for key in [*KEYS, "missing"]],
        Counter(store.keys()),
        Counter(store.values("k")),
        sorted(store.items("edited:"), key=lambda item: item[0]),
        [store.delete(key) for key in [*KEYS[:9], "missing"]],
        store.set_many(dict.fromkeys(KEYS)),
        store.delete_many([*KEYS[9:], "missing"]),
        Counter(store.keys()),
    ]


def all_of(store: Any) -> list[Any]:
    views = [store, *(store.namespace(name) for name in NAMES)]
    answers = [used(view) for view in views]
    return [
        *answers,
        *(view.clear() for view in views[1:]),
        store.clear(everything=True),
        list(store.keys()),
    ]


def in_memory() -> list[Any]:
    with storage.MemoryStorage() as store:
        return all_of(store.namespace("storage"))


def test_every_operation_answers_what_it_answers_in_memory(cluster: Cluster, opened: Open) -> None:
    assert all_of(opened(cluster_url(cluster))) == in_memory()


@pytest.mark.parametrize("place", ["a URL", "a client"])
def test_a_user_with_a_password_gets_to_every_node(
    cluster: Cluster, opened: Open, client: Callable[..., Any], who: User, place: str
) -> None:
    options = {"username": who.name, "password": who.password, "decode_responses": True}
    named = place == "a URL"
    store = opened(cluster_url(cluster, who) if named else client(cluster.addresses[0], **options))
    store.set_many(dict.fromkeys(KEYS, 1))

    assert store.get_many(KEYS) == dict.fromkeys(KEYS, 1)
    assert Counter(store.keys()) == Counter(KEYS)
    with pytest.raises(storage.AccessDeniedError):
        opened(cluster_url(cluster, who), prefix="x:").get("k")


def test_a_batch_is_one_trip_to_each_node(
    cluster: Cluster, opened: Open, client: Callable[..., Any], ways: Ways
) -> None:
    """Through a proxy before each, which a client with `address_remap` knows how to find."""
    store = opened(through(client, ways))
    store.set_many(dict.fromkeys(NUMBERED, 1), ttl=60)
    batches: list[Callable[[], object]] = [
        lambda: store.get_many(NUMBERED),
        lambda: store.set_many(dict.fromkeys(NUMBERED, 2)),
        lambda: store.set_many(dict.fromkeys(NUMBERED, 3), ttl=60),
        lambda: store.delete_many(NUMBERED),
    ]
    masters = [ways[master.address] for master in cluster.masters]
    for batch in batches:
        before = [way.trips for way in masters]
        batch()
        assert [way.trips - then for way, then in zip(masters, before)] == [1, 1, 1]
    for master in cluster.masters:
        master.call("SCRIPT", "FLUSH")
    before = [way.trips for way in masters]
    store.set_many(dict.fromkeys(NUMBERED, 3), ttl=60)
    assert [way.trips - then for way, then in zip(masters, before)] == [2, 2, 2]


@pytest.mark.parametrize("half", mostly(storage))
def test_a_node_that_is_silent_does_not_get_all_the_time_of_a_call(
    cluster: Cluster, opened: Open, client: Callable[..., Any], ways: Ways
) -> None:
    master, other = cluster.masters[:2]
    key = one_of_each(cluster)[master]
    silent = ways[master.address]
    store = opened(through(client, ways), timeout=3)
    store.set(key, "there")
    with ExitStack() as stack:
        silent.always(Blackhole())
        silent.always(Forgotten())
        taken = silent.connections
        answers = stack.enter_context(in_thread(lambda: store.get(key)))
        until(lambda: silent.connections > taken, "another try at the same node")
        cluster.move_slot(slot(key), other)

    assert answers == ["there"]


class Counting(Blackhole):
    """It counts the reads that it takes."""

    def __init__(self) -> None:
        self.count = 0

    def command(self, way: Way, command: bytes) -> None:
        self.count += b"GET" in command


@pytest.mark.parametrize("half", mostly(storage.aio))
def test_nobody_goes_back_to_a_silent_node_while_another_asks_who_has_taken_over(
    cluster: Cluster, opened: Open, client: Callable[..., Any], ways: Ways
) -> None:
    master, other = cluster.masters[:2]
    key = one_of_each(cluster)[master]
    silent = ways[master.address]
    store = opened(through(client, ways), timeout=4)
    store.set(key, "there")
    hole = Counting()
    for way in ways.values():
        way.always(hole if way is silent else Delay(reply=0.3), "GET", "CLUSTER")
    with in_thread(lambda: store.get(key)) as one, in_thread(lambda: store.get(key)) as two:
        until(lambda: hole.count == 2, "a second call")
        taken = silent.connections
        cluster.move_slot(slot(key), other)

    assert (one, two) == (["there"], ["there"])
    assert silent.connections == taken


def test_tls_to_every_node(
    cluster: Cluster, opened: Open, client: Callable[..., Any], certificates: Certificates
) -> None:
    with ExitStack() as stack:
        ways = {
            one: stack.enter_context(Proxy(one, certificates.right)) for one in cluster.addresses
        }
        made = through(client, ways, ssl=True, ssl_ca_certs=str(certificates.ca))
        store = opened(made)
        store.set_many(dict.fromkeys(KEYS, 1))

        assert store.get_many(KEYS) == dict.fromkeys(KEYS, 1)
        store.close()


def test_iteration_comes_to_every_key_once(cluster: Cluster, opened: Open) -> None:
    store = opened(cluster_url(cluster))
    other = opened(cluster_url(cluster), prefix="other:")
    wanted = {f"key {number}": number for number in range(3000)}
    store.set_many(wanted)
    other.set_many({"a": 1, "b": 2, "c": 3})

    assert Counter(store.keys()) == Counter(wanted.keys())
    assert sorted(store.items()) == sorted(wanted.items())
    assert sorted(store.values("key 29")) == [29, *range(290, 300), *range(2900, 3000)]
    assert store.clear(everything=True) == 3000
    assert list(store.keys()) == []
    assert sorted(other.keys()) == ["a", "b", "c"]


def test_a_node_is_no_server_of_its_own(cluster: Cluster, opened: Open) -> None:
    store = opened(cluster.url)
    away = next(key for node, key in one_of_each(cluster).items() if node is not cluster.nodes[0])

    with pytest.raises(storage.ConfigurationError, match=r"use redis\+cluster://"):
        store.get(away)


def test_a_server_is_no_cluster(valkey: Server, opened: Open) -> None:
    store = opened(valkey.url.replace("redis://", "redis+cluster://").removesuffix("/0"))

    for work in (lambda: store.get("k"), lambda: list(store.keys())):
        with pytest.raises(storage.StorageError, match="cluster support disabled"):
            work()


def test_scripts_that_every_node_has_forgotten_are_told_again(
    cluster: Cluster, opened: Open
) -> None:
    store = opened(cluster_url(cluster))
    keys = list(one_of_each(cluster).values())
    for _ in range(2):
        assert [store.incr(f"{key}:n") >= 1 for key in keys] == [True] * 3
        store.set_many(dict.fromkeys(keys, 1), ttl=60)
        assert [store.swap(key, 1, 2) for key in keys] == [True] * 3
        for master in cluster.masters:
            master.call("SCRIPT", "FLUSH")


# Leases.


def hold_with_a_queue(room: Any, key: str) -> None:
    for token in ("ann", "bob"):
        room.acquire(key, token, LONG, LONG)


def let_go(room: Any, key: str) -> None:
    room.release(key, "ann")


def keyslot(cluster: Cluster, name: bytes) -> int:
    told: int = cluster.nodes[0].call("CLUSTER", "KEYSLOT", name)
    return told


def names(cluster: Cluster) -> list[bytes]:
    return [name for master in cluster.masters for name in master.call("KEYS", "*")]


@pytest.mark.parametrize("prefix", [PREFIX, "", "{bot}:", "a{b:", "a}b:"])
def test_a_lease_lies_in_the_slot_of_the_value_under_the_same_key(
    cluster: Cluster, prefix: str
) -> None:
    with storage.RedisStorage(cluster_url(cluster), prefix=prefix) as base:
        for store in (base, *(base.namespace(name) for name in ("carts", "{vip}", "{vip", "}x{"))):
            for key in BRACES:
                store.set(key, 1)
                # The value, the lease, and two lists of who waits; then a call for who is next.
                for work in (hold_with_a_queue, let_go):
                    work(store.room(LeaseStore), key)
                    assert len(found := names(cluster)) == 4
                    assert len({keyslot(cluster, one) for one in found}) == 1, (key, found)
                for master in cluster.masters:
                    master.call("FLUSHALL")


@pytest.mark.parametrize("prefix", ["puregram:", "", "{}:", "a{b:"])
def test_a_lease_of_puregrams_layout_lies_there_too(cluster: Cluster, prefix: str) -> None:
    """And outside of the prefix."""
    url = cluster_url(cluster)
    with storage.compat.puregram.RedisStorage(url, prefix=prefix) as base:
        for store in (base, *(base.namespace(name) for name in ("carts", "{vip}", "{}"))):
            for key in BRACES:
                store.set(key, 1)
                hold_with_a_queue(store.room(LeaseStore), key)
                assert len(found := names(cluster)) == 4
                assert len({keyslot(cluster, one) for one in found}) == 1, (key, found)
                assert len([one for one in found if one.startswith(b"~lease~{")]) == 3
                for master in cluster.masters:
                    master.call("FLUSHALL")


def test_keys_that_look_like_the_parts_of_a_lease_have_leases(
    cluster: Cluster, opened: Open, half: Any
) -> None:
    room = opened(cluster_url(cluster)).room(half.LeaseStore)
    keys = [f"{start}{end}" for start in ("{a}", "a", "", "{}") for end in
            ("", ":held", ":queue", ":kept", ":queue:queue", ":held:wake:bob")]  # fmt: skip
    for token in ("ann", "bob"):
        for key in keys:
            assert room.acquire(key, token, LONG, LONG).granted is (token == "ann")
    assert [room.release(key, "ann") for key in keys] == [True] * len(keys)
    assert [room.acquire(key, "bob", LONG, LONG).granted for key in keys] == [True] * len(keys)


def test_a_lease_that_can_not_lie_beside_its_value_is_refused(
    cluster: Cluster, opened: Open, leases_of: Callable[[Any], Any]
) -> None:
    """Braces with nothing in them make a slot of the whole name, and nothing else can."""
    carts = opened(cluster_url(cluster)).namespace("{}")

    with pytest.raises(storage.UnsupportedError, match="one slot"), leases_of(carts).hold("k"):
        pytest.fail("it is not held")


def test_who_waits_for_a_lease_gets_it_though_its_node_is_replaced(
    cluster: Cluster, opened: Open, leases_of: Callable[[Any], Any]
) -> None:
    store = opened(cluster_url(cluster))
    leases, others = leases_of(store), leases_of(store)
    keys = one_of_each(cluster)

    def wait(key: str) -> str:
        with others.hold(key, wait=20):
            return key

    with ExitStack() as waiting, ExitStack() as held:
        holding = [held.enter_context(leases.hold(key)) for key in keys.values()]
        answers = [
            waiting.enter_context(in_thread(lambda key=key: wait(key))) for key in keys.values()
        ]
        until(lambda: sum(one.endswith(b":queue") for one in names(cluster)) == 3, "three who wait")
        master = cluster.masters[0]
        until(lambda: _blocked(master) > 0, "one who is asleep at the node")
        cluster.failover(master)
        assert not any(lease.lost for lease in holding)
        held.close()

    assert [answer for told in answers for answer in told] == list(keys.values())


def _blocked(server: Server) -> int:
    return int(server.info("clients")["blocked_clients"])
