"""Keys that carry their type, the entries that they name, and whole classes of them."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

import storage
from storage import (
    DEFAULT,
    DELETE,
    MISSING,
    ConfigurationError,
    CorruptValueError,
    Key,
    MigrationError,
    MismatchError,
    UnstorableError,
    UnsupportedError,
)
from storage.testing import Clock, driven
from tests.typed.kinds import PLAIN, DataUser, DictUser

V = TypeVar("V")


class UserKey(Key[DataUser], pattern="user:{id}"):
    id: int


class CartKey(Key[list[str]], pattern="cart:{chat}:{who}", ttl=timedelta(hours=1)):
    chat: int
    who: str


class VisitsKey(Key[int], pattern="visits"):
    pass


class LaterKey(Key["Later"], pattern="later:{id}"):
    id: int = 0


@dataclass
class Later:
    name: str


class AnyKey(Key, pattern="any:{id}"):
    id: str


ANN, BOB = DataUser("Ann", 30), DataUser("Bob", 31)


def test_a_key_is_a_value() -> None:
    key = CartKey(7, who="ann")

    assert (key.chat, key.who, str(key)) == (7, "ann", "cart:7:ann")
    assert key == CartKey(chat=7, who="ann") != CartKey(8, "ann")
    assert {key: 1}[CartKey(7, "ann")] == 1
    assert repr(key) == "CartKey(chat=7, who='ann')"
    assert pickle.loads(pickle.dumps(key)) == copy.deepcopy(key) == key
    assert LaterKey() == LaterKey(0)
    with pytest.raises(FrozenInstanceError):
        key.chat = 8  # type: ignore[misc]


def test_a_key_is_parsed_back() -> None:
    assert CartKey.parse("cart:7:a%3Ab") == CartKey(7, "a:b")
    assert CartKey.parse("cart:x:a") is None
    assert VisitsKey.parse("visits") == VisitsKey()


@pytest.mark.parametrize("wrong", ["42", True, 4.0, None])
def test_a_field_has_the_type_that_it_is_declared_with(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"UserKey\.id must be an int, not "):
        UserKey(wrong)
    with pytest.raises(TypeError, match=r"CartKey\.who must be a str, not int"):
        CartKey(7, 8)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="64 bits"):
        UserKey(2**63)


def test_an_entry_has_all_operations(store: Any) -> None:
    user = store[UserKey(42)]

    assert user.get() is None
    assert user.get("nobody") == "nobody"
    assert user.expires_at() is MISSING
    assert user.add(ANN)
    assert not user.add(BOB)
    assert (user.has(), user.get(), store.get("user:42")) == (True, ANN, {**PLAIN, "tags": []})
    assert user.swap(ANN, BOB)
    assert user.update(lambda user: DataUser(user.name, 32)) == DataUser("Bob", 32)
    with user.edit() as draft:
        draft.name = "Eve"
    assert user.get_or_set(lambda: ANN) == DataUser("Eve", 32)
    assert user.touch(ttl=60)
    assert user.expires_at() is not None
    user.set(ANN, ttl=None)
    assert user.expires_at() is None
    assert user.swap(ANN, DELETE)
    assert not user.delete()
    assert store[VisitsKey()].incr(2, initial=3) == 5
    assert store[VisitsKey()].get() == 5


def test_an_entry_refuses_another_type(store: Any) -> None:
    with pytest.raises(UnstorableError) as caught:
        store[CartKey(7, "ann")].set(["tea", 5])

    assert (caught.value.path, caught.value.key) == ("$[1]", "cart:7:ann")
    store.set("user:42", {"name": "Ann"})
    with pytest.raises(MismatchError) as found:
        store[UserKey(42)].get()
    assert (found.value.path, found.value.key) == ("$.age", "user:42")


def test_a_type_may_be_named_before_it_is_there(memory: Any) -> None:
    memory[LaterKey(1)].set(Later("x"))

    assert memory[LaterKey(1)].get() == Later("x")


def test_a_key_of_anything_takes_what_the_store_takes(memory: Any) -> None:
    memory[AnyKey("a")].set({"free": [1]})

    assert memory[AnyKey("a")].get() == {"free": [1]}


def test_all_of_a_class_are_read_back_as_keys_and_values(store: Any) -> None:
    store[UserKey(1)].set(ANN)
    store[UserKey(-2)].set(BOB)
    store[CartKey(1, "user:1")].set(["tea"])
    users = store[UserKey]

    assert dict(users.items()) == {UserKey(1): ANN, UserKey(-2): BOB}
    assert set(users.keys(unique=True)) == {UserKey(1), UserKey(-2)}
    assert sorted(user.name for user in users.values()) == ["Ann", "Bob"]
    assert list(store[CartKey].items()) == [(CartKey(1, "user:1"), ["tea"])]


def test_other_keys_that_begin_in_the_same_way_are_none_of_them(store: Any) -> None:
    """What is no key of the class is not read, so its value does not matter."""
    store.set_many({"user:": 1, "user:ann": 2, "user:042": 3, "user:1:cart": 4, "users": 5})
    store[UserKey(1)].set(ANN)
    users = store[UserKey]

    assert list(users.items(unique=True)) == [(UserKey(1), ANN)]
    assert list(users.keys()) == [UserKey(1)]
    assert list(users.values()) == [ANN]
    assert users.clear() == 1
    assert sorted(store.keys()) == ["user:", "user:042", "user:1:cart", "user:ann", "users"]


def test_what_is_wrong_is_an_error_or_left_out(store: Any) -> None:
    store[UserKey(1)].set(ANN)
    store.set("user:2", "not a user")
    told: list[Any] = []
    users = store[UserKey]

    with pytest.raises(MismatchError):
        list(users.items())
    with pytest.raises(CorruptValueError):
        list(users.values())
    assert list(users.items(on_corrupt="skip")) == [(UserKey(1), ANN)]
    assert list(users.values(on_corrupt=told.append)) == [ANN]
    assert [error.key for error in told] == ["user:2"]


def test_wrong_arguments_are_refused_at_the_call(memory: Any) -> None:
    users = memory[UserKey]

    for walk in (users.items, users.values):
        with pytest.raises(ValueError, match="on_corrupt"):
            walk(on_corrupt="drop")
    for batch in (users.get_many, users.delete_many, lambda keys: users.set_many({keys[0]: ANN})):
        with pytest.raises(TypeError, match="a key of these entries is a UserKey, not CartKey"):
            batch([CartKey(1, "ann")])
    with pytest.raises(TypeError, match="UserKey, not str"):
        users.get_many(["user:1"])
    for several in (users.get_many, users.delete_many):
        with pytest.raises(TypeError, match="several keys, such as a list of them, not one str"):
            several("user:1")
    with pytest.raises(TypeError, match="set_many takes a mapping of values by key"):
        users.set_many([(UserKey(1), ANN)])


def test_batches_take_keys_of_the_class(store: Any) -> None:
    users = store[UserKey]
    users.set_many({UserKey(1): ANN, UserKey(2): BOB}, ttl=60)

    assert users.get_many([UserKey(1), UserKey(3)]) == {UserKey(1): ANN}
    assert store[UserKey(1)].expires_at() is not None
    assert users.delete_many([UserKey(1), UserKey(3)]) == 1
    assert list(users.keys()) == [UserKey(2)]


def test_clear_takes_away_more_than_one_batch(memory: Any) -> None:
    memory[UserKey].set_many({UserKey(number): ANN for number in range(1203)})
    memory.set("user:x", 1)

    assert memory[UserKey].clear() == 1203
    assert list(memory.keys()) == ["user:x"]


def test_the_lifetime_of_a_class_is_a_default(memory: Any) -> None:
    memory[CartKey(1, "ann")].set(["tea"])
    memory[CartKey(1, "bob")].set(["tea"], ttl=None)
    memory[UserKey(1)].set(ANN)

    assert memory[CartKey(1, "ann")].expires_at() is not None
    assert memory[CartKey(1, "bob")].expires_at() is None
    assert memory[UserKey(1)].expires_at() is None


@pytest.mark.parametrize(("ttl", "lasts"), [(DEFAULT, 60), (5, 5)])
def test_without_one_it_is_that_of_the_store(ttl: Any, lasts: float) -> None:
    class Short(Key[int], pattern="short", ttl=ttl):
        pass

    class Long(Key[int], pattern="long", ttl=None):
        pass

    clock = Clock()
    store = storage.MemoryStorage(ttl=60, clock=clock)
    store[Short()].set(1)
    store[Long()].set(1)

    clock.tick(lasts - 0.001)
    assert store[Short()].has()
    clock.tick(0.001)
    assert not store[Short()].has()
    assert store[Long()].expires_at() is None


def test_entries_live_in_the_namespace_of_their_store(store: Any) -> None:
    old = store.namespace("old")
    old[UserKey(1)].set(ANN)

    assert store[UserKey(1)].get() is None
    assert list(store[UserKey].keys()) == []
    assert list(old[UserKey].items()) == [(UserKey(1), ANN)]


def test_entries_of_a_typed_store_are_of_their_own_type(memory: Any) -> None:
    memory.typed(int)[UserKey(1)].set(ANN)

    assert memory[UserKey(1)].get() == ANN


def test_an_entry_is_closed_with_its_store() -> None:
    with driven(storage.MemoryStorage()) as store:
        before, users = store[UserKey(1)], store[UserKey]
    for use in (before.get, store[UserKey(1)].get, lambda: list(users.keys())):
        with pytest.raises(storage.ClosedError):
            use()


def test_counting_and_changing_lose_nothing_between_views(memory: Any) -> None:
    """The views of one store wait for each other."""
    entry = memory[VisitsKey()]
    entry.set(1)

    with pytest.raises(storage.ReentryError):
        entry.update(lambda count: memory.update("visits", lambda other: other))


class NameKey(Key[str], pattern="user:{name}"):
    name: str


class MeKey(Key[str], pattern="user:me"):
    pass


def test_two_classes_that_make_the_same_key_are_refused(memory: Any) -> None:
    memory[UserKey]

    for use in (NameKey("ann"), NameKey):
        with pytest.raises(ConfigurationError) as caught:
            memory[use]
        for word in ("NameKey", "'user:{name}'", "UserKey", "'user:{id}'", "'user:0'"):
            assert word in str(caught.value)
    assert memory[MeKey()].get() is None
    assert memory[UserKey(1)].get() is None


def test_the_second_one_is_refused_whichever_it_is(memory: Any) -> None:
    memory[NameKey("ann")].set("Ann")

    for use in (UserKey(1), UserKey, MeKey(), MeKey):
        with pytest.raises(ConfigurationError, match="both make the key"):
            memory[use]


def test_the_views_of_one_store_know_of_each_other(memory: Any) -> None:
    memory.typed(int)[UserKey(1)]

    with pytest.raises(ConfigurationError):
        memory[NameKey("ann")]


def test_another_namespace_or_store_is_another_place(memory: Any) -> None:
    memory[UserKey]

    memory.namespace("names")[NameKey("ann")].set("Ann")
    with pytest.raises(ConfigurationError):
        memory.namespace("names")[UserKey]
    assert storage.MemoryStorage()[NameKey("ann")].get() is None


def test_a_class_that_is_defined_anew_takes_the_place_of_the_old_one(memory: Any) -> None:
    """As a notebook and a reload do it."""

    def defined(kind: Any) -> Any:
        class Again(Key[kind], pattern="again:{id}"):  # type: ignore[valid-type]
            id: int

        return Again

    old, new = defined(int), defined(str)
    memory[old(1)].set(5)
    memory[new(2)].set("five")

    assert memory[new(2)].get() == "five"


class RecordKey(
    Key[DictUser],
    pattern="record:{id}",
    version=2,
    migrations={1: lambda name: {"name": name}, 2: lambda user: {**user, "age": 0, "tags": []}},
):
    id: int


class SealedKey(Key[int], pattern="sealed:{id}", version=3):
    id: int


def test_records_of_a_class_have_its_version(store: Any) -> None:
    user = {"name": "Ann", "age": 30, "tags": []}
    store[RecordKey(1)].set(user)

    assert store.get("record:1") == {"__v": 2, "data": user}
    assert store[RecordKey(1)].get() == user
    assert list(store[RecordKey].items()) == [(RecordKey(1), user)]


def test_older_records_are_migrated_and_then_checked(store: Any) -> None:
    store.set("record:1", "Ann")
    store.set("record:2", {"__v": 1, "data": {"name": "Bob"}})
    store.set("record:3", {"__v": 1, "data": {"name": 5}})

    assert store[RecordKey(1)].get() == {"name": "Ann", "age": 0, "tags": []}
    assert store[RecordKey(2)].update(lambda user: {**user, "age": 1})["age"] == 1
    assert store.get("record:2") == {"__v": 2, "data": {"name": "Bob", "age": 1, "tags": []}}
    with pytest.raises(MismatchError) as caught:
        store[RecordKey(3)].get()
    assert caught.value.path == "$.name"


def test_newer_records_are_refused(store: Any) -> None:
    newer = {"__v": 3, "data": {"name": "Ann", "age": 1, "tags": []}}
    store.set("record:1", newer)

    with pytest.raises(MigrationError):
        store[RecordKey(1)].get()
    assert store.get("record:1") == newer


@pytest.mark.parametrize("older", [5, {"__v": 2, "data": 5}])
def test_a_version_without_migrations_reads_no_older_record(memory: Any, older: Any) -> None:
    memory[SealedKey(1)].set(7)
    memory.set("sealed:2", older)

    assert memory.get("sealed:1") == {"__v": 3, "data": 7}
    assert memory[SealedKey(1)].incr() == 8
    with pytest.raises(MigrationError, match="there are no migrations"):
        memory[SealedKey(2)].get()


def test_records_have_lifetimes_where_the_backend_has_none() -> None:
    class Short(Key[int], pattern="short", ttl=60, version=1):
        pass

    class Plain(Key[int], pattern="plain", ttl=60):
        pass

    thing: dict[str, Any] = {}
    with storage.adapt(thing) as store:
        store[Short()].set(5)
        assert store[Short()].get() == 5
        assert thing["short"].keys() == {"__v", "data", "__exp"}
        with pytest.raises(UnsupportedError):
            store[Plain()].set(5)


def test_a_process_that_comes_later_reads_the_same(tmp_path: Path) -> None:
    with storage.SqliteStorage(tmp_path / "bot.db") as store:
        store[UserKey(42)].set(ANN)
    with storage.SqliteStorage(tmp_path / "bot.db") as store:
        assert dict(store[UserKey].items()) == {UserKey(42): ANN}


@pytest.mark.parametrize("thing", [5, "user:1", None, int, Key, object(), list[int]])
def test_what_is_no_key_is_refused(memory: Any, thing: Any) -> None:
    with pytest.raises(TypeError, match="keys of a class of Key"):
        memory[thing]


def test_a_class_of_keys_that_makes_no_sense_is_refused_when_it_is_defined() -> None:
    def define(words: str = "id", given: Any = int, **options: Any) -> None:
        annotations = dict.fromkeys(words.split(), given)
        body = {"__annotations__": annotations, "__module__": __name__}
        type(Key)("Made", (Key,), body, **{"pattern": "made:{id}", **options})

    define()
    for wrong in (
        lambda: define(pattern="made"),
        lambda: define(pattern="made:{id}:{other}"),
        lambda: define(pattern="made:{id"),
        lambda: define(given=float),
        lambda: define(given=bool),
        lambda: define(given="Nowhere"),
        lambda: define("parse", pattern="{parse}"),
        lambda: define("_id", pattern="{_id}"),
        lambda: define(version=0),
        lambda: define(version=True),
        lambda: define(version=3, migrations={1: str, 2: str}),
        lambda: define(migrations={2: str, 4: str}),
    ):
        with pytest.raises(ConfigurationError):
            wrong()
    with pytest.raises(ValueError, match="ttl"):
        define(ttl=0)
    with pytest.raises(TypeError):
        define(migrations={1: "no function"})


def test_a_class_of_keys_is_of_one_type_and_has_no_subclasses() -> None:
    with pytest.raises(ConfigurationError, match="one type"):

        class Generic(Key[V], pattern="generic"):
            pass

    with pytest.raises(ConfigurationError, match="no subclasses"):

        class Sub(UserKey, pattern="sub:{id}"):
            pass


def test_a_type_that_is_nowhere_is_refused_when_it_is_used(memory: Any) -> None:
    class Lost(Key["Nowhere"], pattern="lost"):  # type: ignore[name-defined]
        pass

    with pytest.raises(ConfigurationError, match="unknown type"):
        memory[Lost()]


def test_an_entry_says_what_it_is(memory: Any) -> None:
    assert repr(memory[UserKey(42)]) == "<Entry 'user:42' of <Storage memory>>"
    assert repr(memory[UserKey]) == "<Entries UserKey of <Storage memory>>"
    assert memory[UserKey(42)].key == UserKey(42)
