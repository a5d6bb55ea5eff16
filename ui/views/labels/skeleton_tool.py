"""Key points of an object as they are placed one after the other: plain numbers in image pixels, without Qt."""

from __future__ import annotations

from collections.abc import Sequence

from cvstudio.data.geometry import Size
from cvstudio.data.keypoint_editing import NOWHERE, Keypoint, first_missing, points_box, with_keypoints
from cvstudio.data.labels import Annotation
from cvstudio.foundation.shapes import Point


class SkeletonTool:
    """Places the key points of an object in the order of their names.

    Parameters
    ----------
    annotation : the object, which may have some of them; None for a new one around its points
    names : of the key points
    category : class of a new object
    size : of the picture
    """

    def __init__(self, annotation: Annotation | None, names: Sequence[str], category: int, size: Size) -> None:
        self._annotation = annotation
        self._size = size
        self.names = tuple(names)
        self.category = annotation.category if annotation is not None else category
        before = annotation.keypoints if annotation is not None else ()
        self.keypoints: tuple[Keypoint, ...] = (*before, *(NOWHERE,) * (len(names) - len(before)))
        self.next = first_missing(self.keypoints, len(self.names))
        self._before: list[tuple[int, Keypoint]] = []

    @property
    def begun(self) -> bool:
        """Whether points were placed or skipped that `last_back` takes away."""
        return bool(self._before)

    @property
    def placed(self) -> bool:
        """Whether any point was placed."""
        return any(self.keypoints[number][2] for number, _ in self._before)

    def place(self, at: Point, seen: int) -> None:
        """Place the next point, visible or hidden."""
        self._take((*at, seen))

    def skip(self) -> None:
        """Leave the next point out, as where it is outside of the picture."""
        self._take(NOWHERE)

    def _take(self, keypoint: Keypoint) -> None:
        if self.next is None:
            return
        number = self.next
        self._before.append((number, self.keypoints[number]))
        self.keypoints = (*self.keypoints[:number], keypoint, *self.keypoints[number + 1 :])
        self.next = first_missing(self.keypoints, len(self.names), number + 1)

    def last_back(self) -> None:
        """Take the last point away, or what was skipped last."""
        if self._before:
            self.next, before = self._before.pop()
            self.keypoints = (*self.keypoints[: self.next], before, *self.keypoints[self.next + 1 :])

    def annotation(self) -> Annotation | None:
        """The object with the points so far; None where it is a new one without any."""
        if self._annotation is not None:
            return with_keypoints(self._annotation, self.keypoints, self._size)
        box = points_box(self.keypoints, self._size)
        return Annotation(self.category, box, keypoints=self.keypoints) if box is not None else None
