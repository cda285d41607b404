"""Runs laws against a server of their own, with nothing in it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from redis.utils import HIREDIS_AVAILABLE

from storage import ConfigurationError
from tests import servers

from .. import cores
from ..family import Family, packages
from ..harness import watched
from .settings import Settings

PACKAGES = (
    "redis",
    "hiredis",
    "coredis",
    "valkey-glide",
    "valkey-glide-sync",
    "aiogram",
    "pyTelegramBotAPI",
)


def run(family: Family[Settings], arguments: Sequence[str]) -> int:
    """Run the laws that the command line names, all of them if it names none."""
    cores.add_option(family.parser)
    options = family.parser.parse_args(arguments)
    cores.keep_to(options, family.parser)
    try:
        binary = servers.find_valkey()
    except servers.ServerMissingError as error:
        family.parser.error(str(error))
    versions = packages(*PACKAGES)
    with serving(binary) as server:
        try:
            chosen = Settings(options, server.url)
        except ConfigurationError as error:
            family.parser.error(str(error))
        return family.run(options, chosen, answers(chosen), versions)


@contextmanager
def serving(binary: Path) -> Iterator[servers.Server]:
    """A server for a `with` block, whose work is counted where the system tells of it."""
    with (
        tempfile.TemporaryDirectory(prefix="benchmarks-") as folder,
        servers.running(binary, Path(folder), clock=False) as server,
        watched(cores.worked(int(server.info("server")["process_id"]))),
    ):
        yield server


def answers(chosen: Settings) -> str:
    """Who answers, and who reads that."""
    parser = "hiredis" if HIREDIS_AVAILABLE else "Python (hiredis is not installed)"
    where = f"{chosen.server_version()} on loopback, it and the benchmark on {cores.described()}"
    return f"{where}, answers read by {parser}"
