"""A store on Cloudflare's KV from its address, in both halves."""

from __future__ import annotations

import json
from typing import Any

import pytest

from storage import ConfigurationError
from storage.testing import Bridge
from tests.fault.ground import python
from tests.servers.cloudflare import KvServer

SECRET = "hunter2"


@pytest.fixture
def address(kv: KvServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """A namespace on the test server; its token is in the environment."""
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", kv.token)
    return f"cloudflare://{kv.account}/{kv.namespace}?base_url={kv.url}"


def test_an_address_opens_a_store_with_the_token_of_the_environment(
    half: Any, address: str, kv: KvServer
) -> None:
    with Bridge() as bridge, bridge.driven(half.open(address)) as store:
        store.set("k", [1, "é"])

        assert store.get("k") == [1, "é"]
    assert set(kv.stored) == {"k"}


def test_the_options_are_those_of_the_constructor(half: Any, address: str, kv: KvServer) -> None:
    url = f"{address}&prefix=bot:&ttl=90&timeout=2.5&codec=fast"
    with Bridge() as bridge, bridge.driven(half.open(url)) as store:
        store.set("k", 1)

        assert store._backend._room._service.seconds == 2.5
    assert set(kv.stored) == {"bot:k"}
    (entry,) = json.loads(kv.requests[0].body)
    assert entry["expiration_ttl"] in (90, 91)


def test_opening_asks_nothing(half: Any, address: str, kv: KvServer) -> None:
    before = kv.connections

    with Bridge() as bridge:
        bridge.driven(half.open(address)).close()

    assert kv.connections == before


def test_without_a_token_nothing_is_opened(half: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLOUDFLARE_API_TOKEN", raising=False)

    with pytest.raises(ConfigurationError, match="say token=, or set CLOUDFLARE_API_TOKEN"):
        half.open("cloudflare://account/namespace")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        (f"cloudflare://user:{SECRET}@account/namespace", "taken from CLOUDFLARE_API_TOKEN"),
        (f"cloudflare://{SECRET}@account/namespace", "taken from CLOUDFLARE_API_TOKEN"),
        (f"cloudflare://account/namespace?token={SECRET}", "no option token"),
        ("cloudflare://account", "write cloudflare://account/namespace"),
        ("cloudflare:///namespace", "write cloudflare://account/namespace"),
        ("cloudflare://account/namespace/more", "write cloudflare://account/namespace"),
        ("cloudflare://account/name%20space", "namespace_id is not one that Cloudflare gives"),
        ("cloudflare://acc.ount/namespace", "account_id is not one that Cloudflare gives"),
        ("cloudflare://account/namespace?timeout=0", "timeout must be positive seconds"),
        ("cloudflare://account/namespace?timeout=1e10", "a day at the most"),
        ("cloudflare://account/namespace?timeout=soon", "the option timeout"),
        ("cloudflare://account/namespace?ttl=0", "ttl of a store must be positive"),
        (f"cloudflare://account/namespace?prefix={'a' * 513}", "512 bytes"),
        ("cloudflare://account/namespace?base_url=http://kv.test", "must begin with https://"),
        (f"cloudflare://account/namespace?base_url=https://u:{SECRET}@kv.test", "looks like"),
        ("cloudflare://account/namespace?base_url=https://kv.test/%3Fa=b", "looks like"),
        ("cloudflare://account/namespace?base_url=kv.test", "looks like"),
    ],
)
def test_a_wrong_address_is_refused_in_words_that_show_no_secret(
    url: str, says: str, half: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "token")

    with pytest.raises(ConfigurationError) as caught:
        half.open(url)

    assert says in str(caught.value)
    assert SECRET not in f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"


@pytest.mark.parametrize("token", ["", " ", "a b", "a\nb", "токен", 5])
def test_what_can_not_be_a_token_is_refused_and_not_shown(token: Any, half: Any) -> None:
    with pytest.raises(ConfigurationError, match="token") as caught:
        half.CloudflareStorage("account", "namespace", token)

    assert repr(token) not in str(caught.value).replace("''", "")


@pytest.mark.parametrize("name", ["storage", "storage.aio"])
def test_without_httpx_it_is_said_what_to_install(name: str) -> None:
    done = python(
        "import sys; sys.modules['httpx'] = None\n"
        f"import {name} as half, storage\n"
        "try: half.CloudflareStorage('account', 'namespace', 'token')\n"
        "except storage.ConfigurationError as error: sys.exit(str(error))\n"
    )

    needs = "a store on Cloudflare's KV needs httpx: pip install 'chatstorage[cloudflare]'"
    assert done.stderr == f"{needs}\n"
