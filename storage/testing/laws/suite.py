"""What the laws stand on: the store under proof, its clock, and what its capabilities excuse."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy

from ...errors import UnsupportedError
from ...records import MISSING
from ...ttl import KEEP, DefaultTtl
from .. import strategies
from ..bridge import Bridge
from ..clock import Clock
from .calls import ON_A_KEY, STEPS, TOUCH, WALKS, WRITES, has_steps

Law = TypeVar("Law", bound=Callable[..., None])
Laws = TypeVar("Laws", bound=Callable[..., Any])

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_FUTURE = datetime(2100, 1, 1, tzinfo=timezone.utc)
_PAST = datetime(2000, 1, 1, tzinfo=timezone.utc)


class Suite:
    """Override `make`, and say what is different about the store where anything is.

    What the store's `capabilities` leave out must be refused with `UnsupportedError`; that is
    what a law about it proves then.
    """

    verbatim = False
    """The keys are written as they are: a namespace is a view of the keys `name:...`."""

    knows_none = True
    """A stored `None` is told from a missing key."""

    clock_moves = True
    """The store goes by the clock that `make` was given, or `tick` can move its own."""

    slack_ms = 0
    """How far the store's clock may be from where it was put, or an entry lasts beyond its end."""

    prefixed = False
    """The keys stand under a prefix, so that `clear` empties no more than that."""

    longest_key: int | None = None
    """How many bytes of UTF-8 a key may have at the most; a longer one must be refused."""

    no_keys: tuple[str, ...] = ()
    """Strings that are no keys here, however short they are: they must be refused."""

    def make(self, clock: Clock, ttl: DefaultTtl = None) -> Any:
        """An empty store, blocking or asyncio, that goes by *clock* and has *ttl* by default.

        A store that has no expiry is never asked for a *ttl*.
        """
        raise NotImplementedError("say which store to prove: override make()")

    def tick(self, clock: Clock, seconds: float) -> None:
        """Let *seconds* pass for the store."""
        if not self.clock_moves:
            pytest.skip("the clock of this store can not be moved")
        clock.tick(seconds)

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def opened(self, clock: Clock) -> Iterator[Callable[..., Any]]:
        """Makes stores, and closes them at the end."""
        made: list[Any] = []

        def opened(**options: Any) -> Any:
            store = bridge.driven(self.make(clock, **options))
            made.append(store)
            return store

        with Bridge() as bridge:
            yield opened
            for store in reversed(made):
                store.close()

    @pytest.fixture
    def store(self, opened: Callable[..., Any]) -> Any:
        return opened()

    def is_key(self, text: str) -> bool:
        """Whether *text* is a key here."""
        fits = self.longest_key is None or len(text.encode()) <= self.longest_key
        return fits and text not in self.no_keys

    def keys_among(self, texts: Iterable[str]) -> list[str]:
        """Those of *texts* that are keys here."""
        return [text for text in texts if self.is_key(text)]

    def keys(self) -> SearchStrategy[str]:
        """Any key of such a store."""
        return strategies.keys().filter(self.is_key)

    def deadline(self, store: Any, clock: Clock, seconds: float) -> datetime:
        """When a key that was given *seconds* ends: a coarse store rounds up."""
        grain = store.capabilities.expiry_ms
        ms = round(clock() * 1000) + round(seconds * 1000)
        return _EPOCH + timedelta(milliseconds=-(-ms // grain) * grain)

    def assert_ends(self, store: Any, clock: Clock, key: str, seconds: float) -> None:
        """*key* is there for *seconds* from now, to the last millisecond, and not after them."""
        grain = store.capabilities.expiry_ms
        self.tick(clock, seconds - (1 + self.slack_ms) / 1000)
        assert store.get(key, MISSING) is not MISSING
        self.tick(clock, (grain + 2 * self.slack_ms) / 1000)
        assert store.get(key, MISSING) is MISSING

    def assert_stays(self, store: Any, clock: Clock, *keys: str) -> None:
        """*keys* are there for ever."""
        for key in keys:
            assert store.expires_at(key) is None
        self.tick(clock, 100 * 365 * 86_400)
        for key in keys:
            assert store.has(key)


def expiring(law: Law) -> Law:
    """A law about lifetimes. Where nothing expires, every lifetime must be refused instead."""

    @functools.wraps(law)
    def checked(self: Suite, store: Any, **fixtures: Any) -> None:
        if store.capabilities.expiry_ms is None:
            assert_lifetimes_refused(store)
        else:
            law(self, store=store, **fixtures)

    return checked  # type: ignore[return-value]


def listing(law: Law) -> Law:
    """A law about iteration. Where keys can not be listed, that must be refused instead."""

    @functools.wraps(law)
    def checked(self: Suite, store: Any, **fixtures: Any) -> None:
        if not store.capabilities.iteration:
            assert_listing_refused(store)
        else:
            law(self, store=store, **fixtures)

    return checked  # type: ignore[return-value]


def stepping(laws: Laws) -> Laws:
    """A law, or a class of laws, about what looks and writes at once. Where nothing does, that
    must be refused instead."""
    those: Any = laws
    if isinstance(those, type):
        for name, law in list(vars(those).items()):
            if name.startswith("test_"):
                setattr(those, name, stepping(law))
        return laws

    @functools.wraps(laws)
    def checked(self: Suite, store: Any, **fixtures: Any) -> None:
        if not has_steps(store):
            assert_steps_refused(store)
        else:
            laws(self, store=store, **fixtures)

    return checked  # type: ignore[return-value]


def assert_steps_refused(store: Any) -> None:
    """No method looks and writes at once, and none touches or runs anything before it says so."""
    for key, before in (("refused", {"n": 1}), ("missing", MISSING)):
        if before is not MISSING:
            store.set(key, before)
        for name in STEPS:
            with pytest.raises(UnsupportedError) as caught:
                ON_A_KEY[name](store, key)
            assert caught.value.store
        for write in WRITES:
            ttls = (None, 10, timedelta(seconds=10), _FUTURE, _PAST) if write.is_step else ()
            for ttl in ttls if write is TOUCH else (*ttls, KEEP):
                with pytest.raises(UnsupportedError):
                    write.call(store, key, ttl=ttl)
        _assert_nothing_runs(store, key)
        assert store.get(key, MISSING) == before
        assert store.touch(key) is (before is not MISSING)


def _assert_nothing_runs(store: Any, key: str) -> None:
    ran: list[object] = []
    options: dict[str, Any]
    for options in ({}, {"ttl": None}, {"ttl": 10}):
        with pytest.raises(UnsupportedError):
            store.update(key, ran.append, default=1, **options)
        with pytest.raises(UnsupportedError):
            store.get_or_set(key, lambda: ran.append(1), **options)
        with pytest.raises(UnsupportedError), store.edit(key, default={}, **options):
            ran.append(1)

    assert not ran


def assert_lifetimes_refused(store: Any) -> None:
    """No method takes a lifetime, and none touches or runs anything before it says so."""
    for write in WRITES:
        write.prepare(store, write.name)
        before = store.get(write.name, MISSING)
        for ttl in (10, 0.5, timedelta(seconds=10), _FUTURE, _PAST):
            with pytest.raises(UnsupportedError):
                write.call(store, write.name, ttl=ttl)

        assert store.get(write.name, MISSING) == before
    ran: list[object] = []
    store.set("k", {})
    with pytest.raises(UnsupportedError):
        store.update("k", ran.append, ttl=10)
    with pytest.raises(UnsupportedError):
        store.get_or_set("k", lambda: ran.append(1), ttl=10)
    with pytest.raises(UnsupportedError), store.edit("k", ttl=10):
        ran.append(1)
    assert not ran


def assert_listing_refused(store: Any) -> None:
    """No method lists keys, and `clear` takes none away."""
    store.set("k", 1)
    calls: list[Callable[..., object]] = [*WALKS.values(), _clear]
    for call in calls:
        with pytest.raises(UnsupportedError):
            call(store)

    assert store.get("k") == 1


def _clear(store: Any) -> object:
    return store.clear(everything=True)


def for_all(law: Callable[..., None], *inputs: SearchStrategy[Any], share: float = 1) -> None:
    """Run *law* on a *share* of the examples of the present Hypothesis profile."""
    profile = settings(
        deadline=None,
        max_examples=max(1, round(settings().max_examples * share)),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    profile(given(*inputs)(law))()
