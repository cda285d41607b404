"""How much of a budget of tokens is used."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.core.dialog.budget import TokenBudget, room
from storage.core.dialog.errors import ValidationError
from storage.core.dialog.records import TokenBudgetConfig

BUDGET = TokenBudget(TokenBudgetConfig(max_tokens=4096, reserve_tokens=500))
CONFIGS = st.builds(TokenBudgetConfig, st.integers(0, 5000), st.integers(0, 5000))
USED = st.integers(0, 10_000)


@pytest.mark.parametrize(("used", "available"), [(1000, 2596), (3596, 0), (4000, 0)])
def test_what_is_reserved_is_not_available(used: int, available: int) -> None:
    assert BUDGET.available(used) == available


def test_what_fits_does_not_exceed() -> None:
    assert not BUDGET.would_exceed(3000, 100)
    assert not BUDGET.would_exceed(3000, 596)
    assert BUDGET.would_exceed(3000, 597)
    assert BUDGET.would_exceed(3500, 200)


def test_a_status_is_in_percent_of_the_whole_budget() -> None:
    status = BUDGET.status(3000)

    assert (status.used, status.limit, status.available) == (3000, 4096, 596)
    assert status.percentage == pytest.approx(73.24, abs=0.01)
    assert not status.is_over_budget


@pytest.mark.parametrize(
    ("used", "severity"),
    [(0, "normal"), (3072, "normal"), (3073, "warning"), (3686, "warning"), (3687, "critical")],
)
def test_more_than_three_quarters_are_a_warning(used: int, severity: str) -> None:
    assert BUDGET.status(used).severity == severity


def test_a_budget_is_over_when_no_more_is_available() -> None:
    assert not BUDGET.status(3595).is_over_budget
    assert BUDGET.status(3596).is_over_budget


def test_all_can_be_reserved() -> None:
    nothing = TokenBudgetConfig(max_tokens=100, reserve_tokens=200)

    assert room(nothing) == 0
    assert TokenBudget(nothing).status(0).is_over_budget


@given(CONFIGS, USED, st.integers(0, 5000))
def test_a_status_agrees_with_what_is_available(
    config: TokenBudgetConfig, used: int, additional: int
) -> None:
    budget = TokenBudget(config)
    status = budget.status(used)

    assert status.available == budget.available(used) >= 0
    assert status.is_over_budget is (used >= room(config))
    if used <= room(config):
        assert budget.would_exceed(used, additional) is (used + additional > room(config))
    else:
        assert budget.would_exceed(used, 1)


@given(CONFIGS, USED)
def test_nobody_is_over_a_budget_by_less_than_nothing(config: TokenBudgetConfig, used: int) -> None:
    error = TokenBudget(config).exceeded(used)

    assert error.overage == max(0, used - error.limit) >= 0
    assert str(error) == f"Token budget exceeded: {used}/{room(config)} (+{error.overage} over)"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_budget_is_made_of_a_mapping_too() -> None:
    """By the names of JavaScript as well; what is none is an error."""
    assert TokenBudget({"max_tokens": 9, "reserveTokens": 4}).room == 5
    with pytest.raises(ValidationError, match="max_tokens"):
        TokenBudget({"max_tokens": 0})
