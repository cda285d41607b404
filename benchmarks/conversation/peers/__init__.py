"""Other libraries that keep conversations, as they come; `tox -e benchmarks` installs them.

What is not installed is left out, and the report says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from ...report import Report
from . import of_agents, of_langchain
from .peer import Peer

__all__ = ["Peer", "aio_in_sqlite", "aio_on_redis", "on_redis"]


def on_redis(report: Report, url: str, size: int) -> list[Peer]:
    """The blocking ones on the server at *url*; *report* is told what is missing."""
    return _there(report, {"langchain-community": partial(of_langchain.on_redis, url, size)})


def aio_on_redis(report: Report, url: str, size: int) -> list[Peer]:
    """Those for tasks."""
    return _there(report, {"openai-agents": partial(of_agents.on_redis, url, size)})


def aio_in_sqlite(report: Report, folder: Path, size: int) -> list[Peer]:
    """Those for tasks in a new file in *folder*."""
    return _there(report, {"openai-agents": partial(of_agents.in_sqlite, folder, size)})


def _there(report: Report, makers: Mapping[str, Callable[[], list[Peer]]]) -> list[Peer]:
    sides = []
    for name, make in makers.items():
        try:
            sides += make()
        except ImportError as error:
            report.say(f"    {name} is left out: {error}")
    return sides
