"""Labels as JSON, as projects and recipes keep what was edited."""

from __future__ import annotations

import base64
import dataclasses
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cvstudio.data.geometry import Size
from cvstudio.data.labels import Annotation, Category, LabelledMask, LabelMap, PictureLabels, Skeleton
from cvstudio.data.run_lengths import MAX_PIXELS, counts_of, mask_of, text_of
from cvstudio.foundation.json_text import json_text
from cvstudio.foundation.shapes import Box

_ID = "_labels_id"


def category_to_json(category: Category) -> dict[str, Any]:
    """A class as JSON, without what it leaves at the default."""
    return _changed(category)


def category_from_json(saved: Mapping[str, Any]) -> Category:
    """Inverse of `category_to_json`. Raises KeyError, TypeError or ValueError where it is damaged."""
    file_id = saved.get("file_id")
    return Category(
        name=str(saved["name"]),
        supercategory=str(saved.get("supercategory", "")),
        is_thing=bool(saved.get("is_thing", True)),
        keypoints=tuple(map(str, saved.get("keypoints", ()))),
        skeleton=tuple((int(start), int(end)) for start, end in saved.get("skeleton", ())),
        file_id=int(file_id) if file_id is not None else None,
    )


def skeleton_from_json(saved: Mapping[str, Any]) -> Skeleton:
    """Key points of a class from ``{"keypoints": […], "lines": [[from, to], …]}``. Raises KeyError, TypeError or
    ValueError where it is damaged."""
    lines = tuple((int(start), int(end)) for start, end in saved["lines"])
    return Skeleton(tuple(map(str, saved["keypoints"])), lines)


def labels_to_json(labels: PictureLabels) -> dict[str, Any]:
    """Labels of one picture as JSON, without what they leave at the default."""
    saved = _changed(labels)
    if labels.annotations:
        saved["annotations"] = [_annotation_to_json(item) for item in labels.annotations]
    if labels.label_map is not None:
        classes = labels.label_map.classes
        packed = base64.b64encode(zlib.compress(classes.astype("<i4").tobytes())).decode("ascii")
        saved["label_map"] = {"size": list(classes.shape), "classes": packed}
    return saved


def labels_from_json(saved: Mapping[str, Any]) -> PictureLabels:
    """Inverse of `labels_to_json`. Raises KeyError, TypeError or ValueError where it is damaged."""
    size, label_map = saved.get("size"), saved.get("label_map")
    classes = None
    if label_map is not None:
        height, width = map(int, label_map["size"])
        n_bytes = 4 * height * width
        if min(height, width) < 1 or height * width > MAX_PIXELS:
            raise ValueError(f"a map of classes of {width} x {height} pixels is expected to hold 1 to {MAX_PIXELS:,}")
        try:
            # No more than it needs: a few bytes may unpack to any number.
            packed = zlib.decompressobj().decompress(base64.b64decode(label_map["classes"]), n_bytes)
        except zlib.error as error:
            raise ValueError(str(error)) from None
        classes = np.frombuffer(packed, "<i4").reshape(height, width).astype(np.int32)
    return PictureLabels(
        size=Size(*map(int, size)) if size is not None else None,
        annotations=tuple(_annotation_from_json(item) for item in saved.get("annotations", ())),
        classes=tuple(map(int, saved.get("classes", ()))),
        label_map=LabelMap(classes) if classes is not None else None,
    )


def labels_id(labels: PictureLabels) -> str:
    """Hash of the content, computed once for each object: a stroke changes one object of one picture."""
    digest: str | None = labels.__dict__.get(_ID)
    if digest is None:
        import xxhash

        rest = labels_to_json(dataclasses.replace(labels, annotations=(), label_map=None))
        whole = xxhash.xxh3_128(json_text(rest).encode())
        if labels.label_map is not None:
            # A stroke changes some tiles of many.
            whole.update(json_text(labels.label_map.shape).encode())
            whole.update(labels.label_map.tiles.digests().encode())
        for annotation in labels.annotations:
            whole.update(_annotation_id(annotation).encode())
        digest = labels.__dict__[_ID] = whole.hexdigest()
    return digest


def _annotation_id(annotation: Annotation) -> str:
    digest: str | None = annotation.__dict__.get(_ID)
    if digest is None:
        import xxhash

        digest = xxhash.xxh3_128(json_text(_annotation_to_json(annotation)).encode()).hexdigest()
        annotation.__dict__[_ID] = digest
    return digest


def _changed(item: Any) -> dict[str, Any]:
    """Fields of a dataclass that differ from their default, as far as they are plain."""
    saved: dict[str, Any] = {}
    for field in dataclasses.fields(item):
        value = getattr(item, field.name)
        default = field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
        if value != default and not isinstance(value, LabelledMask | LabelMap):
            saved[field.name] = value
    return saved


def _annotation_to_json(annotation: Annotation) -> dict[str, Any]:
    saved = _changed(annotation)
    if annotation.attributes:
        saved["attributes"] = dict(annotation.attributes)
    if annotation.mask is not None:
        mask = annotation.mask
        saved["mask"] = {
            "left": mask.left,
            "top": mask.top,
            "size": list(mask.pixels.shape),
            "counts": text_of(mask.pixels),
        }
    return saved


def _annotation_from_json(saved: Mapping[str, Any]) -> Annotation:
    area, track_id, file_id, mask = (saved.get(name) for name in ("area", "track_id", "file_id", "mask"))
    return Annotation(
        category=int(saved["category"]),
        box=_box(saved["box"]),
        polygons=tuple(tuple((float(x), float(y)) for x, y in polygon) for polygon in saved.get("polygons", ())),
        mask=_mask(mask) if mask is not None else None,
        keypoints=tuple((float(x), float(y), int(seen)) for x, y, seen in saved.get("keypoints", ())),
        crowd=bool(saved.get("crowd", False)),
        area=float(area) if area is not None else None,
        attributes={str(name): str(value) for name, value in saved.get("attributes", {}).items()},
        track_id=int(track_id) if track_id is not None else None,
        file_id=int(file_id) if file_id is not None else None,
        interpolated=bool(saved.get("interpolated", False)),
    )


def _box(saved: Sequence[float]) -> Box:
    x1, y1, x2, y2 = map(float, saved)
    return x1, y1, x2, y2


def _mask(saved: Mapping[str, Any]) -> LabelledMask:
    height, width = map(int, saved["size"])
    mask = mask_of(counts_of(saved["counts"]), Size(width, height))
    if mask is None:
        return LabelledMask(np.zeros((height, width), bool), int(saved["left"]), int(saved["top"]))
    pixels = np.zeros((height, width), bool)
    pixels[mask.top : mask.top + mask.pixels.shape[0], mask.left : mask.left + mask.pixels.shape[1]] = mask.pixels
    return LabelledMask(pixels, int(saved["left"]), int(saved["top"]))
