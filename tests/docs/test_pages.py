"""The pages: their examples run, and the reference leaves no name out.

Where an example names `localhost:6379`, a server of the tests takes its place, and another one that
of Cloudflare, where it names an `ACCOUNT`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

import storage
import storage.aio
import storage.compat.gramio
import storage.compat.puregram
import storage.compat.vibegram
import storage.continuity
import storage.telegram
from tests.house.tree import ROOT
from tests.servers import Server
from tests.servers.cloudflare import KvServer

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLES = Sybil(parsers=[PythonCodeBlockParser()], path="/")
ADDRESS = "localhost:6379"


def sections(page: Path) -> list[str]:
    """The parts of a page, one for each heading of the second rank."""
    return re.split(r"^(?=## )", page.read_text(encoding="utf-8"), flags=re.MULTILINE)


def in_code(section: str) -> bool:
    """Whether the examples of *section* need a server."""
    blocks = re.findall(r"^```python\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return any(ADDRESS in block for block in blocks)


SERVED = [page for page in PAGES if any(map(in_code, sections(page)))]


def served(text: str, kv: KvServer) -> str:
    """The *text* of a page, about an account and a namespace that are there."""
    account, namespace, place = kv.account, kv.namespace, f"base_url={kv.url}"
    for told, meant in (
        ("cloudflare://ACCOUNT/NAMESPACE?", f"cloudflare://{account}/{namespace}?{place}&"),
        ("cloudflare://ACCOUNT/NAMESPACE", f"cloudflare://{account}/{namespace}?{place}"),
        ('"ACCOUNT", "NAMESPACE"', f'"{account}", "{namespace}", base_url="{kv.url}"'),
        ("cloudflare NAMESPACE", f"cloudflare {namespace}"),
    ):
        text = text.replace(told, meant)
    return text


def shown(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def run(page: Path, text: str, names: dict[str, Any], folder: Path) -> None:
    """Run the examples in *text*, whose lines are those of *page*, one after the other."""
    copy = folder / page.name
    copy.write_text(text, encoding="utf-8")
    document = EXAMPLES.parse(copy)
    document.namespace = names
    for example in document.examples():
        example.evaluate()


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


@pytest.fixture
def server(valkey: Server) -> Iterator[Server]:
    """A server that is empty again after the test."""
    yield valkey
    with redis.Redis(host=valkey.host, port=valkey.port) as client:
        client.flushdb()


@pytest.fixture(autouse=True)
def _a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run").mkdir()
    monkeypatch.chdir(tmp_path / "run")
    monkeypatch.delenv("STORAGE_URL", raising=False)


@pytest.fixture(autouse=True)
def _an_account(kv: KvServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token that a reader has in the environment."""
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", kv.token)


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_the_examples_of_a_page_run(
    page: Path, names: dict[str, Any], tmp_path: Path, kv: KvServer
) -> None:
    """Of a page that needs a server of Redis, the sections that do not."""
    parts = [re.sub(r".+", "", part) if in_code(part) else part for part in sections(page)]

    run(page, served("".join(parts), kv), names, tmp_path)


@pytest.mark.parametrize("page", SERVED, ids=shown)
def test_the_examples_of_a_page_run_on_a_server(
    page: Path, names: dict[str, Any], tmp_path: Path, server: Server, kv: KvServer
) -> None:
    text = page.read_text(encoding="utf-8").replace(ADDRESS, f"{server.host}:{server.port}")

    run(page, served(text, kv), names, tmp_path)


def test_an_example_that_runs_elsewhere_is_python() -> None:
    """As in a Worker."""
    blocks = [
        block
        for page in PAGES
        for block in re.findall(
            r"^```py\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
        )
    ]

    assert blocks
    for block in blocks:
        compile(block, "an example", "exec")


def test_there_are_examples() -> None:
    """A parser that finds nothing would pass every page."""
    assert list(EXAMPLES.parse(ROOT / "README.md").examples())
    assert {"docs/guide/stores.md", "docs/guide/deployment.md"} <= set(map(shown, SERVED))


@pytest.mark.parametrize("name", storage.__all__)
def test_a_public_name_is_on_the_reference_page(name: str) -> None:
    page = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")

    assert f":: storage.{name}\n" in page


@pytest.mark.parametrize(
    ("half", "name"),
    [
        (half, name)
        for half in (storage.compat.puregram, storage.compat.gramio, storage.compat.vibegram)
        for name in half.__all__
    ],
)
def test_a_name_of_another_library_is_on_the_reference_page(half: Any, name: str) -> None:
    page = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    ours = getattr(storage, name, None) is getattr(half, name)

    assert f":: {storage.__name__ if ours else half.__name__}.{name}\n" in page


@pytest.mark.parametrize("name", storage.telegram.__all__)
def test_a_name_of_telegram_is_on_the_reference_page(name: str) -> None:
    page = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")

    assert f":: storage.telegram.{name}\n" in page


@pytest.mark.parametrize("name", storage.continuity.__all__)
def test_a_name_of_session_continuity_is_on_the_reference_page(name: str) -> None:
    page = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")

    assert f":: storage.continuity.{name}\n" in page
