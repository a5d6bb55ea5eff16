"""The entries of the command palette, made from the registries and the open media."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QKeySequence

from cvstudio.analyses import ANALYSES, Analysis
from cvstudio.foundation.params import fields_of
from cvstudio.models import MODELS, ModelSpec
from cvstudio.models.terms import Place, terms
from ui.base.translate import translated
from ui.panels import PANELS
from ui.window.command_groups.compare_commands import compare_entries
from ui.window.palette import CommandPalette, Entry

if TYPE_CHECKING:
    from ui.window.window_base import Window


def _tr(text: str) -> str:
    return QCoreApplication.translate("CommandPalette", text)


def palette_entries(window: Window) -> list[Entry]:
    """All entries in the order among equal matches: analyses first, as users search for what before how."""
    return [
        *_analyses(window),
        *_panels(window),
        *_commands(window),
        *_models(window),
        *_formats(window),
        *_recipes(window),
        *_layers(window),
        *compare_entries(window),
        *_media(window),
        *_readings(window),
    ]


def _analyses(window: Window) -> list[Entry]:
    entries = []
    for spec in ANALYSES:
        entries.append(
            Entry(
                f"analysis:{spec.key}",
                translated(spec.title),
                partial(window.use_analysis, spec.key),
                _analysis_note(spec),
                spec.icon,
                (spec.key, *spec.keywords),
                " ".join((translated(spec.summary), spec.action, *_titles(spec))),
            )
        )
    return entries


def _analysis_note(spec: Analysis) -> str:
    """What an entry is, and what is to be downloaded before it can run."""
    model_terms = terms(MODELS[spec.first_model]) if spec.first_model else None
    if model_terms is None or model_terms.place is not Place.ABSENT:
        return _tr("analysis")
    return _tr("analysis, {size} to download").format(size=f"{model_terms.size_bytes / 1e6:.0f} MB")


def _models(window: Window) -> list[Entry]:
    return [
        Entry(
            f"model:{spec.key}/{model.key}",
            model.title,
            partial(_use_fitting, window, spec, model),
            _tr("model"),
            spec.icon,
            (model.key, model.family, *model.keywords),
            f"{translated(model.summary)} {model.paper}",
        )
        for model, spec in ((model, _first_analysis(model)) for model in MODELS)
        if spec is not None
    ]


def _first_analysis(model: ModelSpec) -> Analysis | None:
    """The first registered analysis that takes a model; None where there is none."""
    return next((spec for spec in ANALYSES if spec.takes(model)), None)


def _fitting(window: Window, first: Analysis, model: ModelSpec) -> str:
    """Key of the current analysis where it takes `model`, or else of `first`."""
    current = window.controller.session.state.instance
    return current.analysis if current is not None and current.spec.takes(model) else first.key


def _use_fitting(window: Window, first: Analysis, model: ModelSpec) -> None:
    window.use_model(_fitting(window, first, model), model.key)


def _titles(spec: Analysis) -> list[str]:
    """Titles of all parameters of an analysis."""
    return [translated(field.doc.title) for declared in spec.params_types(None) for field in fields_of(declared)]


def _panels(window: Window) -> list[Entry]:
    return [
        Entry(
            f"panel:{panel.key}",
            window.docks[panel.key].windowTitle(),
            partial(window.show_panel, panel.key),
            _tr("panel"),
            "panel-right",
            (panel.key, *panel.keywords),
            shortcut=_keys(panel.shortcut),
        )
        for panel in PANELS
    ]


def _commands(window: Window) -> list[Entry]:
    return [
        Entry(
            f"command:{command.key}",
            command.title.replace(" …", ""),
            command.run,
            "",
            command.icon or "command",
            command.keywords,
            shortcut=_keys(*command.shortcuts[:1]),
        )
        for command in window.commands
        if command.key != "palette" and not command.key.startswith("panel-")
    ]


def _formats(window: Window) -> list[Entry]:
    from cvstudio.exporters import EXPORTERS

    return [
        Entry(
            f"format:{exporter.key}",
            _tr("Export as {format}").format(format=translated(exporter.title)),
            window.exporting.ask,
            _tr("format"),
            "share",
            (exporter.title, exporter.suffix, exporter.key, *exporter.keywords),
            translated(exporter.summary),
        )
        for exporter in sorted(EXPORTERS, key=lambda exporter: not exporter.preferred)
    ]


def _recipes(window: Window) -> list[Entry]:
    from cvstudio.training import RECIPES

    return [
        Entry(
            f"recipe:{recipe.key}",
            _tr("Train: {recipe}").format(recipe=translated(recipe.title)),
            lambda: window.show_panel("training"),
            _tr("training"),
            "activity",
            (f"train {recipe.key}", "학습", "훈련", "모델 학습"),
            translated(recipe.summary),
        )
        for recipe in RECIPES
        if recipe.make is not None
    ]


def _layers(window: Window) -> list[Entry]:
    layers = window.controller.layers
    return [
        Entry(
            f"layer:{spec.key}",
            _tr("Add layer: {analysis}").format(analysis=translated(spec.title)),
            partial(layers.add, spec.key),
            _tr("layer"),
            "layers",
        )
        for spec in layers.choices()
    ]


def _media(window: Window) -> list[Entry]:
    controller = window.controller
    state = controller.session.state
    show = controller.library.show_set
    return [
        *(
            Entry(f"media:{media.path}", media.name, partial(controller.activate, media), _tr("open"), "image")
            for media in state.media
        ),
        *(
            Entry(f"folder:{item.path}", item.name, partial(show, item.path), _tr("folder"), "folder")
            for item in state.sets
        ),
    ]


def _readings(window: Window) -> list[Entry]:
    """What the open file may be read as instead."""
    controller = window.controller
    media = controller.session.state.active_media
    return [
        Entry(
            f"reading:{reading.key}",
            _tr("Read as {what}").format(what=translated(reading.title)),
            partial(controller.read_as, media, reading.key),
            _tr("file"),
            "info",
            (reading.key, "다르게 읽기"),
            translated(reading.summary),
        )
        for reading in (media.readings if media is not None else ())
        if media is not None and reading.key != media.read_as
    ]


def _keys(*shortcuts: str) -> str:
    native = QKeySequence.SequenceFormat.NativeText
    return ", ".join(QKeySequence(keys).toString(native) for keys in shortcuts if keys)


def show_palette(window: Window) -> CommandPalette:
    """Open the palette over the window."""
    palette = CommandPalette(
        window, palette_entries(window), window.settings.recent_commands, window.top.search.place()
    )
    palette.used.connect(window.settings.add_recent_command)
    return palette
