"""The controller without a window: state in, view out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image as Pillow
from pytestqt.qtbot import QtBot

from cvstudio.analyses.stages import stage_keys
from cvstudio.data.geometry import Rect, View
from cvstudio.data.samples import DepthMap
from cvstudio.draw import render
from cvstudio.foundation.lanes import Job
from cvstudio.media.examples.files import sample_path
from cvstudio.results.classification import Classification
from cvstudio.results.detections import Detections
from cvstudio.results.picture import Picture
from cvstudio.results.spectrogram import Spectrogram
from cvstudio.session.transitions import with_active
from ui.control.controller import Controller


@pytest.fixture
def controller(qtbot: QtBot) -> Iterator[Controller]:
    made = Controller()
    made.told = []  # type: ignore[attr-defined]
    made.notice.connect(lambda level, text: made.told.append((level, text)))  # type: ignore[attr-defined]
    yield made
    assert made.close()
    made.deleteLater()


@pytest.fixture
def settle(qtbot: QtBot, controller: Controller) -> Callable[..., None]:
    def wait(kind: type | None = None) -> None:
        def settled() -> bool:
            layers = controller.shown.layers
            return (
                not controller.pipeline.busy
                and bool(layers)
                and not any(layer.stale for layer in layers)
                and (kind is None or isinstance(controller.current_result(), kind))
            )

        qtbot.waitUntil(settled, timeout=60_000)

    return wait


@pytest.fixture
def faces(controller: Controller, settle: Callable[..., None]) -> Detections:
    controller.open_paths([sample_path("astronaut")])
    settle(Detections)
    controller.set_model("haar-face")
    settle(Detections)
    found = controller.detections()
    assert found is not None
    return found


def test_an_opened_picture_is_detected_and_equals_opencv(faces):
    grey = cv2.cvtColor(cv2.imread(str(sample_path("astronaut"))), cv2.COLOR_BGR2GRAY)
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    direct = {(x, y, x + w, y + h) for x, y, w, h in cascade.detectMultiScale(grey).tolist()}
    assert {tuple(box) for box in faces.boxes.astype(int).tolist()} == direct


def test_a_slider_acts_at_once_and_keeps_ids(controller, faces, settle):
    controller.set_value("min_neighbors", 0)
    settle(Detections)
    before = controller.detections()
    assert len(before) > len(faces)
    middle = float(np.median(before.scores))
    controller.set_value("score", middle, dragging=True)
    after = controller.detections()
    assert not controller.pipeline.busy, "a slider must not start a job"
    assert set(after.ids) <= set(before.ids)
    assert (after.scores >= middle).all()


def test_a_drag_is_one_undo_step(controller, faces, settle):
    for tick in range(20):
        controller.set_value("score", 1.0 + tick, dragging=True)
    controller.end_drag()
    controller.undo()
    settle(Detections)
    assert controller.session.state.instance.values == {}
    assert np.array_equal(controller.detections().ids, faces.ids)
    controller.redo()
    assert controller.session.state.instance.values == {"score": 20.0}


def test_a_value_out_of_range_is_told_and_changes_nothing(controller, faces):
    controller.set_value("iou", 7.0)
    assert controller.told[-1][0] == "error"
    assert controller.session.state.instance.values == {}


def test_what_is_open_stays_open_when_the_next_file_is_damaged(controller, faces, qtbot, tmp_path):
    damaged = tmp_path / "cut off.jpg"
    damaged.write_bytes(b"\xff\xd8\xff\xe0" + bytes(200))
    controller.open_paths([damaged])
    qtbot.waitUntil(lambda: bool(controller.told), timeout=60_000)
    level, text = controller.told[-1]
    assert level == "error"
    assert "cut off.jpg" in text
    assert "\n" not in text
    assert controller.session.state.active_media.name == "astronaut.png"
    assert controller.detections() is not None


def test_a_network_without_weights_says_what_to_do(controller, faces, qtbot):
    controller.set_model("ssdlite")
    qtbot.waitUntil(lambda: bool(controller.told), timeout=60_000)
    assert "ssdlite320_mobilenet_v3_large_coco" in controller.told[-1][1]
    assert not controller.pipeline.busy


def test_a_file_removed_while_open_is_one_sentence(controller, qtbot, settle, tmp_path):
    path = tmp_path / "a.png"
    Pillow.fromarray(np.zeros((64, 64, 3), np.uint8)).save(path)
    controller.open_paths([path])
    settle(Detections)
    path.unlink()
    controller.pipeline.cache.clear()
    controller.refresh()
    qtbot.waitUntil(lambda: bool(controller.told), timeout=60_000)
    assert "a.png" in controller.told[-1][1]


@pytest.fixture
def refocused(controller: Controller, settle: Callable[..., None], tmp_path: Path) -> Picture:
    rng = np.random.default_rng(1)
    Pillow.fromarray(rng.integers(0, 255, (120, 160, 3), np.uint8)).save(tmp_path / "p.png")
    Pillow.fromarray(np.tile(np.linspace(500, 4000, 160).astype(np.uint16), (120, 1))).save(tmp_path / "d.png")
    controller.open_paths([tmp_path / "p.png"])
    settle()
    controller.use_analysis("refocus")
    controller.open_paths([tmp_path / "d.png"])
    settle(Picture)
    found = controller.current_result()
    assert isinstance(found, Picture)
    return found


def test_a_second_input_joins_the_picture_on_the_canvas(controller, refocused):
    state = controller.session.state
    assert state.active_media.name == "p.png"
    assert {slot: media.name for slot, media in state.instance.bindings.items()} == {
        "picture": "p.png",
        "depth": "d.png",
    }


def test_a_click_sets_the_range_around_the_depth_there(controller, refocused, settle):
    controller.pick(120.0, 60.0)
    settle(Picture)
    low, high = controller.session.state.instance.values["focus"]
    depth = 0.5 + 3.5 * 120 / 159
    assert low < depth < high
    assert controller.current_result().mask[60, 120]
    assert not controller.current_result().mask[60, 2]


def test_what_is_visible_equals_the_crop_of_the_whole(controller, refocused, settle):
    whole = controller.current_result()
    view = View(Rect(20, 10, 64, 48), 1.0)
    controller.set_view(view)
    settle(Picture)
    part = controller.current_result()
    sample = controller.shown.sample
    look = controller.look()
    seen = render(sample, [(part, look)], view)
    assert np.array_equal(seen, render(sample, [(whole, look)], View.whole(sample.size))[10:58, 20:84])


def test_a_sound_streams_and_ends_complete(controller, settle):
    controller.open_paths([sample_path("dialogue")])
    settle(Spectrogram)
    result = controller.current_result()
    assert result.columns_done == result.levels.shape[1]
    assert result.levels.max() > 0


def test_video_steps_by_exact_frames(controller, settle, qtbot):
    controller.open_paths([sample_path("clip")])
    settle(Detections)
    assert controller.shown.pts == 0.0
    for wanted in (1 / 30, 2 / 30, 1 / 30):
        controller.playback.step(1 if wanted > controller.shown.pts else -1)
        qtbot.waitUntil(lambda want=wanted: abs(controller.shown.pts - want) < 1e-3, timeout=60_000)
        settle(Detections)
    controller.playback.seek(2.5)
    qtbot.waitUntil(lambda: abs(controller.shown.pts - 2.5) < 1 / 30 + 1e-3, timeout=60_000)


def test_a_step_is_one_frame_at_a_variable_rate(controller, settle, qtbot):
    """0.04, 0.12 and 0.48 s from frame to frame: by the mean of 0.1 s, steps miss some frames and stay at others."""
    path = Path(__file__).parents[2] / "core" / "media" / "cases" / "vfr.mp4"
    with av.open(str(path)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    controller.open_paths([path])
    qtbot.waitUntil(lambda: controller.shown.pts == 0.0, timeout=60_000)

    def step(frames, number):
        controller.presenter.step(frames)
        qtbot.waitUntil(lambda: controller.shown.pts == pytest.approx(times[number], abs=1e-6), timeout=60_000)
        assert controller.playback.position_secs == pytest.approx(times[number], abs=1e-6)

    for number in (1, 2, 3):
        step(1, number)
    step(9, 12)
    step(1, 13)
    step(-1, 12)
    step(-3, 9)
    # A key that is held asks before the frame is on screen.
    for _ in range(4):
        controller.presenter.step(1)
    qtbot.waitUntil(lambda: controller.shown.pts == pytest.approx(times[13], abs=1e-6), timeout=60_000)
    step(99, len(times) - 1)
    step(1, len(times) - 1)
    step(-1, len(times) - 2)


def test_a_step_that_ends_behind_a_change_of_video_holds_up_no_other(controller, settle, qtbot, numbered_clip):
    path = Path(__file__).parents[2] / "core" / "media" / "cases" / "vfr.mp4"
    controller.open_paths([numbered_clip, path])
    qtbot.waitUntil(lambda: controller.shown.pts == 0.0 and not controller.pipeline.busy, timeout=60_000)
    session = controller.session
    other = next(media for media in session.state.media if media.id != session.state.active)
    controller.presenter.step(1)
    # No event is delivered meanwhile: that of the frame comes when another video is shown.
    while not controller.pipeline.lanes["decode"].idle:
        time.sleep(0.01)
    session.change("show", with_active(session.state, other, session.next_id))
    qtbot.waitUntil(lambda: controller.shown.pts == 0.0 and not controller.pipeline.busy, timeout=60_000)
    controller.presenter.step(1)
    qtbot.waitUntil(lambda: controller.shown.pts is not None and controller.shown.pts > 0, timeout=20_000)


def test_playing_shows_frames_only_with_their_own_result(controller, settle, qtbot):
    controller.open_paths([sample_path("clip")])
    settle(Detections)
    seen = []
    controller.view_changed.connect(
        lambda shown: seen.append((shown.pts, shown.layers[0].layer.request.sources[0][2], shown.layers[0].stale))
    )
    controller.playback.play()
    qtbot.waitUntil(lambda: len({pts for pts, _, _ in seen}) >= 4, timeout=60_000)
    controller.playback.pause()
    for pts, of_result, stale in seen:
        if pts is not None and not stale:
            assert pts == of_result


def test_a_checkpoint_of_another_network_is_told_and_what_was_open_stays(controller, faces, qtbot, tmp_path):
    import torch

    other = tmp_path / "other.pth"
    torch.save(torch.nn.Linear(2, 3).state_dict(), other)
    controller.set_model("ssdlite", other)
    qtbot.waitUntil(lambda: bool(controller.told), timeout=60_000)
    level, text = controller.told[-1]
    assert level == "error"
    assert "a checkpoint of SSDlite320" in text
    assert "weight" in text
    controller.undo()
    qtbot.waitUntil(lambda: controller.detections() is not None, timeout=60_000)
    assert np.array_equal(controller.detections().ids, faces.ids)


def test_what_a_network_of_another_precision_finds_is_not_kept_as_what_was_asked_for(controller, settle, qtbot):
    held = threading.Event()
    controller.pipeline.submit("accelerator", Job("hold", "", lambda progress: iter([held.wait(30)])))
    controller.open_paths([sample_path("astronaut")])
    qtbot.waitUntil(lambda: controller.pipeline.lanes["accelerator"].counts == (1, 1), timeout=20_000)
    asked = controller.shown.layers[0].layer.request
    controller.pipeline.host.precision = "float32"
    held.set()
    settle(Detections)
    assert controller.pipeline.cache.get(stage_keys(asked)[0]) is None
    assert controller.shown.layers[0].layer.request.network[-1] == "float32"


def test_the_result_of_one_model_is_never_shown_for_another(controller, faces, qtbot):
    controller.set_model("ssdlite")
    qtbot.waitUntil(lambda: bool(controller.told), timeout=60_000)
    assert controller.current_result() is None


def test_a_depth_map_can_be_looked_at_alone_and_its_picture_comes_back_refocused(controller, refocused, settle, qtbot):
    state = controller.session.state
    picture, depth = state.media
    controller.activate(depth)
    qtbot.waitUntil(lambda: isinstance(controller.shown.sample, DepthMap), timeout=60_000)
    assert controller.current_result() is None
    assert controller.session.state.instance.bindings == state.instance.bindings
    facts = controller.input_facts()
    assert facts.ranges["focus"].high == pytest.approx(4.0)
    assert facts.histograms["focus"].counts.sum() == 160 * 120
    controller.activate(picture)
    settle(Picture)
    assert np.array_equal(controller.current_result().pixels, refocused.pixels)


def test_a_failing_network_is_told_once_and_not_at_every_tick(controller, faces, qtbot):
    controller.set_model("ssdlite")
    qtbot.waitUntil(lambda: bool(controller.told), timeout=60_000)
    for tick in range(20):
        controller.set_value("score", 0.1 + tick / 40, dragging=True)
        qtbot.wait(5)
    controller.end_drag()
    assert len(controller.told) == 1


def test_frames_that_are_lost_are_told_once(controller: Controller, qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "hurt.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"g": "12"})
        stream.width, stream.height = 160, 96
        for number in range(40):
            noise = np.random.default_rng(number).integers(0, 256, (96, 160, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noise, format="rgb24")))
        container.mux(stream.encode(None))
    content = path.read_bytes()
    begin, end = len(content) * 4 // 10, len(content) * 6 // 10
    path.write_bytes(content[:begin] + bytes(end - begin) + content[end:])
    sentence = "'hurt.mp4' is damaged: frames of it cannot be decoded, and the one before is shown instead."
    controller.open_paths([path])
    qtbot.waitUntil(lambda: controller.shown.sample is not None, timeout=30_000)
    controller.playback.seek(1.4)
    qtbot.waitUntil(lambda: ("warning", sentence) in controller.told, timeout=30_000)  # type: ignore[attr-defined]
    controller.playback.seek(0.0)
    controller.playback.seek(1.5)
    qtbot.waitUntil(lambda: not controller.pipeline.busy, timeout=30_000)
    assert controller.told.count(("warning", sentence)) == 1  # type: ignore[attr-defined]


def test_an_analysis_that_is_left_holds_up_no_other(controller, settle, qtbot):
    events: list[tuple[str, str]] = []
    controller.pipeline.job_event.connect(lambda event: events.append((event.kind, event.job.title)))
    controller.open_paths([sample_path("astronaut")])
    settle(Detections)
    controller.use_analysis("occlusion")
    # Thousands of windows: minutes.
    controller.set_value("stride", 2)
    qtbot.waitUntil(lambda: ("output", "Occlusion map") in events, timeout=100_000)
    controller.use_analysis("classify")
    settle(Classification)
    assert ("cancelled", "Occlusion map") in events
    assert ("finished", "Occlusion map") not in events
    # It begins again where it is wanted again.
    begun = events.count(("started", "Occlusion map"))
    controller.use_analysis("occlusion")
    qtbot.waitUntil(lambda: events.count(("started", "Occlusion map")) > begun, timeout=100_000)
