"""Mask pictures: the class of each pixel as its value, with a palette or in grey; 255 is not labelled."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.data.label_maps import class_map
from cvstudio.data.labels import NO_CLASS, Category, LabelledSet, LabelMap, LeftOut, PictureLabels
from cvstudio.foundation.errors import ExportError, MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations import ANNOTATION_FORMATS, AnnotationFormat, WriteOptions
from cvstudio.media.annotations._files import class_names, files_below, put_picture, safe_path, stem_of, write_text
from cvstudio.media.annotations._left_out import NO_PLACE, TWICE, Collector, Report, lazy_set, readable
from cvstudio.media.annotations._pictures import Folders, picture_size, places
from cvstudio.media.annotations._values import integer, mapping, read_yaml, text
from cvstudio.media.file_identity import check_size, decoding, quoted

VOID = 255
"""Value of pixels that nobody labelled, as in Pascal VOC's masks."""
MAX_VALUE = (1 << 15) - 1
"""The number of a class at most, as results have classes in 16 bits."""
MASK_FOLDERS = ("masks", "labels", "SegmentationClass", "annotations", "mask", "gt", "label")
_CLASS_FILES = ("classes.txt", "labels.txt", "class_names.txt", "codes.txt", "names.txt")
_SUFFIXES = (".png", ".bmp", ".tif", ".tiff", ".gif")
_ENDINGS = ("_mask", "-mask", "_label", "_labels", "_gt", "_seg", "_labelIds", "_L")
"""What some sets add to the name of a picture for that of its mask."""
_MODES = ("P", "L", "I;16", "I;16B", "I", "1")
_PROBED = 8
"""Masks of a folder whose headers are looked at."""
_LOOKED_AT = 64
"""Masks that are looked at for the classes where nothing names them."""


def _mode(path: Path) -> str:
    """The mode of a picture, by its header alone; empty where it cannot be read."""
    from PIL import Image

    try:
        with Image.open(path) as picture:
            return picture.mode
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return ""


def _folder_of(path: Path) -> Path | None:
    """The folder of the masks: `path`, or a usual one in it."""
    candidates = [path / name for name in MASK_FOLDERS if (path / name).is_dir()]
    if path.name.casefold() in {name.casefold() for name in MASK_FOLDERS}:
        candidates.insert(0, path)
    for candidate in candidates:
        # One channel of whole numbers; a damaged file says nothing of the others.
        if next(filter(None, map(_mode, _masks_in(candidate, limit=_PROBED))), "") in _MODES:
            return candidate
    return None


def _masks_in(folder: Path, *, limit: int | None = None) -> list[Path]:
    if limit is None:
        return files_below(folder, *_SUFFIXES)
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found = sorted(name for name in names if name.casefold().endswith(_SUFFIXES) and not name.startswith("."))
        if found:
            return [Path(parent, name) for name in found[:limit]]
    return []


def _recognises(path: Path) -> bool:
    try:
        return path.is_dir() and _folder_of(path) is not None
    except OSError:
        return False


def _read(path: Path) -> LabelledSet:
    folder = _folder_of(path)
    if folder is None:
        raise MediaError(f"{quoted(path)} holds no masks: pictures of one channel, usually in a folder 'masks'.")
    collector, folders = Collector(), Folders()
    masks: dict[str, Path] = {}
    pictures: dict[str, Path | None] = {}
    for item in _masks_in(folder):
        relative = item.parent.relative_to(folder).as_posix().strip("./")
        picture = _picture(item, folder, relative, folders)
        name = picture.name if picture is not None else item.name
        name = f"{relative}/{name}" if relative else name
        if name in masks:
            collector.add(TWICE, name)
            continue
        masks[name], pictures[name] = item, picture
    names = _names(path, folder, next(iter(masks.values())))
    if not names:
        collector.add("There is no list of class names; add classes.txt, a name in each line, to name them.")
    if len(names) <= 2 and not _names_in(next(iter(masks.values()))) and _black_and_white(list(masks.values())):
        # Beside black, 255 is the object: were it void, nothing at all would be labelled.
        listed = list(names.values()) or ["class 0", f"class {VOID}"]
        names = {0: listed[0] if len(listed) == 2 else "background", VOID: listed[-1]}
    elif not names:
        names = {value: f"class {value}" for value in _values(list(masks.values()))}
    category_of = _table(names)

    def read(name: str, report: Report) -> PictureLabels:
        values = read_mask(masks[name])
        classes = np.where(values < len(category_of), category_of[np.minimum(values, len(category_of) - 1)], NO_CLASS)
        unknown = np.unique(values[(classes == NO_CLASS) & (values != VOID)])
        for value in unknown.tolist():
            report(f"The value {value} is the number of no class; its pixels count as not labelled.")
        size, found = picture_size(pictures[name]), Size(values.shape[1], values.shape[0])
        if size is not None and size != found:
            report(f"The mask is {found.width} x {found.height}, the picture {size.width} x {size.height}.")
        return PictureLabels(size or found, label_map=LabelMap(classes.astype(np.int32)))

    categories = [Category(name, is_thing=False, file_id=value) for value, name in names.items()]
    return lazy_set(path, "class-masks", categories, pictures, read, collector.left_out)


