"""`update` of one hot key by several processes on one server."""

from __future__ import annotations

from typing import Any, NamedTuple

import storage
from storage import Storage

from ..processes import rivals
from ..report import Report
from ..settings import codec_named
from .settings import SECONDS, Settings

PROCESSES = 8


class Server(NamedTuple):
    """A Redis store by its URL."""

    url: str
    codec: str

    def open(self) -> Storage[Any]:
        """The store there."""
        return storage.RedisStorage(self.url, timeout=SECONDS, codec=codec_named(self.codec))


def processes(report: Report, chosen: Settings) -> None:
    """Eight processes on one server, which must keep every change."""
    place = Server(chosen.url, chosen.codec_name)
    rivals(report, "Redis", lambda: place, PROCESSES, chosen.sizes[0], chosen.some(9))
