"""Whole stores on their way into KV and out of it, by functions and by commands."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import storage
from storage import MISSING, UnsupportedError
from storage.testing import Bridge, Clock
from tests.cli.ground import run
from tests.cloudflare.ground import asked, store_of
from tests.moving.ground import Colour
from tests.servers.cloudflare import KvServer

MIGRATIONS = {1: lambda old: {"name": old}}
VALUES = {f"user {number}": {"step": number} for number in range(250)}


@pytest.fixture
def colour(half: Any, bridge: Bridge) -> Colour:
    return Colour(half, bridge)


@pytest.fixture
def bot(half: Any, bridge: Bridge, clock: Clock) -> Iterator[Any]:
    """A store in memory with entries that end and others that do not."""
    with bridge.driven(half.MemoryStorage(clock=clock)) as store:
        store.set_many(VALUES, ttl=100.5)
        store.set("for ever", [None])
        store.namespace("carts").set("ann", ["tea"], ttl=7)
        yield store


@pytest.fixture
def edge(half: Any, bridge: Bridge, kv: KvServer, clock: Clock) -> Iterator[Any]:
    with bridge.driven(store_of(half, kv, prefix="bot:", clock=clock)) as store:
        yield store


def test_a_store_is_copied_to_the_edge_and_back(
    colour: Colour, half: Any, bridge: Bridge, bot: Any, edge: Any, clock: Clock
) -> None:
    edge.set_many({"for ever": "old", "theirs": 1})

    there = colour.copy(bot, edge, verify=True)

    assert (there.written, there.kept, there.is_whole) == (252, 0, True)
    assert edge.get_many(["for ever", "theirs"]) == {"for ever": [None], "theirs": 1}
    assert edge.delete("theirs")
    with bridge.driven(half.MemoryStorage(clock=clock)) as other:
        back = colour.copy(edge, other, verify=True)
        assert (back.written, back.is_whole) == (252, True)
        assert colour.kept(other) == colour.kept(bot) == colour.kept(edge)


def test_a_dump_is_loaded_at_the_edge_with_its_ends(
    colour: Colour, bot: Any, edge: Any, clock: Clock
) -> None:
    file = io.BytesIO()
    colour.dump(bot, file)
    file.seek(0)
    clock.tick(8)

    report = colour.load(edge, file)

    assert (report.written, report.over, report.is_whole) == (251, 1, True)
    assert edge.expires_at("user 7") == bot.expires_at("user 7")
    assert edge.namespace("carts").get("ann", MISSING) is MISSING
    assert len(list(edge.keys())) == 251


@pytest.mark.parametrize("way", ["copy", "load"])
def test_what_is_there_can_not_stay_as_it_is(
    colour: Colour, bot: Any, edge: Any, kv: KvServer, way: str
) -> None:
    file = io.BytesIO()
    colour.dump(bot, file)
    file.seek(0)

    things = (bot, edge) if way == "copy" else (edge, file)
    with pytest.raises(UnsupportedError, match='say existing="replace"') as caught:
        getattr(colour, way)(*things, existing="keep")

    assert caught.value.store == edge._layers.label
    assert kv.requests == []


def test_a_place_is_not_copied_into_itself(
    colour: Colour, half: Any, bridge: Bridge, edge: Any, kv: KvServer
) -> None:
    edge.set("k", 1)
    inner = bridge.driven(store_of(half, kv, prefix="bot:inner:"))
    kv.lag(60)  # what is written now is not seen there
    asked(kv)
    with inner, pytest.raises(storage.ConfigurationError, match="one place"):
        colour.copy(edge, inner)

    assert list(kv.stored) == ["bot:k"]
    assert asked(kv) == []


def test_records_are_migrated_where_they_are_read_and_stay_as_they_are(
    colour: Colour,
    half: Any,
    bridge: Bridge,
    edge: Any,
    kv: KvServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    edge.set_many({"ann": "Ann", "bob": "Bob"}, ttl=600)
    before = kv.stored
    new = bridge.driven(half.enhance_storage(edge._thing if half is storage.aio else edge,
                                             migrations=MIGRATIONS))  # fmt: skip
    asked(kv)

    with caplog.at_level(logging.INFO):
        assert new.get("ann") == {"name": "Ann"}
        assert new.get_many(["bob"]) == {"bob": {"name": "Bob"}}
        assert dict(new.items()) == {"ann": {"name": "Ann"}, "bob": {"name": "Bob"}}

    assert {told.split("/")[-1] for told in asked(kv)} == {"get", "GET keys"}
    assert kv.stored == before
    assert [one for one in caplog.records if one.name == "storage"] == []
    new.set("ann", {"name": "Anna"})
    assert edge.get("ann") == {"__v": 1, "data": {"name": "Anna"}}


def test_a_migration_in_place_is_refused_and_one_that_only_tries_is_not(
    colour: Colour, half: Any, bridge: Bridge, edge: Any, kv: KvServer
) -> None:
    edge.set_many({"ann": "Ann", "bob": "Bob"})
    under = edge._thing if half is storage.aio else edge
    new = bridge.driven(half.enhance_storage(under, migrations=MIGRATIONS))
    before = kv.stored
    asked(kv)

    with pytest.raises(UnsupportedError, match="copy writes them anew into another store"):
        colour.migrate(new)
    assert kv.requests == []
    assert colour.migrate(new, dry_run=True).written == 2
    assert kv.stored == before


def test_a_copy_brings_records_to_the_version_of_the_code(
    colour: Colour, half: Any, bridge: Bridge, edge: Any, kv: KvServer
) -> None:
    edge.set("ann", "Ann")
    with bridge.driven(store_of(half, kv, prefix="new:")) as base:
        under = base._thing if half is storage.aio else base
        new = bridge.driven(half.enhance_storage(under, migrations=MIGRATIONS))

        assert colour.copy(edge, new, verify=True).is_whole
        assert base.get("ann") == {"__v": 1, "data": {"name": "Ann"}}


class TestCommands:
    """`python -m storage` with the address of a namespace."""

    @pytest.fixture(autouse=True)
    def _ground(self, kv: KvServer, tmp_path: Path) -> None:
        self.folder = tmp_path
        self.url = f"cloudflare://{kv.account}/{kv.namespace}?prefix=bot:&base_url={kv.url}"
        self.token = kv.token
        self.bot = f"sqlite:///{(tmp_path / 'bot.db').as_posix()}"
        with storage.open(self.bot) as store:
            store.set_many({"ann": {"name": "Zo\u00eb"}, "bob": 2}, ttl=3600)

    def run(self, *arguments: str, given: bytes = b"") -> Any:
        told = run(self.folder, *arguments, given=given, CLOUDFLARE_API_TOKEN=self.token)
        assert self.token.encode() not in told.stdout + told.stderr
        return told

    def items(self) -> dict[str, Any]:
        with storage.open(self.url) as store:
            return dict(store.items())

    @pytest.fixture(autouse=True)
    def _token(self, _ground: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CLOUDFLARE_API_TOKEN", self.token)

    def test_entries_are_copied_to_the_edge_dumped_and_loaded(self) -> None:
        told = self.run("copy", self.bot, self.url, "--verify")
        assert (told.returncode, told.stderr) == (0, b"")
        assert told.stdout == b"2 of 2 entries copied, 2 compared: all the same\n"
        right = {"ann": {"name": "Zo\u00eb"}, "bob": 2}
        assert self.items() == right

        dumped = self.run("dump", self.url)
        assert dumped.returncode == 0
        with storage.open(self.url) as store:
            assert store.clear() == 2
        loaded = self.run("load", self.url, "-", given=dumped.stdout)
        assert (loaded.returncode, loaded.stdout) == (0, b"2 of 2 entries loaded\n")
        assert self.items() == right

    def test_what_can_not_be_done_is_said_in_a_line(self, kv: KvServer) -> None:
        (self.folder / "mine.py").write_text("STEPS = {1: str}\n", encoding="utf-8")
        kv.forget()
        for arguments, words in {
            ("copy", self.bot, self.url, "--keep"): b"can not look and write at once",
            ("migrate", self.url, "--migrations", "mine:STEPS"): b"can not look and write at once",
            ("dump", self.url, "talks", "--conversations"): b"memory, SQLite or Redis",
        }.items():
            told = self.run(*arguments)
            assert told.returncode != 0
            assert words in told.stderr
            assert told.stderr.count(b"\n") == 1, told.stderr
        assert kv.requests == []
        assert not (self.folder / "talks").exists()
