"""A program that the tests run, and a port for it to listen on."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

HOST = "127.0.0.1"

# Below what systems give to outgoing connections: the port of a server that was killed is still
# free when it comes back, and a client that knocks there in the meantime can not reach itself.
PORTS = range(20_000, 32_000)
PORTS_TO_TRY = 200


def free_port() -> int:
    """A port that nobody listens on; somebody else may take it before it is used."""
    chance = random.SystemRandom()
    for _ in range(PORTS_TO_TRY):
        port = chance.choice(PORTS)
        if _is_free(port):
            return port
    raise OSError(f"no free port between {PORTS.start} and {PORTS.stop}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


class Process:
    """It is ended by its own handle and in no other way; what it prints goes to *log*.

    What *leads* starts processes of its own, which end with it.
    """

    def __init__(
        self,
        words: Sequence[str],
        log: Path,
        environment: Mapping[str, str],
        *,
        leads: bool = False,
    ) -> None:
        self._log = log
        self._leads = leads
        self.paused = False
        with log.open("ab") as output:
            self._handle = subprocess.Popen(
                words,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=leads,
            )

    @property
    def pid(self) -> int:
        return self._handle.pid

    @property
    def alive(self) -> bool:
        return self._handle.poll() is None

    @property
    def last_words(self) -> str:
        """The end of its log."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])

    def pause(self) -> None:
        """It keeps its connections, takes what comes, and does nothing."""
        self._handle.send_signal(signal.SIGSTOP)
        self.paused = True

    def resume(self) -> None:
        self._handle.send_signal(signal.SIGCONT)
        self.paused = False

    def kill(self) -> None:
        """End it without a chance to say or save something; there is nothing to save."""
        if self._leads:
            with suppress(ProcessLookupError):  # all of them have ended
                os.killpg(self.pid, signal.SIGKILL)
        else:
            self._handle.kill()
        self._handle.wait()

    def end(self, seconds: float) -> None:
        """Let it end by itself, and not take more than *seconds* for it."""
        self._handle.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._handle.wait(seconds)
        self.kill()
