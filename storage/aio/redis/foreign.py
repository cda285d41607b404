"""A client that is not one of redis-py's own: it is asked as a whole, and does things its way.

The twin of `storage.redis.foreign`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...errors import ConfigurationError
from ...redis.commands import Command
from ...redis.course import Budget
from ...redis.settings import Address, Settings
from ...redis.strangers import MayRetry, answer, bytes_in, execute_of, unread
from ...redis.struck import broken
from ...runtime import is_async


class Foreign:
    """The commands of *client*, one after the other."""

    def __init__(self, client: Any, accept_retries: bool) -> None:
        self._execute = execute_of(client)
        if not is_async(self._execute):
            raise ConfigurationError("this client blocks: use it in the blocking half")
        self._may_retry = MayRetry(client, accept_retries)
        self.settings: Settings = unread(client)

    async def ask(
        self,
        place: Address,
        command: Command,
        until: float,
        wait: float = 0.0,
        budget: Budget | None = None,
    ) -> Any:
        """What the client answers to one command."""
        self._may_retry.check(command)
        try:
            return bytes_in(await self._execute(*command.words))
        except Exception as error:  # noqa: BLE001 - its errors are its own
            failed = error
        try:
            return broken(failed, answer(failed).phase)
        finally:
            del failed

    async def ask_all(
        self,
        place: Address,
        commands: Sequence[Command],
        until: float,
        budget: Budget | None = None,
    ) -> list[Any]:
        """What the client answers to several commands."""
        return [await self.ask(place, command, until) for command in commands]

    async def forget(self, place: Address) -> None:
        """Its connections are its own."""

    async def aclose(self) -> None:
        """It is the caller's, and stays open."""
