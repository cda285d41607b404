"""What is known of an object that somebody wants to be used as a store."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any, NamedTuple

from ..errors import ConfigurationError, UnsupportedError
from ..records import MISSING

Method = Callable[..., Any]


class Misfit(NamedTuple):
    """What stands for something that is there and is no value."""

    reason: str


class Foreign(NamedTuple):
    """The methods of such an object; those that it need not have may be `None`."""

    kind: str
    is_mapping: bool
    get: Method
    set: Method
    delete: Method
    has: Method | None = None
    touch: Method | None = None
    keys: Method | None = None

    def callables(self) -> list[Method]:
        """The methods there are."""
        methods = (self.get, self.set, self.delete, self.has, self.touch, self.keys)
        return [method for method in methods if method is not None]

    def scope(self, name: str) -> str:
        """What is locked while *name* is changed: all of a mapping, else the one key."""
        return "" if self.is_mapping else name

    def listing(self, store: str) -> Method:
        """What lists the keys; refuses where the object has nothing for it."""
        if self.keys is None:
            message = "the object that was adapted has no keys(), so its keys are not known"
            raise UnsupportedError(message, store=store)
        return self.keys


def foreign(thing: Any) -> Foreign:
    """The methods of *thing*, or an error that says which are missing."""
    kind = type(thing).__name__
    if isinstance(thing, MutableMapping):
        return _of_mapping(kind, thing)
    if isinstance(thing, str):
        message = "str can not be a store: storage.open(...) makes a store of a URL, and in asyncio"
        raise ConfigurationError(f"{message} storage.aio.open(...)")
    missing = [name for name in ("get", "set", "delete") if not _has(thing, name)]
    if missing:
        raise ConfigurationError(
            f"{kind} can not be a store: it has no {', '.join(missing)}, and is no mutable mapping"
        )
    optional = {
        name: getattr(thing, name) for name in ("has", "touch", "keys") if _has(thing, name)
    }
    return Foreign(kind, False, thing.get, thing.set, thing.delete, **optional)


def _has(thing: object, name: str) -> bool:
    return callable(getattr(thing, name, None))


def _of_mapping(kind: str, mapping: MutableMapping[str, Any]) -> Foreign:
    def get(key: str) -> Any:
        return mapping.get(key, MISSING)  # of a defaultdict, [] would make the key

    def has(key: str) -> bool:
        return key in mapping

    def delete(key: str) -> None:
        mapping.pop(key, None)

    def keys() -> list[str]:
        return list(mapping)

    return Foreign(kind, True, get, mapping.__setitem__, delete, has=has, keys=keys)
