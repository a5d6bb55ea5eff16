"""`cvstudio labels`: a labelled set in another form; and what `cvstudio info` prints of one."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from cvstudio.analyses.label_sets import SUFFIXES
from cvstudio.cli.terminal import Bar, guarded
from cvstudio.foundation.errors import MediaError, ParamsError
from cvstudio.foundation.names import counted
from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations import ANNOTATION_FORMATS, WriteOptions, annotation_format
from cvstudio.media.annotations.summary import by_reason, summarise
from cvstudio.media.annotations.writing import check_target, write_labels
from cvstudio.models.runtime.precision import REQUESTED_PRECISIONS


def add_labels(commands: Any) -> None:
    """Add the command `labels` to the parser's `commands`."""
    parser: argparse.ArgumentParser = commands.add_parser("labels", help="write labels in another form")
    actions = parser.add_subparsers(dest="action", required=True)
    convert = actions.add_parser("convert", help="write a labelled set in another form, and say what that cannot hold")
    convert.add_argument("set", type=Path, metavar="SET", help="file or folder of the labels")
    forms = [entry.key for entry in ANNOTATION_FORMATS if entry.write is not None]
    convert.add_argument("--to", required=True, choices=forms, help="the form")
    convert.add_argument(
        "--from",
        dest="source",
        choices=[entry.key for entry in ANNOTATION_FORMATS],
        help="the form of SET, where it is not recognised",
    )
    convert.add_argument("-o", "--out", type=Path, required=True, help="file, or a new or empty folder")
    convert.add_argument("--pictures", action="store_true", help="copy the pictures beside their labels")
    convert.add_argument(
        "--move", action="store_true", help="move the pictures into the folders of their classes in place of copies"
    )
    convert.add_argument(
        "--plan", action="store_true", help="print where each picture would go, and write and move nothing"
    )
    convert.add_argument("-q", "--quiet", action="store_true", help="do not show progress")
    accept = actions.add_parser("accept", help="what a model finds above a score becomes labels in a file")
    accept.add_argument(
        "pictures", nargs="*", type=Path, metavar="PICTURE", help="pictures or folders (default: those of --labels)"
    )
    accept.add_argument("--labels", type=Path, metavar="SET", help="labels to begin with; what they have stays")
    accept.add_argument("--model", default="", help="a model that finds boxes (default: that of object detection)")
    accept.add_argument("--weights", type=Path, help="a local checkpoint for the model")
    accept.add_argument(
        "--score", type=float, required=True, metavar="S", help="the lowest score that is accepted, 0..1"
    )
    accept.add_argument(
        "--class",
        dest="classes",
        action="append",
        default=[],
        metavar="NAME",
        help="accept only this class of the model; may be repeated",
    )
    accept.add_argument(
        "--set",
        dest="values",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of the analysis or the model, such as tile=1024; may be repeated",
    )
    accept.add_argument("--to", default="coco", choices=forms, help="the form that is written (default: coco)")
    accept.add_argument("-o", "--out", type=Path, required=True, help="file, or a new or empty folder")
    accept.add_argument("--with-pictures", action="store_true", help="copy the pictures beside their labels")
    accept.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))
    accept.add_argument("--precision", default="auto", choices=REQUESTED_PRECISIONS)
    accept.add_argument("-q", "--quiet", action="store_true", help="do not show progress")


def run(options: argparse.Namespace) -> int:
    """Run the command `labels` and return the exit code."""
    bar = Bar(quiet=options.quiet)
    if options.action == "accept":
        stopped = "stopped; nothing was written. The same command goes on where this one was."
        return guarded(lambda progress: _accept(options, bar, progress), bar, stopped=stopped)

    def work(progress: Progress) -> int:
        source = ANNOTATION_FORMATS[options.source] if options.source else annotation_format(options.set)
        labelled = source.read(options.set)
        entry = ANNOTATION_FORMATS[options.to]
        target = entry.with_suffix(options.out)
        if (options.plan or options.move) and entry.plan is None:
            raise ParamsError(f"{entry.title} does not say where pictures go; --plan and --move are for class-folders.")
        if options.plan:
            assert entry.plan is not None
            planned = entry.plan(labelled, progress)
            bar.end()
            for item in planned:
                print(f"{item.source} -> {target / item.target}")
            return 0
        wanted = WriteOptions(options.pictures, options.move)
        left_out = [*labelled.check(progress), *write_labels(labelled, target, entry, progress, options=wanted)]
        bar.end()
        print(target)
        for line in left_out_lines(dict.fromkeys(left_out)):
            print(line, file=sys.stderr)
        return 0

    return guarded(work, bar, stopped="stopped; nothing was left half written.")


