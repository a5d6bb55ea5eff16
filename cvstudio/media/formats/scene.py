"""Generated scenes: the file is a recipe of some numbers, which are read settings, too; see `cvstudio.world`.

The picture is rendered when it is read. What the renderer knows of it are further readings: depth, normals, classes,
instances, parts; a recipe of several frames is a video.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from cvstudio.data.samples import DepthMap, Frame, Image
from cvstudio.foundation.params import Choices, Doc, Field, Range, fields_of
from cvstudio.media.base import BaseReader, Format, Media, MediaKind, MovingReader, Reading
from cvstudio.media.file_identity import FileGuard, decoding, quoted
from cvstudio.media.formats import FORMATS
from cvstudio.world.recipe import KIND_TITLES, KINDS, MAX_SIDE, MOST_OBJECTS, SUFFIX, SceneRecipe, read_recipe

if TYPE_CHECKING:
    from cvstudio.world.render import RenderedView, SceneRenderer

_MARK = b'"cvscene"'
_PICTURE = Reading("picture", MediaKind.IMAGE, "Picture", "The scene as the camera sees it.")
_VIDEO = Reading("video", MediaKind.VIDEO, "Video", "The scene as the camera sees it on its way.")
_DEPTH = Reading("depth", MediaKind.DEPTH, "Depth map", "Distance along the optical axis in metres.")
_NORMALS = Reading("picture=normals", MediaKind.IMAGE, "Surface normals", "Where each surface looks, as a colour.")
_CLASSES = Reading("labels=classes", MediaKind.IMAGE, "Classes", "The class of each pixel, as a colour.")
_INSTANCES = Reading("labels=instances", MediaKind.IMAGE, "Instances", "Each object in a colour of its own.")
_PARTS = Reading("labels=parts", MediaKind.IMAGE, "Parts of figures", "Each part of a figure in a colour of its own.")
_OTHERS = (_DEPTH, _NORMALS, _CLASSES, _INSTANCES, _PARTS)


@dataclass(frozen=True)
class SceneSettings:
    """What a scene is made from. The defaults are those of the file."""

    scene_kind: Annotated[
        str,
        Choices(KINDS, KIND_TITLES),
        Doc("Scene", "What is built: a furnished room, a street, figures, or objects on a table."),
    ] = "room"
    scene_seed: Annotated[
        int,
        Range(0, 9999, step=1),
        Doc("Seed", "Each number is another scene: other shapes, places, textures, light and camera."),
    ] = 7
    scene_objects: Annotated[
        int,
        Range(1, MOST_OBJECTS, step=1),
        Doc("Objects", "Number of objects in the scene, where there is room for them; the scenery comes on top."),
    ] = 20
    scene_light: Annotated[
        float,
        Range(0.1, 2.5, step=0.05),
        Doc("Light", "Strength of the light, 1 being as usual.", "Try 0.3 for a dark picture."),
    ] = 1.0
    scene_width: Annotated[int, Range(32, MAX_SIDE, step=1), Doc("Width", "Width of the picture in pixels.")] = 512
    scene_height: Annotated[int, Range(32, MAX_SIDE, step=1), Doc("Height", "Height of the picture in pixels.")] = 384


_NAMES = {field.name: field.name.removeprefix("scene_") for field in fields_of(SceneSettings)}
"""Name of each setting in the recipe."""


def recipe_with(path: Path, settings: Mapping[str, Any]) -> SceneRecipe:
    """The recipe of a file with other settings. Raises MediaError."""
    with decoding(path):
        text = path.read_text(encoding="utf-8", errors="replace")
    recipe = read_recipe(text, quoted(path))
    return dataclasses.replace(recipe, **{_NAMES[name]: value for name, value in settings.items() if name in _NAMES})


def scene_renderer(recipe: SceneRecipe) -> SceneRenderer:
    """A renderer of the scene of a recipe; imports Open3D."""
    from cvstudio.world.generate import generate_scene
    from cvstudio.world.render import SceneRenderer

    return SceneRenderer(generate_scene(recipe))


class _Reader(BaseReader):
    def __init__(self, media: Media) -> None:
        self._guard = FileGuard(media)
        self._recipe = recipe_with(media.path, media.settings)
        self._key = media.read_as
        self._renderer: SceneRenderer | None = None

    def _view(self, time_secs: float, *, colour: bool) -> RenderedView:
        self._guard.check()
        if self._renderer is None:
            self._renderer = scene_renderer(self._recipe)
        samples = 4 if colour and self._recipe.smooth else 1
        return self._renderer.render(time_secs, self._recipe.size, samples=samples)


class SceneReader(_Reader):
    """Renders the picture of a scene, or what is known of it.

    Raises
    ------
    MediaError
        The file is damaged, or was removed or changed since `media` was made.
    """

    def read(self) -> Image | DepthMap:
        """Render: sRGB, depth in metres, or labels and normals in colours. Raises MediaError."""
        from cvstudio.draw.samples.labels import label_picture

        view = self._view(0.0, colour=self._key == _PICTURE.key)
        if self._key == _DEPTH.key:
            return DepthMap(view.depth, "m", view.depth == 0)
        if self._key == _NORMALS.key:
            # Towards the camera is light blue, as usual: up and the way to the camera count as positive.
            colours = np.rint((view.normals * np.array((1, -1, -1), np.float32) + 1) * 127.5).astype(np.uint8)
            return Image(np.where((view.depth > 0)[..., None], colours, np.uint8(0)))
        if self._key == _CLASSES.key:
            return Image(label_picture(view.classes + 1))
        if self._key == _INSTANCES.key:
            return Image(label_picture(view.instances))
        if self._key == _PARTS.key:
            return Image(label_picture(view.parts))
        return Image(view.pixels)


class SceneVideoReader(_Reader, MovingReader):
    """Renders the frames of a scene, with the interface of `VideoReader`.

    Raises
    ------
    MediaError
        The file is damaged, or was removed or changed since `media` was made.
    """

    def __init__(self, media: Media) -> None:
        super().__init__(media)
        self._shown: int | None = None
        self._last: tuple[int, Frame] | None = None

    def at(self, pts: float) -> Frame:
        """The frame shown at `pts` seconds; the first one before the beginning, the last one after the end.

        Raises
        ------
        MediaError
            The file was removed or changed since.
        ValueError
            `pts` is not finite.
        """
        return self._show(self._number_at(pts))

    def next(self) -> Frame | None:
        """The frame after the one returned last; the first one initially, None after the last. Raises MediaError."""
        number = 0 if self._shown is None else self._shown + 1
        return self._show(number) if number < self._recipe.frames else None

    def frame_times(self) -> Sequence[float]:
        return tuple(number / self._recipe.rate for number in range(self._recipe.frames))

    def _neighbour(self, pts: float, direction: int) -> Frame:
        return self._show(min(max(0, self._number_at(pts) + direction), self._recipe.frames - 1))

    def _number_at(self, pts: float) -> int:
        if not math.isfinite(pts):
            raise ValueError(f"expected a finite time in seconds, found {pts}")
        return self._recipe.frame_at(pts)

    def _show(self, number: int) -> Frame:
        self._guard.check()
        self._shown = number
        if self._last is None or self._last[0] != number:
            pts = number / self._recipe.rate
            self._last = number, Frame(self._view(pts, colour=True).pixels, pts=pts)
        return self._last[1]


def _probe(kind: MediaKind, path: Path, head: bytes, identity: str, forced: bool) -> Media | None:
    if head.lstrip()[:1] != b"{" or _MARK not in head:
        return None
    recipe = recipe_with(path, {})
    readings = (*((_VIDEO,) if recipe.frames > 1 else ()), _PICTURE, *_OTHERS)
    if not any(reading.kind is kind for reading in readings) or not (forced or readings[0].kind is kind):
        return None
    media = Media(identity, path, kind, recipe.size, details={"format": "Generated scene"}, readings=readings)
    return _configure(media)


def _configure(media: Media) -> Media:
    """The medium with the size that its settings say; the file's own stands in `details`."""
    own = media.details.get("recipe")
    recipe = read_recipe(own, quoted(media.path)) if own else recipe_with(media.path, {})
    size = media.settings.get("scene_width", recipe.width), media.settings.get("scene_height", recipe.height)
    changed = dataclasses.replace(
        media,
        size=dataclasses.replace(recipe, width=size[0], height=size[1]).size,
        details={**media.details, "recipe": recipe.text()},
    )
    if media.kind is not MediaKind.VIDEO:
        return changed
    return dataclasses.replace(
        changed, duration_secs=recipe.duration_secs, frame_count=recipe.frames, frame_rate=recipe.rate
    )


def _settings_for(media: Media) -> tuple[Field, ...]:
    """The settings, with what the file says as their defaults."""
    recipe = read_recipe(media.details["recipe"], quoted(media.path))
    return tuple(
        dataclasses.replace(field, default=getattr(recipe, _NAMES[field.name])) for field in fields_of(SceneSettings)
    )


def _register(key: str, kind: MediaKind, reader: type[_Reader], title: str, **more: Any) -> None:
    FORMATS.register(
        Format(
            key=key,
            kind=kind,
            title=title,
            probe=lambda path, head, identity, forced: _probe(kind, path, head, identity, forced),
            reader=reader,
            settings=SceneSettings,
            settings_for=_settings_for,
            configure=_configure,
            **more,
        )
    )


_register("scene", MediaKind.IMAGE, SceneReader, "picture", suffixes=(SUFFIX,), offers=("picture", "labels"), order=24)
_register("scene-video", MediaKind.VIDEO, SceneVideoReader, "video", suffixes=(), offers=("video",), order=28)
_register("scene-depth", MediaKind.DEPTH, SceneReader, "depth map", suffixes=(), offers=("depth",), order=38)
