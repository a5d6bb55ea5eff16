"""Labels on the frames of a video in the window: identities, what is between key frames, undo, project, export."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from cvstudio.media import open_media
from cvstudio.media.annotations import ANNOTATION_FORMATS
from cvstudio.session.project import load_project, save_project
from cvstudio.session.session import State
from cvstudio.session.transitions import with_active
from tests.ui.window.labelling_steps import annotations, begin, draw, editor, key, settled
from ui.window.main_window import MainWindow


@pytest.fixture
def video(window: MainWindow, qtbot: QtBot, numbered_clip: Path) -> Iterator[MainWindow]:
    """A clip of 24 frames of 64 x 48, the first on the canvas, with empty labels."""
    window.controller.open_paths([numbered_clip])
    window.show_panel("labels")
    qtbot.waitUntil(lambda: window.workspace.canvas.content_size is not None, timeout=30_000)
    begin(window, qtbot, "car, dog")
    yield window
    window.controller.session.load(State())


def go(window: MainWindow, qtbot: QtBot, number: int) -> None:
    window.controller.playback.seek((number + 0.5) / 12)
    arrived(window, qtbot, number)


def arrived(window: MainWindow, qtbot: QtBot, number: int) -> None:
    qtbot.waitUntil(lambda: window.controller.labelling.frames.number == number, timeout=30_000)
    qtbot.waitUntil(lambda: editor(window).tool is not None, timeout=30_000)


def test_a_box_is_followed_over_frames_and_exported_as_a_track(video: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    labelling = video.controller.labelling
    key(video, Qt.Key.Key_B)
    draw(video, (4, 8), (14, 18), (20, 24))
    (first,) = annotations(video)
    assert (first.track_id, first.interpolated) == (0, False)
    qtbot.waitUntil(lambda: settled(video), timeout=30_000)
    key(video, Qt.Key.Key_D)
    arrived(video, qtbot, 1)
    assert annotations(video) == ()
    go(video, qtbot, 4)
    key(video, Qt.Key.Key_T)
    assert [item.box for item in annotations(video)] == [first.box]
    assert labelling.selected == 0
    key(video, Qt.Key.Key_Escape)
    draw(video, (12, 16), (20, 20), (32, 16))
    left = annotations(video)[0].box[0]
    assert left == pytest.approx(first.box[0] + 20, abs=0.5)
    go(video, qtbot, 2)
    (middle,) = annotations(video)
    assert middle.interpolated
    assert middle.box[0] == pytest.approx((first.box[0] + left) / 2)
    assert labelling.selected == 0, "the same object stays selected"
    qtbot.waitUntil(lambda: settled(video), timeout=30_000)
    detections = video.controller.detections()
    assert detections is not None
    assert detections.boxes[0, 0] == pytest.approx(middle.box[0], abs=1e-3)
    assert detections.identity(0) == 0
    for steps, number in (((Qt.Key.Key_D), 3), ((Qt.Key.Key_A), 2)):
        editor(video).labelled_stepped.emit(1 if steps == Qt.Key.Key_D else -1)
        arrived(video, qtbot, number)
    menu = video.workspace.labels.menu(QPoint(0, 0), None)
    actions = {action.text(): action for action in menu.actions()}
    assert not actions["Remove Key Frame"].isEnabled(), "it is interpolated here"
    save_project(tmp_path / "tracked.cvstudio", video.controller.session.state)
    bound, labelled = labelling.annotations, labelling.labelled
    assert bound is not None
    assert labelled is not None
    video.label_export.export(bound, labelled, ANNOTATION_FORMATS["cvat"], tmp_path / "out.xml")
    qtbot.waitUntil((tmp_path / "out.xml").exists, timeout=30_000)
    back = ANNOTATION_FORMATS["cvat"].read(tmp_path / "out.xml")
    assert [back.labels(name).annotations[0].interpolated for name in back.names] == [False, True, True, True, False]
    actions["Delete on All Frames"].trigger()
    assert annotations(video) == ()
    titles = []
    while video.controller.session.undo_title != "New labels":
        titles.append(video.controller.session.undo_title)
        video.controller.undo()
    assert titles == ["Delete track", "Move label", "Continue objects", "Draw label"]
    video.controller.session.load(State())
    state, _ = load_project(tmp_path / "tracked.cvstudio")
    video.controller.load(state, 2.5 / 12)
    qtbot.waitUntil(lambda: annotations(video) == (middle,), timeout=30_000)


def test_frames_of_an_uneven_video_are_numbered_by_their_place(
    window: MainWindow, qtbot: QtBot, uneven_clip: Path
) -> None:
    path = uneven_clip.with_name("tracks.xml")
    boxes = "".join(
        f'<box frame="{number}" keyframe="1" outside="0" xtl="{2 * number}" ytl="2" xbr="{2 * number + 8}" ybr="9"/>'
        for number in range(8)
    )
    path.write_text(
        "<annotations><meta><task><source>uneven.mp4</source><labels><label><name>cat</name></label></labels>"
        f'</task></meta><track id="7" label="cat">{boxes}</track></annotations>'
    )
    window.open_paths([path])
    labelling = window.controller.labelling
    qtbot.waitUntil(lambda: labelling.ready and len(annotations(window)) == 1, timeout=30_000)
    assert annotations(window)[0].box[0] == 0
    window.controller.playback.seek(1.0)
    # Of the eight frames that lasts from 0.2 to 3 s; the fourth one by the mean rate would be another.
    qtbot.waitUntil(lambda: labelling.frames.number == 5, timeout=30_000)
    assert annotations(window)[0].box[0] == 10
    qtbot.waitUntil(lambda: settled(window), timeout=30_000)
    detections = window.controller.detections()
    assert detections is not None
    assert detections.boxes[0, 0] == 10, "the layer shows the labels of the same frame"
    qtbot.waitUntil(lambda: labelling.frames.next_labelled(1) is not None)
    window.controller.playback.seek(labelling.frames.next_labelled(1) or 0)
    qtbot.waitUntil(lambda: labelling.frames.number == 6, timeout=30_000)
    window.controller.session.load(State())


def test_cvat_tracks_open_on_their_video(window: MainWindow, qtbot: QtBot, numbered_clip: Path) -> None:
    path = numbered_clip.with_name("tracks.xml")
    path.write_text(
        "<annotations><meta><task><source>numbered.mp4</source><labels><label><name>cat</name></label></labels>"
        '</task></meta><track id="7" label="cat"><box frame="0" keyframe="1" outside="0" xtl="0" ytl="2" xbr="8" '
        'ybr="9"/><box frame="4" keyframe="1" outside="0" xtl="8" ytl="2" xbr="16" ybr="9"/></track></annotations>'
    )
    window.open_paths([path])
    qtbot.waitUntil(lambda: window.controller.labelling.ready and len(annotations(window)) == 1, timeout=30_000)
    media = window.controller.session.state.active_media
    assert media is not None
    assert media.name == "numbered.mp4"
    # The identities that are taken are read by a worker; nothing is edited before.
    frames = window.controller.labelling.frames
    assert frames.in_file is not None
    assert (frames.in_file.highest, len(frames.in_file.names[7])) == (7, 5)
    window.controller.playback.seek(2.5 / 12)
    qtbot.waitUntil(lambda: bool(annotations(window)) and annotations(window)[0].box == (4, 2, 12, 9), timeout=30_000)
    qtbot.waitUntil(lambda: settled(window), timeout=30_000)
    # An object of this video is none to go on with in another one.
    session, frames.left = window.controller.session, 7
    other = open_media(Path(shutil.copy(numbered_clip, numbered_clip.with_name("other.mp4"))))
    session.change("show", with_active(session.state, other, session.next_id))
    assert frames.left is None
    window.controller.session.load(State())
