"""What to do when Cloudflare's API did not do what it was asked: wait, and how long, or give up,
and how.

A call has one deadline. All that is asked may be done twice, so within the deadline everything is
asked again that may work a little later.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, NamedTuple

from ..errors import (
    AccessDeniedError,
    ClosedError,
    ConfigurationError,
    OutcomeUnknownError,
    StorageError,
    UnavailableError,
)
from ..runtime import wall_clock
from .wire import Reply, Request, codes


class Phase(Enum):
    """How far a request came."""

    UNSENT = "the service has not read it"
    SENT = "nobody knows whether the service did it"
    REFUSED = "the service said that it did not do it"


class Trouble(NamedTuple):
    """What came instead of an answer: a discreet *error*, or the *reply* that it stands for."""

    phase: Phase
    error: Exception
    reply: Reply | None = None


class Answer(NamedTuple):
    """What the service answered, as it is read."""

    value: Any


class TooLarge(Enum):
    """What is too large for one reply, or for one request."""

    TOO_LARGE = "TOO_LARGE"


TOO_LARGE: Final = TooLarge.TOO_LARGE


class LateError(Exception):
    """The deadline of the call came."""


class GoneError(Exception):
    """What would have asked is closed."""


class LongError(Exception):
    """The reply was longer than any that the service gives."""


class StrangeError(Exception):
    """The reply was none of the service's."""


class StatusError(Exception):
    """The service said no."""


class PartError(Exception):
    """The service did a part of what it was asked, or nothing."""


PART: Final = Trouble(Phase.REFUSED, PartError("a part of the entries was left as it was"))

LARGE: Final = Trouble(Phase.REFUSED, StatusError("one entry is too large"))

TOO_LATE: Final = Trouble(Phase.UNSENT, LateError("no time is left to ask"))

CROWDED: Final = Trouble(Phase.UNSENT, LateError("too many that were given up wait yet"))

CLOSED: Final = Trouble(Phase.UNSENT, GoneError("the store is closed"))


class Progress:
    """How far a request has come, as the client tells."""

    def __init__(self) -> None:
        self._is_seen = False
        self._is_sent = False

    def note(self, event: str, info: Mapping[str, Any]) -> None:
        """Something has happened: *event* is the client's word for it."""
        self._is_seen = True
        if event.endswith("send_request_headers.started"):
            method = getattr(info.get("request"), "method", b"")
            self._is_sent = self._is_sent or method != b"CONNECT"

    def phase(self, error: Exception) -> Phase:
        """How far it was when the *error* came."""
        unsent = not self._is_sent if self._is_seen else type(error).__name__ in _UNSENT
        return Phase.UNSENT if unsent else Phase.SENT

    def closed(self) -> Trouble:
        """What comes of it where somebody has closed the client."""
        phase = Phase.SENT if self._is_sent else Phase.UNSENT
        return Trouble(phase, GoneError("the client that was given is closed"))


_UNSENT = ("ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol")
"""What keeps a request from being sent, where nothing else is known."""

_TOKEN_CODES = frozenset({6003, 6111, 9103, 9106, 9109, 10000, 10001})
_NO_PLACE = frozenset({7000, 7003, 10010, 10011, 10013})
_NO_KEY, _LARGE_CODE, _MANY_CODE, _CURSOR_CODE = 10009, 10024, 10022, 10034

LATE: Final = "Cloudflare does not answer in time"
_STRANGE: Final = "what answers there does not speak like Cloudflare's API: check base_url"
_NOWHERE: Final = "no such namespace is known: check account_id, namespace_id and base_url"
_DENIED: Final = "Cloudflare refuses the token, or what it may do to this namespace"

_SHORTEST, _LONGEST = 0.1, 5.0
_A_SECOND = 1.0
"""What one key is changed once in."""

_LIMIT = re.compile(r"(?:^|,)[^,]*?;\s*r=0\b[^,]*?;\s*t=(\d+)")
"""A limit of the service's of which nothing remains, and in how many seconds it does again."""


