"""What is read from a copy near at hand, against redis-py's GET and against its own cache."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import redis
import redis.asyncio
from redis.cache import CacheConfig

import storage
from storage import NearCache, Storage, aio
from tests import servers

from ..crowds import event_loop
from ..harness import Variant, clocked, measure, ratios, typical
from ..load import Load
from ..report import Case, Report, Row, Target
from .served import serving
from .settings import SECONDS, Settings

ENTRIES, OPERATIONS, HITS = 1_000, 500, 20_000

_GET = Target(0.02)
_OWN_CACHE = Target(50, at_least=True)


class Bare:
    """A codec that copies nothing: what is measured with it is all that a hit costs besides."""

    def encode(self, value: Any) -> bytes:
        raw: bytes = value
        return raw

    def decode(self, data: bytes) -> Any:
        return data

    def same(self, one: bytes, other: bytes) -> bool:
        return one == other


def near(report: Report, chosen: Settings) -> None:
    """A hit in a store with copies near at hand, without the codec and with it, against redis-py.

    The cache of redis-py refuses Valkey, so all of it runs against a Redis 8.
    """
    try:
        binary = servers.find_redis8()
    except servers.ServerMissingError as error:
        report.say(f"    not run: {error}")
        return
    with serving(binary) as server:
        for size in chosen.sizes:
            load, hits = Load(size, ENTRIES, OPERATIONS), Load(size, ENTRIES, HITS)
            _fill(chosen, server.url, load)
            _blocking(report, chosen, server.url, load, hits)
            _asyncio(report, chosen, server.url, load, hits)


def _fill(chosen: Settings, url: str, load: Load) -> None:
    with storage.RedisStorage(url, codec=chosen.codec) as store:
        load.fill_many(store.set_many)


def _blocking(report: Report, chosen: Settings, url: str, load: Load, hits: Load) -> None:
    name = load.size.name
    with (
        redis.Redis.from_url(url, socket_timeout=SECONDS) as client,
        redis.Redis.from_url(
            url, socket_timeout=SECONDS, protocol=3, cache_config=CacheConfig()
        ) as caching,
        _tiered(url, Bare(), hits) as bare,
        _tiered(url, chosen.codec, hits) as store,
    ):
        get = load.gets("client.get(key)", _of(client))
        again = load.gets("client.get(key)", _of(client))
        ours = hits.gets("store.get(key), a hit, no codec", bare.get)
        report.run(
            Case(f"near hit, no codec, {name}", ours, get, _GET, again),
            chosen.rounds,
        )
        _against_its_cache(report, chosen, name, ours, hits, caching)
        coded = load.gets("decode(client.get(key))", _decoding(client, chosen.codec))
        with_codec = hits.gets("store.get(key), a hit", store.get)
        report.run(
            Case(f"near hit with its codec, {name}", with_codec, coded),
            chosen.rounds,
        )


def _against_its_cache(
    report: Report, chosen: Settings, name: str, ours: Variant, hits: Load, caching: Any
) -> None:
    get = _of(caching)
    for key in set(hits.keys(0)):
        get(key)
    some = Load(hits.size, ENTRIES, OPERATIONS * 2)
    theirs = some.gets("client.get(key), out of its cache", get)
    samples = measure({"ours": ours, "theirs": theirs}, chosen.rounds)
    report.add(
        Row(
            f"near hit, faster than redis-py's, {name}",
            theirs.text,
            ours.text,
            ratios(samples["theirs"], samples["ours"]),
            _OWN_CACHE,
            (typical(samples["theirs"]), typical(samples["ours"])),
            whose="peer",
        )
    )


def _asyncio(report: Report, chosen: Settings, url: str, load: Load, hits: Load) -> None:
    with event_loop() as loop:
        client = redis.asyncio.Redis.from_url(url, socket_timeout=SECONDS)
        base = aio.RedisStorage(url, codec=Bare())
        store = aio.tiered(base)
        loop.run_until_complete(_heard(store, hits))
        report.run(
            Case(
                f"aio near hit, no codec, {load.size.name}",
                _awaited(loop, hits, "await store.get(key), a hit, no codec", store.get),
                _awaited(
                    loop,
                    load,
                    "await client.get(key)",
                    lambda key: client.get(f"storage:{key}"),
                ),
                _GET,
            ),
            chosen.rounds,
        )
        loop.run_until_complete(_closed(store, base, client))


@contextmanager
def _tiered(url: str, codec: Any, hits: Load) -> Iterator[Storage[Any]]:
    """A store that has copies of everything."""
    with storage.RedisStorage(url, codec=codec) as base, storage.tiered(base, ttl=3600) as store:
        room = store.room(NearCache)
        while not room.info().watched:
            store.get("?")
            time.sleep(0.001)
        store.get_many(sorted(set(hits.keys(0))))
        yield store


async def _heard(store: Any, hits: Load) -> None:
    room = store.room(NearCache)
    for _ in range(10_000):
        if room.info().watched:
            break
        await store.get("?")
        await asyncio.sleep(0.001)
    await store.get_many(sorted(set(hits.keys(0))))


async def _closed(store: Any, base: Any, client: Any) -> None:
    for one in (store, base, client):
        await one.aclose()


def _of(client: Any) -> Callable[[str], Any]:
    return lambda key: client.get(f"storage:{key}")


def _decoding(client: Any, codec: Any) -> Callable[[str], Any]:
    return lambda key: codec.decode(client.get(f"storage:{key}"))


def _awaited(loop: Any, load: Load, text: str, get: Callable[[str], Any]) -> Variant:
    """The same reads, one after the other, in one task."""

    def prepare(number: int) -> Callable[[], object]:
        keys = load.keys(number)

        async def all_of_them() -> None:
            for key in keys:
                await get(key)

        return lambda: loop.run_until_complete(all_of_them())

    return clocked(text, load.operations, prepare)
