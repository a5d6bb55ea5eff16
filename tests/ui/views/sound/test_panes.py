"""The panes of a sound: wave, spectrogram and spectrum, zoomed together, with a stretch between A and B."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtTest import QTest

from cvstudio.data.sound.frequency_scale import position
from cvstudio.data.sound.spectra import one_spectrum, window_values
from cvstudio.data.sound.wave_pyramid import WavePyramid
from cvstudio.results.sound.cepstrum import Cepstrum
from cvstudio.results.sound.power_spectrum import PowerSpectrum
from cvstudio.results.sound.wave_envelope import WaveEnvelope
from cvstudio.results.source import Source
from cvstudio.results.spectrogram import Spectrogram
from ui.base import theme
from ui.tour.input_events import move_mouse
from ui.views.sound.axes import FrequencyAxis
from ui.views.spectrogram_view import SpectrogramView

RATE = 16_000
SECS = 20


def wave() -> np.ndarray:
    """A louder second half, whose last quarter clips."""
    times = np.arange(SECS * RATE) / RATE
    samples = 0.25 * np.sin(2 * np.pi * 440 * times)
    samples[SECS * RATE // 2 :] *= 2
    samples[-SECS * RATE // 4 :] = np.sign(samples[-SECS * RATE // 4 :])
    return samples[None].astype(np.float32)


def pyramid() -> WavePyramid:
    made = WavePyramid(1, SECS * RATE, RATE)
    made.append(wave())
    return made


def spectrogram(**changes: Any) -> Spectrogram:
    levels = np.full((257, SECS * 100), 40, np.uint8)
    return dataclasses.replace(Spectrogram(levels, RATE, 160, 512, -120.0, 0.0, SECS * 100, Source("a")), **changes)


@pytest.fixture
def view(shown: Callable[..., Any], qtbot: Any) -> SpectrogramView:
    made = SpectrogramView()
    made.show_result(spectrogram())
    made.show_pyramid(pyramid())
    shown(made, 800, 600)
    qtbot.waitUntil(lambda: made.wave.image.image is not None)
    return made


def place(plot: Any, x: float, y: float) -> QPoint:
    return plot.mapFromScene(plot.getViewBox().mapViewToScene(QPointF(x, y)))  # type: ignore[no-any-return]


@pytest.fixture
def drag(qtbot: Any) -> Callable[..., None]:
    """Press at a point, move through the others, let go: pyqtgraph takes a hundred moves a second, and no more."""

    def act(widget: Any, start: QPoint, *stops: QPoint) -> None:
        move_mouse(widget, start, Qt.MouseButton.NoButton)
        qtbot.wait(30)
        QTest.mousePress(widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start)
        for stop in stops:
            qtbot.wait(30)
            move_mouse(widget, stop, Qt.MouseButton.LeftButton)
        qtbot.wait(30)
        QTest.mouseRelease(widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, stops[-1])

    return act


def heights(view: SpectrogramView) -> np.ndarray:
    """Part of the pane's height that the wave takes in each column."""
    drawn: np.ndarray = (view.wave.image.image > 0).mean(0)
    return drawn


