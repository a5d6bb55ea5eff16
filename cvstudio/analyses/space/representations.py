"""The forms in which one object can be described, side by side: mesh, points, voxels, convex parts, pictures, function.

The slow forms come first in the chain, so that the sliders of the others do not ask for them again; the network, which
is to be watched, comes last, and what it has learnt of an object is kept beside the chain (`LearntFields`).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import Analysis, Slot
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.conversion.checks import usable_cloud, usable_mesh
from cvstudio.conversion.implicit import ImplicitFit, distance_field, fitted
from cvstudio.conversion.parts import Decomposition, decomposed
from cvstudio.conversion.sampling import poisson_disk_points, thinned, uniform_points
from cvstudio.conversion.surfaces import poisson_surface, with_normals
from cvstudio.conversion.views import ViewOfMesh, views_of
from cvstudio.conversion.voxels import Cells, isosurface, smooth_surface, voxels_of
from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.data.spatial.distance_field import DistanceField
from cvstudio.data.spatial.voxel_grid import VoxelGrid
from cvstudio.foundation.params import Choices, Doc, Range
from cvstudio.foundation.progress import Progress
from cvstudio.media.base import MediaKind
from cvstudio.results.scene3d import Object3D, Scene3D

MOST_PARTS = 24
_CLOUD_POINTS = 20_000
_CLOUD_DEPTH = 7
"""Points that a cloud's surface is made of, and the depth of its octree."""
_KEPT_FIELDS = 8
_COLOURS = ((76, 141, 255), (240, 150, 60), (80, 180, 120), (200, 100, 200), (220, 90, 90), (150, 150, 60))


@dataclass(frozen=True)
class PartsParams:
    """How finely the object is cut."""

    parts_resolution: Annotated[
        int,
        Range(12, 80, step=1),
        Doc("Grid for parts", "Voxels along the longest side by which the parts are cut.", "Try 60.", more=True),
    ] = 28


@dataclass(frozen=True)
class CloudParams:
    """How many points."""

    points: Annotated[
        int, Range(100, 20_000, step=100), Doc("Points", "Number of points of the cloud.", "Try 1000.")
    ] = 2000
    spread: Annotated[
        str,
        Choices(("poisson", "uniform"), ("evenly apart (Poisson disk)", "at random")),
        Doc("Spread", "Whether the points keep apart or are drawn at random.", "At random leaves gaps."),
    ] = "poisson"


@dataclass(frozen=True)
class VoxelParams:
    """How large voxels are, and which are full."""

    resolution: Annotated[int, Range(4, 128, step=1), Doc("Voxels", "Voxels along the longest side.", "Try 16.")] = 32
    cells: Annotated[
        str,
        Choices(("touched", "centres", "shell"), ("touched", "centre inside", "shell only")),
        Doc("Full where", "A voxel is full where the object reaches into it, or where its centre is inside.", ""),
    ] = "touched"


@dataclass(frozen=True)
class ViewParams:
    """How many pictures."""

    views: Annotated[int, Range(1, 60, step=1), Doc("Views", "Number of cameras around the object.", "Try 20.")] = 12


@dataclass(frozen=True)
class FunctionParams:
    """What the implicit function is, and how long it learns."""

    function: Annotated[
        str,
        Choices(("exact", "network", "none"), ("exact distances", "small network", "none")),
        Doc(
            "Implicit function",
            "Signed distances as they are, or as a small network learns them.",
            "Choose the network and watch it learn.",
        ),
    ] = "exact"
    training: Annotated[
        int,
        Range(20, 3000, step=10, unit="steps"),
        Doc("Training", "How long the network learns; watch the surface settle.", "Try 1000 for fine detail."),
    ] = 300
    grid: Annotated[
        int,
        Range(16, 56, step=1),
        Doc("Grid", "Nodes along the longest side where the function is looked at.", "Try 56.", more=True),
    ] = 40


@dataclass(frozen=True)
class ShownParams:
    """What of the cached forms is shown."""

    parts: Annotated[
        int, Range(1, MOST_PARTS, step=1), Doc("Parts", "At most so many convex parts.", "Drag it up from 1.")
    ] = 8
    level: Annotated[
        float,
        Range(-5, 5, step=0.05, unit="%"),
        Doc(
            "Level",
            "Distance at which the surface of the implicit function lies, in per cent of the longest side.",
            "Drag it up to inflate the object.",
        ),
    ] = 0.0


