"""Fusion of the depth frames of a moving camera into one surface."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import Analysis, Slot
from cvstudio.analyses.binding import Several
from cvstudio.analyses.space._fusion import FusedSurface, camera_path, fused
from cvstudio.analyses.space._rgbd import RgbdFrames, read_frames
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.data.spatial.line_set import path_of
from cvstudio.data.spatial.posed_camera import PosedCamera
from cvstudio.foundation.params import Doc, NoParams, Range
from cvstudio.foundation.progress import Progress
from cvstudio.media.base import MediaKind
from cvstudio.results.scene3d import Object3D, Scene3D


@dataclass(frozen=True)
class FramesParams:
    """Which frames are taken, and their camera."""

    every: Annotated[
        int, Range(1, 50, step=1), Doc("Every", "Takes every n-th frame only.", "Try 2 for a first look.")
    ] = 1
    frames_field_deg: Annotated[
        float,
        Range(20, 120, step=1, unit="°"),
        Doc(
            "Field of view",
            "Of the longer side of the picture, where no file beside the frames tells the intrinsics.",
            "57 for a Kinect.",
            more=True,
        ),
    ] = 57.0


@dataclass(frozen=True)
class FusionParams:
    """How finely depths are fused."""

    voxel_mm: Annotated[
        float,
        Range(4, 100, step=1, unit="mm"),
        Doc("Voxel", "Edge of a voxel: the finest detail of the surface.", "Try 30 for a first look."),
    ] = 15.0
    farthest_m: Annotated[
        float,
        Range(0.5, 20, step=0.1, unit="m"),
        Doc("Farthest depth", "Depths beyond are left out: sensors err most far away.", "Try 2."),
    ] = 4.0


@dataclass(frozen=True)
class ViewsParams:
    """How often a place has to be measured."""

    least_views: Annotated[
        int,
        Range(1, 50, step=1, unit="frames"),
        Doc("Seen by at least", "Hides what fewer frames measured.", "Raise it to remove specks."),
    ] = 2


@dataclass(frozen=True, eq=False)
class PosedFrames:
    """Frames with the poses (frames, 4, 4) of their camera, and whether these were computed from the frames."""

    frames: RgbdFrames
    poses: NDArray[np.float64]
    from_odometry: bool


def run_read(inputs: Inputs, params: FramesParams, progress: Progress) -> Iterator[RgbdFrames]:
    """Stage: files -> RgbdFrames. Raises BindingError and MediaError."""
    yield read_frames(inputs.samples["frames"], params.every, params.frames_field_deg, progress)


def run_path(inputs: Inputs, params: NoParams, progress: Progress) -> Iterator[PosedFrames]:
    """Stage: RgbdFrames -> PosedFrames. Raises GeometryError."""
    yield PosedFrames(inputs.previous, *camera_path(inputs.previous, progress))


def run_fuse(inputs: Inputs, params: FusionParams, progress: Progress) -> Iterator[FusedSurface]:
    """Stage: PosedFrames -> FusedSurface. Raises GeometryError."""
    posed: PosedFrames = inputs.previous
    yield fused(posed.frames, posed.poses, posed.from_odometry, params.voxel_mm / 1000, params.farthest_m, progress)


def run_views(inputs: Inputs, params: ViewsParams, progress: Progress) -> Iterator[Scene3D]:
    """Stage: FusedSurface -> Scene3D."""
    surface: FusedSurface = inputs.previous
    way = "camera path by odometry" if surface.from_odometry else "camera path of the files"
    cameras = [
        Object3D(name, PosedCamera(surface.size, surface.matrix, pose, picture), "Cameras", visible=False)
        for name, pose, picture in zip(surface.names, surface.poses, surface.thumbnails, strict=True)
    ]
    note = f"Median distance of the frames' points to the whole surface: {surface.distance_mm:.1f} mm."
    scene = Scene3D(
        (
            Object3D("Surface", surface.seen(params.least_views), note=note),
            Object3D("Camera path", path_of(surface.poses[:, :3, 3].copy()), colour=(255, 140, 40), note=f"{way}."),
            *cameras,
        ),
        summary=f"{len(cameras)} frames, {surface.distance_mm:.1f} mm from the surface",
        up="-y",
        unit="m",
    )
    yield dataclasses.replace(scene, source=inputs.source)


ANALYSES.register(
    Analysis(
        key="fuse",
        title="RGB-D fusion",
        summary="Fuses the depth frames of a moving camera into one surface.",
        action="Scan a room",
        icon="layers",
        inputs=(
            Slot("frames", "RGB-D frames", frozenset({Several(frozenset({MediaKind.IMAGE, MediaKind.DEPTH}), 2)})),
        ),
        stages=(
            Stage("read", run_read, FramesParams, long=True),
            Stage("path", run_path, long=True),
            Stage("fuse", run_fuse, FusionParams, long=True),
            Stage("views", run_views, ViewsParams),
        ),
        result=Scene3D,
        order=36,
        samples={"frames": "rgbd"},
        on_start_page=False,
        keywords=(
            "TSDF",
            "KinectFusion",
            "truncated signed distance",
            "odometry",
            "SLAM",
            "depth camera",
            "RGB-D",
            "융합",
            "깊이 카메라",
            "스캔",
        ),
    )
)
