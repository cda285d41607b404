"""Who waits for rate limits: a moment of one's own, in order, and given back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from ...core.limits import Limit
from ...records import Ask, Decision, Meter
from ..clock import Clock
from .limiting import MOST, ONE, PER, SECOND, Metered, of

LONG: Final = 100 * PER * SECOND
"""How long somebody would wait."""

TIMES: Final = {"log": 1}
"""How many times what it says a limit lets pass in its time, where that is not twice."""


class Reserving(Metered):
    @pytest.fixture
    def reserve(self, limits: Any) -> Callable[..., int]:
        """The moment that is given to who would wait; 0 where none is."""

        def reserve(*asked: Limit | Meter, cost: int = 1, patience: int = LONG) -> int:
            meters = [one if isinstance(one, Meter) else of(one) for one in asked]
            told: Decision = limits.reserve(meters, Ask(cost), patience)
            assert told.passed is (told.at > 0)
            return told.at

        return reserve

    def test_who_need_not_wait_passes_now(
        self, passing: Limit, limits: Any, hit: Callable[..., Decision]
    ) -> None:
        told = limits.reserve([of(passing)], Ask(3), 0)

        assert (told.passed, told.at) == (True, told.now)
        assert told.readings[0][:2] == (0, 1)
        assert hit(passing).passed
        assert not hit(passing).passed

    def test_places_come_in_order_and_hold_the_limit(
        self, passing: Limit, limits: Any, reserve: Callable[..., int], clock: Clock
    ) -> None:
        moments = []
        for _ in range(5 * MOST):
            moments.append(reserve(passing))
            self.tick_ms(clock, 137)
        assert moments == sorted(moments)
        most = TIMES.get(passing.algorithm, 2) * MOST
        for end in moments:
            inside = [at for at in moments if end - PER * SECOND < at <= end]
            assert len(inside) <= most

    def test_nobody_passes_before_who_waits(
        self,
        passing: Limit,
        limits: Any,
        hit: Callable[..., Decision],
        reserve: Callable[..., int],
        clock: Clock,
    ) -> None:
        hit(passing, cost=MOST)
        first, second = reserve(passing, cost=MOST), reserve(passing, cost=MOST)
        assert first < second
        for moment in (first, second):
            self.come_before(clock, moment)
            told = hit(passing)
            assert (told.passed, told.readings[0].left) == (False, 0)
            assert told.now + told.readings[0].wait >= second
            assert reserve(passing, patience=second - told.now - 1 - 2 * self.slack) == 0
        self.come_to(clock, second)
        may = hit(passing)
        assert not may.passed
        self.come_to(clock, may.now + may.readings[0].wait)
        assert hit(passing).passed

    def test_who_is_not_patient_enough_takes_no_place(
        self, passing: Limit, limits: Any, hit: Callable[..., Decision], reserve: Callable[..., int]
    ) -> None:
        hit(passing, cost=MOST)
        told = limits.reserve([of(passing)], Ask(), 0)
        assert (told.passed, told.at) == (False, 0)
        wait = told.readings[0].wait

        assert reserve(passing, patience=wait - 1 - 2 * self.slack) == 0
        at = reserve(passing, patience=wait + 2 * self.slack)
        assert at == self.near(told.now + wait)

    def test_all_wait_for_the_last_of_several(
        self, hit: Callable[..., Decision], reserve: Callable[..., int]
    ) -> None:
        long, short = Limit(1, 3 * PER), Limit(2, PER)
        told = hit(long, short)

        assert reserve(long, short) == told.at + 3 * PER * SECOND
        assert hit(short).readings[0].wait == self.near(3 * PER * SECOND)

    def test_who_waits_comes_after_a_block(
        self, limits: Any, hit: Callable[..., Decision], reserve: Callable[..., int]
    ) -> None:
        limits.block([of(ONE)], 7 * SECOND)
        end = hit(ONE).now + 7 * SECOND

        assert reserve(ONE) == self.near(end)
        assert reserve(ONE) == self.near(end + PER * SECOND)

    def test_the_last_place_is_taken_by_who_comes_next(
        self,
        passing: Limit,
        limits: Any,
        hit: Callable[..., Decision],
        reserve: Callable[..., int],
    ) -> None:
        hit(passing, cost=MOST)
        moments = [reserve(passing, cost=MOST) for _ in range(3)]
        limits.refund([of(passing)], MOST, moments[2])

        assert reserve(passing, cost=MOST) == moments[2]
        assert reserve(passing, cost=MOST) > moments[2]

    def test_a_place_in_the_middle_is_taken_by_who_comes_next(
        self,
        passing: Limit,
        limits: Any,
        hit: Callable[..., Decision],
        reserve: Callable[..., int],
    ) -> None:
        hit(passing, cost=MOST)
        moments = [reserve(passing, cost=MOST) for _ in range(4)]
        for place in (2, 1):
            limits.refund([of(passing)], MOST, moments[place])

        assert reserve(passing, cost=1) == moments[1]
        assert reserve(passing, cost=MOST) == moments[2]
        assert reserve(passing, cost=MOST - 1) == moments[1]
        assert reserve(passing, cost=1) > moments[3]

    def test_a_place_is_for_who_would_wait_so_long(
        self, limits: Any, hit: Callable[..., Decision], reserve: Callable[..., int], clock: Clock
    ) -> None:
        hit(ONE)
        moments = [reserve(ONE) for _ in range(3)]
        limits.refund([of(ONE)], 1, moments[1])

        assert reserve(ONE, patience=PER * SECOND) == 0
        assert not hit(ONE).passed
        self.come_before(clock, moments[1])
        assert reserve(ONE, patience=3 * self.slack + 1) == moments[1]
        assert reserve(ONE, patience=PER * SECOND) == 0

    def test_a_place_is_over_when_its_moment_is(
        self, limits: Any, hit: Callable[..., Decision], reserve: Callable[..., int], clock: Clock
    ) -> None:
        hit(ONE)
        moments = [reserve(ONE) for _ in range(3)]
        limits.refund([of(ONE)], 1, moments[0])
        self.come_to(clock, moments[0] + 1)

        assert reserve(ONE) == moments[2] + PER * SECOND

    def test_a_place_is_not_taken_during_a_block(
        self, limits: Any, hit: Callable[..., Decision], reserve: Callable[..., int]
    ) -> None:
        hit(ONE)
        moments = [reserve(ONE) for _ in range(3)]
        limits.refund([of(ONE)], 1, moments[0])
        limits.block([of(ONE)], 2 * PER * SECOND - SECOND)

        assert reserve(ONE) > moments[2]

    def test_a_place_is_for_the_same_keys_only(
        self, limits: Any, hit: Callable[..., Decision], reserve: Callable[..., int]
    ) -> None:
        """Who waits for several limits leaves a moment for others to who waits for the same."""
        wide = of(Limit(1, PER, name="wide"), "all")
        ann, bob = of(Limit(1, 3 * PER), "ann"), of(Limit(1, 3 * PER), "bob")
        hit(wide, ann)
        mine, last = reserve(wide, ann), reserve(wide, ann)
        limits.refund([wide, ann], 1, mine)

        theirs = reserve(wide, bob)
        assert theirs not in (0, mine)
        assert theirs > last
        assert reserve(wide, ann) == mine

    def test_who_has_waited_gives_back_what_has_passed(
        self,
        passing: Limit,
        limits: Any,
        hit: Callable[..., Decision],
        reserve: Callable[..., int],
        clock: Clock,
    ) -> None:
        hit(passing, cost=MOST)
        at = reserve(passing, cost=MOST)
        self.come_to(clock, at)
        assert not hit(passing).passed
        limits.refund([of(passing)], MOST, at)

        assert hit(passing, cost=MOST).passed

    def test_a_reset_forgets_who_waits(
        self, limits: Any, hit: Callable[..., Decision], reserve: Callable[..., int]
    ) -> None:
        hit(ONE)
        moments = [reserve(ONE) for _ in range(3)]
        limits.refund([of(ONE)], 1, moments[1])
        limits.reset([of(ONE)])

        now = hit(ONE).now
        assert reserve(ONE) == self.near(now + PER * SECOND)
        assert reserve(ONE) == self.near(now + 2 * PER * SECOND)
