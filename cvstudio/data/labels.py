"""Labels: the ground truth of a set of pictures, whatever file it comes from and in whatever form it is drawn."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size, readonly
from cvstudio.foundation.shapes import Box, Polygon

NO_CLASS = -1
"""Pixel of a `LabelMap` that nobody labelled; it counts neither for nor against a prediction."""


@dataclass(frozen=True)
class Category:
    """One class of a labelled set.

    Parameters
    ----------
    name : as the file has it
    supercategory : the broader class that the file names; empty for none
    is_thing : whether its objects are countable; False for stuff, such as sky, of panoptic segmentation
    keypoints : names of the key points of an object of this class
    skeleton : pairs of key points, from 0, that are connected by a line
    file_id : id in the file, where it has ids; None otherwise
    """

    name: str
    supercategory: str = ""
    is_thing: bool = True
    keypoints: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    file_id: int | None = None


@dataclass(frozen=True, eq=False)
class LabelledMask:
    """A mask as labelled, cut to its bounding box.

    Parameters
    ----------
    pixels : bool (h, w)
    left, top : its place in the picture, in pixels
    """

    pixels: NDArray[np.bool_]
    left: int
    top: int

    def __post_init__(self) -> None:
        if self.pixels.dtype != np.bool_ or self.pixels.ndim != 2:
            raise ValueError(f"expected bool (h, w), found {self.pixels.dtype} {self.pixels.shape}")
        object.__setattr__(self, "pixels", readonly(self.pixels))


@dataclass(frozen=True, eq=False)
class Annotation:
    """One labelled object.

    Parameters
    ----------
    category : index into `LabelledSet.categories`
    box : x1, y1, x2, y2 in image pixels; (0, 0) is the outer corner of the top left pixel
    polygons : outlines in image pixels, several for an object in parts; empty where it has none
    mask : pixels where the file has pixels (run lengths, a mask picture) in place of polygons
    keypoints : x, y and visibility of each of `Category.keypoints`: 0 not labelled, 1 hidden, 2 visible
    crowd : whether it stands for a group; predictions inside are neither right nor wrong
    area : in pixels, as the file states it; None where it does not
    attributes : what else the file says of it by name, such as "difficult", "occluded" or "truncated"
    track_id : identity over the pictures of a sequence; None without
    file_id : id in the file, where it has ids; None otherwise
    """

    category: int
    box: Box
    polygons: tuple[Polygon, ...] = ()
    mask: LabelledMask | None = None
    keypoints: tuple[tuple[float, float, int], ...] = ()
    crowd: bool = False
    area: float | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    track_id: int | None = None
    file_id: int | None = None


@dataclass(frozen=True, eq=False)
class LabelMap:
    """A class for each pixel, as of semantic segmentation.

    Parameters
    ----------
    classes : int32 (H, W)
        Index into `LabelledSet.categories`, or `NO_CLASS`.
    """

    classes: NDArray[np.int32]

    def __post_init__(self) -> None:
        if self.classes.dtype != np.int32 or self.classes.ndim != 2:
            raise ValueError(f"expected int32 (H, W), found {self.classes.dtype} {self.classes.shape}")
        object.__setattr__(self, "classes", readonly(self.classes))


@dataclass(frozen=True, eq=False)
class PictureLabels:
    """The labels of one picture.

    Parameters
    ----------
    size : of the picture as the labels state it, or as the picture has it; None where neither is known
    annotations : objects, in the order of the file
    classes : classes of the whole picture, as indices into `LabelledSet.categories`
    label_map : a class for each pixel; None without
    """

    size: Size | None = None
    annotations: tuple[Annotation, ...] = ()
    classes: tuple[int, ...] = ()
    label_map: LabelMap | None = None


@dataclass(frozen=True)
class LeftOut:
    """Labels that were not taken, and why.

    Parameters
    ----------
    reason : one sentence for the user, such as "The box lies outside of the picture."
    where : the picture or line that it is about; empty for the whole set
    count : number of labels
    """

    reason: str
    where: str = ""
    count: int = 1


@dataclass(frozen=True, eq=False)
class LabelledSet:
    """A set of pictures with their labels, which are read when they are asked for.

    Parameters
    ----------
    path : the file or folder of the labels
    format : key of the `AnnotationFormat`
    categories : the classes, in the order of the file
    names : names of the labelled pictures as the file has them, with "/" between folders, in its order
    pictures : file of each picture by name; a name that is absent has no file
    load : callable (name) -> labels of that picture as the file has them. Raises MediaError
    check : callable () -> everything that was left out; may read all labels
    edited : labels by name that take the place of those in the file
    """

    path: Path
    format: str
    categories: tuple[Category, ...]
    names: tuple[str, ...]
    pictures: Mapping[str, Path]
    load: Callable[[str], PictureLabels]
    check: Callable[[], tuple[LeftOut, ...]] = tuple
    edited: Mapping[str, PictureLabels] = field(default_factory=dict)

    def labels(self, name: str) -> PictureLabels:
        """Labels of the picture `name`, as edited. Raises MediaError, and KeyError where there is no such picture."""
        return self.edited[name] if name in self.edited else self.load(name)

    def name_of(self, path: Path) -> str | None:
        """Name of the labelled picture at `path`: of the same file, else of the one labelled picture with this file
        name; None where there is none, or where several are called so."""
        same_file = [name for name, picture in self.pictures.items() if picture == path]
        if same_file:
            return same_file[0]
        same_name = [name for name in self.names if name.rpartition("/")[2] == path.name]
        return same_name[0] if len(same_name) == 1 else None

    def with_labels(self, name: str, labels: PictureLabels) -> LabelledSet:
        """A copy with other labels for one picture."""
        names = self.names if name in self.names else (*self.names, name)
        return dataclasses.replace(self, names=names, edited={**self.edited, name: labels})
