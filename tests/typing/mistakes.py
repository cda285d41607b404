"""Mistakes that type checkers find; checked, never run.

A line that is marked and is no mistake any more is reported as an ignore that is not needed.
"""

from __future__ import annotations

from typing import TypedDict

import storage
from storage import DELETE, KEEP, Key, Storage, aio
from storage.compat import vibegram


def blocking(store: Storage[int]) -> None:
    store.set("a", "one")  # type: ignore[arg-type]
    store.set(7, 1)  # type: ignore[arg-type]
    store.set("a", 1, 60)  # type: ignore[call-arg]
    store.set("a", 1, ttl="60")  # type: ignore[arg-type]
    store.set("a", DELETE)  # type: ignore[arg-type]
    store.set_many({"a": "one"})  # type: ignore[dict-item]
    store.update("a", lambda value: f"{value}")  # type: ignore[return-value, arg-type]
    store.update("a", lambda value: value, default="one")  # type: ignore[arg-type]
    store.incr("a", by=1.5)  # type: ignore[arg-type]
    store.values(on_corrupt="drop")  # type: ignore[arg-type]
    store.get("a") + 1  # type: ignore[operator]
    with store.edit("a") as number:
        number.append(1)  # type: ignore[attr-defined]


def places() -> None:
    storage.RedisStorage(6379)  # type: ignore[arg-type]
    storage.RedisStorage({"host": "localhost"})  # type: ignore[arg-type]
    storage.RedisStorage("redis://localhost", ttl="60")  # type: ignore[arg-type]
    storage.CloudflareStorage()  # type: ignore[call-arg]
    storage.CloudflareStorage(7, "namespace")  # type: ignore[arg-type]
    storage.CloudflareStorage("account", "namespace", timeout="5")  # type: ignore[arg-type]


def at_the_edge(store: storage.CloudflareStorage[int]) -> None:
    store.set_with_metadata("a", "one", {})  # type: ignore[arg-type]
    store.set_with_metadata("a", 1, "title")  # type: ignore[arg-type]
    store.set_with_metadata("a", 1)  # type: ignore[call-arg]
    store.get_with_metadata("a")[0] + 1  # type: ignore[operator]


async def wants_to_be_awaited(file: object) -> int:
    return len(str(file))


def media(store: Storage[int]) -> None:
    storage.MediaCache(store)  # type: ignore[call-arg]
    ids = storage.MediaCache(store, bot=7, on_error="skip")  # type: ignore[arg-type]
    ids.send("photo", 7, str)  # type: ignore[call-overload]
    ids.send("photo", b"cat", wants_to_be_awaited) + 1  # type: ignore[operator]
    ids.set("photo", b"cat", 7)  # type: ignore[arg-type]


def leasing(leases: storage.Leases) -> None:
    leases.hold(7)  # type: ignore[arg-type]
    leases.hold("a", 60)  # type: ignore[call-arg]
    leases.claim("a")  # type: ignore[call-arg]
    leases.claim("a", ttl=None)  # type: ignore[arg-type]
    storage.Leases(7)  # type: ignore[arg-type]


def made(path: str) -> None:
    storage.MemoryStorage(ttl=KEEP)  # type: ignore[arg-type]
    storage.SqliteStorage(path, durability="some")  # type: ignore[arg-type]
    storage.LruMemoryStorage()  # type: ignore[call-arg]
    storage.adapt(7)  # type: ignore[arg-type]
    storage.fallback({}, {})  # type: ignore[call-arg]
    storage.tiered({}, ttl=None)  # type: ignore[arg-type]
    storage.tiered({}, 100)  # type: ignore[call-arg]


async def leases_with_await(leases: aio.Leases) -> None:
    leases.claim("a", ttl=60)  # type: ignore[unused-coroutine]
    if leases.claim("a", ttl=60):  # type: ignore[truthy-bool]
        return
    with leases.hold("a"):  # type: ignore[attr-defined]
        pass


def talking(store: Storage[int]) -> None:
    talk = storage.Conversation(store, max_messages="20")  # type: ignore[arg-type]
    storage.Conversation(store, on_orphan="drop")  # type: ignore[arg-type]
    storage.Conversation(store, 20)  # type: ignore[call-arg]
    storage.Conversation(7)  # type: ignore[arg-type]
    talk.append("a", "hello")  # type: ignore[arg-type]
    talk.append(7, {"role": "user"})  # type: ignore[arg-type]
    talk.append("a", {"role": "user"}, 5)  # type: ignore[call-arg]
    talk.append_many("a", ["hello"])  # type: ignore[list-item]
    talk.edit("a", 3, len)  # type: ignore[arg-type]
    talk.window("a", 5)  # type: ignore[call-arg]
    talk.list("a", roles=5)  # type: ignore[arg-type]
    talk.clear_all(chat=1.5)  # type: ignore[arg-type]
    talk.keys(room=1)  # type: ignore[call-arg]


