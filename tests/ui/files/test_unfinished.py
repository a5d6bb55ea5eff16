"""Exports and batches that did not end are offered at the next start, and go on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import av
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from cvstudio.exporters import EXPORTERS
from cvstudio.foundation.errors import Cancelled
from cvstudio.media.examples.files import sample_path
from cvstudio.session.project import save_project
from cvstudio.session.session import State
from ui.control.unfinished import MOST_OFFERS, UnfinishedWork
from ui.panels.jobs import JobRow
from ui.window.main_window import MainWindow

WAIT_MS = 60_000
FRAMES = 12
"""Frames of 0.4 s: as few as are not written before the window is closed."""
PICTURES = 20
"""Pictures of a batch, likewise."""


def looking_for_faces(window: MainWindow, qtbot: QtBot, path: Path) -> None:
    window.open_paths([path])
    controller = window.controller
    qtbot.waitUntil(lambda: len(controller.session.state.media) == 1, timeout=WAIT_MS)
    controller.set_model("haar-face")
    qtbot.waitUntil(lambda: not controller.pipeline.busy and controller.current_result() is not None, timeout=WAIT_MS)


def quit_now(window: MainWindow) -> None:
    window.close()
    QTest.mouseClick(window.quit_guard.dialog.now_button, Qt.MouseButton.LeftButton)
    assert not window.isVisible()


@pytest.fixture
def next_start(qtbot: QtBot) -> Iterator[MainWindow]:
    """The window of the next session, which nothing is offered in yet."""
    made = MainWindow()
    made.resize(1280, 800)
    made.show()
    yield made
    made.project.path = None  # closing asks nothing without a project
    made.quit_guard.quits_now = True
    made.close()
    made.deleteLater()


def go_on(window: MainWindow, name: str) -> None:
    window.offer_unfinished()
    (notice,) = window.notices.shown
    assert notice.text == f"{name} was not finished last time."
    assert notice.action is not None
    assert not notice.timer.isActive()  # whoever looks away for ten seconds must not lose the work
    QTest.mouseClick(notice.action, Qt.MouseButton.LeftButton)


@pytest.fixture
def ended_early(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> Path:
    """The video that an export was to write when its program ended."""
    looking_for_faces(window, qtbot, sample_path("clip"))
    target = tmp_path / "faces.mp4"
    options = {"quality": "small"}
    window.exporting.export(EXPORTERS["mp4"], target, whole=True, options=options, start_secs=0.2, stop_secs=0.6)
    qtbot.waitUntil(lambda: any(work.fraction for work in window.controller.long_work.work), timeout=WAIT_MS)
    quit_now(window)
    assert not target.exists()
    return target


def test_an_export_is_made_after_all(ended_early, next_start, qtbot):
    jobs: list[str] = []
    next_start.controller.pipeline.job_event.connect(lambda event: jobs.append(event.job.title))
    go_on(next_start, "faces.mp4")
    qtbot.waitUntil(lambda: next_start.exporting.written == [ended_early], timeout=WAIT_MS)
    with av.open(str(ended_early)) as made:
        assert sum(1 for _ in made.decode(video=0)) == FRAMES
    # Not the name of the record, which says nothing.
    assert "Resuming faces.mp4" in jobs
    assert next_start.project.path is None
    assert str(ended_early) not in next_start.settings.recent
    assert next_start.controller.unfinished.earlier() == []
    assert list(next_start.controller.unfinished.folder.glob("*")) == []


def test_what_goes_on_is_seen_and_leaves_what_is_open(ended_early, next_start, qtbot, tmp_path):
    controller = next_start.controller
    next_start.open_paths([sample_path("cat")])
    qtbot.waitUntil(lambda: len(controller.session.state.media) == 1, timeout=WAIT_MS)
    saved = tmp_path / "mine.cvstudio"
    save_project(saved, controller.session.state)
    go_on(next_start, "faces.mp4")
    # What is opened before it has begun does not end it.
    next_start.project.open(saved)
    qtbot.waitUntil(lambda: next_start.project.path == saved, timeout=WAIT_MS)
    next_start.open_paths([sample_path("astronaut")])
    qtbot.waitUntil(lambda: any("faces.mp4" in work.title for work in controller.long_work.work), timeout=WAIT_MS)
    jobs = next_start.docks["jobs"]
    assert jobs.isVisible()
    qtbot.waitUntil(lambda: any(not row.isHidden() for row in jobs.widget().findChildren(JobRow)))
    qtbot.waitUntil(lambda: next_start.exporting.written == [ended_early], timeout=WAIT_MS)
    assert {media.path for media in controller.session.state.media} == {sample_path("cat"), sample_path("astronaut")}
    # It is not of what is open now.
    with av.open(str(ended_early)) as made:
        assert sum(1 for _ in made.decode(video=0)) == FRAMES


def test_an_export_of_a_comparison_is_made_after_all(window, next_start, qtbot, tmp_path):
    looking_for_faces(window, qtbot, sample_path("clip"))
    comparison = window.controller.comparison
    comparison.start_settings()
    qtbot.waitUntil(lambda: comparison.composition is not None and not window.controller.pipeline.busy, timeout=WAIT_MS)
    comparison.show_beside(True)
    target = tmp_path / "both.mp4"
    window.exporting.export(EXPORTERS["mp4"], target, whole=True, options={"quality": "small"}, stop_secs=0.4)
    qtbot.waitUntil(lambda: any(work.fraction for work in window.controller.long_work.work), timeout=WAIT_MS)
    quit_now(window)
    assert not target.exists()
    go_on(next_start, "both.mp4")
    qtbot.waitUntil(lambda: next_start.exporting.written == [target], timeout=3 * WAIT_MS)
    with av.open(str(target)) as made, av.open(str(sample_path("clip"))) as clip:
        # Both sides stand beside each other.
        assert made.streams.video[0].width > 1.8 * clip.streams.video[0].width
    assert next_start.controller.unfinished.earlier() == []


def test_a_batch_goes_on_where_it_was(window, qtbot, tmp_path):
    source = tmp_path / "many"
    source.mkdir()
    for number in range(PICTURES):
        shutil.copy(sample_path("astronaut"), source / f"{number:02}.png")
    looking_for_faces(window, qtbot, source / "00.png")
    window.docks["batch"].show()
    content = window.docks["batch"].widget().make()
    content.set_folders(source, tmp_path / "out")
    content.set_formats({"csv"})
    content.start()
    qtbot.waitUntil(lambda: content.table.outcomes.rowCount() > 0, timeout=WAIT_MS)
    quit_now(window)
    again = MainWindow()
    again.show()
    try:
        go_on(again, "out")
        panel = again.docks["batch"].widget().make()
        qtbot.waitUntil(lambda: panel.state == "ended", timeout=WAIT_MS)
        assert f"{PICTURES} done (" in panel.message.text()
        assert " before)" in panel.message.text()
        assert again.controller.unfinished.earlier() == []
    finally:
        again.quit_guard.quits_now = True
        again.close()
        again.deleteLater()


def test_what_ended_or_was_cancelled_is_not_offered(window, qtbot, tmp_path):
    looking_for_faces(window, qtbot, sample_path("clip"))
    window.exporting.export(EXPORTERS["json"], tmp_path / "a.json", whole=False)
    qtbot.waitUntil(lambda: bool(window.exporting.written), timeout=WAIT_MS)
    window.exporting.export(EXPORTERS["mp4"], tmp_path / "a.mp4", whole=True)
    qtbot.waitUntil(lambda: any(work.fraction for work in window.controller.long_work.work), timeout=WAIT_MS)
    assert list(window.controller.unfinished.folder.glob("*.json"))
    window.controller.pipeline.lanes.cancel(("export", str(tmp_path / "a.mp4")))
    qtbot.waitUntil(lambda: not window.controller.long_work.work, timeout=WAIT_MS)
    assert list(window.controller.unfinished.folder.glob("*")) == []


def test_work_of_a_program_that_still_runs_is_not_offered_and_nothing_is_offered_for_ever(tmp_path):
    first, second = UnfinishedWork(tmp_path), UnfinishedWork(tmp_path)
    first.closing = True

    def cut_short() -> None:
        with first.kept("export", tmp_path / "a.mp4", State(), {"path": "a"}):
            assert second.earlier() == []
            raise Cancelled

    with pytest.raises(Cancelled):
        cut_short()
    first.close()
    for _ in range(MOST_OFFERS):
        (item,) = second.earlier()
        assert (item.kind, item.title, item.values) == ("export", "a.mp4", {"path": "a"})
    assert second.earlier() == []
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_record_is_dropped(tmp_path):
    (tmp_path / "x.json").write_text("{")
    assert UnfinishedWork(tmp_path).earlier() == []
    assert list(tmp_path.iterdir()) == []
