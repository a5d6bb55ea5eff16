"""Commands and palette entries that start a comparison with the current layer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication

from cvstudio.models.terms import terms
from cvstudio.running.composition import side_title
from ui.base.command import Command
from ui.base.translate import translated
from ui.models.model_chooser import READY

if TYPE_CHECKING:
    from ui.window.palette import CommandPalette, Entry
    from ui.window.window_base import Window


def _tr(text: str) -> str:
    return QCoreApplication.translate("Compare", text)


def compare_commands(window: Window) -> list[Command]:
    """The commands of the comparison of two layers."""
    comparison = window.controller.comparison
    words = ("A/B", "side by side", "split view", "two models", "비교하기")
    return [
        Command(
            "compare-with",
            _tr("Compare with …"),
            lambda: choose(window),
            "view",
            ("Shift+C",),
            "columns-2",
            (*words, "compare models", "compare two models", "compare settings", "agreement"),
        ),
        Command(
            "compare-way",
            _tr("Comparison Side by Side or Split"),
            lambda: comparison.show_beside(not comparison.beside),
            "view",
            (),
            "square-split-horizontal",
            ("split line", "before after slider"),
        ),
    ]


def compare_entries(window: Window) -> list[Entry]:
    """Palette entries for all that the current layer can be compared with: other settings, layers and models."""
    from ui.window.palette import Entry

    comparison = window.controller.comparison
    instance = window.controller.session.state.instance
    if instance is None or not comparison.can_start():
        return []
    note = _tr("compare")

    def run(start: Callable[..., None], *args: Any) -> None:
        start(*args)
        window.show_panel("comparison")

    entries = [
        Entry(
            "compare:settings",
            _tr("Compare with other settings"),
            lambda: run(comparison.start_settings),
            note,
            "sliders-horizontal",
            ("two settings", "A/B"),
        )
    ]
    for layer in comparison.layers():
        title = _tr("Compare with layer: {layer}").format(layer=translated(side_title(layer, instance)))
        entries.append(
            Entry(
                f"compare:layer/{layer.id}",
                title,
                partial(run, comparison.start_layer, layer.id),
                note,
                "layers",
            )
        )
    # Models that can run at once come before those whose weights are missing.
    for model in sorted(comparison.models(), key=lambda model: terms(model).place not in READY):
        entries.append(
            Entry(
                f"compare:model/{model.key}",
                _tr("Compare with {model}").format(model=model.title),
                partial(run, comparison.start_model, model.key),
                note,
                "columns-2",
                words=f"{model.key} {model.family}",
            )
        )
    return entries


def choose(window: Window) -> CommandPalette | None:
    """Show the palette of comparisons; posts a notice and returns None where there are none."""
    # Imported with the first use, like the window's own palette.
    from ui.window.palette import CommandPalette

    entries = compare_entries(window)
    if not entries:
        window.notice("info", _tr("Open a picture or a video and choose an analysis first; then compare it."))
        return None
    return CommandPalette(window, entries, [], window.top.search.place(), _tr("What is it to be compared with?"))
