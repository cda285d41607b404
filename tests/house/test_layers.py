"""Who may import whom, and how big a piece of code may be."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator

import pytest

from tests.house.tree import ROOT, Import, Module, modules

FLOORS: dict[str, tuple[str, ...]] = {
    "ground": (
        *("errors", "ttl", "records", "values", "codecs", "keys", "protocols", "urls", "closed"),
        *(
            "runtime",
            "forks",
            "keylock",
            "offers",
            "compression",
            "encryption",
            "shapes",
            "fidelity",
        ),
        *("histories", "dialogs", "dialog_store"),
    ),
    "core": ("core", "watching"),
    "rooms": (
        *("memory", "sqlite", "redis", "cloudflare"),
        *("aio.hops", "aio.lift", "aio.lifted_dialogs"),
    ),
    "store": (
        *("store", "editing", "lookup", "walks", "tracing", "ending", "falling", "family"),
        *("entries", "visits", "metering", "recalling", "tiered_rooms", "tracing_notes"),
    ),
    "stores": ("rooms", "adapted", "clients", "stores", "opening", "layered", "tiered"),
    "faces": (
        "sessions",
        "opened",
        "seats",
        "leases",
        "holding",
        "limiter",
        "limited",
        "slots",
        "guarding",
        "moving",
        "upgrading",
        "dumps",
        "breakers",
        "telegram",
        "media",
        "uploads",
        "conversation",
        "amending",
        "transcripts",
        "continuity",
    ),
    "compat": ("compat", "contrib"),
    "doors": ("", "cli", "testing", "__main__"),
}
"""The house from the ground up: a floor imports itself and what is under it. `aio` is a house of
the same plan: `aio.store` stands on the floor of `store`."""

CONCURRENCY = {"asyncio", "concurrent", "multiprocessing", "queue", "threading", "time"}
WAITING = (
    *("runtime", "forks", "keylock", "redis.links", "redis.punctual", "redis.tracking"),
    *("cloudflare.links", "testing", "cli"),
    *(
        "aio.runtime",
        "aio.keylock",
        "aio.hops",
        "aio.lift",
        "aio.redis.lane",
        "aio.redis.lent",
        "aio.redis.opening",
        "aio.redis.link",
        "aio.redis.links",
        "aio.redis.pool",
        "aio.redis.wire",
        "aio.redis.tracking",
        "aio.cloudflare.links",
        "aio.cloudflare.binding",
    ),
)
"""Who may wait, lock and look at a clock."""

PURE = {
    *("__future__", "array", "base64", "binascii", "bisect", "codecs", "collections", "copy"),
    *("dataclasses", "datetime", "enum"),
    *(
        "fractions",
        "inspect",
        "functools",
        "hashlib",
        "heapq",
        "itertools",
        "json",
        "math",
        "operator",
        "re",
        "string",
        "struct",
    ),
    *("types", "typing", "typing_extensions", "unicodedata", "weakref"),
}
"""What `core` may import besides the ground floor: it does no I/O and has no clock."""

PUBLIC_DEPENDENCIES = {
    "cloudflare": {"httpx"},
    "cloudflare.bindings": {"js"},
    "codecs": {"msgspec"},
    "continuity.tokenizers": {"tiktoken"},
    "contrib.openai_agents": {"agents"},
    "encryption": {"cryptography"},
    "memory": {"cachetools"},
    "redis": {"redis"},
    "redis.parsing": {"hiredis"},
    "shapes": {"msgspec", "pydantic"},
    "testing": {"hypothesis", "pytest"},
}
"""What is imported from outside the standard library, and by whom."""

NO_BLOCKING_HALF = ("contrib.openai_agents",)
"""What is for frameworks that know asyncio only."""

LONGEST_FUNCTION = 40
LONGEST_MODULE = 400

HOUSE = modules()


def floor(module: str) -> int:
    """The number of a module's floor; a `KeyError` for a module that has none."""
    places = {name: number for number, names in enumerate(FLOORS.values()) for name in names}
    if module in places:
        return places[module]
    plain = module.removeprefix("aio").removeprefix(".")
    return places[plain] if plain in places else places[plain.split(".")[0]]


