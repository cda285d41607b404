"""What is said to Cloudflare's public API about a namespace, and what its replies mean."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from .entries import CHANGED_AT_ONCE, Held, Listed, Listing, Put, whole

LARGEST_BODY: Final = 90_000_000
"""The service takes 100 MB in a request."""

LARGEST_REPLY: Final = 200_000_000
"""More than any reply has: 25 MB of values in it, of which JSON may spell out each character."""

FEWEST_LISTED: Final = 10
"""The service lists no fewer at a time."""

NO_CONTENT: Final = 204
"""The status of a reply that is none but for it."""

_VALUE: Final = "/values/"
_METADATA: Final = "/metadata/"
_COMPACT: Final = (",", ":")


class Reply(NamedTuple):
    """What came back; the names of *headers* are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Request(NamedTuple):
    """What is asked, and what *read*s the reply: it raises a `ValueError` where that is none.

    The *path* is that below the namespace. What *writes* changes something.
    """

    method: str
    path: str
    body: bytes | None
    writes: bool
    read: Callable[[Reply], Any]

    @property
    def is_of_many(self) -> bool:
        """Whether it may be made smaller, where it is too large."""
        return self.body is not None

    @property
    def is_of_one(self) -> bool:
        """Whether it may be about a key that is not there."""
        return self.path.startswith((_VALUE, _METADATA))


class Parcel(NamedTuple):
    """Entries that are put there by one request: of each its name, and the JSON that keeps it."""

    entries: Mapping[str, bytes]

    def names(self) -> Sequence[str]:
        """Which entries it is about."""
        return list(self.entries)

    def request(self) -> Request:
        """What puts the entries there; the reply names those that it did not."""
        body = b"[" + b",".join(self.entries.values()) + b"]"
        return Request("PUT", "/bulk", body, True, partial(_failed, frozenset(self.entries)))

    def only(self, names: Iterable[str]) -> Parcel:
        """The same for those of *names*."""
        return Parcel({name: self.entries[name] for name in names if name in self.entries})


class Removal(NamedTuple):
    """Entries that are taken away by one request."""

    gone: Sequence[str]

    def names(self) -> Sequence[str]:
        """Which entries it is about."""
        return self.gone

    def request(self) -> Request:
        """What takes the entries away; the reply names those that it did not."""
        read = partial(_failed, frozenset(self.gone))
        return Request("POST", "/bulk/delete", _json(self.gone), True, read)

    def only(self, names: Iterable[str]) -> Removal:
        """The same for those of *names*."""
        asked = set(names)
        return Removal([name for name in self.gone if name in asked])


def halves(change: Parcel | Removal) -> list[Parcel | Removal]:
    """The same *change* in two requests."""
    names = change.names()
    middle = len(names) // 2
    return [change.only(names[:middle]), change.only(names[middle:])]


def parcels(puts: Sequence[Put]) -> Iterator[Parcel]:
    """All of *puts*, of those of one name the last, in as few requests as the service takes."""
    entries: dict[str, bytes] = {}
    size = 0
    for put in {one.name: one for one in puts}.values():
        text = _entry(put)
        if entries and (len(entries) == CHANGED_AT_ONCE or size + len(text) > LARGEST_BODY):
            yield Parcel(entries)
            entries, size = {}, 0
        entries[put.name] = text
        size += len(text) + 1
    if entries:
        yield Parcel(entries)


def removals(names: Sequence[str]) -> Iterator[Removal]:
    """All of *names* in as few requests as the service takes."""
    for some in batches(names, CHANGED_AT_ONCE):
        yield Removal(some)


def batches(names: Sequence[str], most: int) -> Iterator[Sequence[str]]:
    """Each of *names* once, *most* at a time."""
    once = list(dict.fromkeys(names))
    for start in range(0, len(once), most):
        yield once[start : start + most]


