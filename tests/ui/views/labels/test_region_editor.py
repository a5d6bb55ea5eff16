"""The class of each pixel brushed and filled on the canvas with real mouse and key events."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt

from cvstudio.data.label_masks import filled, stroked
from cvstudio.data.labels import NO_CLASS, LabelMap, PictureLabels
from tests.ui.views.labels.test_label_editor import SIZE, Stage, stage
from ui.views.labels.edits import Change, Mode
from ui.views.labels.tool import LabelTool

__all__ = ["stage"]

SHIFT = Qt.KeyboardModifier.ShiftModifier
WHOLE = (0, 0, SIZE.width, SIZE.height)
EMPTY = PictureLabels(SIZE)


def classes(stage: Stage) -> np.ndarray:
    label_map = stage.edits[-1].labels.label_map
    assert label_map is not None
    return label_map.classes


def test_a_stroke_gives_its_class_to_pixels_and_shift_takes_it_away(stage: Stage) -> None:
    stage.begin(EMPTY, Mode.REGIONS)
    stage.tool.width = 6
    stage.drag((10, 10), (20, 10), (30, 15))
    assert stage.changes == [Change.REGIONS]
    points = [(10.0, 10.0), (20.0, 10.0), (30.0, 15.0)]
    expected = np.where(stroked(points, 6, WHOLE), 2, NO_CLASS)
    assert np.array_equal(classes(stage), expected)
    stage.drag((20, 10), (20, 20), keys=SHIFT)
    expected[stroked([(20.0, 10.0), (20.0, 20.0)], 6, WHOLE)] = NO_CLASS
    assert np.array_equal(classes(stage), expected)
    assert stage.edits[-1].labels.annotations == ()


def test_a_click_fills_an_area_and_a_polygon_its_inside(stage: Stage) -> None:
    halves = np.zeros((40, 64), np.int32)
    halves[:, 32:] = 1
    stage.begin(PictureLabels(SIZE, label_map=LabelMap(halves)), Mode.SELECT)
    stage.key(Qt.Key.Key_F)
    stage.click(40, 20)
    assert stage.changes == [Change.FILL]
    assert np.array_equal(classes(stage), np.where(halves == 1, 2, 0))
    stage.key(Qt.Key.Key_P)
    corners = ((5, 5), (25, 5), (25, 25))
    for corner in corners:
        stage.click(*corner)
    stage.key(Qt.Key.Key_Return)
    assert stage.changes == [Change.FILL, Change.FILL]
    expected = np.where(halves == 1, 2, 0)
    expected[filled([tuple(map(float, corner)) for corner in corners], WHOLE)] = 2
    assert np.array_equal(classes(stage), expected)
    assert stage.edits[-1].labels.annotations == ()


def test_a_polygon_after_another_mode_is_an_object(stage: Stage) -> None:
    stage.begin(EMPTY, Mode.REGIONS)
    for key in (Qt.Key.Key_B, Qt.Key.Key_P):
        stage.key(key)
    for corner in ((5, 5), (25, 5), (25, 25)):
        stage.click(*corner)
    stage.key(Qt.Key.Key_Return)
    assert stage.changes == [Change.DRAW]


def test_a_polygon_after_escape_is_an_object(stage: Stage) -> None:
    stage.begin(EMPTY, Mode.REGIONS)
    stage.key(Qt.Key.Key_Escape)
    stage.key(Qt.Key.Key_P)
    for corner in ((5, 5), (25, 5), (25, 25)):
        stage.click(*corner)
    stage.key(Qt.Key.Key_Return)
    assert stage.changes == [Change.DRAW]


def test_a_polygon_of_pixels_stays_one_on_the_next_picture(stage: Stage) -> None:
    stage.begin(EMPTY, Mode.REGIONS)
    stage.key(Qt.Key.Key_P)
    # Until the next picture is on the canvas there is no tool.
    stage.editor.set_tool(None)
    stage.editor.set_tool(LabelTool(EMPTY, SIZE, 2))
    stage.editor.set_mode(Mode.POLYGON)
    for corner in ((5, 5), (25, 5), (25, 25)):
        stage.click(*corner)
    stage.key(Qt.Key.Key_Return)
    assert stage.changes == [Change.FILL]


def test_what_changes_nothing_is_no_edit(stage: Stage) -> None:
    stage.begin(EMPTY, Mode.REGIONS)
    stage.drag((10, 10), (20, 10), keys=SHIFT)
    assert stage.edits == []
