"""On which cores the benchmark runs, and with it whatever it starts.

A wake-up between two processes takes more on some machines than what both of them work, and is in
both sides of a ratio on the wall; where all share one core there is none to wait for.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path


def add_option(parser: argparse.ArgumentParser) -> None:
    """The option that keeps everything on one core."""
    parser.add_argument(
        "--core", type=int, help="keep the benchmark and its server on this core (Linux)"
    )


def keep_to(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Do what the option says, before anything is started."""
    if options.core is None:
        return
    if not hasattr(os, "sched_setaffinity"):
        parser.error("this system keeps no process on a core")
    try:
        os.sched_setaffinity(0, {options.core})
    except (OSError, OverflowError, ValueError) as error:
        parser.error(f"--core {options.core}: {error}")


def described() -> str:
    """Where the benchmark and the server run, whoever has settled that."""
    if not hasattr(os, "sched_getaffinity"):
        return f"{os.cpu_count()} cores"
    cores = os.sched_getaffinity(0)
    return f"one core ({min(cores)})" if len(cores) == 1 else f"{len(cores)} cores"


def worked(process: int) -> Callable[[], float] | None:
    """What says how many seconds the first thread of a *process* has had a core, if anything does.

    That thread of a server is the one that answers.
    """
    file = Path(f"/proc/{process}/schedstat")
    if not file.exists():
        return None
    return lambda: int(file.read_text().split()[0]) / 1e9
