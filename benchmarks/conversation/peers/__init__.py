"""Other libraries that keep conversations, as they come; `tox -e benchmarks` installs them.

What is not installed is left out, and the report says so.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ...report import Report
from ..settings import Settings
from . import of_agents, of_langchain
from .peer import Peer

__all__ = ["Peer", "aio_in_sqlite", "aio_on_redis", "on_redis"]


def on_redis(report: Report, chosen: Settings, size: int) -> list[Peer]:
    """The blocking ones on the server; *report* is told what is missing."""
    make = partial(of_langchain.on_redis, chosen.url, size)
    return _there(report, chosen, "langchain-community", make)


def aio_on_redis(report: Report, chosen: Settings, size: int) -> list[Peer]:
    """Those for tasks."""
    make = partial(of_agents.on_redis, chosen.url, size)
    return _there(report, chosen, "openai-agents", make)


def aio_in_sqlite(report: Report, chosen: Settings, size: int) -> list[Peer]:
    """Those for tasks in a new file."""
    make = partial(of_agents.in_sqlite, chosen.file(), size)
    return _there(report, chosen, "openai-agents", make)


def _there(
    report: Report, chosen: Settings, name: str, make: Callable[[], list[Peer]]
) -> list[Peer]:
    try:
        return make()
    except ImportError as error:
        chosen.leave_out(report, name, error)
        return []
