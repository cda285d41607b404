"""What Cloudflare's KV answers to one request; nothing of a network."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from typing import Any, Final
from urllib.parse import unquote

from .cloudflare_entries import (
    BAD_METADATA,
    BAD_NAME,
    LARGE,
    LONGEST_NAME,
    MALFORMED,
    Entries,
    RefusedError,
    Stored,
    check_metadata,
    check_name,
    check_value,
    ending,
    whole,
)

ROOT: Final = "/client/v4"
READ_AT_ONCE, LARGEST_READ = 100, 25_000_000
CHANGED_AT_ONCE, LARGEST_REQUEST = 10_000, 100_000_000
FEWEST_LISTED, MOST_LISTED = 10, 1000

NO_KEY, NO_NAMESPACE, TOO_MANY, BAD_LIMIT, BAD_CURSOR = 10009, 10013, 10022, 10028, 10034
NO_ROUTE, NO_METHOD, NO_PLACE = 7000, 7001, 7003
NO_TOKEN, FOREIGN_TOKEN = 10000, 9109

KEYS, BULK = "keys", "bulk"
VALUES, METADATA = "values/", "metadata/"


@dataclass(frozen=True)
class Request:
    """What somebody asked; *path* as it was sent, the names of *headers* in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def action(self) -> str:
        """The path within the namespace, such as `bulk/get`."""
        return self.path.partition("/namespaces/")[2].partition("/")[2]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Ways:
    """What the service does now and then, and here when a test says so."""

    leaves_out_missing: bool = False
    """A bulk read does not say `null`."""
    bare_values: bool = False
    """A bulk read answers with texts alone, whether metadata were asked for or not."""
    bare_empty: bool = False
    """It does so for empty texts."""
    sparse_pages: bool = False
    """What is gone takes its place in a page: it may be short or empty, and not be the last."""
    one_write_a_second: bool = False
    """A key is not written twice within a second, by the clock of the server."""


