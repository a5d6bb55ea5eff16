"""The layers panel: the analyses on the active medium, the topmost first."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QDropEvent, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from cvstudio.analyses.instance import AnalysisInstance, LayerStyle
from cvstudio.foundation.params import fields_of
from cvstudio.session.layers import on_canvas
from cvstudio.session.session import State, differ_in_values
from ui.base.icons import icon
from ui.base.keys import claims
from ui.base.translate import translated
from ui.control.controller import Controller
from ui.panels import PANELS
from ui.panels.base import Panel, PanelContext
from ui.panels.layer_menu import LayerMenu
from ui.widgets.current_stack import CurrentStack
from ui.widgets.elided_label import ElidedLabel
from ui.widgets.empty_state import EmptyState
from ui.widgets.icon_label import IconLabel
from ui.widgets.rows.slider_row import SliderRow
from ui.widgets.whole_row import WholeRow

WIDTH = 216
"""Least width in pixels that has room for names and sliders."""

NUMBER = Qt.ItemDataRole.UserRole
KEYS = (Qt.Key.Key_Space, Qt.Key.Key_Delete, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Home, Qt.Key.Key_End)


class LayerRow(QWidget):
    """Row of one layer: visibility, title, opacity, and a button that removes it."""

    def __init__(self, controller: Controller, instance: AnalysisInstance) -> None:
        super().__init__()
        self.setObjectName("layer-row")
        number, layers = instance.id, controller.layers
        self.eye = QToolButton()
        self.eye.setCheckable(True)
        self.eye.setAccessibleName(self.tr("Show layer"))
        self.eye.clicked.connect(lambda: controller.set_visible(number, self.eye.isChecked()))
        self.title = ElidedLabel()
        self.model = ElidedLabel()
        self.model.setObjectName("small")
        self.remove = QToolButton()
        self.remove.setIcon(icon("x"))
        self.remove.setToolTip(self.tr("Remove this layer (Delete)"))
        self.remove.setAccessibleName(self.tr("Remove layer"))
        self.remove.clicked.connect(lambda: layers.remove(number))
        top = QHBoxLayout()
        top.setSpacing(6)
        top.addWidget(self.eye)
        top.addWidget(IconLabel(instance.spec.icon, 16, "text"))
        top.addWidget(self.title, 1)
        top.addWidget(self.remove)
        self.opacity = SliderRow(fields_of(LayerStyle)[0])
        self.opacity.changed.connect(
            lambda value, dragging: layers.set_opacity(number, float(value), dragging=dragging)
        )
        self.opacity.released.connect(lambda _: controller.end_drag())
        # Only the tooltip names the slider: it has no room beside a label.
        self.opacity.label.hide()
        self.opacity.slider.setMinimumWidth(24)
        self.opacity.setVisible(on_canvas(instance.spec))
        # Under the buttons, so that the name of a model has the width of the row.
        indented = QVBoxLayout()
        indented.setContentsMargins(30, 0, 0, 0)
        indented.setSpacing(0)
        indented.addWidget(self.model)
        indented.addWidget(self.opacity)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(0)
        layout.addLayout(top)
        layout.addLayout(indented)
        self.show_layer(instance, current=False)

    def show_layer(self, instance: AnalysisInstance, *, current: bool) -> None:
        """Update the row from the layer; emits nothing."""
        self.eye.setChecked(instance.visible)
        self.eye.setIcon(icon("eye" if instance.visible else "eye-off", 16, "text" if instance.visible else "quiet"))
        self.eye.setToolTip(
            self.tr("Hide this layer (Space)") if instance.visible else self.tr("Show this layer (Space)")
        )
        self.title.setText(translated(instance.spec.title))
        font = self.title.font()
        font.setBold(current)
        self.title.setFont(font)
        model = instance.model_spec
        self.model.setText(model.title if model is not None else "")
        self.model.setVisible(model is not None)
        self.opacity.set_value(instance.opacity, 1.0)
        self.opacity.setEnabled(instance.visible)


class LayerList(QListWidget):
    """List that reorders its rows by drag and drop; the session holds the order."""

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self._controller = controller
        self.setObjectName("layer-list")
        self.setAccessibleName(self.tr("Layers"))
        self.setFrameShape(QListWidget.Shape.NoFrame)
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        WholeRow(self)

    def numbers(self) -> list[int]:
        """Ids of the layers from the topmost."""
        return [int(self.item(row).data(NUMBER)) for row in range(self.count())]

    def number(self) -> int | None:
        """Id of the current layer; None without one."""
        item = self.currentItem()
        return int(item.data(NUMBER)) if item is not None else None

    def move_to(self, row: int, target: int) -> None:
        """Move the layer of `row` to the place of the row `target`."""
        order = self.numbers()
        order.insert(target, order.pop(row))
        self._controller.layers.reorder(order[::-1])

    def dropEvent(self, event: QDropEvent) -> None:
        if event.source() is not self:
            event.ignore()
            return
        row, place = self.currentRow(), self.indexAt(event.position().toPoint()).row()
        below = self.dropIndicatorPosition() == QAbstractItemView.DropIndicatorPosition.BelowItem
        place = self.count() if place < 0 else place + below
        # The rows are rebuilt from the session; a move by Qt as well would lose their widgets.
        event.setDropAction(Qt.DropAction.IgnoreAction)
        event.accept()
        if row >= 0:
            self.move_to(row, place - (place > row))

    def event(self, event: QEvent) -> bool:
        return claims(event, KEYS) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        number, key, row = self.number(), event.key(), self.currentRow()
        if number is None:
            super().keyPressEvent(event)
        elif key == Qt.Key.Key_Space:
            visible = next(item.visible for item in self._controller.layers.stack() if item.id == number)
            self._controller.set_visible(number, not visible)
        elif key == Qt.Key.Key_Delete:
            self._controller.layers.remove(number)
        elif event.modifiers() & Qt.KeyboardModifier.AltModifier and key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            target = row + (1 if key == Qt.Key.Key_Down else -1)
            if 0 <= target < self.count():
                self.move_to(row, target)
        else:
            super().keyPressEvent(event)


class LayersPanel(QWidget):
    """The stack of layers on the active medium."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        controller = self._controller = context.controller
        self._rows: dict[int, LayerRow] = {}
        self.setMinimumWidth(WIDTH)
        self.list = LayerList(controller)
        self.list.currentRowChanged.connect(self._chosen)
        self.list.customContextMenuRequested.connect(
            lambda place: self.menu().popup(self.list.viewport().mapToGlobal(place))
        )
        empty = EmptyState("layers", self.tr("Open a file and choose an analysis; its layers are listed here."))
        self.stack = CurrentStack()
        self.stack.addWidget(empty)
        self.stack.addWidget(self.list)
        self.add = QToolButton()
        self.add.setObjectName("add-layer-button")
        self.add.setIcon(icon("plus"))
        self.add.setText(self.tr("Add layer"))
        self.add.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.add.setToolTip(self.tr("Add another analysis on top"))
        self.add.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.add.setMenu(LayerMenu(controller.layers, self.add))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 0, 8, 8)
        layout.setSpacing(4)
        layout.addWidget(self.stack, 1)
        layout.addWidget(self.add, 0, Qt.AlignmentFlag.AlignLeft)
        controller.state_changed.connect(self._show_change)
        self._update(controller.session.state)

    def sizeHint(self) -> QSize:
        return QSize(WIDTH, 220)

    def row(self, number: int) -> LayerRow:
        """The row of a layer by its id. Raises KeyError where it is not listed."""
        return self._rows[number]

    def menu(self) -> QMenu:
        """Context menu of the current layer; empty without one."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        number, row, layers = self.list.number(), self.list.currentRow(), self._controller.layers
        if number is None:
            return menu
        visible = next(item.visible for item in layers.stack() if item.id == number)
        look = self.tr("Hide") if visible else self.tr("Show")
        menu.addAction(
            icon("eye-off" if visible else "eye"),
            look + "\t" + QKeySequence(Qt.Key.Key_Space).toString(QKeySequence.SequenceFormat.NativeText),
            lambda: self._controller.set_visible(number, not visible),
        )
        menu.addAction(icon("copy"), self.tr("Duplicate"), lambda: layers.duplicate(number))
        up = menu.addAction(icon("chevron-up"), self.tr("Move Up"), lambda: self.list.move_to(row, row - 1))
        up.setEnabled(row > 0)
        down = menu.addAction(icon("chevron-down"), self.tr("Move Down"), lambda: self.list.move_to(row, row + 1))
        down.setEnabled(row < self.list.count() - 1)
        menu.addSeparator()
        delete = QKeySequence(Qt.Key.Key_Delete).toString(QKeySequence.SequenceFormat.NativeText)
        menu.addAction(icon("trash-2"), self.tr("Remove") + "\t" + delete, lambda: layers.remove(number))
        return menu

    def _chosen(self, row: int) -> None:
        number = self.list.number()
        if row >= 0 and number is not None and number != self._controller.session.state.current:
            self._controller.layers.select(number)

    def _show_change(self, old: State, new: State) -> None:
        if not differ_in_values(old, new):  # a row shows no parameter
            self._update(new)

    def _update(self, state: State) -> None:
        layers = self._controller.layers.stack()[::-1]
        if [item.id for item in layers] != self.list.numbers():
            self._rebuild(layers)
        for place, instance in enumerate(layers):
            row = self._rows[instance.id]
            row.show_layer(instance, current=instance.id == state.current)
            self.list.item(place).setSizeHint(QSize(0, row.sizeHint().height()))
        self.list.setMinimumHeight(max((row.sizeHint().height() for row in self._rows.values()), default=0))
        places = [place for place, item in enumerate(layers) if item.id == state.current]
        self.list.blockSignals(True)
        self.list.setCurrentRow(places[0] if places else -1)
        self.list.blockSignals(False)
        if places:
            self.list.scrollToItem(self.list.item(places[0]))
        self.stack.setCurrentIndex(1 if layers else 0)
        self.add.setVisible(bool(self._controller.layers.choices()))

    def _rebuild(self, layers: tuple[AnalysisInstance, ...]) -> None:
        self.list.blockSignals(True)
        self.list.clear()
        self._rows = {}
        for instance in layers:
            item = QListWidgetItem()
            item.setData(NUMBER, instance.id)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, translated(instance.spec.title))
            self.list.addItem(item)
            row = self._rows[instance.id] = LayerRow(self._controller, instance)
            self.list.setItemWidget(item, row)
        self.list.blockSignals(False)


PANELS.register(
    Panel(
        "layers",
        "Layers",
        Qt.DockWidgetArea.LeftDockWidgetArea,
        LayersPanel,
        order=15,
        shortcut="Ctrl+Alt+7",
        keywords=(
            "overlay",
            "opacity",
            "stack",
            "blend",
            "visibility",
            "레이어",
            "겹쳐 보기",
            "투명도",
        ),
        icon="layers",
    )
)
