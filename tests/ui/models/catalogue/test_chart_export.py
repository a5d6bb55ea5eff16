"""The summary chart copied and saved, read back by others than who wrote it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from cvstudio.models import MODELS
from ui.base import theme
from ui.models.catalogue.chart_export import MARGIN, drawing, picture
from ui.models.catalogue.content import CHART, CatalogueContent
from ui.window.main_window import MainWindow

WAIT_MS = 30_000
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def content(window: MainWindow, qtbot: QtBot) -> Iterator[CatalogueContent]:
    """The catalogue with the detectors' chart."""
    window.show_catalogue()
    found = window.docks["catalogue"].widget().content
    qtbot.waitUntil(lambda: len(found.entries) == len(MODELS), timeout=WAIT_MS)
    found.show_task("detect")
    found.show_chart()
    found.choose("yolox-m")
    qtbot.waitUntil(lambda: len(found.chart.names()) > 3, timeout=WAIT_MS)
    yield found
    QGuiApplication.clipboard().clear()


def array(image: QImage) -> np.ndarray:
    image = image.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def saved(window: MainWindow, path: Path, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: f"{path.name} is saved." in [n.text for n in window.notices.shown], timeout=WAIT_MS)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("name", ["dark", "light"])
def test_a_picture_shows_what_is_on_screen_twice_as_large(window, content, qtbot, qapp, tmp_path, name):
    theme.apply_theme(qapp, name)
    QTest.qWait(50)
    chart = content.chart
    before = array(chart.plot.grab().toImage())
    content.chart_tools.save(tmp_path / "chart.png")
    saved(window, tmp_path / "chart.png", qtbot)
    with Image.open(tmp_path / "chart.png") as image:
        found = np.asarray(image.convert("RGB")).astype(int)
    height, width = before.shape[:2]
    assert found.shape[1] == 2 * (width + 2 * MARGIN)
    part = found[-2 * (height + MARGIN) : -2 * MARGIN, 2 * MARGIN : -2 * MARGIN]
    assert part.shape[:2] == (2 * height, 2 * width)
    # Halved again it is the screen's picture, but for how edges are smoothed.
    halved = part.reshape(height, 2, width, 2, 3).mean((1, 3))
    assert np.abs(halved - before).mean() < 2
    # Sharper than the screen's picture enlarged: neighbours differ where that one repeats itself.
    assert np.abs(part[::2] - part[1::2]).sum() > 0
    # The legend above it.
    assert found[: -2 * (height + MARGIN)].std() > 2
    # Drawing it has left no trace on screen.
    assert np.array_equal(array(chart.plot.grab().toImage()), before)


def test_a_drawing_has_its_names_as_text_and_no_pixels(content):
    chart = content.chart
    root = ElementTree.fromstring(drawing(chart))
    texts = ["".join(item.itertext()) for item in root.iter(f"{SVG}text")]
    assert set(chart.names()) <= set(texts)
    assert any(text.strip() == "box mAP, %" for text in texts)
    assert any(text.strip() == "Multiply-adds" for text in texts)
    assert any("YOLO" in text for text in texts)
    assert not list(root.iter(f"{SVG}image"))
    assert root.find(f"{SVG}title").text == "box mAP against multiply-adds"
    size = picture(chart, 1).size()
    assert root.get("viewBox").split() == ["0", "0", str(size.width()), str(size.height())]
    # A round mark for each bubble and one around the chosen.
    shapes = [*root.iter(f"{SVG}circle"), *root.iter(f"{SVG}ellipse"), *root.iter(f"{SVG}path")]
    assert len(shapes) >= len(chart.bubbles) + 1


def test_the_numbers_are_those_of_the_models(window, content, qtbot, tmp_path):
    content.chart_tools.save(tmp_path / "chart.csv")
    saved(window, tmp_path / "chart.csv", qtbot)
    with (tmp_path / "chart.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = {row["key"]: row for row in csv.DictReader(file)}
    assert set(rows) == {model.key for model in MODELS if model.task == "detect"}
    first = rows["yolox-s"]
    stated = MODELS["yolox-s"]
    assert int(first["parameters"]) == stated.architecture.parameters
    assert float(first["box mAP %"]) == stated.weights[0].scores["box mAP"]
    assert int(first["weights_bytes"]) == stated.weights[0].size_bytes
    assert first["paper"] == stated.paper
    assert first["ms_here"] == ""
    assert rows["hog"]["box mAP %"] == rows["hog"]["parameters"] == ""
    # What is on the chart stands above what is not.
    keys = list(rows)
    assert {bubble.entry.key for bubble in content.chart.bubbles} == set(keys[: len(content.chart.bubbles)])


def test_ctrl_c_copies_the_chart_and_not_the_picture_behind_it(window, content, qtbot):
    clipboard = QGuiApplication.clipboard()
    button = content._views.button(CHART)
    button.setFocus()
    QTest.keyClick(button, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert np.array_equal(array(clipboard.image()), array(picture(content.chart)))
    assert "The chart is on the clipboard." in [notice.text for notice in window.notices.shown]
    # A field copies its own text.
    content.search.setFocus()
    content.search.setText("yolox")
    content.search.selectAll()
    QTest.keyClick(content.search, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert clipboard.text() == "yolox"
    # Above the table there is no chart to copy.
    content.show_chart(False)
    QTest.keyClick(button, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert clipboard.image().size() != picture(content.chart).size()


@pytest.mark.parametrize(
    ("typed", "kind", "name"),
    [
        ("a.png", "", "a.png"),
        ("a.SVG", "", "a.SVG"),
        ("a", "CSV table (*.csv)", "a.csv"),
        ("a.b", "SVG drawing (*.svg)", "a.b.svg"),
    ],
)
def test_the_suffix_says_what_is_saved(window, content, qtbot, monkeypatch, tmp_path, typed, kind, name):
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / typed), kind))
    content.chart_tools.save_button.click()
    saved(window, tmp_path / name, qtbot)
    begin = (tmp_path / name).read_bytes()[:5]
    assert begin == {"png": b"\x89PNG\r", "svg": b"<?xml", "csv": b"\xef\xbb\xbfke"}[name[-3:].lower()]


def test_a_place_that_cannot_be_written_is_one_sentence(window, content, qtbot, tmp_path):
    (tmp_path / "file").write_text("no folder")
    content.chart_tools.save(tmp_path / "file" / "chart.png")
    qtbot.waitUntil(lambda: bool(window.notices.shown), timeout=WAIT_MS)
    (notice,) = window.notices.shown
    assert notice.text.startswith("chart.png cannot be written (")
    assert notice.text.endswith("; choose another folder.")
