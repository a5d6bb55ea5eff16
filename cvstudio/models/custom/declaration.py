"""What is declared of a user's network, and the YAML file that holds it.

The file, version 1, is a mapping::

    cvstudio-model: 1                # the version of this form
    file: yolox_nano_coco.onnx       # ONNX or TorchScript, relative to the YAML file
    title: YOLOX-Nano
    task: detect                     # detect, classify, segment or keypoints
    decoder: yolox                   # see `cvstudio.models.custom.decoders`
    labels: coco-80                  # a list, a text file with one a line, or a known set
    input:
      size: [416, 416]               # width, height in pixels
      resize: corner                 # stretch, letterbox, corner or crop
      fill: 114                      # grey of what is padded
      channels: BGR                  # RGB or BGR
      scale: 1.0                     # input = (pixels 0..255 * scale - mean) / std
      mean: [0, 0, 0]                # in the order of the channels
      std: [1, 1, 1]
      layout: NCHW                   # NCHW, NHWC, CHW or HWC
      interpolation: linear          # linear or area
      crop: 1.0                      # with resize: crop, the part that is kept
    licence: Apache-2.0

and, where they are wanted: `key`, `summary`, `paper`, `year`, `source`, `trained_on`, `metrics`, `activation` (none,
sigmoid or softmax, in place of the decoder's own), `coordinates` (pixels or normalised) and `first_label` (the number
of the first label) for decoder ssd, `score` and `iou` for detectors, `skeleton` (pairs of labels or of their numbers)
and `regions` (a detector's key; persons are cut out by it) with `region_label` and `region_margin` for key points.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from cvstudio.foundation.errors import OwnModelError
from cvstudio.models.custom.model import Activation, Coordinates, CustomModel
from cvstudio.models.shared.preprocessing import Channels, Interpolation, Layout, Preparation, Resize

VERSION = 1
MARK = "cvstudio-model"
SUFFIXES = (".yaml", ".yml")
LARGEST_BYTES = 4 << 20
"""Of a YAML file; a longer one is not a declaration."""


def slug(text: str) -> str:
    """A key from a name: small letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-") or "model"


def declaration_path(file: Path) -> Path | None:
    """The YAML file beside the weights; None where there is none."""
    beside = (file.with_suffix(suffix) for suffix in SUFFIXES)
    return next((path for path in beside if path.is_file()), None)


LARGEST = 1e12
"""Of any number; beyond it, nothing is meant."""


def _is_number(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float) and -LARGEST <= value <= LARGEST


class _Reader:
    """Takes values out of a mapping, each checked; what is left over is a mistake."""

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        self._left = dict(values)
        self._known: list[str] = []
        self._where = where

    def wrong(self, name: str, expected: str, found: Any) -> OwnModelError:
        return OwnModelError(f"{self._where}: expected {expected} as '{name}', found {found!r}; correct it.")

    def take(self, name: str, default: Any = None) -> Any:
        self._known.append(name)
        found = self._left.pop(name, None)
        return default if found is None else found

    def text(self, name: str, default: str = "") -> str:
        found = self.take(name, default)
        if isinstance(found, bool) or not isinstance(found, str | int | float):
            raise self.wrong(name, "a text", found)
        return str(found)

    def choice(self, name: str, options: tuple[str, ...], default: str) -> Any:
        found = self.take(name, default)
        if found not in options:
            raise self.wrong(name, f"one of {', '.join(option for option in options if option)}", found)
        return found

    def number(self, name: str, default: float, low: float, high: float) -> float:
        found = self.take(name, default)
        if isinstance(found, bool) or not isinstance(found, int | float) or not low <= found <= high:
            raise self.wrong(name, f"a number from {low:g} to {high:g}", found)
        return float(found)

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        found = self.number(name, default, low, high)
        if found != int(found):
            raise self.wrong(name, "a whole number", found)
        return int(found)

    def numbers(self, name: str, default: tuple[float, ...]) -> tuple[float, ...]:
        found = self.take(name, list(default))
        usable = isinstance(found, list | tuple) and len(found) == len(default)
        if not usable or not all(_is_number(item) for item in found):
            raise self.wrong(name, f"{len(default)} numbers", found)
        return tuple(float(item) for item in found)

    def done(self) -> None:
        if self._left:
            import difflib

            name = str(next(iter(self._left)))
            near = difflib.get_close_matches(name, self._known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(self._known)}."
            raise OwnModelError(f"{self._where}: there is no entry '{name}'; {hint}")


