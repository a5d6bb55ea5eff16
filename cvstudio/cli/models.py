"""`cvstudio models`: the catalogue as a table, and the card of a model with its layers."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

from cvstudio.cli.terminal import Bar, guarded
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS
from cvstudio.models.catalogue.columns import COLUMNS, CatalogueColumn, columns_of, count_text, ordered
from cvstudio.models.catalogue.entries import CatalogueEntry, CatalogueFilter, entries_of, entry_of
from cvstudio.models.inspection.layers import Inspection, NetworkLayer
from cvstudio.models.inspection.store import inspection_of
from cvstudio.models.inspection.text import field_text
from cvstudio.models.spec import ModelSpec

WIDEST = 48
"""Widest column in characters; longer cells are cut, except in the last column."""


def run(options: argparse.Namespace) -> int:
    """Run the command `models` and return the exit code."""

    def work(progress: Progress) -> int:
        specs = [MODELS[options.model]] if options.model else list(MODELS)
        selection = CatalogueFilter(options.search, options.task, options.family)
        entries = [entry for entry in entries_of(specs, options.device) if options.model or selection.takes(entry)]
        if options.measure:
            entries = measured(entries, options.device, progress)
        if options.model:
            _print_card(entries[0], options.depth, progress)
        else:
            _print_table(entries, options)
        return 0

    return guarded(work, Bar(quiet=options.quiet), stopped="stopped; what was measured is remembered.")


def measured(entries: Sequence[CatalogueEntry], device: str, progress: Progress) -> list[CatalogueEntry]:
    """The entries with their measured time on `device`; one that cannot be measured has none."""
    import sys

    from cvstudio.foundation.errors import UserError
    from cvstudio.models.inspection.speed import measure
    from cvstudio.models.runtime.host import Host

    host = Host(device)
    measured_entries = []
    try:
        for entry in entries:
            try:
                measure(entry.spec, host, progress)
            except UserError as error:
                print(f"{entry.key}: {error}", file=sys.stderr)
            measured_entries.append(entry_of(entry.spec, device, host.precision))
            host.close()
    finally:
        host.close()
    return measured_entries


def _print_table(entries: Sequence[CatalogueEntry], options: argparse.Namespace) -> None:
    columns = columns_of([key.strip() for key in options.columns.split(",") if key.strip()])
    if options.sort:
        (column,) = columns_of([options.sort])
        entries = ordered(entries, column, descending=options.reverse)
    for line in table_lines(entries, columns):
        print(line)


def table_lines(entries: Sequence[CatalogueEntry], columns: Sequence[CatalogueColumn]) -> Iterator[str]:
    """Lines of a table with aligned columns, the header first."""
    rows = [[column.title for column in columns], *([column.text(entry) for column in columns] for entry in entries)]
    widths = [min(WIDEST, max(len(row[index]) for row in rows)) for index in range(len(columns))]
    for row in rows:
        cells = []
        for index, (text, column, width) in enumerate(zip(row, columns, widths, strict=True)):
            last = index == len(columns) - 1
            cut = text if last or len(text) <= width else text[: width - 1] + "…"
            cells.append(cut.rjust(width) if column.number else cut.ljust(width))
        yield "  ".join(cells).rstrip()


def _print_card(entry: CatalogueEntry, depth: int | None, progress: Progress) -> None:
    spec: ModelSpec = entry.spec
    print(spec.title)
    if spec.summary:
        print(spec.summary)
    facts = [(column.title, column.text(entry)) for column in COLUMNS if column.key not in ("model", "metric")]
    if entry.score is not None:
        facts = [(name, f"{value} {entry.score[0]}" if name == "Score" else value) for name, value in facts]
    weights = spec.weights[0] if spec.weights else None
    if weights is not None:
        facts += [
            ("Measured", weights.metrics),
            ("File", weights.file_name),
            ("From", weights.url or (weights.packaged.title if weights.packaged else "")),
        ]
    for name, value in facts:
        if value:
            print(f"  {name:<13}{value}")
    if spec.architecture is not None:
        progress(None, "looking into the network")
        print()
        for line in tree_lines(inspection_of(spec, progress), depth):
            print(line)


def tree_lines(inspection: Inspection, depth: int | None = None) -> Iterator[str]:
    """Lines of the tree of layers, each with its output, parameters, multiply-adds and receptive field."""
    rows = [("Layer", "Output", "Params", "MACs", "Sees, pixels")]
    rows += [
        (
            f"{'  ' * level}{layer.name or 'network'} {layer.kind}{_runs(layer)}",
            layer.shape_text,
            count_text(layer.parameters) if layer.parameters else "",
            count_text(layer.macs) if layer.macs else "",
            field_text(layer),
        )
        for level, layer in _levels(inspection.root, 0, depth)
    ]
    widths = [max(len(row[index]) for row in rows) for index in range(4)]
    for row in rows:
        cells = (row[0].ljust(widths[0]), row[1].ljust(widths[1]), row[2].rjust(widths[2]), row[3].rjust(widths[3]))
        yield "  ".join((*cells, row[4])).rstrip()
    height, width = inspection.input_size
    yield (
        f"{count_text(inspection.parameters)} parameters, {count_text(inspection.macs)} multiply-adds for a picture of "
        f"{width} x {height}"
    )


def _runs(layer: NetworkLayer) -> str:
    return f" (runs {layer.calls} times)" if layer.calls > 1 else ""


def _levels(layer: NetworkLayer, level: int, depth: int | None) -> Iterator[tuple[int, NetworkLayer]]:
    yield level, layer
    if depth is None or level < depth:
        for child in layer.children:
            yield from _levels(child, level + 1, depth)


DEFAULT_COLUMNS = "key,model,task,year,score,metric,params,macs,size,ms,status,licence"


def add_models(commands: Any) -> None:
    """Add the command `models` to the subparsers of `cvstudio`."""
    parser = commands.add_parser(
        "models",
        help="the model catalogue, or the card of one model with its layers",
        description="Lists every model with its details; with MODEL, shows its card and its layers.",
    )
    parser.add_argument("model", nargs="?", metavar="MODEL", help="key of a model: show its card and its layers")
    parser.add_argument("--task", default="", metavar="TASK", help="only models of this task, e.g. detect")
    parser.add_argument("--family", default="", metavar="FAMILY", help="only models of this family")
    parser.add_argument("--search", default="", metavar="WORDS", help="only models that contain all words")
    parser.add_argument("--columns", default=DEFAULT_COLUMNS, metavar="LIST", help=f"default: {DEFAULT_COLUMNS}")
    parser.add_argument("--sort", default="", metavar="COLUMN", help="sort by this column")
    parser.add_argument("-r", "--reverse", action="store_true", help="the largest first")
    parser.add_argument(
        "--measure", action="store_true", help="first measure the speed of the listed models on this device"
    )
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))
    parser.add_argument("--depth", type=int, metavar="N", help="show layers down to level N (default: all)")
    parser.add_argument("-q", "--quiet", action="store_true", help="do not show progress")
