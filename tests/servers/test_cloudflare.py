"""The server of the tests keeps to what Cloudflare's KV documents, and fails when it is told to."""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import time
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import pytest

from storage.testing import Clock
from tests.servers.cloudflare import Fault, KvServer, Stored, kv_server

pytestmark = pytest.mark.timed

MIB = 1024 * 1024
BIG = "v" * (25 * MIB)
SOON = 2.0
"""What is at once takes less on any machine."""


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def told(self) -> Any:
        return json.loads(self.body)

    @property
    def result(self) -> Any:
        assert self.told["success"] is True
        assert self.status == 200
        return self.told["result"]

    @property
    def refusal(self) -> tuple[int, int]:
        assert self.told["success"] is False
        return self.status, self.told["errors"][0]["code"]


class Client:
    """Asks in plain HTTP, over one connection as long as it lasts."""

    def __init__(self, kv: KvServer) -> None:
        self.kv = kv
        url = urlsplit(kv.url)
        assert url.hostname
        self.http = http.client.HTTPConnection(url.hostname, url.port)

    def at(self, action: str, account: str = "", namespace: str = "") -> str:
        account, namespace = account or self.kv.account, namespace or self.kv.namespace
        path = urlsplit(self.kv.url).path
        return f"{path}/accounts/{account}/storage/kv/namespaces/{namespace}/{action}"

    def ask(self, method: str, action: str, body: Any = None, **headers: str) -> Answer:
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body)
        return self.send(method, self.at(action), data, **headers)

    def send(self, method: str, path: str, data: Any = None, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        token = {"Authorization": f"Bearer {self.kv.token}"}
        self.http.request(method, path, data, {**token, **named})
        reply = self.http.getresponse()
        told = {name.lower(): value for name, value in reply.getheaders()}
        return Answer(reply.status, told, reply.read())

    def put(self, *entries: dict[str, Any]) -> Any:
        return self.ask("PUT", "bulk", entries).result

    def get(self, *keys: str) -> Any:
        return self.ask("POST", "bulk/get", {"keys": keys, "withMetadata": True}).result["values"]

    def names(self, query: str = "") -> list[str]:
        return [one["name"] for one in self.ask("GET", f"keys{query}").result]

    def pages(self, query: str = "") -> Iterator[list[str]]:
        cursor = ""
        while True:
            answer = self.ask("GET", f"keys?limit=10{query}&cursor={quote(cursor)}")
            yield [one["name"] for one in answer.result]
            assert answer.told["result_info"]["count"] == len(answer.result)
            cursor = answer.told["result_info"]["cursor"]
            if not cursor:
                break


@pytest.fixture
def clock(kv: KvServer) -> Clock:
    kv.clock = clock = Clock()
    return clock


@pytest.fixture
def client(kv: KvServer) -> Iterator[Client]:
    client = Client(kv)
    yield client
    client.http.close()


def entry(key: str, value: str = "v", **others: Any) -> dict[str, Any]:
    return {"key": key, "value": value, **others}


# What is kept.


def test_what_was_put_is_read_with_its_metadata_and_its_end(client: Client, clock: Clock) -> None:
    told = client.put(entry("k", "ü", metadata={"m": [1]}, expiration_ttl=60), entry("e", ""))

    assert told == {"successful_key_count": 2, "unsuccessful_keys": []}
    ends = int(clock()) + 60
    assert client.get("k", "e", "none") == {
        "k": {"value": "ü", "metadata": {"m": [1]}, "expiration": ends},
        "e": {"value": "", "metadata": None},
        "none": None,
    }
    assert client.kv.stored["k"] == Stored("ü".encode(), {"m": [1]}, ends)


def test_a_bulk_read_tells_texts_alone_where_metadata_are_not_wanted(client: Client) -> None:
    client.put(entry("k", "[1]", metadata=1))

    assert client.ask("POST", "bulk/get", {"keys": ["k"]}).result == {"values": {"k": "[1]"}}
    asked = {"keys": ["k"], "type": "json"}
    assert client.ask("POST", "bulk/get", asked).result == {"values": {"k": [1]}}


def test_one_key_is_read_as_bytes(client: Client, clock: Clock) -> None:
    text = base64.b64encode(b"\xff\x00").decode()
    client.put(entry("k", text, base64=True, metadata={"m": 1}, expiration_ttl=90))
    answer = client.ask("GET", "values/k")

    assert (answer.status, answer.body) == (200, b"\xff\x00")
    assert answer.headers["expiration"] == str(int(clock()) + 90)
    assert client.ask("GET", "metadata/k").result == {"m": 1}
    assert client.get("k")["k"]["value"] == "\ufffd\x00"


@pytest.mark.parametrize("key", ["a/b", "ключ", "?&#%", "a b+c", "~", "..."])
def test_a_key_in_a_path_is_percent_encoded(client: Client, key: str) -> None:
    assert client.ask("PUT", f"values/{quote(key, safe='')}", b"raw").status == 200
    assert client.ask("GET", f"values/{quote(key, safe='')}").body == b"raw"
    assert client.names() == [key]
    assert client.ask("DELETE", f"values/{quote(key, safe='')}").result is None
    assert client.kv.stored == {}


def test_a_form_holds_a_value_and_metadata(client: Client, clock: Clock) -> None:
    part = '--b\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    body = part.format("value", "text\n") + part.format("metadata", '{"m": 2}') + "--b--\r\n"
    kind = "multipart/form-data; boundary=b"
    client.ask("PUT", "values/k?expiration_ttl=70", body.encode(), Content_Type=kind)

    assert client.kv.stored["k"] == Stored(b"text\n", {"m": 2}, int(clock()) + 70)


def test_what_is_removed_is_gone_and_may_have_been_gone(client: Client) -> None:
    client.put(entry("a"), entry("b"), entry("c"))

    told = {"successful_key_count": 2, "unsuccessful_keys": []}
    assert client.ask("POST", "bulk/delete", ["a", "none"]).result == told
    assert client.ask("DELETE", "bulk", ["b", "b"]).result == told
    assert client.ask("DELETE", "values/none").result is None
    assert client.names() == ["c"]
    assert client.ask("GET", "values/a").refusal == (404, 10009)
    assert client.ask("GET", "metadata/a").refusal == (404, 10009)


def test_what_ended_is_absent(client: Client, clock: Clock) -> None:
    client.put(entry("k", expiration_ttl=60), entry("both", expiration=1, expiration_ttl=120))
    clock.tick(60 - clock() % 1)

    assert client.get("k")["k"] is None
    assert client.names() == ["both"]
    assert client.ask("GET", "values/k").refusal == (404, 10009)
    assert list(client.kv.stored) == ["both"]


def test_a_put_inherits_nothing(client: Client) -> None:
    client.put(entry("k", metadata={"m": 1}, expiration_ttl=60))
    client.put(entry("k"))

    assert client.get("k") == {"k": {"value": "v", "metadata": None}}


# Lists.


def test_names_are_listed_in_the_order_of_their_bytes(client: Client) -> None:
    names = ["\U0001f600", "\uff5e", "a", "B", "aa", "é", " ", "~"]
    client.put(*map(entry, names))

    assert client.names() == sorted(names, key=str.encode)
    assert client.names("?prefix=a") == ["a", "aa"]
    assert client.names(f"?prefix={quote('é')}") == ["é"]


def test_pages_go_on_where_the_last_one_ended(client: Client) -> None:
    names = [f"k{number:02}" for number in range(35)]
    client.put(*map(entry, [*names, "other"]))
    pages = list(client.pages("&prefix=k"))

    assert [len(page) for page in pages] == [10, 10, 10, 5]
    assert [name for page in pages for name in page] == names
    assert [len(page) for page in client.pages("&prefix=k0")] == [10]


def test_a_list_tells_metadata_and_ends(client: Client, clock: Clock) -> None:
    client.put(entry("k", metadata={"m": 1}, expiration_ttl=60), entry("plain"))

    assert client.ask("GET", "keys").result == [
        {"name": "k", "metadata": {"m": 1}, "expiration": int(clock()) + 60},
        {"name": "plain"},
    ]


def test_what_is_gone_can_take_its_place_in_a_page(client: Client) -> None:
    names = [f"k{number:02}" for number in range(25)]
    client.put(*map(entry, names))
    client.ask("POST", "bulk/delete", names[:15])
    client.kv.ways.sparse_pages = True

    assert [len(page) for page in client.pages()] == [0, 5, 5]


@pytest.mark.parametrize("cursor", ["x", "AAAA", "%C3%A9", "A" * 40])
def test_only_its_own_cursors_are_taken(client: Client, cursor: str) -> None:
    client.put(*map(entry, map(str, range(11))))
    own = client.ask("GET", "keys?limit=10").told["result_info"]["cursor"]

    assert client.ask("GET", f"keys?cursor={cursor}").status == 400
    other = "A" if own[0] != "A" else "B"
    assert client.ask("GET", f"keys?cursor={other}{own[1:]}").status == 400
    assert client.names(f"?cursor={own}") == ["9"]


# Who may ask, and for what.


def test_nobody_gets_in_without_the_token(client: Client) -> None:
    for told in ("", "Bearer", f"Bearer {client.kv.token}x", client.kv.token):
        assert client.ask("GET", "keys", Authorization=told).refusal == (401, 10000)
    foreign = f"Bearer {client.kv.foreign_token}"
    assert client.ask("PUT", "bulk", [entry("k")], Authorization=foreign).refusal == (403, 9109)
    assert client.kv.stored == {}


def test_what_is_not_there_is_said_to_be_missing(client: Client) -> None:
    nobody, nothing = client.at("keys", account="0" * 32), client.at("keys", namespace="0" * 32)

    assert client.send("GET", nobody).refusal == (404, 7003)
    assert client.send("GET", nothing).refusal == (404, 10013)
    assert client.send("GET", "/client/v4/user").refusal == (404, 7003)
    assert client.ask("GET", "other").refusal == (404, 7000)
    assert client.ask("GET", "values/a/b").refusal == (404, 7000)
    assert client.ask("POST", "keys").refusal == (405, 7001)
    assert client.ask("GET", "bulk/get").refusal == (405, 7001)


BULKS: list[tuple[str, Any, int]] = [
    ("an empty key", entry(""), 400),
    ("a dot", entry("."), 400),
    ("two dots", entry(".."), 400),
    ("a key of 513 bytes", entry("é" * 256 + "k"), 400),
    ("no key", {"value": "v"}, 400),
    ("no value", {"key": "k"}, 400),
    ("a number", {"key": "k", "value": 1}, 400),
    ("no base64", entry("k", "!", base64=True), 400),
    ("59 seconds", entry("k", expiration_ttl=59), 400),
    ("half a second", entry("k", expiration_ttl=60.5), 400),
    ("more seconds than it counts", entry("k", expiration_ttl=2**31), 400),
    ("no seconds", entry("k", expiration_ttl="soon"), 400),
    ("an end that is near", entry("k", expiration=int(time.time()) + 59), 400),
    ("metadata of 1025 bytes", entry("k", metadata="m" * 1023), 413),
    ("a value over 25 MiB", entry("k", BIG + "v"), 413),
]


@pytest.mark.parametrize(("bad", "status"), [row[1:] for row in BULKS], ids=[r[0] for r in BULKS])
def test_a_bulk_with_one_bad_entry_is_refused_whole(client: Client, bad: Any, status: int) -> None:
    assert client.ask("PUT", "bulk", [entry("good"), bad]).refusal[0] == status
    assert client.kv.stored == {}


def test_what_is_just_within_the_limits_is_taken(client: Client) -> None:
    kept = entry("é" * 256, BIG, metadata="é" * 511, expiration_ttl=60)

    assert client.put(kept)["successful_key_count"] == 1
    assert client.ask("GET", f"values/{quote('é' * 256)}").body == BIG.encode()


def test_one_key_has_the_same_limits(client: Client) -> None:
    assert client.ask("PUT", f"values/{'k' * 513}", b"v").status == 414
    assert client.ask("GET", "values/%2E%2E").status == 400
    assert client.ask("GET", "values/%FF").status == 400
    assert client.ask("PUT", "values/k?expiration_ttl=59", b"v").refusal == (400, 10033)
    assert client.ask("PUT", "values/k", (BIG + "v").encode()).refusal == (413, 10024)
    assert client.kv.stored == {}


@pytest.mark.parametrize("limit", ["9", "1001", "-10", "1e2", ""])
def test_a_list_has_ten_to_a_thousand_names(client: Client, limit: str) -> None:
    assert client.ask("GET", f"keys?limit={limit}").refusal == (400, 10028)


def test_as_many_keys_go_into_one_request_as_are_promised(client: Client) -> None:
    names = list(map(str, range(10_000)))

    assert client.put(*map(entry, names))["successful_key_count"] == 10_000
    assert client.ask("PUT", "bulk", list(map(entry, [*names, "x"]))).status == 400
    assert len(client.get(*names[:100])) == 100
    assert client.ask("POST", "bulk/get", {"keys": names[:101]}).status == 400
    assert client.ask("POST", "bulk/get", {"keys": []}).status == 400
    assert len(client.names()) == 1000
    assert client.ask("POST", "bulk/delete", [*names, "x"]).status == 400
    assert client.ask("POST", "bulk/delete", names).result["successful_key_count"] == 10_000


def test_a_reply_is_not_larger_than_25_mb(client: Client) -> None:
    client.put(entry("a", "v" * 20_000_000))
    client.put(entry("b", "v" * 5_000_000), entry("c", "v" * 5_000_001))

    assert client.get("a", "b").keys() == {"a", "b"}
    asked = {"keys": ["a", "c"]}
    assert client.ask("POST", "bulk/get", asked).refusal == (413, 10024)


def test_a_request_over_100_mb_is_not_even_read(client: Client) -> None:
    client.http.putrequest("PUT", client.at("bulk"))
    client.http.putheader("Content-Length", "100000001")
    client.http.endheaders()

    assert client.http.getresponse().status == 413


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b"null", b'"text"', b"\xff"])
def test_what_is_no_list_is_no_bulk(client: Client, body: bytes) -> None:
    assert client.ask("PUT", "bulk", body).status == 400
    assert client.ask("POST", "bulk/delete", body).status == 400


