"""Things in space to try the program on, from the generated world: an object, RGB-D frames, pictures of a scene."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from cvstudio.data.geometry import Size
from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.progress import Progress

_FRAMES, _FRAME_SIZE = 10, Size(256, 192)
_VIEW_SIZE = Size(640, 480)
_SEED = 7


def write_object(path: Path, progress: Progress) -> None:
    """A chair of closed solids, as OBJ with y up."""
    from cvstudio.world.shapes.furniture import chair

    progress.check()
    mesh = chair(np.random.default_rng(3)).mesh
    vertices = mesh.vertices.astype(np.float64)[:, [0, 2, 1]] * [1, 1, -1]
    lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in vertices.tolist()]
    lines += [f"f {a} {b} {c}" for a, b, c in (mesh.triangles + 1).tolist()]
    _write(path, "\n".join([*lines, ""]).encode())


def write_rgbd(folder: Path, progress: Progress) -> None:
    """Colour, depth in millimetres, pose and intrinsics of a camera that goes around a room."""
    from cvstudio.world.generate import generate_scene
    from cvstudio.world.recipe import SceneRecipe
    from cvstudio.world.render import SceneRenderer

    scene = generate_scene(SceneRecipe("room", _SEED, objects=8))
    renderer = SceneRenderer(scene)
    path = dataclasses.replace(scene.path, arc_deg=20.0, approach=0.0, shift=(0.0, 0.0, 0.0))
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(_FRAMES):
        progress(number / _FRAMES, "rendering")
        camera = path.camera(path.duration_secs * number / (_FRAMES - 1), _FRAME_SIZE)
        view = renderer.render(0.0, _FRAME_SIZE, camera=camera)
        name = folder / f"frame-{number:06d}"
        _write(name.with_suffix(".color.png"), _png(view.pixels[..., ::-1]))
        _write(name.with_suffix(".depth.png"), _png(np.rint(view.depth * 1000).astype(np.uint16)))
        pose = "\n".join(" ".join(f"{value:.9g}" for value in row) for row in camera.world_from_camera.tolist())
        _write(name.with_suffix(".pose.txt"), f"{pose}\n".encode())
    # Last, as its presence says that the sample is complete.
    rows = "\n".join(" ".join(f"{value:.9g}" for value in row) for row in camera.matrix.tolist())
    _write(folder / "camera-intrinsics.txt", f"{rows}\n".encode())


def write_views(first: Path, folder: Path, progress: Progress) -> None:
    """Three pictures of one room from different places, the first beside the folder of the others."""
    from cvstudio.world.generate import generate_scene
    from cvstudio.world.recipe import SceneRecipe
    from cvstudio.world.render import SceneRenderer

    scene = generate_scene(SceneRecipe("room", _SEED))
    renderer = SceneRenderer(scene)
    path = dataclasses.replace(scene.path, arc_deg=24.0, rise=0.3, approach=0.0, shift=(0.0, 0.0, 0.0))
    folder.mkdir(parents=True, exist_ok=True)
    for number, share in reversed(list(enumerate((0.0, 0.35, 0.6)))):
        progress(number / 3, "rendering")
        view = renderer.render(0.0, _VIEW_SIZE, samples=4, camera=path.camera(path.duration_secs * share, _VIEW_SIZE))
        _write(folder / f"view-{number + 1}.png" if number else first, _png(view.pixels[..., ::-1]))


def _png(pixels: Any) -> bytes:
    import cv2

    return bytes(cv2.imencode(".png", np.ascontiguousarray(pixels))[1].data)


def _write(path: Path, content: bytes) -> None:
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
