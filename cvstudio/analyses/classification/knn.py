"""Nearest pictures: which of a folder look most like this one, and what they vote for.

The slow part, describing the pictures of the folder, is done once and kept on disk; metric, number and weights of the
neighbours act on what is cached.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import PICTURE_OR_VIDEO, Analysis
from cvstudio.analyses.classification._features import Describer, Fingerprints, by_network, by_pixels, unit_length
from cvstudio.analyses.classification._gallery import Galleries, Gallery, times_of
from cvstudio.analyses.classification._nearest import BY_DISTANCE, EQUAL, distances_to, nearest, vote_fractions
from cvstudio.analyses.classification._neighbour_thumbnails import NeighbourThumbnails
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.data.geometry import Size, readonly
from cvstudio.data.samples import Image
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.params import Choices, Doc, Folder, Range
from cvstudio.foundation.progress import Progress
from cvstudio.media.examples.files import sample_path
from cvstudio.results.classification import Classification
from cvstudio.results.neighbours import METRICS, Neighbours

MOST = 50
"""Neighbours that are kept, and can be shown."""

FEATURES, PIXELS = "features", "pixels"


@dataclass(frozen=True)
class GalleryParams:
    """What is compared with what."""

    gallery: Annotated[
        str,
        Folder(empty="the sample pictures"),
        Doc(
            "Compare with",
            "The pictures of this folder and its subfolders, whose names are the classes.",
            "Choose a folder with a subfolder for each class.",
        ),
    ] = ""
    by: Annotated[
        str,
        Choices((FEATURES, PIXELS), titles=("the network's features", "pixels at 32 × 32")),
        Doc(
            "By",
            "What the network's last layer is given, or plain pixels, which know nothing of things.",
            "Compare both on the same picture.",
        ),
    ] = FEATURES


@dataclass(frozen=True)
class DistanceParams:
    """How far two pictures are apart."""

    metric: Annotated[
        str,
        Choices(METRICS),
        Doc(
            "Distance",
            "cosine looks at the direction of the features, L2 and L1 at their differences.",
            "For pixels, compare L1 with L2.",
        ),
    ] = METRICS[0]
    itself: Annotated[
        bool,
        Doc("With itself", "A picture that lies in the folder may be its own neighbour.", more=True),
    ] = False


@dataclass(frozen=True)
class VoteParams:
    """Who votes, and how."""

    k: Annotated[
        int, Range(1, MOST, step=1), Doc("Neighbours", "So many of the nearest pictures vote.", "Try 1, then 15.")
    ] = 5
    weighting: Annotated[
        str,
        Choices((EQUAL, BY_DISTANCE), titles=("all alike", "by nearness")),
        Doc(
            "Votes weigh",
            "All alike, or each by 1 / distance.",
            "By nearness, a larger number does less harm.",
            more=True,
        ),
    ] = EQUAL


@dataclass(frozen=True, eq=False)
class Described:
    """The picture and the gallery as vectors.

    Parameters
    ----------
    query : float32 (d,)
    """

    query: NDArray[np.float32]
    gallery: Gallery
    size: Size

    def __post_init__(self) -> None:
        object.__setattr__(self, "query", readonly(self.query))


def describe(inputs: Inputs, params: GalleryParams, progress: Progress) -> Iterator[Described]:
    """Stage: picture and folder -> features; more and more of the folder. Raises MediaError."""
    image: Image = inputs.samples["picture"]
    fingerprints = inputs.services.get(Fingerprints)
    how: Describer = by_network(inputs.network, fingerprints) if params.by == FEATURES else by_pixels()
    query = how.extract([image])[0]
    query = unit_length(query) if how.unit else query
    folder = Path(params.gallery) if params.gallery else sample_path("cat", progress).parent
    for gallery in inputs.services.get(Galleries).open(folder, how, progress):
        yield Described(query, gallery, image.size)


def folder_state(params: GalleryParams) -> Hashable:
    """Another one once pictures came or went; the sample pictures stay."""
    return times_of(Path(params.gallery)) if params.gallery else None


def compare(inputs: Inputs, params: DistanceParams, progress: Progress) -> Iterator[Neighbours]:
    """Stage: features -> the nearest `MOST` with their thumbnails, before anybody votes. Raises MediaError."""
    found: Described = inputs.previous
    gallery = found.gallery
    progress.check()
    away = distances_to(found.query, gallery.features, params.metric)
    mine = inputs.source.media_id.partition("+")[0]
    others = np.array([params.itself or identity != mine for identity in gallery.identities], bool)
    rows = np.flatnonzero(others)
    if not len(rows):
        raise MediaError(
            f"Expected other pictures to compare with in {gallery.folder}, but this one is alone there; choose another "
            f"folder."
        )
    rows = rows[nearest(away[rows], MOST)]
    names = tuple(gallery.names[row] for row in rows)
    yield Neighbours(
        away[rows],
        gallery.classes[rows],
        gallery.labels,
        gallery.folder,
        names,
        inputs.services.get(NeighbourThumbnails).of([gallery.folder / name for name in names], progress),
        params.metric,
        None,
        found.size,
        int(others.sum()),
        gallery.total,
        gallery.unread,
        inputs.source,
    )


def vote(inputs: Inputs, params: VoteParams, progress: Progress) -> Iterator[Neighbours]:
    """Stage: the nearest -> so many of them, and what they vote for."""
    found: Neighbours = inputs.previous
    k = min(params.k, len(found))
    part = vote_fractions(found.distances[:k], found.classes[:k], len(found.labels), params.weighting)
    votes = None
    if part.any():
        order = np.argsort(-part, kind="stable")
        order = order[part[order] > 0].astype(np.int64)
        votes = Classification(order, part[order], found.labels, found.size, 0.0, found.source)
    yield dataclasses.replace(
        found,
        distances=found.distances[:k],
        classes=found.classes[:k],
        names=found.names[:k],
        thumbnails=found.thumbnails[:k],
        votes=votes,
    )


ANALYSES.register(
    Analysis(
        key="knn",
        title="Nearest pictures",
        summary="Finds the pictures of a folder that look most like this one, and lets them vote on what it shows.",
        action="Find pictures like it",
        icon="images",
        inputs=(PICTURE_OR_VIDEO,),
        stages=(
            Stage(
                "describe",
                describe,
                GalleryParams,
                where="accelerator",
                uses_network=True,
                long=True,
                extra_key=folder_state,
            ),
            Stage("compare", compare, DistanceParams),
            Stage("vote", vote, VoteParams, where="main"),
        ),
        result=Neighbours,
        order=22,
        task="classify",
        needs=frozenset({"features"}),
        default_model="residual-60",
        samples={"picture": "cat"},
        keywords=(
            *("k-NN", "kNN", "k nearest neighbours", "nearest neighbor", "similar images", "image search"),
            *("image retrieval", "embedding", "features", "cosine similarity", "L1 distance", "L2 distance"),
            *("Euclidean distance", "Manhattan distance", "최근접 이웃", "유사 이미지"),
        ),
    )
)
