"""Cards of models and recipes: licence, training data, metrics and what they are not for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from cvstudio.foundation.errors import WeightsError
from cvstudio.models import ModelSpec
from cvstudio.models.terms import Place, terms
from cvstudio.training import TrainingRecipe
from cvstudio.weights.declaration import Weights
from cvstudio.weights.embedded import ModelCard, card
from ui.base.translate import translated
from ui.widgets.badge import Badge

WIDTH = 400
HEIGHT = 620
GAP = 4


class CardView(QWidget):
    """A column of headings, texts and tables of names and values."""

    def __init__(self) -> None:
        super().__init__()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(16, 14, 16, 16)
        self._layout.setSpacing(6)

    def texts(self) -> list[str]:
        """Texts of all labels, from the top."""
        return [label.text() for label in self.findChildren(QLabel)]

    def head(self, title: str, forbidden: bool) -> None:
        """Add the title, with the non-commercial badge where commercial use is `forbidden`."""
        row = QHBoxLayout()
        row.setSpacing(8)
        name = QLabel(title)
        name.setObjectName("card-title")
        name.setTextFormat(Qt.TextFormat.PlainText)
        name.setWordWrap(True)
        row.addWidget(name, 1)
        if forbidden:
            row.addWidget(non_commercial_badge(), 0, Qt.AlignmentFlag.AlignTop)
        self._layout.addLayout(row)

    def heading(self, text: str) -> None:
        """Add the heading of a section."""
        label = QLabel(text)
        label.setObjectName("section")
        self._layout.addSpacing(8)
        self._layout.addWidget(label)

    def text(self, text: str, name: str = "") -> None:
        """Add a paragraph; `name` is the object name that the style sheet knows, such as "quiet"."""
        label = QLabel(text)
        label.setObjectName(name)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setWordWrap(True)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._layout.addWidget(label)

    def pairs(self, pairs: list[tuple[str, str]]) -> list[tuple[QLabel, QLabel]]:
        """Add rows of (name, value); returns the two labels of each row."""
        labels = []
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(1, 1)
        for row, (name, value) in enumerate(pairs):
            left, right = QLabel(name), QLabel(value)
            left.setObjectName("quiet")
            right.setTextFormat(Qt.TextFormat.PlainText)
            right.setWordWrap(True)
            right.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            grid.addWidget(left, row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(right, row, 1)
            labels.append((left, right))
        self._layout.addLayout(grid)
        return labels

    def add(self, widget: QWidget) -> None:
        """Add a control."""
        self._layout.addWidget(widget)

    def sources(self, sources: Iterable[tuple[str, str, str]]) -> None:
        """Add the training data as (name, licence, use) of each data set."""
        self.heading(self.tr("Trained on"))
        for name, licence, use in sources:
            self.text(name)
            self.text(f"{use} · {licence}", "quiet")

    def not_for(self, sentences: Iterable[str]) -> None:
        """Add the uses that a model is not meant for."""
        self.heading(self.tr("Not suitable for"))
        for sentence in sentences:
            self.text(sentence)


class RecipeCardView(CardView):
    """Card of a training recipe: its result, its data and the licence."""

    def __init__(self, recipe: TrainingRecipe) -> None:
        super().__init__()
        self.head(translated(recipe.title), recipe.non_commercial)
        self.text(translated(recipe.summary))
        self.heading(self.tr("Licence of the result"))
        self.text(recipe.licence)
        self.heading(self.tr("Required in the data folder"))
        self.text("\n".join(recipe.files))
        self.sources((source.name, source.licence, source.use) for source in recipe.sources)
        self.not_for(recipe.not_for)
        self.heading(self.tr("On the command line"))
        self.text(f"cvstudio train {recipe.key} --data …")
        self._layout.addStretch(1)


class ModelCardView(CardView):
    """Card of a model: licence, training data, metrics and files."""

    def __init__(
        self, spec: ModelSpec, *, local: Path | None = None, trained: ModelCard | None = None, headed: bool = True
    ) -> None:
        """Fill the card of `spec`.

        Parameters
        ----------
        spec : the model
        local : checkpoint file that replaces the model's own weights
        trained : card of a training run, shown in place of the model's own card
        headed : whether the card has a title of its own
        """
        super().__init__()
        model_card = trained
        message = ""
        if model_card is None:
            try:
                model_card = card(spec.key)
            except WeightsError as error:
                message = str(error)
        if headed:
            forbidden = terms(spec).non_commercial if trained is None else trained.non_commercial
            self.head(trained.title if trained is not None else spec.title, forbidden)
        # Both are unknown of most networks of the user.
        parts = [spec.paper, str(spec.year) if spec.year and str(spec.year) not in spec.paper else ""]
        if any(parts):
            self.text(", ".join(part for part in parts if part), "quiet")
        self.text(translated(spec.summary))
        if message:
            self.text(message, "message")
        if local is not None:
            self.heading(self.tr("Checkpoint file"))
            self.text(str(local))
            self.text(self.tr("The details below are of the published weights, not of this file."), "quiet")
        if model_card is not None:
            self._card(model_card)
            if spec.weights and spec.weights[0].packaged is not None:
                self.heading(self.tr("File"))
                self.pairs(self._file(spec, spec.weights[0]))
        elif spec.weights:
            self._weights(spec)
        elif not message:
            self.text(self.tr("Included in a library that comes with the program; nothing is downloaded."))
        self._layout.addStretch(1)

    def _card(self, model_card: ModelCard) -> None:
        self.heading(self.tr("Licence"))
        self.text(model_card.licence)
        self.sources((source.name, source.licence, source.use) for source in model_card.sources)
        self.heading(self.tr("Results on held-out data"))
        for split in dict.fromkeys(metric.split for metric in model_card.metrics):
            self.text(split, "quiet")
            self.pairs([(metric.name, metric.value) for metric in model_card.metrics if metric.split == split])
        self.not_for(model_card.not_for)
        self.heading(self.tr("Training"))
        made = (
            (self.tr("trained"), f"{model_card.date}, {model_card.epochs} epochs, {model_card.hours:g} h")
            if model_card.epochs
            else (self.tr("calibrated"), model_card.date)
        )
        self.pairs(
            [
                (made[0], f"{made[1]}, {model_card.device}"),
                (
                    self.tr("size"),
                    f"{model_card.size_bytes / 1e6:.1f} MB, {model_card.parameters / 1e6:.1f} M parameters",
                ),
                (self.tr("seed"), str(model_card.seed)),
                (self.tr("reproduce"), model_card.command),
            ]
        )

    def _weights(self, spec: ModelSpec) -> None:
        weights, *others = spec.weights
        self.heading(self.tr("Licence"))
        self.text(weights.licence)
        if weights.trained_on:
            self.heading(self.tr("Trained on"))
            self.text(weights.trained_on)
        if weights.metrics:
            self.heading(self.tr("Published results"))
            self.text(weights.metrics)
        self.heading(self.tr("File"))
        self.pairs(self._file(spec, weights))
        if others:
            self.heading(self.tr("Other available weights"))
            for other in others:
                self.text(other.file_name)
                self.text(f"{other.metrics} · {other.licence}", "quiet")

    def _file(self, spec: ModelSpec, weights: Weights) -> list[tuple[str, str]]:
        place = terms(spec).place
        pairs = [
            (self.tr("name"), weights.file_name),
            (self.tr("size"), f"{weights.size_bytes / 1e6:.1f} MB, {translated(place.value)}"),
        ]
        if weights.path is not None:
            return [*pairs, (self.tr("folder"), str(weights.path.parent))]
        if weights.packaged is not None:
            return [*pairs, (self.tr("package"), weights.packaged.title)]
        return pairs if place is Place.EMBEDDED else [*pairs, (self.tr("from"), weights.url)]


def non_commercial_badge() -> Badge:
    """Badge of a model whose training data forbid commercial use."""
    text = QGuiApplication.translate("ModelCard", "non-commercial")
    why = QGuiApplication.translate("ModelCard", "The licence of its training data forbids commercial use.")
    return Badge(text, why)


class CardPopup(QFrame):
    """A card in a popup below its anchor; a click elsewhere or Escape closes it."""

    def __init__(self, anchor: QWidget, view: CardView) -> None:
        super().__init__(anchor, Qt.WindowType.Popup)
        self.setObjectName("popup")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.view = view
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(view)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 1, 1, 1)
        layout.addWidget(scroll)
        self._place(anchor)
        self.show()

    def _place(self, anchor: QWidget) -> None:
        screen = anchor.screen().availableGeometry()
        self.view.ensurePolished()
        layout = self.view.layout()
        assert layout is not None  # a card lays itself out
        full_height = layout.heightForWidth(WIDTH - 2) + 2
        height = min(HEIGHT, full_height, screen.height() - 2 * GAP)
        below = anchor.mapToGlobal(QPoint(0, anchor.height() + GAP))
        place = QRect(below.x() + anchor.width() - WIDTH, below.y(), WIDTH, height)
        place.moveLeft(max(screen.left() + GAP, min(place.left(), screen.right() - WIDTH - GAP)))
        place.moveTop(max(screen.top() + GAP, min(place.top(), screen.bottom() - height - GAP)))
        self.setGeometry(place)
