"""Folders of RGB-D frames: pairs of colour and depth by their names, poses and intrinsics in files beside them.

The form is that of 7-Scenes and of Zeng's tsdf-fusion: `frame-000000.color.jpg`, `frame-000000.depth.png`,
`frame-000000.pose.txt` (4 x 4, world from camera) and `camera-intrinsics.txt` (3 x 3, or Open3D's JSON).
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses.binding import MediaSamples
from cvstudio.data.geometry import Size, readonly
from cvstudio.data.samples import DepthMap, Image
from cvstudio.foundation.errors import BindingError, MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.media.base import Media, MediaKind

_ROLES = re.compile(r"(?i)[._-]?(colou?r|rgb|image|depth|disparity)[._-]?")
_INTRINSICS = ("camera-intrinsics.txt", "intrinsics.txt", "camera_intrinsics.txt", "intrinsic.json", "intrinsics.json")
_NOT_MEASURED = 65_535
"""What sensors write where they measured nothing, beside 0."""


@dataclass(frozen=True, eq=False)
class RgbdFrame:
    """One frame in metres.

    Parameters
    ----------
    name : what colour and depth have in common in their names
    colour : uint8 (h, w, 3), of the size of the depth
    depth_m : float32 (h, w), along the camera's axis in metres; 0 where it was not measured
    pose : float64 (4, 4), world from camera, or None where none was given
    """

    name: str
    colour: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    pose: NDArray[np.float64] | None

    def __post_init__(self) -> None:
        for name in ("colour", "depth_m", "pose"):
            array = getattr(self, name)
            object.__setattr__(self, name, None if array is None else readonly(array))


@dataclass(frozen=True, eq=False)
class RgbdFrames:
    """The frames of one camera, in the order of their names.

    Parameters
    ----------
    frames : all of one size
    matrix : float64 (3, 3), intrinsics in pixels
    guessed : whether the intrinsics were made from a field of view
    """

    frames: tuple[RgbdFrame, ...]
    matrix: NDArray[np.float64]
    guessed: bool

    @property
    def size(self) -> Size:
        height, width = self.frames[0].depth_m.shape
        return Size(width, height)


def read_frames(samples: MediaSamples, every: int, field_deg: float, progress: Progress) -> RgbdFrames:
    """Read every n-th pair of a colour picture and a depth map.

    Parameters
    ----------
    samples : pictures and depth maps
    every : 1 takes all pairs
    field_deg : field of view of the longer side, where no file tells the intrinsics

    Raises
    ------
    BindingError
        No picture has a depth map of its name.
    MediaError
        A file cannot be read, or the frames differ in their size.
    """
    pairs = _pairs(samples.media)[::every]
    frames = []
    for number, (key, colour, depth) in enumerate(pairs):
        progress(number / len(pairs), "reading frames")
        picture, measured = samples[samples.media.index(colour)], samples[samples.media.index(depth)]
        assert isinstance(picture, Image)
        assert isinstance(measured, DepthMap)
        frames.append(_frame(key, picture, measured, depth.path))
    shape = frames[0].depth_m.shape
    odd = next((frame.name for frame in frames if frame.depth_m.shape != shape), None)
    if odd is not None:
        raise MediaError(f"Frames are expected to have one size, found another for {odd}; choose frames of one camera.")
    known = _intrinsics(pairs[0][2].path.parent)
    height, width = shape
    return RgbdFrames(
        tuple(frames), known if known is not None else guessed_matrix(Size(width, height), field_deg), known is None
    )


def guessed_matrix(size: Size, field_deg: float) -> NDArray[np.float64]:
    """Intrinsics (3, 3) of a camera with square pixels that looks through the middle of its picture."""
    focal = max(size) / 2 / math.tan(math.radians(field_deg) / 2)
    return np.array([[focal, 0, size.width / 2], [0, focal, size.height / 2], [0, 0, 1]])


def _pairs(media: tuple[Media, ...]) -> list[tuple[str, Media, Media]]:
    colours = {_key(item): item for item in media if item.kind is MediaKind.IMAGE}
    depths = {_key(item): item for item in media if item.kind is MediaKind.DEPTH}
    shared = [key for key in colours if key in depths]
    if not shared:
        raise BindingError(
            "Fusion expects colour pictures and depth maps whose names differ in the word color and depth, found "
            f"{len(colours)} pictures and {len(depths)} depth maps without a partner; choose another folder."
        )
    return [(key, colours[key], depths[key]) for key in sorted(shared)]


def _key(media: Media) -> str:
    """What is left of a name without the word for what it holds."""
    return _ROLES.sub("", media.path.stem)


def _frame(key: str, picture: Image, depth: DepthMap, path: Path) -> RgbdFrame:
    import cv2

    scale = 0.001 if depth.unit == "mm" else 1.0
    values = np.where(depth.invalid | (depth.values >= _NOT_MEASURED), 0, depth.values * np.float32(scale))
    pixels = picture.rgb8
    if picture.size != depth.size:
        pixels = np.asarray(cv2.resize(pixels, tuple(depth.size), interpolation=cv2.INTER_AREA), np.uint8)
    beside = path.with_name(re.sub(r"(?i)depth.*$", "pose.txt", path.name))
    return RgbdFrame(key, pixels, values.astype(np.float32), _matrix(beside, 4))


def _matrix(path: Path, side: int) -> NDArray[np.float64] | None:
    """A matrix of numbers in a text file; None where there is no such file.

    Raises
    ------
    MediaError
        It holds something else.
    """
    if not path.is_file():
        return None
    try:
        values = np.array(path.read_text(encoding="utf-8", errors="replace").split(), np.float64)
        matrix = values[: side * side].reshape(side, side)
    except ValueError:
        raise MediaError(
            f"{path.name} is expected to hold {side} x {side} numbers, found something else; mend or remove it."
        ) from None
    # Trackers write infinite numbers where they lost the camera.
    return matrix if np.isfinite(matrix).all() else None


def _intrinsics(folder: Path) -> NDArray[np.float64] | None:
    for name in _INTRINSICS:
        path = folder / name
        if path.suffix == ".json" and path.is_file():
            try:
                found = json.loads(path.read_text(encoding="utf-8"))
                # Open3D writes them column by column.
                return np.array(found["intrinsic_matrix"], np.float64).reshape(3, 3).T
            except (ValueError, KeyError, TypeError):
                raise MediaError(f"{name} is expected to be Open3D's intrinsics; mend or remove it.") from None
        matrix = _matrix(path, 3)
        if matrix is not None:
            return matrix
    return None
