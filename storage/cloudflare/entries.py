"""What stands in Cloudflare's KV: texts, beside which their metadata say when ours end."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from ..codecs import JSON
from ..errors import (
    ClosedError,
    CorruptValueError,
    InvalidKeyError,
    OutcomeUnknownError,
    StorageError,
    UnavailableError,
    UnstorableError,
)
from ..values import step

LONGEST_NAME: Final = 512
LARGEST_VALUE: Final = 25 * 1024 * 1024
LARGEST_METADATA: Final = 1024
SHORTEST_SECONDS: Final = 60
"""The service keeps nothing for less: what ends earlier is told from its metadata.

It counts from the whole second in which it is asked, so one more is said than is meant."""

LONGEST_SECONDS: Final = 2**31 - 1
"""The service counts no further: what ends later stays there, and its metadata say when it ends."""

READ_AT_ONCE: Final = 100
CHANGED_AT_ONCE: Final = 10_000
LISTED_AT_ONCE: Final = 1000
"""How many keys one request may be about, in bytes of UTF-8 the others."""

REMOVED_AT_ONCE: Final = 1000
"""So many keys are looked at and taken away within one deadline."""

FAR_SECONDS: Final = 120
"""An end that is marked comes no further before that of the service: a minute for what the service
keeps longer than it is told to, and one for the clocks and for a write that is tried again."""

ENDS, BASE64 = "~ends", "~base64"
"""The members of metadata that are ours: when an entry ends, in milliseconds since 1970, and that
its text is that of bytes which are no text."""

_NO_NAMES: Final = ("", ".", "..")


class Put(NamedTuple):
    """A text to keep under a *name*, for so many *seconds* or for ever."""

    name: str
    text: str
    seconds: int | None
    metadata: Mapping[str, Any] | None


class Held(NamedTuple):
    """A text that is kept, in bytes where it may be none, and when the service lets it end, in
    *seconds* since 1970."""

    text: str | bytes
    metadata: Any
    seconds: int | None


class Listed(NamedTuple):
    """The *name* of an entry, and what is known of it without its text."""

    name: str
    metadata: Any
    seconds: int | None


class Listing(NamedTuple):
    """A few entries in the order of their names, and where the next ones start, if there may be
    any."""

    entries: list[Listed]
    cursor: str | None


class Entry(NamedTuple):
    """An entry that is alive: its bytes, when it ends, and the metadata that its user gave it."""

    raw: bytes
    ends: int | None
    metadata: Any


def check_names(names: Iterable[str], store: str) -> None:
    """Refuse names that the service does not take."""
    for name in names:
        if name in _NO_NAMES:
            message = "KV keeps no such key: give the store a prefix"
            raise InvalidKeyError(message, store=store, key=name)
        if not fits(name):
            message = f"a key of KV has {LONGEST_NAME} bytes at the most, with its prefix"
            raise InvalidKeyError(message, store=store, key=name)


def fits(name: str) -> bool:
    """Whether a key may be as long as *name*."""
    return len(name) <= LONGEST_NAME and len(name.encode()) <= LONGEST_NAME


def sealed(
    name: str,
    raw: bytes,
    ends: int | None,
    now_ms: int,
    store: str,
    metadata: Mapping[str, Any] | None = None,
) -> Put:
    """What keeps *raw* until it *ends*, beside *metadata* of its user's."""
    marks: dict[str, Any] = {}
    seconds = None
    if ends is not None:
        marks[ENDS] = ends
        left = max(SHORTEST_SECONDS, -(-(ends - now_ms) // 1000) + 1)
        seconds = left if left <= LONGEST_SECONDS else None
    try:
        text = raw.decode()
        size = len(raw)
    except UnicodeDecodeError:
        marks[BASE64] = True
        text = b64encode(raw).decode()
        size = len(text)
    if size > LARGEST_VALUE:
        reason = f"it has {size} bytes, and KV keeps {LARGEST_VALUE} at the most"
        raise UnstorableError("$", reason, store=store, key=name)
    if metadata is not None:
        marks = {**_plain(metadata, name, store), **marks}
        if len(JSON.encode(marks)) > LARGEST_METADATA:
            reason = (
                f"with what is ours in them, metadata have {LARGEST_METADATA} bytes at the most"
            )
            raise UnstorableError("$", reason, store=store, key=name)
    return Put(name, text, seconds, marks or None)


def opened(name: str, held: Held, now_ms: int, store: str) -> Entry | None:
    """What is *held* under *name*; `None` where it is over."""
    ends = end_of(held)
    if ends is not None and ends <= now_ms:
        return None
    try:
        raw = held.text if isinstance(held.text, bytes) else held.text.encode()
        if isinstance(held.metadata, dict) and held.metadata.get(BASE64) is True:
            raw = b64decode(raw, validate=True)
    except UnicodeEncodeError:
        raise CorruptValueError("the text is none of UTF-8", store=store, key=name) from None
    except binascii.Error:
        message = "what is marked as base64 is none"
        raise CorruptValueError(message, store=store, key=name) from None
    return Entry(raw, ends, own(held.metadata))


def end_of(entry: Held | Listed) -> int | None:
    """When an entry ends, in milliseconds since 1970: as its metadata say, or else the service.

    Metadata may be handed on by somebody who gives the entry another end: they count where what
    the service tells is an end that was made of theirs, or where it tells none.
    """
    served = None if entry.seconds is None else entry.seconds * 1000
    marked = entry.metadata.get(ENDS) if isinstance(entry.metadata, dict) else None
    if type(marked) is not int:
        return served
    fits = served is None or marked <= served <= marked + FAR_SECONDS * 1000
    return marked if fits else served


def whole(told: Any) -> int | None:
    """A number of seconds as it is *told*, if it is: some write a whole one with a point."""
    if told is None or type(told) is int:
        return told
    if type(told) is float and told.is_integer():
        return int(told)
    raise ValueError


def in_part(error: StorageError, words: str, store: str) -> StorageError:
    """*error* of something of which a part is or may be done, as the *words* say: it is never one
    that says that nothing was."""
    is_unsaid = isinstance(error, (UnavailableError, ClosedError))
    kind = OutcomeUnknownError if is_unsaid else type(error)
    if kind.__init__ is not StorageError.__init__:
        kind = StorageError  # one that says more than where it happened: the cause has it
    return kind(f"{error.args[0]}; {words}", store=store, key=error.key)


def own(metadata: Any) -> Any:
    """*metadata* without what is ours in them; `None` where nothing is left."""
    if not isinstance(metadata, dict):
        return metadata
    left = {name: value for name, value in metadata.items() if name not in (ENDS, BASE64)}
    return left or None


def _plain(metadata: Mapping[str, Any], name: str, store: str) -> dict[str, Any]:
    """*metadata* as JSON keeps them, or an error that says why it does not."""
    if not isinstance(metadata, Mapping):
        raise TypeError(f"metadata must be a mapping, not {type(metadata).__name__}")
    taken = sorted({ENDS, BASE64} & metadata.keys())
    if taken:
        raise ValueError(f"metadata can not have a member {', '.join(taken)}")
    try:
        found: dict[str, Any] = JSON.decode(JSON.encode(dict(metadata)))
    except UnstorableError as error:
        reason = f"in the metadata: {error.reason}"
        raise UnstorableError(error.path, reason, store=store, key=name) from None
    path = _no_text(found, "$")
    if path is not None:
        reason = "in the metadata: a text with a lone surrogate"
        raise UnstorableError(path, reason, store=store, key=name)
    return found


def _no_text(value: Any, path: str) -> str | None:
    """Where in *value* a text stands that UTF-8 can not carry."""
    if isinstance(value, str):
        return None if _is_text(value) else path
    if isinstance(value, list):
        value = dict(enumerate(value))
    if not isinstance(value, dict):
        return None
    for name, part in value.items():
        place = path + step(name)
        bad = _no_text(name, place) or _no_text(part, place)
        if bad is not None:
            return bad
    return None


def _is_text(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)
