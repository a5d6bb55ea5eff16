"""The player's controls emit; what they show is told to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, Qt
from PySide6.QtGui import QPaintEvent, QRegion
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from ui.tour.input_events import move_mouse
from ui.views.scrubber import MARGIN, Scrubber, clock
from ui.views.timeline import Timeline


@pytest.fixture
def timeline(shown: Callable[..., Any]) -> Timeline:
    made = Timeline()
    made.set_duration(100.0)
    made.set_has_sound(True)
    made.set_frame_rate(25.0)
    return shown(made, 900)  # type: ignore[no-any-return]


def at(scrubber: Scrubber, secs: float, y: int = 14) -> QPoint:
    return QPoint(round(MARGIN + secs / 100 * (scrubber.width() - 2 * MARGIN)), y)


class Painted(QObject):
    """What of a widget was painted since it was made."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self.region, self.times = QRegion(), 0
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QPaintEvent):
            self.region += event.region()
            self.times += 1
        return False


def test_what_moves_with_the_position_is_painted_anew_and_little_else(timeline: Timeline, qtbot: Any) -> None:
    scrubber = timeline.scrubber
    painted = Painted(scrubber)
    timeline.set_position(30.0)
    qtbot.waitUntil(lambda: painted.times > 0, timeout=20_000)
    before = scrubber.grab().toImage()
    painted.region, painted.times = QRegion(), 0
    for secs in (31.0, 33.0, 32.0):
        timeline.set_position(secs)
        qtbot.waitUntil(lambda: painted.times > 0, timeout=20_000)
        painted.times = 0
    region = QRegion(painted.region)
    timeline.set_position(32.0001)  # less than any pixel
    QTest.qWait(50)
    assert painted.times == 0
    assert region.boundingRect().width() < scrubber.width() / 4
    after = scrubber.grab().toImage()
    changed = [
        QPoint(x, y)
        for x in range(scrubber.width())
        for y in range(scrubber.height())
        if before.pixel(x, y) != after.pixel(x, y)
    ]
    assert changed
    assert all(region.contains(point) for point in changed)


@pytest.mark.parametrize(
    ("secs", "text"),
    [(0, "00:00.000"), (12.48, "00:12.480"), (59.9996, "01:00.000"), (3661.5, "1:01:01.500"), (-1, "00:00.000")],
)
def test_times_are_read_out_to_the_millisecond(secs: float, text: str) -> None:
    assert clock(secs) == text


def test_buttons_emit_and_change_nothing_by_themselves(timeline: Timeline, qtbot: Any) -> None:
    with qtbot.waitSignal(timeline.play_toggled):
        QTest.mouseClick(timeline.play, Qt.MouseButton.LeftButton)
    assert "Play" in timeline.play.toolTip()
    timeline.set_playing(True)
    assert "Pause" in timeline.play.toolTip()
    steps: list[int] = []
    timeline.step_requested.connect(steps.append)
    QTest.mouseClick(timeline.on, Qt.MouseButton.LeftButton)
    QTest.mouseClick(timeline.back, Qt.MouseButton.LeftButton)
    assert steps == [1, -1]


def test_scrubbing_seeks_all_the_way_and_the_clock_does_not_pull_it_back(timeline: Timeline) -> None:
    sought: list[float] = []
    timeline.seek_requested.connect(sought.append)
    timeline.seek_requested.connect(lambda _: timeline.set_position(3.0))  # the player lags behind
    scrubber = timeline.scrubber
    QTest.mousePress(scrubber, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at(scrubber, 20))
    move_mouse(scrubber, at(scrubber, 40), Qt.MouseButton.LeftButton)
    move_mouse(scrubber, at(scrubber, 80), Qt.MouseButton.LeftButton)
    assert sought == pytest.approx([20, 40, 80], abs=0.2)
    assert timeline.position.text() == clock(sought[-1])
    QTest.mouseRelease(scrubber, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at(scrubber, 80))
    timeline.set_position(81.5)
    assert timeline.position.text() == "01:21.500"


def test_showing_a_position_emits_nothing(timeline: Timeline, qtbot: Any) -> None:
    with qtbot.assertNotEmitted(timeline.seek_requested):
        timeline.set_position(50.0)


def test_keys_seek(timeline: Timeline) -> None:
    sought: list[float] = []
    timeline.seek_requested.connect(sought.append)
    timeline.set_position(50.0)
    for key in (Qt.Key.Key_Right, Qt.Key.Key_PageDown, Qt.Key.Key_Home, Qt.Key.Key_Left, Qt.Key.Key_End):
        QTest.keyClick(timeline.scrubber, key)
    assert sought == [51.0, 41.0, 0.0, 0.0, 100.0]


def test_the_loop_is_set_dragged_and_taken_off(timeline: Timeline, drag: Callable[..., None], qtbot: Any) -> None:
    told: list[tuple[float | None, float | None]] = []
    timeline.loop_changed.connect(lambda start, stop: told.append((start, stop)))
    QTest.mouseClick(timeline.loop, Qt.MouseButton.LeftButton)
    assert told == [(0.0, 100.0)]
    scrubber = timeline.scrubber
    with qtbot.assertNotEmitted(timeline.seek_requested):
        drag(scrubber, at(scrubber, 0, 4) + QPoint(2, 0), at(scrubber, 30, 4))
        drag(scrubber, at(scrubber, 100, 4) - QPoint(2, 0), at(scrubber, 10, 4))
    assert told[1] == (pytest.approx(30, abs=0.2), 100.0)
    start, stop = told[2]
    assert start is not None
    assert stop is not None
    assert start < stop < start + 0.1  # the end stops at the beginning
    QTest.mouseClick(timeline.loop, Qt.MouseButton.LeftButton)
    assert told[-1] == (None, None)
    timeline.loop.click()
    timeline.set_duration(5.0)
    assert scrubber.loop is None
    assert not timeline.loop.isChecked()


