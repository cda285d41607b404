"""Requests over connections that are kept, each within its own seconds, whatever comes or not.

`storage.aio.cloudflare.links` is the twin.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import copy_context
from typing import Any

import httpx

from ..errors import ConfigurationError
from ..runtime import after_fork, monotonic
from .failing import CROWDED, TOO_LATE, LateError, LongError, Progress, Trouble, discreet
from .options import Options
from .wire import LARGEST_REPLY, Reply, Request

FAILURES = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError, LongError)
"""What a client raises when a connection breaks, or when what comes is no reply."""

IDLE = 20
"""How many connections are kept that nobody uses."""

KEPT_SECONDS = 60.0
"""How long one is kept that nobody uses."""

MOST_LOST = 100
"""How many threads may be at what was given up before no more are begun."""

OPENED = ("connect_tcp.complete", "start_tls.complete")
"""What a client says when it has a new connection, or another around it."""

_HEADERS = {
    "User-Agent": "chatstorage",
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
    "Content-Type": "application/json",
}

SHORTEST = 0.001


class Service:
    """Where requests go, and what they bear; nothing shows the token."""

    def __init__(self, options: Options, ours: type, others: type, half: str) -> None:
        client = options.client
        if isinstance(client, others):
            raise ConfigurationError(f"this is the {half} half: the other one takes this client")
        if client is not None and not isinstance(client, ours):
            name = f"httpx.{ours.__name__}"
            raise ConfigurationError(f"client must be an {name}, not {type(client).__name__}")
        self._token = options.token
        place = f"/accounts/{options.account}/storage/kv/namespaces/{options.namespace}"
        self._base = options.base_url + place
        try:
            httpx.URL(self._base)
        except httpx.InvalidURL:
            raise ConfigurationError("base_url can not be read") from None

    def asked(self, request: Request, seconds: float, note: Callable[..., Any]) -> httpx.Request:
        """*request* for a client that takes no more than *seconds* for any of its steps."""
        return httpx.Request(
            request.method,
            self._base + request.path,
            headers={**_HEADERS, "Authorization": f"Bearer {self._token.text()}"},
            content=request.body,
            extensions={"timeout": httpx.Timeout(seconds).as_dict(), "trace": note},
        )


class Maker:
    """Makes clients of one connection that share what is dear to read: whom to trust at *url*."""

    def __init__(self, kind: Callable[..., Any], url: str) -> None:
        self._kind = kind
        # Without TLS a proxy would read the token.
        self._is_secret = url.startswith("https://")
        try:
            self._trusted = _trusted(url)
            self.made()
        except (ValueError, ImportError, OSError, httpx.InvalidURL) as error:
            what = type(error).__name__  # whose words may show the password of a proxy
            message = f"the environment names certificates or a proxy that can not be used: {what}"
            raise ConfigurationError(message) from None

    def made(self) -> Any:
        """A client of ours, which goes where it is sent and nowhere else."""
        limits = httpx.Limits(
            max_connections=1, max_keepalive_connections=1, keepalive_expiry=KEPT_SECONDS
        )
        return self._kind(
            verify=self._trusted,
            trust_env=self._is_secret,
            limits=limits,
            timeout=None,
            follow_redirects=False,
        )


def _trusted(url: str) -> ssl.SSLContext:
    """The certificates that are trusted: those of the environment, where any are needed."""
    if url.startswith("https://"):
        return httpx.create_ssl_context()
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Links:
    """Requests to the service that *options* name; each has a connection to itself."""

    def __init__(self, options: Options) -> None:
        self._service = Service(options, httpx.Client, httpx.AsyncClient, "blocking")
        self._borrowed: httpx.Client | None = options.client
        ours = self._borrowed is None
        self._maker = Maker(httpx.Client, options.base_url) if ours else None
        self._start()
        after_fork(self, Links._leave_behind)

    def ask(self, request: Request, seconds: float) -> Reply | Trouble:
        """What the service replies within so many *seconds*, or what came instead.

        Where there is none in time, the connection is closed, and with it ends what waited there.
        """
        if seconds <= 0:
            return TOO_LATE
        if len(self._lost) >= MOST_LOST:
            return CROWDED
        link = self._taken()
        call = _Call(link, self._lost)
        is_clean = False
        try:
            asked = self._service.asked(request, max(seconds, SHORTEST), call.note)
            outcome = call.within(seconds, asked)
            is_clean = True
        finally:
            if not is_clean:
                call.give_up()
            elif link is not call.lost:
                self._back(link)
        return outcome

    def close(self) -> None:
        """Close what is idle; what is lent is closed when it comes back."""
        self._is_closed = True
        while self._idle:
            with suppress(IndexError):
                self._idle.pop().close()

    def _start(self) -> None:
        self._idle: deque[_Link] = deque()
        self._lost: set[_Call] = set()
        self._is_closed = False

    def _leave_behind(self) -> None:
        """In a forked process: the connections are those of the parent."""
        idle = self._idle
        self._lost = set()
        self._idle = deque()
        for link in idle:
            link.let_go()

    def _taken(self) -> _Link:
        if self._maker is None:
            return _Link(self._borrowed, is_ours=False)
        try:
            return self._idle.pop()
        except IndexError:
            return _Link(self._maker.made(), is_ours=True)

    def _back(self, link: _Link) -> None:
        if self._is_closed or len(self._idle) >= IDLE:
            link.close()
        elif link.is_ours:
            self._idle.append(link)
            if self._is_closed:
                self.close()


class _Link:
    """A client with one connection, or somebody's own."""

    def __init__(self, client: Any, is_ours: bool) -> None:
        self.client = client
        self.is_ours = is_ours
        self.stream: Any = None

    def close(self) -> None:
        if self.is_ours:
            self.client.close()

    def let_go(self) -> None:
        """Close the connection in this process only."""
        if self.stream is not None:
            self.stream.close()

    def cut(self) -> None:
        """Have whoever waits at the connection wait no more."""
        stream = self.stream
        if self.is_ours and stream is not None:
            with suppress(OSError):
                # Not that of the TLS around it, which takes apart what is in use.
                socket.socket.shutdown(stream.get_extra_info("socket"), socket.SHUT_RDWR)


