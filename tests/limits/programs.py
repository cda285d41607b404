"""Random programs on rate limits: what is asked, and when.

Hypothesis draws the seed and the length, which is all that has to be drawn again to see a failure.
"""

from __future__ import annotations

from random import Random
from typing import Final, NamedTuple

from hypothesis import strategies as st

from storage.core.algorithms import RULES, Rule

KINDS: Final = {code: rule.__name__.lower() for code, rule in RULES.items()}
TOKENS: Final = tuple(letter * 32 for letter in "ab")

Group = tuple[int, ...]

WORDS: Final = ("hit", "hit", "hit", "tell", "peek", "reserve", "refund", "refund", "forgive",
                "block", "renew", "release", "move", "move", "wait", "wait")  # fmt: skip

QUEUE: Final = (("hit", 0), *[("reserve", 2)] * 3, ("refund", 1))
STORIES: Final = (
    (*QUEUE, ("reserve", 2), ("reserve", 2)),
    (*QUEUE, ("reserve", 1), ("move", 1), ("reserve", 2)),
    (*QUEUE, ("refund", 0), ("reserve", 2), ("reserve", 2)),
    (*QUEUE, ("block", 2), ("reserve", 2)),
    (*QUEUE, ("wait", 1), ("hit", 0), ("refund", 1), ("hit", 0)),
    (("hit", 0), ("tell", 0), ("tell", 0), ("wait", 0), ("tell", 0), ("wait", 1), ("tell", 0)),
)
"""What comes together too seldom by chance."""

ALL: Final = 2**60
"""A cost as high as can be."""


class Step(NamedTuple):
    """*what* is done by a *group* of meters; the other members mean what suits it."""

    what: str
    group: Group
    cost: int
    number: int
    token: str


class Program(NamedTuple):
    rules: list[Rule]
    start: int
    steps: list[Step]


def programs(meters: int, *, huge: bool = False) -> st.SearchStrategy[Program]:
    """Programs on up to so many *meters*, of *huge* numbers or of small ones."""

    def made(seed: int, length: int) -> Program:
        random = Random(seed)
        rules = [_rule(random, huge) for _ in range(random.randint(1, meters))]
        start = random.choice([1_700_000_000_457_000, random.randint(1, 2**51)])
        steps: list[Step] = []
        while len(steps) < 60:
            steps += _steps(random, len(rules))
        return Program(rules, start, steps[:length])

    return st.builds(made, st.integers(0, 2**64), st.integers(1, 60))


def spans(per: int) -> list[int]:
    """By how much a clock is moved where something lasts *per*."""
    return [
        0,
        1,
        per // 2,
        per - 1,
        per,
        per + 1,
        2 * per - 1,
        2 * per,
        3 * per,
        -1,
        -per,
        per // 3,
    ]


def _steps(random: Random, meters: int) -> list[Step]:
    group = tuple(random.sample(range(meters), random.randint(1, meters)))
    token = random.choice(TOKENS)
    if random.random() < 0.1:
        cost = random.choice([1, 2, ALL])
        told = random.choice(STORIES)
        first, *rest = [Step(what, group, cost, number, token) for what, number in told]
        return [first._replace(cost=ALL), *rest]
    cost = random.choice([1, 1, 1, 2, 3, 7, ALL])
    return [Step(random.choice(WORDS), group, cost, random.randrange(12), token)]


def _rule(random: Random, huge: bool) -> Rule:
    while True:
        code = random.choice(sorted(RULES))
        kind = KINDS[code]
        count, burst = random.randint(1, 6), random.randint(1, 6)
        per = random.choice([random.randint(1, 40), random.randint(1, 10) * 1000])
        if huge:
            per = random.choice([per, random.randint(1, 2**51)])
            burst = random.choice([burst, random.randint(1, 2**30)])
            if kind != "slots":
                count = random.choice([count, random.randint(1, 2**50)])
        if kind == "counter":
            per = max(1, per // 1000) * 1000 if per > 10_000 else per * 1000
        rule = RULES[code](count, per, burst if kind == "gcra" else count, f"{code}")
        try:
            rule.check()
        except ValueError:
            continue
        return rule
