"""Formats what is written by hand under `storage/aio`, which `ruff format` leaves out with the
twins: those keep the line numbers of their sources.

python -m tools.tidy            formats
python -m tools.tidy --check    says what it would format, and fails if there is anything
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tools.mirror import WRITTEN

ROOT = Path(__file__).resolve().parent.parent


def by_hand() -> list[Path]:
    """The modules of asyncio that are no twins."""
    found = sorted((ROOT / "storage" / "aio").rglob("*.py"))
    return [path for path in found if not path.read_text("utf-8").startswith(WRITTEN)]


if __name__ == "__main__":
    command = ["ruff", "format", "--config", "format.exclude = []", *sys.argv[1:]]
    sys.exit(subprocess.run([*command, *by_hand()], cwd=ROOT, check=False).returncode)
