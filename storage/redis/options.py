"""What a Redis store is made of, checked before anything is connected."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from ..errors import ConfigurationError
from ..urls import Address as Url

DEFAULT_PREFIX = "storage:"

SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster",
           "rediss+cluster")  # fmt: skip

_PORT, _SENTINEL_PORT = 6379, 26379
_TLS = ("ssl_ca_certs", "ssl_certfile", "ssl_cert_reqs", "ssl_check_hostname", "ssl_keyfile")
_SENTINEL = ("sentinel_username", "sentinel_password")
_NOT_GIVEN = {"auto_close_connection_pool", "connection_pool", "single_connection_client"}
"""What would bring connections of somebody else, or connect at once."""

OPTIONS = ("client_name", "connect_timeout", "connections", "db", "protocol", "timeout", *_TLS)
"""What the query of a URL may say about the connections."""

_SECONDS = "positive seconds"


class Target(NamedTuple):
    """What a URL says."""

    scheme: str
    places: tuple[tuple[str, int], ...]
    arguments: Mapping[str, Any]
    sentinel_arguments: Mapping[str, Any]
    connections: int | None
    service: str | None
    timeout: float | None

    @property
    def secure(self) -> bool:
        """Whether TLS is wanted."""
        return self.scheme.startswith("rediss")

    @property
    def clustered(self) -> bool:
        """Whether the places are nodes of a cluster."""
        return self.scheme.endswith("+cluster")


class Executes(Protocol):
    """A client, whoever made it."""

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Run one command."""
        ...


class Given:
    """What a client of redis-py is made with; it is never shown."""

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self._arguments = dict(arguments)
        for name in ("port", "db"):
            number = self._arguments.get(name, 0)
            if type(number) is not int or number < 0:
                raise ConfigurationError(f"{name} must be a whole number")
        for name in ("socket_timeout", "socket_connect_timeout"):
            if not _is_time(self._arguments.get(name)):
                raise ConfigurationError(f"{name} must be positive seconds")
        if not isinstance(self._arguments.get("host", ""), str):
            raise ConfigurationError("host must be a str")
        retry = self._arguments.get("retry")
        if retry is not None and not hasattr(retry, "call_with_retry"):
            raise ConfigurationError("retry must be a Retry of redis-py")

    def client(self, kind: Callable[..., Any]) -> Any:
        """A client of this *kind*, which is not connected."""
        from inspect import signature  # which redis-py needs too

        known = signature(kind).parameters.keys() - _NOT_GIVEN
        unknown = sorted(str(name) for name in self._arguments if name not in known)
        if unknown:
            raise ConfigurationError(f"there is no option {', '.join(unknown)} of redis-py")
        try:
            return kind(**self._arguments)
        except Exception as error:  # noqa: BLE001 - whatever redis-py says, with what was given
            message = f"redis-py does not take these options: it raised {type(error).__name__}"
            raise ConfigurationError(message) from None


RedisPlace = str | Executes | Target
"""What a Redis store stands on: a URL, a client, or what a URL says."""


class Options:
    """The arguments of a Redis store."""

    def __init__(
        self,
        place: object,
        prefix: str,
        timeout: float | None,
        accept_retries: bool,
    ) -> None:
        self.target: Any = target(Url(place)) if isinstance(place, str) else place
        if place is None or isinstance(place, (bytes, int, float)):
            raise ConfigurationError("a Redis store wants a URL or a client")
        if not isinstance(prefix, str):
            raise ConfigurationError(f"prefix must be a str, not {type(prefix).__name__}")
        said = self.target.timeout if isinstance(self.target, Target) else None
        self.timeout: float | None = _seconds("timeout", said if timeout is None else timeout)
        self.prefix: str = prefix
        self.is_whole: bool = prefix in ("", DEFAULT_PREFIX)
        self.accept_retries: bool = accept_retries


