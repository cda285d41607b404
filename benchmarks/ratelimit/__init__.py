"""Rate limits: what a hit costs, what is kept of it, and whether more pass than may."""

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
from .exact import exact
from .memory import memory
from .settings import Settings
from .sizes import sizes
from .sqlite import sqlite
from .trips import trips

LAWS: dict[str, Law[Settings]] = {
    "memory": memory,
    "sqlite": sqlite,
    "redis": trips,
    "peers": beside,
    "bytes": sizes,
    "exact": exact,
}


def main(arguments: Sequence[str]) -> int:
    """Run the laws that the command line names, all of them if it names none."""
    family = Family("ratelimit", __doc__, LAWS, values=False)
    options = family.parser.parse_args(arguments)
    try:
        binary = servers.find_valkey()
    except servers.ServerMissingError as error:
        family.parser.error(str(error))
    names = packages("redis", "hiredis", "limits", "throttled-py", "pyrate-limiter")
    with (
        tempfile.TemporaryDirectory(prefix="benchmarks-", dir=disk()) as folder,
        serving(binary) as server,
    ):
        chosen = Settings(options, server.url, Path(folder))
        where = f"{answers(chosen)}, files in {folder}"
        return family.run(options, chosen, where, f"SQLite {sqlite3.sqlite_version}, {names}")
