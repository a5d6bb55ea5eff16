"""Notices about failures: a button that names the remedy, and gone when their cause is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QWidget

from cvstudio.foundation.errors import DeviceError, ExportError
from cvstudio.foundation.lanes import Job
from cvstudio.media.examples.files import sample_path
from ui.widgets.notices import GAP, MARGIN, Notices
from ui.window.main_window import MainWindow


@pytest.fixture
def picture(window: MainWindow, qtbot: Any, tmp_path: Path) -> Path:
    """A picture that is open, with the HOG descriptor, which needs no network."""
    path = tmp_path / "photo.png"
    shutil.copy(sample_path("astronaut"), path)
    window.open_paths([path])
    qtbot.waitUntil(lambda: bool(window.controller.session.state.media), timeout=60_000)
    window.controller.use_analysis("hog")
    settled(window, qtbot)
    return path


def settled(window: MainWindow, qtbot: Any) -> None:
    qtbot.wait(50)
    qtbot.waitUntil(lambda: not window.controller.pipeline.busy, timeout=60_000)
    qtbot.wait(50)


def notice_of(window: MainWindow, qtbot: Any, words: str) -> Any:
    def matching() -> list[Any]:
        return [notice for notice in window.notices.shown if words in notice.text]

    qtbot.waitUntil(lambda: bool(matching()), timeout=30_000)
    (notice,) = matching()
    return notice


def texts(window: MainWindow) -> list[str]:
    return [notice.text for notice in window.notices.shown]


def test_a_file_that_cannot_be_opened(window: MainWindow, picture: Path, qtbot: Any, monkeypatch: Any) -> None:
    bad = picture.parent / "bad.png"
    bad.write_bytes(b"no picture" * 1000)
    window.open_paths([bad])
    notice = notice_of(window, qtbot, "'bad.png'")
    assert notice.action.text() == "Choose a file …"
    # Another bad one takes its place; a good one ends it, as chosen by the button.
    worse = picture.parent / "worse.png"
    worse.write_bytes(b"no picture" * 1000)
    window.open_paths([worse])
    notice = notice_of(window, qtbot, "'worse.png'")
    assert not any("bad.png" in text for text in texts(window))
    asked: list[str] = []
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: (asked.append("asked") or [], ""))
    QTest.mouseClick(notice.action, Qt.MouseButton.LeftButton)
    assert asked == ["asked"]
    window.open_paths([worse])
    notice_of(window, qtbot, "'worse.png'")
    window.open_paths([sample_path("cat")])
    qtbot.waitUntil(lambda: texts(window) == [], timeout=30_000)


def test_a_stage_that_fails_and_then_works(window: MainWindow, picture: Path, qtbot: Any, monkeypatch: Any) -> None:
    from cvstudio.analyses import ANALYSES

    stage = ANALYSES["hog"].stages[1]

    def refuse(*_: Any) -> Any:
        raise DeviceError("The device is busy; try again.")

    run = stage.run
    object.__setattr__(stage, "run", refuse)
    try:
        window.controller.set_value("cell", 12)
        notice = notice_of(window, qtbot, "is busy")
        assert notice.action.text() == "Try again"
        settled(window, qtbot)
        assert "The device is busy; try again." in texts(window)
    finally:
        object.__setattr__(stage, "run", run)
    QTest.mouseClick(notice.action, Qt.MouseButton.LeftButton)
    settled(window, qtbot)
    assert window.controller.current_result() is not None
    assert texts(window) == []


def test_it_goes_with_the_analysis_that_failed(window: MainWindow, picture: Path, qtbot: Any) -> None:
    from cvstudio.analyses import ANALYSES

    stage = ANALYSES["hog"].stages[1]
    run = stage.run

    def refuse(*_: Any) -> Any:
        raise ValueError("not foreseen")

    object.__setattr__(stage, "run", refuse)
    try:
        window.controller.set_value("cell", 12)
        notice_of(window, qtbot, "not foreseen")
        window.controller.undo()
        settled(window, qtbot)
        assert texts(window) == []
    finally:
        object.__setattr__(stage, "run", run)


def test_a_refused_change_is_told_until_the_next(window: MainWindow, picture: Path, qtbot: Any) -> None:
    window.controller.set_value("cell", -5)
    assert len(texts(window)) == 1
    window.controller.set_value("cell", 12)
    assert texts(window) == []


def test_an_export_that_cannot_be_written(
    window: MainWindow, picture: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(progress: Any) -> Any:
        raise ExportError("The disk is full; choose another folder.")
        yield

    asked: list[str] = []
    monkeypatch.setattr(window.exporting, "ask", lambda: asked.append("asked"))
    submit = window.controller.pipeline.submit
    submit("export", Job(("export", "a.png"), "Exporting a.png", work))
    notice = notice_of(window, qtbot, "disk is full")
    assert notice.action.text() == "Export somewhere else …"
    submit("export", Job(("export", "a.png"), "Exporting a.png", lambda progress: iter(())))
    qtbot.waitUntil(lambda: texts(window) == [], timeout=10_000)


def test_a_job_is_tried_again(window: MainWindow, picture: Path, qtbot: Any) -> None:
    runs: list[int] = []

    def work(progress: Any) -> Any:
        runs.append(1)
        if len(runs) == 1:
            raise OSError("no sample today")
        yield None

    window.controller.pipeline.submit("probe", Job(("sample", "hog"), "Preparing the sample", work))
    notice = notice_of(window, qtbot, "no sample today")
    assert notice.action.text() == "Try again"
    QTest.mouseClick(notice.action, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(runs) == 2, timeout=10_000)
    settled(window, qtbot)
    assert texts(window) == []


def test_a_project_that_cannot_be_saved(window: MainWindow, picture: Path, qtbot: Any, monkeypatch: Any) -> None:
    window.project.path = picture.parent / "no such folder" / "a.cvstudio"
    assert not window.project.save()
    (notice,) = window.notices.shown
    assert notice.action.text() == "Save as …"
    target = picture.parent / "b.cvstudio"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    QTest.mouseClick(notice.action, Qt.MouseButton.LeftButton)
    assert target.exists()
    assert texts(window) == []


@pytest.mark.parametrize(
    ("rects", "corner"),
    [
        ([], "right"),
        ([QRect(600, 0, 200, 60)], "below"),
        ([QRect(500, 0, 300, 500)], "left"),
        ([QRect(0, 0, 800, 500)], "right"),
    ],
)
def test_it_covers_nothing_that_must_be_seen(
    shown: Callable[..., Any], qtbot: Any, rects: list[QRect], corner: str
) -> None:
    parent = shown(QWidget(), 800, 500)
    notices = Notices(parent, lambda: rects)
    notices.post("error", "This speaks of something on the canvas.")
    (notice,) = notices.shown
    right = 800 - notice.width() - MARGIN
    places = {
        "right": QPoint(right, MARGIN),
        "below": QPoint(right, 60 + GAP - 1),
        "left": QPoint(MARGIN, MARGIN),
    }
    qtbot.waitUntil(lambda: notice.pos() == places[corner], timeout=5_000)


def test_the_bars_on_the_canvas_and_what_is_chosen_stay_in_view(window: MainWindow, qtbot: Any) -> None:
    window.open_paths([sample_path("astronaut")])
    qtbot.waitUntil(lambda: bool(window.controller.session.state.media), timeout=60_000)
    window.controller.set_model("haar-face")
    qtbot.waitUntil(lambda: bool(window.controller.detections()), timeout=60_000)
    settled(window, qtbot)
    detections = window.controller.detections()
    assert detections is not None
    window.controller.select(frozenset({int(detections.ids[0])}))
    rects = window.workspace.keep_clear()
    canvas = window.workspace.canvas
    x0, y0, x1, y1 = detections.boxes[0].tolist()
    middle = canvas.mapTo(window.workspace, canvas.widget_position((x0 + x1) / 2, (y0 + y1) / 2).toPoint())
    assert any(rect.contains(middle) for rect in rects)
    window.notice("error", "The face there is too small.")
    (notice,) = window.notices.shown
    qtbot.wait(400)
    assert not any(rect.intersects(notice.geometry()) for rect in rects)


def test_a_file_that_vanishes_while_it_is_read_is_told_until_another_is_shown(
    window: MainWindow, qtbot: Any, tmp_path: Path
) -> None:
    path = tmp_path / "clip.mp4"
    shutil.copy(sample_path("clip"), path)
    window.open_paths([path])
    qtbot.waitUntil(lambda: bool(window.controller.session.state.media), timeout=60_000)
    window.controller.use_analysis("hog")
    settled(window, qtbot)
    path.write_bytes(b"another file")
    window.controller.playback.seek(2.0)
    notice = notice_of(window, qtbot, "'clip.mp4'")
    assert notice.action.text() == "Choose a file …"
    settled(window, qtbot)
    assert any("clip.mp4" in text for text in texts(window))
    window.open_paths([sample_path("cat")])
    qtbot.waitUntil(lambda: texts(window) == [], timeout=30_000)
