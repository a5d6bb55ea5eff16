"""What a scene is made from: a few numbers, which a small JSON file holds (`.cvscene`)."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from cvstudio.data.geometry import Size
from cvstudio.foundation.errors import MediaError, ParamsError
from cvstudio.foundation.params import Choices, Doc, Range, check_value, fields_of

SUFFIX = ".cvscene"
FORM = 1
"""Version of the file's form."""
KINDS = ("room", "street", "figures", "objects")
KIND_TITLES = ("Room", "Street", "Figures", "Objects on a table")
MOST_OBJECTS = 60
MAX_SIDE = 2048


@dataclass(frozen=True)
class SceneRecipe:
    """Which scene is built and how its picture or video is rendered. The same recipe gives the same pixels."""

    kind: Annotated[
        str,
        Choices(KINDS, KIND_TITLES),
        Doc("Scene", "What is built: a furnished room, a street, figures, or objects on a table."),
    ] = "room"
    seed: Annotated[
        int,
        Range(0, 9999, step=1),
        Doc("Seed", "Each number is another scene: other shapes, places, textures, light and camera."),
    ] = 7
    objects: Annotated[
        int,
        Range(1, MOST_OBJECTS, step=1),
        Doc("Objects", "Number of objects in the scene, where there is room for them; the scenery comes on top."),
    ] = 20
    light: Annotated[
        float,
        Range(0.1, 2.5, step=0.05),
        Doc("Light", "Strength of the light, 1 being as usual.", "Try 0.3 for a dark picture."),
    ] = 1.0
    width: Annotated[int, Range(32, MAX_SIDE, step=1), Doc("Width", "Width of the picture in pixels.")] = 512
    height: Annotated[int, Range(32, MAX_SIDE, step=1), Doc("Height", "Height of the picture in pixels.")] = 384
    frames: Annotated[
        int,
        Range(1, 500, step=1),
        Doc("Frames", "Number of frames of the video, through which the camera and some of the objects move."),
    ] = 1
    rate: Annotated[float, Range(1, 60, step=1), Doc("Frame rate", "Frames of the video in a second.")] = 25.0
    smooth: Annotated[
        bool,
        Doc("Smooth edges", "Takes four samples of the colour in each pixel: edges and shadows are soft."),
    ] = True

    def __post_init__(self) -> None:
        for declared in fields_of(SceneRecipe):
            value = check_value(declared, getattr(self, declared.name))
            object.__setattr__(self, declared.name, value)

    @property
    def size(self) -> Size:
        """Of the picture in pixels."""
        return Size(self.width, self.height)

    @property
    def duration_secs(self) -> float:
        """Of the video in seconds; of a picture that of one frame."""
        return self.frames / self.rate

    def frame_at(self, pts: float) -> int:
        """Number of the frame that is shown at `pts` seconds, from 0."""
        return min(max(0, int(pts * self.rate + 1e-6)), self.frames - 1)

    def text(self) -> str:
        """The recipe as the file holds it."""
        return json.dumps({"cvscene": FORM, **dataclasses.asdict(self)}, indent=1) + "\n"


def read_recipe(text: str, name: str) -> SceneRecipe:
    """The recipe of a file.

    Parameters
    ----------
    text : its content
    name : what messages call it, in quotes

    Raises
    ------
    MediaError
        It is no recipe, one of a later version, or has a value that is not allowed.
    """
    try:
        values: Any = json.loads(text)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, Mapping) or not isinstance(values.get("cvscene"), int):
        raise MediaError(f"{name} is expected to hold the recipe of a scene, but is damaged; make a new scene.")
    if values["cvscene"] > FORM:
        raise MediaError(f"{name} was made by a later version of the program; open it with that one.")
    names = {declared.name for declared in fields_of(SceneRecipe)}
    try:
        return SceneRecipe(**{key: value for key, value in values.items() if key in names})
    except ParamsError as error:
        raise MediaError(f"{name} holds a value that is not allowed: {error}") from None
