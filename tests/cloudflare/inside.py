"""What a bot in a Worker does with its store. It runs here and inside of JavaScript alike, and the
outcome has to be the same."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

KEYS = [f"k{number:02}" for number in range(20)]

STRANGE = {"42": 42, "07": 7, "value": "v", "__proto__": "p", "constructor": "c"}
"""Keys that mean something to JavaScript, or to who answers."""

SECRET = "tulip bulbs"

MANY = 99

FAILURES: list[tuple[str | None, int]] = [
    ("Error: KV PUT failed: 429 Too Many Requests", 2),
    ("KV PUT failed: 429 Too Many Requests", MANY + 1),
    ("KV PUT failed: 503 Service Unavailable", MANY + 1),
    ("KV PUT failed: 403 Forbidden", 1),
    ("KV put() limit exceeded for the day.", 1),
    ("Network connection lost.", MANY + 1),
    ("something else", 1),
    (None, 1),
]

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

    await store.set_many(dict.fromkeys(KEYS, 1))
    found = await store.get_many([*KEYS, "other"])
    outcome["many"] = sorted(found.items())
    bare = aio.CloudflareStorage(binding, clock=clock)
    await bare.set_many({"42": 42, "07": 7, "value": "v", "__proto__": "p", "constructor": "c"})
    found = await bare.get_many(["42", "07", "value", "__proto__", "constructor", "metadata", "43"])
    outcome["names"] = sorted(found.items())
    outcome["names gone"] = await bare.delete_many(
        ["42", "07", "value", "__proto__", "constructor"]
    )

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
    ]
    outcome["left"] = sorted([key async for key in store.keys()])
    outcome["cleared"] = [await store.clear(), await raw.clear(), [key async for key in raw.keys()]]
    await store.aclose()
    outcome["closed"] = await refused(lambda: store.get("k"))
    return json.dumps(outcome)


async def failing(aio: Any, make: Callable[[str | None, int], Any]) -> str:
    """What came out where `put` fails a few times with a text, or does not answer at all."""
    outcome: dict[str, Any] = {}
    for text, times in FAILURES:
        brief = 0.3 if times > MANY or text is None else 10
        store = aio.CloudflareStorage(make(text, times), timeout=brief)
        outcome[str(text)] = await refused(lambda store=store: store.set("k", SECRET))
    task = asyncio.ensure_future(aio.CloudflareStorage(make(None, 1)).set("k", SECRET))
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])
    outcome["cancelled"] = task.cancelled()
    return json.dumps(outcome)


async def refused(call: Callable[[], Awaitable[object]]) -> str:
    """What was raised, and why."""
    try:
        await call()
    except Exception as error:  # noqa: BLE001 - it is part of what came out
        told = "told" if SECRET in str(error) else "kept"
        return f"{type(error).__name__} from {type(error.__cause__).__name__}, a secret is {told}"
    return "nothing"
