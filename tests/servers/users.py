"""Users of a server, with what they may do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

from .server import Server


@dataclass(frozen=True)
class User:
    """Somebody whom a server lets in."""

    name: str
    password: str
    url: str


@contextmanager
def user(server: Server, name: str, password: str, *rules: str) -> Iterator[User]:
    """A user who may do what *rules* say, and nothing else: `~bot:*`, `+get`."""
    server.call("ACL", "SETUSER", name, "reset", "on", f">{password}", *rules)
    try:
        yield _user(server, name, password)
    finally:
        server.call("ACL", "DELUSER", name)


@contextmanager
def protected(server: Server, password: str) -> Iterator[User]:
    """Who comes without a name needs a password from now on; who is in stays in."""
    with server.connect() as inside:
        inside.call("ACL", "SETUSER", "default", "resetpass", f">{password}")
        try:
            yield _user(server, "", password)
        finally:
            inside.call("ACL", "SETUSER", "default", "nopass")


def _user(server: Server, name: str, password: str) -> User:
    words = f"{quote(name, safe='')}:{quote(password, safe='')}"
    return User(name, password, f"redis://{words}@{server.host}:{server.port}/0")
