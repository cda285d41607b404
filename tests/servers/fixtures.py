"""The servers as fixtures: each is started once in a run, when a test asks for it first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Protocol, TypeVar

import pytest

from tests.fault.proxy import Proxy

from .binaries import KNOWN, LACKING, ServerMissingError, required
from .cloudflare import KvServer, kv_server
from .cluster import Cluster, cluster_of
from .miniflare import Engine, install, running_engine
from .pyodide import Pyodide
from .pyodide import install as install_pyodide
from .sentinel import Sentinel, sentinel_of
from .server import Server, running

if TYPE_CHECKING:
    from .tls import Certificates

KINDS = ("valkey", "redis8", "redis6")
"""The servers of their own, newest first."""


class Restored(Protocol):
    """Something that one test may hurt, and the next one wants whole."""

    def restore(self) -> None: ...


T = TypeVar("T", bound=Restored)

_SHARED: list[Restored] = []
"""What runs at the moment, for all tests."""


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Valkey server for the whole run; a test takes away the keys that it wrote."""
    yield from _shared("valkey", running, tmp_path_factory)


@pytest.fixture(scope="session")
def redis8(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Redis 8 for the whole run."""
    yield from _shared("redis8", running, tmp_path_factory)


@pytest.fixture(scope="session")
def redis6(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Redis 6.2 for the whole run."""
    yield from _shared("redis6", running, tmp_path_factory)


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest) -> Server:
    """Each of the servers, one after the other."""
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three masters and three replicas for the whole run."""
    yield from _shared("cluster", cluster_of, tmp_path_factory)


@pytest.fixture(scope="session")
def sentinel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sentinel]:
    """A master, two replicas and three Sentinels for the whole run."""
    yield from _shared("sentinel", sentinel_of, tmp_path_factory)


@pytest.fixture
def proxy(valkey: Server) -> Iterator[Proxy]:
    """A way to the Valkey server on which a test can make things go wrong."""
    with Proxy(valkey.address) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def node() -> Path:
    """Node.js, which runs a program in JavaScript."""
    return _found("node")


@pytest.fixture(scope="session")
def _kv() -> Iterator[KvServer]:
    with kv_server() as server:
        yield server


@pytest.fixture
def kv(_kv: KvServer) -> Iterator[KvServer]:
    """A server that behaves like Cloudflare's KV, with nothing in it."""
    yield _kv
    unmet, broken = _kv.unmet, [*_kv.broken]
    _kv.clear()
    assert not unmet, "a fault met no request"
    assert not broken, broken


@pytest.fixture(scope="session")
def miniflare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The local engine of Cloudflare's KV for the whole run; a test clears it."""
    folder = tmp_path_factory.mktemp("miniflare")
    node = _found("miniflare")
    try:
        install(folder)
    except ServerMissingError as error:
        _lacking("miniflare", error)
    with running_engine(node, folder) as engine:
        yield engine


@pytest.fixture(scope="session")
def pyodide(tmp_path_factory: pytest.TempPathFactory) -> Pyodide:
    """Python inside of JavaScript."""
    folder = tmp_path_factory.mktemp("pyodide")
    node = _found("pyodide")
    try:
        install_pyodide(folder)
    except ServerMissingError as error:
        _lacking("pyodide", error)
    return Pyodide(node, folder)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """For a proxy that ends TLS."""
    from .tls import Certificates  # not everybody who runs a test has what makes them

    return Certificates.made(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(autouse=True)
def _servers_are_whole_again() -> Iterator[None]:
    """Dead and paused servers, moved clocks and slots are a matter of one test."""
    yield
    for one in [*_SHARED]:
        # What can not be mended is not waited for again after every test that follows.
        _SHARED.remove(one)
        one.restore()
        _SHARED.append(one)


def _found(name: str) -> Path:
    """The binary of a kind; where there is none, the test is skipped, which is counted."""
    try:
        return KNOWN[name]()
    except ServerMissingError as error:
        _lacking(name, error)


def _lacking(name: str, error: ServerMissingError) -> NoReturn:
    """A failure where it is required, and else a skip, which is counted."""
    LACKING[name] = str(error)
    if name in required():
        pytest.fail(f"STORAGE_REQUIRE names {name}: {error}", pytrace=False)
    pytest.skip(f"{name}: {error}")


def _shared(
    name: str,
    start: Callable[[Path, Path], AbstractContextManager[T]],
    folders: pytest.TempPathFactory,
) -> Iterator[T]:
    with start(_found(name), folders.mktemp(name)) as one:
        _SHARED.append(one)
        yield one
        if one in _SHARED:
            _SHARED.remove(one)
