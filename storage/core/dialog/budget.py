"""How much of a budget of tokens is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .errors import TokenBudgetExceededError
from .records import Severity, TokenBudgetConfig, TokenBudgetStatus
from .session_checks import budget

_CRITICAL: Final = 90
_WARNING: Final = 75
"""Percent of a budget that are more than usual."""


class TokenBudget:
    """What a *config* says of tokens that are *used*."""

    def __init__(self, config: TokenBudgetConfig | Mapping[str, Any]) -> None:
        found = config if isinstance(config, TokenBudgetConfig) else budget(config)
        self.config: TokenBudgetConfig = found
        self.room: int = room(found)
        """So many tokens there may be beside those of the answer."""

    def available(self, used: int) -> int:
        """How many more there may be."""
        return max(0, self.room - used)

    def would_exceed(self, used: int, additional: int) -> bool:
        """Whether there is no room for so many more."""
        return additional > self.available(used)

    def status(self, used: int) -> TokenBudgetStatus:
        """How much of it is used; it is over as soon as no more is available."""
        limit, available = self.config.max_tokens, self.available(used)
        percentage = used / limit * 100 if limit else 100.0
        severity: Severity = "normal"
        if percentage > _WARNING:
            severity = "critical" if percentage > _CRITICAL else "warning"
        return TokenBudgetStatus(used, limit, available, percentage, available <= 0, severity)

    def exceeded(self, used: int) -> TokenBudgetExceededError:
        """The error that so many are more than there is room for."""
        return TokenBudgetExceededError(used, self.room, max(0, used - self.room))


def room(config: TokenBudgetConfig) -> int:
    """How many tokens there may be beside those that are left for the answer."""
    return max(0, config.max_tokens - config.reserve_tokens)
