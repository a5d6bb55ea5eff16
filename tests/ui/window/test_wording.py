"""The texts of window and command line: the field's English, one term for one thing, and room for all of them."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QWidget

from cvstudio.analyses import ANALYSES
from cvstudio.cli.main import build_parser
from cvstudio.draw import Look
from cvstudio.exporters import EXPORTERS
from cvstudio.foundation.params import fields_of
from cvstudio.media.examples.files import sample_path
from cvstudio.models.terms import Place
from ui.widgets.rows.row import RowLabel
from ui.window.main_window import MainWindow

ROOT = Path(__file__).parents[3]
TRANSLATED = ("tr", "_tr", "translate")


def window_texts() -> set[str]:
    """All texts that the window translates, from its sources."""
    texts = set()
    for path in (ROOT / "ui").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[-1], ast.Constant):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if name in TRANSLATED and isinstance(node.args[-1].value, str):
                    texts.add(node.args[-1].value)
    return texts


def parameter_texts() -> Iterator[str]:
    """Titles and sentences of all parameters, and the titles of their choices."""
    params = [declared for spec in ANALYSES for declared in spec.params_types(None)]
    params += [model.params for spec in ANALYSES for model in spec.models]
    for declared in (*params, Look, *(exporter.params for exporter in EXPORTERS)):
        for field in fields_of(declared):
            yield from (field.doc.title, field.doc.what, field.doc.hint)
            yield from (*field.choices.titles, field.choices.empty) if field.choices is not None else ()


def command_texts(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Help of all commands and flags."""
    yield parser.description or ""
    for action in parser._actions:
        yield action.help if action.help not in (None, argparse.SUPPRESS) else ""
        if isinstance(action, argparse._SubParsersAction):
            yield from (choice.help or "" for choice in action._choices_actions)
            for command in action.choices.values():
                yield from command_texts(command)


@pytest.fixture(scope="module")
def texts() -> set[str]:
    summaries = {text for spec in ANALYSES for text in (spec.title, spec.summary)}
    exporters = {text for exporter in EXPORTERS for text in (exporter.title, exporter.summary)}
    places = {place.value for place in Place}
    found = {*window_texts(), *parameter_texts(), *command_texts(build_parser()), *summaries, *exporters, *places}
    assert len(found) > 900
    return found


@pytest.mark.parametrize(
    "text",
    [
        "This folder does not exist yet and will be created.",
        "If the file exists",
        "not downloaded",
        "Try again",
        "Positive evidence only",
        "most likely class",
        "Minimum confidence",
        "camera default",
        "built in",
        "System theme",
        "File info",
        "Appearance",
    ],
)
def test_it_is_called_so(texts: set[str], text: str) -> None:
    themes = {"System theme"}  # a choice on the settings page
    from ui.panels import PANELS

    titles = {panel.title for panel in PANELS}
    assert text in texts | titles | themes


def test_a_batch_and_the_tuning_say_what_they_do(texts: set[str]) -> None:
    assert any("You can stop and continue later" in text for text in texts)
    assert any("Tuning speed in the background" in text for text in texts)


@pytest.mark.parametrize(
    "pattern",
    [
        r"\banew\b",
        r"\bbegun\b",
        r"\blikeliest\b",
        r"\bthings?\b(?! that)",
        r"\bis made\b",
        r"\bto get\b",
        r"\bof yours\b(?!\.)",
        r"\bwhat is (there|here|open|done)\b",
        r"\bbeside each other\b",
        r"\bagain and again\b",
        r"\bso (many|much) (of )?(the|boxes|regions|pictures)\b",
        r"\bas the camera likes\b",
        r"\bLower the score\b",
    ],
)
def test_no_text_speaks_otherwise(texts: set[str], pattern: str) -> None:
    assert [text for text in texts if re.search(pattern, text, re.IGNORECASE)] == []


def whole(label: RowLabel) -> bool:
    """Whether all of a title is seen, on one line or two."""
    lines = label.lines(label.width())
    return " ".join(lines) == label._text and label.height() >= len(lines) * label.fontMetrics().lineSpacing()


def elided(root: QWidget) -> list[str]:
    """Titles of parameters that have no room."""
    labels = [label for label in root.findChildren(RowLabel) if label.isVisible()]
    rows = [label.parentWidget() for label in labels]
    return [
        label._text
        for label, row in zip(labels, rows, strict=True)
        if getattr(row, "field", None) is not None and not whole(label)
    ]


def test_every_parameter_has_room_for_its_title_in_the_smallest_window(window: MainWindow, qtbot: Any) -> None:
    window.resize(1024, 700)
    window.open_paths([sample_path("cat")])
    qtbot.waitUntil(lambda: bool(window.controller.session.state.media), timeout=60_000)
    panel = window.docks["analysis"].widget()
    for spec in ANALYSES:
        if any(spec.shows(media) for media in window.controller.session.state.media):
            window.controller.use_analysis(spec.key)
            panel.form.set_unfolded(True)
            qtbot.wait(50)
            assert elided(panel) == [], spec.key
    qtbot.waitUntil(lambda: window.controller.pipeline.lanes.idle, timeout=120_000)
