"""The adapters that the documentation shows, on a real server: they keep the whole contract."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import Any

import pytest
import redis
import redis.asyncio

import storage
import storage.aio
from storage.testing import Bridge, Clock, StorageContract
from tests.day import examples
from tests.house.tree import ROOT
from tests.servers import Server

LINES = 34


def example(name: str) -> ModuleType:
    """The file of the name in `examples/`, as a module."""
    spec = spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RedisJson = example("redis_adapter").RedisJson
AioRedisJson = example("redis_adapter_aio").RedisJson


@pytest.fixture
def client(valkey: Server) -> Iterator[redis.Redis]:
    """A client of the server, which is emptied at the end."""
    with redis.Redis(host=valkey.host, port=valkey.port) as client:
        yield client
        client.flushdb()


@pytest.fixture(autouse=True)
def _for_the_class(client: redis.Redis, request: pytest.FixtureRequest) -> Iterator[None]:
    if request.instance is not None:
        request.instance.client = client
    with examples("an adapter", storage):
        yield


class TestRedisJson(StorageContract):
    client: redis.Redis

    def make(self, clock: Clock, ttl: object = None) -> storage.Storage[Any]:
        return storage.adapt(RedisJson(self.client, prefix=f"{uuid.uuid4()}:"))


class TestAioRedisJson(StorageContract):
    aio_client: redis.asyncio.Redis

    def make(self, clock: Clock, ttl: object = None) -> storage.aio.Storage[Any]:
        return storage.aio.adapt(AioRedisJson(self.aio_client, prefix=f"{uuid.uuid4()}:"))

    @pytest.fixture
    def opened(self, clock: Clock, valkey: Server) -> Iterator[Callable[..., Any]]:
        """The client belongs to the loop that drives the stores, and is closed there."""
        with Bridge() as bridge:
            self.aio_client = redis.asyncio.Redis(host=valkey.host, port=valkey.port)
            yield lambda **options: bridge.driven(self.make(clock, **options))
            bridge.call(self.aio_client.aclose)


@pytest.mark.parametrize("prefix", ["*:", "[a-z]?", "\\", "{tag}:"])
def test_a_prefix_is_taken_literally(client: redis.Redis, prefix: str) -> None:
    """It is no pattern of the server, whatever is in it."""
    for name in (b"x:theirs", b"ab", b"[a-z]", b"theirs"):
        client.set(name, b"1")
    mine = RedisJson(client, prefix=prefix)

    mine.set("mine", 1)

    assert list(mine.keys()) == ["mine"]


def test_what_the_adapter_keeps_is_plain_json(client: redis.Redis) -> None:
    """Other programs can read it."""
    store = storage.adapt(RedisJson(client))

    store.set("user:1", {"name": "Zoë"})

    assert client.get("bot:user:1") == b'{"name": "Zo\\u00eb"}'


def test_the_adapter_is_as_short_as_the_documentation_says() -> None:
    for name in ("redis_adapter", "redis_adapter_aio"):
        assert len((ROOT / "examples" / f"{name}.py").read_text().splitlines()) <= LINES
