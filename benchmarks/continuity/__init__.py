"""Session continuity: what a message costs with all that is counted beside it, and in how many
trips."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests import servers

from ..family import Family, Law, packages
from ..kv.settings import disk
from ..redis.served import answers, serving
from .crowd import crowd
from .lists import lists
from .local import memory, sqlite
from .settings import Settings
from .tasks import tasks
from .times import redis
from .trips import trips

LAWS: dict[str, Law[Settings]] = {
    "trips": trips,
    "redis": redis,
    "tasks": tasks,
    "lists": lists,
    "crowd": crowd,
    "sqlite": sqlite,
    "memory": memory,
}


def main(arguments: Sequence[str]) -> int:
    """Run the laws that the command line names, all of them if it names none."""
    family = Family("continuity", __doc__, LAWS, values=False)
    options = family.parser.parse_args(arguments)
    try:
        binary = servers.find_valkey()
    except servers.ServerMissingError as error:
        family.parser.error(str(error))
    names = packages("redis", "hiredis")
    with (
        tempfile.TemporaryDirectory(prefix="benchmarks-", dir=disk()) as folder,
        serving(binary) as server,
    ):
        chosen = Settings(options, server.url, Path(folder))
        where = f"{answers(chosen)}, files in {folder}"
        return family.run(options, chosen, where, f"SQLite {sqlite3.sqlite_version}, {names}")
