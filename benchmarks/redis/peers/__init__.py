"""Other clients of Redis, and aiogram's storage, as they come; `tox -e benchmarks` installs them.

What is not installed is left out, and the report says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...crowds import Tasks
from ...report import Report
from ..clients import Client
from ..settings import Settings
from . import of_aiogram, of_coredis, of_glide

BLOCKING: Mapping[str, Callable[[Settings], Client]] = {"valkey-glide-sync": of_glide.blocking}
FOR_TASKS: Mapping[str, Callable[[Settings, Tasks], Client]] = {
    "aiogram": of_aiogram.for_tasks,
    "coredis": of_coredis.for_tasks,
    "valkey-glide": of_glide.for_tasks,
}


def blocking(report: Report, chosen: Settings) -> list[Client]:
    """The blocking ones on the server; *report* is told what is missing."""
    return _there(report, BLOCKING, lambda make: make(chosen))


def for_tasks(report: Report, chosen: Settings, crowd: Tasks) -> list[Client]:
    """Those for tasks of the loop of *crowd*."""
    return _there(report, FOR_TASKS, lambda make: make(chosen, crowd))


def _there(
    report: Report,
    makers: Mapping[str, Callable[..., Client]],
    made: Callable[[Callable[..., Client]], Client],
) -> list[Client]:
    clients = []
    for name, make in makers.items():
        try:
            clients.append(made(make))
        except ImportError as error:
            report.say(f"    {name} is left out: {error}")
    return clients
