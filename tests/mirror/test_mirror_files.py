"""What the command writes, compares and leaves alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SOURCE = "def read(x):\n    return x._backend.read()\n"
TWIN = "async def read(x):\n    return await x._backend.read()\n"
Run = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def put(tmp_path: Path, mirror: Any) -> Callable[..., Path]:
    """Write a file under the root; `marked` puts the first line of a source before the text."""

    def written(path: str, text: str, *, marked: bool = True) -> Path:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(((mirror.MARK + "\n") * marked + text).encode())
        return file

    return written


@pytest.fixture
def run(tmp_path: Path, mirror: Any) -> Run:
    """Run the command on the root: its exit code, and the lines that it prints."""

    def ran(*options: str) -> tuple[int, list[str]]:
        command = [sys.executable, mirror.__file__, "--root", str(tmp_path), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert not done.stderr
        return done.returncode, done.stdout.splitlines()

    return ran


def header(path: str) -> str:
    return f"# Written by tools/mirror.py from {path}: change that file and run the tool.\n"


def test_what_is_written_passes_the_check(put: Any, run: Run, tmp_path: Path) -> None:
    put("storage/a.py", SOURCE)
    put("storage/redis/kv.py", SOURCE)
    put("storage/plain.py", SOURCE, marked=False)

    assert run("--check") == (
        1,
        [
            "storage/aio/a.py: missing, run the tool",
            "storage/aio/redis/kv.py: missing, run the tool",
        ],
    )
    assert run() == (0, [])
    assert run("--check") == (0, [])
    assert (tmp_path / "storage/aio/a.py").read_text() == header("storage/a.py") + TWIN
    assert (tmp_path / "storage/aio/redis/kv.py").exists()
    assert not (tmp_path / "storage/aio/plain.py").exists()


def test_a_check_writes_nothing(put: Any, run: Run, tmp_path: Path) -> None:
    put("storage/a.py", SOURCE)

    run("--check")

    assert not (tmp_path / "storage/aio").exists()


@pytest.mark.parametrize("damage", ["# more\n", " ", "\n"])
def test_a_twin_that_was_changed_differs(put: Any, run: Run, damage: str) -> None:
    put("storage/a.py", SOURCE)
    twin = put("storage/aio/a.py", header("storage/a.py") + TWIN + damage, marked=False)

    assert run("--check") == (1, ["storage/aio/a.py: differs from what the tool writes"])
    assert run() == (0, [])
    assert twin.read_text() == header("storage/a.py") + TWIN


def test_other_line_ends_in_a_twin_are_a_difference(put: Any, run: Run) -> None:
    put("storage/a.py", SOURCE)
    text = (header("storage/a.py") + TWIN).replace("\n", "\r\n")
    put("storage/aio/a.py", text, marked=False)

    assert run("--check") == (1, ["storage/aio/a.py: differs from what the tool writes"])


def test_a_twin_that_is_right_is_not_touched(put: Any, run: Run, tmp_path: Path) -> None:
    put("storage/a.py", SOURCE)
    run()
    twin = tmp_path / "storage/aio/a.py"
    before = twin.stat().st_mtime_ns

    run()

    assert twin.stat().st_mtime_ns == before


@pytest.mark.parametrize("options", [(), ("--check",)])
def test_what_a_hand_wrote_is_never_overwritten(
    put: Any, run: Run, options: tuple[str, ...]
) -> None:
    put("storage/a.py", SOURCE)
    by_hand = put("storage/aio/a.py", "# Mine.\n", marked=False)

    code, lines = run(*options)

    assert code == 1
    assert lines == [
        (
            "storage/aio/a.py:1: written by hand, and storage/a.py asks for a twin here: "
            "give up one of them"
        )
    ]
    assert by_hand.read_text() == "# Mine.\n"


@pytest.mark.parametrize("options", [(), ("--check",)])
@pytest.mark.parametrize("left", [None, SOURCE])
def test_a_twin_without_a_source_is_an_orphan(
    put: Any, run: Run, options: tuple[str, ...], left: str | None
) -> None:
    orphan = put("storage/aio/a.py", header("storage/a.py") + TWIN, marked=False)
    if left is not None:
        put("storage/a.py", left, marked=False)

    assert run(*options) == (1, ["storage/aio/a.py: orphan, nothing asks for it"])
    assert orphan.exists()


def test_refusals_of_all_files_come_at_once_and_the_rest_is_written(
    put: Any, run: Run, tmp_path: Path
) -> None:
    put("storage/a.py", "import time\nimport storage\n")
    put("storage/b.py", "x = 1\r\n")
    put("storage/c.py", SOURCE)

    code, lines = run()

    assert code == 1
    assert lines == [
        "storage/a.py:2: no time here: waiting and locking live behind a door",
        "storage/a.py:3: import from storage with dots",
        "storage/b.py:2: end lines in \\n alone",
    ]
    assert (tmp_path / "storage/aio/c.py").exists()


def test_a_refused_source_keeps_the_twin_that_it_has(put: Any, run: Run) -> None:
    put("storage/a.py", "import time\n")
    twin = put("storage/aio/a.py", header("storage/a.py") + TWIN, marked=False)

    run()

    assert twin.read_text() == header("storage/a.py") + TWIN


@pytest.mark.parametrize("ends", ["\r\n", "\n"])
def test_line_ends_do_not_hide_that_a_source_asks(
    put: Any, run: Run, mirror: Any, ends: str
) -> None:
    put("storage/a.py", f"{mirror.MARK}{ends}x = 1\n", marked=False)

    assert run()[0] == (1 if ends == "\r\n" else 0)


def test_a_source_is_utf_8(put: Any, run: Run) -> None:
    file = put("storage/a.py", "x = 1\n")
    file.write_bytes(file.read_bytes() + b"# \xff\n")

    assert run() == (1, ["storage/a.py:3: write this in UTF-8"])


def test_imports_stay_where_the_asyncio_half_has_the_module(
    put: Any, run: Run, tmp_path: Path
) -> None:
    names = ["hand", "folder", "mirrored", "plain", "refused", "stale"]
    put("storage/a.py", "".join(f"from .{name} import x\n" for name in names))
    put("storage/mirrored.py", "x = 1\n")
    put("storage/refused.py", "import time\n")
    put("storage/plain.py", "x = 1\n", marked=False)
    put("storage/aio/hand.py", "x = 1\n", marked=False)
    put("storage/aio/folder/__init__.py", "x = 1\n", marked=False)
    put("storage/aio/stale.py", header("storage/stale.py"), marked=False)

    run()

    lines = (tmp_path / "storage/aio/a.py").read_text().splitlines()[1:]
    dots = {line.split()[1] for line in lines}
    assert dots == {".hand", ".folder", ".mirrored", "..plain", ".refused", "..stale"}


def test_the_asyncio_half_is_not_mirrored_again(put: Any, run: Run, tmp_path: Path) -> None:
    put("storage/aio/a.py", "x = 1\n")

    assert run() == (0, [])
    assert not (tmp_path / "storage/aio/aio").exists()


def test_a_root_without_the_package_has_nothing_to_write(run: Run) -> None:
    assert run() == (0, [])
    assert run("--check") == (0, [])


def test_text_of_any_script_survives(put: Any, run: Run, tmp_path: Path) -> None:
    text = "def f(x):\n    return 'Привет 🙂', x._backend.read()  # Ёж\n"
    put("storage/a.py", text)

    run()

    made = (tmp_path / "storage/aio/a.py").read_text(encoding="utf-8")
    assert made.endswith("    return 'Привет 🙂', await x._backend.read()  # Ёж\n")


def test_the_api_finds_what_the_command_finds(put: Any, mirror: Any, tmp_path: Path) -> None:
    put("storage/a.py", SOURCE)

    assert mirror.check(tmp_path) == ["storage/aio/a.py: missing, run the tool"]
    assert mirror.write(tmp_path) == []
    assert mirror.check(tmp_path) == []
    assert mirror.main(["--check", "--root", str(tmp_path)]) == 0


def test_the_twins_of_this_repository_are_up_to_date(mirror: Any, root: Path) -> None:
    assert mirror.check(root) == []
