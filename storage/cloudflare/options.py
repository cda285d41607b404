"""What a store on Cloudflare's KV is made of, checked before anything is connected."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any, Final, NoReturn, Protocol

from ..errors import ConfigurationError
from ..keys import check_key
from ..ttl import Clock
from ..urls import Address as Url
from .entries import LONGEST_NAME, fits

SCHEME: Final = "cloudflare"

PUBLIC: Final = "https://api.cloudflare.com/client/v4"
"""Where the service is asked from outside of a Worker."""

TOKEN: Final = "CLOUDFLARE_API_TOKEN"
"""The environment variable that holds the token."""

SECONDS: Final = 10.0
"""How long a call takes at the most, unless another time is said."""

LONGEST_SECONDS: Final = 86_400.0
"""How long it may be said to take; systems can not wait for ever."""

METHODS: Final = ("get", "put", "delete", "list")
"""What a binding has."""

_LONGEST_ID: Final = 64
_HERE: Final = ("localhost", "127.0.0.1", "::1")


class WorkersBinding(Protocol):
    """A namespace as a Worker has it: in Python, `self.env.NAME`."""

    @property
    def get(self) -> Callable[..., Any]: ...

    @property
    def put(self) -> Callable[..., Any]: ...

    @property
    def delete(self) -> Callable[..., Any]: ...

    @property
    def list(self) -> Callable[..., Any]: ...


class Token:
    """What opens the account; nothing shows it but `text`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def text(self) -> str:
        """The token itself."""
        return self._text

    def __reduce__(self) -> NoReturn:
        raise TypeError("a token can not be copied or pickled")

    def __repr__(self) -> str:
        return "<token>"


class Options:
    """The arguments of a store on Cloudflare's KV."""

    def __init__(
        self,
        account: object,
        namespace: object,
        token: object,
        *,
        prefix: str,
        timeout: float | None,
        client: Any,
        base_url: str,
        clock: Clock,
    ) -> None:
        self.binding: Any = None
        self.account: str = ""
        self.namespace: str = ""
        self.token: Token = Token("")
        if is_binding(account):
            _refuse_beside_a_binding(namespace, token, client)
            self.binding = account
            self.label: str = "cloudflare binding"
        else:
            self.account = _id("account_id", account)
            self.namespace = _id("namespace_id", namespace)
            self.token = _token(token)
            self.label = f"cloudflare {self.namespace}"
        check_key(prefix, self.label)
        if not fits(prefix):
            message = f"a prefix has {LONGEST_NAME} bytes at the most, as keys of KV have"
            raise ConfigurationError(message)
        self.prefix: str = prefix
        self.seconds: float = _seconds(timeout)
        self.client: Any = client
        self.base_url: str = _base_url(base_url)
        self.clock: Clock = clock


def is_binding(thing: object) -> bool:
    """Whether *thing* has the methods of a binding."""
    return all(callable(getattr(thing, name, None)) for name in METHODS)


def place(url: Url, *others: str) -> tuple[str, str]:
    """The account and the namespace that *url* names; *others* are options of somebody else's."""
    url.allow("timeout", "base_url", *others)
    if "@" in url.netloc or ":" in url.netloc:
        raise url.error(f"the token is not said here: it is taken from {TOKEN}")
    namespace = url.path.strip("/")
    if not url.netloc or not namespace or "/" in namespace:
        raise url.error("write cloudflare://account/namespace")
    return url.netloc, namespace


def _refuse_beside_a_binding(*others: object) -> None:
    if any(other is not None for other in others):
        message = "a binding knows its namespace: no namespace_id, token or client goes with it"
        raise ConfigurationError(message)


def _id(name: str, told: object) -> str:
    if told is None:
        raise ConfigurationError(f"{name} is missing")
    if not isinstance(told, str):
        raise ConfigurationError(f"{name} must be a str, not {type(told).__name__}")
    plain = told.replace("-", "").replace("_", "")
    if not (plain.isascii() and plain.isalnum()) or len(told) > _LONGEST_ID:
        raise ConfigurationError(f"{name} is not one that Cloudflare gives: letters and digits")
    return told


def _token(told: object) -> Token:
    if isinstance(told, Token):
        return told
    text = os.environ.get(TOKEN) if told is None else told
    if not isinstance(text, str):
        if told is None:
            raise ConfigurationError(f"the token is missing: say token=, or set {TOKEN}")
        raise ConfigurationError(f"token must be a str, not {type(told).__name__}")
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigurationError("token is none: it is ASCII, without spaces")
    return Token(text)


def _seconds(timeout: float | None) -> float:
    if timeout is None:
        return SECONDS
    number = isinstance(timeout, (int, float)) and not isinstance(timeout, bool)
    if not number or not 0 < timeout < math.inf:
        raise ConfigurationError(f"timeout must be positive seconds, not {timeout!r}")
    if timeout > LONGEST_SECONDS:
        raise ConfigurationError(f"timeout is a day at the most, not {timeout!r} seconds")
    return float(timeout)


def _base_url(told: object) -> str:
    """Where the service is, over TLS unless it is on this machine: the token goes there."""
    if not isinstance(told, str):
        raise ConfigurationError(f"base_url must be a str, not {type(told).__name__}")
    from urllib.parse import urlsplit  # dear, and needed once

    try:
        parts = urlsplit(told)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ConfigurationError("base_url can not be read") from None
    if not host or parts.query or parts.fragment or parts.username or parts.password:
        raise ConfigurationError("base_url looks like https://host/path")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _HERE):
        raise ConfigurationError("base_url must begin with https://, or the token could be read")
    return told.rstrip("/")
