"""The menu of analyses that can be added as a layer on the canvas."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QMenu, QWidget

from cvstudio.analyses.analysis import Analysis
from cvstudio.media import Media
from ui.base.icons import icon
from ui.base.translate import translated
from ui.control.layers import LayerStack


class LayerMenu(QMenu):
    """Menu of the fitting analyses, filled each time it opens as they depend on the medium."""

    def __init__(self, layers: LayerStack, parent: QWidget) -> None:
        super().__init__(parent)
        self._layers = layers
        self.setToolTipsVisible(True)
        self.aboutToShow.connect(self.fill)

    def fill(self) -> None:
        """List the analyses that fit the active medium."""
        self.clear()
        for spec in self._layers.choices():
            action = self.addAction(icon(spec.icon), translated(spec.title), partial(self._layers.add, spec.key))
            action.setToolTip(translated(spec.summary))
        if self.isEmpty():
            self.addAction(self.tr("Open a picture, a video or a sound first")).setEnabled(False)


def what_it_needs(spec: Analysis, media: Media | None) -> str:
    """Sentence that says what an analysis takes that cannot take `media`; "" where it can, or without a medium."""
    if media is None or spec.canvas is None or any(slot.takes(media) for slot in spec.inputs):
        return ""
    needed = " + ".join(slot.named(translated(slot.title)) for slot in spec.inputs if not slot.optional)
    return QCoreApplication.translate("AnalysisPanel", "Not for this file. It needs: {what}.").format(what=needed)
