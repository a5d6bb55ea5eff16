"""Inputs on the command line: files, texts, folders, and other analyses as ``ANALYSIS[:MODEL][,NAME=VALUE...]``."""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvstudio.analyses import ANALYSES, Analysis
from cvstudio.analyses.analysis import ADJUSTABLE, Slot
from cvstudio.analyses.stored_inputs import may_be_stored
from cvstudio.data.adjustments import FORM, Adjustments
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.params import fields_of
from cvstudio.foundation.params_text import parse_text
from cvstudio.media.reading import check_reading, reading_names
from cvstudio.models import MODELS, ModelSpec

if TYPE_CHECKING:
    from cvstudio.analyses.instance import AnalysisInstance
    from cvstudio.running.runner import Given

TEXT_SUFFIX = ".txt"
RECIPE_SUFFIX = ".json"


def add_inputs(parser: argparse.ArgumentParser, analysis: Analysis) -> None:
    """Add the main slot as the positional argument, and the other slots as flags."""
    main = analysis.main_slot
    parser.add_argument(
        main.name,
        type=Path if main.kinds else str,
        nargs="*" if main.optional else "+",
        metavar=main.name.upper(),
        help=_main_help(main),
    )
    for slot in analysis.inputs:
        if slot is not main:
            nargs = {"nargs": "+"} if slot.several is not None else {}
            required = not slot.optional and not may_be_stored(slot)
            parser.add_argument(f"--{slot.name}", required=required, help=_help(slot), **nargs)


def add_adjustments(parser: argparse.ArgumentParser, analysis: Analysis) -> None:
    """Add the flag for what is done to a picture first, where the analysis takes one that can be adjusted."""
    if any(slot.kinds & ADJUSTABLE and not slot.streamed for slot in analysis.inputs):
        parser.add_argument(
            "--adjust",
            action="append",
            default=[],
            metavar="[SLOT:]HOW",
            help=f"adjust the {analysis.main_slot.title.lower()}, or the input SLOT, before it is analysed; "
            f"one text: {FORM}; results stay in the pixels of the file; may be repeated for several slots",
        )
        parser.add_argument(
            "--adjust-file",
            action="append",
            nargs=2,
            default=[],
            metavar=("FILE", "[SLOT:]HOW"),
            help="adjust FILE alone, in place of what --adjust says, such as one of a batch; an empty HOW takes it as "
            "it is; may be repeated",
        )


def adjustments_of(texts: Sequence[str], analysis: Analysis) -> dict[str, Adjustments]:
    """What `--adjust` says, by slot. Raises ParamsError, BindingError."""
    found: dict[str, Adjustments] = {}
    for text in texts:
        slot, colon, rest = text.partition(":")
        name = analysis.slot(slot.strip()).name if colon else analysis.main_slot.name
        found[name] = Adjustments.from_text(rest if colon else text)
    return found


def file_adjustments_of(pairs: Sequence[Sequence[str]], analysis: Analysis) -> dict[str, dict[Path, Adjustments]]:
    """What `--adjust-file` says, by slot and absolute path. Raises ParamsError, BindingError."""
    files: dict[str, dict[Path, Adjustments]] = {}
    for file, text in pairs:
        if not os.path.isfile(file):
            raise ParamsError(f"--adjust-file expects a file and how to adjust it, found no file {file}.")
        for slot, item in adjustments_of((text,), analysis).items():
            files.setdefault(slot, {})[Path(os.path.abspath(file))] = item
    return files


def add_read_as(parser: argparse.ArgumentParser, analysis: Analysis) -> None:
    """Add the flag for what files are read as, where the analysis takes files."""
    if any(slot.kinds or slot.several is not None for slot in analysis.inputs):
        parser.add_argument(
            "--read-as",
            action="append",
            default=[],
            metavar="[SLOT:]READING",
            help=f"what the {analysis.main_slot.title.lower()}, or what is in SLOT, is read as where its content "
            f"leaves it open: {', '.join(reading_names())}, or what else `cvstudio info` lists of the file, such as "
            "labels=NAME; in a batch it holds for all files; may be repeated for several slots",
        )


def readings_of(texts: Sequence[str], analysis: Analysis) -> dict[str, str]:
    """What `--read-as` says, by slot. Raises ParamsError, BindingError."""
    slots = {slot.name for slot in analysis.inputs}
    readings: dict[str, str] = {}
    for text in texts:
        # The name of a part may hold a colon.
        slot, colon, rest = text.partition(":")
        name, key = (slot.strip(), rest) if colon and slot.strip() in slots else (analysis.main_slot.name, text)
        check_reading(key.strip())
        readings[name] = key.strip()
    return readings


