"""A cluster of three masters and three replicas, which can be hurt and heals."""

from __future__ import annotations

import binascii
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.waiting import until

from .process import HOST, free_port
from .resp import ReplyError, Word
from .server import Options, Server, plain

SLOTS = 16_384
MASTERS = 3
HEAL_SECONDS = 30.0
ENTRIES = 100
"""How many keys of a slot are carried at once."""


@dataclass(frozen=True)
class Member:
    """A node as another node sees it."""

    id: str
    port: int
    flags: frozenset[str]
    follows: str
    connected: bool
    slots: tuple[str, ...]

    @classmethod
    def of(cls, line: str) -> Member:
        id_, address, flags, follows, _, _, _, link, *slots = line.split()
        port = int(address.split("@")[0].rpartition(":")[2])
        marks, linked = frozenset(flags.split(",")), link == "connected"
        return cls(id_, port, marks, follows, linked, tuple(slots))

    @property
    def healthy(self) -> bool:
        return self.connected and not self.flags & {"fail", "fail?", "handshake", "noaddr"}

    @property
    def is_master(self) -> bool:
        return "master" in self.flags

    def owns(self, slot: int) -> bool:
        return any(slot in _range(text) for text in self.slots if not text.startswith("["))


class Cluster:
    """Its nodes are servers like others; a master has one replica."""

    def __init__(self, nodes: list[Server]) -> None:
        self.nodes = nodes
        self._calm = True

    @property
    def url(self) -> str:
        return self.nodes[0].url

    @property
    def addresses(self) -> list[tuple[str, int]]:
        return [node.address for node in self.nodes]

    # Who is who.

    def master_of(self, place: int | str | bytes) -> Server:
        """The node that has a slot, or the slot of a key."""
        slot = place if isinstance(place, int) else slot_of(place)
        return self._node(next(one for one in self._masters() if one.owns(slot)))

    @property
    def masters(self) -> list[Server]:
        return [self._node(one) for one in self._masters()]

    def replica_of(self, master: Server) -> Server:
        """The replica of a master that is alive."""
        members = self.view()
        id_ = next(one.id for one in members if one.port == master.port)
        return self._node(next(one for one in members if one.follows == id_))

    def view(self, node: Server | None = None) -> list[Member]:
        """All nodes as one of them sees them."""
        asked = node or next(one for one in self.nodes if one.alive and not one.paused)
        text: bytes = asked.call("CLUSTER", "NODES")
        return [Member.of(line) for line in text.decode().splitlines()]

    # Good and bad days.

    def kill(self, node: Server) -> None:
        """End a node by SIGKILL; the others take some two seconds to replace a master."""
        self._calm = False
        node.kill()

    def restart(self, node: Server) -> None:
        """Start a node that was killed; it comes back empty and knows the others."""
        self._calm = False
        node.restart()

    def pause(self, node: Server) -> None:
        self._calm = False
        node.pause()

    def resume(self, node: Server) -> None:
        node.resume()

    def failover(self, master: Server) -> Server:
        """Let the replica of a master take over, in agreement with it; the new master."""
        self._calm = False
        replica = self.replica_of(master)
        replica.call("CLUSTER", "FAILOVER")
        until(lambda: self._leads(replica), "the replica in charge", pause=0.005)
        self.wait_ok()
        return replica

    def wait_ok(self) -> None:
        """Wait until every node sees all slots served, and a replica of each master at work."""
        until(self._is_ok, "a healthy cluster", seconds=HEAL_SECONDS, pause=0.02)

    def restore(self) -> None:
        """Make it what the next test expects; costs nothing where nobody hurt it."""
        for node in self.nodes:
            if not node.alive or node.paused:
                self._calm = False
            node.restore()
        if not self._calm:
            self._settle()
            self.wait_ok()
            self._calm = True

    # Slots.

    def move_slot(self, slot: int, to: Server) -> None:
        """Move a slot with all its keys."""
        with self.moving(slot, to):
            pass

    @contextmanager
    def moving(self, slot: int, to: Server) -> Iterator[SlotMove]:
        """A slot is on its way to another master for the length of the block, and then there."""
        self._calm = False
        move = SlotMove(self, slot, self.master_of(slot), to)
        move.begin()
        yield move
        move.finish()

    def _settle(self) -> None:
        """Close the slots that a failed test left on their way."""
        for node in self.nodes:
            me = next(one for one in self.view(node) if "myself" in one.flags)
            for text in me.slots if me.is_master else ():
                if text.startswith("["):
                    node.call("CLUSTER", "SETSLOT", text[1:].split("-")[0], "STABLE")

    def _is_ok(self) -> bool:
        try:
            return all(self._sees_all_well(node) for node in self.nodes)
        except (OSError, ReplyError):
            return False

    def _sees_all_well(self, node: Server) -> bool:
        members = self.view(node)
        masters = [one for one in members if one.is_master]
        followed = {one.follows for one in members if not one.is_master}
        return (
            len(members) == len(self.nodes)
            and all(one.healthy for one in members)
            and followed == {one.id for one in masters}
            and len(masters) == MASTERS
            and _served(masters) == SLOTS
            and _state(node) == "ok"
            and _linked(node)
        )

    def _masters(self) -> list[Member]:
        return [one for one in self.view() if one.is_master and one.slots]

    def _leads(self, node: Server) -> bool:
        return any("myself" in one.flags and one.is_master for one in self.view(node))

    def _node(self, member: Member) -> Server:
        return next(node for node in self.nodes if node.port == member.port)


