"""What the commands tell while they work, and how they are stopped."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Protocol

from cvstudio.foundation.errors import Cancelled, UserError
from cvstudio.foundation.progress import Progress, TimeLeft, duration_text


class Reporter(Protocol):
    """Where a command tells how far it is."""

    def __call__(self, fraction: float | None, message: str) -> None: ...

    def note(self, text: str) -> None:
        """A line that stays."""
        ...

    def end(self) -> None:
        """Nothing more comes: make room for what follows."""
        ...


class Bar:
    """A progress line on stderr: redrawn on a terminal, one line for each tenth elsewhere."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._live = sys.stderr.isatty()
        self._shown: tuple[int, str] | None = None
        self._left = TimeLeft()

    def __call__(self, fraction: float | None, message: str) -> None:
        if self._quiet:
            return
        left = self._left(fraction, time.monotonic())
        percent = -1 if fraction is None else int(fraction * 100)
        step = percent if self._live else percent // 10
        # Off a terminal a counter in the message would print a line for every frame.
        if self._shown is not None and self._shown[0] == step and (not self._live or self._shown[1] == message):
            return
        self._shown = (step, message)
        told = "" if fraction is None else f" {percent} %"
        told += "" if left is None else f", {duration_text(left)} left"
        line = message or "working"
        if self._live:
            # A line that wraps could not be taken back.
            line = line[: max(8, shutil.get_terminal_size().columns - len(told) - 1)]
        sys.stderr.write(f"\r\x1b[K{line}{told}" if self._live else f"{line}{told}\n")
        sys.stderr.flush()

    def note(self, text: str) -> None:
        if not self._quiet:
            self.end()
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()

    def end(self) -> None:
        if self._live and self._shown is not None:
            sys.stderr.write("\r\x1b[K")


class Lines:
    """For a program that watches: one line of JSON on stderr for each report, {"fraction": 0..1 or null, "message"}."""

    PERIOD_SECS = 0.25

    def __init__(self) -> None:
        self._last = float("-inf")
        self._part = ""

    def __call__(self, fraction: float | None, message: str) -> None:
        now = time.monotonic()
        part = message.partition(":")[0]
        # The first word of a new part is never left out: it may be the last for long.
        if part == self._part and now - self._last < self.PERIOD_SECS:
            return
        self._last, self._part = now, part
        sys.stderr.write(json.dumps({"fraction": fraction, "message": message}) + "\n")
        sys.stderr.flush()

    def note(self, text: str) -> None:
        """Whoever watches has the files of the run."""

    def end(self) -> None:
        """A line is whole when it is written."""


def stop_with_stdin(progress: Progress) -> None:
    """Cancel `progress` when stdin is closed: whoever started this process asks it to stop, or has died."""

    def wait() -> None:
        # Not sys.stdin: a thread that waits in it would hold up the end of the interpreter.
        with suppress(OSError):
            while os.read(0, 1024):
                pass
        progress.cancel()

    threading.Thread(target=wait, name="stdin", daemon=True).start()


def guarded(work: Callable[[Progress], int], reporter: Reporter, *, stopped: str) -> int:
    """Run a command's `work` and return its exit code.

    1 where the user has to change something, which one sentence on stderr says; 130 where it was stopped, which
    `stopped` says.
    """
    progress = Progress(reporter)

    def interrupt(number: int, frame: FrameType | None) -> None:
        progress.cancel()
        # A second Ctrl-C is for whoever does not want to wait for the next check.
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        return work(progress)
    except UserError as error:
        reporter.end()
        print(f"cvstudio: {error}", file=sys.stderr)
        return 1
    except (Cancelled, KeyboardInterrupt):
        reporter.end()
        print(f"cvstudio: {stopped}", file=sys.stderr)
        return 130
    finally:
        reporter.end()
        signal.signal(signal.SIGINT, before)
