"""Whether a typed value is the same after it was written and read, and where it is not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final

from .records import MISSING
from .values import MAX_DEPTH, Flaw, step, wrong_type

UNKNOWN_MEMBER: Final = "the type has no such member"

_JSON: Final = (dict, list, str, int, float, bool, type(None))
_ATOMS: Final = frozenset({str, int, bool, type(None)})


def has_parts(value: Any) -> bool:
    """Whether *value* has parts that can be changed in place."""
    return type(value) in (dict, list, set) or fields(value) is not None


def fields(value: Any) -> dict[str, Any] | None:
    """The fields of an object of a class that declares them, by their names."""
    kind: type = type(value)
    names = _field_names(kind)
    if names is None:
        return None
    found = {name: getattr(value, name, MISSING) for name in names}
    more = getattr(value, "__pydantic_extra__", None)
    return {**found, **more} if type(more) is dict else found


def has_loose_parts(value: Any) -> bool:
    """Whether anything with parts is in a set, which keeps no order."""
    pending = [value]
    while pending:
        part = pending.pop()
        inner = [inside for _, inside in _parts(part)]
        is_set = isinstance(part, (set, frozenset))
        if is_set and any(isinstance(one, tuple) or fields(one) is not None for one in inner):
            return True
        pending += inner
    return False


def difference(value: object, back: object, *, widens: bool = False) -> Flaw | None:
    """Where *back*, which was read, is something else than *value*, which was written.

    A float that came of an int is none, with *widens*.
    """
    flaw = _difference(value, back, widens)
    return None if flaw is None else (f"${flaw[0]}", flaw[1])


def _difference(value: Any, back: Any, widens: bool) -> Flaw | None:
    """The same, with a path from here: it is put together only where there is one."""
    kind = type(value)
    if kind is not type(back):
        is_whole = widens and kind is int and type(back) is float and value == back
        return None if is_whole else ("", _changed(value, back))
    if kind in _ATOMS and value == back:
        return None
    pairs = _paired(value, back)
    if pairs is None:
        is_same = value == back and (kind is not float or repr(value) == repr(back))
        return None if is_same else ("", _changed(value, back))
    for place, one, other in pairs:
        if one is other:
            continue
        flaw = _difference(one, other, widens)
        if flaw is not None:
            return step(place if type(place) is int else str(place)) + flaw[0], flaw[1]
    return _difference_of_names(value, back) if kind is dict else None


def unwritable(
    value: Any, write: Callable[[Any], object], path: str = "$", above: tuple[int, ...] = ()
) -> Flaw:
    """Which part of *value* is the reason why *write* raises."""
    if id(value) in above:
        return path, "contains itself"
    if len(above) > MAX_DEPTH:
        return path, f"nested more than {MAX_DEPTH} deep"
    for place, part in _parts(value):
        try:
            write(part)
        except Exception:  # noqa: BLE001 - where it raises is looked for here
            pass
        else:
            continue
        return unwritable(part, write, path + step(place), (*above, id(value)))
    odd = [name for name in value if type(name) is not str] if type(value) is dict else []
    return path, _no_name(odd[0]) if odd else wrong_type(value)


def _parts(value: Any) -> list[tuple[str | int, Any]]:
    kind = type(value)
    if kind is dict:
        return [(name if type(name) is str else str(type(name)), value[name]) for name in value]
    if kind is list or isinstance(value, (tuple, set, frozenset)):
        return list(enumerate(value))
    return list((fields(value) or {}).items())


def _paired(value: Any, back: Any) -> Iterable[tuple[Any, Any, Any]] | None:
    """The parts of both, which are of one type, with their places; `None` where there are none."""
    if type(value) is dict:
        return [(name, part, back[name]) for name, part in value.items() if name in back]
    if type(value) is list or isinstance(value, tuple):
        return None if len(value) != len(back) else zip(range(len(value)), value, back)
    mine, theirs = fields(value), fields(back)
    if mine is None or theirs is None or mine.keys() != theirs.keys():
        return None
    return [(name, part, theirs[name]) for name, part in mine.items()]


def _difference_of_names(value: dict[Any, Any], back: dict[Any, Any]) -> Flaw | None:
    if value.keys() == back.keys():
        return None
    for name in value:
        if type(name) is str and name not in back:
            return step(name), UNKNOWN_MEMBER
        if name not in back:
            return "", _no_name(name)
    return "", "it would come back with more members"


def _no_name(name: object) -> str:
    return f"a member's name must be a str, not {_name(name)}"


def _changed(value: object, back: object) -> str:
    if type(back) in _JSON and type(value) not in _JSON:
        return wrong_type(value)
    if type(value) is type(back):
        return f"{_name(value)} would come back as another one"
    return f"expected {_name(back)}, got {_name(value)}"


@lru_cache(maxsize=256)
def _field_names(kind: type) -> Iterable[str] | None:
    """What a dataclass, a class of attrs or msgspec, or a model of pydantic says of itself."""
    if hasattr(kind, "__dataclass_fields__"):
        import dataclasses  # as its module did; nobody else pays for it

        return [field.name for field in dataclasses.fields(kind)]
    attributes = getattr(kind, "__attrs_attrs__", None)
    if attributes is not None:
        return [attribute.name for attribute in attributes]
    names: Any = getattr(kind, "__struct_fields__", None)
    if names is None and hasattr(kind, "__pydantic_validator__"):
        names = getattr(kind, "model_fields", None)
    return names if names is None else list(names)


def _name(value: object) -> str:
    return type(value).__name__
