"""Runs a state machine, and tells how often each of its steps was taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

Step = Callable[..., None]

MOST_TURNS = 5


class CountingMachine(RuleBasedStateMachine):
    """A machine of `step`s."""

    outcomes: ClassVar[frozenset[str]] = frozenset()
    """What a whole run must come to, besides taking every step."""

    taken: ClassVar[Counter[str]]

    def came_to(self, outcome: str) -> None:
        """Count an outcome."""
        self.taken[outcome] += 1


def step(**inputs: st.SearchStrategy[Any]) -> Callable[[Step], Step]:
    """A rule of a `CountingMachine`."""

    def decorated(method: Step) -> Step:
        @wraps(method)
        def taken(self: CountingMachine, **drawn: Any) -> None:
            self.came_to(method.__name__)
            method(self, **drawn)

        as_rule: Any = rule
        made: Step = as_rule(**inputs)(taken)
        vars(made)["is_step"] = True
        return made

    return decorated


def run_machine(
    machine: type[CountingMachine], *, share: float = 1, steps: int = 50
) -> Counter[str]:
    """Run *machine*, print how often its steps were taken, and fail when one of them never was.

    It runs a *share* of the examples of the present Hypothesis profile. Hypothesis leaves some
    rules out of each example; so a run that came to too little goes on with other programs.
    """
    profile = settings(
        deadline=None,
        report_multiple_bugs=False,
        max_examples=max(1, round(settings().max_examples * share)),
        stateful_step_count=steps,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    taken: Counter[str] = Counter()
    machine.taken = taken
    run: Any = run_state_machine_as_test
    never: list[str] = []
    for turn in range(MOST_TURNS):
        # Where Hypothesis is derandomized, the name decides which programs are run.
        run(type(f"{machine.__name__} {turn}", (machine,), {}), settings=profile)
        never = sorted(name for name in _steps(machine) | machine.outcomes if not taken[name])
        if not never:
            break
    print(table(taken))  # noqa: T201 - pytest shows it with -rP, and where a test fails
    assert not never, f"a whole run never came to: {', '.join(never)}"
    return taken


def table(taken: Counter[str]) -> str:
    """The counts as lines, to be read by people."""
    width = max(map(len, taken), default=0)
    return "\n".join(f"{name:{width}} {count:6}" for name, count in sorted(taken.items()))


def _steps(machine: type[CountingMachine]) -> set[str]:
    return {name for name in dir(machine) if hasattr(getattr(machine, name), "is_step")}