def read_mask(path: Path) -> NDArray[np.int64]:
    """Values of a mask, int64 (H, W): indices where it has a palette. Raises MediaError."""
    from PIL import Image

    with decoding(path), Image.open(path) as picture:
        check_size(path, Size(*picture.size))
        if picture.mode not in _MODES:
            raise MediaError(f"{quoted(path)} is expected to have one channel, found {picture.mode}; it is no mask.")
        values = np.asarray(picture).astype(np.int64)
    return np.maximum(values, 0)


def _table(names: Iterable[int]) -> NDArray[np.int64]:
    """Category of each value, int64 (n,)."""
    places_of = {value: place for place, value in enumerate(names)}
    table = np.full(max(places_of, default=0) + 1, NO_CLASS, np.int64)
    for value, place in places_of.items():
        table[value] = place
    return table


def _picture(mask: Path, folder: Path, relative: str, folders: Folders) -> Path | None:
    """The picture of a mask: of the same name in another folder, or with another ending beside it."""
    stem = stem_of(mask)
    stems = [stem, *(stem.removesuffix(ending) for ending in _ENDINGS if stem.endswith(ending))]
    for place in places(folder, [relative] if relative else ()):
        for there in dict.fromkeys((place / relative, place)):
            by_stem = folders.pictures_by_stem(there)
            for candidate in stems:
                found = by_stem.get(candidate)
                if found is not None and found != mask and folder not in found.parents:
                    return Path(os.path.abspath(found))
    return None


def _names(path: Path, folder: Path, mask: Path) -> Mapping[int, str]:
    """Class names by value, of a list beside the masks, of a YAML file, or in the mask as this program writes it."""
    listed = class_names(path, _CLASS_FILES, [folder])
    if listed:
        return {value: name for value, name in enumerate(listed) if name}
    for place in dict.fromkeys((path, folder.parent)):
        for item in sorted(place.glob("*.y*ml")):
            try:
                content = mapping(read_yaml(item))
            except MediaError:
                continue
            declared = content.get("classes") or content.get("names")
            numbered = declared.items() if isinstance(declared, dict) else enumerate(_list(declared))
            found = {value: text(name) for key, name in numbered if (value := integer(key)) is not None and value >= 0}
            if found:
                return {value: name for value, name in found.items() if value <= MAX_VALUE}
    return dict(enumerate(_names_in(mask)))


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()


def _names_in(mask: Path) -> list[str]:
    """Names in the text "labels" of a PNG."""
    from PIL import Image

    try:
        with Image.open(mask) as picture:
            labels = getattr(picture, "text", {}).get("labels", "")
    except (OSError, ValueError, SyntaxError):
        return []
    return str(labels).split("\n") if labels else []