def every_import(*, inside: bool) -> Iterator[tuple[Module, Import]]:
    for module in HOUSE:
        for found in module.imports():
            if found.inside is inside:
                yield module, found


def at(module: Module, line: int, what: str) -> str:
    return f"{module.path.relative_to(ROOT)}:{line}: {what}"


def under(module: str, *places: str) -> bool:
    return any(module == place or module.startswith(f"{place}.") for place in places)


def test_every_module_has_a_floor() -> None:
    homeless = []
    for module in HOUSE:
        try:
            floor(module.name)
        except KeyError:
            homeless.append(module.name)

    assert not homeless


def test_every_floor_is_lived_on() -> None:
    names = {module.name for module in HOUSE}

    assert not [name for names_ in FLOORS.values() for name in names_ if name not in names]


def test_imports_lead_down() -> None:
    upwards = [
        at(module, found.line, f"{module.name} imports {found.module}")
        for module, found in every_import(inside=True)
        if floor(found.module) > floor(module.name)
    ]

    assert not upwards


def test_nothing_blocking_imports_the_asyncio_half() -> None:
    allowed = ("aio", "testing", "cli", *NO_BLOCKING_HALF)
    crossing = [
        at(module, found.line, found.module)
        for module, found in every_import(inside=True)
        if under(found.module, "aio") and not under(module.name, *allowed)
    ]

    assert not crossing


def test_rooms_do_not_know_each_other() -> None:
    rooms = [name for name in FLOORS["rooms"] if not name.startswith("aio")]
    neighbours = [
        at(module, found.line, found.module)
        for module, found in every_import(inside=True)
        for room in rooms
        if under(module.name, room) and under(found.module, *(set(rooms) - {room}))
    ]

    assert not neighbours


def test_the_package_does_not_call_itself_by_name() -> None:
    """It would not work vendored under another name."""
    named = [
        at(module, found.line, found.module)
        for module, found in every_import(inside=False)
        if under(found.module, "storage", "chatstorage")
    ]

    assert not named


def test_waiting_and_locking_live_in_few_places() -> None:
    elsewhere = [
        at(module, found.line, found.module)
        for module, found in every_import(inside=False)
        if found.module.split(".")[0] in CONCURRENCY and not under(module.name, *WAITING)
    ]

    assert not elsewhere


def test_decisions_are_pure() -> None:
    impure = [
        at(module, found.line, found.module)
        for module, found in every_import(inside=False)
        if under(module.name, "core") and found.module.split(".")[0] not in PURE
    ]

    assert not impure


def test_the_outside_comes_in_by_few_doors() -> None:
    known = {*sys.stdlib_module_names, "typing_extensions"}
    strangers = []
    for module, found in every_import(inside=False):
        top = found.module.split(".")[0]
        allowed = {
            name
            for place, names in PUBLIC_DEPENDENCIES.items()
            for name in names
            if under(module.name.removeprefix("aio."), place)
        }
        if top not in known | allowed:
            strangers.append(at(module, found.line, found.module))

    assert not strangers


@pytest.mark.parametrize("module", HOUSE, ids=lambda module: module.name or "storage")
def test_a_module_is_one_idea(module: Module) -> None:
    assert len(module.text.splitlines()) <= LONGEST_MODULE


def test_a_function_fits_a_screen() -> None:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    long = [
        at(module, node.lineno, f"{node.name} has {length(node)} lines")
        for module in HOUSE
        for node in ast.walk(module.tree)
        if isinstance(node, kinds) and length(node) > LONGEST_FUNCTION
    ]

    assert not long


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the `def` to the end, without the docstring."""
    whole = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node, clean=False) is None:
        return whole
    return whole - ((first.end_lineno or first.lineno) - first.lineno + 1)
