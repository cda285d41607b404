"""The servers that the tests start."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tests import servers


def commands(server: servers.Server, *lines: str) -> str:
    with socket.create_connection((server.host, server.port), timeout=5) as connection:
        connection.sendall("".join(f"{line}\r\n" for line in [*lines, "QUIT"]).encode())
        received = b""
        while piece := connection.recv(65536):
            received += piece
    return received.decode()


def test_the_server_is_ours_and_writes_nothing_to_disk(valkey: servers.Server) -> None:
    answer = commands(valkey, "INFO server", "CONFIG GET save", "CONFIG GET appendonly")

    assert f"tcp_port:{valkey.port}" in answer
    assert "$4\r\nsave\r\n$0\r\n" in answer
    assert "$10\r\nappendonly\r\n$2\r\nno\r\n" in answer


def test_a_server_ends_with_its_block(tmp_path: Path, valkey: servers.Server) -> None:
    with servers.running(servers.find_valkey(), tmp_path) as server:
        assert server.port != valkey.port
        assert commands(server, "PING").startswith("+PONG")

    with pytest.raises(ConnectionError):
        commands(server, "PING")


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
