"""The pages: their examples run, and the reference leaves no name out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

import storage
import storage.aio
from tests.house.tree import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLES = Sybil(parsers=[PythonCodeBlockParser()], path=str(ROOT))


@pytest.fixture
def names() -> Iterator[dict[str, Any]]:
    """What the examples of a page define, one after the other; an open store is closed at the end,
    for a reader ends the program there."""
    defined: dict[str, Any] = {"__name__": "__main__"}
    yield defined
    for value in defined.values():
        if isinstance(value, storage.Storage):
            value.close()
        elif isinstance(value, storage.aio.Storage):
            asyncio.run(value.aclose())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_examples_of_a_page_run(
    page: Path, names: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STORAGE_URL", raising=False)
    document = EXAMPLES.parse(page)
    document.namespace = names

    for example in document.examples():
        example.evaluate()


def test_there_are_examples() -> None:
    """A parser that finds nothing would pass every page."""
    assert list(EXAMPLES.parse(ROOT / "README.md").examples())


@pytest.mark.parametrize("name", storage.__all__)
def test_a_public_name_is_on_the_reference_page(name: str) -> None:
    page = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")

    assert f":: storage.{name}\n" in page
