"""Ways to one server: TLS, a socket in the file system, a user, a database, a name."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import storage
from tests.fault.proxy import Proxy
from tests.servers import Server, find_valkey, running, user
from tests.servers.tls import Certificates
from tests.topology.conftest import Open

PASSWORD = "p:@/ %ss"


@pytest.fixture
def valkey(valkey: Server) -> Iterator[Server]:
    yield valkey
    valkey.call("FLUSHALL")


@pytest.fixture
def socket(valkey: Server) -> Iterator[tuple[Server, Path]]:
    """A server that listens on a socket with a short name, as the system wants it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "the.sock"
        options = ("--unixsocket", str(path))
        with running(find_valkey(), folder, *options, clock=False) as server:
            yield server, path


def test_tls_with_an_authority_of_our_own(
    valkey: Server, opened: Open, certificates: Certificates
) -> None:
    with Proxy(valkey.address, certificates.right) as proxy:
        store = opened(f"{proxy.url}?ssl_ca_certs={certificates.ca}")
        store.set("k", "v" * 100_000)

        assert store.get("k") == "v" * 100_000
        assert list(store.keys()) == ["k"]
        store.close()
        assert proxy.connections == 1


@pytest.mark.parametrize("name", ["wrong_host", "expired", "stranger"])
def test_a_certificate_that_can_not_be_trusted_is_refused_at_once(
    valkey: Server, opened: Open, certificates: Certificates, name: str
) -> None:
    with Proxy(valkey.address, getattr(certificates, name)) as proxy:
        store = opened(f"{proxy.url}?ssl_ca_certs={certificates.ca}")

        with pytest.raises(storage.AccessDeniedError, match="certificate"):
            store.get("k")
        assert proxy.connections == 1
        assert proxy.forwarded == []


def test_a_socket_in_the_file_system(socket: tuple[Server, Path], opened: Open) -> None:
    server, path = socket
    with user(server, "bot", PASSWORD, "~storage:*", "+@all") as who:
        login = who.url.split("//")[1].rpartition("@")[0]
        for url in (f"unix://{path}?db=3", f"unix://{login}@{path}?db=3"):
            assert opened(url).incr("k") > 0

    with server.connect() as wire:
        wire.call("SELECT", 3)
        assert wire.call("GET", "storage:k") == b"2"


@pytest.mark.parametrize("protocol", [2, 3])
def test_a_user_a_database_and_a_name(valkey: Server, opened: Open, protocol: int) -> None:
    query = f"?client_name=the-bot&protocol={protocol}"
    with user(valkey, "bot", PASSWORD, "~storage:*", "+@all") as who:
        store = opened(who.url.removesuffix("/0") + f"/5{query}")
        store.set("k", 1)
        (line,) = [
            one for one in valkey.call("CLIENT", "LIST").decode().splitlines() if "the-bot" in one
        ]

        told = dict(word.split("=", 1) for word in line.split())
        assert (told["name"], told["user"], told["db"]) == ("the-bot", "bot", "5")
        assert told["resp"] == str(protocol)
        with pytest.raises(storage.AccessDeniedError):
            opened(who.url, prefix="other:").get("k")
    with pytest.raises(storage.AccessDeniedError):
        opened(who.url).get("k")
