"""What a manager goes by, checked when it is made."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from ..core.dialog.checks import count, kind, maybe, members
from ..core.dialog.errors import ValidationError
from ..core.dialog.records import (
    CompressionConfig,
    HybridConfig,
    SummarizationConfig,
    Summarizer,
    TokenBudgetConfig,
)
from ..core.dialog.session_checks import budget, compression, summarizer
from ..core.dialog.strategies import summarizer_of
from ..core.dialog.tokens import EstimateTokenizer, TokenCounter, counter_of
from ..core.dialog.wire import CONFIGS
from ..ttl import Clock, DefaultTtl, default_span

Strategy = str | CompressionConfig | Mapping[str, Any] | None
"""How a session is made shorter once: the name of a strategy, or a compression."""


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
    found = Settings(
        counter_of(EstimateTokenizer() if token_counter is None else token_counter),
        maybe(budget)(token_budget, "token_budget"),
        maybe(compression)(compression_, "compression"),
        None if summarizer_ is None else summarizer(summarizer_),
        positive(summarizer_timeout, "summarizer_timeout"),
        count(image_token_cost, "image_token_cost"),
        session_ttl,
        _clock(clock),
        _logger(logger),
    )
    is_summing = isinstance(found.compression, (SummarizationConfig, HybridConfig))
    if found.compression is not None and is_summing and found.summarizer is None:
        summarizer_of(found.compression)
    return found


def positive(given: Any, what: str) -> float:
    """The seconds of *given*, if it is a number of them or a `timedelta`."""
    seconds = given.total_seconds() if isinstance(given, timedelta) else given
    if type(seconds) not in (int, float):
        raise ValidationError(f"{what} must be seconds or a timedelta, not {kind(given)}")
    if not 0 < seconds < math.inf:
        raise ValidationError(f"{what} must be positive")
    return float(seconds)


def another(given: Any) -> CompressionConfig | None:
    """The compression that *given* is, or an error; `None` where it is none, but maybe the name of
    one."""
    is_told = isinstance(given, (Mapping, *CONFIGS.values()))
    return compression(given, "strategy") if is_told else None


def unsummarised(given: object) -> None:
    """Refuse the compression of a session that has a summarizer: it could not be kept."""
    if given is not None and members(given, "compression").get("summarizer") is not None:
        raise ValidationError(
            "the compression of a session can not keep a summarizer: hand it to the SessionManager"
        )


def _clock(given: Clock) -> Clock:
    if not callable(given):
        raise ValidationError(f"clock must be a function, not {kind(given)}")
    return given


def _logger(given: Any) -> logging.Logger:
    """*given*, if it can be told of what goes wrong, or that of the package."""
    found: logging.Logger = logging.getLogger("storage") if given is None else given
    if not all(callable(getattr(found, name, None)) for name in ("warning", "exception")):
        raise ValidationError(f"logger must be a logger, not {kind(given)}")
    return found
