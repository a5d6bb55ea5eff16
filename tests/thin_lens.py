"""Thin-lens reference: a generated scene seen through a lens of finite aperture, by many rays in each pixel.

Independent of the program's lens blur: it knows no layers and no depth map. Each ray leaves another place of the lens
and another place in the pixel, and goes through the same point of the focal plane (Cook, Porter, Carpenter,
"Distributed Ray Tracing", SIGGRAPH 1984).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.world import RenderedView, SceneRecipe, SceneRenderer, generate_scene
from cvstudio.world.cameras import PinholeCamera
from cvstudio.world.shading import shaded

SKY_METRES = 1000.0
SCENES = (("room", 101), ("street", 102), ("figures", 103), ("objects", 104), ("room", 105))
"""Kinds and seeds of the scenes."""


@dataclass(frozen=True, eq=False)
class LensScene:
    """A scene as a pinhole sees it, and as a lens does.

    Parameters
    ----------
    name : kind and seed
    sharp : the pinhole's view
    depth : float32 (H, W), metres; the sky at `SKY_METRES`
    focus_m : distance of the focal plane
    lens_px : diameter of the lens in metres times the focal length in pixels: the diameter of the circle of confusion
        in pixels is `lens_px` * |1 / focus_m - 1 / depth|
    light : float32 (H, W, 3), linear light through the lens
    """

    name: str
    sharp: RenderedView
    depth: NDArray[np.float32]
    focus_m: float
    lens_px: float
    light: NDArray[np.float32]

    @property
    def radius(self) -> NDArray[np.float32]:
        """Signed radius of the circle of confusion in pixels, negative before the focal plane."""
        return np.asarray(self.lens_px / 2 * (1 / self.focus_m - 1 / self.depth), np.float32)


def disc_places(count: int, random: np.random.Generator) -> NDArray[np.float64]:
    """`count` ** 2 places in the unit disc, one in each cell of an equal-area grid: (count ** 2, 2)."""
    rings, angles = np.meshgrid(np.arange(count), np.arange(count), indexing="ij")
    radius = np.sqrt((rings.ravel() + random.random(count**2)) / count)
    angle = 2 * np.pi * (angles.ravel() + random.random(count**2)) / count
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)


def through_lens(
    renderer: SceneRenderer, camera: PinholeCamera, focus_m: float, lens_m: float, side: int
) -> NDArray[np.float32]:
    """Linear light float32 (H, W, 3) through a lens of the diameter `lens_m`, by `side` ** 2 rays in each pixel."""
    random = np.random.default_rng(11)
    surfaces = renderer.surfaces(0.0)
    width, height = camera.size
    rows, columns = (grid.ravel() for grid in np.mgrid[0:height, 0:width].astype(np.float32))
    total = np.zeros((3, width * height))
    for place in disc_places(side, random) * (lens_m / 2):
        shift = place * camera.focal_px / focus_m
        x, y = columns + random.random(columns.size), rows + random.random(rows.size)
        directions = camera.directions(x - shift[0], y - shift[1])
        origin = camera.position + camera.rotation[:, :2] @ place
        hits = surfaces.cast(origin, directions)
        total += shaded(surfaces, hits, origin, directions, 1 / camera.focal_px, 1)
    light = (total / side**2).reshape(3, height, width)
    return np.moveaxis(light, 0, -1).astype(np.float32)


def lens_scene(kind: str, seed: int, size: Size, *, largest_px: float, side: int) -> LensScene:
    """A generated scene, focused on what lies in the middle of its things, with circles of at most `largest_px`."""
    renderer = SceneRenderer(generate_scene(SceneRecipe(kind, seed)))
    sharp = renderer.render(0.0, size, samples=4)
    depth = np.where(sharp.depth > 0, sharp.depth, np.float32(SKY_METRES))
    things = depth[sharp.instances > 0]
    focus_m = float(np.median(things))
    reach = np.abs(1 / focus_m - 1 / depth).max()
    lens_px = largest_px / float(reach)
    light = through_lens(renderer, sharp.camera, focus_m, lens_px / sharp.camera.focal_px, side)
    return LensScene(f"{kind} {seed}", sharp, depth.astype(np.float32), focus_m, lens_px, light)
