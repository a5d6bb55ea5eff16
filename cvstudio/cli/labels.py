"""`cvstudio labels`: a labelled set in another form; and what `cvstudio info` prints of one."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from cvstudio.analyses.label_sets import SUFFIXES
from cvstudio.cli.terminal import Bar, guarded
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations import ANNOTATION_FORMATS, WriteOptions, annotation_format
from cvstudio.media.annotations.summary import by_reason, summarise
from cvstudio.media.annotations.writing import write_labels


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
    convert.add_argument("-q", "--quiet", action="store_true", help="do not show progress")


def run(options: argparse.Namespace) -> int:
    """Run the command `labels` and return the exit code."""
    bar = Bar(quiet=options.quiet)

    def work(progress: Progress) -> int:
        source = ANNOTATION_FORMATS[options.source] if options.source else annotation_format(options.set)
        labelled = source.read(options.set)
        target, entry = options.out, ANNOTATION_FORMATS[options.to]
        if entry.suffix and not target.suffix:  # without one, nothing would know the file again
            target = target.with_name(target.name + entry.suffix)
        left_out = [
            *labelled.check(progress),
            *write_labels(labelled, target, entry, progress, options=WriteOptions(options.pictures)),
        ]
        bar.end()
        print(target)
        for line in left_out_lines(left_out):
            print(line, file=sys.stderr)
        return 0

    return guarded(work, bar, stopped="stopped; nothing was left half written.")


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


def label_facts(path: Path) -> list[tuple[str, str]]:
    """Facts about a labelled set as (title, text). Raises MediaError."""
    found = annotation_format(path)
    summary = summarise(found.read(path), Progress())
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
            *([f"{objects:,} objects"] if objects else []),
            *([f"{whole:,} pictures"] if whole else []),
            *([f"pixels in {maps:,} pictures"] if maps else []),
        ]
        used.append(f"{name:<{width}}  {', '.join(words) or 'none'}".rstrip())
    rows.append(("classes", "\n".join([f"{len(summary.counts):,}", *used])))
    if summary.left_out:
        rows.append(("left out", "\n".join(left_out_lines(summary.left_out))))
    return rows
