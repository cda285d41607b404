"""A store from its address, in both halves."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
from storage import ConfigurationError
from storage.testing import Bridge

SECRET = "hunter2"


def used(store: Any) -> Any:
    """What the store gives back of what it got, after which it is closed."""
    with Bridge() as bridge, bridge.driven(store) as driven:
        driven.set("k", [1, "é"])
        return driven.get("k")


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("memory://", "MemoryStorage"),
        ("memory://?ttl=60", "MemoryStorage"),
        ("lru://?max=10&ttl=1.5", "LruMemoryStorage"),
        ("sqlite:///bot.db", "SqliteStorage"),
        ("sqlite:///:memory:", "SqliteStorage"),
        ("sqlite:///with%20space.db?table=mine&durability=full&ttl=60", "SqliteStorage"),
        ("sqlite:///bot.db?layout=gramio&sweep_interval=3600&codec=fast", "SqliteStorage"),
    ],
)
def test_an_address_opens_a_store(
    url: str, kind: str, half: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    store = half.open(url)

    assert type(store) is getattr(half, kind)
    assert used(store) == [1, "é"]


def test_four_slashes_are_an_absolute_path(half: Any, tmp_path: Path) -> None:
    assert used(half.open(f"sqlite:///{tmp_path}/bot.db")) == [1, "é"]
    assert (tmp_path / "bot.db").exists()


def test_without_an_address_the_environment_has_it(
    half: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_URL", "lru://?max=5")

    assert isinstance(half.open(), half.LruMemoryStorage)


def test_without_any_address_nothing_is_opened(half: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STORAGE_URL", raising=False)

    with pytest.raises(ConfigurationError, match=r"STORAGE_URL.*scheme://"):
        half.open()
    monkeypatch.setenv("STORAGE_URL", "")
    with pytest.raises(ConfigurationError, match=r"STORAGE_URL.*scheme://"):
        half.open()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        (f"mongo://user:{SECRET}@host/db", "there are cloudflare, lru, memory, redis, redis"),
        (f"redis://user:{SECRET}℀@host", "can not be read"),
        (f"memory://user:{SECRET}@host", "no host and no path"),
        (f"memory://?password={SECRET}", "no option password; there are codec, ttl"),
        (f"memory://?ttl={SECRET}", "the option ttl"),
        ("memory://?ttl=0", "ttl of a store must be positive"),
        ("memory://?ttl=nan", "ttl of a store must be positive"),
        ("memory://?ttl=1&ttl=2", "given twice"),
        ("memory://?ttl", "can not be read"),
        ("memory://#a", "#"),
        ("lru://", "max is missing"),
        ("lru://?max=0", "max must be a positive"),
        ("lru://?max=inf", "max must be a positive"),
        ("sqlite://bot.db", "write sqlite:///relative.db"),
        ("sqlite:///", "write sqlite:///relative.db"),
        ("sqlite:///a.db?durability=half", "durability must be"),
        ("sqlite:///a.db?layout=other", "layout must be one of"),
        ("sqlite:///a.db?table=sqlite_master", "belong to SQLite"),
        ("sqlite:///a.db?sweep_interval=-1", "sweep_interval"),
        ("sqlite:///a.db?codec=slow", "the option codec takes json or fast"),
        ("redis://host?timeout=0", "the option timeout takes positive seconds"),
        ("redis://host?connect_timeout=soon", "connect_timeout takes positive seconds"),
        ("redis://host?connections=0", "connections takes a whole number above 0"),
        ("redis://host?protocol=4", "the option protocol takes 2 or 3"),
        ("redis://host?db=-1", "the option db takes a whole number"),
        ("rediss://host?ssl_check_hostname=1", "ssl_check_hostname takes true or false"),
        ("redis://host/0?db=1", "db contradicts the path"),
        ("redis+sentinel://host/service/0?db=1", "db contradicts the path"),
        ("redis://host/one?db=1", "the path is the number of a database"),
        (f"redis://:{SECRET}/a@host:1", "write %2F for a /"),
        (f"redis://user:a/{SECRET}@host/0", "write %2F for a /"),
        (f"redis://user:1/{SECRET}@host/0", "write %2F for a /"),
        (f"redis://user:1/{SECRET}@host/0?db=1", "write %2F for a /"),
        (f"redis+sentinel://:a/{SECRET}@host/service", "write %2F for a /"),
        (f"redis+cluster://user:1/{SECRET}@host", "write %2F for a /"),
        (f"unix://user:a/{SECRET}@/run/redis.sock", "write %2F for a /"),
        (f"redis://:a?{SECRET}@host", "%3F for a ?"),
        (f"redis://:a?{SECRET}=b@host", "%3F for a ?"),
        (f"redis://:a#{SECRET}@host", "write %23"),
        ("bot.db", "scheme://"),
        (5, "scheme://"),
    ],
)
def test_a_wrong_address_is_refused_in_words_that_show_no_secret(
    url: Any, says: str, half: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigurationError) as caught:
        half.open(url)

    assert says in str(caught.value)
    error: BaseException | None = caught.value
    while error is not None:
        assert SECRET not in f"{error} {error!r}"
        error = error.__cause__
    assert list(tmp_path.iterdir()) == []


OPENER = """
import storage, storage.aio

def blocking(address):
    return storage.MemoryStorage({"place": address.netloc + address.path})

def awaited(address):
    return storage.aio.MemoryStorage({"place": address.netloc + address.path})
"""
ENTRY_POINTS = """
[chatstorage.schemes]
elsewhere = elsewhere_storage:blocking
broken = elsewhere_storage:nothing

[chatstorage.aio.schemes]
elsewhere = elsewhere_storage:awaited
broken = elsewhere_storage:nothing
"""


@pytest.fixture
def _another_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What pip leaves of a package that brings schemes of its own."""
    info = tmp_path / "elsewhere_storage-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere-storage\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    (tmp_path / "elsewhere_storage.py").write_text(OPENER)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("elsewhere_storage", None)


@pytest.mark.usefixtures("_another_package")
def test_another_package_brings_a_scheme(half: Any) -> None:
    store = half.open("elsewhere://host/path")

    place = store.get("place")
    assert (asyncio.run(place) if half is storage.aio else place) == "host/path"


@pytest.mark.usefixtures("_another_package")
def test_a_package_that_can_not_be_loaded_is_named(half: Any) -> None:
    with pytest.raises(ConfigurationError, match="broken:// can not be loaded: AttributeError"):
        half.open("broken://")


@pytest.mark.usefixtures("_another_package")
def test_the_schemes_of_other_packages_are_listed(half: Any) -> None:
    with pytest.raises(
        ConfigurationError, match="there are broken, cloudflare, elsewhere, lru, memory, redis"
    ):
        half.open("other://")
