"""How a context is made shorter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from storage.core.dialog.errors import CompressionError, ValidationError
from storage.core.dialog.records import (
    CompressionConfig,
    CompressionResult,
    HybridConfig,
    Message,
    SlidingWindowConfig,
    SummarizationConfig,
)
from storage.core.dialog.strategies import (
    ELLIPSIS,
    PREFIX,
    chosen,
    finish,
    plan,
    summarizer_of,
)
from tests.continuity.saying import (
    DIALOGUES,
    LONG_DIALOGUES,
    calls,
    cost,
    costs,
    ids,
    message,
    numbers,
    others,
    results,
    ties,
)

STORY = "They met at a station, missed the train and talked until the next one came. " * 5
SUMMARIES = st.sampled_from(["short", STORY, "x" * 500, "汉字" * 200, "\n\t .", "a\nb " * 90])
_TARGETS, _SEVERAL, _ASIDE = st.integers(1, 150), st.integers(1, 6), st.integers(0, 80)
CONFIGS: st.SearchStrategy[CompressionConfig] = st.one_of(
    st.tuples(_TARGETS, st.none(), st.none() | _SEVERAL).map(SlidingWindowConfig._make),
    st.tuples(_TARGETS, st.none(), st.none(), _ASIDE).map(SummarizationConfig._make),
    st.tuples(_TARGETS, _SEVERAL, st.none(), st.none(), _ASIDE).map(HybridConfig._make),
)
SUMMARISING = st.one_of(
    st.tuples(st.integers(60, 250), st.none(), st.none(), _ASIDE).map(SummarizationConfig._make),
    st.tuples(st.integers(60, 250), _SEVERAL, st.none(), st.none(), _ASIDE).map(HybridConfig._make),
)
LIMITS = st.none() | st.integers(0, 150)
TALKS = DIALOGUES | LONG_DIALOGUES


def talk(number: int, tokens: int = 10) -> list[Message]:
    """A system's message, and so many others."""
    system = message(0, "system", "Be kind", tokens=5)
    roles = ("assistant", "user")
    return [system, *(message(one, roles[one % 2], tokens=tokens) for one in range(1, number + 1))]


def compressed(
    config: CompressionConfig,
    messages: list[Message],
    text: str = "They met.",
    hard_limit: int | None = None,
) -> CompressionResult:
    return finish(plan(config, messages, cost, hard_limit), text, cost)


def told(result: CompressionResult) -> Message:
    """The summary in a result."""
    (found,) = [one for one in result.messages if one.id == "summary-chat"]
    return found


# Any strategy


@pytest.mark.parametrize(
    "config", [SlidingWindowConfig(55), SummarizationConfig(55), HybridConfig(55, max_messages=5)]
)
def test_what_fits_is_not_changed_and_needs_no_summary(config: CompressionConfig) -> None:
    messages = talk(5)

    planned = plan(config, messages, cost)
    result = finish(planned, None, cost)

    assert planned.kept == planned.messages
    assert planned.to_summarise == ()
    assert result.messages == tuple(messages)
    assert (result.original_token_count, result.compressed_token_count) == (55, 55)
    assert result.summary is None
    assert result.dropped_message_ids == result.summarized_message_ids == ()


@pytest.mark.parametrize(
    "config", [SlidingWindowConfig(5), SummarizationConfig(5), HybridConfig(5)]
)
def test_of_nothing_nothing_is_made(config: CompressionConfig) -> None:
    result = finish(plan(config, [], cost, 0), None, cost)

    assert result == CompressionResult((), config.strategy, 0, 0)


@given(CONFIGS, TALKS, LIMITS, SUMMARIES)
def test_a_context_is_never_longer_than_it_may_be(
    config: CompressionConfig, messages: list[Message], hard_limit: int | None, text: str
) -> None:
    """Whatever the summary is. Only what a system says is always there."""
    result = compressed(config, messages, text, hard_limit)

    assert result.compressed_token_count == costs(result.messages)
    assert result.original_token_count == costs(messages)
    limit = min(config.target_tokens, hard_limit if hard_limit is not None else 1000)
    if result.compressed_token_count > limit:
        assert list(result.messages) == [one for one in messages if one.role == "system"]


