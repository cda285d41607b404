"""A place where conversations are kept, in one colour, by plain calls, and messages for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.layers.places import Place, params, placed

__all__ = ["Ground", "called", "params", "result", "said", "standing"]


def said(text: str, role: str = "user") -> dict[str, Any]:
    """Somebody says something."""
    return {"role": role, "content": text}


def called(*ids: str) -> dict[str, Any]:
    """A model calls tools."""
    calls = [{"id": one, "type": "function", "function": {"name": "f"}} for one in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def result(call: str, text: str = "done") -> dict[str, Any]:
    """What came of a call."""
    return {"role": "tool", "tool_call_id": call, "content": text}


class Ground:
    """Conversations of one colour over a place."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.half = place.half
        self.clock = place.clock
        self.bridge = place.bridge

    def conversation(self, *, store: Any = None, **options: Any) -> Any:
        """Conversations over *store*, or the place itself."""
        base = self.place.base if store is None else store
        return self.bridge.driven(self.half.Conversation(base, **options))

    def at(self, seconds: float = 0) -> datetime:
        """The moment in so many *seconds*, by the clock of the place."""
        now = datetime.fromtimestamp(self.clock.ms / 1000, timezone.utc)
        return now + timedelta(seconds=seconds)


@contextmanager
def standing(request: pytest.FixtureRequest, folder: Path) -> Iterator[Ground]:
    """The ground that is the parameter of a fixture."""
    with placed(request, folder) as place:
        yield Ground(place)
