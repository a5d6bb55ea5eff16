"""Output of `cvstudio run`: formats and their options, ranges of videos, and batches of files."""

from __future__ import annotations

import argparse
import glob
import math
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvstudio.data.adjustments import Adjustments
from cvstudio.foundation.errors import ExportError, MediaError, ParamsError
from cvstudio.foundation.input_files import check_no_input, protect_input
from cvstudio.foundation.params import fields_of
from cvstudio.foundation.params_text import add_arguments, parse_text
from cvstudio.foundation.progress import Progress

if TYPE_CHECKING:
    from cvstudio.analyses.instance import AnalysisInstance
    from cvstudio.cli.terminal import Bar
    from cvstudio.running.composition import Composition
    from cvstudio.running.runner import Given, Runner


def add_format_options(parser: argparse.ArgumentParser, result_type: type[Any]) -> None:
    """Add the option flags of every format that accepts results of `result_type`: ``--FORMAT-OPTION``."""
    from cvstudio.exporters import EXPORTERS

    for exporter in EXPORTERS:
        if exporter.accepts(result_type) and fields_of(exporter.params):
            add_arguments(parser.add_argument_group(f"format {exporter.key}"), exporter.params, prefix=exporter.key)


def _format_options(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """The options on the command line, by format and name. Raises ParamsError."""
    from cvstudio.exporters import EXPORTERS

    found: dict[str, dict[str, Any]] = dict(getattr(options, "format_options", {}))
    for exporter in EXPORTERS:
        for field in fields_of(exporter.params):
            text = getattr(options, f"{exporter.key}.{field.name}", None)
            if text is not None:
                found.setdefault(exporter.key, {})[field.name] = parse_text(field, text)
    return found


def take_export(options: argparse.Namespace, recipe: Path) -> None:
    """Fill in format, options and range of the video from a recipe where the command line gives none."""
    from cvstudio.running.recipe import FORMAT, read_json

    told = read_json(recipe, FORMAT).get("export", {})
    if not isinstance(told, dict) or "format" not in told:
        return
    outs, folders = _outs(options)
    if options.format is None and not any(_is_file(out, folder=out in folders) for out in outs):
        options.format = [told["format"]]
    options.format_options = {told["format"]: told.get("options", {})}
    if options.start is None and options.stop is None and told.get("range_secs"):
        options.start, options.stop = told["range_secs"]


def spread(paths: Sequence[Path]) -> list[Path]:
    """The paths, with glob patterns expanded where the shell has not. A pattern that matches no file
    stays beside others, to fail alone. Raises MediaError where none matches."""
    found: list[Path] = []
    unmatched: list[Path] = []
    for path in paths:
        if os.path.exists(path) or not glob.has_magic(str(path)):
            found.append(path)
            continue
        matches = sorted(glob.glob(str(path), recursive=True))
        unmatched += [] if matches else [path]
        found += [Path(match) for match in matches]
    if unmatched and not found:
        raise MediaError(f"'{unmatched[0]}' expects at least one file, found none; check the pattern.")
    return [*found, *unmatched]


def _outs(options: argparse.Namespace) -> tuple[list[Path], list[Path]]:
    """All targets of the command line, and those of them that are given as folders."""
    return getattr(options, "outs", [options.out]), getattr(options, "folders", [])


def _is_file(out: Path, *, folder: bool) -> bool:
    """Whether `out` names a file: it has the ending of one, and is no folder. "run.v2" and "2026.11" are folders."""
    from cvstudio.exporters import ALIASES, EXPORTERS

    if folder or out.is_dir() or not out.suffix:
        return False
    endings = (*ALIASES, *(exporter.suffix for exporter in EXPORTERS if exporter.suffix))
    return out.name.lower().endswith(endings) or not any(sign.isdigit() for sign in out.suffix)


def _targets(
    out: Path, stem: str, keys: Sequence[str] | None, result_type: type[Any], *, video: bool, folder: bool
) -> list[Any]:
    from cvstudio.exporters import EXPORTERS, default_exporters, exporter_for_suffix

    if _is_file(out, folder=folder):
        if keys and len(keys) > 1:
            raise ExportError(
                f"{out.name} expects one --format, found {', '.join(keys)}; give a folder as -o for several."
            )
        return [(EXPORTERS[keys[0]] if keys else exporter_for_suffix(out.name, result_type, video=video), out)]
    chosen = [EXPORTERS[key] for key in keys] if keys else default_exporters(result_type, video=video)
    # A folder is named after its format, beside which another one may lie.
    return [(item, out / (f"{stem}-{item.key}" if item.folder else f"{stem}{item.suffix}")) for item in chosen]


def _check_own(path: Path) -> None:
    """Check that `path`, a name which the user did not write, is free or that of an earlier export.

    Raises
    ------
    ExportError
        There is something that has no recipe beside it.
    """
    from cvstudio.exporters.base import recipe_path, writing
    from cvstudio.running.recipe import is_recipe, is_there

    recipe = recipe_path(path)
    with writing(path):
        taken = next((name for name in (path, recipe) if is_there(name)), None)
    if taken is not None and not is_recipe(recipe):
        remedy = "choose another folder" if path.is_dir() else "choose another folder, or name the file itself as -o"
        raise ExportError(f"{taken.name} in {path.parent} is no export of cvstudio and would be changed; {remedy}.")


def _part(options: argparse.Namespace) -> tuple[float, float | None]:
    """Start and end of the range of the video in seconds, None for its end. Raises ParamsError."""
    start, stop = options.start or 0.0, options.stop
    bad = next((value for value in (start, stop) if value is not None and not (0 <= value < math.inf)), None)
    if bad is not None or (stop is not None and stop <= start):
        raise ParamsError(f"--from and --to expect times from 0 on, the earlier one first, found {start} and {stop}.")
    return start, stop


def write_result(
    runner: Runner, instance: AnalysisInstance, options: argparse.Namespace, progress: Progress
) -> list[Path]:
    """Run `instance`, write its result according to `options` and return the written paths. Raises UserError."""
    from cvstudio.exporters.base import writing
    from cvstudio.exporters.export_all import export_all
    from cvstudio.media import MediaKind
    from cvstudio.running.composition import Comparison, is_plain
    from cvstudio.running.export_items import ExportRequest, export_item

    spec = instance.spec
    media = instance.canvas_media
    name = media.name if media is not None else spec.title
    look = getattr(options, "look", {})
    video = spec.goes_by_frame(media) and options.time is None
    start, stop = _part(options)
    if (start or stop is not None) and not video:
        raise ExportError(f"--from and --to expect a video, found {name}; leave them out.")
    length = media.duration_secs if media is not None else None
    if length and start >= length:
        raise ExportError(f"--from expects a time before the end of {name} at {length:.3f} s, found {start}.")
    if options.time and (media is None or media.kind is not MediaKind.VIDEO):
        raise ExportError(f"--time expects a video, found {name}; leave it out.")
    outs, folders = _outs(options)
    targets = [
        target
        for out in outs
        for target in _targets(out, instance.file_stem, options.format, spec.result, video=video, folder=out in folders)
    ]
    for layer in instance.lineage:
        if layer.weights is not None:
            protect_input(layer.weights, options)
    named = {out for out in outs if _is_file(out, folder=out in folders)}
    for _, path in targets:
        check_no_input(path)
        if path not in named:
            _check_own(path)
    for _, path in targets:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
    base = targets[0][1].parent.resolve()
    whole_picture: Composition = getattr(options, "composition", ()) or (instance,)
    layered = isinstance(whole_picture, Comparison) or not is_plain(instance, whole_picture)
    # A picture shows every layer of a recipe; what holds data holds one result's.
    for drawn in sorted({layered and exporter.draws for exporter, _ in targets}):
        request = ExportRequest(
            instance,
            base,
            pts=None if video else options.time or 0.0,
            part=(start, stop) if video else None,
            composition=whole_picture if drawn else (),
            look=look,
        )
        item = export_item(runner, request, progress)
        mine = [target for target in targets if (layered and target[0].draws) == drawn]
        export_all(mine, item, _format_options(options), progress)
    if video and media is not None and media.format == "video":
        from cvstudio.media.damage.video_losses import find_undecoded

        find_undecoded(media)
    return [path for _, path in targets]


def run_batch(
    analysis: str,
    paths: Sequence[Path],
    others: Mapping[str, Given],
    model: str,
    weights: Path | None,
    values: Mapping[str, Any],
    adjustments: Mapping[str, Adjustments],
    file_adjustments: Mapping[str, Mapping[Path, Adjustments]],
    read_as: Mapping[str, str],
    options: argparse.Namespace,
    bar: Bar,
    progress: Progress,
) -> int:
    """Run a batch and return the exit code: 1 where a file failed, which stderr lists. Raises UserError, Cancelled."""
    from cvstudio.analyses import ANALYSES
    from cvstudio.analyses.instance import AnalysisInstance
    from cvstudio.exporters import default_exporters
    from cvstudio.media import Media
    from cvstudio.media.reading import apply_settings, split_settings
    from cvstudio.models.checkpoints import chosen_checkpoint
    from cvstudio.running.batch import REPORT, Batch, BatchPlan
    from cvstudio.running.runner import check_read_slots, make_binding, with_all_adjustments

    if options.time is not None or options.start is not None or options.stop is not None:
        raise ParamsError("--time, --from and --to expect one video, found several files; leave them out.")
    spec = ANALYSES[analysis]
    key = model or spec.first_model
    formats = options.format or [item.key for item in default_exporters(spec.result)]
    values, reading = split_settings(values)
    main = spec.main_slot.name
    check_read_slots(spec, {main, *others}, read_as)
    bindings = {
        name: make_binding(spec.slot(name), given, progress, read_as=read_as.get(name, ""))
        for name, given in others.items()
    }
    files = {name: bound for name, bound in bindings.items() if isinstance(bound, Media)}
    bindings = {**bindings, **apply_settings(files, reading)}
    instance = AnalysisInstance(1, analysis, bindings, key, weights or chosen_checkpoint(key), values)
    instance = with_all_adjustments(instance, adjustments, file_adjustments)
    instance.params()
    for_all = {"": read_as[main]} if main in read_as else {}
    failed = 0
    for out in _outs(options)[0]:
        plan = BatchPlan(instance, tuple(paths), out, tuple(formats), _format_options(options), read_as=for_all)
        batch = Batch(plan, device=options.device, precision=options.precision)
        told = False
        for outcome in batch.run(progress):
            if batch.restarted and not told:
                told = True
                bar.note(f"{out} holds a batch with other settings; the batch starts over.")
            if outcome.state == "failed":
                bar.note(f"failed: {outcome.file}: {outcome.error}")
        bar.end()
        if batch.summary.failed or not options.quiet:
            print(f"cvstudio: {batch.summary.text()}", file=sys.stderr)
        print(out / REPORT)
        failed += batch.summary.failed
    return 1 if failed else 0