@given(CONFIGS, TALKS, LIMITS, SUMMARIES)
def test_each_message_is_there_or_told_or_dropped(
    config: CompressionConfig, messages: list[Message], hard_limit: int | None, text: str
) -> None:
    result = compressed(config, messages, text, hard_limit)
    there = [one.id for one in result.messages if one.id != "summary-chat"]

    several = [*there, *result.summarized_message_ids, *result.dropped_message_ids]
    assert sorted(several) == sorted(ids(messages))
    assert {one.id for one in messages if one.role == "system"} <= set(there)
    assert (result.summary is None) is (result.summarized_message_ids == ())


@given(CONFIGS, TALKS, LIMITS, SUMMARIES)
def test_what_is_there_is_in_order_with_its_results(
    config: CompressionConfig, messages: list[Message], hard_limit: int | None, text: str
) -> None:
    result = compressed(config, messages, text, hard_limit)
    there = set(ids(result.messages))

    assert numbers(result.messages) == sorted(numbers(result.messages))
    if len(there - {"summary-chat"}) < len(messages):
        assert all((call in there) is (answer in there) for answer, call in ties(messages) if call)
        assert not [answer for answer, call in ties(messages) if not call and answer in there]


@given(SUMMARISING, LONG_DIALOGUES, SUMMARIES)
def test_a_summary_stands_after_what_a_system_says_and_before_the_others(
    config: CompressionConfig, messages: list[Message], text: str
) -> None:
    result = compressed(config, messages, text)
    assume(result.summary is not None)
    at = ids(result.messages).index("summary-chat")

    assert others(result.messages[:at]) == []
    assert result.messages[at + 1 :] == () or result.messages[at + 1].role != "system"


@given(SUMMARISING, LONG_DIALOGUES, SUMMARIES)
def test_a_summary_with_what_stays_is_never_longer_than_it_may_be(
    config: CompressionConfig, messages: list[Message], text: str
) -> None:
    result = compressed(config, messages, text)
    assume(result.summary is not None)

    assert costs(result.messages) == result.compressed_token_count <= config.target_tokens
    assert cost(told(result)) == result.summary_token_count
    whole = text.strip()
    assert result.summary == whole or result.summary.endswith(ELLIPSIS)
    assert whole.startswith(result.summary.removesuffix(ELLIPSIS))


@given(CONFIGS, TALKS, LIMITS)
def test_the_newest_message_is_there_wherever_it_fits(
    config: CompressionConfig, messages: list[Message], hard_limit: int | None
) -> None:
    """It is what the model has to answer."""
    plain = [one for one in messages if not one.tool_calls and not one.tool_results]
    assume(others(plain))
    newest = others(plain)[-1]
    result = compressed(config, plain, STORY, hard_limit)
    limit = min(config.target_tokens, hard_limit if hard_limit is not None else 1000)

    system = costs(one for one in plain if one.role == "system")
    assert (newest in result.messages) is (system + cost(newest) <= limit)


@given(CONFIGS, TALKS, LIMITS, SUMMARIES)
def test_what_was_made_shorter_needs_not_be_again(
    config: CompressionConfig, messages: list[Message], hard_limit: int | None, text: str
) -> None:
    once = compressed(config, messages, text, hard_limit)
    again = plan(config, once.messages, cost, hard_limit)

    assert again.kept == again.messages or not again.to_summarise
    assert again.kept == once.messages


@pytest.mark.parametrize(
    "config",
    [
        SlidingWindowConfig(200),
        SlidingWindowConfig(200, max_messages=9),
        SummarizationConfig(200),
        HybridConfig(200, max_messages=9),
    ],
)
def test_a_result_whose_call_is_gone_is_not_shown_where_everything_fits(
    config: CompressionConfig,
) -> None:
    """The call was deleted."""
    messages = [*talk(2), results(3, "gone", tokens=10), message(4, tokens=10)]

    result = finish(plan(config, messages, cost), None, cost)

    assert numbers(result.messages) == [0, 1, 2, 4]
    assert result.dropped_message_ids == ("m3",)
    assert (result.original_token_count, result.compressed_token_count) == (45, 35)


def test_there_are_never_more_messages_than_it_says_though_all_of_them_fit() -> None:
    for config in (SlidingWindowConfig(500, max_messages=3), HybridConfig(500, max_messages=3)):
        result = compressed(config, talk(10))

        assert len([one for one in result.messages if one.role != "system"]) == 3
        assert (result.summary is None) is isinstance(config, SlidingWindowConfig)


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_a_summary_of_nothing_is_none(text: str) -> None:
    planned = plan(SummarizationConfig(60), talk(10), cost)

    with pytest.raises(CompressionError, match="something in it"):
        finish(planned, text, cost)


