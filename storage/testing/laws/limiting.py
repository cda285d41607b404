"""Rate limits as a room keeps them: what passes, and what is said of it, by a clock that is turned
by hand."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

import pytest

from ... import aio, protocols
from ...core.limits import Limit
from ...errors import ClosedError, InvalidKeyError
from ...records import Ask, Decision, Meter
from ..bridge import Bridge
from ..clock import Clock
from ..strategies import NASTY_KEYS
from ..threads import crowd
from .leasing import Leased

SECOND: Final = 1_000_000
PER: Final = 10
"""The seconds of a limit. None of it is a millisecond, so that who looks a little late is fine."""

ANN: Final = "a" * 32
BOB: Final = "b" * 32
"""Who takes a slot."""

KINDS: Final = {
    "log": Limit(4, PER),
    "window": Limit(4, PER, algorithm="window"),
    "aligned": Limit(4, PER, algorithm="aligned"),
    "counter": Limit(4, PER, algorithm="counter"),
    "gcra": Limit(4, PER, algorithm="gcra"),
    "burst": Limit(2, PER, algorithm="gcra", burst=4),
    "slots": Limit(4, PER, algorithm="slots"),
}
"""Four may pass at once by each."""

PASSING: Final = {name: limit for name, limit in KINDS.items() if name != "slots"}
"""What counts hits that are over at once."""

MOST: Final = 4

ONE: Final = Limit(1, PER)


def of(limit: Limit, key: str = "k") -> Meter:
    return Meter(limit.rule, key)


class Metered(Leased):
    """A store that has rate limits; `make` is all that it takes."""

    @pytest.fixture
    def limits(self, base: Any, bridge: Bridge) -> Any:
        return bridge.driven(self.limits_of(base))

    @pytest.fixture(params=KINDS)
    def limit(self, request: pytest.FixtureRequest) -> Limit:
        return KINDS[request.param]

    @pytest.fixture(params=PASSING)
    def passing(self, request: pytest.FixtureRequest) -> Limit:
        return PASSING[request.param]

    @pytest.fixture
    def hit(self, limits: Any) -> Callable[..., Decision]:
        """Asks by one meter on `k`, or by several."""

        def hit(*asked: Limit | Meter, cost: int = 1, tell: bool = False) -> Decision:
            meters = [one if isinstance(one, Meter) else of(one) for one in asked]
            told: Decision = limits.hit(meters, Ask(cost, ANN, tell))
            return told

        return hit

    def limits_of(self, store: Any) -> Any:
        """The rate limits of *store*."""
        half: Any = aio.protocols if isinstance(store, aio.Storage) else protocols
        return store.room(half.RateLimitStore)

    @property
    def slack(self) -> int:
        """The microseconds by which two looks at one clock may differ."""
        return self.slack_ms * 1000

    def near(self, span: int) -> Any:
        """*span* as it is read by two looks at the clock."""
        return pytest.approx(span, rel=0, abs=2 * self.slack)

    def come_to(self, clock: Clock, moment: int) -> None:
        """Let the time pass until that *moment*, in microseconds."""
        self._go(clock, moment + self.slack)

    def come_before(self, clock: Clock, moment: int) -> None:
        """Let the time pass until the last microsecond before that *moment*."""
        self._go(clock, moment - 1 - self.slack)

    def _go(self, clock: Clock, moment: int) -> None:
        self.tick(clock, (moment - round(clock() * SECOND)) / SECOND)


class Passing(Metered):
    def test_so_many_pass_and_no_more(
        self, limit: Limit, hit: Callable[..., Decision], clock: Clock
    ) -> None:
        for number in range(MOST):
            told = hit(limit)
            assert (told.passed, told.is_news) == (True, False)
            assert told.at == told.now == self.near(round(clock() * SECOND))
            assert told.readings[0][:2] == (0, MOST - 1 - number)
        for _ in range(2):
            told = hit(limit)
            assert (told.passed, told.at, told.is_news) == (False, 0, False)
            assert told.readings[0].wait > 0
            assert told.readings[0].left == 0

    def test_who_is_refused_may_pass_when_it_was_told(
        self, limit: Limit, hit: Callable[..., Decision], clock: Clock
    ) -> None:
        for _ in range(MOST):
            hit(limit)
            self.tick_ms(clock, 300)
        for _ in range(3):
            told = hit(limit)
            assert not told.passed
            may = told.now + told.readings[0].wait
            self.come_before(clock, may)
            late = hit(limit)
            assert not late.passed
            assert late.now + late.readings[0].wait == self.near(may)
            self.come_to(clock, may)
            assert hit(limit).passed
            while hit(limit).passed:
                pass

    def test_a_cost_counts_as_so_many_hits(
        self, limit: Limit, hit: Callable[..., Decision], clock: Clock
    ) -> None:
        assert hit(limit, cost=3).readings[0].left == 1
        told = hit(limit, cost=2)
        assert (told.passed, told.readings[0].left) == (False, 1)
        assert told.readings[0].wait > 0
        assert hit(limit, cost=1).passed

        may = hit(limit, cost=3)
        moment = may.now + may.readings[0].wait
        self.come_before(clock, moment)
        assert not hit(limit, cost=3).passed
        self.come_to(clock, moment)
        assert hit(limit, cost=3).passed

    def test_it_is_told_when_nothing_counts_any_more(
        self, limit: Limit, limits: Any, hit: Callable[..., Decision], clock: Clock
    ) -> None:
        hit(limit, cost=MOST)
        self.tick_ms(clock, 700)
        told = hit(limit)
        fresh = told.now + told.readings[0].fresh

        self.come_before(clock, fresh)
        assert limits.peek([of(limit)], Ask()).readings[0].left < MOST
        self.come_to(clock, fresh)
        assert limits.peek([of(limit)], Ask()).readings == [(0, MOST, 0)]
        assert hit(limit, cost=MOST).passed

    def test_a_look_says_what_a_hit_would_say_and_spends_nothing(
        self, limit: Limit, limits: Any, hit: Callable[..., Decision]
    ) -> None:
        def look(cost: int) -> Decision:
            told: list[Decision] = [
                limits.peek([of(limit)], Ask(cost, tell=True)) for _ in range(3)
            ]
            return told[-1]

        assert look(MOST).readings == [(0, MOST, 0)]
        hit(limit, cost=3)
        seen = look(1)
        assert (seen.passed, seen.at, seen.is_news) == (True, seen.now, False)
        assert seen.readings[0][:2] == (0, 1)
        seen, told = look(2), hit(limit, cost=2)
        assert (seen.passed, seen.at, seen.readings[0].left) == (False, 0, 1)
        assert seen.now + seen.readings[0].wait == self.near(told.now + told.readings[0].wait)
        assert seen.now + seen.readings[0].fresh == self.near(told.now + told.readings[0].fresh)
        assert hit(limit).passed

    def test_a_refusal_spends_nothing(
        self, limit: Limit, hit: Callable[..., Decision], clock: Clock
    ) -> None:
        hit(limit, cost=MOST)
        told = hit(limit)
        may = told.now + told.readings[0].wait
        for cost in (1, 2, MOST) * 3:
            self.tick_ms(clock, 1)
            assert not hit(limit, cost=cost).passed

        self.come_to(clock, may)
        assert hit(limit).passed

    def test_a_clock_that_goes_back_admits_nothing_more(
        self, limit: Limit, limits: Any, hit: Callable[..., Decision], clock: Clock
    ) -> None:
        hit(limit, cost=3)
        self.tick_ms(clock, 400)
        full = hit(limit)
        refused = hit(limit)
        for ms in (200, 1000 * PER, 5000 * PER):
            self.tick_ms(clock, -ms)
            told = hit(limit)
            assert (told.passed, told.now) == (False, self.near(full.now))
            assert told.readings[0].wait == self.near(refused.readings[0].wait)
            assert not limits.peek([of(limit)], Ask()).passed

    def test_what_a_clock_passed_that_went_ahead_counts_when_it_is_back(
        self, limit: Limit, hit: Callable[..., Decision], clock: Clock
    ) -> None:
        hit(limit, cost=MOST)
        self.tick_ms(clock, 4000 * PER)
        ahead = hit(limit, cost=MOST)
        self.tick_ms(clock, -4000 * PER)

        told = hit(limit)
        assert (told.passed, told.now) == (False, self.near(ahead.now))
        self.come_to(clock, told.now + told.readings[0].wait)
        assert hit(limit).passed

    def test_an_even_bucket_lets_one_pass_at_a_time(
        self, hit: Callable[..., Decision], clock: Clock
    ) -> None:
        limit = Limit(4, PER, algorithm="leaky")
        for _ in range(6):
            assert hit(limit).readings == [(0, 0, PER * SECOND // 4)]
            told = hit(limit)
            assert not told.passed
            self.come_to(clock, told.now + told.readings[0].wait)

    def test_a_long_log_knows_every_hit(
        self, hit: Callable[..., Decision], limits: Any, clock: Clock
    ) -> None:
        limit = Limit(50, PER)
        for _ in range(2):
            moments = []
            for left in range(49, -1, -1):
                told = hit(limit)
                assert (told.passed, told.readings[0].left) == (True, left)
                moments.append(told.at)
                self.tick_ms(clock, 10)
            for at, following in pairwise(moments[:4]):
                assert not hit(limit).passed
                self.come_to(clock, at + PER * SECOND)
                assert hit(limit).passed
                told = hit(limit)
                assert told.now + told.readings[0].wait == following + PER * SECOND
            self.come_to(clock, moments[-1] + PER * SECOND)
            assert limits.peek([of(limit)], Ask()).readings[0].left == 50 - 3
            self.tick_ms(clock, 1000 * PER)

    def test_the_shortest_limit_counts(self, hit: Callable[..., Decision], clock: Clock) -> None:
        limit = Limit(2, 0.001, algorithm="gcra", burst=1000)
        hit(limit, cost=1000)

        told = hit(limit, cost=1000)
        assert told.readings[0].wait == self.near(500_000)
        self.come_to(clock, told.now + told.readings[0].wait)
        assert hit(limit, cost=1000).passed


class Apart(Metered):
    def test_each_key_is_counted_by_itself(self, limits: Any) -> None:
        groups = [[of(ONE, key)] for key in NASTY_KEYS]

        assert all(told.passed for told in limits.hit_many(groups, Ask()))
        assert not any(told.passed for told in limits.hit_many(groups, Ask()))

    def test_each_definition_counts_by_itself(self, limits: Any) -> None:
        alike = [
            *KINDS.values(),
            Limit(4, PER, algorithm="leaky"),
            Limit(5, PER),
            Limit(4, PER + 0.001),
            *(Limit(4, PER, name=name) for name in ("a", "b", "a:b", "~", "k", "%7E")),
            Limit(4, PER, algorithm="gcra", burst=3),
            Limit(4, PER, algorithm="gcra", name="4"),
        ]
        assert len({one.rule.stored for one in alike}) == len(alike)
        for limit in alike:
            told = limits.hit([of(limit)], Ask(limit.rule.most, ANN))
            assert (told.passed, told.readings[0].left) == (True, 0)
        for limit in alike:
            assert not limits.hit([of(limit)], Ask(1, ANN)).passed

    def test_what_says_the_same_counts_together(self, hit: Callable[..., Decision]) -> None:
        assert hit(Limit(4, PER, key="chat:{chat}"), cost=3).passed
        assert hit(Limit.parse("4/10s")).readings[0].left == 0
        assert not hit(Limit(4, PER)).passed

    def test_namespaces_have_limits_of_their_own(self, base: Any, bridge: Bridge) -> None:
        views = [base, base.namespace("a"), base.namespace("b"), base.namespace("a").namespace("a")]
        for view in views:
            limits = bridge.driven(self.limits_of(view))
            assert limits.hit([of(ONE)], Ask()).passed
        for view in views:
            limits = bridge.driven(self.limits_of(view))
            assert not limits.hit([of(ONE)], Ask()).passed

    def test_a_limit_is_no_entry(self, store: Any, hit: Callable[..., Decision]) -> None:
        hit(ONE)
        store.set("k", 1)

        assert not hit(ONE).passed
        assert store.get("k") == 1
        assert list(store.keys()) == ["k"]

    def test_many_are_asked_in_their_order(self, limits: Any) -> None:
        two = Limit(2, PER)
        groups = [[of(two, key)] for key in ("a", "b", "a", "a", "b", "a")]

        told = limits.hit_many(groups, Ask())
        assert [one.passed for one in told] == [True, True, True, False, True, False]
        assert [one.readings[0].left for one in told] == [1, 1, 0, 0, 0, 0]
        assert limits.hit_many([], Ask()) == []

    def test_rate_limits_refuse_what_is_no_key(self, limits: Any) -> None:
        for key in (7, None, "\ud800"):
            meters = [Meter(ONE.rule, "fine"), Meter(ONE.rule, key)]  # type: ignore[arg-type]
            for call in _calls(limits, meters).values():
                with pytest.raises(InvalidKeyError):
                    call()
        assert limits.hit([of(ONE, "fine")], Ask()).passed

    def test_rate_limits_of_a_closed_store_are_refused(
        self, limits: Any, store: Any, hit: Callable[..., Decision]
    ) -> None:
        hit(ONE)
        store.close()

        for call in _calls(limits, [of(ONE)]).values():
            with pytest.raises(ClosedError):
                call()


class LimitCrowds(Metered):
    def test_no_more_pass_of_all_who_come_at_once(self, limit: Limit, limits: Any) -> None:
        def work() -> int:
            return sum(limits.hit([of(limit)], Ask(1, ANN)).passed for _ in range(5))

        assert sum(crowd([work] * 8)) == MOST

    def test_of_two_limits_nothing_is_lost_to_who_comes_at_once(self, limits: Any) -> None:
        """Who is refused by one spends nothing of the other, whatever the order of them."""
        wide, narrow = of(Limit(50, PER)), of(Limit(4, PER))

        def work(*meters: Meter) -> int:
            return sum(limits.hit(meters, Ask()).passed for _ in range(5))

        assert sum(crowd([lambda: work(wide, narrow), lambda: work(narrow, wide)] * 4)) == MOST
        assert limits.peek([wide], Ask()).readings[0].left == 50 - MOST

    def test_everybody_gets_a_place_of_his_own(self, limits: Any) -> None:
        def work() -> list[int]:
            return [limits.reserve([of(ONE)], Ask(), 99 * PER * SECOND).at for _ in range(3)]

        moments = sorted(at for told in crowd([work] * 8) for at in told)
        assert len(moments) == 24
        assert all(b - a >= PER * SECOND for a, b in pairwise(moments))


class LimitLogs(Metered):
    def test_the_log_shows_what_was_asked_and_never_a_token(
        self, limits: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        slots = Limit(4, PER, algorithm="slots")
        for name, call in _calls(limits, [of(slots, "the key")]).items():
            caplog.clear()
            with caplog.at_level(logging.DEBUG, logger="storage"):
                call()

            lines = [one.getMessage() for one in caplog.records if one.name == "storage"]
            word = "1 keys" if name == "hit_many" else "the key"
            assert [line for line in lines if re.search(rf": {name} '{word}' .* ms", line)]
            assert ANN not in "".join(lines)


def _calls(limits: Any, meters: list[Meter]) -> dict[str, Callable[[], object]]:
    """Everything that can be asked of *meters*."""
    return {
        "hit": lambda: limits.hit(meters, Ask(1, ANN)),
        "hit_many": lambda: limits.hit_many([meters], Ask(1, ANN)),
        "peek": lambda: limits.peek(meters, Ask()),
        "reserve": lambda: limits.reserve(meters, Ask(1, ANN), 99 * PER * SECOND),
        "refund": lambda: limits.refund(meters, 1, 5),
        "block": lambda: limits.block(meters, SECOND),
        "renew": lambda: limits.renew(meters, ANN),
        "release": lambda: limits.release(meters, ANN),
        "reset": lambda: limits.reset(meters),
    }