# Time, as a service all over the world has it.


def test_who_reads_can_be_told_of_an_older_state(client: Client, clock: Clock) -> None:
    client.put(entry("k", "old"), entry("gone"))
    clock.tick(60)
    client.put(entry("k", "new"), entry("young"))
    client.ask("POST", "bulk/delete", ["gone"])
    client.kv.lag(60)

    assert client.get("k")["k"]["value"] == "old"
    assert client.ask("GET", "values/k").body == b"old"
    assert client.names() == ["gone", "k"]
    assert client.kv.stored.keys() == {"k", "young"}
    clock.tick(60)
    assert client.get("k")["k"]["value"] == "new"
    assert client.names() == ["k", "young"]


def test_a_key_can_be_written_once_a_second(client: Client, clock: Clock) -> None:
    client.kv.ways.one_write_a_second = True
    client.put(entry("k"))

    assert client.ask("PUT", "values/k", b"again").refusal == (429, 10022)
    told = client.put(entry("k", "again"), entry("other"))
    assert told == {"successful_key_count": 1, "unsuccessful_keys": ["k"]}
    clock.tick(1)
    assert client.ask("PUT", "values/k", b"again").result is None


def test_a_bulk_read_can_be_told_in_other_ways(client: Client) -> None:
    client.put(entry("k", metadata=1), entry("empty", ""))
    client.kv.ways.leaves_out_missing = client.kv.ways.bare_empty = True

    assert client.get("k", "empty", "none") == {"k": {"value": "v", "metadata": 1}, "empty": ""}
    client.kv.ways.bare_values = True
    assert client.get("k") == {"k": "v"}


