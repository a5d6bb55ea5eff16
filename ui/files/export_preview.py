"""The preview in the export dialog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QLocale, Qt
from PySide6.QtGui import QFontDatabase, QImage, QPixmap
from PySide6.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from cvstudio.data.geometry import Size

if TYPE_CHECKING:
    from cvstudio.exporters.preview import FilePreview

LARGEST = Size(380, 200)
"""Space for the picture, in logical pixels."""


class ExportPreview(QWidget):
    """Shows what an export will hold: the picture, or the first lines.

    `caption` says how large the file will be, or why there is no preview; it is placed by the owner, where it is seen
    however long the options above the preview are.
    """

    def __init__(self) -> None:
        super().__init__()
        self.picture = QLabel()
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.setAccessibleName(self.tr("Preview"))
        self.text = QLabel()
        self.text.setObjectName("small")
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        # Long lines are cut off: the dialog keeps its size.
        self.text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.caption = QLabel()
        self.caption.setObjectName("small")
        self.caption.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.caption.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for widget in (self.picture, self.text):
            layout.addWidget(widget)
        self.show_preview(None)

    @property
    def largest(self) -> Size:
        """Space for the picture in device pixels."""
        ratio = self.devicePixelRatioF()
        return Size(round(LARGEST.width * ratio), round(LARGEST.height * ratio))

    def show_preview(self, preview: FilePreview | None) -> None:
        """Show a preview; None leaves the space empty."""
        picture = preview.picture if preview is not None else None
        text = preview.text if preview is not None else ""
        self.picture.setVisible(picture is not None)
        self.text.setVisible(bool(text))
        self.text.setText(text)
        parts = []
        if preview is not None and picture is not None and preview.size is not None:
            height, width = picture.shape[:2]
            image = QImage(picture.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
            image.setDevicePixelRatio(self.devicePixelRatioF())
            self.picture.setPixmap(QPixmap.fromImage(image))
            parts.append(self.tr("{width} × {height}").format(width=preview.size.width, height=preview.size.height))
        if preview is not None and preview.n_bytes is not None:
            parts.append(self.locale().formattedDataSize(preview.n_bytes, 1, QLocale.DataSizeFormat.DataSizeSIFormat))
        self.caption.setText(" · ".join(parts))

    def wait(self) -> None:
        """Say that the preview is being made, unless there is one to show until then."""
        if self.picture.isHidden() and self.text.isHidden():
            self.caption.setText(self.tr("Preparing the preview …"))

    def say(self, sentence: str) -> None:
        """Show why there is no preview."""
        self.show_preview(None)
        self.caption.setText(sentence)
