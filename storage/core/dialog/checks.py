"""What a user hands over: a text, a number, a moment, an object; or an error that says what is
wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

from ...errors import UnstorableError
from .dates import ms_of, when, when_of
from .errors import ValidationError
from .wire import NAMES, json

T = TypeVar("T")

KEPT_BY_US: Final = "{} is kept by the store, and is not changed by an update"

_WORD: Final = re.compile(r"[A-Za-z_]{1,30}")

MOST: Final = 2**53 - 1
"""The largest number that JavaScript counts with."""


class Checked(dict[str, Any]):
    """What a record is made of, once that was looked at."""


def members(given: Any, what: str) -> dict[str, Any]:
    """What a mapping or a record says, by the names of here."""
    if isinstance(given, tuple) and hasattr(given, "_asdict"):
        record: Any = given
        return dict(record._asdict())
    if type(given) is not dict and not isinstance(given, Mapping):
        raise ValidationError(f"{what} must be a mapping or a record, not {kind(given)}")
    find = NAMES.get
    return {find(one := str(name), one): value for name, value in given.items()}


def text(given: object, what: str) -> str:
    """*given*, if it is a text that UTF-8 can carry, with something in it."""
    found = any_text(given, what)
    if not found:
        raise ValidationError(f"{what} is required")
    return found


def any_text(given: object, what: str) -> str:
    """*given*, if it is a text that UTF-8 can carry."""
    if not isinstance(given, str):
        raise ValidationError(f"{what} must be a str, not {kind(given)}")
    if given.isascii():
        return given
    try:
        given.encode()
    except UnicodeEncodeError:
        raise ValidationError(f"{what} can not hold a lone surrogate") from None
    return given


def count(given: object, what: str, least: int = 0) -> int:
    """*given*, if it is a number of things."""
    if type(given) is not int:
        raise ValidationError(f"{what} must be an int of {least} or more, not {kind(given)}")
    if not least <= given <= MOST:
        raise ValidationError(f"{what} must be an int of {least} or more, and at most 2**53 - 1")
    return given


def one_of(given: object, known: Sequence[T], what: str) -> T:
    """*given*, if it is one of what is *known*."""
    for one in known:
        if one == given:
            return one
    other = "another text" if isinstance(given, str) else kind(given)
    raise ValidationError(f"{what} must be one of {', '.join(map(str, known))}, not {other}")


def moment(given: object, what: str) -> datetime:
    """A `datetime` in UTC, whole milliseconds, of an aware one or an ISO date."""
    try:
        if isinstance(given, datetime):
            return when_of(ms_of(given))
        if isinstance(given, str):
            return when(given)
    except (ValueError, OverflowError) as error:
        raise ValidationError(f"{what}: {error}") from None
    raise ValidationError(f"{what} must be a datetime with a time zone, not {kind(given)}")


def kind(given: object) -> str:
    """What *given* is, for an error."""
    return "None" if given is None else type(given).__name__


def names(given: Iterable[object]) -> str:
    """What members are called, for an error: those whose names are short words."""
    words = [str(name) for name in given]
    return ", ".join([one if _WORD.fullmatch(one) else "member of another name" for one in words])


def maybe(check: Callable[[Any, str], T]) -> Callable[[Any, str], T | None]:
    """*check*, for what may be `None` as well."""

    def either(given: Any, what: str) -> T | None:
        return None if given is None else check(given, what)

    return either


def plain(given: object, what: str) -> dict[str, Any]:
    """An object that JSON can carry."""
    if not isinstance(given, Mapping):
        raise ValidationError(f"{what} must be a mapping, not {kind(given)}")
    found = dict(given)
    storable(found, what)
    return found


def checked(
    told: Mapping[str, Any], checks: Mapping[str, Callable[[Any, str], Any]], what: str
) -> dict[str, Any]:
    """*told*, by the *checks* of its names."""
    unknown = names(name for name in told if name not in checks)
    if unknown:
        raise ValidationError(f"{what} has no {unknown}")
    return {name: checks[name](value, name) for name, value in told.items()}


def only(told: dict[str, Any], made: Any, what: str) -> dict[str, Any]:
    """*told*, if a record that is *made* of it has all of that."""
    unknown = names(name for name in told if name not in made._fields)
    if unknown:
        raise ValidationError(f"there is no {unknown} in {what}")
    return told


def listed(given: object, what: str) -> list[Any]:
    """A list of what is *given* one after the other, and is no text or object itself."""
    if isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Iterable):
        raise ValidationError(f"{what} must be a list, not {kind(given)}")
    return list(given)


def storable(given: object, what: str) -> None:
    """Refuse what JSON can not carry."""
    try:
        json(given)
    except UnstorableError as error:
        raise ValidationError(f"{what}: {error}") from error
