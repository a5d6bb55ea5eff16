"""Playing: frames overlap on their way, exact and smooth, every frame, and a camera from the dialog to its end."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QObject
from pytestqt.qtbot import QtBot

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.stages import Stage
from cvstudio.foundation.lanes import Event
from cvstudio.media import MediaKind, camera
from cvstudio.media.examples.files import sample_path
from cvstudio.media.formats.simulated_camera import simulated_camera
from cvstudio.results.detections import Detections
from ui.control import playback as playback_module
from ui.control.live_playback import AHEAD, REMEMBERED, FramesInFlight
from ui.window.main_window import MainWindow


def test_by_the_clock_the_newest_frame_is_asked_for_and_shown_first():
    flight = FramesInFlight()
    for pts in (0.0, 0.1, 0.2):
        assert flight.add(pts)
    assert not flight.add(0.2)
    flying = list(flight.to_show())
    assert [frame.pts for frame in flying] == [0.2, 0.1, 0.0]
    assert [frame.pts for frame in flight.to_ask()] == [0.2]
    flying[2].asked.add("predict")
    assert [frame.pts for frame in flight.to_ask()] == [0.0, 0.2]
    flight.shown(flying[1])
    assert [frame.pts for frame in flight.to_show()] == [0.2]


def test_by_the_clock_a_frame_is_wanted_when_it_is_due():
    flight = FramesInFlight()
    assert flight.wanted(0.0, 0.04) == 1
    flight.add(1.0)
    assert flight.wanted(1.02, 0.04) == 0
    assert flight.wanted(1.04, 0.04) == 1
    for number in range(2 * REMEMBERED):
        flight.add(2.0 + number)
    assert len(flight) == REMEMBERED


def test_every_frame_is_shown_in_its_order_and_only_so_many_are_decoded_ahead():
    flight = FramesInFlight()
    flight.every_frame = True
    assert flight.wanted(0.0, 0.04) == 1
    flight.add(0.0)
    # Several at once, and no more before half of them are shown.
    assert flight.wanted(0.0, 0.04) == AHEAD - 1
    for number in range(1, AHEAD):
        flight.add(number / 25)
    assert flight.wanted(10.0, 0.04) == 0
    first = next(iter(flight.to_show()))
    assert first.pts == 0.0
    assert len(list(flight.to_show())) == 1
    assert len(list(flight.to_ask())) == AHEAD
    flight.shown(first)
    assert next(iter(flight.to_show())).pts == 1 / 25
    assert flight.wanted(0.0, 0.04) == 0
    while len(flight) > AHEAD // 2:
        flight.shown(next(iter(flight.to_show())))
    assert flight.wanted(0.0, 0.04) == AHEAD - AHEAD // 2


@dataclass
class Network:
    """Finds one box at the same place in each frame, when the test lets it."""

    gate: threading.Event
    seen: list[float]
    least_secs: float = 0.0

    def run(self, inputs, params, progress) -> Iterator[Detections]:
        frame = inputs.samples["picture"]
        while not self.gate.wait(0.01):
            progress.check()
        time.sleep(self.least_secs)
        self.seen.append(inputs.source.pts)
        yield Detections(
            np.array([(10, 10, 60, 60)], np.float32),
            np.array([0.9], np.float32),
            np.array([0], np.int64),
            ("person", "car", "cat", "bus", "train"),
            np.array([3], np.int64),
            frame.size,
            source=inputs.source,
        )


@pytest.fixture
def network() -> Iterator[Network]:
    """In the place of the detector's first stage."""
    made = Network(threading.Event(), [])
    made.gate.set()
    spec = ANALYSES["detect"]
    stage = Stage("predict", made.run, spec.stages[0].params, where="accelerator")
    with ANALYSES.lend(dataclasses.replace(spec, stages=(stage, *spec.stages[1:]))):
        yield made


