"""An analysis with a parameter of each new kind: it paints what it is given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np

from cvstudio.analyses.analysis import Analysis, Slot
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.data.geometry import Rect
from cvstudio.foundation.params import Colour, Doc, Items, Pick, Range, Text
from cvstudio.foundation.progress import Progress
from cvstudio.foundation.shapes import Box, Polygon, Strokes
from cvstudio.media import MediaKind
from cvstudio.results.picture import Picture


@dataclass(frozen=True)
class SketchParams:
    caption: Annotated[str, Text(longest=60), Doc("Caption", "What is written.", "Try a word.")] = ""
    story: Annotated[str, Text(several_lines=True), Doc("Story")] = ""
    tint: Annotated[str, Colour(), Doc("Tint", "Colour of what is painted.")] = "#ff8800"
    frame: Annotated[Box | None, Pick("box", slot="picture"), Doc("Frame")] = None
    region: Annotated[Polygon | None, Pick("polygon"), Doc("Region")] = None
    marks: Annotated[Strokes, Pick("strokes", labels=("ground", "thing")), Doc("Marks")] = ()
    names: Annotated[tuple[str, ...], Items(most=9), Doc("Names")] = ()
    sizes: Annotated[tuple[float, ...], Items(), Range(0, 10), Doc("Sizes")] = ()


def paint(inputs: Inputs, params: SketchParams, progress: Progress) -> Iterator[Picture]:
    """Stage: picture -> picture with everything filled in the tint."""
    image = inputs.samples["picture"]
    pixels = np.array(image.rgb8)
    tint = tuple(int(params.tint[start : start + 2], 16) for start in (1, 3, 5))
    if params.frame is not None:
        left, top, right, bottom = (round(edge) for edge in params.frame)
        pixels[max(top, 0) : bottom, max(left, 0) : right] = tint
    if params.region is not None:
        cv2.fillPoly(pixels, [np.round(np.array(params.region)).astype(np.int32)], tint)
    for stroke in params.marks:
        line = np.round(np.array(stroke.points)).astype(np.int32)
        cv2.polylines(pixels, [line], False, tint if stroke.label == "thing" else (0, 0, 0), round(stroke.width))
    yield Picture(pixels, Rect(0, 0, image.size.width, image.size.height), 1.0, image.size)


SKETCH = Analysis(
    key="sketch",
    title="Sketch",
    summary="Paints what it is given.",
    action="Paint on a picture",
    icon="square",
    inputs=(Slot("picture", "Picture", frozenset((MediaKind.IMAGE,))),),
    stages=(Stage("paint", paint, SketchParams),),
    result=Picture,
)
