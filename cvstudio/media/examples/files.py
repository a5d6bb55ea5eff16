"""Example files to try the program on. Nothing is downloaded.

Photographs come with an installed dependency, speech with the program, and the rest is generated on first use and kept
in the user's cache.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cvstudio.foundation.errors import MediaError, UnknownKeyError
from cvstudio.foundation.paths import resource, user_cache_dir
from cvstudio.foundation.progress import Progress

VERSION = "v1"
"""Incremented when a generator's output changes, so that cached files are generated anew."""

Origin = Literal["scikit-image", "shipped", "generated"]


@dataclass(frozen=True)
class ExampleFile:
    """A file to try the program on.

    Parameters
    ----------
    key : argument of `sample_path`
    title : for lists, in English
    kind : "image", "depth", "video" or "audio", the value of a `MediaKind`, or "labels"
    file : its name in the folder of its `origin`
    origin : "scikit-image" (in that package), "shipped" (in resources/samples) or "generated" (in the user's cache)
    licence, source : terms of use, and author
    """

    key: str
    title: str
    kind: Literal["image", "depth", "video", "audio", "labels"]
    file: str
    origin: Origin
    licence: str
    source: str


_OWN = "CC0-1.0"

SAMPLES: tuple[ExampleFile, ...] = (
    ExampleFile(
        "astronaut",
        "Astronaut",
        "image",
        "astronaut.png",
        "scikit-image",
        "Public domain",
        "Portrait of Eileen Collins, NASA Great Images; carried by scikit-image",
    ),
    ExampleFile(
        "cat",
        "Cat",
        "image",
        "chelsea.png",
        "scikit-image",
        "CC0-1.0",
        "Photograph by Stefan van der Walt; carried by scikit-image",
    ),
    ExampleFile(
        "coffee",
        "Coffee",
        "image",
        "coffee.png",
        "scikit-image",
        "CC0-1.0",
        "Photograph by Rachel Michetti, Pikolo Espresso Bar; carried by scikit-image",
    ),
    ExampleFile("street", "Street", "image", "street.png", "generated", _OWN, "Drawn by cvstudio"),
    ExampleFile(
        "texture",
        "Grass among other textures",
        "image",
        "textures/grass/grass-1.png",
        "generated",
        "CC0-1.0 and public domain",
        "Parts of photographs that scikit-image carries: brick, grass and gravel of CC0Textures, the Hubble deep field "
        "(NASA), and a section of tissue",
    ),
    ExampleFile("scene", "Still life", "image", "still-life.png", "generated", _OWN, "Rendered by cvstudio"),
    ExampleFile(
        "scene-depth",
        "Still life, depth",
        "depth",
        "still-life-depth.png",
        "generated",
        _OWN,
        "Rendered by cvstudio: exact depth along the optical axis in millimetres",
    ),
    ExampleFile(
        "scene-right",
        "Still life, right eye",
        "image",
        "still-life-right.png",
        "generated",
        _OWN,
        "Rendered by cvstudio: the still life from 6 cm further to the right, with a focal length of 1480 pixels",
    ),
    ExampleFile(
        "clip",
        "Portrait in motion, with sound",
        "video",
        "portrait.mp4",
        "generated",
        _OWN,
        "Made by cvstudio from the astronaut photograph (public domain); a click on every full second",
    ),
    ExampleFile(
        "dialogue",
        "Two voices",
        "audio",
        "speech/dialogue.flac",
        "shipped",
        _OWN,
        "Synthetic voices (espeak-ng); exactly voice A + voice B",
    ),
    ExampleFile("voice-a", "Voice A", "audio", "speech/voice-a.flac", "shipped", _OWN, "Synthetic voice (espeak-ng)"),
    ExampleFile("voice-b", "Voice B", "audio", "speech/voice-b.flac", "shipped", _OWN, "Synthetic voice (espeak-ng)"),
    ExampleFile(
        "photo-labels",
        "Labelled photographs",
        "labels",
        "photo-labels.xml",
        "generated",
        _OWN,
        "Astronaut, cat and coffee with outlines, key points and classes, labelled by hand; in CVAT's form",
    ),
)


def sample(key: str) -> ExampleFile:
    """The example file `key`. Raises UnknownKeyError."""
    for item in SAMPLES:
        if item.key == key:
            return item
    raise UnknownKeyError(f"There is no sample '{key}'; there are: {', '.join(item.key for item in SAMPLES)}.")


def sample_path(key: str, progress: Progress | None = None) -> Path:
    """Path of an example file; a generated one is made on first use (a few seconds) and kept.

    Parameters
    ----------
    key : one of `SAMPLES`
    progress : reports on and can cancel the generation

    Raises
    ------
    UnknownKeyError
        There is no such example.
    MediaError
        The file is missing from its package, or the cache folder cannot be written.
    Cancelled
        `progress` was cancelled; no half-made file is left.
    """
    item, path = sample(key), sample_place(key)
    if item.origin == "generated" and not path.exists():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _GENERATORS[key](path.parent, progress or Progress())
        except OSError as error:
            raise MediaError(
                f"The sample {item.title} cannot be written to {path.parent} ({error.strerror or error}); "
                "make room there or allow writing."
            ) from None
    return path


def sample_place(key: str) -> Path:
    """Path of an example file, whether it has been generated or not. Raises UnknownKeyError, MediaError."""
    item = sample(key)
    if item.origin == "scikit-image":
        return _photo(item.file)
    if item.origin == "shipped":
        return resource("samples", *item.file.split("/"))
    return user_cache_dir() / "samples" / VERSION / item.file


def _photo(name: str) -> Path:
    # Found by path: importing skimage.data would bring its downloader.
    spec = importlib.util.find_spec("skimage")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    for folder in folders:
        path = Path(folder) / "data" / name
        if path.is_file():
            return path
    raise MediaError(f"The photograph {name} is part of scikit-image but was not found; install scikit-image again.")


def _scene(folder: Path, progress: Progress) -> None:
    from cvstudio.media.examples.still_life import write_scene

    write_scene(folder / sample("scene").file, folder / sample("scene-depth").file, progress)


def _right_eye(folder: Path, progress: Progress) -> None:
    from cvstudio.media.examples.still_life import write_right

    write_right(folder / sample("scene-right").file, progress)


def _street(folder: Path, progress: Progress) -> None:
    from cvstudio.media.examples.street import write_street

    write_street(folder / sample("street").file, progress)


def _textures(folder: Path, progress: Progress) -> None:
    from cvstudio.media.examples.textures import write_textures

    write_textures(folder.parent, _photo, progress)


def _clip(folder: Path, progress: Progress) -> None:
    from cvstudio.media.examples.clip import write_clip

    write_clip(folder / sample("clip").file, _photo(sample("astronaut").file), progress)


def _labels(folder: Path, progress: Progress) -> None:
    """The shipped labels with copies of their photographs beside them, so that they are a set that can be browsed."""
    for key in ("astronaut", "cat", "coffee"):
        shutil.copyfile(sample_path(key), folder / sample(key).file)
    # Last, as its presence says that the sample is complete.
    shutil.copyfile(resource("samples", "labels", "photos.xml"), folder / sample("photo-labels").file)


_GENERATORS: dict[str, Callable[[Path, Progress], None]] = {
    "street": _street,
    "texture": _textures,
    "scene": _scene,
    "scene-depth": _scene,
    "scene-right": _right_eye,
    "clip": _clip,
    "photo-labels": _labels,
}
