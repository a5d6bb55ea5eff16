"""The views of a sound and its analyses follow one another."""

import pytest

from cvstudio.results.sound.power_spectrum import PowerSpectrum
from cvstudio.results.spectrogram import Spectrogram


def test_a_power_spectrum_is_of_what_is_between_a_and_b_and_says_where_that_ends(window, settle, qtbot):
    controller = window.controller
    controller.open_sample("power-spectrum")
    settle(PowerSpectrum)
    view, form = window.workspace.spectrogram, window.docks["analysis"].widget().form
    whole = controller.current_result().stop_secs
    assert form.row("end").value() == pytest.approx(whole, abs=0.002)
    assert view.stretch.span is None
    view.wave.stretched.emit(0.5, 0.75)
    qtbot.waitUntil(lambda: controller.session.state.instance.values.get("end") == 0.75, timeout=60_000)
    settle(PowerSpectrum)
    result = controller.current_result()
    assert (result.start_secs, result.stop_secs) == pytest.approx((0.5, 0.75), abs=0.001)
    assert view.stretch.span == (0.5, 0.75)
    controller.undo()
    qtbot.waitUntil(lambda: view.stretch.span is None, timeout=60_000)
    controller.redo()
    controller.set_value("begin", 0.25)
    qtbot.waitUntil(lambda: view.stretch.span == (0.25, 0.75), timeout=60_000)
    view.clear_button.click()
    qtbot.waitUntil(lambda: form.row("end").value() == pytest.approx(whole, abs=0.002), timeout=60_000)
    assert controller.session.state.instance.value("begin") == 0


def test_a_hidden_spectrogram_leaves_the_wave_alone(window, settle, qtbot):
    controller = window.controller
    controller.open_sample("spectrogram")
    settle(Spectrogram)
    view = window.workspace.spectrogram
    qtbot.waitUntil(lambda: view.wave.pyramid is not None, timeout=60_000)
    view.plot.box.setXRange(1.0, 2.0, padding=0)
    controller.set_visible(controller.session.state.current, False)
    qtbot.waitUntil(lambda: not view.plot.isVisibleTo(view), timeout=60_000)
    assert view.wave.isVisibleTo(view)
    controller.set_visible(controller.session.state.current, True)
    qtbot.waitUntil(lambda: view.plot.isVisibleTo(view), timeout=60_000)
    assert view.plot.box.viewRange()[0] == pytest.approx([1, 2], abs=0.01)
    controller.use_analysis("mixing-desk")  # lacks a second sound: nothing of it is to come
    qtbot.waitUntil(lambda: not view.plot.isVisibleTo(view), timeout=60_000)
