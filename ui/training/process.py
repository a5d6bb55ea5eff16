"""A training beside the window: a process of its own, so that the window stays quick and outlives it."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, Signal

import cvstudio

log = logging.getLogger(__name__)

STOP_MS = 4000
"""How long a training may take to stop when the window closes; it is between two steps then."""

KEPT_LINES = 40
USER_ERROR, STOPPED = 1, 130


class TrainingProcess(QObject):
    """Runs `cvstudio train` and tells what becomes of it.

    Signals
    -------
    progressed : fraction 0..1 or None, message
    ended : "finished", "stopped" or "failed", and one sentence about it
    """

    progressed = Signal(object, str)
    ended = Signal(str, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.program: Sequence[str] = (sys.executable, "-m", "cvstudio")
        self._process: QProcess | None = None
        self._rest = b""
        self._told: list[str] = []

    @property
    def running(self) -> bool:
        return self._process is not None

    def start(self, recipe: str, *, data: Path, device: str, seed: int) -> None:
        """Begin a run, or go on with it, in its usual folder."""
        process = QProcess(self)
        environment = QProcessEnvironment.systemEnvironment()
        environment.insert("PYTHONIOENCODING", "utf-8")
        process.setProcessEnvironment(environment)
        # In a checkout the package is found from there.
        process.setWorkingDirectory(str(Path(cvstudio.__file__).resolve().parents[1]))
        process.readyReadStandardError.connect(self._read)
        process.finished.connect(self._finished)
        process.errorOccurred.connect(self._failed_to_start)
        self._process, self._rest, self._told = process, b"", []
        program, *first = self.program
        options = ["--attached", "--data", str(data.absolute()), "--device", device, "--seed", str(seed)]
        process.start(program, [*first, "train", recipe, *options])

    def stop(self) -> None:
        """Ask it to stop; the last whole epoch is kept."""
        if self._process is not None:
            # It takes the end of its stdin for the wish to stop, on every system and also where this program dies.
            self._process.closeWriteChannel()

    def close(self) -> None:
        """Stop it and wait; end it where it does not stop in time. What is on disk is whole in either case."""
        process = self._process
        if process is None:
            return
        process.readyReadStandardError.disconnect()
        process.finished.disconnect()
        process.errorOccurred.disconnect()
        self._process = None
        process.closeWriteChannel()
        if not process.waitForFinished(STOP_MS):
            process.kill()
            process.waitForFinished(STOP_MS)
        process.deleteLater()

    def _read(self) -> None:
        assert self._process is not None
        *lines, self._rest = (self._rest + self._process.readAllStandardError().data()).split(b"\n")
        report = None
        for line in lines:
            text = line.decode("utf-8", errors="replace").strip()
            found = _report(text)
            if found is not None:
                report = found
            elif text:
                self._told = [*self._told[-KEPT_LINES:], text]
        if report is not None:
            self.progressed.emit(*report)

    def _finished(self, code: int, status: QProcess.ExitStatus) -> None:
        self._read()
        told = self._told
        self._release()
        last = told[-1] if told else ""
        if code == 0 and status is QProcess.ExitStatus.NormalExit:
            self.ended.emit("finished", "")
        elif code == STOPPED:
            self.ended.emit("stopped", self.tr("Stopped; the last whole epoch is kept."))
        elif code == USER_ERROR and last.startswith("cvstudio: "):
            self.ended.emit("failed", last.removeprefix("cvstudio: "))
        else:
            log.error("a training ended with %s:\n%s", code, "\n".join(told))
            text = self.tr("The training ended unexpectedly ({reason}); start it again to go on from the last epoch.")
            self.ended.emit("failed", text.format(reason=last or code))

    def _failed_to_start(self, error: QProcess.ProcessError) -> None:
        if error is not QProcess.ProcessError.FailedToStart:
            return
        self._release()
        text = self.tr("The training cannot be started ({program}); install cvstudio again.")
        self.ended.emit("failed", text.format(program=self.program[0]))

    def _release(self) -> None:
        if self._process is not None:
            self._process.deleteLater()
            self._process = None


def _report(line: str) -> tuple[float | None, str] | None:
    """Fraction and message of a line of progress; None where it is another line."""
    if not line.startswith("{"):
        return None
    try:
        found = json.loads(line)
        return found["fraction"], str(found["message"])
    except (ValueError, KeyError, TypeError):
        return None
