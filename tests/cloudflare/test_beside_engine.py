"""Our server of Cloudflare's KV beside the local engine: both are asked the same, by night."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.servers.cloudflare import KvServer
from tests.servers.miniflare import Engine

FAR = 2_000_000_000
"""An end that no run sees."""


class Ask(NamedTuple):
    """A request, and what it is about."""

    method: str
    action: str
    query: tuple[tuple[str, str], ...] = ()
    body: Any = None


class Side:
    """One of the two, and a connection to it."""

    def __init__(self, server: KvServer | Engine) -> None:
        url = urlsplit(server.url)
        assert url.hostname
        self._http = HTTPConnection(url.hostname, url.port, timeout=60)
        ids = f"accounts/{server.account}/storage/kv/namespaces/{server.namespace}"
        self._place = f"{url.path}/{ids}"
        self._headers = {"Authorization": f"Bearer {server.token}"}
        self.clear = server.clear
        self.close = self._http.close

    def ask(self, ask: Ask) -> tuple[int, Any]:
        """The status, and what was told: whole where it is a value, else its result."""
        if ask.action == "keys":
            return self._pages(ask)
        status, headers, body = self._send(ask)
        if status != 200:
            return status, None
        if ask.method == "GET" and ask.action.startswith("values/"):
            return status, (headers.get("expiration"), body)
        return status, json.loads(body)["result"]

    def _pages(self, ask: Ask) -> tuple[int, Any]:
        """Every page of a list: cursors are a matter of each server's own."""
        pages, cursor = [], ""
        while True:
            status, _, body = self._send(ask._replace(query=(*ask.query, ("cursor", cursor))))
            if status != 200:
                return status, None
            told = json.loads(body)
            pages.append(told["result"])
            cursor = told["result_info"]["cursor"]
            if not cursor:
                return status, pages

    def _send(self, ask: Ask) -> tuple[int, dict[str, str], bytes]:
        data = ask.body if isinstance(ask.body, bytes) else json.dumps(ask.body)
        path = f"{self._place}/{ask.action}?{urlencode(ask.query)}"
        self._http.request(ask.method, path, None if ask.body is None else data, self._headers)
        reply = self._http.getresponse()
        headers = {name.lower(): value for name, value in reply.getheaders()}
        told = reply.status, headers, reply.read()
        self._http.close()  # the engine ends connections that it has answered early
        return told


KEYS = st.sampled_from(
    [
        *("a", "b", "ab", "a/b", "a b", "A", "~", "~~", "é", "ключ", "\uff5e", "\U0001f600"),
        *(" ", "\n", "%41", "?&#", "...", "0", "42", "toString", "__proto__", "a\0b"),
        *("k" * 512, "k" * 513, "é" * 256, "é" * 257, "", ".", ".."),
    ]
)
IN_PATHS = KEYS.filter(lambda key: key not in (".", ".."))
"""What no client, and nobody on the way, takes for a way up."""
VALUES = st.sampled_from(["", "v", "é\0\n", "0", "[1]", '{"a": null}', "v" * 5000])
METADATA = st.sampled_from(
    [None, {}, {"m": [1, None, "é"]}, 1, "text", "", [], "m" * 1022, "é" * 512]
)
SECONDS = st.sampled_from([None, None, 60, 61, 3600, 59, 0, -1])
ENDS = st.sampled_from([None, None, None, FAR, 0, 1_000_000_000])


@st.composite
def entries(draw: Any) -> Any:
    """What a bulk puts there under one key."""
    value = draw(VALUES | st.binary(max_size=5))
    told = {"key": draw(KEYS), "value": value}
    if isinstance(value, bytes):
        told |= {"value": base64.b64encode(value).decode(), "base64": True}
    more = {
        "metadata": draw(METADATA),
        "expiration_ttl": draw(SECONDS),
        "expiration": draw(ENDS),
    }
    return told | {name: value for name, value in more.items() if value is not None}


def _path(kind: str, key: str) -> str:
    return f"{kind}/{quote(key, safe='', errors='replace')}"


ASKS = st.one_of(
    st.builds(lambda one: Ask("PUT", "bulk", (), [one]), entries()),
    st.builds(lambda one: Ask("PUT", "bulk", (), [one]), entries()),
    st.builds(
        lambda names, kind, more: Ask(
            "POST", "bulk/get", (), {"keys": names, "type": kind, "withMetadata": more}
        ),
        st.lists(KEYS, max_size=5, unique=True),
        st.sampled_from(["text", "text", "json"]),
        st.booleans(),
    ),
    st.builds(lambda one: Ask("POST", "bulk/delete", (), [one]), KEYS),
    st.builds(
        lambda prefix, limit: Ask("GET", "keys", (("prefix", prefix), ("limit", str(limit)))),
        st.sampled_from(["", "a", "A", "~", "é", "\uff5e", " ", "k" * 512, "k" * 513, "%"]),
        st.sampled_from([10, 11, 1000]),
    ),
    st.builds(lambda key: Ask("GET", _path("values", key)), IN_PATHS),
    st.builds(lambda key: Ask("GET", _path("metadata", key)), IN_PATHS),
    st.builds(lambda key: Ask("DELETE", _path("values", key)), IN_PATHS),
    st.builds(
        lambda key, value, ttl: Ask(
            "PUT",
            _path("values", key),
            () if ttl is None else (("expiration_ttl", str(ttl)),),
            value,
        ),
        IN_PATHS,
        st.binary(max_size=5),
        SECONDS,
    ),
)


def alike(answer: tuple[int, Any]) -> Any:
    """*answer* without what the two are known to differ in.

    * What is refused has a status of its own on each side, but where a key is missing.
    * A bulk read of the engine tells no metadata beside a value that is false in JavaScript.
    * The two read their clocks one after the other.
    """
    status, told = answer
    if status not in (200, 404):
        return "refused"
    if isinstance(told, tuple):
        ends, body = told
        return status, (_moment(ends), body)
    if isinstance(told, dict) and "values" in told:
        return status, {key: _value(held) for key, held in told["values"].items()}
    if isinstance(told, list):
        return status, [[_dated(one) for one in page] for page in told]
    return status, told


def _value(held: Any) -> Any:
    is_whole = isinstance(held, dict) and "metadata" in held
    return held if not is_whole else _dated(held) if held["value"] else held["value"]


def _dated(entry: dict[str, Any]) -> dict[str, Any]:
    """*entry* with an end that is equal to one shortly after it."""
    return {**entry, "expiration": _moment(entry.get("expiration"))}


def _moment(told: Any) -> Any:
    return None if told is None else pytest.approx(int(told), rel=0, abs=2)


@pytest.fixture
def sides(kv: KvServer, miniflare: Engine) -> Iterator[tuple[Side, Side]]:
    ours, theirs = Side(kv), Side(miniflare)
    yield ours, theirs
    for side in (ours, theirs):
        side.clear()
        side.close()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asks=st.lists(ASKS, min_size=10, max_size=30))
def test_both_answer_alike(sides: tuple[Side, Side], asks: list[Ask]) -> None:
    ours, theirs = sides
    ours.clear()
    theirs.clear()
    for ask in asks:
        assert alike(ours.ask(ask)) == alike(theirs.ask(ask)), ask
