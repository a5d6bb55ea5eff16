"""Controls of the player: they show its state and emit the user's intents."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMenu, QToolButton, QVBoxLayout

from cvstudio.foundation.params import Range
from ui.base.icons import icon
from ui.base.keys import PRESS_KEYS, claims
from ui.views.scrubber import Scrubber, clock
from ui.views.sound.level_meter import LevelMeter
from ui.widgets.slider import Slider
from ui.widgets.steady_label import SteadyLabel

SPEEDS = (0.25, 0.5, 1.0, 1.5, 2.0)
EVERY_FRAME = 0.0
"""The "speed" at which no frame is skipped: each is shown as soon as it is computed."""
VOLUME = Range(0.0, 1.0, step=0.01)
ROOMY = 600
"""Width in pixels from which the duration and the volume are shown."""

SPACIOUS = 800
"""Width in pixels from which the meter and the choice of the sound device are shown beside the buttons for frames."""

NARROW = 720
"""Width in pixels below which the scrubber has a line of its own: beside the buttons little would be left for it."""

LEAST_WIDTH = 360


class _Button(QToolButton):
    """Button that only takes the focus by the keyboard; with the focus, Space presses it, not the player's button."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.dress(name, text)

    def dress(self, name: str, text: str) -> None:
        if name:
            self.setIcon(icon(name))
        self.setToolTip(text)
        self.setAccessibleName(text)

    def event(self, event: QEvent) -> bool:
        return claims(event, PRESS_KEYS) or super().event(event)


