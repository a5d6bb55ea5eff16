"""The layers of a network as a tree: output shape, parameters, multiply-adds and receptive field."""

from __future__ import annotations

from typing import Any, overload

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QLabel, QStackedWidget, QTreeView, QVBoxLayout, QWidget

from cvstudio.models.catalogue.columns import count_text
from cvstudio.models.inspection.layers import Inspection, NetworkLayer
from cvstudio.models.inspection.text import field_text, layer_sentence
from ui.base import theme
from ui.widgets.empty_state import EmptyState

LAYER, OUTPUT, PARAMS, MACS, SEES = range(5)
WIDTHS = (190, 132, 66, 66, 100)
OPENED = 24
"""Most rows of a tree whose first levels are expanded at first."""

Index = QModelIndex | QPersistentModelIndex
NO_INDEX = QModelIndex()


class LayerModel(QAbstractItemModel):
    """Item model of a network's layers; the network itself is the only row at the top level."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._root: NetworkLayer | None = None
        self._parents: dict[int, tuple[NetworkLayer | None, int]] = {}

    def set_root(self, root: NetworkLayer | None) -> None:
        """Show another network's layers."""
        self.beginResetModel()
        self._root = root
        self._parents = {}
        if root is not None:
            self._parents[id(root)] = (None, 0)
            for _, layer in root.walk():
                for row, child in enumerate(layer.children):
                    self._parents[id(child)] = (layer, row)
        self.endResetModel()

    def layer(self, index: Index) -> NetworkLayer | None:
        return index.internalPointer() if index.isValid() else None

    def index(self, row: int, column: int, parent: Index = NO_INDEX) -> QModelIndex:
        if not self.hasIndex(row, column, parent):
            return QModelIndex()
        parent_layer = self.layer(parent)
        layer = self._root if parent_layer is None else parent_layer.children[row]
        return self.createIndex(row, column, layer)

    @overload
    def parent(self) -> QObject | None: ...

    @overload
    def parent(self, index: Index) -> QModelIndex: ...

    def parent(self, index: Index | None = None) -> QObject | QModelIndex | None:
        if index is None:
            return super().parent()
        layer = self.layer(index)
        above = self._parents[id(layer)][0] if layer is not None else None
        return QModelIndex() if above is None else self.createIndex(self._parents[id(above)][1], 0, above)

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        if self._root is None or parent.column() > 0:
            return 0
        layer = self.layer(parent)
        return 1 if layer is None else len(layer.children)

    def columnCount(self, parent: Index = NO_INDEX) -> int:
        return 5

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            titles = (self.tr("Layer"), self.tr("Output"), self.tr("Params"), self.tr("MACs"), self.tr("Sees"))
            return titles[section]
        if role == Qt.ItemDataRole.ToolTipRole and section == SEES:
            return self.tr("Receptive field in pixels of the input, height × width; + where gates see all of it")
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _side(section)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        layer = self.layer(index)
        if layer is None:
            return None
        column = index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(layer, column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return layer_sentence(layer)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _side(column)
        if role == Qt.ItemDataRole.ForegroundRole and (column != LAYER or not layer.calls):
            return theme.colour("quiet")
        return None

    def _text(self, layer: NetworkLayer, column: int) -> str:
        if column == LAYER:
            return f"{layer.name}  {layer.kind}" if layer.name else layer.kind
        if column == OUTPUT:
            return " × ".join(map(str, layer.shape[1:])) + (" …" if layer.outputs > 1 else "")
        if column == SEES:
            return field_text(layer)
        count = layer.parameters if column == PARAMS else layer.macs
        return count_text(count) if count else ""


def _side(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column in (PARAMS, MACS, SEES) else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter


class LayersView(QWidget):
    """The tree with its totals, or a sentence in its place.

    Signals
    -------
    chosen : `NetworkLayer` or None
    """

    chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.tree = QTreeView()
        self.tree.setObjectName("layer-tree")
        self.tree.setAccessibleName(self.tr("Layers"))
        self.model = LayerModel(self)
        self.tree.setModel(self.model)
        self.tree.setUniformRowHeights(True)
        self.tree.setIndentation(14)
        self.tree.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.tree.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.tree.setTextElideMode(Qt.TextElideMode.ElideRight)
        header = self.tree.header()
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(40)
        header.setSectionResizeMode(LAYER, QHeaderView.ResizeMode.Stretch)
        for column, width in enumerate(WIDTHS):
            if column != LAYER:
                self.tree.setColumnWidth(column, width)
        self.tree.selectionModel().currentRowChanged.connect(self._choose)
        self.detail = QLabel()
        self.detail.setObjectName("small")
        self.detail.setWordWrap(True)
        self.detail.setTextFormat(Qt.TextFormat.PlainText)
        self.detail.setContentsMargins(12, 4, 12, 8)
        content = QWidget()
        rows = QVBoxLayout(content)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addWidget(self.tree, 1)
        rows.addWidget(self.detail)
        self.empty = EmptyState("layers", "")
        self._stack = QStackedWidget()
        self._stack.addWidget(self.empty)
        self._stack.addWidget(content)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._stack)

    def say(self, text: str) -> None:
        """Show a sentence in the tree's place."""
        self.model.set_root(None)
        self.empty.set_text(text)
        self._stack.setCurrentIndex(0)
        self.chosen.emit(None)

    def show_inspection(self, inspection: Inspection) -> None:
        """Show the layers of a network."""
        self.model.set_root(inspection.root)
        top = self.model.index(0, 0)
        self.tree.expand(top)
        for row in range(self.model.rowCount(top)):
            child = self.model.index(row, 0, top)
            if self.model.rowCount(top) + self.model.rowCount(child) <= OPENED:
                self.tree.expand(child)
        height, width = inspection.input_size
        self.detail.setText(
            self.tr("{parameters} parameters, {macs} multiply-adds for a picture of {width} × {height}").format(
                parameters=count_text(inspection.parameters),
                macs=count_text(inspection.macs),
                width=width,
                height=height,
            )
        )
        self._stack.setCurrentIndex(1)

    def _choose(self, current: QModelIndex, previous: QModelIndex) -> None:
        layer = self.model.layer(current)
        self.chosen.emit(layer)
        if layer is not None:
            self.detail.setText(layer_sentence(layer).replace("\n", " · "))