async def talking_with_await(talk: aio.Conversation) -> None:
    talk.append("a", {"role": "user"})  # type: ignore[unused-coroutine]
    if talk.clear("a"):  # type: ignore[truthy-bool]
        return
    (await talk.pop("a"))["role"]  # type: ignore[index]
    for _ in talk.keys():  # type: ignore[attr-defined]
        pass


async def with_await(store: aio.Storage[int], blocking: Storage[int]) -> None:
    store.set("a", 1)  # type: ignore[unused-coroutine]
    (await store.get("a")) + 1  # type: ignore[operator]
    if store.has("a"):  # type: ignore[truthy-bool]
        return
    for _ in store.keys():  # type: ignore[attr-defined]
        pass
    await blocking.get("a")  # type: ignore[misc]
    with store:  # type: ignore[attr-defined]
        pass


class User(TypedDict):
    name: str
    age: int


class UserKey(Key[User], pattern="user:{id}"):
    id: int


class NoPattern(Key[int]):  # type: ignore[call-arg]
    pass


class Misspelt(Key[int], patern="a"):  # type: ignore[call-arg]
    pass


def typed(store: Storage) -> None:
    store.typed(int).set("a", "one")  # type: ignore[arg-type]
    store.typed(User).set("a", {"name": "Ann"})  # type: ignore[typeddict-item]
    store.typed(list[int]).update("a", lambda value: ["one"])  # type: ignore[list-item]
    UserKey("42")  # type: ignore[arg-type]
    UserKey()  # type: ignore[call-arg]
    UserKey(1).id = 2  # type: ignore[misc]
    str(UserKey(1).name)  # type: ignore[attr-defined]


def entries(store: Storage) -> None:
    user = store[UserKey(42)]
    user.set({"name": "Ann"})  # type: ignore[typeddict-item]
    user.set({"name": "Ann", "age": "30"})  # type: ignore[typeddict-item]
    user.set({"name": "Ann", "age": 30}, ttl="60")  # type: ignore[arg-type]
    user.update(lambda user: user["age"])  # type: ignore[return-value, arg-type]
    user.incr()  # type: ignore[misc]
    (user.get())["name"]  # type: ignore[index]
    store["user:42"]  # type: ignore[call-overload]
    store[int]  # type: ignore[call-overload]
    with user.edit() as draft:
        draft["nick"] = "An"  # type: ignore[typeddict-unknown-key]


def families(store: Storage) -> None:
    for key, user in store[UserKey].items():
        str(key.name)  # type: ignore[attr-defined]
        user["nick"]  # type: ignore[typeddict-item]
    store[UserKey].get_many(["user:42"])  # type: ignore[list-item]
    store[UserKey].set_many({UserKey(1): {"name": 5, "age": 1}})  # type: ignore[typeddict-item]


async def entries_with_await(store: aio.Storage) -> None:
    store[UserKey(42)].get()  # type: ignore[unused-coroutine]
    await store[UserKey(42)].set({"name": "Ann"})  # type: ignore[typeddict-item]
    for _ in store[UserKey].items():  # type: ignore[attr-defined]
        pass


def cart() -> tuple[str, int]:
    """What is no session unless its type is said."""
    return "tea", 2


def sessions(store: Storage) -> None:
    sessions = storage.Sessions(store, kind=User)
    with sessions.open("a") as session:
        session["nick"]  # type: ignore[typeddict-item]
    sessions.open(7)  # type: ignore[call-overload]
    sessions.open("a", lazy=1)  # type: ignore[call-overload]
    sessions.open("a").replace({"name": "Ann"})  # type: ignore[typeddict-item]
    sessions.open("a").run(lambda event: event)  # type: ignore[arg-type, misc]
    sessions.delete_all(chat=1.5)  # type: ignore[arg-type]
    sessions.keys("chat")  # type: ignore[call-arg]
    (sessions.get("a"))["name"]  # type: ignore[index]
    storage.SessionKey(1.5)  # type: ignore[arg-type]
    storage.Sessions(store, lock=True)  # type: ignore[call-overload]
    storage.Sessions(store, lockk=False)  # type: ignore[call-overload]
    storage.Sessions(store, initial=cart)  # type: ignore[arg-type]
    sessions.keys(chatt=1)  # type: ignore[call-arg]
    vibegram.session(waitt=1)  # type: ignore[call-arg]
    storage.Sessions(store, on_error="raise")  # type: ignore[call-overload]
    storage.Sessions(store, ttl="60")  # type: ignore[call-overload]
    storage.Sessions(store, key=7)  # type: ignore[call-overload]


async def sessions_with_await(sessions: aio.Sessions[User]) -> None:
    with sessions.open("a"):  # type: ignore[attr-defined]
        pass
    sessions.delete("a")  # type: ignore[unused-coroutine]
    opened = sessions.open("a")
    opened.save()  # type: ignore[unused-coroutine]
    for _ in sessions.keys():  # type: ignore[attr-defined]
        pass
