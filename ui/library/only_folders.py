"""What stands in place of the list of a folder that holds nothing but folders."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from ui.widgets.empty_state import EmptyState


class OnlyFolders(QWidget):
    """Says how many folders there are, and offers both ways to what they hold.

    Signals
    -------
    labels_asked : the folder is to be opened as a labelled set
    subfolders_asked : the files of its folders are to be listed
    """

    labels_asked = Signal()
    subfolders_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.message = EmptyState("folder", "")
        self.labels = QPushButton(self.tr("Open as labels"))
        self.labels.setToolTip(
            self.tr("Opens it as a labelled set, such as a folder for each class (File → Open Folder of Labels)")
        )
        self.labels.clicked.connect(self.labels_asked)
        self.subfolders = QPushButton(self.tr("Include subfolders"))
        self.subfolders.setToolTip(self.tr("Lists the files of its folders, and of theirs"))
        self.subfolders.clicked.connect(self.subfolders_asked)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 0, 8, 16)
        layout.setSpacing(8)
        layout.addStretch(1)
        layout.addWidget(self.message)
        for button in (self.labels, self.subfolders):
            line = QHBoxLayout()
            line.addStretch(1)
            line.addWidget(button)
            line.addStretch(1)
            layout.addLayout(line)
        layout.addStretch(2)

    def tell(self, count: int) -> None:
        """Say that there are `count` folders."""
        folders = self.tr("1 folder") if count == 1 else self.tr("{count} folders").format(count=f"{count:,}")
        self.message.set_text(self.tr("It holds {folders} and no files.").format(folders=folders))
