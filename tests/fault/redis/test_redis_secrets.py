"""No error, nothing that led to it, no `repr` and no log shows a password or a value, whatever the
server says."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio

import storage
from tests.fault import faults
from tests.fault.conftest import Open
from tests.fault.ground import SECRET, chain
from tests.fault.proxy import Proxy
from tests.fault.redis.ground import failure, url
from tests.servers import Server, protected, running, states, user

pytestmark = pytest.mark.timed

PASSWORD = "correct-horse-battery"
SHORT = 0.1

State = Callable[[Server], AbstractContextManager[Any]]

STATES: dict[str, State] = {
    "full": states.full,
    "read only": states.read_only,
    "stale": lambda server: states.read_only(server, stale=False),
    "lonely": states.lonely,
    "unsaved": states.unsaved,
    "busy": states.busy,
    "crowded": states.crowded,
    "paused": states.paused,
    "forbidden": lambda server: user(server, "ann", PASSWORD, "~*", "+@all", "-set", "-get"),
    "forgetful": lambda _: nullcontext(),
}

CALLS: dict[str, Callable[[Any], object]] = {
    "set": lambda store: store.set("k", SECRET),
    "set_many": lambda store: store.set_many({"k": SECRET, "l": SECRET}, ttl=60),
    "add": lambda store: store.add("new", SECRET),
    "swap": lambda store: store.swap("k", SECRET, SECRET + SECRET),
    "update": lambda store: store.update("k", lambda value: value + SECRET, default=""),
    "incr": lambda store: store.incr("k"),
    "get": lambda store: store.get("k"),
    "get_many": lambda store: store.get_many(["k", "l"]),
}


def quiet(store: Any, *names: str) -> int:
    """Calls, none of which tells a secret when it fails; how many failed."""
    failed = 0
    for name in names or CALLS:
        try:
            CALLS[name](store)
        except storage.StorageError as error:
            failed += 1
            shown = without_source(chain(error))
            assert SECRET not in shown, name
            assert PASSWORD not in shown, name
    assert PASSWORD not in repr(store)
    return failed


def without_source(text: str) -> str:
    """Tracebacks quote the lines of this file, which name the constants only."""
    return "\n".join(line for line in text.splitlines() if "SECRET" not in line)


@pytest.fixture(autouse=True)
def _log_is_quiet(caplog: pytest.LogCaptureFixture) -> Any:
    with caplog.at_level(logging.DEBUG):
        yield
    assert SECRET not in caplog.text
    assert PASSWORD not in caplog.text


def place(server: Server, name: str = "") -> str:
    """The address of *server* with a password in it."""
    return url(server, timeout=SHORT).replace("://", f"://{name}:{PASSWORD}@")


@pytest.mark.parametrize("name", STATES)
def test_a_state_of_the_server_shows_no_secret(name: str, opened: Open, valkey: Server) -> None:
    with protected(valkey, PASSWORD):
        store = opened("RedisStorage", place(valkey, "ann" if name == "forbidden" else ""))
        if name != "forbidden":
            store.set("k", SECRET)
    with STATES[name](valkey):
        assert quiet(store)


@pytest.mark.parametrize("protocol", [2, 3])
def test_a_refused_password_shows_none(protocol: int, opened: Open, valkey: Server) -> None:
    with protected(valkey, "another"):
        address = place(valkey) + f"&protocol={protocol}"
        assert quiet(opened("RedisStorage", address)) == len(CALLS)


def test_a_server_that_quotes_what_it_does_not_know_is_not_quoted(
    opened: Open, valkey: Server, tmp_path: Path
) -> None:
    names = ("SET", "EVAL", "GET", "MGET")
    renamed = [word for name in names for word in ("--rename-command", name, f"HIDDEN-{name}")]
    with running(valkey.binary, tmp_path, *renamed, clock=False) as odd:
        with odd.connect() as wire, pytest.raises(Exception, match=SECRET):
            wire.call("SET", "k", SECRET)
        store = opened("RedisStorage", url(odd, timeout=SHORT))
        assert quiet(store) == len(CALLS)
        assert "unknown command" in str(failure(lambda: store.get("k")))
        store.close()


@pytest.mark.parametrize("parser", ["hiredis", "python"])
@pytest.mark.parametrize("at_byte", [0, 1, 4, 5])
def test_a_damaged_reply_is_not_quoted(
    at_byte: int, parser: str, opened: Open, half: Any, proxy: Proxy, valkey: Server
) -> None:
    library = redis if half is storage else redis.asyncio
    kinds = library.connection
    python = kinds._RESP2Parser if library is redis else kinds._AsyncRESP2Parser
    kind = kinds.DefaultParser if parser == "hiredis" else python
    client = library.Redis(
        connection_pool=library.ConnectionPool.from_url(proxy.url, parser_class=kind)
    )
    valkey.call("SET", "storage:k", f'"{SECRET}"')
    store = opened("RedisStorage", client, timeout=SHORT)
    proxy.always(faults.Corrupt(at=at_byte), "GET", "MGET", "EVALSHA")

    assert quiet(store, "get_many", "get")


def test_a_server_that_is_not_there_shows_no_password(opened: Open, proxy: Proxy) -> None:
    store = opened("RedisStorage", place(proxy))  # type: ignore[arg-type]
    proxy.refuse()
    assert quiet(store) == len(CALLS)