class Service:
    """An account with one namespace, and who may use it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.account = secrets.token_hex(16)
        self.namespace = secrets.token_hex(16)
        self.token = secrets.token_urlsafe(30)
        self.foreign_token = secrets.token_urlsafe(30)
        self.entries = Entries(clock)
        self.ways = Ways()
        self._lock = threading.RLock()
        self._secret = secrets.token_bytes(16)

    def answer(self, request: Request, spared: int = 0) -> Reply:
        """Do what is asked; a bulk does not do the last *spared* of its keys, and says so."""
        with self._lock:
            try:
                act, name = self._route(request)
                if name is not None:
                    return act(request, name)
                return act(request, spared) if act in self._bulks else act(request)
            except RefusedError as error:
                return refusal(error.status, error.code, error.message)

    @property
    def _bulks(self) -> tuple[Callable[..., Reply], ...]:
        return self._put_many, self._delete_many

    def _route(self, request: Request) -> tuple[Callable[..., Reply], str | None]:
        """What is done for a request, and the key that it names."""
        place = f"{ROOT}/accounts/{self.account}/storage/kv/namespaces/"
        if not request.path.startswith(place):
            message = f"Could not route to {request.path}, perhaps your object identifier is wrong"
            raise RefusedError(404, NO_PLACE, message)
        self._check_token(request.headers.get("authorization", ""))
        if request.path.removeprefix(place).partition("/")[0] != self.namespace:
            raise RefusedError(404, NO_NAMESPACE, "namespace not found")
        action, name = _named(request.action)
        methods = self._methods().get(action)
        if methods is None:
            raise RefusedError(404, NO_ROUTE, "No route for that URI")
        if request.method not in methods:
            raise RefusedError(405, NO_METHOD, f"Method {request.method} not available here")
        return methods[request.method], name

    def _methods(self) -> dict[str, dict[str, Callable[..., Reply]]]:
        """What can be asked, by the path within the namespace."""
        return {
            KEYS: {"GET": self._list},
            BULK: {"PUT": self._put_many, "DELETE": self._delete_many},
            f"{BULK}/get": {"POST": self._read_many},
            f"{BULK}/delete": {"POST": self._delete_many},
            VALUES: {"GET": self._read, "PUT": self._put, "DELETE": self._delete},
            METADATA: {"GET": self._read_metadata},
        }

    def _check_token(self, told: str) -> None:
        if hmac.compare_digest(told.encode(), f"Bearer {self.foreign_token}".encode()):
            raise RefusedError(403, FOREIGN_TOKEN, "Unauthorized to access requested resource")
        if not hmac.compare_digest(told.encode(), f"Bearer {self.token}".encode()):
            raise RefusedError(401, NO_TOKEN, "Authentication error")

    # One key.

    def _read(self, request: Request, name: str) -> Reply:
        stored = self._found(name)
        headers = {"Content-Type": "application/octet-stream"}
        if stored.expiration is not None:
            headers["expiration"] = str(stored.expiration)
        return Reply(200, stored.value, headers)

    def _read_metadata(self, request: Request, name: str) -> Reply:
        return success(self._found(name).metadata)

    def _found(self, name: str) -> Stored:
        stored = self.entries.seen(name)
        if stored is None:
            raise RefusedError(404, NO_KEY, "get: 'key not found'")
        return stored

    def _put(self, request: Request, name: str) -> Reply:
        value, metadata = request.body, None
        if request.headers.get("content-type", "").startswith("multipart/form-data"):
            value, metadata = _form(request)
        ends = ending(
            request.query.get("expiration"),
            request.query.get("expiration_ttl"),
            self.entries.clock(),
        )
        stored = Stored(check_value(value), check_metadata(metadata), ends)
        self._write(name, stored)
        return success(None)

    def _delete(self, request: Request, name: str) -> Reply:
        self._write(name, None)
        return success(None)

    def _write(self, name: str, stored: Stored | None) -> None:
        if self._too_soon(name):
            raise RefusedError(429, TOO_MANY, "too many writes to one key")
        self.entries.put(name, stored)

    def _too_soon(self, name: str) -> bool:
        last = self.entries.written(name)
        return self.ways.one_write_a_second and last is not None and self.entries.clock() < last + 1

    # Many keys.

    def _list(self, request: Request) -> Reply:
        limit = _limit(request.query.get("limit"))
        after = self._after(request.query.get("cursor", ""))
        prefix = request.query.get("prefix", "")
        if len(prefix.encode()) > LONGEST_NAME:
            raise RefusedError(414, BAD_NAME, f"prefix exceeds the limit of {LONGEST_NAME} bytes")
        found = self.entries.names(prefix)
        left = [pair for pair in found if pair[0].encode() > after]
        if not self.ways.sparse_pages:
            left = [pair for pair in left if pair[1] is not None]
        page = [_listed(name, stored) for name, stored in left[:limit] if stored is not None]
        cursor = self._cursor(left[limit - 1][0]) if len(left) > limit else ""
        return success(page, {"count": len(page), "cursor": cursor})

    def _cursor(self, name: str) -> str:
        text = name.encode()
        return base64.urlsafe_b64encode(self._sign(text) + text).decode().rstrip("=")

    def _after(self, cursor: str) -> bytes:
        if not cursor:
            return b""
        try:
            told = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
        except ValueError:
            told = b""
        text = told[16:]
        if not hmac.compare_digest(told[:16], self._sign(text)):
            raise RefusedError(400, BAD_CURSOR, "invalid cursor")
        return text

    def _sign(self, text: bytes) -> bytes:
        return hmac.digest(self._secret, text, hashlib.sha256)[:16]

    def _read_many(self, request: Request) -> Reply:
        body = _body(request, dict)
        names = body.get("keys")
        if not isinstance(names, list) or not 1 <= len(names) <= READ_AT_ONCE:
            raise RefusedError(400, MALFORMED, f"keys must be a list of 1 to {READ_AT_ONCE}")
        kind = body.get("type", "text")
        if kind not in ("text", "json"):
            raise RefusedError(400, MALFORMED, "type must be 'text' or 'json'")
        found = {name: self.entries.seen(name) for name in map(check_name, names)}
        if sum(len(stored.value) for stored in found.values() if stored) > LARGEST_READ:
            raise RefusedError(413, LARGE, "total size of the values exceeds the limit of 25 MB")
        values = {
            name: self._told(stored, kind, bool(body.get("withMetadata")))
            for name, stored in found.items()
            if stored is not None or not self.ways.leaves_out_missing
        }
        return success({"values": values})

    def _told(self, stored: Stored | None, kind: str, with_metadata: bool) -> Any:
        if stored is None:
            return None
        value: Any = stored.value.decode(errors="replace")
        if kind == "json":
            value = _parsed(value)
        is_bare = self.ways.bare_values or (self.ways.bare_empty and not stored.value)
        if not with_metadata or is_bare:
            return value
        told = {"value": value, "metadata": stored.metadata}
        return told if stored.expiration is None else {**told, "expiration": stored.expiration}

    def _put_many(self, request: Request, spared: int) -> Reply:
        told = _few(_body(request, list))
        now = self.entries.clock()
        return self._change([_entry(one, now) for one in told], spared)

    def _delete_many(self, request: Request, spared: int) -> Reply:
        told = _few(_body(request, list))
        return self._change([(check_name(name), None) for name in told], spared)

    def _change(self, changes: list[tuple[str, Stored | None]], spared: int) -> Reply:
        """Everything was checked; what is written too soon is left, as are the *spared*."""
        left = [name for name, _ in changes[len(changes) - spared :]]
        for name, stored in changes[: len(changes) - spared]:
            if self._too_soon(name):
                left.append(name)
            else:
                self.entries.put(name, stored)
        count = len(changes) - len(left)
        return success({"successful_key_count": count, "unsuccessful_keys": left})


def success(result: Any, info: Any = None) -> Reply:
    told = {"success": True, "errors": [], "messages": [], "result": result}
    return _json(200, told if info is None else {**told, "result_info": info})


def refusal(status: int, code: int, message: str) -> Reply:
    errors = [{"code": code, "message": message}]
    return _json(status, {"success": False, "errors": errors, "messages": [], "result": None})


def _json(status: int, told: Any) -> Reply:
    text = json.dumps(told, separators=(",", ":")).encode()
    return Reply(status, text, {"Content-Type": "application/json"})


def _named(action: str) -> tuple[str, str | None]:
    """The kind of an *action*, and the key in its path."""
    for kind in (VALUES, METADATA):
        if action.startswith(kind):
            text = action.removeprefix(kind)
            if "/" in text:
                raise RefusedError(404, NO_ROUTE, "No route for that URI")
            try:
                return kind, check_name(unquote(text, errors="strict"), 414)
            except UnicodeDecodeError:
                raise RefusedError(400, BAD_NAME, "key is not UTF-8") from None
    return action, None


def _form(request: Request) -> tuple[bytes, Any]:
    """The value and the metadata of a form."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    parts: dict[str, bytes] = {}
    for part in message_from_bytes(head + request.body).walk():
        name = part.get_param("name", header="content-disposition")
        if isinstance(part, Message) and isinstance(name, str):
            parts[name] = bytes(part.get_payload(decode=True) or b"")
    if "value" not in parts:
        raise RefusedError(400, MALFORMED, "the form has no value")
    metadata = parts.get("metadata", b"null")
    return parts["value"], _parsed(metadata.decode(errors="replace"), BAD_METADATA)