def test_the_wave_is_as_high_as_it_is_loud_and_clipping_has_a_colour_of_its_own(view: SpectrogramView) -> None:
    drawn = heights(view)
    count = len(drawn)
    assert drawn[count // 4] == pytest.approx(0.25 * 0.92, abs=0.02)
    assert drawn[count * 5 // 8] == pytest.approx(0.5 * 0.92, abs=0.02)
    image = view.wave.image.image
    assert image[:, : count // 2].max() == 1
    assert image[:, count * 7 // 8].max() == 2


def test_panes_are_zoomed_and_moved_together(view: SpectrogramView, qtbot: Any) -> None:
    plot = view.plot
    assert plot is not None
    plot.box.setXRange(3, 5, padding=0)
    qtbot.waitUntil(lambda: view.wave.box.viewRange()[0] == pytest.approx([3, 5], abs=0.01))
    # Pixel below pixel: both have one axis of the same width.
    for secs in (3.2, 4.7):
        over = view.wave.mapTo(view, place(view.wave, secs, 0.5)).x()
        under = plot.mapTo(view, place(plot, secs, 1000)).x()
        assert abs(over - under) <= 1


def test_few_samples_are_asked_for_and_drawn_one_by_one(view: SpectrogramView, qtbot: Any) -> None:
    plot = view.plot
    assert plot is not None
    asked: list[tuple[int, int]] = []
    view.samples_wanted.connect(lambda first, last: asked.append((first, last)))
    plot.box.setXRange(1.0, 1.01, padding=0)
    qtbot.waitUntil(lambda: bool(asked))
    first, last = asked[-1]
    assert first <= 1.0 * RATE
    assert last >= 1.01 * RATE
    view.show_samples(first, wave()[:, first:last])
    qtbot.waitUntil(lambda: view.wave._soon.isActive() is False)
    view.wave.render_visible()
    # Four and a half periods of a sine: a thin line that goes up and down.
    assert heights(view).max() < 0.2
    rows = (view.wave.image.image > 0).argmax(0)
    assert np.ptp(rows) / len(view.wave.image.image) == pytest.approx(0.25 * 0.92, abs=0.05)
    before = len(asked)
    plot.box.setXRange(1.001, 1.011, padding=0)
    qtbot.wait(30)
    assert len(asked) == before  # as much again had been read on either side


def test_a_drag_over_the_wave_chooses_a_stretch_and_a_click_seeks(
    view: SpectrogramView, drag: Callable[..., None], qtbot: Any
) -> None:
    told: list[Any] = []
    view.stretch_changed.connect(told.append)
    port = view.wave.viewport()
    drag(port, place(view.wave, 4, 0.5), place(view.wave, 6, 0.5), place(view.wave, 9, 0.5))
    begin, end = told[-1]
    assert (begin, end) == pytest.approx((4, 9), abs=0.3)
    assert view.stretch.span == told[-1]
    assert all(region.isVisible() for region in view.stretch.regions)
    assert [name.toPlainText() for name in view.stretch._names] == ["A", "B"] * 2
    view.set_stretch(None)
    assert told[-1] is None
    assert not any(region.isVisible() for region in view.stretch.regions)
    with qtbot.waitSignal(view.seek_requested) as sought:
        QTest.mouseClick(port, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place(view.wave, 12, 0.5))
    assert sought.args[0] == pytest.approx(12, abs=0.1)


def test_a_handle_moves_alone_and_what_is_between_moves_both(view: SpectrogramView, drag: Callable[..., None]) -> None:
    view.set_stretch((4.0, 8.0))
    plot = view.plot
    assert plot is not None
    drag(plot.viewport(), place(plot, 8, 4000), place(plot, 9, 4000), place(plot, 12, 4000))
    assert view.stretch.span == pytest.approx((4, 12), abs=0.2)
    drag(view.wave.viewport(), place(view.wave, 7, 0.8), place(view.wave, 8, 0.8), place(view.wave, 10, 0.8))
    assert view.stretch.span == pytest.approx((7, 15), abs=0.3)
    assert tuple(view.stretch.regions[0].getRegion()) == view.stretch.span


def test_a_window_slides_over_the_wave_with_its_taper(view: SpectrogramView) -> None:
    told: list[Any] = []
    view.stretch_changed.connect(told.append)
    view.set_position(5.0)
    view.slide_window(True)
    plot = view.plot
    assert plot is not None
    assert told[-1] == pytest.approx((5 - 0.016, 5 + 0.016))
    begin, end = plot.box.viewRange()[0]
    assert begin < told[-1][0] < told[-1][1] < end
    assert end - begin < 0.3
    assert view.wave.curve.isVisible()
    times, shape = view.wave.curve.getData()
    assert (times[0], times[-1]) == pytest.approx(told[-1])
    np.testing.assert_allclose(shape, 0.5 + 0.46 * window_values("hann", len(times)), atol=1e-6)
    assert view.shows_spectrum
    view.slide_window(False)
    assert told[-1] is None
    assert not view.wave.curve.isVisible()


def test_a_window_begins_in_the_stretch_that_was_chosen_and_gives_it_back(view: SpectrogramView) -> None:
    view.set_stretch((8.0, 10.0))
    assert view.clear_button.isVisibleTo(view)
    view.slide_window(True)
    assert view.stretch.span == pytest.approx((9 - 0.016, 9 + 0.016))
    assert not view.clear_button.isVisibleTo(view)
    view.slide_window(False)
    assert view.stretch.span == (8.0, 10.0)
    assert not view.wave.curve.isVisible()
    view.clear_button.click()
    assert view.stretch.span is None
    assert not view.clear_button.isVisibleTo(view)


def test_a_wave_without_a_spectrogram_has_its_times_turns_pages_and_is_shown_whole_by_a_double_click(
    shown: Callable[..., Any], qtbot: Any
) -> None:
    view = SpectrogramView()
    view.show_result(WaveEnvelope.of(pyramid(), Source("a")))
    shown(view, 900, 700)
    axis = view.wave.getAxis("bottom")
    assert axis.isVisible()
    secs = pyramid().n_samples / RATE
    assert view.wave.box.viewRange()[0] == pytest.approx([0, secs], abs=0.01)
    view.wave.box.setXRange(1.0, 2.0, padding=0)
    view.set_position(5.0)
    begin, end = view.wave.box.viewRange()[0]
    assert begin < 5 < end
    assert end - begin == pytest.approx(1.0, abs=0.05)
    for act in (QTest.mouseClick, QTest.mouseDClick, QTest.mouseRelease):
        where = place(view.wave, 5.5, 0.5)
        act(view.wave.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, where)
    qtbot.waitUntil(lambda: view.wave.box.viewRange()[0] == pytest.approx([0, secs], abs=0.01))
    view.show_result(spectrogram())
    assert not axis.isVisible()


@pytest.mark.parametrize("width", [400, 820])
@pytest.mark.parametrize(
    ("low", "high"), [(20, 8000), (29, 90), (11, 22_000), (440, 441), (1000.2, 1003.7), (15e3, 15_050)]
)
@pytest.mark.parametrize("scale", ["log", "mel"])
def test_marks_side_by_side_have_room_for_their_texts(
    scale: Any, low: float, high: float, width: int, qapp: Any
) -> None:
    axis = FrequencyAxis("bottom")
    axis.set_scale(scale)
    ends = position(scale, float(low)), position(scale, float(high))
    marks = sorted(axis.tickValues(*ends, float(width))[0][1])
    assert len(marks) >= 2
    metrics = QFontMetrics(theme.app_font(theme.SMALL_PX))
    widths = [metrics.horizontalAdvance(text) for text in axis.tickStrings(marks, 1, 1)]
    gaps = np.diff(marks) * width / (ends[1] - ends[0])
    assert all(gap >= (one + other) / 2 + 2 for gap, one, other in zip(gaps, widths, widths[1:], strict=False))


def test_the_spectrum_names_its_peak(view: SpectrogramView) -> None:
    view.spectrum_button.setChecked(True)
    view.show_spectrum(one_spectrum(wave()[:, :4000], RATE, "hann"), "words")
    assert view.spectrum.peak.toPlainText() == "440.0 Hz · A4 +0 ct · -12.0 dB"
    places, levels = view.spectrum.curve.getData()
    assert places[np.argmax(levels)] == pytest.approx(440, abs=4)


def test_a_box_drawn_with_shift_or_by_the_button_is_zoomed_to(view: SpectrogramView, drag: Callable[..., None]) -> None:
    plot = view.plot
    assert plot is not None
    view.box_button.setChecked(True)
    drag(plot.viewport(), place(plot, 4, 2000), place(plot, 6, 3000), place(plot, 10, 6000))
    (start, stop), (low, high) = plot.box.viewRange()
    assert (start, stop) == pytest.approx((4, 10), abs=0.5)
    assert (low, high) == pytest.approx((2000, 6000), abs=300)
    view.box_button.setChecked(False)
    drag(plot.viewport(), place(plot, 7, 4000), place(plot, 6, 4000), place(plot, 5, 4000))
    assert plot.box.viewRange()[0][1] - plot.box.viewRange()[0][0] == pytest.approx(stop - start, abs=0.01)
    view.all_button.click()
    assert plot.box.viewRange()[0] == pytest.approx([0, 20])


def test_the_legend_tells_the_levels_of_the_colours(view: SpectrogramView) -> None:
    view.show_result(spectrogram(show_low_db=-80.0, show_high_db=-20.0))
    ticks = view.legend.ticks()
    assert ticks[0][0] == -20
    assert ticks[-1][0] == -80
    rows = [row for _, row in ticks]
    assert rows == sorted(rows)
    picture = view.legend.grab().toImage()
    brightest, darkest = picture.pixelColor(4, rows[0] + 2), picture.pixelColor(4, rows[-1] - 2)
    assert brightest.lightness() > darkest.lightness() + 80


def test_another_axis_keeps_the_times(view: SpectrogramView) -> None:
    plot = view.plot
    assert plot is not None
    plot.box.setXRange(2, 4, padding=0)
    view.show_result(spectrogram(axis="log"))
    (start, stop), (low, high) = plot.box.viewRange()
    assert (start, stop) == pytest.approx((2, 4))
    assert (low, high) == pytest.approx((np.log2(20), np.log2(8000)))
    axis = plot.getAxis("left")
    marks = axis.tickValues(low, high, 300)[0][1]
    assert "100 Hz" in axis.tickStrings(marks, 1, 1)
    assert "1 kHz" in axis.tickStrings(marks, 1, 1)


@pytest.mark.parametrize(("low", "high"), [(20, 8000), (400, 480), (3000, 3400), (20, 96_000)])
@pytest.mark.parametrize("scale", ["log", "mel"])
def test_marks_of_a_scale_are_apart_and_inside(scale: Any, low: float, high: float, qapp: Any) -> None:
    axis = FrequencyAxis("left")
    axis.set_scale(scale)
    ends = position(scale, float(low)), position(scale, float(high))
    marks = sorted(axis.tickValues(*ends, 300.0)[0][1])
    assert 2 <= len(marks) <= 12
    assert marks[0] >= ends[0]
    assert marks[-1] <= ends[1]
    assert min(np.diff(marks)) >= 28 * (ends[1] - ends[0]) / 300
    texts = axis.tickStrings(marks, 1, 1)
    assert len(set(texts)) == len(texts)


def test_coefficients_have_their_names(view: SpectrogramView, qtbot: Any) -> None:
    coefficients = np.random.default_rng(0).normal(0, 1, (4, 2000)).astype(np.float32)
    view.show_result(Cepstrum(coefficients, ("c0", "c1", "Δc0", "Δc1"), RATE, 160, 512, 2000, Source("a")))
    plot = view.plot
    assert plot is not None
    assert plot.getAxis("left").tickStrings([0, 1, 2, 3], 1, 1) == ["c0", "c1", "Δc0", "Δc1"]
    assert view.legend.levels_db is None
    told: list[str] = []
    view.told.connect(told.append)
    plot._moved(plot.box.mapViewToScene(QPointF(5.0, 2.0)))
    assert told == [f"5.000 s · Δc0 · {coefficients[2, 500]:.2f}"]


def test_a_waveform_and_a_power_spectrum_stand_alone(view: SpectrogramView) -> None:
    view.show_result(WaveEnvelope.of(pyramid(), Source("a")))
    plot = view.plot
    assert plot is not None
    assert not plot.isVisibleTo(view)
    assert view.wave.isVisibleTo(view)
    result = PowerSpectrum(np.arange(257) * 31.25, np.full(257, -50, np.float32), 1.0, 2.0, RATE, 512, 61)
    view.show_result(result)
    assert not plot.isVisibleTo(view)
    assert view.spectrum.isVisibleTo(view)
    assert not view.shows_spectrum  # it is the analysis that measures
    assert not view.spectrum_button.isVisibleTo(view)
    assert not view.window_button.isVisibleTo(view)


def test_a_low_view_has_no_room_for_every_pane(shown: Callable[..., Any]) -> None:
    view = SpectrogramView()
    view.show_result(spectrogram())
    view.spectrum_button.setChecked(True)
    shown(view, 600, 180)
    assert view.plot is not None
    assert view.plot.isVisibleTo(view)
    assert not view.wave.isVisibleTo(view)
    assert not view.spectrum.isVisibleTo(view)
