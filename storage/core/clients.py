"""What is known of somebody's client of Redis that is to keep entries by a few commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

from ..errors import ConfigurationError, CorruptValueError, StorageError
from ..records import MISSING, Missing

Method = Callable[..., Any]

SPELLINGS: Final[dict[str, tuple[str, ...]]] = {
    "get": ("get",),
    "set": ("set",),
    "delete": ("delete", "del_", "del", "unlink"),
    "psetex": ("psetex", "pSetEx", "p_set_ex", "pset_ex", "p_setex"),
    "pexpire": ("pexpire", "pExpire", "p_expire"),
    "expire": ("expire",),
    "pttl": ("pttl", "pTTL", "pTtl", "p_ttl"),
}
"""How clients spell a command; the first one that is there is called."""

_NEEDED: Final = {"get": "get", "set": "set", "delete": "delete (or del_, del, unlink)"}
_NO_LIFETIMES: Final = "psetex, pexpire or expire (which ttl=None does without)"
_FOREVER, _NOWHERE = -1, -2


class RedisClientLike(Protocol):
    """A client of any make: `get`, `set`, a command that deletes, and one that gives lifetimes.

    Those are `delete`, `del_`, `del` or `unlink`, and `psetex`, `pexpire` or `expire`.
    """

    def get(self, key: str, /) -> Any: ...

    def set(self, key: str, value: Any, /) -> Any: ...


class Client(NamedTuple):
    """The commands of such a client; those that it need not have may be `None`."""

    kind: str
    get: Method
    set: Method
    delete: Method
    psetex: Method | None = None
    pexpire: Method | None = None
    expire: Method | None = None
    pttl: Method | None = None

    def callables(self) -> list[Method]:
        """The commands there are."""
        return [command for command in self[1:] if callable(command)]

    @property
    def grain_ms(self) -> int | None:
        """How fine a lifetime can be, in milliseconds; `None` where there can be none."""
        if self.psetex is not None or self.pexpire is not None:
            return 1
        return None if self.expire is None else 1000

    @property
    def rewrites(self) -> bool:
        """Whether another lifetime is told with the value, and best told so."""
        return self.pexpire is None and self.psetex is not None


def commands(thing: Any, *, expires: bool) -> Client:
    """The commands of *thing*, or an error that says which are missing; it must give lifetimes
    where something *expires*."""
    kind = type(thing).__name__
    named = {command: _named(thing, names) for command, names in SPELLINGS.items()}
    missing = [words for command, words in _NEEDED.items() if named[command] is None]
    found = Client(kind, **named)
    if expires and found.grain_ms is None:
        missing.append(_NO_LIFETIMES)
    if missing:
        raise ConfigurationError(f"{kind} is no client of Redis: it has no {', no '.join(missing)}")
    return found


def raw_in(reply: object, store: str, name: str) -> bytes | None:
    """The bytes that a client answers a `get` with, as a text or as they are."""
    if reply is None:
        return None
    if isinstance(reply, str):
        return reply.encode(errors="surrogatepass")
    if isinstance(reply, (bytes, bytearray, memoryview)):
        return bytes(reply)
    message = f"the client answers get with {type(reply).__name__}, which is neither text nor bytes"
    raise CorruptValueError(message, store=store, key=name)


def told(raw: bytes) -> str | bytes:
    """What a client is given for *raw*: a text, where it is one."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


def left_ms(reply: object, store: str, name: str) -> int | Missing | None:
    """How long an entry has left by what a client answers a `pttl` with."""
    if type(reply) is not int:
        message = f"the client answers pttl with {type(reply).__name__}, which is no int"
        raise StorageError(message, store=store, key=name)
    if reply == _NOWHERE:
        return MISSING
    return None if reply == _FOREVER else reply


def seconds(ms: int) -> int:
    """*ms* in whole seconds, rounded up."""
    return -(-ms // 1000)


def _named(thing: object, names: tuple[str, ...]) -> Any:
    """What *thing* has by the first of *names* that it has."""
    found = (getattr(thing, name, None) for name in names)
    return next((one for one in found if callable(one)), None)
