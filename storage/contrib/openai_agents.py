"""Sessions for the agents of openai-agents, over any store of conversations."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from ..aio.adapted import adapt
from ..aio.conversation import Conversation
from ..aio.opening import open as open_store
from ..aio.rooms import Adaptable
from ..aio.runtime import Runtime
from ..core.composing import terms
from ..core.dialects import Meaning, meaning_of_item
from ..errors import ConfigurationError, StorageError, UnstorableError
from ..histories import Bounds
from ..keys import Names, check_key
from ..ttl import DefaultTtl

if TYPE_CHECKING:
    from types import TracebackType

    from agents import SessionSettings, TResponseInputItem
    from typing_extensions import Self

__all__ = ["Session"]

ALL: Final = 2**31 - 1
"""Who asks for so many items, or more, asks for all."""


def meaning_of(message: Mapping[str, Any]) -> Meaning:
    """What an item means to a conversation; one that is malformed means as little as it can."""
    try:
        return meaning_of_item(message)
    except UnstorableError:
        if not isinstance(message, Mapping):
            raise
    return Meaning("assistant", (), (), leads=False, is_turn=False)


class Items(Conversation):
    """A conversation of items, which need not have a role."""

    _means = staticmethod(meaning_of)


class Session:
    """All items of the session *session_id* in *store*: one of either colour, or the URL of one,
    which is opened here.

    It is over when nothing was added or taken away for *ttl*, or *max_age* after it began.
    `session_settings.limit` is how many of its items, of the newest, an agent is given, unless the
    run says otherwise.
    """

    def __init__(
        self,
        session_id: str,
        store: Adaptable | str,
        *,
        ttl: DefaultTtl = None,
        max_age: DefaultTtl = None,
        session_settings: SessionSettings | dict[str, Any] | None = None,
        namespace: str | None = "agents",
    ) -> None:
        self.session_settings: SessionSettings | None = _settings(session_settings)
        self.session_id: str = session_id
        # What is wrong is said before anything is opened.
        check_key(session_id)
        terms(Bounds(), ttl, max_age, "keep")
        Names().namespace("agents" if namespace is None else namespace)
        base = open_store(store) if isinstance(store, str) else adapt(store)
        self._opened = base if isinstance(store, str) else None
        self._items = Items(
            base if namespace is None else base.namespace(namespace),
            max_messages=None,
            ttl=ttl,
            max_age=max_age,
            max_bytes=sys.maxsize,
            on_orphan="keep",
        )
        self._runtime = Runtime()

    def __repr__(self) -> str:
        return f"<Session of {self._items!r}>"

    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        """The newest *limit* items in order, or else as many as the settings say, or all.

        What can not be read is passed over, and does not count.
        """
        wanted = self._wanted(limit)
        if wanted <= 0:
            return []
        asked = wanted
        while True:
            lost: list[StorageError] = []
            last = None if asked >= ALL else asked
            found = await self._items.list(self.session_id, last=last, on_corrupt=lost.append)
            if len(found) >= wanted or len(found) + len(lost) < asked:
                items: list[Any] = found[-wanted:]
                return items
            asked *= 2

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        """Add *items* at the end, one right after another: all of them, or none."""
        if items:
            await self._runtime.finish_once(self._items.append_many, self.session_id, items)

    async def pop_item(self) -> TResponseInputItem | None:
        """Take the newest item away, and give it back; what can not be read goes with it."""
        return await self._runtime.finish_once(self._pop)

    async def clear_session(self) -> None:
        """Take all items away."""
        await self._runtime.finish_once(self._items.clear, self.session_id)

    async def aclose(self) -> None:
        """Close the store, if it was opened here."""
        if self._opened is not None:
            await self._opened.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _pop(self) -> Any:
        return await self._items.pop(self.session_id, on_corrupt="skip")

    def _wanted(self, limit: int | None) -> int:
        """How many items are asked for."""
        settings = self.session_settings
        if limit is None and settings is not None:
            limit = _settings(settings).limit
        return ALL if limit is None else limit


def _settings(given: SessionSettings | dict[str, Any] | None) -> SessionSettings:
    """Settings of the framework, as it makes them of what is *given*."""
    try:
        from agents import SessionSettings
    except ImportError as error:
        if error.name != "agents":
            raise
        message = "a Session needs openai-agents 0.8: pip install 'chatstorage[openai-agents]'"
        raise ConfigurationError(message) from None
    if isinstance(given, SessionSettings):
        return given
    if not isinstance(given, (Mapping, type(None))):
        told = f"not {type(given).__name__}"
        raise TypeError(f"session_settings are SessionSettings or a dict of them, {told}")
    unknown = sorted(map(str, (given or {}).keys() - {one.name for one in fields(SessionSettings)}))
    if unknown:
        raise TypeError(f"there are no session_settings {', '.join(unknown)}")
    return SessionSettings(**(given or {}))
