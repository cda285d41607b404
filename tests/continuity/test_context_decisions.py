"""What becomes of a context, and when what was made of it before is used again."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.core.dialog.budget import room
from storage.core.dialog.context import (
    cached,
    decision,
    over,
    shortened,
    signature,
    state_of,
    total_tokens,
    truncated,
    whole,
)
from storage.core.dialog.records import (
    CompressionConfig,
    CompressionResult,
    CompressionState,
    HybridConfig,
    Message,
    Overflow,
    SlidingWindowConfig,
    SummarizationConfig,
    TokenBudgetConfig,
)
from storage.core.dialog.strategies import finish, plan
from tests.continuity.saying import (
    DIALOGUES,
    START,
    calls,
    cost,
    costs,
    ids,
    message,
    numbers,
    others,
    results,
)

SIXTY = SummarizationConfig(60)
BUDGETS = st.builds(
    TokenBudgetConfig,
    st.integers(1, 150),
    st.integers(0, 150),
    st.sampled_from(("truncate", "compress", "error")),
)


def talk(number: int) -> list[Message]:
    system = message(0, "system", "Be kind", tokens=5)
    return [system, *(message(one, tokens=10) for one in range(1, number + 1))]


def compressed(
    messages: list[Message], config: CompressionConfig = SIXTY, text: str = "They met."
) -> CompressionResult:
    return finish(plan(config, messages, cost), text, cost)


def state(messages: list[Message], config: CompressionConfig = SIXTY) -> CompressionState:
    return state_of(compressed(messages, config), signature(messages, config), START)


# What becomes of it


@pytest.mark.parametrize(
    ("strategy", "total", "decided"),
    [
        *(("truncate", total, "whole") for total in (0, 50, 51, 80)),
        *(("error", total, "whole") for total in (0, 51, 80)),
        *(("compress", total, "whole") for total in (0, 50)),
        ("truncate", 81, "truncate"),
        ("error", 81, "error"),
        ("compress", 51, "compress"),
        ("compress", 81, "compress"),
    ],
)
def test_a_context_is_over_where_there_is_more_than_there_is_room_for(
    strategy: Overflow, total: int, decided: str
) -> None:
    """What it is compressed to counts only where it is."""
    budget = TokenBudgetConfig(100, 20, strategy)

    assert decision(budget, SummarizationConfig(50), total) == decided
    assert over(budget, SummarizationConfig(50), total) is (decided != "whole")


def test_without_a_way_to_compress_it_is_truncated() -> None:
    budget = TokenBudgetConfig(100, 20, "compress")

    assert decision(budget, None, 80) == "whole"
    assert decision(budget, None, 81) == "truncate"


def test_without_a_budget_it_is_whole() -> None:
    assert decision(None, SummarizationConfig(50), 10_000) == "whole"


def test_a_whole_context_says_how_much_of_the_budget_is_used() -> None:
    messages = talk(3)
    context = whole(messages, costs(messages), TokenBudgetConfig(100, 20), cost)

    assert context.messages == tuple(messages)
    assert (context.token_count, context.original_token_count) == (35, 35)
    assert (context.applied, context.dropped_message_ids) == (None, ())
    assert context.budget is not None
    assert (context.budget.used, context.budget.available) == (35, 45)
    assert whole(messages, 35, None, cost).budget is None


def test_a_whole_context_does_not_show_a_result_whose_call_is_gone() -> None:
    messages = [*talk(2), results(3, "gone", tokens=10), message(4, tokens=10)]
    budget = TokenBudgetConfig(100)

    context = whole(messages, costs(messages), budget, cost)

    assert numbers(context.messages) == [0, 1, 2, 4]
    assert (context.applied, context.dropped_message_ids) == (None, ("m3",))
    assert (context.token_count, context.original_token_count) == (35, 45)
    assert context.budget is not None
    assert context.budget.used == 35


@pytest.mark.parametrize(
    "config", [SlidingWindowConfig(90, max_messages=3), HybridConfig(90, max_messages=3)]
)
def test_more_messages_than_are_shown_are_too_many_whatever_they_cost(
    config: CompressionConfig,
) -> None:
    """Where it is compressed at all."""
    budget, others = TokenBudgetConfig(100, 0, "compress"), TokenBudgetConfig(100, 0, "truncate")

    assert decision(budget, config, 0, talk(3)) == "whole"
    assert decision(budget, config, 0, talk(4)) == "compress"
    assert decision(others, config, 0, talk(4)) == "whole"
    assert decision(budget, SlidingWindowConfig(90), 0, talk(4)) == "whole"


def test_a_truncated_context_says_what_is_not_there() -> None:
    budget = TokenBudgetConfig(50, 20)
    context = shortened(truncated(talk(5), budget, cost), budget)

    assert numbers(context.messages) == [0, 4, 5]
    assert (context.token_count, context.original_token_count) == (25, 55)
    assert context.applied == "truncate"
    assert context.dropped_message_ids == ("m1", "m2", "m3")
    assert context.budget is not None
    assert context.budget.used == 25
    assert not context.is_cached


def test_a_compressed_context_tells_its_summary() -> None:
    context = shortened(compressed(talk(10)), None, is_cached=True)

    assert (context.applied, context.summary) == ("summarization", "They met.")
    assert context.is_cached
    assert context.budget is None


@given(DIALOGUES, BUDGETS)
def test_a_truncated_context_fits_into_the_budget(
    messages: list[Message], budget: TokenBudgetConfig
) -> None:
    result = truncated(messages, budget, cost)

    assert result.compressed_token_count == costs(result.messages)
    assert result.original_token_count == total_tokens(messages, cost)
    assert result.compressed_token_count <= room(budget) or not others(result.messages)
    assert sorted((*ids(result.messages), *result.dropped_message_ids)) == sorted(ids(messages))


# Used again


@pytest.mark.parametrize(
    "config", [SIXTY, HybridConfig(60, max_messages=3), SummarizationConfig(30)]
)
def test_what_was_made_of_the_same_messages_is_made_again_without_a_summarizer(
    config: CompressionConfig,
) -> None:
    messages = [*talk(10), message(11, "system", tokens=1), message(12, tokens=1)]
    first = compressed(messages, config)
    kept = state_of(first, signature(messages, config), START)

    again = cached(kept, signature(messages, config), messages, costs(messages))

    assert again == first
    assert kept.updated_at == START
    assert kept.kept_message_ids == tuple(ids(others(first.messages)))


def test_without_a_summary_there_is_nothing_to_use_again() -> None:
    config = SlidingWindowConfig(60)
    messages = talk(10)

    assert cached(state(messages, config), signature(messages, config), messages, 105) is None
    assert cached(None, signature(messages), messages, 105) is None


def test_what_was_made_of_other_messages_is_not_used() -> None:
    messages = talk(10)
    more = [*messages, message(11, tokens=10)]

    assert cached(state(messages), signature(more, SIXTY), more, 115) is None


CHANGES: dict[str, dict[str, Any]] = {
    "id": {"id": "other"},
    "role": {"role": "assistant"},
    "content with as many tokens": {"content": "This is message X"},
    "blocks": {"content": [{"type": "text", "text": "This is message 5"}]},
    "tokens": {"token_count": 11},
    "tokens that are not known": {"token_count": None},
    "sequence": {"sequence": 55},
    "metadata": {"metadata": {"annotations": {"seen": True}}},
    "time of its change": {"updated_at": START},
    "time": {"created_at": START + timedelta(hours=1)},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_any_change_of_any_message_is_another_signature(change: dict[str, Any]) -> None:
    messages = talk(10)
    changed = [*messages[:5], messages[5]._replace(**change), *messages[6:]]

    assert signature(changed) != signature(messages)


def test_what_is_inside_the_metadata_is_in_a_signature() -> None:
    one, other = [calls(1, "a"), results(2, "a")], [calls(1, "a"), results(2, "a")]
    other[1].metadata["toolResults"][0]["result"] = "nothing"  # type: ignore[index]

    assert signature(one) != signature(other)


def test_a_signature_is_of_messages_in_their_order() -> None:
    messages = talk(3)

    assert signature(messages[::-1]) != signature(messages)
    assert signature(messages[:-1]) != signature(messages)


def test_a_signature_is_no_other_for_the_same_said_in_another_order() -> None:
    one = message(1, a=1, b={"c": 2, "d": 3})
    other = message(1, b={"d": 3, "c": 2}, a=1)

    assert signature([one]) == signature([other])
    assert re.fullmatch(r"[0-9a-f]{32}", signature([one]))


def test_a_text_that_looks_like_two_messages_is_one() -> None:
    two = [message(1, content="a"), message(2, content="b")]
    for joint in ("\n", '"], ["m2", ', '", null]\n["m2"'):
        assert signature([message(1, content=f"a{joint}b")]) != signature(two)


@pytest.mark.parametrize(
    "other",
    [
        None,
        SummarizationConfig(61),
        SummarizationConfig(60, summarization_prompt="In French"),
        SummarizationConfig(60, summary_overhead=51),
        HybridConfig(60),
        SlidingWindowConfig(60),
    ],
)
def test_what_was_made_in_another_way_is_not_used(other: CompressionConfig | None) -> None:
    messages = talk(10)

    assert cached(state(messages), signature(messages, other), messages, 105) is None
    assert cached(state(messages), signature(messages, SIXTY, 50), messages, 105) is None


def test_who_summarises_does_not_matter_to_what_was_summarised() -> None:
    mine = SummarizationConfig(60, summarizer=str)

    assert signature(talk(3), mine) == signature(talk(3), SIXTY)


@given(DIALOGUES, st.integers(0, 30), st.sampled_from(list(CHANGES.values())))
def test_nothing_stale_is_shown(
    messages: list[Message], place: int, change: dict[str, Any]
) -> None:
    if messages:
        place %= len(messages)
        changed = messages[place]._replace(**change)
        new = [*messages[:place], changed, *messages[place + 1 :]]
        same = changed == messages[place]
        assert (signature(new, SIXTY) == signature(messages, SIXTY)) is same
