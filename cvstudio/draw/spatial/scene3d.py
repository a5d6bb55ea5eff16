"""A scene as a picture, from where a scene is first seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size, View
from cvstudio.draw.base import Emphasis, Look, grid_size, painted_over, paints
from cvstudio.draw.spatial.scene_view import scene_picture
from cvstudio.results.scene3d import SIZE_ALONE, Scene3D


def whole_scene(scene: Scene3D, look: Look, widest: int) -> NDArray[np.uint8]:
    """The scene alone, uint8 RGB (h, w, 3), twice as large as `SIZE_ALONE`, but at most `widest` pixels wide."""
    width = max(1, min(SIZE_ALONE.width * 2, widest))
    return scene_picture(scene, Size(width, max(1, width * SIZE_ALONE.height // SIZE_ALONE.width)))


@paints(Scene3D, whole=whole_scene)
def paint_scene(scene: Scene3D, canvas: NDArray[np.uint8], view: View, look: Look, emphasis: Emphasis) -> None:
    """Fill the scene's place on the canvas, of `Scene3D.size`, with its picture."""
    with painted_over(scene.size, canvas, view, look) as area:
        if area is not None:
            picture = scene_picture(scene, grid_size(scene.size, view.scale))
            area.pixels[:] = picture[area.top : area.bottom, area.left : area.right]
