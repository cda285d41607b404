"""What is read from a copy is what is there, as far as this store can know."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, Protocol

import pytest

import storage
from storage import DELETE, ClosedError, ConfigurationError, NearCache, UnsupportedError
from storage.records import Change, Window
from storage.testing import Clock
from tests.servers import Server
from tests.servers.cloudflare import KvServer
from tests.tiered.conftest import Open, Over
from tests.tiered.ground import Strike, Tier

LONG = 10**6
WINDOW = Window("hits", "ends", 5, 60_000, False)


def edited(store: Any) -> None:
    with store.edit("k") as draft:
        draft["n"] = 2


def kept(tier: Tier) -> Tier:
    """The same, with copies of what the tests change."""
    tier.store.set_many({"k": {"n": 1}, "count": 1})
    assert tier.store.get_many(["k", "count"]) == {"k": {"n": 1}, "count": 1}
    assert tier.has_copy("k")
    return tier


CHANGES: dict[str, Callable[[Any], object]] = {
    "set": lambda s: s.set("k", {"n": 2}),
    "delete": lambda s: s.delete("k"),
    "swap": lambda s: s.swap("k", {"n": 1}, {"n": 2}),
    "swap to nothing": lambda s: s.swap("k", {"n": 1}, DELETE),
    "update": lambda s: s.update("k", lambda _: {"n": 2}),
    "edit": edited,
    "set_many": lambda s: s.set_many({"k": {"n": 2}, "l": 1}),
    "delete_many": lambda s: s.delete_many(["k", "l"]),
    "incr": lambda s: s.incr("count"),
    "clear": lambda s: s.clear(everything=True),
    "set in a view": lambda s: s.typed(object).set("k", {"n": 2}),
    "touch": lambda s: s.touch("k", ttl=5),
}


@pytest.mark.parametrize("name", CHANGES)
def test_who_writes_reads_what_was_written(half: Any, opened: Open, over: Over, name: str) -> None:
    clock = Clock()
    tier = kept(over(opened("MemoryStorage", clock=clock), ttl=LONG))

    CHANGES[name](tier.store)
    clock.tick(6)

    assert tier.store.has("k") == tier.base.has("k")
    assert tier.store.get("k") == tier.base.get("k")
    assert tier.store.get_many(["k", "count"]) == tier.base.get_many(["k", "count"])


def test_what_is_restored_is_read(opened: Open, over: Over) -> None:
    tier = kept(over(opened("MemoryStorage"), ttl=LONG))

    tier.backend.restore([("k", b"2", None)], True)

    assert tier.store.get("k") == 2


def test_what_is_cleared_in_a_namespace_is_gone(opened: Open, over: Over) -> None:
    tier = over(opened("MemoryStorage"), ttl=LONG)
    space = tier.store.namespace("carts")
    space.set("k", 1)
    assert space.get("k") == 1

    space.clear()

    assert space.get("k") is None


def test_what_others_change_is_seen_after_the_ttl(opened: Open, over: Over) -> None:
    tier = kept(over(opened("MemoryStorage"), ttl=30))
    tier.base.set("k", 2)
    tier.base.delete("count")

    assert tier.store.get("k") == {"n": 1}
    assert tier.store.has("count")

    tier.passed += 31
    assert tier.store.get("k") == 2
    assert not tier.store.has("count")


def test_a_change_is_decided_by_the_entry_and_not_by_a_copy(opened: Open, over: Over) -> None:
    tier = kept(over(opened("MemoryStorage"), ttl=LONG))
    tier.base.set("k", {"n": 5})
    assert tier.store.update("k", lambda _: {"n": 1}) == {"n": 1}
    assert tier.base.get("k") == {"n": 1}

    tier.store.get("k")
    tier.base.set("k", {"n": 5})
    assert tier.store.swap("k", {"n": 5}, {"n": 6})

    tier.store.get("k")
    tier.base.set("k", {"n": 7, "more": 1})
    edited(tier.store)
    assert tier.base.get("k") == {"n": 2, "more": 1}


def test_nor_in_a_fallback(half: Any, bridge: Any, opened: Open, over: Over) -> None:
    tier = kept(over(opened("MemoryStorage"), ttl=LONG))
    both = bridge.driven(half.fallback(tier.made, opened("MemoryStorage"), on_error=int))
    tier.base.set("k", {"n": 5})
    seen: list[Any] = []

    both.update("k", lambda value: seen.append(dict(value)) or value)

    assert seen == [{"n": 5}]


def test_nor_is_a_conversation_read_from_a_copy(half: Any, bridge: Any, over: Over) -> None:
    base = half.adapt({})
    tier = over(base, ttl=LONG)
    ours = bridge.driven(half.Conversation(tier.made))
    theirs = bridge.driven(half.Conversation(base))
    for _ in range(2):
        theirs.append("c", {"role": "user", "content": "hello"})
        assert len(ours.list("c")) == len(theirs.list("c"))


class Failing:
    """It lets somebody come *before* it stores, and may say that it failed."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.fails = False
        self.before: Callable[[], object] = int

    def get(self, key: str) -> Any:
        return self.values.get(key)

    def set(self, key: str, value: Any) -> None:
        self.before()
        self.values[key] = value
        if self.fails:
            raise OSError("nobody knows")

    def delete(self, key: str) -> None:
        self.values.pop(key, None)


