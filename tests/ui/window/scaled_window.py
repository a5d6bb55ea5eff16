"""Run by `test_habits.py` at another scale of the screen: prints what was measured as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from cvstudio.data.geometry import Size
from ui.app import make_application
from ui.base.icons import icon
from ui.tour.input_events import move_mouse, pause
from ui.views.shape_editor import ShapeEditor
from ui.views.shape_tools import BoxTool
from ui.window.main_window import MainWindow


def main(picture: Path) -> None:
    app = make_application()
    window = MainWindow()
    window.resize(900, 560)
    window.show()
    QTest.qWaitForWindowExposed(window)
    # What lies over the picture is of no interest, and a model without torch is there sooner.
    window.controller.use_analysis("detect")
    window.controller.set_model("haar-face")
    window.open_paths([picture])
    canvas = window.workspace.canvas
    for _ in range(1000):
        pause(20)
        if window.controller.shown.sample is not None and not window.controller.pipeline.busy:
            break
    window.workspace.toggle_overlay()
    canvas.actual_size()
    pause(100)
    ratio = canvas.devicePixelRatioF()
    view = canvas.view()
    rendered = window.workspace.render_view(view)
    read: list[str] = []
    window.workspace.read_out.connect(read.append)
    clicked: list[tuple[float, float]] = []
    canvas.clicked.connect(lambda x, y, _: clicked.append((x, y)))
    x, y = ((at - start) * view.scale / ratio for at, start in ((900.5, view.rect.x), (650.5, view.rect.y)))
    place = QPoint(int(x), int(y))
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=place)
    canvas.hovered.emit(*canvas.image_position(place))  # type: ignore[misc]
    window.copy_view()
    copied = QGuiApplication.clipboard().image()
    # What the screen holds, pixel for pixel, where the picture is.
    canvas.bar.hide()
    grabbed = canvas.grab().toImage().convertToFormat(copied.format().Format_RGB888)
    bits = np.frombuffer(grabbed.constBits(), np.uint8).reshape(grabbed.height(), grabbed.bytesPerLine())
    seen = bits[:, : 3 * grabbed.width()].reshape(grabbed.height(), grabbed.width(), 3)
    height, width = min(seen.shape[0], rendered.shape[0]), min(seen.shape[1], rendered.shape[1])
    editor = ShapeEditor(canvas)
    tool = BoxTool(None, Size(1800, 1300))
    editor.begin(tool)
    ends = (place, place + QPoint(40, 30))
    QTest.mousePress(editor, Qt.MouseButton.LeftButton, pos=ends[0])
    move_mouse(editor, ends[1], Qt.MouseButton.LeftButton)
    QTest.mouseRelease(editor, Qt.MouseButton.LeftButton, pos=ends[1])
    wanted = [start + at * ratio for end in ends for start, at in ((view.rect.x, end.x()), (view.rect.y, end.y()))]
    editor.end()
    found = {
        "box": tool.value,
        "box_wanted": wanted,
        "ratio": ratio,
        "canvas": [canvas.width(), canvas.height()],
        "rendered": [rendered.shape[1], rendered.shape[0]],
        "scale": view.scale,
        "clicked": clicked[-1],
        "read_out": read[-1],
        "under": seen[int(place.y() * ratio), int(place.x() * ratio)].tolist(),
        "copied": [copied.width(), copied.height(), copied.devicePixelRatio()],
        "equal": bool(np.array_equal(seen[:height, :width], rendered[:height, :width])),
        "icon": icon("play").pixmap(QSize(16, 16), ratio).width(),
    }
    window.close()
    window.deleteLater()
    app.processEvents()
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
