"""Writing generated sets: pictures with their labels in COCO's forms, depth, normals, flow, cameras, meshes, voxels.

In a folder:

==========================  =====================================================================================
``images/NAME.png``         the picture, 8-bit sRGB
``instances.json``          COCO: boxes, masks (RLE), key points of the figures, ``track_id`` over frames
``panoptic.json``           COCO panoptic; ``panoptic/NAME.png`` holds R + 256 G + 65536 B = class * 1000 + identity
``depth/NAME.png``          16 bits, millimetres along the optical axis; 0 beyond 65.535 m and for the sky
``normals/NAME.png``        8 bits, (n + 1) * 127.5 of x right, y down, z away; 0 for the sky
``parts/NAME.png``          8 bits, the part of a figure, named in ``world.json``
``uv/NAME.png``             16 bits, R and G are u and v as 1..65535; 0 for the sky
``flow/NAME.flo``           Middlebury's form, to the next frame; ``occluded/NAME.png`` is 255 where it is hidden then
``cameras.json``            intrinsics, world from camera, time
``meshes/SEED/``            PLY of each thing in the world at the time 0, in metres
``voxels/SEED.npz``         bool of each thing in its own axes
``world.json``              how the set was made, and what the files mean
==========================  =====================================================================================
"""

from __future__ import annotations

import dataclasses
import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.labels import Annotation, PictureLabels
from cvstudio.data.run_lengths import text_of
from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.errors import ExportError
from cvstudio.foundation.json_text import json_text
from cvstudio.foundation.progress import Progress
from cvstudio.world.categories import CATEGORIES, NUMBERS, PARTS
from cvstudio.world.generate import generate_scene
from cvstudio.world.recipe import SceneRecipe
from cvstudio.world.render import PANOPTIC_RADIX, Flow, RenderedView, SceneRenderer
from cvstudio.world.scene import Scene
from cvstudio.world.view_labels import view_labels
from cvstudio.world.voxels import voxelised

DEPTH_METRES = 0.001
"""Metres of one step of the depth that is written."""
_FARTHEST = 65_535
_FLO = 202021.25
"""What a file of Middlebury's flow begins with."""
_UNKNOWN_FLOW = 1e10


@dataclass(frozen=True)
class WorldSet:
    """A set to write.

    Parameters
    ----------
    recipe : of the first scene; the next one has the next seed
    count : number of scenes
    meshes, voxels : whether meshes and voxels of the things are written, too
    """

    recipe: SceneRecipe
    count: int
    meshes: bool = False
    voxels: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.count <= 10_000 - self.recipe.seed:
            raise ExportError(f"--count is expected to be 1 to {10_000 - self.recipe.seed:,}, found {self.count:,}.")

    def description(self) -> dict[str, Any]:
        """What ``world.json`` holds."""
        return {
            "world": 1,
            "recipe": dataclasses.asdict(self.recipe),
            "count": self.count,
            "meshes": self.meshes,
            "voxels": self.voxels,
            "depth_metres": DEPTH_METRES,
            "parts": list(PARTS),
            "panoptic_radix": PANOPTIC_RADIX,
        }


def write_world(wanted: WorldSet, folder: Path, progress: Progress) -> int:
    """Write a set; one that was begun in the folder goes on.

    Returns
    -------
    Number of scenes that were rendered now: fewer than `count` where some were there.

    Raises
    ------
    ExportError
        The folder holds another set or other files, or cannot be written.
    Cancelled
        Through `progress`; what is finished stays, and the same call goes on.
    """
    try:
        return _write(wanted, folder, progress)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ExportError(f"'{folder.name}' cannot be written ({reason}); choose another folder.") from None


def _write(wanted: WorldSet, folder: Path, progress: Progress) -> int:
    _begin(wanted, folder)
    rendered = 0
    for number in range(wanted.count):
        progress(number / wanted.count, f"Scene {number + 1} of {wanted.count}")
        seed = wanted.recipe.seed + number
        record = folder / "scenes" / f"{seed:06}.json"
        if not record.exists():
            entries = _write_scene(dataclasses.replace(wanted.recipe, seed=seed), wanted, folder, progress)
            _text(record, json_text(entries))
            rendered += 1
    progress(None, "Writing the labels")
    _gather(wanted, folder, progress)
    return rendered


