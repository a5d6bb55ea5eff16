"""View of the nearest neighbours: their votes, and each with its distance."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QImage, QPixmap
from PySide6.QtWidgets import QLabel, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from cvstudio.analyses.classification.knn import SAMPLE
from cvstudio.draw.neighbours import distance_text, filling
from cvstudio.media.examples.files import sample_place
from cvstudio.results.classification import Classification
from cvstudio.results.neighbours import Neighbours
from ui.base.translate import counted
from ui.views.results.classification import Guesses
from ui.views.results.registry import RESULT_VIEWS, ResultViewSpec

PICTURE = QSize(64, 48)
ROW_HEIGHT = 56
MOST_GUESSES = 5


class NeighboursView(QWidget):
    """Votes as bars, and the neighbours in a list.

    Signals
    -------
    open_requested : path of a neighbour that the user wants to open
    """

    open_requested = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._shown: Neighbours | None = None
        self.guesses = Guesses()
        self.about = QLabel()
        self.about.setObjectName("quiet")
        self.about.setWordWrap(True)
        self.list = QListWidget()
        self.list.setAccessibleName(self.tr("Nearest pictures"))
        self.list.setObjectName("neighbour-list")
        self.list.setIconSize(PICTURE)
        self.list.setUniformItemSizes(True)
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setToolTip(self.tr("Double-click to open the picture"))
        self.list.itemActivated.connect(lambda item: self.open_requested.emit(item.data(Qt.ItemDataRole.UserRole)))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.guesses)
        layout.addWidget(self.about)
        layout.addWidget(self.list, 1)

    def show_result(self, result: Neighbours, pointed: int | None) -> str:
        votes = result.votes
        if result is not self._shown:
            self._shown = result
            self.guesses.setVisible(votes is not None)
            # At most the likeliest classes: the list needs height where all neighbours vote differently.
            self.guesses.set_labels(_likeliest(votes))
            self.guesses.setFixedHeight(self.guesses.sizeHint().height())
            self.about.setText(self._summary(result))
            self._fill(result)
        if votes is not None:
            return f"{votes.label(0)} {votes.probabilities[0]:.0%}"
        return self.tr("{count} nearest").format(count=len(result))

    def _summary(self, result: Neighbours) -> str:
        summary = counted(
            result.compared,
            self.tr("{count} picture of {folder}, {metric} distance"),
            self.tr("{count} pictures of {folder}, {metric} distance"),
            folder=self._folder(result),
            metric=result.metric,
        )
        remaining = result.total - result.compared - result.unread
        parts = [summary]
        # More than 1, as the picture itself is never compared.
        if remaining > 1:
            parts.append(self.tr("{count} are still being processed").format(count=f"{remaining:,}"))
        if result.unread:
            parts.append(self.tr("{count} could not be read").format(count=f"{result.unread:,}"))
        return "; ".join(parts)

    def _folder(self, result: Neighbours) -> str:
        samples = result.folder == sample_place(SAMPLE).parents[1]
        return self.tr("the samples") if samples else result.folder.name

    def _fill(self, result: Neighbours) -> None:
        row = self.list.currentRow()
        self.list.clear()
        for number, name in enumerate(result.names):
            parts = [distance_text(float(result.distances[number])), result.label(number)]
            item = QListWidgetItem(f"{Path(name).name}\n" + "  ·  ".join(part for part in parts if part))
            item.setIcon(QIcon(_pixmap(result.thumbnails[number], self.devicePixelRatioF())))
            item.setSizeHint(QSize(0, ROW_HEIGHT))
            item.setToolTip(name)
            item.setData(Qt.ItemDataRole.UserRole, result.path(number))
            self.list.addItem(item)
        if 0 <= row < self.list.count():
            self.list.setCurrentRow(row)


def _likeliest(votes: Classification | None) -> Classification | None:
    if votes is None:
        return None
    return dataclasses.replace(
        votes, classes=votes.classes[:MOST_GUESSES], probabilities=votes.probabilities[:MOST_GUESSES]
    )


def _pixmap(picture: NDArray[np.uint8] | None, ratio: float) -> QPixmap:
    size = PICTURE * ratio
    if picture is None:
        empty = QPixmap(size)
        empty.fill(Qt.GlobalColor.transparent)
        return empty
    shown = np.ascontiguousarray(filling(picture, PICTURE.width(), PICTURE.height()))
    image = QImage(shown.data, shown.shape[1], shown.shape[0], shown.strides[0], QImage.Format.Format_RGB888)
    smooth = Qt.TransformationMode.SmoothTransformation
    pixmap = QPixmap.fromImage(image.scaled(size, Qt.AspectRatioMode.IgnoreAspectRatio, smooth))
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


RESULT_VIEWS.register(ResultViewSpec(Neighbours, NeighboursView))
