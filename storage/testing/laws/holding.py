"""Leases and claims as a user holds them: `with leases.hold(key)`.

A lease is renewed, and waited for, in the time that passes; it runs out by the clock that is
turned by hand.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any, Final

import pytest

from ... import aio, leases
from ...errors import (
    ClosedError,
    InvalidKeyError,
    LeaseLostError,
    LeaseTimeoutError,
    ReentryError,
    StorageError,
)
from ..bridge import Bridge
from ..clock import Clock
from ..threads import PATIENCE_SECONDS, crowd, elsewhere
from .leasing import LONG, Leased

BRIEF: Final = 0.1
"""Seconds after which a lease of three times that is renewed."""

NO_LIFETIMES: Final = (0, -1, float("nan"), float("inf"), True, timedelta(0))
NO_WAITS: Final = (-1, float("nan"), float("inf"), timedelta(seconds=-1))


def until(condition: Callable[[], object]) -> None:
    """Wait for what happens in the background."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.005)


class Held(Leased):
    @pytest.fixture
    def make_leases(self, base: Any, bridge: Bridge) -> Callable[..., Any]:
        """Makes leases of the store, by plain calls."""
        half: Any = aio if isinstance(base, aio.Storage) else leases

        def make_leases(store: Any = base, **options: Any) -> Any:
            return bridge.driven(half.Leases(store, **options))

        return make_leases

    @pytest.fixture
    def leases(self, make_leases: Callable[..., Any]) -> Any:
        return make_leases()


class Holding(Held):
    def test_a_block_holds_the_lease_and_gives_it_back(self, leases: Any, room: Any) -> None:
        with leases.hold("k") as lease:
            assert lease.key == "k"
            assert lease.lost is False
            lease.check()
            assert room.acquire("k", "probe", LONG, 0).granted is False
            assert room.renew("k", lease.token, LONG) is True

        assert room.acquire("k", "probe", LONG, 0).granted is True

    def test_each_holding_has_a_token_of_its_own(self, leases: Any) -> None:
        tokens = set()
        for _ in range(3):
            with leases.hold("k") as lease:
                tokens.add(lease.token)

        assert len(tokens) == 3

    def test_an_error_in_the_block_comes_through_and_frees_the_lease(
        self, leases: Any, room: Any
    ) -> None:
        with pytest.raises(LookupError, match="of the user"), leases.hold("k"):
            raise LookupError("of the user")

        assert room.acquire("k", "probe", LONG, 0).granted is True

    def test_who_does_not_wait_is_refused_at_once(self, leases: Any, room: Any) -> None:
        room.acquire("k", "other", LONG, LONG)

        for wait in (0, 0.0, timedelta(0)):
            with pytest.raises(LeaseTimeoutError) as caught, leases.hold("k", wait=wait):
                pytest.fail("it is held by another")
            assert isinstance(caught.value, TimeoutError)
            assert isinstance(caught.value, StorageError)
            assert caught.value.key == "k"
            assert caught.value.store

    @pytest.mark.parametrize("wait", [0, 0.05])
    def test_who_gives_up_is_in_nobodys_way(self, leases: Any, room: Any, wait: float) -> None:
        room.acquire("k", "other", LONG, LONG)
        with pytest.raises(LeaseTimeoutError), leases.hold("k", wait=wait):
            pytest.fail("it is held by another")
        room.release("k", "other")

        assert room.acquire("k", "probe", LONG, 0).granted is True

    def test_a_deadline_is_kept(self, leases: Any, room: Any) -> None:
        room.acquire("k", "other", LONG, LONG)
        started = time.monotonic()
        with pytest.raises(LeaseTimeoutError), leases.hold("k", wait=timedelta(seconds=0.1)):
            pytest.fail("it is held by another")

        assert 0.09 < time.monotonic() - started < PATIENCE_SECONDS

    def test_who_waits_gets_it_when_it_is_free(self, leases: Any, room: Any) -> None:
        for wait in (None, 10 * PATIENCE_SECONDS):
            room.acquire("k", "other", LONG, LONG)

            def hold(wait: float | None = wait) -> str:
                with leases.hold("k", wait=wait) as lease:
                    return str(lease.key)

            told, _ = crowd([hold, partial(room.release, "k", "other")])
            assert told == "k"

    def test_who_waits_gets_it_when_the_holder_is_gone(
        self, leases: Any, room: Any, clock: Clock
    ) -> None:
        room.acquire("k", "other", 100, 0)

        def hold() -> None:
            with leases.hold("k"):
                pass

        crowd([hold, partial(self.tick_ms, clock, 100 + self.slack_ms)])

    def test_one_at_a_time_is_inside(self, leases: Any) -> None:
        inside: list[int] = []

        def work(number: int) -> None:
            for _ in range(3):
                with leases.hold("k"):
                    inside.append(number)
                    time.sleep(0.001)
                    assert inside == [number]
                    inside.remove(number)

        crowd([partial(work, number) for number in range(4)])

    def test_leases_of_a_namespace_are_others(
        self, base: Any, leases: Any, make_leases: Callable[..., Any]
    ) -> None:
        others = make_leases(base.namespace("a"))

        with leases.hold("k"), others.hold("k", wait=0):
            pass

    def test_a_key_is_not_held_twice_by_the_same_one(self, leases: Any, room: Any) -> None:
        with leases.hold("k") as lease:
            for wait in (0, 60, None):
                with pytest.raises(ReentryError), leases.hold("k", wait=wait):
                    pytest.fail("it would wait for itself")
            with leases.hold("other"):
                pass
            assert room.renew("k", lease.token, LONG) is True
        with leases.hold("k"):
            pass

    def test_another_one_waits_and_is_not_refused(self, leases: Any) -> None:
        def hold() -> None:
            with leases.hold("k", wait=0):
                pytest.fail("it is held by another")

        with leases.hold("k"), pytest.raises(LeaseTimeoutError):
            elsewhere(hold)


