"""Refocusing of 24 megapixels, beside the plain recipe in the same run: `python tests/benchmarks/bench_refocus.py`.

A photograph seen whole in a 1080p viewport: a tick of the range slider, and a tick of the focal plane of the lens blur
until its first preview and until its last; each takes turns with the recipe, so that all share the machine. With
`--export` the lens blur of the whole picture too, with the memory that it takes above rest.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import psutil

from cvstudio.analyses.depth import lens_blur
from cvstudio.analyses.depth.lens_view import NearScene, visible_part
from cvstudio.analyses.depth.refocus import align, blend, blur, crop
from cvstudio.analyses.stages import Inputs
from cvstudio.data.depth.nearness import filled, nearness_scale
from cvstudio.data.geometry import View
from cvstudio.data.samples import DepthMap, Image
from cvstudio.foundation.progress import Progress

WIDTH, HEIGHT = 6000, 4000
ROUNDS = 12


def scene() -> tuple[Image, DepthMap]:
    """Noise, and depth as a photograph has it: a floor that goes away, and things on it."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    depth = np.repeat(np.linspace(12, 1.5, HEIGHT, dtype=np.float32)[:, None], WIDTH, 1)
    for _ in range(12):
        x, y = int(random.integers(WIDTH - 900)), int(random.integers(HEIGHT - 1500))
        depth[y : y + 1500, x : x + 900] = depth[y + 1499, 0]
    return Image(pixels), DepthMap(depth, "m")


def plain_recipe(pixels: np.ndarray, depth: np.ndarray, focus: tuple[float, float]) -> np.ndarray:
    soft = cv2.blur(pixels, (20, 20))
    mask = cv2.inRange(depth, *focus)
    sharp = cv2.bitwise_and(pixels, pixels, mask=mask)
    return cv2.add(sharp, cv2.bitwise_and(soft, soft, mask=cv2.bitwise_not(mask)))


@contextmanager
def peak_memory() -> Iterator[list[int]]:
    """The largest memory of the process above that at the beginning, in bytes; in a list, once it is over."""
    process = psutil.Process()
    rest, peak, over = process.memory_info().rss, [0], threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            peak[0] = max(peak[0], process.memory_info().rss - rest)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--export", action="store_true", help="also blur the whole picture")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    image, depth = scene()
    low, high = depth.extent
    aligned = align(image, depth)
    view = View(View.whole(image.size).rect, 1080 / HEIGHT)
    visible = crop(blur(aligned, 20), view)
    near = NearScene(aligned, filled(depth), nearness_scale(depth))
    seen = visible_part(near, view)
    times: dict[str, list[float]] = {"recipe": [], "threshold": [], "first": [], "last": []}
    for number in range(options.rounds):
        focus = (low, low + (high - low) * (number + 1) / options.rounds)
        began = time.perf_counter()
        plain_recipe(image.pixels, depth.values, focus)
        times["recipe"].append(time.perf_counter() - began)
        began = time.perf_counter()
        blend(visible, focus)
        times["threshold"].append(time.perf_counter() - began)
        params = lens_blur.LensParams(focal_depth=focus[1])
        began = time.perf_counter()
        outputs = lens_blur.run_blur(Inputs({}, previous=seen), params, Progress())
        next(outputs)
        times["first"].append(time.perf_counter() - began)
        for _ in outputs:
            pass
        times["last"].append(time.perf_counter() - began)
    medians = {name: float(np.median(values)) for name, values in times.items()}
    plain = medians["recipe"]
    print(f"plain recipe, {WIDTH} x {HEIGHT}: {1e3 * plain:.0f} ms (medians of {options.rounds})")
    print(f"threshold preview: {1e3 * medians['threshold']:.1f} ms, {plain / medians['threshold']:.0f}x faster a tick")
    print(f"adaptive preview: {1e3 * medians['first']:.1f} ms, {plain / medians['first']:.1f}x faster a tick")
    print(f"adaptive, final in the viewport: {1e3 * medians['last']:.0f} ms")
    if options.export:
        with peak_memory() as peak:
            began = time.perf_counter()
            for _ in lens_blur.run_blur(Inputs({}, previous=near), lens_blur.LensParams(), Progress()):
                pass
        took = time.perf_counter() - began
        print(f"export of the whole: {took:.0f} s, at most {peak[0] / 1e9:.2f} GB above rest")


if __name__ == "__main__":
    main()
