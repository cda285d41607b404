# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""GramIO's `@gramio/storage` with its storages, `@gramio/session`, its rate limits and media cache,
and what `@gramio/scenes` keeps, as they read and write it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..core.layouts import GRAMIO, GRAMIO_SCENES, SCENES
from ..core.rules import plain
from ..core.subjects import SessionKey, keyed_by
from ..rooms import Adaptable
from .gramio_fallback import with_fallback_storages
from .gramio_limits import RateLimits, rate_limit
from .gramio_media import MediaCache, media_cache
from .gramio_storages import (
    cloudflare_storage,
    in_memory_storage,
    redis_storage,
    sqlite_storage,
)
from .originals import OriginalOptions, OriginalSessions

if TYPE_CHECKING:
    from typing_extensions import TypeVar, Unpack

    S = TypeVar("S", default=dict[str, Any])
else:
    from typing import TypeVar

    S = TypeVar("S")

__all__ = [
    "MediaCache",
    "RateLimits",
    "SceneSessions",
    "Sessions",
    "cloudflare_storage",
    "in_memory_storage",
    "media_cache",
    "rate_limit",
    "redis_storage",
    "scenes",
    "session",
    "sqlite_storage",
    "with_fallback_storages",
]


class Sessions(OriginalSessions[S]):
    """Sessions as GramIO writes them, made by `session`."""

    _layout = GRAMIO


class SceneSessions(Sessions[S]):
    """The records of GramIO's scenes, made by `scenes`: who is in which scene, in which step, and
    its state. A key as text is the user's, with what GramIO writes before it or without."""

    _layout = GRAMIO_SCENES

    def _text(self, key: SessionKey | str) -> str:
        return super()._text(SCENES.started(key) if isinstance(key, str) else key)


_user = keyed_by("user")


def session(
    *,
    storage: Adaptable | None = None,
    get_session_key: Callable[[Any], SessionKey | str | None] | None = None,
    initial: Callable[..., Any] = dict,
    **options: Unpack[OriginalOptions],
) -> Sessions[Any]:
    """The sessions of GramIO's plugin in *storage*, one in memory unless it is given.

    The key is the user, and an event without one has a session of its own, which nobody else sees.
    What two updates change at the same time is merged, and the later one stays of one member. The
    other *options* are those of `storage.Sessions`.
    """
    key = plain("get_session_key", get_session_key)
    store = in_memory_storage() if storage is None else storage
    return Sessions(store, _sender, key=key, initial=initial, **options)


def scenes(*, storage: Adaptable, **options: Unpack[OriginalOptions]) -> SceneSessions[Any]:
    """What GramIO's scenes keep in *storage*, by the user whose it is; see `session`."""
    return SceneSessions(storage, _user, **options)


def _sender(event: Any) -> SessionKey | None:
    """The user, or the chat in whose name a poll was answered."""
    voter = getattr(event, "voter_chat", None)
    return _user(event) or (None if voter is None else SessionKey(user=voter.id))
