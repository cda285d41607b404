"""Python inside of JavaScript, as a Worker has it, with bindings of JavaScript beside it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import storage

from . import npm
from .binaries import ServerFailedError
from .miniflare import VERSION as MINIFLARE

VERSION = "314.0.7"
"""Of Pyodide; its first number is that of Python."""

PROGRAM = Path(__file__).with_suffix(".mjs")

SECONDS = 300


class Pyodide:
    """It is installed in *folder*, and *node* runs it."""

    def __init__(self, node: Path, folder: Path) -> None:
        self._node = node
        self._folder = folder

    def outcome(self, program: Path) -> Any:
        """What came out of *program*, a module with `run` and `failing`, over each binding."""
        home = Path(storage.__file__).parent
        words = [str(word) for word in (self._node, PROGRAM, self._folder, home, program)]
        done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=SECONDS)
        if done.returncode:
            raise ServerFailedError(f"Pyodide does not run: {done.stderr[-2000:]}")
        return json.loads(done.stdout.splitlines()[-1])


def install(folder: Path) -> None:
    """Bring Pyodide and the engine of KV into *folder*."""
    npm.install(folder, {"pyodide": VERSION, "miniflare": MINIFLARE})
