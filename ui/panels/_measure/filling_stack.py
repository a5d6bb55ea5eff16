"""A stack of pages that asks for no more height than they need at least."""

from __future__ import annotations

from PySide6.QtCore import QSize

from ui.widgets.current_stack import CurrentStack


class FillingStack(CurrentStack):
    """Pages that take the height that there is: a plot or a long text asks for more than a dock has."""

    def hasHeightForWidth(self) -> bool:
        return False

    def sizeHint(self) -> QSize:
        return self.minimumSizeHint()
