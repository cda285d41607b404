"""What a manager goes by, checked when it is made."""

from __future__ import annotations

import logging
import math
from typing import Any, NamedTuple

from ..core.dialog.checks import count, kind, maybe
from ..core.dialog.errors import ValidationError
from ..core.dialog.records import CompressionConfig, Summarizer, TokenBudgetConfig
from ..core.dialog.session_checks import budget, compression, summarizer
from ..core.dialog.tokens import EstimateTokenizer, TokenCounter, counter_of
from ..ttl import Clock, DefaultTtl, default_span


class Settings(NamedTuple):
    """What a manager goes by where a session says nothing."""

    counter: TokenCounter
    budget: TokenBudgetConfig | None
    compression: CompressionConfig | None
    summarizer: Summarizer | None
    seconds: float
    """So long a summarizer may take."""

    image_cost: int
    ttl: DefaultTtl
    clock: Clock
    logger: logging.Logger


def settings(
    token_counter: object,
    token_budget: object,
    compression_: object,
    summarizer_: object,
    summarizer_timeout: object,
    image_token_cost: object,
    session_ttl: DefaultTtl,
    clock: Clock,
    logger: logging.Logger | None,
) -> Settings:
    """What was handed over, or an error."""
    default_span(session_ttl, "session_ttl")
    return Settings(
        counter_of(EstimateTokenizer() if token_counter is None else token_counter),
        maybe(budget)(token_budget, "token_budget"),
        maybe(compression)(compression_, "compression"),
        None if summarizer_ is None else summarizer(summarizer_),
        positive(summarizer_timeout, "summarizer_timeout"),
        count(image_token_cost, "image_token_cost"),
        session_ttl,
        clock,
        logger or logging.getLogger("storage"),
    )


def positive(given: Any, what: str) -> float:
    """*given*, if it is a number of seconds."""
    if type(given) not in (int, float) or not 0 < given < math.inf:
        raise ValidationError(f"{what} must be positive seconds, not {kind(given)}")
    return float(given)