def _accept(options: argparse.Namespace, bar: Bar, progress: Progress) -> int:
    from cvstudio.analyses import ANALYSES
    from cvstudio.analyses.instance import AnalysisInstance
    from cvstudio.cli.inputs import parsed, values_of_texts
    from cvstudio.media import MediaKind
    from cvstudio.media.folders import kinds_by_suffix
    from cvstudio.models import MODELS
    from cvstudio.models.checkpoints import chosen_checkpoint
    from cvstudio.results.detections import Detections
    from cvstudio.running.accepted_parts import AcceptedParts, accepted_key
    from cvstudio.running.batch.sources import find_files
    from cvstudio.running.pseudo_labels import accept_predictions, empty_set, pictures_of
    from cvstudio.running.runner import Runner

    if not 0 <= options.score <= 1:
        raise ParamsError(f"--score is expected to be 0 to 1, found {options.score}.")
    key = options.model or ANALYSES["detect"].first_model
    spec = next((item for item in ANALYSES if item.takes(MODELS[key])), ANALYSES["detect"])
    if not issubclass(spec.result, Detections):
        raise ParamsError(
            f"Expected a model that finds boxes, found {MODELS[key].title} for {spec.title.lower()}; choose one of "
            "object detection from `cvstudio list`."
        )
    values = parsed(values_of_texts(options.values), spec, MODELS[key])
    values = {**values, "score": options.score, **({"classes": tuple(options.classes)} if options.classes else {})}
    instance = AnalysisInstance(1, spec.key, {}, key, options.weights or chosen_checkpoint(key), values)
    instance.params()
    entry = ANNOTATION_FORMATS[options.to]
    target = entry.with_suffix(options.out)
    source = annotation_format(options.labels).read(options.labels) if options.labels is not None else None
    labelled = source or empty_set(options.classes or MODELS[key].labels)
    check_target(labelled, target, entry)
    if options.pictures:
        kinds = kinds_by_suffix()
        found = find_files(options.pictures, target)
        files = [file for file, asked in found if asked or kinds.get(file.suffix.casefold()) is MediaKind.IMAGE]
    else:
        files = pictures_of(labelled)
    if not files:
        raise MediaError("Expected pictures, found none; name pictures, a folder of them, or --labels with pictures.")
    with Runner(device=options.device, precision=options.precision, notice=bar.note) as runner:
        parts = AcceptedParts(accepted_key(instance, labelled, options.score))
        accepted = accept_predictions(instance, files, labelled, options.score, runner, progress, parts=parts)
    left_out = [
        *labelled.check(progress),
        *write_labels(accepted.labelled, target, entry, progress, options=WriteOptions(options.with_pictures)),
    ]
    parts.remove()
    bar.end()
    print(target)
    for file, reason in accepted.failed:
        print(f"failed: {file}: {reason}", file=sys.stderr)
    told = f"{counted(accepted.added, 'label')} added on {counted(accepted.pictures, 'picture')}"
    known = f"{accepted.known:,} {'was' if accepted.known == 1 else 'were'} there already"
    print(f"cvstudio: {told}; {known}", *left_out_lines(dict.fromkeys(left_out)), sep="\n", file=sys.stderr)
    return 1 if accepted.failed else 0


def left_out_lines(left_out: Any) -> list[str]:
    """A line for each reason for which labels were left out."""
    lines = []
    for reason in by_reason(left_out):
        places = ", ".join(reason.examples) + (f" and {reason.more:,} more" if reason.more else "")
        lines.append(f"{reason.count:,} x {reason.text}" + (f" ({places})" if places else ""))
    return lines


def is_labels(path: Path) -> bool:
    """Whether `path` is a file of labels or a folder, which can be nothing else that has facts."""
    if os.path.isdir(path):
        return True
    if path.suffix.casefold() not in SUFFIXES:
        return False
    try:
        return annotation_format(path) is not None
    except MediaError:
        return False


def label_facts(path: Path, progress: Progress) -> list[tuple[str, str]]:
    """Facts about a labelled set as (title, text). Raises MediaError and Cancelled."""
    found = annotation_format(path)
    progress(None, f"reading {path.name}")
    summary = summarise(found.read(path), progress)
    pictures = f"{summary.pictures:,}"
    if summary.missing:
        pictures += f", of which {summary.missing:,} are not there"
    if summary.unlabelled:
        pictures += f", {summary.unlabelled:,} without a label"
    rows = [("labels", found.title), ("pictures", pictures), ("objects", f"{summary.objects:,}")]
    width = max((len(name) for name, *_ in summary.counts), default=0)
    used = []
    for name, objects, whole, maps in summary.counts:
        words = [
            *([counted(objects, "object")] if objects else []),
            *([counted(whole, "picture")] if whole else []),
            *([f"pixels in {counted(maps, 'picture')}"] if maps else []),
        ]
        used.append(f"{name:<{width}}  {', '.join(words) or 'none'}".rstrip())
    rows.append(("classes", "\n".join([f"{len(summary.counts):,}", *used])))
    if summary.left_out:
        rows.append(("left out", "\n".join(left_out_lines(summary.left_out))))
    return rows
