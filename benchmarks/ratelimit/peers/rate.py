"""What the other libraries are told."""

from __future__ import annotations

from typing import Any, NamedTuple

import redis

from ...redis.settings import SECONDS


class Rate(NamedTuple):
    """So many *hits* in *per* seconds."""

    hits: int
    per: int


def client(url: str) -> Any:
    """A client of redis-py for the server at *url*, made as all others here are."""
    return redis.Redis.from_url(url, socket_timeout=SECONDS)
