"""The local engine of Cloudflare's KV: installed for a run, started once in it, and stopped."""

from __future__ import annotations

import json
import os
import secrets
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.waiting import until

from . import npm
from .binaries import ServerFailedError
from .process import Process

VERSION = "4.20250906.0"
"""Of miniflare, which names the one of workerd."""

HERE = Path(__file__).parent
PROGRAM, WORKER = HERE / "miniflare.mjs", HERE / "miniflare_worker.mjs"

START_SECONDS = 60.0
END_SECONDS = 10.0
REPLY_SECONDS = 60


class Engine:
    """Where the Worker in front of the engine is, and what it asks to be told."""

    def __init__(self, url: str, process: Process, settings: dict[str, str]) -> None:
        self.url = f"{url.rstrip('/')}/client/v4"
        self.account = settings["ACCOUNT"]
        self.namespace = settings["NAMESPACE"]
        self.token = settings["TOKEN"]
        self._process = process

    def __repr__(self) -> str:
        return f"<Engine {self.url}>"

    def restore(self) -> None:
        """Nobody hurts it: there is nothing to mend."""
        if not self._process.alive:
            raise ServerFailedError(f"miniflare has ended: {self._process.last_words}")

    def clear(self) -> None:
        """Take away everything that it keeps."""
        while names := [one["name"] for one in self._ask("GET", "keys")]:
            self._ask("POST", "bulk/delete", names)

    def _ask(self, method: str, action: str, body: Any = None) -> Any:
        place = f"{self.url}/accounts/{self.account}/storage/kv/namespaces/{self.namespace}"
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}"}
        request = urllib.request.Request(f"{place}/{action}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=REPLY_SECONDS) as reply:
            return json.load(reply)["result"]


def install(folder: Path) -> None:
    """Bring the engine into *folder*, from the registry that npm is set up with."""
    npm.install(folder, {"miniflare": VERSION})


@contextmanager
def running_engine(node: Path, folder: Path) -> Iterator[Engine]:
    """The engine that is installed in *folder*."""
    settings = {
        "ACCOUNT": secrets.token_hex(16),
        "NAMESPACE": secrets.token_hex(16),
        "TOKEN": secrets.token_urlsafe(30),
    }
    place, log = folder / "url", folder / "log"
    words = [str(node), str(PROGRAM), str(folder), str(place), str(WORKER), json.dumps(settings)]
    # What it keeps is of no worth after the run: in memory, it is written some times faster.
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else folder) as kept:
        process = Process(words, log, {"TMPDIR": kept}, leads=True)
        yield from _until_it_ends(process, place, settings)


def _until_it_ends(process: Process, place: Path, settings: dict[str, str]) -> Iterator[Engine]:
    try:
        until(lambda: place.exists() or not process.alive, "miniflare", seconds=START_SECONDS)
        if not process.alive:
            raise ServerFailedError(f"miniflare does not run: {process.last_words}")
        yield Engine(place.read_text(), process, settings)
    finally:
        process.end(END_SECONDS)
