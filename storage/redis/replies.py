"""What the errors of a server and of a connection mean: in our words, and what to do about them."""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

from redis.exceptions import InvalidResponse

from ..errors import (
    AccessDeniedError,
    ConfigurationError,
    ReadOnlyError,
    StorageError,
    StorageFullError,
    UnavailableError,
    UnsupportedError,
    WrongTypeError,
)


class Phase(Enum):
    """How far a command came before something failed."""

    UNSENT = "the server has not read it"
    SENT = "nobody knows whether the server ran it"
    ANSWERED = "the server said that it did not run it"


class Trouble(NamedTuple):
    """What came instead of a reply."""

    phase: Phase
    error: Exception


class UnknownServiceError(Exception):
    """No Sentinel that answers knows the service."""


class NowhereError(Exception):
    """Nobody could say which server to ask."""


class TakenOverError(Exception):
    """The one server that the command was for has no keys any more."""


class AllLentError(Exception):
    """No connection came back in time."""


NOWHERE = Trouble(Phase.UNSENT, NowhereError("no server is known"))

TOO_LATE = Trouble(Phase.UNSENT, TimeoutError("no time is left to wait for an answer"))

TAKEN_OVER = Trouble(Phase.ANSWERED, TakenOverError("another server has its keys"))


LATE = "the server does not answer in time"


def flag(reply: int) -> bool:
    """Whether the server did it."""
    return reply > 0


class Meaning(NamedTuple):
    """What an error is here; *passes* with time, and *elsewhere* another server may do better.

    What happens *twice* is taken to be there for good.
    """

    kind: type[StorageError]
    message: str
    passes: bool = False
    elsewhere: bool = False
    twice: bool = False


_A_NODE = Meaning(
    ConfigurationError,
    "the server is a node of a cluster: use redis+cluster://, or a client for clusters",
)

_MEANINGS: dict[str, Meaning] = {
    "LOADING": Meaning(UnavailableError, "the server is loading its data", passes=True),
    "BUSY": Meaning(UnavailableError, "the server is busy with a script", passes=True),
    "TRYAGAIN": Meaning(UnavailableError, "the keys are being moved", passes=True),
    "CLUSTERDOWN": Meaning(
        UnavailableError, "the cluster does not serve all keys", passes=True, elsewhere=True
    ),
    "MASTERDOWN": Meaning(
        UnavailableError, "the server has lost its primary", passes=True, elsewhere=True
    ),
    "READONLY": Meaning(
        ReadOnlyError, "the server is a replica and takes no writes", passes=True, elsewhere=True
    ),
    "UNBLOCKED": Meaning(
        UnavailableError, "the server has become a replica", passes=True, elsewhere=True
    ),
    "MISCONF": Meaning(
        ReadOnlyError, "the server takes no writes because it can not save its data to disk"
    ),
    "NOREPLICAS": Meaning(
        ReadOnlyError, "the server takes no writes because too few replicas follow it"
    ),
    "OOM": Meaning(StorageFullError, "the server has no memory left; reading and deleting go on"),
    "WRONGTYPE": Meaning(WrongTypeError, "what is stored under this key is of another kind"),
    "CROSSSLOT": Meaning(UnsupportedError, "the keys do not lie in one slot of the cluster"),
    "WRONGPASS": Meaning(AccessDeniedError, "the server refuses the user name or the password"),
    "NOAUTH": Meaning(AccessDeniedError, "the server refuses the user name or the password"),
    "NOPERM": Meaning(AccessDeniedError, "the server's rules do not let this user do that"),
    "MOVED": _A_NODE,
    "ASK": _A_NODE,
    "DATABASE": Meaning(ConfigurationError, "the server has no database of this number"),
    "MAXCLIENTS": Meaning(UnavailableError, "the server has too many clients", passes=True),
    "NOSCRIPT": Meaning(UnavailableError, "the server has forgotten the script", passes=True),
}

