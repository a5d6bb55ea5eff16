"""Recipes: how a result was made, as JSON beside every export, and enough to make it again."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from cvstudio.analyses import ANALYSES
from cvstudio.draw.base import Look
from cvstudio.errors import ProjectError, UserError
from cvstudio.layers import check_opacity
from cvstudio.media import Media, MediaKind, open_media
from cvstudio.media.simulated_camera import camera_from_id, simulated_camera
from cvstudio.params import from_mapping, to_mapping
from cvstudio.session import AnalysisInstance
from cvstudio.version import __version__

FORMAT = "cvstudio-recipe"
VERSION = 1

T = TypeVar("T")


def path_to_json(path: Path, base: Path) -> dict[str, Any]:
    """Where something is: absolute, and relative to `base` where that is possible, so that a folder can move."""
    found: dict[str, Any] = {"path": str(path)}
    # On another drive of Windows only the absolute path can lead there.
    with contextlib.suppress(ValueError):
        found["relative"] = Path(os.path.relpath(path, base)).as_posix()
    return found


def media_to_json(media: Media, base: Path) -> dict[str, Any]:
    """Where a medium is, which one, of which kind, and how it is read."""
    found = {**path_to_json(media.path, base), "id": media.id, "kind": str(media.kind)}
    return {**found, "settings": dict(media.settings)} if media.settings else found


def media_from_json(saved: Mapping[str, Any], base: Path, *, moved: Mapping[str, Path] | None = None) -> Media:
    """Open a saved medium: at its place relative to `base` first, then at its absolute one.

    `moved` maps a saved path to where the user says it is now.

    Raises
    ------
    MediaError
        The file is gone or cannot be read.
    """
    kind, settings = MediaKind(saved["kind"]), saved.get("settings")
    if kind is MediaKind.CAMERA:
        found = moved.get(saved["path"]) if moved else None
        return simulated_camera(found) if found else camera_from_id(saved["id"])
    if moved and saved["path"] in moved:
        return open_media(moved[saved["path"]], kind=kind, settings=settings)
    relative = saved.get("relative")
    if relative and (base / relative).is_file():
        return open_media(base / relative, kind=kind, settings=settings)
    return open_media(saved["path"], kind=kind, settings=settings)


def instance_to_json(instance: AnalysisInstance, base: Path) -> dict[str, Any]:
    """One analysis with every parameter written out, so that a later default does not change it."""
    values: dict[str, Any] = {}
    for params in instance.chosen_params():
        values.update(to_mapping(params))
    return {
        "analysis": instance.analysis,
        "stages": {stage.name: stage.version for stage in instance.spec.stages},
        "model": instance.model,
        "weights": str(instance.weights) if instance.weights else None,
        "inputs": {slot: media_to_json(media, base) for slot, media in sorted(instance.bindings.items())},
        "values": values,
        "opacity": instance.opacity,
    }


def instance_from_json(
    saved: Mapping[str, Any], base: Path, *, number: int, moved: Mapping[str, Path] | None = None
) -> AnalysisInstance:
    """The instance that `instance_to_json` wrote.

    Raises
    ------
    UserError
        An input is gone, or the analysis, the model or a value is not known here.
    """
    analysis = ANALYSES[saved["analysis"]]
    instance = AnalysisInstance(
        id=number,
        analysis=analysis.key,
        bindings={slot: media_from_json(media, base, moved=moved) for slot, media in saved.get("inputs", {}).items()},
        model=saved.get("model") or "",
        weights=Path(saved["weights"]) if saved.get("weights") else None,
        values=_canonical(saved.get("values", {})),
        visible=bool(saved.get("visible", True)),
        opacity=check_opacity(saved.get("opacity", 1.0)),
    )
    instance.chosen_params()
    return instance


def _canonical(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def checked_look(saved: Mapping[str, Any]) -> dict[str, Any]:
    """Values of `Look` from a file. Raises ParamsError: painting would find it out at every frame."""
    from_mapping(Look, saved)
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
    `computed` says how each of them was computed, see `cvstudio.computed`.
    """

    def told(layer: AnalysisInstance) -> dict[str, Any]:
        how = computed(layer) if computed is not None else None
        return {**instance_to_json(layer, base), **({"computed": dict(how)} if how else {})}

    return {
        "format": FORMAT,
        "version": VERSION,
        "cvstudio": __version__,
        **told(instance),
        "time_secs": pts,
        "look": dict(look),
        "stack": [told(layer) for layer in stack],
    }


def read_json(path: Path, wanted: str) -> dict[str, Any]:
    """Read a recipe or project file. Raises ProjectError with one sentence."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProjectError(f"{path.name} cannot be read ({error.strerror}); check that it is still there.") from None
    except (ValueError, RecursionError):
        raise ProjectError(
            f"{path.name} is not a {wanted} file: it holds no valid JSON; choose another file."
        ) from None
    if not isinstance(found, dict) or found.get("format") != wanted:
        raise ProjectError(f"{path.name} is not a {wanted} file; choose a file that cvstudio has written.")
    if not isinstance(found.get("version"), int) or found["version"] > VERSION:
        raise ProjectError(
            f"{path.name} was written by a newer cvstudio (version {found.get('version')}, this one reads up to "
            f"{VERSION}); update the program."
        )
    return found


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
    """The layers of the picture that a recipe file tells of, the lowest first; empty where there was one only.

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
