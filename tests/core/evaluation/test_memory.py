"""Memory of an evaluation: a few kilobytes for each picture, whatever its size."""

from __future__ import annotations

import tracemalloc

import numpy as np

from cvstudio.evaluation.average_precision import average_precision
from cvstudio.evaluation.confusion import class_pairs
from cvstudio.evaluation.error_kinds import detection_errors
from cvstudio.evaluation.overlaps import OverlapsBuilder, PictureObjects

N_PICTURES, N_CLASSES, N_TRUE, N_FOUND = 1500, 80, 8, 100
MOST_BYTES = 6_000
"""Of a picture with 100 predictions, also at the peak."""


def test_ten_thousand_pictures_would_fit_into_sixty_megabytes() -> None:
    rng = np.random.default_rng(1)
    nothing = np.zeros(N_TRUE, bool)
    tracemalloc.start()
    try:
        builder = OverlapsBuilder(N_CLASSES)
        for _ in range(N_PICTURES):
            # Most predictions lie on nothing, as of any detector.
            overlaps = np.where(rng.random((N_FOUND, N_TRUE)) < 0.05, rng.random((N_FOUND, N_TRUE)), 0)
            true = rng.integers(N_CLASSES, size=N_TRUE).astype(np.int32)
            builder.add(
                PictureObjects(
                    true,
                    rng.uniform(10, 20_000, N_TRUE),
                    nothing,
                    nothing,
                    np.where(rng.random(N_FOUND) < 0.5, rng.choice(true, N_FOUND), 0).astype(np.int32),
                    rng.random(N_FOUND, dtype=np.float32),
                    rng.uniform(10, 20_000, N_FOUND),
                    overlaps,
                )
            )
        objects = builder.build()
        del builder
        kept, _ = tracemalloc.get_traced_memory()
        # The random overlaps of one picture are measured along with what is kept.
        assert kept / N_PICTURES < 4_500
        figures = average_precision(objects).summary()
        class_pairs(objects, 0.5).matrix(0.3, tuple(map(str, range(N_CLASSES))))
        detection_errors(objects).costs()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0 < figures["AP"] < 1
    limit = N_PICTURES * MOST_BYTES + average_bytes()
    assert peak < limit, f"{peak / N_PICTURES:.0f} bytes for each picture"


def average_bytes() -> int:
    """The tables of average precision themselves, which do not grow with the pictures, and the largest intermediate."""
    return 4 * (10 * 101 * N_CLASSES * 4) * 8
