"""What the binding of a Worker is given and answers, and what its failures mean."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from ..errors import AccessDeniedError, StorageError, UnavailableError
from ..runtime import Overdue
from .entries import Held, Listed, Listing, Put, whole

IN_JAVASCRIPT: Final = sys.platform == "emscripten"
"""Whether this Python runs inside of JavaScript, as it does in a Worker."""

AT_ONCE: Final = 6
"""So many connections a Worker may have open: what is asked beyond them waits in line."""

TELLING: Final = ("getWithMetadata", "get_with_metadata")
"""What a binding calls the method that gives a text with its metadata."""

TEXT: Final = {"type": "text"}

NO_BINDING: Final = "the binding answers as none of KV does"

_MEMBERS: Final = ("value", "metadata", "cacheStatus")

_STATUS: Final = re.compile(r"\bKV (\w+) failed: (\d{3})\b")
_FIRST, _LONGEST = 0.05, 2.0
_DAY: Final = "limit exceeded for the day"
_LOST: Final = ("network connection lost", "internal error")
_TOO_MANY: Final = ("too many api requests", "too many subrequests")


class Failure(NamedTuple):
    """Why a binding failed, and which *error* that is where nothing was applied.

    It *passes* where trying again may help, and is *doubtful* where it may have been applied.
    What is not known may quote anything.
    """

    reason: str
    error: type[StorageError] = StorageError
    passes: bool = False
    doubtful: bool = False
    is_known: bool = True


class Call(NamedTuple):
    """A *method* of a binding with what it is told, about the entry of a *name* maybe."""

    method: str
    args: tuple[Any, ...]
    said: Mapping[str, Any]
    name: str | None = None
    writes: bool = False


class NotAsked(Exception):
    """The time of a call was over before this was begun."""


def given(value: Any) -> Any:
    """*value*, which JSON has words for, as a binding takes it."""
    if sys.platform == "emscripten":
        from js import JSON  # an object of JavaScript, nulls and all

        return JSON.parse(json.dumps(value))
    return value


def bounds(prefix: str, cursor: str | None, most: int) -> dict[str, Any]:
    """What is said of a list."""
    said: dict[str, Any] = {"limit": most}
    if prefix:
        said["prefix"] = prefix
    if cursor is not None:
        said["cursor"] = cursor
    return said


def beside(put: Put) -> dict[str, Any]:
    """What is said of an entry beside its text."""
    said: dict[str, Any] = {}
    if put.seconds is not None:
        said["expirationTtl"] = put.seconds
    if put.metadata is not None:
        said["metadata"] = given(dict(put.metadata))
    return said


def plain(answer: Any) -> Any:
    """*answer* as Python says it, whichever language it comes from."""
    to_py = getattr(answer, "to_py", None)
    return _without_null(answer if to_py is None else to_py())


def text_of(answer: Any) -> str | None:
    """The text that *answer* is, if it is one."""
    if answer is not None and not isinstance(answer, str):
        raise ValueError
    return answer


def held(answer: Any) -> Held | None:
    """The text in *answer* and its metadata; it does not say when the service lets them end."""
    text = text_of(_member(answer, "value"))
    return None if text is None else Held(text, _member(answer, "metadata"), None)


def told_of(answer: Any, names: Sequence[str]) -> dict[str, Held | None]:
    """What *answer* tells of those *names* that it speaks of.

    It speaks of no name that looks like a number, and not wholly of an empty text; where it is
    about one name after all, it has members of its own.
    """
    if not isinstance(answer, Mapping):
        return {}
    spoken = {name: answer[name] for name in names if name in answer and name not in _MEMBERS}
    return {
        name: None if one is None else held(one)
        for name, one in spoken.items()
        if one is None or isinstance(one, Mapping)
    }


def listing(answer: Any) -> Listing:
    """The names in *answer*, and where the next ones start."""
    entries = [_listed(one) for one in _member(answer, "keys")]
    if _member(answer, "list_complete") is True:
        return Listing(entries, None)
    cursor = text_of(_member(answer, "cursor"))
    if not cursor:
        raise ValueError
    return Listing(entries, cursor)


def failure(error: BaseException) -> Failure:
    """What *error* of a binding means."""
    if isinstance(error, NotAsked):
        return Failure("the time for it was over before KV was asked", UnavailableError)
    if isinstance(error, Overdue):
        return Failure("KV did not answer in time", UnavailableError, doubtful=True)
    text = str(error)
    found = _STATUS.search(text)
    if found:
        return _refusal(found[1], int(found[2]))
    lower = text.lower()
    if _DAY in lower:
        return Failure("the account has used up what its plan has for a day", UnavailableError)
    if any(words in lower for words in _TOO_MANY):
        reason = "this request has done as much as one request to a Worker may"
        return Failure(reason, UnavailableError)
    if isinstance(error, OSError) or any(words in lower for words in _LOST):
        return Failure("the connection to KV was lost", UnavailableError, True, True)
    return Failure(f"the binding failed: {type(error).__name__}", doubtful=True, is_known=False)


def pause(attempt: int) -> float:
    """How many seconds to wait after so many attempts: random, twice as long from one to the next.

    A key is written once a second, which six attempts outlast.
    """
    import random  # dear, and seldom needed

    return min(_FIRST * 2.0**attempt, _LONGEST) * (0.5 + random.random())


def _refusal(operation: str, status: int) -> Failure:
    reason = f"KV answered {status}"
    if status == 429:
        often = "a key is written once a second" if operation == "PUT" else "it is asked too often"
        return Failure(f"{reason}: {often}", UnavailableError, True)
    if status == 408 or status >= 500:
        return Failure(reason, UnavailableError, True, True)
    if status in (401, 403):
        return Failure(reason, AccessDeniedError)
    return Failure(reason)


def _listed(one: Any) -> Listed:
    name = text_of(_member(one, "name"))
    if name is None:
        raise ValueError
    return Listed(name, _member(one, "metadata"), whole(_member(one, "expiration")))


def _member(thing: Any, name: str) -> Any:
    """What *thing* has by that name, as a member or as an attribute, if it has it."""
    found = thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, None)
    return plain(found)


def _without_null(value: Any) -> Any:
    """*value* with `None` where JavaScript said null."""
    if type(value).__name__ == "JsNull":
        return None
    if isinstance(value, dict):
        return {name: _without_null(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_without_null(one) for one in value]
    return value
