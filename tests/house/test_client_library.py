"""What is taken from redis-py and is not for everybody: little, and it is written down."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.house.tree import ROOT, Module, modules

PAGE = ROOT / "docs" / "design.md"

THEIRS = {"_sock", "_parser", "_writer", "_reader", "_buffer", "_retries"}
"""The private names of redis-py, and of the streams that its connections stand on."""

NO_SECRET = {"_replace"}
"""What a named tuple offers to everybody."""

ROOMS = [one for one in modules() if {"redis"} & set(one.parts) and "redis" in one.parts[:2]]


def private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def used(module: Module) -> Iterator[str]:
    """The private names that are looked up somewhere, be it by `getattr`."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and private(node.attr):
            yield node.attr
        elif isinstance(node, ast.Constant):
            text = str(node.value)
            if text.isidentifier() and private(text):
                yield text


def own(module: Module) -> Iterator[str]:
    """The private names that our own classes and modules give."""
    for node in ast.walk(module.tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            is_its_own = isinstance(node.value, ast.Name) and node.value.id == "self"
            yield from [node.attr] * is_its_own


def imported(module: Module) -> Iterator[str]:
    """The private modules and names that are imported from elsewhere."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and not node.level:
            yield from filter(private, (node.module or "").split("."))
            yield from (alias.name for alias in node.names if private(alias.name))
        elif isinstance(node, ast.Import):
            yield from (part for one in node.names for part in one.name.split(".") if private(part))


def test_few_private_names_of_the_client_library_are_used() -> None:
    ours = {name for module in ROOMS for name in own(module)}
    found = {name for module in ROOMS for name in used(module)} - ours - NO_SECRET

    assert found - THEIRS == set()
    assert "_sock" in found


@pytest.mark.parametrize("module", ROOMS, ids=lambda module: module.name)
def test_nothing_private_is_imported(module: Module) -> None:
    assert list(imported(module)) == []


@pytest.mark.parametrize("name", sorted(THEIRS))
def test_the_design_tells_of_each(name: str) -> None:
    assert f"`{name}`" in PAGE.read_text(encoding="utf-8")
