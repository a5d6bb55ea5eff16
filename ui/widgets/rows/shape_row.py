"""A row for a shape drawn on the picture: a box, a polygon, strokes, or named lines and zones."""

from __future__ import annotations

from typing import Any

from cvstudio.foundation.params import Field
from ui.base.translate import counted
from ui.widgets.rows.choice_rows import PointRow

ICONS = {"box": "square", "polygon": "shapes", "strokes": "activity", "lines": "arrow-left-right", "zones": "shapes"}


class ShapeRow(PointRow):
    """Label, a button that starts the shape tool on the canvas, and one that clears the shape."""

    def __init__(self, field: Field) -> None:
        super().__init__(field, ICONS[field.kind])
        self.clear.setToolTip(self.tr("Clear the drawing"))
        self.clear.setAccessibleName(self.tr("{title}: clear the drawing").format(title=self.title))

    def invitation(self) -> str:
        return self.tr("Draw on picture")

    def describe(self, value: Any) -> str:
        if not value:
            return self.tr("none")
        if self.field.kind == "box":
            left, top, right, bottom = value
            return f"{left:.0f}, {top:.0f} · {right - left:.0f} × {bottom - top:.0f} px"
        if self.field.kind == "polygon":
            return self.tr("{count} points").format(count=len(value))
        if self.field.kind in ("lines", "zones"):
            return ", ".join(shape.name for shape in value)
        return counted(len(value), self.tr("{count} stroke"), self.tr("{count} strokes"))
