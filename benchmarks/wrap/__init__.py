"""What stands on a store: layers against none, and whole stores that are moved against what one
would write by hand."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Sequence
from pathlib import Path

from storage import ConfigurationError
from tests import servers

from ..family import Family, Law, packages
from .copying import copying
from .layers import folded, layers
from .settings import Settings

LAWS: dict[str, Law[Settings]] = {
    "layers": layers,
    "folded": folded,
    "copy": copying,
}


def main(arguments: Sequence[str]) -> int:
    """Run the laws that the command line names, all of them if it names none."""
    family = Family("wrap", __doc__, LAWS)
    options = family.parser.parse_args(arguments)
    try:
        binary = servers.find_valkey()
    except servers.ServerMissingError as error:
        family.parser.error(str(error))
    versions = f"SQLite {sqlite3.sqlite_version}, {packages('redis', 'hiredis')}"
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as place:
        folder = Path(place)
        (folder / "server").mkdir()
        with servers.running(binary, folder / "server") as server:
            try:
                chosen = Settings(options, server.url, folder)
            except ConfigurationError as error:
                family.parser.error(str(error))
            return family.run(options, chosen, f"files in {folder}, a server on loopback", versions)
