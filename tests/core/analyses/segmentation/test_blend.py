"""Class maps of tiles, blended: of a network that looks at single pixels they are those of the whole picture."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.segmentation._blend import blend_maps
from cvstudio.analyses.segmentation._resample import LONGEST_SIDE
from cvstudio.analyses.slicing import predicted
from cvstudio.analyses.stages import Inputs
from cvstudio.data.geometry import Size
from cvstudio.data.samples import Image
from cvstudio.data.tiles import Tile
from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.results.segmentation import ClassMaps

LABELS = ("red", "green", "blue")
SEGMENT = ANALYSES["segment"]


class Pointwise:
    """The logits of a pixel are its values; with `padding` cells around them, and `hard` the class itself."""

    labels = LABELS

    def __init__(self, padding: int = 0, *, hard: bool = False) -> None:
        self.padding, self.hard = padding, hard

    def predict(self, image, params, progress):
        logits = image.pixels.astype(np.float32).transpose(2, 0, 1) / 32
        pad = self.padding
        logits = np.pad(logits, ((0, 0), (pad, pad), (pad, pad)))
        window = (float(pad), float(pad), float(pad + image.size.width), float(pad + image.size.height))
        return ClassMaps(logits.argmax(axis=0) if self.hard else logits, LABELS, window, image.size)


def blended(network, pixels, **values) -> list[ClassMaps]:
    image, params = Image(pixels), SEGMENT.stages[0].params_with(NoParams)(**values)
    return list(
        predicted(network, image, params, Progress(), lambda found: blend_maps(found, image.size), whole_too=False)
    )


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (350, 500, 3)).astype(np.uint8)


@pytest.mark.parametrize("padding", [0, 3])
def test_probabilities_and_classes_are_those_of_the_whole(pixels, padding):
    whole = Pointwise().predict(Image(pixels), None, Progress())
    found = blended(Pointwise(padding), pixels, tile=160, tile_overlap=0.3)[-1]
    assert found.logits.shape == whole.logits.shape
    assert softmax(found.logits, axis=0) == pytest.approx(softmax(whole.logits, axis=0), abs=1e-5)
    hard = blended(Pointwise(padding, hard=True), pixels, tile=160, tile_overlap=0.3)[-1]
    assert np.array_equal(hard.logits, whole.classes())


def test_the_stages_give_the_same_segmentation_in_slices(pixels):
    smooth = np.repeat(np.repeat(pixels[:35, :50], 10, axis=0), 10, axis=1)

    def segmentation(**values):
        inputs = Inputs({"picture": Image(smooth)}, network=Pointwise())
        for stage in SEGMENT.stages:
            params = stage.params_with(NoParams)(**values) if stage.uses_network else stage.params()
            *_, output = stage.run(inputs, params, Progress())
            inputs = Inputs({}, previous=output)
        return output

    assert np.array_equal(segmentation(tile=160).classes, segmentation().classes)


def test_where_tiles_disagree_the_change_is_gradual():
    size = Size(150, 20)
    maps = [
        (
            tile,
            ClassMaps(
                np.broadcast_to(logits[:, None, None], (2, 20, 100)).astype(np.float32),
                ("a", "b"),
                (0, 0, 100, 20),
                tile.size,
            ),
        )
        for tile, logits in (
            (Tile(0, 0, 100, 20), np.array((9.0, 0.0))),
            (Tile(50, 0, 150, 20), np.array((0.0, 9.0))),
        )
    ]
    share = softmax(blend_maps(maps, size).logits, axis=0)[1, 10]
    assert share[:50].max() < 0.001
    assert share[100:].min() > 0.999
    assert np.diff(share).min() > -1e-6
    # Linear over the overlap, so that no step is larger than one over its width.
    assert np.diff(share).max() < 1.2 / 50


def test_a_very_large_picture_has_a_map_of_bounded_size():
    size = Size(20_000, 10_000)
    tile = Tile(0, 0, *size)
    logits = np.zeros((2, 10, 20), np.float32)
    found = blend_maps([(tile, ClassMaps(logits, ("a", "b"), (0, 0, 20, 10), size))], size)
    assert found.logits.shape == (2, LONGEST_SIDE // 2, LONGEST_SIDE)
