"""What a key may be, and what it is called in the backend.

In the layout of our own, `~` opens a reserved segment: `~ns~carts~5` is the key `5` of the
namespace `carts`. A key that starts with `~` itself is written with two. So no key can be taken
for one of another namespace, whatever the names are.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Mapping, Sequence
from typing import TypeVar

from .errors import ConfigurationError, InvalidKeyError

T = TypeVar("T")
V = TypeVar("V")

_MARK = "~"
_SEGMENTS = ("~lease~", "~claim~", "~limit~", "~history~")
_SPACE = "~ns~"
_RESERVED = f"can not begin with {', '.join(_SEGMENTS)}: these are not entries"
_LAST = "\U0010ffff"


def check_key(key: object, store: str | None = None) -> None:
    """Refuse what is not a string that UTF-8 can carry."""
    if not isinstance(key, str):
        message = f"a key must be a str, not {type(key).__name__}"
        raise InvalidKeyError(message, store=store)
    try:
        key.encode()
    except UnicodeEncodeError:
        message = "a key can not hold a lone surrogate"
        raise InvalidKeyError(message, store=store, key=key) from None


def several(keys: Iterable[T], what: str, them: str = "keys") -> Iterable[T]:
    """The *keys* that *what* takes, or what *them* are, which are not the letters of one."""
    if isinstance(keys, (str, bytes, bytearray, memoryview)):
        kind = type(keys).__name__
        raise TypeError(f"{what} takes several {them}, such as a list of them, not one {kind}")
    return keys


def pairs(values: Mapping[T, V], what: str) -> ItemsView[T, V]:
    """The keys and the values that *what* takes."""
    if not isinstance(values, Mapping):
        kind = type(values).__name__
        raise TypeError(f"{what} takes a mapping of values by key, such as a dict, not {kind}")
    return values.items()


class Names:
    """The names of one namespace's keys under *prefix*, in what errors call *store*.

    A *verbatim* layout is somebody else's: keys are written as they are, a namespace is no more
    than a view of the keys that start with `name:`, and what is reserved stands outside of the
    prefix. A backend may keep that *beside* the keys; then no key looks like it.
    """

    __slots__ = ("_quick", "beside", "is_shared", "prefix", "store", "verbatim")

    def __init__(
        self,
        prefix: str = "",
        *,
        verbatim: bool = False,
        beside: bool = False,
        store: str | None = None,
    ) -> None:
        check_key(prefix, store)
        if beside and prefix.startswith(_SEGMENTS):
            message = f"keys {_RESERVED}"
            raise ConfigurationError(message, store=store)
        self.prefix: str = prefix
        self.verbatim: bool = verbatim
        self.beside: bool = beside
        self.store: str | None = store
        # Whether the reserved names that are kept beside the keys may begin as these do.
        self.is_shared: bool = beside and any(one.startswith(prefix) for one in _SEGMENTS)
        # What sorts before it needs no look.
        self._quick: str = "" if self.is_shared else _MARK

    def of(self, store: str) -> Names:
        """The same names in what errors call *store*."""
        return self._under(self.prefix, store)

    def name(self, key: str) -> str:
        """What *key* is called in the backend; refuses what is no key."""
        if type(key) is str and key < self._quick and key.isascii():
            return self.prefix + key
        check_key(key, self.store)
        key = str.__str__(key)  # of a subclass, its text
        if self.is_shared and (self.prefix + key).startswith(_SEGMENTS):
            raise InvalidKeyError(f"a key {_RESERVED}", store=self.store, key=key)
        if key[:1] == _MARK and not self.verbatim:
            return f"{self.prefix}{_MARK}{key}"
        return self.prefix + key

    def reserved(self, segment: str, key: str) -> str:
        """What *key* is called in a *segment* of its own, where no key of the store can be."""
        check_key(key, self.store)
        key = str.__str__(key)
        return self.segment(segment) + (self.prefix + key if self.verbatim else key)

    def segment(self, segment: str) -> str:
        """What all names in a *segment* of its own begin with."""
        start = "" if self.verbatim else self.prefix
        return f"{start}{_MARK}{segment}{_MARK}"

    def key(self, name: str) -> str | None:
        """The key that is called *name*; `None` for what belongs to a reserved segment."""
        rest = name[len(self.prefix) :]
        if self.verbatim:
            return None if self.beside and name.startswith(_SEGMENTS) else rest
        if rest[:1] != _MARK:
            return rest
        if rest[1:2] == _MARK:
            return rest[1:]
        return None

    def namespace(self, name: str) -> Names:
        """The names of the namespace *name* in here."""
        check_key(name, self.store)
        name = str.__str__(name)
        if not name:
            raise ConfigurationError("a namespace needs a name", store=self.store)
        if self.verbatim:
            return self._under(f"{self.prefix}{name}:", self.store)
        return self._under(f"{self.prefix}{_SPACE}{_escaped(name)}{_MARK}", self.store)

    def parted(self, name: str) -> tuple[tuple[str, ...], str] | None:
        """The namespaces in here, from the outside in, and the key that *name* stands for.

        `None` for what belongs to another reserved segment. A verbatim layout has no namespaces
        to see: all of it is the key.
        """
        rest = name[len(self.prefix) :]
        if self.beside and name.startswith(_SEGMENTS):
            return None
        if self.verbatim or _MARK not in rest:
            return (), rest
        path = []
        while rest.startswith(_SPACE):
            escaped, mark, rest = rest[len(_SPACE) :].partition(_MARK)
            space = escaped.replace("%7E", _MARK).replace("%25", "%")
            if not mark or not space or _escaped(space) != escaped:
                return None
            path.append(space)
        if rest[:1] == _MARK:
            rest = rest[1:]
            if rest[:1] != _MARK:
                return None
        return tuple(path), rest

    def joined(self, path: Sequence[str], key: str) -> str:
        """What *key* is called in the namespace that *path* leads to from here."""
        names = self
        for space in path:
            names = names.namespace(space)
        return names.name(key)

    def _under(self, prefix: str, store: str | None) -> Names:
        return Names(prefix, verbatim=self.verbatim, beside=self.beside, store=store)


def _escaped(space: str) -> str:
    return space.replace("%", "%25").replace(_MARK, "%7E")


def after(prefix: str) -> str | None:
    """The first string that sorts, by code point, after all that start with *prefix*."""
    head = prefix.rstrip(_LAST)
    if not head:
        return None
    following = ord(head[-1]) + 1
    return head[:-1] + chr(0xE000 if following == 0xD800 else following)
