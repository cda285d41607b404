"""What type checkers know about typed storages; checked, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Any, TypedDict

from typing_extensions import assert_type

from storage import DELETE, MISSING, Entries, Entry, Key, Storage, aio
from storage.records import Deletion, Missing


class User(TypedDict):
    name: str
    age: int


class UserKey(Key[User], pattern="user:{id}", ttl=3600):
    id: int


class CountKey(Key[int], pattern="count:{chat}:{word}"):
    chat: int
    word: str


class AnyKey(Key[Any], pattern="any"):
    pass


def stores(store: Storage, numbers: Storage[int]) -> None:
    assert_type(store.typed(User), Storage[User])
    assert_type(store.typed(int), Storage[int])
    assert_type(numbers.typed(list[User]), Storage[list[User]])
    maybe: Storage[User | None] = store.typed(User | None)
    assert_type(maybe.get("a", 0), User | int | None)
    store.typed(User).set("a", {"name": "Ann", "age": 30})


def keys(text: str) -> None:
    assert_type(UserKey(42).id, int)
    assert_type(UserKey(id=42), UserKey)
    assert_type(CountKey(1, "tea").word, str)
    assert_type(UserKey.parse(text), UserKey | None)
    assert_type(str(UserKey(1)), str)
    assert_type({UserKey(1): 1}, dict[UserKey, int])


def entries(store: Storage, sums: Storage[float]) -> None:
    user = store[UserKey(42)]
    assert_type(user, Entry[User])
    assert_type(sums[UserKey(42)], Entry[User])
    assert_type(user.get(), User | None)
    assert_type(user.get(User(name="nobody", age=0)), User)
    assert_type(user.get(MISSING), User | Missing)
    user.set({"name": "Ann", "age": 30}, ttl=60)
    assert_type(user.add({"name": "Ann", "age": 30}), bool)
    assert_type(user.swap(MISSING, {"name": "Ann", "age": 30}), bool)
    assert_type(user.swap({"name": "Ann", "age": 30}, DELETE), bool)
    assert_type(user.delete(), bool)
    assert_type(user.has(), bool)
    assert_type(user.touch(ttl=None), bool)
    assert_type(user.expires_at(), datetime | Missing | None)
    assert_type(store[CountKey(1, "tea")].incr(2, initial=1), int)
    assert_type(store[AnyKey()].get(), Any | None)


def changing(store: Storage) -> None:
    def older(user: User) -> User:
        return {**user, "age": user["age"] + 1}

    def gone(user: User) -> User | Deletion:
        return user if user["age"] < 150 else DELETE

    user = store[UserKey(42)]
    assert_type(user.update(older), User)
    assert_type(user.update(older, default={"name": "Ann", "age": 0}), User)
    assert_type(user.update(lambda user: {**user, "age": user["age"] + 1}), User)
    assert_type(user.update(gone), User | Deletion)
    assert_type(user.get_or_set(lambda: {"name": "Ann", "age": 0}), User)
    with user.edit(default={"name": "Ann", "age": 0}) as draft:
        assert_type(draft, User)
        draft["age"] += 1


def families(store: Storage, sums: Storage[float]) -> None:
    users = store[UserKey]
    assert_type(users, Entries[UserKey, User])
    assert_type(sums[UserKey], Entries[UserKey, User])
    assert_type(users.keys(), Iterator[UserKey])
    assert_type(users.values(unique=True), Iterator[User])
    assert_type(users.items(on_corrupt="skip"), Iterator[tuple[UserKey, User]])
    for key, user in store[UserKey].items():
        assert_type(key.id, int)
        assert_type(user["name"], str)
    for count in store[CountKey].values():
        assert_type(count, int)
    assert_type(users.get_many([UserKey(1)]), dict[UserKey, User])
    users.set_many({UserKey(1): {"name": "Ann", "age": 30}})
    assert_type(users.delete_many([UserKey(1)]), int)
    assert_type(users.clear(), int)


async def with_await(store: aio.Storage, sums: aio.Storage[float]) -> None:
    assert_type(store.typed(User), aio.Storage[User])
    user = sums[UserKey(42)]
    assert_type(user, aio.Entry[User])
    assert_type(await user.get(), User | None)
    await user.set({"name": "Ann", "age": 30})
    assert_type(await store[CountKey(1, "tea")].incr(), int)
    assert_type(await user.update(lambda user: {**user, "age": 1}), User)
    async with user.edit() as draft:
        assert_type(draft, User)
    users = store[UserKey]
    assert_type(users, aio.Entries[UserKey, User])
    assert_type(users.items(), AsyncIterator[tuple[UserKey, User]])
    async for key, found in users.items():
        assert_type(key.id, int)
        assert_type(found, User)
    assert_type(await users.get_many([UserKey(1)]), dict[UserKey, User])
    assert_type(await users.clear(), int)
