"""One server: started on a free port of this machine, talked to, moved in time, and stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.waiting import until

from .binaries import ServerFailedError
from .clock import ServerClock, tidy
from .counting import Calls, counted
from .process import HOST, Process, free_port
from .resp import ReplyError, Wire, Word

START_SECONDS = 20.0
STARTS_TO_TRY = 5
CONTROL = "control"
"""The name of connections by which the tests steer a server."""

Options = Callable[[int], list[str]]
"""What a server is started with on a port."""


class Server:
    """Where a server of the tests listens; it holds nothing at the beginning of a run."""

    host = HOST
    port = 0

    def __init__(
        self, binary: Path, folder: Path, options: Options, clock: ServerClock | None = None
    ) -> None:
        self.binary = binary
        self.folder = folder
        self._options = options
        self._clock = clock
        self._process: Process | None = None

    def __repr__(self) -> str:
        return f"<Server {self.binary.name} {self.host}:{self.port}>"

    @property
    def url(self) -> str:
        return f"redis://{self.host}:{self.port}/0"

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port

    # Life and death.

    def start(self) -> None:
        """Start on a free port; somebody else may take it first, so try again."""
        for _ in range(STARTS_TO_TRY):
            self.port = free_port()
            if self._launched():
                return
            self.kill()
        raise self._failure()

    def restart(self) -> None:
        """Start anew on the same port, with nothing of what was in memory."""
        self.kill()
        if not self._launched():
            raise self._failure()

    def kill(self) -> None:
        """End it by SIGKILL, the quickest way: it has nothing to save."""
        if self._process:
            self._process.kill()
            self._tidy()

    def pause(self) -> None:
        """Stop its process where it is: whoever talks to it gets no answer."""
        self._running.pause()

    def resume(self) -> None:
        self._running.resume()

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.alive

    @property
    def paused(self) -> bool:
        return self._process is not None and self._process.paused

    def restore(self) -> None:
        """Make it what the next test expects: alive, awake, and with the right time."""
        if not self.alive:
            self.restart()
        if self.paused:
            self.resume()
        if self._clock and self._clock.moved:
            self.reset_clock()

    # Talking to it.

    def connect(self) -> Wire:
        return Wire(self.host, self.port)

    def control(self) -> Wire:
        """A connection that is none of a client's, and is left alone where clients are hurt."""
        wire = self.connect()
        try:
            wire.call("CLIENT", "SETNAME", CONTROL)
        except (OSError, ReplyError):
            wire.close()
            raise
        return wire

    def call(self, *words: Word) -> Any:
        """What it replies to one command, on a connection that is closed again."""
        with self.connect() as wire:
            return wire.call(*words)

    def info(self, section: str) -> dict[str, str]:
        lines = self.call("INFO", section).decode().splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def answers(self) -> bool:
        """Whether it is this very server that answers on the port."""
        try:
            return self.info("server").get("process_id") == str(self._running.pid)
        except (OSError, ReplyError):
            return False

    @contextmanager
    def counted(self) -> Iterator[Calls]:
        """What it was asked by clients, and did, for the length of the block."""
        with counted(self.control) as calls:
            yield calls

    # Its clock.

    @property
    def clock_moves(self) -> bool:
        return self._clock is not None

    def time_ms(self) -> int:
        """Milliseconds since 1970, as the server sees it."""
        return _microseconds(self.call("TIME")) // 1000

    def advance(self, seconds: float) -> None:
        """Let *seconds* pass for the server, to the millisecond; negative ones go back."""
        self._movable.advance(round(seconds * 1000))
        self._agree()

    def hold(self, ms: int) -> None:
        """Stop the server's clock at *ms* milliseconds since 1970, until it is put elsewhere.

        The server is exact to the millisecond then; what it times out by that clock waits:
        CLIENT PAUSE, BLPOP, WAIT.
        """
        self._movable.hold(ms)
        self._agree()

    def reset_clock(self) -> None:
        """The server's clock goes with the real one again."""
        self._movable.reset()
        self._agree()

    def _agree(self) -> None:
        clock = self._movable
        with self.connect() as wire:
            until(
                lambda: clock.agrees(lambda: _microseconds(wire.call("TIME"))),
                "the time that the server was told",
                pause=0,
            )

    @property
    def _movable(self) -> ServerClock:
        assert self._clock, "the clock of this server can not be moved: see clock_moves"
        return self._clock

    @property
    def _running(self) -> Process:
        assert self._process, "the server was not started"
        return self._process

    def _launched(self) -> bool:
        """Wait until the new process answers; false when it ends or takes too long."""
        words = [str(self.binary), *self._options(self.port)]
        environment = self._clock.environment if self._clock else {}
        self._process = Process(words, self.folder / "server.log", environment)
        end = time.monotonic() + START_SECONDS
        while self.alive and time.monotonic() < end:
            if self.answers():
                return True
            time.sleep(0.002)
        return False

    def _failure(self) -> ServerFailedError:
        what = f"{self.binary.name} does not answer; the end of its log:"
        return ServerFailedError(f"{what}\n{self._running.last_words}")

    def _tidy(self) -> None:
        if self._clock:
            tidy(self._running.pid)


def plain(folder: Path, *more: str) -> Options:
    """The options of a server of its own, which writes nothing to disk."""

    def options(port: int) -> list[str]:
        network = ["--bind", HOST, "--port", str(port), "--protected-mode", "no"]
        disk = ["--dir", str(folder), "--save", "", "--appendonly", "no"]
        return [*network, *disk, *more]

    return options


@contextmanager
def running(binary: Path, folder: Path, *more: str, clock: bool = True) -> Iterator[Server]:
    """A server for the length of a `with` block, which keeps what it has in *folder*.

    *more* are options as on its command line. Without a *clock* of its own, which takes it some
    time to read, it is as fast as it can be.
    """
    own = ServerClock.of(binary, folder) if clock else None
    server = Server(binary, folder, plain(folder, *_still(own), *more), own)
    try:
        server.start()
        yield server
    finally:
        server.kill()


def _still(clock: ServerClock | None) -> list[str]:
    """The library that moves the clock is for one thread, and this one asks for the time too."""
    return ["--jemalloc-bg-thread", "no"] if clock else []


def _microseconds(reply: list[bytes]) -> int:
    seconds, microseconds = map(int, reply)
    return seconds * 1_000_000 + microseconds
