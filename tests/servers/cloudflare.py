"""A server that behaves like Cloudflare's KV as it is asked from outside of a Worker."""

from __future__ import annotations

import gzip
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from .cloudflare_entries import LARGE, Stored
from .cloudflare_service import LARGEST_REQUEST, ROOT, Reply, Request, Service, Ways, refusal
from .process import HOST

__all__ = ["Fault", "KvServer", "Reply", "Request", "Stored", "Ways", "kv_server"]

POLL_SECONDS = 0.02
SMALLEST_PACKED = 1024
"""Replies of that many bytes are compressed for who takes it."""


@dataclass
class Fault:
    """What goes wrong with the next *times* requests of a *method* whose path holds *path*.

    Without *status* or *body* the request is done and answered as ever, but for what is said here.
    With one of them it is not done, unless it is *applied*.
    """

    status: int | None = None
    code: int = 0
    message: str = "something went wrong"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    """What stands in place of the service's JSON."""
    method: str | None = None
    path: str = ""
    times: int = 1
    applied: bool = False
    delay: float = 0.0
    """Seconds of the real clock before anything is done."""
    drop: Literal["", "before", "after"] = ""
    """The connection is closed without an answer, before or after the request was done."""
    reset: bool = False
    """It is closed the rude way."""
    cut: int | None = None
    """So many bytes of the body are sent, and then it is closed."""
    pace: float = 0.0
    """The body is sent byte by byte with so many seconds in between."""
    spared: int = 0
    """A bulk leaves its last keys as they are, and says so."""
    fired: int = 0

    def meets(self, request: Request) -> bool:
        wanted = self.method in (None, request.method) and self.path in request.path
        return wanted and self.fired < self.times

    def changes(self, reply: Reply | None) -> Reply:
        """What is sent in place of *reply*."""
        if self.status is None and self.body is None:
            assert reply is not None
            return Reply(reply.status, reply.body, {**reply.headers, **self.headers})
        bad = refusal(self.status or 200, self.code, self.message)
        body = bad.body if self.body is None else self.body
        return Reply(bad.status, body, {**bad.headers, **self.headers})

    @property
    def does(self) -> bool:
        """Whether the request is done."""
        if self.drop:
            return self.drop == "after"
        return self.applied or (self.status is None and self.body is None)


class KvServer:
    """Where the service is, what it keeps, and what it was asked."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._service = Service(clock)
        self._clock = clock
        self._http = _Http(self)
        self.port: int = self._http.server_address[1]
        self.url = f"http://{HOST}:{self.port}{ROOT}"
        self.account = self._service.account
        self.namespace = self._service.namespace
        self.token = self._service.token
        self.foreign_token = self._service.foreign_token
        """One that is good elsewhere."""
        self.requests: list[Request] = []
        self.broken: list[str] = []
        """What went wrong in the server itself."""
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._ends = threading.Event()

    def __repr__(self) -> str:
        return f"<KvServer {self.url}>"

    @property
    def stored(self) -> dict[str, Stored]:
        """What is in the namespace at this moment, whatever somebody sees."""
        return dict(self._service.entries.newest())

    @property
    def clock(self) -> Callable[[], float]:
        return self._service.entries.clock

    @clock.setter
    def clock(self, clock: Callable[[], float]) -> None:
        self._service.entries.clock = clock

    @property
    def ways(self) -> Ways:
        return self._service.ways

    @property
    def connections(self) -> int:
        """How many were taken since it started."""
        return self._http.taken

    def forget(self) -> None:
        """What was asked."""
        self.requests.clear()

    def lag(self, seconds: float) -> None:
        """Who reads sees the state of so many *seconds* ago by the clock of the server."""
        self._service.entries.lag = seconds

    def fault(self, *faults: Fault) -> None:
        """Let something go wrong; of several that meet a request the first counts."""
        with self._lock:
            self._faults.extend(faults)

    @property
    def unmet(self) -> list[Fault]:
        """Faults that met no request."""
        return [fault for fault in self._faults if not fault.fired]

    def hang_up(self) -> None:
        """Close every connection, as a server does with those that were idle for long."""
        self._http.hang_up()

    def clear(self) -> None:
        """As it was at its start, but for what it listens on."""
        with self._lock:
            self._faults.clear()
            self.broken.clear()
        self._service.entries.clear()
        self._service.ways = Ways()
        self.clock = self._clock
        self.lag(0)
        self.forget()

    def answer(self, request: Request) -> tuple[Fault, Reply | None]:
        """What is sent, and how; nothing where the connection is dropped."""
        with self._lock:
            self.requests.append(request)
            fault = next((one for one in self._faults if one.meets(request)), Fault())
            fault.fired += 1
        self._ends.wait(fault.delay)
        done = self._service.answer(request, fault.spared) if fault.does else None
        return fault, None if fault.drop else fault.changes(done)

    def wait(self, seconds: float) -> None:
        """Between two bytes; the end of the server ends it."""
        self._ends.wait(seconds)

    def run(self) -> None:
        self._http.serve_forever(POLL_SECONDS)

    def close(self) -> None:
        """End, with every connection and every thread."""
        self._ends.set()
        self._http.shutdown()
        self._http.hang_up()
        self._http.server_close()


class _Http(ThreadingHTTPServer):
    """It knows its connections, and waits for its threads."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = 128

    def __init__(self, kv: KvServer) -> None:
        super().__init__((HOST, 0), _Handler)
        self.kv = kv
        self.taken = 0
        self.rude: set[socket.socket] = set()
        """Connections that end with a reset."""
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self.taken += 1
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        if request in self.rude:
            self.rude.discard(request)
            request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def hang_up(self) -> None:
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news; what else goes wrong is told at the end."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            self.kv.broken.append(repr(error))


