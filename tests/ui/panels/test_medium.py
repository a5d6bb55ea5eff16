"""The medium in the window: its facts, how it is read, exposure, and models."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import OpenEXR
import pytest
import trimesh
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from cvstudio.data.samples import DepthMap, TriangleMesh
from cvstudio.data.srgb import srgb8
from cvstudio.media import Media, MediaKind
from ui.panels.medium import MediumPanel
from ui.tour.input_events import move_mouse, pause
from ui.window.main_window import MainWindow


@pytest.fixture
def show(qtbot: QtBot, window: MainWindow) -> Callable[[Path], Media]:
    """Open a file, put it on the canvas and wait for it."""

    def run(path: Path) -> Media:
        controller = window.controller
        window.open_paths([path])
        qtbot.waitUntil(lambda: any(media.path == path for media in controller.session.state.media), timeout=30_000)
        media = next(item for item in controller.session.state.media if item.path == path)
        controller.activate(media)
        qtbot.waitUntil(
            lambda: controller.session.state.active == media.id and controller.shown.sample is not None, timeout=60_000
        )
        return media

    return run


@pytest.fixture
def panel(window: MainWindow) -> MediumPanel:
    found = window.docks["medium"].widget()
    assert isinstance(found, MediumPanel)
    return found


@pytest.fixture
def light(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).gamma(0.6, 0.8, (60, 90, 3)).astype(np.float32)
    with OpenEXR.File({"type": OpenEXR.scanlineimage}, {"RGB": pixels}) as file:
        file.write(str(tmp_path / "light.exr"))
    return tmp_path / "light.exr"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    path.write_bytes(cv2.imencode(".png", np.full((40, 60, 3), 90, np.uint8))[1].tobytes())
    return path


@pytest.fixture
def ball(tmp_path: Path) -> Path:
    trimesh.creation.icosphere(subdivisions=2).export(tmp_path / "ball.ply")
    return tmp_path / "ball.ply"


def test_facts_follow_the_medium(qtbot, window, show, panel, picture, light):
    show(picture)
    qtbot.waitUntil(lambda: "File size" in panel.rows())
    found = panel.rows()
    assert (found["Format"], found["Size"]) == ("PNG", "60 × 40 (2,400 pixels)")
    assert panel.name.text() == "picture.png"
    show(light)
    qtbot.waitUntil(lambda: panel.rows().get("Format") == "OpenEXR" and "File size" in panel.rows())
    assert panel.form.isHidden()
    window.controller.close_media(window.controller.session.state.active_media)
    assert panel.name.text() == "picture.png"


def test_a_medium_that_is_no_file_is_told_of(panel):
    # The panel alone is told: in the session, a camera would be started.
    panel._media = Media("camera", Path("camera:0"), MediaKind.CAMERA)
    panel._show_facts()
    assert panel.rows() == {"Kind": "camera"}


def test_the_scale_of_a_depth_map_is_chosen_and_taken_back(qtbot, window, show, panel, tmp_path):
    path = tmp_path / "depth.png"
    path.write_bytes(cv2.imencode(".png", np.full((24, 32), 5000, np.uint16))[1].tobytes())
    show(path)
    controller = window.controller
    window.docks["medium"].raise_()

    def depth() -> float:
        sample = controller.shown.sample
        return float(sample.values[0, 0]) if isinstance(sample, DepthMap) else 0.0

    qtbot.waitUntil(lambda: depth() == 5.0)
    combo = panel.form.row("depth_scale").combo
    combo.setCurrentIndex(combo.findText("TUM, 1/5000 m"))
    combo.activated.emit(combo.currentIndex())
    qtbot.waitUntil(lambda: depth() == 1.0)
    assert panel.rows()["Scale"] == "1/5000 m"
    with pytest.raises(KeyError):
        panel.form.row("depth_levels")
    combo.setCurrentIndex(combo.findText("Other, in metres"))
    combo.activated.emit(combo.currentIndex())
    panel.form.row("depth_levels").edit(2000.0, dragging=False)
    qtbot.waitUntil(lambda: depth() == 2.5)
    controller.undo()
    qtbot.waitUntil(lambda: depth() == 5.0)
    controller.undo()
    controller.undo()
    qtbot.waitUntil(lambda: panel.rows().get("Scale") == "1/1000 m")
    assert controller.session.state.active_media.settings == {}


def video_with_sound(path: Path, rates: tuple[int, ...], layout: str = "mono") -> Path:
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sounds: list[Any] = [container.add_stream("aac", rate=rate, layout=layout) for rate in rates]
        for number in range(50):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number * 5, np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for sound, rate in zip(sounds, rates, strict=True):
            for start in range(0, 2 * rate, 1024):
                block = av.AudioFrame.from_ndarray(
                    np.zeros((1 + (layout == "stereo"), 1024), np.float32), "fltp", layout
                )
                block.sample_rate, block.time_base, block.pts = rate, Fraction(1, rate), start
                container.mux(sound.encode(block))
            container.mux(sound.encode(None))
    return path


def test_another_sound_track_goes_on_where_the_video_is(qtbot, window, show, panel, tmp_path):
    show(video_with_sound(tmp_path / "two.mkv", (48000, 32000)))
    controller = window.controller
    assert panel.rows()["Track 2"].endswith("aac, mono")
    controller.playback.seek(1.2)
    qtbot.waitUntil(lambda: controller.shown.pts == pytest.approx(1.2, abs=0.021))
    combo = panel.form.row("sound_track").combo
    combo.setCurrentIndex(1)
    combo.activated.emit(1)
    assert controller.session.state.active_media.rate_hz == 32000
    assert controller.playback.position_secs == pytest.approx(1.2)
    qtbot.waitUntil(lambda: controller.shown.pts == pytest.approx(1.2, abs=0.021))
    controller.undo()
    assert controller.session.state.active_media.rate_hz == 48000
    assert controller.playback.position_secs == pytest.approx(1.2)


def test_a_channel_of_the_sound_of_a_video(qtbot, window, show, panel, tmp_path):
    show(video_with_sound(tmp_path / "a.mkv", (48000,), "stereo"))
    controller = window.controller
    combo = panel.form.row("sound_channels").combo
    assert [combo.itemText(row) for row in range(combo.count())][:3] == [
        "All channels",
        "Left channel",
        "Right channel",
    ]
    assert panel.rows()["Sound"] == "48,000 Hz, stereo"
    combo.setCurrentIndex(2)
    combo.activated.emit(2)
    media = controller.session.state.active_media
    assert (media.kind, media.channels, media.settings) == (MediaKind.VIDEO, 1, {"sound_channels": "right"})
    qtbot.waitUntil(lambda: panel.rows()["Sound"] == "48,000 Hz, mono")
    controller.undo()
    assert controller.session.state.active_media.channels == 2


def canvas_pixels(window: MainWindow) -> np.ndarray:
    canvas = window.workspace.canvas
    pixels = window.workspace.render_view(canvas.view())
    assert pixels is not None
    return pixels


def test_exposure_is_on_the_canvas_where_there_is_light(qtbot, window, show, picture, light):
    bar, canvas = window.workspace.exposure, window.workspace.canvas
    show(picture)
    assert bar.isHidden()
    show(light)
    assert bar.isVisible()
    assert canvas.rect().contains(bar.geometry())
    assert not bar.geometry().intersects(canvas.bar.geometry())
    window.workspace.toggle_overlay()
    canvas.actual_size()
    sample = window.controller.shown.sample
    for stops in (2.0, -1.5):
        bar.row.edit(stops, dragging=False)
        expected = srgb8(sample.pixels, stops)
        shown = canvas_pixels(window)
        place = canvas.view().rect
        top, left = round(-min(place.y, 0)), round(-min(place.x, 0))
        np.testing.assert_array_equal(shown[top : top + 60, left : left + 90], expected)
    show(picture)
    assert bar.isHidden()


def test_a_drag_of_the_exposure_is_one_step_and_stays_with_the_look(qtbot, window, show, light):
    show(light)
    controller, slider = window.controller, window.workspace.exposure.row.slider
    middle = slider.height() // 2
    QTest.mousePress(slider, Qt.MouseButton.LeftButton, pos=QPoint(slider.width() // 2, middle))
    for step in range(1, 8):
        move_mouse(slider, QPoint(slider.width() // 2 + 4 * step, middle), Qt.MouseButton.LeftButton)
        pause(10)
    QTest.mouseRelease(slider, Qt.MouseButton.LeftButton, pos=QPoint(slider.width() // 2 + 28, middle))
    assert controller.look().exposure > 1
    controller.undo()
    assert controller.look().exposure == 0
    assert window.workspace.exposure.row.value() == 0


def test_both_bars_have_room_on_a_narrow_canvas(window, show, light):
    show(light)
    canvas, bar = window.workspace.canvas, window.workspace.exposure
    window.workspace.splitter.setFixedWidth(300)
    pause(100)
    assert canvas.rect().contains(bar.geometry())
    assert not bar.geometry().intersects(canvas.bar.geometry())


def test_a_model_takes_the_place_of_the_canvas(qtbot, window, show, panel, ball, picture):
    show(ball)
    space = window.workspace.space
    assert isinstance(window.controller.shown.sample, TriangleMesh)
    assert space.isVisible()
    assert not window.workspace.canvas.isVisible()
    qtbot.waitUntil(lambda: space.view.at_rest, timeout=30_000)
    qtbot.waitUntil(lambda: panel.rows().get("Watertight") == "yes")
    assert (panel.rows()["Vertices"], panel.rows()["Faces"]) == ("162", "320 triangles")
    show(picture)
    assert window.workspace.canvas.isVisible()
    assert not space.isVisible()
    show(ball)
    assert space.isVisible()
    qtbot.waitUntil(lambda: space.view.at_rest, timeout=30_000)


def test_a_damaged_model_is_told_and_what_was_open_stays(qtbot, window, show, picture, tmp_path):
    show(picture)
    path = tmp_path / "broken.obj"
    path.write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n")
    told: list[str] = []
    window.controller.notice.connect(lambda level, text: told.append(text))
    window.open_paths([path])
    qtbot.waitUntil(lambda: any("broken.obj" in text for text in told), timeout=30_000)
    assert any(media.path == picture for media in window.controller.session.state.media)
