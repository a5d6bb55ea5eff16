"""The context menu of the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtWidgets import QMenu

from ui.base.icons import icon
from ui.panels.layer_menu import LayerMenu
from ui.panels.parts import add_part_actions

if TYPE_CHECKING:
    from ui.views.canvas import Canvas
    from ui.window.window_base import Window

VIEW_ACTIONS = ("fit", "actual-size", "overlay", "compare")


def picture_menu(window: Window, canvas: Canvas, place: QPoint) -> QMenu:
    """The menu at `place` of a canvas: what can be done with the part there, with the view, and with the picture."""
    menu = QMenu(window)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    controller, actions = window.controller, window.actions_by_key
    point = canvas.image_position(QPointF(place))
    number = window.workspace.part_at(*point) if point is not None else None
    if number is not None:
        controller.select(frozenset({number}))
    add_part_actions(menu, controller, number, canvas.show_rect)
    for key in VIEW_ACTIONS:
        menu.addAction(actions[key])
    menu.addSeparator()
    if controller.layers.choices():
        layers = LayerMenu(controller.layers, menu)
        layers.setTitle(window.tr("Add Layer"))
        layers.setIcon(icon("layers"))
        menu.addMenu(layers)
    if controller.labelling.ready:
        menu.addAction(actions["labels-edit"])
    menu.addAction(actions["copy"])
    media = controller.session.state.active_media
    if media is not None and media.moving:
        menu.addAction(actions["snapshot"])
    menu.addAction(actions["export"])
    return menu


def offer_picture_menu(window: Window, canvas: Canvas) -> None:
    """Let a right click on `canvas` open the menu, where it shows a picture and no tool is in use."""

    def show(place: QPoint) -> None:
        if canvas.content_size is not None and canvas.tool is None:
            picture_menu(window, canvas, place).popup(canvas.mapToGlobal(place))

    canvas.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
    canvas.customContextMenuRequested.connect(show)
