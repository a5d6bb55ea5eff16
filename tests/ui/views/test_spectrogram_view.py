"""The spectrogram view: only what is visible is uploaded, and places are told in seconds and Hz."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest

from cvstudio.data.sound.wave_pyramid import WavePyramid
from cvstudio.results.source import Source
from cvstudio.results.spectrogram import Spectrogram
from ui.views.sound.axes import FrequencyAxis, TimeAxis
from ui.views.sound.contents import decibels_at
from ui.views.spectrogram_plot import SpectrogramPlot
from ui.views.spectrogram_view import SpectrogramView

RATE, HOP, WINDOW, COLUMNS = 16000, 160, 320, 2000  # 20 s, 10 ms a column, 50 Hz a band


def spectrogram(done: int = COLUMNS, media: str = "a") -> Spectrogram:
    levels = np.zeros((WINDOW // 2 + 1, COLUMNS), np.uint8)
    levels[:, :done] = 40
    levels[80, :done] = 255  # a tone of 4 kHz
    return Spectrogram(levels, RATE, HOP, WINDOW, -120.0, 0.0, done, Source(media))


@pytest.fixture
def view(shown: Callable[..., Any], qtbot: Any) -> SpectrogramView:
    made = SpectrogramView()
    made.show_result(spectrogram())
    shown(made, 700, 300)
    qtbot.waitUntil(lambda: plot_of(made).image.image is not None)
    return made


def plot_of(view: SpectrogramView) -> SpectrogramPlot:
    assert view.plot is not None
    return view.plot


def place(view: SpectrogramView, secs: float, hz: float) -> QPoint:
    plot = plot_of(view)
    return plot.mapFromScene(plot._box.mapViewToScene(QPointF(secs, hz)))  # type: ignore[no-any-return]


def test_pyqtgraph_waits_for_the_first_sound() -> None:
    code = "import sys, ui.views.spectrogram_view; print('pyqtgraph' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_the_whole_sound_is_shown_first(view: SpectrogramView) -> None:
    (start, stop), (low, high) = plot_of(view)._box.viewRange()
    assert (start, stop, low, high) == pytest.approx((0, 20, 0, 8000))


def test_bytes_of_the_size_of_the_screen_are_uploaded(view: SpectrogramView, qtbot: Any) -> None:
    plot = plot_of(view)
    assert plot.image.image.dtype == np.uint8
    height, width = plot.image.image.shape
    assert (width, height) == (round(plot._box.width()), round(plot._box.height()))
    row = int(np.argmax(plot.image.image.sum(axis=1)))
    assert row / height * 8000 == pytest.approx(4000, abs=8000 / height * 2)  # row 0 is at the bottom, at 0 Hz


def test_a_tone_is_painted_where_its_frequency_is(view: SpectrogramView) -> None:
    picture = plot_of(view).grab().toImage()
    column = [picture.pixelColor(place(view, 5, hz)).green() for hz in range(200, 7900, 20)]
    brightest = 200 + 20 * int(np.argmax(column))
    assert max(column) > 200 > min(column)
    assert brightest == pytest.approx(4000, abs=60)


def test_more_of_a_stream_keeps_the_visible_part_and_another_sound_does_not(view: SpectrogramView, qtbot: Any) -> None:
    plot = plot_of(view)
    plot._box.setXRange(2, 4, padding=0)
    view.show_result(spectrogram())
    assert plot._box.viewRange()[0] == pytest.approx([2, 4])
    view.show_result(spectrogram(media="b"))
    assert plot._box.viewRange()[0] == pytest.approx([0, 20])


def test_what_is_not_computed_yet_stays_empty(view: SpectrogramView, qtbot: Any) -> None:
    view.show_result(spectrogram(done=500))
    plot = plot_of(view)
    full = plot.image.image.shape[1]
    qtbot.waitUntil(lambda: plot.image.image.shape[1] == pytest.approx(full / 4, abs=2))
    assert plot.image.mapRectToParent(plot.image.boundingRect()).right() == pytest.approx(5, abs=0.05)


def test_a_click_and_a_drag_of_the_cursor_seek(view: SpectrogramView, drag: Callable[..., None]) -> None:
    sought: list[float] = []
    view.seek_requested.connect(sought.append)
    port = plot_of(view).viewport()
    QTest.mouseClick(port, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place(view, 8, 2000))
    assert sought == pytest.approx([8], abs=0.1)
    sought.clear()
    view.set_position(5.0)
    drag(port, place(view, 5, 2000), place(view, 7, 2000), place(view, 12, 2000))
    assert sought[-1] == pytest.approx(12, abs=0.1)


def test_showing_a_position_seeks_nothing_and_turns_the_page(view: SpectrogramView, qtbot: Any) -> None:
    plot = plot_of(view)
    plot._box.setXRange(2, 4, padding=0)
    with qtbot.assertNotEmitted(view.seek_requested):
        view.set_position(3.0)
        assert plot._box.viewRange()[0] == pytest.approx([2, 4])
        view.set_position(9.0)
    start, stop = plot._box.viewRange()[0]
    assert start < 9 < stop
    assert stop - start == pytest.approx(2)


def test_hovering_tells_time_frequency_and_loudness(view: SpectrogramView, qtbot: Any) -> None:
    told: list[str] = []
    view.told.connect(told.append)
    with qtbot.waitSignal(plot_of(view).hovered) as hover:
        QTest.mouseMove(plot_of(view).viewport(), place(view, 10, 4000))
    secs, hz, db = hover.args
    assert secs == pytest.approx(10, abs=0.1)
    assert hz == pytest.approx(4000, abs=40)
    assert db in (0.0, pytest.approx(-120 + 40 / 255 * 120))
    words = told[-1].split(" · ")
    assert words[0].endswith(" s")
    assert words[1].endswith(" Hz")
    assert words[2].split()[0] in ("B7", "C8")
    assert words[3].endswith(" dB")


def test_loudness_is_read_from_the_level() -> None:
    assert decibels_at(spectrogram(), 10, 4000) == 0.0
    assert decibels_at(spectrogram(), 10, 1000) == pytest.approx(-120 + 40 / 255 * 120)
    assert np.isnan(decibels_at(spectrogram(done=5), 10, 1000))


def test_the_view_cannot_leave_the_sound(view: SpectrogramView) -> None:
    plot = plot_of(view)
    plot._box.setRange(xRange=(-50, 90), yRange=(-1e5, 1e5), padding=0)
    (start, stop), (low, high) = plot._box.viewRange()
    assert (start, stop, low, high) == pytest.approx((0, 20, 0, 8000))


def test_the_colour_map_is_that_of_the_export(view: SpectrogramView) -> None:
    from cvstudio.draw.spectrogram import colour_lut

    view.set_colour_map("magma")
    picture = plot_of(view).grab().toImage()
    red, green, blue = picture.pixelColor(place(view, 5, 2000)).getRgb()[:3]  # type: ignore[misc]
    table = colour_lut("magma").astype(int)
    assert np.abs(table - (red, green, blue)).sum(axis=1).min() == 0


def test_ticks_carry_their_unit() -> None:
    assert FrequencyAxis("left").tickStrings([0, 500, 1000, 2500], 1, 500) == ["0 Hz", "500 Hz", "1 kHz", "2.5 kHz"]
    assert TimeAxis("bottom").tickStrings([0, 0.5, 61.5], 1, 0.5) == ["0.0 s", "0.5 s", "1:01.5"]
    assert TimeAxis("bottom").tickStrings([30, 60, 119.6], 1, 30) == ["30 s", "1:00", "2:00"]


def test_clearing_shows_that_there_is_none(view: SpectrogramView) -> None:
    view.clear()
    assert not plot_of(view).isVisible()
    view.show_result(spectrogram())
    assert plot_of(view).isVisible()


def test_no_menu_of_the_plot_lies_over_it(view: SpectrogramView) -> None:
    from PySide6.QtWidgets import QMenu

    view.hide()
    view.show()
    assert not [menu for menu in plot_of(view).findChildren(QMenu) if menu.isVisible()]


def test_stems_are_shown_in_their_colours_and_the_louder_one_is_read(view: SpectrogramView, qtbot: Any) -> None:
    from cvstudio.draw.sound.separation import track_colour
    from cvstudio.results.separation import Separation

    quiet = np.zeros((WINDOW // 2 + 1, COLUMNS), np.uint8)
    spectra = tuple(Spectrogram(levels, RATE, HOP, WINDOW, -120.0, 0.0, COLUMNS) for levels in (quiet, quiet, quiet))
    spectra = (dataclasses.replace(spectrogram(), source=Source()), *spectra[1:])
    stems = np.zeros((2, 20 * RATE), np.float32)
    found = Separation(stems, RATE, ("one", "two"), RATE, 20 * RATE, spectra, source=Source("a"))
    view.show_result(found)
    plot = plot_of(view)
    qtbot.waitUntil(lambda: plot.image.image is not None and plot.image.image.ndim == 3)
    assert tuple(plot.image.image.max((0, 1))) == track_colour(found, "one")
    told: list[float] = []
    plot.hovered.connect(lambda secs, hz, db: told.append(db))
    plot._moved(plot._box.mapViewToScene(QPointF(5.0, 4000.0)))
    assert told == [0.0]


def test_without_a_wave_no_channels_are_named(view: SpectrogramView) -> None:
    """Else a mono sound that cannot be read stood beside the channels of the one before."""

    def labels() -> list[str]:
        return [text for _, text in view.wave.getAxis("left")._tickLevels[0]]

    empty = labels()
    view.show_pyramid(WavePyramid(2, 400, RATE))
    assert labels() == ["ch. 1", "ch. 2"]
    view.clear()
    assert labels() == empty == ["-1", "0", "1"]
