"""Laws about time are proved on a machine that goes on: where it stands still, they are void.

A test with the mark `timed` that fails while this process was kept from running is done again, and
the end of the run tells of that. One that fails on a machine that went on has failed.
"""

from __future__ import annotations

import signal
import threading
import time

import pytest
from _pytest.runner import runtestprotocol

STANDSTILL_SECONDS = 0.1
"""Kept from running for longer than that, what a test measures is not what it is about."""
NAP_SECONDS = 0.01
ATTEMPTS = 3
VOID = "void"
"""The property of a report of a test that was done again: how long the process stood still."""


class Watch:
    """Naps for as long as it is entered, and knows by how much it overslept at the worst."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._nap, name="watch", daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _nap(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # they are for the tests
        while not self._is_over.is_set():
            begun = time.monotonic()
            time.sleep(NAP_SECONDS)
            self.longest = max(self.longest, time.monotonic() - begun - NAP_SECONDS)


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    if item.get_closest_marker("timed") is None:
        return None
    hook = item.ihook
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for attempt in range(1, ATTEMPTS + 1):
        with Watch() as watch:
            reports = runtestprotocol(item, log=False, nextitem=nextitem)
        stood = watch.longest > STANDSTILL_SECONDS
        if attempt == ATTEMPTS or not stood or not any(one.failed for one in reports):
            break
        if reports[0].failed:  # what stands longer than one test is set up anew as well
            item.session._setupstate.teardown_exact(None)
        item.user_properties.append((VOID, round(watch.longest, 2)))
    for report in reports:
        hook.pytest_runtest_logreport(report=report)
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def tell_of_void_runs(terminalreporter: pytest.TerminalReporter) -> None:
    """What the end of a run says of them."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            # Whatever became of a test, it has one of these.
            if getattr(report, "when", None) == "teardown":
                for name, seconds in report.user_properties:
                    if name == VOID:
                        told = f"done again, as the machine stood still for {seconds} s: "
                        terminalreporter.write_line(told + report.nodeid, yellow=True)
