"""What measures time is done again where the machine stood still, and only there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fault.ground import python

# One that has to fail at once is done again where this process stands still meanwhile.
pytestmark = pytest.mark.timed

STANDING = """
import os, signal, subprocess

import pytest

runs = []


def stand_still():
    pid = os.getpid()
    again = f"for turn in 1 2 3 4 5 6; do sleep 0.3; kill -CONT {pid} || exit 0; done"
    subprocess.Popen(["sh", "-c", again], stderr=subprocess.DEVNULL)
    os.kill(pid, signal.SIGSTOP)


@pytest.fixture
def number():
    runs.append(1)
    return len(runs)


def test(number):
"""
TIMED = STANDING.replace("def test(", "@pytest.mark.timed\ndef test(")
RUN = "import sys, pytest; sys.exit(pytest.main(sys.argv[1:]))"


def ran(folder: Path, code: str) -> str:
    """What pytest says of *code* as a test."""
    (folder / "test_it.py").write_text(code)
    (folder / "conftest.py").write_text(
        "from tests.timed import pytest_runtest_protocol\n"
        "from tests.timed import tell_of_void_runs as pytest_terminal_summary\n"
    )
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = timed: it measures\n")
    return python(RUN, "-q", "-p", "no:cacheprovider", "--rootdir", folder, folder).stdout


def test_a_run_in_which_the_machine_stood_still_is_void(tmp_path: Path) -> None:
    once = f"{TIMED}    if number == 1: stand_still()\n    assert number == 2\n"

    said = ran(tmp_path, once)

    assert "1 passed" in said
    assert "done again, as the machine stood still for 0." in said
    assert "test_it.py::test" in said


def test_who_fails_on_a_machine_that_goes_on_has_failed(tmp_path: Path) -> None:
    said = ran(tmp_path, f"{TIMED}    assert number == 2\n")

    assert "assert 1 == 2" in said
    assert "1 failed" in said
    assert "done again" not in said


def test_who_fails_again_and_again_has_failed(tmp_path: Path) -> None:
    said = ran(tmp_path, f"{TIMED}    stand_still()\n    assert number == 4\n")

    assert "assert 3 == 4" in said
    assert "1 failed" in said
    assert said.count("done again") == 2


def test_who_passes_though_it_stood_still_has_passed(tmp_path: Path) -> None:
    said = ran(tmp_path, f"{TIMED}    stand_still()\n    assert number == 1\n")

    assert "1 passed" in said
    assert "done again" not in said


def test_what_measures_no_time_is_done_once(tmp_path: Path) -> None:
    said = ran(tmp_path, f"{STANDING}    stand_still()\n    assert number == 2\n")

    assert "assert 1 == 2" in said
    assert "1 failed" in said
