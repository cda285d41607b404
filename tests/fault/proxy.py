"""A proxy in front of a server, where a test decides what goes wrong on the way."""

from __future__ import annotations

import select
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress

from tests.fault.faults import End
from tests.fault.link import Link
from tests.fault.plan import Plan
from tests.servers.process import HOST, free_port
from tests.servers.resp import HANDSHAKE


class Proxy:
    """It passes everything until it is told otherwise, and closes what it opened at its end.

    `next` is about one command or connection, `always` about all from now on, `mend` ends both.
    """

    host = HOST

    def __init__(
        self,
        server: tuple[str, int],
        tls: ssl.SSLContext | None = None,
        plan: Plan | None = None,
    ) -> None:
        self.port = free_port()
        self.connections = 0
        """How many were taken."""
        self.trips = 0
        """How often a client waited: commands that were sent at once are one trip."""
        self.forwarded: list[str] = []
        """The commands that the server got, with those of a handshake."""
        self._server = server
        self._tls = tls
        self._lock = threading.Lock()
        self._links: list[Link] = []
        self._plan = Plan() if plan is None else plan
        self.next = self._plan.next
        self.always = self._plan.always
        self._gate: Listener | Deaf | None = None
        self._listen()

    @property
    def url(self) -> str:
        return f"{'rediss' if self._tls else 'redis'}://{self.host}:{self.port}/0"

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port

    @property
    def commands(self) -> list[str]:
        """The commands that the server got, without those of a handshake."""
        return [name for name in self.forwarded if name not in HANDSHAKE]

    def mend(self) -> None:
        """Pass everything, and take connections; those that were ended stay so."""
        self._plan.clear()
        if not isinstance(self._gate, Listener):
            self._shut()
            self._listen()

    def refuse(self) -> None:
        """Nobody listens on the port; connections that are open stay so."""
        self._shut()

    def ignore(self) -> None:
        """Who wants to connect gets no answer; connections that are open stay so."""
        self._shut()
        self._gate = Deaf(self.address)

    def cut(self, how: End = End.RST) -> None:
        """End all connections that are open."""
        for link in self._links:
            link.cut(how)

    def close(self) -> None:
        self._shut()
        for link in self._links:
            link.close()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _listen(self) -> None:
        self._gate = Listener(self.address, self._take)

    def _shut(self) -> None:
        if self._gate:
            self._gate.close()
            self._gate = None

    def _take(self, client: socket.socket) -> None:
        self.connections += 1
        link = Link(client, self._server, self._tls, self._plan, self._note)
        self._links.append(link)
        link.start()  # who gets its first answer may cut it at once

    def _note(self, name: str, trip: bool) -> None:
        with self._lock:
            self.forwarded.append(name)
            self.trips += trip and name not in HANDSHAKE


class Listener:
    """Takes connections, in a thread of its own."""

    def __init__(self, address: tuple[str, int], take: Callable[[socket.socket], None]) -> None:
        self._take = take
        self._socket = socket.create_server(address)
        self._asleep, self._alarm = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._alarm.close()
        self._thread.join()
        self._asleep.close()
        self._socket.close()

    def _run(self) -> None:
        while self._asleep not in select.select([self._socket, self._asleep], [], [])[0]:
            self._accept()
        # Those who are in the queue believe to be connected.
        self._socket.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                self._accept()

    def _accept(self) -> None:
        with suppress(ConnectionError):  # one that is gone by now
            client, _ = self._socket.accept()
            client.setblocking(True)
            self._take(client)


class Deaf:
    """A port whose queue is full, so that the system drops who comes."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._sockets = [socket.create_server(address, backlog=0)]
        for _ in range(2):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(address)
            self._sockets.append(filler)

    def close(self) -> None:
        for one in self._sockets:
            one.close()
