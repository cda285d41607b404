"""The framework's own tests of its sessions, with ours in the place of theirs.

    python -m tests.contrib.published SOURCES [memory] [sqlite] [valkey]

SOURCES is a folder with the sources of the openai-agents that is installed, as its source archive
holds them. Its `tests` are run as they are, once for each place. `left_out.py` says what is left
out, and why.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from tests.contrib.left_out import LEFT_OUT
from tests.servers import find_valkey, running

QUIET = ("-p", "no:cacheprovider", "--no-header")
HERE = Path(__file__).parent
PLACES = ("memory", "sqlite", "valkey")
MODULES = (
    *LEFT_OUT,
    "tests/memory/test_session_limit.py",
    "tests/test_agent_runner.py",
    "tests/test_agent_runner_streamed.py",
    "tests/test_max_turns.py",
    "tests/test_native_tool_failure_history.py",
    "tests/test_programmatic_tool_calling.py",
    "tests/test_soft_cancel.py",
    "tests/test_tool_batch_failure_history.py",
    "tests/test_tool_failure_boundaries.py",
)
"""Those that make sessions of the framework."""


def main(sources: Path, places: list[str]) -> int:
    """Run the tests in every place; 0 where none failed."""
    _check(sources)
    failed = [place for place in places or PLACES if not _passes(sources, place)]
    return 1 if failed else 0


def _passes(sources: Path, place: str) -> bool:
    modules = [name for name in MODULES if (sources / name).exists()]
    with _address(place) as address:
        sys.stdout.write(f"== {place}\n")
        sys.stdout.flush()
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "stand_ins", *QUIET, *modules],
            cwd=sources,
            env={
                **os.environ,
                "OPENAI_API_KEY": "none",
                "PYTHONPATH": str(HERE),
                "STORAGE_STAND_IN": address,
            },
            check=False,
        )
    return done.returncode == 0


@contextmanager
def _address(place: str) -> Iterator[str]:
    if place != "valkey":
        yield place
        return
    with tempfile.TemporaryDirectory() as folder, running(find_valkey(), Path(folder)) as server:
        yield server.url


def _check(sources: Path) -> None:
    """Tests of another version would tell nothing."""
    installed = version("openai-agents")
    text = (sources / "pyproject.toml").read_text(encoding="utf-8")
    if f'\nversion = "{installed}"\n' not in text:
        sys.exit(f"{sources} is not openai-agents {installed}, which is installed")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
