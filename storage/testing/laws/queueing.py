"""The queue before a lease: whose turn it is, and how one hears of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import pytest

from ..clock import Clock
from ..threads import PATIENCE_SECONDS, crowd
from .leasing import BRIEF, LONG, Acquire, Leased

TOO_LONG: Final = 2000 * int(PATIENCE_SECONDS)
"""Milliseconds to wait for what must come earlier."""


class Queueing(Leased):
    def test_a_lease_goes_round_in_the_order_of_asking(self, ask: Acquire, room: Any) -> None:
        tokens = ["ann", "bob", "cid", "dot"]
        for token in tokens:
            ask(token)
        for place, token in enumerate(tokens):
            assert [ask(one).granted for one in tokens[place + 1 :]] == [False] * (3 - place)
            assert ask(token).granted is True
            assert room.release("k", token) is True

    def test_a_newcomer_does_not_overtake(self, ask: Acquire, room: Any) -> None:
        ask("ann")
        ask("bob")
        room.release("k", "ann")

        for token in ("ann", "cid"):
            assert ask(token, patience_ms=0).granted is False
        assert ask("bob").granted is True

    def test_a_newcomer_does_not_overtake_where_the_lease_ran_out(
        self, ask: Acquire, clock: Clock
    ) -> None:
        ask("ann", BRIEF)
        ask("bob")
        self.tick_ms(clock, BRIEF + self.slack_ms)

        assert ask("cid").granted is False
        assert ask("bob").granted is True

    def test_who_asks_again_keeps_the_place(self, ask: Acquire, room: Any) -> None:
        for token in ("ann", "bob", "cid", "bob", "cid", "bob"):
            ask(token)
        room.release("k", "ann")

        assert ask("cid").granted is False
        assert ask("bob").granted is True

    def test_who_does_not_ask_again_loses_the_place(
        self, ask: Acquire, room: Any, clock: Clock
    ) -> None:
        ask("ann")
        ask("bob", patience_ms=BRIEF)
        ask("cid")
        room.release("k", "ann")

        told = ask("cid")
        assert told.granted is False
        assert told.wait_ms == pytest.approx(BRIEF, abs=1 + self.slack_ms)
        self.tick_ms(clock, BRIEF + self.slack_ms)
        assert ask("cid").granted is True

    def test_who_asks_again_stays_patient_from_then(
        self, ask: Acquire, room: Any, clock: Clock
    ) -> None:
        ask("ann", 10_000 * BRIEF)
        ask("bob", patience_ms=1000 * BRIEF)
        ask("cid", patience_ms=10_000 * BRIEF)
        for _ in range(3):
            self.tick_ms(clock, 900 * BRIEF)
            ask("bob", patience_ms=1000 * BRIEF)
        room.release("k", "ann")

        assert ask("cid").granted is False
        assert ask("bob").granted is True

    def test_who_lost_the_place_is_the_last(self, ask: Acquire, room: Any, clock: Clock) -> None:
        ask("ann")
        ask("bob", patience_ms=BRIEF)
        ask("cid")
        self.tick_ms(clock, BRIEF + self.slack_ms)
        ask("bob")
        room.release("k", "ann")

        assert ask("bob").granted is False
        assert ask("cid").granted is True

    def test_who_gives_up_the_place_is_in_nobodys_way(self, ask: Acquire, room: Any) -> None:
        for token in ("ann", "bob", "cid"):
            ask(token)

        assert room.release("k", "bob") is False
        room.release("k", "ann")
        assert ask("cid").granted is True

    def test_who_has_no_patience_has_no_place(self, ask: Acquire, room: Any) -> None:
        ask("ann")
        assert ask("bob", patience_ms=0).granted is False
        room.release("k", "ann")

        assert ask("cid", patience_ms=0).granted is True

    def test_the_queue_of_one_key_is_not_in_the_way_of_another(
        self, ask: Acquire, room: Any
    ) -> None:
        ask("ann")
        ask("bob")

        assert room.acquire("other", "cid", LONG, LONG).granted is True


class Waiting(Leased):
    """A wait ends when there is something to ask for; these laws wait for the real time."""

    def assert_woken(self, room: Any, token: str, wake: Callable[[], object]) -> None:
        """The wait of *token* ends with *wake*, long before its time."""

        asked = threading.Event()

        def wait() -> float:
            started = time.monotonic()
            while not room.acquire("k", token, LONG, LONG).granted:
                asked.set()
                room.wait("k", token, TOO_LONG)
            return time.monotonic() - started

        def wake_later() -> None:
            asked.wait(PATIENCE_SECONDS)
            time.sleep(0.01)
            wake()

        took, _ = crowd([wait, wake_later])
        assert took < PATIENCE_SECONDS

    def test_a_release_wakes_the_first(self, ask: Acquire, room: Any) -> None:
        ask("ann")
        ask("bob")

        self.assert_woken(room, "bob", lambda: room.release("k", "ann"))

    def test_a_place_that_is_given_up_wakes_the_next(self, ask: Acquire, room: Any) -> None:
        for token in ("ann", "bob", "cid"):
            ask(token)
        room.release("k", "ann")

        self.assert_woken(room, "cid", lambda: room.release("k", "bob"))

    def test_a_release_before_the_wait_is_not_missed(self, ask: Acquire, room: Any) -> None:
        ask("ann")
        ask("bob")
        room.release("k", "ann")
        started = time.monotonic()
        room.wait("k", "bob", TOO_LONG)

        assert time.monotonic() - started < PATIENCE_SECONDS
        assert ask("bob").granted is True

    def test_a_wait_ends_after_its_time(self, ask: Acquire, room: Any) -> None:
        ask("ann")
        ask("bob")
        started = time.monotonic()
        room.wait("k", "bob", 30)

        assert 0.02 < time.monotonic() - started < PATIENCE_SECONDS
        assert ask("bob").granted is False

    def test_a_crowd_waits_and_each_gets_its_turn(self, room: Any) -> None:
        inside: list[str] = []
        order: list[str] = []

        def work(token: str) -> None:
            for _ in range(3):
                while not room.acquire("k", token, LONG, LONG).granted:
                    room.wait("k", token, 1000)
                inside.append(token)
                assert inside == [token]
                order.append(inside.pop())
                room.release("k", token)

        crowd([partial(work, str(n)) for n in range(6)])

        assert sorted(order) == sorted(3 * "012345")
