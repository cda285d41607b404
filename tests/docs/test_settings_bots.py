"""The bots in `examples/` whose settings are in Cloudflare's KV, which tells of a write later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from storage.testing import Clock
from tests.docs.test_bots import FRAMEWORKS, Telegram, World
from tests.servers.cloudflare import KvServer

each = pytest.mark.parametrize("name", FRAMEWORKS)


@pytest.fixture
def world(kv: KvServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Telegram, and bots that share a namespace."""
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", kv.token)
    url = f"cloudflare://{kv.account}/{kv.namespace}?base_url={kv.url}"
    telegram = Telegram()
    with ExitStack() as patches, ExitStack() as running:
        for framework in FRAMEWORKS.values():
            patches.enter_context(framework.patched(telegram))
        yield World(telegram, url, running)


@each
def test_a_chat_is_greeted_in_its_language(world: World, name: str, kv: KvServer) -> None:
    bot = world.start(name, "settings")

    assert world.says(bot, "hi", "/language de", "hi") == ["Hello!", "Hallo!", "Hallo!"]
    assert world.says(bot, "hi", chat=200) == ["Hello!"]
    assert world.says(bot, "/language Latin") == ["there are de, en, fr"]

    assert {key: one.value for key, one in kv.stored.items()} == {
        "~ns~settings~100": b'{"language":"de"}'
    }


@each
def test_many_messages_ask_once(world: World, name: str, kv: KvServer) -> None:
    bot = world.start(name, "settings")

    world.says(bot, *["hi"] * 10)

    assert [one.action for one in kv.requests] == ["bulk/get"]


@each
def test_who_chose_sees_it_at_once_and_others_later(world: World, name: str, kv: KvServer) -> None:
    """Though KV tells of what was there before for a minute."""
    clock = Clock()
    kv.clock = clock
    kv.lag(60)
    bot = world.start(name, "settings")

    assert world.says(bot, "/language fr", "hi") == ["Bonjour !"] * 2
    assert world.says(world.start(name, "settings"), "hi") == ["Hello!"]

    clock.tick(61)
    assert world.says(world.start(name, "settings"), "hi") == ["Bonjour !"]


def test_both_bots_have_the_same_settings(world: World) -> None:
    first, second = (world.start(name, "settings") for name in FRAMEWORKS)

    assert world.says(first, "/language de") == ["Hallo!"]
    assert world.says(second, "hi") == ["Hallo!"]
