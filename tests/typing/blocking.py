"""What type checkers know about the blocking half; checked, never run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, BinaryIO, TypedDict

import httpx
import redis
from typing_extensions import assert_type

import storage
from storage import (
    DELETE,
    KEEP,
    MISSING,
    Capabilities,
    CloudflareStorage,
    Failure,
    KVStorage,
    LeaseStore,
    Report,
    Storage,
    TtlStorage,
    continuity,
    telegram,
)
from storage.compat import gramio, puregram, vibegram


class Cart(TypedDict):
    items: list[str]


def reading(store: Storage[Cart], plain: Storage[int]) -> None:
    assert_type(store.get("a"), Cart | None)
    assert_type(store.get("a", None), Cart | None)
    assert_type(plain.get("a", 0), int)
    assert_type(plain.get("a", "none"), int | str)
    assert_type(store.has("a"), bool)
    assert_type(store.get_many(["a"]), dict[str, Cart])
    assert_type(store.expires_at("a"), datetime | None | storage.records.Missing)
    assert_type(store.capabilities, Capabilities)


def writing(store: Storage[Cart], cart: Cart) -> None:
    store.set("a", cart)
    store.set("a", {"items": []}, ttl=1.5)
    store.set("a", cart, ttl=timedelta(days=1))
    store.set("a", cart, ttl=datetime.now(timezone.utc))
    store.set("a", cart, ttl=None)
    store.set("a", cart, ttl=KEEP)
    store.set_many({"a": cart}, ttl=60)
    assert_type(store.delete("a"), bool)
    assert_type(store.delete_many({"a", "b"}), int)
    assert_type(store.add("a", cart), bool)
    assert_type(store.touch("a", ttl=60), bool)
    assert_type(store.incr("a", by=2, initial=1), int)
    assert_type(store.swap("a", MISSING, cart), bool)
    assert_type(store.swap("a", cart, DELETE), bool)
    assert_type(store.clear(everything=True), int)


def changing(store: Storage[int], carts: Storage[Cart]) -> None:
    def kept(value: int) -> int:
        return value + 1

    def maybe(value: int) -> int | storage.records.Deletion:
        return value - 1 if value > 1 else DELETE

    assert_type(store.update("a", kept), int)
    assert_type(store.update("a", kept, default=0), int)
    assert_type(store.update("a", kept, default=lambda: 0), int)
    assert_type(store.update("a", lambda value: value + 1), int)
    assert_type(store.update("a", maybe, default=0), int | storage.records.Deletion)
    assert_type(store.get_or_set("a", lambda: 1), int)
    with carts.edit("a", default={"items": []}) as cart:
        assert_type(cart, Cart)
        cart["items"].append("tea")


def walking(store: Storage[Cart]) -> None:
    assert_type(store.keys(), Iterator[str])
    assert_type(store.values("a", unique=True), Iterator[Cart])
    assert_type(store.items(on_corrupt="skip"), Iterator[tuple[str, Cart]])


def making(path: str, entries: dict[str, int], pairs: Iterator[tuple[str, int]]) -> None:
    assert_type(storage.open("memory://"), Storage[Any])
    assert_type(storage.MemoryStorage(entries), storage.MemoryStorage[int])
    assert_type(storage.MemoryStorage(pairs), storage.MemoryStorage[int])
    assert_type(storage.adapt({}), Storage[Any])
    assert_type(storage.tiered({}, max=100, ttl=timedelta(minutes=1)), Storage[Any])
    near = storage.tiered({}).room(storage.NearCache)
    assert_type(near.info(), storage.records.NearInfo)
    assert_type(storage.fallback({}, storage.adapt({}), on_error=print, pause=5), Storage[Any])
    lru: storage.LruMemoryStorage[Cart] = storage.LruMemoryStorage(10, ttl=60)
    assert_type(lru.namespace("a"), Storage[Cart])
    with storage.SqliteStorage[Cart](path, durability="full") as store:
        assert_type(store, storage.SqliteStorage[Cart])
        assert_type(store.get("a"), Cart | None)
    client, nodes = redis.Redis(), redis.RedisCluster()
    for place in ("redis://localhost", client, nodes):
        assert_type(storage.RedisStorage[Cart](place), storage.RedisStorage[Cart])


def at_the_edge(place: httpx.Client, cart: Cart) -> None:
    with storage.CloudflareStorage[Cart](
        "account", "namespace", "token", prefix="a:", ttl=timedelta(days=1), timeout=5, client=place
    ) as store:
        assert_type(store, storage.CloudflareStorage[Cart])
        assert_type(store.get("a"), Cart | None)
        assert_type(store.get_with_metadata("a"), tuple[Cart | None, Any])
        assert_type(
            store.get_with_metadata("a", MISSING), tuple[Cart | storage.records.Missing, Any]
        )
        store.set_with_metadata("a", cart, {"title": "A"}, ttl=60)
        assert_type(store.keys_with_metadata("a"), Iterator[tuple[str, Any]])
        assert_type(store.namespace("a"), Storage[Cart])
    anything = storage.CloudflareStorage("account", "namespace")
    assert_type(anything, storage.CloudflareStorage[Any])
    assert_type(anything.capabilities.atomic is None, bool)


def a_type_is_not_required(store: Storage, path: str) -> None:
    """A store of anything, as a bot that starts small writes it."""
    store.set("a", {"step": 1})
    assert_type(store.get("a"), Any | None)
    anything = storage.SqliteStorage(path)
    anything.set("a", [1, 2])


def leasing(store: Storage[Cart], leases: storage.Leases) -> None:
    assert_type(store.room(LeaseStore), LeaseStore)
    storage.Leases(store.namespace("a"), ttl=timedelta(minutes=1))
    with leases.hold("a", ttl=60, wait=None) as lease:
        assert_type(lease, storage.Lease)
        assert_type(lease.lost, bool)
        assert_type(lease.token, str)
        lease.check()
    claim = leases.claim("a", ttl=1.5)
    if claim:
        assert_type(claim.done(ttl=timedelta(days=1)), bool)
    assert_type(claim.busy, bool)
    assert_type(claim.finished, bool)


def limiting(store: Storage[Cart]) -> None:
    limiter = storage.RateLimiter(
        store, "20/min, 1/s", storage.Limit(3, timedelta(seconds=1), algorithm="gcra", burst=2)
    )
    verdict = limiter.hit(42)
    assert_type(verdict, storage.Verdict)
    assert_type(verdict.retry_after, float)
    assert_type(verdict.limit, storage.Limit)
    assert_type(limiter.hit_many(["a", 7, {"chat": 1}]), list[storage.Verdict])
    limiter.refund(verdict)
    limiter.refund("a", 2)
    assert_type(limiter.acquire("a", timeout=1.5), storage.Verdict)
    with limiter.slot("a", wait=0) as slot:
        assert_type(slot.lost, bool)

    @limiter.limited(key="user")
    def greet(user: int) -> str:
        return str(user)

    assert_type(greet(1), str)


def talking(store: Storage[Cart], key: storage.SessionKey) -> None:
    talk = storage.Conversation(
        store, max_messages=None, max_tokens=4000, max_turns=9, ttl=timedelta(days=1), max_age=3600
    )
    storage.Conversation(store, count_tokens=len, max_bytes=1000, on_orphan="keep")
    message = {"role": "user", "content": [{"type": "text", "text": "hi"}]}
    assert_type(talk.append(key, message, tokens=3, pin=True, if_seq=0, once="a"), int)
    assert_type(talk.append_many("a", (message, message), tokens=[1, None]), list[int])
    shown = talk.window("a", tokens=100, turns=5, messages=10)
    assert_type(shown, storage.Messages)
    assert_type(shown[0], dict[str, Any])
    assert_type(shown.records, list[storage.Remembered])
    assert_type(shown.records[0].at, datetime)
    page = talk.list(
        key, last=5, before=9, after=1, roles=["user"], since=datetime.now(timezone.utc), until=5.5
    )
    assert_type(page.seqs, list[int])
    assert_type(page.older, int | None)
    talk.list("a", first=5, roles="user", on_corrupt=print)
    assert_type(talk.pop("a"), dict[str, Any] | None)
    assert_type(talk.undo("a", 2), storage.Messages)
    assert_type(talk.truncate_after("a", 0), storage.Messages)
    assert_type(talk.delete("a", 3), storage.Messages)
    assert_type(talk.edit("a", 3, message), bool)
    assert_type(talk.edit("a", 3, lambda message: {**message, "content": "x"}), bool)
    assert_type(talk.pin("a", 3), bool)
    assert_type(talk.unpin("a", 3), bool)
    assert_type(talk.fork("a", key, at=3), int)
    assert_type(talk.clear(key), bool)


def all_talks(talk: storage.Conversation) -> None:
    assert_type(talk.usage("a"), storage.Usage | None)
    assert_type(talk.dump("talks.jsonl", on_corrupt="skip", user=7), storage.Report)
    assert_type(talk.load("talks.jsonl", existing="keep"), storage.Report)
    assert_type(talk.keys(chat=1), Iterator[str])
    assert_type(talk.clear_all(chat=1, user="7"), int)
    assert_type(talk.keep_newest(3, bot=1), int)


def with_sessions(client: redis.Redis, adapter: continuity.ContinuityAdapter) -> None:
    manager = continuity.SessionManager(
        continuity.RedisAdapter(client, ttl=timedelta(days=1), prefix="bot:"),
        token_counter=len,
        token_budget={"maxTokens": 4000, "overflowStrategy": "compress"},
        compression=continuity.HybridConfig(2000, summarizer=lambda messages, prompt: "short"),
        session_ttl=3600,
        cleanup_interval=60,
    )
    session = manager.create_session(user_id="7", participants=[continuity.Participant("7")])
    assert_type(session, continuity.Session)
    assert_type(session.expires_at, datetime | None)
    message = manager.add_message(session.id, role="user", content="hi", message_id="update:1")
    assert_type(message, continuity.Message)
    assert_type(message.tool_calls, tuple[continuity.ToolCall, ...])
    context = manager.get_conversation_context_with_stats(session.id)
    assert_type(context, continuity.Context)
    assert_type(manager.recent_sessions(user_id="7", limit=5).cursor, str | None)
    assert_type(manager.handoff_to_agent(session.id, "desk"), continuity.Session)
    assert_type(manager.cleanup_expired_sessions(), int)
    manager.on("*", lambda event: event.type)
    continuity.SessionManager(adapter, continuity.TiktokenTokenizer("gpt-4o"))
    continuity.SessionManager(continuity.SqliteAdapter("bot.db"))


def on_telegram(store: Storage[Cart]) -> None:
    def answer(event: object, verdict: storage.Verdict) -> None:
        """Answer a flooder."""

    def handler(event: object, more: int) -> str:
        return f"{event} {more}"

    flood = telegram.inbound(
        store, private=["3/5s", storage.Limit(9)], key=lambda event: 7, answer=answer, strict=True
    )
    assert_type(flood, telegram.Inbound)
    assert_type(flood.check("event"), storage.Verdict)
    assert_type(flood.passes("event"), bool)
    assert_type(flood.run("event", handler, 1), str | None)
    outbound = telegram.Outbound(store, margin=timedelta(seconds=0.1), on_error="local", workers=4)
    assert_type(outbound.send(5, handler, "event", more=1), str)
    assert_type(outbound.send(None, handler, "event", 1), str)
    assert_type(outbound.wait("@news", timeout=0.5), storage.Verdict)
    outbound.pause(5, 2.5)


def media(store: Storage[Cart], out: BinaryIO) -> None:
    def call(file: object) -> int:
        return len(str(file))

    ids = storage.MediaCache(
        store, bot=42, ttl=timedelta(days=30), is_stale=lambda outcome: False, on_error="raise"
    )
    assert_type(ids.send("photo", Path("cat.jpg"), call), int)
    assert_type(ids.send("sendPhoto", out, call), int)
    assert_type(ids.get("photo", b"cat"), str | None)
    ids.set("photo", memoryview(b"cat"), "AgAC", ttl=60)
    assert_type(ids.forget("photo", "https://example.org/cat.jpg"), bool)
    assert_type(ids.key_of("photo", bytearray(b"cat")), str)
    theirs = gramio.media_cache(storage=store, ttl=None, file_id_of=lambda answer: "AgAC")
    assert_type(theirs, gramio.MediaCache)
    assert_type(theirs.send("photo", b"cat", call, name="cat.jpg"), int)


def whole(store: Storage[Cart], carts: dict[str, Any], out: BinaryIO) -> None:
    report = storage.copy(store, carts, verify=True, existing="keep", drop_expiry=True)
    assert_type(report, Report)
    assert_type(storage.dump(store, out), Report)
    assert_type(storage.load(store, "bot.jsonl", existing="replace"), Report)
    assert_type(
        storage.migrate(store, after=report.cursor, namespaces=False, progress=print), Report
    )
    assert_type(report.failures, list[Failure])
    assert_type(report.failures[0].error, storage.StorageError)
    assert_type(report.is_whole, bool)


class OwnStorage:
    """The least that a stranger writes."""

    def get(self, key: str) -> Cart | None:
        return None

    def set(self, key: str, value: Cart) -> None:
        pass

    def delete(self, key: str) -> bool:
        return False


class OwnTtlStorage(OwnStorage):
    def touch(self, key: str) -> bool:
        return False


def plugins(own: OwnStorage, lasting: OwnTtlStorage, store: Storage[Cart]) -> None:
    accepted: KVStorage[Cart] = own
    also: TtlStorage[Cart] = lasting
    ours: TtlStorage[Cart] = store
    for each in (accepted, also, ours):
        assert_type(storage.adapt(each), Storage[Any])
    if storage.is_ttl_storage(own):
        own.touch("a")


def coming_from_puregram(path: str, client: redis.Redis, thing: object) -> None:
    kept = puregram.SqliteStorage[Cart](path, ttl=60, sweep_interval=60)
    assert_type(kept.get("a"), Cart | None)
    assert_type(kept.sweep(), int)
    assert_type(kept.entries(), Iterator[tuple[str, Cart]])
    assert_type(storage.SqliteStorage[Cart](path).sweep(), int)
    assert_type(puregram.MemoryStorage({"a": 1}).size, int)
    assert_type(puregram.LruMemoryStorage[int](max=5).get("a"), int | None)
    assert_type(puregram.RedisStorage[Cart](client=client).key_prefix, str)
    enhanced = puregram.enhance_storage(kept, migrations={1: dict})
    assert_type(enhanced.entries(), Iterator[tuple[str, Any]])
    if puregram.is_ttl_storage(thing):
        assert_type(thing, TtlStorage[Any])


class PlainClient:
    def get(self, key: str) -> Any: ...

    def set(self, key: str, value: str) -> None: ...

    def delete(self, *keys: str) -> None: ...

    def psetex(self, key: str, ms: int, value: str) -> None: ...


def coming_from_vibegram(client: redis.Redis, plain: PlainClient) -> None:
    sessions = vibegram.MemorySessionStore[Cart](max_entries=5000, ttl=timedelta(days=1))
    assert_type(sessions.get("1:2"), Cart | None)
    assert_type(sessions.cleanup_expired(), int)
    assert_type(sessions.size, int)
    for place in (client, plain, "redis://localhost"):
        assert_type(vibegram.RedisSessionStore[Cart](place, ttl=None).get("1:2"), Cart | None)
    assert_type(vibegram.RedisSessionStore(client), vibegram.RedisSessionStore[Any])
    codex = vibegram.RedisCodexMemoryStore(plain, "bot:", 20, ttl=timedelta(days=30))
    codex.append("user:42", {"role": "user", "content": "hi"})
    codex.append_many("user:42", ({"role": "tool", "content": None} for _ in range(2)))
    assert_type(codex.list("user:42"), list[Any])
    assert_type(codex.clear("user:42"), bool)
    with vibegram.MemoryCodexStore(10, 60) as memory:
        assert_type(memory, vibegram.MemoryCodexStore)
    vibegram.CodexStore({}, max_history=5, ttl=None).close()


def storages_of_gramio(client: redis.Redis, plain: PlainClient, kv: CloudflareStorage) -> None:
    boxes: dict[str, Any] = {}
    assert_type(gramio.in_memory_storage(boxes), Storage[Any])
    options = {"host": "localhost", "$ttl": 60, "keyPrefix": "bot:"}
    for place in (client, plain, "redis://localhost", options):
        assert_type(gramio.redis_storage(place), Storage[Any])
    assert_type(gramio.redis_storage(plain, ttl=60, key_prefix="bot:"), Storage[Any])
    assert_type(gramio.sqlite_storage({"filename": "bot.db"}).sweep(), int)
    assert_type(gramio.cloudflare_storage(kv, ttl=None), Storage[Any])
    both = gramio.with_fallback_storages([boxes, kv], ttl=60, on_error=print)
    assert_type(both.delete("k"), bool)


def rate_limits_of_others(plain: PlainClient, store: Storage[Any], update: object) -> None:
    records = vibegram.RedisRateLimitStore(plain)
    assert_type(records.get("100_7"), dict[str, Any] | None)
    records.set("100_7", {"count": 1, "resetTime": 5}, 60)
    assert_type(records.increment("100_7", timedelta(minutes=1), now=5.5), dict[str, Any])
    assert_type(records.delete("100_7"), bool)
    for place in (records, store, None):
        limits = vibegram.rate_limit(store=place, limit=5, window=60, strict=True)
        assert_type(limits.check(update), float | None)
        assert_type(limits.key_of(update), str | None)
        limits.run(update, lambda: "handled")
    budgets = puregram.rate_limit(
        storage=store, get_storage_key=id, on_limit_exceeded=lambda event, wait: wait + 1
    )
    assert_type(budgets.check(update, limit=5, window=60), int | None)
    assert_type(budgets.hit("k", 5, 0.5), int | None)
    assert_type(budgets.allows(update, limit=5, window=60, bucket="pay"), bool)
    assert_type(budgets.resolve_key(update), str | None)
    assert_type(budgets.storage, Storage[Any])
    windows = gramio.rate_limit(storage=store, key=lambda event: None)
    assert_type(windows.check(update, limit=5, window=60, id="cmd"), int | None)
    assert_type(windows.allows(update, limit=5, window=60), bool)
    windows.run(update, print, limit=5, window=60)


@dataclass
class Visit:
    step: int = 0


def sessions_of_dicts(store: Storage[Any], key: storage.SessionKey) -> None:
    sessions = storage.Sessions(store)
    with sessions.open("a") as session:
        assert_type(session, dict[str, Any])
    with sessions.open(key, "event", lazy=True) as lazy:
        assert_type(lazy, storage.Session[dict[str, Any]])
        assert_type(lazy.load(), dict[str, Any])
    assert_type(sessions.get("a"), dict[str, Any] | None)
    assert_type(sessions.inspect(key), storage.SessionInfo | None)
    assert_type(sessions.delete(key), bool)
    assert_type(sessions.delete_all(chat=1, user="7"), int)
    assert_type(sessions.keys(bot=1), Iterator[str])
    assert_type(sessions.items(chat=None), Iterator[tuple[str, dict[str, Any]]])
    assert_type(sessions.count(), int)


def sessions_of_a_type(store: Storage[Any]) -> None:
    """However the type is said."""
    typed = storage.Sessions(store, kind=Visit)
    carts = storage.Sessions(store, kind=Cart, initial=lambda: {"items": []})
    begun = storage.Sessions(store, initial=Visit)
    declared = storage.Sessions(store, kind=Visit, initial=lambda event: Visit(1))
    for sessions in (typed, begun, declared):
        opened = sessions.open("a")
        with opened as session:
            assert_type(session, Visit)
        assert_type(opened.value, Visit)
        assert_type(opened.is_new, bool)
        assert_type(opened.lost, bool)
        opened.replace(Visit(5))
        assert_type(sessions.get("a", None), Visit | None)
    with carts.of("event") as cart:
        assert_type(cart, Cart)


def handling(sessions: storage.Sessions[Visit]) -> None:
    def handler(event: Any, session: Visit) -> int:
        return session.step

    assert_type(sessions.of("event").run(handler), int)
    assert_type(sessions.of("event").begin(), Visit)


def ways_of_sessions(store: Storage[Any], locks: Storage[Any]) -> None:
    storage.Sessions(store, ttl=timedelta(days=7), max_age=3600, lease=60, wait=None)
    storage.Sessions(store, ttl=None, on_error="save", on_corrupt="reset", lock=False)
    storage.Sessions(store, on_conflict=lambda member, ours, theirs: ours, locks=locks)
    storage.Sessions({}, key=storage.keyed_by("chat", "thread"), lock="process", namespace=None)
