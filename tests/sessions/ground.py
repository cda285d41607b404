"""A place with sessions in it, in one colour, and what somebody else sees and does there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.layers.places import HALVES, Place, params, placed

__all__ = ["HALVES", "Ground", "params", "standing"]


class Ground:
    """Sessions of one colour by plain calls, over a place where no layer is."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.half = place.half
        self.clock = place.clock
        self.bridge = place.bridge
        self.needed = {} if place.native else {"lock": "process"}

    def sessions(self, store: Any = None, **options: Any) -> Any:
        """Sessions with *options*, over *store* or the place itself."""
        return self.bridge.driven(self.inner(store, **options))

    def inner(self, store: Any = None, **options: Any) -> Any:
        """The same as their own half knows them."""
        base = self.place.base if store is None else store
        return self.half.Sessions(base, **{**self.needed, **options})

    def plain(self, store: Any = None) -> Any:
        """The entries of the sessions, as a store."""
        base = self.place.base if store is None else store
        return self.bridge.driven(base.namespace("sessions"))

    def name(self, key: str = "k") -> str:
        """What a session is called in the place."""
        base = self.place.base
        whole: str = base.namespace("sessions")._layers.names.name(key)
        return whole.removeprefix(base._layers.names.prefix)

    def plant(self, record: Any, key: str = "k") -> None:
        """Put a record there as somebody else does, for ever; a text is put there as it is."""
        text = record if isinstance(record, str) else json.dumps(record)
        self.place.plant(text, self.name(key))

    def text(self, key: str = "k") -> str | None:
        """The bytes that are there, over or not."""
        return self.place.kept(self.name(key))

    def kept(self, key: str = "k") -> Any:
        """The record that is there, over or not; `None` for none."""
        text = self.text(key)
        return None if text is None else json.loads(text)

    def drop(self, key: str = "k") -> None:
        self.place.drop(self.name(key))

    def left(self, key: str = "k") -> float | None:
        """For how many seconds it stays; `None` for ever."""
        end = self.place.ends(self.name(key))
        return None if end is None else (end - self.clock.ms) / 1000

    def pass_by(self, seconds: float) -> None:
        """Let *seconds* pass, and so much more as the place keeps what is over."""
        self.clock.tick(seconds + self.place.late_ms / 1000)


@contextmanager
def standing(request: pytest.FixtureRequest, folder: Path, **options: Any) -> Iterator[Ground]:
    """The ground that is the parameter of a fixture."""
    with placed(request, folder, **options) as place:
        yield Ground(place)
