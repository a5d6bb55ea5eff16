"""The command line: `cvstudio run …`, `info …`, `models …`, `labels …`, `weights …`, `train …` and more.

Exit codes: 0 success, 1 an error that the user can solve (one sentence on stderr), 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cvstudio.analyses import ANALYSES, Analysis
from cvstudio.cli.custom_models import add_own, run_own
from cvstudio.cli.evaluate import add_evaluate
from cvstudio.cli.export import add_format_options
from cvstudio.cli.info import add_info, info
from cvstudio.cli.inputs import (
    add_adjustments,
    add_inputs,
    add_read_as,
    adjustments_of,
    file_adjustments_of,
    given_of,
    is_batch,
    readings_of,
)
from cvstudio.cli.labels import add_labels
from cvstudio.cli.models import add_models
from cvstudio.cli.terminal import Bar, guarded
from cvstudio.cli.training import add_training
from cvstudio.cli.weights import add_weights
from cvstudio.cli.world import add_world
from cvstudio.foundation.params import fields_of
from cvstudio.foundation.params_text import add_arguments, parse_text
from cvstudio.foundation.progress import Progress
from cvstudio.media.base import MediaKind
from cvstudio.media.reading import settings_types
from cvstudio.models import MODELS, ModelSpec
from cvstudio.models.runtime.cpu_threads import let_waiting_threads_sleep
from cvstudio.models.runtime.precision import REQUESTED_PRECISIONS
from cvstudio.models.terms import terms
from cvstudio.weights.store import WeightsNeededError


def _analysis_parser(commands: Any, analysis: Analysis) -> None:
    summary = f"{analysis.title}. {analysis.summary}"
    parser = commands.add_parser(analysis.key, help=summary, description=summary)
    add_inputs(parser, analysis)
    add_adjustments(parser, analysis)
    add_read_as(parser, analysis)
    _common(parser)
    if analysis.task:
        models = analysis.models
        keys = ", ".join(model.key for model in models)
        none = "none yet; see `cvstudio own add`"
        parser.add_argument("--model", default=analysis.first_model, help=f"one of: {keys or none}")
        parser.add_argument("--weights", type=Path, help="a local checkpoint file or folder for the model")
        added: set[type[Any]] = set()
        names: set[str] = set()
        for model in models:
            # Models of a family share a params class; two families may share the name of a parameter.
            field_names = {field.name for field in fields_of(model.params)}
            if model.params not in added and field_names and not field_names & names:
                add_arguments(parser.add_argument_group(f"model {model.key}"), model.params)
            added.add(model.params)
            names |= field_names
    group = parser.add_argument_group("parameters")
    for params_type in analysis.params_types(None):
        add_arguments(group, params_type)
    for declared in settings_types(frozenset[MediaKind]().union(*(slot.kinds for slot in analysis.inputs))):
        add_arguments(group, declared)
    add_format_options(parser, analysis.result)


class _Out(argparse.Action):
    """Collect the targets as `outs`, the first as `out`, and as `folders` those that end in a separator."""

    def __call__(
        self, parser: argparse.ArgumentParser, options: argparse.Namespace, values: Any, flag: str | None = None
    ) -> None:
        options.outs = [*getattr(options, "outs", []), Path(values)]
        options.out = options.outs[0]
        if values.endswith(tuple(filter(None, (os.sep, os.altsep)))):
            options.folders = [*getattr(options, "folders", []), Path(values)]


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o",
        "--out",
        action=_Out,
        default=Path("out"),
        help="file to write or replace, or a folder, in which only earlier exports are replaced; may be repeated "
        "(default: out)",
    )
    parser.add_argument("--format", action="append", help="export format, may be repeated; default: the usual ones")
    parser.add_argument("--time", type=float, metavar="SECS", help="one frame of a video instead of all of it")
    parser.add_argument("--from", dest="start", type=float, metavar="SECS", help="start time in the video")
    parser.add_argument("--to", dest="stop", type=float, metavar="SECS", help="end time in the video")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))
    parser.add_argument(
        "--precision", default="auto", choices=REQUESTED_PRECISIONS, help="auto: the fastest with the same results"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="do not show progress")


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands, generated from the registries."""
    parser = argparse.ArgumentParser(
        prog="cvstudio", description="A laboratory for computer vision. Without a command the window opens."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    runner = commands.add_parser("run", help="run an analysis without a window")
    recipe = argparse.ArgumentParser(add_help=False)
    runner.add_argument(
        "--recipe", type=Path, metavar="FILE", help="repeat what a recipe file, saved beside an export, describes"
    )
    analyses = runner.add_subparsers(dest="analysis", metavar="ANALYSIS")
    for analysis in ANALYSES:
        _analysis_parser(analyses, analysis)
    _common(recipe)
    lister = commands.add_parser("list", help="list analyses, models with their licences, and export formats")
    lister.add_argument("--timm", metavar="WORDS", help="search the classifiers of timm instead, such as 'seresnet 1k'")
    add_weights(commands)
    add_info(commands)
    add_training(commands)
    add_evaluate(commands)
    add_own(commands)
    add_models(commands)
    add_labels(commands)
    add_world(commands)
    return parser


def _recipe_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cvstudio run --recipe FILE")
    parser.add_argument("--recipe", type=Path, required=True, metavar="FILE")
    _common(parser)
    # None: as in the recipe, whose device and precision may be missing on this computer.
    parser.set_defaults(device=None, precision=None)
    return parser


def _values(options: argparse.Namespace, analysis: Analysis, model: Any) -> dict[str, Any]:
    values = {}
    model_fields = fields_of(model.params) if model else ()
    stage_fields = [field for params_type in analysis.params_types(None) for field in fields_of(params_type)]
    for field in (*model_fields, *stage_fields):
        text = getattr(options, field.name, None)
        if text is not None:
            bounds = Analysis.bounds(field.range, model)
            values[field.name] = parse_text(dataclasses.replace(field, range=bounds), text)
    for declared in settings_types(frozenset(MediaKind)):
        for field in fields_of(declared):
            text = getattr(options, field.name, None)
            if text is not None:
                values[field.name] = parse_text(field, text)
    # A flag for a parameter of another model is an error that must not be ignored.
    own_names = {field.name for field in (*model_fields, *stage_fields)}
    for other in MODELS:
        for field in fields_of(other.params):
            if field.name not in own_names and getattr(options, field.name, None) is not None:
                values[field.name] = getattr(options, field.name)
    return values


def _title_and_year(model: ModelSpec) -> str:
    return f"{model.title}, {model.year}" if model.year else model.title


def _list() -> int:
    from cvstudio.draw import PAINTERS
    from cvstudio.exporters import EXPORTERS

    for analysis in ANALYSES:
        print(f"{analysis.key:<15} {analysis.title}. {analysis.summary}")
        for model in analysis.models:
            if analysis is next(item for item in ANALYSES if item.takes(model)):
                print(f"    --model {model.key:<21} {_title_and_year(model)}; {terms(model)}")
    for exporter in EXPORTERS:
        print(f"--format {exporter.key:<11} {exporter.suffix or 'a folder':<16}{exporter.summary}")
    for broken in (*ANALYSES.broken, *MODELS.broken, *EXPORTERS.broken, *PAINTERS.broken):
        print(f"not usable: {broken.module} ({broken.reason})", file=sys.stderr)
    return 0


def _run(arguments: Sequence[str]) -> int:
    from cvstudio.cli.export import run_batch, spread, take_export, write_result
    from cvstudio.models.runtime.host import is_there
    from cvstudio.running.composition import load_composition
    from cvstudio.running.provenance import ForcedPrecisions, load_provenance
    from cvstudio.running.recipe import load_recipe
    from cvstudio.running.runner import Runner, make_instance

    recipe = any(item == "--recipe" or item.startswith("--recipe=") for item in arguments)
    options = _recipe_parser().parse_args(arguments) if recipe else build_parser().parse_args(["run", *arguments])
    if not recipe and not options.analysis:
        build_parser().parse_args(["run", "--help"])

    bar = Bar(quiet=options.quiet)

    def work(progress: Progress) -> int:
        try:
            return analyse(progress)
        except WeightsNeededError as error:
            from cvstudio.cli.weights import needed_command

            raise needed_command(error) from error

    def analyse(progress: Progress) -> int:
        if not recipe:
            spec = ANALYSES[options.analysis]
            key, weights = getattr(options, "model", ""), getattr(options, "weights", None)
            values = _values(options, spec, MODELS[key] if key else None)
            adjustments = adjustments_of(getattr(options, "adjust", ()), spec)
            of_files = file_adjustments_of(getattr(options, "adjust_file", ()), spec)
            read_as = readings_of(getattr(options, "read_as", ()), spec)
            main, given = spec.main_slot, getattr(options, spec.main_slot.name)
            inputs = {
                slot.name: given_of(slot, value)
                for slot in spec.inputs
                if slot is not main and (value := getattr(options, slot.name)) is not None
            }
            files = [Path(text) for text in given]
            files = spread(files) if main.kinds or main.several else files
            if is_batch(main, files if main.kinds else given):
                return run_batch(
                    spec.key,
                    files,
                    inputs,
                    key,
                    weights,
                    values,
                    adjustments,
                    of_files,
                    read_as,
                    options,
                    bar,
                    progress,
                )
            if files:
                one = files if main.several and not main.kinds else files[0] if main.kinds else given[0]
                inputs[main.name] = given_of(main, one)
        device, precision = options.device, options.precision
        forced: ForcedPrecisions = {}
        if recipe:
            # Device and precision are those of the recipe, except where the command line sets them.
            provenance = load_provenance(options.recipe)
            forced = provenance.precisions if precision is None else {}
            if device is None and provenance.device and not is_there(provenance.device):
                bar.note(
                    f"It was computed on {provenance.device.upper()}, which is not available; another device is used."
                )
            elif device is None:
                device = provenance.device
        new_runner = Runner(
            device=device or "auto", precision=precision or "auto", forced=forced, measure=False, notice=bar.note
        )
        with new_runner as runner:
            if recipe:
                instance, time_secs, options.look = load_recipe(options.recipe)
                take_export(options, options.recipe)
                options.composition = load_composition(options.recipe)
                if options.time is None:
                    options.time = time_secs
            else:
                instance = make_instance(
                    spec.key,
                    inputs,
                    model=key,
                    weights=weights,
                    values=values,
                    adjustments=adjustments,
                    file_adjustments=of_files,
                    read_as=read_as,
                )
            written = write_result(runner, instance, options, progress)
        print(*written, sep="\n")
        return 0

    return guarded(work, bar, stopped="stopped; nothing was left half written.")


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    let_waiting_threads_sleep()
    if sys.stdout is None:  # closed by the caller (``>&-``)
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    elif isinstance(sys.stdout, io.TextIOWrapper):
        # A file name that is not UTF-8 is printed as the bytes that it consists of.
        sys.stdout.reconfigure(errors="surrogateescape")
    failure: OSError | None = None
    try:
        code = _command(arguments)
    except BrokenPipeError:
        code = 0
    except OSError as error:
        code, failure = 1, error
    try:
        sys.stdout.flush()
    except OSError as error:
        # The reader, such as `head`, has closed the pipe, or the disk is full. Flushing at exit must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return code if isinstance(error, BrokenPipeError) else 1
    if failure is not None:
        name = f"'{failure.filename}'" if failure.filename else "The output"
        reason = (failure.strerror or str(failure)).lower()
        print(f"cvstudio: {name} cannot be read or written ({reason}); choose another file or folder.", file=sys.stderr)
    return code


def _command(arguments: Sequence[str]) -> int:
    if arguments[0] == "run":
        return _run(arguments[1:])
    if arguments[0] == "info":
        options = build_parser().parse_args(arguments)
        return info(options.files, read_as=options.read_as, as_json=options.json)
    if arguments[0] == "train":
        from cvstudio.cli.training import train

        return train(build_parser().parse_args(arguments))
    if arguments[0] == "evaluate":
        from cvstudio.cli.evaluate import evaluate

        return evaluate(build_parser().parse_args(arguments))
    if arguments[0] == "weights":
        from cvstudio.cli import weights as weights_commands

        return weights_commands.run(build_parser().parse_args(arguments))
    if arguments[0] == "models":
        from cvstudio.cli import models as models_commands

        return models_commands.run(build_parser().parse_args(arguments))
    if arguments[0] == "labels":
        from cvstudio.cli import labels as labels_commands

        return labels_commands.run(build_parser().parse_args(arguments))
    if arguments[0] == "world":
        from cvstudio.cli import world as world_commands

        return world_commands.run(build_parser().parse_args(arguments))
    if arguments[0] == "list":
        words = build_parser().parse_args(arguments).timm
        if words is None:
            return _list()
        from cvstudio.cli.timm import list_timm

        return guarded(lambda progress: list_timm(words, progress), Bar(quiet=False), stopped="stopped.")
    if arguments[0] == "own":
        options = build_parser().parse_args(arguments)
        return guarded(lambda progress: run_own(options, progress), Bar(quiet=False), stopped="stopped.")
    build_parser().parse_args(arguments)
    return 2
