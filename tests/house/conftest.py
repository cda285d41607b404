"""The tree that the guards look at."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.house.tree import ROOT


@pytest.fixture(scope="session")
def tracked() -> list[Path]:
    """The files of the project, those included that are about to be added."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    names = [name for name in listed.stdout.decode().split("\0") if name]
    paths = [ROOT / name for name in names] or [path for path in ROOT.rglob("*") if ours(path)]
    return sorted(path for path in paths if path.is_file())


def ours(path: Path) -> bool:
    """Without git, in an unpacked archive: whether a file is more than a leftover of a tool."""
    parts = path.relative_to(ROOT).parts
    leftovers = {"__pycache__", "build", "dist", *(part for part in parts if part[0] == ".")}
    return not (leftovers - {".ci"}) & set(parts) and ".egg-info" not in str(path)
