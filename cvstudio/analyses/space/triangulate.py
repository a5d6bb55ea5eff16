"""Triangulation: cameras and points of two or more pictures of one scene."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import PICTURE, Analysis, Slot
from cvstudio.analyses.binding import Several
from cvstudio.analyses.space._matching import Detector, features_of
from cvstudio.analyses.space._rgbd import guessed_matrix
from cvstudio.analyses.space._structure import (
    LEAST_MATCHES,
    Structure,
    Tracks,
    refined_tracks,
    reprojection_errors,
    structure_of,
    tracks_of,
    triangulated,
)
from cvstudio.analyses.space._support import with_support
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.data.geometry import Size, readonly
from cvstudio.data.samples import Image, PointCloud
from cvstudio.data.spatial.line_set import LineSet
from cvstudio.data.spatial.posed_camera import PosedCamera
from cvstudio.data.spatial.scalars import ScalarField
from cvstudio.foundation.errors import BindingError
from cvstudio.foundation.params import Choices, Doc, Pick, Range
from cvstudio.foundation.progress import Progress
from cvstudio.foundation.shapes import Polygon
from cvstudio.media.base import MediaKind
from cvstudio.results.scene3d import LinkedPixels, Object3D
from cvstudio.results.triangulation import Triangulation

_PATCH = 10
"""Half the side in pixels of the patch by which a clicked point is found in another picture."""
_ALONG = 400
"""Places along an epipolar line that are compared."""


@dataclass(frozen=True)
class MatchParams:
    """How points are found and matched."""

    detector: Annotated[
        str,
        Choices(("SIFT", "ORB")),
        Doc("Key points", "How points are found that all pictures have in common.", "ORB is faster and less exact."),
    ] = "SIFT"
    ratio: Annotated[
        float,
        Range(0.4, 1, step=0.01),
        Doc("Ratio", "A match has to be so much nearer than the second best (Lowe).", "Try 0.7 for fewer wrong ones."),
    ] = 0.8


@dataclass(frozen=True)
class CameraParams:
    """The camera."""

    lens_deg: Annotated[
        float,
        Range(10, 150, step=0.5, unit="°"),
        Doc("Field of view", "Of the picture's longer side, the same in all pictures.", "Phones have about 65."),
    ] = 60.0


@dataclass(frozen=True)
class ChosenParams:
    """Points that are clicked."""

    clicked: Annotated[
        Polygon | None,
        Pick("polygon", slot="picture"),
        Doc(
            "Points",
            "Places to be measured, which are found in the other pictures along their epipolar lines.",
            "Click on corners whose distances you want to know.",
        ),
    ] = None


@dataclass(frozen=True)
class FilterParams:
    """Which points are shown."""

    error_px: Annotated[
        float,
        Range(0.1, 10, step=0.1, unit="px"),
        Doc("Reprojection error", "Hides points that are seen farther from their projection.", "Try 0.5."),
    ] = 2.0
    angle_deg: Annotated[
        float,
        Range(0, 30, step=0.1, unit="°"),
        Doc("Angle of rays", "Hides points whose rays meet at a smaller angle: their depth is uncertain.", "Try 3."),
    ] = 1.0


@dataclass(frozen=True, eq=False)
class MatchedPictures:
    """Pictures of one size with what they have in common."""

    pictures: tuple[NDArray[np.uint8], ...]
    tracks: Tracks

    @property
    def size(self) -> Size:
        height, width = self.pictures[0].shape[:2]
        return Size(width, height)


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """Cameras and points of pictures.

    Parameters
    ----------
    clicked : structure of the points that were clicked, of those that were found again; None without any
    """

    matched: MatchedPictures
    matrix: NDArray[np.float64]
    structure: Structure
    clicked: Structure | None = None


def run_match(inputs: Inputs, params: MatchParams, progress: Progress) -> Iterator[MatchedPictures]:
    """Stage: pictures -> MatchedPictures. Raises BindingError and GeometryError."""
    images: list[Image] = [inputs.samples["picture"], *inputs.samples["others"]]
    for number, image in enumerate(images[1:], 2):
        if image.size != images[0].size:
            first, other = images[0].size, image.size
            raise BindingError(
                f"Triangulation expects pictures of one camera and size, found {other.width} x {other.height} for "
                f"picture {number} and {first.width} x {first.height} for the first; choose pictures of one size."
            )
    detector: Detector = "ORB" if params.detector == "ORB" else "SIFT"
    features = []
    for number, image in enumerate(images):
        progress(number / len(images), "key points")
        features.append(features_of(image.rgb8, detector))
    pictures = tuple(readonly(image.rgb8) for image in images)
    yield MatchedPictures(pictures, refined_tracks(tracks_of(features, params.ratio, progress), pictures))


def run_cameras(inputs: Inputs, params: CameraParams, progress: Progress) -> Iterator[Reconstruction]:
    """Stage: MatchedPictures -> Reconstruction. Raises GeometryError."""
    matched: MatchedPictures = inputs.previous
    matrix = guessed_matrix(matched.size, params.lens_deg)
    structure = structure_of(matched.tracks, matrix, progress)
    progress(None, "comparing surroundings")
    yield Reconstruction(matched, matrix, with_support(structure, matched.pictures, matrix, LEAST_MATCHES))


def run_clicked(inputs: Inputs, params: ChosenParams, progress: Progress) -> Iterator[Reconstruction]:
    """Stage: Reconstruction -> Reconstruction with the clicked points."""
    found: Reconstruction = inputs.previous
    if not params.clicked:
        yield found
        return
    progress(None, "clicked points")
    clicked = _clicked(found, np.array(params.clicked, np.float64))
    yield Reconstruction(found.matched, found.matrix, found.structure, clicked)


def _clicked(found: Reconstruction, places: NDArray[np.float64]) -> Structure:
    """Points whose patch in the first picture is found along its epipolar line in each other; they keep their order."""
    import cv2

    poses, matrix = found.structure.poses, found.matrix
    pictures = [np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8) for picture in found.matched.pictures]
    seen = np.full((len(poses), len(places), 2), np.nan)
    seen[0] = places
    # Depths between those of the points that were matched.
    depths = np.quantile(found.structure.points[:, 2], [0.02, 0.98]) * [0.7, 1.4]
    along = 1 / np.linspace(1 / max(depths[0], 1e-6), 1 / max(depths[1], 1e-5), _ALONG)
    for number in range(1, len(poses)):
        for row, place in enumerate(places):
            rays = np.linalg.inv(matrix) @ np.array([*place, 1.0])
            local = (along[:, None] * rays) @ poses[number, :3, :3].T + poses[number, :3, 3]
            at = (local / local[:, 2:]) @ matrix.T
            best = _best_patch(pictures[0], place, pictures[number], at[:, :2])
            if best is not None:
                seen[number, row] = best
    tracks = Tracks(seen)
    points = np.stack(
        [
            triangulated(seen[views][:, [row]], poses[views], matrix)[0]
            if len(views := np.flatnonzero(np.isfinite(seen[:, row, 0]))) > 1
            else np.full(3, np.nan)
            for row in range(len(places))
        ]
    )
    kept = np.isfinite(points).all(axis=1)
    kept &= points[:, 2] > 0
    tracks, points = Tracks(tracks.places[:, kept]), points[kept]
    errors = np.nanmax(reprojection_errors(tracks, poses, points, matrix), axis=0) if len(points) else np.zeros(0)
    return Structure(tracks, poses, points, errors, np.full(len(points), 90.0))


def _best_patch(
    first: NDArray[np.uint8], place: NDArray[np.float64], other: NDArray[np.uint8], line: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """The place along `line` (n, 2) whose patch is most like that around `place`; None where none is alike."""
    import cv2

    side = 2 * _PATCH + 1
    patch = cv2.getRectSubPix(first, (side, side), (float(place[0]) - 0.5, float(place[1]) - 0.5))
    height, width = other.shape
    inside = ((line > _PATCH + 1) & (line < [width - _PATCH - 1, height - _PATCH - 1])).all(axis=1)
    scores = np.full(len(line), -1.0)
    for row in np.flatnonzero(inside).tolist():
        x, y = line[row]
        seen = cv2.getRectSubPix(other, (side, side), (float(x) - 0.5, float(y) - 0.5))
        scores[row] = cv2.matchTemplate(seen, patch, cv2.TM_CCOEFF_NORMED)[0, 0]
    best = int(scores.argmax())
    return np.asarray(line[best]) if scores[best] > 0.6 else None


def run_filter(inputs: Inputs, params: FilterParams, progress: Progress) -> Iterator[Triangulation]:
    """Stage: Reconstruction -> Triangulation."""
    found: Reconstruction = inputs.previous
    structure, matrix, size = found.structure, found.matrix, found.matched.size
    kept = (structure.errors <= params.error_px) & (structure.angles_deg >= params.angle_deg)
    kept &= structure.points[:, 2] > 0
    points, errors = structure.points[kept], structure.errors[kept]
    places, angles = structure.tracks.places[0, kept], structure.angles_deg[kept]
    chosen = np.zeros(len(points), bool)
    objects = []
    if found.clicked is not None and len(found.clicked.points):
        own = found.clicked
        points, errors = np.concatenate([points, own.points]), np.concatenate([errors, own.errors])
        places = np.concatenate([places, own.tracks.places[0]])
        angles = np.concatenate([angles, own.angles_deg])
        chosen = np.concatenate([chosen, np.ones(len(own.points), bool)])
        first = np.arange(len(own.points), dtype=np.int32)
        outline = np.column_stack([first, np.roll(first, -1)]).astype(np.int32)
        objects.append(Object3D("Clicked points", LineSet(own.points, outline), colour=(255, 140, 40)))
    columns = np.clip(places.astype(np.int64), 0, np.array(size) - 1)
    colours = found.matched.pictures[0][columns[:, 1], columns[:, 0]]
    cloud = PointCloud(points, colours, scalars=(ScalarField("Reprojection error", errors.astype(np.float32), "px"),))
    cameras = [
        Object3D(
            f"Camera {number + 1}",
            PosedCamera(size, matrix, np.linalg.inv(pose), found.matched.pictures[number]),
            "Cameras",
        )
        for number, pose in enumerate(structure.poses)
    ]
    projected = (points / points[:, 2:]) @ matrix.T
    median = float(np.median(errors)) if len(errors) else 0.0
    yield Triangulation(
        (Object3D("Points", cloud), *cameras, *objects),
        size,
        f"{len(points):,} points, reprojection error {median:.2f} px",
        "-y",
        linked=LinkedPixels("Points", places.astype(np.float32)),
        source=inputs.source,
        places=places.astype(np.float32),
        projected=projected[:, :2].astype(np.float32),
        points=points,
        errors_px=errors.astype(np.float32),
        angles_deg=angles.astype(np.float32),
        chosen=chosen,
    )


ANALYSES.register(
    Analysis(
        key="triangulate",
        title="Triangulation",
        summary="Finds cameras and points in space from two or more pictures of one scene.",
        action="Measure in space with two photos",
        icon="camera",
        inputs=(PICTURE, Slot("others", "Other pictures", frozenset({Several(frozenset({MediaKind.IMAGE}))}))),
        stages=(
            Stage("match", run_match, MatchParams, long=True),
            Stage("cameras", run_cameras, CameraParams, long=True),
            Stage("clicked", run_clicked, ChosenParams),
            Stage("filter", run_filter, FilterParams),
        ),
        result=Triangulation,
        order=35,
        samples={"picture": "views-first", "others": "views"},
        on_start_page=False,
        keywords=(
            "structure from motion",
            "SfM",
            "epipolar geometry",
            "essential matrix",
            "bundle adjustment",
            "SIFT",
            "ORB",
            "photogrammetry",
            "삼각 측량",
            "에피폴라",
            "필수 행렬",
            "번들 조정",
        ),
    )
)
