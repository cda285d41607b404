"""What the tests of copies near at hand stand on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from time import monotonic
from types import FrameType
from typing import Any

from storage import NearCache
from storage.records import NearInfo
from storage.testing import Bridge
from tests.fault.ground import until


class Tier:
    """A store with copies over *base*, and its clock, which a test can turn."""

    def __init__(self, half: Any, bridge: Bridge, base: Any, options: dict[str, Any]) -> None:
        self.made = half.tiered(base, **options)
        self._half, self._bridge = half, bridge
        self.base = bridge.driven(base)
        self.store = bridge.driven(self.made)
        self.backend = bridge.driven(self.made._backend)
        self.near = self.made._backend._room._near
        self.passed = 0.0
        self.near.clock = lambda: monotonic() + self.passed

    @property
    def info(self) -> NearInfo:
        told: NearInfo = self.made.room(NearCache).info()
        return told

    def heard(self) -> Tier:
        """The same, when the server tells what changes and a copy is worth something."""

        def is_heard() -> bool:
            self.store.get("?")
            return self.info.watched and self.near.sure > self.near.clock()

        until(is_heard, "a server that tells what changes")
        return self

    def room(self, name: str) -> Any:
        """The room of this *name*."""
        return self._bridge.driven(self.made.room(getattr(self._half.protocols, name)))

    def has_copy(self, key: str) -> bool:
        """Whether *key* is read from a copy now."""
        before = self.info.hits
        self.store.get(key)
        return self.info.hits > before


class Strike:
    """Has a *handler* strike at the step of this *number* of what runs in *file*, as a signal does:
    in the middle of it, in the same thread."""

    def __init__(self, file: str, number: int, handler: Callable[[], object]) -> None:
        self.has_struck = False
        self._file, self._left, self._handler = file, number, handler

    def run(self, work: Callable[[], object]) -> bool:
        """Whether it has struck while this was done.

        Where a strike comes between two steps of an `except`, its error stays "being handled", in
        the interpreter, for whoever has called; so that is a generator, which ends with it.
        """
        before = sys.gettrace()
        sys.settrace(self._trace)
        try:
            for _ in self._done(work):
                pass
        finally:
            sys.settrace(before)
        return self.has_struck

    def _done(self, work: Callable[[], object]) -> Iterator[None]:
        work()
        yield

    def _trace(self, frame: FrameType, event: str, _: object) -> Any:
        if self.has_struck or not frame.f_code.co_filename.endswith(self._file):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            self._left -= 1
            if self._left < 0:
                self.has_struck = True
                self._handler()
        return self._trace