def _input_of(values: Any, where: str) -> Preparation:
    if not isinstance(values, Mapping):
        raise OwnModelError(f"{where}: expected a mapping with the size of the network's input as 'input'; add it.")
    reader = _Reader(values, where)
    width, height = reader.numbers("size", (0, 0))
    if not all(1 <= side <= 8192 and side == int(side) for side in (width, height)):
        raise reader.wrong("size", "width and height in pixels, 1 to 8192", [width, height])
    std = reader.numbers("std", (1, 1, 1))
    if 0 in std:
        raise reader.wrong("std", "three numbers other than 0", list(std))
    found = Preparation(
        size=(int(width), int(height)),
        resize=reader.choice("resize", get_args(Resize), "letterbox"),
        fill=reader.whole("fill", 114, 0, 255),
        crop=reader.number("crop", 1.0, 0.05, 1.0),
        interpolation=reader.choice("interpolation", get_args(Interpolation), "linear"),
        layout=reader.choice("layout", get_args(Layout), "NCHW"),
        channels=reader.choice("channels", get_args(Channels), "RGB"),
        scale=reader.number("scale", 1.0, 1e-6, 1e6),
        mean=reader.numbers("mean", (0, 0, 0)),  # type: ignore[arg-type]
        std=std,  # type: ignore[arg-type]
    )
    reader.done()
    return found


def labels_of(given: Any, folder: Path, where: str) -> tuple[tuple[str, ...], str]:
    """The labels of a list, a text file with one a line, or a known set, and the name of the set.

    Raises
    ------
    OwnModelError
        It is none of these, or the file cannot be read.
    """
    from cvstudio.models.shared.labels import SETS

    if isinstance(given, Mapping) and sorted(given) == list(range(len(given))):
        given = [given[number] for number in range(len(given))]
    if isinstance(given, list | tuple):
        if not given or any(isinstance(item, list | tuple | Mapping) or item is None for item in given):
            raise OwnModelError(f"{where}: expected a list of names as 'labels', found {given!r}; correct it.")
        return tuple(str(item) for item in given), ""
    if isinstance(given, str) and given in SETS:
        return SETS[given](), given
    if not isinstance(given, str) or not given:
        raise OwnModelError(
            f"{where}: expected 'labels' as a list, a text file, or one of {', '.join(SETS)}, found {given!r}."
        )
    path = folder / given
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError):
        raise OwnModelError(
            f"{where}: expected a text file with one label a line at {path}, but it cannot be read; correct 'labels'."
        ) from None
    names = tuple(line.strip() for line in lines if line.strip())
    if not names:
        raise OwnModelError(f"{where}: expected labels in {path.name}, but it is empty; write one a line.")
    return names, ""


def _skeleton_of(given: Any, labels: tuple[str, ...], reader: _Reader) -> tuple[tuple[int, int], ...]:
    pairs = []
    for pair in given if isinstance(given, list | tuple) else [given]:
        ends = [labels.index(end) if end in labels else end for end in pair] if isinstance(pair, list | tuple) else []
        if len(ends) != 2 or any(type(end) is not int or not 0 <= end < len(labels) for end in ends):
            raise reader.wrong("skeleton", f"pairs of labels or of numbers from 0 to {len(labels) - 1}", pair)
        pairs.append((ends[0], ends[1]))
    return tuple(pairs)


