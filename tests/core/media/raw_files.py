"""Small RAW photographs of a known scene: DNG as its specification says, and the forms of some cameras."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

RGGB, GRBG, GBRG, BGGR = (0, 1, 1, 2), (1, 0, 2, 1), (1, 2, 0, 1), (2, 1, 1, 0)
# Linear light of sRGB from XYZ (IEC 61966-2-1): with it as its matrix a camera sees in the colours of sRGB.
_FROM_XYZ = (3.2404542, -1.5371385, -0.4985314, -0.9692660, 1.8760108, 0.0415560, 0.0556434, -0.2040259, 1.0572252)
_D65 = 21


def scene(width: int = 140, height: int = 100) -> NDArray[np.float64]:
    """Linear light of a smooth picture, (height, width, 3), 0..1: no two places of it are alike."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x / width * 0.8 + 0.1, y / height * 0.8 + 0.1, (x + y) / (width + height) * 0.5], 2)


def shown(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """What sRGB makes of linear light, 0..255 (IEC 61966-2-1)."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055) * 255


def mosaic(
    light: NDArray[np.float64], pattern: Sequence[int] = RGGB, *, white: int = 4095, black: int = 0
) -> NDArray[Any]:
    """What a sensor counts behind a mosaic that repeats `pattern`, row by row; uint16, or uint8 up to 255."""
    side = 2 if len(pattern) == 4 else 6
    counts = np.empty(light.shape[:2], np.uint8 if white <= 255 else np.uint16)
    for place, color in enumerate(pattern):
        rows, columns = slice(place // side, None, side), slice(place % side, None, side)
        counts[rows, columns] = np.round(light[rows, columns, color] * (white - black) + black)
    return counts


def packed(counts: NDArray[np.uint16]) -> list[bytes]:
    """A sensor's numbers as lossless JPEG, for `write_dng`."""
    import imagecodecs

    return [imagecodecs.ljpeg_encode(counts, bitspersample=12)]


def _rational(numbers: Sequence[float]) -> tuple[int, ...]:
    return tuple(part for number in numbers for part in (round(number * 1_000_000), 1_000_000))


def write_dng(
    path: Path,
    counts: NDArray[Any] | list[bytes],
    pattern: Sequence[int] = RGGB,
    *,
    white: int = 4095,
    black: int = 0,
    orientation: int = 1,
    neutral: Sequence[float] | None = (1, 1, 1),
    crop: Sequence[int] = (),
    area: Sequence[int] = (),
    preview: NDArray[np.uint8] | None = None,
    jpeg: bool = False,
    **options: Any,
) -> Path:
    """Write a DNG (version 1.4) whose camera sees in the colours of sRGB.

    Parameters
    ----------
    neutral : what the camera counts of white (AsShotNeutral); None states no white balance
    crop : left, top, width, height within `area` (DefaultCropOrigin, DefaultCropSize)
    area : top, left, bottom, right of the sensor that saw light (ActiveArea)
    preview : a picture for the first directory, behind which the sensor's numbers hang then; a JPEG where `jpeg`
    options : of tifffile; of packed numbers their shape, dtype and compression
    """
    bare = isinstance(counts, list) or counts.ndim == 2
    side = 2 if len(pattern) == 4 else 6
    camera: list[Any] = [
        *((50706, "B", 4, (1, 4, 0, 0)), (50707, "B", 4, (1, 1, 0, 0)), (274, "H", 1, orientation)),
        *((271, "s", 0, "cvstudio"), (272, "s", 0, "cvstudio test"), (50708, "s", 0, "cvstudio test")),
        *((50721, "2i", 9, _rational(_FROM_XYZ)), (50778, "H", 1, _D65)),
    ]
    if neutral is not None:
        camera.append((50728, "2I", 3, _rational(neutral)))
    levels: list[Any] = [(50714, "I", 1, black), (50717, "I", 1, white)]
    if bare:
        levels += [(33421, "H", 2, (side, side)), (33422, "B", len(pattern), tuple(pattern))]
        levels += [(50710, "B", 3, (0, 1, 2)), (50711, "H", 1, 1)]
    if crop:
        levels += [(50719, "I", 2, tuple(crop[:2])), (50720, "I", 2, tuple(crop[2:]))]
    if area:
        levels.append((50829, "I", 4, tuple(area)))
    kind: dict[str, Any] = {"photometric": "cfa" if bare else 34892, "metadata": None, "software": False}
    with tifffile.TiffWriter(path, byteorder="<") as tiff:
        if preview is None:
            data = iter(counts) if isinstance(counts, list) else counts
            tiff.write(data, extratags=camera + levels, **kind, **options)
            return path
        packing: dict[str, Any] = {"compression": "jpeg", "compressionargs": {"level": 95}} if jpeg else {}
        tiff.write(preview, photometric="rgb", subfiletype=1, subifds=1, extratags=camera, metadata=None, **packing)
        tiff.write(counts, extratags=levels, **kind, **options)
    return path


def write_camera_file(
    path: Path, make: str, model: str, counts: NDArray[Any], *, hangs: bool, orientation: int = 1
) -> Path:
    """Write what is a TIFF for cameras, such as NEF, ARW and PEF: not packed, 16 bits.

    `hangs` says whether the sensor's numbers hang on a preview of one colour, (200, 100, 50), 32 x 24.
    """
    camera: list[Any] = [(271, "s", 0, make), (272, "s", 0, model), (274, "H", 1, orientation)]
    levels: list[Any] = [(33421, "H", 2, (2, 2)), (33422, "B", 4, RGGB)]
    with tifffile.TiffWriter(path, byteorder="<") as tiff:
        if hangs:
            preview = np.full((24, 32, 3), (200, 100, 50), np.uint8)
            tiff.write(
                preview, photometric="rgb", subfiletype=1, subifds=1, extratags=camera, metadata=None, software=False
            )
            tiff.write(counts, photometric="cfa", extratags=levels, metadata=None, software=False)
        else:
            tiff.write(counts, photometric="cfa", extratags=camera + levels, metadata=None, software=False)
    return path
