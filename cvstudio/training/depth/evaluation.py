"""Evaluation of the embedded depth network, run as the program's own model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.samples import Image
from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.training import sets
from cvstudio.training.depth import data as depth_data

KEY = "depth-lite0"
RESAMPLES = 500
WITHIN = 1.25
"""Largest ratio of a depth to the true one that counts as right (delta 1 of Eigen et al., 2014)."""

MARKED = Path(__file__).with_name("marked_pairs.json")


@dataclass(frozen=True)
class MarkedPicture:
    """A photograph with pairs of places, marked by hand before any network was looked at.

    Parameters
    ----------
    name : of the file, relative to the folder of the data
    indoors : whether it shows the inside of a building, or a thing so near that nothing else is seen
    pairs : x and y of the nearer and of the farther place, as parts of the picture's sides
    """

    name: str
    indoors: bool
    pairs: tuple[tuple[float, float, float, float], ...]


def marked_pictures() -> list[MarkedPicture]:
    """The photographs of `MARKED`."""
    content: Any = json.loads(MARKED.read_text(encoding="utf-8"))
    return [
        MarkedPicture(entry["picture"], entry["indoors"], tuple(tuple(pair) for pair in entry["pairs"]))
        for entry in content
    ]


def right_pairs(nearness: NDArray[np.float32], picture: MarkedPicture) -> list[bool]:
    """Whether the nearer place of each pair is nearer in a map of inverse depth, float32 (h, w)."""
    height, width = nearness.shape

    def value(x: float, y: float) -> float:
        return float(nearness[min(int(y * height), height - 1), min(int(x * width), width - 1)])

    return [value(*pair[:2]) > value(*pair[2:]) for pair in picture.pairs]


def depth_figures(nearness: NDArray[np.float32], truth: NDArray[np.float32]) -> tuple[float, float]:
    """Mean absolute relative error, and the share of depths within `WITHIN`, after scaling to the same median.

    Parameters
    ----------
    nearness : float32 (h, w), greater than 0
    truth : float32 (H, W), 0 where it is not known; the map is enlarged to it
    """
    import cv2

    size = (truth.shape[1], truth.shape[0])
    found = 1 / np.asarray(cv2.resize(nearness, size, interpolation=cv2.INTER_LINEAR), np.float64)
    known = truth > 0
    ratio = found[known] / truth[known]
    ratio /= np.median(found[known]) / np.median(truth[known])
    return float(np.abs(ratio - 1).mean()), float((np.maximum(ratio, 1 / ratio) < WITHIN).mean())


def calibrate(data: Path, weights: Path, progress: Progress) -> Mapping[str, Any]:
    """Nothing is set beside the weights."""
    return {}


def evaluate(
    data: Path,
    weights: Path | None,
    settings: Mapping[str, Any] | None,
    limit: int | None,
    progress: Progress,
) -> Mapping[str, float]:
    """Figures on the blocks of rooms for the test, and on the marked pairs. See `TrainingRecipe`."""
    from cvstudio.models import MODELS

    network: Any = MODELS[KEY].load("cpu", weights)
    return figures_of(network, data, limit, progress)


def figures_of(network: Any, data: Path, limit: int | None, progress: Progress) -> Mapping[str, float]:
    """The figures of any network of depth."""
    numbers = depth_data.nyu_numbers(data, "test")[:limit]
    rooms = []
    for done, number in enumerate(numbers):
        progress(done / len(numbers), "looking at rooms")
        pixels, depth = depth_data.nyu_frame(data, number)
        rooms.append(depth_figures(network.predict(Image(pixels), NoParams(), progress).values, depth))
    errors, within = np.array(rooms).T
    low, high = _interval(errors)
    figures = {
        "rooms": float(len(rooms)),
        "abs-rel": float(errors.mean()),
        "abs-rel from": low,
        "abs-rel to": high,
        "within 25 %": float(within.mean()),
    }
    pictures = marked_pictures()[:limit]
    right: dict[bool, list[list[bool]]] = {True: [], False: []}
    for done, picture in enumerate(pictures):
        progress(done / len(pictures), "looking at marked photographs")
        image = Image(sets.decode((data / picture.name).read_bytes()))
        right[picture.indoors].append(right_pairs(network.predict(image, NoParams(), progress).values, picture))
    for indoors, place in ((True, "indoors"), (False, "outdoors")):
        if right[indoors]:
            figures |= _shares(right[indoors], place)
    return figures


def _shares(right: list[list[bool]], place: str) -> dict[str, float]:
    """The share of right pairs, with an interval over the pictures, as the pairs of one are not independent."""
    hits, counts = np.array([sum(item) for item in right]), np.array([len(item) for item in right])
    picks = np.random.default_rng(0).integers(len(right), size=(RESAMPLES, len(right)))
    low, high = np.quantile(hits[picks].sum(1) / counts[picks].sum(1), (0.05, 0.95))
    return {
        f"pairs {place}": float(counts.sum()),
        f"right {place}": float(hits.sum() / counts.sum()),
        f"right {place} from": float(low),
        f"right {place} to": float(high),
    }


def _interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Interval of 90 % of the mean over resampled frames (Efron and Tibshirani, 1993, percentile interval)."""
    picks = np.random.default_rng(0).integers(len(values), size=(RESAMPLES, len(values)))
    low, high = np.quantile(values[picks].mean(1), (0.05, 0.95))
    return float(low), float(high)
