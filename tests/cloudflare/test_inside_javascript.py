"""A bot inside of JavaScript, where Workers are, gets what it gets anywhere, by night."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path

import storage.aio
from storage.testing import Clock
from tests.cloudflare import inside
from tests.cloudflare.binding import Namespace, Whole
from tests.day import IS_LONG
from tests.servers.binaries import required
from tests.servers.pyodide import Pyodide

PROGRAM = Path(inside.__file__)


def failing(text: str | None, times: int) -> Whole:
    namespace = Namespace(Clock())
    namespace.fault(text, "put", times=times if text else math.inf)
    return Whole(namespace)


def test_the_program_runs_outside_of_javascript() -> None:
    outcome = json.loads(asyncio.run(inside.run(storage.aio, Whole(Namespace(Clock())))))
    failed = asyncio.run(inside.failing(storage.aio, failing))

    assert outcome["same"]
    assert dict(outcome["names"]) == inside.STRANGE
    assert outcome["alive"] == [1, ["brief", "text"]]
    assert outcome["over"] == [None, ["text"]]
    assert outcome["left"] == ["foreign", "noted"]
    assert "a secret is told" not in failed


if IS_LONG or "pyodide" in required():

    def test_what_comes_out_inside_of_javascript_is_what_comes_out_here(pyodide: Pyodide) -> None:
        here = json.loads(asyncio.run(inside.run(storage.aio, Whole(Namespace(Clock())))))
        failed = json.loads(asyncio.run(inside.failing(storage.aio, failing)))
        there = pyodide.outcome(PROGRAM)

        assert there["engine"] == there["plain"] == here
        assert there["failing"] == failed
        # Where the binding takes a list of keys, most of what was read was read so.
        assert there["engine calls"]["getWithMetadata"] < 30
        assert there["engine calls"]["getWithMetadata of several"] == 8
        assert there["plain calls"]["getWithMetadata"] > 60
