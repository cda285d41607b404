"""How a server is told of sessions and their messages, and what it says of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

from ..core.dialog.choosing import MOST, moment_of
from ..core.dialog.steps import FIXED
from ..dialogs import Asked, Change, Fields, Held, Terms
from ..errors import UnstorableError
from .commands import Word
from .dialog_scripts import ADD

SCATTERED: Final = (
    "the layout of session-continuity keeps a session in several slots of a cluster: use one "
    "server, or Sentinel"
)

PARTS: Final = (
    *("role", "content", "contentType", "tokenCount", "sequence", "metadata"),
    *("createdAt", "updatedAt", "id"),
)
"""What a message has, in the order in which scripts tell it."""

_SCORE: Final = len(PARTS)
_WHOLE: Final = _SCORE + 1
"""Where a script tells the score of a message, and all of it where others have written more."""

_ADDING: Final = (b"EVALSHA", ADD.sha, b"1")

_NAMES: Final = {name: name.encode() for name in PARTS}

_NO_TEXT: Final = "text can not hold a lone surrogate"

_WITHIN: Final = ":messages"
_BESIDE: Final = (":messages:state", ":messages", ":seq")
_CLEARED: Final = ":messages:gone:"
_NOTES: Final = ":state"


def terms_told(terms: Terms) -> tuple[Word, Word]:
    """What scripts are told of *terms*."""
    return maybe(terms.ttl_ms), maybe(terms.session_ms)


def maybe(number: int | None) -> Word:
    """A number, or nothing."""
    return b"" if number is None else max(-MOST, min(number, MOST))


def texted(number: int | None) -> bytes:
    """A number, or nothing, as a command tells it."""
    return b"" if number is None else b"%d" % max(-MOST, min(number, MOST))


@lru_cache
def _lasting(terms: Terms) -> tuple[bytes, bytes]:
    return texted(terms.ttl_ms), texted(terms.session_ms)


def flat(fields: Fields) -> list[bytes]:
    """*fields* as a command tells them, each with its text."""
    try:
        return [word.encode() for pair in fields.items() for word in pair]
    except UnicodeEncodeError:
        raise UnstorableError("$", _NO_TEXT) from None


def adding_told(
    key: bytes, start: bytes, terms: Terms, message: Fields, most_tokens: int | None
) -> tuple[bytes, ...]:
    """The command that adds a *message*."""
    find, name = _NAMES.get, message["id"].encode()
    words = [b"id", name]
    try:
        for field, text in message.items():
            if field not in FIXED:
                words += find(field) or field.encode(), text.encode()
    except UnicodeEncodeError:
        raise UnstorableError("$", _NO_TEXT) from None
    created = f"={message['createdAt']}".encode() if "createdAt" in message else b""
    tokens, most = message.get("tokenCount", "").encode(), texted(most_tokens)
    return (*_ADDING, key, start, *_lasting(terms), most, name, tokens, created, *words)


def added(session_id: str, message: Fields, number: bytes, made: bytes) -> Fields:
    """A message that was added, as it is kept."""
    kept = {"createdAt": made.decode(), **message}
    kept["sessionId"], kept["sequence"] = session_id, number.decode()
    return kept


def change_told(change: Change) -> list[Word]:
    """What the script is told that makes a *change*."""
    put = flat({name: text for name, text in change.put.items() if name not in ("id", "version")})
    drop = [name.encode() for name in change.drop if name not in ("id", "version")]
    is_told = "expiresAt" in change.put or "expiresAt" in change.drop
    compression = b"" if change.compression is None else b"=%b" % change.compression.encode()
    flags = (int(change.quiet), int(is_told))
    expected = b"" if change.expected is None else change.expected
    return [expected, *flags, compression, len(put), *put, *drop]


def amendment_told(put: Fields, drop: Sequence[str], expected: Fields) -> list[Word]:
    """What the script is told that changes fields of a message."""
    words, was = flat(free(put)), flat(expected)
    gone = [name.encode() for name in drop if name not in FIXED]
    return [len(words), len(was), *words, *was, *gone]


def free(message: Fields) -> Fields:
    """Those fields of a message that nobody but the room tells."""
    return {name: text for name, text in message.items() if name not in FIXED}


def asked_told(asked: Asked) -> list[Word]:
    """What the script that reads messages is told of those that are *asked* for."""
    return [maybe(asked.after), maybe(asked.before), *[role.encode() for role in asked.roles]]


def bounds_told(asked: Asked) -> tuple[int, int]:
    """How many messages are wanted, -1 for all, and how many are left out before."""
    return -1 if asked.limit is None else min(asked.limit, MOST), min(asked.offset, MOST)


def fields_of(words: Sequence[bytes]) -> dict[str, str]:
    """The fields that a server tells, each with its text."""
    texts = [word.decode() for word in words]
    return dict(zip(texts[::2], texts[1::2]))


def held_of(told: Sequence[Any]) -> Held:
    """A session as a script tells it."""
    fields, messages, tokens, compression = told[:4]
    return Held(fields_of(fields), messages, tokens, compression.decode())


def message_of(session_id: str, told: Sequence[Any]) -> dict[str, str]:
    """A message of a session as a script tells it."""
    if len(told) > _WHOLE:
        return fields_of(told[_WHOLE])
    if None in told[:7]:
        fields = {name: text.decode() for name, text in zip(PARTS, told) if text is not None}
        fields["sessionId"] = session_id
        return fields
    role, content, kind, tokens, sequence, metadata, created, updated, name, *_ = told
    fields = {
        "id": name.decode(),
        "sessionId": session_id,
        "role": role.decode(),
        "content": content.decode(),
        "contentType": kind.decode(),
        "tokenCount": tokens.decode(),
        "sequence": sequence.decode(),
        "metadata": metadata.decode(),
        "createdAt": created.decode(),
    }
    if updated is not None:
        fields["updatedAt"] = updated.decode()
    return fields


def id_told(told: Sequence[Any]) -> bytes:
    """The id of a message that a script tells."""
    name: bytes = told[_SCORE - 1]
    return name


def in_order(session_id: str, told: Iterable[Sequence[Any]]) -> list[Fields]:
    """Messages whose scores tell no order: by when they were made, and then by their numbers."""
    found: list[tuple[int, float, str, Fields]] = []
    for one in told:
        fields = message_of(session_id, one)
        text = fields.get("sequence", "")
        number = float(text if text.isascii() and text.isdigit() else one[_SCORE] or 0)
        found.append((moment_of(fields, "createdAt"), number, fields.get("id", ""), fields))
    found.sort(key=lambda one: one[:3])
    return [fields for *_, fields in found]


def is_session(session_id: str) -> bool:
    """Whether a session may be called like it, and nothing that is kept beside one."""
    return _WITHIN not in session_id and not session_id.endswith(":seq")


def owner(name: str) -> str:
    """The session that is called *name*, or beside which that is kept."""
    for end in _BESIDE:
        if name.endswith(end):
            return name[: -len(end)]
    return cleared(name) or name


def cleared(name: str) -> str:
    """The session whose messages were once on the list that is called *name*; nothing where it is
    no such list."""
    session, found, _ = name.partition(_CLEARED)
    return session if found else ""


def is_list(name: str) -> bool:
    """Whether it is what the sessions of a user are called, or what is noted of them."""
    return list_of(name).endswith(":sessions")


def list_of(name: str) -> str:
    """What the sessions of a user are called, of which something is noted."""
    return name.removesuffix(_NOTES)
