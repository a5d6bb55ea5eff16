"""Fusion of depth frames in a truncated signed distance field (Curless and Levoy, 1996), and the way of the camera."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses.space._matching import Features, features_of, matches_between
from cvstudio.analyses.space._rgbd import RgbdFrame, RgbdFrames
from cvstudio.conversion.open3d_geometry import mesh_from_open3d, quiet
from cvstudio.conversion.solids import SurfaceDistance
from cvstudio.conversion.surfaces import kept_vertices
from cvstudio.data.geometry import Size, readonly
from cvstudio.data.samples import TriangleMesh
from cvstudio.foundation.errors import GeometryError
from cvstudio.foundation.progress import Progress

_BLOCK_SIDE = 16
_TRUNCATION = 4.0
"""Distances are kept up to so many voxels from the surface."""
_KEYPOINTS = 1500
_LEAST_MATCHES = 20
_LEAST_OVERLAP = 0.05
_MEASURED = 20_000
"""Points of the frames whose distance to the surface is measured."""


@dataclass(frozen=True, eq=False)
class FusedSurface:
    """A surface with how many frames saw each vertex.

    Parameters
    ----------
    mesh : with colours, in metres
    views : int32 (n,), frames that measured each vertex
    poses : float64 (frames, 4, 4), world from camera
    from_odometry : whether the poses were computed from the frames
    matrix : float64 (3, 3), intrinsics
    names : of the frames
    thumbnails : uint8 (h, w, 3), of each frame
    distance_mm : median distance of the frames' points to the surface
    """

    mesh: TriangleMesh
    views: NDArray[np.int32]
    poses: NDArray[np.float64]
    from_odometry: bool
    matrix: NDArray[np.float64]
    names: tuple[str, ...]
    thumbnails: tuple[NDArray[np.uint8], ...]
    size: Size
    distance_mm: float

    def __post_init__(self) -> None:
        for name in ("views", "poses", "matrix"):
            object.__setattr__(self, name, readonly(getattr(self, name)))

    def seen(self, least: int) -> TriangleMesh:
        """The part of the surface that at least so many frames measured."""
        return self.mesh if least <= 1 else kept_vertices(self.mesh, self.views >= least)


def camera_path(frames: RgbdFrames, progress: Progress) -> tuple[NDArray[np.float64], bool]:
    """Poses (frames, 4, 4), world from camera, and whether they were computed: those of the files, where all have one,
    else by odometry from each frame to the next.

    Odometry is that of key points whose depth the frame before measured (perspective-n-point in RANSAC): it holds for
    large steps, too. Where two frames share too few, Open3D aligns their colours and depths (Park et al., "Colored
    Point Cloud Registration Revisited", 2017).

    Raises
    ------
    GeometryError
        Two frames have too little in common.
    """
    given = [frame.pose for frame in frames.frames if frame.pose is not None]
    if len(given) == len(frames.frames):
        return np.stack(given), False
    poses = [np.eye(4)]
    before = None
    for number, frame in enumerate(frames.frames):
        progress(number / len(frames.frames), "odometry")
        features = features_of(frame.colour, most=_KEYPOINTS)
        if before is not None:
            last = frames.frames[number - 1]
            step = _step_by_keypoints(features, before, last, frames.matrix)
            if step is None:
                step = _step_by_pixels(frame, last, frames)
            poses.append(poses[-1] @ step)
        before = features
    return np.stack(poses), True


def _step_by_keypoints(
    features: Features, before: Features, last: RgbdFrame, matrix: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """The camera's motion (4, 4), the last frame from this one; None where they share too few key points."""
    import cv2

    pairs = matches_between(features, before)
    places, earlier = features.places[pairs[:, 0]], before.places[pairs[:, 1]]
    x, y = earlier.astype(np.int64).T
    depth = last.depth_m[y, x].astype(np.float64)
    measured = depth > 0
    if measured.sum() < _LEAST_MATCHES:
        return None
    rays = np.column_stack([earlier[measured], np.ones(int(measured.sum()))]) @ np.linalg.inv(matrix).T
    cv2.setRNGSeed(0)
    found, rotation, shift, inliers = cv2.solvePnPRansac(
        rays * depth[measured][:, None], places[measured], matrix, None, reprojectionError=3.0, iterationsCount=500
    )
    if not found or inliers is None or len(inliers) < _LEAST_MATCHES:
        return None
    step = np.eye(4)
    step[:3, :3] = cv2.Rodrigues(rotation)[0]
    step[:3, 3] = shift.ravel()
    return np.asarray(np.linalg.inv(step))


def _step_by_pixels(frame: RgbdFrame, last: RgbdFrame, frames: RgbdFrames) -> NDArray[np.float64]:
    """The camera's motion by Open3D. Raises GeometryError where it finds none."""
    import open3d as o3d

    width, height = frames.size
    matrix = frames.matrix
    # It reports success even where next to no pixel is measured in both.
    overlap = float(((frame.depth_m > 0) & (last.depth_m > 0)).mean())
    intrinsic = o3d.camera.PinholeCameraIntrinsic(
        width, height, matrix[0, 0], matrix[1, 1], matrix[0, 2] - 0.5, matrix[1, 2] - 0.5
    )
    with quiet():
        found, step, _ = o3d.pipelines.odometry.compute_rgbd_odometry(
            _o3d_frame(frame),
            _o3d_frame(last),
            intrinsic,
            np.eye(4),
            o3d.pipelines.odometry.RGBDOdometryJacobianFromHybridTerm(),
            o3d.pipelines.odometry.OdometryOption(depth_max=_farthest(frames)),
        )
    if not found or overlap < _LEAST_OVERLAP:
        raise GeometryError(
            f"Odometry found too little in common between {last.name} and {frame.name}; take more frames, or put pose "
            "files beside them."
        )
    return np.asarray(step, np.float64)


def _farthest(frames: RgbdFrames) -> float:
    return max(float(frame.depth_m.max()) for frame in frames.frames) or 1.0


def _o3d_frame(frame: RgbdFrame) -> Any:
    import open3d as o3d

    return o3d.geometry.RGBDImage.create_from_color_and_depth(
        o3d.geometry.Image(np.array(frame.colour)),  # type: ignore[call-overload]
        o3d.geometry.Image(np.array(frame.depth_m)),  # type: ignore[call-overload]
        depth_scale=1.0,
        depth_trunc=1e3,
        convert_rgb_to_intensity=True,
    )


def fused(
    frames: RgbdFrames,
    poses: NDArray[np.float64],
    from_odometry: bool,
    voxel_m: float,
    farthest_m: float,
    progress: Progress,
) -> FusedSurface:
    """Fuse frames and extract the surface.

    Parameters
    ----------
    poses : float64 (frames, 4, 4), world from camera, in metres
    voxel_m : edge of a voxel
    farthest_m : depth beyond which nothing is taken

    Raises
    ------
    GeometryError
        No depth is measured within `farthest_m`.
    """
    import open3d as o3d

    core = o3d.core
    volume = o3d.t.geometry.VoxelBlockGrid(
        ("tsdf", "weight", "color"),
        (core.float32, core.float32, core.float32),
        (core.SizeVector([1]), core.SizeVector([1]), core.SizeVector([3])),
        voxel_m,
        _BLOCK_SIDE,
        10_000,
        core.Device("CPU:0"),
    )
    # Open3D counts from the centre of the first pixel.
    matrix = frames.matrix.copy()
    matrix[:2, 2] -= 0.5
    intrinsic = core.Tensor.from_numpy(matrix)
    # In voxels.
    origin = poses[:, :3, 3].mean(axis=0)
    local = poses.copy()
    local[:, :3, 3] -= origin
    empty = True
    for number, (frame, pose) in enumerate(zip(frames.frames, local, strict=True)):
        progress(number / len(frames.frames), "fusing")
        if not ((frame.depth_m > 0) & (frame.depth_m < farthest_m)).any():
            continue
        empty = False
        depth = o3d.t.geometry.Image(core.Tensor.from_numpy(frame.depth_m.copy()))
        colour = o3d.t.geometry.Image(core.Tensor.from_numpy(frame.colour.astype(np.float32) / 255))
        extrinsic = core.Tensor.from_numpy(np.linalg.inv(pose))
        with quiet():
            blocks = volume.compute_unique_block_coordinates(depth, intrinsic, extrinsic, 1.0, farthest_m, _TRUNCATION)
            volume.integrate(blocks, depth, colour, intrinsic, intrinsic, extrinsic, 1.0, farthest_m, _TRUNCATION)
    if empty:
        raise GeometryError(f"Fusion expects depths below {farthest_m:g} m, found none; raise the farthest depth.")
    with quiet():
        made = volume.extract_triangle_mesh(weight_threshold=0.5).to_legacy()
    mesh = _in_order(mesh_from_open3d(made, origin))
    if not len(mesh.triangles):
        raise GeometryError("Fusion found no surface in these frames; choose a larger voxel or a greater depth.")
    views = _views(mesh, frames, poses, truncation=_TRUNCATION * voxel_m, farthest_m=farthest_m, progress=progress)
    return FusedSurface(
        mesh,
        views,
        poses,
        from_odometry,
        frames.matrix,
        tuple(frame.name for frame in frames.frames),
        tuple(_thumbnail(frame.colour) for frame in frames.frames),
        frames.size,
        1000 * float(np.median(distances_to_frames(mesh, frames, poses, farthest_m, progress))),
    )


def _in_order(mesh: TriangleMesh) -> TriangleMesh:
    """`mesh` with vertices by their coordinates and triangles by their vertices: threads extract them in any order."""
    order = np.lexsort(mesh.vertices.T[::-1])
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    triangles = place[mesh.triangles]
    # Turned until the first vertex comes first, which leaves the side that is seen.
    first = triangles.argmin(axis=1)[:, None]
    triangles = np.take_along_axis(triangles, (first + np.arange(3)) % 3, axis=1)
    triangles = triangles[np.lexsort(triangles.T[::-1])]
    return dataclasses.replace(
        mesh,
        vertices=mesh.vertices[order],
        triangles=triangles,
        colours=None if mesh.colours is None else mesh.colours[order],
        normals=None if mesh.normals is None else mesh.normals[order],
    )


def _thumbnail(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    import cv2

    scale = 160 / max(pixels.shape[:2])
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    return readonly(np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8))


def _views(
    mesh: TriangleMesh,
    frames: RgbdFrames,
    poses: NDArray[np.float64],
    *,
    truncation: float,
    farthest_m: float,
    progress: Progress,
) -> NDArray[np.int32]:
    """How many frames measured a depth within `truncation` of each vertex, int32 (n,)."""
    counts = np.zeros(len(mesh.vertices), np.int32)
    height, width = frames.frames[0].depth_m.shape
    for frame, pose in zip(frames.frames, poses, strict=True):
        progress.check()
        local = (mesh.vertices - pose[:3, 3]) @ pose[:3, :3]
        with np.errstate(divide="ignore", invalid="ignore"):
            places = local / local[:, 2:] @ frames.matrix.T
        inside = (local[:, 2] > 0) & (local[:, 2] < farthest_m)
        inside &= (places[:, 0] >= 0) & (places[:, 0] < width) & (places[:, 1] >= 0) & (places[:, 1] < height)
        rows = np.flatnonzero(inside)
        x, y = places[rows, :2].astype(np.int64).T
        measured = frame.depth_m[y, x]
        counts[rows] += (measured > 0) & (np.abs(measured - local[rows, 2]) < truncation)
    return counts


def frame_points(
    frame: RgbdFrame, matrix: NDArray[np.float64], pose: NDArray[np.float64], farthest_m: float, step: int
) -> NDArray[np.float64]:
    """The measured points of every n-th row and column of a frame in the world, float64 (n, 3)."""
    rows, columns = np.mgrid[0 : frame.depth_m.shape[0] : step, 0 : frame.depth_m.shape[1] : step]
    depth = frame.depth_m[rows, columns].astype(np.float64)
    taken = (depth > 0) & (depth < farthest_m)
    places = np.stack([columns[taken] + 0.5, rows[taken] + 0.5, np.ones(int(taken.sum()))], axis=1)
    local = places @ np.linalg.inv(matrix).T * depth[taken][:, None]
    return np.asarray(local @ pose[:3, :3].T + pose[:3, 3])


def distances_to_frames(
    mesh: TriangleMesh, frames: RgbdFrames, poses: NDArray[np.float64], farthest_m: float, progress: Progress
) -> NDArray[np.float64]:
    """Distances in metres of points of all frames to a surface, float64 (n,), n about `_MEASURED`."""
    every = max(1, round(np.sqrt(frames.frames[0].depth_m.size * len(frames.frames) / _MEASURED)))
    points = np.concatenate(
        [
            frame_points(frame, frames.matrix, pose, farthest_m, every)
            for frame, pose in zip(frames.frames, poses, strict=True)
        ]
    )
    return SurfaceDistance(mesh, 0.25)(points, progress)
