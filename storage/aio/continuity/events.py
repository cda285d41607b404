# Written by tools/mirror.py from storage/continuity/events.py: change that file and run the tool.
"""Who wants to know what happens to sessions."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from ...core.dialog.checks import kind
from ...core.dialog.dates import when_of
from ...core.dialog.errors import ValidationError
from ...core.dialog.names import ANY, event_name
from ...core.dialog.records import Event
from ..runtime import Runtime, callback, mutex
from ...ttl import Clock

Handler = Callable[[Event], Any]
"""What is called with an `Event`."""


class _Listener(NamedTuple):
    """A handler, and whether it wants to be called but once."""

    handler: Handler
    once: bool


class SessionEventEmitter:
    """Calls the handlers of an event, in the order in which they came: those of that event first,
    then those of `"*"`.

    Each is done before the next one is called, and all of them before what they were told of
    answers. One that raises is logged, and keeps nobody else from it.
    """

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self._listeners: dict[str, list[_Listener]] = {}
        self._log = logger or logging.getLogger("storage")
        self._lock = mutex()
        self._runtime = Runtime()

    def on(self, event: str, handler: Handler) -> None:
        """Call *handler* whenever *event* happens; one that is called already is not called
        twice."""
        self._listen(event, _Listener(callback(handler, "handler"), once=False))

    def once(self, event: str, handler: Handler) -> None:
        """Call *handler* the next time that *event* happens; one that is called whenever it does
        stays so."""
        self._listen(event, _Listener(callback(handler, "handler"), once=True))

    def off(self, event: str, handler: Handler) -> None:
        """Call *handler* no more."""
        name = event_name(event)
        with self._lock:
            kept = [one for one in self._listeners.get(name, ()) if one.handler != handler]
            self._listeners[name] = kept

    def remove_all_listeners(self, event: str | None = None) -> None:
        """Call nobody any more when *event* happens, or whatever does."""
        with self._lock:
            if event is None:
                self._listeners = {}
            else:
                self._listeners.pop(event_name(event), None)

    async def emit(self, event: Event) -> None:
        """Tell who wants to know of it."""
        for listener in self._take(event.type):
            try:
                await self._runtime.notify(listener.handler, event)
            except Exception:  # noqa: BLE001 - the handlers of others go on
                self._log.exception("a handler of %s failed", event.type)

    def listens(self, event: str) -> bool:
        """Whether anybody wants to know when *event* happens."""
        return bool(self._listeners.get(event) or self._listeners.get(ANY))

    def _listen(self, event: str, listener: _Listener) -> None:
        name = event_name(event)
        with self._lock:
            known = self._listeners.get(name, [])
            there = [one for one in known if one.handler == listener.handler]
            if not there:
                self._listeners[name] = [*known, listener]
            elif there[0].once and not listener.once:
                self._listeners[name] = [listener if one is there[0] else one for one in known]

    def _take(self, event: str) -> list[_Listener]:
        """Who is to be called now; who wants to be called once is forgotten with that."""
        if not self._listeners:
            return []
        with self._lock:
            found = []
            for name in (event, ANY):
                known = self._listeners.get(name, [])
                found += known
                if any(one.once for one in known):
                    self._listeners[name] = [one for one in known if not one.once]
        return found


def emitter_of(given: object, logger: logging.Logger) -> SessionEventEmitter:
    """*given*, if it calls handlers of this colour, or a new one."""
    if given is None:
        return SessionEventEmitter(logger)
    if not isinstance(given, SessionEventEmitter):
        wanted = f"{SessionEventEmitter.__module__.removesuffix('.events')}.SessionEventEmitter"
        raise ValidationError(f"event_emitter must be a {wanted}, not {kind(given)}")
    return given


class Telling:
    """Tells who listens to *events* what happens, by a *clock*."""

    def __init__(self, events: SessionEventEmitter, clock: Clock) -> None:
        self._events = events
        self._wanted = events.listens
        self._clock = clock

    async def tell(self, what: str, session_id: str, data: dict[str, Any] | None = None) -> None:
        """Tell that this happened to a session."""
        if self._wanted(what):
            event = Event(what, session_id, self.now(), data)
            await self._events.emit(event)

    def now(self) -> datetime:
        """The moment, in whole milliseconds."""
        return when_of(int(self._clock() * 1000))