# What goes wrong.


def test_an_error_comes_in_place_of_what_was_asked(client: Client) -> None:
    hint = {"Retry-After": "7"}
    client.kv.fault(Fault(429, 10022, headers=hint, times=2, method="PUT", path="/bulk"))

    assert client.names() == []
    for _ in range(2):
        answer = client.ask("PUT", "bulk", [entry("k")])
        assert answer.refusal == (429, 10022)
        assert answer.headers["retry-after"] == "7"
    assert client.kv.stored == {}
    assert client.put(entry("k"))["successful_key_count"] == 1


def test_an_error_can_come_after_it_was_done(client: Client) -> None:
    client.kv.fault(Fault(500, applied=True))

    assert client.ask("PUT", "bulk", [entry("k")]).status == 500
    assert client.kv.stored.keys() == {"k"}


@pytest.mark.parametrize("reset", [False, True])
def test_a_connection_is_dropped_before_or_after(client: Client, reset: bool) -> None:
    client.kv.fault(Fault(drop="before", reset=reset), Fault(drop="after", reset=reset))
    for done in (False, True):
        with pytest.raises(ConnectionError) as lost:
            client.ask("PUT", "bulk", [entry("k")])
        assert isinstance(lost.value, http.client.RemoteDisconnected) is not reset
        assert ("k" in client.kv.stored) is done
        client.http.close()


