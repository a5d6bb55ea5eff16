"""Training in a process of its own, so that the window stays responsive and survives its crash."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, Signal

import cvstudio

log = logging.getLogger(__name__)

STOP_MS = 1000
"""Longest time that a closing window waits for the training, which stops between two steps."""

KEPT_LINES = 40
USER_ERROR, STOPPED = 1, 130


class TrainingProcess(QObject):
    """Runs `cvstudio train` and reports its progress and outcome.

    Signals
    -------
    progressed : (fraction 0..1 or None, message)
    ended : ("finished", "stopped" or "failed"; one sentence about it, empty where it finished)
    """

    progressed = Signal(object, str)
    ended = Signal(str, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.program: Sequence[str] = (sys.executable, "-m", "cvstudio")
        self._process: QProcess | None = None
        self._rest = b""
        self._lines: list[str] = []

    @property
    def running(self) -> bool:
        return self._process is not None

    def start(self, recipe: str, *, data: Path, device: str, seed: int) -> None:
        """Start a run, or resume it, in the run folder of its recipe and seed."""
        process = QProcess(self)
        environment = QProcessEnvironment.systemEnvironment()
        environment.insert("PYTHONIOENCODING", "utf-8")
        process.setProcessEnvironment(environment)
        # In a checkout, `python -m cvstudio` finds the package in this folder.
        process.setWorkingDirectory(str(Path(cvstudio.__file__).resolve().parents[1]))
        process.readyReadStandardError.connect(self._read)
        process.finished.connect(self._finished)
        process.errorOccurred.connect(self._failed_to_start)
        self._process, self._rest, self._lines = process, b"", []
        program, *first = self.program
        options = ["--attached", "--data", str(data.absolute()), "--device", device, "--seed", str(seed)]
        process.start(program, [*first, "train", recipe, *options])

    def stop(self) -> None:
        """Ask the training to stop between two steps; the last whole epoch is kept."""
        if self._process is not None:
            # The end of its stdin means stop: this works on every system, and also when this program crashes.
            self._process.closeWriteChannel()

    def close(self) -> None:
        """Stop the training and wait; kill it after `STOP_MS`. The files on disk are complete in either case."""
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
            process.waitForFinished(STOP_MS // 2)
        process.deleteLater()

    def _read(self) -> None:
        assert self._process is not None
        *lines, self._rest = (self._rest + self._process.readAllStandardError().data()).split(b"\n")
        report = None
        for line in lines:
            text = line.decode("utf-8", errors="replace").strip()
            line_report = _parse_report(text)
            if line_report is not None:
                report = line_report
            elif text:
                self._lines = [*self._lines[-KEPT_LINES:], text]
        if report is not None:
            self.progressed.emit(*report)

    def _finished(self, code: int, status: QProcess.ExitStatus) -> None:
        self._read()
        lines = self._lines
        self._release()
        last = lines[-1] if lines else ""
        if code == 0 and status is QProcess.ExitStatus.NormalExit:
            self.ended.emit("finished", "")
        elif code == STOPPED:
            self.ended.emit("stopped", self.tr("Stopped; the last complete epoch is kept."))
        elif code == USER_ERROR and last.startswith("cvstudio: "):
            self.ended.emit("failed", last.removeprefix("cvstudio: "))
        else:
            log.error("a training ended with %s:\n%s", code, "\n".join(lines))
            text = self.tr(
                "The training ended unexpectedly ({reason}); start it again to continue from the last epoch."
            )
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


def _parse_report(line: str) -> tuple[float | None, str] | None:
    """(fraction, message) of a progress line, which is JSON; None for any other line."""
    if not line.startswith("{"):
        return None
    try:
        report = json.loads(line)
        return report["fraction"], str(report["message"])
    except (ValueError, KeyError, TypeError):
        return None
