"""How much faster a tick of the range slider is than the plain recipe: `python tests/benchmarks/bench_refocus.py`.

A 12 megapixel picture seen whole in a 1080p viewport. Both are measured in turn, so that they share the machine.
"""

from __future__ import annotations

import time

import cv2
import numpy as np

from cvstudio.analyses.depth.refocus import align, blend, blur, crop
from cvstudio.data.geometry import View
from cvstudio.data.samples import DepthMap, Image

ROUNDS = 25


def main() -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (3000, 4000, 3), np.uint8)
    depth = DepthMap(cv2.GaussianBlur(random.random((3000, 4000)).astype(np.float32), (0, 0), 9) * 10, "m")
    low, high = depth.extent
    blurred = blur(align(Image(pixels), depth), 20)
    whole = View.whole(blurred.aligned.image.size).rect
    began = time.perf_counter()
    seen = crop(blurred, View(whole, 1080 / 3000))
    crop_ms = 1e3 * (time.perf_counter() - began)
    ticks, plains = [], []
    for round_ in range(ROUNDS):
        focus = (low, low + (high - low) * (round_ + 1) / ROUNDS)
        began = time.perf_counter()
        blend(seen, focus)
        ticks.append(time.perf_counter() - began)
        began = time.perf_counter()
        soft = cv2.blur(pixels, (20, 20))
        mask = cv2.inRange(depth.values, *focus)
        sharp = cv2.bitwise_and(pixels, pixels, mask=mask)
        cv2.add(sharp, cv2.bitwise_and(soft, soft, mask=cv2.bitwise_not(mask)))
        plains.append(time.perf_counter() - began)
    tick, plain = float(np.median(ticks)), float(np.median(plains))
    print(f"plain recipe {1e3 * plain:.1f} ms, a new view {crop_ms:.1f} ms, a tick {1e3 * tick:.2f} ms (median)")
    print(f"ratio {plain / tick:.0f}x")


if __name__ == "__main__":
    main()
