"""What a bot in a Worker does with its store. It runs here and inside of JavaScript alike, where the
outcome has to be the same."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

KEYS = [f"k{number:02}" for number in range(20)]

BINARY = bytes(range(256))

METADATA = {"deep": {"list": [1, None, True, 0.5, "é🦀"]}, "none": None, "ms": 1_785_000_000_000}


class Verbatim:
    """A codec of bytes as they are, none included."""

    def encode(self, value: bytes) -> bytes:
        return value

    def decode(self, raw: bytes) -> bytes:
        return raw


async def run(aio: Any, binding: Any) -> str:
    """What came out, as JSON."""
    now = 1_700_000_000.0

    def clock() -> float:
        return now

    outcome: dict[str, Any] = {}
    store = aio.CloudflareStorage(binding, prefix="bot:", clock=clock)
    raw = aio.CloudflareStorage(binding, prefix="raw:", codec=Verbatim(), clock=clock)

    await store.set("user:1", {"step": 3, "name": "é🦀", "none": None})
    outcome["value"] = await store.get("user:1")
    outcome["missing"] = [await store.get("other", 0), await store.has("other")]

    await store.set_many({**dict.fromkeys(KEYS, 1), "42": 42, "value": "v"})
    found = await store.get_many([*KEYS, "42", "value", "metadata", "other"])
    outcome["many"] = sorted(found.items())

    await store.set_with_metadata("noted", 1, METADATA, ttl=90)
    outcome["metadata"] = await store.get_with_metadata("noted")
    outcome["listed"] = [pair async for pair in store.keys_with_metadata("n")]
    outcome["same"] = outcome["metadata"][1] == METADATA
    await binding.put("bot:foreign", '"theirs"', expirationTtl=600)
    outcome["foreign ends"] = (await store.expires_at("foreign")) is not None

    await raw.set_many({"binary": BINARY, "empty": b"", "text": b"plain"})
    back = await raw.get_many(["binary", "empty", "text", "none"])
    outcome["bytes"] = sorted((name, one.hex()) for name, one in back.items())
    await raw.set("brief", b"", ttl=1)

    await store.set("brief", 1, ttl=1)
    outcome["ends"] = (await store.expires_at("brief")).timestamp() - now
    outcome["alive"] = [await store.get("brief"), (await raw.get_many(["brief", "text"])).keys()]
    outcome["alive"][1] = sorted(outcome["alive"][1])
    now += 1
    outcome["over"] = [await store.get("brief"), sorted(await raw.get_many(["brief", "text"]))]

    outcome["keys"] = [key async for key in store.keys("k")]
    outcome["items"] = [pair async for pair in store.items("k0")]
    outcome["deleted"] = [await store.delete("user:1"), await store.delete("user:1")]
    outcome["deleted many"] = await store.delete_many([*KEYS, "other"])
    outcome["refused"] = [
        await refused(lambda: store.incr("n")),
        await refused(lambda: store.set("k" * 600, 1)),
        await refused(lambda: binding_fails(aio)),
    ]
    outcome["left"] = sorted([key async for key in store.keys()])
    outcome["cleared"] = [await store.clear(), await raw.clear(), [key async for key in raw.keys()]]
    await store.aclose()
    outcome["closed"] = await refused(lambda: store.get("k"))
    return json.dumps(outcome)


async def refused(call: Callable[[], Awaitable[object]]) -> str:
    """The name of what was raised."""
    try:
        await call()
    except Exception as error:  # noqa: BLE001 - it is part of what came out
        return type(error).__name__
    return "nothing"
