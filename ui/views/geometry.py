"""Placement of a picture in a widget: zoom and pan as plain numbers, without Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cvstudio.data.geometry import Rect, Size, View

LARGEST_SCALE = 64.0
VISIBLE_PX = 64.0


@dataclass(frozen=True)
class Placement:
    """Position and scale of a picture in a viewport.

    Parameters
    ----------
    content : size of the picture in image pixels
    viewport : size of the widget in device pixels
    scale : device pixels for each image pixel
    left, top : position of the picture's corner in the viewport, in device pixels
    """

    content: Size
    viewport: Size
    scale: float = 1.0
    left: float = 0.0
    top: float = 0.0

    @property
    def fit_scale(self) -> float:
        return min(self.viewport.width / self.content.width, self.viewport.height / self.content.height)

    @property
    def smallest_scale(self) -> float:
        return min(self.fit_scale, 1.0) / 4

    def fitted(self) -> Placement:
        """The placement that shows the whole picture as large as possible, up to the largest scale."""
        return self._centred(min(self.fit_scale, LARGEST_SCALE))

    def _centred(self, scale: float) -> Placement:
        left = (self.viewport.width - self.content.width * scale) / 2
        top = (self.viewport.height - self.content.height * scale) / 2
        return replace(self, scale=scale, left=left, top=top)

    def zoomed(self, scale: float, x: float, y: float) -> Placement:
        """The placement with another scale, where the image point under (x, y) of the viewport stays fixed."""
        scale = min(max(scale, self.smallest_scale), LARGEST_SCALE)
        factor = scale / self.scale
        left, top = x - (x - self.left) * factor, y - (y - self.top) * factor
        return replace(self, scale=scale, left=left, top=top).clamped()

    def moved(self, dx: float, dy: float) -> Placement:
        """The placement shifted by (dx, dy) device pixels."""
        return replace(self, left=self.left + dx, top=self.top + dy).clamped()

    def resized(self, viewport: Size) -> Placement:
        """The placement with the same centre in a viewport of another size."""
        dx, dy = (viewport.width - self.viewport.width) / 2, (viewport.height - self.viewport.height) / 2
        return replace(self, viewport=viewport, left=self.left + dx, top=self.top + dy).clamped()

    def clamped(self) -> Placement:
        """The placement shifted back so far that a part of the picture stays visible."""

        def bring(start: float, length: float, viewport_length: int) -> float:
            least = min(VISIBLE_PX, length, viewport_length)
            return min(max(start, least - length), viewport_length - least)

        left = bring(self.left, self.content.width * self.scale, self.viewport.width)
        top = bring(self.top, self.content.height * self.scale, self.viewport.height)
        return replace(self, left=left, top=top)

    def image_point(self, x: float, y: float) -> tuple[float, float]:
        """Convert (x, y) of the viewport to image pixels."""
        return (x - round(self.left)) / self.scale, (y - round(self.top)) / self.scale

    def viewport_point(self, x: float, y: float) -> tuple[float, float]:
        """Convert (x, y) in image pixels to the viewport: the inverse of `image_point`."""
        return x * self.scale + round(self.left), y * self.scale + round(self.top)

    def visible(self) -> tuple[int, int, View]:
        """The visible part of the picture: x, y of its corner in the viewport (device pixels), and its view.

        The corner of the picture is rounded to a whole device pixel, so that the rendering is copied and not
        resampled; `View.size` is exactly the covered area.
        """
        left, top = round(self.left), round(self.top)
        right = left + max(1, round(self.content.width * self.scale))
        bottom = top + max(1, round(self.content.height * self.scale))
        x0, y0 = max(0, left), max(0, top)
        x1, y1 = min(self.viewport.width, right), min(self.viewport.height, bottom)
        x, y = (x0 - left) / self.scale, (y0 - top) / self.scale
        # At a visible edge of the picture the part ends with the picture, not with a whole device pixel.
        width = self.content.width - x if x1 == right else (x1 - x0) / self.scale
        height = self.content.height - y if y1 == bottom else (y1 - y0) / self.scale
        return x0, y0, View(Rect(x, y, width, height), self.scale)
