"""How a context is made shorter, in two steps: somebody makes the summary between them.

The newest messages that fit stay. With a summary some of the room is set aside for it, at the most
half, and a summary that is too long for what is left is cut: so the result always fits, but for
what a system says, which stays always. The newest piece is dearer than a summary: where it fits
alone but leaves no room for one, there is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from .checks import kind
from .errors import CompressionError, ValidationError
from .records import (
    CompressionConfig,
    CompressionResult,
    HybridConfig,
    Message,
    SlidingWindowConfig,
    SummarizationConfig,
    Summarizer,
)
from .windows import Count, Window, complete, fitted
from .wire import CONFIGS, STRATEGIES

PREFIX: Final = "Previous conversation summary: "
"""What a summary begins with where a model reads it."""

ELLIPSIS: Final = "..."
"""What a summary ends with that was cut."""

_FEWEST: Final = 10
"""So many tokens are set aside for a summary at least, beside those of its prefix."""

_WORD: Final = re.compile(r"(?<!\S)\S{0,40}\Z")
"""The last word of a text, if it is no longer than words are."""


class Plan(NamedTuple):
    """What stays of a context, and of what a summary has to be made first."""

    strategy: str
    messages: tuple[Message, ...]
    kept: tuple[Message, ...]
    to_summarise: tuple[Message, ...]
    """All others, or nothing where no summary is wanted, or none would fit."""

    prompt: str | None
    """What the summarizer is asked for."""

    room: int
    """How many tokens the summary may have, with its prefix."""

    original_tokens: int
    kept_tokens: int


def chosen(config: CompressionConfig | None, strategy: object = None) -> CompressionConfig:
    """*config*, or another *strategy* with what both of them know."""
    if config is None:
        raise ValidationError("No compression config available")
    if strategy is None or strategy == config.strategy:
        return config
    made: Any = CONFIGS.get(strategy) if isinstance(strategy, str) else None
    if made is None:
        raise ValidationError(f"Unsupported compression strategy, none of {', '.join(STRATEGIES)}")
    told = config._asdict()
    return made(**{name: told[name] for name in made._fields if told.get(name) is not None})  # type: ignore[no-any-return]


def summarizer_of(config: CompressionConfig, *others: CompressionConfig | None) -> Summarizer:
    """Who makes the summaries of *config*: its own summarizer, or that of one of the *others*."""
    for one in (config, *others):
        found: Summarizer | None = getattr(one, "summarizer", None)
        if found is not None:
            return found
    raise ValidationError(
        f"Compression strategy '{config.strategy}' requires a summarizer service. "
        "Provide it as the summarizer of the compression of the SessionManager."
    )


def plan(
    config: CompressionConfig,
    messages: Sequence[Message],
    count: Count,
    hard_limit: int | None = None,
) -> Plan:
    """What *config* makes of *messages*, which are in order, and never more than *hard_limit*."""
    total = sum([count(one) for one in messages])
    limit = config.target_tokens
    if hard_limit is not None:
        limit = min(limit, hard_limit)
    out: tuple[Message, ...] = ()
    if total <= limit and not has_too_many(config, messages):
        kept = complete(messages)
        dropped = _without(messages, kept)
        window = Window(kept, dropped, total - sum([count(one) for one in dropped]), False)
    elif isinstance(config, SlidingWindowConfig) or _are_recent(config, messages):
        window = _slid(config, messages, count, hard_limit)
    else:
        window = _beside_summary(config, messages, count, limit)
        fewest = count(summary_message(ELLIPSIS, messages, window.kept))
        if fewest <= limit - window.tokens:
            out = window.dropped
        else:
            window = _slid(config, messages, count, hard_limit)
    return Plan(
        config.strategy,
        tuple(messages),
        window.kept,
        out,
        getattr(config, "summarization_prompt", None),
        limit - window.tokens,
        total,
        window.tokens,
    )


def finish(plan: Plan, text: object, count: Count) -> CompressionResult:
    """The context that is made of a *plan* and the *text* of its summary, if there is one."""
    if not plan.to_summarise:
        return _result(plan)
    if not isinstance(text, str):
        raise CompressionError(f"a summarizer must return a str, not {kind(text)}")
    if not text.strip():
        raise CompressionError("a summarizer must return a str with something in it")
    blank = summary_message("", plan.messages, plan.kept)

    def told(summary: str) -> int:
        return count(blank._replace(content=PREFIX + summary))

    summary = _shortened(text.strip(), lambda some: told(some) <= plan.room)
    if summary is None:
        return _result(plan)
    tokens = told(summary)
    message = blank._replace(content=PREFIX + summary, token_count=tokens)
    return CompressionResult(
        placed(message, plan.kept),
        plan.strategy,
        plan.original_tokens,
        plan.kept_tokens + tokens,
        summary=summary,
        summary_token_count=tokens,
        summarized_message_ids=tuple([one.id for one in plan.to_summarise]),
    )


def summary_message(summary: str, messages: Sequence[Message], kept: Sequence[Message]) -> Message:
    """What a model reads of a *summary* of those of *messages* that are not *kept*.

    It is of a system, and as old as the last of them.
    """
    last = (_without(messages, kept) or messages)[-1]
    return Message(
        id=f"summary-{last.session_id}",
        session_id=last.session_id,
        role="system",
        content=PREFIX + summary,
        token_count=None,
        sequence=None,
        metadata={"isSummary": True},
        created_at=last.created_at,
    )


def placed(summary: Message, kept: Sequence[Message]) -> tuple[Message, ...]:
    """*kept* with a *summary*: it comes after what a system says before the others speak."""
    others = (place for place, one in enumerate(kept) if one.role != "system")
    first = next(others, len(kept))
    return (*kept[:first], summary, *kept[first:])


def _slid(
    config: SlidingWindowConfig | HybridConfig | SummarizationConfig,
    messages: Sequence[Message],
    count: Count,
    hard_limit: int | None,
) -> Window:
    return fitted(
        messages,
        config.target_tokens,
        count,
        min_messages=getattr(config, "min_messages", None),
        max_messages=getattr(config, "max_messages", None),
        hard_limit=hard_limit,
    )


def _beside_summary(
    config: SummarizationConfig | HybridConfig,
    messages: Sequence[Message],
    count: Count,
    limit: int,
) -> Window:
    """What fits beside a summary; the newest piece as well where it fits alone."""
    system = sum([count(one) for one in messages if one.role == "system"])
    fewest = count(summary_message(ELLIPSIS, messages, ())) + _FEWEST
    aside = max(min(config.summary_overhead, (limit - system) // 2), fewest)
    return fitted(
        messages,
        limit - aside,
        count,
        min_messages=1,
        max_messages=getattr(config, "max_messages", None),
        hard_limit=limit,
    )


def has_too_many(config: CompressionConfig, messages: Sequence[Message]) -> bool:
    """Whether there are more messages than *config* shows, whatever they cost."""
    most: int | None = getattr(config, "max_messages", None)
    return most is not None and _others(messages) > most


def _are_recent(config: CompressionConfig, messages: Sequence[Message]) -> bool:
    """Whether there is nothing to be summarised but what is recent."""
    return isinstance(config, HybridConfig) and _others(messages) <= config.max_messages


def _others(messages: Sequence[Message]) -> int:
    """How many of *messages* are not of a system."""
    return sum(1 for one in messages if one.role != "system")


def _without(messages: Sequence[Message], kept: Sequence[Message]) -> tuple[Message, ...]:
    ids = {one.id for one in kept}
    return tuple([one for one in messages if one.id not in ids])


def _result(plan: Plan) -> CompressionResult:
    """What is kept by a *plan*, without a summary."""
    dropped = tuple([one.id for one in _without(plan.messages, plan.kept)])
    kept, tokens = plan.kept, plan.kept_tokens
    return CompressionResult(kept, plan.strategy, plan.original_tokens, tokens, dropped)


def _shortened(text: str, fits: Callable[[str], bool]) -> str | None:
    """*text*, or so much of it as *fits*, at a word where there are words; or `None`."""
    if not text or fits(text):
        return text or None
    # The longest beginning that fits, if a longer text never has fewer tokens; one that fits else.
    least, most = 0, len(text) - 1
    while least < most:
        middle = (least + most + 1) // 2
        if fits(text[:middle] + ELLIPSIS):
            least = middle
        else:
            most = middle - 1
    if least == 0:
        return None
    begun = text[:least]
    words = _whole_words(begun, text[least])
    return words + ELLIPSIS if words and fits(words + ELLIPSIS) else begun + ELLIPSIS


def _whole_words(begun: str, following: str) -> str:
    """*begun* without the word that goes on with what is *following*; nothing of it where that
    word is too long to be one."""
    if following.isspace():
        return begun.rstrip()
    found = _WORD.search(begun)
    return "" if found is None else begun[: found.start()].rstrip()
