"""What can be stored: the values that JSON and JavaScript give back as they went in.

`None`, `bool`, `int`, `float`, `str`, and lists and string-keyed dicts of these. A type is itself
and no subclass, because a subclass would come back as something else.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any, Final

from .errors import UnstorableError

MAX_DEPTH: Final = 100
"""How many lists and dicts may stand inside one another; every decoder reads that much."""

_SAFE: Final = 2**53 - 1
_HALF_WORD: Final = 2**63

_PAIR: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_BARE_NAME: Final = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_SHOWN_NAME: Final = 40
_SHOWN_PATH: Final = 160

_HINTS: Final = {
    "tuple": "make it a list",
    "set": "make it a list",
    "frozenset": "make it a list",
    "bytes": "store it as text",
    "bytearray": "store it as text",
    "Decimal": "store it as text",
    "datetime": "store it as text or as a number of seconds",
    "date": "store it as text",
    "timedelta": "store it as a number of seconds",
    "UUID": "store it as text",
}
_JSON_TYPES: Final = (dict, list, str, int, float)
_PLAIN: Final = (str, int, float, bool, type(None))

Flaw = tuple[str, str]
"""Where a value is wrong, and why."""


def check(value: object, *, big_integers: bool = False) -> None:
    """Raise `UnstorableError` for a *value* that would not come back, or not mean, the same.

    Integers end where JavaScript's numbers do, at 2**53 - 1 either way; *big_integers* moves that
    to 64 bits. A string may hold a lone surrogate, but no two that would come back as one
    character.
    """
    caught = _caught_big if big_integers else _caught
    if not caught(value):
        return
    lowest, highest = _integers(big_integers)
    flaw = _first_flaw(value, "$", [], lowest, highest)
    if flaw is not None:
        raise UnstorableError(shortened(flaw[0]), flaw[1])


def same(first: object, second: object) -> bool:
    """Whether two values of the model are equal in content and in type.

    `1`, `1.0` and `True` are three values, and so are `0.0` and `-0.0`. The order of a dict says
    nothing.
    """
    try:
        return first == second and _same_types(first, second)
    except RecursionError:  # foreign values may be deeper than ours, and `==` recurses
        return _same_types(first, second)


def _same_types(first: object, second: object) -> bool:
    pending: list[tuple[Any, Any]] = [(first, second)]
    while pending:
        one, other = pending.pop()
        kind = type(one)
        if kind is not type(other):
            return False
        if kind is dict and one.keys() == other.keys():
            pending += [(item, other[name]) for name, item in one.items()]
        elif kind is list and len(one) == len(other):
            pending += zip(one, other)
        elif one != other or (kind is float and repr(one) != repr(other)):
            return False
    return True


def sieve(
    *, big_integers: bool = False, usual_floats: bool = False, texts: bool = False
) -> Callable[[object], bool]:
    """Make the fast half of `check`: does a value hold what can not be stored?

    Strings are read only with *texts*: writing them as UTF-8 finds every surrogate at no cost.
    With *usual_floats*, floats that are commonly written with an exponent are caught as well.
    """
    lowest, highest = _integers(big_integers)
    unread = not texts
    tiny, huge = (1e-4, 1e16) if usual_floats else (0.0, math.inf)

    def caught(value: Any, depth: int = MAX_DEPTH) -> bool:
        items: Iterable[Any] = value if type(value) is list else (value,)
        if type(value) is dict:
            items = value.values()
            for name in value:
                if type(name) is not str or not (unread or name.isascii() or not _torn(name)):
                    return True
        for item in items:
            kind = type(item)
            if (
                (kind is str and (unread or item.isascii() or not _torn(item)))
                or item is None
                or kind is bool
            ):
                continue
            if kind is int:
                if not lowest <= item <= highest:
                    return True
            elif kind is float:
                if not -huge < item < huge or (-tiny < item < tiny and item):
                    return True
            elif (kind is not dict and kind is not list) or depth == 1 or caught(item, depth - 1):
                return True
        return False

    return caught


def _integers(big: bool) -> tuple[int, int]:
    return (-_HALF_WORD, _HALF_WORD - 1) if big else (-_SAFE, _SAFE)


def _first_flaw(value: Any, path: str, above: list[int], lowest: int, highest: int) -> Flaw | None:
    """Where the first thing stands that can not be stored, and what it is."""
    kind = type(value)
    if kind is dict or kind is list:
        return _flaw_inside(value, path, above, lowest, highest)
    if kind is int and not lowest <= value <= highest:
        return path, f"an integer beyond {_limit(highest)}"
    if kind is float and not math.isfinite(value):
        return path, "JSON has no NaN and no infinity"
    if kind is str and _torn(value):
        return path, "two halves of a surrogate pair would come back as one character"
    return None if kind in _PLAIN else (path, wrong_type(value))


def _flaw_inside(value: Any, path: str, above: list[int], lowest: int, highest: int) -> Flaw | None:
    if id(value) in above:
        return path, "contains itself"
    if len(above) == MAX_DEPTH:
        return path, f"nested more than {MAX_DEPTH} deep"
    above.append(id(value))
    for place, item in value.items() if type(value) is dict else enumerate(value):
        if type(value) is dict and (flaw := _flaw_of_name(place, path)):
            return flaw
        if flaw := _first_flaw(item, path + step(place), above, lowest, highest):
            return flaw
    above.pop()
    return None


def _flaw_of_name(name: object, path: str) -> Flaw | None:
    if type(name) is not str:
        return path, f"a member's name must be a str, not {_kind(name)}"
    if _torn(name):
        return path + step(name), "a name holds two halves of a surrogate pair"
    return None


def step(place: str | int) -> str:
    """How a path goes on to *place*: a member by its name, or an item by its number."""
    if isinstance(place, int):
        return f"[{place}]"
    if len(place) > _SHOWN_NAME:
        return f'["{json.dumps(place[:_SHOWN_NAME])[1:-1]}…"]'
    return f".{place}" if _BARE_NAME.fullmatch(place) else f"[{json.dumps(place)}]"


def wrong_type(value: object) -> str:
    """Why *value*, which is of no JSON type, can not be stored, and what to store instead."""
    hint = _hint(value)
    return f"{_kind(value)} is not a JSON type" + (f"; {hint}" if hint else "")


def _kind(value: object) -> str:
    return type(value).__name__[:_SHOWN_NAME]


def _hint(value: object) -> str | None:
    """What to store instead, by the nearest type that we know something about."""
    if isinstance(value, Enum):
        return "store its value"
    for base in type(value).__mro__:
        if base in _JSON_TYPES:
            return f"it would come back as {base.__name__}: make it one"
        if base.__name__ in _HINTS:
            return _HINTS[base.__name__]
    return None


def _torn(text: str) -> bool:
    """Whether *text* holds the two halves of one character as two."""
    try:
        text.encode()  # much faster than the search, which few texts need
    except UnicodeEncodeError:
        return _PAIR.search(text) is not None
    return False


def _limit(highest: int) -> str:
    if highest == _SAFE:
        return "2**53 - 1; store it as text, or allow big integers"
    return "64 bits; store it as text"


def shortened(path: str) -> str:
    """*path*, of which an error shows no more than fits."""
    if len(path) <= _SHOWN_PATH:
        return path
    half = _SHOWN_PATH // 2
    return f"{path[:half]}…{path[-half:]}"


_caught: Final = sieve(texts=True)
_caught_big: Final = sieve(big_integers=True, texts=True)
