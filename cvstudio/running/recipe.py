"""Recipes: everything needed to reproduce a result, as JSON beside every export."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.binding import AnnotationSet, Binding, MediaList, ResultOf, TextInput, annotations_id
from cvstudio.analyses.instance import AnalysisInstance, check_opacity
from cvstudio.data.adjustments import Adjustments
from cvstudio.data.labels_json import (
    category_from_json,
    category_to_json,
    labels_from_json,
    labels_to_json,
    skeleton_from_json,
)
from cvstudio.draw.base import Look
from cvstudio.draw.spatial.look import SpatialLook
from cvstudio.foundation.errors import ProjectError, UserError
from cvstudio.foundation.params import fields_of, from_mapping, to_mapping, values_of
from cvstudio.foundation.version import __version__
from cvstudio.media import Media, MediaKind, open_media
from cvstudio.media.base import PLAIN_READINGS
from cvstudio.media.folders import MediaSet
from cvstudio.media.formats.simulated_camera import camera_from_id, simulated_camera

FORMAT = "cvstudio-recipe"
VERSION = 6
"""Newest format version that is read. Recipes with files as the only bindings are written as version 1, as version 3
only those with a file that its kind alone would not open so, as version 4 those with edited labels, as version 5 those
with adjustments of single files, and as version 6 projects of which several layers show the same edited labels."""

T = TypeVar("T")


def path_to_json(path: Path, base: Path) -> dict[str, Any]:
    """Path of a file: absolute, and relative to `base` where possible, so that a folder can move."""
    paths: dict[str, Any] = {"path": str(path)}
    # On another drive of Windows only the absolute path can lead there.
    with contextlib.suppress(ValueError):
        paths["relative"] = Path(os.path.relpath(path, base)).as_posix()
    return paths


def media_to_json(media: Media, base: Path) -> dict[str, Any]:
    """A medium as JSON: path, identity, kind, reading where the kind does not tell it, and reader options."""
    saved = {**path_to_json(media.path, base), "id": media.id, "kind": str(media.kind)}
    if media.read_as != PLAIN_READINGS[media.kind]:
        saved["read_as"] = media.read_as
    return {**saved, "settings": dict(media.settings)} if media.settings else saved


def media_from_json(saved: Mapping[str, Any], base: Path, *, moved: Mapping[str, Path] | None = None) -> Media:
    """Open a saved medium: at its place relative to `base` first, then at its absolute one.

    `moved` maps a saved path to where the user says it is now.

    Raises
    ------
    MediaError
        The file is gone or cannot be read.
    """
    kind, settings = MediaKind(saved["kind"]), saved.get("settings")
    read_as = str(saved.get("read_as") or PLAIN_READINGS[kind])
    if kind is MediaKind.CAMERA:
        moved_path = moved.get(saved["path"]) if moved else None
        return simulated_camera(moved_path) if moved_path else camera_from_id(saved["id"])
    if moved and saved["path"] in moved:
        return open_media(moved[saved["path"]], kind=kind, read_as=read_as, settings=settings)
    relative = saved.get("relative")
    if relative and os.path.isfile(base / relative):
        return open_media(base / relative, kind=kind, read_as=read_as, settings=settings)
    return open_media(saved["path"], kind=kind, read_as=read_as, settings=settings)


def version_of(instances: Iterable[AnalysisInstance], media: Iterable[Media] = ()) -> int:
    """Format version of a file with these analyses and media: the lowest that holds them, so that older programs read
    it."""
    instances = tuple(instances)
    bindings = [bound for item in instances for bound in item.bindings.values()]
    lists = (bound.media for bound in bindings if isinstance(bound, MediaList))
    bound_media = (bound for bound in bindings if isinstance(bound, Media))
    if any(item.file_adjustments for item in instances):
        return 5
    if any(isinstance(bound, AnnotationSet) and (bound.edited or bound.path is None) for bound in bindings):
        return 4
    if any(item.read_as != PLAIN_READINGS[item.kind] for item in itertools.chain(media, bound_media, *lists)):
        return 3
    plain = all(
        not item.adjustments and all(isinstance(bound, Media) for bound in item.bindings.values()) for item in instances
    )
    return 1 if plain else 2


More = Callable[[AnalysisInstance], Mapping[str, Any]]
"""Callable (instance) -> additional keys of its JSON."""


def binding_to_json(bound: Binding, base: Path, more: More | None = None) -> dict[str, Any]:
    """Binding of a slot as JSON. Another analysis's result is that analysis where it is linked, else its number."""
    if isinstance(bound, Media):
        return media_to_json(bound, base)
    if isinstance(bound, TextInput):
        return {"text": bound.text}
    if isinstance(bound, MediaList):
        folder = bound.folder
        where = {**path_to_json(folder.path, base), "recursive": folder.recursive} if folder is not None else None
        return {"several": [media_to_json(item, base) for item in bound.media], "folder": where}
    if isinstance(bound, AnnotationSet):
        return {"annotations": annotations_to_json(bound, base)}
    upstream = bound.upstream
    if isinstance(upstream, AnalysisInstance):
        return {"result_of": instance_to_json(upstream, base, more)}
    return {"result_of": bound.instance_id}