def test_after_a_write_that_failed_nobody_reads_a_copy(half: Any, over: Over) -> None:
    thing = Failing()
    tier = over(half.adapt(thing), ttl=LONG)
    tier.store.set("k", 1)
    assert tier.store.get("k") == 1

    thing.fails = True
    with pytest.raises(storage.StorageError):
        tier.store.set("k", 2)

    assert tier.store.get("k") == 2


def test_what_was_read_while_it_was_written_is_not_kept(half: Any, over: Over) -> None:
    thing = Failing()
    tier = over(half.adapt(thing), ttl=LONG)
    tier.store.set("k", 1)
    ticket = tier.near.ask(("k",))
    assert ticket is not None

    tier.store.set("k", 2)
    tier.near.answer(ticket, ("k",), ((b"1", None),))

    assert tier.store.get("k") == 2


def test_nor_what_was_read_just_before_it_was_written() -> None:
    thing = Failing()
    with storage.tiered(storage.adapt(thing), ttl=LONG) as store:
        store.set("k", 1)
        thing.before = lambda: store.get("k")
        store.set("k", 2)

        assert store.get("k") == 2


def test_who_is_overtaken_by_the_listener_reads_no_copy_that_it_has_dropped() -> None:
    for number in count():
        with storage.MemoryStorage({"k": 1}) as base, storage.tiered(base) as store:
            backend: Any = store._backend._room
            near, name = backend._near, f"{base._layers.names.prefix}k"
            near.clock = lambda: 100.0
            backend.read(name)
            base.set("k", 2)
            near.sure = 2.0

            def wakes(near: Any = near, name: str = name) -> None:
                near.drop((name,))
                near.sure = 102.0

            found: list[bytes] = []
            strike = Strike("storage/tiered.py", number, wakes)
            struck = strike.run(lambda: found.append(backend.read(name)))  # noqa: B023
            assert found == [b"2"]
            if not struck:
                break
    assert number > 10


def test_no_copy_is_read_after_the_end_of_its_entry(opened: Open, over: Over) -> None:
    clock = Clock()
    tier = over(opened("MemoryStorage", clock=clock), ttl=LONG)
    began = clock()
    tier.near.clock = lambda: clock() - began
    tier.store.set("k", 1, ttl=5)
    tier.store.set("l", 1)
    assert tier.store.get_many(["k", "l"]) == {"k": 1, "l": 1}
    assert tier.store.get("k") == 1

    clock.tick(4.999)
    assert tier.has_copy("k")
    clock.tick(0.001)
    assert tier.store.get("k") is None
    assert not tier.store.has("k")
    assert tier.store.get_many(["k", "l"]) == {"l": 1}


def test_no_more_are_kept_than_was_said(opened: Open, over: Over) -> None:
    tier = over(opened("MemoryStorage"), max=10)
    tier.store.set_many({f"{number}": number for number in range(100)})
    for number in range(100):
        assert tier.store.get(f"{number}") == number

    assert tier.info.kept == 10
    assert tier.info.misses == 100
    assert tier.has_copy("99")


def test_a_batch_asks_for_what_there_is_no_copy_of(opened: Open, over: Over) -> None:
    tier = over(opened("MemoryStorage"))
    tier.store.set_many({"a": 1, "b": 2, "c": 3})
    assert tier.store.get("b") == 2

    assert tier.store.get_many(["a", "b", "c", "d"]) == {"a": 1, "b": 2, "c": 3}
    assert (tier.info.hits, tier.info.misses) == (1, 4)
    assert tier.store.get_many(["c", "a"]) == {"c": 3, "a": 1}
    assert tier.info.misses == 4


def test_what_there_is_no_room_for_drives_no_copy_out(opened: Open, over: Over) -> None:
    tier = over(opened("MemoryStorage"), max=3)
    many = {f"{number}": number for number in range(4)}
    tier.store.set_many({"k": 1, **many})
    assert tier.store.get("k") == 1

    assert tier.store.get_many(list(many)) == many
    assert tier.has_copy("k")
    assert tier.info.kept == 1


def test_a_session_that_was_saved_is_read(half: Any, opened: Open, over: Over) -> None:
    tier = kept(over(opened("MemoryStorage"), ttl=LONG))
    visits = tier.room("VisitStore")

    parting = visits.leave("k", "", 1000, Change(b'{"n":1}', b"2", None), True)

    assert parting.done
    assert tier.store.get("k") == 2


