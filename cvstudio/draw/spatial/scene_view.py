"""A scene as it is looked at, and pictures of it without a window: for files, thumbnails and the command line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.draw.palette import RGB
from cvstudio.draw.spatial.look import SpatialLook
from cvstudio.draw.spatial.orbit_camera import OrbitCamera, beginning
from cvstudio.draw.spatial.prepared import prepare
from cvstudio.draw.spatial.ray_caster import RayCaster
from cvstudio.draw.spatial.scene_picture import Backdrop, Legend, ReadyObject, ScenePictures, legend_of, number_text
from cvstudio.draw.spectrogram import colour_lut
from cvstudio.draw.text import text_mask
from cvstudio.results.scene3d import Object3D, Scene3D

T = TypeVar("T")
_INK: RGB = (230, 232, 235)
_BAR = (0.02, 0.3)
"""Width and height of the legend's bar, as shares of the picture's shorter side."""
_TEXT = 0.028


@dataclass(frozen=True, eq=False)
class SceneView:
    """A scene as it is looked at.

    Parameters
    ----------
    scene : its visible objects are drawn
    look : drawing style
    camera : the eye; None looks from where a scene is first seen
    """

    scene: Scene3D
    look: SpatialLook = field(default_factory=SpatialLook)
    camera: OrbitCamera | None = None


@dataclass(frozen=True)
class PicturePane(Generic[T]):
    """A part of a picture: its upper left corner and size in pixels, its title, and what stands in it."""

    left: int
    top: int
    size: Size
    title: str
    content: tuple[T, ...]


def beside_one_another(items: Sequence[tuple[str, T]], size: Size, *, apart: bool) -> tuple[PicturePane[T], ...]:
    """The parts of a picture of `size` in which items, each with the title of its group, stand; one where they do not
    stand `apart`."""
    groups: dict[str, list[T]] = {}
    for title, item in items:
        groups.setdefault(title if apart else "", []).append(item)
    if not groups:
        groups[""] = []
    columns = max(1, min(len(groups), round(math.sqrt(len(groups) * size.width / size.height))))
    rows = math.ceil(len(groups) / columns)
    places = []
    for number, (title, content) in enumerate(groups.items()):
        row, column = divmod(number, columns)
        left, right = (size.width * edge // columns for edge in (column, column + 1))
        top, bottom = (size.height * edge // rows for edge in (row, row + 1))
        # A pixel between two of them parts them.
        inner = Size(max(1, right - left - (right < size.width)), max(1, bottom - top - (bottom < size.height)))
        places.append(PicturePane(left, top, inner, title, tuple(content)))
    return tuple(places)


def group_of(item: Object3D) -> str:
    """The title under which an object stands beside others."""
    return item.group or item.name


class SceneViewRenderer:
    """Draws a scene again and again, such as the frames of a film. To be used by one thread at a time.

    Parameters
    ----------
    view : what is drawn, and how
    """

    def __init__(self, view: SceneView) -> None:
        self._view, scene = view, view.scene
        self._bounds = np.array(scene.bounds)
        self.radius = float(np.linalg.norm(self._bounds[1] - self._bounds[0])) / 2 or 1.0
        visible = [item for item in scene.objects if item.visible]
        self._ready = [ReadyObject(item, prepare(item.geometry, self.radius)) for item in visible]
        self._pictures = ScenePictures()
        self._caster: dict[str, RayCaster] = {}
        self.camera = view.camera or beginning(self._bounds.mean(axis=0), self.radius, scene.up)

    def render(
        self, size: Size, camera: OrbitCamera | None = None, *, background: RGB = (22, 24, 28), quick: bool = False
    ) -> NDArray[np.uint8]:
        """Draw a picture, uint8 RGB (h, w, 3).

        Parameters
        ----------
        camera : in place of the first one
        quick : without smooth edges
        """
        look, camera = self._view.look, camera or self.camera
        picture: NDArray[np.uint8] = np.full((size.height, size.width, 3), background, np.uint8)
        legend = legend_of(self._ready, look, self._bounds)
        items = [(group_of(ready.item), ready) for ready in self._ready]
        scale = max(1.0, min(size) / 800)
        for place in beside_one_another(items, size, apart=self._view.scene.side_by_side):
            drawn = self._pictures.picture(
                place.content,
                look,
                camera,
                place.size,
                self._bounds,
                backdrop=Backdrop(background),
                legend=legend,
            )
            caster = self._caster.setdefault(place.title, RayCaster())
            pixels = caster.render(drawn.resized(place.size, scale), samples=1.0 if quick else 2.0)
            bottom, right = place.top + place.size.height, place.left + place.size.width
            picture[place.top : bottom, place.left : right] = pixels
            if place.title:
                _paint_text(picture, place.title, place.left + 8, place.top + 6, max(10, round(_TEXT * min(size))))
        if legend is not None:
            _paint_legend(picture, legend)
        return picture


def scene_picture(scene: Scene3D, size: Size) -> NDArray[np.uint8]:
    """The visible objects alone, from where a scene is first seen: uint8 RGB (h, w, 3) of `size`."""
    return SceneViewRenderer(SceneView(scene, SpatialLook(grid=False))).render(size)


def sample_picture(sample: TriangleMesh | PointCloud, size: Size) -> NDArray[np.uint8]:
    """A mesh or cloud alone, as `scene_picture`."""
    return scene_picture(Scene3D((Object3D("model", sample),)), size)


def _paint_text(picture: NDArray[np.uint8], text: str, left: int, top: int, size: int) -> None:
    mask = text_mask(text, size)
    left, top = max(0, left), max(0, top)
    part = picture[top : top + mask.shape[0], left : left + mask.shape[1]]
    cover = mask[: part.shape[0], : part.shape[1], None].astype(np.float32) / 255
    part[:] = np.rint(part * (1 - cover) + np.array(_INK, np.float32) * cover).astype(np.uint8)


def _paint_legend(picture: NDArray[np.uint8], legend: Legend) -> None:
    """A bar of the colours at the right, with the values that they mean."""
    height, width = picture.shape[:2]
    side = min(height, width)
    bar_width, bar_height, text = (max(4, round(share * side)) for share in (*_BAR, _TEXT))
    right, top = width - bar_width, (height - bar_height) // 2
    rows = 255 - np.arange(bar_height) * 255 // max(1, bar_height - 1)
    picture[top : top + bar_height, right - bar_width : right] = colour_lut(legend.colour_map)[rows][:, None]
    title = f"{legend.title} [{legend.unit}]" if legend.unit else legend.title
    _paint_text(picture, title, right - text_mask(title, text).shape[1], top - 2 * text, text)
    for share in (0.0, 0.5, 1.0):
        number = number_text(legend.low + (legend.high - legend.low) * share, legend.high - legend.low)
        mask = text_mask(number, text)
        middle = top + round((1 - share) * bar_height) - mask.shape[0] // 2
        _paint_text(picture, number, right - bar_width - mask.shape[1] - text // 2, middle, text)
