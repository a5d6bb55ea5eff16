"""The context menu of the picture, and what Delete does there."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtWidgets import QMenu

from cvstudio.session.label_edits import annotations_of
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


def delete_parts(window: Window) -> None:
    """Remove the selected labels. What a model found cannot be removed: say so, and offer to accept the others."""
    controller = window.controller
    state, labelling, detections = controller.session.state, controller.labelling, controller.detections()
    layer, instance, chosen = labelling.layer, state.instance, state.selection
    if not chosen or instance is None:
        return
    if annotations_of(instance) is not None:
        if labelling.ready and layer is not None and layer.id == state.current:
            labelling.delete(chosen)
        return
    text = window.tr("What a model found cannot be deleted.")
    if detections is None:
        window.notices.post("info", text)
    elif labelling.ready:
        others = {int(number) for number in detections.ids} - chosen
        text += " " + window.tr("Accept the others as labels, or raise the minimum confidence.")
        accept = partial(labelling.accept, detections, -math.inf, ids=others)
        window.notices.post("info", text, action=window.tr("Accept the Others"), run=accept, stays=True)
    else:
        text += " " + window.tr("Begin labels, accept the detections there, and delete what is wrong.")
        window.notices.post("info", text, action=window.tr("New Labels …"), run=window.begin_labels, stays=True)


def offer_picture_menu(window: Window, canvas: Canvas) -> None:
    """Let a right click on `canvas` open the menu, where it shows a picture and no tool is in use."""

    def show(place: QPoint) -> None:
        if canvas.content_size is not None and canvas.tool is None:
            picture_menu(window, canvas, place).popup(canvas.mapToGlobal(place))

    canvas.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
    canvas.customContextMenuRequested.connect(show)