def binding_from_json(
    saved: Mapping[str, Any],
    base: Path,
    *,
    moved: Mapping[str, Path] | None = None,
    shared: Sequence[AnnotationSet] = (),
) -> Binding:
    """Inverse of `binding_to_json`. Raises UserError, and KeyError, IndexError or TypeError where it is damaged.

    `shared` are the labels that a project names by their number.
    """
    if "text" in saved:
        if not isinstance(saved["text"], str):
            raise TypeError("a text is expected")
        return TextInput(saved["text"])
    if "several" in saved:
        media = tuple(media_from_json(item, base, moved=moved) for item in saved["several"])
        folder = saved.get("folder")
        return MediaList(media, MediaSet(path_from_json(folder, base), bool(folder["recursive"])) if folder else None)
    if "shared_annotations" in saved:
        annotations: AnnotationSet = shared[saved["shared_annotations"]]
        return annotations
    if "annotations" in saved:
        return annotations_from_json(saved["annotations"], base)
    if "result_of" in saved:
        other = saved["result_of"]
        if isinstance(other, int):
            return ResultOf(other)
        return ResultOf(upstream=instance_from_json(other, base, number=0, moved=moved))
    return media_from_json(saved, base, moved=moved)


def annotations_to_json(annotations: AnnotationSet, base: Path) -> dict[str, Any]:
    """A labelled set as JSON: where it is, and what was edited since."""
    where = path_to_json(annotations.path, base) if annotations.path is not None else {}
    saved: dict[str, Any] = {**where, "format": annotations.format, "id": annotations.id}
    if annotations.categories:
        saved["categories"] = [category_to_json(item) for item in annotations.categories]
    if annotations.renamed:
        saved["renamed"] = {str(number): name for number, name in annotations.renamed.items()}
    if annotations.skeletons:
        saved["skeletons"] = {
            str(number): {"keypoints": skeleton.keypoints, "lines": skeleton.lines}
            for number, skeleton in annotations.skeletons.items()
        }
    if annotations.classes is not None:
        saved["classes"] = list(annotations.classes)
    if annotations.pictures:
        saved["pictures"] = {name: path_to_json(path, base) for name, path in annotations.pictures.items()}
    if annotations.videos:
        saved["videos"] = {prefix: path_to_json(path, base) for prefix, path in annotations.videos.items()}
    if annotations.edits:
        saved["edits"] = {name: labels_to_json(labels) for name, labels in annotations.edits.items()}
    return saved


def annotations_from_json(saved: Mapping[str, Any], base: Path) -> AnnotationSet:
    """Inverse of `annotations_to_json`. Raises UserError, and KeyError, TypeError or ValueError where it is damaged."""
    path = path_from_json(saved, base) if "path" in saved else None
    # As it is now, like a medium: labels that changed since are others.
    there = path is not None and os.path.exists(path)
    return AnnotationSet(
        path,
        str(saved["format"]),
        annotations_id(path) if path is not None and there else str(saved["id"]),
        {str(name): labels_from_json(labels) for name, labels in saved.get("edits", {}).items()},
        tuple(map(category_from_json, saved.get("categories", ()))),
        {str(name): path_from_json(where, base) for name, where in saved.get("pictures", {}).items()},
        {int(number): str(name) for number, name in saved.get("renamed", {}).items()},
        tuple(map(str, saved["classes"])) if saved.get("classes") is not None else None,
        {int(number): skeleton_from_json(item) for number, item in saved.get("skeletons", {}).items()},
        {str(prefix): path_from_json(where, base) for prefix, where in saved.get("videos", {}).items()},
    )


def path_from_json(saved: Mapping[str, Any], base: Path) -> Path:
    """Path of a saved file or folder: relative to `base` first, so that both can move together."""
    relative = saved.get("relative")
    moved = Path(os.path.abspath(base / relative)) if relative else None
    return moved if moved is not None and os.path.exists(moved) else Path(saved["path"])


