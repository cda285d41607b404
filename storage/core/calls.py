"""What a function is called with, by the names of its parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any


class Arguments:
    """Finds the arguments of *function* that are called by *names*; refuses one without these."""

    def __init__(self, function: Callable[..., Any], names: Iterable[str]) -> None:
        from inspect import signature  # dear, and seldom needed

        self._signature = signature(function)
        self._names = sorted(names)
        missing = [name for name in self._names if name not in self._signature.parameters]
        if missing:
            raise TypeError(f"the function has no argument called {', '.join(missing)}")

    def of(self, args: tuple[Any, ...], named: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of one call; a `TypeError` for a call that the function would refuse."""
        bound = self._signature.bind(*args, **named)
        bound.apply_defaults()
        return {name: bound.arguments[name] for name in self._names}
