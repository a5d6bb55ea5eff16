"""A picture and its depth map as a cloud of points and a surface."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import PICTURE, Analysis, Slot
from cvstudio.analyses.space._depth_points import DepthPoints, depth_points, grid_surface
from cvstudio.analyses.space._rgbd import guessed_matrix
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.conversion.sampling import thinned
from cvstudio.conversion.surfaces import (
    PoissonSurface,
    ball_pivoting_surface,
    poisson_surface,
    spacing,
    with_normals,
)
from cvstudio.data.geometry import Size
from cvstudio.data.samples import TriangleMesh
from cvstudio.foundation.params import Choices, Doc, Range
from cvstudio.foundation.progress import Progress
from cvstudio.media.base import MediaKind
from cvstudio.results.scene3d import LinkedPixels, Object3D, Scene3D

MOST_POINTS = 60_000
"""Points that a surface is reconstructed from: more take minutes, and a depth map has many in each of its details."""


@dataclass(frozen=True)
class LiftParams:
    """The camera, and which pixels become points."""

    field_deg: Annotated[
        float,
        Range(10, 150, step=1, unit="°"),
        Doc("Field of view", "Of the picture's longer side: how far the scene spreads.", "Phones have about 65."),
    ] = 60.0
    step: Annotated[
        int, Range(1, 16, step=1, unit="px"), Doc("Step", "Takes every n-th pixel only.", "Try 4.", more=True)
    ] = 2
    nearest: Annotated[
        float,
        Range(0.05, 1, step=0.01),
        Doc("Nearest", "Share of the pixels that are kept, the nearest first.", "Try 0.8 to drop the background."),
    ] = 1.0


@dataclass(frozen=True)
class ReconstructionParams:
    """How the points become a surface."""

    method: Annotated[
        str,
        Choices(("grid", "poisson", "ball"), ("pixel grid", "Poisson", "ball pivoting")),
        Doc(
            "Surface",
            "Joins neighbouring pixels, solves for a closed surface (Poisson), or rolls a ball over the points.",
            "Poisson closes holes.",
        ),
    ] = "grid"
    jump: Annotated[
        float,
        Range(0.005, 1, step=0.005),
        Doc("Depth jump", "The pixel grid is cut where depth changes by more than this share.", "Try 0.02."),
    ] = 0.05
    octree: Annotated[
        int, Range(4, 9, step=1), Doc("Octree depth", "Detail of the Poisson surface.", "Try 8.", more=True)
    ] = 7


@dataclass(frozen=True)
class TrimParams:
    """What of a closed surface is kept."""

    trim: Annotated[
        float,
        Range(0, 0.9, step=0.01),
        Doc("Trim", "Share of the Poisson surface that is cut off where the fewest points support it.", "Try 0.1."),
    ] = 0.05


@dataclass(frozen=True, eq=False)
class LiftedSurface:
    """Points with their surface, which can be trimmed where it is a Poisson surface."""

    points: DepthPoints
    surface: TriangleMesh | PoissonSurface


def run_lift(inputs: Inputs, params: LiftParams, progress: Progress) -> Iterator[DepthPoints]:
    """Stage: picture and depth -> DepthPoints. Raises BindingError and MediaError."""
    progress.check()
    image, depth = inputs.samples["picture"], inputs.samples["depth"]
    matrix = guessed_matrix(Size(*depth.size), params.field_deg)
    yield depth_points(image, depth, matrix, params.step, params.nearest)


def run_reconstruct(inputs: Inputs, params: ReconstructionParams, progress: Progress) -> Iterator[LiftedSurface]:
    """Stage: DepthPoints -> LiftedSurface. Raises GeometryError."""
    points: DepthPoints = inputs.previous
    if params.method == "grid":
        yield LiftedSurface(points, grid_surface(points, params.jump))
        return
    cloud = with_normals(thinned(points.cloud, MOST_POINTS), viewpoint=points.camera.position, progress=progress)
    if params.method == "poisson":
        yield LiftedSurface(points, poisson_surface(cloud, params.octree, progress))
    else:
        yield LiftedSurface(points, ball_pivoting_surface(cloud, 1.5 * spacing(cloud), progress))


def run_trim(inputs: Inputs, params: TrimParams, progress: Progress) -> Iterator[Scene3D]:
    """Stage: LiftedSurface -> Scene3D."""
    lifted: LiftedSurface = inputs.previous
    points, surface = lifted.points, lifted.surface
    mesh = surface.trimmed(params.trim) if isinstance(surface, PoissonSurface) else surface
    picture = points.camera.picture
    assert picture is not None
    scene = Scene3D(
        (
            Object3D("Points", points.cloud, visible=False),
            Object3D("Surface", mesh),
            Object3D("Camera", points.camera, visible=False),
        ),
        Size(picture.shape[1], picture.shape[0]),
        summary=f"{len(points.cloud.points):,} points, {len(mesh.triangles):,} triangles",
        up="-y",
        unit=points.unit,
        linked=LinkedPixels("Points", points.places),
    )
    yield replace(scene, source=inputs.source)


ANALYSES.register(
    Analysis(
        key="depth-surface",
        title="Surface from depth",
        summary="Lifts a picture by its depth map into points and a surface.",
        action="Turn a depth map into 3D",
        icon="box",
        inputs=(PICTURE, Slot("depth", "Depth map", frozenset({MediaKind.DEPTH}), aligned_with="picture")),
        stages=(
            Stage("lift", run_lift, LiftParams),
            Stage("reconstruct", run_reconstruct, ReconstructionParams, long=True),
            Stage("trim", run_trim, TrimParams),
        ),
        result=Scene3D,
        order=34,
        samples={"picture": "scene", "depth": "scene-depth"},
        on_start_page=False,
        keywords=("back-projection", "point cloud", "2.5D", "mesh", "깊이", "점군", "표면", "입체"),
    )
)