def _body(request: Request, kind: type[Any]) -> Any:
    told = _parsed(request.body.decode(errors="replace"))
    if not isinstance(told, kind):
        raise RefusedError(400, MALFORMED, "the body is not what this call takes")
    return told


def _parsed(text: str, code: int = MALFORMED) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise RefusedError(400, code, "could not parse JSON") from None


def _few(told: list[Any]) -> list[Any]:
    if len(told) > CHANGED_AT_ONCE:
        raise RefusedError(400, MALFORMED, f"there are more than {CHANGED_AT_ONCE} keys")
    return told


def _entry(told: Any, now: float) -> tuple[str, Stored]:
    """One of the entries of a bulk."""
    if not isinstance(told, dict) or not isinstance(told.get("value"), str):
        raise RefusedError(400, MALFORMED, "an entry has a key and a value")
    name = check_name(told.get("key"))
    value = whole(told["value"]).encode()
    if told.get("base64"):
        try:
            value = base64.b64decode(value, validate=True)
        except binascii.Error:
            raise RefusedError(400, MALFORMED, "value is not base64") from None
    ends = ending(told.get("expiration"), told.get("expiration_ttl"), now)
    return name, Stored(check_value(value), check_metadata(told.get("metadata")), ends)


def _limit(told: str | None) -> int:
    text = str(MOST_LISTED) if told is None else told
    if not text.isdecimal() or not FEWEST_LISTED <= int(text) <= MOST_LISTED:
        message = f"limit must be from {FEWEST_LISTED} to {MOST_LISTED}"
        raise RefusedError(400, BAD_LIMIT, message)
    return int(text)


def _listed(name: str, stored: Stored) -> dict[str, Any]:
    told: dict[str, Any] = {"name": name}
    if stored.expiration is not None:
        told["expiration"] = stored.expiration
    return told if stored.metadata is None else {**told, "metadata": stored.metadata}