# A sliding window


def test_a_sliding_window_shows_the_newest() -> None:
    result = compressed(SlidingWindowConfig(30), talk(6))

    assert ids(result.messages) == ["m0", "m5", "m6"]
    assert result.dropped_message_ids == ("m1", "m2", "m3", "m4")
    assert result.compressed_token_count == 25


def test_a_sliding_window_shows_so_many_at_the_most_whatever_they_cost() -> None:
    result = compressed(SlidingWindowConfig(1000, max_messages=2), talk(6))

    assert ids(result.messages) == ["m0", "m5", "m6"]
    assert result.compressed_token_count == 25


def test_a_sliding_window_shows_so_many_at_least_within_the_budget() -> None:
    config = SlidingWindowConfig(1, min_messages=2)

    assert numbers(compressed(config, talk(6)).messages) == [0, 5, 6]
    assert numbers(compressed(config, talk(6), hard_limit=24).messages) == [0, 6]


# A summary


def test_a_summary_tells_of_what_is_not_there() -> None:
    planned = plan(SummarizationConfig(60, summary_overhead=20), talk(10), cost)
    result = finish(planned, "They met.", cost)

    assert ids(planned.to_summarise) == [f"m{number}" for number in range(1, 8)]
    assert ids(result.messages) == ["m0", "summary-chat", "m8", "m9", "m10"]
    assert result.summary == "They met."
    assert result.summarized_message_ids == tuple(ids(planned.to_summarise))
    assert result.dropped_message_ids == ()


