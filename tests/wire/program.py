"""A program in JavaScript that answers, line by line."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any


class Program:
    """The program *name* of this folder at work, beside a server at *port*."""

    def __init__(self, node: Path, name: str, port: int) -> None:
        self._process = subprocess.Popen(
            [str(node), str(Path(__file__).with_name(name)), str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def ask(self, **told: Any) -> Any:
        """What it answers to what it is *told*."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def end(self) -> None:
        self._process.communicate(timeout=20)
        assert self._process.returncode == 0
