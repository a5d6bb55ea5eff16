"""Reading and writing of the YAML file that declares a custom model.

The file, version 1, is a mapping::

    cvstudio-model: 1                # version of the format
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

and optionally: `key`, `summary`, `paper`, `year`, `source`, `trained_on`, `metrics`, `activation` (none,
sigmoid or softmax, in place of the decoder's own), `coordinates` (pixels or normalised) and `first_label` (the number
of the first label) for decoder ssd, `score` and `iou` for detectors, `skeleton` (pairs of labels or of their numbers)
and `regions` (key of a detector whose boxes are cropped) with `region_label` and `region_margin` for key points.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from cvstudio.foundation.errors import CustomModelError
from cvstudio.models.custom.model import Activation, Coordinates, CustomModel
from cvstudio.models.shared.preprocessing import Channels, Interpolation, Layout, Preparation, Resize

VERSION = 1
MARK = "cvstudio-model"
SUFFIXES = (".yaml", ".yml")
LARGEST_BYTES = 4 << 20
"""Largest size of a YAML file; a larger one is no declaration."""


def slug(text: str) -> str:
    """A key made from a name: lower-case letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-") or "model"


def declaration_path(file: Path) -> Path | None:
    """The YAML file beside the weights; None where there is none."""
    beside = (file.with_suffix(suffix) for suffix in SUFFIXES)
    return next((path for path in beside if path.is_file()), None)


LARGEST = 1e12
"""Largest magnitude of any number; a larger one is a mistake."""


def _is_number(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float) and -LARGEST <= value <= LARGEST


