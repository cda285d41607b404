# Written by tools/mirror.py from storage/compat/originals.py: change that file and run the tool.
"""What the sessions of all originals have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import sessions
from ..rooms import Adaptable

if TYPE_CHECKING:
    from typing_extensions import TypeVar, Unpack

    S = TypeVar("S", default=dict[str, Any])
else:
    from typing import TypeVar

    S = TypeVar("S")


class OriginalOptions(sessions.CommonOptions, total=False):
    """What may be said of them besides what their originals know; see `storage.Sessions`."""

    kind: type[Any] | None


class OriginalSessions(sessions.Sessions[S]):
    """Sessions in the keys and records of an original, whose handlers never hear of a conflict.

    Where the key is the original's *own_key* and there is no namespace, other plugins keep theirs
    beside them.
    """

    _lock_otherwise = "process"

    def __init__(
        self,
        store: Adaptable,
        own_key: Callable[[Any], Any],
        *,
        key: Callable[[Any], Any] | None = None,
        initial: Callable[..., Any] = dict,
        **options: Unpack[OriginalOptions],
    ) -> None:
        chosen: Any = {"on_conflict": "ours", "namespace": None, **options}
        super().__init__(store, initial=initial, key=key or own_key, **chosen)
        self._is_among_others = key is None and chosen["namespace"] is None
