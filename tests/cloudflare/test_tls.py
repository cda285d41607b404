"""Over TLS, as Cloudflare is asked: whom is trusted, and that a deadline holds there too."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

import pytest

from storage import AccessDeniedError, OutcomeUnknownError, UnavailableError
from tests.cloudflare.ground import Crook, Opened, crook, lasting, whole_request
from tests.cloudflare.test_deadline import calls
from tests.servers.tls import Certificates
from tests.waiting import until

pytestmark = pytest.mark.timed

SECONDS = 0.6

FOUND = b'{"success": true, "result": {"values": {"k": {"value": "5"}}}}'


@pytest.fixture
def trusted(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> Certificates:
    """Certificates of an authority that the environment names."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))
    return certificates


class Secured:
    """Where *server* is by TLS."""

    account, namespace, token = Crook.account, Crook.namespace, Crook.token

    def __init__(self, server: Crook) -> None:
        self.url = server.url.replace("http://", "https://")


def over(
    context: ssl.SSLContext, act: Callable[[Any, threading.Event], object]
) -> Callable[[socket.socket, threading.Event], None]:
    """*act* within TLS."""

    def talk(connection: socket.socket, ends: threading.Event) -> None:
        with context.wrap_socket(connection.dup(), server_side=True) as secured:
            act(secured, ends)

    return talk


def answers(connection: Any, ends: threading.Event) -> None:
    while whole_request(connection):
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(FOUND)}\r\n\r\n".encode()
        connection.sendall(head + FOUND)


def drips(connection: Any, ends: threading.Event) -> None:
    whole_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while not ends.wait(0.02):
        connection.sendall(b"a")


def test_who_is_trusted_is_asked_over_one_connection(opened: Opened, trusted: Certificates) -> None:
    with crook(over(trusted.right, answers)) as server:
        store = opened(Secured(server))

        assert [store.get("k") for _ in range(5)] == [5] * 5
        assert server.taken == 1
        store.close()


@pytest.mark.parametrize("kind", ["wrong_host", "expired", "stranger"])
def test_who_is_not_trusted_gets_no_token(kind: str, opened: Opened, trusted: Certificates) -> None:
    with crook(over(getattr(trusted, kind), answers)) as server:
        store = opened(Secured(server))

        with lasting(0), pytest.raises(AccessDeniedError, match="certificate"):
            store.set("k", 1)
        assert server.taken == 1
        store.close()


def test_a_proxy_of_the_environment_is_used_and_reads_no_token(
    opened: Opened, trusted: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[bytes] = []

    def proxy(connection: socket.socket, ends: threading.Event) -> None:
        told.append(whole_request(connection))
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        over(trusted.right, answers)(connection, ends)

    with crook(proxy) as server:
        monkeypatch.setenv("HTTPS_PROXY", server.url)
        store = opened(Secured(server), base_url="https://127.0.0.1:1/v4")

        assert [store.get("k") for _ in range(3)] == [5] * 3
        store.close()

    (request,) = told
    assert request.startswith(b"CONNECT 127.0.0.1:1 ")
    assert server.token.encode() not in request


def test_a_handshake_that_does_not_end_is_given_up(opened: Opened, trusted: Certificates) -> None:
    def silent(connection: socket.socket, ends: threading.Event) -> None:
        ends.wait()

    with crook(silent) as server:
        store = opened(Secured(server), timeout=SECONDS)

        with lasting(SECONDS), pytest.raises(UnavailableError):
            store.set("k", 1)
        until(lambda: not calls(), "the end of what was given up")
        store.close()


def test_what_drips_over_tls_is_given_up(opened: Opened, trusted: Certificates) -> None:
    with crook(over(trusted.right, drips)) as server:
        store = opened(Secured(server), timeout=SECONDS)

        with lasting(SECONDS), pytest.raises(OutcomeUnknownError):
            store.set("k", 1)
        until(lambda: not calls(), "the end of what was given up")
        store.close()
