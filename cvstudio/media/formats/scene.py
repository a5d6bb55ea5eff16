"""Generated scenes: the file is a recipe of some numbers, which are read settings, too; see `cvstudio.world`.

The picture is rendered when it is read. What the renderer knows of it are further readings: depth, normals, classes,
instances, parts, surface coordinates; a recipe of several frames is a video, and so are these, with its optical flow.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import numpy as np

from cvstudio.data.samples import DepthMap, Frame, Image
from cvstudio.foundation.params import Field, fields_of
from cvstudio.media.base import BaseReader, Format, Media, MediaKind, MovingReader, Reading
from cvstudio.media.file_identity import FileGuard, decoding, quoted
from cvstudio.media.formats import FORMATS
from cvstudio.world.recipe import SUFFIX, SceneRecipe, read_recipe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cvstudio.world.render import RenderedView, SceneRenderer

_MARK = b'"cvscene"'
_PICTURE = Reading("picture", MediaKind.IMAGE, "Picture", "The scene as the camera sees it.")
_VIDEO = Reading("video", MediaKind.VIDEO, "Video", "The scene as the camera sees it on its way.")
_DEPTH = Reading("depth", MediaKind.DEPTH, "Depth map", "Distance along the optical axis in metres.")
_TRUTH = (
    ("normals", "Surface normals", "Where each surface looks, as a colour."),
    ("classes", "Classes", "The class of each pixel, as a colour."),
    ("instances", "Instances", "Each object in a colour of its own."),
    ("parts", "Parts of figures", "Each part of a figure in a colour of its own."),
    ("uv", "Surface coordinates (uv)", "Where on its solid or part each point lies: u as red, v as green."),
)
_FLOW = (
    "flow",
    "Optical flow",
    "How each point moves until the next frame: direction as hue, length as saturation.",
)
_LABELS = ("classes", "instances", "parts")
_OF_PICTURES = tuple(
    Reading(f"{'labels' if part in _LABELS else 'picture'}={part}", MediaKind.IMAGE, title, summary)
    for part, title, summary in _TRUTH
)
_OF_VIDEOS = tuple(
    Reading(f"video={part}", MediaKind.VIDEO, title, summary) for part, title, summary in (*_TRUTH, _FLOW)
)


_SETTINGS = ("kind", "seed", "objects", "light", "width", "height")
"""What of the recipe can be chosen anew in an open file."""
_NAMES = {f"scene_{name}": name for name in _SETTINGS}
"""Name of each setting in the recipe."""


def _settings_class() -> type[Any]:
    """What a scene is made from, as read settings, declared as in the recipe. The defaults are those of the file."""
    annotations = get_type_hints(SceneRecipe, include_extras=True)
    usual = SceneRecipe()
    return dataclasses.make_dataclass(
        "SceneSettings",
        [
            (setting, annotations[name], dataclasses.field(default=getattr(usual, name)))
            for setting, name in _NAMES.items()
        ],
        frozen=True,
    )


SceneSettings = _settings_class()


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
        self._part = media.reading.part if media.reading is not None else ""
        self._renderer: SceneRenderer | None = None

    def _view(self, time_secs: float) -> RenderedView:
        """The view at a time, with what the reading needs of it."""
        self._guard.check()
        if self._renderer is None:
            self._renderer = scene_renderer(self._recipe)
        samples = 4 if self._recipe.smooth and not self._part else 1
        flow_secs = time_secs + 1 / self._recipe.rate if self._part == _FLOW[0] else None
        return self._renderer.render(time_secs, self._recipe.size, samples=samples, flow_secs=flow_secs)

    def _pixels(self, view: RenderedView) -> NDArray[np.uint8]:
        """The picture that the reading makes of a view: sRGB, or what is known of it in colours."""
        from cvstudio.draw.samples.labels import label_picture

        if self._part == "normals":
            # Towards the camera is light blue, as usual: up and the way to the camera count as positive.
            towards = np.array((1, -1, -1), np.float32)
            colours: NDArray[np.uint8] = np.rint((view.normals * towards + 1) * 127.5).astype(np.uint8)
            colours[view.depth == 0] = 0
            return colours
        if self._part == "uv":
            colours = np.zeros((*view.depth.shape, 3), np.uint8)
            colours[..., :2] = np.rint(np.nan_to_num(view.uv) * 255)
            return colours
        if view.flow is not None:
            from cvstudio.draw.samples.flow import flow_picture

            return flow_picture(view.flow.vectors)
        if self._part in _LABELS:
            return label_picture(view.classes + 1 if self._part == "classes" else getattr(view, self._part))
        return view.pixels


class SceneReader(_Reader):
    """Renders the picture of a scene, or what is known of it.

    Raises
    ------
    MediaError
        The file is damaged, or was removed or changed since `media` was made.
    """

    def read(self) -> Image:
        """Render: sRGB, or labels, normals and the like in colours. Raises MediaError."""
        return Image(self._pixels(self._view(0.0)))


class SceneDepthReader(_Reader):
    """Renders the depth of a scene.

    Raises
    ------
    MediaError
        As `SceneReader`.
    """

    def __init__(self, media: Media) -> None:
        super().__init__(media)
        # One sample a pixel: the depth of an edge is that of one side.
        self._recipe = dataclasses.replace(self._recipe, smooth=False)

    def read(self) -> DepthMap:
        """Render the depth in metres. Raises MediaError."""
        view = self._view(0.0)
        return DepthMap(view.depth, "m", view.depth == 0)


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
            self._last = number, Frame(self._pixels(self._view(pts)), pts=pts)
        return self._last[1]


def _probe(kind: MediaKind, path: Path, head: bytes, identity: str, forced: bool) -> Media | None:
    if head.lstrip()[:1] != b"{" or _MARK not in head:
        return None
    recipe = recipe_with(path, {})
    moves = recipe.frames > 1
    readings = (_VIDEO, *_OF_VIDEOS, _PICTURE, _DEPTH) if moves else (_PICTURE, _DEPTH, *_OF_PICTURES)
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
_register("scene-depth", MediaKind.DEPTH, SceneDepthReader, "depth map", suffixes=(), offers=("depth",), order=38)
