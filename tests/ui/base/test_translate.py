"""What the core says is translated where the window shows it, whatever numbers stand in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QTranslator
from PySide6.QtWidgets import QApplication

from ui.base.translate import as_line, translated

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
