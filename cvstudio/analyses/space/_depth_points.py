"""Depth maps as points in front of a camera, and surfaces that follow the grid of their pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import readonly
from cvstudio.data.samples import DepthMap, Image, PointCloud, TriangleMesh
from cvstudio.data.spatial.posed_camera import PosedCamera
from cvstudio.foundation.errors import BindingError, MediaError

RELATIVE_NEAR, RELATIVE_FAR = 1.0, 4.0
"""Where the nearest and the farthest point of a depth without a unit are put."""
ASPECT_TOLERANCE = 0.02


@dataclass(frozen=True, eq=False)
class DepthPoints:
    """The measured pixels of a depth map as points.

    Parameters
    ----------
    cloud : with the colours of the picture; in metres, or without a unit
    rows : int64 (n,), index of each point's pixel in the flattened map
    shape : of the map, (h, w)
    camera : at the origin, looking along z, y down
    places : float32 (n, 2), where each point is seen in the picture, in its pixels
    unit : "m", or empty
    """

    cloud: PointCloud
    rows: NDArray[np.int64]
    shape: tuple[int, int]
    camera: PosedCamera
    places: NDArray[np.float32]
    unit: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", readonly(self.rows))
        object.__setattr__(self, "places", readonly(self.places))


def metric_depth(depth: DepthMap, focal_px: float) -> tuple[NDArray[np.float64], str]:
    """Depth along the camera's axis, NaN where it was not measured, and its unit.

    Millimetres become metres. A disparity becomes depth for a baseline of 1. Values without a unit are spread over
    `RELATIVE_NEAR`..`RELATIVE_FAR`, those that are large nearby as their inverse is proportional to depth.
    """
    values = np.where(depth.invalid, np.nan, depth.values.astype(np.float64))
    if depth.unit in ("m", "mm") and not depth.near_is_large:
        return np.where(values > 0, values, np.nan) * (0.001 if depth.unit == "mm" else 1.0), "m"
    if depth.unit == "px":
        return focal_px / np.where(values > 0, values, np.nan), ""
    low, high = depth.extent
    share = (values - low) / (high - low if high > low else 1.0)
    if depth.near_is_large:
        return 1 / (1 / RELATIVE_FAR + share * (1 / RELATIVE_NEAR - 1 / RELATIVE_FAR)), ""
    return RELATIVE_NEAR + share * (RELATIVE_FAR - RELATIVE_NEAR), ""


def depth_points(image: Image, depth: DepthMap, matrix: NDArray[np.float64], step: int, farthest: float) -> DepthPoints:
    """The points of every n-th row and column of a depth map.

    Parameters
    ----------
    matrix : float64 (3, 3), intrinsics in pixels of the depth map
    step : 1 takes all pixels
    farthest : share (0..1) of the depths that are kept, the nearest first

    Raises
    ------
    BindingError
        The depth map is not of the picture's shape.
    MediaError
        No depth is measured.
    """
    import cv2

    ratio = image.size.width / image.size.height / (depth.size.width / depth.size.height)
    if abs(ratio - 1) > ASPECT_TOLERANCE:
        raise BindingError(
            f"A depth map of the picture's shape ({image.size.width} x {image.size.height}) is expected, found "
            f"{depth.size.width} x {depth.size.height}; choose the depth map that belongs to this picture."
        )
    metres, unit = metric_depth(depth, float(matrix[0, 0]))
    metres = metres[::step, ::step]
    known = np.isfinite(metres)
    if not known.any():
        raise MediaError("A depth map with measured depths is expected, found none in it; choose another depth map.")
    known &= ~(metres > np.quantile(metres[known], farthest))
    size = (metres.shape[1], metres.shape[0])
    pixels = np.asarray(cv2.resize(image.rgb8, size, interpolation=cv2.INTER_AREA), np.uint8)
    rows = np.flatnonzero(known)
    y, x = np.divmod(rows, metres.shape[1])
    places = np.column_stack([x, y]) * step + 0.5
    camera = PosedCamera(depth.size, matrix, np.eye(4), image.rgb8)
    points = camera.unproject(places, metres.ravel()[rows])
    scale = np.array(image.size) / np.array(depth.size)
    cloud = PointCloud(points, pixels.reshape(-1, 3)[rows])
    return DepthPoints(
        cloud, rows, (metres.shape[0], metres.shape[1]), camera, (places * scale).astype(np.float32), unit
    )


def grid_surface(points: DepthPoints, jump: float) -> TriangleMesh:
    """Two triangles for each four neighbouring pixels, facing the camera, with holes where the depth jumps.

    Parameters
    ----------
    jump : largest difference of the depths of a triangle's corners, as a share of the nearest one
    """
    height, width = points.shape
    number = np.full(height * width, -1, np.int64)
    number[points.rows] = np.arange(len(points.rows))
    grid = number.reshape(height, width)
    a, b, c, d = grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]
    # Counterclockwise as the camera sees them, where y points down.
    corners = np.concatenate([np.stack(three, axis=-1).reshape(-1, 3) for three in ((a, d, c), (a, c, b))])
    corners = corners[(corners >= 0).all(axis=1)]
    depth = points.cloud.points[:, 2][corners]
    near = depth.min(axis=1)
    triangles = corners[depth.max(axis=1) - near <= jump * near]
    return TriangleMesh(points.cloud.points, triangles.astype(np.int32), points.cloud.colours)
