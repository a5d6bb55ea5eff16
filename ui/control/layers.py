"""Intents on the stack of layers, each an undo step of the session."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject

from cvstudio.analyses import ANALYSES, Analysis
from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.session.layers import (
    layers_on,
    with_copy,
    with_current,
    with_layer,
    with_opacity,
    with_order,
    without_layer,
)
from cvstudio.session.session import Session
from ui.base.translate import translated


class LayerStack(QObject):
    """Turns intents into changes of the session, for the controller that owns it."""

    def __init__(self, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session

    def stack(self) -> tuple[AnalysisInstance, ...]:
        """The layers on the medium on the canvas, the lowest first."""
        return layers_on(self._session.state)

    def choices(self) -> list[Analysis]:
        """The analyses that can be added to what is on the canvas."""
        media = self._session.state.active_media
        # Without a medium nobody is asked what there is: the first picture of the window does not wait for that.
        return [spec for spec in ANALYSES if spec.shows(media)] if media is not None else []

    def add(self, key: str) -> None:
        """Add an analysis as the top layer, and show its controls."""
        title = self.tr("Add {layer}").format(layer=translated(ANALYSES[key].title))
        self._session.change(title, with_layer(self._session.state, ANALYSES[key], self._session.next_id))

    def duplicate(self, number: int) -> None:
        """Add a copy right above the layer, with the same model and values."""
        self._session.change(self.tr("Duplicate layer"), with_copy(self._session.state, number, self._session.next_id))

    def remove(self, number: int) -> None:
        self._session.change(self.tr("Remove layer"), without_layer(self._session.state, number))

    def select(self, number: int) -> None:
        """Show the controls of a layer; what is drawn stays as it is, and undo passes it by."""
        self._session.change(self.tr("Choose layer"), with_current(self._session.state, number), undoable=False)

    def reorder(self, numbers: Sequence[int]) -> None:
        """Draw the layers in this order, the lowest first."""
        self._session.change(self.tr("Move layer"), with_order(self._session.state, numbers))

    def set_opacity(self, number: int, opacity: float, *, dragging: bool = False) -> None:
        """How strongly a layer covers what lies below it; the ticks of a drag are one undo step."""
        merge = f"opacity.{number}" if dragging else None
        new = with_opacity(self._session.state, number, opacity)
        self._session.change(self.tr("Change the opacity"), new, merge=merge)
        if not dragging:
            self._session.end_merge()
