"""Visits to entries: what is read with a lease that is taken, and written with one that is given
back."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import pytest

from ... import aio, protocols
from ...errors import ClosedError, InvalidKeyError
from ...records import DELETE, Change, Turn
from ...ttl import Expiry
from ..bridge import Bridge
from ..clock import Clock
from ..strategies import NASTY_KEYS
from ..threads import crowd
from .leasing import BRIEF, LONG, Acquire, Leased
from .privacy import SECRET

LASTING: Final = 100_000
"""A lifetime whose end a law comes to."""


class Visited(Leased):
    @pytest.fixture
    def visits(self, base: Any, bridge: Bridge) -> Any:
        return bridge.driven(self.visits_of(base))

    @pytest.fixture
    def put(self, visits: Any) -> Callable[..., None]:
        """Has bytes stand under `k`, or nothing."""

        def put(raw: bytes | None, expiry: Expiry = None) -> None:
            there = visits.look("k").raw
            new = DELETE if raw is None else raw
            assert visits.leave("k", "", 0, Change(there, new, expiry), True).done

        return put

    def visits_of(self, store: Any) -> Any:
        """The visits to the entries of *store*."""
        half: Any = aio.protocols if isinstance(store, aio.Storage) else protocols
        return store.room(half.VisitStore)

    def assert_left(self, store: Any, visits: Any, ms: int) -> None:
        """`k` has *ms* left, or as little more as a coarse store rounds up by."""
        left_ms = visits.look("k").left_ms

        assert ms - self.slack_ms <= left_ms < ms + store.capabilities.expiry_ms + self.slack_ms

    def tick_to_its_end(self, store: Any, clock: Clock, ms: int) -> None:
        self.tick_ms(clock, ms - 1 + store.capabilities.expiry_ms + self.slack_ms)


class Looking(Visited):
    def test_a_look_shows_what_is_there(self, visits: Any, store: Any, ask: Acquire) -> None:
        assert visits.look("k")[:2] == (None, None)
        ask("ann")
        store.set("k", [1])

        assert visits.look("k")[:2] == (b"[1]", None)
        assert visits.look("other")[:2] == (None, None)

    def test_a_look_tells_the_time(self, visits: Any, clock: Clock) -> None:
        for _ in range(2):
            assert visits.look("k").now_ms == pytest.approx(clock.ms, abs=self.slack_ms)
            assert visits.enter("k", "ann", LONG, 0)[1].now_ms == pytest.approx(
                clock.ms, abs=self.slack_ms
            )
            self.tick_ms(clock, 5000)

    def test_a_look_tells_what_is_left(self, visits: Any, store: Any, clock: Clock) -> None:
        store.set("k", 1, ttl=LASTING / 1000)
        self.assert_left(store, visits, LASTING)
        self.tick_ms(clock, 30_001)

        self.assert_left(store, visits, LASTING - 30_001)
        left_ms = visits.enter("k", "ann", LONG, 0)[1].left_ms
        assert left_ms == pytest.approx(visits.look("k").left_ms, abs=2 * self.slack_ms)

    def test_what_is_over_is_absent(
        self, visits: Any, store: Any, put: Callable[..., None], clock: Clock
    ) -> None:
        put(b"old", LASTING)
        self.tick_to_its_end(store, clock, LASTING)

        assert visits.look("k")[:2] == (None, None)
        assert visits.enter("k", "ann", LONG, 0)[1][:2] == (None, None)
        told = visits.leave("k", "ann", LONG, Change(b"old", b"new", None), True)
        assert told == (True, False, None)
        assert visits.leave("k", "ann", LONG, Change(None, b"new", None), True).done
        assert visits.look("k")[:2] == (b"new", None)

    def test_a_room_of_visits_refuses_what_is_no_key(self, visits: Any) -> None:
        for key in (7, None, "\ud800"):
            with pytest.raises(InvalidKeyError):
                visits.look(key)
            with pytest.raises(InvalidKeyError):
                visits.enter(key, "ann", LONG, 0)
            for token in ("", "ann"):
                with pytest.raises(InvalidKeyError):
                    visits.leave(key, token, LONG, Change(None, b"1", None), True)

    def test_visits_to_a_closed_store_are_refused(self, visits: Any, store: Any) -> None:
        visits.enter("k", "ann", LONG, 0)
        store.close()

        calls: list[Callable[[], object]] = [
            lambda: visits.look("k"),
            lambda: visits.enter("k", "ann", LONG, 0),
            lambda: visits.leave("k", "ann", LONG, Change(None, b"1", None), True),
            lambda: visits.leave("k", "", LONG, Change(None, b"1", None), True),
        ]
        for call in calls:
            with pytest.raises(ClosedError):
                call()


class Entering(Visited):
    def test_who_enters_holds_the_lease_and_sees_the_entry(
        self, visits: Any, store: Any, ask: Acquire
    ) -> None:
        store.set("k", [1])

        turn, sight = visits.enter("k", "ann", LONG, LONG)
        assert (turn, sight[:2]) == ((True, 0), (b"[1]", None))
        assert ask("bob", patience_ms=0).granted is False
        assert ask("ann").granted is True

    def test_who_enters_again_sees_what_is_there_then(self, visits: Any, store: Any) -> None:
        visits.enter("k", "ann", LONG, LONG)
        store.set("k", [1])

        assert visits.enter("k", "ann", LONG, LONG)[1].raw == b"[1]"

    def test_who_may_not_enter_is_told_as_who_asks_for_the_lease(
        self, visits: Any, ask: Acquire, clock: Clock
    ) -> None:
        ask("ann", BRIEF)
        self.tick_ms(clock, 30)

        turn, _ = visits.enter("k", "bob", LONG, 0)
        assert turn.granted is False
        assert turn.wait_ms == pytest.approx(BRIEF - 30, abs=1 + self.slack_ms)

    def test_who_enters_and_who_asks_for_the_lease_stand_in_one_queue(
        self, visits: Any, room: Any, ask: Acquire
    ) -> None:
        def enter(token: str) -> Turn:
            told: Turn = visits.enter("k", token, LONG, LONG)[0]
            return told

        steps = [ask, enter, ask, enter]
        tokens = ["ann", "bob", "cid", "dot"]
        for step, token in zip(steps, tokens):
            step(token)
        for place, token in enumerate(tokens):
            later = list(zip(steps, tokens))[place + 1 :]
            assert [step(one).granted for step, one in later] == [False] * len(later)
            assert steps[place](token).granted is True
            assert room.release("k", token) is True

    def test_a_lease_that_was_entered_by_is_renewed_and_released_like_any(
        self, visits: Any, room: Any, clock: Clock
    ) -> None:
        visits.enter("k", "ann", LASTING, 0)
        self.tick_ms(clock, LASTING // 2)

        assert room.renew("k", "ann", LASTING) is True
        self.tick_ms(clock, LASTING // 2 + self.slack_ms)
        assert visits.enter("k", "bob", LONG, 0)[0].granted is False
        assert room.release("k", "ann") is True
        assert visits.enter("k", "bob", LONG, 0)[0].granted is True

    def test_each_key_has_an_entry_and_a_lease_of_its_own(self, visits: Any, store: Any) -> None:
        for number, key in enumerate(NASTY_KEYS):
            assert visits.enter(key, "ann", LONG, 0)[1].raw is None
            change = Change(None, b"%d" % number, None)
            assert visits.leave(key, "ann", LONG, change, False) == (True, True, None)
        for number, key in enumerate(NASTY_KEYS):
            assert store.get(key) == number
            assert visits.enter(key, "bob", LONG, 0)[0].granted is False
            assert visits.look(key).raw == b"%d" % number

    def test_namespaces_have_visits_of_their_own(self, base: Any, bridge: Bridge) -> None:
        views = [base, base.namespace("a"), base.namespace("b"), base.namespace("a").namespace("a")]
        for number, view in enumerate(views):
            visits = bridge.driven(self.visits_of(view))
            turn, sight = visits.enter("k", "ann", LONG, 0)
            assert (turn.granted, sight.raw) == (True, None)
            visits.leave("k", "ann", LONG, Change(None, b"%d" % number, None), False)

        assert [bridge.driven(view).get("k") for view in views] == [0, 1, 2, 3]


class VisitingCrowds(Visited):
    def test_one_at_a_time_is_inside_and_no_change_is_lost(
        self, visits: Any, room: Any, store: Any
    ) -> None:
        inside: list[str] = []

        def work(token: str) -> None:
            for turn in range(4):
                told, sight = visits.enter("k", token, LONG, LONG)
                while not told.granted:
                    room.wait("k", token, 1000)
                    told, sight = visits.enter("k", token, LONG, LONG)
                inside.append(token)
                assert inside == [token]
                new = b"%d" % (int(sight.raw or b"0") + 1)
                if turn % 2:
                    visits.leave("k", token, LONG, Change(sight.raw, new, None), False)
                    inside.remove(token)
                    assert visits.leave("k", token, LONG, None, True).held
                else:
                    inside.remove(token)
                    assert visits.leave("k", token, LONG, Change(sight.raw, new, None), True).done

        crowd([partial(work, str(n)) for n in range(6)])

        assert store.get("k") == 6 * 4

    def test_one_of_all_who_leave_at_once_makes_a_change(self, visits: Any) -> None:
        for turn in range(5):
            change = Change(None if turn == 0 else b"%d" % (turn - 1), b"%d" % turn, None)
            leave = partial(visits.leave, "k", "", 0, change, True)

            assert sum(told.done for told in crowd([leave] * 8)) == 1


class VisitLogs(Visited):
    def test_the_log_shows_visits_and_never_a_token_or_bytes(
        self, visits: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        change = Change(None, SECRET.encode(), None)
        calls: dict[str, Callable[[], object]] = {
            "enter": lambda: visits.enter("the key", SECRET, LONG, LONG),
            "leave": lambda: visits.leave("the key", SECRET, LONG, change, True),
            "look": lambda: visits.look("the key"),
        }
        for name, call in calls.items():
            caplog.clear()
            with caplog.at_level(logging.DEBUG, logger="storage"):
                call()

            lines = [one.getMessage() for one in caplog.records if one.name == "storage"]
            assert [line for line in lines if re.search(rf": {name} 'the key' .* ms", line)]
            assert SECRET not in "".join(lines)
