"""What a file is read as, in the window: chosen in its panel, taken back, and kept by batches and while leafing."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from cvstudio.media import Media, MediaKind
from ui.panels.batch import BatchPanel
from ui.panels.medium import MediumPanel
from ui.window.main_window import MainWindow

LEVELS = np.tile(np.arange(96, dtype=np.uint16) * 20 + 500, (64, 1))


def png(path: Path, values: np.ndarray = LEVELS) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(cv2.imencode(".png", values)[1].tobytes())
    return path


@pytest.fixture
def panel(window: MainWindow) -> MediumPanel:
    window.docks["medium"].raise_()
    found = window.docks["medium"].widget()
    assert isinstance(found, MediumPanel)
    return found


def active(window: MainWindow) -> Media:
    media = window.controller.session.state.active_media
    assert media is not None
    return media


def show(qtbot: QtBot, window: MainWindow, path: Path) -> None:
    window.open_paths([path])
    state = window.controller.session
    qtbot.waitUntil(lambda: any(media.path == path for media in state.state.media), timeout=30_000)
    window.controller.activate(next(media for media in state.state.media if media.path == path))
    qtbot.waitUntil(lambda: window.controller.shown.sample is not None, timeout=30_000)


def choose(qtbot: QtBot, window: MainWindow, panel: MediumPanel, title: str) -> None:
    """Choose in the combo box as a user does."""
    combo = panel.form.row("read_as").combo
    index = combo.findText(title)
    assert index >= 0
    combo.setCurrentIndex(index)
    combo.activated.emit(index)
    key = combo.itemData(index)
    qtbot.waitUntil(lambda: active(window).read_as == key, timeout=30_000)
    qtbot.waitUntil(lambda: window.controller.shown.sample is not None, timeout=30_000)


def test_it_is_chosen_in_the_panel_and_taken_back(qtbot, window, panel, tmp_path):
    show(qtbot, window, png(tmp_path / "a.png"))
    controller = window.controller
    before = active(window)
    combo = panel.form.row("read_as").combo
    titles = [combo.itemText(row) for row in range(combo.count())]
    assert titles[0] == combo.currentText() == "Depth map"
    assert {"Picture", "Picture of 12 bits", "Labels"} < set(titles)
    assert panel.rows()["Read as"] == "depth, as 16 bits in one channel are what depth cameras write"
    # What the control offers is not told once more below it.
    assert "Or as" not in panel.rows()
    choose(qtbot, window, panel, "Picture of 12 bits")
    assert active(window).kind is MediaKind.IMAGE
    qtbot.waitUntil(lambda: int(controller.shown.sample.pixels[0, 0, 0]) == round(500 * 65535 / 4095))
    assert panel.rows()["Read as"] == "picture=12-bit, as chosen"
    assert panel.rows()["Bits"] == "12 of 16"
    with pytest.raises(KeyError):
        panel.form.row("depth_scale")
    choose(qtbot, window, panel, "Labels")
    qtbot.waitUntil(lambda: panel.rows().get("Labels") == "96, 500 to 2,400")
    assert controller.session.undo_title == "Read as Labels"
    assert len(controller.session.state.media) == 1
    controller.undo()
    combo = panel.form.row("read_as").combo
    assert (active(window).read_as, combo.currentText()) == ("picture=12-bit", "Picture of 12 bits")
    controller.undo()
    assert active(window) == before
    controller.redo()
    assert active(window).read_as == "picture=12-bit"
    # The same file again stays as it is read.
    show(qtbot, window, before.path)
    assert [media.read_as for media in controller.session.state.media] == ["picture=12-bit"]


@pytest.mark.parametrize("of_folder", [False, True])
def test_the_thumbnail_is_of_what_is_read(qtbot, window, panel, tmp_path, of_folder):
    path = png(tmp_path / "in" / "a.png", np.kron(np.array([[1, 2], [3, 4]], np.uint8), np.ones((40, 40), np.uint8)))
    if of_folder:
        window.open_paths([path.parent])
        qtbot.waitUntil(lambda: window.controller.shown.sample is not None, timeout=30_000)
    else:
        show(qtbot, window, path)
    thumbnails = window.docks["media"].widget().thumbnails

    def brightest() -> int:
        preview = thumbnails.get(path)
        if preview is None or preview.picture is None:
            return -1
        image = preview.picture.toImage()
        return max(image.pixelColor(x, y).value() for x in (4, 60) for y in (4, 60))

    qtbot.waitUntil(lambda: 0 <= brightest() < 10, timeout=30_000)
    choose(qtbot, window, panel, "Labels")
    qtbot.waitUntil(lambda: brightest() > 100, timeout=30_000)
    window.controller.undo()
    qtbot.waitUntil(lambda: 0 <= brightest() < 10, timeout=30_000)


def test_the_palette_finds_the_choice(qtbot, window, tmp_path):
    from cvstudio.foundation.text_search import ranked

    titles = [entry.title for entry in ranked(window.palette_entries(), "read as", [])]
    assert "File info" in titles[:3]
    assert not any(title.startswith("Read as") for title in titles)
    show(qtbot, window, png(tmp_path / "a.png"))
    found = ranked(window.palette_entries(), "read as", [])
    assert {"Read as Picture", "Read as Labels", "File info"} <= {entry.title for entry in found[:8]}
    assert "Read as Depth map" not in {entry.title for entry in found}
    next(entry for entry in found if entry.title == "Read as Labels").run()
    qtbot.waitUntil(lambda: active(window).read_as == "labels", timeout=30_000)
    assert ranked(window.palette_entries(), "읽는 방식", [])[0].title == "File info"


def test_the_keyboard_stays_on_the_choice(qtbot, window, panel, tmp_path):
    show(qtbot, window, png(tmp_path / "a.png"))
    panel.form.row("read_as").combo.setFocus()
    for title in ("Picture", "Depth map"):
        # The rows are others: a depth map has a scale.
        choose(qtbot, window, panel, title)
        qtbot.waitUntil(lambda: panel.form.row("read_as").combo.hasFocus())
        assert panel.form.row("read_as").combo.currentText() == title


def test_a_file_that_offers_nothing_has_no_choice(qtbot, window, panel, tmp_path):
    show(qtbot, window, png(tmp_path / "colour.png", np.dstack([LEVELS, LEVELS // 2, LEVELS])))
    assert "Read as" not in panel.rows()
    with pytest.raises(KeyError):
        panel.form.row("read_as")


def test_what_cannot_be_read_so_stays_as_it_was(qtbot, window, panel, tmp_path):
    path = png(tmp_path / "black.png", (LEVELS // 9999).astype(np.uint8))
    show(qtbot, window, path)
    told: list[str] = []
    window.controller.notice.connect(lambda level, text: told.append(text))
    combo = panel.form.row("read_as").combo
    combo.setCurrentIndex(combo.findText("Depth map"))
    combo.activated.emit(combo.currentIndex())
    qtbot.waitUntil(lambda: any("no valid depth" in text for text in told), timeout=30_000)
    assert active(window).read_as == "picture"
    qtbot.waitUntil(lambda: combo.currentText() == "Picture")


def test_the_next_file_of_a_folder_is_read_alike_where_it_can_be(qtbot, window, panel, tmp_path):
    for number in range(2):
        png(tmp_path / "in" / f"{number}.png", LEVELS + number)
    png(tmp_path / "in" / "2.png", np.dstack([LEVELS, LEVELS // 2, LEVELS]))
    window.open_paths([tmp_path / "in"])
    qtbot.waitUntil(lambda: window.controller.session.state.active_media is not None, timeout=30_000)
    choose(qtbot, window, panel, "Labels")
    library = window.controller.library
    for number, read_as in ((1, "labels"), (2, "picture")):
        library.step(1)
        qtbot.waitUntil(lambda name=f"{number}.png": active(window).name == name, timeout=30_000)
        assert active(window).read_as == read_as


def test_a_batch_reads_as_the_file_on_the_canvas(qtbot, window, panel, tmp_path):
    folder = tmp_path / "in"
    for number in range(2):
        png(folder / f"{number}.png", LEVELS + number)
    show(qtbot, window, folder / "0.png")
    choose(qtbot, window, panel, "Labels")
    window.controller.use_analysis("hog")
    batch = window.docks["batch"].widget()
    assert isinstance(batch, BatchPanel)
    window.docks["batch"].show()
    qtbot.waitUntil(lambda: batch.content is not None)
    batch.content.set_folders(folder, tmp_path / "out")
    assert "Files are read as labels" in batch.content.analysis.text()
    batch.content.set_formats({"json"})
    batch.content.start()
    qtbot.waitUntil(lambda: batch.content.state == "ended", timeout=60_000)
    with (tmp_path / "out" / "batch-report.csv").open() as file:
        assert [row["state"] for row in csv.DictReader(file)] == ["done", "done"]
