"""What needs a step that looks and writes at once refuses KV when it is made, before it is asked
anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import storage
import storage.aio.compat.gramio
import storage.aio.compat.puregram
import storage.aio.compat.vibegram
import storage.aio.compat.vibegram_codex
import storage.aio.continuity
import storage.aio.telegram
import storage.compat.gramio
import storage.compat.puregram
import storage.compat.vibegram
import storage.compat.vibegram_codex
import storage.continuity
import storage.telegram  # noqa: F401 - they are reached by the names of the half
from storage import UnsupportedError
from storage.testing import Bridge
from tests.cloudflare.ground import store_of
from tests.servers.cloudflare import KvServer

Make = Callable[[Any, Any], object]

FACES: dict[str, Make] = {
    "sessions": lambda half, store: half.Sessions(store),
    "sessions without a lock": lambda half, store: half.Sessions(store, lock=False),
    "sessions in one process": lambda half, store: half.Sessions(store, lock="process"),
    "sessions with locks elsewhere": lambda half, store: half.Sessions(
        store, locks=half.MemoryStorage()
    ),
    "locks of sessions": lambda half, store: half.Sessions(half.MemoryStorage(), locks=store),
    "a limiter": lambda half, store: half.RateLimiter(store, "5/s"),
    "a limiter that falls back": lambda half, store: half.RateLimiter(
        store, "5/s", on_error="local"
    ),
    "a conversation": lambda half, store: half.Conversation(store),
    "leases": lambda half, store: half.Leases(store),
    "telegram, inbound": lambda half, store: half.telegram.inbound(store),
    "telegram, outbound": lambda half, store: half.telegram.Outbound(store),
    "vibegram, sessions": lambda half, store: half.compat.vibegram.session(store=store),
    "vibegram, limits": lambda half, store: half.compat.vibegram.rate_limit(store=store),
    "vibegram, records of limits": lambda half, store: half.compat.vibegram.RateLimitStore(store),
    "vibegram, codex": lambda half, store: half.compat.vibegram_codex.CodexStore(store),
    "puregram, sessions": lambda half, store: half.compat.puregram.session(storage=store),
    "puregram, limits": lambda half, store: half.compat.puregram.rate_limit(storage=store),
    "gramio, sessions": lambda half, store: half.compat.gramio.session(storage=store),
    "gramio, scenes": lambda half, store: half.compat.gramio.scenes(storage=store),
    "gramio, limits": lambda half, store: half.compat.gramio.rate_limit(storage=store),
    "ends in records": lambda half, store: half.enhance_storage(store, millisecond_precision=True),
}

REMEDY = "memory, SQLite or Redis|in the store beneath"

OVER: dict[str, Make] = {
    "itself": lambda half, store: store,
    "a namespace": lambda half, store: store.namespace("bot"),
    "a type": lambda half, store: store.typed(object),
    "enhanced": lambda half, store: half.enhance_storage(store, migrations={1: lambda old: old}),
    "a fallback": lambda half, store: half.fallback(
        store, half.MemoryStorage(), on_error=lambda error: None
    ),
    "the fallback of another": lambda half, store: half.fallback(
        half.MemoryStorage(), store, on_error=lambda error: None
    ),
}


@pytest.fixture
def store(half: Any, kv: KvServer) -> Iterator[Any]:
    """A store that is not driven: what is made of it takes it as it is."""
    made = store_of(half, kv)
    yield made
    with Bridge() as bridge:
        bridge.driven(made).close()


@pytest.mark.parametrize("over", OVER)
@pytest.mark.parametrize("face", FACES)
def test_it_is_refused_when_it_is_made_and_says_what_to_use(
    face: str, over: str, half: Any, store: Any, kv: KvServer
) -> None:
    with pytest.raises(UnsupportedError, match=REMEDY) as caught:
        FACES[face](half, OVER[over](half, store))

    assert caught.value.store
    assert kv.requests == []


def test_session_continuity_takes_no_store(half: Any, store: Any) -> None:
    with pytest.raises(half.continuity.ValidationError, match="ContinuityAdapter"):
        half.continuity.SessionManager(storage=store)


def test_an_object_like_any_other_is_no_way_around(half: Any, store: Any, kv: KvServer) -> None:
    """What is adapted once more is the same store."""
    assert half.adapt(store) is store
    assert half.adapt(store._backend).capabilities.atomic is None
    assert kv.requests == []
