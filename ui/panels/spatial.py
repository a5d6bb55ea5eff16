"""The panel of the 3D view: its objects in a tree, and how they are drawn."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QPoint, QSize, Qt, QTimer
from PySide6.QtWidgets import QMenu, QScrollArea, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from cvstudio.foundation.params import fields_of, values_of
from ui.control.spatial import SceneRow, SpatialScene
from ui.panels import PANELS
from ui.panels.base import Panel, PanelContext
from ui.widgets.current_stack import CurrentStack
from ui.widgets.empty_state import EmptyState
from ui.widgets.param_form import ParamForm

KEY = Qt.ItemDataRole.UserRole
_ROW_HEIGHT, _MOST_ROWS = 24, 10


class SpatialPanel(CurrentStack):
    """Tree of objects with their visibility, and a form of the fields of `SpatialLook`."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        controller = self._controller = context.controller
        self._spatial = controller.spatial
        self._filling = False
        self.tree = QTreeWidget()
        self.tree.setHeaderHidden(True)
        self.tree.setAccessibleName(self.tr("Objects of the 3D view"))
        self.tree.setToolTip(self.tr("Tick what to show; F2 renames, right-click for more."))
        self.tree.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.tree.customContextMenuRequested.connect(self._menu)
        self.tree.itemChanged.connect(self._ticked)
        self.tree.currentItemChanged.connect(self._chosen)
        self.tree.itemDoubleClicked.connect(self._open)
        self.tree.setEditTriggers(QTreeWidget.EditTrigger.EditKeyPressed)
        self.form = ParamForm()
        self.form.edited.connect(lambda name, value, dragging: self._spatial.set_look(name, value, dragging=dragging))
        self.form.released.connect(lambda _: controller.end_drag())
        body = QWidget()
        layout = QVBoxLayout(body)
        layout.setContentsMargins(12, 8, 12, 12)
        layout.setSpacing(8)
        layout.addWidget(self.tree)
        layout.addWidget(self.form)
        layout.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(body)
        self.addWidget(EmptyState("box", self.tr("Objects of a mesh, a point cloud or a result in space appear here.")))
        self.addWidget(scroll)
        self._spatial.scene_changed.connect(self._show)
        self._spatial.look_changed.connect(self._show_look)
        self._spatial.marked_changed.connect(self._mark)
        self._show(self._spatial.scene)

    def sizeHint(self) -> QSize:
        return QSize(312, 520 if self._spatial.scene.rows else 160)

    # Objects --------------------------------------------------------------------------------------------------------

    def _show(self, scene: SpatialScene) -> None:
        self.setCurrentIndex(1 if scene.rows else 0)
        self._show_look(self._spatial.look())
        self._filling = True
        self.tree.clear()
        groups: dict[tuple[str, ...], QTreeWidgetItem] = {}
        for row in scene.rows:
            self._parent(row.group, groups).addChild(self._item(row))
        self.tree.expandAll()
        self._filling = False
        self._mark(self._spatial.marked)
        rows = min(len(scene.rows) + len(groups), _MOST_ROWS)
        self.tree.setFixedHeight(max(3, rows) * _ROW_HEIGHT + 4)
        self.updateGeometry()

    def _parent(self, group: tuple[str, ...], groups: dict[tuple[str, ...], QTreeWidgetItem]) -> QTreeWidgetItem:
        if not group:
            return self.tree.invisibleRootItem()
        if group not in groups:
            item = QTreeWidgetItem([group[-1]])
            # A tick of a group is one of all that it holds.
            item.setFlags(Qt.ItemFlag.ItemIsEnabled)
            self._parent(group[:-1], groups).addChild(item)
            groups[group] = item
        return groups[group]

    def _item(self, row: SceneRow) -> QTreeWidgetItem:
        item = QTreeWidgetItem([row.title])
        item.setData(0, KEY, row.key)
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
        item.setCheckState(0, Qt.CheckState.Checked if row.visible else Qt.CheckState.Unchecked)
        note = row.item.note if row.item is not None else ""
        kind = row.item.kind if row.item is not None else self.tr("not read yet")
        item.setToolTip(0, "\n".join(filter(None, (row.title, kind, note))))
        return item

    def _ticked(self, item: QTreeWidgetItem, column: int) -> None:
        row = self._row(item)
        if self._filling or row is None:
            return
        if (name := item.text(0)) != row.title:
            # Not before the editor is closed, as the tree is filled anew.
            QTimer.singleShot(0, self, lambda: self._spatial.rename(row.key, name))
        else:
            self._spatial.set_visible(row.key, item.checkState(0) == Qt.CheckState.Checked)

    def _chosen(self, item: QTreeWidgetItem | None, _: Any) -> None:
        if not self._filling:
            self._spatial.mark(item.data(0, KEY) or "" if item is not None else "")

    def _mark(self, key: str) -> None:
        """Select the row of an object."""
        self._filling = True
        item = next((item for item in self._items() if item.data(0, KEY) == key), None)
        if item is not None:
            self.tree.setCurrentItem(item)
        else:
            self.tree.clearSelection()
        self._filling = False

    def _items(self) -> list[QTreeWidgetItem]:
        return self.tree.findItems("", Qt.MatchFlag.MatchContains | Qt.MatchFlag.MatchRecursive)

    def _row(self, item: QTreeWidgetItem | None) -> SceneRow | None:
        key = item.data(0, KEY) if item is not None else None
        return next((row for row in self._spatial.scene.rows if row.key == key), None)

    def _open(self, item: QTreeWidgetItem) -> None:
        """Make the file of a row the active one."""
        row = self._row(item)
        if row is not None and row.media is not None:
            self._controller.activate(row.media)

    def _menu(self, place: QPoint) -> None:
        row = self._row(self.tree.itemFromIndex(self.tree.indexAt(place)))
        menu = QMenu(self)
        if row is not None:
            item = self.tree.itemFromIndex(self.tree.indexAt(place))
            menu.addAction(self.tr("Rename"), lambda: self.tree.editItem(item, 0))
            menu.addAction(self.tr("Show only this"), lambda: self._spatial.show_only(row.key))
        menu.addAction(self.tr("Show all"), self._spatial.show_all)
        media = row.media if row is not None else None
        if media is not None and media.id != self._controller.session.state.active:
            menu.addAction(self.tr("Open"), lambda: self._controller.activate(media))
        menu.exec(self.tree.viewport().mapToGlobal(place))
        menu.deleteLater()

    # Look -----------------------------------------------------------------------------------------------------------

    def _show_look(self, look: Any) -> None:
        if not self._spatial.scene.rows:
            return
        from cvstudio.draw.spatial.look import SpatialLook

        hidden = set()
        if look.colour_by != "scalar":
            hidden.add("scalar")
        if look.colour_by in ("own", "plain", "normals"):
            hidden.add("colour_map")
        if look.cut == "none":
            hidden |= {"cut_at", "cut_other_side"}
        fields = tuple(field for field in fields_of(SpatialLook) if field.name not in hidden)
        self.form.set_fields(fields, values_of(look))


PANELS.register(
    Panel(
        "spatial",
        "3D view",
        Qt.DockWidgetArea.RightDockWidgetArea,
        SpatialPanel,
        order=28,
        shortcut="Ctrl+Alt+D",
        shown=False,
        keywords=(
            *("mesh", "point cloud", "wireframe", "flat shading", "normals", "texture", "scalar field"),
            *("point size", "clipping plane", "section", "axes", "grid", "objects", "orthographic"),
            *("3차원 보기", "메시", "점군", "포인트 클라우드", "와이어프레임", "단면"),
        ),
        icon="box",
    )
)
