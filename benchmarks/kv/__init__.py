"""Key-value: the laws that the library must reach, each against a base written by hand."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from storage import ConfigurationError

from ..family import Family, Law, packages
from .memory import lru, memory, million
from .processes import processes
from .settings import Settings, add_options
from .sqlite import sqlite
from .startup import startup
from .tasks import sqlite_asyncio
from .update import update

LAWS: dict[str, Law[Settings]] = {
    "memory": memory,
    "lru": lru,
    "sqlite": sqlite,
    "sqlite-asyncio": sqlite_asyncio,
    "update": update,
    "processes": processes,
    "import": startup,
    "million": million,
}


def main(arguments: Sequence[str]) -> int:
    """Run the laws that the command line names, all of them if it names none."""
    family = Family("kv", __doc__, LAWS)
    add_options(family.parser)
    options = family.parser.parse_args(arguments)
    try:
        chosen = Settings(options)
    except ConfigurationError as error:
        family.parser.error(str(error))
    versions = f"SQLite {sqlite3.sqlite_version}, {packages('cachetools', 'aiosqlite')}"
    try:
        return family.run(options, chosen, f"files in {chosen.folder}", versions)
    finally:
        chosen.clean()