class Meaning(NamedTuple):
    """What a trouble is in our words; what *passes* is tried again after *pause* or so."""

    kind: type[StorageError]
    message: str
    passes: bool = False
    pause: float = _SHORTEST


class Course:
    """A call about *total* entries, until its deadline."""

    def __init__(self, until: float, total: int = 1, key: str | None = None) -> None:
        self.until = until
        self.key = key
        self._total = total
        self._done = 0
        self._tries = 0
        self._is_unsure = False
        self._said: Trouble | None = None

    def went_on(self, done: int, left: int) -> None:
        """A request was answered: so many entries more are *done*, and so many it has *left*."""
        self._done += done
        if not left:
            self._is_unsure = False
            self._said = None
        if done:
            self._tries = 0

    def after(self, request: Request, trouble: Trouble, now: float) -> float | StorageError:
        """How long to wait before *request* is made again, or what to give up with."""
        told = meaning(trouble)
        hint = None if trouble.reply is None else hinted(trouble.reply.headers)
        if request.writes and trouble.phase is Phase.SENT:
            self._is_unsure = True
        if not told.passes:
            return self._failure(told, None)
        if not isinstance(trouble.error, LateError):
            self._said = trouble
        pause = hint or self._pause(trouble, told.pause)
        if now + pause >= self.until:
            return self._failure(meaning(self._said or trouble), hint)
        return self._apart(hint, now) if hint else pause

    def _apart(self, hint: float, now: float) -> float:
        """A little more than the *hint*, or all who got it come back at once."""
        import random  # dear, and seldom needed

        more: float = min(hint / 10, (self.until - now - hint) / 2)
        return hint + more * random.random()

    def _pause(self, trouble: Trouble, first: float) -> float:
        """Nothing where a connection may have been closed while nobody used it; else longer from
        time to time, and random, or all who wait come back at once."""
        self._tries += 1
        if self._tries == 1 and trouble.reply is None and trouble is not PART:
            return 0.0
        import random  # dear, and seldom needed

        longest: float = min(first * 2 ** min(self._tries - 1, 10), _LONGEST)
        return longest * (1 + random.random()) / 2

    def _failure(self, told: Meaning, hint: float | None) -> StorageError:
        message, kind = told.message, told.kind
        parts: list[str] = []
        if hint is not None:
            seconds = max(1, math.ceil(hint))
            parts.append(f"it may be asked again in {seconds} second{'s' if seconds > 1 else ''}")
        if self._is_unsure:
            kind = OutcomeUnknownError
            parts.append("it may be done or not, so do it again")
        elif self._done and issubclass(kind, (UnavailableError, ClosedError)):
            kind = OutcomeUnknownError
        if self._total > 1 and (self._done or self._is_unsure):
            parts.append(f"{self._done} of {self._total} entries are done for certain")
        if parts:
            message += ("; " if ": " in message else ": ") + "; ".join(parts)
        return kind(message)


def understood(request: Request, reply: Reply) -> Answer | Trouble:
    """What *reply* says to *request*."""
    if not 200 <= reply.status < 300:
        return _refused(request, reply)
    try:
        return Answer(request.read(reply))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        if codes(reply):
            return _refused(request, reply)
        return Trouble(Phase.SENT, StrangeError("the reply is none of the service's"), reply)


def _refused(request: Request, reply: Reply) -> Answer | Trouble:
    told = codes(reply)
    if request.is_of_many and (reply.status == 413 or _LARGE_CODE in told):
        return Answer(TOO_LARGE)
    if request.is_of_one and _NO_KEY in told:
        return Answer(None)
    error = StatusError(f"{reply.status}{_listed(told)}")
    refused = 300 <= reply.status < 500 and reply.status != 408
    return Trouble(Phase.REFUSED if refused else Phase.SENT, error, reply)


