"""A Telegram that notes what arrives, and tells a chat to wait when it is asked to."""

from __future__ import annotations

import asyncio
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Refused(Exception):
    """What a bot is told that has sent too much."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"too much: try again in {retry_after:g} s")
        self.retry_after = retry_after


class Rates(NamedTuple):
    """How many may come in how many seconds: in all, in a chat, and in a group."""

    overall: tuple[int, float]
    chat: tuple[int, float]
    group: tuple[int, float]


class Arrival(NamedTuple):
    """Something that has come."""

    at: float
    chat: int


class Telegram:
    """Notes what comes and when it was sent, which on one machine is when it comes.

    A machine that is busy with something else may read a message late: by the clock of who sent it
    that changes nothing.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flooded: dict[int, float] = {}
        self._until: dict[int, float] = {}
        self.arrivals: list[Arrival] = []
        """What was welcome."""
        self.told: list[Arrival] = []
        """What was told to wait."""

    def flood(self, chat: int, seconds: float) -> None:
        """Refuse the next message to *chat*, and all for so many *seconds* after that."""
        with self._lock:
            self._flooded[chat] = seconds

    def take(self, one: Arrival) -> float:
        """Something has come; answers in how many seconds it may come again, or 0 for welcome."""
        with self._lock:
            if one.chat in self._flooded:
                self._until[one.chat] = one.at + self._flooded.pop(one.chat)
            wait = self._until.get(one.chat, 0.0) - one.at
            (self.arrivals if wait <= 0 else self.told).append(one)
        return max(0.0, wait)

    def times(self, chat: int | None = None) -> list[float]:
        """When something came to one chat or to all, in order."""
        return sorted(one.at for one in self.arrivals if chat in (None, one.chat))

    def too_many(self, rates: Rates) -> list[str]:
        """Where so many came in so little time that Telegram would refuse it."""
        found = _too_near("all", self.times(), rates.overall)
        for chat in {one.chat for one in self.arrivals}:
            found += _too_near(f"chat {chat}", self.times(chat), rates.chat)
            if chat < 0:
                found += _too_near(f"group {chat}", self.times(chat), rates.group)
        return found


def _too_near(word: str, times: list[float], rate: tuple[int, float]) -> list[str]:
    most, seconds = rate
    return [
        f"{word}: {most + 1} in {late - early:.3f} s"
        for early, late in zip(times, times[most:])
        if late - early < seconds
    ]


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        for line in self.rfile:
            at, chat = line.split()
            wait = self.server.telegram.take(Arrival(float(at), int(chat)))  # type: ignore[attr-defined]
            self.wfile.write(f"{wait}\n".encode())


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128


@contextmanager
def listening(telegram: Telegram) -> Iterator[int]:
    """The port at which *telegram* is reached."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.telegram = telegram  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


class Line:
    """A connection to Telegram."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._answers = self._socket.makefile()

    def send(self, chat: int) -> None:
        """Send something to *chat*."""
        self._socket.sendall(_message(chat))
        _check(self._answers.readline())

    def close(self) -> None:
        self._answers.close()
        self._socket.close()


class AsyncLine:
    """The same for tasks."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def open(self) -> None:
        self._answers, self._writer = await asyncio.open_connection("127.0.0.1", self._port)

    async def send(self, chat: int) -> None:
        """Send something to *chat*."""
        self._writer.write(_message(chat))
        answer = await self._answers.readline()
        _check(answer.decode())

    async def aclose(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


def _message(chat: int) -> bytes:
    return f"{time.monotonic()} {chat}\n".encode()


def _check(answer: str) -> None:
    wait = float(answer)
    if wait:
        raise Refused(wait)
