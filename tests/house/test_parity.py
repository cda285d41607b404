"""The two halves say the same: the second belt, after the comparison of the texts."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

import storage
import storage.aio

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
    *("__init__", "check", "edit", "hold", "items", "keys", "namespace", "room", "typed", "values"),
}
"""What gives something back that is awaited, entered or iterated later, or does no I/O."""

NAMES = sorted(storage.__all__)
CLASSES = [
    name
    for name in NAMES
    if inspect.isclass(getattr(storage, name))
    and getattr(storage, name) is not getattr(storage.aio, name, None)
]
FUNCTIONS = [
    name
    for name in NAMES
    if inspect.isfunction(getattr(storage, name))
    and getattr(storage, name) is not getattr(storage.aio, name, None)
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


def test_both_halves_have_the_same_names() -> None:
    assert set(storage.aio.__all__) - set(storage.__all__) == ONLY_IN_ASYNCIO
    assert set(storage.__all__) - set(storage.aio.__all__) == set()


@pytest.mark.parametrize("half", [storage, storage.aio], ids=["blocking", "asyncio"])
def test_every_listed_name_is_there(half: Any) -> None:
    assert not [name for name in half.__all__ if not hasattr(half, name)]


def test_the_comparison_sees_both_halves() -> None:
    """Without this, an empty table would prove everything."""
    assert {"Storage", "MemoryStorage", "LruMemoryStorage", "SqliteStorage"} <= set(CLASSES)
    assert {"adapt", "open"} <= set(FUNCTIONS)


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(CLASSES) - set(FUNCTIONS)))
def test_what_has_no_colour_is_one_object(name: str) -> None:
    """An error raised in one half is caught by its name from the other."""
    assert getattr(storage, name) is getattr(storage.aio, name)


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_has_the_same_methods(name: str) -> None:
    here, there = methods(getattr(storage, name)), methods(getattr(storage.aio, name))

    assert {RENAMED.get(method, method) for method in here} == set(there)


@pytest.mark.parametrize("name", CLASSES)
def test_a_method_has_the_same_parameters(name: str) -> None:
    there = methods(getattr(storage.aio, name))
    different = []
    for method, function in methods(getattr(storage, name)).items():
        twin = there[RENAMED.get(method, method)]
        assert type(function) is type(twin)
        if inspect.isfunction(function) and shape(function) != shape(twin):
            different.append(method)

    assert not different


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_the_same_parameters(name: str) -> None:
    assert shape(getattr(storage, name)) == shape(getattr(storage.aio, name))


@pytest.mark.parametrize("name", CLASSES)
def test_what_does_io_is_awaited(name: str) -> None:
    plain = {
        method
        for method, function in methods(getattr(storage.aio, name)).items()
        if inspect.isfunction(function) and not is_coloured(function)
    }

    assert plain <= PLAIN_IN_BOTH


@pytest.mark.parametrize("name", [*CLASSES, *FUNCTIONS])
def test_both_halves_are_described_by_the_same_words(name: str) -> None:
    here, there = getattr(storage, name), getattr(storage.aio, name)

    assert here.__doc__
    assert inspect.getdoc(here) == inspect.getdoc(there)
