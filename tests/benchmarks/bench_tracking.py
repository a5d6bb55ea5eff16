"""Identities on real clips: how often the number of a person changes, with the embedded detector and ByteTrack.

    .venv/bin/python tests/benchmarks/bench_tracking.py [VIDEO …]

VIDEO are the clips of ../shared/data/video by default. Nobody has labelled them. The reference is an independent
detector, YOLOX-nano of ../shared/data/weights run by OpenCV, whose boxes (score at least .5) are linked from frame to
frame where they overlap by half (Hungarian assignment); ways of a second and more count. It sees larger people and
leaves out many; what it links wrongly counts against us. In each frame its boxes are assigned to ours where they
overlap by half, those that belonged together before first; IDSW are the times at which the number of one of its ways
is another than the last (Bernardin and Stiefelhagen, "Evaluating Multiple Object Tracking Performance", 2008). Of the
same boxes of ours, "by overlap alone" tells what linking them frame by frame without a tracker would give. Printed,
too, is the time of a step.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment

from cvstudio.analyses.detection._tracking import Tracking, TrackParams
from cvstudio.analyses.temporal import Chain
from cvstudio.foundation.progress import Progress
from cvstudio.running.runner import Runner, make_instance

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SIDE = 416
SURE = 0.5
OVERLAP = 0.5
LONG_SECS = 1.0
PERSON = 0


class Reference:
    """YOLOX-nano: letterbox with 114, BGR of 0..255, outputs on grids of 8, 16 and 32 pixels."""

    def __init__(self) -> None:
        self._network = cv2.dnn.readNetFromONNX(str(DATA / "weights" / "yolox_nano_coco.onnx"))
        cells = [(x, y, stride) for stride in (8, 16, 32) for y in range(SIDE // stride) for x in range(SIDE // stride)]
        self._grid = np.array(cells, np.float32)

    def people(self, rgb: np.ndarray) -> np.ndarray:
        """x1, y1, x2, y2 of the people in a picture, (n, 4)."""
        height, width = rgb.shape[:2]
        scale = SIDE / max(height, width)
        small = cv2.resize(rgb, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
        padded = np.full((SIDE, SIDE, 3), 114, np.uint8)
        padded[: small.shape[0], : small.shape[1]] = small[..., ::-1]
        self._network.setInput(np.ascontiguousarray(padded.transpose(2, 0, 1)[None].astype(np.float32)))
        found = self._network.forward()[0]
        stride = self._grid[:, 2:]
        centre, size = (found[:, :2] + self._grid[:, :2]) * stride, np.exp(found[:, 2:4]) * stride
        scores = found[:, 4] * found[:, 5 + PERSON]
        boxes = np.hstack((centre - size / 2, centre + size / 2)) / scale
        sides = np.hstack((boxes[:, :2], boxes[:, 2:] - boxes[:, :2]))
        kept = cv2.dnn.NMSBoxes(sides.tolist(), scores.tolist(), SURE, 0.5)
        return boxes[np.asarray(kept, int).reshape(-1)]


def overlaps(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Intersection over union of every pair."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (one, other)]
    return shared / np.maximum(areas[0][:, None] + areas[1][None] - shared, 1e-9)


def pairs(one: np.ndarray, other: np.ndarray) -> list[tuple[int, int]]:
    """The best assignment of boxes that overlap enough."""
    if not len(one) or not len(other):
        return []
    shared = overlaps(one, other)
    rows, columns = linear_sum_assignment(shared, maximize=True)
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if shared[i, j] >= OVERLAP]


def linked(frames: Sequence[np.ndarray]) -> list[list[int]]:
    """A number for each box, the same as that of the box which it overlaps in the frame before."""
    numbers: list[list[int]] = []
    unused = 1
    for index, boxes in enumerate(frames):
        mine = [0] * len(boxes)
        for before, now in pairs(frames[index - 1], boxes) if index else []:
            mine[now] = numbers[-1][before]
        for row, number in enumerate(mine):
            if not number:
                mine[row], unused = unused, unused + 1
        numbers.append(mine)
    return numbers


def compare(
    reference: Sequence[np.ndarray], ways: Sequence[Sequence[int]], ours: Sequence[np.ndarray], told: Sequence
) -> tuple[int, int, int]:
    """Boxes of the reference that one of ours covers, of those with a number, and switches of that number."""
    last: dict[int, int] = {}
    covered = numbered = switches = 0
    for boxes, numbers, mine, ids in zip(reference, ways, ours, told, strict=True):
        for true, row in corresponding(boxes, numbers, mine, ids, last):
            covered += 1
            if ids[row] < 0:
                continue
            numbered += 1
            way = numbers[true]
            switches += way in last and last[way] != ids[row]
            last[way] = ids[row]
    return covered, numbered, switches


def corresponding(
    boxes: np.ndarray, numbers: Sequence[int], mine: np.ndarray, ids: Sequence[int], last: dict[int, int]
) -> list[tuple[int, int]]:
    """Rows that belong together: first those that did before and still overlap, then the best of the rest."""
    places = {int(number): row for row, number in enumerate(ids) if number >= 0}
    kept = []
    for true, number in enumerate(numbers):
        row = places.get(last.get(number, 0))
        if row is not None and overlaps(boxes[true : true + 1], mine[row : row + 1])[0, 0] >= OVERLAP:
            kept.append((true, row))
    free = [true for true in range(len(boxes)) if true not in {pair[0] for pair in kept}]
    others = [row for row in range(len(mine)) if row not in {pair[1] for pair in kept}]
    return kept + [(free[true], others[row]) for true, row in pairs(boxes[free], mine[others])]


def measure(path: Path) -> None:
    detector, reference = Reference(), []
    results = []
    instance = make_instance("detect", {"picture": path})
    media = instance.bindings["picture"]
    with Runner(device="cpu") as runner:
        for frame, found in runner.frames(instance, Progress()):
            reference.append(detector.people(frame.rgb8))
            results.append((frame.pts, found))
    ways = linked(reference)
    lengths = np.bincount([number for numbers in ways for number in numbers], minlength=1)
    kept = np.flatnonzero(lengths >= LONG_SECS * (media.frame_rate or 30))
    reference = [
        boxes[np.isin(numbers, kept)] if len(boxes) else boxes for boxes, numbers in zip(reference, ways, strict=True)
    ]
    ways = [[number for number in numbers if number in kept] for numbers in ways]
    people = [np.flatnonzero(found.classes == found.labels.index("person")) for _, found in results]
    ours = [found.boxes[rows] for (_, found), rows in zip(results, people, strict=True)]
    told = [found.track_ids[rows] for (_, found), rows in zip(results, people, strict=True)]
    covered, numbered, switches = compare(reference, ways, ours, told)
    alone = compare(reference, ways, ours, linked(ours))[2]
    total = sum(map(len, reference))
    identities = len({int(number) for ids in told for number in ids if number >= 0})
    print(f"{path.name}: {len(results)} frames; reference {len(kept)} ways of 1 s and more, {total} boxes")
    print(f"  covered {covered / max(total, 1):.2f}, of these with a number {numbered / max(covered, 1):.3f}")
    print(f"  IDSW {switches}, by overlap alone {alone}; ours {identities} identities in {sum(map(len, ours))} boxes")
    follow, params = Tracking("suppress"), TrackParams()
    chain = Chain(follow, params, media.frame_rate or 30)
    began = time.perf_counter()
    for pts, found in results:
        follow.finish(found, chain.follow(pts, found, reach_secs=params.trail_secs), params)
    print(f"  a step with trails {1e3 * (time.perf_counter() - began) / len(results):.2f} ms")


if __name__ == "__main__":
    videos = [Path(name) for name in sys.argv[1:]] or sorted((DATA / "video").glob("*.mp4"))
    for video in videos:
        measure(video)
