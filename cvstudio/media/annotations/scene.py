"""The labels of a generated scene: what the renderer knows of its picture, and of each frame of its video."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Mapping
from pathlib import Path

from cvstudio.data.labels import LabelledSet, PictureLabels
from cvstudio.media.annotations import ANNOTATION_FORMATS, AnnotationFormat
from cvstudio.media.formats.scene import recipe_with, scene_renderer
from cvstudio.world.categories import CATEGORIES
from cvstudio.world.recipe import SUFFIX

_KEPT = 4
"""Pictures whose labels are kept: several layers show those of one."""


def _recognises(path: Path) -> bool:
    return path.suffix.casefold() == SUFFIX and path.is_file()


def _name_as(name: str, settings: Mapping[str, object], time_secs: float | None) -> str:
    """The name and, behind a "?", what differs from the file, as JSON."""
    changed = {**settings, **({"time_secs": time_secs} if time_secs else {})}
    return f"{name}?{json.dumps(changed, sort_keys=True)}" if changed else name


def _read(path: Path) -> LabelledSet:
    # A damaged or missing file is told at once.
    recipe_with(path, {})

    # Frames of one video are asked for by several threads; the scene is built once for all.
    lock = threading.Lock()
    renderer_of = functools.lru_cache(1)(scene_renderer)

    @functools.lru_cache(_KEPT)
    def load(name: str) -> PictureLabels:
        from cvstudio.world.view_labels import view_labels

        own, _, changed = name.partition("?")
        if own != path.name:
            raise KeyError(name)
        settings = json.loads(changed) if changed else {}
        recipe = recipe_with(path, settings)
        time_secs = recipe.frame_at(settings.get("time_secs", 0.0)) / recipe.rate
        with lock:
            renderer = renderer_of(recipe)
            return view_labels(renderer.render(time_secs, recipe.size), renderer.scene)

    return LabelledSet(path, "scene", CATEGORIES, (path.name,), {path.name: path}, load, name_as=_name_as)


ANNOTATION_FORMATS.register(
    AnnotationFormat(
        "scene",
        "Generated scene",
        _recognises,
        _read,
        order=200,
        summary="The file of a generated scene: boxes, masks, key points, and a class for each pixel.",
        implied=False,
    )
)