@dataclass(frozen=True, eq=False)
class Forms:
    """The forms so far.

    Parameters
    ----------
    mesh : welded, see `usable_mesh`
    shown : the object as it is in the file, or the surface of a cloud
    points : those of the file, where it is a cloud
    fit : what a network has learnt; None for the exact field
    """

    mesh: TriangleMesh
    shown: TriangleMesh
    points: PointCloud | None
    parts: Decomposition | None = None
    cloud: PointCloud | None = None
    voxels: VoxelGrid | None = None
    bevelled: TriangleMesh | None = None
    views: tuple[ViewOfMesh, ...] = ()
    field: DistanceField | None = None
    fit: ImplicitFit | None = None


class LearntFields:
    """What networks have learnt, by object and training; the last `_KEPT_FIELDS`. Thread-safe."""

    def __init__(self) -> None:
        self._fits: OrderedDict[Hashable, ImplicitFit] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> ImplicitFit | None:
        """The fit of a key, if it was kept."""
        with self._lock:
            if key in self._fits:
                self._fits.move_to_end(key)
            return self._fits.get(key)

    def keep(self, key: Hashable, fit: ImplicitFit) -> None:
        """Keep a fit that is complete."""
        with self._lock:
            self._fits[key] = fit
            while len(self._fits) > _KEPT_FIELDS:
                self._fits.popitem(last=False)


def run_parts(inputs: Inputs, params: PartsParams, progress: Progress) -> Iterator[Forms]:
    """Stage: mesh or cloud -> Forms with its parts. Raises GeometryError."""
    sample = inputs.samples["object"]
    points = None
    if isinstance(sample, PointCloud) or not len(sample.triangles):
        points = usable_cloud(sample, "A surface", 16)
        cloud = with_normals(thinned(points, _CLOUD_POINTS), progress=progress)
        sample = poisson_surface(cloud, _CLOUD_DEPTH, progress).mesh
    mesh = usable_mesh(sample, "Representations")
    yield Forms(mesh, sample, points, decomposed(mesh, MOST_PARTS, params.parts_resolution, progress))


def run_cloud(inputs: Inputs, params: CloudParams, progress: Progress) -> Iterator[Forms]:
    """Stage: Forms -> Forms with a cloud."""
    forms: Forms = inputs.previous
    progress(None, "points")
    draw = poisson_disk_points if params.spread == "poisson" else uniform_points
    yield replace(forms, cloud=draw(forms.mesh, params.points))


def run_voxels(inputs: Inputs, params: VoxelParams, progress: Progress) -> Iterator[Forms]:
    """Stage: Forms -> Forms with voxels."""
    forms: Forms = inputs.previous
    progress(None, "voxels")
    cells: Cells = "shell" if params.cells == "shell" else "centres" if params.cells == "centres" else "touched"
    grid = voxels_of(forms.mesh, params.resolution, cells, progress)
    yield replace(forms, voxels=grid, bevelled=smooth_surface(grid))


def run_views(inputs: Inputs, params: ViewParams, progress: Progress) -> Iterator[Forms]:
    """Stage: Forms -> Forms with pictures."""
    forms: Forms = inputs.previous
    yield replace(forms, views=views_of(forms.mesh, params.views, progress=progress))


def run_function(inputs: Inputs, params: FunctionParams, progress: Progress) -> Iterator[Forms]:
    """Stage: Forms -> Forms with an implicit function, again and again while a network learns it."""
    forms: Forms = inputs.previous
    if params.function == "none":
        yield forms
        return
    if params.function == "exact":
        yield replace(forms, field=distance_field(forms.mesh, params.grid, progress))
        return
    learnt = inputs.services.get(LearntFields)
    key = (_fingerprint(forms.mesh), params.training, params.grid)
    fit = learnt.get(key)
    if fit is not None:
        yield replace(forms, field=fit.field, fit=fit)
        return
    for fit in fitted(forms.mesh, params.training, params.grid, progress):
        yield replace(forms, field=fit.field, fit=fit)
    assert fit is not None
    learnt.keep(key, fit)


