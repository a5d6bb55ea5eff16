"""Cameras and points of several pictures of one scene: matches, relative pose, triangulation, bundle adjustment.

The first picture is the reference: each further one is matched to it. Sources: Nister, "An Efficient Solution to the
Five-Point Relative Pose Problem", 2004; Triggs et al., "Bundle Adjustment: A Modern Synthesis", 1999; Hartley and
Zisserman, "Multiple View Geometry", 2004, chapters 9 and 12.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses.space._matching import Features, matches_between, refined
from cvstudio.data.geometry import readonly
from cvstudio.foundation.errors import GeometryError
from cvstudio.foundation.progress import Progress

LEAST_MATCHES = 15
_EPIPOLAR_PX = 1.5
"""Largest distance of a match from its epipolar line in RANSAC, in pixels."""
_OUTLIER_PX = 2.0
"""A point that is seen farther from its projection, and by three times as much as others, is a wrong match."""
_ITERATIONS = 40


@dataclass(frozen=True, eq=False)
class Tracks:
    """Points of the first picture with where they are seen in each.

    Parameters
    ----------
    places : float64 (pictures, n, 2), pixels, NaN where a point is not matched
    """

    places: NDArray[np.float64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "places", readonly(self.places))

    @property
    def seen(self) -> NDArray[np.bool_]:
        """In which pictures each point is seen, bool (pictures, n)."""
        return np.isfinite(self.places[..., 0])


@dataclass(frozen=True, eq=False)
class Structure:
    """Cameras and points, with the first camera at the origin and the second at distance 1.

    Parameters
    ----------
    tracks : what is seen of each point
    poses : float64 (pictures, 4, 4), camera from world
    points : float64 (n, 3)
    errors : float64 (n,), largest distance in pixels between where a point is seen and where it is projected
    angles_deg : float64 (n,), largest angle between two of the rays to a point
    """

    tracks: Tracks
    poses: NDArray[np.float64]
    points: NDArray[np.float64]
    errors: NDArray[np.float64]
    angles_deg: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in ("poses", "points", "errors", "angles_deg"):
            object.__setattr__(self, name, readonly(getattr(self, name)))


def tracks_of(features: list[Features], ratio: float, progress: Progress) -> Tracks:
    """The key points of the first picture that are matched in at least one other.

    Raises
    ------
    GeometryError
        A picture shares fewer than `LEAST_MATCHES` points with the first.
    """
    first = features[0]
    places = np.full((len(features), len(first.places), 2), np.nan)
    places[0] = first.places
    for number, other in enumerate(features[1:], 1):
        progress(number / len(features), "matching")
        pairs = matches_between(first, other, ratio)
        if len(pairs) < LEAST_MATCHES:
            raise GeometryError(
                f"Picture {number + 1} is expected to share at least {LEAST_MATCHES} points with the first, found "
                f"{len(pairs)}; choose pictures of one scene that overlap more."
            )
        places[number, pairs[:, 0]] = other.places[pairs[:, 1]]
    return Tracks(places[:, np.isfinite(places[1:, :, 0]).any(axis=0)])


def refined_tracks(tracks: Tracks, pictures: Sequence[NDArray[np.uint8]]) -> Tracks:
    """The tracks with their places in all pictures but the first moved to where these look most like it."""
    places = np.array(tracks.places)
    for number in range(1, len(pictures)):
        rows = np.flatnonzero(tracks.seen[number])
        places[number, rows] = refined(pictures[0], pictures[number], places[0, rows], places[number, rows])
    return Tracks(places)


def structure_of(tracks: Tracks, matrix: NDArray[np.float64], progress: Progress) -> Structure:
    """Poses and points of matched points, by RANSAC, linear triangulation and bundle adjustment.

    Parameters
    ----------
    tracks : of two or more pictures
    matrix : float64 (3, 3), intrinsics of all pictures

    Raises
    ------
    GeometryError
        Too few matches agree with one motion of the camera.
    """
    import cv2

    count = len(tracks.places)
    seen = tracks.seen.copy()
    poses = np.tile(np.eye(4), (count, 1, 1))
    # The pair of the most matches is the base of all others.
    base = 1 + int(np.argmax([np.count_nonzero(seen[number]) for number in range(1, count)]))
    rows = np.flatnonzero(seen[base])
    poses[base], kept = _relative_pose(tracks.places[0, rows], tracks.places[base, rows], matrix)
    seen[base, rows[~kept]] = False
    points = np.full((seen.shape[1], 3), np.nan)
    rows = rows[kept]
    points[rows] = triangulated(tracks.places[[0, base]][:, rows], poses[[0, base]], matrix)
    for number in range(1, count):
        progress.check()
        if number == base:
            continue
        known = np.flatnonzero(seen[number] & np.isfinite(points[:, 0]))
        found, inliers = False, None
        if len(known) >= 6:
            cv2.setRNGSeed(0)
            found, rotation, shift, inliers = cv2.solvePnPRansac(
                points[known], tracks.places[number, known], matrix, None, reprojectionError=4.0, iterationsCount=1000
            )
        if not found or inliers is None or len(inliers) < 6:
            raise GeometryError(
                f"The camera of picture {number + 1} was not found: too few of its points are among those of the first "
                "two; leave it out, or choose pictures that overlap more."
            )
        poses[number, :3, :3] = cv2.Rodrigues(rotation)[0]
        poses[number, :3, 3] = shift.ravel()
    for row in np.flatnonzero(~np.isfinite(points[:, 0]) & (seen.sum(axis=0) >= 2)):
        views = np.flatnonzero(seen[:, row])
        points[row] = triangulated(tracks.places[views][:, [row]], poses[views], matrix)[0]
    usable = np.isfinite(points).all(axis=1) & (seen.sum(axis=0) >= 2)
    places = np.where(seen[..., None], tracks.places, np.nan)[:, usable]
    points = points[usable]
    for _ in range(2):
        poses, points = _bundle(Tracks(places), poses, points, matrix, progress)
        # A wrong match pulls at its camera however little it counts: the second round goes without.
        errors = reprojection_errors(Tracks(places), poses, points, matrix)
        places = np.where((errors <= max(_OUTLIER_PX, 3 * float(np.nanmedian(errors))))[..., None], places, np.nan)
        seen = np.isfinite(places[..., 0])
        # What is left of a point has a place in the first picture, by which it is known.
        held = seen[0] & (seen.sum(axis=0) >= 2)
        places, points = places[:, held], points[held]
    # The distance of the first two cameras is the unit.
    scale = 1 / max(float(np.linalg.norm(_centres(poses)[base])), 1e-12)
    poses[:, :3, 3] *= scale
    points = points * scale
    kept_tracks = Tracks(places)
    errors = np.nanmax(reprojection_errors(kept_tracks, poses, points, matrix), axis=0)
    return Structure(kept_tracks, poses, points, errors, _angles(kept_tracks, poses, points))


def _relative_pose(
    first: NDArray[np.float64], second: NDArray[np.float64], matrix: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Pose (4, 4) of the second camera from the first, at distance 1, and the matches (n,) that agree with it."""
    import cv2

    cv2.setRNGSeed(0)
    essential, inliers = cv2.findEssentialMat(first, second, matrix, cv2.USAC_MAGSAC, 0.9999, _EPIPOLAR_PX, 5000)
    if essential is None or essential.shape != (3, 3):
        raise GeometryError("No motion of a camera explains the matches; choose pictures from two different places.")
    count, rotation, shift, inliers = cv2.recoverPose(essential, first, second, matrix, mask=inliers)
    kept = inliers.ravel() > 0
    if count < LEAST_MATCHES:
        raise GeometryError(
            f"At least {LEAST_MATCHES} matches are expected to agree with one motion of the camera, found {count}; "
            "choose pictures from two different places that overlap more."
        )
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation, shift.ravel()
    return pose, kept


