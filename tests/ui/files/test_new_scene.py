"""New Scene: a dialog, a file, a picture with its truth as layers, and sliders that make another one."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QDialogButtonBox, QWidget
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from cvstudio.media import MediaKind
from cvstudio.session.project import load_project, save_project
from cvstudio.world.generate import generate_scene
from cvstudio.world.recipe import SceneRecipe
from cvstudio.world.render import RenderedView, SceneRenderer
from ui.files.scene_dialog import keep_scene
from ui.files.world_set import WorldSetDialog, WorldSetOptions
from ui.panels.medium import MediumPanel
from ui.window.main_window import MainWindow

RECIPE = SceneRecipe("objects", 5, 6, width=96, height=72, smooth=False)


def rendered(recipe: SceneRecipe) -> RenderedView:
    return SceneRenderer(generate_scene(recipe)).render(0.0, recipe.size)


def things(recipe: SceneRecipe) -> int:
    return len(np.unique(rendered(recipe).instances)) - 1


def wait_for(window: MainWindow, qtbot: QtBot, recipe: SceneRecipe) -> None:
    controller, expected = window.controller, things(recipe)

    def arrived() -> bool:
        found, sample = controller.detections(), controller.shown.sample
        return found is not None and len(found) == expected and sample is not None and sample.size == recipe.size

    qtbot.waitUntil(arrived, timeout=60_000)


def test_the_dialog_gives_a_recipe(window: MainWindow, qtbot: QtBot) -> None:
    dialog = window.opener.ask_scene()
    qtbot.waitUntil(dialog.isVisible)
    assert dialog.recipe == SceneRecipe()
    dialog.form.edited.emit("kind", "street", False)
    dialog.form.edited.emit("seed", 12, False)
    with qtbot.waitSignal(dialog.chosen) as chosen:
        dialog.findChild(QDialogButtonBox).accepted.emit()
    assert chosen.args == [SceneRecipe("street", 12)]


def test_a_set_is_written_from_the_window_and_stopped(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    dialog = window.opener.ask_scene()
    qtbot.waitUntil(dialog.isVisible)
    dialog.form.edited.emit("seed", 3, False)
    asked: list[object] = []
    window.opener.world_set_files().ask_folder = lambda *given: asked.append(given)  # type: ignore[method-assign]
    dialog._write()
    sets = window.findChild(WorldSetDialog)
    qtbot.waitUntil(sets.isVisible)
    sets.form.edited.emit("count", 2, False)
    sets._choose()
    assert asked == [(SceneRecipe(seed=3), WorldSetOptions(count=2))]
    notices: list[tuple[str, str]] = []
    window.controller.notice.connect(lambda level, text: notices.append((level, text)))
    files = window.opener.world_set_files()
    files.write(RECIPE, WorldSetOptions(count=2, meshes=True), tmp_path / "set")
    qtbot.waitUntil(lambda: bool(window.controller.long_work.work), timeout=60_000)
    qtbot.waitUntil(lambda: bool(notices), timeout=60_000)
    assert notices == [("info", "Wrote 2 scenes into set.")]
    assert len([*(tmp_path / "set" / "images").iterdir()]) == 2
    assert len([*(tmp_path / "set" / "meshes").iterdir()]) == 2
    # What is cancelled goes on in its folder.
    owner = ("world", str(tmp_path / "long"))
    files.write(RECIPE, WorldSetOptions(count=400), tmp_path / "long")
    qtbot.waitUntil(lambda: (tmp_path / "long" / "scenes").is_dir(), timeout=60_000)
    qtbot.waitUntil(lambda: bool(window.controller.long_work.work), timeout=60_000)
    window.controller.pipeline.lanes.cancel(owner)
    qtbot.waitUntil(lambda: not window.controller.long_work.work, timeout=60_000)
    assert 1 <= len([*(tmp_path / "long" / "scenes").iterdir()]) < 400
    # A folder with other files is left alone.
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    notices.clear()
    files.write(RECIPE, WorldSetOptions(), tmp_path / "full")
    qtbot.waitUntil(lambda: any("new or an empty folder" in text for _, text in notices), timeout=60_000)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]


def test_a_scene_opens_with_its_truth_and_follows_its_sliders(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    controller = window.controller
    window.opener._open_scene(RECIPE)
    wait_for(window, qtbot, RECIPE)
    state = controller.session.state
    assert [item.analysis for item in state.instances] == ["labelled-regions", "labelled-boxes"]
    assert state.active_media is not None
    assert state.active_media.kind is MediaKind.IMAGE
    # Its sliders stand in the panel of the file.
    assert not window.docks["medium"].isHidden()
    panel = window.docks["medium"].content
    assert isinstance(panel, MediumPanel)
    assert panel.form.row("scene_seed") is not None
    # The labels of the file are not those of the sliders.
    qtbot.waitUntil(lambda: controller.labelling.generated)
    controller.labelling.set_active(True)
    assert not controller.labelling.active

    controller.set_reading(state.active_media, "scene_objects", 3)
    other = SceneRecipe("objects", 5, 3, width=96, height=72, smooth=False)
    assert things(other) != things(RECIPE)
    wait_for(window, qtbot, other)
    assert np.array_equal(controller.shown.sample.pixels, rendered(other).pixels)

    save_project(tmp_path / "scene.cvproject", controller.session.state)
    saved, _ = load_project(tmp_path / "scene.cvproject")
    assert saved.active_media is not None
    assert saved.active_media.settings == {"scene_objects": 3}

    controller.undo()
    wait_for(window, qtbot, RECIPE)


def test_the_old_picture_stays_while_a_slider_renders(window: MainWindow, qtbot: QtBot) -> None:
    controller = window.controller
    window.opener._open_scene(RECIPE)
    wait_for(window, qtbot, RECIPE)
    panel = window.docks["medium"].content
    assert isinstance(panel, MediumPanel)
    qtbot.waitUntil(lambda: "Folder" in panel.rows() and not controller.pipeline.busy, timeout=60_000)
    rows: list[QWidget] = [panel.form.row("scene_seed"), panel.form.row("scene_height")]
    rows += [window.docks["analysis"].content.findChild(QWidget, f"slot-{name}") for name in ("picture", "labels")]

    def places() -> list[object]:
        return [(isValid(row) and row.geometry(), isValid(row) and row.mapTo(window, QPoint(0, 0))) for row in rows]

    # Laid out, all rows of both panels are as high as they want to be.
    qtbot.waitUntil(lambda: all(row.height() >= row.sizeHint().height() for row in rows), timeout=60_000)
    before = places()
    samples: list[object] = []
    controller.presenter.view_changed.connect(lambda shown: samples.append(shown.sample))
    for seed in (6, 7):
        media = controller.session.state.active_media
        assert media is not None
        controller.set_reading(media, "scene_seed", seed, dragging=True)
        expected = rendered(dataclasses.replace(RECIPE, seed=seed)).pixels
        # The slider under the mouse stays where it is, and so do all others.
        qtbot.waitUntil(
            lambda: places() != before or np.array_equal(controller.shown.sample.pixels, expected),  # noqa: B023
            timeout=60_000,
        )
        assert places() == before
    assert samples
    assert None not in samples
    # What cannot be read does not leave the old picture on screen as if it were it.
    assert media is not None
    media.path.write_text("{")
    controller.set_reading(controller.session.state.active_media, "scene_seed", 8)
    qtbot.waitUntil(lambda: controller.shown.sample is None, timeout=60_000)


def test_a_video_opens_with_the_truth_of_each_frame(window: MainWindow, qtbot: QtBot) -> None:
    recipe = SceneRecipe("figures", 5, 3, width=96, height=72, frames=12, rate=4.0, smooth=False)
    controller = window.controller
    window.opener._open_scene(recipe)

    def shows(time_secs: float) -> bool:
        found, shown = controller.detections(), controller.shown
        view = SceneRenderer(generate_scene(recipe)).render(time_secs, recipe.size)
        return (
            found is not None
            and shown.pts == time_secs
            and not any(layer.stale for layer in shown.layers)
            and {*found.track_ids.tolist()} == {*np.unique(view.instances).tolist()} - {0}
            and all(
                np.array_equal(found.masks.full(row, found.boxes[row], found.size), view.instances == identity)
                for row, identity in enumerate(found.track_ids.tolist())
            )
        )

    qtbot.waitUntil(lambda: shows(0.0), timeout=60_000)
    state = controller.session.state
    assert state.active_media is not None
    assert (state.active_media.kind, state.active_media.frame_count) == (MediaKind.VIDEO, 12)
    assert [item.analysis for item in state.instances] == ["labelled-regions", "labelled-keypoints", "labelled-boxes"]
    controller.playback.seek(2.0)
    qtbot.waitUntil(lambda: shows(2.0), timeout=60_000)
    # While it plays, each frame comes with its own truth.
    ages: list[float] = []
    controller.presenter.view_changed.connect(lambda shown: ages.extend(layer.age_secs for layer in shown.layers))
    controller.playback.seek(0.0)
    controller.playback.play()
    qtbot.waitUntil(lambda: (controller.shown.pts or 0) >= 1.0, timeout=60_000)
    controller.playback.pause()
    assert set(ages) == {0.0}
    # No lane may be at work when the window goes.
    qtbot.waitUntil(lambda: not controller.pipeline.busy, timeout=60_000)


def test_a_scene_is_kept_once(tmp_path: Path) -> None:
    path = keep_scene(RECIPE)
    assert keep_scene(RECIPE) == path
    other = keep_scene(SceneRecipe("objects", 5, 7))
    assert other != path
    assert other.read_text() == SceneRecipe("objects", 5, 7).text()


def test_a_full_disk_is_told(window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(recipe: SceneRecipe) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ui.files.scene_dialog.keep_scene", full)
    with qtbot.waitSignal(window.controller.notice) as notice:
        window.opener._open_scene(RECIPE)
    assert "no space left" in notice.args[1]


def test_the_command_is_in_a_menu_and_found_by_its_korean_name(window: MainWindow) -> None:
    command = next(item for item in window.commands if item.key == "new-scene")
    assert command.menu == "edit"
    assert "새 장면" in command.keywords
