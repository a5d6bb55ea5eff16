"""What drawing costs in a 1080p viewport with 60 boxes: `python tests/benchmarks/bench_draw.py`.

For each zoom of a 24 megapixel picture: the first rendering (which halves the picture), one after a move, and a tick
of a slider (other boxes, same view), beside what `cv2.resize` with INTER_AREA would cost for the base alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import cv2
import numpy as np

from cvstudio.data.geometry import Rect, Size, View
from cvstudio.data.samples import Image
from cvstudio.draw import Look, Renderer
from cvstudio.results.detections import Detections

ROUNDS = 15
SIZE = Size(6000, 4000)
WIDTH, HEIGHT = 1920, 1080
BOXES = 60
SCALES = (0.27, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 4.0)


def median_ms(work: Callable[[int], object]) -> float:
    took = []
    for number in range(ROUNDS):
        began = time.perf_counter()
        work(number)
        took.append(time.perf_counter() - began)
    return 1e3 * float(np.median(took))


def boxes(random: np.random.Generator, area: Rect) -> Detections:
    corner = random.uniform(0, 0.85, (BOXES, 2)) * (area.width, area.height) + (area.x, area.y)
    sides = random.uniform(0.03, 0.15, (BOXES, 2)) * (area.width, area.height)
    names = ("person", "car", "dog", "cat", "face")
    return Detections(
        np.hstack([corner, corner + sides]).astype(np.float32),
        np.sort(random.random(BOXES).astype(np.float32))[::-1],
        random.integers(0, len(names), BOXES),
        names,
        np.arange(BOXES),
        SIZE,
    )


def main() -> None:
    random = np.random.default_rng(0)
    picture = Image(random.integers(0, 256, (SIZE.height, SIZE.width, 3), np.uint8))
    print("scale   first    move    tick   INTER_AREA (ms)")
    for scale in SCALES:
        rect = Rect(0, 0, min(WIDTH / scale, SIZE.width), min(HEIGHT / scale, SIZE.height))
        found = [(boxes(random, rect), Look())]
        ticks = [[(boxes(random, rect), Look())] for _ in range(ROUNDS)]
        renderer = Renderer()
        began = time.perf_counter()
        renderer.render(picture, found, View(rect, scale))
        first = 1e3 * (time.perf_counter() - began)
        move = median_ms(lambda n: renderer.render(picture, found, View(rect._replace(x=n + 1.0), scale)))  # noqa: B023
        renderer.render(picture, found, View(rect, scale))
        tick = median_ms(lambda n: renderer.render(picture, ticks[n], View(rect, scale)))  # noqa: B023
        part = picture.pixels[: int(rect.height), : int(rect.width)]
        size = View(rect, scale).size
        area = median_ms(lambda _: cv2.resize(part, size, interpolation=cv2.INTER_AREA)) if scale < 1 else 0.0  # noqa: B023
        print(f"{scale:5.2f} {first:7.1f} {move:7.1f} {tick:7.1f} {area:7.1f}")


if __name__ == "__main__":
    main()
