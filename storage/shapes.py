"""How values of one type are made of JSON data, and JSON data of them.

Models of pydantic are read and written by pydantic, and every other type by msgspec, which reads
bytes into a type in less time than into a dict. Both are imported when a type is first named.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final, Protocol

from .codecs import UnreadableError, rewritten
from .errors import ConfigurationError
from .fidelity import UNKNOWN_MEMBER
from .values import Flaw, step

_REFUSED: Final = "a value that the type does not allow"
_PLACE: Final = re.compile(
    r"(?P<text>.*?)(?: - at `(?P<name>key` in `)?(?P<path>\$[^`]*)`)?", re.DOTALL
)
_ABSENT: Final = re.compile(r"Object missing required field `(.*)`", re.DOTALL)

_EXPECTED: Final = {
    "bool_type": "bool",
    "dataclass_type": "object",
    "dict_type": "object",
    "float_type": "float",
    "int_type": "int",
    "list_type": "array",
    "model_type": "object",
    "none_required": "null",
    "set_type": "array",
    "string_type": "str",
    "tuple_type": "array",
}
"""What pydantic expected, by its names of errors, in the words of msgspec."""

_GOT: Final = {"NoneType": "null", "dict": "object", "list": "array"}


class UnfitError(UnreadableError):
    """Bytes that hold another value than one of the type; *path* says where."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path: str = path
        self.reason: str = reason


class Shape(Protocol):
    """One type, and what reads and writes it."""

    read: Callable[[bytes], Any] | None
    """The value in JSON that we write or accept, where that is faster than `made`."""

    has_sets: bool
    """Whether there may be sets in a value."""

    def data(self, value: Any, /) -> Any:
        """JSON data for *value*, with tuples for some of the lists."""
        ...

    def made(self, data: Any, /) -> Any:
        """The value for *data*; raises whatever it raises."""
        ...

    def flaw(self, error: Exception, /) -> Flaw:
        """What *error*, which `made` raised, says, without anything of the value."""
        ...


def shape(kind: Any) -> Shape:
    """How values of *kind* are read and written; `ConfigurationError` for what is no such type."""
    try:
        return _known(kind)
    except TypeError:  # it has no hash
        return _shape(kind)


class _MsgspecShape:
    def __init__(self, kind: Any, msgspec: Any, *, has_sets: bool) -> None:
        self.has_sets: bool = has_sets
        convert, to_builtins = msgspec.convert, msgspec.to_builtins
        self.read: Callable[[bytes], Any] | None = msgspec.json.Decoder(kind).decode
        self.data: Callable[[Any], Any] = lambda value: to_builtins(value, str_keys=True)
        self.made: Callable[[Any], Any] = lambda data: convert(data, kind, str_keys=True)
        self._own: type[Exception] = msgspec.ValidationError

    def flaw(self, error: Exception, /) -> Flaw:
        """Texts of a class of the user's, and those that quote the value, are not passed on."""
        found = _PLACE.fullmatch(str(error))
        if not isinstance(error, self._own) or error.__cause__ is not None or found is None:
            return "$", _REFUSED
        text, path, reason = found["text"], found["path"] or "$", _REFUSED
        if absent := _ABSENT.fullmatch(text):
            return path + step(absent[1]), "it is missing"
        if text.startswith("Object contains unknown field"):
            reason = "it has a member that the type does not know"
        if text.startswith("Expected "):
            reason = text[0].lower() + text[1:].replace("`", "")
            if found["name"]:
                reason += ", in the name of a member"
        return path, reason


class _PydanticShape:
    read: Callable[[bytes], Any] | None = None
    has_sets: bool = True

    def __init__(self, kind: Any, pydantic: Any) -> None:
        adapter: Any = pydantic.TypeAdapter(kind)
        options: Any = {"mode": "json", "by_alias": True, "round_trip": True, "warnings": "none"}
        self.data: Callable[[Any], Any] = lambda value: adapter.dump_python(value, **options)
        self._validate: Callable[..., Any] = adapter.validate_json
        self._own: type[Exception] = pydantic.ValidationError

    def made(self, data: Any, /) -> Any:
        return self._validate(rewritten(data), strict=True)

    def flaw(self, error: Exception, /) -> Flaw:
        """In words of our own: those of pydantic and of validators may quote the value."""
        if not isinstance(error, self._own):
            return "$", _REFUSED
        told: Any = error
        first = told.errors(include_url=False, include_context=False)[0]
        place, name = first["loc"], first["type"]
        if "[key]" in place:  # after the name that is wrong
            place = place[: max(place.index("[key]") - 1, 0)]
        path = "$" + "".join(map(step, place))
        if name == "missing":
            return path, "it is missing"
        if name == "extra_forbidden":
            return path, UNKNOWN_MEMBER
        if name not in _EXPECTED:
            return path, _REFUSED
        got = type(first["input"]).__name__
        return path, f"expected {_EXPECTED[name]}, got {_GOT.get(got, got)}"


def _shape(kind: Any) -> Shape:
    if not hasattr(kind, "__pydantic_validator__"):
        msgspec = _msgspec()
        try:
            inspect = msgspec.inspect
            parts = list(_parts(inspect, inspect.type_info(kind)))
            if not any(hasattr(_class(part), "__pydantic_validator__") for part in parts):
                _check_known(parts, inspect.CustomType)
                sets = (inspect.SetType, inspect.FrozenSetType)
                has_sets = any(isinstance(part, sets) for part in parts)
                return _MsgspecShape(kind, msgspec, has_sets=has_sets)
        except (TypeError, NameError, AttributeError) as error:
            raise ConfigurationError(f"this type can not be stored: {error}") from error
    return _pydantic_shape(kind)


_known = lru_cache(maxsize=256)(_shape)


def _pydantic_shape(kind: Any) -> Shape:
    import pydantic

    try:
        return _PydanticShape(kind, pydantic)
    except (TypeError, NameError, pydantic.errors.PydanticUserError) as error:
        raise ConfigurationError(f"this type can not be stored: {error}") from error


def _msgspec() -> Any:
    try:
        import msgspec
    except ImportError:
        message = "typed storages need msgspec: pip install 'chatstorage[typed]'"
        raise ConfigurationError(message) from None
    return msgspec


def _parts(inspect: Any, info: Any) -> Iterator[Any]:
    """All that *info* of msgspec consists of."""
    pending: list[Any] = [info]
    seen = set[int]()
    while pending:
        part: Any = pending.pop()
        if type(part) is tuple:
            pending += part
            continue
        if not isinstance(part, (inspect.Type, inspect.Field)) or id(part) in seen:
            continue
        seen.add(id(part))
        yield part
        pending += [getattr(part, name) for name in part.__struct_fields__]


def _class(part: Any) -> Any:
    kind = getattr(part, "cls", None)
    return kind if isinstance(kind, type) else None


def _check_known(parts: list[Any], custom: Any) -> None:
    """Refuse what msgspec leaves to hooks."""
    for part in parts:
        kind = _class(part)
        if isinstance(part, custom) and kind not in (None, object):
            raise TypeError(f"nobody knows how to make a {kind.__name__} of JSON")
