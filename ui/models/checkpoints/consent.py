"""The question before a download: what it is, its size, licence, source and where it will be kept."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from cvstudio.models.catalogue.offer import Offer
from ui.base.translate import translated
from ui.models.model_card import CardView

SILENT_MS = 2500
"""Milliseconds without an answer of the hub after which the dialog says so."""

WIDTH = 660
"""Width in pixels that holds a SHA-256 in one line, as it has no place to break at."""


class ConsentDialog(QDialog):
    """Asks whether to download weights; not modal, and downloads nothing itself.

    Size and hash of a file on the Hugging Face hub are known to the hub only: the download is disabled until it has
    answered.

    Signals
    -------
    agreed : `hub.Remote` or None, the file as it is shown
    file_wanted : the user has the file already and chooses it
    asked_again : the user wants to ask the hub again
    """

    agreed = Signal(object)
    file_wanted = Signal()
    asked_again = Signal()

    def __init__(self, parent: QWidget, offer: Offer) -> None:
        super().__init__(parent)
        self.setObjectName("consent-dialog")
        self.setWindowTitle(self.tr("Download {title}").format(title=offer.title))
        card = self._card = CardView()
        card.head(self.tr("Download the weights of {title}").format(title=offer.title), False)
        card.text(self.tr("Nothing is downloaded without your consent. This is what would be downloaded."), "quiet")
        self._facts = card.pairs([*offer.facts()])
        self._message = QLabel()
        self._message.setObjectName("message")
        self._message.setWordWrap(True)
        card.add(self._message)
        self.asking = QProgressBar(maximum=0, textVisible=False)
        self.asking.setAccessibleName(self.tr("Asking the Hugging Face hub"))
        card.add(self.asking)
        # Its library waits for long where packets get lost; that there is no connection is said before.
        self._silence = QTimer(self, singleShot=True, interval=SILENT_MS)
        self._silence.timeout.connect(self._tell_silence)
        buttons = self._buttons = QDialogButtonBox()
        buttons.setContentsMargins(16, 0, 16, 16)
        self.download = QPushButton()
        self.again = QPushButton(self.tr("Try again"))
        choose = QPushButton(self.tr("Choose a file …"))
        cancel = self._cancel = QPushButton(self.tr("Cancel"))
        for button in (self.download, self.again, choose, cancel):
            button.setAutoDefault(False)
        buttons.addButton(self.download, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.addButton(self.again, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.addButton(choose, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.addButton(cancel, QDialogButtonBox.ButtonRole.RejectRole)
        self.download.clicked.connect(self._agree)
        self.again.clicked.connect(self.asked_again)
        choose.clicked.connect(self.file_wanted)
        choose.clicked.connect(self.reject)
        cancel.clicked.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(card)
        layout.addWidget(buttons)
        self.show_offer(offer)

    def show_offer(self, offer: Offer) -> None:
        """Update what is known of the file."""
        self.offer = offer
        for (left, right), (name, value) in zip(self._facts, offer.facts(), strict=True):
            left.setText(translated(name))
            right.setText(translated(value))
        problem = translated(offer.problem)
        if not offer.has_room:
            problem = self.tr("There is not enough free space on that disk.")
        self._message.setText(problem)
        self._message.setVisible(bool(problem))
        waiting = offer.asks_hub and not offer.problem
        self.asking.setVisible(waiting)
        if waiting:
            self._silence.start()
        else:
            self._silence.stop()
        resumed = offer.come_bytes > 0
        self.download.setText(self.tr("Resume download") if resumed else self.tr("Download"))
        self.download.setVisible(not offer.problem)
        self.download.setEnabled(offer.has_room and not offer.asks_hub)
        self.again.setVisible(bool(offer.problem))
        action = self.again if offer.problem else self.download
        action.setDefault(True)
        (action if action.isEnabled() else self._cancel).setFocus()
        self._fit()

    def _tell_silence(self) -> None:
        self._message.setText(self.tr("The Hugging Face hub has not answered yet; is this computer online?"))
        self._message.show()
        self._fit()

    def _fit(self) -> None:
        # The height of wrapped text follows from its width; a higher dialog would have gaps between the lines.
        card = self._card.layout()
        assert card is not None  # a card lays itself out
        card.invalidate()
        self.setFixedSize(WIDTH, card.heightForWidth(WIDTH) + self._buttons.sizeHint().height())

    def _agree(self) -> None:
        self.agreed.emit(self.offer.remote)
        self.accept()
