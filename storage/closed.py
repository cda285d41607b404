"""What is left of a backend after `close`."""

from __future__ import annotations

from typing import Any, NoReturn

from .errors import ClosedError
from .records import Capabilities


class _Closed:
    def __init__(self, label: str, capabilities: Capabilities | None) -> None:
        self.label = label
        self.capabilities = capabilities

    def __getattr__(self, operation: str) -> NoReturn:
        raise ClosedError("the store is closed", store=self.label)


def closed(label: str, capabilities: Capabilities | None = None) -> Any:
    """A backend that refuses every operation."""
    return _Closed(label, capabilities)
