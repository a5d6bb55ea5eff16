"""`cvstudio run …`, `list`, `train …` and `evaluate …`: what can be done without a window.

Exit codes: 0 done, 1 the user has to change something (one sentence on stderr), 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvstudio.analyses import ANALYSES, Analysis
from cvstudio.models import MODELS
from cvstudio.params import add_arguments, fields_of, parse_text
from cvstudio.progress import Progress
from cvstudio.terminal import Bar, guarded
from cvstudio.training.arguments import add_training
from cvstudio.weights.terms import terms

if TYPE_CHECKING:
    from cvstudio.api import Runner
    from cvstudio.session import AnalysisInstance

COMMANDS = ("run", "list", "train", "evaluate")


def _analysis_parser(commands: Any, analysis: Analysis) -> None:
    parser = commands.add_parser(analysis.key, help=analysis.summary, description=analysis.summary)
    first, *others = analysis.inputs
    parser.add_argument(first.name, type=Path, metavar=first.name.upper(), help=f"{first.title.lower()} file")
    for slot in others:
        parser.add_argument(f"--{slot.name}", type=Path, required=True, help=f"{slot.title.lower()} file")
    _common(parser)
    if analysis.task:
        models = [model for model in MODELS if model.task == analysis.task]
        keys = ", ".join(model.key for model in models)
        parser.add_argument("--model", default=analysis.default_model, help=f"one of: {keys}")
        parser.add_argument("--weights", type=Path, help="a local checkpoint file for the model")
        shown: set[type[Any]] = set()
        names: set[str] = set()
        for model in models:
            # Models of one family share a class of parameters; two families may share a name.
            own = {field.name for field in fields_of(model.params)}
            if model.params not in shown and own and not own & names:
                add_arguments(parser.add_argument_group(f"model {model.key}"), model.params)
            shown.add(model.params)
            names |= own
    group = parser.add_argument_group("parameters")
    for params_type in analysis.params_types(None):
        add_arguments(group, params_type)


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--out", type=Path, default=Path("out"), help="file or folder to write (default: out)")
    parser.add_argument("--format", action="append", help="export format, may be repeated; default: the usual ones")
    parser.add_argument("--time", type=float, metavar="SECS", help="one frame of a video instead of all of it")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress on stderr")


def build_parser() -> argparse.ArgumentParser:
    """The whole command line, generated from what is registered."""
    parser = argparse.ArgumentParser(
        prog="cvstudio", description="A laboratory for computer vision. Without a command the window opens."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    runner = commands.add_parser("run", help="run an analysis without a window")
    recipe = argparse.ArgumentParser(add_help=False)
    runner.add_argument("--recipe", type=Path, metavar="FILE", help="do again what a recipe beside an export says")
    analyses = runner.add_subparsers(dest="analysis", metavar="ANALYSIS")
    for analysis in ANALYSES:
        _analysis_parser(analyses, analysis)
    _common(recipe)
    commands.add_parser("list", help="what can be run: analyses, models with their licences, formats")
    add_training(commands)
    return parser


def _recipe_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cvstudio run --recipe FILE")
    parser.add_argument("--recipe", type=Path, required=True, metavar="FILE")
    _common(parser)
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
    # A flag of another model's parameter is a mistake that must not pass in silence.
    known = {field.name for field in (*model_fields, *stage_fields)}
    for other in MODELS:
        for field in fields_of(other.params):
            if field.name not in known and getattr(options, field.name, None) is not None:
                values[field.name] = getattr(options, field.name)
    return values


def _list() -> int:
    from cvstudio.exporters import EXPORTERS

    for analysis in ANALYSES:
        print(f"{analysis.key:<16}{analysis.summary}")
        for model in MODELS:
            if analysis.task and model.task == analysis.task:
                print(f"    --model {model.key:<22}{model.title}, {model.year}; {terms(model)}")
    print("formats: " + ", ".join(f"{exporter.key} (.{exporter.suffix.lstrip('.')})" for exporter in EXPORTERS))
    for broken in (*ANALYSES.broken, *MODELS.broken, *EXPORTERS.broken):
        print(f"not usable: {broken.module} ({broken.reason})", file=sys.stderr)
    return 0


def _targets(out: Path, stem: str, keys: Sequence[str] | None, result_type: type[Any], *, video: bool) -> list[Any]:
    from cvstudio.exporters import EXPORTERS, default_exporters, exporter_for_suffix

    if out.suffix and not out.is_dir():
        return [(EXPORTERS[keys[0]] if keys else exporter_for_suffix(out.suffix, result_type, video=video), out)]
    chosen = [EXPORTERS[key] for key in keys] if keys else default_exporters(result_type, video=video)
    return [(exporter, out / f"{stem}{exporter.suffix}") for exporter in chosen]


def _export(runner: Runner, instance: AnalysisInstance, options: argparse.Namespace, progress: Progress) -> list[Path]:
    from cvstudio.exporters import ExportItem, export
    from cvstudio.media import MediaKind
    from cvstudio.recipe import make_recipe

    spec = instance.spec
    media = instance.bindings[spec.inputs[0].name]
    look = getattr(options, "look", {})
    video = media.kind is MediaKind.VIDEO and not spec.inputs[0].streamed and options.time is None
    stem = f"{media.path.stem}-{spec.key}"
    targets = _targets(options.out, stem, options.format, spec.result, video=video)
    written = []
    for exporter, path in targets:
        path.parent.mkdir(parents=True, exist_ok=True)
        if video:
            recipe = make_recipe(instance, path.parent.resolve(), pts=None, look=look)
            item = ExportItem(media, None, None, look, recipe, frames=runner.frames(instance, progress))
        else:
            at = options.time or 0.0
            item = runner.export_item(instance, progress, base=path.parent.resolve(), pts=at, look=look)
        export(exporter, path, item, progress)
        written.append(path)
    return written


def _run(arguments: Sequence[str]) -> int:
    from cvstudio.api import Runner, make_instance
    from cvstudio.recipe import load_recipe

    recipe = any(item == "--recipe" or item.startswith("--recipe=") for item in arguments)
    options = _recipe_parser().parse_args(arguments) if recipe else build_parser().parse_args(["run", *arguments])
    if not recipe and not options.analysis:
        build_parser().parse_args(["run", "--help"])

    def work(progress: Progress) -> int:
        with Runner(device=options.device) as runner:
            if recipe:
                instance, time_secs, options.look = load_recipe(options.recipe)
                if options.time is None:
                    options.time = time_secs
            else:
                spec = ANALYSES[options.analysis]
                key = getattr(options, "model", "")
                model = MODELS[key] if key else None
                inputs = {slot.name: getattr(options, slot.name) for slot in spec.inputs}
                values = _values(options, spec, model)
                instance = make_instance(
                    spec.key, inputs, model=key, weights=getattr(options, "weights", None), values=values
                )
            written = _export(runner, instance, options, progress)
        print(*written, sep="\n")
        return 0

    return guarded(work, Bar(quiet=options.quiet), stopped="stopped; nothing was left half written.")


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    if arguments[0] == "run":
        return _run(arguments[1:])
    if arguments[0] in ("train", "evaluate"):
        from cvstudio.training import commands

        options = build_parser().parse_args(arguments)
        return commands.train(options) if options.command == "train" else commands.evaluate(options)
    if arguments[0] == "list" and len(arguments) == 1:
        return _list()
    build_parser().parse_args(arguments)
    return 2
