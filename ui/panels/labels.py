"""The labels panel: objects and classes of the picture's labels, and predictions that are accepted as labels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QKeyEvent, QShowEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QStackedWidget,
    QTabBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from cvstudio.data.geometry import Rect
from cvstudio.data.labels import Annotation
from cvstudio.media import MediaKind
from ui.base.icons import icon
from ui.panels import PANELS
from ui.panels.base import Panel, PanelContext
from ui.widgets.current_stack import CurrentStack
from ui.widgets.elided_label import ElidedLabel
from ui.widgets.empty_state import EmptyState
from ui.widgets.rows_table import Cell, RowsTable, TableRow

if TYPE_CHECKING:
    from cvstudio.results.detections import Detections

UPDATE_MS = 60
"""A table of many rows paints slower than the picture: it follows with a delay."""
WIDTH = 312
"""Usual width in pixels of the panel."""


class LabelsTable(RowsTable):
    """Table of labels in which Delete removes the selected ones."""

    def __init__(self, titles: Sequence[str], panel: LabelsPanel) -> None:
        super().__init__(titles)
        self._panel = panel

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self._panel.delete_selected()
        else:
            super().keyPressEvent(event)


class LabelsPanel(QWidget):
    """Labels of the picture on the canvas; what is selected here is selected there.

    The content is made when the panel is seen first.
    """

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        self._controller, self._requests = context.controller, context.requests
        self._canvas = context.canvas
        self._labelling = context.controller.labelling
        self._made = False
        self._row_names: tuple[str, ...] = ()
        self._row_of: list[tuple[Annotation, TableRow]] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(12, 8, 12, 8)

    def sizeHint(self) -> QSize:
        page = self.stack.currentWidget() if self._made else None
        if page is None or page is self._content:
            return QSize(WIDTH, 420)
        margins = self._layout.contentsMargins()
        width = max(self.width(), WIDTH) - margins.left() - margins.right()
        return QSize(WIDTH, page.heightForWidth(width) + margins.top() + margins.bottom())

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.make()
        self._soon.start()

    # Parts ----------------------------------------------------------------------------------------------------------

    def make(self) -> None:
        """Make the content, once."""
        if self._made:
            return
        self._made = True
        self._soon = QTimer(self, interval=UPDATE_MS, singleShot=True)
        self._soon.timeout.connect(self.update_now)
        self.stack = CurrentStack()
        self.nothing = EmptyState("scan", self.tr("Open a picture to label it, or a labelled set to see its labels."))
        self.stack.addWidget(self.nothing)
        self.beginning = self._make_beginning()
        self.stack.addWidget(self.beginning)
        self._content = self._make_content()
        self.stack.addWidget(self._content)
        told = self.tr("The labels of a generated scene follow its sliders: they are layers and cannot be corrected.")
        self.stack.addWidget(EmptyState("box", told))
        self._layout.addWidget(self.stack)
        labelling = self._labelling
        labelling.changed.connect(self._follow)
        labelling.selection_changed.connect(self._show_selected)
        labelling.category_changed.connect(self._follow)
        labelling.active_changed.connect(self._show_tools)
        labelling.mode_changed.connect(self._show_tools)
        labelling.mode_changed.connect(self._follow)
        labelling.active_changed.connect(self._follow)
        self._controller.view_changed.connect(lambda _: self._follow())
        self._show_tools()
        self.update_now()

    def _make_beginning(self) -> QWidget:
        page = QWidget()
        text = QLabel(self.tr("This picture has no labels yet. Name the classes to begin with, separated by commas."))
        text.setWordWrap(True)
        self.class_names = QLineEdit()
        self.class_names.setPlaceholderText(self.tr("car, person, bicycle"))
        self.class_names.setAccessibleName(self.tr("Classes of the new labels"))
        self.class_names.setToolTip(self.tr("Classes can be added later, too."))
        self.class_names.returnPressed.connect(self._begin)
        self.begin = QPushButton(icon("plus"), self.tr("New labels"))
        self.begin.setToolTip(self.tr("Start labelling this picture and those that follow"))
        self.begin.clicked.connect(self._begin)
        self.open = QPushButton(icon("folder-open"), self.tr("Open a labelled set …"))
        self.open.setToolTip(self.tr("Open a file or folder of labels, such as COCO JSON, YOLO, VOC or LabelMe"))
        self.open.clicked.connect(self._requests.open_labels)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        for widget in (text, self.class_names, self.begin, self.open):
            layout.addWidget(widget)
        layout.addStretch(1)
        return page

    def _make_content(self) -> QWidget:
        page = QWidget()
        self.lists = QTabBar()
        self.lists.setAccessibleName(self.tr("Labels, classes or predictions"))
        self.lists.setDrawBase(False)
        self.lists.setExpanding(False)
        self._pages = QStackedWidget()
        from ui.panels._labels.accept_page import AcceptPage
        from ui.panels._labels.classes_page import ClassesPage

        self.class_page = ClassesPage(self._labelling)
        self.class_page.keypoints_asked.connect(self._requests.class_keypoints)
        self.classes, self.new_class = self.class_page.table, self.class_page.new_class
        self.accept_page = AcceptPage(self._labelling, lambda: self.predictions(), self._accept_on_all)
        self.score, self.accept = self.accept_page.score, self.accept_page.accept
        for title, widget in (
            (self.tr("Labels"), self._make_labels()),
            (self.tr("Classes"), self.class_page),
            (self.tr("Accept"), self.accept_page),
        ):
            self.lists.addTab(title)
            self._pages.addWidget(widget)
        self.lists.setTabToolTip(2, self.tr("Turn predictions on the picture into labels"))
        self.lists.currentChanged.connect(self._pages.setCurrentIndex)
        self.name = ElidedLabel()
        self.name.setObjectName("quiet")
        self.export = QPushButton(icon("share"), self.tr("Export …"))
        self.export.setToolTip(self.tr("Write the labels of all pictures in one of the known formats"))
        self.export.clicked.connect(self._requests.export_labels)
        self.left_out = QPushButton(icon("triangle-alert"), "")
        self.left_out.setToolTip(self.tr("Labels and pictures of the file that were not taken, and why"))
        self.left_out.setFlat(True)
        self.left_out.clicked.connect(self._requests.left_out)
        foot = QHBoxLayout()
        foot.addWidget(self.name, 1)
        foot.addWidget(self.export)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(self._make_tools())
        layout.addWidget(self.lists)
        layout.addWidget(self._pages, 1)
        layout.addWidget(self.left_out)
        layout.addLayout(foot)
        return page

    def _make_tools(self) -> QVBoxLayout:
        self.edit = QPushButton(icon("mouse-pointer-2"), self.tr("Edit"))
        self.edit.setCheckable(True)
        self.edit.setToolTip(self.tr("Correct the labels on the picture (L)"))
        self.edit.clicked.connect(self._labelling.set_active)
        others = QLabel(self.tr("Pixels and picture"))
        others.setObjectName("quiet")
        rows = QVBoxLayout()
        rows.setSpacing(4)
        objects, whole = QHBoxLayout(), QHBoxLayout()
        for row, widget in ((objects, self.edit), (whole, others)):
            row.setSpacing(4)
            row.addWidget(widget)
            row.addStretch(1)
            rows.addLayout(row)
        self.modes: dict[str, QToolButton] = {}
        for mode, name, title in (
            ("select", "move", self.tr("Select, move and resize (Esc)")),
            ("box", "square", self.tr("Draw boxes (B)")),
            ("polygon", "shapes", self.tr("Draw polygons (P)")),
            ("brush", "circle-dot", self.tr("Brush masks (M); Shift erases, [ and ] change the width")),
            ("keypoints", "crosshair", self.tr("Place key points (K); Shift places hidden ones, N leaves one out")),
            ("regions", "contrast", self.tr("Brush the class of each pixel (R); Shift erases, P draws a polygon")),
            ("fill", "focus", self.tr("Fill an area of one class (F)")),
            ("classes", "image", self.tr("Classes of the whole picture (W)")),
        ):
            button = self.modes[mode] = QToolButton()
            button.setIcon(icon(name))
            button.setCheckable(True)
            button.setToolTip(title)
            button.setAccessibleName(title)
            button.clicked.connect(partial(self._choose_mode, mode))
            (whole if mode in ("regions", "fill", "classes") else objects).addWidget(button)
        return rows

    def _make_labels(self) -> RowsTable:
        titles = (self.tr("Label"), self.tr("Kind"), self.tr("Size (px)"))
        self.table = LabelsTable(titles, self)
        self.table.setAccessibleName(self.tr("Labels of the picture"))
        self.table.set_empty_text(self.tr("No labels on this picture. Press L, then B, and drag to draw a box."))
        self.table.selected.connect(lambda numbers: self._labelling.select(numbers[0] if numbers else None))
        self.table.activated.connect(lambda _: self._zoom())
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.customContextMenuRequested.connect(
            lambda place: self.menu().popup(self.table.viewport().mapToGlobal(place))
        )
        return self.table

    # What is shown --------------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        if self.isVisible() and not self._soon.isActive():
            self._soon.start()

    def update_now(self) -> None:
        """Show the labels as they are."""
        labelling = self._labelling
        annotations = labelling.annotations
        if labelling.media is None:
            self.stack.setCurrentIndex(0)
            return
        if annotations is None:
            self.stack.setCurrentIndex(1)
            return
        if labelling.generated:
            self.stack.setCurrentIndex(3)
            return
        from cvstudio.draw.palette import shared_labels

        self.stack.setCurrentIndex(2)
        name = annotations.name if annotations.path is not None else self.tr("New labels")
        left_out = labelling.left_out.get(annotations.path, ()) if annotations.path is not None else ()
        self.left_out.setVisible(bool(left_out))
        self.left_out.setText(self.tr("{count} left out …").format(count=f"{sum(item.count for item in left_out):,}"))
        self.name.setText(self.tr("Edited · {name}").format(name=name) if labelling.edited else name)
        names = tuple(category.name for category in labelling.categories)
        items = labelling.labels.annotations
        counts = [0] * len(names)
        for annotation in items:
            if annotation.category < len(names):
                counts[annotation.category] += 1
        predictions = self.predictions()
        among = shared_labels(predictions.labels, names) if predictions is not None else names
        if (*names, *among) != self._row_names:
            self._row_names, self._row_of = (*names, *among), []
        # An edit changes one row of many.
        kept = len(self._row_of)
        rows = [
            self._row_of[number][1]
            if number < kept and self._row_of[number][0] is annotation
            else self._row(number, annotation, names, among)
            for number, annotation in enumerate(items)
        ]
        self._row_of = [*zip(items, rows, strict=True)]
        self.table.set_rows(rows)
        self.class_page.show_classes(names, counts, among)
        self.lists.setTabText(0, self.tr("Labels {count}").format(count=f"{len(rows):,}"))
        self.lists.setTabText(1, self.tr("Classes {count}").format(count=f"{len(names):,}"))
        self._show_selected()
        self.accept_page.count()

    def _row(self, number: int, annotation: Annotation, names: tuple[str, ...], among: tuple[str, ...]) -> TableRow:
        label = names[annotation.category] if annotation.category < len(names) else "?"
        x1, y1, x2, y2 = annotation.box
        cells = (
            Cell(label, label=label, among=among),
            Cell(self._kind(annotation), tone="quiet"),
            Cell(f"{x2 - x1:.0f} × {y2 - y1:.0f}"),
        )
        return TableRow(number, cells)

    def _kind(self, annotation: Annotation) -> str:
        if annotation.interpolated:
            return self.tr("interpolated")
        if annotation.mask is not None:
            return self.tr("crowd mask") if annotation.crowd else self.tr("mask")
        if annotation.polygons:
            return self.tr("polygon")
        return self.tr("key points") if annotation.keypoints else self.tr("box")

    def _show_selected(self) -> None:
        selected = self._labelling.selected
        self.table.set_selected(() if selected is None else (selected,))

    def _show_tools(self) -> None:
        labelling = self._labelling
        self.edit.setChecked(labelling.active)
        for mode, button in self.modes.items():
            button.setChecked(labelling.active and labelling.mode == mode)

    def predictions(self) -> Detections | None:
        """What was found on the picture and could become labels; None without it."""
        return self._controller.predictions()

    def _accept_on_all(self, score: float) -> None:
        predicting, library = self._controller.predicting_layer(), self._controller.library
        if predicting is None:
            return
        media_set = library.current
        listed = [media_set.path / row.name for row in library.rows if row.kind is MediaKind.IMAGE] if media_set else []
        opened = [media.path for media in self._controller.session.state.media if media.kind is MediaKind.IMAGE]
        instance = self._controller.session.state.linked(predicting.layer.instance)
        self._labelling.accept_on_all(instance, score, [*listed, *opened])

    # Intents --------------------------------------------------------------------------------------------------------

    def name_classes(self) -> None:
        """Let the user type the classes of new labels; nothing happens where the picture has labels."""
        self.make()
        self.update_now()
        if self.stack.currentWidget() is self.beginning:
            self.class_names.setFocus()

    def _begin(self) -> None:
        names = [" ".join(name.split()) for name in self.class_names.text().split(",")]
        self._labelling.begin([name for name in names if name])

    def _choose_mode(self, mode: str) -> None:
        self._labelling.set_active(True)
        self._labelling.set_mode(mode)
        self._show_tools()

    def _selected(self) -> list[int]:
        rows = self.table.selectionModel().selectedRows()
        return [number for number in (self.table.row_ids()[index.row()] for index in rows) if number is not None]

    def delete_selected(self) -> None:
        """Remove the labels that are selected in the table, as one undo step."""
        self._labelling.delete(frozenset(self._selected()))

    def _zoom(self) -> None:
        numbers = self._selected()
        if numbers:
            x1, y1, x2, y2 = self._labelling.labels.annotations[numbers[0]].box
            self._canvas().show_rect(Rect(x1, y1, x2 - x1, y2 - y1))

    def menu(self) -> QMenu:
        """What can be done with the selected labels."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        numbers, labelling = self._selected(), self._labelling
        if len(numbers) == 1:
            menu.addAction(icon("zoom-in"), self.tr("Zoom to Selection"), self._zoom)
            menu.addAction(icon("copy"), self.tr("Duplicate"), partial(labelling.duplicate, numbers[0]))
            menu.addAction(icon("layers"), self.tr("Bring to Front"), partial(labelling.bring_to_front, numbers[0]))
        if numbers:
            menu.addAction(icon("trash-2"), self.tr("Delete") + "\t" + self.tr("Del"), self.delete_selected)
        menu.addAction(icon("share"), self.tr("Export …"), self._requests.export_labels.emit)
        return menu


PANELS.register(
    Panel(
        "labels",
        "Labels",
        Qt.DockWidgetArea.RightDockWidgetArea,
        LabelsPanel,
        order=21,
        tabbed_with="results",
        shortcut="Ctrl+Alt+L",
        shown=False,
        keywords=(
            "annotate",
            "ground truth",
            "correct labels",
            "accept predictions on all pictures",
            "bounding box",
            "레이블",
            "라벨링",
            "정답",
        ),
        icon="square",
    )
)
