"""A namespace of KV as a Worker has it: the methods of a binding, and their answers in the words of
several languages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple

from tests.servers.cloudflare_entries import (
    Entries,
    RefusedError,
    Stored,
    check_metadata,
    check_name,
    check_value,
    ending,
)

MOST_LISTED = 1000


class JsException(Exception):
    """What JavaScript throws, as Python gets to see it."""


class Fault(NamedTuple):
    """What goes wrong with the calls of a *method* about a *name*, so many *times*: before anything
    is done, or when it is *applied*; without an *error* the answer does not come."""

    error: Exception | None
    method: str | None = None
    name: str | None = None
    times: float = 1
    applied: bool = False


class Namespace:
    """What is kept, within the limits of the service, and what was asked."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.entries = Entries(clock)
        self.calls: list[str] = []
        self.waiting = 0
        self.most_waiting = 0
        self.cancelled = 0
        self._faults: list[Fault] = []

    def fault(self, error: Exception | str | None, method: str | None = None, **how: Any) -> None:
        """Let something go wrong."""
        thrown = JsException(error) if isinstance(error, str) else error
        self._faults.append(Fault(thrown, method, **how))

    def asked(self) -> list[str]:
        """What was asked since somebody wanted to know it for the last time."""
        calls, self.calls = self.calls, []
        return calls

    def stored(self) -> dict[str, Stored]:
        """What is there."""
        return dict(self.entries.newest())

    async def ask(self, method: str, *args: Any) -> Any:
        """Do it while others are at it too."""
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        try:
            await asyncio.sleep(0)
            fault = self._struck(method, args)
            if fault is not None and fault.error is None:
                await asyncio.Event().wait()
            return self._done(method, args, fault)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.waiting -= 1

    def do(self, method: str, *args: Any) -> Any:
        """Do it."""
        return self._done(method, args, self._struck(method, args))

    def _struck(self, method: str, args: tuple[Any, ...]) -> Fault | None:
        for number, fault in enumerate(self._faults):
            if fault.method in (None, method) and fault.name in (None, *args[:1]):
                self._faults[number : number + 1] = (
                    [fault._replace(times=fault.times - 1)] if fault.times > 1 else []
                )
                return fault
        return None

    def _done(self, method: str, args: tuple[Any, ...], fault: Fault | None) -> Any:
        self.calls.append(" ".join([method, *map(str, args[:1])]))
        if fault is not None and fault.error is not None and not fault.applied:
            raise fault.error
        try:
            answer = getattr(self, f"_{method}")(*args)
        except RefusedError as error:
            name = "DELETE" if method == "delete" else method[:3].upper()
            raise JsException(f"Error: KV {name} failed: {error.status} {error}") from None
        if fault is not None and fault.error is not None:
            raise fault.error
        return answer

    def _get(self, name: str) -> str | None:
        stored = self.entries.seen(check_name(name, 414))
        return None if stored is None else stored.value.decode()

    def _tell(self, name: str) -> dict[str, Any]:
        stored = self.entries.seen(check_name(name, 414))
        if stored is None:
            return {"value": None, "metadata": None, "cacheStatus": None}
        metadata = json.loads(json.dumps(stored.metadata))
        return {"value": stored.value.decode(), "metadata": metadata, "cacheStatus": None}

    def _put(self, name: str, value: str, options: Mapping[str, Any]) -> None:
        unknown = options.keys() - {"expirationTtl", "metadata"}
        assert not unknown, f"a binding does not know {unknown}"
        assert type(value) is str
        metadata = check_metadata(json.loads(json.dumps(options.get("metadata"))))
        ends = ending(None, options.get("expirationTtl"), self.entries.clock())
        stored = Stored(check_value(value.encode()), metadata, ends)
        self.entries.put(check_name(name, 414), stored)

    def _delete(self, name: str) -> None:
        self.entries.put(check_name(name, 414), None)

    def _list(self, prefix: str, cursor: str | None, limit: int) -> dict[str, Any]:
        assert 1 <= limit <= MOST_LISTED
        rows = [(name, one) for name, one in self.entries.names(prefix) if one is not None]
        left = [row for row in rows if cursor is None or row[0].encode() > cursor.encode()]
        answer: dict[str, Any] = {"keys": [_listed(*row) for row in left[:limit]]}
        answer["list_complete"] = len(left) <= limit
        if not answer["list_complete"]:
            answer["cursor"] = left[limit - 1][0]
        return answer