def meaning(trouble: Trouble) -> Meaning:
    """What *trouble* is in our words."""
    error, reply = trouble.error, trouble.reply
    if isinstance(error, StrangeError):
        return Meaning(StorageError, _STRANGE)
    if isinstance(error, LongError):
        return Meaning(StorageError, "the reply is longer than any that Cloudflare gives")
    if isinstance(error, GoneError):
        return Meaning(ClosedError, str(error))
    if trouble is LARGE:
        message = "Cloudflare takes nothing that large: a value has 25 MiB at the most"
        return Meaning(StorageError, message)
    if reply is not None:
        return _meaning_of(reply)
    if trouble is PART:
        message = "Cloudflare leaves entries as they were, and does not say why: do it again later"
        return Meaning(UnavailableError, message, passes=True, pause=_A_SECOND)
    if isinstance(error, LateError) or "Timeout" in type(error).__name__:
        return Meaning(UnavailableError, LATE, passes=True)
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        message = "the certificate of what answers there is not one to be trusted"
        return Meaning(AccessDeniedError, message)
    if trouble.phase is Phase.UNSENT:
        return Meaning(UnavailableError, "Cloudflare can not be reached", passes=True)
    message = "the connection to Cloudflare was lost"
    return Meaning(UnavailableError, message, passes=True)


def _meaning_of(reply: Reply) -> Meaning:
    status, told = reply.status, codes(reply)
    shown = f"({status}{_listed(told)})"
    if status == 429 or _MANY_CODE in told:
        message = f"Cloudflare has been asked too often {shown}"
        return Meaning(UnavailableError, message, passes=True, pause=_A_SECOND)
    if status >= 500 or status == 408:
        return Meaning(UnavailableError, f"Cloudflare fails {shown}", passes=True)
    if status in (401, 403) or _TOKEN_CODES & set(told):
        return Meaning(AccessDeniedError, f"{_DENIED} {shown}")
    if status == 404 or _NO_PLACE & set(told):
        return Meaning(ConfigurationError, f"{_NOWHERE} {shown}")
    if 300 <= status < 400:
        message = (
            f"what answers there leads elsewhere, where no token is sent: check base_url {shown}"
        )
        return Meaning(ConfigurationError, message)
    if _CURSOR_CODE in told:
        message = f"the list was interrupted for too long {shown}: begin it again"
        return Meaning(StorageError, message)
    return Meaning(StorageError, f"Cloudflare refuses the request {shown}")


def hinted(headers: Mapping[str, str]) -> float | None:
    """In how many seconds the service wants to be asked again, if it says so."""
    told = headers.get("retry-after", "").strip()
    if told.isascii() and told.isdecimal():
        return float(told[:9]) or None
    if told:
        return _until(told, headers.get("date"))
    spans = [int(span[:9]) for span in _LIMIT.findall(headers.get("ratelimit", ""))]
    return float(max(spans)) or None if spans else None


def _until(told: str, date: str | None) -> float | None:
    """From *date*, which it is at the service, to when is *told*."""
    from email.utils import parsedate_to_datetime  # dear, and seldom needed

    try:
        when = parsedate_to_datetime(told).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    try:
        now = parsedate_to_datetime(date or "").timestamp()
    except (ValueError, TypeError, OverflowError):
        now = wall_clock()
    return when - now if when > now else None


def discreet(error: Exception) -> Exception:
    """One like *error*, which knows nothing of what was sent and quotes nothing of what came."""
    kind, text = type(error), str(error)
    if kind.__name__ not in _TELLING and text not in _HARMLESS:
        text = "what came is no reply" if kind.__name__ in _QUOTING else ""
    try:
        return kind(text)
    except Exception:  # noqa: BLE001 - one of somebody's own, which is made otherwise
        return RuntimeError(kind.__name__)


_TELLING = frozenset(
    {
        *("ConnectError", "ReadError", "WriteError", "CloseError", "OSError", "ConnectTimeout"),
        *("ReadTimeout", "WriteTimeout", "PoolTimeout", "LongError"),
    }
)
"""Errors whose words are those of the operating system."""

_QUOTING = frozenset({"RemoteProtocolError", "LocalProtocolError", "DecodingError"})
_HARMLESS = ("Server disconnected without sending a response.",)


def _listed(told: tuple[int, ...]) -> str:
    if not told:
        return ""
    return f", code {', '.join(map(str, told[:3]))}"
