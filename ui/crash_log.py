"""A crash leaves a log that the next start offers to show."""

from __future__ import annotations

import faulthandler
import logging
import logging.handlers
from pathlib import Path
from typing import IO

from cvstudio.foundation.paths import user_log_dir


class CrashLog:
    """Writes the log of this run, and knows whether the run before ended badly.

    A marker file exists while the program runs; one that is found at the start was left by a crash.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or user_log_dir()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.path = self.folder / "cvstudio.log"
        self._marker = self.folder / "running"
        self._faults: IO[str] | None = None
        self._handler: logging.Handler | None = None
        self.previous: Path | None = None

    def start(self) -> None:
        """Begin logging; afterwards `previous` is the log of a run that crashed, or None."""
        if self._marker.exists():
            kept = self.folder / "crashed.log"
            if self.path.exists():
                self.path.replace(kept)
                self.previous = kept
        self._handler = logging.handlers.RotatingFileHandler(
            self.path, maxBytes=1_000_000, backupCount=2, encoding="utf-8"
        )
        self._handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        root = logging.getLogger()
        root.addHandler(self._handler)
        root.setLevel(logging.INFO)
        self._faults = self.path.open("a", encoding="utf-8")
        faulthandler.enable(self._faults)
        self._marker.write_text("", encoding="utf-8")

    def end(self) -> None:
        """The program ends as it should."""
        faulthandler.disable()
        if self._faults is not None:
            self._faults.close()
        if self._handler is not None:
            logging.getLogger().removeHandler(self._handler)
            self._handler.close()
        self._marker.unlink(missing_ok=True)