def _fingerprint(mesh: TriangleMesh) -> str:
    import xxhash

    digest = xxhash.xxh3_128(mesh.vertices.tobytes())
    digest.update(mesh.triangles.tobytes())
    return digest.hexdigest()


def run_shown(inputs: Inputs, params: ShownParams, progress: Progress) -> Iterator[Scene3D]:
    """Stage: Forms -> Scene3D."""
    forms: Forms = inputs.previous
    objects = [Object3D("Mesh", forms.shown, "Mesh")]
    if forms.points is not None:
        objects.append(Object3D("Points of the file", forms.points, "Mesh", visible=False))
    if forms.cloud is not None:
        objects.append(Object3D("Point cloud", forms.cloud, "Point cloud"))
    if forms.voxels is not None and forms.bevelled is not None:
        note = f"{forms.voxels.count:,} voxels of {forms.voxels.side:.4g}."
        objects.append(Object3D("Voxels", forms.voxels, "Voxels", note=note))
        objects.append(Object3D("Voxels, marching cubes", forms.bevelled, "Voxels", visible=False))
    if forms.parts is not None:
        for number, part in enumerate(forms.parts.at(params.parts)):
            colour = _COLOURS[number % len(_COLOURS)]
            objects.append(Object3D(f"Part {number + 1}", part.hull, "Convex parts", colour=colour))
    objects += [Object3D(f"View {number + 1}", view.camera, "Views") for number, view in enumerate(forms.views)]
    if forms.field is not None:
        objects += _function(forms.field, forms.fit, params.level / 100 * _longest(forms.mesh.vertices))
    yield Scene3D(tuple(objects), summary=_summary(forms, params), side_by_side=True, source=inputs.source)


def _longest(points: NDArray[np.float64]) -> float:
    return float(np.ptp(points, axis=0).max())


def _function(field: DistanceField, fit: ImplicitFit | None, level: float) -> list[Object3D]:
    note = "Exact distances."
    if fit is not None:
        note = f"Step {fit.step} of {fit.steps}, mean error {fit.error:.3g}."
        if not fit.closed:
            note = f"{note[:-1]}; the mesh is open, so its inside is a guess."
    return [
        Object3D("Implicit surface", isosurface(field, level), "Implicit function", note=note),
        Object3D("Distance field", field, "Implicit function", visible=False),
    ]


def _summary(forms: Forms, params: ShownParams) -> str:
    counts = []
    if forms.parts is not None:
        counts.append(f"{len(forms.parts.at(params.parts))} parts")
    if forms.voxels is not None:
        counts.append(f"{forms.voxels.count:,} voxels")
    if forms.fit is not None and not forms.fit.complete:
        counts.append(f"training {forms.fit.step / forms.fit.steps:.0%}")
    return ", ".join([f"{len(forms.mesh.triangles):,} triangles", *counts])


ANALYSES.register(
    Analysis(
        key="representations",
        title="Representations",
        summary="Shows the forms of one object side by side: mesh, points, voxels, parts, views, implicit function.",
        action="Compare forms of a 3D object",
        icon="shapes",
        inputs=(Slot("object", "3D file", frozenset({MediaKind.GEOMETRY})),),
        stages=(
            Stage("parts", run_parts, PartsParams, long=True),
            Stage("cloud", run_cloud, CloudParams),
            Stage("voxels", run_voxels, VoxelParams),
            Stage("views", run_views, ViewParams),
            Stage("function", run_function, FunctionParams, where="accelerator", long=True),
            Stage("shown", run_shown, ShownParams, where="main"),
        ),
        result=Scene3D,
        order=37,
        samples={"object": "object"},
        sample_values={"training": 60, "points": 500, "views": 6, "resolution": 20, "grid": 24, "parts_resolution": 16},
        on_start_page=False,
        keywords=(
            "voxel",
            "point cloud",
            "mesh",
            "SDF",
            "implicit function",
            "DeepSDF",
            "convex decomposition",
            "multi-view",
            "marching cubes",
            "표현",
            "복셀",
            "점군",
            "메시",
            "음함수",
        ),
    )
)