class Renewing(Held):
    def test_a_lease_is_renewed_while_the_block_runs(
        self, leases: Any, room: Any, clock: Clock
    ) -> None:
        def left() -> int:
            return int(room.acquire("k", "probe", LONG, 0).wait_ms)

        with leases.hold("k", ttl=3 * BRIEF):
            for _ in range(2):
                self.tick(clock, 2 * BRIEF)
                until(lambda: left() > 2 * BRIEF * 1000)

    def test_several_leases_are_renewed_each_in_its_time(
        self, leases: Any, room: Any, clock: Clock
    ) -> None:
        def renewed(key: str, ttl: float) -> bool:
            return bool(room.acquire(key, "probe", LONG, 0).wait_ms > ttl * 900)

        with leases.hold("slow", ttl=6 * BRIEF), leases.hold("quick", ttl=3 * BRIEF):
            self.tick(clock, 2 * BRIEF)

            until(lambda: renewed("quick", 3 * BRIEF) and renewed("slow", 6 * BRIEF))

    def test_a_lease_that_ran_out_is_lost_and_the_end_of_the_block_says_so(
        self, leases: Any, clock: Clock
    ) -> None:
        with pytest.raises(LeaseLostError) as caught, leases.hold("k") as lease:
            self.tick(clock, 31)
        assert caught.value.key == "k"
        assert caught.value.store
        assert lease.lost is True

        with leases.hold("k") as another:
            assert another.lost is False

    def test_a_lease_that_another_took_is_lost_and_stays_with_the_other(
        self, leases: Any, room: Any, clock: Clock
    ) -> None:
        def work() -> None:
            with leases.hold("k"):
                self.tick(clock, 31)
                assert room.acquire("k", "other", LONG, 0).granted is True

        with pytest.raises(LeaseLostError):
            work()
        assert room.renew("k", "other", LONG) is True

    def test_a_lost_lease_is_told_of_while_the_block_runs(
        self, leases: Any, room: Any, clock: Clock
    ) -> None:
        told: list[object] = []

        def work() -> None:
            with leases.hold("k", ttl=6 * BRIEF) as lease:
                self.tick(clock, 3600)
                room.acquire("k", "other", LONG, 0)
                until(lambda: lease.lost)
                with pytest.raises(LeaseLostError):
                    lease.check()
                told.append(lease)

        with pytest.raises(LeaseLostError):
            work()
        assert told

    def test_an_error_of_the_block_goes_before_a_lost_lease(
        self, leases: Any, clock: Clock
    ) -> None:
        def work() -> None:
            with leases.hold("k"):
                self.tick(clock, 31)
                raise LookupError("of the user")

        with pytest.raises(LookupError, match="of the user"):
            work()

    def test_nothing_stays_in_the_background_when_nothing_is_held(self, leases: Any) -> None:
        def busy() -> list[threading.Thread]:
            return [one for one in threading.enumerate() if one not in before]

        leases.claim("k", ttl=60)
        before = threading.enumerate()
        with leases.hold("a", ttl=3 * BRIEF), leases.hold("b", ttl=3 * BRIEF):
            pass

        until(lambda: not busy())


