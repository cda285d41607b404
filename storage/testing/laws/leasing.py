"""Leases and claims as a room keeps them: who is next, by a clock that is turned by hand."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import pytest

from ... import aio, protocols
from ...errors import ClosedError, InvalidKeyError
from ...records import Turn
from ..bridge import Bridge
from ..clock import Clock
from ..strategies import NASTY_KEYS
from ..threads import crowd
from .privacy import SECRET
from .suite import Suite

LONG: Final = 60_000
"""A lifetime that no law waits for."""

BRIEF: Final = 100

Acquire = Callable[..., Turn]


class Leased(Suite):
    """A store that has leases; `make` is all that it takes."""

    @pytest.fixture
    def bridge(self) -> Iterator[Bridge]:
        with Bridge() as bridge:
            yield bridge

    @pytest.fixture
    def base(self, clock: Clock, bridge: Bridge) -> Iterator[Any]:
        """The store as it was made."""
        base = self.make(clock)
        yield base
        bridge.driven(base).close()

    @pytest.fixture
    def store(self, base: Any, bridge: Bridge) -> Any:
        return bridge.driven(base)

    @pytest.fixture
    def room(self, base: Any, bridge: Bridge) -> Any:
        return self.room_of(base, bridge)

    @pytest.fixture
    def ask(self, room: Any) -> Acquire:
        """Asks for the lease on `k`."""

        def ask(token: str, ttl_ms: int = LONG, patience_ms: int = LONG) -> Turn:
            told: Turn = room.acquire("k", token, ttl_ms, patience_ms)
            return told

        return ask

    def room_of(self, store: Any, bridge: Bridge) -> Any:
        """The room of leases of *store*, by plain calls."""
        half: Any = aio.protocols if isinstance(store, aio.Storage) else protocols
        return bridge.driven(store.room(half.LeaseStore))

    def tick_ms(self, clock: Clock, ms: int) -> None:
        self.tick(clock, ms / 1000)

    def tick_to_the_end(self, clock: Clock, ms: int) -> None:
        """To the last of the *ms* milliseconds that something lasts."""
        self.tick_ms(clock, ms - 1 - self.slack_ms)

    def tick_over(self, clock: Clock) -> None:
        """Over the end to which `tick_to_the_end` came."""
        self.tick_ms(clock, 1 + 2 * self.slack_ms)


class Leasing(Leased):
    def test_a_free_lease_is_granted_to_one_only(self, ask: Acquire) -> None:
        assert ask("ann") == (True, 0)
        assert ask("bob").granted is False
        assert ask("cid").granted is False

    def test_who_holds_it_is_granted_it_again(self, ask: Acquire) -> None:
        assert [ask("ann").granted for _ in range(3)] == [True] * 3

    def test_who_is_refused_is_told_when_the_lease_ends(self, ask: Acquire, clock: Clock) -> None:
        ask("ann", BRIEF)
        self.tick_ms(clock, 30)

        assert ask("bob").wait_ms == pytest.approx(BRIEF - 30, abs=1 + self.slack_ms)

    def test_a_lease_ends_at_its_very_deadline(self, ask: Acquire, clock: Clock) -> None:
        ask("ann", 1000 * BRIEF)

        self.tick_to_the_end(clock, 1000 * BRIEF)
        assert ask("bob", patience_ms=0).granted is False
        self.tick_over(clock)
        assert ask("bob", patience_ms=0).granted is True

    def test_a_lease_that_is_renewed_lasts_from_then(
        self, ask: Acquire, room: Any, clock: Clock
    ) -> None:
        ask("ann", 1000 * BRIEF)
        self.tick_ms(clock, 900 * BRIEF)

        assert room.renew("k", "ann", 1000 * BRIEF) is True
        self.tick_to_the_end(clock, 1000 * BRIEF)
        assert ask("bob", patience_ms=0).granted is False
        self.tick_over(clock)
        assert ask("bob", patience_ms=0).granted is True

    def test_only_the_holder_renews_and_releases(self, ask: Acquire, room: Any) -> None:
        ask("ann")
        ask("bob")

        for token in ("bob", "cid"):
            assert room.renew("k", token, LONG) is False
            assert room.release("k", token) is False
        assert room.renew("k", "ann", LONG) is True
        assert room.release("k", "ann") is True
        assert room.release("k", "ann") is False
        assert room.renew("k", "ann", LONG) is False

    def test_a_lease_that_is_over_is_lost_to_its_holder(
        self, ask: Acquire, room: Any, clock: Clock
    ) -> None:
        ask("ann", BRIEF)
        self.tick_ms(clock, BRIEF + self.slack_ms)

        assert room.renew("k", "ann", LONG) is False
        assert room.release("k", "ann") is False

    def test_who_was_late_does_not_release_the_next_holder(
        self, ask: Acquire, room: Any, clock: Clock
    ) -> None:
        ask("ann", BRIEF)
        self.tick_ms(clock, BRIEF + self.slack_ms)
        ask("bob")

        assert room.release("k", "ann") is False
        assert room.renew("k", "ann", LONG) is False
        assert ask("cid", patience_ms=0).granted is False

    def test_a_lease_is_no_value_and_no_key(self, ask: Acquire, room: Any, store: Any) -> None:
        store.set("k", 1)
        ask("ann")
        room.claim("k", "ann", LONG)

        assert store.get("k") == 1
        assert store.has("k")
        assert list(store.keys()) == ["k"]
        assert list(store.items()) == [("k", 1)]
        store.delete("k")
        assert ask("bob", patience_ms=0).granted is False

    def test_each_key_has_a_lease_and_a_claim_of_its_own(self, room: Any, store: Any) -> None:
        for key in NASTY_KEYS:
            assert room.acquire(key, "ann", LONG, 0).granted is True
            assert room.claim(key, "ann", LONG) == "taken"
        for key in NASTY_KEYS:
            assert room.acquire(key, "bob", LONG, 0).granted is False
            assert room.claim(key, "bob", LONG) == "busy"
        assert list(store.keys()) == []
        for key in NASTY_KEYS:
            assert room.release(key, "ann") is True

    def test_namespaces_have_leases_of_their_own(self, base: Any, bridge: Bridge) -> None:
        views = [base, base.namespace("a"), base.namespace("b"), base.namespace("a").namespace("a")]
        rooms = [self.room_of(view, bridge) for view in views]
        for room in rooms:
            assert room.acquire("k", "ann", LONG, 0).granted is True
            assert room.claim("k", "ann", LONG) == "taken"

        again = self.room_of(base.namespace("a"), bridge)
        assert again.acquire("k", "bob", LONG, 0).granted is False
        assert again.release("k", "ann") is True
        assert rooms[0].acquire("k", "bob", LONG, 0).granted is False

    def test_a_room_refuses_what_is_no_key(self, room: Any) -> None:
        for key in (7, None, "\ud800"):
            with pytest.raises(InvalidKeyError):
                room.acquire(key, "ann", LONG, LONG)
            with pytest.raises(InvalidKeyError):
                room.claim(key, "ann", LONG)

    def test_one_of_all_who_ask_at_once_is_granted_it(self, room: Any) -> None:
        for turn in range(5):
            told = crowd([partial(room.acquire, f"k{turn}", str(n), LONG, 0) for n in range(8)])

            assert sum(one.granted for one in told) == 1

    def test_a_room_of_a_closed_store_refuses(self, room: Any, store: Any) -> None:
        room.acquire("k", "ann", LONG, LONG)
        store.close()

        calls: list[Callable[[], object]] = [
            lambda: room.acquire("k", "ann", LONG, LONG),
            lambda: room.wait("k", "ann", BRIEF),
            lambda: room.renew("k", "ann", LONG),
            lambda: room.release("k", "ann"),
            lambda: room.claim("k", "ann", LONG),
            lambda: room.done("k", "ann", LONG),
        ]
        for call in calls:
            with pytest.raises(ClosedError):
                call()

    def test_the_log_shows_operation_key_and_duration_and_never_a_token(
        self, room: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        calls: dict[str, Callable[[], object]] = {
            "acquire": lambda: room.acquire("the key", SECRET, LONG, LONG),
            "renew": lambda: room.renew("the key", SECRET, LONG),
            "wait": lambda: room.wait("the key", SECRET, 1),
            "release": lambda: room.release("the key", SECRET),
            "claim": lambda: room.claim("the key", SECRET, LONG),
            "done": lambda: room.done("the key", SECRET, LONG),
        }
        for name, call in calls.items():
            caplog.clear()
            with caplog.at_level(logging.DEBUG, logger="storage"):
                call()

            lines = [one.getMessage() for one in caplog.records if one.name == "storage"]
            assert [line for line in lines if re.search(rf": {name} 'the key' .* ms", line)]
            assert SECRET not in "".join(lines)


class Claiming(Leased):
    def test_one_takes_it_and_the_others_are_told_that_it_is_busy(self, room: Any) -> None:
        assert room.claim("k", "ann", LONG) == "taken"
        assert room.claim("k", "bob", LONG) == "busy"
        assert room.claim("other", "bob", LONG) == "taken"

    def test_the_same_token_takes_it_again(self, room: Any, clock: Clock) -> None:
        room.claim("k", "ann", 1000 * BRIEF)
        self.tick_ms(clock, 900 * BRIEF)

        assert room.claim("k", "ann", 1000 * BRIEF) == "taken"
        self.tick_ms(clock, 900 * BRIEF)
        assert room.claim("k", "bob", LONG) == "busy"

    def test_what_is_finished_is_refused_until_its_end(self, room: Any, clock: Clock) -> None:
        room.claim("k", "ann", LONG)

        assert room.done("k", "ann", 1000 * BRIEF) is True
        self.tick_to_the_end(clock, 1000 * BRIEF)
        assert room.claim("k", "bob", LONG) == "done"
        assert room.claim("k", "ann", LONG) == "done"
        self.tick_over(clock)
        assert room.claim("k", "bob", LONG) == "taken"

    def test_what_is_not_finished_can_be_taken_again_at_its_end(
        self, room: Any, clock: Clock
    ) -> None:
        room.claim("k", "ann", 1000 * BRIEF)

        self.tick_to_the_end(clock, 1000 * BRIEF)
        assert room.claim("k", "bob", LONG) == "busy"
        self.tick_over(clock)
        assert room.claim("k", "bob", LONG) == "taken"

    def test_who_is_late_does_not_finish_for_somebody_else(self, room: Any, clock: Clock) -> None:
        room.claim("k", "ann", BRIEF)
        self.tick_ms(clock, BRIEF + self.slack_ms)
        room.claim("k", "bob", LONG)

        assert room.done("k", "ann", LONG) is False
        assert room.claim("k", "cid", LONG) == "busy"
        assert room.done("k", "bob", LONG) is True
        assert room.done("k", "ann", LONG) is False
        assert room.claim("k", "cid", LONG) == "done"

    def test_who_is_late_finishes_what_nobody_else_took(self, room: Any, clock: Clock) -> None:
        room.claim("k", "ann", BRIEF)
        self.tick_ms(clock, BRIEF + self.slack_ms)

        assert room.done("k", "ann", LONG) is True
        assert room.claim("k", "bob", LONG) == "done"

    def test_finishing_twice_is_fine(self, room: Any) -> None:
        room.claim("k", "ann", LONG)

        assert [room.done("k", "ann", LONG) for _ in range(2)] == [True, True]

    def test_a_claim_is_no_lease(self, room: Any) -> None:
        room.claim("k", "ann", LONG)
        assert room.acquire("k", "bob", LONG, LONG).granted is True
        room.done("k", "ann", LONG)

        assert room.release("k", "bob") is True
        assert room.claim("k", "bob", LONG) == "done"

    def test_one_of_all_who_claim_at_once_takes_it(self, room: Any) -> None:
        for turn in range(5):
            told = crowd([partial(room.claim, f"k{turn}", str(n), LONG) for n in range(8)])

            assert sorted(told) == ["busy"] * 7 + ["taken"]
