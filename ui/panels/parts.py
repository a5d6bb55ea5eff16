"""What a user can do with parts of the current result: see one class alone, hide it, look at a part, copy rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Any

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QMenu

from cvstudio.data.geometry import Rect
from cvstudio.results.tables import ABSENT, Table
from cvstudio.session.label_edits import annotations_of
from ui.base.icons import icon
from ui.control.controller import Controller

CLASSES = "classes"
"""Parameter that selects the classes that are shown, where an analysis has one."""


@dataclass(frozen=True)
class Part:
    """Part of a result: its class, "" without one, and its box in image pixels, None without one."""

    label: str
    box: Rect | None


def part_of(result: Any, number: int) -> Part | None:
    """The part with id `number` of a result; None where its table has no such row."""
    table: Table | None = result.table() if result is not None else None
    if table is None or number not in table.ids:
        return None
    row = table.rows[list(table.ids).index(number)]
    label, box = "", None
    for column, cell in zip(table.columns, row, strict=True):
        if column.kind == "label" and not label and isinstance(cell, str):
            label = cell
        if column.kind == "box" and box is None and cell is not ABSENT and None not in cell:
            x1, y1, x2, y2 = (float(side) for side in cell)
            box = Rect(x1, y1, x2 - x1, y2 - y1)
    return Part(label, box)


def rows_text(result: Any, numbers: Collection[int]) -> str:
    """The rows of the parts `numbers`, or all without any, as lines with tabs, with a header; "" without a table."""
    table: Table | None = result.table() if result is not None else None
    if table is None:
        return ""
    rows = table.csv_rows()
    if numbers and len(table.ids):
        rows = [row for number, row in zip(table.ids, rows, strict=True) if number in numbers]
    return "\n".join("\t".join(map(str, row)) for row in (table.csv_columns, *rows))


def classes_of(controller: Controller) -> tuple[str, ...]:
    """All classes that the current analysis can show or hide; empty where it has no such choice."""
    instance = controller.session.state.instance
    if instance is None or CLASSES not in instance.effective_values():
        return ()
    model = instance.model_spec
    return tuple(model.labels) if model is not None else ()


def show_only(controller: Controller, label: str) -> None:
    """Show the class `label` alone."""
    controller.set_value(CLASSES, (label,))


def hide_class(controller: Controller, label: str) -> None:
    """Hide the class `label` of those that are shown; the last one stays, as no class would be every class."""
    instance = controller.session.state.instance
    shown = instance.value(CLASSES) if instance is not None else ()
    rest = tuple(sorted(name for name in shown or classes_of(controller) if name != label))
    if rest:
        controller.set_value(CLASSES, rest)


def add_part_actions(menu: QMenu, controller: Controller, number: int | None, zoom: Callable[[Rect], object]) -> None:
    """Add to `menu` what can be done with a part; nothing where there is none.

    Parameters
    ----------
    menu : to add to; a separator follows
    controller : of the window
    number : id of the part in the current result
    zoom : called with the part's box in image pixels
    """
    part = part_of(controller.current_result(), number) if number is not None else None
    if part is None or number is None:
        return
    count = len(menu.actions())
    box = part.box
    if box is not None:
        menu.addAction(icon("zoom-in"), _tr("Zoom to Selection") + "\t" + _tr("Enter"), lambda: zoom(box))
    detections, instance = controller.detections(), controller.session.state.instance
    acceptable = instance is not None and annotations_of(instance) is None and controller.labelling.ready
    if detections is not None and acceptable:
        accept = partial(controller.labelling.accept, detections, -math.inf, ids={number})
        menu.addAction(icon("check"), _tr("Accept as Label"), accept)
    if part.label and part.label in classes_of(controller):
        name = part.label.replace("&", "&&")
        only = _tr("Show Only “{name}”").format(name=name)
        menu.addAction(icon("list-filter"), only, lambda: show_only(controller, part.label))
        if instance is not None and instance.value(CLASSES) != (part.label,):
            hide = _tr("Hide “{name}”").format(name=name)
            menu.addAction(icon("eye-off"), hide, lambda: hide_class(controller, part.label))
        if instance is not None and instance.value(CLASSES):
            menu.addAction(icon("eye"), _tr("Show All Classes"), lambda: controller.set_value(CLASSES, ()))
    if len(menu.actions()) > count:
        menu.addSeparator()


def _tr(text: str) -> str:
    return QCoreApplication.translate("Parts", text)
