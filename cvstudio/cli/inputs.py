"""Inputs on the command line: files, texts, folders, and other analyses as ``ANALYSIS[:MODEL][,NAME=VALUE...]``."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvstudio.analyses import ANALYSES, Analysis
from cvstudio.analyses.analysis import Slot
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.params import fields_of
from cvstudio.foundation.params_text import parse_text
from cvstudio.models import MODELS, ModelSpec

if TYPE_CHECKING:
    from cvstudio.analyses.instance import AnalysisInstance
    from cvstudio.running.runner import Given

TEXT_SUFFIX = ".txt"
RECIPE_SUFFIX = ".json"


def add_inputs(parser: argparse.ArgumentParser, analysis: Analysis) -> None:
    """Add the main slot as what stands first, and the others as flags."""
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
            several = {"nargs": "+"} if slot.several is not None else {}
            parser.add_argument(f"--{slot.name}", required=not slot.optional, help=_help(slot), **several)


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
    fitting = [item for item in ANALYSES if issubclass(item.result, slot.results)]
    if not fitting:
        return "detect"
    first = fitting[0]
    # With a percent sign argparse would look for a value.
    return f"{first.key}:{first.first_model}".replace("%", "%%") if first.first_model else first.key


def is_batch(slot: Slot, values: Sequence[str | Path]) -> bool:
    """Whether the main slot's values are done one after the other."""
    if slot.kinds:
        return len(values) > 1 or any(Path(value).is_dir() for value in values)
    if slot.text is not None:
        # A word may be the name of a folder, too.
        return len(values) > 1 or any(str(value).endswith("/") for value in values)
    return len(values) > 1 and all(Path(value).is_dir() for value in values)


def text_of(value: str) -> Given:
    """The text itself, or the file that holds it."""
    path = Path(value)
    return path if value.lower().endswith(TEXT_SUFFIX) and path.is_file() else value


def given_of(slot: Slot, value: str | Path | Sequence[str | Path]) -> Given:
    """What was written for `slot`, as `make_instance` takes it. Raises UserError."""
    if not isinstance(value, str | Path):
        return [Path(item) for item in value]
    if slot.results and not (slot.kinds and Path(value).is_file() and not _is_recipe(value)):
        return upstream_of(str(value))
    if slot.text is not None and not slot.kinds:
        return text_of(str(value))
    return Path(value)


def _is_recipe(value: str | Path) -> bool:
    return str(value).endswith(RECIPE_SUFFIX)


def upstream_of(text: str) -> AnalysisInstance:
    """The analysis that ``ANALYSIS[:MODEL][,NAME=VALUE...]`` or a recipe file names, without its medium on the canvas.

    A value may hold commas: what has no "=" belongs to the value before. Raises UserError.
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
    instance = AnalysisInstance(0, key, {}, model.key if model else "", None, parsed(texts, analysis, model))
    instance.params()
    return instance


def parsed(texts: Mapping[str, str], analysis: Analysis, model: ModelSpec | None) -> dict[str, Any]:
    """The values of parameters of `analysis` and `model` from texts by name; a name that neither has stays a text,
    for whoever checks them. Raises ParamsError."""
    declared = {field.name: field for params_type in analysis.params_types(model) for field in fields_of(params_type)}
    values: dict[str, Any] = {}
    for name, text in texts.items():
        field = declared.get(name)
        if field is not None:
            field = dataclasses.replace(field, range=Analysis.bounds(field.range, model))
        values[name] = parse_text(field, text) if field is not None else text
    return values
