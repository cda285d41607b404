"""The gate that every test goes through."""

from __future__ import annotations

import socket
import sys
import threading
from pathlib import Path

import pytest

from tests.leaks import Held

needs_descriptors = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only Linux shows its descriptors as a folder"
)


def test_what_is_closed_is_not_left(tmp_path: Path) -> None:
    before = Held.now()
    (tmp_path / "file").write_text("text")
    thread = threading.Thread(target=(tmp_path / "file").read_text)
    thread.start()

    assert before.left() == []


@needs_descriptors
def test_a_file_and_a_socket_that_are_open_are_left(tmp_path: Path) -> None:
    before = Held.now()
    with (tmp_path / "file").open("w"), socket.socket():
        left = before.left()

    assert [what.partition(":")[0] for what in left] == [str(tmp_path / "file"), "socket"]


def test_a_thread_that_runs_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.leaks.GRACE_SECONDS", 0.01)
    before = Held.now()
    end = threading.Event()
    thread = threading.Thread(target=end.wait, name="forgotten")
    thread.start()
    try:
        assert before.left() == ["thread forgotten"]
    finally:
        end.set()
        thread.join()


def test_an_error_that_is_taken_for_handled_is_left() -> None:
    before = Held.now()
    try:
        raise ValueError
    except ValueError:
        assert before.left() == ["ValueError() as being handled"]
