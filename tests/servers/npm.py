"""Brings packages from the registry that npm is set up with."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from .binaries import ServerMissingError

SECONDS = 300

INSTALL = ("install", "--no-audit", "--no-fund", "--no-update-notifier", "--ignore-scripts")


def install(folder: Path, packages: Mapping[str, str]) -> None:
    """Bring *packages*, each in the version that is named, into *folder*."""
    npm = shutil.which("npm")
    assert npm, "npm was there when it was looked for"
    package = {"private": True, "dependencies": dict(packages)}
    (folder / "package.json").write_text(json.dumps(package))
    try:
        done = subprocess.run(
            [npm, *INSTALL],
            check=False,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise ServerMissingError(f"npm took over {SECONDS} seconds for it") from None
    if done.returncode:
        words = done.stderr.strip().splitlines()[:1]
        names = ", ".join(f"{name} {version}" for name, version in packages.items())
        raise ServerMissingError(f"npm does not install {names}: {' '.join(words)}")
