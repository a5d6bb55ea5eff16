"""The labels panel: objects and classes of the picture's labels, and predictions that are accepted as labels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QSize, Qt, QTimer
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
from cvstudio.foundation.params import Doc, Field, Range
from cvstudio.results.detections import Detections
from cvstudio.session.label_edits import annotations_of
from ui.base.icons import icon
from ui.panels import PANELS
from ui.panels.base import Panel, PanelContext
from ui.widgets.current_stack import CurrentStack
from ui.widgets.elided_label import ElidedLabel
from ui.widgets.empty_state import EmptyState
from ui.widgets.rows_table import Cell, RowsTable, TableRow

if TYPE_CHECKING:
    from ui.widgets.rows.slider_row import SliderRow

UPDATE_MS = 60
"""A table of many rows paints slower than the picture: it follows with a delay."""
NUMBERED = 9
"""So many classes have a digit."""
DEFAULT_SCORE = 0.5
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
        self._layout.addWidget(self.stack)
        labelling = self._labelling
        labelling.changed.connect(self._follow)
        labelling.selection_changed.connect(self._show_selected)
        labelling.category_changed.connect(self._follow)
        labelling.active_changed.connect(self._show_tools)
        labelling.mode_changed.connect(self._show_tools)
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
        self.begin.setToolTip(self.tr("Begin labels for this picture and the ones that you go on to"))
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
        for title, widget in (
            (self.tr("Labels"), self._make_labels()),
            (self.tr("Classes"), self._make_classes()),
            (self.tr("Accept"), self._make_accepting()),
        ):
            self.lists.addTab(title)
            self._pages.addWidget(widget)
        self.lists.setTabToolTip(2, self.tr("Take predictions on the picture over as labels"))
        self.lists.currentChanged.connect(self._pages.setCurrentIndex)
        self.name = ElidedLabel()
        self.name.setObjectName("quiet")
        self.export = QPushButton(icon("share"), self.tr("Export …"))
        self.export.setToolTip(self.tr("Write the labels of all pictures in one of the known formats"))
        self.export.clicked.connect(self._requests.export_labels)
        foot = QHBoxLayout()
        foot.addWidget(self.name, 1)
        foot.addWidget(self.export)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(self._make_tools())
        layout.addWidget(self.lists)
        layout.addWidget(self._pages, 1)
        layout.addLayout(foot)
        return page

    def _make_tools(self) -> QHBoxLayout:
        self.edit = QPushButton(icon("mouse-pointer-2"), self.tr("Edit"))
        self.edit.setCheckable(True)
        self.edit.setToolTip(self.tr("Correct the labels on the picture (L)"))
        self.edit.clicked.connect(self._labelling.set_active)
        tools = QHBoxLayout()
        tools.setSpacing(4)
        tools.addWidget(self.edit)
        tools.addStretch(1)
        self.modes: dict[str, QToolButton] = {}
        for mode, name, title in (
            ("select", "move", self.tr("Select, move and resize (Esc)")),
            ("box", "square", self.tr("Draw boxes (B)")),
            ("polygon", "shapes", self.tr("Draw polygons (P)")),
            ("brush", "circle-dot", self.tr("Brush masks (M); Shift erases, [ and ] change the width")),
        ):
            button = self.modes[mode] = QToolButton()
            button.setIcon(icon(name))
            button.setCheckable(True)
            button.setToolTip(title)
            button.setAccessibleName(title)
            button.clicked.connect(partial(self._choose_mode, mode))
            tools.addWidget(button)
        return tools

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

    def _make_classes(self) -> QWidget:
        page = QWidget()
        titles = (self.tr("Class"), self.tr("Key"), self.tr("Labels"))
        self.classes = RowsTable(titles)
        self.classes.setAccessibleName(self.tr("Classes"))
        self.classes.setToolTip(
            self.tr("A click gives it to the selected label and to what is drawn next; a double-click renames it.")
        )
        self.classes.set_empty_text(self.tr("No classes yet; name one below."))
        self.classes.selected.connect(self._choose_class)
        self.classes.activated.connect(lambda index: self._begin_renaming(index.row()))
        self.classes.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.classes.customContextMenuRequested.connect(
            lambda place: self.class_menu(self.classes.indexAt(place).row()).popup(
                self.classes.viewport().mapToGlobal(place)
            )
        )
        self.new_class = QLineEdit()
        self.new_class.setPlaceholderText(self.tr("Add a class"))
        self.new_class.setAccessibleName(self.tr("Name of a new class"))
        self.new_class.setToolTip(self.tr("Enter adds the class to the labels of all pictures"))
        self.new_class.returnPressed.connect(self._take_class_name)
        self.new_class.installEventFilter(self)
        self._renaming: int | None = None
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.classes, 1)
        layout.addWidget(self.new_class)
        return page

    def _make_accepting(self) -> QWidget:
        from ui.widgets.rows.slider_row import SliderRow

        page = QWidget()
        title = self.tr("Minimum score")
        field = Field("score", "float", DEFAULT_SCORE, Doc(title, ""), range=Range(0.0, 1.0))
        self.score: SliderRow = SliderRow(field)
        self.score.set_value(DEFAULT_SCORE, DEFAULT_SCORE)
        self.score.setToolTip(self.tr("Predictions with this score or more become labels."))
        self.score.changed.connect(lambda value, dragging: self._count())
        self.accept = QPushButton(icon("check"), "")
        self.accept.clicked.connect(self._accept)
        self.accepting = QLabel()
        self.accepting.setObjectName("quiet")
        self.accepting.setWordWrap(True)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.score)
        layout.addWidget(self.accept)
        layout.addWidget(self.accepting)
        layout.addStretch(1)
        return page

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
        self.stack.setCurrentIndex(2)
        name = annotations.name if annotations.path is not None else self.tr("New labels")
        self.name.setText(self.tr("Edited · {name}").format(name=name) if labelling.edited else name)
        names = tuple(category.name for category in labelling.categories)
        items = labelling.labels.annotations
        counts = [0] * len(names)
        for annotation in items:
            if annotation.category < len(names):
                counts[annotation.category] += 1
        if names != self._row_names:
            self._row_names, self._row_of = names, []
        # An edit changes one row of many.
        kept = len(self._row_of)
        rows = [
            self._row_of[number][1]
            if number < kept and self._row_of[number][0] is annotation
            else self._row(number, annotation, names)
            for number, annotation in enumerate(items)
        ]
        self._row_of = [*zip(items, rows, strict=True)]
        self.table.set_rows(rows)
        self.classes.set_rows(
            [
                TableRow(
                    number,
                    (
                        Cell(name, label=name, among=names),
                        Cell(str(number + 1) if number < NUMBERED else "", tone="quiet"),
                        Cell(f"{counts[number]:,}", tone="text" if counts[number] else "quiet"),
                    ),
                )
                for number, name in enumerate(names)
            ]
        )
        self.classes.set_selected({labelling.category})
        self.lists.setTabText(0, self.tr("Labels {count}").format(count=f"{len(rows):,}"))
        self.lists.setTabText(1, self.tr("Classes {count}").format(count=f"{len(names):,}"))
        self._show_selected()
        self._count()

    def _row(self, number: int, annotation: Annotation, names: tuple[str, ...]) -> TableRow:
        label = names[annotation.category] if annotation.category < len(names) else "?"
        x1, y1, x2, y2 = annotation.box
        cells = (
            Cell(label, label=label, among=names),
            Cell(self._kind(annotation), tone="quiet"),
            Cell(f"{x2 - x1:.0f} × {y2 - y1:.0f}"),
        )
        return TableRow(number, cells)

    def _kind(self, annotation: Annotation) -> str:
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
        """Result of the topmost visible layer with boxes that are not labels; None without one."""
        for item in reversed(self._controller.shown.layers):
            instance = item.layer.instance
            if isinstance(item.result, Detections) and instance.visible and annotations_of(instance) is None:
                return item.result
        return None

    def _count(self) -> None:
        """Show how many predictions would be accepted."""
        predictions = self.predictions() if self._labelling.ready else None
        self.score.setEnabled(predictions is not None)
        self.accept.setEnabled(False)
        if predictions is None:
            self.accept.setText(self.tr("Accept predictions"))
            self.accepting.setText(self.tr("Add a layer that detects objects; what it finds can become labels."))
            return
        from cvstudio.results.accepted_labels import count_accepted

        if predictions.score_kind != "probability":
            scores = predictions.scores
            low, high = (float(scores.min()), float(scores.max())) if len(scores) else (0.0, 1.0)
            self.score.configure(bounds=Range(min(low, 0.0), max(high, 1.0)), options=(), histogram=None)
        count = count_accepted(self._labelling.labels, predictions, float(self.score.value()))
        self.accept.setEnabled(count > 0)
        text = self.tr("Accept {count} of {total} predictions")
        self.accept.setText(text.format(count=f"{count:,}", total=f"{len(predictions):,}"))
        self.accepting.setText(self.tr("Objects that are labelled already (IoU of 0.9 or more) are left out."))

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

    def _choose_class(self, numbers: Sequence[int]) -> None:
        if numbers:
            self._labelling.set_category(numbers[0])

    def _begin_renaming(self, number: int) -> None:
        """Let the field below the classes take another name for the class `number`."""
        if 0 <= number < len(self._labelling.categories):
            name = self._labelling.categories[number].name
            self._renaming = number
            self.new_class.setPlaceholderText(self.tr("Rename {name}").format(name=name))
            self.new_class.setText(name)
            self.new_class.selectAll()
            self.new_class.setFocus()

    def _end_renaming(self) -> None:
        self._renaming = None
        self.new_class.setPlaceholderText(self.tr("Add a class"))
        self.new_class.clear()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if self._renaming is not None and isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape:
            self._end_renaming()
            return True
        return super().eventFilter(watched, event)

    def _take_class_name(self) -> None:
        if self._renaming is not None:
            self._labelling.rename_category(self._renaming, self.new_class.text())
            self._end_renaming()
        elif self._labelling.add_category(self.new_class.text()) is not None:
            self.new_class.clear()

    def class_menu(self, number: int) -> QMenu:
        """What can be done with the class `number`."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if number >= 0:
            menu.addAction(self.tr("Rename …"), partial(self._begin_renaming, number))
        return menu

    def _accept(self) -> None:
        predictions = self.predictions()
        if predictions is not None:
            self._labelling.accept(predictions, float(self.score.value()))

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
            menu.addAction(icon("zoom-in"), self.tr("Zoom to It"), self._zoom)
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
            "accept predictions",
            "bounding box",
            "레이블",
            "라벨링",
            "정답",
        ),
        icon="square",
    )
)