def test_a_body_can_be_cut_off(client: Client) -> None:
    client.kv.fault(Fault(cut=5))
    with pytest.raises(http.client.IncompleteRead) as cut:
        client.names()

    assert len(cut.value.partial) == 5


def test_a_body_can_be_of_somebody_else(client: Client) -> None:
    page = b"<html>Bad gateway</html>"
    client.kv.fault(
        Fault(502, body=page, headers={"Content-Type": "text/html"}),
        Fault(body=b'{"success": tr'),
        Fault(body=b"v" * 30 * MIB),
    )
    first = client.ask("GET", "keys")

    assert (first.status, first.body) == (502, page)
    assert first.headers["content-type"] == "text/html"
    assert client.ask("GET", "keys").body == b'{"success": tr'
    assert len(client.ask("GET", "keys").body) == 30 * MIB


def test_an_answer_can_be_late_and_slow(client: Client) -> None:
    client.kv.fault(Fault(delay=0.1), Fault(body=b"12345", pace=0.02))

    start = time.monotonic()
    assert client.names() == []
    assert time.monotonic() - start >= 0.1
    start = time.monotonic()
    assert client.ask("GET", "keys").body == b"12345"
    assert time.monotonic() - start >= 0.08


def test_a_bulk_can_leave_some_of_its_keys(client: Client) -> None:
    client.kv.fault(Fault(spared=2))
    told = client.put(entry("a"), entry("b"), entry("c"))

    assert told == {"successful_key_count": 1, "unsuccessful_keys": ["b", "c"]}
    assert client.kv.stored.keys() == {"a"}


