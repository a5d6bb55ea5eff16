"""What belongs to a scene in space beside its objects: the eye in its project, names, and files that come back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import trimesh
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ui.panels.spatial import KEY, SpatialPanel
from ui.views.spatial.view import SpatialView
from ui.window.main_window import MainWindow

WAIT_MS = 30_000


def export(path: Path, offset: float = 0.0) -> Path:
    path.parent.mkdir(exist_ok=True)
    ball = trimesh.creation.icosphere(subdivisions=2)
    ball.apply_translation((offset, 0, 0))
    ball.export(path)
    return path


def shown(qtbot: QtBot, window: MainWindow, *paths: Path) -> SpatialView:
    """Open files, and wait until the view of the first one rests."""
    window.open_paths([*paths])
    state = window.controller.session
    qtbot.waitUntil(lambda: len(state.state.media) >= len(paths), timeout=WAIT_MS)
    window.controller.activate(next(item for item in state.state.media if item.path == paths[0]))
    qtbot.waitUntil(lambda: window.workspace.space is not None, timeout=WAIT_MS)
    assert window.workspace.space is not None
    view = window.workspace.space.view
    qtbot.waitUntil(lambda: bool(view.scene.visible) and view.at_rest, timeout=WAIT_MS)
    return view


def test_a_project_is_seen_from_where_it_was_saved(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    view = shown(qtbot, window, export(tmp_path / "a.ply"))
    view.look_from("top")
    view.zoom(2.0)
    saved = view.camera
    window.project.path = tmp_path / "p.cvstudio"
    assert window.project.save()
    assert not window.controller.session.modified
    spatial = window.controller.spatial
    spatial.set_look("style", "flat")
    view.look_from("front")
    # Undo turns no head.
    window.controller.undo()
    assert view.camera.rotation[2, 1] < 0.5
    window.project.open(tmp_path / "p.cvstudio")
    # It looks from above again.
    qtbot.waitUntil(lambda: view.camera.rotation[2, 1] > 0.9 and view.at_rest, timeout=WAIT_MS)
    np.testing.assert_allclose(view.camera.rotation, saved.rotation)
    assert view.camera.distance == saved.distance
    np.testing.assert_allclose(view.camera.target, saved.target)
    # What is shown and hidden afterwards leaves it there.
    view.look_from("front")
    (row,) = spatial.scene.rows
    spatial.rename(row.key, "Ball")
    assert view.camera.rotation[2, 1] < 0.5


def test_the_axis_that_points_up_is_chosen(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    view = shown(qtbot, window, export(tmp_path / "a.ply"))
    assert view.camera.up == "y"
    for axis, number in (("z", 2), ("y", 1)):
        window.controller.spatial.set_look("up_axis", axis)
        qtbot.waitUntil(lambda axis=axis: view.camera.up == axis and view.at_rest, timeout=WAIT_MS)
        # In the picture it goes up, and to neither side.
        right, up, _ = view.camera.rotation[:, number]
        assert (abs(right) < 1e-9, up > 0.5) == (True, True)
    window.controller.undo()
    assert view.camera.up == "z"


def test_objects_are_renamed_in_the_tree(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    shown(qtbot, window, export(tmp_path / "a.ply"))
    window.controller.requests.show_spatial.emit()
    panel = window.findChild(SpatialPanel)
    assert panel is not None
    qtbot.waitUntil(panel.isVisible, timeout=WAIT_MS)
    spatial = window.controller.spatial
    (row,) = spatial.scene.rows
    item = panel.tree.topLevelItem(0)
    assert item is not None
    panel.tree.setCurrentItem(item)
    panel.tree.setFocus()
    QTest.keyClick(panel.tree, Qt.Key.Key_F2)
    editor = QApplication.focusWidget()
    assert editor is not None
    assert editor is not panel.tree
    QTest.keyClicks(editor, "Moon")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: spatial.scene.rows[0].title == "Moon", timeout=WAIT_MS)
    renamed = spatial.scene.rows[0].item
    assert renamed is not None
    assert renamed.name == "Moon"
    top = panel.tree.topLevelItem(0)
    assert top is not None
    assert (top.text(0), top.data(0, KEY)) == ("Moon", row.key)
    assert renamed is spatial.scene.rows[0].item
    window.controller.undo()
    assert spatial.scene.rows[0].title == "a.ply"


def test_files_of_one_name_are_two_objects(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    one, other = export(tmp_path / "x" / "a.ply"), export(tmp_path / "y" / "a.ply", 3.0)
    view = shown(qtbot, window, one, other)
    spatial = window.controller.spatial
    first, second = spatial.scene.rows
    assert first.title == second.title
    assert first.key != second.key
    spatial.set_visible(second.key, True)
    qtbot.waitUntil(lambda: len(view.scene.visible) == 2 and view.at_rest, timeout=WAIT_MS)
    spatial.set_visible(first.key, False)
    assert [item.key for item in view.scene.visible] == [second.key]


def test_a_file_that_could_not_be_read_is_read_again(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    one, other = export(tmp_path / "a.ply"), export(tmp_path / "b.ply", 3.0)
    view = shown(qtbot, window, one, other)
    spatial = window.controller.spatial
    key = next(row.key for row in spatial.scene.rows if row.title == "b.ply")
    failed: list[str] = []
    ours = window.controller.pipeline.job_event
    ours.connect(lambda event: failed.append(event.kind) if "b.ply" in event.job.title else None)
    hidden = other.rename(tmp_path / "elsewhere.ply")
    spatial.set_visible(key, True)
    qtbot.waitUntil(lambda: "failed" in failed, timeout=WAIT_MS)
    assert len(view.scene.visible) == 1
    hidden.rename(other)
    spatial.set_visible(key, False)
    spatial.set_visible(key, True)
    qtbot.waitUntil(lambda: len(view.scene.visible) == 2, timeout=WAIT_MS)
