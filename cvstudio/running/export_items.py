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
    instance : the analysis; linked (see `State.linked`) if it takes results of others
    base : folder of the export; paths in the recipe are relative to it
    pts : presentation time of the exported frame in seconds; None for still media and with `part`
    part : time range (start, stop) in seconds of which all frames are exported, `stop` None for the end of the video;
        None exports the single frame at `pts`
    composition : layers or comparison that formats draw on the picture; empty for the result of `instance` alone
    look : values of `Look` by field name, for the result of `instance`
    recipe : a recipe that covers several exports; None writes one of this export
    stem : file name without suffix; "" for the name of the medium, or of an analysis without one
    host : host of the cache that the runner shares, whose precisions the recipe states; None for the runner's own
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
    """Run the analysis of `request` and return the item for exporters; frames of a `part` are run as they are written.

    Parameters
    ----------
    frames : (frame, result) pairs of the `part`, from a caller that runs a video once for several formats; None runs
        it here

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