def test_a_hit_that_is_counted_is_read(
    opened: Open, over: Over, valkey: Server, other: object
) -> None:
    tier = over(opened("RedisStorage", valkey.url)).heard()
    tallies = tier.room("TallyStore")
    tallies.hit("t", WINDOW, None)
    assert tier.store.get("t")["hits"] == 1
    for hits in range(2, 5):
        tallies.hit("t", WINDOW, None)
        assert tier.store.get("t")["hits"] == hits


def test_what_is_noted_beside_an_entry_changes_it(opened: Open, over: Over, kv: KvServer) -> None:
    base = opened("CloudflareStorage", kv.account, kv.namespace, kv.token, base_url=kv.url)
    tier = over(base, ttl=LONG)
    tier.store.set("k", 1)
    assert tier.store.get("k") == 1

    tier.room("MetadataStore").write_noted(f"{base._layers.names.prefix}k", b"2", {}, None)

    assert tier.store.get("k") == 2


class Unheard(Protocol):
    """A room that nobody has heard of."""


def test_a_room_that_might_write_around_the_copies_is_refused(opened: Open, over: Over) -> None:
    tier = over(opened("MemoryStorage"))

    with pytest.raises(UnsupportedError, match="near at hand"):
        tier.store.room(Unheard)


def test_a_store_has_copies_once(half: Any, opened: Open, over: Over) -> None:
    tier = over(opened("MemoryStorage"))

    with pytest.raises(ConfigurationError, match="already"):
        half.tiered(tier.made)
    with pytest.raises(ConfigurationError, match="already"):
        half.tiered(half.encrypted(tier.made, b"k" * 32))


def test_layers_go_over_it_and_under_it(half: Any, opened: Open, over: Over) -> None:
    base = opened("MemoryStorage")
    tier = over(half.encrypted(base, b"k" * 32), ttl=LONG)
    above = tier._bridge.driven(half.compressed(tier.made, over=10))
    value = {"text": "x" * 100}
    above.set("k", value)

    assert above.get("k") == value
    assert above.get("k") == value
    assert tier.info.hits == 1
    assert tier.made.room(NearCache) is not None
    assert not any(b"xxx" in one.raw for one in tier.near.entries.values())


def test_a_store_whose_records_say_when_they_end_goes_under_it(half: Any, over: Over) -> None:
    clock = Clock()
    began = clock()
    tier = over(half.enhance_storage(half.adapt({}), ttl=5, clock=clock), ttl=LONG)
    tier.near.clock = lambda: clock() - began
    tier.store.set("k", {"n": 1})
    assert tier.store.get("k") == {"n": 1}
    assert tier.has_copy("k")

    clock.tick(5)

    assert tier.store.get("k") is None
    tier.store.set("k", {"n": 1})
    edited(tier.store)
    assert tier.store.get("k") == {"n": 2}


BAD: list[tuple[dict[str, Any], type[Exception]]] = [
    ({"ttl": 0}, ValueError),
    ({"ttl": -1}, ValueError),
    ({"ttl": None}, ValueError),
    ({"ttl": True}, ValueError),
    ({"ttl": float("inf")}, ValueError),
    ({"ttl": "30"}, TypeError),
    ({"max": 0}, ValueError),
    ({"max": "many"}, ValueError),
    ({"max": float("inf")}, ValueError),
]


@pytest.mark.parametrize(("options", "error"), BAD)
def test_bad_bounds_are_refused(
    half: Any, opened: Open, options: dict[str, Any], error: type[Exception]
) -> None:
    base = opened("MemoryStorage")

    with pytest.raises(error):
        half.tiered(base, **options)


def test_closing_it_leaves_its_base_open(opened: Open, over: Over) -> None:
    tier = kept(over(opened("MemoryStorage")))
    view = tier.store.namespace("n")
    tier.store.close()
    tier.store.close()

    for closed in (tier.store, view):
        with pytest.raises(ClosedError):
            closed.get("k")
    assert tier.base.get("k") == {"n": 1}


def test_a_closed_base_is_closed_for_its_copies(opened: Open, over: Over) -> None:
    tier = kept(over(opened("MemoryStorage")))
    tier.base.close()

    for call in (lambda: tier.store.get("k"), lambda: tier.store.get_many(["k"])):
        with pytest.raises(ClosedError):
            call()


def test_a_base_is_closed_while_others_begin_to_have_copies_of_it(opened: Open, over: Over) -> None:
    base = opened("MemoryStorage")
    tier = kept(over(base))
    end, others = tier.near.end, []

    def begin_and_end() -> None:
        tier.near.end = end  # type: ignore[method-assign]
        others.append(over(base))
        end()

    tier.near.end = begin_and_end  # type: ignore[method-assign]
    tier.base.close()

    for one in (tier, *others):
        with pytest.raises(ClosedError):
            one.store.get("k")


def test_a_mapping_that_was_adapted_stays_the_callers(half: Any, over: Over) -> None:
    mapping: dict[str, Any] = {"k": 1}
    tier = over(half.adapt(mapping))

    assert tier.store.get("k") == 1
    tier.store.close()
    assert mapping == {"k": 1}