def reading(names: Sequence[str]) -> Request:
    """What asks for several entries."""
    asked = {"keys": names, "type": "text", "withMetadata": True}
    return Request("POST", "/bulk/get", _json(asked), False, _values)


def reading_value(name: str) -> Request:
    """What asks for one entry that is too large for a reply with others."""
    return Request("GET", _VALUE + _quoted(name), None, False, _value)


def reading_metadata(name: str) -> Request:
    """What asks for the metadata of one entry."""
    return Request("GET", _METADATA + _quoted(name), None, False, _result)


def listing(prefix: str, cursor: str | None, most: int) -> Request:
    """What asks for the next names."""
    path = f"/keys?limit={max(FEWEST_LISTED, most)}"
    if prefix:
        path += f"&prefix={_quoted(prefix)}"
    if cursor is not None:
        path += f"&cursor={_quoted(cursor)}"
    return Request("GET", path, None, False, _listing)


def codes(reply: Reply) -> tuple[int, ...]:
    """The numbers of the errors that a reply tells, if it tells any."""
    try:
        told = json.loads(reply.body)["errors"]
        return tuple(one["code"] for one in told if type(one["code"]) is int and one["code"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ()


def _entry(put: Put) -> bytes:
    told: dict[str, Any] = {"key": put.name, "value": put.text}
    if put.seconds is not None:
        told["expiration_ttl"] = put.seconds
    if put.metadata is not None:
        told["metadata"] = put.metadata
    text = _json(told)
    if len(text) < LARGEST_BODY:
        return text
    # Characters that JSON spells out: the service takes any bytes in a shorter alphabet.
    told |= {"value": b64encode(put.text.encode()).decode(), "base64": True}
    return _json(told)


def _json(told: object) -> bytes:
    return json.dumps(told, ensure_ascii=False, separators=_COMPACT).encode()


def _quoted(text: str) -> str:
    from urllib.parse import quote  # dear, and seldom needed

    return quote(text, safe="")


def _answer(reply: Reply) -> Mapping[str, Any]:
    answer = json.loads(reply.body)
    if not isinstance(answer, dict) or answer.get("success") is not True:
        raise ValueError
    return answer


def _result(reply: Reply) -> Any:
    return _answer(reply)["result"]


def _failed(asked: frozenset[str], reply: Reply) -> Sequence[str]:
    """The names of those *asked* that a change did not reach."""
    if not reply.body and reply.status == NO_CONTENT:
        return ()
    result = _answer(reply).get("result") or {}
    names = result.get("unsuccessful_keys") or []
    if not isinstance(names, list) or not asked.issuperset(names):
        raise ValueError
    count = whole(result.get("successful_key_count"))
    if count is not None and count + len(set(names)) < len(asked):
        raise ValueError
    return names


def _values(reply: Reply) -> Mapping[str, Held | None]:
    values = _result(reply)["values"]
    return {name: _held(value) for name, value in values.items()}


def _held(told: Any) -> Held | None:
    if told is None:
        return None
    if isinstance(told, str):  # as some stores answer where there are no metadata
        return Held(told, None, None)
    text = told["value"]
    if text is None:
        return None
    if not isinstance(text, str):
        raise ValueError
    return Held(text, told.get("metadata"), whole(told.get("expiration")))


def _value(reply: Reply) -> Held:
    """A value by itself, which need not be a text, and whose metadata are told elsewhere."""
    ends = reply.headers.get("expiration")
    return Held(reply.body, None, whole(json.loads(ends)) if ends else None)


def _listing(reply: Reply) -> Listing:
    answer = _answer(reply)
    entries = [
        Listed(_text(one["name"]), one.get("metadata"), whole(one.get("expiration")))
        for one in answer["result"]
    ]
    cursor = (answer.get("result_info") or {}).get("cursor")
    return Listing(entries, _text(cursor) if cursor else None)


def _text(told: Any) -> str:
    if not isinstance(told, str):
        raise ValueError
    return told
