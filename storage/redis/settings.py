"""How to connect: read from a client of redis-py, of either colour, or from a URL.

A client is asked for its settings only: it keeps its own connections, and ours are made from the
same class with the same arguments, less the client's way of trying again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import Parameter, signature
from typing import Any, NamedTuple

from redis.backoff import NoBackoff

from ..errors import ConfigurationError
from .commands import Packer
from .options import Given, Options, Target

try:
    from redis.driver_info import DriverInfo
except ImportError:  # an older one does not look it up for each connection
    _INTRODUCTION = None
else:
    _INTRODUCTION = DriverInfo()
    """What the client library tells a server about itself: it would read a file each time."""

Address = tuple[str, int]
"""Host and port of a server; a Unix socket is its path and 0."""

SECONDS = 5.0
"""How long a call may take, unless it is said."""

MOST_LINKS = 50
"""How many connections there are at the most, unless the client says it."""

_LEFT_OUT = {
    *("cache", "cache_config", "connection_class", "connection_pool", "health_check_interval"),
    *("himport_registry", "host", "maint_notifications_config", "maint_notifications_pool_handler"),
    *("max_connections", "orig_host_address", "orig_socket_connect_timeout"),
    *("orig_socket_timeout", "oss_cluster_maint_notifications_handler", "path", "port"),
    *("response_callbacks", "retry", "retry_on_error", "retry_on_timeout", "ssl"),
}
"""What a connection of ours decides itself, and what belongs to a pool and not to a connection."""


class Maker(NamedTuple):
    """Makes connections with the same settings to any address."""

    kind: Callable[..., Any]
    arguments: Mapping[str, Any]

    def connection(self, place: Address) -> Any:
        """A connection to *place*, which is not connected yet."""
        host, port = place
        where = {"host": host, "port": port} if port else {"path": host}
        return self.kind(**self.arguments, **where)

    @property
    def seconds(self) -> float | None:
        """How long the client would wait for an answer."""
        seconds: float | None = self.arguments.get("socket_timeout")
        return seconds


class Settings(NamedTuple):
    """All that is known of a deployment before anything is said to it."""

    maker: Maker
    places: tuple[Address, ...]
    limit: int
    label: str
    clustered: bool = False
    remap: Callable[[Address], Address] | None = None
    service: str | None = None
    sentinels: tuple[tuple[Maker, Address], ...] = ()

    def sentinel(self, place: Address) -> Any:
        """A connection to the Sentinel at *place*."""
        return {where: maker for maker, where in self.sentinels}[place].connection(place)


def settings(options: Options, library: Any) -> Settings | None:
    """The settings that *options* mean, for connections of *library*: `redis` or `redis.asyncio`.

    `None` where the client is not one whose settings can be read.
    """
    if isinstance(options.target, Target):
        return _of_target(options.target, library)
    client = options.target
    if isinstance(client, Given):
        client = client.client(library.Redis)
    if isinstance(client, library.RedisCluster):
        return _of_cluster(client, library) if _is_plain(client, library.RedisCluster) else None
    if not isinstance(client, library.Redis) or not _is_plain(client, library.Redis):
        return None
    pool = client.connection_pool
    if hasattr(pool, "sentinel_manager"):
        return _of_sentinel(pool, library)
    maker, place = _of_pool(pool, library)
    db = maker.arguments.get("db") or 0
    return Settings(maker, (place,), _limit(pool), f"redis:{_shown(place)}/{db}")


def _is_plain(client: Any, kind: type) -> bool:
    """Whether nobody has changed how the client runs a command."""
    return getattr(type(client), "execute_command") is getattr(kind, "execute_command")  # noqa: B009


def _of_pool(pool: Any, library: Any) -> tuple[Maker, Address]:
    given = pool.connection_kwargs
    maker = _maker(pool.connection_class, given, library)
    if "path" in given:
        return maker, (str(given["path"]), 0)
    return maker, (str(given.get("host", "localhost")), int(given.get("port", 6379)))


def _maker(kind: type, given: Mapping[str, Any], library: Any) -> Maker:
    """A maker of connections like those of a client, which do not try again by themselves."""
    retry = library.retry.Retry(NoBackoff(), 0)
    kept = {name: value for name, value in given.items() if name not in _LEFT_OUT}
    kept |= {"encoding": "utf-8", "encoding_errors": "strict", "decode_responses": False}
    if _INTRODUCTION is not None and not kept.keys() & {"lib_name", "lib_version"}:
        kept.setdefault("driver_info", _INTRODUCTION)
    if given.get("ssl") and not issubclass(kind, library.connection.SSLConnection):
        kind = library.connection.SSLConnection
    kind = _underneath(kind, library)
    if _takes_a_packer(kind, library):
        kept.setdefault("command_packer", Packer())
    return Maker(kind, {**kept, "retry": retry})


def _takes_a_packer(kind: type, library: Any) -> bool:
    """Whether connections of this *kind* leave to another how a command is spelled."""
    plain = library.connection.AbstractConnection
    passed_on = [one.kind for one in signature(kind).parameters.values()]
    return (
        issubclass(kind, plain)
        and Parameter.VAR_KEYWORD in passed_on
        and "command_packer" in signature(plain).parameters
    )


def _underneath(kind: type, library: Any) -> type:
    """The class that knows nothing of Sentinel: we look for the primary ourselves."""
    if not issubclass(kind, library.sentinel.SentinelManagedConnection):
        return kind
    kinds = library.connection
    plain: type = kinds.SSLConnection if issubclass(kind, kinds.SSLConnection) else kinds.Connection
    return plain


def _of_sentinel(pool: Any, library: Any) -> Settings:
    if not pool.is_master:
        raise ConfigurationError("this client reads from replicas: pass what master_for() gives")
    manager = pool.sentinel_manager
    sentinels = tuple(_of_pool(one.connection_pool, library) for one in manager.sentinels)
    maker = _maker(pool.connection_class, pool.connection_kwargs, library)
    service = str(pool.service_name)
    return Settings(
        maker, (), _limit(pool), f"redis+sentinel:{service}", service=service, sentinels=sentinels
    )


def _of_cluster(client: Any, library: Any) -> Settings:
    nodes = client.nodes_manager
    given = dict(getattr(client, "connection_kwargs", None) or nodes.connection_kwargs)
    kind = given.get("connection_class") or library.connection.Connection
    places = tuple((str(node.host), int(node.port)) for node in nodes.startup_nodes.values())
    limit = _bounded(given.get("max_connections"))
    return Settings(
        _maker(kind, given, library),
        places,
        limit,
        f"redis+cluster:{_shown(places[0])}",
        clustered=True,
        remap=getattr(nodes, "address_remap", None),
    )


def _of_target(target: Target, library: Any) -> Settings:
    kinds = library.connection
    if target.scheme == "unix":
        kind = kinds.UnixDomainSocketConnection
    else:
        kind = kinds.SSLConnection if target.secure else kinds.Connection
    maker = _maker(kind, target.arguments, library)
    watchers = _maker(kind, target.sentinel_arguments, library)
    where = ",".join(map(_shown, target.places))
    limit = target.connections or MOST_LINKS
    if target.service is not None:
        sentinels = tuple((watchers, place) for place in target.places)
        label = f"redis+sentinel:{target.service}"
        return Settings(maker, (), limit, label, service=target.service, sentinels=sentinels)
    if target.clustered:
        return Settings(maker, target.places, limit, f"redis+cluster:{where}", clustered=True)
    label = f"redis:{where}/{target.arguments.get('db', 0)}"
    return Settings(maker, target.places, limit, label)


def _limit(pool: Any) -> int:
    return _bounded(pool.max_connections)


def _bounded(limit: int | None) -> int:
    """A client without a bound has a very large number for it."""
    return MOST_LINKS if limit is None or limit >= 2**31 else limit


def _shown(place: Address) -> str:
    host, port = place
    return f"{host}:{port}" if port else host
