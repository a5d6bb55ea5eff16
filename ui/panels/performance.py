"""The performance panel: duration of each stage, shown and dropped frames, and memory in use."""

from __future__ import annotations

import time

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QGridLayout,
    QHeaderView,
    QLabel,
    QScrollArea,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from cvstudio.foundation.timings import KEPT, Timing, ms_text
from cvstudio.models.runtime.memory import accelerator_bytes, resident_bytes
from ui.base.translate import translated
from ui.control.pipeline import DECODE, DRAW, PAINT
from ui.panels import PANELS
from ui.panels.base import Panel, PanelContext

REFRESH_MS = 500
COLUMN = 64
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


def size_text(count: int) -> str:
    """Text of `count` bytes in MB (1e6), or in GB (1e9) from one of them on."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


class PerformancePanel(QScrollArea):
    """Current figures, refreshed every `REFRESH_MS` while the panel is visible."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        self._controller = context.controller
        self._frames: tuple[float, int, int] | None = None
        self.setMinimumWidth(280)
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.facts: dict[str, QLabel] = {}
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        for key, title, tip in (
            ("device", self.tr("Device"), self.tr("Where networks run, and in which precision.")),
            ("frames", self.tr("Frames"), self.tr("Since playing began: shown and dropped, and shown each second.")),
            ("memory", self.tr("Memory"), self.tr("What this program holds in RAM.")),
            (
                "cache",
                self.tr("Stage cache"),
                self.tr("Cached outputs of stages; the oldest are dropped at the limit."),
            ),
            (
                "networks",
                self.tr("Networks"),
                self.tr("Loaded networks; the least recently used are unloaded at the limit."),
            ),
            ("gpu", self.tr("GPU memory"), self.tr("Of all programs on that device.")),
            ("jobs", self.tr("Jobs"), self.tr("Jobs that run and jobs that wait.")),
        ):
            name, value = QLabel(title), QLabel()
            name.setObjectName("quiet")
            value.setAlignment(RIGHT)
            value.setTextFormat(Qt.TextFormat.PlainText)
            for label in (name, value):
                label.setToolTip(tip)
            row = grid.rowCount()
            grid.addWidget(name, row, 0)
            grid.addWidget(value, row, 1)
            self.facts[key] = value
            if key == "gpu":
                self._gpu_title = name
        self._device_tip = self.facts["device"].toolTip()
        self._groups: list[tuple[QTreeWidgetItem, list[QTreeWidgetItem]]] = []
        self.table = QTreeWidget()
        self.table.setObjectName("timings")
        self.table.setAccessibleName(self.tr("Duration of each stage"))
        self.table.setHeaderLabels([self.tr("ms"), self.tr("last"), self.tr("median"), self.tr("p95")])
        self.table.headerItem().setToolTip(2, self.tr("Median of the last {count} runs").format(count=KEPT))
        self.table.headerItem().setToolTip(3, self.tr("95% of the last runs were no slower"))
        self.table.setSelectionMode(QTreeWidget.SelectionMode.NoSelection)
        self.table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.table.setIndentation(12)
        self.table.setItemsExpandable(False)
        self.table.setRootIsDecorated(False)
        header = self.table.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in (1, 2, 3):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            header.resizeSection(column, COLUMN)
            self.table.headerItem().setTextAlignment(column, RIGHT)
        body = QWidget()
        layout = QVBoxLayout(body)
        layout.setContentsMargins(12, 8, 12, 8)
        layout.setSpacing(12)
        self.table.setMinimumHeight(200)
        layout.addWidget(self.table, 1)
        layout.addLayout(grid)
        self.setWidget(body)
        self._timer = QTimer(self, interval=REFRESH_MS)
        self._timer.timeout.connect(self.refresh)

    def sizeHint(self) -> QSize:
        return QSize(312, 420)

    def showEvent(self, event: QShowEvent) -> None:
        self.refresh()
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        self._timer.stop()

    def refresh(self) -> None:
        """Update all figures now."""
        pipeline = self._controller.pipeline
        host, cache = pipeline.host, pipeline.cache
        precision = ", ".join(host.precision_names)
        self.facts["device"].setText(f"{host.device_name} · {precision}" if precision else host.device_name)
        self.facts["device"].setToolTip("\n".join([self._device_tip, *host.reasons]))
        self.facts["memory"].setText(size_text(resident_bytes()))
        usage = self.tr("{used} of {all}")
        self.facts["cache"].setText(usage.format(used=size_text(cache.used_bytes), all=size_text(cache.budget_bytes)))
        self.facts["networks"].setText(usage.format(used=size_text(host.used_bytes), all=size_text(host.budget_bytes)))
        gpu = accelerator_bytes(host.device_name.lower())
        self.facts["gpu"].setVisible(gpu is not None)
        self._gpu_title.setVisible(gpu is not None)
        if gpu is not None:
            self.facts["gpu"].setText(usage.format(used=size_text(gpu[0]), all=size_text(gpu[1])))
        running, waiting = pipeline.lanes.counts
        text = self.tr("{running} running, {waiting} waiting")
        self.facts["jobs"].setText(text.format(running=running, waiting=waiting))
        self._show_frames()
        self._show_timings()

    def _show_frames(self) -> None:
        playback = self._controller.playback
        if not playback.shows_frames:
            self._frames = None
            if not self.facts["frames"].text():
                self.facts["frames"].setText("—")
            return
        now, shown, dropped = time.monotonic(), playback.frames_shown, playback.frames_dropped
        text = self.tr("{shown} shown, {dropped} dropped").format(shown=shown, dropped=dropped)
        if self._frames is not None and shown >= self._frames[1] and now > self._frames[0]:
            text += f" · {(shown - self._frames[1]) / (now - self._frames[0]):.1f}/s"
        self._frames = (now, shown, dropped)
        self.facts["frames"].setText(text)

    def _show_timings(self) -> None:
        timings = self._controller.pipeline.timings
        groups: list[tuple[str, list[tuple[str, Timing | None]]]] = [
            (
                self.tr("Picture"),
                [
                    (self.tr("decode"), timings.get(DECODE)),
                    (self.tr("draw"), timings.get(DRAW)),
                    (self.tr("paint"), timings.get(PAINT)),
                ],
            )
        ]
        for instance in reversed(self._controller.layers.stack()):
            model = instance.model_spec
            title = translated(instance.spec.title) + (f" · {model.title}" if model is not None else "")
            stages = [(stage.name, timings.get((instance.id, stage.name))) for stage in instance.spec.stages]
            groups.append((title, stages))
        shape = [(title, len(rows)) for title, rows in groups]
        if shape != [(group.text(0), len(lines)) for group, lines in self._groups]:
            self._build(groups)
        for (_, rows), (_, lines) in zip(groups, self._groups, strict=True):
            for (name, timing), item in zip(rows, lines, strict=True):
                item.setText(0, name)
                values = (timing.last_secs, timing.median_secs, timing.p95_secs) if timing else ()
                for column in (1, 2, 3):
                    item.setText(column, ms_text(values[column - 1], decimals=2) if values else "—")

    def _build(self, groups: list[tuple[str, list[tuple[str, Timing | None]]]]) -> None:
        self.table.clear()
        self._groups = []
        for title, rows in groups:
            group = QTreeWidgetItem([title])
            group.setToolTip(0, title)
            font = group.font(0)
            font.setBold(True)
            group.setFont(0, font)
            self.table.addTopLevelItem(group)
            group.setFirstColumnSpanned(True)
            lines = [QTreeWidgetItem() for _ in rows]
            for item in lines:
                for column in (1, 2, 3):
                    item.setTextAlignment(column, RIGHT)
                group.addChild(item)
            group.setExpanded(True)
            self._groups.append((group, lines))


PANELS.register(
    Panel(
        "performance",
        "Performance",
        Qt.DockWidgetArea.RightDockWidgetArea,
        PerformancePanel,
        order=40,
        shortcut="Ctrl+Alt+8",
        shown=False,
        keywords=(
            "speed",
            "fps",
            "frames per second",
            "latency",
            "memory",
            "milliseconds",
            "profiling",
            "성능",
            "속도",
        ),
        icon="gauge",
    )
)
