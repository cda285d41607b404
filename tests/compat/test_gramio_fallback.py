"""GramIO's storages that stand in for each other: who is asked, and nothing older comes back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio.compat.gramio
import storage.compat.gramio
from storage import (
    KEEP,
    MISSING,
    Capabilities,
    ClosedError,
    ConfigurationError,
    CorruptValueError,
    StorageError,
    UnavailableError,
    UnsupportedError,
)
from storage.core.several import AT_ONCE
from storage.testing import Bridge, Clock
from tests.contract.clients import InSeconds
from tests.day import mostly
from tests.servers import Server
from tests.servers.process import free_port

Drive = Callable[[Any], Any]
FALSY = (0, "", False, None, [], {})
OLD, NEW = "what was there before", "what was written last"


class Shaky:
    """An object that keeps values, and fails while it is *down*."""

    def __init__(self, **values: Any) -> None:
        self.values = values
        self.down = False
        self.failing: set[str] = set()
        self.mistake: StorageError | None = None
        self.calls: list[str] = []

    def get(self, key: str) -> Any:
        return self._kept("get").get(key)

    def set(self, key: str, value: Any) -> None:
        self._kept("set")[key] = value

    def delete(self, key: str) -> None:
        self._kept("delete").pop(key, None)

    def has(self, key: str) -> bool:
        return key in self._kept("has")

    def keys(self) -> list[str]:
        return list(self._kept("keys"))

    def _kept(self, what: str) -> dict[str, Any]:
        self.calls.append(what)
        if self.down or what in self.failing:
            raise OSError("it is down")
        if self.mistake is not None:
            raise self.mistake
        return self.values


class Several:
    """Three such objects, and the store of them all."""

    def __init__(self, half: Any, drive: Drive) -> None:
        self.all = [Shaky(), Shaky(), Shaky()]
        self.first, self.second, self.third = self.all
        self.told: list[StorageError] = []
        self.base = half.with_fallback_storages(self.all, on_error=self.told.append)
        self.store = drive(self.base)

    def fail(self, *down: Shaky) -> None:
        """Those are down, and the others are not."""
        for one in self.all:
            one.down = one in down

    @property
    def values(self) -> list[Any]:
        return [one.values.get("k") for one in self.all]

    def reading(self, key: str) -> list[Any]:
        """What is read, if that is no error."""
        try:
            return [self.store.get(key)]
        except StorageError:
            return []


@pytest.fixture(params=[storage, storage.aio], ids=["blocking", "aio"])
def half(request: pytest.FixtureRequest) -> Any:
    return request.param.compat.gramio


@pytest.fixture
def server(valkey: Server) -> Iterator[Server]:
    valkey.call("FLUSHALL")
    yield valkey
    valkey.call("FLUSHALL")


@pytest.fixture
def several(half: Any, drive: Drive) -> Several:
    return Several(half, drive)


# Reading.


@pytest.mark.parametrize("value", FALSY, ids=repr)
def test_the_first_that_has_a_key_says_its_value(several: Several, value: Any) -> None:
    several.second.values["k"] = value
    several.third.values["k"] = OLD

    assert several.store.get("k", "none") == value
    assert several.store.has("k")
    assert several.store.get_many(["k", "missing"]) == {"k": value}
    assert several.values == [None, value, OLD]
    assert several.told == []


def test_one_that_fails_is_passed_over_and_told_of(several: Several) -> None:
    several.second.values["k"] = 0
    several.fail(several.first)

    assert several.store.get("k") == 0
    assert several.store.has("k") is True
    assert several.store.expires_at("k") is None
    assert several.store.get_many(["k"]) == {"k": 0}
    assert [str(error) for error in several.told] == [
        "adapted Shaky: key 'k': the object that was adapted raised OSError"
    ] * 4


READS: dict[str, tuple[Callable[[Any], object], object]] = {
    "get": (lambda store: store.get("k"), None),
    "has": (lambda store: store.has("k"), False),
    "expires_at": (lambda store: store.expires_at("k"), MISSING),
    "get_many": (lambda store: store.get_many(["k"]), {}),
    "delete": (lambda store: store.delete("k"), False),
    "delete_many": (lambda store: store.delete_many(["k"]), 0),
    "touch": (lambda store: store.touch("k"), False),
}


@pytest.mark.parametrize("call", READS)
def test_what_nobody_has_is_absent_only_where_all_have_answered(
    several: Several, call: str
) -> None:
    read, absent = READS[call]
    assert read(several.store) == absent

    several.fail(several.second, several.third)
    with pytest.raises(StorageError, match="raised OSError"):
        read(several.store)
    assert len(several.told) == 1
    several.fail()
    assert read(several.store) == absent


def test_a_value_that_can_not_be_read_is_not_replaced_by_another(several: Several) -> None:
    several.first.values["k"] = {"a", "set"}
    several.second.values["k"] = OLD

    with pytest.raises(CorruptValueError):
        several.store.get("k")
    assert several.told == []


def test_a_storage_that_was_closed_is_no_outage(half: Any, drive: Drive) -> None:
    first = half.in_memory_storage()
    store = drive(half.with_fallback_storages([first, {"k": 1}]))
    drive(first).close()

    for call in (lambda: store.get("k"), lambda: store.set("k", 2), lambda: store.delete("k")):
        with pytest.raises(ClosedError):
            call()


@pytest.mark.server
def test_what_is_of_another_kind_is_not_replaced_by_another(
    half: Any, drive: Drive, server: Server
) -> None:
    server.call("LPUSH", "k", "a list")
    store = drive(half.with_fallback_storages([half.redis_storage(server.url), {"k": OLD}]))

    with pytest.raises(storage.WrongTypeError):
        store.get("k")


@pytest.mark.server
def test_an_undefined_value_does_not_hide_that_of_the_next(
    half: Any, drive: Drive, server: Server
) -> None:
    server.call("SET", "k", "")
    base = half.redis_storage(server.url)
    store = drive(half.with_fallback_storages([base, {"k": 5}]))

    assert (store.get("k"), store.has("k"), store.get_many(["k"])) == (5, True, {"k": 5})
    assert list(store.items()) == [("k", 5)]
    assert list(store.values()) == [5]
    assert store.expires_at("k") is None


# Writing.


def test_what_is_written_and_deleted_reaches_all(several: Several) -> None:
    several.store.set("k", 0)
    several.store.set_many({"k": 1, "m": 2})
    assert several.values == [1, 1, 1]

    del several.first.values["k"]
    assert several.store.delete("k") is True
    assert several.values == [None, None, None]
    assert several.store.delete("k") is False
    del several.second.values["m"]
    assert several.store.delete_many(["m", "k"]) == 1
    assert [one.values for one in several.all] == [{}, {}, {}]


@pytest.mark.parametrize("many", [False, True])
def test_one_that_takes_a_value_is_enough_and_the_others_are_told_of(
    several: Several, many: bool
) -> None:
    several.fail(several.first, several.third)
    if many:
        several.store.set_many({"k": NEW})
    else:
        several.store.set("k", NEW)

    assert several.values == [None, NEW, None]
    assert len(several.told) == 2
    assert several.store.get("k") == NEW


@pytest.mark.parametrize("many", [False, True])
def test_a_value_that_nobody_takes_is_an_error_and_changes_nothing(
    several: Several, many: bool
) -> None:
    several.store.set("k", OLD)
    several.fail(*several.all)
    with pytest.raises(StorageError, match="raised OSError"):
        several.store.set_many({"k": NEW}) if many else several.store.set("k", NEW)

    assert len(several.told) == 2
    several.fail()
    assert several.store.get("k") == OLD
    assert several.values == [OLD, OLD, OLD]


CHANGES: dict[str, tuple[Callable[[Any], object], object]] = {
    "set": (lambda store: store.set("k", NEW), NEW),
    "set_many": (lambda store: store.set_many({"k": NEW}), NEW),
    "delete": (lambda store: store.delete("k"), None),
    "delete_many": (lambda store: store.delete_many(["k"]), None),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("missing", [0, 1, 2])
def test_what_missed_a_change_is_never_believed_again(
    several: Several, change: str, missing: int
) -> None:
    """Whoever is down afterwards."""
    act, new = CHANGES[change]
    several.store.set("k", OLD)
    several.fail(several.all[missing])
    act(several.store)
    others = [one for one in several.all if one is not several.all[missing]]

    assert several.store.get("k") == new
    several.fail()
    for down in (None, several.all[missing], *others):
        several.fail(*([] if down is None else [down]))
        if new is None and down is not None:  # who may have it by now, if that was not noted
            assert OLD not in several.reading("k")
        else:
            assert several.store.get("k") == new
            assert several.store.has("k") is (new is not None)
            assert several.store.get_many(["k"]) == ({} if new is None else {"k": new})


@pytest.mark.parametrize("change", CHANGES)
def test_what_missed_a_change_does_not_show_it_in_a_list(several: Several, change: str) -> None:
    act, new = CHANGES[change]
    several.store.set("k", OLD)
    several.fail(several.first)
    act(several.store)
    several.fail()

    assert list(several.store.items()) == ([] if new is None else [("k", new)])
    assert several.store.delete("k") is (new is not None)


def test_what_missed_a_change_forgets_the_entry_when_it_is_met(several: Several) -> None:
    several.store.set("k", OLD)
    several.fail(several.first)
    several.store.set("k", NEW)
    assert several.values == [OLD, NEW, NEW]
    several.fail()

    assert several.store.get("k") == NEW
    assert several.values == [None, NEW, NEW]
    several.store.set("k", 3)
    assert several.values == [3, 3, 3]
    several.first.calls.clear()
    several.fail(several.second, several.third)
    assert several.store.get("k") == 3
    assert "delete" not in several.first.calls


def test_what_missed_several_changes_forgets_what_it_had_before_all_of_them(
    several: Several,
) -> None:
    several.store.set("k", OLD)
    several.fail(several.first)
    several.store.set("k", "in between")
    several.store.set("k", NEW)
    several.fail()

    assert several.store.get("k") == NEW
    assert several.values == [None, NEW, NEW]


def test_the_last_one_forgets_what_it_missed_while_it_was_away(several: Several) -> None:
    """Of the first change that it missed nobody knows any more what was there before."""
    several.store.set_many({"k": OLD, "m": OLD})
    several.fail(several.third)
    several.store.set("m", NEW)
    several.store.delete("k")
    several.fail()
    assert several.store.get("k") is None
    assert several.store.get("m") == NEW

    assert several.third.values == {"m": OLD}
    several.store.set("m", 3)
    assert several.third.values == {"m": 3}


def test_a_deletion_that_is_told_as_an_error_is_not_done_later(several: Several) -> None:
    several.first.values["k"] = OLD
    several.fail(several.first)
    with pytest.raises(StorageError):
        several.store.delete("k")
    several.fail()

    assert several.store.get("k") == OLD


def test_an_older_value_is_nothing_to_delete(several: Several) -> None:
    several.store.set("k", OLD)
    several.fail(several.first)
    several.store.delete("k")
    several.fail()

    assert several.store.delete("k") is False
    assert several.values == [None, None, None]


def test_a_change_fails_where_it_could_not_be_remembered_who_missed_it(
    several: Several, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(several.base._backend._room._missed, "_most", 2)
    several.fail(several.first)
    several.store.set_many({"a": 1, "b": 2})
    several.store.set("b", 3)

    with pytest.raises(StorageError, match="raised OSError"):
        several.store.set("c", 3)
    several.fail()
    several.store.set("a", 1)
    several.fail(several.first)
    several.store.set("c", 3)


def test_who_missed_a_change_is_noted_even_where_that_of_another_is_not(
    several: Several, monkeypatch: pytest.MonkeyPatch
) -> None:
    several.store.set("k", OLD)
    missed = several.base._backend._room._missed
    monkeypatch.setattr(missed, "_most", 1)
    missed.note(0, {"other": b"1"}, {})
    several.fail(several.first, several.second)
    with pytest.raises(StorageError, match="raised OSError"):
        several.store.set("k", NEW)
    several.fail(several.first)

    assert several.store.get("k") == NEW


@pytest.mark.parametrize("change", CHANGES)
def test_what_one_raises_does_not_hide_that_another_missed_a_change(
    several: Several, change: str
) -> None:
    """A mistake is raised when all have been asked."""
    act, new = CHANGES[change]
    several.store.set("k", OLD)
    several.fail(several.first)
    several.second.mistake = ClosedError("it was closed")
    with pytest.raises(ClosedError):
        act(several.store)
    several.second.mistake = None
    several.fail()

    assert len(several.told) == 1
    assert several.values == [OLD, OLD, new]
    for down in (None, *several.all):
        several.fail(*([] if down is None else [down]))
        assert OLD not in several.reading("k")


def test_what_was_missed_is_looked_at_a_little_with_each_change(several: Several) -> None:
    values = {f"{number:02}": OLD for number in range(2 * AT_ONCE)}
    several.store.set_many({**values, "k": OLD})
    several.fail(several.first)
    several.store.set_many(dict.fromkeys(values, NEW))
    several.fail()
    assert several.first.values == {**values, "k": OLD}

    several.store.set("k", NEW)
    assert len(several.first.values) == AT_ONCE + 1
    several.store.delete("k")
    assert several.first.values == {}
    assert several.store.get_many(values) == dict.fromkeys(values, NEW)


def test_what_keeps_one_from_forgetting_is_told_and_not_raised(several: Several) -> None:
    several.store.set("k", OLD)
    several.fail(several.first)
    several.store.set("k", NEW)
    several.fail()
    several.told.clear()
    several.first.failing = {"get"}

    several.store.set("m", 1)
    assert several.first.values == {"k": OLD, "m": 1}
    assert len(several.told) == 1


def test_what_another_process_wrote_stays(half: Any, several: Several, drive: Drive) -> None:
    other = drive(half.with_fallback_storages(several.all, on_error=id))
    several.store.set("k", OLD)
    several.fail(several.first)
    several.store.set("k", NEW)
    several.fail(several.second, several.third)
    other.set("k", "what another writes")
    several.fail()

    assert several.store.get("k") == NEW
    several.store.set("m", 1)
    assert other.get("k") == "what another writes"
    assert several.store.get("k") == NEW


def test_what_took_a_change_without_a_word_is_believed(half: Any, drive: Drive) -> None:
    class Silent(Shaky):
        def set(self, key: str, value: Any) -> None:
            super().set(key, value)
            if value == NEW:
                raise OSError

    silent, other = Silent(), Shaky()
    store = drive(half.with_fallback_storages([silent, other], on_error=id))
    store.set("k", OLD)
    store.set("k", NEW)

    assert store.get("k") == NEW
    other.down = True
    assert store.get("k") == NEW


def test_a_copy_that_is_away_is_told_of_though_what_it_has_does_not_count(
    several: Several,
) -> None:
    several.fail(several.first)
    several.store.set("k", NEW)
    reads = {**READS, "delete": (lambda store: store.delete("k"), True)}
    for name in ("get", "has", "expires_at", "get_many", "touch", "delete"):
        several.told.clear()
        reads[name][0](several.store)
        assert len(several.told) == 1, name


def test_what_missed_a_change_is_cleared_with_the_rest(several: Several) -> None:
    several.store.set_many({"k": OLD, "m": OLD, "cart:1": OLD})
    several.fail(several.third)
    several.store.delete_many(["k", "cart:1"])
    several.fail()

    assert several.third.values.keys() == {"k", "m", "cart:1"}
    assert several.store.namespace("cart").clear() == 0
    assert several.store.clear(everything=True) == 1
    assert several.third.values == {}


# Who is told.


def test_what_fails_is_logged_where_nobody_is_told(
    half: Any, drive: Drive, caplog: pytest.LogCaptureFixture
) -> None:
    shaky = Shaky()
    shaky.down = True
    store = drive(half.with_fallback_storages([shaky, {"k": "a secret"}]))

    with caplog.at_level(logging.WARNING, "storage"):
        assert store.get("k") == "a secret"
        store.set("k", "another secret")
    assert len(caplog.records) == 2
    assert "passed over" in caplog.text
    assert "secret" not in caplog.text


def test_what_on_error_raises_goes_to_the_caller(half: Any, drive: Drive) -> None:
    def refuse(error: StorageError) -> None:
        raise error

    shaky = Shaky()
    shaky.down = True
    store = drive(half.with_fallback_storages([shaky, {"k": 1}], on_error=refuse))

    with pytest.raises(StorageError):
        store.get("k")
    with pytest.raises(StorageError):
        store.set("k", 2)


def test_on_error_may_use_the_store(half: Any, drive: Drive) -> None:
    shaky = Shaky(k=OLD)
    seen: list[Any] = []
    shaky.down = True
    if half is storage.compat.gramio:

        def look_once(_: StorageError) -> None:
            shaky.down = False
            seen.append(base.has("k"))

        base = half.with_fallback_storages([shaky, {}], on_error=look_once)
    else:

        async def look(_: StorageError) -> None:
            shaky.down = False
            seen.append(await base.has("k"))

        base = half.with_fallback_storages([shaky, {}], on_error=look)
    drive(base).set("k", NEW)

    assert seen == [True]


def test_on_error_is_awaited_in_the_asyncio_half_only() -> None:
    async def tell(error: StorageError) -> None:
        raise AssertionError

    storage.aio.compat.gramio.with_fallback_storages([{}], on_error=tell)
    with pytest.raises(TypeError):
        storage.compat.gramio.with_fallback_storages([{}], on_error=tell)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        storage.compat.gramio.with_fallback_storages([{}], on_error=5)  # type: ignore[arg-type]


# Listing.


def test_a_list_is_that_of_all_without_repeats(several: Several) -> None:
    several.first.values.update(a=1, b=2)
    several.second.values.update(b=OLD, c=3)
    several.third.values.update(a=OLD, c=OLD, d=4, e=None)

    assert sorted(several.store.items()) == [("a", 1), ("b", 2), ("c", 3), ("d", 4), ("e", None)]
    assert sorted(several.store.keys()) == list("abcde")
    assert list(several.store.keys("d")) == ["d"]
    several.fail(several.second)
    with pytest.raises(StorageError):
        list(several.store.keys())


def test_all_is_taken_away_from_all(several: Several) -> None:
    several.first.values.update({"a": 1, "cart:5": 2})
    several.third.values.update({"a": OLD, "cart:6": 3})

    assert several.store.namespace("cart").clear() == 2
    assert several.store.clear(everything=True) == 1
    assert [one.values for one in several.all] == [{}, {}, {}]
    assert several.store.clear(everything=True) == 0


@pytest.mark.server
def test_keys_are_called_in_each_as_they_are_there(
    half: Any, drive: Drive, server: Server, file: Path
) -> None:
    """More of them than a page has."""
    mapping: dict[str, Any] = {}
    bases = [
        half.redis_storage(server.url, key_prefix="bot:"),
        half.sqlite_storage(file),
        half.in_memory_storage(),
        half.in_memory_storage(mapping),
    ]
    on_server, table, memory, _ = [drive(base) for base in bases]
    values = {f"~{number}": number for number in range(1500)}
    store = drive(half.with_fallback_storages(bases[:3]))
    store.set_many(values)
    store.namespace("cart").set("5", 0)

    assert on_server.get_many(values) == table.get_many(values) == memory.get_many(values) == values
    assert int(server.call("EXISTS", "bot:~7", "bot:cart:5")) == 2
    assert on_server.delete_many([f"~{number}" for number in range(0, 1500, 2)]) == 750
    found = list(store.items())
    assert len(found) == len(dict(found)) == 1501
    assert dict(found) == {**values, "cart:5": 0}
    assert store.clear(everything=True) == 1501
    assert server.call("DBSIZE") == 0
    mixed = drive(half.with_fallback_storages(bases[::-1]))
    mixed.set("~k", 1)
    assert mapping == {"~k": {"data": 1}}


@pytest.mark.server
@pytest.mark.parametrize("half", [one.compat.gramio for one in mostly(storage)])
def test_a_server_that_is_away_is_stood_in_for(half: Any, drive: Drive, server: Server) -> None:
    told: list[StorageError] = []
    away = half.redis_storage({"port": free_port(), "socket_timeout": 0.1})
    here = half.redis_storage(server.url)
    drive(away)
    drive(here)
    store = drive(half.with_fallback_storages([away, here], on_error=told.append))

    store.set("k", 0)
    assert store.get("k") == 0
    assert store.delete("k") is True
    assert {type(error) for error in told} == {UnavailableError}
    with pytest.raises(UnavailableError):
        store.get("missing")


# Lifetimes and steps.


def test_a_lifetime_reaches_all(half: Any, drive: Drive, file: Path) -> None:
    clock = Clock(1_700_000_000.0)
    colour = storage if half is storage.compat.gramio else storage.aio
    first = colour.MemoryStorage(clock=clock)
    second = half.sqlite_storage(file, clock=clock)
    drive(first), drive(second)
    store = drive(half.with_fallback_storages([first, second], ttl=60))
    store.set("k", 1)
    store.set_many({"m": 1}, ttl=30)

    for one in (drive(first), drive(second), store):
        ends = [one.expires_at(key).timestamp() - 1_700_000_000 for key in ("k", "m")]
        assert ends == [60, 30]
    clock.tick(30)
    assert (store.get("m"), store.has("m"), list(store.keys())) == (None, False, ["k"])


def test_storages_have_one_lifetime(half: Any, drive: Drive, file: Path) -> None:
    brief = half.sqlite_storage(file, ttl=60)
    lasting = half.sqlite_storage(file, ttl=90)
    drive(brief), drive(lasting)

    with pytest.raises(ConfigurationError, match="say ttl="):
        half.with_fallback_storages([brief, lasting])
    with pytest.raises(ConfigurationError, match="say ttl="):
        half.with_fallback_storages([brief, {}])
    with pytest.raises(ConfigurationError, match="no lifetimes"):
        half.with_fallback_storages([brief, {}], ttl=60)
    with pytest.raises(ConfigurationError, match="KEEP"):
        half.with_fallback_storages([brief], ttl=KEEP)
    store = drive(half.with_fallback_storages([brief, half.sqlite_storage(file, ttl=60)]))
    store.set("k", 1)
    assert store.expires_at("k") is not None
    with pytest.raises(UnsupportedError):
        drive(half.with_fallback_storages([brief, {}], ttl=None)).set("k", 1, ttl=60)


STEPS: dict[str, Callable[[Any], object]] = {
    "add": lambda store: store.add("k", 1),
    "incr": lambda store: store.incr("k"),
    "swap": lambda store: store.swap("k", MISSING, 1),
    "update": lambda store: store.update("k", lambda value: value, default=1),
    "edit": lambda store: store.edit("k", default={}).__enter__(),
    "get_or_set": lambda store: store.get_or_set("k", lambda: 1),
    "touch": lambda store: store.touch("k", ttl=5),
    "keep": lambda store: store.set("k", 1, ttl=KEEP),
    "keep_many": lambda store: store.set_many({"k": 1}, ttl=KEEP),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_looks_and_writes_is_refused(half: Any, drive: Drive, step: str) -> None:
    bases = [half.in_memory_storage(), half.in_memory_storage()]
    store = drive(half.with_fallback_storages(bases))

    with pytest.raises(UnsupportedError):
        STEPS[step](store)
    assert store.get("k") is None


def test_the_backend_refuses_steps_by_itself(several: Several, bridge: Bridge) -> None:
    backend = bridge.driven(several.base._backend._room)
    for step in (
        lambda: backend.add("k", b"1", None),
        lambda: backend.swap("k", b"1", b"2", None),
        lambda: backend.incr("k", 1, 0, None),
        lambda: backend.touch("k", 5),
        lambda: backend.write("k", b"1", storage.ttl.Keeping(None)),
        lambda: backend.restore([("k", b"1", None)], False),
    ):
        with pytest.raises(UnsupportedError):
            step()
    assert backend.touch("k", storage.ttl.Keeping(None)) is False
    assert all(one.values == {} for one in several.all)


def test_what_needs_steps_is_refused_when_it_is_made(half: Any) -> None:
    store = half.with_fallback_storages([{}, {}])

    with pytest.raises(UnsupportedError):
        half.session(storage=store)
    with pytest.raises(UnsupportedError):
        half.rate_limit(storage=store)


# What they are made of.


@pytest.mark.parametrize("none", [[], (), {}, {"a": {}}, "text", b"bytes", 5, None])
def test_a_list_of_storages_has_one_at_least(half: Any, none: Any) -> None:
    with pytest.raises(ConfigurationError):
        half.with_fallback_storages(none)


def test_any_iterable_of_stores_objects_and_mappings_is_taken(half: Any, drive: Drive) -> None:
    given = [{}, Shaky(), half.in_memory_storage()]
    base = half.with_fallback_storages(iter(given))
    store = drive(base)

    store.set("k", 0)
    assert store.get("k") == 0
    assert store.capabilities == Capabilities(None, None, iteration=True, durable=False)
    assert repr(base) == "<Storage adapted dict, else adapted Shaky, else memory>"


def test_what_does_not_fit_together_is_refused(half: Any, drive: Drive) -> None:
    colour = storage if half is storage.compat.gramio else storage.aio

    class Upper:
        def encode(self, value: object) -> bytes:
            return str(value).upper().encode()

        def decode(self, data: bytes) -> object:
            return data.decode()

        def same(self, one: bytes, other: bytes) -> bool:
            return one == other

    with pytest.raises(ConfigurationError, match="enhanced"):
        half.with_fallback_storages([{}, colour.enhance_storage({})])
    with pytest.raises(ConfigurationError, match="codec"):
        half.with_fallback_storages([{}, colour.MemoryStorage(codec=Upper())])


def test_one_that_lists_nothing_is_named(half: Any, drive: Drive) -> None:
    class Mute(Shaky):
        keys = None  # type: ignore[assignment]

    store = drive(half.with_fallback_storages([{}, Mute()]))
    store.set("k", 1)

    assert store.capabilities.iteration is False
    with pytest.raises(UnsupportedError, match="list"):
        list(store.keys())


def test_closing_leaves_the_storages_open(half: Any, drive: Drive) -> None:
    base = half.in_memory_storage()
    kept = drive(base)
    mapping: dict[str, Any] = {}
    store = drive(half.with_fallback_storages([base, mapping]))
    store.set("k", 1)
    store.close()

    assert (kept.get("k"), mapping) == (1, {"k": 1})
    with pytest.raises(ClosedError):
        store.get("k")


def test_a_client_that_knows_no_ends_is_one_of_several(half: Any, drive: Drive) -> None:
    client = InSeconds(Clock())
    base = half.redis_storage(client)
    store = drive(half.with_fallback_storages([base, half.in_memory_storage()]))
    store.set_many({"a": 1, "b": 2})

    assert store.delete_many(["a", "b", "c"]) == 2
    with pytest.raises(UnsupportedError, match="pttl"):
        store.expires_at("a")


def test_a_dump_is_restored_into_all(half: Any, bridge: Bridge, several: Several) -> None:
    backend = bridge.driven(several.base._backend)
    assert backend.restore([("k", b"1", None), ("m", b"2", None)], True) == 2
    assert several.values == [1, 1, 1]
    assert backend.ends_many(["k", "n"]) == [None, MISSING]


def test_an_invalid_key_is_refused_before_anything_is_done(
    half: Any, drive: Drive, several: Several
) -> None:
    for call in (several.store.get, several.store.has, several.store.delete):
        with pytest.raises(storage.InvalidKeyError):
            call("\ud800")
    with pytest.raises(storage.InvalidKeyError):
        several.store.set_many({"k": 1, "\ud800": 2})
    assert several.first.calls == []


@pytest.mark.parametrize("key", ["k" * 513, "", ".", ".."])
def test_a_key_that_one_does_not_take_is_refused_before_another_has_it(
    half: Any, drive: Drive, key: str
) -> None:
    colour = storage if half is storage.compat.gramio else storage.aio
    on_kv = half.cloudflare_storage(colour.CloudflareStorage("a" * 32, "b" * 32, "token"))
    first: dict[str, Any] = {}
    inner = half.with_fallback_storages([{}, on_kv])
    for store in (drive(half.with_fallback_storages([first, one])) for one in (on_kv, inner)):
        for call in (
            store.get,
            store.has,
            store.delete,
            lambda key, store=store: store.set(key, 1),
        ):
            with pytest.raises(storage.InvalidKeyError, match="KV"):
                call(key)
        with pytest.raises(storage.InvalidKeyError, match="KV"):
            store.set_many({"k": 1, key: 2})
    assert first == {}
