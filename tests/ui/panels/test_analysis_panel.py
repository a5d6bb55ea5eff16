"""The analysis panel at the size of a small screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import PIL.Image as Pillow
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QFileDialog
from pytestqt.qtbot import QtBot

from cvstudio.analyses import ANALYSES
from cvstudio.media import MediaKind
from cvstudio.media.examples.files import sample_path
from cvstudio.models import MODELS
from ui.panels.analysis import WIDTH
from ui.widgets.elided_label import ElidedLabel
from ui.widgets.rows.class_picker import TALLY
from ui.window.main_window import MainWindow


@pytest.fixture
def cat(window: MainWindow, qtbot: QtBot) -> Callable[[str], None]:
    """`cat(analysis)`: open the cat and use an analysis on it."""

    def use(analysis: str) -> None:
        window.open_paths([sample_path("cat")])
        qtbot.waitUntil(lambda: window.controller.session.state.instance is not None, timeout=60_000)
        window.use_analysis(analysis)

    window.dock_layout.divide()
    return use


@pytest.mark.parametrize("analysis", ["detect", "classify", "grad-cam", "hog", "suppression"])
def test_the_controls_are_whole_at_a_common_size_and_only_results_scroll(
    window: MainWindow, cat: Callable[[str], None], analysis: str, qtbot: QtBot
) -> None:
    panel = window.docks["analysis"].widget()
    cat("detect")
    cat(analysis)
    cat("detect")
    cat(analysis)  # its description is known by now
    qtbot.waitUntil(lambda: panel.analysis.currentData() == analysis)
    qtbot.waitUntil(lambda: not panel.verticalScrollBar().isVisible())


def test_a_range_that_a_depth_map_decides_shows_no_number_before_there_is_one(window: MainWindow, qtbot: QtBot) -> None:
    window.controller.use_analysis("refocus")
    form = window.docks["analysis"].widget().form
    row = form.row("focus")
    assert form.isVisible()
    assert not row.isEnabled()
    assert [box.text() for box in (row.low, row.high)] == ["–", "–"]
    assert form.row("blur").isEnabled()
    window.open_paths([sample_path("scene"), sample_path("scene-depth")])
    qtbot.waitUntil(lambda: form.row("focus").isEnabled(), timeout=60_000)
    row = form.row("focus")
    assert 0 < row.low.value() < row.high.value() < 1000
    assert "–" not in row.low.text() + row.high.text()


def test_an_empty_input_opens_a_file_and_takes_it_as_what_it_wants(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Pillow.new("RGB", (64, 48), "red").save(tmp_path / "photo.png")
    Pillow.linear_gradient("L").resize((64, 48)).save(tmp_path / "grey.png")  # might as well be a picture
    window.controller.use_analysis("refocus")
    controller = window.controller

    def open_into(slot: str, name: str) -> None:
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / name) if name else "", ""))
        combo = window.docks["analysis"].widget().findChild(QComboBox, f"slot-{slot}")
        place = combo.findText("Open a file …")
        combo.setCurrentIndex(place)
        combo.activated.emit(place)

    def bound() -> dict[str, tuple[str, MediaKind]]:
        bindings = controller.session.state.instance.bindings
        return {slot: (media.name, media.kind) for slot, media in bindings.items()}

    open_into("depth", "grey.png")
    qtbot.waitUntil(lambda: bound() == {"depth": ("grey.png", MediaKind.DEPTH)}, timeout=60_000)
    qtbot.waitUntil(lambda: controller.shown.sample is not None, timeout=60_000)  # it is seen while nothing else is
    open_into("picture", "photo.png")
    both = {"picture": ("photo.png", MediaKind.IMAGE), "depth": ("grey.png", MediaKind.DEPTH)}
    qtbot.waitUntil(lambda: bound() == both, timeout=60_000)
    qtbot.waitUntil(lambda: controller.current_result() is not None, timeout=60_000)
    open_into("picture", "")  # cancelled
    combo = window.docks["analysis"].widget().findChild(QComboBox, "slot-picture")
    assert combo.currentText() == "photo.png"
    (tmp_path / "words.txt").write_text("no picture")
    media = controller.session.state.media
    open_into("picture", "words.txt")
    qtbot.waitUntil(lambda: bool(window.notices.shown), timeout=60_000)
    assert (bound(), controller.session.state.media) == (both, media)


def test_no_analysis_is_wider_than_its_panel(window: MainWindow, qtbot: QtBot) -> None:
    panel = window.docks["analysis"].widget()
    wide = {}
    for spec in ANALYSES:
        window.controller.use_analysis(spec.key)
        least = panel.widget().minimumSizeHint().width()
        if least > WIDTH:
            wide[spec.key] = least
    assert wide == {}


def test_names_of_models_are_whole(window: MainWindow, cat: Callable[[str], None], qtbot: QtBot) -> None:
    cat("detect")
    panel, layers = window.docks["analysis"].widget(), window.docks["layers"].widget()
    qtbot.waitUntil(lambda: panel._model is not None and panel._model.isVisible())
    title = MODELS[window.controller.session.state.instance.model].title
    qtbot.waitUntil(lambda: panel._model.shown_text() == title)
    (label,) = [label for label in layers.findChildren(ElidedLabel) if label.text() == title]
    assert label.fontMetrics().horizontalAdvance(title) <= label.contentsRect().width()


def test_the_licence_is_one_line_whose_tooltip_has_all_of_it(window: MainWindow, cat: Callable[[str], None]) -> None:
    cat("detect")
    line = window.docks["analysis"].widget().licence
    instance = window.controller.session.state.instance
    text = MODELS[instance.model].weights[0].licence
    assert line.badge.isVisible()
    assert line.text.toolTip() == text
    assert line.height() < 2 * line.fontMetrics().lineSpacing()


def test_a_description_is_read_once_and_then_is_a_tooltip(
    window: MainWindow, cat: Callable[[str], None], qtbot: QtBot
) -> None:
    panel = window.docks["analysis"].widget()
    cat("detect")
    assert panel._summary.isVisible()
    cat("classify")
    assert panel._summary.isVisible()
    cat("detect")
    assert panel._summary.isHidden()
    assert panel.analysis.toolTip() == panel._summary.text() != ""
    later = MainWindow()
    later.show()
    later.use_analysis("classify")
    known = later.docks["analysis"].widget()
    qtbot.waitUntil(lambda: known.analysis.currentData() == "classify", timeout=60_000)
    assert known.analysis.toolTip()
    assert known._summary.isHidden()
    later.close()
    later.deleteLater()


def test_classes_are_counted_whether_they_are_shown_or_not(
    window: MainWindow, cat: Callable[[str], None], qtbot: QtBot
) -> None:
    controller = window.controller
    cat("detect")
    controller.set_value("score", 0.02)
    qtbot.waitUntil(lambda: controller.detections() is not None and len(controller.detections()) > 1, timeout=60_000)
    detections = controller.detections()
    expected = Counter(detections.label(row) for row in range(len(detections)))
    controller.set_value("classes", (expected.most_common()[-1][0],))
    picker = window.docks["analysis"].widget().form.row("classes").picker
    picker.open()
    model = picker.popup.list.model()
    texts = [(model.index(row, 0).data(), model.index(row, 0).data(TALLY)) for row in range(model.rowCount())]
    assert {name: int(tally) for name, tally in texts if tally} == expected
    picker.popup.close()


def test_an_analysis_that_does_not_fit_cannot_be_chosen_and_says_what_it_needs(
    window: MainWindow, cat: Callable[[str], None], qtbot: QtBot
) -> None:
    combo = window.docks["analysis"].widget().analysis

    def usable(key: str) -> bool:
        return bool(combo.model().flags(combo.model().index(combo.findData(key), 0)) & Qt.ItemFlag.ItemIsEnabled)

    def told(key: str) -> str:
        return str(combo.itemData(combo.findData(key), Qt.ItemDataRole.ToolTipRole))

    assert all(usable(spec.key) for spec in ANALYSES)  # nothing is open: each has its sample
    cat("detect")
    qtbot.waitUntil(lambda: not usable("spectrogram"))
    for spec in ANALYSES:
        media = window.controller.session.state.active_media
        assert usable(spec.key) == (spec.canvas is None or any(slot.takes(media) for slot in spec.inputs)), spec.key
    assert "needs: Sound or video" in told("spectrogram")
    assert "needs" not in told("detect")
    # The palette still leads to it, on its sample, and says so.
    window.use_analysis("spectrogram")
    assert any("needs: Sound or video" in notice.text for notice in window.notices.shown)
    window.controller.open_sample("spectrogram")
    qtbot.waitUntil(lambda: usable("spectrogram") and not usable("detect"), timeout=60_000)
    assert "Picture or video" in told("detect")


@pytest.mark.parametrize(("width", "least"), [(1024, 44), (1280, 44)])
def test_sliders_have_room_in_a_small_window(
    window: MainWindow, cat: Callable[[str], None], qtbot: QtBot, width: int, least: int
) -> None:
    window.resize(width, 700)
    window.dock_layout.divide()
    cat("detect")
    form = window.docks["analysis"].widget().form
    qtbot.waitUntil(lambda: "score" in form._rows and form.row("score").isVisible(), timeout=60_000)
    qtbot.waitUntil(lambda: form.row("score").slider.width() >= least)
