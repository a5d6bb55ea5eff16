"""Pictures beside which labels are written, and labels that use everything there is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvstudio.data.geometry import Size
from cvstudio.data.labels import Annotation, Category, LabelledMask, LabelledSet, PictureLabels
from cvstudio.foundation.shapes import Box
from cvstudio.media.annotations import annotation_format

SIZE = Size(40, 30)


@pytest.fixture
def put_pictures() -> Callable[..., list[Path]]:
    """`put_pictures(folder, names, size)` writes pictures of noise, each of its own."""

    def put(folder: Path, *names: str, size: Size = SIZE) -> list[Path]:
        paths = []
        for seed, name in enumerate(names):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            noise = np.random.default_rng(seed).integers(0, 255, (size.height, size.width, 3), np.uint8)
            Image.fromarray(noise).save(path)
            paths.append(path)
        return paths

    return put


def a_mask() -> LabelledMask:
    """A ring: a mask with a hole, which polygons cannot hold."""
    pixels = np.ones((8, 10), bool)
    pixels[3:5, 4:6] = False
    return LabelledMask(pixels, 5, 6)


@pytest.fixture
def everything() -> dict[str, PictureLabels]:
    """Labels by name with every kind of annotation."""
    first = (
        Annotation(0, (1.5, 2.25, 10.75, 20.0), file_id=7, area=170.9, attributes={"pose": "left"}),
        Annotation(
            1,
            (3.0, 4.0, 20.0, 18.0),
            polygons=(((3.0, 4.0), (20.0, 4.0), (20.0, 18.0)), ((4.0, 9.0), (6.0, 9.0), (5.0, 12.0))),
        ),
        Annotation(0, (5.0, 6.0, 15.0, 14.0), mask=a_mask(), crowd=True, file_id=9),
    )
    second = (
        Annotation(2, (0.0, 0.0, 30.5, 29.0), keypoints=((1.5, 2.0, 2), (0.0, 0.0, 0), (12.0, 20.5, 1)), track_id=4),
    )
    return {
        "a.png": PictureLabels(SIZE, first),
        "deep/b.png": PictureLabels(SIZE, second),
        "c.png": PictureLabels(SIZE),
    }


@pytest.fixture
def categories() -> tuple[Category, ...]:
    """Three classes, the last one with key points."""
    return (
        Category("person", "animal", file_id=1),
        Category("traffic light", file_id=10),
        Category("hand", keypoints=("wrist", "thumb", "tip"), skeleton=((0, 1), (1, 2)), file_id=3),
    )


@pytest.fixture
def set_of() -> Callable[..., LabelledSet]:
    """`set_of(labels, categories, pictures)`: a labelled set that comes from no file."""

    def make(
        labels: Mapping[str, PictureLabels],
        categories: tuple[Category, ...],
        pictures: Mapping[str, Path] | None = None,
    ) -> LabelledSet:
        return LabelledSet(None, "", categories, tuple(labels), pictures or {}, labels.__getitem__)

    return make


@pytest.fixture
def read() -> Callable[[Path, str], LabelledSet]:
    """`read(path, key)`: the set at `path`, which is recognised as of the form `key`."""

    def read_as(path: Path, key: str) -> LabelledSet:
        found = annotation_format(path)
        assert found.key == key
        return found.read(path)

    return read_as


@pytest.fixture
def boxes() -> Callable[[LabelledSet, str], list[tuple[str, Box]]]:
    """`boxes(labelled, name)`: class and box of each object of a picture."""

    def boxes_of(labelled: LabelledSet, name: str) -> list[tuple[str, Box]]:
        return [(labelled.categories[item.category].name, item.box) for item in labelled.labels(name).annotations]

    return boxes_of


@pytest.fixture
def reasons() -> Callable[[LabelledSet], dict[tuple[str, str], int]]:
    """`reasons(labelled)`: how often something was left out, by reason and picture."""

    def reasons_of(labelled: LabelledSet) -> dict[tuple[str, str], int]:
        return {(item.reason, item.where): item.count for item in labelled.check()}

    return reasons_of
