"""Sessions in a file: a line of JSON for each, and after it one for each of its messages, between a
line that begins the file and one that ends it.

{"session_continuity":1}
{"session":{"id":"5f0c","status":"active","metadata":{},"createdAt":"2026-06-10T12:00:00.000Z"}}
{"message":{"id":"71ab","role":"user","content":"hi","createdAt":"2026-06-10T12:00:01.000Z"}}
{"sessions":1}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from ...codecs import JSON, UnreadableError
from .checks import Checked, names
from .errors import ValidationError
from .file_checks import checked_message, checked_session
from .records import Message, Session
from .wire import SPELLINGS, written

FORMAT: Final = 1
_BEGINS, _SESSION, _MESSAGE, _ENDS = "session_continuity", "session", "message", "sessions"
HEADER: Final = b'{"%b":%d}\n' % (_BEGINS.encode(), FORMAT)

_LEFT_OUT: Final = ("session_id", "sequence")
_KNOWN_ELSEWHERE: Final = ("token_count", "message_count", "compression_state")


_ENDING: Final = ("metadata", "status", "expires_at", "last_activity_at", "token_budget")
"""What a session is at its end, and is not while its messages are added."""

_MARK: Final = {"custom": {"importing": True}}
"""The metadata of a session whose messages are being added."""


class Told(NamedTuple):
    """A session as a file tells of it, checked."""

    session: dict[str, Any]
    messages: list[dict[str, Any]]

    @property
    def name(self) -> str:
        """The id of the session."""
        return self.session["id"]  # type: ignore[no-any-return]

    @property
    def begun(self) -> Checked:
        """The session before its messages, with a mark."""
        rest = {name: value for name, value in self.session.items() if name not in _ENDING}
        return Checked(status="active", metadata=_MARK, **rest)

    @property
    def ended(self) -> Checked:
        """What becomes of the session after them, and of the mark."""
        told = {name: value for name, value in self.session.items() if name in _ENDING}
        return Checked({"expires_at": None, **told})


def is_begun(session: Session) -> bool:
    """Whether a session was begun with a mark and did not come to its end."""
    return session.metadata == _MARK and session.expires_at is not None


def lines(session: Session, messages: Iterable[Message]) -> Iterator[bytes]:
    """The lines for a session and its messages."""
    yield _line(_SESSION, _without(written(session), _KNOWN_ELSEWHERE))
    for one in messages:
        yield _line(_MESSAGE, _without(written(one), _LEFT_OUT))


def ending(sessions: int) -> bytes:
    """The last line of a file of so many sessions."""
    return _line(_ENDS, sessions)


def told(file: Iterable[bytes], name: str) -> list[Told]:
    """The sessions that a file tells of; an error that says which line of the file called *name*
    is wrong, or that its end is missing."""
    found: list[Told] = []
    ids: set[str] = set()
    message_ids: set[str] = set()
    begun, ended, number = False, False, 0
    for number, line in enumerate(file, 1):
        try:
            sort, value = _read(line)
            if not begun:
                _begin(sort, value)
                begun = True
            elif ended:
                raise ValidationError("there is more after the end")
            elif sort == _SESSION:
                found.append(Told(_session(value, ids), []))
            elif sort == _MESSAGE and found:
                found[-1].messages.append(_message(value, message_ids))
            elif sort == _ENDS and value == len(found):
                ended = True
            else:
                raise ValidationError(f"{names([sort])} is not what comes here")
        except (ValidationError, UnreadableError) as error:
            raise ValidationError(f"line {number} of {name}: {error}") from None
    if not ended:
        raise ValidationError(f"{name} is cut off after line {number}")
    return found


def _session(value: object, ids: set[str]) -> dict[str, Any]:
    session = checked_session(value)
    if session["id"] in ids:
        raise ValidationError("every session needs an id of its own")
    ids.add(session["id"])
    return session


def _message(value: object, ids: set[str]) -> dict[str, Any]:
    message = checked_message(value)
    if message["id"] in ids:
        raise ValidationError("every message needs an id of its own")
    ids.add(message["id"])
    return message


def _begin(sort: str, value: object) -> None:
    if sort != _BEGINS:
        raise ValidationError("this is no file of sessions")
    if value != FORMAT:
        told = f"format {value}" if type(value) is int else "another format"
        raise ValidationError(f"this is a file of {told}, which is not known here")


def _read(line: bytes) -> tuple[str, Any]:
    record = JSON.decode(line)
    if type(record) is not dict or len(record) != 1:
        raise ValidationError("it is no object of one member")
    return next(iter(record.items()))


def _line(sort: str, value: object) -> bytes:
    return JSON.encode({sort: value}) + b"\n"


def _without(record: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    left_out = {*names, *(SPELLINGS.get(name, name) for name in names)}
    return {name: value for name, value in record.items() if name not in left_out}