class Claims(Held):
    def test_a_claim_is_true_for_one(self, leases: Any) -> None:
        claims = [leases.claim("update:7", ttl=60) for _ in range(3)]

        assert [bool(claim) for claim in claims] == [True, False, False]
        assert [claim.busy for claim in claims] == [False, True, True]
        assert [claim.finished for claim in claims] == [False] * 3

    def test_what_is_done_is_finished_for_everybody(self, leases: Any, clock: Clock) -> None:
        claim = leases.claim("update:7", ttl=60)

        assert claim.done(ttl=600) is True
        self.tick(clock, 599 - self.slack_ms / 1000)
        again = leases.claim("update:7", ttl=60)
        assert (bool(again), again.busy, again.finished) == (False, False, True)
        self.tick(clock, 1 + 2 * self.slack_ms / 1000)
        assert leases.claim("update:7", ttl=60)

    def test_what_is_done_is_kept_for_a_day_unless_told_otherwise(
        self, leases: Any, clock: Clock
    ) -> None:
        leases.claim("update:7", ttl=60).done()
        self.tick(clock, 86_000)

        assert leases.claim("update:7", ttl=60).finished

    def test_what_was_not_done_in_time_may_be_claimed_again(
        self, leases: Any, clock: Clock
    ) -> None:
        late = leases.claim("update:7", ttl=timedelta(minutes=1))
        self.tick(clock, 60 + self.slack_ms / 1000)
        claim = leases.claim("update:7", ttl=60)

        assert claim
        assert late.done() is False
        assert claim.done() is True

    def test_what_was_not_claimed_can_not_be_done(self, leases: Any) -> None:
        leases.claim("update:7", ttl=60)
        claim = leases.claim("update:7", ttl=60)

        with pytest.raises(RuntimeError):
            claim.done()

    def test_a_claim_shows_neither_its_token_nor_much_of_the_key(self, leases: Any) -> None:
        claim = leases.claim("k" * 1000, ttl=60)

        assert claim.token not in repr(claim)
        assert len(repr(claim)) < 200


class Arguments(Held):
    def test_no_lifetime_is_refused(self, leases: Any, make_leases: Callable[..., Any]) -> None:
        claim = leases.claim("other", ttl=60)
        calls: list[Callable[[Any], object]] = [
            lambda ttl: make_leases(ttl=ttl),
            lambda ttl: leases.hold("k", ttl=ttl),
            lambda ttl: leases.claim("k", ttl=ttl),
            lambda ttl: claim.done(ttl=ttl),
        ]
        for call in calls:
            for ttl in NO_LIFETIMES:
                with pytest.raises(ValueError, match="ttl"):
                    call(ttl)
        assert leases.claim("other", ttl=60).busy

    def test_a_lease_must_end(self, leases: Any, make_leases: Callable[..., Any]) -> None:
        moment: Any = datetime(2100, 1, 1, tzinfo=timezone.utc)
        for ttl in (None, moment):
            with pytest.raises(ValueError, match="ttl"):
                make_leases(ttl=ttl)
            with pytest.raises(ValueError, match="ttl"):
                leases.claim("k", ttl=ttl)

    def test_no_wait_is_refused(self, leases: Any) -> None:
        for wait in NO_WAITS:
            with pytest.raises(ValueError, match="wait"):
                leases.hold("k", wait=wait)
        others: list[Any] = [True, "1", b"1"]
        for wait in others:
            with pytest.raises(TypeError):
                leases.hold("k", wait=wait)

    def test_what_is_no_key_is_refused(self, leases: Any) -> None:
        for key in (7, None, b"k", "\ud800"):
            with pytest.raises(InvalidKeyError):
                leases.hold(key)
            with pytest.raises(InvalidKeyError):
                leases.claim(key, ttl=60)

    def test_a_closed_store_refuses(
        self, leases: Any, store: Any, make_leases: Callable[..., Any]
    ) -> None:
        claim = leases.claim("k", ttl=60)
        store.close()

        with pytest.raises(ClosedError), leases.hold("k"):
            pytest.fail("there is nothing to hold")
        for call in (lambda: leases.claim("k", ttl=60), claim.done, make_leases):
            with pytest.raises(ClosedError):
                call()

    def test_a_closed_namespace_refuses(
        self, base: Any, bridge: Bridge, make_leases: Callable[..., Any]
    ) -> None:
        view = base.namespace("a")
        leases = make_leases(view)
        bridge.driven(view).close()

        with pytest.raises(ClosedError), leases.hold("k"):
            pytest.fail("there is nothing to hold")