def from_mapping(values: Any, folder: Path, where: str) -> CustomModel:
    """A declaration from the content of its file.

    Parameters
    ----------
    values : what the YAML file holds
    folder : to which its paths are relative
    where : how messages name it

    Raises
    ------
    OwnModelError
        One sentence: what was expected, what was found.
    """
    from cvstudio.models.custom.decoders import DECODERS, decoder_of, readable_tasks

    if not isinstance(values, Mapping) or MARK not in values:
        raise OwnModelError(f"{where}: expected a declaration that begins with '{MARK}: {VERSION}'; add that line.")
    reader = _Reader(values, where)
    version = reader.take(MARK)
    if type(version) is not int or not 1 <= version <= VERSION:
        raise OwnModelError(
            f"{where}: expected '{MARK}: {VERSION}', found {version!r}; update the program or correct the line."
        )
    file = reader.text("file")
    if not file or "\0" in file:
        raise reader.wrong("file", "the name of an ONNX or TorchScript file", file)
    task = reader.choice("task", tuple(task.key for task in readable_tasks()), "")
    decoder = reader.choice("decoder", tuple(item.key for item in DECODERS.values() if item.task == task), "")
    how = _input_of(reader.take("input"), where)
    labels, label_set = labels_of(reader.take("labels"), folder, where)
    path = Path(file).expanduser()
    title = reader.text("title", path.stem)
    found = CustomModel(
        file=path if path.is_absolute() else (folder / path).resolve(),
        task=task,
        decoder=decoder,
        input=how,
        labels=labels,
        key=slug(reader.text("key", title)),
        title=title,
        licence=reader.text("licence"),
        summary=reader.text("summary"),
        paper=reader.text("paper"),
        year=reader.whole("year", 0, 0, 2200),
        source=reader.text("source"),
        trained_on=reader.text("trained_on"),
        metrics=reader.text("metrics"),
        activation=reader.choice("activation", get_args(Activation), ""),
        coordinates=reader.choice("coordinates", get_args(Coordinates), "pixels"),
        first_label=reader.whole("first_label", 0, -1, 1000),
        score=reader.number("score", 0.3, 0.01, 1),
        iou=reader.number("iou", 0.45, 0, 1),
        skeleton=_skeleton_of(reader.take("skeleton", []), labels, reader),
        regions=reader.text("regions"),
        region_label=reader.text("region_label", "person"),
        region_margin=reader.number("region_margin", 1.25, 1, 3),
        label_set=label_set,
    )
    reader.done()
    decoder_of(found)
    if found.task == "segment" and how.resize == "crop":
        raise reader.wrong("resize", "stretch, letterbox or corner for a segmenter", "crop")
    return found


def read_declaration(path: Path) -> CustomModel:
    """The declaration in a YAML file. Raises OwnModelError."""
    import yaml

    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise OwnModelError(f"Expected a declaration in {path.name}, but it is too large; choose another file.")
        values = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise OwnModelError(f"{path.name} cannot be read ({error.strerror}); check that it is still there.") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        at = "" if line is None else f" (line {line + 1})"
        raise OwnModelError(f"{path.name} is not valid YAML{at}; correct it.") from None
    return from_mapping(values, path.parent, path.name)


def to_mapping(model: CustomModel, folder: Path) -> dict[str, Any]:
    """What the YAML file in `folder` holds of `model`: what differs from its default, the network named relatively."""
    how = model.input
    plain = Preparation(how.size)
    wanted = {name: value for name, value in vars(how).items() if name != "size" and value != vars(plain)[name]}
    file = model.file.relative_to(folder).as_posix() if model.file.is_relative_to(folder) else str(model.file)
    found: dict[str, Any] = {
        MARK: VERSION,
        "file": file,
        "title": model.title,
        "key": model.key,
        "task": model.task,
        "decoder": model.decoder,
        "input": {
            "size": list(how.size),
            **{name: list(value) if isinstance(value, tuple) else value for name, value in wanted.items()},
        },
        "labels": model.label_set or list(model.labels),
        "licence": model.licence,
    }
    rest = (
        *("summary", "paper", "year", "source", "trained_on", "metrics", "activation", "coordinates", "first_label"),
        *("score", "iou", "regions", "region_label", "region_margin"),
    )
    defaults = CustomModel.__dataclass_fields__
    found |= {name: getattr(model, name) for name in rest if getattr(model, name) != defaults[name].default}
    if model.skeleton:
        found["skeleton"] = [list(pair) for pair in model.skeleton]
    return found


def write_declaration(path: Path, model: CustomModel) -> None:
    """Write `model` as YAML to `path`. Raises OSError."""
    import yaml

    from cvstudio.foundation.atomic_files import atomic_path

    text = yaml.safe_dump(to_mapping(model, path.parent), sort_keys=False, allow_unicode=True, default_flow_style=None)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
