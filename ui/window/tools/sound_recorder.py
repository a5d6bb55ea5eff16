"""Recording of a microphone: choice of the device, the live spectrogram, and the file that is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QStandardPaths, Qt, Signal
from PySide6.QtWidgets import QDialog, QFormLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from cvstudio.foundation.lanes import Event, Job
from cvstudio.foundation.progress import Progress
from cvstudio.media.playback.microphone import Microphone, SoundTap
from cvstudio.media.playback.sound_card import device_names
from ui.base.icons import icon
from ui.base.translate import counted, translated
from ui.control.long_work import LongWork
from ui.control.pipeline import RECORD, Pipeline
from ui.views.sound.level_meter import LevelMeter
from ui.views.sound.live_spectrogram import LiveSpectrogram
from ui.widgets.rows.choice_rows import Combo
from ui.window.window_base import Window

if TYPE_CHECKING:
    from cvstudio.exporters.sound.recording import RecordedSound
    from cvstudio.media.playback.microphone import InputBackend

OWNER = ("record", "sound")


class SoundRecorder(QDialog):
    """Records until it is stopped; closing it while it records keeps the recording.

    Parameters
    ----------
    backend : makes the input of a device by its name; empty is the system's default

    Signals
    -------
    recorded : `RecordedSound`, and a sentence about it that is empty where all is well
    """

    recorded = Signal(object, str)

    def __init__(
        self,
        parent: QWidget,
        pipeline: Pipeline,
        long_work: LongWork,
        backend: Callable[[str], InputBackend] = Microphone,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Record Sound"))
        self.setMinimumSize(480, 360)
        self.folder = Path(QStandardPaths.writableLocation(QStandardPaths.StandardLocation.MusicLocation))
        self._pipeline, self._backend = pipeline, backend
        self._tap: SoundTap | None = None
        self.recording = False
        self.device = Combo()
        self.device.setAccessibleName(self.tr("Microphone"))
        self.device.setToolTip(self.tr("The device that records, at its own sample rate"))
        names = device_names(inputs=True)
        if names:
            self.device.addItem(self.tr("System default"), "")
        for name in names:
            self.device.addItem(name, name)
        self.device.setPlaceholderText(self.tr("none"))
        self.device.setEnabled(bool(names))
        self.view = LiveSpectrogram()
        self.meter = LevelMeter()
        self.meter.setToolTip(self.tr("Level of what is recorded, from -60 dB to full scale; red is clipped."))
        self.view.heard.connect(self.meter.add_peaks)
        self.time = QLabel("0:00")
        self.time.setAccessibleName(self.tr("Time recorded"))
        self.message = QLabel()
        self.message.setObjectName("quiet")
        self.message.setWordWrap(True)
        self.button = QPushButton(icon("circle-dot"), self.tr("Record"))
        self.button.setToolTip(self.tr("Starts a recording, and stops it; the sound then opens"))
        self.button.setDefault(True)
        self.button.setEnabled(bool(names))
        self.button.clicked.connect(self.toggle)
        close = QPushButton(self.tr("Close"))
        close.setAutoDefault(False)
        close.setToolTip(self.tr("Ends a recording, and keeps it"))
        close.clicked.connect(self.reject)
        form = QFormLayout()
        form.addRow(self.tr("Microphone"), self.device)
        foot = QHBoxLayout()
        foot.setSpacing(8)
        for widget in (self.meter, self.time):
            foot.addWidget(widget)
        foot.addStretch(1)
        foot.addWidget(close)
        foot.addWidget(self.button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        layout.addLayout(form)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.message)
        layout.addLayout(foot)
        self._say(
            self.tr("It is saved as FLAC in {folder}.").format(folder=self.folder)
            if names
            else self.tr("No microphone is connected. Connect one and open this again.")
        )
        pipeline.job_event.connect(self._job_event)
        long_work.finish_by(OWNER, self.stop)

    def toggle(self) -> None:
        """Start a recording, or end it and keep the sound."""
        if self.recording:
            self.stop()
        else:
            self.start()

    def start(self) -> None:
        """Record from the chosen device into a new file."""
        from cvstudio.exporters.sound.recording import SUFFIX

        name = self.device.currentData() or ""
        path = self.folder / f"{self.tr('Recording')} {datetime.now():%Y-%m-%d %H.%M.%S}{SUFFIX}"
        backend = self._backend(name)

        def work(progress: Progress) -> Iterator[Any]:
            from cvstudio.exporters.sound.recording import record_sound

            tap = SoundTap(backend)
            yield tap
            yield record_sound(path, tap, progress)

        self._set_recording(True)
        self.time.setText("0:00")
        self._pipeline.submit(RECORD, Job(OWNER, self.tr("Recording {name}").format(name=path.name), work))

    def stop(self) -> None:
        """End the recording and keep the sound."""
        if self._tap is not None:
            self._tap.close()
        elif self.recording:
            self._pipeline.lanes.cancel(OWNER)

    def reject(self) -> None:
        if self.recording:
            # What is recorded so far is written, and closes the dialog.
            self.stop()
        else:
            super().reject()

    def _job_event(self, event: Event) -> None:
        if event.job.owner != OWNER:
            return
        if event.kind == "progress" and event.value[1]:
            self.time.setText(event.value[1])
        elif event.kind == "output" and isinstance(event.value, SoundTap):
            self._tap = event.value
            self.view.follow(event.value)
        elif event.kind == "output":
            self.recorded.emit(event.value, self._remark(event.value))
        elif event.kind in ("finished", "failed", "cancelled"):
            self._tap = None
            self._set_recording(False)
            if event.kind == "finished":
                self.accept()
            if event.kind == "failed":
                self._say(translated(str(event.value)), warning=True)

    def _set_recording(self, recording: bool) -> None:
        self.recording = recording
        self.device.setEnabled(not recording)
        self.button.setText(self.tr("Stop") if recording else self.tr("Record"))

    def _remark(self, recorded: RecordedSound) -> str:
        """What is wrong with a recording; empty where nothing is."""
        remarks = []
        if recorded.ended == "device":
            remarks.append(self.tr("The recording ended as the microphone was disconnected."))
        if recorded.ended == "disk":
            remarks.append(self.tr("The recording ended as the disk is nearly full; free some space."))
        if recorded.gaps:
            one, many = (
                self.tr("Sound was lost once, as the computer was too busy."),
                self.tr("Sound was lost {count} times, as the computer was too busy."),
            )
            remarks.append(counted(recorded.gaps, one, many))
        if recorded.clipped:
            remarks.append(self.tr("The recording is clipped; lower the level of the microphone."))
        return " ".join(remarks)

    def _say(self, text: str, *, warning: bool = False) -> None:
        self.message.setText(text)
        # A style sheet is not applied again when an object name changes.
        self.message.setObjectName("message" if warning else "quiet")
        self.message.style().unpolish(self.message)
        self.message.style().polish(self.message)


def ask_recording(window: Window) -> SoundRecorder:
    """Show the dialog that records a microphone, and open what it keeps."""
    dialog = SoundRecorder(window, window.controller.pipeline, window.controller.long_work)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

    def take(recorded: RecordedSound, remark: str) -> None:
        window.opener.open_paths([recorded.path])
        if remark:
            window.notice("warning", remark)

    dialog.recorded.connect(take)
    dialog.open()
    return dialog
