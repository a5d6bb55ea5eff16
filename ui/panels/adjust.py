"""The adjust panel: what is done to a picture before its analysis, such as crop, rotation and levels."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage, QPixmap, QShowEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from cvstudio.analyses.analysis import ADJUSTABLE, Histogram
from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.data.adjustments import CHANNELS, FLIPS, MOST_CONTRAST, TURNS, Adjustments
from cvstudio.data.samples import Image
from cvstudio.foundation.errors import UserError
from cvstudio.foundation.params import Choices, Doc, Pick, Range, fields_of
from cvstudio.foundation.shapes import Box
from cvstudio.media import Media
from cvstudio.results.result import can_be_placed
from ui.base.icons import icon
from ui.control.frame_on_screen import FrameOnScreen
from ui.panels import PANELS
from ui.panels.base import Panel, PanelContext
from ui.widgets.empty_state import EmptyState
from ui.widgets.param_form import ParamForm

if TYPE_CHECKING:
    from ui.views.shape_editor import ShapeEditor
    from ui.views.window_drag import WindowDrag

PREVIEW_PX = 132
BINS = 128
MOST_VALUES, MOST_OF_A_FRAME = 400_000, 40_000
"""Values that a histogram is made of: every n-th of a large picture."""


@dataclass(frozen=True)
class AdjustParams:
    """What the form shows of `Adjustments`."""

    crop: Annotated[
        Box | None,
        Pick("box"),
        Doc("Crop", "Only this part of the picture is analysed; the rest is shown dark.", "Draw it around one object."),
    ] = None
    levels: Annotated[
        tuple[float, float],
        Range(0, 1, step=0.001),
        Doc(
            "Levels",
            "The values that become black and white, over the histogram of the picture.",
            "Bring both ends to where the histogram begins and ends.",
        ),
    ] = (0.0, 1.0)
    gamma: Annotated[
        float,
        Range(0.1, 5, step=0.05),
        Doc("Gamma", "Brightens what lies between black and white; below 1 darkens it.", "Try 2 for deep shadows."),
    ] = 1.0
    brightness: Annotated[
        float,
        Range(-1, 1, step=0.01),
        Doc("Brightness", "Added to all values after the levels.", "Try 0.2 for a dark picture."),
    ] = 0.0
    contrast: Annotated[
        float,
        Range(0, MOST_CONTRAST, step=0.05),
        Doc("Contrast", "Multiplies the distance from middle grey.", "Try 1.5 for a hazy picture."),
    ] = 1.0
    channel: Annotated[
        str,
        Choices(CHANNELS[1:], empty="all"),
        Doc("Channel", "One channel takes the place of all three.", "Try green, the one with the least noise."),
    ] = ""


class AdjustPanel(QStackedWidget):
    """Controls of the adjustments of the picture on the canvas; they hold for the current analysis."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        controller = self._controller = context.controller
        self._canvas = context.canvas
        self._editor: ShapeEditor | None = None
        self._drag: WindowDrag | None = None
        self._drag_from = Adjustments()
        self._histogram: Histogram | None = None
        self._seen: Any = None
        self._image: Image | None = None
        self.preview = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        self.preview.setToolTip(self.tr("The picture as the analysis receives it."))
        self.preview.setMinimumHeight(PREVIEW_PX)
        self.left = self._button("rotate-ccw", self.tr("Rotate to the left"), lambda: self._rotate(270))
        self.right = self._button("rotate-cw", self.tr("Rotate to the right"), lambda: self._rotate(90))
        self.flip_h = self._button("flip-horizontal", self.tr("Flip left and right"), lambda: self._flip("h"))
        self.flip_v = self._button("flip-vertical", self.tr("Flip top and bottom"), lambda: self._flip("v"))
        self.window_drag = self._button(
            "contrast", self.tr("Set the levels by dragging on the picture, as for 16-bit pictures"), self._toggle_drag
        )
        for button in (self.flip_h, self.flip_v, self.window_drag):
            button.setCheckable(True)
        self.reset = QPushButton(icon("undo-2"), self.tr("Reset"))
        self.reset.setToolTip(self.tr("Use the picture as it is in the file."))
        self.reset.clicked.connect(lambda: self._set(Adjustments()))
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        for button in (self.left, self.right, self.flip_h, self.flip_v, self.window_drag):
            buttons.addWidget(button)
        buttons.addStretch(1)
        buttons.addWidget(self.reset)
        self.scope = QLabel(wordWrap=True)
        self.scope.setObjectName("quiet")
        self.only_this = self._share(self.tr("Only this one"), self._part)
        self.only_this.setToolTip(self.tr("Adjust this file by itself; the others stay as they are."))
        self.like_others = self._share(self.tr("Like the others"), lambda: self._join(of_this=False))
        self.like_others.setToolTip(self.tr("Adjust this file like all others again."))
        self.apply_to_all = self._share(self.tr("Apply to all in this set"), lambda: self._join(of_this=True))
        self.apply_to_all.setToolTip(
            self.tr("Adjust all files like this one, also those with adjustments of their own.")
        )
        shares = QHBoxLayout()
        shares.setSpacing(4)
        for share in (self.only_this, self.like_others, self.apply_to_all):
            shares.addWidget(share)
        shares.addStretch(1)
        self.form = ParamForm()
        self.form.edited.connect(self._edited)
        self.form.released.connect(lambda _: controller.end_drag())
        self.form.pick_requested.connect(lambda _: self._toggle_crop())
        body = QWidget()
        layout = QVBoxLayout(body)
        layout.setContentsMargins(12, 8, 12, 12)
        layout.setSpacing(8)
        layout.addWidget(self.preview)
        layout.addLayout(buttons)
        layout.addWidget(self.scope)
        layout.addLayout(shares)
        layout.addWidget(self.form)
        layout.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(body)
        self._empty = EmptyState("contrast", self.tr("Open a picture: crop, turn and brighten it before its analysis."))
        self.addWidget(self._empty)
        self.addWidget(scroll)
        controller.state_changed.connect(lambda old, new: self._update())
        controller.view_changed.connect(self._view_changed)
        self._update()

    def sizeHint(self) -> QSize:
        return QSize(320, 420)

    def _button(self, name: str, title: str, action: Any) -> QToolButton:
        button = QToolButton()
        button.setIcon(icon(name))
        button.setToolTip(title)
        button.setAccessibleName(title)
        button.clicked.connect(lambda _checked=False: action())
        return button

    def _share(self, title: str, action: Any) -> QPushButton:
        button = QPushButton(title)
        button.clicked.connect(lambda: action())
        return button

    # What is shown --------------------------------------------------------------------------------------------------

    def _instance(self) -> AnalysisInstance | None:
        """The current analysis, where its picture is on the canvas and can be adjusted."""
        state = self._controller.session.state
        instance = state.instance
        if instance is None or instance.spec.canvas is None or instance.canvas_media is None:
            return None
        media, slot = instance.canvas_media, instance.spec.canvas
        fits = media.id == state.active and media.kind in ADJUSTABLE and not slot.streamed
        return instance if fits and bool(slot.kinds & ADJUSTABLE) else None

    @property
    def adjustments(self) -> Adjustments:
        """Those of the picture on the canvas."""
        instance = self._instance()
        found = instance.adjustments_of(instance.spec.canvas_slot) if instance is not None else None
        return found or Adjustments()

    @property
    def alone(self) -> bool:
        """Whether the picture on the canvas has adjustments of its own."""
        instance = self._instance()
        return instance is not None and instance.own_adjustments_of(instance.spec.canvas_slot) is not None

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._update()

    def _view_changed(self, shown: FrameOnScreen) -> None:
        if self.isVisible():
            self._update()

    def _update(self) -> None:
        instance = self._instance()
        self.setCurrentIndex(0 if instance is None else 1)
        if instance is None:
            self._stop_tools()
            return
        if not self.isVisible():
            return
        now, media = self.adjustments, instance.canvas_media
        sample = self._controller.shown.sample
        image = sample if isinstance(sample, Image) else None
        self._read_histogram(media, image)
        moves = can_be_placed(instance.spec.result)
        for button in (self.left, self.right, self.flip_h, self.flip_v):
            button.setEnabled(moves)
        self.flip_h.setChecked("h" in now.flip)
        self.flip_v.setChecked("v" in now.flip)
        self.reset.setEnabled(not now.identity)
        self.window_drag.setEnabled(image is not None)
        self._show_scope(media)
        fields = tuple(
            field for field in fields_of(AdjustParams) if (moves if field.name == "crop" else image is not None)
        )
        histograms = {"levels": self._histogram} if self._histogram is not None else {}
        self.form.set_fields(fields, _values(now), histograms=histograms)
        self._show_preview(image, now)
        if self._editor is not None and self._editor.tool is not None:
            self._editor.set_value(_box(now.crop))

    def _show_scope(self, media: Media | None) -> None:
        alone, name = self.alone, media.name if media is not None else ""
        text = self.tr("For {name} alone.") if alone else self.tr("For every file of this analysis, also the next one.")
        self.scope.setText(text.format(name=name))
        self.only_this.setToolTip(
            self.tr("Adjust {name} alone from now on; the others stay as they are.").format(name=name)
        )
        self.only_this.setVisible(not alone)
        self.like_others.setVisible(alone)
        self.apply_to_all.setVisible(alone)

    def _read_histogram(self, media: Media | None, image: Image | None) -> None:
        key = (media.id if media is not None else "", image is not None)
        if key != self._seen:
            self._seen = key
            self._stop_tools()
        if image is not self._image:
            # Each frame of a video has its own.
            self._image = image
            most = MOST_OF_A_FRAME if media is not None and media.moving else MOST_VALUES
            self._histogram = histogram_of(image, most) if image is not None else None

    def _show_preview(self, image: Image | None, adjustments: Adjustments) -> None:
        self.preview.setVisible(image is not None)
        if image is None:
            return
        try:
            pixels = preview_of(image, adjustments, PREVIEW_PX * 2)
        except UserError:
            return  # told where it was set
        height, width = pixels.shape[:2]
        picture = QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888)
        area = QSize(PREVIEW_PX * 2, PREVIEW_PX)
        scaled = QPixmap.fromImage(picture).scaled(
            area, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        )
        self.preview.setPixmap(scaled)

    # Changes --------------------------------------------------------------------------------------------------------

    def _set(self, adjustments: Adjustments, *, dragging: bool = False) -> None:
        instance = self._instance()
        if instance is not None and instance.spec.canvas_slot is not None:
            slot = instance.spec.canvas_slot
            self._controller.set_adjustments(adjustments, slot=slot, alone=self.alone, dragging=dragging)

    def _part(self) -> None:
        """Give the picture on the canvas adjustments of its own, which begin as they are."""
        instance = self._instance()
        if instance is not None and instance.spec.canvas_slot is not None:
            self._controller.set_adjustments(self.adjustments, slot=instance.spec.canvas_slot, alone=True)

    def _join(self, *, of_this: bool) -> None:
        instance = self._instance()
        if instance is not None and instance.spec.canvas_slot is not None:
            self._controller.binder.share_adjustments(instance.spec.canvas_slot, of_this=of_this)

    def _edited(self, name: str, value: Any, dragging: bool) -> None:
        now = self.adjustments
        if name == "crop":
            self._set(dataclasses.replace(now, crop=_crop(value)), dragging=dragging)
        elif name == "levels":
            black, white = value
            white = max(white, black + 0.001) if black < 1 else 1.0
            black = min(black, white - 0.001)
            self._set(dataclasses.replace(now, levels=(black, white, now.levels[2])), dragging=dragging)
        elif name == "gamma":
            self._set(dataclasses.replace(now, levels=(*now.levels[:2], value)), dragging=dragging)
        else:
            self._set(dataclasses.replace(now, **{name: value}), dragging=dragging)

    def _rotate(self, degrees: int) -> None:
        now = self.adjustments
        # What is mirrored turns the other way.
        degrees = degrees if len(now.flip) != 1 else 360 - degrees
        self._set(dataclasses.replace(now, rotate=TURNS[(now.rotate + degrees) // 90 % 4]))

    def _flip(self, side: str) -> None:
        sides = set(self.adjustments.flip) ^ {side}
        flip = next(item for item in FLIPS if set(item) == sides)
        self._set(dataclasses.replace(self.adjustments, flip=flip))

    # Tools on the canvas --------------------------------------------------------------------------------------------

    def _toggle_crop(self) -> None:
        if self._editor is not None and self._editor.tool is not None:
            self._editor.end()
            return
        self._stop_tools()
        canvas = self._canvas()
        size = canvas.content_size
        if size is None or self._instance() is None:
            return
        from ui.views.shape_editor import ShapeEditor, tool_for

        if self._editor is None:
            editor = self._editor = ShapeEditor(canvas)
            editor.edited.connect(lambda box: self._edited("crop", box, True))
            editor.released.connect(self._controller.end_drag)
            editor.dropped.connect(self._controller.cancel_drag)
            editor.closed.connect(editor.end)
        crop = next(field for field in fields_of(AdjustParams) if field.name == "crop")
        self._editor.begin(tool_for(crop, _box(self.adjustments.crop), size))

    def _toggle_drag(self) -> None:
        if self._drag is not None and self._drag.isVisible():
            self._stop_tools()
            return
        self._stop_tools()
        from ui.views.window_drag import WindowDrag

        if self._drag is None:
            drag = self._drag = WindowDrag(self._canvas())
            drag.pressed.connect(self._begin_window)
            drag.moved.connect(self._move_window)
            drag.released.connect(self._controller.end_drag)
            drag.closed.connect(self._stop_tools)
        self._drag.begin()
        self.window_drag.setChecked(True)

    def _begin_window(self) -> None:
        self._drag_from = self.adjustments

    def _move_window(self, wider: float, higher: float) -> None:
        window = self._drag_from.windowed(wider, higher).levels
        self._set(dataclasses.replace(self.adjustments, levels=window), dragging=True)

    def _stop_tools(self) -> None:
        if self._editor is not None and self._editor.tool is not None:
            self._editor.end()
        if self._drag is not None:
            self._drag.end()
        self.window_drag.setChecked(False)


def _values(adjustments: Adjustments) -> dict[str, Any]:
    black, white, gamma = adjustments.levels
    return {
        "crop": _box(adjustments.crop),
        "levels": (black, white),
        "gamma": gamma,
        "brightness": adjustments.brightness,
        "contrast": adjustments.contrast,
        "channel": adjustments.channel,
    }


def _box(crop: tuple[int, int, int, int] | None) -> Box | None:
    if crop is None:
        return None
    x, y, width, height = crop
    return float(x), float(y), float(x + width), float(y + height)


def _crop(box: Box | None) -> tuple[int, int, int, int] | None:
    """Whole pixels, at least one."""
    if box is None:
        return None
    left, top = round(box[0]), round(box[1])
    return left, top, max(round(box[2]) - left, 1), max(round(box[3]) - top, 1)


def histogram_of(image: Image, most: int = MOST_VALUES) -> Histogram:
    """Histogram of about `most` values of all channels, 0..1 of what the dtype holds; of linear light above 1 all are
    at 1."""
    step = max(1, int((image.pixels.size / most) ** 0.5))
    values = image.pixels[::step, ::step].astype(np.float32)
    if image.pixels.dtype != np.float32:
        values /= np.iinfo(image.pixels.dtype).max
    counts, _ = np.histogram(np.nan_to_num(values.clip(0, 1)), bins=BINS, range=(0, 1))
    return Histogram(counts.astype(np.int64), 0.0, 1.0)


def preview_of(image: Image, adjustments: Adjustments, side: int) -> Any:
    """A small picture of `image` adjusted, uint8 RGB (h, w, 3), contiguous; about `side` pixels. Raises MediaError."""
    pixel_map = adjustments.pixel_map(image.size)
    step = max(1, max(pixel_map.target) // side)
    x, y, width, height = adjustments.crop or (0, 0, *image.size)
    left, top = max(x, 0), max(y, 0)
    part = image.pixels[top : y + height : step, left : x + width : step]
    small = Image(np.ascontiguousarray(part), transfer=image.transfer)
    return np.ascontiguousarray(dataclasses.replace(adjustments, crop=None).apply(small).rgb8)


PANELS.register(
    Panel(
        "adjust",
        "Adjust",
        Qt.DockWidgetArea.RightDockWidgetArea,
        AdjustPanel,
        order=35,
        tabbed_with="results",
        shortcut="Ctrl+Alt+A",
        shown=False,
        keywords=(
            *("crop", "rotate", "flip", "mirror", "levels", "window level", "histogram", "brightness", "contrast"),
            *("gamma", "channel", "자르기", "회전", "뒤집기", "밝기", "대비", "조정"),
        ),
        icon="contrast",
    )
)
