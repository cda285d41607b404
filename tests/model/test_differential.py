"""One random program on memory, SQLite and Redis: equal results, and equal errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import storage
import storage.aio
from storage import DEFAULT, DELETE, KEEP, MISSING, StorageError
from storage.testing import Bridge, Clock
from storage.testing.strategies import NASTY_KEYS, values
from tests.servers import Server

KEYS = st.sampled_from(["k", "k", "k", "l", "~k", "", *NASTY_KEYS[:12]])
BAD_KEYS = st.sampled_from([b"k", 1, None, "\ud800"])
# No sum of a few PAUSES is one of them: a server keeps what ends for the millisecond of its end.
TTLS = st.sampled_from([DEFAULT, KEEP, None, 0.01, 0.05, 1, 0, -1, True, float("nan"), "1"])
VALUES = st.one_of(
    st.sampled_from([0, 1, -1, 2**53 - 1, True, None, "", {}, [], {"n": 1}, 1.5, "text"]),
    values(3),
    st.sampled_from([2**53, float("inf"), {1: 2}, {"a": {2}}, b"x", (1,), object]),
)
PAUSES = st.sampled_from([0, 0, 0, 7, 33, 1003])
PATHS = st.sampled_from([(), (), ("a",), ("a", "b")])


class Step(NamedTuple):
    """One call of one method, in a namespace."""

    path: tuple[str, ...]
    name: str
    call: Callable[[Any], object]


def _edited(store: Any, key: Any, value: Any, **options: Any) -> object:
    with store.edit(key, **options) as draft:
        if isinstance(draft, dict):
            draft["m"] = value
        else:
            draft.append(value)
    return None


def _call(name: str, call: Callable[..., object], **inputs: Any) -> st.SearchStrategy[Step]:
    """A step of method *name* with random arguments."""
    return st.builds(
        lambda path, given: Step(path, name, lambda store: call(store, **given)),
        PATHS,
        st.fixed_dictionaries(inputs),
    )


ANY_KEY = st.one_of(KEYS, KEYS, KEYS, BAD_KEYS)
COUNTS = st.sampled_from([1, -1, 5, 2**53 - 1, -(2**53) + 1, 2**60, -(2**70)])
STEPS = st.one_of(
    _call("get", lambda s, key: s.get(key, MISSING), key=ANY_KEY),
    _call("has", lambda s, key: s.has(key), key=ANY_KEY),
    _call("expires_at", lambda s, key: s.expires_at(key), key=ANY_KEY),
    _call("delete", lambda s, key: s.delete(key), key=ANY_KEY),
    _call("set", lambda s, key, value, ttl: s.set(key, value, ttl=ttl),
          key=ANY_KEY, value=VALUES, ttl=TTLS),
    _call("add", lambda s, key, value, ttl: s.add(key, value, ttl=ttl),
          key=ANY_KEY, value=VALUES, ttl=TTLS),
    _call("touch", lambda s, key, ttl: s.touch(key, ttl=ttl), key=ANY_KEY, ttl=TTLS),
    _call("incr", lambda s, key, by, initial, ttl: s.incr(key, by, initial=initial, ttl=ttl),
          key=ANY_KEY, by=COUNTS, initial=COUNTS, ttl=TTLS),
    _call("swap", lambda s, key, old, new, ttl: s.swap(key, old, new, ttl=ttl),
          key=ANY_KEY, old=st.one_of(VALUES, st.just(MISSING)),
          new=st.one_of(VALUES, st.just(DELETE)), ttl=TTLS),
    _call("update", lambda s, key, new, ttl: s.update(key, lambda _: new, default=0, ttl=ttl),
          key=ANY_KEY, new=st.one_of(VALUES, st.just(DELETE)), ttl=TTLS),
    _call("edit", lambda s, key, value, ttl: _edited(s, key, value, default={}, ttl=ttl),
          key=ANY_KEY, value=VALUES, ttl=TTLS),
    _call("get_or_set", lambda s, key, made, ttl: s.get_or_set(key, lambda: made, ttl=ttl),
          key=ANY_KEY, made=VALUES, ttl=TTLS),
    _call("get_many", lambda s, keys: s.get_many(keys), keys=st.lists(ANY_KEY, max_size=3)),
    _call("set_many", lambda s, entries, ttl: s.set_many(entries, ttl=ttl),
          entries=st.dictionaries(KEYS, VALUES, max_size=3), ttl=TTLS),
    _call("delete_many", lambda s, keys: s.delete_many(keys), keys=st.lists(KEYS, max_size=3)),
    _call("keys", lambda s, prefix: sorted(s.keys(prefix)), prefix=KEYS),
    _call("items", lambda s: sorted(s.items(), key=lambda item: item[0])),
    _call("clear", lambda s: s.namespace("a").clear()),
)  # fmt: skip


def outcome(store: Any, step: Step) -> object:
    """What a step comes to: a result, or the kind of the error and what it says of the value."""
    for name in step.path:
        store = store.namespace(name)
    try:
        return repr(step.call(store))
    except (StorageError, ValueError, TypeError, KeyError) as error:
        return type(error), getattr(error, "path", None)


@pytest.mark.parametrize("half", [storage, storage.aio], ids=["blocking", "asyncio"])
def test_every_backend_says_the_same(half: Any, valkey: Server, tmp_path: Path) -> None:
    files = iter(range(10**6))

    @settings(suppress_health_check=list(HealthCheck))
    @given(st.lists(st.tuples(STEPS, PAUSES), max_size=25))
    def runs(program: list[tuple[Step, int]]) -> None:
        clock = Clock()
        with Bridge() as bridge:
            clock.lead(valkey.hold)
            made = [
                half.MemoryStorage(clock=clock),
                half.SqliteStorage(tmp_path / f"{next(files)}.db", clock=clock),
                half.RedisStorage(valkey.url, prefix=f"differential:{next(files)}:"),
            ]
            stores = [bridge.driven(store) for store in made]
            try:
                for step, ms in program:
                    first, *others = [outcome(store, step) for store in stores]
                    assert others == [first, first], step.name
                    clock.tick(ms / 1000)
            finally:
                for store in stores:
                    store.close()

    try:
        runs()
    finally:
        valkey.reset_clock()
        valkey.call("FLUSHALL")
