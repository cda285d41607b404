"""A bot on Telegram, in one colour, by plain calls."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import storage.aio.telegram
import storage.telegram
from tests.layers.places import Place
from tests.waiting import until


class Ground:
    """What limits a bot, over one place."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.half = place.half
        self.clock = place.clock
        self.bridge = place.bridge
        # Who is on a server remembers by the time of this process, which is not turned by hand.
        self.is_on_server = hasattr(place, "server")

    def outbound(self, *, store: Any = None, **options: Any) -> Any:
        """What may be sent, over *store* or the place itself."""
        base = self.place.base if store is None else store
        return self.bridge.driven(self.half.telegram.Outbound(base, **options))

    def inbound(self, *, store: Any = None, **options: Any) -> Any:
        """What may come in."""
        base = self.place.base if store is None else store
        usual = {"remember": 0} if self.is_on_server else {}
        handed = {
            name: self.bridge.handed(one) if callable(one) and self.is_async else one
            for name, one in options.items()
        }
        return self.bridge.driven(self.half.telegram.inbound(base, **{**usual, **handed}))

    @property
    def is_async(self) -> bool:
        return self.half is storage.aio


def may_send(outbound: Any, chat: Any) -> bool:
    """Whether something may be sent to *chat* at once, which is counted then."""
    return bool(outbound.wait(chat, timeout=0))


def in_line(outbound: Any, chat: object) -> int:
    """How many wait for *chat* behind the first one, or 0 where nobody does."""
    keys = getattr(outbound, "_thing", outbound)._keys
    first = keys._holds.get(f"line {chat}")
    return 0 if first is None else 1 + len(first._waiting or ())


class Senders:
    """Threads that send, one after the other by when they came."""

    def __init__(self, outbound: Any) -> None:
        self._outbound = outbound
        self._threads: list[threading.Thread] = []
        self._errors: list[BaseException] = []

    def come(self, chat: Any, function: Callable[[], Any], *, behind: int | None = None) -> None:
        """Have one more send; come back when so many stand *behind* each other, itself included."""
        thread = threading.Thread(target=self._send, args=(chat, function), daemon=True)
        self._threads.append(thread)
        thread.start()
        if behind is not None:
            until(lambda: in_line(self._outbound, chat) == behind, "a place in the line")

    def join(self) -> None:
        for thread in self._threads:
            thread.join(20)
            assert not thread.is_alive(), "somebody waits for ever"
        if self._errors:
            raise self._errors[0]

    def _send(self, chat: Any, function: Callable[[], Any]) -> None:
        try:
            self._outbound.send(chat, function)
        except BaseException as error:  # noqa: BLE001 - it is raised by `join`
            self._errors.append(error)
