"""HTTP requests that can be cancelled at any time: a thread reads, and the caller polls it.

Uses the standard library's client, which honours the proxies of the environment (and of the system on macOS and
Windows) and adds no dependency.
"""

from __future__ import annotations

import contextlib
import http.client
import math
import queue
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any, TypeVar
from urllib.parse import urlsplit

from cvstudio.foundation.errors import WeightsError
from cvstudio.foundation.progress import Progress

T = TypeVar("T")

CHUNK_BYTES = 1 << 18
POLL_SECS = 0.05
AGENT = "cvstudio"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
TRANSPORT_ERRORS = (OSError, http.client.HTTPException)
"""Exceptions of a broken connection."""


@dataclass(frozen=True)
class ResponseHead:
    """Head of a response. `headers` are case-insensitive; `url` is the final one, after redirects."""

    status: int
    headers: Message
    url: str


def check_url(url: str) -> None:
    """Raise WeightsError unless `url` is safe from tampering in transit: https, or http on this machine."""
    try:
        parts = urlsplit(url)
        safe = parts.scheme == "https" and bool(parts.hostname)
        safe = safe or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    except ValueError:
        safe = False
    if not safe:
        raise WeightsError(f"Expected an address that begins with https://, but it is {url}; nothing was got from it.")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to URLs that `check_url` allows."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        try:
            check_url(newurl)
        except WeightsError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener(opened: list[socket.socket]) -> urllib.request.OpenerDirector:
    """An opener that appends its sockets to `opened`: shutting a socket down is the only way to end a blocked read."""

    class Plain(http.client.HTTPConnection):
        def connect(self) -> None:
            super().connect()
            opened.append(self.sock)

    class Secure(http.client.HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            opened.append(self.sock)

    class PlainHandler(urllib.request.HTTPHandler):
        def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(Plain, req)

    class SecureHandler(urllib.request.HTTPSHandler):
        def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(Secure, req)

    return urllib.request.build_opener(_Redirects, PlainHandler, SecureHandler)


class Stream:
    """Response to one GET request, read in a thread of its own.

    Parameters
    ----------
    url : https, or http on this machine
    headers : of the request
    stall_secs : time without data after which the connection counts as broken
    connect_secs : time without a connection after which `head` gives up; it covers the name server and TLS
    """

    def __init__(
        self, url: str, headers: Mapping[str, str], *, stall_secs: float, connect_secs: float = math.inf
    ) -> None:
        check_url(url)
        self._connect_secs = connect_secs
        self._request = urllib.request.Request(url, headers={"User-Agent": AGENT, **headers})
        self._stall_secs = stall_secs
        self._queue: queue.Queue[tuple[str, Any]] = queue.Queue(maxsize=8)
        self._closed = threading.Event()
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._read, name="download", daemon=True).start()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Abort the request at once, even during a blocked read."""
        self._closed.set()
        for item in self._sockets:
            with contextlib.suppress(OSError):
                item.shutdown(socket.SHUT_RDWR)

    @property
    def connected(self) -> bool:
        """Whether a server has answered so far as to take the connection."""
        return bool(self._sockets)

    def head(self, progress: Progress) -> ResponseHead:
        """Status and headers, even of an error. Raises one of `TRANSPORT_ERRORS`, WeightsError or Cancelled."""
        head: ResponseHead = self._next(progress, time.monotonic() + self._connect_secs)[1]
        return head

    def chunks(self, progress: Progress) -> Iterator[bytes]:
        """Chunks of the body as they arrive. Raises one of `TRANSPORT_ERRORS` at a detectable break, or Cancelled."""
        while True:
            kind, value = self._next(progress)
            if kind == "end":
                return
            yield value

    def _next(self, progress: Progress, connected_by: float = math.inf) -> tuple[str, Any]:
        while True:
            progress.check()
            if not self.connected and time.monotonic() > connected_by:
                raise TimeoutError("no answer")
            with contextlib.suppress(queue.Empty):
                kind, value = self._queue.get(timeout=POLL_SECS)
                if kind == "error":
                    raise value
                return kind, value

    def _put(self, kind: str, value: Any = None) -> None:
        while not self._closed.is_set():
            with contextlib.suppress(queue.Full):
                self._queue.put((kind, value), timeout=POLL_SECS)
                return

    def _read(self) -> None:
        try:
            opener = _opener(self._sockets)
            try:
                response = opener.open(self._request, timeout=self._stall_secs)
            except urllib.error.HTTPError as error:
                self._put("head", ResponseHead(error.code, error.headers, error.url or self._request.full_url))
                error.close()
                return
            with response:
                self._put("head", ResponseHead(response.status, response.headers, response.url))
                while not self._closed.is_set() and (chunk := response.read1(CHUNK_BYTES)):
                    self._put("data", chunk)
            self._put("end")
        except (WeightsError, *TRANSPORT_ERRORS) as error:
            self._put("error", error)
        except ValueError as error:  # an invalid URL or header
            self._put("error", OSError(str(error)))
        finally:
            for item in self._sockets:
                # A response that is not HTTP is never handed out, so that only this closes its socket.
                if item.fileno() >= 0:
                    socket.close(item.detach())


def call(work: Callable[[], T], progress: Progress) -> T:
    """Run `work`, which blocks on the network, in a thread and return its result; a cancel abandons it."""
    answer: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()

    def run() -> None:
        try:
            answer.put((True, work()))
        except Exception as error:  # the thread ends here: the caller raises it
            answer.put((False, error))

    threading.Thread(target=run, name="download", daemon=True).start()
    while True:
        progress.check()
        with contextlib.suppress(queue.Empty):
            done, value = answer.get(timeout=POLL_SECS)
            if done:
                return value  # type: ignore[no-any-return]
            raise value
