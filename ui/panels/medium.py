"""The medium panel: facts of the active medium, and reading settings such as depth scale and sound track."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QScrollArea, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from cvstudio.foundation.lanes import Event, Job
from cvstudio.foundation.params import Field
from cvstudio.foundation.progress import Progress
from cvstudio.media import Media, MediaKind
from cvstudio.media.facts import OTHER_READINGS, quick_facts, slow_facts
from cvstudio.media.reading import reading_field, settings_fields
from ui.base.translate import translated
from ui.control.frame_on_screen import FrameOnScreen
from ui.panels import PANELS
from ui.panels.base import Panel, PanelContext
from ui.widgets.empty_state import EmptyState
from ui.widgets.param_form import ParamForm

TITLE_WIDTH = 88


class MediumPanel(QStackedWidget):
    """Facts and settings of the active medium; a worker reads the facts that need the file's content."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        controller = self._controller = context.controller
        self._media: Media | None = None
        self._asked = ""
        self._slow: tuple[tuple[str, str], ...] = ()
        self.name = QLabel()
        self.name.setObjectName("card-title")
        self.name.setWordWrap(True)
        self.name.setTextFormat(Qt.TextFormat.PlainText)
        self.form = ParamForm()
        self.form.edited.connect(self._edited)
        self.form.released.connect(lambda _: controller.end_drag())
        self._lines: list[tuple[QLabel, QLabel]] = []
        self._facts = QWidget()
        self._grid = QGridLayout(self._facts)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(1, 1)
        self._grid.setColumnMinimumWidth(0, TITLE_WIDTH)
        body = QWidget()
        layout = QVBoxLayout(body)
        layout.setContentsMargins(12, 8, 12, 12)
        layout.setSpacing(8)
        layout.addWidget(self.name)
        layout.addWidget(self.form)
        layout.addWidget(self._facts)
        layout.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(body)
        self.addWidget(EmptyState("info", self.tr("Details of the open file appear here.")))
        self.addWidget(scroll)
        controller.state_changed.connect(lambda old, new: self._update())
        controller.view_changed.connect(self._view_changed)
        controller.pipeline.job_event.connect(self._job_event)
        self._update()

    def sizeHint(self) -> QSize:
        return QSize(320, 300)

    def rows(self) -> dict[str, str]:
        """The facts that are shown, by title."""
        return {title.text(): text.text() for title, text in self._lines}

    def _update(self) -> None:
        media = self._controller.session.state.active_media
        if media != self._media:
            # Of the same file with other settings the old ones stand until the new ones come: nothing jumps.
            if media is None or self._media is None or media.file_id != self._media.file_id:
                self._slow = ()
            self._media, self._asked = media, ""
            self._request_slow_facts(None)
            self._show_facts()
        self.setCurrentIndex(0 if media is None else 1)
        self._show_form()

    def _view_changed(self, shown: FrameOnScreen) -> None:
        self._request_slow_facts(shown.sample)

    # Settings -------------------------------------------------------------------------------------------------------

    def _fields(self) -> tuple[Field, ...]:
        if self._media is None:
            return ()
        from cvstudio.media.formats.depth import CUSTOM

        values = self._media.settings
        settings = tuple(
            field
            for field in settings_fields(self._media)
            if field.name != "depth_levels" or values.get("depth_scale") in CUSTOM
        )
        field = reading_field(self._media)
        return settings if field is None else (field, *settings)

    def _show_form(self) -> None:
        fields = self._fields()
        self.form.setVisible(bool(fields))
        media = self._media
        self.form.set_fields(fields, {**media.settings, "read_as": media.read_as} if media else {})

    def _edited(self, name: str, value: Any, dragging: bool) -> None:
        if self._media is not None and name == "read_as":
            self._controller.read_as(self._media, value)
        elif self._media is not None:
            self._controller.set_reading(self._media, name, value, dragging=dragging)

    # Facts ----------------------------------------------------------------------------------------------------------

    def _request_slow_facts(self, sample: Any) -> None:
        """Read the slow facts on a worker; those of a 3D model wait for its decoded `sample`."""
        media = self._media
        if media is None or self._asked == media.id or (media.kind is MediaKind.GEOMETRY and sample is None):
            return
        self._asked = media.id
        decoded = sample if media.kind is MediaKind.GEOMETRY else None

        def work(progress: Progress) -> Iterator[Any]:
            yield tuple(slow_facts(media, decoded))

        self._controller.pipeline.submit("thumbnails", Job(("facts", media.id), "", work))

    def _job_event(self, event: Event) -> None:
        if event.kind == "output" and self._media is not None and event.job.owner == ("facts", self._media.id):
            self._slow = event.value
            self._show_facts()
        elif event.kind == "failed" and self._media is not None and event.job.owner == ("read as", self._media.id):
            self._show_form()  # what it is still read as

    def _show_facts(self) -> None:
        media = self._media
        self.name.setText(media.name if media else "")
        quick = quick_facts(media) if media is not None else ()
        # What else it can be read as is what the control above offers.
        facts = (*(fact for fact in quick if fact[0] != OTHER_READINGS), *self._slow)
        # Lines that are there show other facts: new ones have no height until they are laid out, and a slider that is
        # dragged changes the facts at each tick.
        for label in chain.from_iterable(self._lines[len(facts) :]):
            self._grid.removeWidget(label)
            label.hide()
            label.deleteLater()
        del self._lines[len(facts) :]
        for row, (title, text) in enumerate(facts):
            if row == len(self._lines):
                self._add_line()
            name, value = self._lines[row]
            name.setText(translated(title))
            # A path has no spaces to break at.
            value.setText(text.replace("/", "/\u200b") if title == "Folder" else text)

    def _add_line(self) -> None:
        name, value = QLabel(), QLabel()
        name.setObjectName("quiet")
        value.setTextFormat(Qt.TextFormat.PlainText)
        value.setWordWrap(True)
        value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        value.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        row = len(self._lines)
        self._grid.addWidget(name, row, 0, Qt.AlignmentFlag.AlignTop)
        self._grid.addWidget(value, row, 1)
        self._lines.append((name, value))


PANELS.register(
    Panel(
        "medium",
        "File info",
        Qt.DockWidgetArea.RightDockWidgetArea,
        MediumPanel,
        order=25,
        shortcut="Ctrl+Alt+9",
        keywords=("read as", "depth scale", "sound track", "sound channels", "metadata", "읽는 방식", "파일 정보"),
        begins_folded=True,
        icon="info",
    )
)