def _some(masks: Sequence[Path]) -> Iterator[NDArray[np.int64]]:
    """The values of some masks that can be read."""
    for item in masks[:: max(1, len(masks) // _LOOKED_AT)]:
        try:
            yield read_mask(item)
        except MediaError:
            continue


def _values(masks: Sequence[Path]) -> range:
    """Values from 0 to the highest of some masks, and at most to `MAX_VALUE`: masks of 32 bits hold any number."""
    highest = max((int(values[values != VOID].max(initial=0)) for values in _some(masks)), default=0)
    return range(min(highest, MAX_VALUE) + 1)


def _black_and_white(masks: Sequence[Path]) -> bool:
    """Whether some masks, without a palette, hold 0 and 255 and nothing else."""
    if any(_mode(item) not in ("L", "") for item in masks[:_PROBED]):
        return False
    found = False
    for values in _some(masks):
        white = values == VOID
        if not (white | (values == 0)).all():
            return False
        found = found or bool(white.any())
    return found


# Writing ------------------------------------------------------------------------------------------------------------


def write_mask(path: Path, values: NDArray[np.uint8], palette: NDArray[np.uint8], labels: Sequence[str]) -> None:
    """Write an indexed PNG whose text "labels" has the names, one per line.

    Parameters
    ----------
    values : uint8 (H, W), class indices or `VOID`
    palette : uint8 (256, 3), colours by value
    """
    from PIL import Image, PngImagePlugin

    picture = Image.fromarray(values, "L")
    picture.putpalette(palette.tobytes())
    metadata = PngImagePlugin.PngInfo()
    metadata.add_itxt("labels", "\n".join(labels))
    picture.save(path, "PNG", pnginfo=metadata)


def mask_palette(labels: Sequence[str]) -> NDArray[np.uint8]:
    """The colours in which classes are drawn by value, uint8 (256, 3)."""
    from cvstudio.draw.palette import class_colour

    palette = np.zeros((256, 3), np.uint8)
    palette[: len(labels)] = [class_colour(name, tuple(labels)) for name in labels]
    palette[VOID] = (224, 224, 192)
    return palette


def _write(labelled: LabelledSet, folder: Path, options: WriteOptions, progress: Progress) -> tuple[LeftOut, ...]:
    """Write ``masks/NAME.png``, ``classes.txt`` and, where they are wanted, ``images/NAME``."""
    names = [item.name for item in labelled.categories]
    if len(names) > VOID:
        raise ExportError(f"Masks of 8 bits hold at most {VOID} classes, found {len(names)}; choose another format.")
    collector, taken, palette = Collector(), set[str](), mask_palette(names)
    for _, name, labels in readable(labelled, collector, progress):
        size = labels.size or picture_size(labelled.pictures.get(name))
        stem = os.path.splitext(safe_path(name))[0]
        if size is None or stem in taken:
            collector.add(NO_PLACE, name)
            continue
        taken.add(stem)
        path = folder / "masks" / f"{stem}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_mask(path, class_values(labels, size, collector.at(name)), palette, names)
        if options.pictures:
            put_picture(labelled, name, folder / "images", collector)
    write_text(folder / "classes.txt", "".join(f"{' '.join(name.split())}\n" for name in names))
    return collector.left_out


def class_values(labels: PictureLabels, size: Size, report: Report) -> NDArray[np.uint8]:
    """The class of each pixel, uint8 (H, W), `VOID` where there is none: of the map, else of objects in their order."""
    if labels.classes:
        report("Masks hold no classes of whole pictures.")
    if labels.label_map is not None and labels.label_map.classes.shape == (size.height, size.width):
        if any(item.mask is None or item.keypoints for item in labels.annotations):
            report("Masks hold the class of each pixel; objects are left out.")
        classes = labels.label_map.classes
    else:
        if labels.annotations:
            report("Masks hold the class of each pixel; objects of one class are no longer told apart.")
        for item in labels.annotations:
            if item.mask is None and not item.polygons:
                report("An object that is a mere box has no pixels.")
        classes = class_map(labels.annotations, size)
    return np.where(classes == NO_CLASS, VOID, classes).astype(np.uint8)


ANNOTATION_FORMATS.register(
    AnnotationFormat(
        "class-masks",
        "Mask pictures",
        _recognises,
        _read,
        order=80,
        write=_write,
        summary="A folder with a PNG for each picture: the class of each pixel as its value.",
        implied=False,
    )
)
