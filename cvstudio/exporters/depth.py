"""Depth as files for other programs: 16-bit PNG, PFM, OpenEXR and NumPy arrays. Each opens again as the same depth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.samples import DepthMap
from cvstudio.exporters import EXPORTERS
from cvstudio.exporters.base import Exporter, ExportItem, of
from cvstudio.foundation.errors import ExportError
from cvstudio.foundation.params import Doc, Range
from cvstudio.foundation.progress import Progress
from cvstudio.results.spatial.depth import Depth

_LEVELS = 65_535


@dataclass(frozen=True)
class DepthPngOptions:
    """Scale of a depth map as a 16-bit PNG."""

    levels_per_unit: Annotated[
        float,
        Range(0, 100_000, step=1),
        Doc(
            "Levels",
            "How many levels make one metre, or one pixel of disparity; 0 takes 1000 and 256.",
            "1000 for millimetres, 5000 as TUM has it, 256 as KITTI.",
        ),
    ] = 0.0


def _map(item: ExportItem) -> DepthMap:
    result: Depth = item.result
    return result.map


def _write_png(path: Path, item: ExportItem, progress: Progress) -> None:
    """Depth times the levels of one unit, rounded, 0 where nothing is known; the scale stands in the file's text."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    depth = _map(item)
    levels = item.options_as(DepthPngOptions).levels_per_unit
    if not levels:
        largest = depth.extent[1]
        usual = {"m": 1000.0, "mm": 1.0, "px": 256.0}.get(depth.unit)
        levels = usual if usual is not None else _LEVELS / largest if largest > 0 else 1.0
    progress(None, "writing")
    scaled = np.rint(depth.values.astype(np.float64) * levels)
    known = scaled[~depth.invalid]
    if known.size and not (known.min() >= 0 and known.max() <= _LEVELS):
        raise ExportError(
            f"A 16-bit PNG holds 0 to {_LEVELS} levels, found depths of up to {known.max():.0f} with {levels:g} for "
            f"each {depth.unit}; choose fewer levels, or another format."
        )
    pixels = np.where(depth.invalid, 0, scaled).astype(np.uint16)
    text = PngInfo()
    text.add_text("Depth", f"1 {depth.unit} is {levels:g} levels; 0 is not known; {_direction(depth)}")
    Image.fromarray(pixels).save(path, format="PNG", pnginfo=text)


def _direction(depth: DepthMap) -> str:
    return "near is large" if depth.near_is_large else "near is small"


def _write_pfm(path: Path, item: ExportItem, progress: Progress) -> None:
    """Floats from the lowest row up, little-endian; infinite where nothing is known, as Middlebury has it."""
    progress(None, "writing")
    values = _unknown_as(_map(item), np.inf)
    height, width = values.shape
    with path.open("wb") as file:
        file.write(f"Pf\n{width} {height}\n-1.0\n".encode("ascii"))
        file.write(values[::-1].astype("<f4").tobytes())


def _write_npy(path: Path, item: ExportItem, progress: Progress) -> None:
    """float32 (H, W), NaN where nothing is known."""
    progress(None, "writing")
    with path.open("wb") as file:
        np.save(file, _unknown_as(_map(item), np.nan), allow_pickle=False)


def _write_exr(path: Path, item: ExportItem, progress: Progress) -> None:
    """The channel Z as 32-bit floats, NaN where nothing is known."""
    import OpenEXR

    progress(None, "writing")
    header = {"type": OpenEXR.scanlineimage, "compression": OpenEXR.ZIP_COMPRESSION}
    OpenEXR.File(header, {"Z": np.ascontiguousarray(_unknown_as(_map(item), np.nan))}).write(str(path))


def _unknown_as(depth: DepthMap, unknown: float) -> NDArray[np.float32]:
    return np.where(depth.invalid, np.float32(unknown), depth.values).astype(np.float32)


def _register(key: str, title: str, suffix: str, write: Any, summary: str, **more: Any) -> None:
    keywords = ("depth map", "disparity", "깊이 지도", "깊이 저장", *more.pop("keywords", ()))
    EXPORTERS.register(Exporter(key, title, suffix, of(Depth), write, summary, keywords=keywords, **more))


_register(
    "depth-png",
    "Depth as 16-bit PNG",
    ".depth.png",
    _write_png,
    "Depth in levels of a declared scale: millimetres, or 1/256 pixel of disparity.",
    params=DepthPngOptions,
    keywords=("16-bit", "KITTI", "TUM"),
)
_register("depth-pfm", "Depth as PFM", ".pfm", _write_pfm, "Depth as floats, as Middlebury's disparities are.")
_register("depth-npy", "Depth as NumPy array", ".npy", _write_npy, "Depth as floats, for numpy.load.")
_register(
    "depth-exr", "Depth as OpenEXR", ".exr", _write_exr, "Depth as floats in the channel Z, as renderers write it."
)
