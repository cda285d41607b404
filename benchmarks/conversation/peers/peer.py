"""What another library keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from ..history import History
from ..talk import Message


class Filled(History, Protocol):
    """A conversation that can be given many messages at once, off the clock."""

    def fill(self, messages: list[Message]) -> Any:
        """Keep all of these."""
        ...


class Peer(NamedTuple):
    """A conversation of another library; *close* ends what it holds, in the colour of the rest."""

    name: str
    history: Filled
    close: Callable[[], Any]
