"""Custom models as networks for the analyses: detector, classifier, segmenter, keypoints."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.boxes import nms
from cvstudio.data.samples import Image
from cvstudio.foundation.errors import CustomModelError
from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.models.custom.decoders import decode
from cvstudio.models.custom.inference import InferenceSession, open_session
from cvstudio.models.custom.model import CustomModel
from cvstudio.models.shared.candidates import to_detections
from cvstudio.models.shared.preprocessing import InputPlacement, fit, to_input
from cvstudio.results.classification import Logits
from cvstudio.results.detections import Detections
from cvstudio.results.keypoints import Keypoints
from cvstudio.results.segmentation import ClassMaps

MAX_REGIONS = 40
"""Most crops of a picture; each is one run of the network."""


class CustomNetwork:
    """An opened network with its declaration, in float32.

    It can be cancelled between runs only, as the libraries that run it have no hook within one.
    """

    def __init__(self, model: CustomModel, device: str) -> None:
        self.model = model
        self.labels = model.labels
        self.session: InferenceSession = open_session(model.file, device)

    @property
    def nbytes(self) -> int:
        """Memory of the weights in bytes, taken as the size of the file."""
        try:
            return self.model.file.stat().st_size
        except OSError:
            return 0

    def warm_up(self, progress: Progress) -> None:
        """Run once on a grey picture, so that a wrong declaration is reported when the model is chosen."""
        width, height = self.model.input.size
        self.predict(Image(np.full((height, width, 3), 114, np.uint8)), NoParams(), progress)

    def answer(self, pixels: NDArray[np.uint8], progress: Progress) -> tuple[Any, InputPlacement]:
        """Decoded outputs for a picture uint8 RGB (h, w, 3), and the placement of the picture in the input.

        Raises
        ------
        CustomModelError
            The network rejects the input, or its outputs have another format than declared.
        """
        progress.check()
        fitted, placement = fit(pixels, self.model.input)
        array = to_input(fitted, self.model.input).astype(self.session.input_dtype, copy=False)
        input_shape = self.session.input_shape
        if input_shape and (
            len(input_shape) != array.ndim
            or any(side not in (None, actual) for side, actual in zip(input_shape, array.shape, strict=True))
        ):
            shape_text = "x".join("?" if side is None else str(side) for side in input_shape)
            raise CustomModelError(
                f"{self.model.title} takes {shape_text}, but the declaration makes {'x'.join(map(str, array.shape))}; "
                f"correct the size or the layout of the input."
            )
        outputs = self.session.run(array)
        progress.check()
        return decode(outputs, self.model), placement

    def predict(self, image: Image, params: Any, progress: Progress) -> Any:
        """Output for a picture, in the type that the analyses of the task take."""
        raise NotImplementedError


class CustomDetector(CustomNetwork):
    """Candidate boxes before score threshold and NMS."""

    def predict(self, image: Image, params: Any, progress: Progress) -> Detections:
        raw_boxes, placement = self.answer(image.rgb8, progress)
        return to_detections(raw_boxes, placement, self.labels, image.size)


class CustomClassifier(CustomNetwork):
    """Logits of the whole picture."""

    def predict(self, image: Image, params: Any, progress: Progress) -> Logits:
        values, _ = self.answer(image.rgb8, progress)
        return Logits(values, self.labels, image.size)


class CustomSegmenter(CustomNetwork):
    """Logits of each class, or class numbers, at the resolution of the output."""

    def predict(self, image: Image, params: Any, progress: Progress) -> ClassMaps:
        maps, placement = self.answer(image.rgb8, progress)
        height, width = maps.shape[-2:]
        across, down = width / self.model.input.size[0], height / self.model.input.size[1]
        left, top = placement.offset
        right = left + image.size.width * placement.scale[0]
        bottom = top + image.size.height * placement.scale[1]
        window = (left * across, top * down, right * across, bottom * down)
        return ClassMaps(maps, self.labels, window, image.size)


class CustomKeypoints(CustomNetwork):
    """Keypoints of the whole picture, or of each box of a detector."""

    def __init__(self, model: CustomModel, device: str) -> None:
        super().__init__(model, device)
        self._detector: Any = None
        self._device = device

    def regions(self, image: Image, progress: Progress) -> NDArray[np.float32]:
        """Boxes float32 (n, 4) x1, y1, x2, y2 to crop, by descending score. Raises UserError."""
        from cvstudio.models import MODELS

        spec = MODELS[self.model.regions]
        if self._detector is None:
            progress(None, f"loading {spec.title}")
            self._detector = spec.load(self._device if spec.weights else "cpu", None)
        detections: Detections = self._detector.predict(image, spec.params(), progress)
        if self.model.region_label not in detections.labels:
            raise CustomModelError(
                f"{self.model.title}: expected a class of {spec.title} as 'region_label', found "
                f"'{self.model.region_label}'; there are: {', '.join(detections.labels)}."
            )
        class_number = detections.labels.index(self.model.region_label)
        is_region = (detections.classes == class_number) & (detections.scores >= float(spec.defaults.get("score", 0.4)))
        detections = detections.take(np.flatnonzero(is_region))
        rows = nms(detections.boxes, detections.scores, None, float(spec.defaults.get("iou", 0.5)))
        return detections.take(rows[:MAX_REGIONS]).boxes

    def warm_up(self, progress: Progress) -> None:
        width, height = self.model.input.size
        self.answer(np.full((height, width, 3), 114, np.uint8), progress)

    def predict(self, image: Image, params: Any, progress: Progress) -> Keypoints:
        if not self.model.regions:
            boxes = np.array([[0, 0, image.size.width, image.size.height]], np.float32)
        else:
            boxes = self.regions(image, progress)
        points = np.zeros((len(boxes), len(self.labels), 2), np.float32)
        scores = np.zeros((len(boxes), len(self.labels)), np.float32)
        for row, box in enumerate(boxes):
            if self.model.regions:
                progress(row / len(boxes), self.model.title)
                pixels, origin, scale = cut_out(image.rgb8, box, self.model.input.size, self.model.region_margin)
            else:
                pixels, origin, scale = image.rgb8, (0.0, 0.0), 1.0
            maps, placement = self.answer(pixels, progress)
            cells, scores[row] = peaks(maps)
            height, width = maps.shape[-2:]
            # From cells of the maps to pixels of the input, of the crop, of the picture.
            per_cell = np.array([self.model.input.size[0] / width, self.model.input.size[1] / height], np.float32)
            points[row] = placement.to_picture(cells * per_cell) / scale + np.array(origin, np.float32)
        return Keypoints(
            points,
            scores,
            self.labels,
            np.arange(len(boxes), dtype=np.int64),
            image.size,
            self.model.skeleton,
            boxes if self.model.regions else None,
        )


def cut_out(
    pixels: NDArray[np.uint8], box: NDArray[np.float32], size: tuple[int, int], margin: float
) -> tuple[NDArray[np.uint8], tuple[float, float], float]:
    """Crop a box with a margin to the size of an input.

    Parameters
    ----------
    pixels : uint8 RGB (h, w, 3)
    box : x1, y1, x2, y2 in pixels of the picture
    size : width and height of the input in pixels
    margin : side of the crop as a multiple of the box, widened before to the input's aspect ratio

    Returns
    -------
    uint8 RGB of `size`, black beyond the picture; its top left corner (x, y) in pixels of the picture; and its scale:
    pixels of the crop per pixel of the picture
    """
    import cv2

    x1, y1, x2, y2 = (float(side) for side in box)
    width, height = max(x2 - x1, 1.0), max(y2 - y1, 1.0)
    width, height = max(width, height * size[0] / size[1]) * margin, max(height, width * size[1] / size[0]) * margin
    origin = ((x1 + x2 - width) / 2, (y1 + y2 - height) / 2)
    scale = size[0] / width
    # Pixel centres lie half a pixel inside of outer corners.
    shift = [(-origin[axis]) * scale + 0.5 * scale - 0.5 for axis in (0, 1)]
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float64)
    crop = cv2.warpAffine(np.ascontiguousarray(pixels), matrix, size, flags=cv2.INTER_LINEAR)
    return np.asarray(crop, np.uint8), origin, scale


def peaks(maps: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Maximum of each heat map: its position float32 (k, 2), x, y in cells from the outer corner, and value (k,) 0..1.

    The position is moved a quarter of a cell towards the higher neighbour, as in Xiao et al., "Simple Baselines for
    Human Pose Estimation and Tracking", ECCV 2018, section 4 (after Newell et al., ECCV 2016).
    """
    count, height, width = maps.shape
    best = maps.reshape(count, -1).argmax(axis=1)
    rows, columns = np.divmod(best, width)
    positions = np.stack([columns, rows], axis=1).astype(np.float32) + 0.5
    for index, (row, column) in enumerate(zip(rows.tolist(), columns.tolist(), strict=True)):
        if 0 < column < width - 1:
            positions[index, 0] += 0.25 * np.sign(maps[index, row, column + 1] - maps[index, row, column - 1])
        if 0 < row < height - 1:
            positions[index, 1] += 0.25 * np.sign(maps[index, row + 1, column] - maps[index, row - 1, column])
    return positions, np.clip(maps.reshape(count, -1).max(axis=1), 0, 1).astype(np.float32)


NETWORKS: dict[str, type[CustomNetwork]] = {
    "detect": CustomDetector,
    "classify": CustomClassifier,
    "segment": CustomSegmenter,
    "keypoints": CustomKeypoints,
}


def load(model: CustomModel, device: str) -> CustomNetwork:
    """Open the network that `model` declares. Raises CustomModelError."""
    return NETWORKS[model.task](model, device)
