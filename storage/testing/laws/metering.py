"""What else is done with rate limits: several at once, given back, blocked, told of, and taken for
a while."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ...core.limits import Limit
from ...records import Ask, Decision
from ..clock import Clock
from .limiting import ANN, BOB, KINDS, MOST, ONE, PER, SECOND, Metered, of

LONG: Final = 100 * PER * SECOND


class Together(Metered):
    def test_what_is_refused_by_one_spends_nothing_of_the_others(
        self, limit: Limit, limits: Any, hit: Callable[..., Decision]
    ) -> None:
        narrow = of(ONE, "narrow")
        hit(limit, narrow)
        before = limits.peek([of(limit)], Ask()).readings[0]
        for group in ([limit, narrow], [narrow, limit]):
            told = hit(*group)
            assert not told.passed
            waits = [one.wait > 0 for one in told.readings]
            assert waits == [one is narrow for one in group]
            assert [one.left for one in told.readings] == [
                0 if one is narrow else MOST - 1 for one in group
            ]
        after = limits.peek([of(limit)], Ask()).readings[0]
        assert after[:2] == before[:2] == (0, MOST - 1)
        assert after.fresh == self.near(before.fresh)
        assert hit(limit, cost=MOST - 1).passed

    def test_what_passes_counts_by_all(self, hit: Callable[..., Decision]) -> None:
        kinds = [of(limit, name) for name, limit in KINDS.items()]
        for left in range(MOST - 1, -1, -1):
            told = hit(*kinds)
            assert told.passed
            assert [one[:2] for one in told.readings] == [(0, left)] * len(kinds)
        for meter in kinds:
            assert not hit(meter).passed

    def test_it_passes_when_the_last_of_them_lets_it(
        self, hit: Callable[..., Decision], clock: Clock
    ) -> None:
        long, short = Limit(1, 3 * PER), Limit(2, PER, algorithm="window")
        hit(long)
        hit(short, cost=2)

        told = hit(short, long)
        assert [one.wait for one in told.readings] == [
            self.near(PER * SECOND),
            self.near(3 * PER * SECOND),
        ]
        self.come_to(clock, told.now + told.readings[0].wait)
        assert not hit(short, long).passed
        self.come_to(clock, told.now + told.readings[1].wait)
        assert hit(short, long).passed

    def test_they_go_by_the_latest_time_that_one_of_them_knows(
        self, hit: Callable[..., Decision], clock: Clock
    ) -> None:
        ahead, behind = of(ONE, "ahead"), of(ONE, "behind")
        self.tick_ms(clock, 1000 * PER // 2)
        late = hit(ahead)
        self.tick_ms(clock, -1000 * PER // 2)
        hit(behind)

        told = hit(behind, ahead)
        assert (told.passed, told.now) == (False, self.near(late.now))
        assert [one.wait for one in told.readings] == [
            self.near(PER * SECOND // 2),
            self.near(PER * SECOND),
        ]


class Refunding(Metered):
    def test_what_is_given_back_may_pass_again(
        self, passing: Limit, limits: Any, hit: Callable[..., Decision]
    ) -> None:
        told = hit(passing, cost=MOST)
        limits.refund([of(passing)], 2, told.at)

        assert limits.peek([of(passing)], Ask()).readings[0].left == 2
        assert hit(passing, cost=2).passed
        assert not hit(passing).passed

    def test_what_passed_just_now_is_given_back_without_its_moment(
        self, passing: Limit, limits: Any, hit: Callable[..., Decision], clock: Clock
    ) -> None:
        hit(passing, cost=MOST)
        self.tick_ms(clock, 5)
        limits.refund([of(passing)], 2, 0)

        assert hit(passing, cost=2).passed
        assert not hit(passing).passed

    def test_what_is_given_back_is_given_back_to_all(
        self, passing: Limit, limits: Any, hit: Callable[..., Decision]
    ) -> None:
        other = of(passing, "other")
        told = hit(passing, other, cost=MOST)
        limits.refund([of(passing), other], MOST, told.at)

        assert hit(passing, other, cost=MOST).passed

    def test_what_counts_no_more_gives_nothing_back(
        self, passing: Limit, limits: Any, hit: Callable[..., Decision], clock: Clock
    ) -> None:
        first = hit(passing, cost=MOST)
        self.come_to(clock, first.now + first.readings[0].fresh)
        hit(passing, cost=MOST)
        limits.refund([of(passing)], MOST, first.at)

        assert not hit(passing).passed

    def test_more_than_there_was_is_not_given_back(
        self, passing: Limit, limits: Any, hit: Callable[..., Decision]
    ) -> None:
        limits.refund([of(passing)], MOST, 5)
        told = hit(passing)
        limits.refund([of(passing)], 100, told.at)

        assert hit(passing, cost=MOST).passed
        assert not hit(passing).passed

    def test_a_slot_is_given_back_by_its_token_only(
        self, limits: Any, hit: Callable[..., Decision]
    ) -> None:
        slots = KINDS["slots"]
        told = hit(slots, cost=MOST)
        limits.refund([of(slots)], MOST, told.at)

        assert not hit(slots).passed


class Blocking(Metered):
    def test_nothing_passes_what_is_blocked_until_it_is_over(
        self, limit: Limit, limits: Any, hit: Callable[..., Decision], clock: Clock
    ) -> None:
        span = 3 * PER * SECOND
        limits.block([of(limit)], span)

        told = hit(limit)
        assert (told.passed, told.readings[0].left) == (False, 0)
        assert told.readings[0].wait == told.readings[0].fresh == self.near(span)
        assert limits.peek([of(limit)], Ask()).readings[0].wait == self.near(span)
        end = told.now + told.readings[0].wait
        self.come_before(clock, end)
        assert not hit(limit).passed
        self.come_to(clock, end)
        assert hit(limit, cost=MOST).passed

    def test_a_block_never_ends_sooner_for_another(
        self, limits: Any, hit: Callable[..., Decision], clock: Clock
    ) -> None:
        for span in (5, 20, 10, 1):
            limits.block([of(ONE)], span * SECOND)
        self.tick_ms(clock, 15_000)

        assert hit(ONE).readings[0].wait == self.near(5 * SECOND)

    def test_a_block_forgets_nothing_that_was_counted(
        self, limit: Limit, limits: Any, hit: Callable[..., Decision], clock: Clock
    ) -> None:
        hit(limit, cost=3)
        limits.block([of(limit)], SECOND // 10)
        self.tick_ms(clock, 101)

        assert not hit(limit, cost=3).passed
        assert hit(limit).passed

    def test_what_is_blocked_blocks_all_that_are_asked_with_it(
        self, limits: Any, hit: Callable[..., Decision]
    ) -> None:
        limits.block([of(ONE, "a"), of(ONE, "b")], SECOND)

        for key in ("a", "b"):
            told = hit(of(ONE, "c"), of(ONE, key))
            assert not told.passed
            assert [one.wait > 0 for one in told.readings] == [False, True]
        assert hit(of(ONE, "c")).passed

    def test_a_reset_forgets_all(
        self, limit: Limit, limits: Any, hit: Callable[..., Decision]
    ) -> None:
        for key in ("k", "other"):
            hit(of(limit, key), cost=MOST)
            hit(of(limit, key), tell=True)
        limits.block([of(limit)], LONG)
        limits.reset([of(limit)])

        assert limits.peek([of(limit)], Ask()).readings == [(0, MOST, 0)]
        assert hit(limit, cost=MOST).passed
        assert hit(limit, tell=True).is_news
        assert not hit(of(limit, "other")).passed


class Telling(Metered):
    def test_a_refusal_is_news_once_until_it_may_pass(
        self, limit: Limit, hit: Callable[..., Decision], clock: Clock
    ) -> None:
        for _ in range(3):
            assert hit(limit, cost=MOST, tell=True).is_news is False
            told = hit(limit, tell=True)
            assert told.is_news is True
            may = told.now + told.readings[0].wait
            self.come_before(clock, may)
            assert [hit(limit, tell=True)[0::3] for _ in range(3)] == [(False, False)] * 3
            fresh = hit(limit)
            self.come_to(clock, fresh.now + fresh.readings[0].fresh)

    def test_who_does_not_want_to_know_is_no_news(self, hit: Callable[..., Decision]) -> None:
        hit(ONE)

        assert [hit(ONE).is_news for _ in range(3)] == [False] * 3
        assert [hit(ONE, tell=True).is_news for _ in range(3)] == [True, False, False]

    def test_what_is_told_spends_nothing(
        self, limit: Limit, hit: Callable[..., Decision], clock: Clock
    ) -> None:
        hit(limit, cost=MOST)
        before = hit(limit)
        told = hit(limit, of(ONE, "other"), tell=True)
        assert (told.passed, told.is_news) == (False, True)
        assert told.readings[0].wait == self.near(before.readings[0].wait)
        assert told.readings[1] == (0, 1, 0)

        self.come_to(clock, before.now + before.readings[0].wait)
        assert hit(limit, of(ONE, "other")).passed

    def test_it_is_news_for_each_key(self, hit: Callable[..., Decision]) -> None:
        for key in ("a", "b"):
            hit(of(ONE, key))
            assert hit(of(ONE, key), tell=True).is_news


class Slotting(Metered):
    SLOTS = KINDS["slots"]

    def test_a_slot_is_free_when_it_is_given_back(
        self, limits: Any, hit: Callable[..., Decision]
    ) -> None:
        hit(self.SLOTS, cost=3)
        assert limits.hit([of(self.SLOTS)], Ask(1, BOB)).passed
        assert limits.release([of(self.SLOTS)], BOB) is True
        assert limits.release([of(self.SLOTS)], BOB) is False
        assert limits.peek([of(self.SLOTS)], Ask()).readings[0].left == 1

        assert limits.release([of(self.SLOTS)], ANN) is True
        assert limits.peek([of(self.SLOTS)], Ask()).readings == [(0, MOST, 0)]

    def test_a_slot_that_is_renewed_lasts_from_then(
        self, limits: Any, hit: Callable[..., Decision], clock: Clock
    ) -> None:
        hit(self.SLOTS, cost=3)
        limits.hit([of(self.SLOTS)], Ask(1, BOB))
        self.tick_ms(clock, 900 * PER)
        assert limits.renew([of(self.SLOTS)], ANN) is True

        told = hit(self.SLOTS)
        assert told.readings[0].wait == self.near(PER * SECOND // 10)
        assert told.readings[0].fresh == self.near(PER * SECOND)
        self.come_to(clock, told.now + told.readings[0].wait)
        assert limits.peek([of(self.SLOTS)], Ask()).readings[0].left == 1
        self.come_before(clock, told.now + told.readings[0].fresh)
        assert limits.peek([of(self.SLOTS)], Ask()).readings[0].left == 1

    def test_who_has_no_slot_gives_back_and_renews_nothing(
        self, limits: Any, hit: Callable[..., Decision], clock: Clock
    ) -> None:
        slots = of(self.SLOTS)
        for call in (limits.renew, limits.release):
            assert call([slots], ANN) is False
        told = hit(slots, cost=MOST)
        for call in (limits.renew, limits.release):
            assert call([slots], BOB) is False
            assert not hit(slots).passed

        self.come_to(clock, told.now + PER * SECOND)
        assert hit(slots).readings[0].left == MOST - 1
        assert limits.release([slots], ANN) is True

    def test_a_slot_that_is_over_is_lost(
        self, limits: Any, hit: Callable[..., Decision], clock: Clock
    ) -> None:
        slots = of(self.SLOTS)
        told = hit(slots)
        self.tick_ms(clock, 500 * PER)
        limits.hit([slots], Ask(1, BOB))
        self.come_to(clock, told.now + PER * SECOND)
        for call in (limits.renew, limits.release):
            assert call([slots], ANN) is False
        assert limits.hit([slots], Ask(MOST - 1, BOB)).passed

        for call in (limits.renew, limits.release):
            assert call([slots], ANN) is False
        assert not hit(slots).passed

    def test_slots_of_several_are_kept_and_given_back_together(
        self, limits: Any, hit: Callable[..., Decision]
    ) -> None:
        both = [of(self.SLOTS, "a"), of(Limit(2, PER, algorithm="slots"), "b")]
        hit(*both)
        assert limits.renew(both, ANN) is True
        assert limits.release(both[:1], ANN) is True
        assert limits.renew(both, ANN) is False
        assert limits.release(both, ANN) is False

        assert [one.left for one in limits.peek(both, Ask()).readings] == [MOST, 2]
