"""Detectors of faces and other objects: OpenCV's boosted cascades of Haar features.

Source: Viola and Jones, "Rapid Object Detection using a Boosted Cascade of Simple Features", CVPR 2001.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np

from cvstudio.data.samples import Image
from cvstudio.foundation.errors import WeightsError
from cvstudio.foundation.params import Doc, Range
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS, ModelSpec
from cvstudio.models.detection._rects import from_rects
from cvstudio.results.detections import Detections


@dataclass(frozen=True)
class HaarParams:
    """Parameters of the search. The defaults are OpenCV's own."""

    scale_factor: Annotated[
        float,
        Range(1.01, 2.0, step=0.01),
        Doc(
            "Scale factor",
            "How much the window grows between two searches.",
            "Closer to 1 finds more sizes and takes longer.",
        ),
    ] = 1.1
    min_neighbors: Annotated[
        int,
        Range(0, 30, step=1),
        Doc(
            "Minimum neighbours",
            "How many windows around the same place have to agree before they become one box.",
            "0 shows every single window, and the overlap slider then decides what stays.",
        ),
    ] = 3
    min_size: Annotated[
        int,
        Range(0, 2000, step=1, unit="px"),
        Doc("Minimum size", "Smaller objects are not searched for.", "Raise it for speed and fewer false alarms."),
    ] = 0


class CascadeNetwork:
    """One cascade; a score is the number of merged windows. Threads may share it, one at a time."""

    def __init__(self, path: Path, label: str) -> None:
        self.labels = (label,)
        self._cascade = _read_cascade(path)
        # OpenCV's cascade is not thread-safe: it keeps the picture in itself.
        self._lock = threading.Lock()

    def predict(self, image: Image, params: HaarParams, progress: Progress) -> Detections:
        """Candidates in `image`; none where it is smaller than the cascade's window."""
        import cv2

        progress.check()
        grey = cv2.cvtColor(image.rgb8, cv2.COLOR_RGB2GRAY)
        with self._lock:
            rects, neighbours = self._cascade.detectMultiScale2(
                grey,
                scaleFactor=params.scale_factor,
                minNeighbors=params.min_neighbors,
                minSize=(params.min_size, params.min_size),
            )
        return from_rects(np.reshape(rects, (-1, 4)), np.ravel(neighbours), self.labels, image.size, "neighbours")


def _read_cascade(path: Path) -> Any:
    """Parse a cascade from memory, as OpenCV cannot open every file name. Raises WeightsError."""
    import cv2

    cascade = cv2.CascadeClassifier()
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise WeightsError(
            f"Expected the cascade {path.name}, but it is not in {path.parent}; install opencv-python again or "
            f"choose a cascade file."
        ) from None
    except (OSError, UnicodeDecodeError):
        raise _not_a_cascade(path) from None
    try:
        storage = cv2.FileStorage(text, cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY)
        usable = cascade.read(storage.getFirstTopLevelNode()) and not cascade.empty()
    except (cv2.error, SystemError):  # a FileStorage that cannot parse is reported as a SystemError
        usable = False
    if not usable:
        raise _not_a_cascade(path)
    return cascade


def _not_a_cascade(path: Path) -> WeightsError:
    return WeightsError(
        f"Expected a cascade in OpenCV's XML format, but {path.name} is damaged or something else; "
        f"choose another file, or none for OpenCV's own."
    )


class _Cascade(NamedTuple):
    key: str
    title: str
    file_name: str
    label: str
    summary: str
    keywords: tuple[str, ...] = ()


CASCADES = (
    _Cascade(
        "haar-face",
        "Haar faces",
        "haarcascade_frontalface_default.xml",
        "face",
        "Finds faces seen from ahead.",
        ("face detection", "Viola-Jones", "얼굴 검출"),
    ),
    _Cascade(
        "haar-face-alt2",
        "Haar faces, stricter",
        "haarcascade_frontalface_alt2.xml",
        "face",
        "Finds faces seen from ahead, with fewer false alarms.",
    ),
    _Cascade(
        "haar-profile",
        "Haar profiles",
        "haarcascade_profileface.xml",
        "profile face",
        "Finds faces seen from the side; it knows one side, so try a mirrored picture for the other.",
    ),
    _Cascade("haar-eyes", "Haar eyes", "haarcascade_eye.xml", "eye", "Finds open eyes in large faces.", ("눈 검출",)),
    _Cascade(
        "haar-smile",
        "Haar smiles",
        "haarcascade_smile.xml",
        "smile",
        "Finds smiling mouths; it sees them in many places, so ask for many neighbours.",
    ),
    _Cascade(
        "haar-upper-body", "Haar upper bodies", "haarcascade_upperbody.xml", "upper body", "Finds head and shoulders."
    ),
    _Cascade(
        "haar-lower-body", "Haar lower bodies", "haarcascade_lowerbody.xml", "lower body", "Finds legs of the standing."
    ),
    _Cascade(
        "haar-full-body", "Haar full bodies", "haarcascade_fullbody.xml", "person", "Finds people who are seen whole."
    ),
    _Cascade(
        "haar-cat-face",
        "Haar cat faces",
        "haarcascade_frontalcatface_extended.xml",
        "cat face",
        "Finds faces of cats that look at the camera.",
        ("고양이",),
    ),
    _Cascade(
        "haar-plate",
        "Haar number plates",
        "haarcascade_russian_plate_number.xml",
        "number plate",
        "Finds number plates of cars; it learnt them on Russian ones.",
        ("licence plate", "license plate", "번호판"),
    ),
)


def _loader(cascade: _Cascade) -> Callable[[str, Path | None], CascadeNetwork]:
    def load(device: str, checkpoint: Path | None) -> CascadeNetwork:
        """Load OpenCV's cascade, or the user's file `checkpoint`. Raises WeightsError."""
        if checkpoint is None:
            import cv2.data

            checkpoint = Path(cv2.data.haarcascades) / cascade.file_name
        return CascadeNetwork(checkpoint, cascade.label)

    return load


for _cascade in CASCADES:
    MODELS.register(
        ModelSpec(
            key=_cascade.key,
            title=_cascade.title,
            task="detect",
            family="Boosted cascade",
            paper="Viola and Jones, Rapid Object Detection using a Boosted Cascade of Simple Features, CVPR 2001",
            year=2001,
            load=_loader(_cascade),
            params=HaarParams,
            ranges={"score": Range(0, 50, step=1)},
            defaults={"score": 0.0, "iou": 1.0},
            labels=(_cascade.label,),
            keywords=(
                "Haar cascade",
                "Viola",
                "Jones",
                "AdaBoost",
                "boosting",
                "integral image",
                f"{_cascade.label} detection",
                *_cascade.keywords,
            ),
            summary=_cascade.summary,
        )
    )
