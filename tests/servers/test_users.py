"""Users of a server, and what TLS shows a client."""

from __future__ import annotations

import pytest
import redis

from tests.fault.proxy import Proxy
from tests.servers import Server, protected, user
from tests.servers.tls import Certificates

PASSWORD = "p:@/ %ss"


def client(url: str, **options: object) -> redis.Redis:
    retry = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
    return redis.Redis.from_url(url, retry=retry, **options)


def test_a_user_may_do_what_the_rules_say(server: Server) -> None:
    with user(server, "bot", PASSWORD, "~bot:*", "+get") as who, client(who.url) as mine:
        assert mine.get("bot:k") is None
        with pytest.raises(redis.exceptions.NoPermissionError):
            mine.get("other")
        with pytest.raises(redis.exceptions.NoPermissionError):
            mine.execute_command("SET", "bot:k", "v")

    with client(who.url) as late, pytest.raises(redis.exceptions.AuthenticationError):
        late.get("bot:k")


def test_a_protected_server_wants_a_password_and_then_no_more(server: Server) -> None:
    with protected(server, PASSWORD) as who:
        with client(server.url) as nobody, pytest.raises(redis.exceptions.AuthenticationError):
            nobody.ping()
        with client(who.url) as mine:
            assert mine.ping()

    with client(server.url) as anybody:
        assert anybody.ping()


def test_a_client_that_trusts_the_authority_gets_through(
    server: Server, certificates: Certificates
) -> None:
    with (
        Proxy(server.address, certificates.right) as proxy,
        client(proxy.url, ssl_ca_certs=str(certificates.ca)) as mine,
    ):
        mine.set("k", b"v" * 100_000)
        assert mine.get("k") == b"v" * 100_000
        mine.delete("k")


@pytest.mark.parametrize("name", ["wrong_host", "expired", "stranger"])
def test_a_bad_certificate_is_refused(
    valkey: Server, certificates: Certificates, name: str
) -> None:
    with (
        Proxy(valkey.address, getattr(certificates, name)) as proxy,
        client(proxy.url, ssl_ca_certs=str(certificates.ca)) as mine,
        pytest.raises(redis.exceptions.ConnectionError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        mine.ping()
