"""Processes in which LibRaw reads RAW photographs, kept for the next ones."""

from __future__ import annotations

import atexit
import functools
import importlib.util
import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from cvstudio.media.pictures import raw_process

_LIMIT_SECS = 180
"""Time for one photograph on a busy machine; one that takes longer is damaged."""
_KEPT = 2
"""Processes that are kept while they have nothing to do. LibRaw uses all cores for one photograph."""


@functools.cache
def available() -> bool:
    """Whether rawpy is installed, which brings LibRaw."""
    return importlib.util.find_spec("rawpy") is not None


def undeveloped_reason() -> str:
    """Why a RAW photograph of which only the preview can be shown is not developed, as a clause."""
    return "LibRaw does not know such a file" if available() else "rawpy is not installed"


class _Worker:
    """One process; used by one thread at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            # Without the folder of the program on the path, whose files have names of other modules.
            [sys.executable, "-P", raw_process.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )

    def ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytearray]:
        """What the process answers. Raises EOFError where it ends or takes too long."""
        process = self._process
        assert process.stdin is not None
        assert isinstance(process.stdout, io.BufferedReader)
        timer = threading.Timer(_LIMIT_SECS, process.kill)
        timer.daemon = True
        timer.start()
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
            line = process.stdout.readline()
            if not line.endswith(b"\n"):
                raise EOFError("the process ended")
            facts: dict[str, Any] = json.loads(line)
            payload = bytearray(facts["bytes"])
            if process.stdout.readinto(payload) < len(payload):
                raise EOFError("the process ended")
        except (OSError, ValueError, KeyError) as error:
            raise EOFError("the process ended") from error
        finally:
            timer.cancel()
        return facts, payload

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


class _Workers:
    """The processes that are there. May be used by every thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []

    def ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytearray]:
        """The answer of a process to `request`. Raises EOFError where it ends or takes too long."""
        with self._lock:
            worker = self._idle.pop() if self._idle else None
        worker = worker or _Worker()
        answered = False
        try:
            answer = worker.ask(request)
            answered = True
        finally:
            with self._lock:
                kept = answered and len(self._idle) < _KEPT
                if kept:
                    self._idle.append(worker)
            if not kept:
                worker.close()
        return answer

    def close(self) -> None:
        """End the processes that have nothing to do."""
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.close()


_WORKERS = _Workers()
atexit.register(_WORKERS.close)


def ask(path: Path, task: str, **options: Any) -> tuple[dict[str, Any], bytearray]:
    """What LibRaw says of the file at `path`: facts, among them an "error", and the bytes that belong to the task.

    Parameters
    ----------
    task : of `raw_process`
    options : half, bright, white_is_stated; see `raw_process`
    """
    request = {"path": os.fspath(path), "task": task, "half": False, "bright": False, "white_is_stated": False}
    try:
        return _WORKERS.ask(request | options)
    except EOFError:
        return {"error": "damaged"}, bytearray()