def test_a_summary_is_read_with_its_prefix_which_counts() -> None:
    result = compressed(SummarizationConfig(60, summary_overhead=20), talk(10))
    summary = told(result)

    assert (summary.role, summary.content) == ("system", f"{PREFIX}They met.")
    assert summary.token_count == result.summary_token_count == -(-len(PREFIX + "They met.") // 4)
    assert summary.created_at == message(7).created_at
    assert summary.sequence is None


def test_the_prompt_is_passed_on() -> None:
    for config in (
        SummarizationConfig(50, summarization_prompt="In French"),
        HybridConfig(50, max_messages=2, summarization_prompt="In French"),
    ):
        assert plan(config, talk(10), cost).prompt == "In French"


def test_a_summary_that_is_too_long_is_cut_at_a_word() -> None:
    result = compressed(SummarizationConfig(60), talk(10), STORY)

    assert result.summary is not None
    assert result.summary.endswith(ELLIPSIS)
    begun = result.summary.removesuffix(ELLIPSIS)
    assert STORY.startswith(f"{begun} ")
    assert result.compressed_token_count in range(55, 61)


def test_a_summary_without_words_is_cut_in_the_middle() -> None:
    for text in ("x" * 500, "汉字" * 200, f"A {'x' * 500}"):
        summary = compressed(SummarizationConfig(60), talk(10), text).summary
        assert summary is not None
        assert len(summary) > 20


def test_a_summary_is_cut_no_more_than_it_has_to_be() -> None:
    room = plan(SummarizationConfig(60), talk(10), cost).room
    text = "w" * (room * 4 - len(PREFIX))

    assert compressed(SummarizationConfig(60), talk(10), text).summary == text
    longer = compressed(SummarizationConfig(60), talk(10), f"{text}w")
    assert longer.summary == text[: -len(ELLIPSIS)] + ELLIPSIS


def test_a_counter_that_counts_as_it_likes_lets_nothing_pass() -> None:
    """A longer text may have fewer tokens."""

    def odd(one: Message) -> int:
        return one.token_count if one.token_count is not None else len(str(one.content)) * 7 % 41

    for length in range(1, 200, 7):
        planned = plan(SummarizationConfig(40, summary_overhead=10), talk(10), odd)
        result = finish(planned, "word " * length, odd)
        assert result.compressed_token_count <= 40
        assert result.compressed_token_count == sum(map(odd, result.messages))


def test_at_the_most_half_is_set_aside_for_a_summary() -> None:
    result = compressed(SummarizationConfig(105, summary_overhead=1000), talk(20), STORY)

    assert numbers(result.messages) == [0, 16, 17, 18, 19, 20]
    assert result.summary is not None


def test_a_few_tokens_are_set_aside_even_where_none_are_wanted() -> None:
    summary = compressed(SummarizationConfig(60, summary_overhead=0), talk(10), STORY).summary

    assert summary is not None
    assert STORY.startswith(summary.removesuffix(ELLIPSIS))


def test_the_newest_message_is_dearer_than_a_summary() -> None:
    messages = [*talk(4), message(5, tokens=50)]

    planned = plan(SummarizationConfig(60), messages, cost)
    result = finish(planned, None, cost)

    assert planned.to_summarise == ()
    assert numbers(result.messages) == [0, 5]
    assert result.dropped_message_ids == ("m1", "m2", "m3", "m4")


def test_where_no_summary_fits_there_are_as_many_messages_as_do() -> None:
    messages = [*talk(4), message(5, tokens=2), message(6, tokens=50)]

    result = finish(plan(SummarizationConfig(60), messages, cost), None, cost)

    assert numbers(result.messages) == [0, 5, 6]


def test_calls_and_results_are_summarised_together() -> None:
    messages = [
        *talk(6),
        calls(7, "a", tokens=10),
        results(8, "a", tokens=10),
        message(9, tokens=10),
    ]

    planned = plan(SummarizationConfig(40, summary_overhead=10), messages, cost)

    assert numbers(planned.kept) == [0, 9]
    assert numbers(planned.to_summarise)[-2:] == [7, 8]


@pytest.mark.parametrize("text", [None, 4, b"They met.", ["They met."]])
def test_a_summary_is_a_text(text: Any) -> None:
    planned = plan(SummarizationConfig(60), talk(10), cost)

    with pytest.raises(CompressionError, match="a summarizer must return a str, not "):
        finish(planned, text, cost)


# Both


def test_a_hybrid_shows_so_many_and_a_summary_of_the_others() -> None:
    result = compressed(HybridConfig(100, max_messages=3), talk(10))

    assert ids(result.messages) == ["m0", "summary-chat", "m8", "m9", "m10"]
    assert len(result.summarized_message_ids) == 7


def test_a_hybrid_summarises_what_of_the_recent_does_not_fit_as_well() -> None:
    """There is no hole between the summary and what is there."""
    result = compressed(HybridConfig(50, max_messages=5), talk(10))

    assert numbers(result.messages) == [0, 9, 10]
    assert result.summarized_message_ids[-1] == "m8"
    assert result.compressed_token_count <= 50


def test_a_hybrid_makes_no_summary_where_all_is_recent() -> None:
    planned = plan(HybridConfig(30, max_messages=20), talk(6), cost)

    assert planned.to_summarise == ()
    assert numbers(planned.kept) == [0, 5, 6]


# Which strategy, and whose summarizer


def test_a_strategy_takes_over_what_it_knows() -> None:
    config = HybridConfig(60, 5, len, "In French", 30)

    assert chosen(config) is config
    assert chosen(config, "hybrid") is config
    assert chosen(config, "summarization") == SummarizationConfig(60, len, "In French", 30)
    assert chosen(config, "sliding_window") == SlidingWindowConfig(60, max_messages=5)
    assert chosen(SummarizationConfig(60), "hybrid") == HybridConfig(60)
    assert chosen(SlidingWindowConfig(60), "hybrid") == HybridConfig(60)


def test_a_strategy_has_to_be_configured() -> None:
    with pytest.raises(ValidationError, match=r"^No compression config available$"):
        chosen(None, "hybrid")


@pytest.mark.parametrize("strategy", ["magic", "", 4, ["hybrid"]])
def test_a_strategy_has_to_be_known(strategy: Any) -> None:
    with pytest.raises(
        ValidationError, match=r"^Unsupported compression strategy, none of sliding_window, "
    ):
        chosen(SlidingWindowConfig(60), strategy)


def test_a_summarizer_is_the_first_that_there_is() -> None:
    mine: Callable[..., str] = str
    assert summarizer_of(HybridConfig(60, summarizer=mine), HybridConfig(60, summarizer=len)) is str
    assert summarizer_of(HybridConfig(60), None, SummarizationConfig(60, mine)) is str


def test_a_summary_requires_a_summarizer() -> None:
    with pytest.raises(ValidationError, match="'hybrid' requires a summarizer service"):
        summarizer_of(HybridConfig(60), None, SlidingWindowConfig(60))
