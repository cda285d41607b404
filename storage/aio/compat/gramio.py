# Written by tools/mirror.py from storage/compat/gramio.py: change that file and run the tool.
"""GramIO's `@gramio/session` and what `@gramio/scenes` keeps, as they read and write it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import sessions, stores
from ...core.layouts import GRAMIO, GRAMIO_SCENES
from ...core.subjects import SessionKey, keyed_by
from ..rooms import Adaptable

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    S = TypeVar("S", default=dict[str, Any])
else:
    from typing import TypeVar

    S = TypeVar("S")

__all__ = ["SceneSessions", "Sessions", "scenes", "session"]


class Sessions(sessions.Sessions[S]):
    """Sessions as GramIO writes them: under the user, or what a key function says."""

    _layout = GRAMIO
    _lock_otherwise = "process"


class SceneSessions(Sessions[S]):
    """The records of GramIO's scenes: who is in which scene, in which step, and its state."""

    _layout = GRAMIO_SCENES


def session(
    *,
    storage: Adaptable | None = None,
    get_session_key: Callable[[Any], SessionKey | str | None] | None = None,
    initial: Callable[..., Any] = dict,
    **options: Any,
) -> Sessions[Any]:
    """The sessions of GramIO's plugin in *storage*, one in memory unless it is given.

    An event without a sender has a session of its own, which nobody else sees. What two updates
    change at the same time is merged, and the later one stays of one member. The other *options*
    are those of `storage.Sessions`.
    """
    chosen = {"on_conflict": "ours", "namespace": None, **options}
    key = get_session_key or keyed_by("user")
    return Sessions(_storage(storage), initial=initial, key=key, **chosen)


def scenes(*, storage: Adaptable, **options: Any) -> SceneSessions[Any]:
    """What GramIO's scenes keep in *storage*, by the user whose it is; see `session`."""
    chosen = {"on_conflict": "ours", "namespace": None, "key": keyed_by("user"), **options}
    return SceneSessions(storage, **chosen)


def _storage(storage: Adaptable | None) -> Adaptable:
    return stores.MemoryStorage[Any]() if storage is None else storage
