"""`cvstudio info FILE…`: facts about files and labelled sets."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cvstudio.cli.labels import is_labels, label_facts
from cvstudio.cli.terminal import Bar, guarded
from cvstudio.foundation.errors import MediaError, UserError
from cvstudio.foundation.json_text import json_text
from cvstudio.foundation.progress import Progress
from cvstudio.media import Media, MediaKind, open_media, open_reader
from cvstudio.media.facts import quick_facts, slow_facts
from cvstudio.media.formats import FORMATS
from cvstudio.media.reading import reading_names

_MOST_PIXELS = 5_000_000_000
"""Pixels of all frames up to which a video is decoded to find what is damaged: some 20 s of work."""


def add_info(commands: Any) -> None:
    """Add the command `info` to the parser's `commands`."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "info",
        help="show what a file contains: format, size, bit depth, tracks, counts",
        epilog=f"Files that open, by their usual endings: {_format_list()}.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a file, or a file or folder of labels")
    parser.add_argument(
        "--read-as",
        default="",
        metavar="READING",
        help="what the files are read as where their content leaves it open: "
        f"{', '.join(reading_names())}, or what else is listed of a file, such as labels=NAME",
    )
    parser.add_argument("--json", action="store_true", help="one JSON list instead of text")


def _format_list() -> str:
    suffixes: dict[str, list[str]] = {}
    for entry in FORMATS:
        if entry.suffixes:  # a camera is no file
            suffixes.setdefault(entry.title, []).extend(entry.suffixes)
    return "; ".join(f"{title}s ({' '.join(dict.fromkeys(endings))})" for title, endings in suffixes.items())


def info(files: Sequence[Path], *, read_as: str = "", as_json: bool) -> int:
    """Print the facts of `files` and return the exit code: 1 where one cannot be opened; the others are printed."""
    # Facts are read by scripts, too, which have no use for a line of every tenth.
    bar = Bar(quiet=not sys.stderr.isatty())
    return guarded(
        lambda progress: _print_facts(files, read_as, as_json, bar, progress),
        bar,
        stopped="stopped.",
        notes_losses=False,  # they are among the facts
    )


def _print_facts(files: Sequence[Path], read_as: str, as_json: bool, bar: Bar, progress: Progress) -> int:
    entries: list[dict[str, Any]] = []
    failed = False
    for path in files:
        try:
            media = None if is_labels(path) else open_media(path, read_as=read_as)
            rows = label_facts(path, progress) if media is None else _facts(media, progress)
            bar.end()
        except UserError as error:
            failed = True
            bar.end()
            print(f"cvstudio: {error}", file=sys.stderr)
            continue
        if as_json:
            entries.append(_as_json(media, rows) if media is not None else _labels_as_json(path, rows))
        else:
            width = max(len(title) for title, _ in rows)
            print(media.path if media is not None else path)
            for title, text in rows:
                for number, line in enumerate(text.split("\n")):
                    print(f"  {title if number == 0 else '':<{width}}  {line}")
    if as_json:
        print(json_text(entries, indent=2))
    return int(failed)


def _facts(media: Media, progress: Progress) -> tuple[tuple[str, str], ...]:
    """The facts of `media`, which is read further for them than in the window: a picture whole, a video longer."""
    rows = [*quick_facts(media)]
    try:
        if media.format == "video":
            from cvstudio.media.damage.video_losses import find_losses

            find_losses(media, progress, most_pixels=_MOST_PIXELS)
        elif media.kind in (MediaKind.IMAGE, MediaKind.DEPTH):
            with open_reader(media) as reader:
                reader.read()
        rows += slow_facts(media)
    except MediaError as error:
        rows.append(("Damage" if "damaged" in str(error) else "Not read", str(error)))
    return tuple(rows)


def _labels_as_json(path: Path, rows: Sequence[tuple[str, str]]) -> dict[str, Any]:
    return {"path": str(path), "kind": "labels", "facts": dict(rows)}


def _as_json(media: Media, rows: Sequence[tuple[str, str]]) -> dict[str, Any]:
    numbers = {
        "width": media.size.width if media.size else None,
        "height": media.size.height if media.size else None,
        "duration_secs": media.duration_secs,
        "frame_count": media.frame_count,
        "frame_rate": media.frame_rate,
        "rate_hz": media.rate_hz or None,
        "channels": media.channels or None,
    }
    return {
        "path": str(media.path),
        "kind": str(media.kind),
        "read_as": media.read_as,
        **({"readings": [reading.key for reading in media.readings]} if media.readings else {}),
        **{name: value for name, value in numbers.items() if value is not None},
        "facts": dict(rows),
    }
