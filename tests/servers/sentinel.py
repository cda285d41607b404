"""A master, two replicas, and three Sentinels that watch over them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tests.waiting import until

from .process import HOST
from .resp import ReplyError
from .server import Options, Server, plain

SERVICE = "bot"
REPLICAS = 2
WATCHERS = 3
QUORUM = 2
HEAL_SECONDS = 30.0
BAD = ("s_down", "o_down", "disconnected", "failover_in_progress")
FRESH = ("--repl-diskless-sync-delay", "0")


class Sentinel:
    """What the Sentinels say about one service, and the servers that they watch."""

    service = SERVICE

    def __init__(self, servers: list[Server], watchers: list[Server]) -> None:
        self.servers = servers
        self.watchers = watchers
        self._calm = True

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where the Sentinels listen."""
        return [watcher.address for watcher in self.watchers]

    @property
    def master(self) -> Server:
        """The server that the Sentinels name; it may be dead, and they do not know yet."""
        return self._named_by(self._awake[0])

    @property
    def replicas(self) -> list[Server]:
        return [server for server in self.servers if server is not self.master]

    def kill(self, server: Server) -> None:
        """End a server or a Sentinel by SIGKILL; a master is replaced in some two seconds."""
        self._calm = False
        server.kill()

    def restart(self, server: Server) -> None:
        """Start what was killed; a server comes back empty, and believes to be a master."""
        self._calm = False
        server.restart()

    def pause(self, server: Server) -> None:
        self._calm = False
        server.pause()

    def resume(self, server: Server) -> None:
        server.resume()

    def failover(self) -> Server:
        """Let a replica take over, as an operator would; the new master."""
        self._calm = False
        before = self.master
        until(lambda: self._made_way(before), "a failover", seconds=HEAL_SECONDS)
        return self.master

    def mislead(self, watcher: Server, port: int) -> None:
        """Have a Sentinel take what listens at *port*, if anything does, for the master."""
        self._calm = False
        watcher.call("SENTINEL", "REMOVE", SERVICE)
        watcher.call("SENTINEL", "MONITOR", SERVICE, HOST, port, QUORUM)
        for name, value in _habits(self.watchers.index(watcher)).items():
            watcher.call("SENTINEL", "SET", SERVICE, name, value)

    def wait_ok(self) -> None:
        """Wait until all Sentinels agree, and two replicas follow the master that they name."""
        until(self._is_ok, "a healthy service", seconds=HEAL_SECONDS, pause=0.02)

    def restore(self) -> None:
        """Make it what the next test expects; costs nothing where nobody hurt it."""
        for server in (*self.servers, *self.watchers):
            if not server.alive or server.paused:
                self._calm = False
            server.restore()
        if not self._calm:
            try:
                until(self._mended, "a healthy service", seconds=HEAL_SECONDS, pause=0.05)
            except AssertionError as error:
                raise AssertionError(f"{error}: {'; '.join(self._said())}") from None
            self._calm = True

    def _said(self) -> Iterator[str]:
        """What everybody says: about the master, or whom it follows."""
        for watcher in self.watchers:
            told = _told(watcher)
            tilt = watcher.info("sentinel")["sentinel_tilt"]
            epoch = told["config-epoch"]
            yield f"tilt {tilt}, {told['port']} is {told['flags']} since {epoch}"
        for server in self.servers:
            told = server.info("replication")
            link = told.get("master_link_status", "-")
            yield f"{server.port} is {told['role']} of {told.get('master_port')}, link {link}"

    def _made_way(self, before: Server) -> bool:
        """Whether another one is the master; asks for it again where that was given up."""
        watcher = self._awake[0]
        told = _told(watcher)
        if int(told["port"]) == before.port and "failover_in_progress" not in told["flags"]:
            with suppress(ReplyError):  # no replica is known well enough at this moment
                watcher.call("SENTINEL", "FAILOVER", SERVICE)
        return self._agreed() not in (None, before)

    def _mended(self) -> bool:
        """The Sentinels take ten seconds to bring back a master that they have replaced."""
        master = self._agreed()
        if master is None or self._is_ok():
            return master is not None
        for server in self.servers:
            follows = _follows(server)
            if server is master and follows is not None:
                # Told so when somebody else was to be the master: they follow each other now.
                server.call("REPLICAOF", "NO", "ONE")
            if server is not master and follows != master.port:
                server.call("REPLICAOF", HOST, master.port)
        return False

    def _is_ok(self) -> bool:
        try:
            master = self._agreed()
            return master is not None and self._follow(master) and self._watched()
        except (OSError, ReplyError):
            return False

    def _follow(self, master: Server) -> bool:
        told = master.info("replication")
        online = [key for key, value in told.items() if "state=online" in value]
        # One that a master finds online may be reading still what the master has.
        up = [one for one in self.servers if one is not master and _is_up(one)]
        return told["role"] == "master" and len(online) == len(up) == REPLICAS

    def _watched(self) -> bool:
        return all(_is_content(watcher) for watcher in self.watchers)

    def _agreed(self) -> Server | None:
        """The master that all Sentinels name who are there, if it is one."""
        try:
            named = {self._named_by(watcher) for watcher in self._awake}
        except (OSError, ReplyError):
            return None
        return named.pop() if len(named) == 1 else None

    def _named_by(self, watcher: Server) -> Server:
        _, port = watcher.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
        return next(server for server in self.servers if server.port == int(port))

    @property
    def _awake(self) -> list[Server]:
        return [one for one in self.watchers if one.alive and not one.paused]