def media_in(saved: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All media in the slots of a saved analysis and of the analyses that it depends on."""
    for bound in saved.get("inputs", {}).values():
        if "several" in bound:
            yield from bound["several"]
        elif "path" in bound:
            yield bound
    for before in upstream_in(saved):
        yield from media_in(before)


def upstream_in(saved: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Saved analyses whose results are inputs of a saved analysis."""
    upstream = (bound.get("result_of") for bound in saved.get("inputs", {}).values())
    return [item for item in upstream if isinstance(item, Mapping)]


def instance_to_json(instance: AnalysisInstance, base: Path, more: More | None = None) -> dict[str, Any]:
    """One analysis with every parameter written out, so that a later default does not change it (but see `Doc.later`);
    `more` of it, and of those that it depends on, stands behind."""
    values: dict[str, Any] = {}
    for params in instance.chosen_params():
        written = to_mapping(params)
        for field in fields_of(type(params)):
            if not field.doc.later or getattr(params, field.name) != field.default:
                values[field.name] = written[field.name]
    adjustments = {slot: item.to_json() for slot, item in sorted(instance.adjustments.items())}
    files = {
        slot: [{**path_to_json(path, base), "adjustments": item.to_json()} for path, item in sorted(found.items())]
        for slot, found in sorted(instance.file_adjustments.items())
    }
    return {
        "analysis": instance.analysis,
        "stages": {stage.name: stage.version for stage in instance.spec.stages},
        "model": instance.model,
        "weights": str(instance.weights) if instance.weights else None,
        "inputs": {slot: binding_to_json(bound, base, more) for slot, bound in sorted(instance.bindings.items())},
        **({"adjustments": adjustments} if adjustments else {}),
        **({"file_adjustments": files} if files else {}),
        "values": values,
        "opacity": instance.opacity,
        **(more(instance) if more is not None else {}),
    }


def instance_from_json(
    saved: Mapping[str, Any],
    base: Path,
    *,
    number: int,
    moved: Mapping[str, Path] | None = None,
    shared: Sequence[AnnotationSet] = (),
) -> AnalysisInstance:
    """The instance that `instance_to_json` wrote; `shared` is as in `binding_from_json`.

    Raises
    ------
    UserError
        An input is gone, or the analysis, the model or a value is not known here.
    """
    analysis = ANALYSES[saved["analysis"]]
    instance = AnalysisInstance(
        id=number,
        analysis=analysis.key,
        bindings={
            slot: binding_from_json(bound, base, moved=moved, shared=shared)
            for slot, bound in saved.get("inputs", {}).items()
        },
        model=saved.get("model") or "",
        weights=Path(saved["weights"]) if saved.get("weights") else None,
        values=saved.get("values", {}),
        adjustments={slot: Adjustments.from_json(item) for slot, item in saved.get("adjustments", {}).items()},
        file_adjustments=_file_adjustments(saved, base, moved or {}),
        visible=bool(saved.get("visible", True)),
        opacity=check_opacity(saved.get("opacity", 1.0)),
    )
    checked = {name: value for params in instance.chosen_params() for name, value in values_of(params).items()}
    # Lists of a file are tuples here, and what was a mapping is a stroke.
    return dataclasses.replace(instance, values={name: checked[name] for name in instance.values})


def _file_adjustments(
    saved: Mapping[str, Any], base: Path, moved: Mapping[str, Path]
) -> dict[str, dict[Path, Adjustments]]:
    """Adjustments of single files of a saved analysis, by slot and path."""
    return {
        slot: {
            moved.get(item["path"]) or path_from_json(item, base): Adjustments.from_json(item["adjustments"])
            for item in files
        }
        for slot, files in saved.get("file_adjustments", {}).items()
    }


def checked_look(saved: Mapping[str, Any]) -> dict[str, Any]:
    """Values of `Look` from a file. Raises ParamsError: painting would find it out at every frame."""
    from_mapping(Look, saved)
    return dict(saved)


def checked_spatial_look(saved: Mapping[str, Any]) -> dict[str, Any]:
    """Values of `SpatialLook` from a file. Raises ParamsError."""
    from_mapping(SpatialLook, saved)
    return dict(saved)


def checked_eye(saved: Mapping[str, Any]) -> dict[str, Any]:
    """From where the 3D view is looked at: what `OrbitCamera.to_json` gives, and the name of its "scene".

    What is no camera is left out, as a scene can be seen without.
    """
    if not saved:
        return {}
    # The window imports this module before its first picture, for which it needs no numpy.
    from cvstudio.draw.spatial.orbit_camera import OrbitCamera

    if not isinstance(saved, Mapping) or OrbitCamera.from_json(saved) is None:
        return {}
    return dict(saved)


def make_recipe(
    instance: AnalysisInstance,
    base: Path,
    *,
    pts: float | None,
    look: Mapping[str, Any],
    stack: Sequence[AnalysisInstance] = (),
    computed: Callable[[AnalysisInstance], Mapping[str, Any] | None] | None = None,
) -> dict[str, Any]:
    """The recipe of one export, written to the folder `base`.

    `stack` are all the layers that a picture shows, the lowest first; empty where it shows `instance` alone.
    `computed` says how each of them was computed, see `cvstudio.running.provenance`.
    """

    def provenance_of(layer: AnalysisInstance) -> dict[str, Any]:
        provenance = computed(layer) if computed is not None else None
        return {"computed": dict(provenance)} if provenance else {}

    def layer_to_json(layer: AnalysisInstance) -> dict[str, Any]:
        return instance_to_json(_of_its_files(layer), base, provenance_of)

    return {
        "format": FORMAT,
        "version": version_of(_of_its_files(item) for layer in (instance, *stack) for item in layer.lineage),
        "cvstudio": __version__,
        **layer_to_json(instance),
        "time_secs": pts,
        "look": dict(look),
        "stack": [layer_to_json(layer) for layer in stack],
    }


def _of_its_files(instance: AnalysisInstance) -> AnalysisInstance:
    """`instance` without adjustments of files that another one is in the place of; an empty slot keeps all."""
    for slot in instance.file_adjustments:
        bound, own = instance.bindings.get(slot), instance.own_adjustments_of(slot)
        if isinstance(bound, Media):
            instance = instance.without_file_adjustments(slot)
            instance = instance if own is None else instance.with_adjustments(slot, own, file=bound.path)
    return instance


def read_json(path: Path, file_format: str) -> dict[str, Any]:
    """Read a recipe or project file. Raises ProjectError with one sentence."""
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProjectError(f"{path.name} cannot be read ({error.strerror}); check that it is still there.") from None
    except (ValueError, RecursionError):
        raise ProjectError(
            f"{path.name} is not a {file_format} file: it holds no valid JSON; choose another file."
        ) from None
    if not isinstance(saved, dict) or saved.get("format") != file_format:
        raise ProjectError(f"{path.name} is not a {file_format} file; choose a file that cvstudio has written.")
    if not isinstance(saved.get("version"), int) or saved["version"] > VERSION:
        raise ProjectError(
            f"{path.name} was written by a newer cvstudio (version {saved.get('version')}, this one reads up to "
            f"{VERSION}); update the program."
        )
    return saved


def is_recipe(path: Path) -> bool:
    """Whether the file at `path` is a recipe, which tells that what lies beside it is an export."""
    try:
        read_json(path, FORMAT)
    except ProjectError:
        return False
    return True


def is_there(path: Path) -> bool:
    """Whether a file, a link or a folder that is not empty has the name `path`."""
    return any(path.iterdir()) if path.is_dir() else os.path.lexists(path)


def load_recipe(path: Path) -> tuple[AnalysisInstance, float | None, dict[str, Any]]:
    """The analysis, the time in seconds and the look of a recipe file. Raises UserError."""
    return _loaded(
        path,
        lambda saved: (
            instance_from_json(saved, path.parent, number=1),
            saved.get("time_secs"),
            checked_look(saved.get("look", {})),
        ),
    )


def load_stack(path: Path) -> tuple[AnalysisInstance, ...]:
    """Load the layers of the picture in a recipe file, the lowest first; empty where there was only one.

    Raises
    ------
    UserError
        As `load_recipe`.
    """

    def stack(saved: Mapping[str, Any]) -> tuple[AnalysisInstance, ...]:
        layers = enumerate(saved.get("stack", ()), 1)
        return tuple(instance_from_json(layer, path.parent, number=number) for number, layer in layers)

    return _loaded(path, stack)


def _loaded(path: Path, make: Callable[[Mapping[str, Any]], T]) -> T:
    saved = read_json(path, FORMAT)
    try:
        return make(saved)
    except UserError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ProjectError(f"{path.name} is incomplete ({error}); export the result again.") from None
