"""A mapping as GramIO keeps values in memory: each one in a box, `{"data": value}`."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any, Final

from ..errors import ConfigurationError
from ..records import MISSING
from .foreign import Foreign, Misfit, foreign

_BOX: Final = "data"
_NO_BOX: Final = Misfit('what stands there is no {"data": value}')


def boxes(mapping: MutableMapping[str, Any]) -> Foreign:
    """The methods of *mapping*, by which values come out of their boxes and go into new ones."""
    if not isinstance(mapping, MutableMapping):
        kind = type(mapping).__name__
        raise ConfigurationError(f"the mapping of a store is a mutable one, not {kind}")
    methods = foreign(mapping)

    def get(key: str) -> Any:
        box = methods.get(key)
        if box is MISSING:
            return box
        return box[_BOX] if isinstance(box, Mapping) and _BOX in box else _NO_BOX

    def put(key: str, value: Any) -> None:
        methods.set(key, {_BOX: value})

    return methods._replace(get=get, set=put)
