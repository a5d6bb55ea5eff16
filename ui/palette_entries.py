"""Everything that the palette offers, made from what is registered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QTimer
from PySide6.QtGui import QKeySequence

from cvstudio.analyses import ANALYSES, Analysis
from cvstudio.models import MODELS, ModelSpec
from cvstudio.params import fields_of
from ui.compare_commands import compare_entries
from ui.palette import Entry
from ui.panels import PANELS
from ui.translate import translated

if TYPE_CHECKING:
    from ui.main_window import MainWindow


def _tr(text: str) -> str:
    return QCoreApplication.translate("Palette", text)


def palette_entries(window: MainWindow) -> list[Entry]:
    """The lines of the palette in the order that counts among equals: what one wants to see before how."""
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
    ]


def _analyses(window: MainWindow) -> list[Entry]:
    found = []
    for spec in ANALYSES:
        found.append(
            Entry(
                f"analysis:{spec.key}",
                translated(spec.title),
                lambda key=spec.key: use_analysis(window, key),
                _tr("analysis"),
                spec.icon,
                (spec.key, spec.action, *spec.keywords),
                " ".join((translated(spec.summary), *_titles(spec))),
            )
        )
    return found


def _models(window: MainWindow) -> list[Entry]:
    return [
        Entry(
            f"model:{spec.key}/{model.key}",
            model.title,
            lambda spec=spec, model=model: use_model(window, _fitting(window, spec, model), model.key),
            _tr("model"),
            spec.icon,
            (model.key, model.family, *model.keywords),
            f"{translated(model.summary)} {model.paper}",
        )
        for model, spec in ((model, _first(model)) for model in MODELS)
        if spec is not None
    ]


def _first(model: ModelSpec) -> Analysis | None:
    """Of several analyses that a model serves, the one that is named."""
    return next((spec for spec in ANALYSES if spec.takes(model)), None)


def _fitting(window: MainWindow, first: Analysis, model: ModelSpec) -> str:
    """The analysis that is in use, where it takes `model`, or else `first`."""
    current = window.controller.session.state.instance
    return current.analysis if current is not None and current.spec.takes(model) else first.key


def _titles(spec: Analysis) -> list[str]:
    """What the controls of an analysis are called."""
    return [translated(field.doc.title) for stage in spec.stages for field in fields_of(stage.params)]


def _panels(window: MainWindow) -> list[Entry]:
    return [
        Entry(
            f"panel:{panel.key}",
            window.docks[panel.key].windowTitle(),
            lambda key=panel.key: window.show_panel(key),
            _tr("panel"),
            "panel-right",
            (panel.key, *panel.keywords),
            shortcut=_keys(panel.shortcut),
        )
        for panel in PANELS
    ]


def _commands(window: MainWindow) -> list[Entry]:
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


def _formats(window: MainWindow) -> list[Entry]:
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


def _recipes(window: MainWindow) -> list[Entry]:
    from cvstudio.training import RECIPES

    return [
        Entry(
            f"recipe:{recipe.key}",
            _tr("Train: {recipe}").format(recipe=translated(recipe.title)),
            lambda: window.show_panel("training"),
            _tr("training"),
            "activity",
            (f"train {recipe.key}",),
            translated(recipe.summary),
        )
        for recipe in RECIPES
    ]


def _layers(window: MainWindow) -> list[Entry]:
    layers = window.controller.layers
    return [
        Entry(
            f"layer:{spec.key}",
            _tr("Add layer: {analysis}").format(analysis=translated(spec.title)),
            lambda key=spec.key: layers.add(key),
            _tr("layer"),
            "layers",
        )
        for spec in layers.choices()
    ]


def _media(window: MainWindow) -> list[Entry]:
    controller = window.controller
    state = controller.session.state
    show = controller.library.show_set
    return [
        *(
            Entry(
                f"media:{media.path}", media.name, lambda media=media: controller.activate(media), _tr("open"), "image"
            )
            for media in state.media
        ),
        *(
            Entry(f"folder:{item.path}", item.name, lambda path=item.path: show(path), _tr("folder"), "folder")
            for item in state.sets
        ),
    ]


def _keys(*shortcuts: str) -> str:
    native = QKeySequence.SequenceFormat.NativeText
    return ", ".join(QKeySequence(keys).toString(native) for keys in shortcuts if keys)


def use_analysis(window: MainWindow, key: str) -> None:
    """Change to an analysis; one that nothing open fits begins on its sample."""
    state = window.controller.session.state
    if ANALYSES[key].canvas_slot is None or any(ANALYSES[key].shows(media) for media in state.media):
        window.controller.use_analysis(key)
    else:
        window.controller.open_sample(key)
    window.show_panel("analysis")


def use_model(window: MainWindow, analysis: str, model: str) -> None:
    """Change to an analysis with a model."""
    use_analysis(window, analysis)
    controller = window.controller
    current = controller.session.state.instance
    if current is not None and current.analysis == analysis:
        controller.set_model(model)
    else:
        # The sample is still being opened.
        QTimer.singleShot(200, window, lambda: controller.set_model(model))
