"""A Telegram that counts what arrives, and refuses what is too much."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections import defaultdict, deque
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
    is_welcome: bool


class Telegram:
    """Counts what comes in sliding windows, by its own clock.

    What it refuses without having been told to is noted, and so is what comes to a chat that is to
    wait.
    """

    def __init__(self, rates: Rates) -> None:
        self._rates = rates
        self._lock = threading.Lock()
        self._came: dict[object, deque[float]] = defaultdict(deque)
        self._flooded: dict[int, float] = {}
        self.arrivals: list[Arrival] = []
        self.refused: list[tuple[str, int]] = []
        """What should not have been sent, and why."""
        self.told: list[tuple[float, int]] = []
        """When which chat was told to wait, although it was not too much."""

    def flood(self, chat: int, seconds: float) -> None:
        """Refuse the next message of *chat*, and all for so many *seconds* after that."""
        with self._lock:
            self._flooded[chat] = -seconds

    def take(self, chat: int) -> None:
        """Something comes to *chat*; `Refused` where that is too much."""
        with self._lock:
            now = time.monotonic()
            wait = self._wait(chat, now)
            self.arrivals.append(Arrival(now, chat, not wait))
        if wait:
            raise Refused(wait)

    def times(self, chat: int | None = None) -> list[float]:
        """When what was welcome has come, to one chat or to all."""
        return [
            one.at for one in self.arrivals if one.is_welcome and (chat is None or one.chat == chat)
        ]

    def _wait(self, chat: int, now: float) -> float:
        """In how many seconds to try again; 0 where it is welcome."""
        until = self._flooded.get(chat, 0.0)
        if until < 0:
            self._flooded[chat] = now - until
            self.told.append((now, chat))
            return -until
        if now < until:
            self.refused.append(("paused", chat))
            return until - now
        windows = [("overall", None, *self._rates.overall), ("chat", chat, *self._rates.chat)]
        if chat < 0:
            windows.append(("group", f"group {chat}", *self._rates.group))
        for word, key, most, seconds in windows:
            came = self._came[key]
            while came and came[0] <= now - seconds:
                came.popleft()
            if len(came) >= most:
                self.refused.append((word, chat))
                return came[0] + seconds - now
        for _, key, _, _ in windows:
            self._came[key].append(now)
        return 0.0


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        telegram = self.server.telegram  # type: ignore[attr-defined]
        for line in self.rfile:
            try:
                telegram.take(int(line))
            except Refused as refused:
                self.wfile.write(f"{refused.retry_after}\n".encode())
            else:
                self.wfile.write(b"ok\n")


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128


@contextmanager
def listening(telegram: Telegram) -> Iterator[int]:
    """The port at which other processes reach *telegram*."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.telegram = telegram  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


class Line:
    """A connection to Telegram."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answers = self._socket.makefile()

    def send(self, chat: int) -> None:
        """Send something to *chat*."""
        self._socket.sendall(f"{chat}\n".encode())
        answer = self._answers.readline().strip()
        if answer != "ok":
            raise Refused(float(answer))

    def close(self) -> None:
        self._answers.close()
        self._socket.close()
