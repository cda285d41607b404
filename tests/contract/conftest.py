"""What runs for all tests of a folder is there before the first of them begins, and which of them
run by day."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from tests.day import IS_LONG
from tests.servers.cloudflare import KvServer

HERE = Path(__file__).parent

KINDS = (
    ("sqlite-connection", "sqlite-puregram", "sqlite-gramio"),
    ("valkey-puregram", "valkey-gramio"),
    ("redis8", "redis6"),
    ("cloudflare", "cloudflare-verbatim"),
    ("cloudflare-binding", "cloudflare-least-binding"),
    ("dict", "three-methods", "mixed-methods"),
    ("one-step-client", "two-step-client", "encrypted one-step-client"),
    ("reads-and-writes", "tiered reads-and-writes", "well reads-and-writes"),
    ("enhanced four-methods", "enhanced only-reads-and-writes"),
    ("enhanced memory", "folded memory"),
    ("tiered memory", "tiered valkey"),
    ("gramio-fallback", "well sqlite-gramio", "dead"),
)
"""Places that are of one kind take turns by day: each law, and each thing that it is about, is
proved on every second one. Memory, SQLite, Valkey, and what is alone in its kind, meet all."""


@pytest.fixture(scope="session", autouse=True)
def _kv_is_there(_kv: KvServer) -> None:
    """A row asks for it in the middle of a test, which would be said to have left it open."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    rows: defaultdict[Any, dict[Any, None]] = defaultdict(dict)
    laws: defaultdict[Any, list[pytest.Item]] = defaultdict(list)
    for item in [] if IS_LONG else items:
        row = _row_of(item)
        if row is not None:
            rows[item.cls, _kind(row)][row] = None
            laws[item.cls, item.originalname, row].append(item)
    left = set()
    for (suite, law, row), things in laws.items():
        alike = [*rows[suite, _kind(row)]]
        first = crc32(law.encode()) + alike.index(row)
        left |= {one for place, one in enumerate(things, first) if place % 2 and alike[1:]}
    if left:
        config.hook.pytest_deselected(items=[one for one in items if one in left])
        items[:] = [one for one in items if one not in left]


def _row_of(item: pytest.Item) -> Any:
    """The place that a test of this folder is about, if it is about one."""
    if not isinstance(item, pytest.Function) or item.path.parent != HERE:
        return None
    return item.callspec.params.get("row") if hasattr(item, "callspec") else None


def _kind(row: Any) -> tuple[str, ...]:
    return next((kind for kind in KINDS if row.name in kind), (str(row),))
