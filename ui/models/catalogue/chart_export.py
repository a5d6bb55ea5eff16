"""Export of the summary chart as PNG, SVG or CSV.

It is rendered again from its vectors, in the current theme and for the visible range.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QRectF, QSize, Qt
from PySide6.QtGui import QImage, QImageWriter, QPainter, QTextDocument

from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.errors import ExportError
from cvstudio.foundation.lanes import Work
from cvstudio.foundation.progress import Progress
from cvstudio.models.catalogue.saving import write_rows
from ui.base import theme

if TYPE_CHECKING:
    from ui.models.catalogue.chart import SummaryChart

SCALE = 2
"""Pixels of a saved picture for each pixel of the screen."""

MARGIN = 12
DOTS_PER_INCH = 96
SUFFIXES = (".png", ".svg", ".csv")


def picture(chart: SummaryChart, scale: float = SCALE) -> QImage:
    """The chart with its legend, `scale` times as large as on screen."""
    legend = _legend(chart)
    size = _size(chart, legend)
    image = QImage(size * scale, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(scale)
    painter = QPainter(image)
    _paint(painter, chart, legend, size)
    painter.end()
    return image


def drawing(chart: SummaryChart) -> bytes:
    """The chart with its legend as an SVG document."""
    from PySide6.QtSvg import QSvgGenerator

    legend = _legend(chart)
    size = _size(chart, legend)
    content = QByteArray()
    device = QBuffer(content)
    device.open(QIODevice.OpenModeFlag.WriteOnly)
    generator = QSvgGenerator()
    generator.setOutputDevice(device)
    generator.setResolution(DOTS_PER_INCH)
    generator.setSize(size)
    generator.setViewBox(QRectF(0, 0, size.width(), size.height()))
    generator.setTitle(chart.title())
    painter = QPainter(generator)
    _paint(painter, chart, legend, size)
    painter.end()
    device.close()
    return bytes(content.data())


def saving(chart: SummaryChart, path: Path) -> Work:
    """Work that writes the chart to `path`, whose suffix is one of `SUFFIXES`, and yields the path.

    The chart is rendered in this call, as only the main thread may; the work writes the file.

    Raises
    ------
    ExportError
        By the work: the file cannot be written.
    """
    suffix = path.suffix.lower()
    entries, metric = (*(bubble.entry for bubble in chart.bubbles), *chart.lacking), chart.score_name
    image = picture(chart) if suffix == ".png" else None
    content = drawing(chart) if suffix == ".svg" else b""

    def work(progress: Progress) -> Iterator[Any]:
        try:
            if suffix == ".csv":
                write_rows(path, entries, metric)
            else:
                with atomic_path(path) as temporary:
                    temporary.write_bytes(content if image is None else _png(image))
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise ExportError(f"{path.name} cannot be written ({reason}); choose another folder.") from error
        yield path

    return work


def _png(image: QImage) -> bytes:
    content = QByteArray()
    device = QBuffer(content)
    device.open(QIODevice.OpenModeFlag.WriteOnly)
    QImageWriter(device, b"png").write(image)
    device.close()
    return bytes(content.data())


def _legend(chart: SummaryChart) -> QTextDocument:
    document = QTextDocument()
    document.setDocumentMargin(0)
    document.setDefaultFont(theme.app_font(theme.SMALL_PX))
    document.setTextWidth(chart.plot.width())
    quiet = theme.colour("quiet").name()
    document.setHtml(f'<div style="color:{quiet}">{chart.legend.text()}</div>')
    return document


def _size(chart: SummaryChart, legend: QTextDocument) -> QSize:
    height = round(legend.size().height()) + chart.plot.height()
    return QSize(chart.plot.width() + 2 * MARGIN, height + 3 * MARGIN)


def _paint(painter: QPainter, chart: SummaryChart, legend: QTextDocument, size: QSize) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.fillRect(QRectF(0, 0, size.width(), size.height()), theme.colour("panel"))
    painter.save()
    painter.translate(MARGIN, MARGIN)
    legend.drawContents(painter)
    painter.restore()
    source = QRectF(chart.plot.viewport().rect())
    target = source.translated(MARGIN, 2 * MARGIN + round(legend.size().height()))
    with _drawn_as_lines(chart):
        chart.plot.scene().render(painter, target, source, Qt.AspectRatioMode.IgnoreAspectRatio)


@contextmanager
def _drawn_as_lines(chart: SummaryChart) -> Iterator[None]:
    """Draw without the bitmaps that pyqtgraph caches of bubbles and axes: they would be blurred at another scale."""
    scene = chart.plot.scene()
    items = [item for item in scene.items() if hasattr(item, "setExportMode")]
    scene.prepareForPaint()
    for item in items:
        item.setExportMode(True, {"antialias": True, "resolutionScale": 1.0})
    try:
        yield
    finally:
        for item in items:
            item.setExportMode(False)
