"""Visits to entries: what is read with a lease that is taken, and written with one that is given
back."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import pytest

from ... import aio, protocols
from ...errors import ClosedError, InvalidKeyError
from ...records import DELETE, Change, Parting, Turn
from ...ttl import At, Expiry, Keeping
from ..bridge import Bridge
from ..clock import Clock
from ..strategies import NASTY_KEYS
from ..threads import PATIENCE_SECONDS, crowd
from .leasing import BRIEF, LONG, Acquire, Leased
from .privacy import SECRET
from .queueing import TOO_LONG

LASTING: Final = 100_000
"""A lifetime whose end a law comes to."""

RAWS: Final = (
    *(b"", b"\0", b"\xff\xfe\x00", b"these", b"none", b"any", b"0", b"1.0", b"-1", b"null"),
    *(b'{"a": [1]}', "\u00e9".encode(), b"\r\n", b"\xef\xbb\xbf", b"x" * 100_000),
)
"""Bytes that some step somewhere could take for something else."""


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


class Leaving(Visited):
    def test_a_change_is_made_and_the_lease_given_back(
        self, visits: Any, store: Any, ask: Acquire
    ) -> None:
        visits.enter("k", "ann", LONG, LONG)

        change = Change(None, b"[1]", None)
        assert visits.leave("k", "ann", LONG, change, True) == (True, True, None)
        assert store.get("k") == [1]
        assert ask("bob", patience_ms=0).granted is True

    def test_who_does_not_hold_the_lease_changes_nothing(
        self, visits: Any, put: Callable[..., None], ask: Acquire, clock: Clock
    ) -> None:
        put(b"old")
        changes = [
            Change(b"old", b"new", None),
            Change(b"old", DELETE, None),
            Change(b"old", None, 1),
        ]
        for holder in (None, "ann"):
            if holder is not None:
                ask(holder)
            for change in changes:
                for release in (True, False):
                    told = visits.leave("k", "bob", LONG, change, release)
                    assert told == Parting(False, False, None)
            self.tick_ms(clock, 10 * BRIEF)
            assert visits.look("k")[:2] == (b"old", None)
        assert visits.leave("k", "bob", LONG, None, True).held is False
        assert visits.leave("k", "bob", LONG, None, False).held is False
        assert ask("cid", patience_ms=0).granted is False

    def test_who_was_late_changes_nothing(
        self, visits: Any, put: Callable[..., None], clock: Clock
    ) -> None:
        put(b"old")
        visits.enter("k", "ann", BRIEF, LONG)
        self.tick_ms(clock, BRIEF + self.slack_ms)

        change = Change(b"old", b"new", None)
        assert visits.leave("k", "ann", LONG, change, True) == (False, False, None)
        assert visits.enter("k", "bob", LONG, 0)[1].raw == b"old"
        assert visits.leave("k", "ann", LONG, change, True) == (False, False, None)
        assert visits.enter("k", "cid", LONG, 0)[0].granted is False

    def test_where_something_else_is_there_nothing_is_changed_and_nothing_released(
        self, visits: Any, put: Callable[..., None], ask: Acquire
    ) -> None:
        for there in (b"theirs", None):
            put(there)
            visits.enter("k", "ann", LONG, LONG)
            changes = [Change(b"mine", b"new", None), Change(b"mine", DELETE, None)]
            if there is not None:
                changes += [Change(None, b"new", None), Change(None, DELETE, None)]
            for change in changes:
                for release in (True, False):
                    told = visits.leave("k", "ann", LONG, change, release)
                    assert told == Parting(True, False, there)
            assert visits.look("k")[:2] == (there, None)
            assert ask("bob", patience_ms=0).granted is False

    def test_who_was_told_what_is_there_can_put_that_right(
        self, visits: Any, store: Any, ask: Acquire
    ) -> None:
        visits.enter("k", "ann", LONG, LONG)
        store.set("k", 1)
        told = visits.leave("k", "ann", LONG, Change(None, b"[2]", None), True)

        assert visits.leave("k", "ann", LONG, Change(told.raw, b"[1,2]", None), True).done
        assert store.get("k") == [1, 2]
        assert ask("bob", patience_ms=0).granted is True

    def test_the_next_one_gets_the_lease_and_sees_the_change(self, visits: Any) -> None:
        visits.enter("k", "ann", LONG, LONG)
        for token in ("bob", "cid"):
            assert visits.enter("k", token, LONG, LONG)[0].granted is False
        visits.leave("k", "ann", LONG, Change(None, b"1", None), True)

        assert visits.enter("k", "cid", LONG, LONG)[0].granted is False
        turn, sight = visits.enter("k", "bob", LONG, LONG)
        assert (turn.granted, sight.raw) == (True, b"1")

    @pytest.mark.parametrize("change", [None, Change(None, b"1", None)], ids=["as it is", "new"])
    def test_who_leaves_wakes_the_next(self, visits: Any, room: Any, change: Change | None) -> None:
        visits.enter("k", "ann", LONG, LONG)
        visits.enter("k", "bob", LONG, LONG)
        visits.leave("k", "ann", LONG, change, True)
        started = time.monotonic()
        room.wait("k", "bob", TOO_LONG)

        assert time.monotonic() - started < PATIENCE_SECONDS
        assert visits.enter("k", "bob", LONG, LONG)[0].granted is True

    def test_a_lease_that_is_not_released_lasts_from_then(
        self, visits: Any, ask: Acquire, clock: Clock
    ) -> None:
        for change in (None, Change(None, b"1", None), Change(b"1", None, None)):
            visits.enter("k", "ann", LASTING, LONG)
            self.tick_ms(clock, 9 * LASTING // 10)

            assert visits.leave("k", "ann", LASTING, change, False) == (True, True, None)
            self.tick_to_the_end(clock, LASTING)
            assert ask("bob", patience_ms=0).granted is False
            self.tick_over(clock)

    def test_a_lease_is_given_back_without_a_change(
        self, visits: Any, put: Callable[..., None], ask: Acquire
    ) -> None:
        put(b"old", LONG)
        visits.enter("k", "ann", LONG, LONG)

        assert visits.leave("k", "ann", LONG, None, True) == (True, True, None)
        assert visits.look("k").raw == b"old"
        assert ask("bob", patience_ms=0).granted is True

    def test_who_needs_no_lease_leaves_that_of_others_alone(
        self, visits: Any, store: Any, ask: Acquire, room: Any
    ) -> None:
        ask("ann")
        for release in (True, False):
            before = visits.look("k").raw
            change = Change(before, b"[%d]" % release, None)
            assert visits.leave("k", "", LONG, change, release) == (True, True, None)
            assert store.get("k") == [int(release)]
        assert visits.leave("k", "", LONG, Change(b"else", b"1", None), True).raw == b"[0]"

        assert ask("bob", patience_ms=0).granted is False
        assert room.release("k", "ann") is True


class Changing(Visited):
    """What may become of an entry; these laws need no lease."""

    @pytest.fixture
    def change(self, visits: Any) -> Callable[..., Any]:
        def change(old: bytes | None, new: Any, expiry: Expiry = None) -> Any:
            return visits.leave("k", "", 0, Change(old, new, expiry), True)

        return change

    def test_any_bytes_are_written_compared_and_told(
        self, visits: Any, change: Callable[..., Any]
    ) -> None:
        before: bytes | None = None
        for raw in RAWS:
            assert change(before, raw) == (True, True, None)
            assert visits.look("k").raw == raw
            assert change(raw + b"\0", b"wrong") == (True, False, raw)
            assert change(None, b"wrong") == (True, False, raw)
            before = raw

    def test_nothing_is_not_the_same_as_no_bytes(
        self, visits: Any, change: Callable[..., Any]
    ) -> None:
        assert change(b"", b"new") == (True, False, None)
        assert change(None, b"") == (True, True, None)
        assert change(None, b"new") == (True, False, b"")
        assert change(b"", b"new") == (True, True, None)

    def test_an_entry_can_be_taken_away(
        self, visits: Any, store: Any, change: Callable[..., Any]
    ) -> None:
        assert change(None, DELETE) == (True, True, None)
        store.set("k", 1)
        assert change(None, DELETE) == (True, False, b"1")
        assert change(b"1", DELETE) == (True, True, None)

        assert store.has("k") is False
        assert change(b"1", DELETE) == (True, False, None)

    def test_a_new_entry_lasts_as_long_as_it_is_told(
        self, visits: Any, store: Any, clock: Clock, change: Callable[..., Any]
    ) -> None:
        later = At(clock.ms + LASTING)
        lasting: list[Expiry] = [LASTING, later, Keeping(LASTING), Keeping(later)]
        for expiry in lasting:
            assert change(None, b"1", expiry).done
            self.assert_left(store, visits, LASTING)
            assert change(b"1", DELETE).done
        for_ever: list[Expiry] = [None, Keeping(None)]
        for expiry in for_ever:
            assert change(None, b"1", expiry).done
            assert visits.look("k")[:2] == (b"1", None)
            assert change(b"1", DELETE).done

    @pytest.mark.parametrize("new", [b"2", None], ids=["other bytes", "the same bytes"])
    def test_an_entry_that_is_there_lasts_as_long_as_it_is_told(
        self, visits: Any, store: Any, clock: Clock, change: Callable[..., Any], new: Any
    ) -> None:
        later = At(clock.ms + LASTING)
        for before in (None, 7 * LASTING):
            for expiry in (LASTING, later):
                store.set("k", 1, ttl=before and before / 1000)
                assert change(b"1", new, expiry) == (True, True, None)
                self.assert_left(store, visits, LASTING)
            store.set("k", 1, ttl=before and before / 1000)
            assert change(b"1", new, None) == (True, True, None)
            assert visits.look("k")[:2] == (new or b"1", None)

    @pytest.mark.parametrize("new", [b"2", None], ids=["other bytes", "the same bytes"])
    def test_an_entry_that_is_there_can_keep_its_lifetime(
        self, visits: Any, store: Any, change: Callable[..., Any], new: Any
    ) -> None:
        for otherwise in (None, 7 * LASTING):
            store.set("k", 1, ttl=LASTING / 1000)
            assert change(b"1", new, Keeping(otherwise)) == (True, True, None)
            self.assert_left(store, visits, LASTING)
            store.set("k", 1, ttl=None)
            assert change(b"1", new, Keeping(otherwise)) == (True, True, None)
            assert visits.look("k")[:2] == (new or b"1", None)

    def test_a_lifetime_for_what_is_not_there_is_for_nothing(
        self, visits: Any, clock: Clock, change: Callable[..., Any]
    ) -> None:
        for expiry in (LASTING, At(clock.ms + LASTING), None, Keeping(LASTING)):
            for old in (None, b"1"):
                assert change(old, None, expiry) == (True, True, None)

        assert visits.look("k")[:2] == (None, None)

    def test_a_moment_that_has_come_takes_the_entry_away(
        self, visits: Any, store: Any, clock: Clock, change: Callable[..., Any]
    ) -> None:
        for new in (b"2", None):
            store.set("k", 1)
            assert change(b"1", new, At(clock.ms - 2000)).done
            assert visits.look("k")[:2] == (None, None)


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
