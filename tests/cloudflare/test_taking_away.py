"""Many keys are taken away a part at a time, and it is known what is gone when one fails."""

from __future__ import annotations

from typing import Any

import pytest

from storage import AccessDeniedError, InvalidKeyError, OutcomeUnknownError, StorageError
from storage.aio.cloudflare import kv as aio_kv_backend
from storage.cloudflare import kv as kv_backend
from tests.cloudflare.ground import Opened
from tests.servers.cloudflare import Fault, KvServer


def sizes(kv: KvServer, path: str) -> list[int]:
    """About how many keys each request to *path* was."""
    told = [request.json for request in kv.requests if request.action == path]
    return [len(one["keys"] if isinstance(one, dict) else one) for one in told]


@pytest.fixture
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten keys are looked at and taken away at a time."""
    for backend in (kv_backend, aio_kv_backend):
        monkeypatch.setattr(backend, "REMOVED_AT_ONCE", 10)


def test_thousands_of_keys_are_taken_away_a_thousand_at_a_time(store: Any, kv: KvServer) -> None:
    values = {f"k{number}": number for number in range(2500)}
    store.set_many(values)
    kv.forget()

    assert store.delete_many([*values, "missing"]) == 2500
    assert sizes(kv, "bulk/delete") == [1000, 1000, 501]
    assert sorted(sizes(kv, "bulk/get")) == [1, *[100] * 25]
    assert kv.stored == {}


@pytest.mark.usefixtures("_few")
def test_each_part_of_the_keys_that_are_taken_away_has_a_deadline_of_its_own(
    opened: Opened, kv: KvServer
) -> None:
    store = opened(kv, timeout=1.5)
    values = {f"k{number}": number for number in range(40)}
    store.set_many(values)
    kv.fault(Fault(delay=0.25, times=8))

    assert store.delete_many(values) == 40
    assert kv.unmet == []


@pytest.mark.usefixtures("_few")
@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, OutcomeUnknownError), (403, AccessDeniedError), (400, StorageError)],
)
def test_who_takes_many_keys_away_is_told_how_many_are_gone(
    status: int, kind: type[StorageError], store: Any, kv: KvServer
) -> None:
    values = {f"k{number}": number for number in range(25)}
    store.set_many(values)
    hint = {"Retry-After": "20000"}
    kv.fault(
        Fault(path="bulk/delete", times=2),
        Fault(status=status, path="bulk/delete", headers=hint, times=9),
    )

    with pytest.raises(StorageError, match="20 of 25 entries were taken away before") as caught:
        store.delete_many(values)

    assert type(caught.value) is kind
    assert len(kv.stored) == 5


@pytest.mark.usefixtures("_few")
def test_keys_that_kv_does_not_take_are_refused_before_any_is_taken_away(
    store: Any, kv: KvServer
) -> None:
    values = {f"k{number}": number for number in range(25)}
    store.set_many(values)

    with pytest.raises(InvalidKeyError):
        store.delete_many([*values, "k" * 513])
    assert len(kv.stored) == 25
