"""What type checkers know about the asyncio half; checked, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import Any, TypedDict

import httpx
from typing_extensions import assert_type

import storage
from storage import DELETE, MISSING, aio
from storage.aio import Storage, continuity, telegram
from storage.aio.compat import gramio, puregram, vibegram
from storage.cloudflare.options import WorkersBinding


class Cart(TypedDict):
    items: list[str]


async def reading(store: Storage[Cart], plain: Storage[int]) -> None:
    assert_type(await store.get("a"), Cart | None)
    assert_type(await plain.get("a", 0), int)
    assert_type(await plain.get("a", "none"), int | str)
    assert_type(await store.has("a"), bool)
    assert_type(await store.get_many(["a"]), dict[str, Cart])


async def writing(store: Storage[Cart], cart: Cart) -> None:
    await store.set("a", cart, ttl=60)
    assert_type(await store.delete("a"), bool)
    assert_type(await store.add("a", cart), bool)
    assert_type(await store.incr("a"), int)
    assert_type(await store.swap("a", MISSING, cart), bool)


async def changing(store: Storage[int], carts: Storage[Cart]) -> None:
    """A callback may be of either colour."""

    async def looked_up(value: int) -> int:
        return value + 1

    async def maybe(value: int) -> int | storage.records.Deletion:
        return value - 1 if value > 1 else DELETE

    async def made() -> int:
        return 1

    assert_type(await store.update("a", lambda value: value + 1, default=0), int)
    assert_type(await store.update("a", looked_up), int)
    assert_type(await store.update("a", maybe), int | storage.records.Deletion)
    assert_type(await store.get_or_set("a", lambda: 1), int)
    assert_type(await store.get_or_set("a", made), int)
    async with carts.edit("a", default={"items": []}) as cart:
        assert_type(cart, Cart)


async def leasing(store: Storage[Cart], blocking: storage.Storage[Cart]) -> None:
    assert_type(store.room(aio.LeaseStore), aio.LeaseStore)
    leases = aio.Leases(blocking)
    async with leases.hold("a", wait=2.5) as lease:
        assert_type(lease, aio.Lease)
        assert_type(lease.lost, bool)
        lease.check()
    claim = await leases.claim("a", ttl=60)
    if claim:
        assert_type(await claim.done(), bool)


async def limiting(store: Storage[Cart], blocking: storage.Storage[Cart]) -> None:
    limiter = aio.RateLimiter(blocking, "20/min")
    assert_type(await limiter.hit(42), aio.Verdict)
    assert_type(await limiter.explain(42), str)
    async with limiter.slot("a") as slot:
        slot.check()

    @limiter.limited(key="user")
    async def greet(user: int) -> str:
        return str(user)

    assert_type(await greet(1), str)


async def talking(store: Storage[Cart], blocking: storage.Storage[Cart]) -> None:
    """A function of an edit may be of either colour."""

    async def changed(message: dict[str, Any]) -> dict[str, Any]:
        return {**message, "content": "x"}

    async def tell(error: storage.StorageError) -> None: ...

    talk = aio.Conversation(blocking, max_messages=None, count_tokens=len)
    message = {"role": "user", "content": "hi"}
    assert_type(await talk.append("a", message, once="a"), int)
    assert_type(await talk.append_many("a", [message]), list[int])
    assert_type(await talk.window("a", turns=5), aio.Messages)
    assert_type(await talk.list("a", last=5, on_corrupt=tell), storage.Messages)
    assert_type(await talk.pop("a"), dict[str, Any] | None)
    assert_type(await talk.undo("a"), storage.Messages)
    assert_type(await talk.edit("a", 3, message), bool)
    assert_type(await talk.edit("a", 3, changed), bool)
    assert_type(await talk.edit("a", 3, lambda message: message), bool)
    assert_type(await talk.fork("a", "b"), int)
    assert_type(await talk.usage("a"), aio.Usage | None)
    assert_type(await talk.dump("talks.jsonl", progress=print), aio.Report)
    assert_type(await talk.load("talks.jsonl", existing="replace"), aio.Report)
    assert_type(talk.keys(chat=1), AsyncIterator[str])
    assert_type([key async for key in talk.keys()], list[str])
    assert_type(await aio.Conversation(store).keep_newest(3), int)


async def with_sessions() -> None:
    """A summarizer and a handler may be of either colour."""

    async def summarize(messages: list[continuity.Message], prompt: str | None) -> str:
        return str(len(messages))

    async def tell(event: continuity.Event) -> None: ...

    adapter = continuity.MemoryAdapter(ttl=60)
    manager = continuity.SessionManager(adapter, summarizer=summarize)
    manager.on("session:created", tell)
    session = await manager.create_session(user_id="7")
    assert_type(session, continuity.Session)
    assert_type(
        await manager.add_message(session.id, {"role": "user", "content": "hi"}),
        continuity.Message,
    )
    assert_type(await manager.health(), continuity.HealthStatus)


async def on_telegram(store: Storage[Cart]) -> None:
    """A callback may be of either colour."""

    async def answer(event: object, verdict: storage.Verdict) -> None:
        """Answer a flooder."""

    async def handler(event: object, more: int) -> str:
        return f"{event} {more}"

    flood = telegram.inbound(store, answer=answer)
    assert_type(flood, telegram.Inbound)
    assert_type(await flood.check("event"), storage.Verdict)
    assert_type(await flood.passes("event"), bool)
    ran: str | None = await flood.run("event", handler, 1)
    outbound = telegram.Outbound(store)
    sent: str = await outbound.send(5, handler, "event", more=1)
    assert ran == sent
    assert_type(await outbound.wait("@news"), storage.Verdict)


async def media(store: Storage[Cart]) -> None:
    """What sends a file may be of either colour, and so may be what looks at answers."""

    async def call(file: object) -> int:
        return len(str(file))

    async def is_stale(outcome: object) -> bool:
        return False

    def file_id_of(answer: object) -> str | None:
        return None

    ids = aio.MediaCache(store, bot="support", is_stale=is_stale, file_id_of=file_id_of)
    sent: int = await ids.send("photo", b"cat", call)
    plain: str = await ids.send("photo", b"cat", str)
    assert sent == len(plain)
    assert_type(await ids.get("photo", b"cat"), str | None)
    assert_type(await ids.forget("photo", b"cat"), bool)
    assert_type(await ids.key_of("photo", b"cat"), str)


async def walking(store: Storage[Cart]) -> None:
    assert_type(store.keys(), AsyncIterator[str])
    assert_type(store.items(), AsyncIterator[tuple[str, Cart]])
    assert_type([value async for value in store.values()], list[Cart])


async def making(path: str, entries: dict[str, int], blocking: storage.Storage[Cart]) -> None:
    assert_type(aio.open("memory://"), Storage[Any])
    assert_type(aio.MemoryStorage(entries), aio.MemoryStorage[int])
    assert_type(aio.adapt(blocking), Storage[Any])

    async def tell(error: storage.UnavailableError) -> None: ...

    assert_type(aio.tiered(blocking, max=100, ttl=0.5), Storage[Any])
    assert_type(aio.tiered({}).room(aio.NearCache).info(), storage.records.NearInfo)
    assert_type(aio.fallback(blocking, {}, on_error=tell), Storage[Any])
    assert_type(aio.fallback(blocking, {}, on_error=print), Storage[Any])
    async with aio.SqliteStorage[Cart](path) as store:
        assert_type(store, aio.SqliteStorage[Cart])
        assert_type(store.namespace("a"), Storage[Cart])
    await store.aclose()


class Binding:
    """What a Worker has, as far as it is used."""

    def get(self, name: str, **options: Any) -> Awaitable[str | None]:
        raise NotImplementedError

    def put(self, name: str, text: str, **options: Any) -> Awaitable[None]:
        raise NotImplementedError

    def delete(self, name: str) -> Awaitable[None]:
        raise NotImplementedError

    def list(self, **options: Any) -> Awaitable[Any]:
        raise NotImplementedError


async def at_the_edge(place: httpx.AsyncClient, cart: Cart) -> None:
    async with aio.CloudflareStorage[Cart]("account", "namespace", client=place) as store:
        assert_type(store, aio.CloudflareStorage[Cart])
        assert_type(await store.get_with_metadata("a"), tuple[Cart | None, Any])
        assert_type(await store.get_with_metadata("a", 0), tuple[Cart | int, Any])
        await store.set_with_metadata("a", cart, {"title": "A"}, ttl=None)
        assert_type(store.keys_with_metadata(), AsyncIterator[tuple[str, Any]])
    bound = aio.CloudflareStorage[Cart](Binding(), prefix="a:")
    assert_type(await bound.get("a"), Cart | None)


async def coming_from_puregram(path: str) -> None:
    async with puregram.SqliteStorage[Cart](path, ttl=60) as store:
        assert_type(await store.get("a"), Cart | None)
        assert_type(await store.sweep(), int)
        assert_type(store.entries(), AsyncIterator[tuple[str, Cart]])
    assert_type(puregram.MemoryStorage({"a": 1}).size, int)


async def whole(store: Storage[Cart], blocking: storage.Storage[Cart]) -> None:
    async def progress(report: aio.Report) -> None:
        assert_type(report.looked_at, int)

    assert_type(await aio.copy(blocking, store, progress=progress), aio.Report)
    assert_type(await aio.dump(store, "bot.jsonl", progress=print), aio.Report)
    assert_type(await aio.load(store, "bot.jsonl"), aio.Report)
    assert_type(await aio.migrate(store, dry_run=True), aio.Report)


class AwaitedClient:
    async def get(self, key: str) -> str | None: ...

    def set(self, key: str, value: str) -> None: ...


async def coming_from_vibegram(client: AwaitedClient) -> None:
    async with vibegram.MemorySessionStore[Cart](5000) as sessions:
        assert_type(await sessions.get("1:2"), Cart | None)
        assert_type(await sessions.cleanup_expired(), int)
        assert_type(sessions.size, int)
    store = vibegram.RedisSessionStore[Cart](client, prefix="bot:", ttl=60)
    assert_type(await store.get("1:2"), Cart | None)
    async with vibegram.RedisRateLimitStore(client) as records:
        assert_type(await records.increment("100_7", 60), dict[str, Any])
        limits = vibegram.rate_limit(store=records)
        assert_type(await limits.check("update"), float | None)
        assert_type(limits.key_of("update"), str | None)
    async with vibegram.RedisCodexMemoryStore(client, max_history=5) as codex:
        await codex.append("user:42", {"role": "user"})
        assert_type(await codex.list("user:42"), list[Any])
        assert_type(await codex.clear("user:42"), bool)


async def storages_of_gramio(store: Storage[Any], binding: WorkersBinding) -> None:
    async def told(error: storage.StorageError) -> None: ...

    assert_type(await gramio.in_memory_storage({}).get("k"), Any | None)
    assert_type(await gramio.redis_storage({"port": 6379}).delete("k"), bool)
    assert_type(gramio.cloudflare_storage(binding), Storage[Any])
    both = gramio.with_fallback_storages([store, {}], on_error=told)
    assert_type(await both.has("k"), bool)


async def rate_limits_of_others(store: Storage[Any]) -> None:
    """What they call may be of either colour."""

    async def handled() -> str:
        return "handled"

    budgets = puregram.rate_limit(storage=store, on_limit_exceeded=lambda event, wait: None)
    assert_type(await budgets.check("update", limit=5, window=60), int | None)
    assert_type(await budgets.allows("update", limit=5, window=60), bool)
    await budgets.run("update", handled, limit=5, window=60)
    windows = gramio.rate_limit(storage=store)
    assert_type(await windows.check("event", limit=5, window=60), int | None)


@dataclass
class Visit:
    step: int = 0


async def sessions_of_dicts(store: Storage[Any], key: storage.SessionKey) -> None:
    sessions = aio.Sessions(store)
    async with sessions.open("a") as session:
        assert_type(session, dict[str, Any])
    async with sessions.open(key, "event", lazy=True) as lazy:
        assert_type(lazy, aio.Session[dict[str, Any]])
        assert_type(await lazy.load(), dict[str, Any])
    assert_type(await sessions.get("a"), dict[str, Any] | None)
    assert_type(await sessions.inspect(key), storage.SessionInfo | None)
    assert_type(await sessions.delete(key), bool)
    assert_type(await sessions.delete_all(chat=1), int)
    assert_type(sessions.keys(bot=1), AsyncIterator[str])
    assert_type(sessions.items(), AsyncIterator[tuple[str, dict[str, Any]]])
    assert_type(await sessions.count(), int)


async def sessions_of_a_type(store: Storage[Any]) -> None:
    """However the type is said."""

    async def initial(event: Any) -> Visit:
        return Visit(1)

    typed = aio.Sessions(store, kind=Visit)
    begun = aio.Sessions(store, initial=Visit)
    declared = aio.Sessions(store, kind=Visit, initial=initial)
    for sessions in (typed, begun, declared):
        opened = sessions.open("a")
        async with opened as session:
            assert_type(session, Visit)
            await opened.save()
            await opened.clear()
            opened.discard()
            opened.expire("step", 5)
        assert_type(await sessions.get("a", 5), Visit | int)


async def handling(sessions: aio.Sessions[Visit]) -> None:
    async def awaited(event: Any, session: Visit) -> int:
        return session.step

    def plain(event: Any, session: Visit) -> int:
        return session.step

    assert_type(await sessions.of("event").run(plain), int)
    step: int = await sessions.of("event").run(awaited)
    assert_type(step, int)
