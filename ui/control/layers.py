"""Changes of the stack of layers; each is an undo step of the session."""

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
    """Part of the controller that changes the layers of the session. Main thread only."""

    def __init__(self, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session

    def stack(self) -> tuple[AnalysisInstance, ...]:
        """Layers on the active medium, the lowest first."""
        return layers_on(self._session.state)

    def choices(self) -> list[Analysis]:
        """Analyses that can be added as a layer on the active medium; empty without a medium."""
        media = self._session.state.active_media
        # Without a medium the registry is not asked: importing all analyses would delay the first paint of the window.
        return [spec for spec in ANALYSES if spec.shows(media)] if media is not None else []

    def add(self, key: str) -> None:
        """Add the analysis `key` as the top layer and make it the current one."""
        title = self.tr("Add {layer}").format(layer=translated(ANALYSES[key].title))
        self._session.change(title, with_layer(self._session.state, ANALYSES[key], self._session.next_id))

    def duplicate(self, number: int) -> None:
        """Insert a copy of the layer with id `number` above it, with the same model and parameter values."""
        self._session.change(self.tr("Duplicate layer"), with_copy(self._session.state, number, self._session.next_id))

    def remove(self, number: int) -> None:
        """Remove the layer with id `number`."""
        self._session.change(self.tr("Remove layer"), without_layer(self._session.state, number))

    def select(self, number: int) -> None:
        """Make the layer with id `number` the current one; not an undo step."""
        self._session.change(self.tr("Choose layer"), with_current(self._session.state, number), undoable=False)

    def reorder(self, numbers: Sequence[int]) -> None:
        """Set the order of the layers by their ids, the lowest first."""
        self._session.change(self.tr("Move layer"), with_order(self._session.state, numbers))

    def set_opacity(self, number: int, opacity: float, *, dragging: bool = False) -> None:
        """Set the opacity of a layer, 0..1; changes while `dragging` are one undo step."""
        merge = f"opacity.{number}" if dragging else None
        new = with_opacity(self._session.state, number, opacity)
        self._session.change(self.tr("Change the opacity"), new, merge=merge)
        if not dragging:
            self._session.end_merge()
