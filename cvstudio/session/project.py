"""Project files: the session as JSON, saved atomically and reopened equal."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.binding import AnnotationSet
from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.errors import MediaError, ProjectError, UserError
from cvstudio.foundation.json_text import json_text
from cvstudio.foundation.progress import Progress
from cvstudio.media.folders import MediaSet
from cvstudio.models import MODELS
from cvstudio.running.recipe import (
    VERSION,
    annotations_from_json,
    annotations_to_json,
    checked_eye,
    checked_look,
    checked_spatial_look,
    instance_from_json,
    instance_to_json,
    media_from_json,
    media_in,
    media_to_json,
    path_from_json,
    path_to_json,
    read_json,
    upstream_in,
    version_of,
)
from cvstudio.session.session import State, check_acyclic

FORMAT = "cvstudio-project"


class MissingMediaError(ProjectError):
    """Files of a project were not found. `paths` are the saved paths; call `load_project` again with `moved`."""

    def __init__(self, paths: tuple[str, ...]) -> None:
        names = ", ".join(Path(path).name for path in paths)
        super().__init__(f"The project's {names} cannot be found; show where it is now.")
        self.paths = paths


def save_project(path: Path, state: State, *, position_secs: float = 0.0) -> None:
    """Write `state` to `path` atomically, with the position in seconds.

    Raises
    ------
    ProjectError
        The file cannot be written.
    """
    base = path.parent
    shared = _shared_labels(state.instances)
    saved = {
        "format": FORMAT,
        "version": VERSION if shared else version_of(state.instances, state.media),
        "media": [media_to_json(media, base) for media in state.media],
        "active": _index(state, state.active),
        "browsed": _index(state, state.browsed),
        "sets": [_set_to_json(item, base) for item in state.sets],
        "current_set": next((i for i, item in enumerate(state.sets) if item.path == state.current_set), None),
        "instances": [
            {
                **_instance_to_json(instance, base, shared),
                "id": instance.id,
                "visible": instance.visible,
                "set": [*instance.values],
            }
            for instance in state.instances
        ],
        "current": state.current,
        "look": dict(state.look),
        # Files of projects without anything in space, or without edited labels, stay as they were.
        **({"labels": [annotations_to_json(item, base) for item in shared]} if shared else {}),
        **({"spatial_look": dict(state.spatial_look)} if state.spatial_look else {}),
        **({"in_space": dict(state.in_space)} if state.in_space else {}),
        **({"names_in_space": dict(state.names_in_space)} if state.names_in_space else {}),
        **({"eye": dict(state.eye)} if state.eye else {}),
        "position_secs": position_secs,
    }
    text = json_text(saved, indent=2)
    try:
        with atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ProjectError(f"{path.name} cannot be saved ({error.strerror}); choose another folder.") from None


def _shared_labels(instances: Iterable[AnalysisInstance]) -> list[AnnotationSet]:
    """Edited labels that several layers show: a set of thousands of pictures is written once."""
    found: list[AnnotationSet] = []
    shared: list[AnnotationSet] = []
    for bound in (bound for instance in instances for bound in instance.bindings.values()):
        if isinstance(bound, AnnotationSet) and bound.edited:
            (shared if bound in found and bound not in shared else found).append(bound)
    return shared


def _instance_to_json(instance: AnalysisInstance, base: Path, shared: Sequence[AnnotationSet]) -> dict[str, Any]:
    """See `instance_to_json`; in place of `shared` labels stands their number."""
    numbers: dict[str, int] = {}
    for slot, bound in instance.bindings.items():
        if isinstance(bound, AnnotationSet) and bound in shared:
            numbers[slot] = shared.index(bound)
            instance = instance.with_binding(slot, bound.file)
    saved = instance_to_json(instance, base)
    saved["inputs"].update({slot: {"shared_annotations": number} for slot, number in numbers.items()})
    return saved


def models_to_ask_for(path: Path) -> tuple[str, ...]:
    """Keys of the models of a project whose declaration may take seconds to make: get `MODELS[key]` of each on a worker
    before the project is loaded. Empty for a file that is no project, which `load_project` refuses."""
    try:
        saved = read_json(path, FORMAT)
        models = dict.fromkeys(str(item.get("model") or "") for item in saved["instances"])
    except (ProjectError, KeyError, TypeError, AttributeError):
        return ()
    return tuple(key for key in models if MODELS.has_to_ask(key))


@dataclass(frozen=True)
class NotLoaded:
    """What of a project was not loaded: the saved `paths` of files, and the titles of the `layers` that need them."""

    paths: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()


def load_rest(
    path: Path, *, moved: Mapping[str, Path] | None = None, progress: Progress | None = None
) -> tuple[State, float, NotLoaded]:
    """As `load_project`, without the files that are missing or cannot be read and the layers that need them.

    Raises
    ------
    Cancelled
        Through `progress`.
    ProjectError, UserError
        The project itself cannot be read.
    """
    saved = read_json(path, FORMAT)
    with _told_as_damage(path):
        unusable: dict[str, None] = {}
        for item in _all_media(saved):
            if progress is not None:
                progress(None, Path(item["path"]).name)
            try:
                media_from_json(item, path.parent, moved=moved)
            except MediaError:
                unusable[item["path"]] = None
        rest, layers = _without(saved, frozenset(unusable))
    state, position_secs = _load(rest, path, moved, progress or Progress())
    return state, position_secs, NotLoaded(tuple(unusable), layers)


def _without(saved: Mapping[str, Any], paths: frozenset[str]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A saved project without the media at `paths` and the analyses that need them, and the titles of those."""
    lost = {item["id"] for item in saved["instances"] if any(media["path"] in paths for media in media_in(item))}
    number = -1
    while number != len(lost):  # a layer on a layer that is lost is lost
        number = len(lost)
        lost |= {item["id"] for item in saved["instances"] if lost & set(_numbers_in(item))}
    kept = [number for number, item in enumerate(saved["media"]) if item["path"] not in paths]
    new_index: dict[Any, int | None] = {old: new for new, old in enumerate(kept)}
    instances = [item for item in saved["instances"] if item["id"] not in lost]
    last = instances[-1]["id"] if instances else 0
    rest = {
        **saved,
        "media": [saved["media"][number] for number in kept],
        # Another file that is there is shown instead of one that is not.
        "active": new_index.get(saved.get("active"), 0 if kept and saved.get("active") is not None else None),
        "browsed": new_index.get(saved.get("browsed")),
        "instances": instances,
        "current": last if saved["current"] in lost else saved["current"],
    }
    titles = [ANALYSES[item["analysis"]].title for item in saved["instances"] if item["id"] in lost]
    return rest, tuple(titles)


