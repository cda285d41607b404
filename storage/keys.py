"""What a key may be, and what it is called in the backend.

In the layout of our own, `~` opens a reserved segment: `~ns~carts~5` is the key `5` of the
namespace `carts`. A key that starts with `~` itself is written with two. So no key can be taken
for one of another namespace, whatever the names are.
"""

from __future__ import annotations

from collections.abc import Sequence

from .errors import ConfigurationError, InvalidKeyError

_MARK = "~"
_SPACE = "~ns~"
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


class Names:
    """The names of one namespace's keys under *prefix*, in what errors call *store*.

    A *verbatim* layout is somebody else's: keys are written as they are, and a namespace is no
    more than a view of the keys that start with `name:`.
    """

    __slots__ = ("prefix", "store", "verbatim")

    def __init__(
        self, prefix: str = "", *, verbatim: bool = False, store: str | None = None
    ) -> None:
        check_key(prefix, store)
        self.prefix: str = prefix
        self.verbatim: bool = verbatim
        self.store: str | None = store

    def name(self, key: str) -> str:
        """What *key* is called in the backend; refuses what is no key."""
        if type(key) is str and key < _MARK and key.isascii():
            return self.prefix + key
        check_key(key, self.store)
        key = str.__str__(key)  # of a subclass, its text
        if key[:1] == _MARK and not self.verbatim:
            return f"{self.prefix}{_MARK}{key}"
        return self.prefix + key

    def reserved(self, segment: str, key: str) -> str:
        """What *key* is called in a *segment* of its own, where no key of the store can be."""
        check_key(key, self.store)
        return f"{self.prefix}{_MARK}{segment}{_MARK}{str.__str__(key)}"

    def key(self, name: str) -> str | None:
        """The key that is called *name*; `None` for what belongs to a reserved segment."""
        rest = name[len(self.prefix) :]
        if self.verbatim or rest[:1] != _MARK:
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
            return Names(f"{self.prefix}{name}:", verbatim=True, store=self.store)
        return Names(f"{self.prefix}{_SPACE}{_escaped(name)}{_MARK}", store=self.store)

    def parted(self, name: str) -> tuple[tuple[str, ...], str] | None:
        """The namespaces in here, from the outside in, and the key that *name* stands for.

        `None` for what belongs to another reserved segment. A verbatim layout has no namespaces
        to see: all of it is the key.
        """
        rest = name[len(self.prefix) :]
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


def _escaped(space: str) -> str:
    return space.replace("%", "%25").replace(_MARK, "%7E")


def after(prefix: str) -> str | None:
    """The first string that sorts, by code point, after all that start with *prefix*."""
    head = prefix.rstrip(_LAST)
    if not head:
        return None
    following = ord(head[-1]) + 1
    return head[:-1] + chr(0xE000 if following == 0xD800 else following)
