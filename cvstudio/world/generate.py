"""From a recipe to a scene."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from cvstudio.data.geometry import Size
from cvstudio.world.cameras import CameraPath
from cvstudio.world.layouts.builder import SceneBuilder
from cvstudio.world.layouts.crowds import build_crowd, crowd_lighting, crowd_paths
from cvstudio.world.layouts.rooms import build_room, room_lighting, room_paths
from cvstudio.world.layouts.streets import build_street, street_lighting, street_paths
from cvstudio.world.layouts.tabletops import build_tabletop, tabletop_lighting, tabletop_paths
from cvstudio.world.recipe import SceneRecipe
from cvstudio.world.scene import Lighting, Scene
from cvstudio.world.surfaces import Bodies, Surfaces

_LOOK = Size(32, 24)
"""A glance through a camera."""
_NEAR_METRES = 0.55
"""Nothing may be nearer to the camera."""


@dataclass(frozen=True)
class _Layout:
    build: Callable[[SceneBuilder, float], None]
    lighting: Callable[[SceneBuilder, float], Lighting]
    paths: Callable[[SceneBuilder], list[CameraPath]]


_LAYOUTS: Mapping[str, _Layout] = {
    "room": _Layout(build_room, room_lighting, room_paths),
    "street": _Layout(build_street, street_lighting, street_paths),
    "figures": _Layout(build_crowd, crowd_lighting, crowd_paths),
    "objects": _Layout(build_tabletop, tabletop_lighting, tabletop_paths),
}


def generate_scene(recipe: SceneRecipe) -> Scene:
    """The scene of a recipe. Light and size of the picture change nothing of what is in it."""
    layout = _LAYOUTS[recipe.kind]
    rng = np.random.default_rng([zlib.crc32(recipe.kind.encode()), recipe.seed])
    build = SceneBuilder(rng, recipe.objects)
    layout.build(build, recipe.duration_secs)
    # Light and camera have numbers of their own, so that one more object leaves them as they are.
    build.rng = np.random.default_rng([zlib.crc32(recipe.kind.encode()), recipe.seed, 1])
    lighting = layout.lighting(build, recipe.light)
    paths = layout.paths(build)
    objects = tuple(build.objects)
    scene = Scene(objects, lighting, paths[0])
    return Scene(objects, lighting, _best(scene, paths, recipe.duration_secs))


def _best(scene: Scene, paths: list[CameraPath], duration_secs: float) -> CameraPath:
    """The way on which the camera sees the most things without coming too near to any."""
    surfaces = Surfaces(Bodies(scene), 0.0)
    bodies = surfaces.of
    identities = np.array([item.identity for item in scene.objects])
    rows, columns = (grid.ravel() + 0.5 for grid in np.mgrid[0 : _LOOK.height, 0 : _LOOK.width])

    def worth(path: CameraPath) -> float:
        worst = np.inf
        for time_secs in {0.0, duration_secs / 2, duration_secs} if duration_secs > 0.1 else {0.0}:
            camera = path.camera(time_secs, _LOOK)
            hits = surfaces.cast(camera.position, camera.directions(columns, rows))
            seen = identities[bodies.owners[bodies.bodies[hits.triangles]]][hits.met]
            nearest = float(hits.depth.min())
            _, counts = np.unique(seen[seen > 0], return_counts=True)
            # Something that fills the picture hides the rest.
            crowded = counts.max() / len(columns) if len(counts) else 0.0
            value = float(np.minimum(counts, 6).sum()) / 6 - 20 * max(0.0, crowded - 0.4)
            worst = min(worst, value - (1000 if nearest < _NEAR_METRES else 0))
        return float(worst)

    return max(paths, key=worth)
