"""The catalogue in the window: from the chooser to the model in use, and what it tells on the way."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from cvstudio.models import MODELS
from cvstudio.models.catalogue.chart import Cost
from cvstudio.models.inspection.store import inspection_of
from cvstudio.models.terms import Place
from cvstudio.weights.store import hub_folder
from ui.base import theme
from ui.models.catalogue.content import CatalogueContent
from ui.models.catalogue.labels import place_labels
from ui.models.catalogue.layer_tree import LAYER, MACS, OUTPUT, SEES
from ui.models.catalogue.table import column_at
from ui.tour.input_events import move_mouse
from ui.window.main_window import MainWindow

WAIT_MS = 30_000


@pytest.fixture
def content(window: MainWindow, qtbot: QtBot) -> CatalogueContent:
    window.show_catalogue()
    found = window.docks["catalogue"].widget().content
    qtbot.waitUntil(lambda: len(found.entries) == len(MODELS), timeout=WAIT_MS)
    return found


def click(widget, place: QPoint | None = None) -> None:
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton, pos=place or widget.rect().center())


def test_the_last_line_of_the_chooser_opens_it_over_the_window_with_the_models_of_the_task(window, qtbot):
    window.controller.use_analysis("classify")
    # A panel that floats is a window of its own.
    window.docks["analysis"].setFloating(True)
    chooser = window.docks["analysis"].widget()._model
    before = chooser.currentData()
    chooser.showPopup()
    (button,) = (b for b in chooser.searched.findChildren(QPushButton) if b.text() == "All models …")
    click(button)
    dock = window.docks["catalogue"]
    assert dock.isVisible()
    assert dock.isFloating()
    assert window.frameGeometry().intersected(dock.geometry()) == dock.geometry()
    assert chooser.currentData() == before
    content = dock.widget().content
    qtbot.waitUntil(lambda: bool(content.entries), timeout=WAIT_MS)
    assert set(content.table.listed()) == {model.key for model in MODELS if model.task == "classify"}
    assert content.table.isColumnHidden(column_at("task"))


def test_every_model_stands_in_the_table_with_its_status_and_licence(content):
    keys = content.table.listed()
    assert set(keys) == {model.key for model in MODELS}
    model = content.table.model()
    row = keys.index("pyramid-5")
    assert model.index(row, column_at("status")).data() == "built in"
    assert "non-commercial" in model.index(row, column_at("licence")).data()
    assert model.index(keys.index("yolox-s"), column_at("params")).data() == "8.97 M"
    assert model.index(keys.index("hog"), column_at("params")).data() == ""


def test_it_tells_the_resolution_of_its_screen(content):
    # Qt asks a widget's `metric` for it: an attribute of that name ended the program.
    screen = content.screen()
    assert content.logicalDpiX() == round(screen.logicalDotsPerInchX())
    assert content.devicePixelRatio() == round(screen.devicePixelRatio())


def test_search_and_filters_leave_what_fits_and_say_how_much(content):
    QTest.keyClicks(content.search, "yolox")
    assert {key.partition("-")[0] for key in content.table.listed()} == {"yolox"}
    assert content.count.text() == f"6 of {len(MODELS)}"
    content.search.clear()
    content.status.setCurrentIndex(content.status.findData(Place.EMBEDDED))
    content.status.activated.emit(content.status.currentIndex())
    embedded = {"residual-60", "pyramid-5", "pyramid-lite0", "depth-lite0", "conv-tasnet-small"}
    assert set(content.table.listed()) == embedded
    content.search.setText("no such network")
    assert content._empty.isVisible()
    content._empty.triggered.emit()
    assert len(content.table.listed()) == len(MODELS)


def test_a_click_on_a_head_sorts_and_the_chosen_one_stays_chosen(content):
    content.show_task("detect")
    content.table.choose("ssd300")
    content.table.sortByColumn(column_at("score"), Qt.SortOrder.DescendingOrder)
    assert (
        content.table.listed()[0]
        == max(
            (model for model in MODELS if model.task == "detect" and model.weights),
            key=lambda model: next(iter(model.weights[0].scores.values()), 0.0),
        ).key
    )
    assert content.table.listed()[-1] not in {model.key for model in MODELS if model.weights}
    assert content.table.key() == "ssd300"
    assert content.card.title.text() == "SSD300"


def test_enter_uses_a_model_on_what_is_open_and_the_catalogue_makes_way(window, content, qtbot, data):
    window.controller.open_paths([data("photos", "dog.jpg")])
    qtbot.waitUntil(lambda: window.controller.session.state.instance is not None, timeout=WAIT_MS)
    content.table.choose("hog")
    QTest.keyClick(content.table, Qt.Key.Key_Return)
    assert window.controller.session.state.instance.model == "hog"
    assert not window.docks["catalogue"].isVisible()
    window.show_panel("catalogue")
    content.table.choose("residual-60")
    content.table.doubleClicked.emit(content.table.currentIndex())
    instance = window.controller.session.state.instance
    assert (instance.analysis, instance.model) == ("classify", "residual-60")


def test_weights_that_have_come_change_the_status(window, content, qtbot):
    content.table.choose("ssdlite")
    assert content.card.get.isVisible()
    asked = []
    window.controller.weights_wanted.disconnect()
    window.controller.weights_wanted.connect(asked.append)
    click(content.card.get)
    assert asked == [MODELS["ssdlite"].weights[0]]
    folder = hub_folder()
    folder.mkdir(parents=True)
    (folder / MODELS["ssdlite"].weights[0].file_name).write_bytes(b"x")
    window.controller.weights_changed.emit()
    qtbot.waitUntil(lambda: not content.card.get.isVisible(), timeout=WAIT_MS)
    assert content.card.entry.terms.place is Place.HERE


def test_the_card_shows_the_layers_as_a_tree(content, qtbot):
    content.table.choose("residual-60")
    content.card.tabs.setCurrentIndex(1)
    model = content.card.layers.model
    qtbot.waitUntil(lambda: model.rowCount() == 1, timeout=WAIT_MS)
    found = inspection_of(MODELS["residual-60"])

    def compare(index, layer) -> int:
        assert layer.name in index.data()
        assert layer.kind in index.data()
        assert (index.siblingAtColumn(MACS).data() == "") == (layer.macs == 0)
        count = 1
        assert model.rowCount(index) == len(layer.children)
        for row, child in enumerate(layer.children):
            below = model.index(row, LAYER, index)
            assert below.parent() == index
            count += compare(below, child)
        return count

    top = model.index(0, LAYER)
    assert compare(top, found.root) == len(list(found.root.walk()))
    stem = model.index(0, LAYER, model.index(0, LAYER, top))
    assert stem.siblingAtColumn(OUTPUT).data() == "32 × 32 × 32"
    assert stem.siblingAtColumn(SEES).data() == "7 × 7"
    content.card.layers.tree.setCurrentIndex(stem)
    assert "sees 7 × 7 pixels, every 4 pixels, the first from −3 on" in content.card.layers.detail.text()


def test_a_layers_field_is_drawn_around_the_cursor_while_the_catalogue_is_open(window, content, qtbot, data):
    window.controller.open_paths([data("photos", "dog.jpg")])
    qtbot.waitUntil(lambda: window.controller.shown.sample is not None, timeout=WAIT_MS)
    content.table.choose("yolox-nano")
    content.card.tabs.setCurrentIndex(1)
    layers = content.card.layers
    qtbot.waitUntil(lambda: layers.model.rowCount() == 1, timeout=WAIT_MS)
    how = Qt.MatchFlag.MatchRecursive | Qt.MatchFlag.MatchStartsWith
    found = layers.model.match(layers.model.index(0, 0), Qt.ItemDataRole.DisplayRole, "stem", -1, how)
    index = next(index for index in found if layers.model.layer(index).field is not None)
    field = layers.model.layer(index).field
    layers.tree.setCurrentIndex(index)
    canvas, mark = window.workspace.canvas, content.mark
    assert mark.isVisible()
    move_mouse(canvas, canvas.rect().center())
    size = window.controller.shown.sample.size
    x, y = canvas.image_position(QPointF(canvas.rect().center()))
    found = mark.rect_shown()
    scale = max(size) / 416
    assert found.width == pytest.approx(field.across.size * scale)
    assert abs(found.x + found.width / 2 - x) <= field.across.stride * scale
    assert abs(found.y + found.height / 2 - y) <= field.down.stride * scale
    # What lies outside is dimmed; what it shows inside is the picture.
    picture = canvas.grab().toImage()
    window.docks["catalogue"].hide()
    assert not mark.isVisible()
    plain = canvas.grab().toImage()
    corner = QPoint(canvas.width() // 2, canvas.height() // 2 - 100)
    assert picture.pixelColor(corner) != plain.pixelColor(corner)


def test_a_classical_model_says_that_it_has_no_layers_and_another_shows_its_own(content, qtbot):
    content.card.tabs.setCurrentIndex(1)
    content.table.choose("hog")
    assert content.card.layers.empty.isVisible()
    content.table.choose("yolox-nano")
    qtbot.waitUntil(lambda: content.card.layers.model.rowCount() == 1, timeout=WAIT_MS)
    assert "YoloxNet" in content.card.layers.model.index(0, 0).data()


def test_a_model_is_measured_on_request_and_the_table_remembers(window, content, qtbot):
    window.controller.pipeline.host.precision = "float32"
    content.table.choose("residual-60")
    click(content.card.measure)
    index = content.table.model().index(content.table.listed().index("residual-60"), column_at("ms"))
    qtbot.waitUntil(lambda: bool(index.data()), timeout=WAIT_MS)
    qtbot.waitUntil(lambda: content.card.measure.isEnabled(), timeout=WAIT_MS)
    assert float(index.data()) > 0
    assert "ms on this device" in content.card.figures.text()


# The chart -----------------------------------------------------------------------------------------------------------


def test_a_click_on_a_bubble_picks_its_model(content, qtbot):
    content.show_task("detect")
    content.show_chart()
    chart = content.chart
    qtbot.waitUntil(lambda: len(chart.names()) > 5, timeout=WAIT_MS)
    place = chart.place_of("yolox-x").toPoint()
    move_mouse(chart.plot.viewport(), place)
    click(chart.plot.viewport(), place)
    qtbot.waitUntil(lambda: content.card.title.text() == "YOLOX-X", timeout=WAIT_MS)
    assert content.table.key() == "yolox-x"


def test_the_chart_names_what_lacks_figures_and_follows_the_filters(content, qtbot):
    content.show_task("detect")
    content.show_chart()
    assert "HOG" in content.chart.without.text()
    assert content.score.currentData() == "box mAP"
    content.search.setText("yolox")
    assert {bubble.entry.key for bubble in content.chart.bubbles} == {
        f"yolox-{size}" for size in ("nano", "tiny", "s", "m", "l", "x")
    }
    content.cost.setCurrentIndex(content.cost.findData(Cost.PARAMETERS))
    content.cost.activated.emit(content.cost.currentIndex())
    costs = {bubble.entry.key: bubble.cost for bubble in content.chart.bubbles}
    assert costs["yolox-nano"] == 912_159


@pytest.mark.parametrize("name", ["dark", "light"])
def test_names_on_the_chart_cover_neither_each_other_nor_bubbles(content, qtbot, qapp, name):
    theme.apply_theme(qapp, name)
    content.show_task("detect")
    content.show_chart()
    chart = content.chart
    qtbot.waitUntil(lambda: len(chart.names()) > 5, timeout=WAIT_MS)
    view = chart.plot.getViewBox()
    names = [
        QRectF(view.mapViewToScene(item.pos()), item.textItem.boundingRect().size())
        for item in chart._names
        if item.isVisible()
    ]
    for place, one in enumerate(names):
        assert view.sceneBoundingRect().adjusted(-1, -1, 1, 1).contains(one)
        assert not any(one.adjusted(1, 1, -1, -1).intersects(other) for other in names[place + 1 :])
        for bubble in chart.bubbles:
            middle = view.mapViewToScene(QPointF(np.log10(bubble.cost), bubble.score))
            assert not one.contains(middle)
    theme.apply_theme(qapp, "dark")


def test_the_costs_axis_is_in_round_numbers(content):
    content.show_task("detect")
    content.show_chart()
    axis = content.chart.plot.getAxis("bottom")
    (_, places), *_ = axis.tickValues(8.0, 10.0, 400)
    assert axis.tickStrings(places, 1, 1) == ["100 M", "200 M", "500 M", "1 G", "2 G", "5 G", "10 G"]
    assert axis.tickStrings([0.0, np.log10(50), np.log10(0.5)], 1, 1) == ["1", "50", "0.5"]


def test_a_hundred_names_find_places_apart(qtbot):
    random = np.random.default_rng(3)
    centres = random.uniform((40, 40), (1160, 640), (120, 2))
    radii = random.uniform(4, 23, 120)
    sizes = np.stack([random.uniform(40, 150, 120), np.full(120, 16.0)], axis=1)
    found = place_labels(centres, radii, sizes, (0, 0, 1200, 680), first=(7,))
    placed = np.flatnonzero(np.isfinite(found[:, 0]))
    assert len(placed) > 40
    assert 7 in placed
    for row in placed:
        low, high = found[row], found[row] + sizes[row]
        assert (low >= 0).all()
        assert (high <= (1200, 680)).all()
        others = placed[placed != row]
        apart = (low >= found[others] + sizes[others]) | (found[others] >= high)
        assert apart.any(axis=1).all()
        covered = (low < centres + radii[:, None]) & (centres - radii[:, None] < high)
        covered[row] = False
        assert not covered.all(axis=1).any()


def test_a_bubble_without_room_has_no_name():
    found = place_labels(np.array([[20.0, 20.0]]), np.array([5.0]), np.array([[90.0, 16.0]]), (0, 0, 60, 60))
    assert not np.isfinite(found).any()


def test_an_added_model_appears(window, content, qtbot):
    spec = dataclasses.replace(MODELS["hog"], key="hog-2", title="HOG again")
    with MODELS.lend(spec):
        window.controller.state_changed.emit(window.controller.session.state, window.controller.session.state)
        qtbot.waitUntil(lambda: "hog-2" in content.table.listed(), timeout=WAIT_MS)


def test_all_of_it_fits_into_the_window_of_a_dense_screen(content) -> None:
    # 960 pixels at scale 2, without the margins around the panel: else it would scroll as a whole, beside its table.
    assert content.minimumSizeHint().width() <= 880