def target(url: Url, *others: str) -> Target:
    """What *url* says about the connections; *others* are options that somebody else reads."""
    if url.scheme not in SCHEMES:
        raise ConfigurationError(f"a Redis URL begins with {', '.join(SCHEMES)}")
    sentinel = url.scheme.endswith("+sentinel")
    ours = sorted({"prefix", "ttl", "codec"} & url.options.keys() - set(others))
    if ours:
        told = ", ".join(f"{name}=" for name in ours)
        raise url.error(f"pass {told} to RedisStorage, or the whole URL to storage.open")
    url.allow(*OPTIONS, *others, *(_SENTINEL if sentinel else ()))
    places = _places(url, _SENTINEL_PORT if sentinel else _PORT)
    service, db = _path(url)
    arguments = _arguments(url, db)
    watching = {k: v for k, v in arguments.items() if k not in ("username", "password", "db")}
    for name in _SENTINEL:
        if name in url.options:
            watching[name.removeprefix("sentinel_")] = url.options[name]
    return Target(
        url.scheme,
        places,
        arguments,
        watching,
        url.option("connections", _count, None, "a whole number above 0"),
        service,
        url.option("timeout", _positive, None, _SECONDS),
    )


def _places(url: Url, usual: int) -> tuple[tuple[str, int], ...]:
    if url.scheme == "unix":
        broken = url.netloc and "@" not in url.netloc and "@" in url.path  # by a / in a password
        if not url.path or url.path == "/" or broken:
            raise url.refused("write unix:///path/of/the.sock")
        return ((url.path, 0),)
    places = tuple(url.hosts(usual)) or (("localhost", usual),)
    if len(places) > 1 and "+" not in url.scheme:
        raise url.error("one host and port belong here")
    return places


def _path(url: Url) -> tuple[str | None, int]:
    """The service and the database that the path and the options name."""
    db = url.option("db", _whole, 0, "a whole number")
    rest = "" if url.scheme == "unix" else url.path.strip("/")
    if url.scheme.endswith("+sentinel"):
        service, _, rest = rest.partition("/")
        if not service:
            raise url.error("the service is missing: redis+sentinel://host:port,host:port/service")
        return service, _database(url, rest, db)
    if url.scheme.endswith("+cluster") and (rest or db):
        raise url.refused("a cluster has no databases")
    return None, _database(url, rest, db)


def _database(url: Url, rest: str, db: int) -> int:
    if not rest:
        return db
    if not rest.isdecimal():
        raise url.refused("the path is the number of a database")
    if "db" in url.options:
        raise url.error("db contradicts the path, which is the number of the database: give one")
    return int(rest)


def _arguments(url: Url, db: int) -> dict[str, Any]:
    user, password = url.login()
    protocol = url.option("protocol", _protocol, 2, "2 or 3")
    arguments: dict[str, Any] = {"db": db, "protocol": protocol}
    if user:
        arguments["username"] = user
    if password:
        arguments["password"] = password
    if "client_name" in url.options:
        arguments["client_name"] = url.options["client_name"]
    if "connect_timeout" in url.options:
        arguments["socket_connect_timeout"] = url.option(
            "connect_timeout", _positive, None, _SECONDS
        )
    secured = {name: url.options[name] for name in _TLS if name in url.options}
    if secured and not url.scheme.startswith("rediss"):
        raise url.error("the ssl_ options belong to rediss://")
    if "ssl_check_hostname" in secured:
        arguments["ssl_check_hostname"] = url.option(
            "ssl_check_hostname", _claim, True, "true or false"
        )
        del secured["ssl_check_hostname"]
    for name in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile"):
        if name in secured and not os.path.isfile(secured[name]):  # noqa: PTH113 - pathlib is dear
            raise url.error(f"{name} names no file")
    if secured.get("ssl_cert_reqs", "required") not in ("required", "optional", "none"):
        raise url.error("ssl_cert_reqs must be required, optional or none")
    return {**arguments, **secured}


def _seconds(name: str, seconds: float | None) -> float | None:
    if not _is_time(seconds):
        raise ConfigurationError(f"{name} must be positive seconds, not {seconds!r}")
    return None if seconds is None else float(seconds)


def _is_time(seconds: Any) -> bool:
    """Whether that is positive seconds, or not said."""
    if seconds is None:
        return True
    number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    return number and 0 < seconds < math.inf


def _positive(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < math.inf:
        raise ValueError(text)
    return seconds


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise ValueError(text)
    return int(text)


def _count(text: str) -> int:
    count = _whole(text)
    if not count:
        raise ValueError(text)
    return count


def _protocol(text: str) -> int:
    if text not in ("2", "3"):
        raise ValueError(text)
    return int(text)


def _claim(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(text)
    return text == "true"
