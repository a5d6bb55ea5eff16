"""Labels: the ground truth of a set of pictures, whatever file it comes from and in whatever form it is drawn."""

from __future__ import annotations

import dataclasses
import functools
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from cvstudio.data.frame_names import frame_name, frame_number
from cvstudio.data.geometry import Size, readonly
from cvstudio.data.map_tiles import MapTiles
from cvstudio.data.pixel_map import PixelMap
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.foundation.shapes import Box, Polygon

if TYPE_CHECKING:
    from numpy.typing import NDArray

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


@dataclass(frozen=True)
class Skeleton:
    """The key points that were declared for a class in the program.

    Parameters
    ----------
    keypoints, lines : see `Category.keypoints` and `Category.skeleton`
    """

    keypoints: tuple[str, ...]
    lines: tuple[tuple[int, int], ...] = ()

    def on(self, category: Category) -> Category:
        """The class with these key points."""
        return dataclasses.replace(category, keypoints=self.keypoints, skeleton=self.lines)


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

    def full(self, size: Size) -> NDArray[np.bool_]:
        """The mask on its whole picture, bool (H, W); what reaches beyond is cut off."""
        pixels = np.zeros((size.height, size.width), bool)
        target = pixels[max(self.top, 0) :, max(self.left, 0) :]
        part = self.pixels[max(-self.top, 0) :, max(-self.left, 0) :][: target.shape[0], : target.shape[1]]
        target[: part.shape[0], : part.shape[1]] = part
        return pixels

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LabelledMask):
            return NotImplemented
        place, other_place = (self.left, self.top), (other.left, other.top)
        return place == other_place and np.array_equal(self.pixels, other.pixels)

    def __hash__(self) -> int:
        return hash((self.left, self.top, self.pixels.shape))


@dataclass(frozen=True)
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
    interpolated : whether it was computed from the frames before and behind, on which it has the same `track_id`
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
    interpolated: bool = False


def area_of(annotation: Annotation) -> float:
    """Area in pixels: as the file states it, else of the mask, of the polygons, or of the box."""
    if annotation.area is not None:
        return annotation.area
    if annotation.mask is not None:
        return float(annotation.mask.pixels.sum())
    if annotation.polygons:
        return sum(map(_polygon_area, annotation.polygons))
    x1, y1, x2, y2 = annotation.box
    return (x2 - x1) * (y2 - y1)


def _polygon_area(polygon: Polygon) -> float:
    x, y = np.array(polygon, np.float64).reshape(-1, 2).T
    return abs(float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())) / 2


class LabelMap:
    """A class for each pixel, as of semantic segmentation.

    Parameters
    ----------
    classes : int32 (H, W)
        Index into `LabelledSet.categories`, or `NO_CLASS`.
    """

    __slots__ = ("__weakref__", "_classes", "_tiles")

    def __init__(self, classes: NDArray[np.int32]) -> None:
        if classes.dtype != np.int32 or classes.ndim != 2:
            raise ValueError(f"expected int32 (H, W), found {classes.dtype} {classes.shape}")
        self._classes: NDArray[np.int32] | None = readonly(classes)
        self._tiles: MapTiles | None = None

    @property
    def classes(self) -> NDArray[np.int32]:
        """The class of each pixel, read-only."""
        if self._classes is not None:
            return self._classes
        # Kept for the one that was asked for last: each step of undo would hold a whole map otherwise.
        kept = _assembled.get(0)
        if kept is None or kept[0]() is not self:
            assert self._tiles is not None
            kept = _assembled[0] = (weakref.ref(self), readonly(self._tiles.array()))
        return kept[1]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        if self._classes is None:
            return self.tiles.shape
        height, width = self._classes.shape
        return height, width

    @property
    def tiles(self) -> MapTiles:
        """The same in tiles."""
        if self._tiles is None:
            assert self._classes is not None
            self._tiles = MapTiles.of(self._classes)
        return self._tiles

    def window(self, window: tuple[int, int, int, int]) -> NDArray[np.int32]:
        """A copy of the classes in a window (left, top, right, bottom) of the map, int32 (h, w)."""
        return self.tiles.window(window)

    def with_window(self, left: int, top: int, classes: NDArray[np.int32]) -> LabelMap:
        """A map with other classes, int32 (h, w), at `left`, `top`, which shares what stays as it is."""
        changed = LabelMap.__new__(LabelMap)
        changed._classes, changed._tiles = None, self.tiles.with_window(left, top, classes)
        return changed

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LabelMap):
            return NotImplemented
        return self is other or np.array_equal(self.classes, other.classes)

    def __hash__(self) -> int:
        return hash(self.shape)

    def __reduce__(self) -> tuple[type[LabelMap], tuple[NDArray[np.int32]]]:
        return LabelMap, (self.classes,)