def _begin(wanted: WorldSet, folder: Path) -> None:
    """Write ``world.json``, or see that it is of the same set."""
    place = folder / "world.json"
    description = wanted.description()
    if not place.exists():
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ExportError(f"'{folder.name}' is to be a new or an empty folder; choose another one.")
        _text(place, json_text(description, indent=1) + "\n")
        return
    try:
        there = json.loads(place.read_text(encoding="utf-8"))
    except ValueError:
        there = None
    # More scenes of the same kind may follow.
    if not isinstance(there, dict) or {**there, "count": 0} != {**description, "count": 0}:
        raise ExportError(f"'{folder.name}' holds a set that was made with other choices; choose another folder.")
    if isinstance(there.get("count"), int) and there["count"] > wanted.count:
        raise ExportError(
            f"'{folder.name}' holds {there['count']:,} scenes, of which {wanted.count:,} would leave out some; ask for "
            f"{there['count']:,} or more (--count), or choose another folder."
        )
    if there.get("count") != wanted.count:
        _text(place, json_text(description, indent=1) + "\n")


def _write_scene(recipe: SceneRecipe, wanted: WorldSet, folder: Path, progress: Progress) -> list[dict[str, Any]]:
    """Write the files of a scene; what the JSON files say of each of its pictures."""
    scene = generate_scene(recipe)
    renderer = SceneRenderer(scene)
    entries = []
    moving = recipe.frames > 1
    for frame in range(recipe.frames):
        progress.check()
        name = f"{recipe.seed:06}_{frame:04}" if moving else f"{recipe.seed:06}"
        later = (frame + 1) / recipe.rate if moving and frame + 1 < recipe.frames else None
        samples = 4 if recipe.smooth else 1
        view = renderer.render(frame / recipe.rate, recipe.size, samples=samples, flow_secs=later)
        _write_view(view, folder, name)
        entries.append(_entry(view, view_labels(view, scene), name, frame))
    if wanted.meshes:
        _write_meshes(scene, folder / "meshes" / f"{recipe.seed:06}")
    if wanted.voxels:
        grids: dict[str, Any] = {
            _file_name(item.identity, item.name): voxelised(item.mesh()).occupied for item in scene.things
        }
        _file(folder / "voxels" / f"{recipe.seed:06}.npz", lambda path: np.savez_compressed(path, **grids))
    return entries


def _write_view(view: RenderedView, folder: Path, name: str) -> None:
    millimetres = np.rint(view.depth / DEPTH_METRES)
    depth = np.where(millimetres > _FARTHEST, 0, millimetres).astype(np.uint16)
    seen = (view.depth > 0)[..., None]
    normals = np.where(seen, np.rint((view.normals + 1) * 127.5), 0).astype(np.uint8)
    uv = np.zeros((*view.depth.shape, 3), np.uint16)
    uv[..., :2] = np.where(seen, np.rint(1 + np.nan_to_num(view.uv) * 65_534), 0)
    numbers = view.panoptic
    coded = np.stack([numbers & 255, numbers >> 8 & 255, numbers >> 16], -1).astype(np.uint8)
    _png(folder / "panoptic" / f"{name}.png", coded)
    _png(folder / "depth" / f"{name}.png", depth)
    _png(folder / "normals" / f"{name}.png", normals)
    _png(folder / "parts" / f"{name}.png", view.parts)
    _png(folder / "uv" / f"{name}.png", uv)
    if view.flow is not None:
        flow = view.flow
        _file(folder / "flow" / f"{name}.flo", lambda path: _write_flow(path, flow))
        _png(folder / "occluded" / f"{name}.png", flow.occluded.astype(np.uint8) * 255)
    # The picture comes last: where it is, all the rest is.
    _png(folder / "images" / f"{name}.png", view.pixels)


def _write_flow(path: Path, flow: Flow) -> None:
    height, width = flow.occluded.shape
    vectors = np.where(np.isfinite(flow.vectors), flow.vectors, np.float32(_UNKNOWN_FLOW)).astype("<f4")
    path.write_bytes(struct.pack("<fii", _FLO, width, height) + vectors.tobytes())


def read_flow(path: Path) -> NDArray[np.float32]:
    """Vectors float32 (H, W, 2) of a file in Middlebury's form; what is not known is NaN. Raises ExportError."""
    content = path.read_bytes()
    magic, width, height = struct.unpack("<fii", content[:12]) if len(content) > 12 else (0.0, 0, 0)
    if magic != _FLO or width < 1 or height < 1 or len(content) != 12 + 8 * width * height:
        raise ExportError(f"'{path.name}' is expected to hold optical flow; choose another file.")
    vectors = np.frombuffer(content, "<f4", offset=12).reshape(height, width, 2)
    return np.where(np.abs(vectors) > 1e9, np.nan, vectors).astype(np.float32)


def _write_meshes(scene: Scene, folder: Path) -> None:
    import trimesh

    for item in scene.things:
        mesh = item.placed_mesh()
        content: Any = trimesh.Trimesh(mesh.vertices, mesh.triangles, process=False).export(file_type="ply")
        _file(folder / f"{_file_name(item.identity, item.name)}.ply", _bytes_writer(content))


