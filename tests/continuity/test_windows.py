"""Which messages of a session a model is shown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from storage.core.dialog.records import Message
from storage.core.dialog.windows import fitted, pieces
from tests.continuity.saying import (
    DIALOGUES,
    PLAIN_DIALOGUES,
    calls,
    cost,
    costs,
    message,
    numbers,
    others,
    results,
    ties,
)

MOST = st.integers(0, 120)
FEW = st.none() | st.integers(0, 6)


def shown(messages: list[Message], most: int, **bounds: int) -> list[int]:
    return numbers(fitted(messages, most, cost, **bounds).kept)


def talk(*tokens: int) -> list[Message]:
    """What users say, of so many tokens each."""
    return [message(number, tokens=one) for number, one in enumerate(tokens, 1)]


def test_all_is_kept_where_all_fits() -> None:
    assert shown(talk(5, 5, 5), 15) == [1, 2, 3]


def test_the_oldest_go_first() -> None:
    assert shown(talk(5, 5, 5), 14) == [2, 3]


def test_what_does_not_fit_is_not_skipped() -> None:
    """There is no hole in what is shown."""
    assert shown(talk(1, 1, 50, 1, 1), 10) == [4, 5]


def test_what_a_system_says_stays_where_it_was_said() -> None:
    messages = [message(1, "system", tokens=3), *talk(5, 5)[1:], message(3, "system", tokens=3)]

    assert shown([*messages, message(4, tokens=5)], 11) == [1, 3, 4]


def test_what_a_system_says_counts() -> None:
    assert shown([message(0, "system", tokens=6), *talk(5, 5)], 15) == [0, 2]


def test_what_a_system_says_stays_where_it_does_not_fit() -> None:
    window = fitted([message(0, "system", tokens=30), *talk(5, 0)], 20, cost)

    assert numbers(window.kept) == [0]
    assert (window.tokens, window.is_over) == (30, True)


def test_there_are_so_many_at_the_most_beside_the_system() -> None:
    assert shown([message(0, "system", tokens=6), *talk(5, 5, 5)], 100, max_messages=2) == [0, 2, 3]


def test_there_are_so_many_at_least() -> None:
    assert shown(talk(5, 5, 5), 1, min_messages=2) == [2, 3]


def test_the_least_are_the_newest() -> None:
    """And not the oldest of those that were left out."""
    assert shown(talk(1, 1, 1, 1, 1, 9, 1, 1), 3, min_messages=4) == [5, 6, 7, 8]


def test_the_least_are_never_more_than_the_hard_limit() -> None:
    assert shown(talk(5, 5, 5), 1, min_messages=3, hard_limit=11) == [2, 3]
    assert not fitted(talk(5, 5, 5), 1, cost, min_messages=3, hard_limit=11).is_over


def test_a_hard_limit_is_one_for_everything() -> None:
    assert shown(talk(5, 5, 5), 15, hard_limit=9) == [3]


def test_a_call_goes_with_its_result() -> None:
    messages = [calls(1, "a", tokens=5), results(2, "a", tokens=5), message(3, tokens=5)]

    assert shown(messages, 14) == [3]
    assert shown(messages, 15) == [1, 2, 3]


def test_calls_at_once_stay_with_all_of_their_results() -> None:
    several = [calls(1, "a", "b", tokens=5), results(2, "b", tokens=5), results(3, "a", tokens=5)]

    assert shown([*several, message(4, tokens=5)], 19) == [4]
    assert shown([*several, message(4, tokens=5)], 20) == [1, 2, 3, 4]


def test_a_result_of_two_calls_stays_with_both() -> None:
    messages = [calls(1, "a", tokens=1), calls(2, "b", tokens=1), results(3, "a", "b", tokens=1)]

    assert shown(messages, 2) == []
    assert shown(messages, 3) == [1, 2, 3]


def test_a_result_without_its_call_is_dropped() -> None:
    window = fitted([results(1, "gone", tokens=1), *talk(0, 5)[1:]], 100, cost)

    assert numbers(window.kept) == [2]
    assert numbers(window.dropped) == [1]


def test_a_result_is_that_of_the_last_call_of_its_name() -> None:
    first = [calls(1, "a", tokens=5), results(2, "a", tokens=5)]
    second = [calls(3, "a", tokens=5), results(4, "a", tokens=5)]

    assert shown([*first, *second], 10) == [3, 4]


def test_a_result_that_comes_late_does_not_hide_what_was_said_meanwhile() -> None:
    late = [calls(1, "a", tokens=1), *talk(0, 5, 5, 5)[1:], results(5, "a", tokens=1)]

    assert shown(late, 12) == [1, 3, 4, 5]


def test_what_a_tool_says_without_naming_a_call_belongs_to_the_one_before() -> None:
    nameless = message(2, "tool", tokens=5)

    assert shown([calls(1, "a", tokens=5), nameless, message(3, tokens=5)], 14) == [3]
    assert shown([message(1, tokens=5), nameless, message(3, tokens=5)], 14) == [2, 3]


def test_a_call_that_a_system_makes_is_always_there() -> None:
    told = [{"id": "a", "name": "search", "arguments": "{}"}]
    made = message(1, "system", tokens=5, toolCalls=told)

    assert shown([made, results(2, "a", tokens=5)], 10) == [1, 2]
    assert shown([made, results(2, "a", tokens=5)], 9) == [1]


@given(DIALOGUES, MOST, FEW)
def test_there_is_never_more_than_there_is_room_for(
    messages: list[Message], most: int, max_messages: int | None
) -> None:
    window = fitted(messages, most, cost, max_messages=max_messages)

    assert window.tokens == costs(window.kept)
    assert window.is_over is (window.tokens > most)
    if window.is_over:
        assert not others(window.kept)
    if max_messages is not None:
        assert len(others(window.kept)) <= max_messages


@given(DIALOGUES, MOST, MOST, FEW)
def test_the_hard_limit_is_never_passed(
    messages: list[Message], most: int, hard_limit: int, min_messages: int | None
) -> None:
    window = fitted(messages, most, cost, min_messages=min_messages, hard_limit=hard_limit)

    assert window.is_over is (window.tokens > hard_limit)
    assert not window.is_over or not others(window.kept)


@given(DIALOGUES, MOST, FEW, FEW)
def test_a_window_is_a_part_of_what_was_said_in_its_order(
    messages: list[Message], most: int, min_messages: int | None, max_messages: int | None
) -> None:
    window = fitted(messages, most, cost, min_messages=min_messages, max_messages=max_messages)

    both = sorted(numbers(window.kept) + numbers(window.dropped))
    assert both == numbers(messages)
    assert numbers(window.kept) == sorted(numbers(window.kept))
    assert numbers(window.dropped) == sorted(numbers(window.dropped))
    assert all(one.role != "system" for one in window.dropped)


@given(DIALOGUES, MOST, FEW, FEW)
def test_calls_and_results_are_never_split(
    messages: list[Message], most: int, min_messages: int | None, max_messages: int | None
) -> None:
    window = fitted(messages, most, cost, min_messages=min_messages, max_messages=max_messages)
    kept = {one.id for one in window.kept}

    for answer, call in ties(messages):
        assert call is not None or answer not in kept
        assert call is None or (answer in kept) is (call in kept)


@given(DIALOGUES, MOST, FEW, FEW)
def test_a_window_of_a_window_is_the_same(
    messages: list[Message], most: int, min_messages: int | None, max_messages: int | None
) -> None:
    bounds = {"min_messages": min_messages, "max_messages": max_messages}
    once = fitted(messages, most, cost, **bounds)

    again = fitted(once.kept, most, cost, **bounds)

    assert (again.kept, again.dropped) == (once.kept, ())


@given(PLAIN_DIALOGUES, MOST, FEW, FEW)
def test_the_newest_that_fit_are_there_and_none_is_missing_between(
    messages: list[Message], most: int, min_messages: int | None, max_messages: int | None
) -> None:
    bounds = {"min_messages": min_messages, "max_messages": max_messages}
    window = fitted(messages, most, cost, **bounds)
    said, kept = others(messages), others(window.kept)

    assert kept == said[len(said) - len(kept) :]
    if len(kept) < len(said):
        following = said[len(said) - len(kept) - 1]
        is_full = max_messages is not None and len(kept) >= max_messages
        assert is_full or window.tokens + cost(following) > most
        assert is_full or len(kept) >= (min_messages or 0)


@given(PLAIN_DIALOGUES, MOST, st.integers(0, 6), MOST)
def test_the_least_that_were_asked_for_are_there_as_far_as_they_may(
    messages: list[Message], most: int, min_messages: int, hard_limit: int
) -> None:
    window = fitted(messages, most, cost, min_messages=min_messages, hard_limit=hard_limit)
    said, kept = others(messages), others(window.kept)

    if len(kept) < min(min_messages, len(said)):
        following = said[len(said) - len(kept) - 1]
        assert window.tokens + cost(following) > hard_limit


@given(DIALOGUES)
def test_pieces_are_in_order_of_their_newest_message(messages: list[Message]) -> None:
    newest = [piece[-1] for piece in pieces(messages)]

    assert newest == sorted(newest)


@given(DIALOGUES)
def test_each_message_is_in_one_piece_at_the_most(messages: list[Message]) -> None:
    places = [place for piece in pieces(messages) for place in piece]

    assert len(places) == len(set(places))
    assert all(messages[place].role != "system" for place in places)


def test_calls_that_follow_from_results_are_one_piece() -> None:
    chain = [calls(0, "0")]
    for number in range(1, 3000):
        told = [{"id": str(number), "name": "next", "arguments": "{}"}]
        answer = [{"toolCallId": str(number - 1), "result": "on"}]
        chain.append(message(number, "tool", "on", 1, toolCalls=told, toolResults=answer))

    assert [len(piece) for piece in pieces(chain)] == [3000]
