"""Cameras in space: intrinsics, pose, and the picture that was taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cvstudio.data.geometry import Size, readonly

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class PosedCamera:
    """A pinhole camera without distortion at a place in space.

    Parameters
    ----------
    size : of the picture in pixels
    matrix : float64 (3, 3), intrinsics in pixels
        (0, 0) is the outer corner of the top left pixel, so that the centre of that pixel is (.5, .5).
    world_from_camera : float64 (4, 4), pose
        The camera looks along its z axis, with x to the right and y down, as in OpenCV.
    picture : uint8 (h, w, 3), sRGB, what the camera saw, in any resolution of the shape of `size`; optional

    Raises
    ------
    ValueError
        A shape or dtype differs, a focal length is not positive, or a number is not finite.
    """

    size: Size
    matrix: NDArray[np.float64]
    world_from_camera: NDArray[np.float64]
    picture: NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        for name, shape in (("matrix", (3, 3)), ("world_from_camera", (4, 4))):
            array = getattr(self, name)
            if array.shape != shape or array.dtype != np.float64 or not np.isfinite(array).all():
                raise ValueError(f"expected {name} as finite float64 {shape}, found {array.dtype} {array.shape}")
            object.__setattr__(self, name, readonly(array))
        if self.matrix[0, 0] <= 0 or self.matrix[1, 1] <= 0 or min(self.size) < 1:
            raise ValueError("expected positive focal lengths and a picture of at least one pixel")
        if self.picture is not None:
            if self.picture.ndim != 3 or self.picture.shape[2] != 3 or self.picture.dtype != np.uint8:
                raise ValueError(f"expected a picture uint8 (h, w, 3), found {self.picture.dtype}")
            object.__setattr__(self, "picture", readonly(self.picture))

    @property
    def position(self) -> NDArray[np.float64]:
        """Of the pinhole in the world, float64 (3,)."""
        return self.world_from_camera[:3, 3]

    @property
    def rotation(self) -> NDArray[np.float64]:
        """From the camera's axes to those of the world, float64 (3, 3)."""
        return self.world_from_camera[:3, :3]

    def project(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Places of `points` (n, 3) in the picture.

        Returns
        -------
        float64 (n, 3)
            x and y in pixels, and the depth along the camera's z axis, negative behind the camera.
        """
        local = (np.asarray(points, np.float64) - self.position) @ self.rotation
        with np.errstate(divide="ignore", invalid="ignore"):
            places = (local / local[:, 2:]) @ self.matrix.T
        return np.column_stack([places[:, :2], local[:, 2]])

    def unproject(self, places: NDArray[np.floating], depth: NDArray[np.floating]) -> NDArray[np.float64]:
        """Points float64 (n, 3) in the world of `places` (n, 2) in pixels, at a `depth` (n,) along the z axis."""
        rays = np.column_stack([places, np.ones(len(places))]) @ np.linalg.inv(self.matrix).T
        return np.asarray((rays * np.asarray(depth, np.float64)[:, None]) @ self.rotation.T + self.position)

    def frustum(self, depth: float) -> NDArray[np.float64]:
        """Corners of the picture at a depth in the world, float64 (4, 3): top left, top right, bottom right, bottom
        left. With `position` they are the outline in which a camera is drawn."""
        width, height = self.size
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
        return self.unproject(corners, np.full(4, depth))
