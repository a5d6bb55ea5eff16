"""New Scene: a dialog, a file, a picture with its truth as layers, and sliders that make another one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtWidgets import QDialogButtonBox
from pytestqt.qtbot import QtBot

from cvstudio.media import MediaKind
from cvstudio.session.project import load_project, save_project
from cvstudio.world.generate import generate_scene
from cvstudio.world.recipe import SceneRecipe
from cvstudio.world.render import RenderedView, SceneRenderer
from ui.files.scene_dialog import keep_scene
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


def test_a_video_opens_as_one(window: MainWindow, qtbot: QtBot) -> None:
    window.opener._open_scene(SceneRecipe("objects", 5, 3, width=48, height=36, frames=4, smooth=False))
    qtbot.waitUntil(lambda: window.controller.session.state.active_media is not None, timeout=60_000)
    media = window.controller.session.state.active_media
    assert media is not None
    assert (media.kind, media.frame_count) == (MediaKind.VIDEO, 4)
    # No lane may be at work when the window goes.
    qtbot.waitUntil(lambda: not window.controller.pipeline.busy, timeout=60_000)


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
