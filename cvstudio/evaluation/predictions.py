"""What a model predicts for one picture, in the few bytes that measures need."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size, readonly
from cvstudio.exporters.coco import compressed
from cvstudio.foundation.errors import BindingError
from cvstudio.results.classification import Classification
from cvstudio.results.detections import Detections
from cvstudio.results.keypoints import Keypoints
from cvstudio.results.result import Result
from cvstudio.results.segmentation import Segmentation

MOST_OBJECTS = 100
"""Detections of a picture that are kept, the best ones; the number with which COCO's figures are published."""


@dataclass(frozen=True, eq=False)
class PicturePrediction:
    """The prediction for one picture; what its kind of model does not give is None.

    Parameters
    ----------
    size : of the picture
    scores : float32 (n,), of detected objects, descending, whatever the score that is shown
    classes : int32 (n,), index of the label of the model
    boxes : float32 (n, 4), x1, y1, x2, y2 in image pixels
    codes : uint8 (bytes,), masks as COCO's compressed run lengths, one behind the other
    code_lengths : int64 (n,), bytes of each
    keypoints : float32 (n, k, 3), x and y in image pixels, and score
    probabilities : float32 (labels,), of the whole picture
    class_map : int16 (h, w)
        Index of the label of each cell of the picture, -1 for none; h and w may be smaller than the picture.
    """

    size: Size
    scores: NDArray[np.float32] | None = None
    classes: NDArray[np.int32] | None = None
    boxes: NDArray[np.float32] | None = None
    codes: NDArray[np.uint8] | None = None
    code_lengths: NDArray[np.int64] | None = None
    keypoints: NDArray[np.float32] | None = None
    probabilities: NDArray[np.float32] | None = None
    class_map: NDArray[np.int16] | None = None

    def __post_init__(self) -> None:
        for item in fields(self)[1:]:
            array = getattr(self, item.name)
            if array is not None:
                object.__setattr__(self, item.name, readonly(array))

    def masks(self) -> tuple[bytes, ...] | None:
        """The code of each mask; None where the model gives none."""
        if self.codes is None or self.code_lengths is None:
            return None
        ends = self.code_lengths.cumsum()
        content = self.codes.tobytes()
        return tuple(
            content[end - length : end] for end, length in zip(ends.tolist(), self.code_lengths.tolist(), strict=True)
        )

    def to_bytes(self) -> bytes:
        """The prediction for a file; see `from_bytes`."""
        arrays = {item.name: getattr(self, item.name) for item in fields(self)[1:]}
        file = io.BytesIO()
        np.savez_compressed(
            file,
            size=np.array(self.size, np.int64),
            **{name: array for name, array in arrays.items() if array is not None},
        )
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> PicturePrediction | None:
        """The prediction that `to_bytes` has written; None where it is damaged."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            width, height = arrays.pop("size").tolist()
            return cls(Size(width, height), **arrays)
        except (ValueError, TypeError, KeyError, EOFError, OSError, zipfile.BadZipFile):
            return None


def labels_of(result: Result) -> tuple[str, ...]:
    """Names of the classes of the model that gave a result; those of its points for key points."""
    if isinstance(result, Classification):
        return result.class_names
    if isinstance(result, Detections | Segmentation | Keypoints):
        return result.labels
    raise BindingError(f"{type(result).__name__} cannot be compared with labels; choose a model of another task.")


def prediction_of(result: Result, *, with_masks: bool) -> PicturePrediction:
    """What is kept of a result, before any selection by score.

    Parameters
    ----------
    with_masks : whether masks are kept, which takes time

    Raises
    ------
    BindingError
        Results of this type cannot be compared with labels.
    """
    if isinstance(result, Detections):
        return _of_detections(result, with_masks)
    if isinstance(result, Classification):
        return PicturePrediction(result.size, probabilities=_probabilities(result))
    if isinstance(result, Segmentation):
        return PicturePrediction(result.size, class_map=result.classes)
    if isinstance(result, Keypoints):
        scores = result.scores.mean(axis=1) if len(result) else np.zeros(0, np.float32)
        order = np.argsort(-scores, kind="stable")[:MOST_OBJECTS]
        points = np.concatenate([result.points, result.scores[..., None]], axis=2)[order]
        return PicturePrediction(result.size, scores=scores[order].astype(np.float32), keypoints=points)
    labels_of(result)
    raise AssertionError("labels_of refuses every other type")


def _of_detections(result: Detections, with_masks: bool) -> PicturePrediction:
    detections = result.candidates if result.candidates is not None else result
    kept = detections.take(np.argsort(-detections.scores, kind="stable")[:MOST_OBJECTS])
    codes = lengths = None
    if with_masks and kept.masks is not None:
        coded = [
            compressed(kept.masks.counts(row, kept.boxes[row], kept.size)).encode("ascii") for row in range(len(kept))
        ]
        codes = np.frombuffer(b"".join(coded), np.uint8)
        lengths = np.array([len(code) for code in coded], np.int64)
    return PicturePrediction(kept.size, kept.scores, kept.classes.astype(np.int32), kept.boxes, codes, lengths)


def _probabilities(result: Classification) -> NDArray[np.float32]:
    if result.logits is not None:
        return result.logits.probabilities()
    probabilities = np.zeros(len(result.class_names), np.float32)
    probabilities[result.classes] = result.probabilities
    return probabilities