def _main_help(slot: Slot) -> str:
    if slot.kinds:
        return f"{slot.title.lower()} file; several, or a folder, are done as a batch that can be stopped and goes on"
    if slot.several is not None:
        return f"{_help(slot)}; several folders are done as a batch"
    if slot.text is not None:
        return f"{_help(slot)}; several such files, or a folder with / behind it, are done as a batch"
    return _help(slot)


def _help(slot: Slot) -> str:
    forms = []
    if slot.kinds:
        forms.append(f"{slot.title.lower()} file")
    if slot.several is not None:
        forms.append(f"{slot.title.lower()}: files, or one folder of them")
    if slot.text is not None:
        forms.append(f"{slot.title.lower()}: a text, or a file ending in {TEXT_SUFFIX} that holds it")
    if slot.results:
        forms.append(
            f"{slot.title.lower()} of another analysis: ANALYSIS[:MODEL][,NAME=VALUE...], such as "
            f"{_example(slot)}, or a recipe file of it; it runs on the same medium"
        )
    return "; or ".join(forms) or f"{slot.title.lower()}: a file or folder of labels"


def _example(slot: Slot) -> str:
    analyses = [item for item in ANALYSES if issubclass(item.result, slot.results)]
    if not analyses:
        return "detect"
    first = analyses[0]
    # argparse would format a percent sign in a help text.
    return f"{first.key}:{first.first_model}".replace("%", "%%") if first.first_model else first.key


def is_batch(slot: Slot, values: Sequence[str | Path]) -> bool:
    """Whether the values of the main slot form a batch."""
    if slot.kinds:
        return len(values) > 1 or any(os.path.isdir(value) for value in values)
    if slot.text is not None:
        # A text may equal the name of a folder.
        return len(values) > 1 or any(str(value).endswith("/") for value in values)
    return len(values) > 1 and all(os.path.isdir(value) for value in values)


def text_of(value: str) -> Given:
    """`value` as the path of an existing text file, else as the text itself."""
    path = Path(value)
    return path if value.lower().endswith(TEXT_SUFFIX) and os.path.isfile(path) else value


def given_of(slot: Slot, value: str | Path | Sequence[str | Path]) -> Given:
    """The input for `slot` on the command line, as `make_instance` accepts it. Raises UserError."""
    if not isinstance(value, str | Path):
        return [Path(item) for item in value]
    if slot.results and not (slot.kinds and os.path.isfile(value) and not _is_recipe(value)):
        return upstream_of(str(value))
    if slot.text is not None and not slot.kinds:
        return text_of(str(value))
    return Path(value)


def _is_recipe(value: str | Path) -> bool:
    return str(value).endswith(RECIPE_SUFFIX)


def upstream_of(text: str) -> AnalysisInstance:
    """The analysis in ``ANALYSIS[:MODEL][,NAME=VALUE...]`` or a recipe file, without its medium on the canvas.

    A value may hold commas: a part without "=" belongs to the value before it. Raises UserError.
    """
    from cvstudio.analyses.instance import AnalysisInstance
    from cvstudio.running.recipe import load_recipe

    if _is_recipe(text):
        instance = load_recipe(Path(text))[0]
        return instance.on(None) if instance.spec.canvas_slot is not None else instance
    head, *rest = text.split(",")
    key, _, model_key = head.partition(":")
    analysis = ANALYSES[key]
    model = MODELS[model_key or analysis.first_model] if model_key or analysis.first_model else None
    texts: dict[str, str] = {}
    name = ""
    for part in rest:
        if "=" in part:
            name, _, value = part.partition("=")
            texts[name.strip()] = value
        elif name:
            texts[name.strip()] += f",{part}"
        else:
            raise ParamsError(f"'{text}' expects NAME=VALUE behind the first comma, found '{part}'.")
    begun = AnalysisInstance.beginning(0, analysis, {}, model.key if model else "")
    instance = dataclasses.replace(begun, values=parsed(texts, analysis, model))
    instance.params()
    return instance


def values_of_texts(pairs: Sequence[str]) -> dict[str, str]:
    """Values by name of what `--set NAME=VALUE` says. Raises ParamsError."""
    texts = {}
    for text in pairs:
        name, equals, value = text.partition("=")
        if not equals:
            raise ParamsError(f"--set expects NAME=VALUE, found '{text}'.")
        texts[name.strip()] = value
    return texts


def parsed(texts: Mapping[str, str], analysis: Analysis, model: ModelSpec | None) -> dict[str, Any]:
    """Parse values of parameters of `analysis` and `model` by name. The value of an unknown name stays a text, to be
    rejected where the instance is checked. Raises ParamsError."""
    declared = {field.name: field for params_type in analysis.params_types(model) for field in fields_of(params_type)}
    values: dict[str, Any] = {}
    for name, text in texts.items():
        field = declared.get(name)
        if field is not None:
            field = dataclasses.replace(field, range=Analysis.bounds(field.range, model))
        values[name] = parse_text(field, text) if field is not None else text
    return values
