"""Names are shown on one line, in the direction in which they are written."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.names import counted, shown_name
from cvstudio.media import open_media


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("two\nlines\r.png", "two\ufffdlines\ufffd.png"),
        ("\u202egnp.exe", "\ufffdgnp.exe"),
        (unicodedata.normalize("NFD", "한글.png"), "한글.png"),
        ("👩\u200d🚀 x.png", "👩\u200d🚀 x.png"),
        ("caf\udce9.png", "caf\udce9.png"),
        (" end .png ", " end .png "),
    ],
)
def test_what_is_shown(name: str, shown: str) -> None:
    assert shown_name(name) == shown


def test_a_sentence_stays_on_one_line(tmp_path: Path) -> None:
    for name in ("two\nlines.png", "a\r\tb.png"):
        with pytest.raises(MediaError) as raised:
            open_media(tmp_path / name)
        assert "does not exist" in str(raised.value)
        assert not {"\n", "\r", "\t"} & set(str(raised.value))


def test_a_count_has_its_noun_in_the_right_number():
    assert [counted(count, noun) for count in (0, 1, 2000) for noun in ("picture", "class")] == [
        *("0 pictures", "0 classes"),
        *("1 picture", "1 class"),
        *("2,000 pictures", "2,000 classes"),
    ]
