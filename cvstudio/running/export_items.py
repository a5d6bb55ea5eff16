"""Export items: result, picture, layers and recipe of an export, for window, command line and batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.data.samples import Image
from cvstudio.exporters import ExportItem
from cvstudio.foundation.progress import Progress
from cvstudio.media.reader_pool import read_sample
from cvstudio.models.runtime.host import Host
from cvstudio.running.composition import Composition, composed_frames, composition_recipe, with_composition
from cvstudio.running.runner import Runner


@dataclass(frozen=True, eq=False)
class ExportRequest:
    """Request of an export.

    Parameters
    ----------
    instance : the analysis, linked where it takes the results of others
    base : folder that is written to; the recipe names files relative to it
    pts : time of the frame in seconds; None for what does not move, and for a `part`
    part : every frame of a video between two times in seconds, (start, stop), where None is its end; None is the one
        moment at `pts`
    composition : what formats that draw paint on the picture; empty is the result alone
    look : values of `Look` by name
    recipe : where one recipe covers many exports; None makes one
    stem : how files are called, without ending; "" takes the medium's name, or the analysis's where it stands alone
    host : whose results the runner shares, as it has its cache; the recipe tells how that one computes
    """

    instance: AnalysisInstance
    base: Path
    pts: float | None = None
    part: tuple[float, float | None] | None = None
    composition: Composition = ()
    look: Mapping[str, Any] = field(default_factory=dict)
    recipe: Mapping[str, Any] | None = None
    stem: str = ""
    host: Host | None = None


def export_item(
    runner: Runner,
    request: ExportRequest,
    progress: Progress,
    *,
    frames: Iterable[tuple[Any, Any]] | None = None,
) -> ExportItem:
    """Run what `request` names; the frames of a `part` are run while they are written.

    Parameters
    ----------
    frames : (frame, result) of the `part`, from a caller that walks the video once for several formats; None walks it
        here

    Raises
    ------
    UserError
        The analysis fails.
    """
    instance, composition = request.instance, request.composition
    media, look = instance.canvas_media, dict(request.look)
    stem = request.stem or ("" if media is not None else instance.file_stem)
    if request.part is not None:
        start, stop = request.part
        if frames is None:
            frames = composed_frames(runner, instance, composition, progress, start_secs=start, stop_secs=stop)
        recipe = _recipe(runner, request, progress)
        return ExportItem(media, None, None, look, recipe, frames, stem=stem, start_secs=start, stop_secs=stop)
    result = runner.result(instance, progress, pts=request.pts)
    base = _picture_under(runner, instance, request.pts)
    item = ExportItem(media, base, result, look, _recipe(runner, request, progress), stem=stem)
    return with_composition(runner, item, instance, composition, progress, pts=request.pts)


def _picture_under(runner: Runner, instance: AnalysisInstance, pts: float | None) -> Image | None:
    """The picture that the result of `instance` lies on; None where there is none."""
    media, canvas = instance.canvas_media, instance.spec.canvas
    if media is None or canvas is None or canvas.streamed:
        return None
    sample = read_sample(media, pts if media.moving else None, runner.readers, runner.cache)
    return sample if isinstance(sample, Image) else None


def _recipe(runner: Runner, request: ExportRequest, progress: Progress) -> Mapping[str, Any]:
    if request.recipe is not None:
        return request.recipe

    def computed(layer: AnalysisInstance) -> dict[str, Any] | None:
        return runner.provenance(layer, progress, other=request.host)

    return composition_recipe(
        request.instance, request.base, request.composition, pts=request.pts, look=request.look, computed=computed
    )
