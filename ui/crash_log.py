"""Log file of the program; the log of a run that crashed is offered at the next start."""

from __future__ import annotations

import faulthandler
import logging
import os
import sys
from pathlib import Path
from typing import IO

from cvstudio.foundation.paths import user_log_dir


class CrashLog:
    """Log of this run, and detection of a crash of the previous one.

    A marker file with the number of the process exists while the program runs; one whose process is gone was left by a
    crash. Programs that run beside each other write to one log.

    Parameters
    ----------
    folder : of the log files; the user's log folder by default

    Attributes
    ----------
    path : of this run's log
    previous : path of the log of a previous run that crashed, or None
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or user_log_dir()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.path = self.folder / "cvstudio.log"
        self._marker = self.folder / f"running-{os.getpid()}"
        self._faults: IO[str] | None = None
        self._handler: logging.Handler | None = None
        self.previous: Path | None = None

    def start(self) -> None:
        """Start logging and set `previous`."""
        if self._crashed():
            crashed_log = self.folder / "crashed.log"
            if self.path.exists():
                self.path.replace(crashed_log)
                self.previous = crashed_log
        self._log_to(logging.FileHandler(self.path, encoding="utf-8"))
        logging.getLogger().setLevel(logging.INFO)
        self._faults = self.path.open("a", encoding="utf-8")
        faulthandler.enable(self._faults)
        self._marker.write_text("", encoding="utf-8")

    def _crashed(self) -> bool:
        """Whether a program that ran has ended without removing its marker, and none runs now whose log it would be.

        Markers of processes that are gone are removed once none runs.
        """
        markers = [*self.folder.glob("running*")]
        if not markers:
            return False
        numbers = (marker.name.rpartition("-")[2] for marker in markers)
        if any(number.isdecimal() and _runs(int(number)) for number in numbers):
            return False
        for marker in markers:
            marker.unlink(missing_ok=True)
        return True

    def rotate(self) -> None:
        """Begin a new file whenever the log has grown long; what that needs is imported after the first picture."""
        from logging.handlers import RotatingFileHandler

        self._log_to(RotatingFileHandler(self.path, maxBytes=1_000_000, backupCount=2, encoding="utf-8"))

    def _log_to(self, handler: logging.Handler | None) -> None:
        """Log to `handler` in place of the one before."""
        root = logging.getLogger()
        before, self._handler = self._handler, handler
        if handler is not None:
            handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
            root.addHandler(handler)
        if before is not None:
            root.removeHandler(before)
            before.close()

    def end(self) -> None:
        """Stop logging and remove the marker: the program ends normally."""
        faulthandler.disable()
        if self._faults is not None:
            self._faults.close()
        self._log_to(None)
        self._marker.unlink(missing_ok=True)


def _runs(number: int) -> bool:
    """Whether a process with this number runs. Importing psutil would take a thirtieth of the start."""
    if sys.platform == "win32":  # where signal 0 is one that ends a process
        import psutil

        return psutil.pid_exists(number)
    try:
        os.kill(number, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True
