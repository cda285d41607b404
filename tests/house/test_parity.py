"""The two halves say the same: the second belt, after the comparison of the texts."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

import storage
import storage.aio
import storage.aio.compat.gramio
import storage.aio.compat.puregram
import storage.aio.compat.vibegram
import storage.aio.continuity
import storage.aio.telegram
import storage.compat.gramio
import storage.compat.puregram
import storage.compat.vibegram
import storage.continuity
import storage.telegram

ONLY_IN_ASYNCIO = {"lift"}
"""What only asyncio needs."""

RENAMED = {
    "close": "aclose",
    "__enter__": "__aenter__",
    "__exit__": "__aexit__",
    "__iter__": "__aiter__",
    "__next__": "__anext__",
}
"""The whole difference in the names of methods."""

PLAIN_IN_BOTH = {
    *("__init__", "check", "edit", "entries", "hold", "items", "keys", "namespace", "room"),
    *("key_of", "resolve_key"),
    *(
        "begin",
        "discard",
        "expire",
        "keys_with_metadata",
        "leave",
        "of",
        "open",
        "replace",
        "typed",
        "values",
    ),
    *("limited", "slot"),
    *("listens", "off", "on", "once", "remove_all_listeners"),
}
"""What gives something back that is awaited, entered or iterated later, or does no I/O."""

HALVES = {
    "storage": (storage, storage.aio),
    "gramio": (storage.compat.gramio, storage.aio.compat.gramio),
    "puregram": (storage.compat.puregram, storage.aio.compat.puregram),
    "vibegram": (storage.compat.vibegram, storage.aio.compat.vibegram),
    "continuity": (storage.continuity, storage.aio.continuity),
    "telegram": (storage.telegram, storage.aio.telegram),
}
PAIRS: dict[str, tuple[Any, Any]] = {
    f"{module}.{name}": (getattr(blocking, name), getattr(asyncio, name, None))
    for module, (blocking, asyncio) in HALVES.items()
    for name in sorted(blocking.__all__)
}
"""Every public name, in both halves."""

NAMES = list(PAIRS)
CLASSES = [
    name for name, (here, there) in PAIRS.items() if inspect.isclass(here) and here is not there
]
FUNCTIONS = [
    name for name, (here, there) in PAIRS.items() if inspect.isfunction(here) and here is not there
]


def methods(kind: type) -> dict[str, Any]:
    """Public methods and properties, and the dunders that have a place in the table of names."""
    kept = {"__init__", *RENAMED, *RENAMED.values()}
    found = {}
    for base in reversed(kind.__mro__):
        if base.__module__.partition(".")[0] == storage.__name__:
            found.update(vars(base))
    return {name: part for name, part in found.items() if name in kept or name[0] != "_"}


def shape(function: Callable[..., object]) -> list[tuple[str, Any, Any]]:
    """Names, kinds and defaults of parameters."""
    parameters = inspect.signature(function).parameters.values()
    return [(one.name, one.kind, default(one.default)) for one in parameters]


def default(value: object) -> object:
    """A default, comparable between the halves; a function counts by its name."""
    return getattr(value, "__qualname__", value)


def is_coloured(function: object) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


@pytest.mark.parametrize("module", HALVES)
def test_both_halves_have_the_same_names(module: str) -> None:
    here, there = (set(half.__all__) for half in HALVES[module])

    assert there - here == (ONLY_IN_ASYNCIO if module == "storage" else set())
    assert here - there == set()


@pytest.mark.parametrize("module", HALVES)
def test_every_listed_name_is_there(module: str) -> None:
    for half in HALVES[module]:
        assert not [name for name in half.__all__ if not hasattr(half, name)]


def test_the_comparison_sees_both_halves() -> None:
    """Without this, an empty table would prove everything."""
    stores = {"MemoryStorage", "LruMemoryStorage", "RedisStorage", "SqliteStorage"}
    homes = ("storage", "puregram")
    assert {f"{module}.{name}" for module in homes for name in stores} <= set(CLASSES)
    assert {"vibegram.MemorySessionStore", "vibegram.RedisSessionStore"} <= set(CLASSES)
    assert {"gramio.Sessions", "gramio.SceneSessions"} <= set(CLASSES)
    assert {"storage.adapt", "storage.open", "puregram.is_ttl_storage"} <= set(FUNCTIONS)


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(CLASSES) - set(FUNCTIONS)))
def test_what_has_no_colour_is_one_object(name: str) -> None:
    """An error raised in one half is caught by its name from the other."""
    here, there = PAIRS[name]

    assert here is there


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_has_the_same_methods(name: str) -> None:
    here, there = map(methods, PAIRS[name])

    assert {RENAMED.get(method, method) for method in here} == set(there)


@pytest.mark.parametrize("name", CLASSES)
def test_a_method_has_the_same_parameters(name: str) -> None:
    here, there = map(methods, PAIRS[name])
    different = []
    for method, function in here.items():
        twin = there[RENAMED.get(method, method)]
        assert type(function) is type(twin)
        if inspect.isfunction(function) and shape(function) != shape(twin):
            different.append(method)

    assert not different


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_the_same_parameters(name: str) -> None:
    here, there = PAIRS[name]

    assert shape(here) == shape(there)


@pytest.mark.parametrize("name", CLASSES)
def test_what_does_io_is_awaited(name: str) -> None:
    plain = {
        method
        for method, function in methods(PAIRS[name][1]).items()
        if inspect.isfunction(function) and not is_coloured(function)
    }

    assert plain <= PLAIN_IN_BOTH


@pytest.mark.parametrize("name", [*CLASSES, *FUNCTIONS])
def test_both_halves_are_described_by_the_same_words(name: str) -> None:
    here, there = PAIRS[name]

    assert here.__doc__
    assert inspect.getdoc(here) == inspect.getdoc(there)
