"""A server on this machine that does what bad servers and bad connections do."""

from __future__ import annotations

import contextlib
import hashlib
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

from cvstudio.weights.declaration import Weights
from cvstudio.weights.transfer import Patience

CONTENT = np.random.default_rng(7).integers(0, 256, 1_000_000, np.uint8).tobytes()
SHA256 = hashlib.sha256(CONTENT).hexdigest()
QUICK = Patience(stall_secs=20.0, attempts=3, backoff_secs=0.01, longest_secs=0.05)
"""Quick to try again, but slow to call a server silent: on a busy machine an honest one may take a second to answer."""

STALL_SECS = 1.5
"""Patience with a server that does fall silent."""

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HUB_URL = "https://huggingface.co/some-one/a.network/resolve/main/folder/model.safetensors"

Behaviour = Callable[["Handler"], None]


@dataclass
class Log:
    """What was asked of the server, in order."""

    ranges: list[str] = field(default_factory=list)
    conditions: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    """Plays one behaviour for each request; the last one stays."""

    protocol_version = "HTTP/1.1"
    script: list[Behaviour]
    log: Log
    stop: threading.Event

    def log_message(self, format: str, *args: Any) -> None:
        """Tests have nothing to say to the terminal."""

    def do_GET(self) -> None:
        self.close_connection = True
        self.log.paths.append(self.path)
        self.log.ranges.append(self.headers.get("Range", ""))
        self.log.conditions.append(self.headers.get("If-Range", ""))
        behaviour = self.script[0] if len(self.script) == 1 else self.script.pop(0)
        with contextlib.suppress(OSError):
            behaviour(self)

    do_HEAD = do_GET
    do_CONNECT = do_GET

    def begin(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Connection": "close", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    @property
    def offset(self) -> int:
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        return int(match[1]) if match else 0


class Server:
    """`url` of a file; `script` is what it does with each request."""

    def __init__(self) -> None:
        self.log = Log()
        self.stop = threading.Event()
        self.script: list[Behaviour] = [honest()]
        self._kind: Any = type("Bound", (Handler,), {"script": self.script, "log": self.log, "stop": self.stop})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._kind)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def encrypt(self, certificate: Path, key: Path) -> None:
        """Speak TLS from now on."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        # The handshake waits for the handler's first read: one that fails must not hold up the others.
        listening = self._server.socket
        self._server.socket = context.wrap_socket(listening, server_side=True, do_handshake_on_connect=False)

    def plays(self, *script: Behaviour) -> None:
        self.script[:] = script

    def weights(self, content: bytes = CONTENT, **changes: Any) -> Weights:
        facts: dict[str, Any] = {
            "key": "test",
            "file_name": "weights-1234.pth",
            "url": f"{self.base}/weights-1234.pth",
            "sha256": hashlib.sha256(content).hexdigest(),
            "size_bytes": len(content),
            "licence": "MIT",
            "trained_on": "noise",
        }
        return Weights(**{**facts, **changes})

    def become_hub(self) -> None:
        """Answer HEAD as the Hugging Face hub does, with what `head_status`, `etag` and `head_size` say from then on; a
        `silent` one takes the question and says nothing. `heads` are the paths that were asked for."""
        self.head_status, self.etag, self.head_size = 200, SHA256, len(CONTENT)
        self.silent = False
        self.heads: list[str] = []

        def head(handler: Handler) -> None:
            handler.close_connection = True
            self.heads.append(handler.path)
            if self.silent:
                handler.stop.wait(20)
                return
            told = {"X_Repo_Commit": COMMIT, "X_Linked_ETag": f'"{self.etag}"', "X_Linked_Size": str(self.head_size)}
            with contextlib.suppress(OSError):
                handler.begin(self.head_status, Content_Length="0", **(told if self.head_status == 200 else {}))

        self._kind.do_HEAD = head

    def hub_weights(self, **changes: Any) -> Weights:
        """Weights on the hub, of which nothing states a hash."""
        return self.weights(**{"url": HUB_URL, "file_name": "model.safetensors", "sha256": "", **changes})

    def close(self) -> None:
        self.stop.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def honest(content: bytes = CONTENT, *, etag: str = '"one"', upto: int | None = None, ranges: bool = True) -> Behaviour:
    """Serves `content`; breaks off after `upto` bytes of the body; with `ranges`, from where it is asked."""

    def play(handler: Handler) -> None:
        offset = handler.offset if ranges else 0
        if handler.headers.get("If-Range", etag) != etag:
            offset = 0
        if offset > len(content) or (offset == len(content) and offset):
            handler.begin(416, Content_Range=f"bytes */{len(content)}", Content_Length="0")
            return
        body = content[offset:]
        extra = {"Content_Range": f"bytes {offset}-{len(content) - 1}/{len(content)}"} if offset else {}
        handler.begin(206 if offset else 200, ETag=etag, Content_Length=str(len(body)), **extra)
        handler.wfile.write(body if upto is None else body[:upto])

    return play


def says(status: int, **headers: str) -> Behaviour:
    """Answers with nothing but a status."""
    return lambda handler: handler.begin(status, Content_Length="0", **headers)


def claims(length: int, content: bytes = CONTENT) -> Behaviour:
    """Says that the body has `length` bytes, sends all of `content`, and knows no ranges."""

    def play(handler: Handler) -> None:
        if handler.offset:
            handler.begin(416, Content_Range=f"bytes */{length}", Content_Length="0")
            return
        handler.begin(200, Content_Length=str(length))
        handler.wfile.write(content)

    return play


def stalls(after: int) -> Behaviour:
    """Sends `after` bytes and then nothing, without closing."""

    def play(handler: Handler) -> None:
        offset = handler.offset
        extra = {"Content_Range": f"bytes {offset}-{len(CONTENT) - 1}/{len(CONTENT)}"} if offset else {}
        handler.begin(206 if offset else 200, ETag='"one"', Content_Length=str(len(CONTENT) - offset), **extra)
        handler.wfile.write(CONTENT[offset : offset + after])
        handler.stop.wait(300)

    return play


def drips(rate: int) -> Behaviour:
    """Sends `rate` bytes every 10 ms."""

    def play(handler: Handler) -> None:
        handler.begin(200, ETag='"one"', Content_Length=str(len(CONTENT)))
        for start in range(0, len(CONTENT), rate):
            handler.wfile.write(CONTENT[start : start + rate])
            if handler.stop.wait(0.01):
                return

    return play


def resets(after: int) -> Behaviour:
    """Breaks the connection so that the other side gets an error, not an end."""

    def play(handler: Handler) -> None:
        handler.begin(200, ETag='"one"', Content_Length=str(len(CONTENT)))
        handler.wfile.write(CONTENT[:after])
        handler.wfile.flush()
        time.sleep(0.05)
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        handler.connection.close()

    return play
