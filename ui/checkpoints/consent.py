"""Before anything is downloaded: what it is, how large, under which licence, from whom, and where it will be kept."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QPushButton, QVBoxLayout, QWidget

from cvstudio.weights.offer import Offer
from ui.translate import translated
from ui.widgets.model_card import CardView

WIDTH = 520


class ConsentDialog(QDialog):
    """Does nothing by itself, and holds nothing up: the window goes on behind it.

    Signals
    -------
    agreed : to be downloaded
    file_wanted : the user has the file already
    """

    agreed = Signal()
    file_wanted = Signal()

    def __init__(self, parent: QWidget, offer: Offer) -> None:
        super().__init__(parent)
        self.offer = offer
        self.setObjectName("consent-dialog")
        self.setWindowTitle(self.tr("Get {title}").format(title=offer.title))
        card = CardView()
        card.head(self.tr("Get the weights of {title}").format(title=offer.title), False)
        card.text(self.tr("The program downloads nothing by itself. This is what it would get."), "quiet")
        card.pairs([(translated(name), value) for name, value in offer.facts()])
        if not offer.has_room:
            card.text(self.tr("There is not enough room on that disk."), "message")
        buttons = QDialogButtonBox()
        buttons.setContentsMargins(16, 0, 16, 16)
        resumed = offer.come_bytes > 0
        self.download = QPushButton(self.tr("Go on with the download") if resumed else self.tr("Download"))
        self.download.setDefault(True)
        self.download.setEnabled(offer.has_room)
        choose = QPushButton(self.tr("Choose a file …"))
        choose.setAutoDefault(False)
        cancel = QPushButton(self.tr("Cancel"))
        cancel.setAutoDefault(False)
        buttons.addButton(self.download, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.addButton(choose, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.addButton(cancel, QDialogButtonBox.ButtonRole.RejectRole)
        self.download.clicked.connect(self.agreed)
        self.download.clicked.connect(self.accept)
        choose.clicked.connect(self.file_wanted)
        choose.clicked.connect(self.reject)
        cancel.clicked.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(card)
        layout.addWidget(buttons)
        # What wraps is as high as its width makes it; more would be left as gaps between the lines.
        self.setFixedSize(WIDTH, card.layout().heightForWidth(WIDTH) + buttons.sizeHint().height())