class Timeline(QFrame):
    """Play, step, position, scrubber, loop, speed and volume.

    Signals
    -------
    play_toggled : play or pause
    step_requested : frames, -1 or 1
    seek_requested : seconds; many while scrubbing
    loop_changed : start, stop in seconds, or None, None to play once
    speed_changed : 0.25..2, or `EVERY_FRAME`
    smooth_toggled : True to play smoothly instead of exactly
    volume_changed : 0..1
    mute_toggled : bool
    devices_wanted : the list of sound devices is about to be shown; see `show_devices`
    device_chosen : name of a sound device, empty for the default
    record_toggled : the user starts or stops recording
    """

    play_toggled = Signal()
    step_requested = Signal(int)
    seek_requested = Signal(float)
    loop_changed = Signal(object, object)
    speed_changed = Signal(float)
    smooth_toggled = Signal(bool)
    volume_changed = Signal(float)
    mute_toggled = Signal(bool)
    devices_wanted = Signal()
    device_chosen = Signal(str)
    record_toggled = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("timeline")
        self._duration = 0.0
        self._has_sound = False
        self._live = False
        self.back = _Button("step-back", self.tr("Previous frame (Left)"))
        self.back.setAutoRepeat(True)
        self.back.clicked.connect(lambda: self.step_requested.emit(-1))
        self.play = _Button("play", self.tr("Play (Space)"))
        self.play.clicked.connect(self.play_toggled)
        self.on = _Button("step-forward", self.tr("Next frame (Right)"))
        self.on.setAutoRepeat(True)
        self.on.clicked.connect(lambda: self.step_requested.emit(1))
        self.position = SteadyLabel()
        self.position.setAccessibleName(self.tr("Position"))
        self.duration = QLabel()
        self.duration.setObjectName("duration")
        self.duration.setAccessibleName(self.tr("Duration"))
        self.scrubber = Scrubber()
        self.scrubber.sought.connect(self._sought)
        self.scrubber.loop_moved.connect(self.loop_changed.emit)
        self.loop = _Button("repeat", self.tr("Loop; drag the markers to choose a range"))
        self.loop.setCheckable(True)
        self.loop.clicked.connect(self._loop_clicked)
        self.speed = self._make_speed()
        self.smooth = _Button("", self.tr("Smooth or exact"))
        self.smooth.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        self.smooth.setCheckable(True)
        self.smooth.clicked.connect(lambda on: self.smooth_toggled.emit(on))
        self.mute = _Button("volume-2", self.tr("Mute"))
        self.mute.setCheckable(True)
        self.mute.clicked.connect(self._mute_clicked)
        self.device = _Button("settings", self.tr("Sound device"))
        self.device.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._devices = QMenu(self.device)
        self._devices.aboutToShow.connect(self.devices_wanted)
        self.device.setMenu(self._devices)
        self.meter = LevelMeter()
        self.volume = Slider(VOLUME)
        self.volume.setFixedWidth(88)
        self.volume.setAccessibleName(self.tr("Volume"))
        self.volume.setToolTip(self.tr("Volume"))
        self.volume.set_number(1.0)
        self.volume.edited.connect(lambda value, _: self.volume_changed.emit(value))
        self.volume.reset_requested.connect(self._reset_volume)
        self._lines = QVBoxLayout(self)
        self._lines.setContentsMargins(8, 4, 8, 4)
        self._lines.setSpacing(0)
        self._lines.setSizeConstraint(QVBoxLayout.SizeConstraint.SetNoConstraint)
        layout = self._line = QHBoxLayout()
        layout.setSpacing(4)
        self._lines.addLayout(layout)
        for button in (self.back, self.play, self.on):
            layout.addWidget(button)
        layout.addSpacing(4)
        layout.addWidget(self.position)
        self.live = QLabel(self.tr("Live"))
        self.live.setObjectName("quiet")
        self.live.hide()
        layout.addWidget(self.live, 1)
        self.record = _Button("circle-dot", "")
        self.record.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.record.clicked.connect(lambda: self.record_toggled.emit())
        layout.addWidget(self.record)
        layout.addWidget(self.scrubber, 1)
        layout.addStretch(0)
        layout.addWidget(self.duration)
        layout.addSpacing(4)
        for button in (self.smooth, self.loop, self.speed, self.mute):
            layout.addWidget(button)
        layout.addWidget(self.volume)
        layout.addWidget(self.meter)
        layout.addWidget(self.device)
        self.set_duration(0.0)
        self.set_has_sound(False)
        self.set_frame_rate(None)
        self.set_smooth(False)
        self.set_recording(None)
        self.record.hide()

    def _make_speed(self) -> _Button:
        button = _Button("gauge", self.tr("Speed"))
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(button)
        group = QActionGroup(menu)
        self.speeds: dict[float, QAction] = {}
        for speed in SPEEDS:
            action = menu.addAction(f"{speed:g}×")
            action.setCheckable(True)
            action.triggered.connect(lambda _=False, value=speed: self._speed_chosen(value))
            group.addAction(action)
            self.speeds[speed] = action
        menu.addSeparator()
        every = menu.addAction(self.tr("Every frame, as fast as possible"))
        every.setCheckable(True)
        every.triggered.connect(lambda _=False: self._speed_chosen(EVERY_FRAME))
        group.addAction(every)
        self.speeds[EVERY_FRAME] = every
        button.setMenu(menu)
        button.setText("1×")
        button.setMinimumWidth(button.fontMetrics().horizontalAdvance("0.25×") + 16)
        self.speeds[1.0].setChecked(True)
        return button

    # What is shown --------------------------------------------------------------------------------------------------

    def set_duration(self, secs: float) -> None:
        """Set the duration of a new medium in seconds, and clear the loop."""
        self._duration = secs
        self.loop.setChecked(False)
        self.scrubber.set_loop(None)
        self.scrubber.set_duration(secs)
        self.duration.setText(clock(secs))
        self.position.clear()
        # The widest text is set first, so that the label never grows during playback.
        self.position.setText(self._clock(secs).replace("1", "0"))
        self.set_position(0.0)
        for button in (self.play, self.back, self.on, self.loop):
            button.setEnabled(secs > 0)

    def _clock(self, secs: float) -> str:
        return clock(secs, hours=self._duration >= 3600)

    def set_position(self, secs: float) -> None:
        """Set the player's position in seconds; ignored during a drag of the scrubber."""
        if not self.scrubber.dragging:
            self.scrubber.set_position(secs)
            self.position.setText(self._clock(secs))

    def set_playing(self, playing: bool) -> None:
        self.play.dress(
            "pause" if playing else "play", self.tr("Pause (Space)") if playing else self.tr("Play (Space)")
        )

    def set_has_sound(self, has_sound: bool) -> None:
        """Show volume and mute if the medium has sound."""
        self._has_sound = has_sound
        self.mute.setVisible(has_sound)
        self._fit()

    def _fit(self) -> None:
        """Make room for the scrubber in a narrow window: without duration and volume, or on a line of its own."""
        roomy = self.width() >= ROOMY
        above = self.width() < NARROW and not self._live
        if above != (self._lines.indexOf(self.scrubber) == 0):
            if above:
                self._line.removeWidget(self.scrubber)
                self._lines.insertWidget(0, self.scrubber)
            else:
                self._lines.removeWidget(self.scrubber)
                self._line.insertWidget(self._line.indexOf(self.record) + 1, self.scrubber, 1)
        self.duration.setVisible(roomy and not self._live)
        self.volume.setVisible(roomy and self._has_sound)
        # A sound alone has no buttons for frames.
        spacious = self._has_sound and self.width() >= (ROOMY if self.back.isHidden() else SPACIOUS)
        self.meter.setVisible(spacious)
        self.device.setVisible(spacious)

    def minimumSizeHint(self) -> QSize:
        return QSize(LEAST_WIDTH, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def set_frame_rate(self, rate: float | None) -> None:
        """Show the controls for frames if there is a frame rate (Hz)."""
        for button in (self.back, self.on, self.smooth):
            button.setVisible(rate is not None)
        self.speeds[EVERY_FRAME].setVisible(rate is not None)
        self._fit()

    def set_live(self, live: bool) -> None:
        """Switch to the controls of a camera, which has no duration."""
        self._live = live
        self.live.setVisible(live)
        self.record.setVisible(live)
        for item in (self.scrubber, self.loop, self.speed):
            item.setVisible(not live)
        self._fit()
        if live:
            self.back.hide()
            self.on.hide()
            self.smooth.show()
            self.play.setEnabled(True)

    def set_recording(self, elapsed: str | None) -> None:
        """Show the length of the recording in seconds; None while there is none."""
        if elapsed is None:
            self.record.dress("circle-dot", self.tr("Record the camera (Ctrl+R)"))
            self.record.setText(self.tr("Record"))
        else:
            self.record.dress("square", self.tr("Stop and save the recording (Ctrl+R)"))
            self.record.setIcon(icon("square", role="error"))
            self.record.setText(elapsed)
        texts = (self.tr("Record"), "0:00:00", self.record.text())
        widest = max(self.record.fontMetrics().horizontalAdvance(text) for text in texts)
        self.record.setMinimumWidth(widest + 36)

    def set_smooth(self, smooth: bool) -> None:
        """Show the mode of playback: smooth, or exact (each frame on screen has its own results)."""
        self.smooth.setChecked(smooth)
        self.smooth.setText(self.tr("Smooth") if smooth else self.tr("Exact"))
        self.smooth.setToolTip(
            self.tr("Smooth: the video at its own rate; results that are older than the frame are dimmed")
            if smooth
            else self.tr("Exact: each frame on screen has its own results; what is not ready in time is left out")
        )
        widest = max(
            self.smooth.fontMetrics().horizontalAdvance(text) for text in (self.tr("Smooth"), self.tr("Exact"))
        )
        self.smooth.setMinimumWidth(widest + 16)

    def loop_between(self, start: float, stop: float) -> None:
        """Repeat what is between two times in seconds, as the user wants."""
        self.loop.setChecked(True)
        self.scrubber.set_loop((start, stop))
        self.loop_changed.emit(start, stop)

    def show_devices(self, names: Sequence[str], current: str) -> None:
        """List the sound devices, of which `current` is chosen; empty for the default of the system."""
        self._devices.clear()
        group = QActionGroup(self._devices)
        for name in ("", *names):
            action = self._devices.addAction(name or self.tr("Default sound device"))
            action.setCheckable(True)
            action.setChecked(name == current or (not name and current not in names))
            action.triggered.connect(lambda _=False, chosen=name: self.device_chosen.emit(chosen))
            group.addAction(action)
        if not names:
            self._devices.addAction(self.tr("No sound device is connected")).setEnabled(False)

    # What the user wants --------------------------------------------------------------------------------------------

    def _sought(self, secs: float) -> None:
        self.position.setText(self._clock(secs))
        self.seek_requested.emit(secs)

    def _loop_clicked(self, on: bool) -> None:
        self.scrubber.set_loop((0.0, self._duration) if on else None)
        if on:
            self.loop_changed.emit(0.0, self._duration)
        else:
            self.loop_changed.emit(None, None)

    def _speed_chosen(self, speed: float) -> None:
        self.speed.setText(self.tr("every") if speed == EVERY_FRAME else f"{speed:g}×")
        self.speed_changed.emit(speed)

    def _mute_clicked(self, muted: bool) -> None:
        self.mute.dress("volume-x" if muted else "volume-2", self.tr("Unmute") if muted else self.tr("Mute"))
        self.mute_toggled.emit(muted)

    def _reset_volume(self) -> None:
        self.volume.set_number(1.0)
        self.volume_changed.emit(1.0)
