"""The generated form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QScrollArea, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from cvstudio.analyses import ANALYSES
from cvstudio.foundation.params import Choices, Colour, Doc, Folder, Items, Pick, Range, Text, fields_of
from cvstudio.foundation.shapes import Box, NamedShapes, Polygon, Stroke, Strokes
from ui.tour.input_events import move_mouse
from ui.widgets.param_form import ROWS, ParamForm
from ui.widgets.rows.row import ROW_HEIGHT, Row, RowLabel
from ui.widgets.rows.slider_row import SliderRow
from ui.widgets.settle import lay_out

NARROWEST = 276
"""Width in pixels of the form in the column beside the picture at its narrowest, beside a scroll bar."""


@dataclass(frozen=True)
class Select:
    score: Annotated[float, Range(0, 1, step=0.01), Doc("Score")] = 0.5
    count: Annotated[int, Range(1, 2000, step=1), Doc("At most")] = 100
    each: Annotated[bool, Doc("Each class for itself")] = True
    colour: Annotated[str, Choices(("viridis", "magma")), Doc("Colours")] = "viridis"
    classes: Annotated[tuple[str, ...], Choices(from_model="labels"), Doc("Classes")] = ()
    focus: Annotated[tuple[float, float] | None, Range(0, 10), Doc("In focus")] = None
    point: Annotated[tuple[float, float] | None, Pick("point"), Doc("Focus on")] = None
    gallery: Annotated[str, Folder("the samples"), Doc("Compare with")] = ""
    prompt: Annotated[str, Text(), Doc("Prompt")] = ""
    tint: Annotated[str, Colour(), Doc("Tint")] = "#ff8800"
    box: Annotated[Box | None, Pick("box"), Doc("Box")] = None
    region: Annotated[Polygon | None, Pick("polygon"), Doc("Region")] = None
    marks: Annotated[Strokes, Pick("strokes"), Doc("Marks")] = ()
    lines: Annotated[NamedShapes, Pick("lines"), Doc("Lines")] = ()
    zones: Annotated[NamedShapes, Pick("zones"), Doc("Zones")] = ()
    names: Annotated[tuple[str, ...], Items(), Doc("Names")] = ()
    seed: Annotated[int, Range(0, 9, step=1), Doc("Seed", more=True)] = 0


FIELDS = fields_of(Select)


@dataclass(frozen=True)
class Long:
    score: Annotated[float, Range(0, 1, step=0.01), Doc("Minimum confidence")] = 0.5
    side: Annotated[int, Range(0, 4000, step=1, unit="px"), Doc("Side")] = 0


@pytest.fixture
def form(shown: Callable[..., Any]) -> ParamForm:
    made = ParamForm()
    made.set_fields(FIELDS, {})
    return shown(made, 320, 420)  # type: ignore[no-any-return]


def record(form: ParamForm) -> list[tuple[Any, ...]]:
    told: list[tuple[Any, ...]] = []
    form.edited.connect(lambda *args: told.append(args))
    form.released.connect(lambda name: told.append(("released", name)))
    form.pick_requested.connect(lambda name: told.append(("pick", name)))
    return told


def test_there_is_a_row_for_every_kind_of_parameter() -> None:
    from typing import get_args

    from cvstudio.foundation.params import Kind

    assert set(ROWS) == set(get_args(Kind))
    assert {field.kind for field in FIELDS} == set(ROWS)


def test_setting_values_never_emits(form: ParamForm) -> None:
    told = record(form)
    values = {
        "score": 0.9,
        "count": 7,
        "each": False,
        "colour": "magma",
        "classes": ("car",),
        "focus": (1.0, 2.0),
        "point": (3.0, 4.0),
        "gallery": "/somewhere",
        "prompt": "a cat",
        "tint": "#00c0ff",
        "box": (1.0, 2.0, 3.0, 4.0),
        "region": ((0.0, 0.0), (9.0, 0.0), (9.0, 9.0)),
        "marks": (Stroke(((1.0, 2.0),)),),
        "names": ("a", "b, c"),
        "seed": 5,
    }
    form.set_fields(FIELDS, values, options={"classes": ("car", "dog")}, ranges={"score": Range(0, 2)})
    assert {name: form.row(name).value() for name in values} == values
    assert told == []
    assert {name for name in values if form.row(name).label.marked} == set(values) - {"focus"}


def test_the_rows_stay_and_keep_the_focus_while_the_fields_are_the_same(form: ParamForm, qtbot: Any) -> None:
    rows = {field.name: form.row(field.name) for field in FIELDS}
    row = rows["score"]
    assert isinstance(row, SliderRow)
    form.activateWindow()
    row.slider.setFocus()
    qtbot.waitUntil(row.slider.hasFocus)
    form.set_fields(FIELDS, {"score": 0.7}, ranges={"score": Range(0, 3)})
    assert all(form.row(name) is rows[name] for name in rows)
    assert row.slider.hasFocus()
    form.set_fields(FIELDS[:1], {})
    assert form.row("score") is not row
    with pytest.raises(KeyError):
        form.row("count")


def test_edits_are_told_by_name(form: ParamForm) -> None:
    told = record(form)
    row = form.row("count")
    assert isinstance(row, SliderRow)
    QTest.keyClick(row.slider, Qt.Key.Key_Right)
    QTest.mouseClick(form.row("each").switch, Qt.MouseButton.LeftButton)  # type: ignore[attr-defined]
    QTest.mouseClick(form.row("point").button, Qt.MouseButton.LeftButton)  # type: ignore[attr-defined]
    for name in ("box", "region", "marks"):
        QTest.mouseClick(form.row(name).button, Qt.MouseButton.LeftButton)  # type: ignore[attr-defined]
    assert told[:2] == [("count", 101, False), ("each", False, False)]
    assert told[2:] == [("pick", "point"), ("pick", "box"), ("pick", "region"), ("pick", "marks")]


def test_a_drag_is_told_to_its_end(form: ParamForm, drag: Callable[..., None]) -> None:
    told = record(form)
    row = form.row("score")
    assert isinstance(row, SliderRow)
    middle = row.slider.rect().center()
    drag(row.slider, middle, middle + type(middle)(20, 0))
    assert told[0][0::2] == ("score", True)
    assert told[-1] == ("released", "score")


def test_an_echo_of_the_users_own_value_does_not_disturb_a_drag(form: ParamForm) -> None:
    form.edited.connect(lambda name, value, _: form.set_fields(FIELDS, {name: value}))
    row = form.row("score")
    assert isinstance(row, SliderRow)
    told = record(form)
    start = row.slider.rect().center()
    QTest.mousePress(row.slider, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start)
    for offset in (5, 10, 15, 20):
        move_mouse(row.slider, start + type(start)(offset, 0), Qt.MouseButton.LeftButton)
    QTest.mouseRelease(row.slider, Qt.MouseButton.LeftButton)
    values = [args[1] for args in told if args[0] == "score"]
    assert values == sorted(values)
    assert len(values) == 4


def test_a_models_own_default_is_what_counts_as_unchanged(form: ParamForm) -> None:
    form.set_fields(FIELDS, {"score": 0.3, "focus": (1.0, 2.0)}, defaults={"score": 0.3, "focus": (0.0, 3.0)})
    assert not form.row("score").label.marked
    assert form.row("focus").label.marked
    told = record(form)
    form.row("score").reset()
    form.row("focus").reset()
    assert told == [("score", 0.3, False), ("focus", None, False)]


def test_rarely_used_ones_fold_away(form: ParamForm) -> None:
    assert not form.row("seed").isVisible()
    QTest.mouseClick(form._fold, Qt.MouseButton.LeftButton)
    assert form.row("seed").isVisible()
    form.set_fields(FIELDS[:3], {})
    assert not form._fold.isVisible()


def test_labels_and_sliders_stand_in_columns(form: ParamForm) -> None:
    form.set_fields(FIELDS, {}, ranges={"score": Range(0, 1, unit="px")})
    score, count = form.row("score"), form.row("count")
    assert isinstance(score, SliderRow)
    assert isinstance(count, SliderRow)
    assert score.slider.geometry().left() == count.slider.geometry().left()
    assert score.box.width() == count.box.width()


@pytest.mark.parametrize("analysis", [spec.key for spec in ANALYSES])
def test_every_slider_of_an_analysis_is_long_enough_in_the_narrowest_column(analysis: str, qtbot: QtBot) -> None:
    spec = ANALYSES[analysis]
    form = ParamForm()
    qtbot.addWidget(form)
    form.resize(NARROWEST, 400)
    form.show()
    kinds = {spec.params_types(model) for model in (*spec.models, *(() if spec.task else (None,)))}
    for types in kinds:
        form.set_fields([field for kind in types for field in fields_of(kind)], {})
        for unfolded in (False, True):
            form.set_unfolded(unfolded)
            lay_out()
            for slider in (row for row in form.findChildren(SliderRow) if row.isVisible()):
                assert slider.slider.width() >= (94 if unfolded else 108), slider.title
                lines = slider.label.lines(slider.label.width())
                assert " ".join(lines) == slider.title
                assert slider.label.height() >= len(lines) * slider.fontMetrics().lineSpacing()
                assert slider.label.height() <= slider.height() + 1


def test_a_label_stands_on_one_line_again_where_there_is_room(qtbot: QtBot) -> None:
    form = ParamForm()
    qtbot.addWidget(form)
    form.set_fields(fields_of(Long), {})
    form.resize(NARROWEST, 200)
    form.show()
    row = form.row("score")
    assert len(row.label.lines(row.label.width())) == 2
    form.resize(480, 200)
    assert row.label.lines(row.label.width()) == ["Minimum confidence"]
    assert row.label.height() == ROW_HEIGHT


def test_a_label_is_whole_at_every_width_that_its_lines_need(qtbot: QtBot) -> None:
    for title in {
        field.doc.title for spec in ANALYSES for kind in spec.params_types(None) for field in fields_of(kind)
    }:
        label = RowLabel(title)
        qtbot.addWidget(label)
        for width in range(label.least_width, label.sizeHint().width() + 1):
            assert " ".join(label.lines(width)) == title, width


def test_rarely_used_rows_have_their_heights_at_once(qtbot: QtBot) -> None:
    area, body, form = QScrollArea(), QWidget(), ParamForm()
    qtbot.addWidget(area)
    column = QVBoxLayout(body)
    column.addWidget(form)
    column.addStretch(1)
    area.setWidget(body)
    area.setWidgetResizable(True)
    form.set_fields(fields_of(Long), {})
    area.resize(NARROWEST + 60, 60)
    area.show()
    qtbot.waitExposed(area)

    def squashed() -> list[str]:
        return [row.title for row in form.findChildren(Row) if row.isVisible() and row.height() < ROW_HEIGHT]

    form.set_fields(FIELDS, {})
    form.set_unfolded(True)
    assert form.row("seed").isVisible()
    assert squashed() == []
    form.set_fields(FIELDS[-3:], {})
    assert form.row("seed").isVisible()
    assert squashed() == []
