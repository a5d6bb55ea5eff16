"""Pictures of a scene for a view: quick ones while it moves, whole and smooth ones at rest, by OpenGL or without."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QPoint, QTimer, Signal
from PySide6.QtGui import QImage, QPainter

from cvstudio.data.geometry import Size
from cvstudio.draw.spatial.picture import Hit, SpatialPicture
from cvstudio.draw.spatial.prepared import Prepared, PreparedPoints
from cvstudio.draw.spatial.ray_caster import RayCaster
from cvstudio.draw.spatial.surface import PreparedSurface
from cvstudio.foundation.lanes import Event, Job
from cvstudio.foundation.progress import Progress
from ui.views.spatial.opengl.context import OpenGLMissingError

if TYPE_CHECKING:
    from ui.views.spatial.opengl.renderer import Detail, OpenGLRenderer, PickMap

log = logging.getLogger(__name__)

OWNER = "spatial-view"
SLICE_SECS = 0.012
"""Longest time in which the window does nothing but draw a whole scene."""
MOVING_SECS = 0.030
"""A picture of a moving scene that takes longer is followed by coarser ones."""
_MANY_POINTS = 500_000
_SLOW_TRIANGLES = 60_000
"""Triangles or points that a processor draws in time."""


@dataclass(frozen=True, eq=False)
class Pane:
    """A part of the view: its upper left corner in pixels, and the picture in it."""

    corner: tuple[int, int]
    picture: SpatialPicture


@dataclass(frozen=True, eq=False)
class _CastPicture:
    image: QImage
    panes: tuple[Pane, ...]
    moving: bool


def make_renderer() -> OpenGLRenderer:
    """A renderer by OpenGL. Raises OpenGLMissingError."""
    from ui.views.spatial.opengl.renderer import OpenGLRenderer

    return OpenGLRenderer()


class SceneDrawer(QObject):
    """Draws the panes of a view, by OpenGL on the main thread or, where that is missing, by rays on a worker.

    Parameters
    ----------
    submit : passes a job to a lane, whose events are to be passed to `job_event`

    Signals
    -------
    drawn : `image` is a new one
    """

    drawn = Signal()

    def __init__(self, submit: Callable[[Job], None], parent: QObject) -> None:
        super().__init__(parent)
        self._submit = submit
        self.image: QImage | None = None
        self.sharp = False
        self._renderer: OpenGLRenderer | None = None
        try:
            self._renderer = make_renderer()
        except OpenGLMissingError:
            log.info("no OpenGL 3.3: scenes are drawn by casting rays")
        self._caster = RayCaster()
        self._steps: Iterator[None] | None = None
        self._panes: tuple[Pane, ...] = ()
        self._size = Size(1, 1)
        self._level: int | None = None
        self._too_slow: set[int] = set()
        self._tried_levels: set[int] = set()
        self._load = 0
        self._pick_maps: dict[int, PickMap] = {}
        self._busy = False
        self._again: bool | None = None
        self._next = QTimer(self, interval=0, singleShot=True)
        self._next.timeout.connect(self._go_on)

    @property
    def without_opengl(self) -> bool:
        """Whether pictures come from rays, as there is no OpenGL."""
        return self._renderer is None

    @property
    def at_work(self) -> bool:
        """Whether a picture is being drawn."""
        return self._next.isActive() or self._busy

    def keep(self, prepared: tuple[Prepared, ...]) -> None:
        """Give back the memory of what is none of these."""
        self._too_slow.clear()
        self._level = None
        if self._renderer is not None:
            self._tried(lambda renderer: renderer.keep(prepared))

    def forget(self) -> None:
        """Show nothing until the next picture: that of another scene."""
        self._next.stop()
        self._steps, self.image, self.sharp = None, None, False

    def close(self) -> None:
        self._next.stop()
        self._steps = None
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    # Drawing --------------------------------------------------------------------------------------------------------

    def draw(self, panes: tuple[Pane, ...], size: Size, *, moving: bool) -> None:
        """Draw the panes of a view of `size` pixels; `moving` for a quick picture at once, else a whole one soon."""
        self._panes, self._size = panes, size
        self._pick_maps.clear()
        self._next.stop()
        self._steps = None
        self.sharp = False
        if self._renderer is None:
            self._request(moving)
            return
        if not moving:
            if self.image is None or (self.image.width(), self.image.height()) != size:
                self._quick()
            self._next.start()
            return
        self._quick()

    def picture(self, panes: tuple[Pane, ...], size: Size) -> QImage:
        """The whole and smooth picture of some panes at once, for a file; what is on screen stays."""
        images: list[QImage] = []
        self._steps = None
        if self._next.isActive():
            self._next.start()
        self._tried(lambda renderer: images.extend(self._all(renderer, self._details()[0], panes)))
        if len(images) < len(panes):
            caster = RayCaster()
            images = [_image(caster.render(pane.picture)) for pane in panes]
        return _joined(panes, images, size)

    def _details(self) -> tuple[Detail, ...]:
        """From the finest to the coarsest picture of a moving scene."""
        from ui.views.spatial.opengl.renderer import WHOLE, Detail

        # A processor needs twice as long for smooth edges, which many points have no need of.
        points = sum(
            len(part.prepared.positions)
            for pane in self._panes
            for part in pane.picture.parts
            if isinstance(part.prepared, PreparedPoints)
        )
        rough = points > _MANY_POINTS and self._renderer is not None and self._renderer.context.in_software
        return Detail() if rough else WHOLE, Detail(), Detail(1, 250_000), Detail(2, 100_000), Detail(3, 40_000)

    def _quick(self) -> None:
        """Draw as finely as there is time for while the scene moves."""
        details = self._details()
        load = sum(_elements(part.prepared) for pane in self._panes for part in pane.picture.parts)
        if self._level is None or load != self._load:
            self._load = load
            self._too_slow.clear()
            self._tried_levels.clear()
            software = self._renderer is not None and self._renderer.context.in_software
            self._level = (1 if load < _SLOW_TRIANGLES else 2) if software else 0
        level = self._level
        start = time.perf_counter()
        self._tried(lambda renderer: self._show(self._all(renderer, details[level], self._panes)))
        secs = time.perf_counter() - start
        self.sharp = level == 0 and self._renderer is not None
        if level not in self._tried_levels:
            # The first picture of a level uploads it.
            self._tried_levels.add(level)
        elif secs > MOVING_SECS:
            self._too_slow.add(level)
            self._level = min(level + 1, len(details) - 1)
        elif secs < MOVING_SECS / 3 and level > 0 and level - 1 not in self._too_slow:
            self._level = level - 1

    def _go_on(self) -> None:
        """Draw a slice of the whole picture."""
        if self._steps is None:
            self._steps = self._whole()
        end = time.perf_counter() + SLICE_SECS
        try:
            while time.perf_counter() < end:
                next(self._steps)
        except StopIteration:
            self._steps = None
        except OpenGLMissingError:
            self._lose()
        else:
            self._next.start()

    def _whole(self) -> Iterator[None]:
        assert self._renderer is not None
        renderer, detail = self._renderer, self._details()[0]
        images: list[QImage] = []
        for pane in self._panes:
            image = yield from renderer.steps(pane.picture, detail)
            images.append(image)
            yield
        self.sharp = True
        # What was too slow may have been so for the work of others.
        self._too_slow.clear()
        self._show(images)

    def _all(self, renderer: OpenGLRenderer, detail: Detail, panes: tuple[Pane, ...]) -> list[QImage]:
        return [renderer.picture(pane.picture, detail) for pane in panes]

    def _show(self, images: list[QImage]) -> None:
        self.image = _joined(self._panes, images, self._size)
        self.drawn.emit()

    def _tried(self, draw: Callable[[OpenGLRenderer], Any]) -> None:
        if self._renderer is None:
            return
        try:
            draw(self._renderer)
        except OpenGLMissingError:
            self._lose()

    def _lose(self) -> None:
        """Go on without OpenGL, which the driver has given up."""
        log.warning("OpenGL was lost: scenes are drawn by casting rays")
        self._renderer, self._steps = None, None
        self._request(moving=False)

    # Rays -----------------------------------------------------------------------------------------------------------

    def _request(self, moving: bool) -> None:
        if self._busy:
            # A picture at rest replaces one that moves, and the other way round: the last one counts.
            self._again = moving
            return
        self._busy, self._again = True, None
        panes, size, caster = self._panes, self._size, self._caster

        def work(progress: Progress) -> Iterator[Any]:
            images = [_image(caster.render(pane.picture, samples=0.5 if moving else 2.0)) for pane in panes]
            yield _CastPicture(_joined(panes, images, size), panes, moving)

        self._submit(Job(OWNER, "", work))

    def job_event(self, event: Event) -> None:
        """Handle an event of a lane; events of other owners are ignored."""
        if event.job.owner != OWNER:
            return
        if event.kind == "output":
            picture: _CastPicture = event.value
            self.image = picture.image
            self.sharp = not picture.moving and picture.panes is self._panes and self._again is None
            self.drawn.emit()
        elif event.kind in ("finished", "failed", "cancelled"):
            self._busy = False
            if self._again is not None and event.kind == "finished":
                self._request(self._again)

    # Picking --------------------------------------------------------------------------------------------------------

    def hit(self, pane: Pane, x: float, y: float) -> Hit | None:
        """What is seen at a place in the picture of a pane; None where nothing is."""
        if self._renderer is None:
            return self._caster.at(pane.picture, x, y) if not self._busy else None
        if id(pane) not in self._pick_maps:
            self._steps = None
            if self._next.isActive():
                self._next.start()
            self._tried(lambda renderer: self._pick_maps.update({id(pane): renderer.numbers(pane.picture)}))
        numbers = self._pick_maps.get(id(pane))
        return numbers.at(x, y) if numbers is not None else None


def _elements(prepared: Prepared) -> int:
    if isinstance(prepared, PreparedSurface):
        return len(prepared.levels[0].triangles)
    return len(prepared.positions) if isinstance(prepared, PreparedPoints) else 0


def _image(pixels: NDArray[np.uint8]) -> QImage:
    height, width = pixels.shape[:2]
    whole = np.ascontiguousarray(pixels)
    return QImage(whole.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()


def _joined(panes: tuple[Pane, ...], images: list[QImage], size: Size) -> QImage:
    """One picture of all panes; what lies between them is transparent."""
    if len(images) == 1 and (images[0].width(), images[0].height()) == size:
        return images[0]
    joined = QImage(size.width, size.height, QImage.Format.Format_ARGB32_Premultiplied)
    joined.fill(0)
    painter = QPainter(joined)
    for pane, image in zip(panes, images, strict=True):
        painter.drawImage(QPoint(*pane.corner), image)
    painter.end()
    return joined