@pytest.fixture
def silence(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent:
        error = None

        def __init__(self, open_reader: object, backend: object = None) -> None:
            raise playback_module.UserError("no sound")

    monkeypatch.setattr(playback_module, "Player", Silent)


@pytest.fixture
def window(network: Network, silence: None, window: MainWindow) -> MainWindow:
    """The window, silent and with the network of the test: they are there first."""
    window.resize(1000, 700)
    return window


@pytest.fixture
def playing(qtbot: QtBot, window: MainWindow) -> MainWindow:
    window.controller.open_paths([sample_path("clip")])
    qtbot.waitUntil(lambda: window.controller.detections() is not None, timeout=60_000)
    return window


@pytest.fixture
def frames(window: MainWindow) -> list:
    """Everything that is shown, in order."""
    shown: list = []
    window.controller.view_changed.connect(shown.append)
    return shown


def results(shown) -> list:
    return [layer.result for layer in shown.layers if layer.result is not None]


def test_exact_playing_shows_no_frame_without_its_own_result(playing, frames, network, qtbot):
    playing.controller.playback.play()
    qtbot.waitUntil(lambda: len({shown.pts for shown in frames}) > 8, timeout=60_000)
    playing.controller.playback.pause()
    times = [shown.pts for shown in frames]
    assert times == sorted(times)
    for shown in frames:
        (result,) = results(shown)
        assert result.source.pts == shown.pts == shown.sample.pts
        assert shown.layers[0].age_secs == 0


def test_a_frame_is_decoded_while_the_network_is_at_the_one_before(playing, frames, network, qtbot):
    network.gate.clear()
    playing.controller.playback.play()
    # The network does not come to an end, and the decoder goes on: one frame is in the network and the newest waits.
    qtbot.waitUntil(lambda: playing.controller.playback.position_secs > 2.5, timeout=60_000)
    assert {shown.pts for shown in frames} <= {0.0}
    assert playing.controller.presenter.live.in_flight <= 3
    network.gate.set()
    qtbot.waitUntil(lambda: len({shown.pts for shown in frames}) >= 3, timeout=60_000)
    # The frame that was in the network came to its end; those that were decoded meanwhile gave way to the newest.
    assert network.seen[1] < 0.5 < 2.0 < network.seen[2]


def test_a_network_that_is_much_slower_than_the_video_is_waited_for(playing, frames, network, qtbot):
    network.least_secs = 0.6
    playing.controller.playback.play()
    qtbot.waitUntil(lambda: len({shown.pts for shown in frames}) >= 4, timeout=60_000)
    assert all(results(shown)[0].source.pts == shown.pts for shown in frames)
    qtbot.waitUntil(lambda: len({shown.pts for shown in frames}) >= 3, timeout=60_000)


def test_frames_that_a_slow_network_never_sees_are_mostly_not_decoded(playing, frames, network, qtbot):
    network.least_secs = 0.6
    playback, decoded = playing.controller.playback, []

    def count(event: Event) -> None:
        if event.kind == "output" and event.job.owner == "sample":
            decoded.append(event.value.pts)

    playing.controller.pipeline.job_event.connect(count)
    playback.set_speed(0.5)
    playback.play()
    qtbot.waitUntil(lambda: len(network.seen) >= 3, timeout=60_000)
    decoded.clear()
    began_secs = playback.position_secs
    qtbot.waitUntil(lambda: len(network.seen) >= 6, timeout=60_000)
    due = (playback.position_secs - began_secs) * 30
    assert len(decoded) < due / 2
    # The newest that waits is never old.
    assert network.seen == sorted(network.seen)
    playback.pause()


def test_smooth_playing_goes_on_with_results_that_tell_their_age(playing, frames, network, qtbot):
    playing.controller.set_smooth(True)
    # Slow enough for a busy machine to show one between the first result and where it is too old to be shown.
    playing.controller.playback.set_speed(0.25)
    playing.controller.playback.play()
    qtbot.waitUntil(lambda: any(results(shown) for shown in frames), timeout=60_000)
    network.gate.clear()
    qtbot.waitUntil(lambda: any(shown.layers and shown.layers[0].age_secs > 0.2 for shown in frames), timeout=60_000)
    old = next(shown for shown in frames if shown.layers and shown.layers[0].age_secs > 0.2)
    (result,) = results(old)
    assert old.pts - result.source.pts == pytest.approx(old.layers[0].age_secs)
    assert playing.workspace.canvas._age_secs > 0
    network.gate.set()
    playing.controller.playback.pause()


def test_every_frame_is_shown_and_it_stops_at_the_end(playing, frames, network, qtbot):
    playback = playing.controller.playback
    playback.set_speed(0.0)
    playback.seek(5.0)
    playback.play()
    qtbot.waitUntil(lambda: not playback.playing, timeout=60_000)
    times = sorted({round(shown.pts * 30) for shown in frames if shown.pts >= 5.0})
    assert times == list(range(150, 180))
    assert playback.position_secs == playback.duration_secs


def test_frames_that_became_complete_during_a_pause_of_the_window_are_all_shown(playing, frames, network, qtbot):
    playback = playing.controller.playback
    playback.set_speed(0.0)
    playback.play()
    qtbot.waitUntil(lambda: playback.frames_shown >= 3, timeout=60_000)
    # Several are decoded, and the window stands still while they go through the network: it looks at all of them once.
    network.gate.clear()
    playback.seek(2.0)
    live, pipeline = playing.controller.presenter.live, playing.controller.pipeline
    qtbot.waitUntil(lambda: live.in_flight == AHEAD and not pipeline.decoding, timeout=20_000)
    network.gate.set()
    end = time.monotonic() + 20
    while not pipeline.lanes.idle:
        assert time.monotonic() < end
        time.sleep(0.02)
    before = playback.frames_shown
    qtbot.waitUntil(lambda: playback.frames_shown >= before + 2 * AHEAD, timeout=20_000)


def test_a_slider_moves_what_is_on_screen_without_waiting_for_the_network(playing, frames, network, qtbot):
    controller = playing.controller
    controller.playback.play()
    qtbot.waitUntil(lambda: len({shown.pts for shown in frames}) > 2, timeout=60_000)
    network.gate.clear()
    qtbot.wait(300)
    before = controller.shown.pts
    assert len(controller.detections()) == 1
    controller.set_value("score", 0.95)
    qtbot.waitUntil(lambda: len(controller.detections()) == 0, timeout=5000)
    assert controller.shown.pts == before
    network.gate.set()


def test_a_seek_while_it_plays_goes_there(playing, frames, network, qtbot):
    controller = playing.controller
    controller.playback.play()
    qtbot.waitUntil(lambda: len({shown.pts for shown in frames}) > 2, timeout=60_000)
    controller.playback.seek(4.0)
    qtbot.waitUntil(lambda: controller.shown.pts >= 3.9, timeout=60_000)
    controller.playback.seek(0.5)
    qtbot.waitUntil(lambda: controller.shown.pts < 3.0, timeout=60_000)


def test_every_frame_can_be_sought_and_looped(playing, frames, network, qtbot):
    playback = playing.controller.playback
    playback.set_speed(0.0)
    playback.play()
    qtbot.waitUntil(lambda: any(shown.pts > 0.2 for shown in frames), timeout=60_000)
    frames.clear()
    playback.seek(3.0)
    qtbot.waitUntil(lambda: any(shown.pts > 3.2 for shown in frames), timeout=60_000)
    playback.set_loop(3.0, 3.3)
    qtbot.waitUntil(lambda: playback.position_secs < 3.1, timeout=60_000)
    frames.clear()
    qtbot.waitUntil(lambda: [round(shown.pts, 3) for shown in frames].count(3.1) >= 2, timeout=60_000)
    assert {shown.pts for shown in frames} <= {number / 30 for number in range(90, 106)}


def test_the_choice_of_smooth_is_remembered(window, qtbot):
    window.workspace.timeline.smooth.click()
    assert window.controller.presenter.live.smooth
    other = MainWindow()
    assert other.controller.presenter.live.smooth
    other.close()
    other.deleteLater()


def test_what_plays_gets_identities_and_counts_to_click_on(playing, frames, network, qtbot, tmp_path):
    controller = playing.controller
    playing.toggle_panel("counts")
    panel = playing.docks["counts"].widget()
    controller.playback.play()
    qtbot.waitUntil(lambda: len({shown.pts for shown in frames}) > 5, timeout=60_000)
    controller.playback.pause()
    assert controller.detections().track_ids.tolist() == [1]
    qtbot.waitUntil(lambda: panel.plot is not None and panel._counts is not None, timeout=5000)
    qtbot.waitUntil(lambda: panel._counts.identities[0, -1] == 1, timeout=5000)
    assert panel._counts.labels == ("person",)
    panel.plot.seek_requested.emit(3.0)
    qtbot.waitUntil(lambda: controller.shown.pts == pytest.approx(3.0, abs=0.05), timeout=60_000)
    panel.write(tmp_path / "counts.csv")
    qtbot.waitUntil((tmp_path / "counts.csv").exists, timeout=5000)


def test_the_whole_video_is_counted_in_the_background(playing, network, qtbot):
    playing.toggle_panel("counts")
    panel = playing.docks["counts"].widget()
    panel.compute.click()
    assert not panel.compute.isVisible()
    qtbot.waitUntil(lambda: panel._running is None, timeout=120_000)
    assert len(panel._counts.times) == 180
    assert set(panel._counts.boxes[0].tolist()) == {1}
    assert panel.compute.isVisible()


def test_a_camera_that_a_file_pretends_to_be_is_looked_through_stopped_and_kept(window, frames, network, qtbot):
    controller = window.controller
    dialog = window.opener.ask_camera()
    dialog.pretend(sample_path("clip"))
    media = controller.session.state.active_media
    assert media.kind is MediaKind.CAMERA
    qtbot.waitUntil(lambda: len({shown.pts for shown in frames if results(shown)}) > 3, timeout=60_000)
    assert controller.detections().track_ids is not None
    window.snapshots.keep()
    qtbot.waitUntil(lambda: len(controller.session.state.media) == 2, timeout=60_000)
    assert controller.session.state.active_media == media
    assert controller.session.state.media[1].kind is MediaKind.IMAGE
    window.workspace.timeline.play.click()
    assert not controller.playback.playing
    qtbot.waitUntil(lambda: "cvstudio-camera" not in [thread.name for thread in threading.enumerate()], timeout=20_000)
    stopped = controller.shown
    assert stopped.sample is not None
    window.workspace.timeline.play.click()
    qtbot.waitUntil(lambda: controller.shown.pts > stopped.pts, timeout=60_000)


def test_a_camera_that_is_not_there_is_told_once_and_playing_stops(window, qtbot):
    told: list = []
    window.controller.notice.connect(lambda level, text: told.append(text))
    window.controller.open_camera(camera.camera("/dev/video97"))
    qtbot.waitUntil(lambda: bool(told), timeout=30_000)
    qtbot.waitUntil(lambda: not window.controller.playback.playing, timeout=5000)
    qtbot.wait(300)
    assert len(told) == 1
    assert "/dev/video97" in told[0]


def test_closing_the_window_releases_the_camera(window, network, qtbot):
    window.controller.open_camera(simulated_camera(sample_path("clip")))
    alive: Callable[[], bool] = lambda: "cvstudio-camera" in [t.name for t in threading.enumerate()]  # noqa: E731
    qtbot.waitUntil(alive, timeout=20_000)
    window.close()
    assert not alive()


def test_tracking_has_no_controls_on_a_still_picture(window, network, qtbot):
    form = window.docks["analysis"].widget().form
    window.controller.open_paths([sample_path("astronaut")])
    qtbot.waitUntil(lambda: window.controller.detections() is not None, timeout=60_000)
    with pytest.raises(KeyError):
        form.row("track")
    window.controller.open_paths([sample_path("clip")])
    qtbot.waitUntil(lambda: window.controller.session.state.active_media.kind is MediaKind.VIDEO, timeout=60_000)
    assert form.row("track").value() is True


class Layouts(QObject):
    """Counts how often a window is laid out anew."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.count = 0
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        self.count += event.type() == QEvent.Type.LayoutRequest
        return False


def test_frames_that_play_do_not_lay_out_the_window_anew(playing, frames, network, qtbot):
    playback = playing.controller.playback
    playback.set_speed(0.0)
    playback.play()
    qtbot.waitUntil(lambda: playback.frames_shown >= 20, timeout=60_000)
    layouts, before = Layouts(playing), playback.frames_shown
    qtbot.waitUntil(lambda: playback.frames_shown >= before + 40, timeout=60_000)
    # A number that gets another digit may.
    assert layouts.count <= 4


def test_only_what_takes_long_is_shown_as_running(playing, frames, network, qtbot):
    playback, status = playing.controller.playback, playing.status
    playback.set_speed(0.0)
    playback.play()
    shown: list[bool] = []
    playing.controller.view_changed.connect(lambda _: shown.append(not status.cancel.isHidden()))
    qtbot.waitUntil(lambda: playback.frames_shown >= 40, timeout=60_000)
    assert set(shown) == {False}
    network.gate.clear()
    qtbot.waitUntil(status.cancel.isVisible, timeout=5000)
    assert "Object detection" in status.cancel.toolTip()
    network.gate.set()
    qtbot.waitUntil(status.cancel.isHidden, timeout=5000)


def test_a_recording_that_is_behind_goes_before_the_network(window, frames, network, qtbot, monkeypatch):
    import ui.control.live_playback as live

    behind = [True]
    monkeypatch.setattr(live, "recording_behind", lambda identity: behind[0])
    monkeypatch.setattr(live, "LEAST_EVERY_SECS", 1000.0)
    window.controller.open_camera(simulated_camera(sample_path("clip")))
    qtbot.waitUntil(lambda: any(results(shown) for shown in frames), timeout=60_000)  # the first one is started
    qtbot.wait(500)
    before = len({shown.pts for shown in frames if results(shown)})
    qtbot.wait(1500)
    assert len({shown.pts for shown in frames if results(shown)}) == before
    behind[0] = False
    qtbot.waitUntil(lambda: len({shown.pts for shown in frames if results(shown)}) > before + 2, timeout=60_000)
