"""What every test gets: a Hypothesis profile, a gate against leaks, both colours, and servers."""

from __future__ import annotations

import gc
import os
import random
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from storage.testing import Bridge
from tests import servers
from tests.day import FEW, HALVES, IS_LONG
from tests.leaks import Held, collect
from tests.servers.fixtures import (
    _kv,
    _servers_are_whole_again,
    certificates,
    cluster,
    kv,
    miniflare,
    node,
    proxy,
    pyodide,
    redis6,
    redis8,
    sentinel,
    server,
    valkey,
)
from tests.standstill import standing_still
from tests.timed import pytest_runtest_protocol, tell_of_void_runs

__all__ = [
    "_kv",
    "_servers_are_whole_again",
    "certificates",
    "cluster",
    "kv",
    "miniflare",
    "node",
    "proxy",
    "pyodide",
    "pytest_runtest_protocol",
    "redis6",
    "redis8",
    "sentinel",
    "server",
    "valkey",
]

TOPOLOGY = {"cluster", "sentinel"}

# The same examples on every machine and in every run: a red run is about the change.
settings.register_profile("ci", derandomize=True, max_examples=40, deadline=None, print_blob=True)
# Where a law is proved with more of them elsewhere.
settings.register_profile(FEW, settings.get_profile("ci"), max_examples=10)
# Other examples every night; the seed is printed.
settings.register_profile("nightly", max_examples=2000, deadline=None, print_blob=True)
settings.load_profile("ci")


IN_MEMORY = Path("/dev/shm")
ROOM = 2**30
"""Bytes that have to be free there for the files of the tests."""


@pytest.fixture(autouse=True)
def _nothing_is_left_open() -> Iterator[None]:
    """Fail the test that leaks, and not a later one."""
    before = Held.now()
    yield
    left = before.left()
    assert not left, f"left open: {', '.join(left)}"


@pytest.fixture(params=HALVES, ids=["blocking", "aio"])
def half(request: pytest.FixtureRequest) -> Any:
    """The package of either colour."""
    return request.param


@pytest.fixture
def bridge() -> Iterator[Bridge]:
    """It lets objects of both colours be used by plain calls."""
    with Bridge() as bridge:
        yield bridge


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    _check_required()
    _quicken()
    # Who is told to end takes the servers down: as with Ctrl-C, the fixtures come to their end.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Who is started in the background is deaf to it, and so would be all that the tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    options = config.option
    if options.hypothesis_profile == "nightly" and options.hypothesis_seed is None:
        options.hypothesis_seed = str(random.randrange(2**32))


def pytest_report_header(config: pytest.Config) -> str | None:
    seed = config.option.hypothesis_seed
    return None if seed is None else f"the same run again: --hypothesis-seed={seed}"


# A worker puts the group into the name of a test at the same moment: the mark has to be there then.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        used = _servers_of(item)
        if used:
            item.add_marker(pytest.mark.server)
        if used & TOPOLOGY:
            item.add_marker(pytest.mark.topology)
            if config.pluginmanager.has_plugin("xdist"):
                item.add_marker(pytest.mark.xdist_group("topology"))


def pytest_collection() -> None:
    gc.disable()  # next to nothing that is collected is garbage, and it is a third of the time


def pytest_collection_finish() -> None:
    collect()
    gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop() -> Generator[None, object, object]:
    with standing_still():
        return (yield)


@pytest.hookimpl(optionalhook=True, wrapper=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> Generator[None, int, int]:
    """What needs servers waits for them, for deadlines and for processes half of its time, so that
    there is work for one more than there are processors."""
    found: int = yield
    return found + ("server" not in config.option.markexpr)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    if config.getvalue("dist") != "loadgroup":
        return None
    from tests.spreading import Spreading  # not everybody who runs a test has pytest-xdist

    return Spreading(config, log)


def _quicken() -> None:
    """By day, files are where no disk is waited for; by night on the disk."""
    if not IS_LONG and _has_room(IN_MEMORY):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(IN_MEMORY))


def _has_room(folder: Path) -> bool:
    """Whether tests can write there as much as they do, and start what they have written."""
    if not os.access(folder, os.W_OK):
        return False
    there = os.statvfs(folder)
    return there.f_bavail * there.f_frsize >= ROOM and not there.f_flag & os.ST_NOEXEC


def _servers_of(item: pytest.Item) -> set[str]:
    """The servers that a test asks for: as a fixture, or as the parameter of one."""
    names = set(getattr(item, "fixturenames", ()))
    if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
        names |= {value for value in item.callspec.params.values() if isinstance(value, str)}
    return names & servers.KNOWN.keys()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    wanted = "not server" not in config.option.markexpr
    for name, reason in servers.missing().items() if wanted else ():
        terminalreporter.write_line(f"not run, not to be had: {name}: {reason}", yellow=True)
    tell_of_void_runs(terminalreporter)
    header = pytest_report_header(config)
    if header:
        terminalreporter.write_line(header)


def _check_required() -> None:
    """Where `STORAGE_REQUIRE` names a server, its absence is a failure and not a skip."""
    names = servers.required()
    unknown = sorted(set(names) - servers.KNOWN.keys())
    if unknown:
        known = ", ".join(servers.KNOWN)
        raise pytest.UsageError(f"STORAGE_REQUIRE names {', '.join(unknown)}; there are {known}")
    try:
        missing = servers.missing()
    except servers.ServerFailedError as error:
        raise pytest.UsageError(str(error)) from None
    for name in names:
        if name in missing:
            raise pytest.UsageError(f"STORAGE_REQUIRE names {name}: {missing[name]}")
