"""Whose the time of a hit is: the server says how long it works at a script."""

from __future__ import annotations

from ..harness import Variant
from ..report import Case, Report
from .settings import Settings


def run(report: Report, chosen: Settings, case: Case, rounds: int) -> None:
    """Measure *case*, and say which share of the time is the server's."""
    report.run(case, rounds)
    ours, base = (_share(chosen, variant) for variant in (case.ours, case.base))
    report.say(f"    note  at the server: ours {ours}; base {base}")


def _share(chosen: Settings, variant: Variant) -> str:
    """How long the server works at a call, and which share that is of its time on the wall."""
    with chosen.client() as client:
        client.config_resetstat()
        sample = variant.run(0)
        us = client.info("commandstats")["cmdstat_evalsha"]["usec_per_call"]
    return f"{us:.1f} us of {sample.wall * 1e6:.1f}, {us / sample.wall / 1e4:.0f} %"
