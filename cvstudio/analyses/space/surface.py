"""A surface of the points of a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import Analysis, Slot
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.conversion.checks import usable_cloud, usable_mesh
from cvstudio.conversion.sampling import thinned, uniform_points
from cvstudio.conversion.surfaces import (
    MOST_POINTS,
    PoissonSurface,
    ball_pivoting_surface,
    poisson_surface,
    spacing,
    with_normals,
)
from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.foundation.params import Choices, Doc, Range
from cvstudio.foundation.progress import Progress
from cvstudio.media.base import MediaKind
from cvstudio.results.scene3d import Object3D, Scene3D


@dataclass(frozen=True)
class ThinParams:
    """How many points are taken."""

    most_points: Annotated[
        int,
        Range(100, MOST_POINTS, step=100),
        Doc("Points", "So many points are taken at random, of a mesh on its surface.", "Try 5000 for a first look."),
    ] = 30_000


@dataclass(frozen=True)
class MethodParams:
    """How the points become a surface."""

    surface: Annotated[
        str,
        Choices(("poisson", "ball"), ("Poisson", "ball pivoting")),
        Doc(
            "Method",
            "Solves for a closed surface (Poisson), or rolls a ball over the points.",
            "Ball pivoting keeps holes.",
        ),
    ] = "poisson"
    depth: Annotated[
        int, Range(4, 10, step=1), Doc("Octree depth", "Detail of the Poisson surface.", "Try 9 for fine detail.")
    ] = 7
    ball: Annotated[
        float,
        Range(0.5, 10, step=0.1),
        Doc("Ball radius", "Of ball pivoting, in mean distances of neighbouring points.", "Try 3 to close gaps."),
    ] = 1.5


@dataclass(frozen=True)
class SupportParams:
    """What of a closed surface is kept."""

    support: Annotated[
        float,
        Range(0, 0.9, step=0.01),
        Doc("Trim", "Share of the Poisson surface that is cut off where the fewest points support it.", "Try 0.1."),
    ] = 0.0


@dataclass(frozen=True, eq=False)
class ReconstructedSurface:
    """The points with their normals, and their surface."""

    cloud: PointCloud
    surface: TriangleMesh | PoissonSurface


def run_normals(inputs: Inputs, params: ThinParams, progress: Progress) -> Iterator[PointCloud]:
    """Stage: mesh or cloud -> cloud with normals; of a mesh points on its surface. Raises GeometryError."""
    sample = inputs.samples["points"]
    if isinstance(sample, TriangleMesh) and len(sample.triangles):
        progress(None, "points")
        yield uniform_points(usable_mesh(sample, "Surface reconstruction"), params.most_points)
        return
    cloud = usable_cloud(sample, "Surface reconstruction", 16)
    yield with_normals(thinned(cloud, params.most_points), progress=progress)


def run_surface(inputs: Inputs, params: MethodParams, progress: Progress) -> Iterator[ReconstructedSurface]:
    """Stage: cloud -> ReconstructedSurface. Raises GeometryError."""
    cloud: PointCloud = inputs.previous
    if params.surface == "poisson":
        yield ReconstructedSurface(cloud, poisson_surface(cloud, params.depth, progress))
    else:
        yield ReconstructedSurface(cloud, ball_pivoting_surface(cloud, params.ball * spacing(cloud), progress))


def run_support(inputs: Inputs, params: SupportParams, progress: Progress) -> Iterator[Scene3D]:
    """Stage: ReconstructedSurface -> Scene3D."""
    found: ReconstructedSurface = inputs.previous
    mesh = found.surface.trimmed(params.support) if isinstance(found.surface, PoissonSurface) else found.surface
    objects = (Object3D("Points", found.cloud, visible=False), Object3D("Surface", mesh))
    summary = f"{len(found.cloud.points):,} points, {len(mesh.triangles):,} triangles"
    yield replace(Scene3D(objects, summary=summary), source=inputs.source)


ANALYSES.register(
    Analysis(
        key="surface",
        title="Surface reconstruction",
        summary="Reconstructs the surface that the points of a cloud or mesh lie on.",
        action="Make a surface of points",
        icon="box",
        inputs=(Slot("points", "3D file", frozenset({MediaKind.GEOMETRY})),),
        stages=(
            Stage("normals", run_normals, ThinParams, long=True),
            Stage("surface", run_surface, MethodParams, long=True),
            Stage("support", run_support, SupportParams),
        ),
        result=Scene3D,
        order=38,
        samples={"points": "object"},
        sample_values={"most_points": 3000, "depth": 6},
        on_start_page=False,
        automatic=False,
        keywords=("Poisson", "ball pivoting", "BPA", "point cloud", "mesh", "표면 재구성", "포아송", "점군", "메시"),
    )
)
