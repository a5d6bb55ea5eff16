"""k nearest neighbours: the most similar pictures of a folder, and the class that they vote for.

The slow part, the features of the folder, is computed once and cached on disk; metric, number and weights of the
neighbours act on cached features.
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
from cvstudio.media.examples.files import sample_path, sample_place
from cvstudio.results.classification import Classification
from cvstudio.results.neighbours import METRICS, Neighbours

SAMPLE = "texture"
"""Sample picture; it lies in a gallery with a folder of each kind."""

MOST = 50
"""Maximum number of neighbours."""

FEATURES, PIXELS = "features", "pixels"


@dataclass(frozen=True)
class GalleryParams:
    """Gallery and features to compare."""

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
        Choices((FEATURES, PIXELS), titles=("network features", "pixels at 32 × 32")),
        Doc(
            "Compare by",
            "The features before the network's last layer, or plain pixels.",
            "Compare both on the same picture.",
        ),
    ] = FEATURES


@dataclass(frozen=True)
class DistanceParams:
    """Distance between two pictures."""

    metric: Annotated[
        str,
        Choices(METRICS),
        Doc(
            "Distance",
            "cosine compares the direction of the features, L2 and L1 their differences.",
            "For pixels, compare L1 with L2.",
        ),
    ] = METRICS[0]
    itself: Annotated[
        bool,
        Doc("Include itself", "A picture that lies in the folder may be its own neighbour.", more=True),
    ] = False


@dataclass(frozen=True)
class VoteParams:
    """Number and weights of the voting neighbours."""

    k: Annotated[
        int, Range(1, MOST, step=1), Doc("Neighbours", "The number of nearest pictures that vote.", "Try 1, then 15.")
    ] = 5
    weighting: Annotated[
        str,
        Choices((EQUAL, BY_DISTANCE), titles=("equal", "by distance")),
        Doc(
            "Vote weights",
            "Equal, or each by 1 / distance.",
            "By distance, a larger number of neighbours does less harm.",
            more=True,
        ),
    ] = EQUAL


@dataclass(frozen=True, eq=False)
class Described:
    """Features of the picture and of the gallery.

    Parameters
    ----------
    query : float32 (d,), features of the picture
    gallery : the gallery, partial while its features are computed
    size : of the picture
    """

    query: NDArray[np.float32]
    gallery: Gallery
    size: Size

    def __post_init__(self) -> None:
        object.__setattr__(self, "query", readonly(self.query))


def describe(inputs: Inputs, params: GalleryParams, progress: Progress) -> Iterator[Described]:
    """Stage: picture and folder -> features, yielded while those of the folder are computed. Raises MediaError."""
    image: Image = inputs.samples["picture"]
    fingerprints = inputs.services.get(Fingerprints)
    describer: Describer = by_network(inputs.network, fingerprints) if params.by == FEATURES else by_pixels()
    query = describer.extract([image])[0]
    query = unit_length(query) if describer.unit else query
    folder = Path(params.gallery) if params.gallery else sample_path(SAMPLE, progress).parents[1]
    for gallery in inputs.services.get(Galleries).open(folder, describer, progress):
        yield Described(query, gallery, image.size)


def folder_state(params: GalleryParams) -> Hashable:
    """Extra cache key: changes when pictures are added or removed; the sample pictures never change."""
    return times_of(Path(params.gallery)) if params.gallery else None


def compare(inputs: Inputs, params: DistanceParams, progress: Progress) -> Iterator[Neighbours]:
    """Stage: features -> the `MOST` nearest neighbours with thumbnails, without votes. Raises MediaError."""
    described: Described = inputs.previous
    gallery = described.gallery
    progress.check()
    distances = distances_to(described.query, gallery.features, params.metric)
    own_identity = inputs.source.media_id.partition("+")[0]
    candidates = np.array([params.itself or identity != own_identity for identity in gallery.identities], bool)
    rows = np.flatnonzero(candidates)
    if not len(rows):
        raise MediaError(
            f"Expected other pictures to compare with in {gallery.folder}, but this one is alone there; choose another "
            f"folder."
        )
    rows = rows[nearest(distances[rows], MOST)]
    classes = gallery.classes[rows]
    if gallery.folder == sample_place(SAMPLE).parents[1] and own_identity not in gallery.identities:
        # A picture of the user's is none of the samples' kinds: they are shown, but do not vote on it.
        classes = np.full_like(classes, -1)
    names = tuple(gallery.names[row] for row in rows)
    yield Neighbours(
        distances[rows],
        classes,
        gallery.labels,
        gallery.folder,
        names,
        inputs.services.get(NeighbourThumbnails).of([gallery.folder / name for name in names], progress),
        params.metric,
        None,
        described.size,
        int(candidates.sum()),
        gallery.total,
        gallery.unread,
        inputs.source,
    )


def vote(inputs: Inputs, params: VoteParams, progress: Progress) -> Iterator[Neighbours]:
    """Stage: neighbours -> the nearest k of them with their votes."""
    neighbours: Neighbours = inputs.previous
    k = min(params.k, len(neighbours))
    fractions = vote_fractions(
        neighbours.distances[:k], neighbours.classes[:k], len(neighbours.labels), params.weighting
    )
    votes = None
    if fractions.any():
        order = np.argsort(-fractions, kind="stable")
        order = order[fractions[order] > 0].astype(np.int64)
        votes = Classification(order, fractions[order], neighbours.labels, neighbours.size, 0.0, neighbours.source)
    yield dataclasses.replace(
        neighbours,
        distances=neighbours.distances[:k],
        classes=neighbours.classes[:k],
        names=neighbours.names[:k],
        thumbnails=neighbours.thumbnails[:k],
        votes=votes,
    )


ANALYSES.register(
    Analysis(
        key="knn",
        title="Nearest neighbours (k-NN)",
        summary="Finds the most similar pictures in a folder, and lets them vote on the class.",
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
        default_model="efficientnet-lite0",
        samples={"picture": SAMPLE},
        keywords=(
            *("k-NN", "kNN", "k nearest neighbours", "nearest neighbor", "similar images", "image search"),
            *("image retrieval", "embedding", "features", "cosine similarity", "L1 distance", "L2 distance"),
            *("Euclidean distance", "Manhattan distance", "최근접 이웃", "유사 이미지"),
        ),
    )
)
