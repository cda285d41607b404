"""A store whose constructor fails is looked at by whoever shows the traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio

MAKERS: dict[str, Callable[[Any, Path], Any]] = {
    "memory": lambda half, folder: half.MemoryStorage(ttl=-1),
    "lru": lambda half, folder: half.LruMemoryStorage(0),
    "sqlite": lambda half, folder: half.SqliteStorage(folder / "bot.db", ttl=-1),
    "redis": lambda half, folder: half.RedisStorage("redis://localhost", ttl=-1),
    "cloudflare": lambda half, folder: half.CloudflareStorage("a", "b", "token", timeout=-1),
}


@pytest.mark.parametrize("half", [storage, storage.aio], ids=["blocking", "aio"])
@pytest.mark.parametrize("name", MAKERS)
def test_a_store_that_was_not_made_can_be_shown(name: str, half: Any, tmp_path: Path) -> None:
    with pytest.raises((ValueError, TypeError)) as caught:
        MAKERS[name](half, tmp_path)

    stores = [
        entry.frame.f_locals["self"]
        for entry in caught.traceback
        if isinstance(entry.frame.f_locals.get("self"), half.Storage)
    ]
    assert [repr(store) for store in stores] == [
        f"<{type(store).__name__} not made>" for store in stores
    ]
    assert stores
