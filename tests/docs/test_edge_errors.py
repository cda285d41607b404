"""What `docs/guide/edge.md` says that goes wrong with Cloudflare becomes what it says there."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import storage
import storage.aio
from storage.testing import driven
from tests.day import by_turns
from tests.docs.test_trips import cells
from tests.fault.proxy import Proxy
from tests.house.tree import ROOT
from tests.servers.cloudflare import Fault, KvServer
from tests.servers.process import HOST
from tests.servers.tls import Certificates

PAGE = (ROOT / "docs" / "guide" / "edge.md").read_text(encoding="utf-8")
TABLE = PAGE.partition("\n| what happened |")[2].partition("\n\n")[0]
ROWS = {what: rest for what, *rest in map(cells, TABLE.splitlines()[2:])}

FAULTS: dict[str, list[dict[str, Any]]] = {
    "429": [{"status": 429, "code": 10022}],
    "a failure": [{"status": 500}, {"status": 502, "body": b"<html>"}, {"status": 408}],
    "the connection breaks": [{"drop": "after"}, {"drop": "before", "reset": True}],
    "401": [{"status": 401, "code": 10000}, {"status": 403, "code": 9109}],
    "404": [{"status": 404, "code": 10013}, {"status": 404, "code": 7003}],
    "a redirect": [{"status": 302, "headers": {"Location": "http://127.0.0.1:1/"}}],
    "what answers": [{"body": b"<html>"}, {"body": b"{}"}],
    "anything else": [{"status": 400, "code": 10012}],
}
"""How each row begins, and what goes wrong then."""

ELSEWHERE = ("no connection can be made", "the certificate is not trusted")
"""Rows for which no server that answers will do."""

CASES = [
    (half, *case)
    for half, case in by_turns((row, fault) for row, faults in FAULTS.items() for fault in faults)
]


def told(row: str) -> tuple[list[type[storage.StorageError]], bool]:
    """What a row says of a read and of a write, and whether it is tried again."""
    becomes, again = next(rest for what, rest in ROWS.items() if what.startswith(row))
    kinds = [getattr(storage, word) for word in re.findall(r"`(\w+Error)`", becomes)]
    assert again in ("until the deadline", "no")
    return [kinds[0], kinds[-1]], again != "no"


halves = pytest.mark.parametrize("half", [storage, storage.aio], ids=lambda half: half.__name__)


@contextmanager
def opened(half: Any, kv: KvServer, seconds: float) -> Iterator[Any]:
    options: Any = {"base_url": kv.url, "timeout": seconds}
    made = half.CloudflareStorage(kv.account, kv.namespace, kv.token, **options)
    with made if half is storage else driven(made) as store:
        yield store


def test_every_row_is_looked_at() -> None:
    left = [what for what in ROWS if not what.startswith((*FAULTS, *ELSEWHERE))]

    assert left == []
    assert len(ROWS) == len(FAULTS) + len(ELSEWHERE)


@pytest.mark.parametrize(("half", "row", "fault"), CASES)
def test_what_lasts_becomes_what_the_table_says(
    row: str, fault: dict[str, Any], half: Any, kv: KvServer
) -> None:
    kinds, _ = told(row)

    with opened(half, kv, seconds=0.5) as store:
        for kind, ask in zip(kinds, (lambda: store.get("a"), lambda: store.set("a", 1))):
            kv.fault(Fault(**fault, times=1000))
            with pytest.raises(storage.StorageError) as error:
                ask()
            kv.clear()
            assert type(error.value) is kind


@pytest.mark.parametrize(("half", "row", "fault"), CASES)
def test_what_passes_is_tried_again_as_the_table_says(
    row: str, fault: dict[str, Any], half: Any, kv: KvServer
) -> None:
    _, again = told(row)
    kv.fault(Fault(**fault))

    with opened(half, kv, seconds=20) as store:
        if again:
            store.set("a", 1)
            assert kv.stored["a"].value == b"1"
        else:
            with pytest.raises(storage.StorageError):
                store.set("a", 1)
    assert len(kv.requests) == 1 + again


@halves
def test_nobody_who_answers_is_what_the_table_says(half: Any, kv: KvServer) -> None:
    kinds, _ = told("no connection can be made")
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]  # where nobody listens from now on

    options: Any = {"base_url": f"http://{HOST}:{port}", "timeout": 0.5}
    made = half.CloudflareStorage(kv.account, kv.namespace, kv.token, **options)
    with made if half is storage else driven(made) as store:
        for kind, ask in zip(kinds, (lambda: store.get("a"), lambda: store.set("a", 1))):
            with pytest.raises(storage.StorageError) as error:
                ask()
            assert type(error.value) is kind


@halves
def test_a_certificate_of_a_stranger_is_what_the_table_says(
    half: Any, kv: KvServer, certificates: Certificates
) -> None:
    kinds, again = told("the certificate is not trusted")
    assert not again

    with Proxy((HOST, kv.port), certificates.stranger) as proxy:
        options: Any = {"base_url": f"https://{HOST}:{proxy.port}/client/v4", "timeout": 20}
        made = half.CloudflareStorage(kv.account, kv.namespace, kv.token, **options)
        with made if half is storage else driven(made) as store:
            for kind, ask in zip(kinds, (lambda: store.get("a"), lambda: store.set("a", 1))):
                with pytest.raises(storage.StorageError) as error:
                    ask()
                assert type(error.value) is kind
    assert kv.requests == []