# The client has a class for some first words, and cuts them off then.
_WORDS = {
    "BusyLoadingError": "LOADING",
    "TryAgainError": "TRYAGAIN",
    "MasterDownError": "MASTERDOWN",
    "ClusterDownError": "CLUSTERDOWN",
    "ReadOnlyError": "READONLY",
    "OutOfMemoryError": "OOM",
    "ClusterCrossSlotError": "CROSSSLOT",
    "AuthenticationError": "NOAUTH",
    "AuthorizationError": "NOAUTH",
    "NoPermissionError": "NOPERM",
    "MovedError": "MOVED",
    "AskError": "ASK",
    "NoScriptError": "NOSCRIPT",
}

# What stands somewhere in a message, and says more than its first word.
_PARTS = {
    "max number of clients reached": "MAXCLIENTS",
    "without any password configured": "WRONGPASS",
    "ACL failure in script": "NOPERM",
    "The user executing the script can't": "NOPERM",
    "DB index is out of range": "DATABASE",
    # A script that met a key which is not there, or not any more, in a slot that is moved.
    "access a non local key": "TRYAGAIN",
}

# Before Redis 7 a script's error holds that of the command in it.
_IN_A_SCRIPT = re.compile(r"rror running script .*?-?\b([A-Z]{3,}) ")

_SHOWN = 100


def word(error: BaseException) -> str:
    """The first word of what the server said; empty for what no server said."""
    known = [_WORDS[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in _WORDS]
    if known:
        return known[0]
    text = str(error)
    for part, known_as in _PARTS.items():
        if part in text:
            return known_as
    inner = _IN_A_SCRIPT.search(text)
    if inner is not None and inner[1] in _MEANINGS:
        return inner[1]
    names = {kind.__name__ for kind in type(error).__mro__}
    return text.split(" ", 1)[0] if "ResponseError" in names else ""


def phase_of(error: BaseException) -> Phase:
    """What a server says while it is connected to, it says of a command that it never got."""
    return Phase.ANSWERED if word(error) else Phase.UNSENT


def meaning(error: BaseException) -> Meaning:
    """What *error* is in our words."""
    first = word(error)
    if first in _MEANINGS:
        return _MEANINGS[first]
    if first:
        return Meaning(StorageError, f"the server says: {_without_arguments(str(error))}")
    if _is_refused_certificate(error):
        return Meaning(AccessDeniedError, "the server's certificate is not one to be trusted")
    if isinstance(error, UnknownServiceError):
        return Meaning(ConfigurationError, "no Sentinel knows a service of this name")
    if isinstance(error, TakenOverError):
        message = "another server has taken over while its keys were listed: begin again"
        return Meaning(UnavailableError, message)
    if isinstance(error, AllLentError):
        return Meaning(UnavailableError, "all connections are in use")
    if isinstance(error, NowhereError):
        message = "nobody can say which server has the key now"
        return Meaning(UnavailableError, message, passes=True, elsewhere=True)
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if "InvalidResponse" in kinds:
        message = "what answers there does not speak like a Redis server"
        return Meaning(UnavailableError, message, passes=True, elsewhere=True, twice=True)
    if "TimeoutError" in kinds:
        return Meaning(UnavailableError, LATE, passes=True)
    return Meaning(UnavailableError, "the server can not be reached", passes=True, elsewhere=True)


def refuses(error: BaseException, command: str) -> bool:
    """Whether a server that says *error* refuses *command*, by its name and so for good."""
    text = str(error).split(", with args", 1)[0]
    name = rf"['`\"]{command}\b|\b{command}(\|\S*)?['`\"]? command"
    is_kind = word(error) in ("NOPERM", "ERR", "unknown")
    return is_kind and re.search(name, text, re.IGNORECASE) is not None


def discreet(error: Exception) -> Exception:
    """*error*, or one like it which does not quote what was sent or stored."""
    if isinstance(error, (InvalidResponse, ValueError, TypeError)):
        return InvalidResponse("what came is no reply")
    cut = _unquoted(str(error))
    return error if cut == str(error) else type(error)(cut)


def _without_arguments(text: str) -> str:
    return _unquoted(text)[:_SHOWN].rstrip(" ,")


def _unquoted(text: str) -> str:
    """A server quotes what was sent to it, which may be a value."""
    return text.split(", with args", 1)[0].split("`", 1)[0]


def _is_refused_certificate(error: BaseException | None) -> bool:
    while error is not None:
        if type(error).__name__ in ("SSLCertVerificationError", "CertificateError"):
            return True
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
