"""How long things live."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any, Final

import pytest

from ...errors import UnsupportedError
from ...records import MISSING
from ...ttl import KEEP
from ..clock import Clock
from .calls import SETS, TOUCH, WRITES, has_steps, writes_of
from .suite import Suite, expiring, stepping

NO_LIFETIMES: Final[tuple[Any, ...]] = (
    *(0, 0.0, -1, -0.001, True, False, math.nan, math.inf, -math.inf),
    *(timedelta(0), timedelta(seconds=-1)),
    datetime(2100, 1, 1),  # noqa: DTZ001 - that it knows no zone is what is wrong with it
)
OF_NO_KIND: Final[tuple[Any, ...]] = ("60", b"60", [60], 1j)

KEEPING: Final = [write for write in WRITES if write.keeps]


def _open_and_close(store: Any, key: str, **options: Any) -> None:
    with store.edit(key, **options):
        pass


UNCHANGED: Final[dict[str, Callable[..., object]]] = {
    "update": lambda s, k, **o: s.update(k, lambda value: value, **o),
    "edit": _open_and_close,
}


class Lifetimes(Suite):
    @pytest.mark.parametrize("change", UNCHANGED)
    @expiring
    @stepping
    def test_a_lifetime_that_is_told_counts_for_the_same_value_too(
        self, store: Any, clock: Clock, change: str
    ) -> None:
        store.set("k", {"n": 1}, ttl=10)
        UNCHANGED[change](store, "k", ttl=100)

        self.assert_ends(store, clock, "k", 100)

    def test_what_is_no_lifetime_is_refused_before_anything_is_touched(self, store: Any) -> None:
        for write in WRITES if has_steps(store) else (*SETS, TOUCH):
            write.prepare(store, write.name)
            before = store.get(write.name, MISSING)

            for ttl in NO_LIFETIMES:
                with pytest.raises(ValueError, match="ttl"):
                    write.call(store, write.name, ttl=ttl)
            for ttl in OF_NO_KIND:
                with pytest.raises(TypeError, match="ttl"):
                    write.call(store, write.name, ttl=ttl)

            assert store.get(write.name, MISSING) == before

    @stepping
    def test_no_function_runs_when_the_lifetime_is_refused(self, store: Any) -> None:
        ran: list[object] = []

        with pytest.raises(ValueError, match="ttl"):
            store.update("k", ran.append, default=1, ttl=0)
        with pytest.raises(ValueError, match="ttl"):
            store.get_or_set("k", lambda: ran.append(1), ttl=0)

        assert not ran

    @expiring
    def test_every_write_gives_seconds_to_live(self, store: Any, clock: Clock) -> None:
        for write in writes_of(store):
            write.prepare(store, write.name)
            write.call(store, write.name, ttl=10)

            assert store.expires_at(write.name) == self.deadline(store, clock, 10)
            self.assert_ends(store, clock, write.name, 10)

    @expiring
    def test_every_write_replaces_a_lifetime_by_the_one_it_is_given(
        self, store: Any, clock: Clock
    ) -> None:
        for write in writes_of(store):
            write.prepare(store, write.name, ttl=100)
            self.tick(clock, 3)
            write.call(store, write.name, ttl=7)

            self.assert_ends(store, clock, write.name, 7)

    @expiring
    def test_every_write_with_none_makes_the_key_permanent(self, store: Any, clock: Clock) -> None:
        for write in writes_of(store):
            write.prepare(store, write.name, ttl=10)
            write.call(store, write.name, ttl=None)

            self.assert_stays(store, clock, write.name)

    @expiring
    def test_a_moment_in_the_past_removes(self, store: Any, clock: Clock) -> None:
        for write in writes_of(store):
            write.prepare(store, write.name, ttl=100)
            write.call(store, write.name, ttl=clock.now - timedelta(seconds=5))

            assert not store.has(write.name)
            assert store.get(write.name, MISSING) is MISSING
            assert store.expires_at(write.name) is MISSING
            assert not has_steps(store) or store.add(write.name, 1)

    @expiring
    def test_this_very_moment_is_past(self, store: Any, clock: Clock) -> None:
        for write in writes_of(store):
            if store.capabilities.expiry_ms > 1:
                self.tick(clock, -(clock.ms % store.capabilities.expiry_ms) / 1000)
            write.prepare(store, write.name)
            write.call(store, write.name, ttl=clock.now - timedelta(milliseconds=self.slack_ms))

            assert not store.has(write.name)

    @pytest.mark.parametrize(
        ("ttl", "seconds"),
        [
            (2, 2),
            (1.25, 1.25),
            (timedelta(minutes=2, milliseconds=250), 120.25),
            (86_400 * 365 * 50, 86_400 * 365 * 50),
        ],
        ids=repr,
    )
    @expiring
    def test_a_lifetime_is_kept_to_the_millisecond(
        self, store: Any, clock: Clock, ttl: Any, seconds: float
    ) -> None:
        store.set("k", 1, ttl=ttl)

        assert store.expires_at("k") == self.deadline(store, clock, seconds)
        self.assert_ends(store, clock, "k", seconds)

    @expiring
    def test_less_than_a_second_is_a_lifetime(self, store: Any, clock: Clock) -> None:
        store.set("k", 1, ttl=0.25)

        assert store.expires_at("k") == self.deadline(store, clock, 0.25)
        assert store.has("k")
        self.tick(clock, (250 + store.capabilities.expiry_ms + self.slack_ms) / 1000)
        assert not store.has("k")

    @expiring
    def test_the_shortest_lifetime_ends(self, store: Any, clock: Clock) -> None:
        store.set("k", 1, ttl=5e-324)

        assert store.expires_at("k") is not MISSING
        self.tick(clock, (1 + store.capabilities.expiry_ms + self.slack_ms) / 1000)
        assert not store.has("k")

    @pytest.mark.parametrize("hours", [0, 5.5, -11])
    @expiring
    def test_a_moment_counts_in_any_time_zone(self, store: Any, clock: Clock, hours: float) -> None:
        zone = timezone(timedelta(hours=hours))
        store.set("k", 1, ttl=(clock.now + timedelta(seconds=90)).astimezone(zone))

        assert store.expires_at("k") == self.deadline(store, clock, 90)
        self.assert_ends(store, clock, "k", 90)

    @pytest.mark.parametrize(
        "ttl",
        [
            2**31 / 1000,
            2_147_484,
            86_400 * 365 * 200,
            10**12,
            10**400,
            1e300,
            timedelta.max,
            datetime.max.replace(tzinfo=timezone.utc),
        ],
        ids=lambda ttl: repr(ttl)[:30],
    )
    @expiring
    def test_no_lifetime_is_too_long(self, store: Any, clock: Clock, ttl: Any) -> None:
        store.set("k", 1, ttl=ttl)
        if has_steps(store):
            store.incr("k", 0, ttl=KEEP)
            store.touch("k", ttl=ttl)

        assert store.expires_at("k") > clock.now + timedelta(days=24)
        self.tick(clock, 86_400 * 24)
        assert store.get("k") == 1
        assert list(store.get_many(["k"])) == ["k"]

    @expiring
    def test_a_plain_set_never_inherits_an_expiry(self, store: Any, clock: Clock) -> None:
        for write in SETS:
            store.set(write.name, 1, ttl=10)
            write.call(store, write.name)

            self.assert_stays(store, clock, write.name)

    @expiring
    @stepping
    def test_keep_leaves_the_expiry_as_it_is(self, store: Any, clock: Clock) -> None:
        for write in [*SETS, TOUCH]:
            store.set(write.name, 1, ttl=10)
            self.tick(clock, 4)
            write.call(store, write.name, ttl=KEEP)

            self.assert_ends(store, clock, write.name, 6)

    @expiring
    @stepping
    def test_changes_leave_the_expiry_as_it_is(self, store: Any, clock: Clock) -> None:
        for write in KEEPING:
            write.prepare(store, write.name, ttl=10)
            self.tick(clock, 4)
            write.call(store, write.name)

            self.assert_ends(store, clock, write.name, 6)

    @stepping
    def test_changes_leave_a_permanent_key_permanent(self, store: Any) -> None:
        for write in KEEPING:
            write.prepare(store, write.name)
            write.call(store, write.name)

            assert store.expires_at(write.name) is None

    def test_without_a_default_nothing_ends(self, store: Any) -> None:
        for write in writes_of(store):
            write.prepare(store, write.name)
            write.call(store, write.name)

            assert store.expires_at(write.name) is None

    @stepping
    def test_keep_on_a_permanent_key_leaves_it_permanent(self, store: Any) -> None:
        for write in writes_of(store):
            write.prepare(store, write.name)
            write.call(store, write.name, ttl=KEEP)

            assert store.expires_at(write.name) is None


class Defaults(Suite):
    """The lifetime that a store gives when a call gives none."""

    @expiring
    def test_every_write_that_begins_a_key_gives_it_the_default(
        self, store: Any, clock: Clock, opened: Callable[..., Any]
    ) -> None:
        brief = opened(ttl=10)
        for write in writes_of(store):
            write.prepare(brief, write.name)
            write.call(brief, write.name)

            self.assert_ends(brief, clock, write.name, 10)

    @expiring
    @stepping
    def test_keep_on_a_missing_key_means_the_default(
        self, store: Any, clock: Clock, opened: Callable[..., Any]
    ) -> None:
        brief = opened(ttl=timedelta(seconds=10))
        for write in SETS:
            write.call(brief, write.name, ttl=KEEP)

            self.assert_ends(brief, clock, write.name, 10)

    @expiring
    @stepping
    def test_keep_on_a_key_that_is_over_means_the_default(
        self, store: Any, clock: Clock, opened: Callable[..., Any]
    ) -> None:
        brief = opened(ttl=10)
        for write in SETS:
            brief.set(write.name, 1, ttl=2)
            self.tick(clock, 5)
            write.call(brief, write.name, ttl=KEEP)

            self.assert_ends(brief, clock, write.name, 10)

    @expiring
    def test_none_means_for_ever_over_a_default(
        self, store: Any, clock: Clock, opened: Callable[..., Any]
    ) -> None:
        brief = opened(ttl=10)
        for write in writes_of(store):
            write.prepare(brief, write.name)
            write.call(brief, write.name, ttl=None)

            self.assert_stays(brief, clock, write.name)

    @expiring
    @stepping
    def test_changes_keep_what_a_key_has_over_a_default(
        self, store: Any, clock: Clock, opened: Callable[..., Any]
    ) -> None:
        brief = opened(ttl=10)
        for write in KEEPING:
            write.prepare(brief, "short", ttl=4)
            write.prepare(brief, "permanent", ttl=None)
            write.call(brief, "short")
            write.call(brief, "permanent")

            assert brief.expires_at("permanent") is None
            self.assert_ends(brief, clock, "short", 4)

    @expiring
    def test_touch_starts_the_default_anew(
        self, store: Any, clock: Clock, opened: Callable[..., Any]
    ) -> None:
        brief = opened(ttl=10)
        brief.set("k", 1)
        self.tick(clock, 6)
        if not has_steps(store):
            with pytest.raises(UnsupportedError):
                brief.touch("k")
            self.assert_ends(brief, clock, "k", 4)
            return

        assert brief.touch("k")
        self.assert_ends(brief, clock, "k", 10)

    @expiring
    def test_touch_without_a_default_leaves_the_expiry_alone(
        self, store: Any, clock: Clock
    ) -> None:
        store.set("k", 1, ttl=10)
        self.tick(clock, 6)

        assert store.touch("k")
        self.assert_ends(store, clock, "k", 4)

    @expiring
    def test_a_namespace_has_the_default_of_its_store(
        self, store: Any, clock: Clock, opened: Callable[..., Any]
    ) -> None:
        inner = opened(ttl=10).namespace("a").namespace("b")
        inner.set("k", 1)

        self.assert_ends(inner, clock, "k", 10)

    def test_touch_leaves_the_value_alone(self, store: Any) -> None:
        store.set("k", {"a": [1]})

        assert store.touch("k")
        assert store.get("k") == {"a": [1]}

    def test_touch_of_a_missing_key_says_no_and_makes_none(self, store: Any) -> None:
        assert not store.touch("k")
        assert not store.touch("k", ttl=KEEP)
        assert not has_steps(store) or not store.touch("k", ttl=None)
        assert not store.has("k")

    @expiring
    def test_expires_at_is_a_moment_or_none_or_missing(self, store: Any, clock: Clock) -> None:
        store.set("mortal", 1, ttl=10)
        store.set("permanent", 1)

        found = store.expires_at("mortal")
        assert found == self.deadline(store, clock, 10)
        assert found.utcoffset() == timedelta(0)
        assert store.expires_at("permanent") is None
        assert store.expires_at("nobody") is MISSING

    @expiring
    def test_a_clock_that_goes_back_makes_nothing_end_early(self, store: Any, clock: Clock) -> None:
        store.set("k", 1, ttl=10)
        self.tick(clock, -5)

        self.assert_ends(store, clock, "k", 15)
