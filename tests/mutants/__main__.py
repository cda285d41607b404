"""Plant each bug in a copy of the project and see the tests that guard against it fail.

python -m tests.mutants            all of them
python -m tests.mutants NAME ...   those whose names contain one of these words
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .bug import Bug
from .bugs import BUGS

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("storage", "tests", "tools", "examples", "docs", "setup.cfg", "README.md", "CHANGELOG.md")
AT_ONCE = 2


def main(words: list[str]) -> int:
    """Run the bugs that *words* name; 0 when every one was caught."""
    chosen = [bug for bug in BUGS if not words or any(word in bug.name for word in words)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = list(pool.map(verdict, chosen))
    for bug, outcome in zip(chosen, outcomes):
        print(f"{'caught' if outcome is None else 'MISSED'}  {bug.name}: {outcome or bug.law}")
    caught = outcomes.count(None)
    print(f"{caught} passed, {len(outcomes) - caught} failed")
    return 0 if chosen and caught == len(outcomes) else 1


def verdict(bug: Bug) -> str | None:
    """What is wrong, or `None` when the tests caught *bug*."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        _copy_project(copy)
        target = copy / bug.file
        text = target.read_text(encoding="utf-8")
        if text.count(bug.before) != 1:
            return f"{bug.file} has the text {text.count(bug.before)} times: the bug has no place"
        target.write_text(text.replace(bug.before, bug.after), encoding="utf-8")
        mirrored = _run(copy, [sys.executable, "tools/mirror.py"])
        if mirrored.returncode:
            return f"the mirror refuses it: {mirrored.stdout}{mirrored.stderr}"
        ran = _run(copy, [sys.executable, "-m", "pytest", "-x", "-q", *_quiet(), *bug.tests])
        return None if ran.returncode == 1 else f"pytest ended with {ran.returncode}: {ran.stdout}"


def _quiet() -> list[str]:
    return ["-p", "no:cacheprovider", "--no-header", "--tb=no"]


def _copy_project(copy: Path) -> None:
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, copy / name)


def _run(copy: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("STORAGE_REQUIRE", None)
    return subprocess.run(
        command, cwd=copy, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
