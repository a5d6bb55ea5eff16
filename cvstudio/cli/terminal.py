"""Progress of commands on the terminal, and their interruption."""

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
from cvstudio.media.damage.losses import LOSSES


class Reporter(Protocol):
    """Receives the progress of a command."""

    def __call__(self, fraction: float | None, message: str) -> None: ...

    def note(self, text: str) -> None:
        """Print a permanent line."""
        ...

    def end(self) -> None:
        """Clear the progress line: nothing more is reported."""
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
        left_secs = self._left(fraction, time.monotonic())
        percent = -1 if fraction is None else int(fraction * 100)
        step = percent if self._live else percent // 10
        # Without a terminal, a counter in the message would print a line for every frame.
        if self._shown is not None and self._shown[0] == step and (not self._live or self._shown[1] == message):
            return
        self._shown = (step, message)
        status = "" if fraction is None else f" {percent}%"
        status += "" if left_secs is None else f", {duration_text(left_secs)} left"
        line = message or "working"
        if self._live:
            # A line that wraps could not be erased.
            line = line[: max(8, shutil.get_terminal_size().columns - len(status) - 1)]
        sys.stderr.write(f"\r\x1b[K{line}{status}" if self._live else f"{line}{status}\n")
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
    """Progress for another program: a line of JSON on stderr each, {"fraction": 0..1 or null, "message": text}."""

    PERIOD_SECS = 0.25

    def __init__(self) -> None:
        self._last = float("-inf")
        self._part = ""

    def __call__(self, fraction: float | None, message: str) -> None:
        now = time.monotonic()
        part = message.partition(":")[0]
        # The first report of a new part is never skipped: it may be the last for long.
        if part == self._part and now - self._last < self.PERIOD_SECS:
            return
        self._last, self._part = now, part
        sys.stderr.write(json.dumps({"fraction": fraction, "message": message}) + "\n")
        sys.stderr.flush()

    def note(self, text: str) -> None:
        """Ignored: the watching program reads the files of the run."""

    def end(self) -> None:
        """Nothing to do: every line is complete."""


def stop_with_stdin(progress: Progress) -> None:
    """Cancel `progress` when stdin is closed: the parent process requests the stop, or has died."""

    def wait() -> None:
        # Not sys.stdin: a thread that blocks in it would delay the end of the interpreter.
        with suppress(OSError):
            while os.read(0, 1024):
                pass
        progress.cancel()

    threading.Thread(target=wait, name="stdin", daemon=True).start()


def guarded(work: Callable[[Progress], int], reporter: Reporter, *, stopped: str, notes_losses: bool = True) -> int:
    """Run a command's `work` and return its exit code.

    Parameters
    ----------
    work : callable (progress) -> exit code
    reporter : of the progress
    stopped : what an interruption leaves behind
    notes_losses : whether it is noted in the end what could not be decoded of the files that were read

    Returns
    -------
    int
        That of `work`; 1 after a UserError, which is printed on stderr; 130 after an interruption, with `stopped`
        printed on stderr.
    """
    progress = Progress(reporter)

    def interrupt(number: int, frame: FrameType | None) -> None:
        progress.cancel()
        # A second Ctrl-C interrupts at once, before the next check.
        signal.signal(signal.SIGINT, signal.default_int_handler)

    previous = signal.signal(signal.SIGINT, interrupt)
    LOSSES.forget()
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
        for text in LOSSES.sentences() if notes_losses else ():
            reporter.note(f"cvstudio: {text}")
        signal.signal(signal.SIGINT, previous)
