"""What the core says is translated where the window shows it, whatever numbers stand in it."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QTranslator
from PySide6.QtWidgets import QApplication

from ui.base.translate import as_line, counted, translated

ROOT = Path(__file__).resolve().parents[3]

TEXTS = {"picture {0} of {1}": "{1}장 중 {0}번째 사진", "Object detection": "객체 검출"}


class Korean(QTranslator):
    def translate(self, context: str, text: str, disambiguation: object = None, n: int = -1) -> str | None:
        return TEXTS.get(text) if context == "core" else None

    def isEmpty(self) -> bool:
        return False


@pytest.fixture
def korean(qapp: QApplication) -> Iterator[None]:
    translator = Korean()
    qapp.installTranslator(translator)
    yield
    qapp.removeTranslator(translator)


def test_numbers_stand_where_the_translation_has_them(korean: None) -> None:
    assert translated("picture 71 of 1,128") == "1,128장 중 71번째 사진"
    assert translated("Object detection") == "객체 검출"
    # Without a translation, and with braces of its own, a text stays as it is.
    assert translated("frame 7 of {8}") == "frame 7 of {8}"
    assert as_line("frame 3.5") == "Frame 3.5"
    assert as_line("picture 1 of 2") == "2장 중 1번째 사진"


def test_a_message_is_a_line_of_its_own(qapp: QApplication) -> None:
    assert as_line("picture 71 of 128") == "Picture 71 of 128"
    assert as_line("writing") == "Writing"
    assert as_line("epoch 1: new views, 2 of 3") == "Epoch 1: new views, 2 of 3"
    assert as_line("") == ""


@pytest.mark.parametrize("name", ["dog.jpg", "img_0001.png", "set/dog.jpg", "set\\dog.jpg", "scan-2 b.tif", "1.png"])
def test_the_name_of_a_file_stays_as_it_is(name: str, qapp: QApplication) -> None:
    assert as_line(name) == name


NOUNS = (
    *("pictures", "files", "labels", "frames", "classes", "folders", "items", "jobs", "models", "anchors", "proposals"),
    *("places", "tensors", "candidates", "families", "predictions", "strokes", "crossings", "media", "ones", "points"),
)
COUNTED = re.compile(rf"(?<!of )\{{(?!name\b)\w+\}}((?: [a-z]+)*?) ({'|'.join(NOUNS)})\b")
NEVER_ONE = {
    "{count} points": "a polygon has three or more",
    "All {count} open media": "offered from two on",
    "{count} classes": "no classifier of timm knows one class",
    "{count} of {total} files could not be opened: {names}. The first: {reason}": "for one file its reason is told",
    # Their singular is a name.
    **dict.fromkeys(
        ("{count} files", "{count} jobs", "Measuring {count} models", "Drop to open {count} items"), "name"
    ),
}


def _singular(noun: str) -> str:
    return noun[:-3] + "y" if noun.endswith("ies") else noun[:-2] if noun.endswith("sses") else noun[:-1]


def test_the_name_of_a_file_that_is_not_utf_8_is_told(qapp: QApplication) -> None:
    """As the progress of opening it, and as what is wrong with it."""
    name = os.fsdecode(b"caf\xe9.jpg")
    assert as_line(name) == translated(name) == "caf\N{REPLACEMENT CHARACTER}.jpg"
    assert translated(f"'{name}' is empty (0 bytes)") == "'caf\N{REPLACEMENT CHARACTER}.jpg' is empty (0 bytes)"


def test_every_text_with_a_count_has_one_for_a_single_thing() -> None:
    lacking = []
    for path in sorted((ROOT / "ui").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        texts = [
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
        for text in texts:
            found = COUNTED.search(text)
            if found is None or "\n" in text or text in NEVER_ONE:
                continue
            single = re.compile(rf"\}}(?: [a-z]+)*? {_singular(found[2])}\b")
            if not any(single.search(other) for other in texts if other != text):
                lacking.append(f"{path.name}: {text}")
    assert lacking == []


def test_one_thing_is_told_in_the_singular() -> None:
    texts = "{count} picture of {name}", "{count} pictures of {name}"
    assert [counted(count, *texts, name="street") for count in (0, 1, 2000)] == [
        "0 pictures of street",
        "1 picture of street",
        "2,000 pictures of street",
    ]