def triangulated(
    places: NDArray[np.float64], poses: NDArray[np.float64], matrix: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Points float64 (n, 3) by the direct linear transform (Hartley and Zisserman, 12.2).

    Parameters
    ----------
    places : float64 (views, n, 2), pixels
    poses : float64 (views, 4, 4), camera from world
    """
    rays = (np.concatenate([places, np.ones((*places.shape[:2], 1))], axis=2) @ np.linalg.inv(matrix).T)[..., :2]
    # Two equations of each view: x P3 - P1 and y P3 - P2.
    rows = rays[..., None] * poses[:, None, 2:3, :] - poses[:, None, :2, :]
    equations = np.moveaxis(rows, 1, 0).reshape(places.shape[1], -1, 4)
    _, _, basis = np.linalg.svd(equations)
    homogeneous = basis[:, -1]
    weight = homogeneous[:, 3:]
    return np.asarray(homogeneous[:, :3] / np.where(np.abs(weight) > 1e-12, weight, 1e-12))


def reprojection_errors(
    tracks: Tracks, poses: NDArray[np.float64], points: NDArray[np.float64], matrix: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Distances in pixels between where points are seen and projected, float64 (pictures, n); NaN where not seen."""
    local = points @ np.swapaxes(poses[:, :3, :3], 1, 2) + poses[:, None, :3, 3]
    depth = np.where(local[..., 2:] > 1e-9, local[..., 2:], 1e-9)
    projected = (local / depth) @ matrix.T
    return np.asarray(np.linalg.norm(projected[..., :2] - tracks.places, axis=2))


def _centres(poses: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(-np.einsum("nji,nj->ni", poses[:, :3, :3], poses[:, :3, 3]))


def _angles(tracks: Tracks, poses: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    rays = points[None] - _centres(poses)[:, None]
    rays /= np.maximum(np.linalg.norm(rays, axis=2, keepdims=True), 1e-12)
    largest = np.zeros(len(points))
    seen = tracks.seen
    for first in range(len(rays)):
        for second in range(first + 1, len(rays)):
            cosine = np.clip(np.einsum("ij,ij->i", rays[first], rays[second]), -1, 1)
            both = seen[first] & seen[second]
            largest = np.where(both, np.maximum(largest, np.degrees(np.arccos(cosine))), largest)
    return largest


def _bundle(
    tracks: Tracks,
    poses: NDArray[np.float64],
    points: NDArray[np.float64],
    matrix: NDArray[np.float64],
    progress: Progress,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Poses and points with the least reprojection errors, of which large ones count less (Huber)."""
    import cv2
    from scipy.optimize import least_squares

    cameras, rows = np.nonzero(tracks.seen)
    seen = tracks.places[cameras, rows]
    free = len(poses) - 1
    start = np.concatenate(
        [np.concatenate([cv2.Rodrigues(pose[:3, :3])[0].ravel(), pose[:3, 3]]) for pose in poses[1:]] + [points.ravel()]
    )

    def unpacked(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        made = np.tile(np.eye(4), (free + 1, 1, 1))
        for number in range(free):
            six = values[6 * number : 6 * number + 6]
            made[number + 1, :3, :3] = cv2.Rodrigues(six[:3])[0]
            made[number + 1, :3, 3] = six[3:]
        return made, values[6 * free :].reshape(-1, 3)

    def residuals(values: NDArray[np.float64]) -> NDArray[np.float64]:
        progress.check()
        made, places = unpacked(values)
        local = np.einsum("nij,nj->ni", made[cameras, :3, :3], places[rows]) + made[cameras, :3, 3]
        depth = np.where(local[:, 2:] > 1e-6, local[:, 2:], 1e-6)
        return np.asarray(((local / depth) @ matrix.T[:, :2] - seen).ravel(), np.float64)

    progress(None, "bundle adjustment")
    found = least_squares(
        residuals,
        start,
        jac_sparsity=_sparsity(cameras, rows, free, len(points)),
        method="trf",
        loss="huber",
        x_scale="jac",
        max_nfev=_ITERATIONS,
        ftol=1e-6,
    )
    return unpacked(found.x)


def _sparsity(cameras: NDArray[np.int64], rows: NDArray[np.int64], free: int, points: int) -> Any:
    """Which residuals depend on which values: the six of their camera, unless it is the first, and their point."""
    from scipy.sparse import lil_matrix

    pattern = lil_matrix((2 * len(rows), 6 * free + 3 * points), dtype=np.int8)
    number = np.arange(len(rows))
    moving = cameras > 0
    for axis in range(2):
        for value in range(6):
            pattern[2 * number[moving] + axis, 6 * (cameras[moving] - 1) + value] = 1
        for value in range(3):
            pattern[2 * number + axis, 6 * free + 3 * rows + value] = 1
    return pattern.tocsr()
