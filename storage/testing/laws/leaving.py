"""The end of a visit: what may become of an entry, and of the lease on it."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import pytest

from ...records import DELETE, Change, Parting
from ...ttl import At, Expiry, Keeping
from ..clock import Clock
from ..threads import PATIENCE_SECONDS
from .leasing import BRIEF, LONG, Acquire
from .queueing import TOO_LONG
from .visiting import LASTING, Visited

RAWS: Final = (
    *(b"", b"\0", b"\xff\xfe\x00", b"these", b"none", b"any", b"0", b"1.0", b"-1", b"null"),
    *(b'{"a": [1]}', "\u00e9".encode(), b"\r\n", b"\xef\xbb\xbf", b"x" * 100_000),
)
"""Bytes that some step somewhere could take for something else."""


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

    def test_where_something_else_is_there_nothing_is_changed_without_a_lease(
        self, visits: Any, put: Callable[..., None]
    ) -> None:
        for there in (b"theirs", b"", None):
            put(there)
            change = Change(b"mine", b"new", None)
            assert visits.leave("k", "", LONG, change, True) == Parting(True, False, there)
            assert visits.look("k").raw == there

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

    def test_nothing_is_not_the_same_as_no_bytes_to_who_holds_a_lease(self, visits: Any) -> None:
        visits.enter("k", "ann", LONG, LONG)
        leave = partial(visits.leave, "k", "ann", LONG)
        assert leave(Change(b"", b"new", None), False) == (True, False, None)
        assert leave(Change(None, b"", None), False) == (True, True, None)
        assert leave(Change(None, b"new", None), False) == (True, False, b"")
        assert leave(Change(b"", b"new", None), True) == (True, True, None)

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
            assert change(None, None, expiry) == (True, True, None)
            assert change(b"1", None, expiry) == (True, False, None)

        assert visits.look("k")[:2] == (None, None)

    def test_a_moment_that_has_come_takes_the_entry_away(
        self, visits: Any, store: Any, clock: Clock, change: Callable[..., Any]
    ) -> None:
        for new in (b"2", None):
            store.set("k", 1)
            assert change(b"1", new, At(clock.ms - 2000)).done
            assert visits.look("k")[:2] == (None, None)
