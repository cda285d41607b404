"""What is mixed up on a command line destroys nothing, and shows no password."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

import storage
from tests.cli.ground import run
from tests.servers import Server

STEPS = """
def first(value):
    return {"n": value}
def second(value):
    return {**value, "lang": "en"}
ONE = {1: first}
TWO = {1: first, 2: second}
"""


@pytest.fixture
def bot(tmp_path: Path) -> Path:
    """A store whose namespaces are not all of one kind, and what migrates the users."""
    (tmp_path / "steps.py").write_text(STEPS, encoding="utf-8")
    path = tmp_path / "bot.db"
    with storage.SqliteStorage(path) as store:
        store.set("ann", "Ann")
        store.namespace("users").set("bob", "Bob")
        store.namespace("users").namespace("old").set("eve", "Eve")
        store.namespace("hits").incr("home")
    return path


def url(path: Path) -> str:
    return f"sqlite:///{path.as_posix()}"


def migrated(bot: Path, *words: str, steps: str = "ONE") -> Any:
    return run(bot.parent, "migrate", url(bot), "--migrations", f"steps:{steps}", *words)


def held(bot: Path) -> dict[str, Any]:
    with storage.SqliteStorage(bot) as store:
        users = store.namespace("users")
        return {
            "ann": store.get("ann"),
            "bob": users.get("bob"),
            "eve": users.namespace("old").get("eve"),
            "hits": store.namespace("hits").incr("home", 0),
        }


def record(name: str) -> dict[str, Any]:
    return {"__v": 1, "data": {"n": name}}


def test_a_command_leaves_alone_what_it_was_not_told_of(bot: Path) -> None:
    done = migrated(bot)

    assert done.returncode == 0
    left = b"3 in namespaces left alone (--namespace NAME)"
    assert done.stdout == b"1 of 1 entries migrated, " + left + b"\n"
    assert held(bot) == {"ann": record("Ann"), "bob": "Bob", "eve": "Eve", "hits": 1}


@pytest.mark.parametrize(("words", "name"), [(["users"], "bob"), (["users", "old"], "eve")])
def test_a_namespace_is_migrated_where_it_is_named(bot: Path, words: list[str], name: str) -> None:
    before = held(bot)

    done = migrated(bot, *(part for word in words for part in ("--namespace", word)))

    assert done.stdout.startswith(b"1 of 1 entries migrated")
    assert held(bot) == {**before, name: record(name.title())}


def noted(bot: Path, **others: Any) -> Path:
    """A note that is about all but the last of the keys."""
    file = bot.parent / "state.json"
    note = {
        "store": f"sqlite:{bot}[storage]",
        "version": 1,
        "migrations": "steps:ONE",
        "millisecond_precision": False,
        "cursor": "ann",
        **dict.fromkeys(["looked_at", "written", "kept", "elsewhere", "failed"], 0),
    }
    file.write_text(json.dumps({**note, **others}), encoding="utf-8")
    return file


def test_a_note_of_the_same_migrations_is_gone_on_from(bot: Path) -> None:
    file = noted(bot)

    done = migrated(bot, "--state", "state.json")

    assert (done.returncode, done.stderr) == (0, b"")
    assert held(bot)["ann"] == "Ann"
    assert not file.exists()


@pytest.mark.parametrize("others", [{"version": 2}, {"migrations": "other:ONE"},
                                    {"millisecond_precision": True}])  # fmt: skip
def test_a_note_of_other_migrations_is_not_gone_on_from(bot: Path, others: Any) -> None:
    file = noted(bot, **others)

    done = migrated(bot, "--state", "state.json")

    assert done.returncode == 0
    assert done.stderr.decode() == (
        "--state: what it notes is about other migrations: the migration begins anew\n"
    )
    assert held(bot)["ann"] == record("Ann")
    assert not file.exists()


@pytest.fixture
def address(valkey: Server) -> Iterator[str]:
    with redis.Redis(host=valkey.host, port=valkey.port) as client:
        client.mset({f"storage:k{number}": str(number) for number in range(2000)})
        yield valkey.url
        client.flushdb()


@pytest.mark.server
def test_a_place_in_a_server_is_not_noted(bot: Path, address: str) -> None:
    words = ["--migrations", "steps:ONE", "--state", "state.json"]

    done = run(bot.parent, "migrate", address, *words)

    assert (done.returncode, done.stdout) == (0, b"2000 of 2000 entries migrated\n")
    assert b"can not be noted here: the migration begins anew" in done.stderr
    assert not (bot.parent / "state.json").exists()


SWAPPED = [
    ["dump", "bot.jsonl", "redis://:hunter2@localhost"],
    ["load", "bot.jsonl", "redis://ann:hunter2@localhost/0?timeout=1"],
    ["copy", "sqlite:///bot.db", "sqlite:///x.db", "redis://:hunter2@localhost"],
    ["redis://:hunter2@localhost"],
    ["dump", "--file", "redis://:hun/ter2@localhost"],
    ["migrate", "sqlite:///bot.db", "--migrations", "steps:ONE", "--state", "rediss://u:hunter2@h"],
    ["migrate", "sqlite:///bot.db", "--migrations", "redis://:hunter2@localhost"],
]


@pytest.mark.parametrize("words", SWAPPED, ids=lambda words: words[0][:5])
def test_a_password_in_the_wrong_place_is_not_shown(bot: Path, words: list[str]) -> None:
    before = held(bot)

    done = run(bot.parent, *words)

    assert done.returncode in (1, 2)
    assert b"ter2" not in done.stdout + done.stderr
    assert held(bot) == before


def test_who_copies_what_is_encrypted_is_told_how(bot: Path) -> None:
    store = storage.SqliteStorage(bot.parent / "private.db")
    with storage.encrypted(store, b"k" * 32) as private:
        private.set_many({"a": 1, "b": 2})
        store.close()

    done = run(bot.parent, "copy", "sqlite:///private.db", "sqlite:///new.db")

    assert (done.returncode, done.stdout) == (1, b"0 of 2 entries copied, 2 failed\n")
    assert "what is encrypted or compressed is moved by the functions" in done.stderr.decode()
