"""States that a server can be in on a bad day; each ends with its block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tests.waiting import until

from .process import HOST, free_port
from .resp import ReplyError, Wire
from .server import CONTROL, Server, running

ENDLESS = "while true do end"
FILL = "for i = 0, ARGV[1] - 1 do redis.call('SET', 'key:' .. i, ARGV[2]) end"
LONG_MS = 600_000
LOAD_SECONDS = 60
KEYS = 3000
EVENT_BYTES = 1024


@contextmanager
def configured(server: Server, **settings: str | int) -> Iterator[Wire]:
    """Other settings; an underscore in a name stands for a hyphen."""
    with ExitStack() as stack:
        wire = stack.enter_context(server.control())
        for name, value in settings.items():
            option = name.replace("_", "-")
            before = wire.call("CONFIG", "GET", option)[1]
            # The same connection puts it back: another one may not be let in.
            stack.callback(wire.call, "CONFIG", "SET", option, before)
            wire.call("CONFIG", "SET", option, value)
        yield wire


@contextmanager
def paused(server: Server, *, writes: bool = False) -> Iterator[None]:
    """Commands, or writes only, are answered when the block has ended, and not before."""
    with server.control() as watcher, server.control() as wire:
        # Who only watches is not paused, and can end the pause.
        watcher.call("MONITOR")
        wire.call("CLIENT", "PAUSE", LONG_MS, "WRITE" if writes else "ALL")
        try:
            yield
        finally:
            watcher.send("CLIENT", "UNPAUSE")
            wire.call("PING")


def drop_clients(server: Server) -> None:
    """Close all connections of clients at the server's end."""
    with server.control() as wire:
        _drop(wire)


@contextmanager
def full(server: Server) -> Iterator[None]:
    """OOM: there is no memory for writes; reading and deleting go on."""
    with configured(server, maxmemory_policy="noeviction", maxmemory=1):
        yield


@contextmanager
def crowded(server: Server, *, drop: bool = False) -> Iterator[None]:
    """No new connection is let in; who is in stays, or is sent away where *drop* says so."""
    with configured(server, maxclients=1) as wire:
        if drop:
            _drop(wire)
        yield


@contextmanager
def read_only(server: Server, *, stale: bool = True) -> Iterator[None]:
    """READONLY: a replica, whose master is gone; MASTERDOWN to reads too when not *stale*."""
    serves = "yes" if stale else "no"
    with configured(server, replica_serve_stale_data=serves):
        server.call("REPLICAOF", HOST, free_port())
        try:
            yield
        finally:
            server.call("REPLICAOF", "NO", "ONE")


@contextmanager
def lonely(server: Server) -> Iterator[None]:
    """NOREPLICAS: it takes writes only while a replica listens, and there is none."""
    with configured(server, min_replicas_to_write=1):
        yield


@contextmanager
def unsaved(server: Server) -> Iterator[None]:
    """MISCONF: it takes no writes because it could not save what it has."""
    place = server.folder / "dump.rdb"
    place.mkdir()
    try:
        with configured(server, save="3600 1"):
            _save(server, "err")
            yield
    finally:
        place.rmdir()
        _save(server, "ok")
        place.unlink()


@contextmanager
def busy(server: Server) -> Iterator[None]:
    """BUSY: it runs a script that does not end."""
    with configured(server, lua_time_limit=1), server.control() as runner:
        runner.send("EVAL", ENDLESS, 0)
        until(lambda: _refusal(server) == "BUSY", "a busy server")
        try:
            yield
        finally:
            server.call("SCRIPT", "KILL")
            with suppress(ReplyError):
                runner.read()


@contextmanager
def loading(binary: Path, folder: Path) -> Iterator[Server]:
    """LOADING: a server that reads its keys from a file, and will not be done for long.

    They are `key:0` and so on; `finish_loading` lets it be done. From Redis 7 on: before, a server
    that loads has an eye for its clients every two megabytes only.
    """
    with running(binary, folder, "--rdbcompression", "no", clock=False) as before:
        before.call("EVAL", FILL, 0, KEYS, "x" * EVENT_BYTES)
        before.call("SAVE")
    delay = ("--key-load-delay", str(LOAD_SECONDS * 1_000_000 // KEYS))
    # It looks at its clients after each key.
    events = ("--loading-process-events-interval-bytes", str(EVENT_BYTES))
    with running(binary, folder, *delay, *events, clock=False) as server:
        yield server


def finish_loading(server: Server) -> None:
    server.call("CONFIG", "SET", "key-load-delay", 0)
    until(lambda: _refusal(server) is None, "the end of loading")


def _drop(wire: Wire) -> None:
    lines: bytes = wire.call("CLIENT", "LIST", "TYPE", "normal")
    for line in lines.decode().splitlines():
        told = dict(word.split("=", 1) for word in line.split())
        if told["name"] != CONTROL:
            wire.call("CLIENT", "KILL", "ID", told["id"])


def _save(server: Server, outcome: str) -> None:
    with suppress(ReplyError):  # one that failed at once
        server.call("BGSAVE")
    until(lambda: _saved(server) == outcome, f"a save that ends with {outcome}")


def _saved(server: Server) -> str | None:
    told = server.info("persistence")
    busy = told["rdb_bgsave_in_progress"] == "1"
    return None if busy else told["rdb_last_bgsave_status"]


def _refusal(server: Server) -> str | None:
    """The first word of what the server says to a harmless question, where that is an error."""
    with server.connect() as wire:
        return refused(wire, "PING")


def refused(wire: Wire, *words: str) -> str | None:
    """The first word of the error that a command gets; nothing when it gets none."""
    try:
        wire.call(*words)
    except ReplyError as error:
        return str(error).split()[0]
    return None
