"""Golden strings of GramIO on Cloudflare's KV: they are read as they were meant and written the
same, without a lifetime and without anything beside them."""

from __future__ import annotations

import json
from typing import Any

import pytest

import storage
import storage.aio
import storage.aio.compat.gramio
import storage.compat.gramio
from storage.testing import Bridge
from tests.servers.cloudflare import KvServer
from tests.wire.test_gramio_redis import GOLDEN


@pytest.mark.parametrize("colour", [storage, storage.aio], ids=["blocking", "aio"])
def test_what_gramio_put_on_kv_is_read_and_put_the_same(colour: Any, kv: KvServer) -> None:
    namespace = colour.CloudflareStorage(kv.account, kv.namespace, kv.token, base_url=kv.url)
    base = colour.compat.gramio.cloudflare_storage(namespace)
    with Bridge() as bridge, bridge.driven(namespace):
        raws, store = bridge.driven(namespace._backend), bridge.driven(base)
        raws.write_many([(key, raw.encode()) for key, (raw, _) in GOLDEN.items()], None)
        theirs = dict(kv.stored)

        assert sorted(store.keys()) == sorted(GOLDEN)
        for key, (raw, _) in GOLDEN.items():
            assert repr(store.get(key, "missing")) == repr(json.loads(raw)), key
        store.set_many(dict(store.items()))
        assert kv.stored == theirs
        assert {one.metadata for one in theirs.values()} == {None}
        assert {one.expiration for one in theirs.values()} == {None}
