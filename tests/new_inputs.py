"""Four small analyses whose inputs are no single file: what new kinds of input have to carry through the program."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import cv2
import numpy as np

from cvstudio.analyses.analysis import PICTURE_OR_VIDEO, Analysis, Slot
from cvstudio.analyses.binding import Several
from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.data.geometry import Rect, Size
from cvstudio.foundation.params import Doc, Range, Text
from cvstudio.media import MediaKind
from cvstudio.media.examples.files import sample_path
from cvstudio.results.classification import Classification
from cvstudio.results.detections import Detections
from cvstudio.results.picture import Picture
from cvstudio.running.runner import make_instance

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
TILE = 32
MODEL = "haar-face"


@dataclass(frozen=True)
class PaintParams:
    """How large."""

    side: Annotated[int, Range(8, 256), Doc("Side", "How large the picture is.")] = 64


def run_paint(inputs: Inputs, params: PaintParams, progress: Any) -> Iterator[Picture]:
    """One colour for each word of the prompt that names one, as upright stripes."""
    colours = [COLOURS[word] for word in inputs.samples["prompt"].split() if word in COLOURS] or [(90, 90, 90)]
    stripes = np.repeat(np.array(colours, np.uint8)[None], params.side, axis=0)
    pixels = np.repeat(stripes, -(-params.side // len(colours)), axis=1)[:, : params.side]
    yield _picture(np.ascontiguousarray(pixels), inputs)


def run_answer(inputs: Inputs, params: Any, progress: Any) -> Iterator[Classification]:
    """Which colour there is most of, where the question asks for the colour; else how long the question is."""
    if "colour" in inputs.samples["question"]:
        means = inputs.samples["picture"].rgb8.reshape(-1, 3).mean(axis=0)
        answers = list(COLOURS)
        order = np.argsort(-means, kind="stable")
        yield answer([answers[place] for place in order], means[order] / max(means.sum(), 1), inputs)
    else:
        yield answer([f"{len(inputs.samples['question'])} characters"], np.ones(1), inputs)


def run_crop(inputs: Inputs, params: CropParams, progress: Any) -> Iterator[Picture]:
    """The pixels of one box."""
    pixels, detections = inputs.samples["picture"].rgb8, inputs.samples["detections"]
    assert isinstance(detections, Detections)
    if len(detections.boxes) == 0:
        yield _picture(np.zeros((1, 1, 3), np.uint8), inputs)
        return
    x1, y1, x2, y2 = detections.boxes[min(params.number, len(detections.boxes)) - 1].round().astype(int)
    yield _picture(np.ascontiguousarray(pixels[max(y1, 0) : y2, max(x1, 0) : x2]), inputs)


@dataclass(frozen=True)
class CropParams:
    """Which one."""

    number: Annotated[int, Range(1, 20), Doc("Box", "Which box, the best first.")] = 1


def run_sheet(inputs: Inputs, params: SheetParams, progress: Any) -> Iterator[Picture]:
    """The mean colours of all pictures as tiles in rows."""
    tiles = [
        np.full((TILE, TILE, 3), sample.rgb8.reshape(-1, 3).mean(axis=0).round(), np.uint8)
        for sample in inputs.samples["pictures"]
    ]
    rows = [tiles[start : start + params.columns] for start in range(0, len(tiles), params.columns)]
    blank = np.zeros((TILE, TILE, 3), np.uint8)
    full = [np.hstack([*row, *[blank] * (min(params.columns, len(tiles)) - len(row))]) for row in rows]
    yield _picture(np.vstack(full), inputs)


@dataclass(frozen=True)
class SheetParams:
    """How wide."""

    columns: Annotated[int, Range(1, 12), Doc("Columns", "How many pictures stand in a row.")] = 2


def answer(texts: list[str], shares: Any, inputs: Inputs) -> Classification:
    """Texts with how much speaks for each, the best first, as a result."""
    size = inputs.samples["picture"].size
    probabilities = np.asarray(shares, np.float32)
    return Classification(np.arange(len(texts)), probabilities, tuple(texts), size, source=inputs.source)


def _picture(pixels: np.ndarray, inputs: Inputs) -> Picture:
    size = Size(pixels.shape[1], pixels.shape[0])
    return Picture(pixels, Rect(0, 0, *size), 1.0, size, source=inputs.source)


PAINT = Analysis(
    key="paint",
    title="Paint",
    summary="Paints what a prompt says.",
    action="Paint",
    icon="image",
    inputs=(Slot("prompt", "Prompt", frozenset({Text(several_lines=True)})),),
    stages=(Stage("paint", run_paint, PaintParams),),
    result=Picture,
    order=900,
    keywords=("prompt",),
)
ASK = Analysis(
    key="ask",
    title="Ask",
    summary="Answers a question about a picture.",
    action="Ask",
    icon="image",
    inputs=(PICTURE_OR_VIDEO, Slot("question", "Question", frozenset({Text()}))),
    stages=(Stage("answer", run_answer),),
    result=Classification,
    order=901,
    keywords=("question",),
)
CROP = Analysis(
    key="crop",
    title="Crop",
    summary="Cuts out what another analysis has found.",
    action="Crop",
    icon="image",
    inputs=(PICTURE_OR_VIDEO, Slot("detections", "Detections", frozenset({Detections}))),
    stages=(Stage("cut", run_crop, CropParams),),
    result=Picture,
    order=902,
    keywords=("crop",),
)
SHEET = Analysis(
    key="sheet",
    title="Contact sheet",
    summary="Shows all pictures of a folder at once.",
    action="Lay out",
    icon="image",
    inputs=(Slot("pictures", "Pictures", frozenset({Several(frozenset({MediaKind.IMAGE}))})),),
    stages=(Stage("lay out", run_sheet, SheetParams),),
    result=Picture,
    order=903,
    keywords=("contact sheet",),
)
ALL = (PAINT, ASK, CROP, SHEET)


def faces(values: dict[str, Any] | None = None) -> AnalysisInstance:
    """The detector of faces on the astronaut."""
    return make_instance("detect", {"picture": sample_path("astronaut")}, model=MODEL, values=values)


def crop(detect: AnalysisInstance | None = None, **values: Any) -> AnalysisInstance:
    """A crop of what `detect`, by default `faces`, finds there."""
    given = {"picture": sample_path("astronaut"), "detections": detect or faces()}
    return make_instance("crop", given, values=values)


def face_pixels() -> np.ndarray:
    """The best face that OpenCV itself finds, cut out of the picture."""
    picture = cv2.imread(str(sample_path("astronaut")))
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    boxes, counts = cascade.detectMultiScale2(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))
    x, y, width, height = boxes[int(np.argmax(counts))]
    return np.asarray(picture[y : y + height, x : x + width, ::-1])
