"""What a call does after a trouble is decided by rules, which need no server."""

from __future__ import annotations

import pytest
from redis.exceptions import AskError, NoScriptError, ResponseError

from storage import OutcomeUnknownError, UnavailableError
from storage.redis.commands import AGAIN, ONCE, READ, Command, Effect, Script, run
from storage.redis.course import Budget, Course, Step
from storage.redis.replies import Phase, Trouble

pytestmark = pytest.mark.timed

PLACE = ("127.0.0.1", 6379)
UNTIL = 1.0
ENOUGH = 0.015
"""Seconds in which a server can answer."""


def course(effect: Effect) -> Course:
    command = Command(effect, b"k", (b"INCR", b"k"))
    return Course(command, UNTIL, known_down=False, alone=True, reached=None)


@pytest.mark.parametrize("word", ["BUSY", "LOADING", "TRYAGAIN"])
@pytest.mark.parametrize("effect", [READ, AGAIN, ONCE], ids=lambda effect: effect.name)
def test_what_is_refused_until_the_deadline_is_known_not_to_be_done(
    effect: Effect, word: str
) -> None:
    """It is never sent so late that the answer could not be waited for."""
    refused = Trouble(Phase.ANSWERED, ResponseError(f"{word} not now"))
    going_on = course(effect)
    now = 0.0
    tries = 0
    while not isinstance(step := going_on.after(refused, PLACE, now), Exception):
        tries += 1
        now += step.pause + 0.001
        assert now + ENOUGH < UNTIL

    assert type(step) is UnavailableError
    assert tries > 3


@pytest.mark.parametrize(
    ("effect", "kind"),
    [(READ, UnavailableError), (AGAIN, OutcomeUnknownError)],
    ids=["read", "set"],
)
def test_what_may_have_run_stays_unknown_whatever_comes_after_it(
    effect: Effect, kind: type[Exception]
) -> None:
    going_on = course(effect)
    going_on.after(Trouble(Phase.SENT, ConnectionError()), PLACE, 0.0)

    assert type(going_on.after(Trouble(Phase.UNSENT, ConnectionError()), PLACE, UNTIL)) is kind


def test_what_is_something_else_when_it_is_done_twice_is_not_sent_twice() -> None:
    after = course(ONCE).after(Trouble(Phase.SENT, ConnectionError()), PLACE, 0.0)

    assert type(after) is OutcomeUnknownError


@pytest.mark.parametrize("now", [0.0, UNTIL])
def test_a_script_that_is_forgotten_is_told_while_there_is_time(now: float) -> None:
    command = Command(ONCE, b"k", (b"EVALSHA", b"", b"1", b"k"), Script("incr"))
    going_on = Course(command, UNTIL, known_down=False, alone=True, reached=None)

    step = going_on.after(Trouble(Phase.ANSWERED, ResponseError("NOSCRIPT")), PLACE, now)

    assert isinstance(step, Step if now < UNTIL else UnavailableError)


def test_a_budget_ends_a_call_before_its_deadline_and_connecting_is_none_of_it() -> None:
    refused = Trouble(Phase.ANSWERED, ResponseError("LOADING"))
    budget = Budget(0.1)
    command = Command(ONCE, b"k", (b"INCR", b"k"))
    going_on = Course(command, UNTIL, known_down=False, alone=True, reached=None, budget=budget)
    budget.forgive(0.2)

    assert isinstance(going_on.after(refused, PLACE, 0.2), Step)
    assert isinstance(going_on.after(refused, PLACE, 0.3), UnavailableError)
    budget.forgive(10)
    assert isinstance(going_on.after(refused, PLACE, UNTIL), UnavailableError)


def test_who_takes_a_key_over_is_told_the_script_by_who_was_sent_there() -> None:
    """Else it would send him back."""
    there = ("127.0.0.1", 6380)
    command = run(Script("incr"), ONCE, (b"k",))
    going_on = Course(
        command, UNTIL, known_down=False, alone=False, reached=lambda address, _: address
    )
    going_on.after(Trouble(Phase.ANSWERED, AskError("1 127.0.0.1:6380")), PLACE, 0.0)
    unknown = Trouble(Phase.ANSWERED, NoScriptError("NOSCRIPT No matching script."))
    steps = [going_on.after(unknown, place, 0.0) for place in (there, PLACE)]

    assert steps == [
        Step(command.spelled_out(), place, asking=place == there) for place in (there, PLACE)
    ]
