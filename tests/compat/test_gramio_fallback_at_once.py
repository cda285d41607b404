"""Several who change what GramIO's storages keep in several places at once, and interrupts."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

import storage
import storage.aio.compat.gramio
import storage.compat.gramio
from storage import StorageError, UnavailableError
from storage.testing.threads import crowd
from tests.waiting import until

Drive = Callable[[Any], Any]
OLD, NEW = "what was there before", "what was written last"
LONGEST = 30
CALLS = {
    *("read", "read_many", "write", "write_many", "restore", "remove", "remove_many", "swap"),
    *("exists", "ends", "ends_many"),
}


class Gated:
    """The entries of a store in memory, with a gate at which one call waits until it is opened."""

    def __init__(self, base: Any, waits: bool) -> None:
        self._backend = base._backend
        self._waits = waits
        self.label = "gated"
        self.capabilities = base.capabilities
        self.down = False
        self.calls: tuple[str, ...] = ()
        self.strikes: BaseException | None = None
        self.reached, self.opened = threading.Event(), threading.Event()

    def shut(self, *calls: str) -> None:
        """The next of these *calls* waits."""
        self.calls = calls

    def __getattr__(self, name: str) -> Any:
        inner = getattr(self._backend, name)
        if name not in CALLS:
            return inner

        def plain(*told: Any) -> Any:
            if self._is_shut(name):
                assert self.opened.wait(LONGEST)
            return inner(*told)

        async def awaited(*told: Any) -> Any:
            if self._is_shut(name):
                assert await asyncio.to_thread(self.opened.wait, LONGEST)
            return await inner(*told)

        return awaited if self._waits else plain

    def _is_shut(self, name: str) -> bool:
        if self.down:
            raise UnavailableError("it is away")
        if self.strikes is not None and name in self.calls:
            raise self.strikes
        is_shut = name in self.calls
        if is_shut:
            self.calls = ()
            self.reached.set()
        return is_shut


class Two:
    """Two such stores, and the store of both."""

    def __init__(self, half: Any, drive: Drive, atomic: str | None = "process") -> None:
        self.waits = half is storage.aio.compat.gramio
        colour: Any = storage.aio if self.waits else storage
        bases = [colour.MemoryStorage(), colour.MemoryStorage()]
        self.bases = [drive(base) for base in bases]
        self.first, self.second = [Gated(base, self.waits) for base in bases]
        for one in (self.first, self.second):
            one.capabilities = one.capabilities._replace(atomic=atomic)
        given = [colour.Storage(self.first), colour.Storage(self.second)]
        self.base = half.with_fallback_storages(given, on_error=id)
        self.store = drive(self.base)
        self.keys = self.base._backend._room._keys

    @property
    def values(self) -> list[Any]:
        return [base.get("k") for base in self.bases]

    def meet(
        self, gated: Gated, one: Callable[[], object], other: Callable[[], object]
    ) -> list[Any]:
        """What *one* answers, which is kept at the gate until *other* is over or waits for it,
        and what *other* does."""
        is_over = threading.Event()
        asked = self.keys._tickets

        def following() -> Any:
            assert gated.reached.wait(LONGEST)
            answer = other()
            is_over.set()
            return answer

        def opening() -> None:
            assert gated.reached.wait(LONGEST)
            until(lambda: is_over.is_set() or self.keys._tickets > asked)
            gated.opened.set()

        return crowd([one, following, opening])[:2]


@pytest.fixture(params=[storage, storage.aio], ids=["blocking", "aio"])
def half(request: pytest.FixtureRequest) -> Any:
    return request.param.compat.gramio


@pytest.fixture
def two(half: Any, drive: Drive) -> Two:
    made = Two(half, drive)
    made.store.set_many({"k": OLD, "m": OLD})
    return made


FIRST: dict[str, tuple[str, Callable[[Any], object]]] = {
    "set": ("write", lambda store: store.set("k", "first")),
    "set_many": ("write_many", lambda store: store.set_many({"m": 1, "k": "first"})),
    "delete": ("remove", lambda store: store.delete("k")),
    "delete_many": ("remove_many", lambda store: store.delete_many(["m", "k"])),
    "clear": ("remove_many", lambda store: store.clear(everything=True)),
}
SECOND: dict[str, tuple[Callable[[Any], object], object]] = {
    "set": (lambda store: store.set("k", NEW), NEW),
    "set_many": (lambda store: store.set_many({"k": NEW, "m": 2}), NEW),
    "delete": (lambda store: store.delete("k"), None),
    "delete_many": (lambda store: store.delete_many(["k", "m"]), None),
}


@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("second", SECOND)
def test_two_who_change_one_key_leave_the_same_everywhere(
    two: Two, first: str, second: str
) -> None:
    call, one = FIRST[first]
    other, value = SECOND[second]
    two.second.shut(call)

    two.meet(two.second, lambda: one(two.store), lambda: other(two.store))
    assert two.values == [value, value]
    assert two.store.get("k") == value


def test_a_dump_is_restored_beside_nobody_who_writes(two: Two, bridge: Any) -> None:
    backend = bridge.driven(two.base._backend)
    two.second.shut("restore")
    two.meet(
        two.second,
        lambda: backend.restore([("k", b'"first"', None)], True),
        lambda: two.store.set("k", NEW),
    )

    assert two.values == [NEW, NEW]


def test_those_who_change_many_keys_do_not_wait_for_each_other(two: Two) -> None:
    """In whichever order they name them."""
    two.second.shut("write")

    def change(after: int, names: str) -> None:
        assert two.second.reached.wait(LONGEST)
        until(lambda: two.keys._tickets >= after)
        two.store.set_many(dict.fromkeys(names, names))

    def opening() -> None:
        until(lambda: two.keys._tickets == 2)
        two.second.opened.set()

    crowd(
        [
            lambda: two.store.set("k", "first"),
            lambda: change(0, "akz"),
            lambda: change(1, "zka"),
            opening,
        ]
    )
    assert two.values == ["zka", "zka"]
    assert len(two.keys) == 0


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("call", ["swap", "remove"])
def test_what_is_written_while_what_is_older_goes_away_stays(
    half: Any, drive: Drive, call: str, many: bool
) -> None:
    """Also where there are no steps."""
    two = Two(half, drive, "process" if call == "swap" else None)
    two.store.set("k", OLD)
    two.first.down = True
    two.store.set("k", "in between")
    two.first.down = False
    two.first.shut(call)

    def write() -> None:
        two.second.down = True
        two.store.set_many({"k": NEW}) if many else two.store.set("k", NEW)
        two.second.down = False

    two.meet(two.first, lambda: reading(two.store), write)
    assert two.store.get("k") == NEW


def reading(store: Any) -> Any:
    """What is read, if there is an answer."""
    try:
        return store.get("k")
    except StorageError:
        return None


def test_what_is_older_is_taken_away_only_while_it_is_still_there(two: Two) -> None:
    """Another process may write meanwhile."""
    two.first.down = True
    two.store.set("k", "in between")
    two.first.down = False
    two.first.shut("swap")

    def write() -> None:
        assert two.first.reached.wait(LONGEST)
        two.bases[0].set("k", NEW)
        two.first.opened.set()

    assert crowd([lambda: two.store.get("k"), write])[0] == "in between"
    assert two.values == [NEW, "in between"]
    assert two.store.get("k") == "in between"


@pytest.mark.parametrize("first", FIRST)
def test_a_change_that_is_cancelled_goes_on_to_its_end(first: str) -> None:
    """It has begun in one of them."""

    async def run() -> list[Any]:
        bases = [storage.aio.MemoryStorage(), storage.aio.MemoryStorage()]
        gated = Gated(bases[1], True)
        store = storage.aio.compat.gramio.with_fallback_storages(
            [bases[0], storage.aio.Storage(gated)]
        )
        await store.set("k", OLD)
        await store.set("m", OLD)
        call, one = FIRST[first]
        gated.shut(call)
        task: Any = asyncio.ensure_future(one(store))  # type: ignore[arg-type]
        await asyncio.to_thread(gated.reached.wait, LONGEST)
        for _ in range(2):
            task.cancel()
            await asyncio.sleep(0)
        gated.opened.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(store._backend._room._keys) == 0  # type: ignore[attr-defined]
        return [await base.get("k") for base in bases]

    one, other = asyncio.run(run())
    assert one == other != OLD


def test_who_reads_and_is_cancelled_ends_with_taking_away_what_is_older() -> None:
    """Or it would go away later, when the key is held by somebody who writes."""

    async def run() -> list[Any]:
        bases = [storage.aio.MemoryStorage(), storage.aio.MemoryStorage()]
        gated = Gated(bases[0], True)
        store = storage.aio.compat.gramio.with_fallback_storages(
            [storage.aio.Storage(gated), bases[1]], on_error=id
        )
        await store.set("k", OLD)
        gated.down = True
        await store.set("k", NEW)
        gated.down = False
        gated.shut("swap")
        task = asyncio.ensure_future(store.get("k"))
        await asyncio.to_thread(gated.reached.wait, LONGEST)
        task.cancel()
        await asyncio.sleep(0)
        gated.opened.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        return [await base.get("k") for base in bases]

    assert asyncio.run(run()) == [None, NEW]


def test_who_waits_for_a_key_and_is_cancelled_changes_nothing() -> None:
    async def run() -> None:
        bases = [storage.aio.MemoryStorage(), storage.aio.MemoryStorage()]
        gated = Gated(bases[1], True)
        store = storage.aio.compat.gramio.with_fallback_storages(
            [bases[0], storage.aio.Storage(gated)]
        )
        gated.shut("write")
        one = asyncio.ensure_future(store.set("k", NEW))
        await asyncio.to_thread(gated.reached.wait, LONGEST)
        other = asyncio.ensure_future(store.set_many({"a": OLD, "k": OLD, "z": OLD}))
        keys: Any = store._backend._room._keys  # type: ignore[attr-defined]
        await asyncio.to_thread(until, lambda: keys._tickets)
        other.cancel()
        with pytest.raises(asyncio.CancelledError):
            await other
        gated.opened.set()
        await one
        assert [await base.get("k") for base in bases] == [NEW, NEW]
        assert not await store.has("a")
        assert len(store._backend._room._keys) == 0  # type: ignore[attr-defined]

    asyncio.run(run())


def test_a_change_that_an_interrupt_strikes_is_not_half_believed(drive: Drive) -> None:
    two = Two(storage.compat.gramio, drive)
    two.store.set("k", OLD)
    two.second.shut("write")
    two.second.strikes = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        two.store.set("k", NEW)
    two.second.shut()
    assert two.values == [NEW, OLD]

    two.first.down = True
    with pytest.raises(UnavailableError):
        two.store.get("k")
