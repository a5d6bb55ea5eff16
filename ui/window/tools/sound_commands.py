"""Commands of the view of a sound."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

from ui.base.command import Command

if TYPE_CHECKING:
    from ui.views.spectrogram_view import SpectrogramView
    from ui.window.tools.sound_panes import SoundPanes


def _tr(text: str) -> str:
    return QCoreApplication.translate("Sound", text)


def sound_commands(sound: Callable[[], SoundPanes]) -> list[Command]:
    """Commands that show and hide the panes of a sound, and choose stretches of it; without a sound they do nothing."""

    def on_view(act: Callable[[SpectrogramView], object]) -> Callable[[], None]:
        def run() -> None:
            view = sound().view
            if view is not None and view.isVisible() and view.plot is not None:
                act(view)

        return run

    return [
        Command(
            "sound-wave",
            _tr("Show or Hide the Waveform"),
            on_view(lambda view: view.wave_button.toggle()),
            "",
            (),
            "activity",
            ("wave", "amplitude", "파형 보기"),
        ),
        Command(
            "sound-spectrum",
            _tr("Show or Hide the Spectrum"),
            on_view(lambda view: view.spectrum_button.toggle()),
            "",
            (),
            "activity",
            ("FFT", "frequencies of the selection", "스펙트럼 보기"),
        ),
        Command(
            "sound-window",
            _tr("Slide a Window over the Wave"),
            on_view(lambda view: view.slide_window(not view.window_button.isChecked())),
            "",
            (),
            "activity",
            ("STFT", "Hann window", "explain", "창 함수", "윈도우 이동"),
        ),
        Command(
            "sound-all",
            _tr("Show the Whole Sound"),
            on_view(lambda view: view.show_all()),
            "",
            (),
            "scan",
            ("zoom out", "소리 전체 보기"),
        ),
        Command(
            "sound-unselect",
            _tr("Clear the Selection of the Sound"),
            on_view(lambda view: view.set_stretch(None)),
            "",
            (),
            "x",
            ("A and B", "선택 해제"),
        ),
    ]
