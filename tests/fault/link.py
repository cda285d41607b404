"""One connection through the proxy."""

from __future__ import annotations

import select
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from tests.fault.faults import End, Fault
from tests.fault.plan import Plan
from tests.servers.resp import MARK, end_of, name_of

CHUNK = 65_536
PUSH = ord(">")
"""How a message begins that the server sends without having been asked."""

RESET = struct.pack("ii", 1, 0)
"""Do not linger: what was not sent is dropped, and the other side is told by a reset."""


class Link:
    """It looks at whole commands and whole replies, in a thread of its own."""

    def __init__(
        self,
        client: socket.socket,
        server: tuple[str, int],
        tls: ssl.SSLContext | None,
        plan: Plan,
        note: Callable[[str, bool], None],
    ) -> None:
        self._client = client
        self._server: socket.socket | None = None
        self._address = server
        self._tls = tls
        self._plan = plan.for_link(self)
        self._note = note
        self._over = threading.Event()
        self._how = End.FIN
        self._mute = False
        self._asked: tuple[str, Fault] | None = None
        self._awaited: deque[tuple[str, Fault]] = deque()
        self._asking, self._due, self._later = bytearray(), bytearray(), bytearray()
        self._thread = threading.Thread(target=self._run, name="proxy link", daemon=True)

    def start(self) -> None:
        self._thread.start()

    # What faults do with it.

    def to_server(self, command: bytes) -> None:
        assert self._server, "the server is not connected"
        if self._asked:
            # Before the server can have it: whoever sees its effect can rely on the count.
            name, fault = self._asked
            self._note(name, not self._awaited)
            self._awaited.append((name, fault))
            self._asked = None
        self._asking += command

    def to_client(self, reply: bytes) -> None:
        self._due += reply

    def later(self, reply: bytes) -> None:
        self._later += reply

    def end(self, how: End) -> None:
        self._pass_on()
        self._how = how
        if how is End.HALF:
            self._mute = True
            socket.socket.shutdown(self._client, socket.SHUT_WR)
        else:
            self._over.set()

    def wait(self, seconds: float) -> None:
        self._pass_on()
        if self._over.wait(seconds):
            raise ConnectionAbortedError("the connection was ended meanwhile")

    # What the proxy does with it, in another thread.

    def cut(self, how: End) -> None:
        self._how = how
        # It wakes who waits for something to read, and sends nothing.
        self._stop(socket.SHUT_RD)

    def close(self) -> None:
        self._stop(socket.SHUT_RDWR)

    def _stop(self, side: int) -> None:
        self._over.set()
        # Again where it has opened another socket meanwhile.
        while self._thread.is_alive():
            self._shut(side)
            self._thread.join(0.05)

    def _shut(self, side: int) -> None:
        for one in (self._client, self._server):
            if one:
                with suppress(OSError):  # it is closed by now
                    # The method of a TLS socket would also forget how to decrypt.
                    socket.socket.shutdown(one, side)

    # Its own thread.

    def _run(self) -> None:
        try:
            self._open()
            self._relay()
        except OSError:
            pass  # one of the two is gone
        finally:
            self._end()

    def _open(self) -> None:
        fault = self._plan.for_connection()
        if fault:
            fault.accepted(self)
            self._over.wait()
        if self._over.is_set():
            return
        self._server = socket.create_connection(self._address)
        for one in (self._client, self._server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls:
            self._client = self._tls.wrap_socket(
                self._client, server_side=True, do_handshake_on_connect=False
            )
            self._client.do_handshake()

    def _relay(self) -> None:
        commands, replies = bytearray(), bytearray()
        while not self._over.is_set():
            ready, _, _ = select.select([self._client, self._server], [], [])
            if self._server in ready:
                self._take(self._server, replies, self._replies)
            if self._client in ready:
                self._take(self._client, commands, self._commands)

    def _take(
        self, side: socket.socket, waiting: bytearray, treat: Callable[[list[bytes]], None]
    ) -> None:
        """Read what is there, and treat every message that is complete by now."""
        received = _received(side)
        if not received:
            self._over.set()
        waiting += received
        messages = []
        while (end := end_of(waiting)) is not None:
            messages.append(bytes(waiting[:end]))
            del waiting[:end]
        treat(messages)
        self._pass_on()

    def _commands(self, commands: list[bytes]) -> None:
        last = Fault()
        for command in commands:
            if not self._over.is_set():
                name = name_of(command)
                fault = self._plan.for_command(name)
                if name == MARK and last.silent and type(fault) is Fault:
                    fault = last
                last = fault
                self._asked = (name, fault)
                fault.command(self, command)
                self._asked = None

    def _replies(self, replies: list[bytes]) -> None:
        late, self._later = self._later, bytearray()
        asked = [self._asked_by(reply) for reply in replies]
        several = self._plan.for_replies([name for name, _ in asked])
        if several:
            several.replies(self, replies)
        else:
            for (_, fault), reply in zip(asked, replies):
                if not self._over.is_set():
                    fault.reply(self, reply)
        self._due += late

    def _asked_by(self, reply: bytes) -> tuple[str, Fault]:
        """What the reply is to, and what meets it; nothing where nobody has asked."""
        unasked = reply[0] == PUSH or not self._awaited
        return ("", Fault()) if unasked else self._awaited.popleft()

    def _pass_on(self) -> None:
        """What came in one piece goes on in one, to either side."""
        asking, self._asking = self._asking, bytearray()
        due, self._due = self._due, bytearray()
        if asking and self._server:
            self._server.sendall(asking)
        if due and not self._mute:
            self._client.sendall(due)

    def _end(self) -> None:
        with suppress(OSError):
            if self._how is End.RST:
                self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            else:
                # First of all: a socket that is closed before all was read resets.
                socket.socket.shutdown(self._client, socket.SHUT_WR)
        self._client.close()
        if self._server:
            self._server.close()


def _received(side: socket.socket) -> bytes:
    received = side.recv(CHUNK)
    while isinstance(side, ssl.SSLSocket) and side.pending():
        received += side.recv(CHUNK)
    return received
