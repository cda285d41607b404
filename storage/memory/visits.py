"""Visits to entries in memory: nobody takes or gives back a lease while one is under way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..keys import Names
from ..records import DELETE, Change, Parting, Sight, Turn
from .leases import Board, Line

if TYPE_CHECKING:
    from .kv import MemoryBackend


class MemoryVisits:
    """The entries of *backend* that are called by *names*, and their leases on its *board*."""

    def __init__(self, backend: MemoryBackend, board: Board, names: Names) -> None:
        self._backend = backend
        self._board = board
        self._names = names

    def look(self, key: str) -> Sight:
        return self._backend.sight(self._names.name(key))

    def enter(self, key: str, token: str, ttl_ms: int, patience_ms: int) -> tuple[Turn, Sight]:
        board, name = self._board, self._names.reserved("lease", key)
        with board.lock:
            now = board.now()
            line = board.line(name, now)
            told = line.ask(token, now, ttl_ms, patience_ms)
            board.leave(name, line)
            return told, self.look(key) if told.granted else Sight(None, None, 0)

    def leave(
        self, key: str, token: str, ttl_ms: int, change: Change | None, release: bool
    ) -> Parting:
        board, name = self._board, self._names.reserved("lease", key)
        with board.lock:
            now = board.now()
            line = board.line(name, now)
            parting = self._parting(key, token, line, change)
            if parting.done and token:
                if release:
                    line.give_up(token)
                else:
                    line.hold(token, now + ttl_ms)
            board.leave(name, line)
        return parting

    def _parting(self, key: str, token: str, line: Line, change: Change | None) -> Parting:
        """Make the *change*, where the lease is held and what it expects is there."""
        if token and not line.is_held_by(token):
            return Parting(False, False, None)
        name = self._names.name(key)
        if change is None or self._made(name, change):
            return Parting(True, True, None)
        return Parting(True, False, self._backend.read(name))

    def _made(self, name: str, change: Change) -> bool:
        old, new, expiry = change
        if new is None:
            if old is not None and self._backend.read(name) != old:
                return False
            self._backend.touch(name, expiry)
            return True
        if old is not None:
            return self._backend.swap(name, old, new, expiry)
        if new is DELETE:
            return not self._backend.exists(name)
        return self._backend.add(name, new, expiry)
