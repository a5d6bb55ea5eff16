"""Tour of the main tasks in the real window, with mouse and keyboard events: `python -m ui.tour.tour out`.

It opens the samples from the welcome screen, drags a slider, saves an annotated picture, refocuses, shows and plays a
sound, saves the project, and writes a summary of the outputs. It fails where a listed output is missing or empty, or
where a result has no object.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from cvstudio.exporters import default_exporters
from cvstudio.results.detections import Detections
from cvstudio.results.picture import Picture
from cvstudio.results.spectrogram import Spectrogram
from ui.app import make_application
from ui.panels.analysis import AnalysisPanel
from ui.tour.input_events import move_mouse, pause
from ui.widgets.rows.slider_row import SliderRow
from ui.window.main_window import MainWindow


class TourError(Exception):
    """An expected output or state is missing."""


class Tour:
    """Drives one window, and collects facts of its results and the paths of its outputs."""

    def __init__(self, window: MainWindow, out: Path) -> None:
        self.window = window
        self.out = out
        self.files: list[Path] = []
        self.facts: dict[str, object] = {}

    def wait(self, subject: str, condition: Callable[[], bool], secs: float = 90.0) -> None:
        """Run the event loop until `condition` holds.

        Raises
        ------
        TourError
            It does not hold within `secs`; the message names `subject`.
        """
        end = time.monotonic() + secs
        while not condition():
            if time.monotonic() > end:
                raise TourError(f"{subject} did not come within {secs:.0f} s")
            pause(10)

    def settled(self) -> None:
        """Wait until no job runs and the picture on screen is final."""
        controller = self.window.controller
        self.wait("the result", lambda: not controller.pipeline.busy and self.result() is not None)
        pause(150)

    def result(self) -> object:
        return self.window.controller.current_result()

    def screenshot(self, name: str) -> None:
        path = self.out / f"window {name}.png"
        pause(200)
        self.window.grab().save(str(path))
        self.files.append(path)

    def click(self, widget: QWidget) -> None:
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton)

    def drag(self, widget: QWidget, start: QPoint, stop: QPoint, steps: int = 12) -> None:
        """Drag on `widget` from `start` to `stop` with a press, moves and a release, as a user does."""
        QTest.mousePress(widget, Qt.MouseButton.LeftButton, pos=start)
        for step in range(1, steps + 1):
            move_mouse(widget, start + (stop - start) * step / steps, Qt.MouseButton.LeftButton)
            pause(16)
        QTest.mouseRelease(widget, Qt.MouseButton.LeftButton, pos=stop)

    def card(self, analysis: str) -> None:
        """Select an analysis on the welcome screen."""
        self.window.show_welcome()
        card = next(card for card in self.window.welcome.cards if card.property("analysis") == analysis)
        pause(50)
        self.click(card)
        state = self.window.controller.session
        self.wait(
            f"the sample of {analysis}",
            lambda: (
                state.state.instance is not None
                and state.state.instance.analysis == analysis
                and state.state.instance.complete
            ),
        )
        self.settled()

    def export(self) -> None:
        """Save the current result in its usual formats."""
        controller = self.window.controller
        instance = controller.session.state.instance
        assert instance is not None
        for exporter in default_exporters(instance.spec.result):
            path = self.out / f"{instance.analysis}{exporter.suffix}"
            written_before = len(self.window.exporting.written)
            self.window.exporting.export(exporter, path)
            self.wait(f"the file {path.name}", partial(self._wrote_more_than, written_before))
            self.files += [path, path.with_name(path.name + ".recipe.json")]

    def _wrote_more_than(self, count: int) -> bool:
        return len(self.window.exporting.written) > count

    def detect(self) -> None:
        self.card("detect")
        result = self.result()
        if not isinstance(result, Detections) or not len(result):
            raise TourError("the detector found nothing on its sample")
        self.facts["detect"] = {"found": len(result), "label": result.label(0), "score": float(result.scores[0])}
        self.screenshot("detect")
        self.export()
        panel = self.window.docks["analysis"].widget()
        assert isinstance(panel, AnalysisPanel)
        row = panel.form.row("score")
        assert isinstance(row, SliderRow)
        slider = row.slider
        middle = slider.height() // 2
        self.drag(slider, QPoint(slider.width() // 4, middle), QPoint(slider.width() - 1, middle))
        self.settled()
        changed = self.result()
        assert isinstance(changed, Detections)
        if len(changed) >= len(result):
            raise TourError("dragging the score slider to its end left every box there")
        self.window.controller.undo()
        self.settled()
        back = self.result()
        assert isinstance(back, Detections)
        if len(back) != len(result):
            raise TourError("undo did not bring the boxes back")

    def refocus(self) -> None:
        self.card("refocus")
        result = self.result()
        if not isinstance(result, Picture):
            raise TourError("refocusing gave no picture")
        canvas = self.window.workspace.canvas
        self.click(canvas)
        self.settled()
        result = self.result()
        assert isinstance(result, Picture)
        share = float(result.mask.mean()) if result.mask is not None else 0.0
        if not 0 < share < 1:
            raise TourError(f"{share:.0%} of the picture is in focus, which is no refocusing")
        self.facts["refocus"] = {"in_focus": round(share, 3)}
        self.screenshot("refocus")
        self.export()

    def sound(self) -> None:
        self.card("spectrogram")
        controller = self.window.controller
        self.wait("the whole spectrogram", lambda: not controller.pipeline.busy)
        result = self.result()
        if not isinstance(result, Spectrogram) or result.levels.max() == 0:
            raise TourError("the spectrogram is empty")
        self.facts["spectrogram"] = {"columns": result.columns_done, "secs": round(result.duration_secs, 2)}
        QTest.keyClick(self.window, Qt.Key.Key_Space)
        self.wait("playing", lambda: controller.playback.position_secs > 0.3, 20)
        QTest.keyClick(self.window, Qt.Key.Key_Space)
        self.screenshot("spectrogram")
        self.export()

    def project(self) -> None:
        path = self.window.project.path = self.out / "tour.cvstudio"
        if not self.window.project.save():
            raise TourError("the project could not be saved")
        self.files.append(path)

    def check(self) -> None:
        """Check that every output exists and is not empty."""
        for path in self.files:
            if not path.is_file() or path.stat().st_size == 0:
                raise TourError(f"{path} is missing or empty")


def main(arguments: list[str]) -> int:
    out = Path(arguments[0] if arguments else "out").absolute()
    out.mkdir(parents=True, exist_ok=True)
    app = make_application()
    window = MainWindow()
    window.show()
    QTest.qWaitForWindowExposed(window)
    tour = Tour(window, out)
    summary = out / "summary.json"
    try:
        tour.screenshot("welcome")
        tour.detect()
        tour.refocus()
        tour.sound()
        tour.project()
        tour.check()
    except TourError as error:
        window.grab().save(str(out / "failed.png"))
        print(f"cvstudio: the tour failed: {error}.", file=sys.stderr)
        return 1
    finally:
        window.project.path = None  # so that closing asks no question
        window.close()
        window.deleteLater()
        app.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    contents = {"results": tour.facts, "files": [path.name for path in tour.files]}
    summary.write_text(json.dumps(contents, indent=2), encoding="utf-8")
    for path in (*tour.files, summary):
        print(path)
    return 0
