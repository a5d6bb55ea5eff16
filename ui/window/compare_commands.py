"""What can be compared with what is on the canvas, for the menu and the palette."""

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
    from ui.window.palette import Entry, Palette
    from ui.window.window_base import Window


def _tr(text: str) -> str:
    return QCoreApplication.translate("Compare", text)


def compare_commands(window: Window) -> list[Command]:
    """The commands for two layers against each other."""
    comparing = window.controller.comparing
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
            lambda: comparing.show_beside(not comparing.beside),
            "view",
            (),
            "square-split-horizontal",
            ("split line", "before after slider"),
        ),
    ]


def compare_entries(window: Window) -> list[Entry]:
    """A line for each thing that what is on the canvas can be compared with: other settings, layers, models."""
    from ui.window.palette import Entry

    comparing = window.controller.comparing
    instance = window.controller.session.state.instance
    if instance is None or not comparing.can_start():
        return []
    note = _tr("compare")

    def run(begin: Callable[..., None], *of: Any) -> None:
        begin(*of)
        window.show_panel("comparison")

    found = [
        Entry(
            "compare:settings",
            _tr("Compare with other settings"),
            lambda: run(comparing.start_settings),
            note,
            "sliders-horizontal",
            ("two settings", "A/B"),
        )
    ]
    for layer in comparing.layers():
        title = _tr("Compare with layer: {layer}").format(layer=translated(side_title(layer, instance)))
        found.append(
            Entry(
                f"compare:layer/{layer.id}",
                title,
                partial(run, comparing.start_layer, layer.id),
                note,
                "layers",
            )
        )
    # What can be compared at once comes before what has to be got first.
    for model in sorted(comparing.models(), key=lambda model: terms(model).place not in READY):
        found.append(
            Entry(
                f"compare:model/{model.key}",
                _tr("Compare with {model}").format(model=model.title),
                partial(run, comparing.start_model, model.key),
                note,
                "columns-2",
                words=f"{model.key} {model.family}",
            )
        )
    return found


def choose(window: Window) -> Palette | None:
    """Ask what to compare with; says so where there is nothing to compare."""
    # Imported when it is first asked for, as the window's own palette is.
    from ui.window.palette import Palette

    entries = compare_entries(window)
    if not entries:
        window.notice("info", _tr("Open a picture or a video and choose an analysis first; then compare it."))
        return None
    return Palette(window, entries, [], window.top.search.place())