class _Handler(BaseHTTPRequestHandler):
    """One connection, which lasts for many requests."""

    protocol_version = "HTTP/1.1"
    server_version = "kv"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1
    """What is sent leaves in one piece, so that nobody waits for the second one."""
    server: _Http

    def log_message(self, *words: Any) -> None:
        """It is told in `requests`."""

    def _answer(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal():
            return self._refuse(411, "a request says how long it is")
        if int(length) > LARGEST_REQUEST:
            return self._refuse(413, "request exceeds the limit of 100 MB")
        url = urlsplit(self.path)
        request = Request(
            self.command,
            url.path,
            dict(parse_qsl(url.query, keep_blank_values=True)),
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(int(length)),
        )
        fault, reply = self.server.kv.answer(request)
        if reply is None:
            self._hang_up(fault.reset)
        else:
            self._send(reply, fault)
        return None

    def _refuse(self, status: int, message: str) -> None:
        """Without reading the body, after which nothing can be read."""
        self.close_connection = True
        self._send(refusal(status, LARGE, message), Fault())

    def _send(self, reply: Reply, fault: Fault) -> None:
        headers, body = dict(reply.headers), reply.body
        takes = self.headers.get("Accept-Encoding", "")
        if "gzip" in takes and len(body) >= SMALLEST_PACKED and fault.body is None:
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body, 1, mtime=0)
        self.send_response(reply.status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        body = b"" if self.command == "HEAD" else body[: fault.cut]
        if fault.pace:
            self._drip(body, fault.pace)
        else:
            self.wfile.write(body)
            self.wfile.flush()
        if fault.cut is not None:
            self._hang_up(fault.reset)

    def _drip(self, body: bytes, pace: float) -> None:
        for byte in body:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            self.server.kv.wait(pace)

    def _hang_up(self, rudely: bool) -> None:
        self.close_connection = True
        if rudely:
            self.server.rude.add(self.connection)


for _method in ("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"):
    setattr(_Handler, f"do_{_method}", _Handler._answer)


@contextmanager
def kv_server(clock: Callable[[], float] = time.time) -> Iterator[KvServer]:
    """A server with an empty namespace, for the length of the block."""
    server = KvServer(clock)
    thread = threading.Thread(target=server.run, name="kv")
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()
    assert not server.broken, server.broken