def _bytes_writer(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def _file_name(identity: int, name: str) -> str:
    return f"{identity:03}_{name.replace(' ', '_')}"


# JSON ---------------------------------------------------------------------------------------------------------------


def _entry(view: RenderedView, labels: PictureLabels, name: str, frame: int) -> dict[str, Any]:
    """What the JSON files say of a picture, still without its number."""
    width, height = view.size
    camera = view.camera
    classes = np.unique(view.panoptic)
    return {
        "image": {"file_name": f"{name}.png", "width": width, "height": height, "frame": frame},
        "annotations": [_annotation(item, view) for item in labels.annotations],
        "segments": [_segment(int(number), view.panoptic == number) for number in classes.tolist()],
        "camera": {
            "intrinsics": camera.matrix.tolist(),
            "world_from_camera": camera.world_from_camera.tolist(),
            "time_secs": view.time_secs,
        },
    }


def _annotation(item: Annotation, view: RenderedView) -> dict[str, Any]:
    assert item.mask is not None
    left, top, right, bottom = item.box
    entry: dict[str, Any] = {
        "category_id": item.category + 1,
        "bbox": [left, top, right - left, bottom - top],
        "area": int(item.mask.pixels.sum()),
        "segmentation": {"size": [view.size.height, view.size.width], "counts": text_of(item.mask.full(view.size))},
        "iscrowd": 0,
        "track_id": item.track_id,
        "shape": item.attributes["shape"],
    }
    if item.keypoints:
        entry["keypoints"] = [round(value, 2) for point in item.keypoints for value in point]
        entry["num_keypoints"] = sum(point[2] > 0 for point in item.keypoints)
    return entry


def _segment(number: int, pixels: NDArray[np.bool_]) -> dict[str, Any]:
    rows, columns = np.flatnonzero(pixels.any(1)), np.flatnonzero(pixels.any(0))
    left, top = int(columns[0]), int(rows[0])
    return {
        "id": number,
        "category_id": number // PANOPTIC_RADIX,
        "iscrowd": 0,
        "bbox": [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top],
        "area": int(pixels.sum()),
    }


def _categories() -> list[dict[str, Any]]:
    entries = []
    for number, item in enumerate(CATEGORIES):
        entry: dict[str, Any] = {"id": number + 1, "name": item.name, "supercategory": item.supercategory}
        entry["isthing"] = int(item.is_thing)
        if item.keypoints:
            entry |= {"keypoints": list(item.keypoints), "skeleton": [[a + 1, b + 1] for a, b in item.skeleton]}
        entries.append(entry)
    return entries


def _records(wanted: WorldSet, folder: Path, progress: Progress) -> Iterator[dict[str, Any]]:
    for number in range(wanted.count):
        progress.check()
        record = folder / "scenes" / f"{wanted.recipe.seed + number:06}.json"
        yield from json.loads(record.read_text(encoding="utf-8"))


def _gather(wanted: WorldSet, folder: Path, progress: Progress) -> None:
    """Write the JSON files of the whole set from those of its scenes."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    panoptic: list[dict[str, Any]] = []
    cameras: list[dict[str, Any]] = []
    for number, entry in enumerate(_records(wanted, folder, progress), 1):
        image = {"id": number, **entry["image"]}
        images.append(image)
        for item in entry["annotations"]:
            annotations.append({"id": len(annotations) + 1, "image_id": number, **item})
        panoptic.append({"image_id": number, "file_name": image["file_name"], "segments_info": entry["segments"]})
        cameras.append({"image_id": number, "file_name": image["file_name"], **entry["camera"]})
    categories = _categories()
    things = [item for item in categories if item["isthing"]]
    _text(folder / "instances.json", json_text({"images": images, "annotations": annotations, "categories": things}))
    _text(folder / "panoptic.json", json_text({"images": images, "annotations": panoptic, "categories": categories}))
    _text(folder / "cameras.json", json_text({"sky_class": NUMBERS["sky"] + 1, "cameras": cameras}))


# Files --------------------------------------------------------------------------------------------------------------


def _file(target: Path, write: Callable[[Path], object]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(target, tidy=False) as path:
        write(path)


def _text(target: Path, text: str) -> None:
    _file(target, lambda path: path.write_text(text, encoding="utf-8"))


def _png(target: Path, values: NDArray[Any]) -> None:
    import cv2

    pixels = values[..., ::-1] if values.ndim == 3 else values
    _, coded = cv2.imencode(".png", np.ascontiguousarray(pixels), [cv2.IMWRITE_PNG_COMPRESSION, 3])
    _file(target, _bytes_writer(coded.tobytes()))
