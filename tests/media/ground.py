"""A Telegram that gives ids to files, and caches of these ids in one colour, by plain calls."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import storage.aio
import storage.aio.compat.gramio
import storage.compat.gramio
from tests.layers.places import Place
from tests.waiting import until

GONE = "Bad Request: wrong file identifier/HTTP URL specified"


class BadRequest(Exception):
    """What a framework raises for an error code of 400."""


class Telegram:
    """Gives an id to each file that is uploaded, and knows some of them again."""

    def __init__(self, method: str = "photo") -> None:
        self.method = method
        self.files: list[object] = []
        """What was handed over to be sent: contents or ids."""
        self.known: set[str] = set()
        self._lock = threading.Lock()
        self._number = 0

    @property
    def uploads(self) -> int:
        """How many files were uploaded."""
        return self._number

    def forget(self) -> None:
        """No id that was given so far is good any more."""
        self.known.clear()

    def send(self, file: Any) -> dict[str, Any]:
        """Send a file, or what has that id."""
        with self._lock:
            self.files.append(file)
            if isinstance(file, str) and "://" not in file:
                if file not in self.known:
                    raise BadRequest(GONE)
                return message(self.method, file)
            self._number += 1
            file_id = f"id {self._number}"
            self.known.add(file_id)
        return message(self.method, file_id)


def message(method: str, file_id: str) -> dict[str, Any]:
    """What a bot is told when a file was sent."""
    file = {"file_id": file_id, "width": 90, "height": 90}
    return {"message_id": 1, method: [file] if method == "photo" else file}


class Ground:
    """Caches over one place."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.half = place.half
        self.clock = place.clock
        self.bridge = place.bridge
        self.store = place.plain

    @property
    def is_async(self) -> bool:
        return self.half is storage.aio

    def media(self, *, store: Any = None, bot: int | str = "support", **options: Any) -> Any:
        """A cache over *store* or the place itself."""
        base = self.place.base if store is None else store
        return self.bridge.driven(self.half.MediaCache(base, bot=bot, **self.handed(options)))

    def gramio(self, *, store: Any = None, **options: Any) -> Any:
        """The same in GramIO's keys."""
        base = self.place.base if store is None else store
        made = self.half.compat.gramio.media_cache(storage=base, **self.handed(options))
        return self.bridge.driven(made)

    def handed(self, options: dict[str, Any]) -> dict[str, Any]:
        """*options*, of which functions are called in the thread that is here."""
        return {
            name: self.bridge.handed(one) if callable(one) and self.is_async else one
            for name, one in options.items()
        }

    def kept(self, namespace: str = "media") -> dict[str, Any]:
        """All that is stored."""
        return dict(self.store.namespace(namespace).items())


def in_line(media: Any, lock: str = "_keys") -> int:
    """How many wait for a file that somebody uploads, or -1 where nobody does."""
    keys = getattr(getattr(media, "_thing", media)._ids, lock)
    return (
        sum(len(hold._waiting or ()) for hold in list(keys._holds.values())) if keys._holds else -1
    )


class Held:
    """Its `call` is one of *function*, the first time once all others wait, and not before."""

    def __init__(self, media: Any, others: int, function: Callable[[Any], Any]) -> None:
        self._media = media
        self._others = others
        self._function = function
        self._is_first = True

    def call(self, file: Any) -> Any:
        if self._is_first:
            self._is_first = False
            until(lambda: in_line(self._media) == self._others, "a line of those who wait")
        return self._function(file)


class Path(os.PathLike[str]):
    """A path that is not pathlib's."""

    def __init__(self, path: object) -> None:
        self._path = str(path)

    def __fspath__(self) -> str:
        return self._path
