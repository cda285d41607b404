"""The adapters and managers that keep sessions."""

from __future__ import annotations

from typing import Any

from storage.aio.continuity import adapters as aio_adapters
from storage.continuity.adapters import MemoryAdapter, RedisAdapter, SqliteAdapter

from ..conversation import settings


class Settings(settings.Settings):
    """How much to run, against the server at *url* and in files in *folder*."""

    def adapter(self, ttl: float | None = None) -> RedisAdapter:
        """One that is given a client of its own."""
        return RedisAdapter(self.client(), ttl=ttl)

    def aio_adapter(self, ttl: float | None = None) -> aio_adapters.RedisAdapter:
        """The same for tasks."""
        return aio_adapters.RedisAdapter(self.aio_client(), ttl=ttl)

    def manager(self, ttl: float | None = None) -> Any:
        """One over such an adapter; its sessions expire as late as they are kept."""
        from storage.continuity.manager import SessionManager

        return SessionManager(self.adapter(ttl), session_ttl=ttl)

    def aio_manager(self, ttl: float | None = None) -> Any:
        """The same for tasks."""
        from storage.aio.continuity.manager import SessionManager

        return SessionManager(self.aio_adapter(ttl), session_ttl=ttl)

    def in_a_file(self) -> SqliteAdapter:
        """One in a new file."""
        return SqliteAdapter(self.file())

    def in_memory(self) -> Any:
        """One in this process."""
        return MemoryAdapter()
