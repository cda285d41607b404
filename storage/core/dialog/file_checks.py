"""Sessions and messages as a file tells of them: all that can be read where they are kept can be
told, and what can not be read there is an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ...codecs import UnreadableError
from .checks import MOST, Checked, any_text, checked, kind, members, moment, storable
from .errors import ValidationError
from .session_checks import session_id
from .wire import budget, config, participant


def checked_session(given: object) -> Checked:
    """What a session of a file is made of, or an error."""
    told = _there(given, "a session", ("token_count", "message_count", "compression_state"))
    if "id" not in told:
        raise ValidationError("every session needs an id of its own")
    return Checked(_NEW | checked(told, _SESSION, "a session"))


def checked_message(given: object) -> Checked:
    """What a message of a file is made of, or an error."""
    told = _there(given, "a message", ("session_id", "sequence"))
    if "id" not in told:
        raise ValidationError("every message needs an id of its own")
    if "role" not in told:
        raise ValidationError("Message role is required")
    return Checked({"content": ""} | checked(told, _MESSAGE, "a message"))


def _there(given: object, what: str, told_anew: tuple[str, ...]) -> dict[str, Any]:
    """What is told of a record, without what is nothing and what is *told_anew* by others."""
    told = members(given, what)
    return {
        name: value for name, value in told.items() if value is not None and name not in told_anew
    }


def _whole(given: object, what: str) -> int:
    if type(given) is not int or not -MOST <= given <= MOST:
        raise ValidationError(f"{what} must be a whole number")
    return given


def _object(given: object, what: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise ValidationError(f"{what} must be an object, not {kind(given)}")
    storable(given, what)
    return given


def _objects(given: object, what: str) -> list[dict[str, Any]]:
    if not isinstance(given, list):
        raise ValidationError(f"{what} must be a list, not {kind(given)}")
    return [_object(one, what) for one in given]


def _content(given: object, what: str) -> str | list[dict[str, Any]]:
    return any_text(given, what) if isinstance(given, str) else _objects(given, what)


def _record(made: Callable[[dict[str, Any]], Any]) -> Callable[[Any, str], Any]:
    """A record that is *made* of an object."""

    def check(given: object, what: str) -> Any:
        try:
            return made(_object(given, what))
        except UnreadableError as error:
            raise ValidationError(str(error)) from None

    return check


_participant: Final = _record(participant)

_SESSION: Final[dict[str, Callable[[Any, str], Any]]] = {
    "id": lambda given, what: session_id(given),
    "user_id": any_text,
    "active_agent_id": any_text,
    "status": any_text,
    "metadata": _object,
    "participants": lambda given, what: tuple(
        [_participant(one, what) for one in _objects(given, what)]
    ),
    "created_at": moment,
    "last_activity_at": moment,
    "expires_at": moment,
    "token_budget": _record(budget),
    "compression": _record(config),
    "version": _whole,
    "schema_version": _whole,
}

_MESSAGE: Final[dict[str, Callable[[Any, str], Any]]] = {
    "id": any_text,
    "role": any_text,
    "content": _content,
    "token_count": _whole,
    "metadata": _object,
    "created_at": moment,
    "updated_at": moment,
}

_NEW: Final[dict[str, Any]] = {"status": "active", "metadata": {}, "participants": ()}
