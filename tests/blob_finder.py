"""A detector of bright rectangles of one colour each: what is counted in a clip, and found in a large picture."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from cvstudio.data.samples import Image
from cvstudio.foundation.progress import Progress
from cvstudio.models.spec import ModelSpec
from cvstudio.results.detections import Detections

LABELS = ("red", "green", "blue")
SEEN: list[tuple[int, int]] = []
"""Sizes (width, height) of the pictures that the detector was given."""


class BlobFinder:
    """Boxes around the connected places where one channel is above 150 and the others are below 100."""

    labels = LABELS

    def predict(self, image: Image, params: Any, progress: Progress) -> Detections:
        import cv2

        progress.check()
        SEEN.append(tuple(image.size))
        pixels = image.rgb8
        rects, scores, classes = [], [], []
        for number in range(3):
            others = np.delete(pixels, number, axis=2).max(axis=2)
            bright = ((pixels[..., number] > 150) & (others < 100)).astype(np.uint8)
            count, _, stats, _ = cv2.connectedComponentsWithStats(bright)
            for x, y, width, height, area in stats[1:count].tolist():
                if area >= 20:
                    rects.append((x, y, width, height))
                    scores.append(0.5 + 0.4 * min(area / 10_000, 1))
                    classes.append(number)
        order = np.argsort(-np.array(scores), kind="stable")
        boxes = np.array(rects, np.float32).reshape(-1, 4)[order]
        boxes[:, 2:] += boxes[:, :2]
        return Detections(
            boxes,
            np.array(scores, np.float32)[order],
            np.array(classes, np.int64)[order],
            LABELS,
            np.arange(len(boxes)),
            image.size,
        )


SPEC = ModelSpec(
    key="blobs",
    title="Blobs",
    task="detect",
    family="Test",
    paper="None",
    year=2026,
    load=lambda device, checkpoint: BlobFinder(),
    labels=LABELS,
    summary="Finds bright rectangles.",
)


def write_clip(path: Path, movers: Any, *, secs: float, rate: int = 25, size: tuple[int, int] = (320, 240)) -> Path:
    """Write a clip of rectangles on grey; `movers` are (channel, callable (secs) -> (x, y) of the centre, or None)."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv444p"
        for number in range(round(secs * rate)):
            pixels = np.full((size[1], size[0], 3), 60, np.uint8)
            for channel, place in movers:
                centre = place(number / rate)
                if centre is not None:
                    left, top = round(centre[0]) - 10, round(centre[1]) - 15
                    colour = np.full(3, 20, np.uint8)
                    colour[channel] = 230
                    pixels[max(top, 0) : max(top + 30, 0), max(left, 0) : max(left + 20, 0)] = colour
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
