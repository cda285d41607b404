"""A session of openai-agents is not kept where one of two changes would be lost."""

from __future__ import annotations

import pytest

from storage import UnsupportedError, aio
from storage.contrib.openai_agents import Session
from storage.testing import driven
from tests.servers.cloudflare import KvServer


def test_a_session_refuses_a_store_on_kv_when_it_is_made(kv: KvServer) -> None:
    store = aio.CloudflareStorage(kv.account, kv.namespace, kv.token, base_url=kv.url)
    with driven(store), pytest.raises(UnsupportedError, match="memory, SQLite or Redis"):
        Session("a", store)

    assert kv.requests == []


def test_a_session_refuses_the_address_of_a_namespace_and_leaves_nothing_open(
    kv: KvServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", kv.token)
    with pytest.raises(UnsupportedError, match="memory, SQLite or Redis"):
        Session("a", f"cloudflare://{kv.account}/{kv.namespace}?base_url={kv.url}")

    assert kv.requests == []
