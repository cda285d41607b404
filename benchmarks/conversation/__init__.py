"""Conversations: what it costs to add to one and to read the end of it, beside other libraries."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests import servers

from ..family import Family, Law, packages
from ..kv.settings import disk
from ..redis.served import answers, serving
from .beside import beside
from .memory import memory
from .settings import Settings
from .sizes import sizes
from .sqlite import sqlite
from .tasks import tasks
from .trips import trips
from .writers import writers

LAWS: dict[str, Law[Settings]] = {
    "redis": trips,
    "tasks": tasks,
    "sqlite": sqlite,
    "memory": memory,
    "bytes": sizes,
    "writers": writers,
    "peers": beside,
}


def main(arguments: Sequence[str]) -> int:
    """Run the laws that the command line names, all of them if it names none."""
    family = Family("conversation", __doc__, LAWS, values=False)
    options = family.parser.parse_args(arguments)
    try:
        binary = servers.find_valkey()
    except servers.ServerMissingError as error:
        family.parser.error(str(error))
    names = packages("redis", "hiredis", "openai-agents", "langchain-community")
    with (
        tempfile.TemporaryDirectory(prefix="benchmarks-", dir=disk()) as folder,
        serving(binary) as server,
    ):
        chosen = Settings(options, server.url, Path(folder))
        where = f"{answers(chosen)}, files in {folder}"
        return family.run(options, chosen, where, f"SQLite {sqlite3.sqlite_version}, {names}")
