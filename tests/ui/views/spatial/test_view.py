"""The 3D view in the window: turned, moved, zoomed, picked, measured; it rests, and it does without OpenGL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from cvstudio.data.geometry import Size
from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.foundation.lanes import Event, Job
from cvstudio.foundation.progress import Progress
from cvstudio.results.scene3d import LinkedPixels, Object3D
from ui.control.spatial import SceneRow, SpatialScene
from ui.tour.input_events import move_mouse, pause
from ui.views.spatial.drawer import OWNER
from ui.views.spatial.opengl.context import OpenGLMissingError
from ui.views.spatial.scene_objects import PREPARE, ViewObject, size_text
from ui.views.spatial.view import SpatialView
from ui.window.main_window import MainWindow
from ui.window.tools.spatial_files import SpatialFiles

WAIT_MS = 30_000
Open = Callable[..., SpatialView]


@pytest.fixture
def open_view(qtbot: QtBot, window: MainWindow) -> Open:
    """`open_view(path, …)` opens files and waits until the view of the last one rests."""

    def run(*paths: Path) -> SpatialView:
        window.open_paths([*paths])
        qtbot.waitUntil(lambda: len(window.controller.session.state.media) >= len(paths), timeout=WAIT_MS)
        media = next(item for item in window.controller.session.state.media if item.path == paths[-1])
        window.controller.activate(media)
        qtbot.waitUntil(lambda: window.workspace.space is not None, timeout=WAIT_MS)
        assert window.workspace.space is not None
        view = window.workspace.space.view
        qtbot.waitUntil(lambda: bool(view.scene.visible) and view.at_rest, timeout=WAIT_MS)
        return view

    return run


@pytest.fixture
def ball(tmp_path: Path) -> Path:
    path = tmp_path / "ball.ply"
    trimesh.creation.icosphere(subdivisions=3).export(path)
    return path


@pytest.fixture
def survey(tmp_path: Path) -> Path:
    """A plate of 2 x 2 far from the origin of its coordinates, standing upright towards the front."""
    path = tmp_path / "survey.obj"
    corners = [(498000.125, 4182000.25 + y, 31.5 + z) for y, z in ((0, 0), (2, 0), (2, 2), (0, 2))]
    lines = [*("v {:.3f} {:.3f} {:.3f}".format(*corner) for corner in corners), "f 1 2 3 4"]
    path.write_text("\n".join(lines))
    return path


def pixels_of(image: QImage | None) -> np.ndarray:
    assert image is not None
    image = image.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def wheel(view: SpatialView, place: QPoint, notches: int) -> None:
    event = QWheelEvent(
        QPointF(place), QPointF(view.mapToGlobal(place)), QPoint(), QPoint(0, 120 * notches), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(view, event)


def test_a_hand_turns_the_front_where_it_goes_and_the_view_rests(qtbot: QtBot, open_view: Open, ball: Path) -> None:
    view = open_view(ball)
    whole = pixels_of(view.drawer.image)
    centre = view.rect().center()
    before = view.camera.rotation
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=centre)
    for step in range(1, 6):
        move_mouse(view, centre + QPoint(8 * step, 3 * step), Qt.MouseButton.LeftButton)
        pause(10)
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=centre + QPoint(40, 15))
    moved = view.camera.rotation @ before.T @ np.array([0, 0, 1.0])
    assert moved[0] > 0.1
    assert moved[1] < -0.03
    # The upright axis stays upright.
    assert abs(view.camera.rotation[0, 1]) < 1e-9
    qtbot.waitUntil(lambda: view.at_rest, timeout=WAIT_MS)
    assert pixels_of(view.drawer.image).shape == whole.shape


def test_at_rest_it_costs_nothing(qtbot: QtBot, window: MainWindow, open_view: Open, ball: Path) -> None:
    view = open_view(ball)
    jobs: list[Event] = []
    drawn: list[None] = []
    window.controller.pipeline.job_event.connect(jobs.append)
    view.drawer.drawn.connect(lambda: drawn.append(None))
    pause(400)
    assert view.at_rest
    assert not drawn
    assert [event for event in jobs if event.job.owner in (OWNER, PREPARE)] == []


def test_the_wheel_zooms_at_the_mouse(qtbot: QtBot, open_view: Open, ball: Path) -> None:
    view = open_view(ball)
    size = Size(view.width(), view.height())
    place = view.rect().center() + QPoint(60, -40)
    seen = view.camera.on_target_plane(place.x(), place.y(), size)
    distance = view.camera.distance
    wheel(view, place, 2)
    assert view.camera.distance == pytest.approx(distance / 1.44)
    np.testing.assert_allclose(view.camera.places(seen[None], size)[0, :2], (place.x(), place.y()), atol=1e-6)
    view.fit()
    assert view.camera.distance == pytest.approx(distance)
    qtbot.waitUntil(lambda: view.at_rest, timeout=WAIT_MS)


def test_keys_look_from_the_sides_and_switch_the_projection(
    qtbot: QtBot, window: MainWindow, open_view: Open, ball: Path
) -> None:
    view = open_view(ball)
    view.setFocus()
    for key, eye in ((Qt.Key.Key_1, (0, 0, 1)), (Qt.Key.Key_3, (1, 0, 0)), (Qt.Key.Key_7, (0, 1, 0))):
        QTest.keyClick(view, key)
        np.testing.assert_allclose(view.camera.rotation[2], eye, atol=1e-9)
    QTest.keyClick(view, Qt.Key.Key_5)
    assert view.look.orthographic
    window.controller.undo()
    assert not view.look.orthographic
    turned = view.camera.rotation
    QTest.keyClick(view, Qt.Key.Key_Right)
    assert not np.allclose(view.camera.rotation, turned)
    wheel(view, view.rect().center(), 3)
    QTest.keyClick(view, Qt.Key.Key_F)
    assert view.camera.target == pytest.approx(np.zeros(3), abs=1e-6)
    qtbot.waitUntil(lambda: view.at_rest, timeout=WAIT_MS)


def test_what_is_picked_is_told_in_millimetres_far_from_the_origin(
    qtbot: QtBot, window: MainWindow, open_view: Open, survey: Path
) -> None:
    view = open_view(survey)
    view.look_from("right")
    qtbot.waitUntil(lambda: view.at_rest, timeout=WAIT_MS)
    texts: list[str] = []
    window.workspace.space.read_out.connect(texts.append)
    size = Size(view.width(), view.height())
    wanted = np.array([498000.125, 4182000.75, 32.25])
    x, y, _ = view.camera.places(wanted[None], size)[0]
    picked = view.at(QPointF(x, y))
    assert picked is not None
    np.testing.assert_allclose(picked.point, wanted, atol=1e-4)
    move_mouse(view, QPoint(round(x), round(y)))
    qtbot.waitUntil(lambda: any("x 498,000.125" in text for text in texts), timeout=WAIT_MS)
    assert view.at(QPointF(3, 3)) is None


def test_lengths_and_angles_between_clicked_points(
    qtbot: QtBot, window: MainWindow, open_view: Open, survey: Path
) -> None:
    view = open_view(survey)
    view.look_from("right")
    qtbot.waitUntil(lambda: view.at_rest, timeout=WAIT_MS)
    texts: list[str] = []
    window.workspace.space.read_out.connect(texts.append)
    window.actions_by_key["space-measure"].trigger()
    size = Size(view.width(), view.height())
    for place in ((0.25, 0.25), (1.75, 0.25), (1.75, 1.25)):
        x, y, _ = view.camera.places(np.array([[498000.125, 4182000.25 + place[0], 31.5 + place[1]]]), size)[0]
        QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(round(x), round(y)))
    length, second = (float(text.split()[0]) for text in texts[-1].split(" · ")[:2])
    # A pixel is about 5 mm.
    assert length == pytest.approx(1.5, abs=0.02)
    assert second == pytest.approx(1.0, abs=0.02)
    assert float(texts[-1].split(" · ")[2].rstrip("°")) == pytest.approx(90, abs=1.5)
    view.setFocus()
    QTest.keyClick(view, Qt.Key.Key_Escape)
    assert not view.points


def test_several_files_share_a_scene_and_undo_hides_them(
    qtbot: QtBot, window: MainWindow, open_view: Open, ball: Path, survey: Path
) -> None:
    view = open_view(survey, ball)
    spatial = window.controller.spatial
    assert [(row.title, row.visible) for row in spatial.scene.rows] == [("survey.obj", False), ("ball.ply", True)]
    spatial.set_visible(spatial.scene.rows[0].key, True)
    qtbot.waitUntil(lambda: len(view.scene.visible) == 2 and view.at_rest, timeout=WAIT_MS)
    assert {item.item.name for item in view.scene.visible} == {"survey.obj", "ball.ply"}
    window.controller.undo()
    qtbot.waitUntil(lambda: len(view.scene.visible) == 1, timeout=WAIT_MS)


def test_what_is_chosen_in_space_is_chosen_in_the_picture_and_back(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller = window.controller
    points = np.array([[-1.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    places = np.array([[10, 20], [30, 20], [np.nan, np.nan]], np.float32)
    item = Object3D("Points", PointCloud(points))
    row = SceneRow("layer 1/Points", "Points", (), item, True, links=LinkedPixels("Points", places))
    scene = SpatialScene((row,), identity="a")
    monkeypatch.setattr(controller.spatial, "_made", lambda: scene)
    window.centre.setCurrentWidget(window.workspace)
    controller.spatial.refresh()
    space = window.workspace.space
    assert space is not None
    qtbot.waitUntil(lambda: bool(space.view.scene.visible) and space.view.at_rest, timeout=WAIT_MS)
    controller.spatial.set_look("point_size", 12.0)
    qtbot.waitUntil(lambda: space.view.at_rest, timeout=WAIT_MS)
    x, y, _ = space.view.camera.places(points[1:2], Size(space.view.width(), space.view.height()))[0]
    QTest.mouseClick(space.view, Qt.MouseButton.LeftButton, pos=QPoint(round(x), round(y)))
    assert controller.session.state.selection == {1}
    assert space.mark.place == (30, 20)
    controller.select(frozenset([0]))
    assert space.mark.place == (10, 20)
    assert space.view._linked == ("layer 1/Points", 0)
    controller.select(frozenset([2]))
    assert space.mark.place is None
    # A click on the picture finds the point that is seen there.
    assert (window.workspace.part_at(12, 21), window.workspace.part_at(60, 60)) == (0, None)


def test_a_click_on_the_surface_of_hidden_points_chooses_the_nearest_of_them(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller = window.controller
    corners = np.array([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]])
    plate = TriangleMesh(corners, np.array([[0, 1, 2], [0, 2, 3]], np.int32))
    places = np.array([[0, 40], [40, 40], [40, 0], [0, 0]], np.float32)
    links = LinkedPixels("Points", places)
    points = SceneRow("layer 1/Points", "Points", (), Object3D("Points", PointCloud(corners)), False, links=links)
    surface = SceneRow("layer 1/Surface", "Surface", (), Object3D("Surface", plate), True)
    scene = SpatialScene((points, surface), identity="a")
    monkeypatch.setattr(controller.spatial, "_made", lambda: scene)
    window.centre.setCurrentWidget(window.workspace)
    controller.spatial.refresh()
    space = window.workspace.space
    assert space is not None
    view = space.view
    qtbot.waitUntil(lambda: bool(view.scene.visible) and view.at_rest, timeout=WAIT_MS)
    view.look_from("front")
    qtbot.waitUntil(lambda: view.at_rest, timeout=WAIT_MS)

    def click(place: tuple[float, float, float]) -> None:
        x, y, _ = view.camera.places(np.array([place]), Size(view.width(), view.height()))[0]
        QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(round(x), round(y)))

    click((0.98, 0.98, 0))
    assert controller.session.state.selection == {2}
    assert space.mark.place == (40, 0)
    # It is marked in space, too, though the points are hidden.
    bright = np.array([255, 200, 60])
    assert (np.abs(pixels_of(view.grab().toImage()).astype(int) - bright).max(axis=2) < 12).sum() > 20
    # In the middle of the surface no point is near.
    click((0, 0, 0))
    assert controller.session.state.selection == frozenset()


def test_without_opengl_rays_draw_the_same_and_it_is_said(
    qtbot: QtBot, window: MainWindow, open_view: Open, ball: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> None:
        raise OpenGLMissingError

    monkeypatch.setattr("ui.views.spatial.drawer.make_renderer", none)
    view = open_view(ball)
    assert view.drawer.without_opengl
    cast = pixels_of(view.drawer.image)
    bottom = pixels_of(view.grab().toImage())[-40:]
    assert (bottom.max(axis=2) > 180).sum() > 300  # the sentence
    centre = view.rect().center()
    assert view.at(QPointF(centre)) is not None
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=centre)
    move_mouse(view, centre + QPoint(30, 0), Qt.MouseButton.LeftButton)
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=centre + QPoint(30, 0))
    qtbot.waitUntil(lambda: view.at_rest, timeout=WAIT_MS)
    assert pixels_of(view.drawer.image).shape == cast.shape


def test_a_million_triangles_turn_as_a_stand_in_and_become_whole(
    qtbot: QtBot, shown: Callable[..., SpatialView]
) -> None:
    jobs: list[Job] = []
    view = shown(SpatialView(jobs.append), 640, 400)
    steps = np.linspace(-1, 1, 708)
    x, y = np.meshgrid(steps, steps)
    vertices = np.stack([x, y, 0.05 * np.sin(9 * x) * np.cos(7 * y)], axis=-1).reshape(-1, 3)
    first = (np.arange(707)[:, None] * 708 + np.arange(707)).ravel()
    triangles = np.concatenate(
        [np.stack([first, first + 1, first + 708], 1), np.stack([first + 1, first + 709, first + 708], 1)]
    )
    mesh = TriangleMesh(vertices, triangles.astype(np.int32))
    view.show_objects([ViewObject("a", Object3D("a", mesh), True)], identity="a", up="y")
    (job,) = jobs
    for value in job.work(Progress()):
        view.job_event(Event("output", job, value))
    view.job_event(Event("finished", job))
    qtbot.waitUntil(lambda: view.at_rest, timeout=WAIT_MS)
    whole = pixels_of(view.drawer.image)
    view.set_camera(view.camera.orbited(10, 0))
    qtbot.waitUntil(lambda: view.at_rest, timeout=WAIT_MS)
    view.drawer.draw(view._panes, Size(640, 400), moving=True)
    stand_in = pixels_of(view.drawer.image)
    assert view.drawer._level is not None
    view.drawer.draw(view._panes, Size(640, 400), moving=False)
    qtbot.waitUntil(lambda: view.drawer.sharp, timeout=WAIT_MS)
    rest = pixels_of(view.drawer.image)
    # A stand-in shows the same: brightness differs little.
    assert np.abs(stand_in.astype(int) - rest).mean() < 6
    assert np.abs(whole.astype(int) - rest).mean() > 1
    view.close_drawer()


def test_the_size_of_objects_agrees_in_number() -> None:
    corners = np.eye(3)
    one, two = (TriangleMesh(corners, np.array([[0, 1, 2]] * count, np.int32)) for count in (1, 2))
    assert size_text([Object3D("a", one)]) == "3 vertices · 1 triangle"
    assert size_text([Object3D("a", two)]) == "3 vertices · 2 triangles"
    clouds = [Object3D("a", PointCloud(corners[:1])), Object3D("b", PointCloud(corners))]
    assert (size_text(clouds[:1]), size_text(clouds)) == ("1 point", "4 points")


def test_the_view_is_saved_as_it_is_seen(qtbot: QtBot, window: MainWindow, open_view: Open, ball: Path) -> None:
    view = open_view(ball)
    files = SpatialFiles(window, window.controller, window.settings, window.notices)
    path = ball.with_name("view.png")
    files.write_picture(view, path)
    qtbot.waitUntil(path.exists, timeout=WAIT_MS)
    saved = pixels_of(QImage(str(path)))
    assert saved.shape == (2 * view.height(), 2 * view.width(), 3)
    shown = pixels_of(view.grab().toImage()).astype(int)
    small = saved.reshape(view.height(), 2, view.width(), 2, 3).mean(axis=(1, 3))
    assert np.abs(small - shown).mean() < 3
