"""Keys that carry the type of what is stored under them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Generic,
    NamedTuple,
    Protocol,
    get_args,
    get_origin,
    get_type_hints,
)

from .codecs import JSON, Codec
from .core.envelope import Envelope, Migrations
from .core.patterns import Pattern
from .errors import ConfigurationError, shown
from .ttl import DEFAULT, DefaultTtl, Lifetime, default_span

if TYPE_CHECKING:
    from typing_extensions import Self, TypeVar, dataclass_transform

    V = TypeVar("V", default=Any)
else:
    from typing import TypeVar

    V = TypeVar("V")

    def dataclass_transform(**_: Any) -> Callable[[type], type]:
        return lambda kind: kind


K_co = TypeVar("K_co", covariant=True)


class Family(NamedTuple):
    """What a class of keys says of the entries that it names."""

    name: str
    module: str
    given: Any
    pattern: Pattern
    ttl: DefaultTtl | Lifetime
    version: int | None
    migrations: Migrations | None

    def kind(self) -> Any:
        """The type of the values."""
        module = sys.modules.get(self.module)
        names = {} if module is None else vars(module)
        holder = type("Holder", (), {"__annotations__": {"value": self.given}})
        try:
            found = get_type_hints(holder, names, include_extras=True)
        except NameError as error:
            raise ConfigurationError(f"{self.name} is a key of an unknown type: {error}") from error
        return found["value"]

    def envelope(self, codec: Codec) -> Envelope | None:
        """The envelope that the records stand in, if they have a version."""
        if self.version is None and self.migrations is None:
            return None
        return Envelope(codec, self.migrations or {}, "raise", self.version)


@dataclass_transform(frozen_default=True)
class Key(Generic[V]):
    """A key that names entries of one type: `class UserKey(Key[User], pattern="user:{id}")`.

    The fields of the class are `int` or `str`, each stands once in *pattern*, and `str(key)` is
    the key in the store. *ttl* is the default lifetime of these entries, unless it is `DEFAULT`.
    With a *version* or *migrations* they are versioned records, as `enhance_storage` writes them.
    """

    _family: ClassVar[Family]

    def __init_subclass__(
        cls,
        *,
        pattern: str,
        ttl: DefaultTtl | Lifetime = DEFAULT,
        version: int | None = None,
        migrations: Migrations | None = None,
    ) -> None:
        import dataclasses  # dear, and not needed without keys

        super().__init_subclass__()
        if ttl is not DEFAULT:
            default_span(ttl)
        made = Pattern(pattern, _kinds(cls))
        given = (cls.__qualname__, cls.__module__, _given(cls), made)
        cls._family = Family(*given, ttl, version, migrations)
        cls._family.envelope(JSON)  # which refuses what is no version
        dataclasses.dataclass(frozen=True)(cls)

    def __post_init__(self) -> None:
        pattern = self._family.pattern
        wrong = pattern.refused(vars(self))
        if wrong is None:
            return
        name, wanted = f"{type(self).__name__}.{wrong}", pattern.kinds[wrong].__name__
        got = type(vars(self)[wrong]).__name__
        if got == wanted:
            raise ValueError(f"{name} must be an int of 64 bits")
        raise TypeError(f"{name} must be {_article(wanted)}, not {got}")

    def __str__(self) -> str:
        return self._family.pattern.format(vars(self))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The key that is written as *text*; `None` where it is none of this class."""
        values = cls._family.pattern.parse(text)
        return None if values is None else cls(**values)

    @classmethod
    def _of(cls, value: V, /) -> V:
        return value


class KeyClass(Protocol[K_co, V]):
    """A class of keys, as type checkers see it: it makes keys, and names the type of the values."""

    def __call__(self, *args: Any, **options: Any) -> object: ...

    def parse(self, text: str, /) -> K_co | None: ...

    def _of(self, value: V, /) -> V: ...


class Families:
    """The classes of keys that are used in one store, of which no two make the same key."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, str, str], Family] = {}

    def enter(self, family: Family, prefix: str, store: str) -> None:
        """Take *family* in, for the keys under *prefix*, or raise `ConfigurationError`.

        A class that is defined anew takes the place of the old one.
        """
        mine = (prefix, family.module, family.name, family.pattern.text)
        self._known[mine] = family  # before it is compared: of two that come at once, one sees it
        for (place, *_), other in list(self._known.items()):
            if place != prefix or (prefix, *_named(other)) == mine:
                continue
            shared = family.pattern.common(other.pattern)
            if shared is not None:
                self._known.pop(mine, None)
                message = f"{_shown(family)} and {_shown(other)} both make the key {shown(shared)}"
                raise ConfigurationError(message, store=store)


def _named(family: Family) -> tuple[str, str, str]:
    return family.module, family.name, family.pattern.text


def _shown(family: Family) -> str:
    return f"{family.name} ({family.pattern.text!r})"


def _kinds(cls: type) -> dict[str, type]:
    """The fields of a class of keys, by their names."""
    if any(base is not Key and issubclass(base, Key) for base in cls.__bases__):
        raise ConfigurationError(f"{cls.__name__}: a class of keys has no subclasses")
    import inspect

    try:
        hints = inspect.get_annotations(cls, eval_str=True)
    except NameError as error:
        raise ConfigurationError(f"{cls.__name__}: {error}") from error
    kinds = {name: kind for name, kind in hints.items() if not _is_of_the_class(kind)}
    for name, kind in kinds.items():
        if kind not in (int, str):
            message = f"{cls.__name__}.{name}: a field of a key is an int or a str"
            raise ConfigurationError(message)
        if name.startswith("_") or hasattr(Key, name):
            raise ConfigurationError(f"{cls.__name__}.{name}: a field can not be called that")
    return kinds


def _is_of_the_class(hint: Any) -> bool:
    return ClassVar in (hint, get_origin(hint))


def _given(cls: type) -> Any:
    """What stands in the brackets of `Key[...]`."""
    bases: Any = getattr(cls, "__orig_bases__", ())
    for base in bases:
        if get_origin(base) is Key:
            (given,) = get_args(base)
            if isinstance(given, TypeVar):
                raise ConfigurationError(f"{cls.__name__}: a key has values of one type: Key[User]")
            return given
    return Any


def _article(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"