@contextmanager
def sentinel_of(binary: Path, folder: Path) -> Iterator[Sentinel]:
    """A watched master with its replicas for the length of a `with` block."""
    with ExitStack() as stack:

        def started(name: str, options: Options) -> Server:
            server = Server(binary, folder / name, options)
            stack.callback(server.kill)
            server.start()
            return server

        master = started("0", plain(_made(folder / "0"), *FRESH))
        follow = ("--replicaof", f"{HOST} {master.port}")
        replicas = [
            started(str(number), plain(_made(folder / str(number)), *FRESH, *follow))
            for number in range(1, 1 + REPLICAS)
        ]
        watchers = [
            started(
                f"watcher{number}", _watching(_made(folder / f"watcher{number}"), master, number)
            )
            for number in range(WATCHERS)
        ]
        sentinel = Sentinel([master, *replicas], watchers)
        sentinel.wait_ok()
        yield sentinel


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _watching(folder: Path, master: Server, number: int) -> Options:
    """Impatient ones, so that a failover is a matter of two seconds.

    Each is a little more patient than the one before: those who find a master down at the same
    moment vote for themselves, nobody is elected, and they wait for long before the next vote.
    """
    config = folder / "sentinel.conf"
    lines = [
        f"monitor {SERVICE} {HOST} {master.port} {QUORUM}",
        *(f"{name} {SERVICE} {value}" for name, value in _habits(number).items()),
    ]
    config.write_text("".join(f"sentinel {line}\n" for line in lines))
    network = ["--bind", HOST, "--protected-mode", "no", "--dir", str(folder)]
    return lambda port: [str(config), "--sentinel", "--port", str(port), *network]


def _habits(number: int) -> dict[str, int]:
    return {
        "down-after-milliseconds": 800 + 150 * number,
        # A new master tells what it is once a second: this must be longer.
        "failover-timeout": 2000,
        "parallel-syncs": 1,
    }


def _is_content(watcher: Server) -> bool:
    """Whether a Sentinel knows everybody, and finds nobody amiss."""
    told = _told(watcher)
    others = watcher.call("SENTINEL", "REPLICAS", SERVICE)
    others += watcher.call("SENTINEL", "SENTINELS", SERVICE)
    flags = [told["flags"], *(_pairs(one)["flags"] for one in others)]
    return len(others) == REPLICAS + WATCHERS - 1 and not any(
        bad in flag for flag in flags for bad in BAD
    )


def _told(watcher: Server) -> dict[str, str]:
    """What a Sentinel knows of the master."""
    return _pairs(watcher.call("SENTINEL", "MASTER", SERVICE))


def _pairs(words: list[bytes]) -> dict[str, str]:
    texts = [word.decode() for word in words]
    return dict(zip(texts[::2], texts[1::2]))


def _follows(server: Server) -> int | None:
    told = server.info("replication")
    return int(told["master_port"]) if told["role"] == "slave" else None


def _is_up(replica: Server) -> bool:
    return replica.info("replication").get("master_link_status") == "up"
