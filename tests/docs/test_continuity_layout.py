"""What `docs/guide/session-continuity.md` and `docs/design.md` say of how sessions are written is
so."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis

from storage import continuity
from storage.continuity import SessionManager
from tests.house.tree import ROOT
from tests.servers import Server

DOCS = ROOT / "docs"
PAGE = (DOCS / "guide" / "session-continuity.md").read_text(encoding="utf-8")
DESIGN = (DOCS / "design.md").read_text(encoding="utf-8")

HEADS = {"key": "| key | type |", "session": "| of a session |", "message": "| of a message |"}


def rows(name: str) -> dict[str, str]:
    """What a table says of the names in its first column."""
    table = PAGE.partition(f"\n{HEADS[name]}")[2].partition("\n\n")[0]
    found = re.findall(r"^\| (`.*?) \| (.*?) \|", table, re.MULTILINE)
    return {one: said for names, said in found for one in re.findall(r"`(.*?)`", names)}


def filled(adapter: Any) -> None:
    """A session and messages that have everything."""
    with SessionManager(adapter, session_ttl=60) as manager:
        manager.create_session(
            session_id="s",
            user_id="ann",
            active_agent_id="desk",
            token_budget={"max_tokens": 100},
            compression=continuity.SlidingWindowConfig(50),
        )
        manager.add_message("s", role="user", content="hello", message_id="m")
        manager.update_message("s", "m", content="hi")


@pytest.fixture
def client(valkey: Server) -> Iterator[redis.Redis]:
    """Who looks at what was written."""
    filled(continuity.RedisAdapter(valkey.url, ttl=600))
    with redis.Redis(host=valkey.host, port=valkey.port, decode_responses=True) as client:
        yield client
        client.flushall()


def test_the_keys_are_those_that_the_page_shows(client: redis.Redis) -> None:
    told = {
        key.replace("message:{id}", "message:m").format(id="s", userId="ann"): kind
        for key, kind in rows("key").items()
        if "{time}" not in key  # which is there for a moment
    }
    kinds = {"zset": "sorted set"}

    assert told == {key: kinds.get(kind := client.type(key), kind) for key in client.keys("*")}


@pytest.mark.parametrize(("name", "key"), [("session", "session:s"), ("message", "message:m")])
def test_the_fields_are_those_that_the_page_shows(client: redis.Redis, name: str, key: str) -> None:
    named = {word for word in rows(name) if word != "string"}

    assert set(client.hgetall(key)) == named


def test_the_tables_are_those_that_the_design_shows(tmp_path: Path) -> None:
    filled(continuity.SqliteAdapter(tmp_path / "bot.db"))
    with closing(sqlite3.connect(tmp_path / "bot.db")) as database:
        found = database.execute(
            "SELECT sql FROM sqlite_master WHERE type = 'table' AND name LIKE 'storage_dialog%'"
        ).fetchall()

    shown = re.findall(r"^CREATE TABLE (storage_dialog.*);$", DESIGN, re.MULTILINE)
    made = [re.sub(r'^CREATE TABLE "(\w+)"', r"\1", sql) for (sql,) in found]
    assert shown == made
