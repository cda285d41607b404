"""The steps of random programs, each taken by a store and by the model."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import initialize

from ..records import DELETE, MISSING, Capabilities
from ..ttl import DEFAULT, KEEP
from .bridge import Bridge
from .clock import Clock
from .model import Model, Place, assert_same
from .runs import CountingMachine, step
from .strategies import SAFE, values

Path = tuple[str, ...]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
PAST = datetime(2000, 1, 1, tzinfo=timezone.utc)
_MS = timedelta(milliseconds=1)

ALL_PATHS: tuple[Path, ...] = ((), ("a",), ("a", "b"), ("a:b",))

KEYS = st.sampled_from(["k", "k", "k", "", "~ns~a~k", "a:k"])
PATHS = st.sampled_from([(), (), (), *ALL_PATHS])
COUNTS = st.integers(-3, 3)
VALUES: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([0, 1, True, 1.0, None, "", [], {}, {"n": 1}, {"n": True}, SAFE]), values(4)
)
LEFT_OUT: Any = ...
TTLS = st.sampled_from([DEFAULT, KEEP, None, 0.001, 1, 2.5, timedelta(seconds=4), PAST])


class KVMachine(CountingMachine):
    """Every step does the same to both, and compares what comes back."""

    outcomes: ClassVar[frozenset[str]] = frozenset({"get: missing", "get: found"})

    make: ClassVar[Callable[..., Any]]
    capabilities: ClassVar[Capabilities]
    verbatim: ClassVar[bool]
    knows_none: ClassVar[bool]
    late_ms: ClassVar[int]

    def __init__(self) -> None:
        super().__init__()
        self.clock: Clock = Clock()
        self.bridge: Bridge = Bridge()
        self.visited: set[tuple[Path, str]] = set()

    @initialize(default=st.sampled_from([None, 3]))
    def begin(self, default: Any) -> None:
        grain = self.capabilities.expiry_ms
        options = {} if grain is None else {"ttl": default}
        self.store: Any = self.bridge.driven(type(self).make(self.clock, **options))
        self.model: Model = Model(
            lambda: self.clock.ms, grain or 1, options.get("ttl"), self.late_ms
        )
        self.views: dict[Path, Any] = {path: self._view(path) for path in ALL_PATHS}
        assert self.store.capabilities == self.capabilities

    def teardown(self) -> None:
        try:
            self.read_everything()
        finally:
            self.store.close()
            self.bridge.close()

    @step(path=PATHS, key=KEYS)
    def get(self, path: Path, key: str) -> None:
        value = self.model.read(self.at(path, key))

        assert_same(self.views[path].get(key, MISSING), value)
        self.came_to("get: missing" if value is MISSING else "get: found")

    @step(path=PATHS, keys=st.lists(KEYS, max_size=4))
    def get_many(self, path: Path, keys: list[str]) -> None:
        found = self.views[path].get_many(keys)

        expected = {key: self.model.read(self.at(path, key)) for key in keys}
        assert_same(found, {key: one for key, one in expected.items() if one is not MISSING})

    @step(path=PATHS, key=KEYS)
    def has(self, path: Path, key: str) -> None:
        assert self.views[path].has(key) is self.there(path, key)

    @step(path=PATHS, key=KEYS)
    def expires_at(self, path: Path, key: str) -> None:
        self.compare_end(path, key)

    @step(path=PATHS, key=KEYS, value=VALUES, ttl=TTLS)
    def set(self, path: Path, key: str, value: Any, ttl: Any) -> None:
        value, (ttl, told) = self.fit(value), self.lasting(ttl)
        self.views[path].set(key, value, **told)

        self.model.write(self.at(path, key), value, ttl)

    @step(path=PATHS, entries=st.dictionaries(KEYS, VALUES, max_size=4), ttl=TTLS)
    def set_many(self, path: Path, entries: dict[str, Any], ttl: Any) -> None:
        entries, (ttl, told) = {k: self.fit(v) for k, v in entries.items()}, self.lasting(ttl)
        self.views[path].set_many(entries, **told)

        for key, value in entries.items():
            self.model.write(self.at(path, key), value, ttl)

    @step(path=PATHS, key=KEYS)
    def delete(self, path: Path, key: str) -> None:
        there = self.there(path, key)

        assert self.views[path].delete(key) is there
        self.model.write(self.at(path, key), DELETE, None)

    @step(path=PATHS, keys=st.lists(KEYS, max_size=4))
    def delete_many(self, path: Path, keys: list[str]) -> None:
        there = {key for key in keys if self.there(path, key)}

        assert self.views[path].delete_many(keys) == len(there)
        for key in keys:
            self.model.write(self.at(path, key), DELETE, None)

    def at(self, path: Path, key: str) -> Place:
        """Where the model keeps it; in a verbatim layout a namespace is part of the key."""
        self.visited.add((path, key))
        return ((), ":".join([*path, key])) if self.verbatim else (path, key)

    def there(self, path: Path, key: str) -> bool:
        return self.model.read(self.at(path, key)) is not MISSING

    def listed(self, path: Path) -> dict[str, Any]:
        """What the namespace lists."""
        live = {at: self.model.read(at) for at in self.model.live()}
        if not self.verbatim:
            return {key: value for (here, key), value in live.items() if here == path}
        start = "".join(f"{name}:" for name in path)
        return {k[len(start) :]: value for (_, k), value in live.items() if k.startswith(start)}

    def fit(self, value: Any) -> Any:
        """Another value, where a stored `None` can not be told from a missing key."""
        return 0 if value is None and not self.knows_none else value

    def lasting(self, ttl: Any, otherwise: Any = DEFAULT) -> tuple[Any, dict[str, Any]]:
        """What *ttl* means here (where it is left out, *otherwise*), and how it is said."""
        if ttl is LEFT_OUT:
            return otherwise, {}
        mortal = ttl is not DEFAULT and ttl is not KEEP
        ttl = None if mortal and self.capabilities.expiry_ms is None else ttl
        ttl = DEFAULT if ttl is KEEP and self.capabilities.atomic is None else ttl
        return ttl, {"ttl": ttl}

    def read_everything(self) -> None:
        for path, view in self.views.items():
            keys = sorted(key for here, key in self.visited if here == path)
            found = {key: self.model.read(self.at(path, key)) for key in keys}
            there = {key: value for key, value in found.items() if value is not MISSING}
            assert_same(view.get_many(keys), there)
            for key in keys:
                self.compare_end(path, key)
            if self.capabilities.iteration:
                assert_same(dict(view.items()), self.listed(path))

    def compare_end(self, path: Path, key: str) -> None:
        end = self.views[path].expires_at(key)
        told = (end - _EPOCH) // _MS if isinstance(end, datetime) else end
        assert told == self.model.end(self.at(path, key))

    def _view(self, path: Path) -> Any:
        store = self.store
        for name in path:
            store = store.namespace(name)
        return store
