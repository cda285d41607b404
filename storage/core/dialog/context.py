"""What is decided about the context of a session: whether it is shown whole, and what was made of
it before."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Literal

from .budget import TokenBudget, room
from .dates import ms_of
from .records import (
    CompressionConfig,
    CompressionResult,
    CompressionState,
    Context,
    Message,
    TokenBudgetConfig,
)
from .strategies import has_too_many, placed, summary_message
from .windows import Count, complete, fitted

Decision = Literal["whole", "truncate", "compress", "error"]
"""What becomes of a context: it is shown whole, or made shorter, or refused."""


def total_tokens(messages: Iterable[Message], count: Count) -> int:
    """How many tokens *messages* have."""
    return sum([count(one) for one in messages])


def decision(
    budget: TokenBudgetConfig | None,
    compression: CompressionConfig | None,
    total: int,
    messages: Sequence[Message] = (),
) -> Decision:
    """What becomes of a context of *messages* with so many tokens.

    Where there is no *budget* it is whole. What it is compressed to, and how many messages that
    shows, counts only where it is compressed.
    """
    if budget is None or not (
        over(budget, compression, total) or _are_too_many(budget, compression, messages)
    ):
        return "whole"
    if budget.overflow_strategy == "compress" and compression is None:
        return "truncate"
    return budget.overflow_strategy


def over(budget: TokenBudgetConfig, compression: CompressionConfig | None, total: int) -> bool:
    """Whether so many tokens are more than there is room for, or than it is compressed to."""
    limit = room(budget)
    if compression is not None and budget.overflow_strategy == "compress":
        limit = min(limit, compression.target_tokens)
    return total > limit


def _are_too_many(
    budget: TokenBudgetConfig, compression: CompressionConfig | None, messages: Sequence[Message]
) -> bool:
    """Whether there are more messages than are shown of them when they are compressed."""
    if compression is None or budget.overflow_strategy != "compress":
        return False
    return has_too_many(compression, messages)


def truncated(
    messages: Sequence[Message],
    budget: TokenBudgetConfig,
    count: Count,
    compression: CompressionConfig | None = None,
) -> CompressionResult:
    """The newest of *messages* that fit into a *budget*, in the place of a *compression* no more
    than it shows."""
    most: int | None = getattr(compression, "max_messages", None)
    window = fitted(messages, room(budget), count, max_messages=most)
    return CompressionResult(
        window.kept,
        "truncate",
        total_tokens(messages, count),
        window.tokens,
        tuple([one.id for one in window.dropped]),
    )


def whole(
    messages: Sequence[Message], total: int, budget: TokenBudgetConfig | None, count: Count
) -> Context:
    """A context of all *messages*, which have so many tokens in *total*, but for results of calls
    that are not there."""
    kept, tokens = complete(messages), total
    dropped: tuple[str, ...] = ()
    if len(kept) < len(messages):
        tokens, known = total_tokens(kept, count), {one.id for one in kept}
        dropped = tuple([one.id for one in messages if one.id not in known])
    status = None if budget is None else TokenBudget(budget).status(tokens)
    return Context(kept, tokens, total, dropped_message_ids=dropped, budget=status)


def shortened(
    result: CompressionResult, budget: TokenBudgetConfig | None, *, is_cached: bool = False
) -> Context:
    """A context that was made shorter."""
    tokens = result.compressed_token_count
    return Context(
        result.messages,
        tokens,
        result.original_token_count,
        result.strategy,
        result.dropped_message_ids,
        result.summary,
        is_cached,
        None if budget is None else TokenBudget(budget).status(tokens),
    )


def signature(
    messages: Iterable[Message],
    compression: CompressionConfig | None = None,
    hard_limit: int | None = None,
) -> str:
    """What changes whenever one of *messages* does, in whatever, or what is made of them."""
    found = blake2b(digest_size=16)
    found.update(_line([*_settings(compression), hard_limit]))
    for one in messages:
        updated = None if one.updated_at is None else ms_of(one.updated_at)
        told = [one.id, one.sequence, ms_of(one.created_at), updated, one.token_count, one.role]
        found.update(_line([*told, one.content, one.metadata]))
    return found.hexdigest()


def cached(
    state: CompressionState | None, signature: str, messages: Sequence[Message], total: int
) -> CompressionResult | None:
    """What was made of *messages* before, which have so many tokens in *total*; `None` where they
    are not what they were, or where there was no summary."""
    if state is None or state.signature != signature or state.summary is None:
        return None
    ids = set(state.kept_message_ids)
    kept = [one for one in messages if one.role == "system" or one.id in ids]
    tokens = state.summary_token_count
    summary = summary_message(state.summary, messages, kept)._replace(token_count=tokens)
    told = [one.id for one in messages if one.role != "system" and one.id not in ids]
    return CompressionResult(
        placed(summary, kept),
        state.strategy,
        total,
        state.compressed_token_count,
        summary=state.summary,
        summary_token_count=tokens,
        summarized_message_ids=tuple(told),
    )


def state_of(result: CompressionResult, signature: str, now: datetime) -> CompressionState:
    """What is kept of a *result*, for messages of this *signature*."""
    return CompressionState(
        result.strategy,
        signature,
        tuple([one.id for one in result.messages if one.role != "system"]),
        result.summary,
        result.summary_token_count,
        result.compressed_token_count,
        now,
    )


def _settings(compression: CompressionConfig | None) -> list[object]:
    if compression is None:
        return []
    told = compression._asdict()
    told.pop("summarizer", None)
    return [compression.strategy, *told.values()]


def _line(value: object) -> bytes:
    """*value* as one line of JSON, the same for equal ones; no other value has it."""
    return f"{json.dumps(value, sort_keys=True)}\n".encode()
