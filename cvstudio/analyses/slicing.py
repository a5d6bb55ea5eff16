"""Networks on large pictures in slices: tile by tile, and joined (Akyon et al., "Slicing Aided Hyper Inference and
Fine-Tuning for Small Object Detection", ICIP 2022).

A network makes a large picture smaller before it looks at it, so that small objects vanish. A tile is not, or less.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, cast

from cvstudio.analyses.stages import Parts
from cvstudio.data.samples import Image
from cvstudio.data.tiles import Tile, cropped, tiles
from cvstudio.foundation.params import Doc, Range
from cvstudio.foundation.progress import PartProgress, Progress

R = TypeVar("R")
SHOWN_EVERY_SECS = 0.7
"""Least seconds between two outputs while tiles are under way."""
JOINING_SHARE = 4.0
"""Least time between two outputs, in multiples of the time that joining the tiles took."""


@dataclass(frozen=True)
class SliceParams:
    """Slices of a large picture; beside the parameters of the model."""

    tile: Annotated[
        int,
        Range(0, 4096, step=32, unit="px"),
        Doc(
            "Slices",
            "Looks at the picture in overlapping tiles of this size and finds smaller objects; 0 takes it whole.",
            "Try 1024 for pictures of more than 10 megapixels, and 640 for tiny objects.",
            later=True,
        ),
    ] = 0
    tile_overlap: Annotated[
        float,
        Range(0, 0.5, step=0.05),
        Doc(
            "Overlap of slices",
            "How much neighbouring tiles overlap: an object up to that size is seen whole by one of them.",
            "Raise it where objects are cut in two.",
            more=True,
            later=True,
        ),
    ] = 0.2
    tile_whole: Annotated[
        bool,
        Doc(
            "Slices and whole",
            "Also looks at the picture as a whole, for objects larger than a tile.",
            "Switch it off where everything is small.",
            more=True,
            later=True,
        ),
    ] = True


def predicted(
    network: Any,
    image: Image,
    params: Any,
    progress: Progress,
    join: Callable[[Sequence[tuple[Tile, R]]], R],
    *,
    whole_too: bool = True,
    trunk: Any = None,
    kept: Parts | None = None,
) -> Iterator[R]:
    """Predictions of `network` for `image`, in slices where `params` say so (see `SliceParams`): successively more, the
    last one of all tiles.

    Parameters
    ----------
    join : callable (pairs of tile and its prediction) -> prediction for the whole picture
    whole_too : whether the picture as a whole may be one of the tiles
    trunk : features of `image` by the network's trunk, where they are known (`Stage.on_trunk`)
    kept : where the predictions of tiles are kept, so that a run that was cancelled goes on (`Inputs.parts`)
    """
    side = params.tile if isinstance(params, SliceParams) else 0
    parts = tiles(image.size, side, params.tile_overlap) if side else ()

    def predict(part: Image, part_progress: Progress) -> R:
        if trunk is not None and part is image:
            return cast(R, network.predict_from(trunk, image, params, part_progress))
        return cast(R, network.predict(part, params, part_progress))

    if len(parts) < 2:
        yield predict(image, progress)
        return
    if whole_too and params.tile_whole:
        parts = (Tile(0, 0, *image.size), *parts)
    found: list[tuple[Tile, R]] = list(kept.known) if kept is not None else []
    due = time.monotonic() + SHOWN_EVERY_SECS
    for number, tile in enumerate(parts):
        if number >= len(found):
            progress(number / len(parts), f"slice {number + 1} of {len(parts)}")
            part = image if tile.size == image.size else cropped(image, tile)
            found.append((tile, predict(part, PartProgress(progress, None))))
            if kept is not None:
                kept.keep(found)
        last = number == len(parts) - 1
        began = time.monotonic()
        if last or (number == len(found) - 1 and began >= due):
            joined = join(found)
            due = time.monotonic() + max(SHOWN_EVERY_SECS, JOINING_SHARE * (time.monotonic() - began))
            yield joined
    if kept is not None:
        kept.drop()
