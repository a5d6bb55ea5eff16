"""Views of the generated world with their depth, rendered once and kept in the folder of a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cvstudio.data.geometry import Size
from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.progress import Progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

KINDS = ("street", "figures", "street", "room")
"""Kinds of scenes, one after the other: half of them are streets, as photographs of rooms are there already."""

SCENES, MOMENTS = 32, (0.0, 0.5, 1.0)
"""Scenes, and the parts of the way of each camera at which it takes a picture."""

FIRST_SEED = 4000
FRAMES = 50
SIZE = Size(320, 240)


def world_view(folder: Path, scene: int, progress: Progress) -> list[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
    """Pictures uint8 (h, w, 3) of one scene with their depths float32 (h, w) in metres, 0 for the sky."""
    path = folder / f"world-{scene:03}.npz"
    if not path.is_file():
        _render(path, scene, progress)
    with np.load(path) as content:
        return list(zip(content["pixels"], content["depth"].astype(np.float32), strict=True))


def _render(path: Path, scene: int, progress: Progress) -> None:
    from cvstudio.world.generate import generate_scene
    from cvstudio.world.recipe import SceneRecipe
    from cvstudio.world.render import SceneRenderer

    progress.check()
    recipe = SceneRecipe(kind=KINDS[scene % len(KINDS)], seed=FIRST_SEED + scene, frames=FRAMES)
    renderer = SceneRenderer(generate_scene(recipe))
    views = []
    for part in MOMENTS:
        progress.check()
        views.append(renderer.render(part * recipe.duration_secs, SIZE))
    with atomic_path(path) as temporary:
        np.savez(
            temporary,
            pixels=np.stack([view.pixels for view in views]),
            depth=np.stack([view.depth for view in views]).astype(np.float16),
        )


def world_views(
    folder: Path, progress: Progress, *, limit: int | None
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
    """All views, see `world_view`; with `limit` those of the first scene."""
    count = SCENES if limit is None else 1
    for scene in range(count):
        progress(scene / count, "the generated world")
        yield from world_view(folder, scene, progress)