class _Call:
    """One request on a *link*, made in a thread of its own: a resolver of names, for one, can not
    be interrupted."""

    def __init__(self, link: _Link, others: set[_Call]) -> None:
        self.lost: _Link | None = None
        self._link = link
        self._others = others
        self._progress = Progress()
        self._mutex = threading.Lock()
        self._over = threading.Event()
        self._until = 0.0
        self._outcome: Any = None
        self._error: BaseException | None = None

    def note(self, event: str, info: Mapping[str, Any]) -> None:
        """What the client has to say, in the thread that makes the request."""
        self._progress.note(event, info)
        if event.endswith(OPENED):
            self._link.stream = info["return_value"]
            if self.lost is not None:
                self._link.stream.close()
                raise httpx.ConnectTimeout("it was given up meanwhile")

    def within(self, seconds: float, asked: httpx.Request) -> Reply | Trouble:
        """What comes of it in time."""
        self._until = monotonic() + seconds
        thread = threading.Thread(
            target=copy_context().run, args=(self._run, asked), name="storage", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # as at the end of the interpreter
            self._run(asked)
        if not self._over.wait(min(seconds, threading.TIMEOUT_MAX)):
            error = LateError(f"there was no answer within {seconds:g} seconds")
            self.give_up()
            return Trouble(self._progress.phase(error), error)
        if self._error is not None:
            raise self._error
        outcome: Reply | Trouble = self._outcome
        return outcome

    def give_up(self) -> None:
        """Nobody waits any more: the last one who is at it closes the connection."""
        with self._mutex:
            self.lost = self._link
            is_last = self._over.is_set()
            if not is_last:
                self._others.add(self)
        if is_last:
            self._link.close()
        else:
            self._link.cut()

    def _run(self, asked: httpx.Request) -> None:
        try:
            self._outcome = self._reply(asked)
        except BaseException as error:  # noqa: BLE001 - raised where it was asked for
            self._error = error
        finally:
            with self._mutex:
                self._over.set()
                is_lost = self.lost is not None
                self._others.discard(self)
            if is_lost:
                self._link.close()

    def _reply(self, asked: httpx.Request) -> Reply | Trouble:
        try:
            return self._read(asked)
        except httpx.HTTPStatusError as error:  # as a hook of somebody's own may raise it
            return Reply(error.response.status_code, dict(error.response.headers), b"")
        except FAILURES as error:
            return Trouble(self._progress.phase(error), discreet(error))
        except RuntimeError:
            if not self._link.client.is_closed:
                raise
            return self._progress.closed()

    def _read(self, asked: httpx.Request) -> Reply:
        client = self._link.client
        response = client.send(asked, stream=True, auth=None, follow_redirects=False)
        try:
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > LARGEST_REPLY:
                    raise LongError
                if monotonic() > self._until:
                    raise httpx.ReadTimeout("it was given up meanwhile")
        finally:
            response.close()
        return Reply(response.status_code, dict(response.headers), bytes(body))


__all__ = ["FAILURES", "OPENED", "SHORTEST", "Links", "Maker", "Service"]