def test_speed_volume_and_mute(timeline: Timeline, drag: Callable[..., None]) -> None:
    told: list[Any] = []
    timeline.speed_changed.connect(told.append)
    timeline.speeds[0.5].trigger()
    assert timeline.speed.text() == "0.5×"
    timeline.mute_toggled.connect(told.append)
    QTest.mouseClick(timeline.mute, Qt.MouseButton.LeftButton)
    timeline.volume_changed.connect(told.append)
    QTest.keyClick(timeline.volume, Qt.Key.Key_Home)
    assert told == [0.5, True, 0.0]


def test_what_the_medium_lacks_is_not_offered(timeline: Timeline) -> None:
    timeline.set_has_sound(False)
    timeline.set_frame_rate(None)
    assert not timeline.volume.isVisible()
    assert not timeline.on.isVisible()
    timeline.set_duration(0.0)
    assert not timeline.play.isEnabled()


def test_the_read_out_does_not_push_its_neighbours(timeline: Timeline) -> None:
    before = timeline.scrubber.geometry()
    for secs in (11.111, 88.888, 0.0):
        timeline.set_position(secs)
        timeline.layout().activate()
        assert timeline.scrubber.geometry() == before


def test_in_a_narrow_window_everything_stays_on_it_and_the_scrubber_has_the_room(timeline: Timeline) -> None:
    assert timeline.volume.isVisible()
    assert timeline.duration.isVisible()
    timeline.resize(500, timeline.height())
    QTest.qWait(20)
    assert timeline.width() == 500
    for widget in (timeline.play, timeline.scrubber, timeline.speed, timeline.mute):
        assert widget.isVisible()
        assert widget.geometry().right() < 500
    assert timeline.scrubber.width() >= 100
    timeline.set_has_sound(True)
    assert not timeline.volume.isVisible()
    timeline.resize(900, timeline.height())
    assert timeline.volume.isVisible()


@pytest.mark.parametrize("width", [380, 420, 520, 600, 640, 719, 720])
def test_the_scrubber_is_never_squeezed_by_the_buttons(timeline: Timeline, width: int, qtbot: Any) -> None:
    timeline.set_frame_rate(25.0)
    timeline.set_has_sound(True)
    timeline.set_duration(4000.0)  # hours make its read-outs wider
    timeline.resize(width, timeline.sizeHint().height())
    qtbot.waitUntil(lambda: timeline.width() == width)
    qtbot.waitUntil(lambda: timeline.scrubber.width() >= (0.9 * width if width < 720 else 160))
    assert all(button.isVisible() for button in (timeline.back, timeline.play, timeline.on, timeline.mute))
    # It goes back onto the line of the buttons.
    timeline.resize(800, timeline.height())
    qtbot.waitUntil(lambda: timeline.scrubber.x() > timeline.on.x())
    assert abs(timeline.scrubber.geometry().center().y() - timeline.play.geometry().center().y()) <= 2


def test_sound_devices_are_listed_when_asked_for_and_the_chosen_one_is_told(timeline: Timeline) -> None:
    timeline.set_has_sound(True)
    timeline.devices_wanted.connect(lambda: timeline.show_devices(("Speakers", "Headphones"), "Headphones"))
    timeline._devices.aboutToShow.emit()
    actions = {action.text(): action for action in timeline._devices.actions()}
    assert list(actions) == ["Default sound device", "Speakers", "Headphones"]
    assert [text for text, action in actions.items() if action.isChecked()] == ["Headphones"]
    chosen: list[str] = []
    timeline.device_chosen.connect(chosen.append)
    actions["Speakers"].trigger()
    actions["Default sound device"].trigger()
    assert chosen == ["Speakers", ""]
    timeline.show_devices((), "Gone")
    texts = [action.text() for action in timeline._devices.actions()]
    assert texts == ["Default sound device", "No sound device is connected"]
    assert not timeline._devices.actions()[-1].isEnabled()


def test_a_sound_alone_has_room_for_its_meter(timeline: Timeline, qtbot: Any) -> None:
    timeline.resize(720, timeline.height())
    qtbot.waitUntil(lambda: timeline.width() == 720)
    assert timeline.meter.isHidden()
    timeline.set_frame_rate(None)
    assert not timeline.meter.isHidden()
    assert not timeline.device.isHidden()
    timeline.set_has_sound(False)
    assert timeline.meter.isHidden()


def test_the_meter_rises_with_a_peak_and_falls_slowly(timeline: Timeline, qtbot: Any) -> None:
    meter = timeline.meter
    meter.add_peaks((0.5, 1.0))
    left, right = meter.levels_db
    assert left == pytest.approx(-6.02, abs=0.01)
    assert right == 0
    meter.add_peaks((0.1, 0.1))
    assert meter.levels_db[0] > -20  # a bar does not fall with a quieter block
    qtbot.waitUntil(lambda: -59 < meter.levels_db[0] < -10)
    qtbot.waitUntil(lambda: max(meter.levels_db) == -60, timeout=10_000)
    assert not meter._timer.isActive()


def test_a_loop_between_two_times(timeline: Timeline) -> None:
    timeline.set_duration(10.0)
    told: list[Any] = []
    timeline.loop_changed.connect(lambda start, stop: told.append((start, stop)))
    timeline.loop_between(2.0, 3.5)
    assert told == [(2.0, 3.5)]
    assert timeline.loop.isChecked()
    assert timeline.scrubber.loop == (2.0, 3.5)
