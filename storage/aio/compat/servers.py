# Written by tools/mirror.py from storage/compat/servers.py: change that file and run the tool.
"""Servers of Redis by any client: by one of redis-py, a URL, or a few commands of another."""

from __future__ import annotations

from ..clients import ClientBackend
from ...core.clients import RedisClientLike, commands
from ...errors import ConfigurationError
from ..protocols import Backend
from ...redis.options import Given, Options, RedisPlace, Target
from ..rooms import redis


def server(
    client: RedisPlace | RedisClientLike | Given,
    prefix: str,
    timeout: float | None,
    accept_retries: bool,
    *,
    expires: bool = True,
) -> Backend:
    """What is kept on the server behind *client*, which has to give lifetimes where something
    *expires*."""
    if isinstance(client, (str, Target, Given)) or hasattr(client, "execute_command"):
        return redis(Options(client, prefix, timeout, accept_retries))
    found = commands(client, expires=expires)
    if timeout is not None or accept_retries:
        message = "timeout and accept_retries want a URL or a client of redis-py"
        raise ConfigurationError(message)
    return ClientBackend(found)
