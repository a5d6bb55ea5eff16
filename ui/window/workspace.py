"""The centre of the window: canvas, spectrogram and timeline of the frame on screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QRect, Qt, Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFrame, QSplitter, QVBoxLayout, QWidget

from cvstudio.data.adjustments import Adjustments
from cvstudio.data.geometry import Size, View
from cvstudio.data.samples import DepthMap, Image
from cvstudio.draw import Emphasis, Renderer, faded, scaled
from cvstudio.draw.samples.depth import depth_picture
from cvstudio.media import MediaKind
from cvstudio.results.detections import Detections
from cvstudio.results.keypoints import Keypoints
from cvstudio.session.label_edits import annotations_of
from cvstudio.session.layers import on_canvas
from ui.control.controller import Controller
from ui.control.frame_on_screen import FrameOnScreen, LayerOnScreen
from ui.control.pipeline import DRAW, PAINT
from ui.views.canvas import Canvas
from ui.views.compare_area import CompareArea
from ui.views.exposure_bar import ExposureBar
from ui.views.timeline import Timeline
from ui.widgets.empty_state import EmptyState
from ui.window.tools.label_editing import LabelEditing
from ui.window.tools.oriented import Oriented, adjustments_on_canvas, shade_outside
from ui.window.tools.shape_editing import ShapeEditing
from ui.window.tools.sound_panes import SoundPanes

if TYPE_CHECKING:
    from ui.views.spectrogram_view import SpectrogramView
    from ui.window.tools.spatial_area import SpatialArea


OLD_OPACITY = 0.6
"""Opacity factor of results that are older than the frame they are drawn on."""


class Workspace(QWidget):
    """Paints the `FrameOnScreen` and passes the user's actions on it to the controller.

    Signals
    -------
    read_out : text for the status line about the pixel under the cursor
    """

    read_out = Signal(str)
    rendered = Signal(float)

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self._controller = controller
        self._renderer = Renderer()
        self._second = Renderer()
        self._shown = controller.shown
        self._base: Image | None = None
        self._size: Size | None = None
        self._oriented = Oriented()
        self._base_sample: Any = None
        self._original = False
        self._asked_point = ""  # the parameter that the next click is for
        self.overlay = True
        self.canvas = Canvas()
        self.canvas.set_renderer(self.render_view)
        self.exposure = ExposureBar(self.canvas)
        self.shapes = ShapeEditing(controller, self.canvas)
        self.labels = LabelEditing(controller, self.canvas)
        self.labels.hidden_changed.connect(self.refresh)
        self.area = CompareArea(self.canvas, self._render_side)
        self.area.made.connect(self._use_second)
        self.space: SpatialArea | None = None
        self.timeline = Timeline()
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        self.splitter.setChildrenCollapsible(False)
        # Things in space stand beside the picture that they come from.
        self._row = QSplitter(Qt.Orientation.Horizontal)
        self._row.setChildrenCollapsible(False)
        self._row.addWidget(self.area)
        self.splitter.addWidget(self._row)
        self.nothing = EmptyState("images", self.tr("Nothing is shown. Choose a file in the list, or drop one here."))
        self.splitter.addWidget(self.nothing)
        self.sound = SoundPanes(controller, self.splitter, self)
        self.sound.read_out.connect(self.read_out)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.splitter, 1)
        layout.addWidget(self.timeline)
        self._connect()
        self._arrange()

    def keep_clear(self) -> list[QRect]:
        """Places in this widget that a notice must not cover: the bars that float on the canvas, and what is chosen."""
        bars = [bar for bar in self.findChildren(QFrame, "canvas-bar") if bar.isVisible()]
        rects = [QRect(bar.mapTo(self, QPoint()), bar.size()) for bar in bars]
        detections, chosen = self._controller.detections(), self._controller.session.state.selection
        if detections is not None and self.canvas.isVisible():
            for x0, y0, x1, y1 in detections.boxes[[int(number) in chosen for number in detections.ids]].tolist():
                corners = (self.canvas.widget_position(x, y).toPoint() for x, y in ((x0, y0), (x1, y1)))
                top_left, bottom_right = (self.canvas.mapTo(self, corner) for corner in corners)
                rects.append(QRect(top_left, bottom_right).normalized().intersected(self.rect()))
        return rects

    def picture_place(self) -> QRect:
        """Place in this widget of the part of the picture that is seen; empty without one."""
        size = self.canvas.content_size
        if size is None or not self.canvas.isVisible():
            return QRect()
        ends = (self.canvas.widget_position(*end).toPoint() for end in ((0, 0), (size.width, size.height)))
        corners = [self.canvas.mapTo(self, end) for end in ends]
        canvas = QRect(self.canvas.mapTo(self, QPoint()), self.canvas.size())
        return QRect(*corners).normalized().intersected(canvas)

    def _connect(self) -> None:
        controller, playback = self._controller, self._controller.playback
        controller.view_changed.connect(self._show)
        controller.spatial.scene_changed.connect(lambda scene: self._arrange())
        controller.pipeline.stopped.connect(lambda: self.area.set_stale(False, False))
        controller.state_changed.connect(
            lambda old, new: self._changed(old.look != new.look, old.selection != new.selection)
        )
        controller.emphasis_changed.connect(self.refresh)
        comparison = controller.comparison
        comparison.changed.connect(self._show_comparison)
        self.area.beside.connect(comparison.show_beside)
        self.area.chosen.connect(self._choose_side)
        self.area.split.connect(comparison.set_split)
        self.area.swap.connect(comparison.swap)
        self.area.end.connect(comparison.end)
        controller.pick_started.connect(self._start_tool)
        controller.labelling.active_changed.connect(self._make_way)
        self.canvas.view_changed.connect(lambda: controller.set_view(self.canvas.view()))
        self.canvas.hovered.connect(self._hovered)
        self.canvas.left.connect(lambda: self._hovered(None, None))
        self.canvas.clicked.connect(self._clicked)
        self.canvas.tool_cancelled.connect(self._forget_point)
        self.canvas.compare_changed.connect(self.set_original)
        self.canvas.overlay_toggled.connect(self.toggle_overlay)
        self.canvas.space_tapped.connect(playback.toggle)
        self.exposure.edited.connect(lambda stops, drag: controller.set_look("exposure", stops, dragging=drag))
        self.exposure.released.connect(controller.end_drag)
        self.canvas.painted.connect(lambda secs: controller.pipeline.timings.record(PAINT, secs))
        self.timeline.play_toggled.connect(playback.toggle)
        self.timeline.seek_requested.connect(playback.seek)
        self.timeline.step_requested.connect(playback.step)
        self.timeline.loop_changed.connect(playback.set_loop)
        self.timeline.loop.clicked.connect(self._loop_clicked)
        playback.peaks_played.connect(self.timeline.meter.add_peaks)
        self.timeline.speed_changed.connect(playback.set_speed)
        self.timeline.volume_changed.connect(playback.set_volume)
        self.timeline.mute_toggled.connect(playback.set_muted)
        self.timeline.smooth_toggled.connect(controller.set_smooth)
        controller.smooth_changed.connect(self.timeline.set_smooth)
        playback.media_changed.connect(self._media_changed)
        playback.position_changed.connect(self._position)
        playback.playing_changed.connect(self.timeline.set_playing)

    @property
    def spectrogram(self) -> SpectrogramView | None:
        """The view of the sound; None before the first one."""
        return self.sound.view

    def _show_space(self) -> bool:
        """Show the 3D view where something is in space, which is imported with the first such thing."""
        wanted = bool(self._controller.spatial.scene.rows)
        if wanted and self.space is None:
            from ui.window.tools.spatial_area import SpatialArea

            self.space = SpatialArea(self._controller, self.canvas)
            self.space.read_out.connect(self.read_out)
            self._row.addWidget(self.space)
        if self.space is not None:
            self.space.setVisible(wanted)
        return wanted

    # Painting -------------------------------------------------------------------------------------------------------

    def _show(self, shown: FrameOnScreen) -> None:
        self._shown = shown
        if shown.sample is not self._base_sample:
            self._base_sample = shown.sample
            self._base = _picture_of(shown.sample)
            self._size = self._base.size if self._base is not None else None
            self.canvas.set_content_size(self._size)
            self._show_exposure()
        self._show_alone()
        self._orient()
        self._arrange()
        self.sound.show_results(shown)
        ages = [layer.age_secs for layer in shown.layers if layer.layer.instance.visible and layer.result is not None]
        self.canvas.set_age(max(ages, default=0.0))
        self._show_stale()
        self.labels.arrived(shown)
        self.area.refresh(self._size)

    def _orient(self) -> None:
        """Turn the canvas as the current analysis is given its picture; a comparison stays as the file has it."""
        adjustments = None if self.area.active else adjustments_on_canvas(self._controller.session.state)
        visible = [item.layer.instance for item in self._shown.layers if item.layer.instance.visible]
        self.canvas.set_orientation(self._oriented.begin(self._base, adjustments, visible))

    def _show_alone(self) -> None:
        """Size the canvas for a result without a medium; the last size stays while there is no result."""
        if self._base is not None:
            return
        if self._controller.session.state.active:
            self._size = None
            self.canvas.set_content_size(None)
            return
        results = [layer.result for layer in self._shown.layers if layer.layer.instance.visible]
        size = next((result.size for result in reversed(results) if hasattr(result, "size")), None)
        if size is None and self._shown.layers:
            return
        if size != self._size:
            self._size = size
            self.canvas.set_content_size(size)

    def _arrange(self) -> None:
        state = self._controller.session.state
        media = state.active_media
        alone = state.instance is not None and state.instance.spec.canvas_slot is None
        has_picture = alone if media is None else media.kind not in (MediaKind.AUDIO, MediaKind.GEOMETRY)
        has_space = self._show_space()
        self.nothing.setVisible(media is None and not alone and not has_space)
        self.area.setVisible(has_picture)
        self._row.setVisible(has_space or has_picture)
        self.sound.arrange(media)
        self.timeline.setVisible(media is not None and (media.moving or media.kind is MediaKind.AUDIO))

    def _show_exposure(self) -> None:
        linear = self._base is not None and self._base.transfer == "linear"
        self.exposure.show_exposure(self._controller.look().exposure if linear else None)

    def _drawn(self) -> list[LayerOnScreen]:
        """Visible layers with a result that is drawn on the canvas."""
        if self._original or not self.overlay:
            return []
        return [
            layer
            for layer in self._shown.layers
            if layer.result is not None and layer.layer.instance.visible and on_canvas(layer.layer.instance.spec)
        ]

    def _show_comparison(self) -> None:
        comparison = self._controller.comparison
        self.area.show_comparison(active=comparison.sides is not None, beside=comparison.beside)
        self._show(self._controller.shown)

    def _choose_side(self, side: int) -> None:
        comparison = self._controller.comparison
        comparison.choose_side(side)
        self.area.set_current_side(comparison.current_side)

    def _show_stale(self) -> None:
        if not self.area.active:
            editing = self._controller.labelling.active
            stale = (
                item.stale
                and item.layer.instance.visible
                # The tool shows what is edited already, and its layer follows at once.
                and not (editing and annotations_of(item.layer.instance) is not None)
                for item in self._shown.layers
            )
            self.area.set_stale(any(stale), False)
            return
        comparison = self._controller.comparison
        left, right = (side is None or side.stale for side in comparison.shown)
        self.area.set_stale(left, right)
        self.area.show_titles(comparison.side_titles(), comparison.current_side or 0)

    def render_view(self, view: View) -> NDArray[np.uint8] | None:
        """Picture with its visible results for `view`, uint8 RGB (h, w, 3); None where nothing is open."""
        return self.area.render_view(view) if self.area.active else self._render(self._drawn(), view, self._renderer)

    def _render_side(self, side: int, view: View) -> NDArray[np.uint8] | None:
        """Picture of one side of the comparison, 0 or 1, for `view`."""
        comparison = self._controller.comparison
        sides = comparison.sides
        drawn = [layer for layer in self._drawn() if sides is not None and layer.layer.instance.id == sides[side].id]
        # Side by side each canvas has a renderer of its own; split, both sides share one.
        renderer = self._second if side and comparison.beside else self._renderer
        hovered = self._controller.hovered_id
        if side != comparison.current_side and hovered is not None:
            hovered = comparison.partner(hovered, of_left=side == 1)
        return self._render(drawn, view, renderer, hovered)

    def _render(
        self, drawn: list[LayerOnScreen], view: View, renderer: Renderer, partner: int | None = None
    ) -> NDArray[np.uint8] | None:
        if self._size is None:
            return None
        state = self._controller.session.state
        # A dense screen has more pixels for each logical one: lines and text keep the size that one sees.
        look = scaled(self._controller.look(), self.canvas.devicePixelRatioF())
        places = [place for place, layer in enumerate(drawn) if layer.layer.instance.id == state.current]
        if places:
            emphasis = Emphasis(state.selection, self._controller.hovered_id, layer=places[0])
        else:
            emphasis = Emphasis(hovered=partner)
        layers = []
        for layer in drawn:
            opacity = layer.layer.instance.opacity * (OLD_OPACITY if layer.age_secs > 0 else 1)
            layers.append((self._oriented.result(self._without_edited(layer)), faded(look, opacity)))
        with self._controller.pipeline.timings.measure(DRAW):
            adjustments = self._adjustments()
            base = self._oriented.picture(self._base)
            pixels = renderer.render(base, layers, view, emphasis=emphasis, exposure_ev=look.exposure, tone=adjustments)
            if adjustments is not None and adjustments.crop is not None:
                shade_outside(pixels, view, self._oriented.crop(adjustments.crop))
            return pixels

    def _adjustments(self) -> Adjustments | None:
        """Adjustments with which the current analysis is given the picture on the canvas; None for none."""
        return None if self._original else adjustments_on_canvas(self._controller.session.state)

    def _without_edited(self, layer: LayerOnScreen) -> Any:
        """The result of a layer, without the label that is drawn by its tool."""
        hidden, result = self.labels.hidden, layer.result
        if hidden is None or annotations_of(layer.layer.instance) is None:
            return result
        if isinstance(result, Detections | Keypoints):
            return result.take(result.ids != hidden)
        return result

    def picture(self) -> QImage:
        """Picture of canvas and spectrogram, in pixels of the screen."""
        bars: list[QWidget] = [bar for bar in self.findChildren(QFrame, "canvas-bar") if not bar.isHidden()]
        bars += [*self.area.floating(), *([] if self.exposure.isHidden() else [self.exposure])]
        for bar in bars:
            bar.hide()
        with self.shapes.unseen(), self.labels.unseen():
            image = self.splitter.grab().toImage()
        for bar in bars:
            bar.show()
        # With a ratio other than 1, other programs would take the logical size for the size in pixels.
        image.setDevicePixelRatio(1.0)
        return image

    def _use_second(self, canvas: Canvas) -> None:
        """Connect the canvas of the right side of a comparison."""
        canvas.hovered.connect(lambda x, y: self._hovered(x, y, side=1))
        canvas.left.connect(lambda: self._hovered(None, None))
        canvas.clicked.connect(lambda x, y, keys: self._clicked(x, y, keys, side=1))
        canvas.compare_changed.connect(self.set_original)
        canvas.overlay_toggled.connect(self.toggle_overlay)
        canvas.space_tapped.connect(self._controller.playback.toggle)

    def refresh(self) -> None:
        """Paint again."""
        self.area.refresh(self._size)

    def set_original(self, original: bool) -> None:
        """Show the picture alone while the user compares."""
        self._original = original
        self.refresh()

    def toggle_original(self) -> None:
        self.set_original(not self._original)

    def toggle_overlay(self) -> None:
        self.overlay = not self.overlay
        for canvas in (self.canvas, self.area.second):
            if canvas is not None:
                canvas.set_overlay_shown(self.overlay)
        self.refresh()

    def _changed(self, look: bool, selection: bool) -> None:
        if look:
            self.sound.set_colour_map(self._controller.look().colour_map)
            self._show_exposure()
        if look or selection:
            self.refresh()

    # Mouse ----------------------------------------------------------------------------------------------------------

    def part_at(self, x: float, y: float) -> int | None:
        """Id of the result's part at a pixel of the picture; None where there is none."""
        result, point = self._controller.current_result(), self._controller.spatial.point_at(x, y)
        return point if point is not None or result is None or not self.overlay else result.part_at(x, y)

    def _hovered(self, x: float | None, y: float | None, *, side: int = 0) -> None:
        if x is None or y is None or self._size is None:
            self._controller.hover(None)
            self.read_out.emit("")
            return
        # The label tool marks what it is about itself: to paint a thousand labels again would make it wait.
        pointed = self._side_at(x, side) == self._controller.comparison.current_side
        pointed = pointed and not self._controller.labelling.active
        self._controller.hover(self.part_at(x, y) if pointed else None)
        size = self._size
        column, row = int(x), int(y)
        text = f"{size.width} × {size.height}"
        if self._base is not None and 0 <= column < size.width and 0 <= row < size.height:
            sample = self._shown.sample
            if isinstance(sample, DepthMap):
                value = "—" if sample.invalid[row, column] else f"{sample.values[row, column]:.3f} {sample.unit}"
            else:
                value = "#{:02x}{:02x}{:02x}".format(*self._base.rgb8[row, column])
            text += f" · {column}, {row} · {value}"
            result = self._controller.current_result() if pointed and self.overlay else None
            if result is not None and (told := result.value_at(x, y)):
                text += f" · {told}"
        self.read_out.emit(text)

    def _side_at(self, x: float, side: int) -> int | None:
        """The side of the comparison at column `x` of the picture on the canvas `side`; None without a comparison."""
        if not self.area.active or self._size is None:
            return None
        return int(x >= self._controller.comparison.split * self._size.width) if self.area.splitting else side

    def _make_way(self) -> None:
        """Put other tools away while labels are edited."""
        if self._controller.labelling.active:
            self.shapes.stop()
            self.canvas.set_tool(None)
            self._forget_point()

    def _start_tool(self, name: str) -> None:
        self._controller.labelling.set_active(False)
        if self.shapes.takes(name):
            self.canvas.set_tool(None)
            self.shapes.toggle(name)
        else:
            self.shapes.stop()
            self.canvas.set_tool("point")
            self._asked_point = name

    def _forget_point(self) -> None:
        self._asked_point = ""

    def _clicked(self, x: float, y: float, modifiers: Any, *, side: int = 0) -> None:
        self.canvas.set_tool(None)
        asked, self._asked_point = self._asked_point, ""
        clicked_side = self._side_at(x, side)
        if clicked_side is not None:
            self._controller.comparison.click_side(clicked_side, x, y)
        instance = self._controller.session.state.instance
        if instance is not None and (instance.spec.pick is not None or asked):
            width, height = self._size or (x, y)
            self._controller.pick(min(max(x, 0.0), width), min(max(y, 0.0), height), asked)
            return
        hit = self.part_at(x, y)
        selection = set(self._controller.session.state.selection)
        if hit is None:
            selection = set()
        elif modifiers & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier):
            selection ^= {hit}
        else:
            selection = {hit}
        self._controller.select(frozenset(selection))

    # Playing --------------------------------------------------------------------------------------------------------

    def _media_changed(self, duration_secs: float, has_sound: bool) -> None:
        media = self._controller.session.state.active_media
        self.timeline.set_duration(duration_secs)
        self.timeline.set_has_sound(has_sound)
        self.timeline.set_frame_rate(media.frame_rate if media else None)
        self.timeline.set_live(media is not None and media.kind is MediaKind.CAMERA)
        self.sound.clear()
        self.canvas.fit()

    def _loop_clicked(self, on: bool) -> None:
        """Repeat what is between A and B of a sound, where the user begins a loop."""
        if on and self.sound.stretch is not None:
            self.timeline.loop_between(*self.sound.stretch)

    def _position(self, secs: float) -> None:
        self.timeline.set_position(secs)
        self.sound.set_position(secs)


def _picture_of(sample: Any) -> Image | None:
    if isinstance(sample, DepthMap):
        return Image(depth_picture(sample))
    return sample if isinstance(sample, Image) else None
