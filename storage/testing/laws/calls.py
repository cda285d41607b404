"""Every method of a store as a plain function, for the laws that hold for all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from ...records import MISSING

UNTOUCHED: Final = object()
"""For a `Write` that needs a key that is not there."""


@dataclass(frozen=True)
class Write:
    """A method that takes `ttl`, called on a key that holds *before*."""

    name: str
    before: Any
    call: Callable[..., object]
    keeps: bool = False
    """Whether the expiry stays as it is when no ttl is given."""

    is_step: bool = True
    """Whether it looks and writes at once."""

    def prepare(self, store: Any, key: str, **options: Any) -> None:
        if self.before is not UNTOUCHED:
            store.set(key, self.before, **options)

    def __str__(self) -> str:
        return self.name


def _edit(store: Any, key: str, **options: Any) -> None:
    with store.edit(key, **options) as draft:
        draft["n"] = 2


def _bump(store: Any, key: str, **options: Any) -> object:
    return store.update(key, lambda count: count + 1, **options)


WRITES: Final = (
    Write("set", UNTOUCHED, lambda s, k, **o: s.set(k, 2, **o), is_step=False),
    Write("set again", 1, lambda s, k, **o: s.set(k, 2, **o), is_step=False),
    Write("set_many", UNTOUCHED, lambda s, k, **o: s.set_many({k: 2}, **o), is_step=False),
    Write("set_many again", 1, lambda s, k, **o: s.set_many({k: 2}, **o), is_step=False),
    Write("add", UNTOUCHED, lambda s, k, **o: s.add(k, 2, **o)),
    Write("incr", 1, lambda s, k, **o: s.incr(k, **o), keeps=True),
    Write("incr anew", UNTOUCHED, lambda s, k, **o: s.incr(k, **o)),
    Write("swap", 1, lambda s, k, **o: s.swap(k, 1, 2, **o), keeps=True),
    Write("swap anew", UNTOUCHED, lambda s, k, **o: s.swap(k, MISSING, 2, **o)),
    Write("update", 1, _bump, keeps=True),
    Write("update anew", UNTOUCHED, lambda s, k, **o: _bump(s, k, default=1, **o)),
    Write("edit", {"n": 1}, _edit, keeps=True),
    Write("edit anew", UNTOUCHED, lambda s, k, **o: _edit(s, k, default={}, **o)),
    Write("get_or_set", UNTOUCHED, lambda s, k, **o: s.get_or_set(k, lambda: 2, **o)),
    Write("touch", 1, lambda s, k, **o: s.touch(k, **o)),
)
SETS: Final = WRITES[:4]
TOUCH: Final = WRITES[-1]

ON_A_KEY: Final[dict[str, Callable[[Any, Any], object]]] = {
    "get": lambda s, k: s.get(k),
    "set": lambda s, k: s.set(k, 1),
    "delete": lambda s, k: s.delete(k),
    "has": lambda s, k: s.has(k),
    "touch": lambda s, k: s.touch(k),
    "expires_at": lambda s, k: s.expires_at(k),
    "get_many": lambda s, k: s.get_many(["fine", k]),
    "set_many": lambda s, k: s.set_many({"fine": 1, k: 1}),
    "delete_many": lambda s, k: s.delete_many(["fine", k]),
    "add": lambda s, k: s.add(k, 1),
    "incr": lambda s, k: s.incr(k),
    "swap": lambda s, k: s.swap(k, MISSING, 1),
    "update": lambda s, k: s.update(k, lambda value: value, default=1),
    "edit": lambda s, k: _edit(s, k, default={}),
    "get_or_set": lambda s, k: s.get_or_set(k, lambda: 1),
}
"""Every method that takes a key."""

STEPS: Final = ("add", "incr", "swap", "update", "edit", "get_or_set")
"""Those of them that look and write at once."""


def _on_k(call: Callable[[Any, Any], object], store: Any) -> object:
    return call(store, "k")


WALKS: Final[dict[str, Callable[..., object]]] = {
    "keys": lambda s, *a: list(s.keys(*a)),
    "values": lambda s, *a: list(s.values(*a)),
    "items": lambda s, *a: list(s.items(*a)),
}

NOTHING: Final[dict[str, Callable[[Any], object]]] = {
    "get_many of nothing": lambda s: s.get_many([]),
    "set_many of nothing": lambda s: s.set_many({}),
    "delete_many of nothing": lambda s: s.delete_many([]),
}

ALL: Final[dict[str, Callable[[Any], object]]] = {
    **{name: partial(_on_k, call) for name, call in ON_A_KEY.items()},
    **WALKS,
    **NOTHING,
    "clear": lambda s: s.clear(everything=True),
}
"""Every method that reaches the backend."""


def has_steps(store: Any) -> bool:
    """Whether *store* can look and write at once."""
    return store.capabilities.atomic is not None


def writes_of(store: Any) -> tuple[Write, ...]:
    """The methods of *store* that take any `ttl`."""
    return WRITES if has_steps(store) else SETS


def methods_of(store: Any) -> dict[str, Callable[[Any, Any], object]]:
    """The methods of *store* that take a key."""
    left_out = () if has_steps(store) else STEPS
    return {name: call for name, call in ON_A_KEY.items() if name not in left_out}