def test_a_fault_that_met_nothing_is_known(kv: KvServer) -> None:
    kv.fault(Fault(500, method="PATCH"))

    assert kv.unmet
    kv.clear()
    assert not kv.unmet


def test_the_end_of_the_server_waits_for_nobody() -> None:
    with kv_server() as kv:
        kv.fault(Fault(delay=60, drop="before"))
        client = Client(kv)
        client.http.request("GET", client.at("keys"))
        while not kv.requests:
            time.sleep(0.001)
        start = time.monotonic()
    assert time.monotonic() - start < SOON
    client.http.close()


# HTTP.


def test_what_was_asked_is_told(client: Client) -> None:
    client.ask("GET", "keys?prefix=a%20b&limit=10")
    client.put(entry("k"))
    first, second = client.kv.requests

    assert (first.method, first.action) == ("GET", "keys")
    assert first.query == {"prefix": "a b", "limit": "10"}
    assert second.headers["authorization"] == f"Bearer {client.kv.token}"
    assert second.json == [entry("k")]
    client.kv.forget()
    assert client.kv.requests == []


def test_a_connection_lasts_until_somebody_closes_it(client: Client) -> None:
    before = client.kv.connections
    for _ in range(10):
        client.names()

    assert client.kv.connections == before + 1
    client.kv.hang_up()
    with pytest.raises(ConnectionError):
        client.names()


def test_a_long_reply_is_compressed_for_who_takes_it(client: Client) -> None:
    client.put(*(entry(f"k{number}") for number in range(200)))
    plain = client.ask("GET", "keys")
    packed = client.ask("GET", "keys", Accept_Encoding="gzip, deflate")

    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