class _Reader:
    """Checked access to the entries of a mapping, each read once; `done` rejects entries that were not read."""

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        self._unread = dict(values)
        self._names: list[str] = []
        self._where = where

    def wrong(self, name: str, expected: str, found: Any) -> CustomModelError:
        return CustomModelError(f"{self._where}: expected {expected} as '{name}', found {found!r}; correct it.")

    def take(self, name: str, default: Any = None) -> Any:
        self._names.append(name)
        value = self._unread.pop(name, None)
        return default if value is None else value

    def text(self, name: str, default: str = "") -> str:
        value = self.take(name, default)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self.wrong(name, "a text", value)
        return str(value)

    def choice(self, name: str, options: tuple[str, ...], default: str) -> Any:
        value = self.take(name, default)
        if value not in options:
            raise self.wrong(name, f"one of {', '.join(option for option in options if option)}", value)
        return value

    def number(self, name: str, default: float, low: float, high: float) -> float:
        value = self.take(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self.wrong(name, f"a number from {low:g} to {high:g}", value)
        return float(value)

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        value = self.number(name, default, low, high)
        if value != int(value):
            raise self.wrong(name, "a whole number", value)
        return int(value)

    def numbers(self, name: str, default: tuple[float, ...]) -> tuple[float, ...]:
        value = self.take(name, list(default))
        usable = isinstance(value, list | tuple) and len(value) == len(default)
        if not usable or not all(_is_number(item) for item in value):
            raise self.wrong(name, f"{len(default)} numbers", value)
        return tuple(float(item) for item in value)

    def done(self) -> None:
        if self._unread:
            import difflib

            name = str(next(iter(self._unread)))
            matches = difflib.get_close_matches(name, self._names, n=1)
            hint = f"did you mean '{matches[0]}'?" if matches else f"there are: {', '.join(self._names)}."
            raise CustomModelError(f"{self._where}: there is no entry '{name}'; {hint}")


def _input_of(values: Any, where: str) -> Preparation:
    if not isinstance(values, Mapping):
        raise CustomModelError(f"{where}: expected a mapping with the size of the network's input as 'input'; add it.")
    reader = _Reader(values, where)
    width, height = reader.numbers("size", (0, 0))
    if not all(1 <= side <= 8192 and side == int(side) for side in (width, height)):
        raise reader.wrong("size", "width and height in pixels, 1 to 8192", [width, height])
    std = reader.numbers("std", (1, 1, 1))
    if 0 in std:
        raise reader.wrong("std", "three numbers other than 0", list(std))
    preparation = Preparation(
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
    return preparation


def labels_of(labels: Any, folder: Path, where: str) -> tuple[tuple[str, ...], str]:
    """Labels from a list, a text file with one per line, or a known set, with the name of the set.

    Raises
    ------
    CustomModelError
        It is none of these, or the file cannot be read.
    """
    from cvstudio.models.shared.labels import SETS

    if isinstance(labels, Mapping) and sorted(labels) == list(range(len(labels))):
        labels = [labels[number] for number in range(len(labels))]
    if isinstance(labels, list | tuple):
        if not labels or any(isinstance(item, list | tuple | Mapping) or item is None for item in labels):
            raise CustomModelError(f"{where}: expected a list of names as 'labels', found {labels!r}; correct it.")
        return tuple(str(item) for item in labels), ""
    if isinstance(labels, str) and labels in SETS:
        return SETS[labels](), labels
    if not isinstance(labels, str) or not labels:
        raise CustomModelError(
            f"{where}: expected 'labels' as a list, a text file, or one of {', '.join(SETS)}, found {labels!r}."
        )
    path = folder / labels
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError):
        raise CustomModelError(
            f"{where}: expected a text file with one label a line at {path}, but it cannot be read; correct 'labels'."
        ) from None
    names = tuple(line.strip() for line in lines if line.strip())
    if not names:
        raise CustomModelError(f"{where}: expected labels in {path.name}, but it is empty; write one per line.")
    return names, ""


def _skeleton_of(skeleton: Any, labels: tuple[str, ...], reader: _Reader) -> tuple[tuple[int, int], ...]:
    pairs = []
    for pair in skeleton if isinstance(skeleton, list | tuple) else [skeleton]:
        ends = [labels.index(end) if end in labels else end for end in pair] if isinstance(pair, list | tuple) else []
        if len(ends) != 2 or any(type(end) is not int or not 0 <= end < len(labels) for end in ends):
            raise reader.wrong("skeleton", f"pairs of labels or of numbers from 0 to {len(labels) - 1}", pair)
        pairs.append((ends[0], ends[1]))
    return tuple(pairs)


def from_mapping(values: Any, folder: Path, where: str) -> CustomModel:
    """Check the content of a declaration's file.

    Parameters
    ----------
    values : content of the YAML file
    folder : to which its paths are relative
    where : name of the file in error messages

    Raises
    ------
    CustomModelError
        The content is no declaration, or an entry is missing or wrong.
    """
    from cvstudio.models.custom.decoders import DECODERS, decoder_of, readable_tasks

    if not isinstance(values, Mapping) or MARK not in values:
        raise CustomModelError(f"{where}: expected a declaration that begins with '{MARK}: {VERSION}'; add that line.")
    reader = _Reader(values, where)
    version = reader.take(MARK)
    if type(version) is not int or not 1 <= version <= VERSION:
        raise CustomModelError(
            f"{where}: expected '{MARK}: {VERSION}', found {version!r}; update the program or correct the line."
        )
    file = reader.text("file")
    if not file or "\0" in file:
        raise reader.wrong("file", "the name of an ONNX or TorchScript file", file)
    task = reader.choice("task", tuple(task.key for task in readable_tasks()), "")
    decoder = reader.choice("decoder", tuple(item.key for item in DECODERS.values() if item.task == task), "")
    preparation = _input_of(reader.take("input"), where)
    labels, label_set = labels_of(reader.take("labels"), folder, where)
    path = Path(file).expanduser()
    title = reader.text("title", path.stem)
    model = CustomModel(
        file=path if path.is_absolute() else (folder / path).resolve(),
        task=task,
        decoder=decoder,
        input=preparation,
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
    decoder_of(model)
    if model.task == "segment" and preparation.resize == "crop":
        raise reader.wrong("resize", "stretch, letterbox or corner for a segmenter", "crop")
    return model


def read_declaration(path: Path) -> CustomModel:
    """Read the declaration in a YAML file. Raises CustomModelError."""
    import yaml

    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise CustomModelError(f"Expected a declaration in {path.name}, but it is too large; choose another file.")
        values = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise CustomModelError(
            f"{path.name} cannot be read ({error.strerror}); check that it is still there."
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        at = "" if line is None else f" (line {line + 1})"
        raise CustomModelError(f"{path.name} is not valid YAML{at}; correct it.") from None
    return from_mapping(values, path.parent, path.name)


def to_mapping(model: CustomModel, folder: Path) -> dict[str, Any]:
    """Content of the YAML file of `model` in `folder`: entries other than the defaults, paths relative to `folder`."""
    preparation = model.input
    default = Preparation(preparation.size)
    input_values = {
        name: value for name, value in vars(preparation).items() if name != "size" and value != vars(default)[name]
    }
    file = model.file.relative_to(folder).as_posix() if model.file.is_relative_to(folder) else str(model.file)
    values: dict[str, Any] = {
        MARK: VERSION,
        "file": file,
        "title": model.title,
        "key": model.key,
        "task": model.task,
        "decoder": model.decoder,
        "input": {
            "size": list(preparation.size),
            **{name: list(value) if isinstance(value, tuple) else value for name, value in input_values.items()},
        },
        "labels": model.label_set or list(model.labels),
        "licence": model.licence,
    }
    optional = (
        *("summary", "paper", "year", "source", "trained_on", "metrics", "activation", "coordinates", "first_label"),
        *("score", "iou", "regions", "region_label", "region_margin"),
    )
    defaults = CustomModel.__dataclass_fields__
    values |= {name: getattr(model, name) for name in optional if getattr(model, name) != defaults[name].default}
    if model.skeleton:
        values["skeleton"] = [list(pair) for pair in model.skeleton]
    return values


def write_declaration(path: Path, model: CustomModel) -> None:
    """Write `model` as YAML to `path`. Raises OSError."""
    import yaml

    from cvstudio.foundation.atomic_files import atomic_path

    text = yaml.safe_dump(to_mapping(model, path.parent), sort_keys=False, allow_unicode=True, default_flow_style=None)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