class SlotMove:
    """A slot on its way: both masters know it, and either may have a key of it."""

    def __init__(self, cluster: Cluster, slot: int, source: Server, target: Server) -> None:
        self.slot = slot
        self.source = source
        self.target = target
        self._cluster = cluster

    def begin(self) -> None:
        """From here on the source sends away who asks for a key that it has not: ASK."""
        source, target = map(_id, (self.source, self.target))
        self.target.call("CLUSTER", "SETSLOT", self.slot, "IMPORTING", source)
        self.source.call("CLUSTER", "SETSLOT", self.slot, "MIGRATING", target)

    def carry(self, *keys: Word) -> None:
        """Take some keys of the slot over."""
        where = (self.target.host, self.target.port)
        self.source.call("MIGRATE", *where, "", 0, 5000, "KEYS", *keys)

    def finish(self) -> None:
        """Take the rest over, and tell everybody."""
        while keys := self.source.call("CLUSTER", "GETKEYSINSLOT", self.slot, ENTRIES):
            self.carry(*keys)
        target = _id(self.target)
        # The target first: were it the last to know, the slot would have no owner in between.
        for node in (self.target, self.source):
            node.call("CLUSTER", "SETSLOT", self.slot, "NODE", target)
        self._cluster.wait_ok()


def slot_of(key: str | bytes) -> int:
    """The slot of a key: that of what stands between its first braces, where there is something."""
    raw = key if isinstance(key, bytes) else key.encode()
    tag = raw.partition(b"{")[2].partition(b"}")
    return binascii.crc_hqx(tag[0] if tag[0] and tag[1] else raw, 0) % SLOTS


@contextmanager
def cluster_of(binary: Path, folder: Path) -> Iterator[Cluster]:
    """A cluster for the length of a `with` block."""
    with ExitStack() as stack:
        nodes = []
        for number in range(2 * MASTERS):
            place = folder / str(number)
            place.mkdir()
            node = Server(binary, place, _options(place))
            stack.callback(node.kill)
            node.start()
            nodes.append(node)
        cluster = Cluster(nodes)
        _form(nodes)
        cluster.wait_ok()
        yield cluster


def _options(folder: Path) -> Options:
    """Impatient ones, so that a failover is a matter of two seconds."""
    bus = free_port()
    patience = ["--cluster-node-timeout", "1000", "--cluster-replica-validity-factor", "0"]
    steady = ["--cluster-allow-replica-migration", "no", "--repl-diskless-sync-delay", "0"]
    own = ["--cluster-enabled", "yes", "--cluster-port", str(bus)]
    return plain(folder, *own, "--cluster-config-file", "nodes.conf", *patience, *steady)


def _form(nodes: list[Server]) -> None:
    masters, replicas = nodes[:MASTERS], nodes[MASTERS:]
    bounds = [SLOTS * number // MASTERS for number in range(MASTERS + 1)]
    for number, master in enumerate(masters):
        master.call("CLUSTER", "ADDSLOTSRANGE", bounds[number], bounds[number + 1] - 1)
    for number, node in enumerate(nodes, 1):
        node.call("CLUSTER", "SET-CONFIG-EPOCH", number)
    for node in nodes:
        for other in nodes:
            node.call("CLUSTER", "MEET", HOST, other.port, _bus(other))
    for master, replica in zip(masters, replicas):
        _attach(replica, master)


def _attach(replica: Server, master: Server) -> None:
    """Make one follow the other, which is refused until it has heard of it."""
    id_ = _id(master)

    def accepted() -> bool:
        try:
            return bool(replica.call("CLUSTER", "REPLICATE", id_))
        except ReplyError:
            return False

    until(accepted, "a replica")


def _id(node: Server) -> str:
    id_: bytes = node.call("CLUSTER", "MYID")
    return id_.decode()


def _bus(node: Server) -> str:
    text: list[bytes] = node.call("CONFIG", "GET", "cluster-port")
    return text[1].decode()


def _state(node: Server) -> str:
    lines = node.call("CLUSTER", "INFO").decode().splitlines()
    return str(dict(line.split(":") for line in lines)["cluster_state"])


def _linked(node: Server) -> bool:
    """Whether a replica gets what its master writes, or a master has somebody who does."""
    told = node.info("replication")
    if told["role"] == "slave":
        return told["master_link_status"] == "up"
    return "state=online" in told.get("slave0", "")


def _served(masters: list[Member]) -> int:
    return sum(len(_range(text)) for one in masters for text in one.slots if text[0] != "[")


def _range(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)
