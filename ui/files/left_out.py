"""Labels that were left out, and why: a notice, and the whole list."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from cvstudio.data.labels import LeftOut
from cvstudio.foundation.names import shown_name
from cvstudio.media.annotations.summary import by_reason
from ui.base.translate import translated
from ui.control.controller import Controller
from ui.control.opening_jobs import CheckedLabels
from ui.widgets.notices import Notices

MAX_PLACES = 1000
"""Pictures that are listed below one reason."""
WIDTH, HEIGHT = 560, 420


class LeftOutDialog(QDialog):
    """The reasons for which labels were left out, the most frequent first, with the pictures below each."""

    def __init__(self, parent: QWidget, path: Path, left_out: Sequence[LeftOut]) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Left out of {name}").format(name=shown_name(path.name)))
        what = QLabel(self.tr("These labels are not shown, measured or exported. The file itself is unchanged."))
        what.setObjectName("quiet")
        what.setWordWrap(True)
        self.tree = QTreeWidget()
        self.tree.setHeaderLabels([self.tr("Reason"), self.tr("Labels")])
        self.tree.setAccessibleName(self.tr("Reasons"))
        self.tree.setUniformRowHeights(True)
        self.tree.setRootIsDecorated(True)
        places: dict[str, list[LeftOut]] = {}
        for item in left_out:
            places.setdefault(item.reason, []).append(item)
        for reason, items in sorted(places.items(), key=lambda entry: -sum(item.count for item in entry[1])):
            row = QTreeWidgetItem([translated(reason), f"{sum(item.count for item in items):,}"])
            row.setToolTip(0, translated(reason))
            for item in items[:MAX_PLACES]:
                if item.where:
                    row.addChild(QTreeWidgetItem([shown_name(item.where), f"{item.count:,}"]))
            if len(items) > MAX_PLACES:
                more = self.tr("and {count} more").format(count=f"{len(items) - MAX_PLACES:,}")
                row.addChild(QTreeWidgetItem([more, ""]))
            self.tree.addTopLevelItem(row)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 24, 24, 24)
        layout.setSpacing(10)
        layout.addWidget(what)
        layout.addWidget(self.tree, 1)
        layout.addWidget(buttons)
        self.resize(WIDTH, HEIGHT)
        self.tree.setColumnWidth(0, WIDTH - 140)


class LeftOutReport(QObject):
    """Says after the opening of a labelled set what of it was left out."""

    def __init__(self, window: QWidget, controller: Controller, notices: Notices) -> None:
        super().__init__(window)
        self._window, self._notices = window, notices
        controller.library.checked.connect(self._checked)

    def _checked(self, checked: CheckedLabels) -> None:
        if not checked.left_out:
            return
        reasons = by_reason(checked.left_out)
        text = self.tr("{name}: {count} labels or pictures were left out, most often: {reason}").format(
            count=f"{sum(reason.count for reason in reasons):,}",
            name=shown_name(checked.path.name),
            reason=translated(reasons[0].text),
        )
        self._notices.post(
            "warning", text, action=self.tr("Show list"), run=lambda: self.show(checked.path, checked.left_out)
        )

    def show(self, path: Path, left_out: Sequence[LeftOut]) -> LeftOutDialog:
        """Show the list of what was left out."""
        dialog = LeftOutDialog(self._window, path, left_out)
        dialog.open()
        return dialog