class Least:
    """The four methods that every binding has; what they answer is *said* in some language."""

    def __init__(self, namespace: Namespace, said: Callable[[Any], Any] = lambda answer: answer):
        self.namespace = namespace
        self.said = said

    async def get(self, key: str, type: str) -> Any:
        assert type == "text"
        return self.said(await self.namespace.ask("get", key))

    async def put(self, key: str, value: str, **options: Any) -> None:
        await self.namespace.ask("put", key, value, options)

    async def delete(self, key: str) -> None:
        await self.namespace.ask("delete", key)

    async def list(self, prefix: str = "", cursor: str | None = None, limit: int = 1000) -> Any:
        return self.said(await self.namespace.ask("list", prefix, cursor, limit))


class Whole(Least):
    """What a Worker has."""

    async def getWithMetadata(self, key: str, type: str) -> Any:  # noqa: N802 - its own name
        assert type == "text"
        return self.said(await self.namespace.ask("tell", key))


class AtOnce:
    """The same from somebody who writes Python and has nothing to wait for."""

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace

    def get(self, key: str, type: str) -> Any:
        assert type == "text"
        return self.namespace.do("get", key)

    def get_with_metadata(self, key: str, type: str) -> Any:
        assert type == "text"
        return objects(self.namespace.do("tell", key))

    def put(self, key: str, value: str, **options: Any) -> None:
        self.namespace.do("put", key, value, options)

    def delete(self, key: str) -> None:
        self.namespace.do("delete", key)

    def list(self, prefix: str = "", cursor: str | None = None, limit: int = 1000) -> Any:
        return objects(self.namespace.do("list", prefix, cursor, limit))


class JsNull:
    """What JavaScript calls null."""


class Proxy:
    """An object of JavaScript as Python gets to see it."""

    def __init__(self, members: Mapping[str, Any]) -> None:
        self._members = members

    def __getattr__(self, name: str) -> Any:
        if name not in self._members:
            raise AttributeError(name)
        return proxies(self._members[name])

    def to_py(self) -> Any:
        return {name: _in_python(value) for name, value in self._members.items()}


def objects(answer: Any) -> Any:
    """*answer* with attributes, metadata apart."""
    if not isinstance(answer, dict):
        return answer
    keys = [objects(one) for one in answer.get("keys", ())]
    return SimpleNamespace(**(answer | {"keys": keys} if "keys" in answer else answer))


def proxies(answer: Any) -> Any:
    """*answer* as Python in JavaScript is given it."""
    if isinstance(answer, dict):
        return Proxy(answer)
    if isinstance(answer, list):
        return [proxies(one) for one in answer]
    return JsNull() if answer is None else answer


BINDINGS: dict[str, Callable[[Namespace], Any]] = {
    "dicts": Whole,
    "proxies": lambda namespace: Whole(namespace, proxies),
    "objects": lambda namespace: Whole(namespace, objects),
    "at-once": AtOnce,
    "least": Least,
}
"""Every manner of binding."""


def _listed(name: str, stored: Stored) -> dict[str, Any]:
    told: dict[str, Any] = {"name": name}
    if stored.expiration is not None:
        told["expiration"] = stored.expiration
    if stored.metadata is not None:
        told["metadata"] = json.loads(json.dumps(stored.metadata))
    return told


def _in_python(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _in_python(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_in_python(one) for one in value]
    return JsNull() if value is None else value
