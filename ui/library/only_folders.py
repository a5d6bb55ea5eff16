"""What stands in place of the list of a folder that holds folders, and no file that would be listed."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QLabel, QListWidget, QListWidgetItem, QPushButton, QVBoxLayout, QWidget

from cvstudio.foundation.names import shown_name
from ui.base.icons import icon
from ui.base.translate import counted

ROW_HEIGHT = 28


class OnlyFolders(QWidget):
    """Lists the folders, each of which can be opened, and offers two ways to all that they hold.

    Signals
    -------
    folder_asked : name of the folder to open
    labels_asked : the folder is to be opened as a labelled set
    subfolders_asked : the files of its folders are to be listed
    """

    folder_asked = Signal(str)
    labels_asked = Signal()
    subfolders_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.message = QLabel()
        self.message.setObjectName("quiet")
        self.message.setWordWrap(True)
        self.subfolders = QPushButton(self.tr("Include subfolders"))
        self.subfolders.setToolTip(self.tr("Lists the files of its folders, and of theirs"))
        self.subfolders.clicked.connect(self.subfolders_asked)
        self.labels = QPushButton(self.tr("Open as labels"))
        self.labels.setToolTip(
            self.tr("Opens it as a labelled set, such as a folder for each class (File → Open Folder of Labels)")
        )
        self.labels.clicked.connect(self.labels_asked)
        self.folders = QListWidget()
        self.folders.setAccessibleName(self.tr("Folders"))
        self.folders.setToolTip(self.tr("A click opens the folder"))
        self.folders.setUniformItemSizes(True)
        self.folders.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.folders.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # A click, or Enter; where a double click opens, it would come a second time.
        self.folders.itemClicked.connect(self._asked)
        self.folders.itemActivated.connect(self._asked)
        self._names: tuple[str, ...] = ()
        self._asked_for = ""
        # As narrow as the panel can be made, the buttons stand below each other.
        self.folders.setMinimumHeight(ROW_HEIGHT)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 0)
        layout.setSpacing(8)
        layout.addWidget(self.message)
        layout.addWidget(self.subfolders)
        layout.addWidget(self.labels)
        layout.addWidget(self.folders, 1)

    def tell(self, names: Sequence[str], *, others: int = 0) -> None:
        """List the folders `names`, beside which there are `others` files of no kind that the program reads."""
        count = len(names)
        folders = counted(count, self.tr("{count} folder"), self.tr("{count} folders"))
        nothing = self.tr("no pictures, videos or sounds") if others else self.tr("no files")
        text = self.tr("It holds {folders} and {nothing}.").format(folders=folders, nothing=nothing)
        self.message.setText(text)
        self._asked_for = ""
        if tuple(names) != self._names:
            self._names = tuple(names)
            self.folders.clear()
            for name in names:
                item = QListWidgetItem(icon("folder"), shown_name(name))
                item.setData(Qt.ItemDataRole.UserRole, name)
                item.setSizeHint(QSize(0, ROW_HEIGHT))
                self.folders.addItem(item)

    def _asked(self, item: QListWidgetItem) -> None:
        name: str = item.data(Qt.ItemDataRole.UserRole)
        if name != self._asked_for:
            self._asked_for = name
            self.folder_asked.emit(name)