def _numbers_in(saved: Mapping[str, Any]) -> Iterator[int]:
    """Numbers of the layers whose results a saved analysis, or one that it depends on, takes."""
    for bound in saved.get("inputs", {}).values():
        if isinstance(bound.get("result_of"), int):
            yield bound["result_of"]
    for before in upstream_in(saved):
        yield from _numbers_in(before)


def load_project(
    path: Path, *, moved: Mapping[str, Path] | None = None, progress: Progress | None = None
) -> tuple[State, float]:
    """The saved state and the position in seconds. Every file of the project is opened, which can take long.

    Raises
    ------
    Cancelled
        Through `progress`.
    MissingMediaError
        Files are not where they were; ask the user and call again with `moved` (saved path -> new path).
    ProjectError, UserError
    """
    return _load(read_json(path, FORMAT), path, moved, progress or Progress())


@contextlib.contextmanager
def _told_as_damage(path: Path) -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise ProjectError(f"{path.name} is damaged ({error}); open an older copy.") from None


def _load(
    saved: Mapping[str, Any], path: Path, moved: Mapping[str, Path] | None, progress: Progress
) -> tuple[State, float]:
    base = path.parent
    with _told_as_damage(path):
        saved_media = _all_media(saved)
        missing: dict[str, None] = {}
        # Each is opened twice: to know all that are missing at once, and to have it.
        for number, item in enumerate(saved_media):
            progress(number / len(saved_media) / 2, Path(item["path"]).name)
            if not _is_there(item, base, moved):
                missing[item["path"]] = None
        if missing:
            raise MissingMediaError(tuple(missing))
        media_list = []
        for number, item in enumerate(saved["media"]):
            progress((1 + number / len(saved_media)) / 2, Path(item["path"]).name)
            media_list.append(media_from_json(item, base, moved=moved))
        media = tuple(media_list)
        shared = [annotations_from_json(item, base) for item in saved.get("labels", ())]
        instances = []
        for item in saved["instances"]:
            progress.check()
            # Only what the user had set is set again, so that a change of model still brings its defaults.
            chosen = {**item, "values": {name: item["values"][name] for name in item["set"]}}
            instances.append(instance_from_json(chosen, base, number=int(item["id"]), moved=moved, shared=shared))
        active, browsed, current_set = (saved.get(name) for name in ("active", "browsed", "current_set"))
        # A folder that is gone is no reason to refuse the rest: its place in the window says so.
        sets = tuple(_set_from_json(item, base) for item in saved.get("sets", ()))
        state = State(
            media=media,
            active=media[active].id if active is not None else "",
            sets=sets,
            current_set=sets[current_set].path if current_set is not None else None,
            browsed=media[browsed].id if browsed is not None else "",
            instances=tuple(instances),
            current=int(saved["current"]),
            look=checked_look(saved["look"]),
            spatial_look=checked_spatial_look(saved.get("spatial_look", {})),
            in_space={str(key): bool(shown) for key, shown in saved.get("in_space", {}).items()},
            names_in_space={str(key): str(name) for key, name in saved.get("names_in_space", {}).items() if name},
            eye=checked_eye(saved.get("eye", {})),
        )
        check_acyclic(state)
        position_secs = float(saved.get("position_secs", 0.0))
        return state, position_secs if math.isfinite(position_secs) else 0.0


def _set_to_json(media_set: MediaSet, base: Path) -> dict[str, Any]:
    saved: dict[str, Any] = {**path_to_json(media_set.path, base), "recursive": media_set.recursive}
    return saved if media_set.labels is None else {**saved, "labels": path_to_json(media_set.labels, base)}


def _set_from_json(saved: Mapping[str, Any], base: Path) -> MediaSet:
    labels = saved.get("labels")
    return MediaSet(
        path_from_json(saved, base), bool(saved["recursive"]), path_from_json(labels, base) if labels else None
    )


def _index(state: State, identity: str) -> int | None:
    return next((i for i, media in enumerate(state.media) if media.id == identity), None)


def _all_media(saved: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*saved["media"], *(item for instance in saved["instances"] for item in media_in(instance))]


def _is_there(item: Mapping[str, Any], base: Path, moved: Mapping[str, Path] | None) -> bool:
    if moved and item["path"] in moved:
        return True
    try:
        media_from_json(item, base)
    except MediaError:
        relative = item.get("relative")
        # A file that is there but cannot be read is another fault, with a sentence of its own.
        return os.path.exists(item["path"]) or bool(relative and os.path.exists(base / relative))
    return True
