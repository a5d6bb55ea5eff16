"""The identity of a checkpoint file, and the models that it fits."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from cvstudio.models.catalogue.identify import Identified
from cvstudio.weights.differences import Differences
from ui.base.translate import counted, translated
from ui.models.checkpoints.differences_view import DifferencesView
from ui.models.model_card import CardView

WIDTH = 560
TABLE_WIDTH = 680
TABLE_HEIGHT = 280


class _Dialog(QDialog):
    """Base of the dialogs: a card with buttons below."""

    def __init__(self, parent: QWidget, title: str) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self.setMinimumWidth(WIDTH)
        self.card = CardView()
        self.buttons = QDialogButtonBox()
        self.buttons.setContentsMargins(16, 8, 16, 16)
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.setSpacing(0)
        self.body.addWidget(self.card)
        self.table: DifferencesView | None = None

    def end(self, closing: str) -> None:
        """Add the buttons at the bottom; `closing` is the title of the one that closes the dialog."""
        if self.table is not None:
            copy = self.button(self.tr("Copy as text"), QDialogButtonBox.ButtonRole.ActionRole)
            copy.clicked.connect(self.table.copy)
        self.button(closing, QDialogButtonBox.ButtonRole.RejectRole).clicked.connect(self.reject)
        self.body.addWidget(self.buttons)
        if self.table is None:
            # The height of wrapped text follows from its width; a higher dialog would have gaps between the lines.
            card = self.card.layout()
            assert card is not None  # a card lays itself out
            height = card.heightForWidth(WIDTH) + self.buttons.sizeHint().height()
            self.setFixedSize(WIDTH, height)

    def button(self, title: str, role: QDialogButtonBox.ButtonRole) -> QPushButton:
        button = QPushButton(title)
        button.setAutoDefault(False)
        self.buttons.addButton(button, role)
        return button

    def add_table(self, differences: Differences) -> None:
        self.table = DifferencesView(differences)
        self.table.setMinimumSize(TABLE_WIDTH, TABLE_HEIGHT)
        frame = QVBoxLayout()
        frame.setContentsMargins(12, 0, 12, 8)
        frame.addWidget(self.table)
        self.body.addLayout(frame, 1)


class DifferencesDialog(_Dialog):
    """The differences between a checkpoint and the model that was to load it.

    Signals
    -------
    others_wanted : the user asks which models the checkpoint fits
    """

    others_wanted = Signal()

    def __init__(self, parent: QWidget, name: str, differences: Differences) -> None:
        super().__init__(parent, name)
        self.setObjectName("differences-dialog")
        self.card.head(self.tr("{name} is a checkpoint of another network").format(name=name), False)
        self.card.text(translated(differences.sentence()), "quiet")
        self.add_table(differences)
        others = self.button(self.tr("Which models does it fit?"), QDialogButtonBox.ButtonRole.AcceptRole)
        others.clicked.connect(self.others_wanted)
        others.clicked.connect(self.accept)
        self.end(self.tr("Close"))


class ImportDialog(_Dialog):
    """An identified checkpoint, with a choice among the models that it fits.

    Signals
    -------
    chosen : key of the model that is to load it
    declared : the file is a whole network, which the user wants to declare as a custom model
    """

    chosen = Signal(str)
    declared = Signal()

    def __init__(self, parent: QWidget, identified: Identified) -> None:
        super().__init__(parent, identified.path.name)
        self.found = identified
        self.setObjectName("import-dialog")
        self.use: QPushButton | None = None
        self.choices = QButtonGroup(self)
        self._head()
        if identified.fitting:
            self._offer()
        else:
            self.card.text(translated(identified.verdict()))
            self._nearest()
        if identified.is_network:
            add = self.button(self.tr("Add as your own model …"), QDialogButtonBox.ButtonRole.AcceptRole)
            add.clicked.connect(self.declared)
            add.clicked.connect(self.accept)
        self.end(self.tr("Cancel") if identified.fitting else self.tr("Close"))

    def _head(self) -> None:
        identified, card = self.found, self.card
        card.head(identified.path.name, False)
        facts = [translated(identified.kind.value)]
        if identified.n_tensors:
            facts.append(counted(identified.n_tensors, self.tr("{count} tensor"), self.tr("{count} tensors")))
            facts.append(self.tr("{count} M values").format(count=f"{identified.n_numbers / 1e6:.1f}"))
        card.text(" · ".join(facts), "quiet")
        for note in identified.notes:
            card.text(translated(note), "message" if identified.is_network else "")

    def _offer(self) -> None:
        self.card.heading(self.tr("Compatible models"))
        for number, model in enumerate(self.found.fitting):
            choice = QRadioButton(model.title)
            choice.setToolTip(translated(model.summary))
            choice.setChecked(number == 0)
            choice.setProperty("model", model.key)
            self.choices.addButton(choice, number)
            self.card.add(choice)
        licence = self.found.licence
        unknown = self.tr("The file does not state its licence; check where it comes from.")
        self.card.text(self.tr("Licence: {licence}").format(licence=licence) if licence else unknown, "quiet")
        self.use = self.button(self.tr("Use it"), QDialogButtonBox.ButtonRole.AcceptRole)
        self.use.setDefault(True)
        self.use.clicked.connect(self._chosen)

    def _chosen(self) -> None:
        checked = self.choices.checkedButton()
        assert checked is not None  # the first one is checked until another is
        self.chosen.emit(checked.property("model"))
        self.accept()

    def _nearest(self) -> None:
        fits = self.found.fits
        if not fits:
            return
        self.card.heading(self.tr("Differences from the nearest model"))
        picker = QComboBox()
        picker.setAccessibleName(self.tr("Nearest model"))
        for fit in fits:
            share = self.tr("{share}% in common").format(share=round(100 * fit.differences.share))
            picker.addItem(f"{fit.model.title} · {share}")
        self.card.add(picker)
        self.add_table(fits[0].differences)
        assert self.table is not None
        picker.currentIndexChanged.connect(lambda index: self.table.show_differences(fits[index].differences))