_assembled: dict[int, tuple[weakref.ref[LabelMap], NDArray[np.int32]]] = {}


@dataclass(frozen=True)
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


Seen = Callable[[str, PictureLabels], None]
"""Callable (name, labels): the labels of a picture as its file has them."""


class Check(Protocol):
    """See `LabelledSet.check`."""

    def __call__(self, progress: Progress | None = None, seen: Seen | None = None) -> tuple[LeftOut, ...]: ...


def no_left_out(progress: Progress | None = None, seen: Seen | None = None) -> tuple[LeftOut, ...]:
    """The `Check` of a set that comes from no file."""
    return ()


@dataclass(frozen=True, eq=False)
class LabelledSet:
    """A set of pictures with their labels, which are read when they are asked for.

    Parameters
    ----------
    path : the file or folder of the labels; None for those that were begun in the program
    format : key of the `AnnotationFormat`; empty without a path
    categories : the classes, in the order of the file
    names : names of the labelled pictures as the file has them, with "/" between folders, in its order
    pictures : file of each picture by name; a name that is absent has no file
    load : callable (name) -> labels of that picture as the file has them. Raises MediaError
    check : callable (progress, seen) -> everything that was left out. Raises Cancelled
        It reads all labels, and hands them to `seen`, for who needs them besides.
    edited : labels by name that take the place of those in the file
    added : names of pictures that were added in the program, and are known by their file alone
    file_ids : ids of the pictures by name, as in the file, where it has ids
    videos : file of each video by what the names of its frames begin with (`frame_name`): "" or "clip.mp4/"
    named_before : names of the classes of the file; None where `categories` are those
    name_as : callable (name, read settings, time in seconds or None) -> the name for `load` of a picture that is
        read with these settings, where it and its labels are generated; None for pictures that no setting changes
    """

    path: Path | None
    format: str
    categories: tuple[Category, ...]
    names: tuple[str, ...]
    pictures: Mapping[str, Path]
    load: Callable[[str], PictureLabels]
    check: Check = no_left_out
    edited: Mapping[str, PictureLabels] = field(default_factory=dict)
    added: frozenset[str] = frozenset()
    file_ids: Mapping[str, int | str] = field(default_factory=dict)
    named_before: tuple[str, ...] | None = None
    videos: Mapping[str, Path] = field(default_factory=dict)
    name_as: Callable[[str, Mapping[str, object], float | None], str] | None = None

    @property
    def file_classes(self) -> tuple[str, ...]:
        """Names of the classes as the file has them: without those that were added, and none renamed."""
        return self.named_before if self.named_before is not None else tuple(item.name for item in self.categories)

    def labels(self, name: str) -> PictureLabels:
        """Labels of the picture `name`, as edited. Raises MediaError, and KeyError where there is no such picture."""
        if name not in self.edited:
            return self.load(name)
        labels = self.edited[name]
        highest, lowest = _ends(labels)
        if lowest < NO_CLASS or highest >= len(self.categories):
            raise MediaError(
                f"The edited labels of '{name}' name the class number {highest if lowest >= NO_CLASS else lowest}, but "
                f"there are {len(self.categories)}: the file of the labels has changed since; put it back as it was, "
                "or open it anew."
            )
        return labels

    @functools.cached_property
    def _names_by_file(self) -> Mapping[Path, str]:
        return {picture: name for name, picture in reversed([*self.pictures.items()])}

    @functools.cached_property
    def _names_by_file_name(self) -> Mapping[str, Sequence[str]]:
        names: dict[str, list[str]] = {}
        for name in self.names:
            if name in self.added:
                continue
            names.setdefault(name.rpartition("/")[2], []).append(name)
        return names

    def name_of(self, path: Path) -> str | None:
        """Name of the labelled picture at `path`: of the same file, else of the one labelled picture with this file
        name; None where there is none, or where several are called so."""
        same_file = self._names_by_file.get(path)
        if same_file is not None:
            return same_file
        same_name = self._names_by_file_name.get(path.name, ())
        return same_name[0] if len(same_name) == 1 else None

    def video_prefix(self, path: Path) -> str | None:
        """What the names of the frames of the video at `path` begin with: of the same file, else of the one video with
        this file name; None where there is none."""
        same_file = [prefix for prefix, video in self.videos.items() if video == path]
        same_name = [prefix for prefix, video in self.videos.items() if video.name == path.name]
        return same_file[0] if same_file else same_name[0] if len(same_name) == 1 else None

    def frame_of(self, path: Path, number: int) -> str | None:
        """Name of the labelled frame `number` of the video at `path`; None where it has no labels."""
        prefix = self.video_prefix(path)
        name = frame_name(prefix, number) if prefix is not None else None
        return name if name in self._known else None

    def frames(self, path: Path) -> Mapping[int, str]:
        """Names of the labelled frames of the video at `path`, by their numbers."""
        prefix = self.video_prefix(path)
        numbered = ((frame_number(name, prefix), name) for name in self.names) if prefix is not None else ()
        return {number: name for number, name in numbered if number is not None}

    @functools.cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.names)

    def with_labels(self, name: str, labels: PictureLabels) -> LabelledSet:
        """A copy with other labels for one picture."""
        return self.with_edits({name: labels})

    def with_edits(
        self,
        edits: Mapping[str, PictureLabels],
        *,
        categories: Sequence[Category] = (),
        pictures: Mapping[str, Path] | None = None,
        renamed: Mapping[int, str] | None = None,
        skeletons: Mapping[int, Skeleton] | None = None,
        videos: Mapping[str, Path] | None = None,
    ) -> LabelledSet:
        """A copy with other labels for some pictures.

        Parameters
        ----------
        edits : labels by name, also of pictures that were not labelled before
        categories : further classes behind those of the set
        pictures : files of further pictures by name
        renamed : other names of classes of the set, by index
        skeletons : other key points of classes of the set, by index
        videos : files of further videos, see `LabelledSet.videos`
        """
        known = self._known
        own = list(self.categories)
        for number, name in (renamed or {}).items():
            if number < len(own):
                own[number] = dataclasses.replace(own[number], name=name)
        for number, skeleton in (skeletons or {}).items():
            if number < len(own):
                own[number] = skeleton.on(own[number])
        return dataclasses.replace(
            self,
            categories=(*own, *categories),
            names=(*self.names, *(name for name in edits if name not in known)),
            pictures={**self.pictures, **(pictures or {})},
            edited={**self.edited, **edits},
            added=self.added.union(pictures or ()),
            named_before=self.file_classes,
            videos={**self.videos, **(videos or {})},
        )


def _ends(labels: PictureLabels) -> tuple[int, int]:
    """The highest and the lowest number of a class in the labels of a picture, `NO_CLASS` without any."""
    numbers = [NO_CLASS, *(item.category for item in labels.annotations), *labels.classes]
    if labels.label_map is not None and labels.label_map.classes.size:
        numbers += [int(labels.label_map.classes.max()), int(labels.label_map.classes.min())]
    return max(numbers), min(numbers)


def no_labels(name: str) -> PictureLabels:
    """`LabelledSet.load` of a set without a file: a picture that is named, but not yet labelled."""
    return PictureLabels()


@dataclass(frozen=True, eq=False)
class LabelledSample:
    """A labelled set as a stage is given it: with the name of the picture on the canvas.

    Parameters
    ----------
    set : all labels
    name : of the picture, or of the frame of a video, in the set; None where the set does not name it
    pixel_map : from the pixels of the file to those that the stage is given; None where both are the same
    """

    set: LabelledSet
    name: str | None
    pixel_map: PixelMap | None = None

    def labels(self) -> PictureLabels | None:
        """Labels of the picture, in the pixels of its file; None where it has none. Raises MediaError."""
        return self.set.labels(self.name) if self.name is not None else None
