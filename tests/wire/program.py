"""A program in JavaScript that does what another library says it does, for a store of ours to talk
to."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

Ask = Callable[..., Any]


class Program:
    """A program at work: *text* run by *node*, with a connection to the server on *port*, and told
    what *more* says."""

    def __init__(self, text: Path, node: Path, port: int, *more: str) -> None:
        self._process = subprocess.Popen(
            [str(node), str(text), str(port), *more],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def ask(self, method: str, *args: str, **options: Any) -> Any:
        """What its store answers to *method* of a key and of a value in JavaScript."""
        told = dict(zip(("key", "js"), args), method=method, **options)
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return answer.get("error", answer.get("answer"))

    def end(self) -> None:
        self._process.communicate(timeout=20)
        assert self._process.returncode == 0
